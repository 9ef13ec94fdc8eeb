"""Pages as an engine reads them, set from rows of text: our own receipts and forms, level or turned."""

from __future__ import annotations

import math
import unicodedata
from typing import TYPE_CHECKING

from qwen_ocr_loader import PageResult
from qwen_ocr_loader.geometry import Point, Quad
from qwen_ocr_loader.results import Field, Line

if TYPE_CHECKING:
    from collections.abc import Sequence

Row = tuple[str | tuple[float, str], ...]  # texts, each at a tenth of the page's width or where it says, in hundredths
WIDTH, LINE, HIGH = 600.0, 30.0, 20.0


def printed(*rows: Row, turn: float = 0.0, leading: float = LINE, confidence: float | None = 0.9) -> PageResult:
    """A page with a row of text every ``leading`` pixels, turned by so many degrees about its middle."""
    height = 40 + leading * len(rows)
    lines, at = [], 0
    for i, row in enumerate(rows):
        for cell in row:
            left, text = cell if isinstance(cell, tuple) else (10, cell)
            quad = _quad(left / 100 * WIDTH, 20 + leading * i, _width(text), height, turn)
            lines.append(Line(text, at, at + len(text), quad, confidence))
            at += len(text) + 1
    return page(lines, height)


def page(lines: Sequence[Line], height: float = 800.0) -> PageResult:
    """A page of lines that are already placed."""
    return PageResult(0, WIDTH, height, "px", "\n".join(line.text for line in lines), lines=tuple(lines))


def mirrored(result: PageResult) -> PageResult:
    """The same page, set from right to left."""
    lines = [
        Line(line.text, line.start, line.end, _flipped(line.quad), line.confidence)
        for line in result.lines
        if line.quad
    ]
    return page(lines, result.height)


def values(fields: dict[str, Field]) -> dict[str, object]:
    """What each field says that was found on a page."""
    return {name: field.value for name, field in fields.items()}


def _flipped(quad: Quad) -> Quad:
    left, top, right, bottom = quad.bounds
    return Quad.from_box(1 - right, top, 1 - left, bottom)


def _width(text: str) -> float:
    return sum(18.0 if unicodedata.east_asian_width(letter) in "WF" else 9.0 for letter in text)


def _quad(left: float, top: float, width: float, height: float, turn: float) -> Quad:
    cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    corners = []
    for x, y in ((left, top), (left + width, top), (left + width, top + HIGH), (left, top + HIGH)):
        across, down = x - WIDTH / 2, y - height / 2
        corners.append(Point((across * cos - down * sin) / WIDTH + 0.5, (across * sin + down * cos) / height + 0.5))
    return Quad(*corners)
