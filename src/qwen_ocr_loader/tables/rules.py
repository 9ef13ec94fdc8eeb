"""Ruling lines: found in a picture's pixels, brought together where a scan or a drawing program broke them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..geometry import Box

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from .pieces import Piece

    Gray = NDArray[np.uint8]

MOST = 400  # rules of one direction that are looked at; a page of hatching has more
_CONTRAST = 24  # gray levels a rule is darker than what is above and below it
_DARK = 110  # mean gray level of a ground that light rules stand on: that of bold print is lighter
_AROUND = 3.0  # heights of a line of text that it is the mean of
_SHORTEST, _SHORTEST_DOWN = 2.0, 1.0  # in heights of a line of text
_RUN = 1.3  # of unbroken ink, in the same unit: more than a letter's stroke has
_THICKEST = 0.35
_PRINT = 0.5  # of a rule, inside of a line of text: then it is print
_SLANT = 0.06  # of its length a rule may rise: three degrees


class Rules(NamedTuple):
    """Thin boxes in a frame in which text runs level: rules that run across, from the top, and down, from the left."""

    across: tuple[Box, ...] = ()
    down: tuple[Box, ...] = ()


def rules_of(boxes: Iterable[Box], unit: float) -> Rules:
    """Rules from thin boxes of either direction; ``unit`` is the height of a line of text.

    What is not thin, and strokes too short to part cells, are left out.
    """
    thin = [box for box in boxes if min(box.width, box.height) <= _THICKEST * unit + 1]
    across = [box for box in thin if box.width >= max(_SHORTEST * unit, 3 * box.height)]
    down = [box for box in thin if box.height >= max(_SHORTEST_DOWN * unit, 3 * box.width)]
    across = _joined(_longest(across), unit)
    flipped = _joined(_longest([_flipped(box) for box in down]), unit)
    return Rules(tuple(across), tuple(sorted(map(_flipped, flipped))))


def apart_from_text(rules: Rules, pieces: Iterable[Piece]) -> Rules:
    """Without those that run through a piece of text: letters of a small picture, run together."""
    inner = sorted((_core(piece.box) for piece in pieces), key=lambda box: box.top)
    return Rules(*(tuple(rule for rule in kind if not _is_print(rule, inner)) for kind in rules))


def _core(text: Box) -> Box:
    """A line of text without the margins that a rule may touch."""
    return text._replace(top=text.top + 0.15 * text.height, bottom=text.bottom - 0.15 * text.height)


def _is_print(rule: Box, texts: Sequence[Box]) -> bool:
    """Most of its length lies within one line of text."""
    middle = (rule.left + rule.right) / 2, (rule.top + rule.bottom) / 2
    for text in texts:
        if text.top > rule.bottom:
            return False
        shared = text.shared(rule) / max(rule.width * rule.height, 1e-9)
        inside = text.left < middle[0] < text.right and text.top < middle[1] < text.bottom
        if inside and shared > _PRINT:
            return True
    return False


def _longest(boxes: list[Box]) -> list[Box]:
    return sorted(boxes, key=lambda box: -box.width)[:MOST]


def _flipped(box: Box) -> Box:
    return Box(box.top, box.left, box.bottom, box.right)


def _joined(boxes: Sequence[Box], unit: float) -> list[Box]:
    """Level rules, those in one line and hardly apart made one, from the top."""
    done: list[Box] = []
    for box in sorted(boxes, key=lambda box: (round((box.top + box.bottom) / unit), box.left)):
        last = done[-1] if done else None
        if last and _continues(last, box, unit):
            left, right = min(last.left, box.left), max(last.right, box.right)
            done[-1] = Box(left, min(last.top, box.top), right, max(last.bottom, box.bottom))
        else:
            done.append(box)
    return sorted(done, key=lambda box: (box.top, box.left))


def _continues(last: Box, box: Box, unit: float) -> bool:
    level = abs(last.top + last.bottom - box.top - box.bottom) <= 0.3 * unit
    return level and box.left - last.right <= 0.4 * unit


def pixel_rules(gray: Gray, unit: float) -> Rules:
    """The rules in a gray picture: of dark ink on lighter paper, and light ones on dark ground.

    Args:
        gray: Height x width, 8 bits, turned so that text runs level to within about two degrees.
        unit: Height of a line of text, in pixels.
    """
    ink = _strokes(gray, unit)
    return rules_of([*_runs(ink, unit), *(_flipped(box) for box in _runs(ink.T, unit))], unit)


def _strokes(gray: Gray, unit: float) -> Gray:
    """1 where a stroke is: darker than what is above and below, or left and right of it, however the page is shaded.

    Of both, as a rule that others cross would else be broken there. On dark ground, strokes are lighter than it.
    """
    import cv2
    import numpy as np

    thick, around = 2 * max(2, round(_THICKEST * unit / 2)) + 1, 2 * round(_AROUND * unit / 2) + 1
    ink, is_dark = np.zeros(gray.shape, np.uint8), cv2.blur(gray, (around, around)) <= _DARK
    for size in ((1, thick), (thick, 1)):
        kernel = cv2.getStructuringElement(cv2.MORPH_RECT, size)
        ink |= cv2.morphologyEx(gray, cv2.MORPH_BLACKHAT, kernel) >= _CONTRAST
        opened = cv2.morphologyEx(gray, cv2.MORPH_OPEN, kernel)
        ink |= (cv2.subtract(gray, opened) >= _CONTRAST) & is_dark
    return ink


def _runs(ink: Gray, unit: float) -> list[Box]:
    """Long runs of ink across; it is widened by a pixel up and down, so that a slanting hair line is one run."""
    import cv2
    import numpy as np

    thick = _THICKEST * unit + 3
    wide = cv2.dilate(np.ascontiguousarray(ink), np.ones((3, 1), np.uint8))
    run = cv2.getStructuringElement(cv2.MORPH_RECT, (max(8, round(_RUN * unit)), 1))
    kept = cv2.morphologyEx(wide, cv2.MORPH_OPEN, run)
    _, _, stats, _ = cv2.connectedComponentsWithStats(kept, connectivity=8)
    return [
        _level(left, top, width, high, area / width)
        for left, top, width, high, area in stats[1:].tolist()
        if high <= _SLANT * width + thick
    ]


def _level(left: float, top: float, width: float, high: float, thick: float) -> Box:
    """A run as a level rule through its middle, as thick as its ink is before it was widened."""
    middle, half = top + high / 2, max(thick - 2, 1.0) / 2
    return Box(float(left), middle - half, float(left + width), middle + half)
