"""By how much a page's lines slant, where they agree on it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .sight import Strip

LEAST, LARGEST = 0.3, 15.0  # degrees: less does no harm, more is meant so
SHAPE = 4.0  # times as long as thick: the slant of shorter lines is guesswork
FEWEST = 3  # lines
ALIKE = 1.0  # degrees from the middle
MOST = 0.7  # of the lines' length must be alike


def skew_of(strips: Sequence[Strip]) -> float:
    """The slant of the text against the page's sides, in degrees clockwise; 0 where it is none, or not sure."""
    slants = sorted((_slant(strip), strip.length) for strip in strips if strip.shape >= SHAPE)
    if len(slants) < FEWEST:
        return 0.0
    middle = _median(slants)
    total = sum(length for _, length in slants)
    alike = sum(length for slant, length in slants if abs(slant - middle) <= ALIKE)
    sure = alike >= MOST * total and LEAST <= abs(middle) <= LARGEST
    return middle if sure else 0.0


def _slant(strip: Strip) -> float:
    """Of its longer sides against the page's nearest ones, in degrees clockwise, -45 to 45."""
    a, b, c, d = strip.corners.tolist()
    if strip.across < strip.down:
        a, b, c, d = b, c, d, a
    x, y = b[0] - a[0] + c[0] - d[0], b[1] - a[1] + c[1] - d[1]
    return (math.degrees(math.atan2(y, x)) + 45) % 90 - 45


def _median(slants: Sequence[tuple[float, float]]) -> float:
    """Of sorted slants, each weighed by its line's length."""
    half, so_far = sum(length for _, length in slants) / 2, 0.0
    for slant, length in slants:
        so_far += length
        if so_far >= half:
            return slant
    return 0.0
