"""Tables in Markdown, their cells parted by pipes."""

from __future__ import annotations

import re

from ..results import Table
from .cells import Cell, FoundTable, expanded
from .writing import to_html

_PIPES = re.compile(
    r"^(?P<head>[^\n|]*\|[^\n]*)\n"
    r"[ \t]*(?:\|[ \t]*)?:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*(?:\|[ \t]*)?$"
    r"(?P<rest>(?:\n[^\n]*\|[^\n]*)*)",
    re.MULTILINE,
)
_CELL = re.compile(r"(?:[^|\\]|\\.|\\$)*")
_SLASHED = re.compile(r"(?<!\\)(\\*)(\||<br\s{0,9}/?>)")


def markdown_tables(text: str) -> list[FoundTable]:
    """The tables of a Markdown text, in order."""
    found = []
    for match in _PIPES.finditer(text):
        lines = [match["head"], *match["rest"].split("\n")[1:]]
        rows = expanded([[Cell(cell) for cell in _pipe_cells(line)] for line in lines])
        found.append(FoundTable(Table(to_html(rows), rows), match.start(), match.end(), whole=True))
    return found


def _pipe_cells(line: str) -> list[str]:
    """Cells as printed: a pipe after an odd number of backslashes parts none."""
    line = line.strip().removeprefix("|")
    cells: list[str] = []
    at = 0
    while at < len(line) or not cells:
        cell = _CELL.match(line, at)
        cells.append(cell[0] if cell else "")
        at += len(cells[-1]) + 1
    return [_SLASHED.sub(_printed, cell.strip()) for cell in cells]


def _printed(found: re.Match[str]) -> str:
    """A pipe, a line break, or an escaped one, which is the letters of its tag; and slashes before it."""
    slashes, mark = found[1], found[2]
    is_break = mark != "|" and len(slashes) % 2 == 0
    return "\\" * (len(slashes) // 2) + ("\n" if is_break else mark)
