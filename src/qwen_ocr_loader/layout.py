"""Reading order: boxes of text, in whatever order they were found, become the page's text with exact spans."""

from __future__ import annotations

import math
import re
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from .columns import blocks
from .geometry import TextFrame
from .gutters import Piece
from .paragraphs import Hyphens, Span, joined
from .results import Line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .geometry import Quad


LEFTWARD = re.compile(r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")  # Hebrew, Arabic and their neighbours
_LETTER = re.compile(r"[^\W\d_]")


class TextBox(NamedTuple):
    """A piece of printed text where it was found: one line, or one cell's line of a table or form.

    ``quad`` is in fractions 0-1 of the displayed page; ``confidence`` is 0-1 or None.
    """

    text: str
    quad: Quad
    confidence: float | None = None


def compose(
    boxes: Sequence[TextBox], width: float, height: float, *, keep_order: bool = False, hyphens: Hyphens = "keep"
) -> tuple[str, tuple[Line, ...]]:
    """Put the boxes of a page into reading order and join them to one text.

    Columns are read one after the other, rows of receipts, forms and tables across, their cells parted by a tab. The
    lines of a paragraph are joined, other lines parted by a line feed, paragraphs and blocks by an empty line.

    Args:
        boxes: In any order. Every one is in the result, once.
        width: Of the page as displayed, in any unit.
        height: In the same unit.
        keep_order: The boxes come in an order somebody meant (a PDF's content stream); it decides where it is doubtful
            whether neighbours are columns or cells.
        hyphens: ``"join"`` makes whole the words that are broken between two lines, dropping the hyphen from the first
            line's text; ``"keep"`` leaves them as printed.

    Returns:
        The text and its lines in reading order; ``text[line.start:line.end] == line.text`` for every line.
    """
    text, spans = arranged(boxes, width, height, keep_order=keep_order, hyphens=hyphens)
    return text, lines_of(boxes, text, spans)


def arranged(
    boxes: Sequence[TextBox], width: float, height: float, *, keep_order: bool = False, hyphens: Hyphens = "keep"
) -> tuple[str, list[Span]]:
    """The text that ``compose`` makes of the boxes, and where each of them stands in it, in reading order."""
    return joined(blocks(_pieces(boxes, width, height), keep_order=keep_order), hyphens=hyphens)


def lines_of(boxes: Sequence[TextBox], text: str, spans: Iterable[tuple[int, int, int]]) -> tuple[Line, ...]:
    """The lines of what ``arranged`` gave."""
    return tuple([Line(text[start:end], start, end, boxes[i].quad, boxes[i].confidence) for i, start, end in spans])


def _pieces(boxes: Sequence[TextBox], width: float, height: float) -> list[Piece]:
    frame = TextFrame(width, height, text_angle(boxes, width, height), is_leftward(boxes))
    pieces = []
    for number, (box, (x0, y0, x1, y1)) in enumerate(zip(boxes, frame.boxes(box.quad for box in boxes), strict=True)):
        # What is turned against the page (a title down its side) is read where it starts.
        high, text = y1 - y0, box.text
        size = min(high, x1 - x0) if len(text) > 1 else high
        pieces.append(Piece(number, text, x0, y0, x1, y1, y0 + size / 2, size))
    return pieces


def text_angle(boxes: Sequence[TextBox], width: float, height: float) -> float:
    """Direction of most of the text, by characters, in degrees clockwise."""
    angles = [_direction(box, width, height) for box in boxes]
    if not any(angles):
        return 0.0
    weights = [0, 0, 0, 0]
    for box, angle in zip(boxes, angles, strict=True):
        weights[round(angle / 90) % 4] += len(box.text)
    quarter = max(range(4), key=weights.__getitem__)
    skews = [(angle + 45) % 90 - 45 for angle in angles if round(angle / 90) % 4 == quarter]
    skew = median(skews) if skews else 0.0
    along, across = (width, height) if quarter % 2 == 0 else (height, width)
    # A strip is too low for lines that rise so much over all its length: short words only seemed to.
    return quarter * 90 + (skew if abs(skew) <= math.degrees(math.atan2(across, along)) else 0.0)


def _direction(box: TextBox, width: float, height: float) -> float:
    """Degrees clockwise. A detector calls the upper left corner the first: tall boxes are read downwards."""
    (ax, ay), (bx, by), _, (dx, dy) = box.quad
    if ay == by and ax == dx and 1.5 * (bx - ax) * width > (dy - ay) * height:
        return 0.0  # the common case, told cheaply
    right, down = (bx - ax) * width, (by - ay) * height
    tall = math.hypot((dx - ax) * width, (dy - ay) * height) > 1.5 * math.hypot(right, down)
    return math.degrees(math.atan2(down, right)) + (90 if tall and len(box.text) > 1 else 0)


def is_leftward(boxes: Sequence[TextBox]) -> bool:
    """Whether most letters are of a script that runs from right to left."""
    text = "".join(box.text for box in boxes)
    leftward = 0 if text.isascii() else len(LEFTWARD.findall(text))
    return leftward > 0 and 2 * leftward > len(_LETTER.findall(text))
