"""Which way up a page is: told by reading a few of its lines, and only where one way is clearly right.

A page that is turned by mistake is lost; one that is left as it is can still be read, if badly. So it is left alone
unless nearly all of its lines run one way, most of those looked at read clearly better turned, and well.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ..engines.recognition import Recognised
    from .sight import Sight, Strip

    Pixels = NDArray[np.uint8]

LOOKED_AT = 8  # lines
BEST_SHAPE = 10.0  # times as long as thick: lines of this shape say most for the time they take
ONE_WAY = 0.8  # of the lines' length: with less running one way, the page is mixed
GOOD = 0.85  # mean confidence from which a way of reading is believed
CLEARLY = 0.15  # by which a line reads better turned
MOST = 0.8  # of the lines must do so
LETTERS = 12  # they must have together: less is no evidence
SAME = 0.3  # of a column's characters, read one beside the other, that must come out again for it to be vertical script
_STACKED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uff66-\uff9f]")  # Han, kana: also written in columns


def turn_of(sight: Sight) -> int:
    """Quarter turns clockwise, 0-3, that put the page upright; 0 where that is not sure."""
    level = [strip for strip in sight.strips if strip.is_level]
    upended = [strip for strip in sight.strips if strip.is_upended]
    across, down = (sum(strip.length for strip in strips) for strips in (level, upended))
    if across and across >= ONE_WAY * (across + down):
        return _turn_of_level(sight, _telling(level))
    if down and down >= ONE_WAY * (across + down):
        return _turn_of_upended(sight, _telling(upended))
    return 0


def _telling(strips: Sequence[Strip]) -> list[Strip]:
    return sorted(strips, key=lambda strip: abs(strip.shape - BEST_SHAPE))[:LOOKED_AT]


def _turn_of_level(sight: Sight, strips: Sequence[Strip]) -> int:
    """Upright or upside down."""
    pieces = sight.pieces(strips)
    as_is = sight.read(pieces)
    if _score(as_is) >= GOOD:
        return 0
    return 2 if _is_better(sight.read(_over(pieces)), as_is) else 0


def _turn_of_upended(sight: Sight, strips: Sequence[Strip]) -> int:
    """Lines that run down or up the page: it lies on its side, unless they are columns of a vertical script."""
    pieces = sight.pieces(strips)
    downward, upward = sight.read(pieces), sight.read(_over(pieces))
    if _is_better(upward, downward):
        return 0 if _is_vertical(sight, _over(pieces), upward) else 1
    if _is_better(downward, upward):
        return 0 if _is_vertical(sight, pieces, downward) else 3
    return 0


def _is_better(readings: Sequence[Recognised], others: Sequence[Recognised]) -> bool:
    better = sum(read.score >= other.score + CLEARLY for read, other in zip(readings, others, strict=True))
    letters, others_letters = _letters(readings), _letters(others)
    enough = letters >= max(LETTERS, others_letters / 2)
    return enough and better >= MOST * len(readings) and _score(readings) >= GOOD


def _score(readings: Sequence[Recognised]) -> float:
    return sum(read.score for read in readings) / max(1, len(readings))


def _letters(readings: Sequence[Recognised]) -> int:
    return sum(letter.isalnum() for read in readings for letter in read.text)


def _over(pieces: Sequence[Pixels]) -> list[Pixels]:
    return [piece[::-1, ::-1] for piece in pieces]


def _is_vertical(sight: Sight, pieces: Sequence[Pixels], readings: Sequence[Recognised]) -> bool:
    """Whether lines that were turned to be read are columns: their characters stand upright without that.

    The recogniser knows characters that lie on their side, so good readings do not tell. Each character is turned back
    and laid beside the one before: of a column that makes a line that says the same, of a turned line nonsense.
    """
    letters = "".join(read.text for read in readings)
    if len(_STACKED.findall(letters)) < 0.5 * len(letters):
        return False
    stacked = [
        (piece, read.text)
        for piece, read in zip(pieces, readings, strict=True)
        if len(_STACKED.findall(read.text)) >= 0.8 * len(read.text) > 0
    ]
    laid = sight.read([_laid_out(piece, len(text)) for piece, text in stacked])
    again = sum(len(set(text) & set(read.text)) for (_, text), read in zip(stacked, laid, strict=True))
    return again >= SAME * sum(len(set(text)) for _, text in stacked)  # also where there are none to tell by


def _laid_out(piece: Pixels, count: int) -> Pixels:
    """A column of so many characters, turned counter-clockwise as it is, as a line of them."""
    import numpy as np

    width = max(1, piece.shape[1] // count)
    cells = [piece[:, i * width : (i + 1) * width] for i in range(count)]
    return np.ascontiguousarray(np.concatenate([np.rot90(cell, -1) for cell in cells], axis=1))
