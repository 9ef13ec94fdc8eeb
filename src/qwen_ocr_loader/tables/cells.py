"""A table as its cells: where they stand in a text, and spread over rows with every merged cell repeated."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..results import Table

Rows = tuple[tuple[str, ...], ...]

WIDEST = 1000  # columns, as in the HTML standard
MOST_REPEATED, MOST_PLACES = 50_000, 500_000
"""Places that merged cells may fill, and of a table; a few letters of markup could otherwise make millions of cells."""
MOST_LETTERS = 1_000_000
"""Characters that the merged cells of a table may repeat; one long cell could otherwise make a text of megabytes."""


class Cell(NamedTuple):
    """A cell's text and how many columns and rows it spans; 0 rows: all that follow."""

    text: str
    columns: int = 1
    rows: int = 1


class FoundTable(NamedTuple):
    """A table in a text.

    Attributes:
        table: Its rows, and its HTML (made from the rows where it was not HTML).
        start, end: Where it stands in the text, in code points.
        whole: It ends before the text does; otherwise it has only the rows that were finished.
        above: Lines written in it outside its cells (HTML): its caption, and what stands before its last cell.
        below: And those that stand after it.
    """

    table: Table
    start: int
    end: int
    whole: bool
    above: str = ""
    below: str = ""


def expanded(rows: Sequence[Sequence[Cell]]) -> Rows:
    """Cells onto a grid: merged cells repeat their text, where two meet the first stays.

    A cell that would repeat more than is left of ``MOST_REPEATED`` counts as a single one; one whose text would repeat
    more than is left of ``MOST_LETTERS`` has it once, and its other places are empty. Rows are of one length, unless
    that made more than ``MOST_PLACES``: then each ends with its own last cell.
    """
    grid: list[dict[int, str]] = [{} for _ in rows]
    left, letters = MOST_REPEATED, MOST_LETTERS
    for top, row in enumerate(rows):
        column = 0
        for text, columns, depth in row:
            while column in grid[top]:
                column += 1
            right = max(min(column + columns, WIDEST), column + 1)
            below = min(top + depth, len(grid)) if depth else len(grid)
            repeated = (below - top) * (right - column) - 1
            if repeated > left:
                right, below, repeated = column + 1, top + 1, 0
            again = text if repeated * len(text) <= letters else ""
            left, letters = left - repeated, letters - repeated * len(again)
            grid[top][column] = text
            for line in grid[top:below]:
                for at in range(column, right):
                    line.setdefault(at, again)
            column = right
    return _levelled([line for line in grid if line])


def _levelled(grid: Sequence[dict[int, str]]) -> Rows:
    widths = [max(line) + 1 for line in grid]
    if (widest := max(widths, default=0)) * len(grid) <= MOST_PLACES:
        widths = [widest] * len(grid)
    return tuple(tuple(line.get(at, "") for at in range(width)) for line, width in zip(grid, widths, strict=True))


def span(given: str | None, *, least: int) -> int:
    """A span as it is written in markup; 1 where it is no number."""
    digits = re.match(r"\s*(\d{1,5})", given or "")
    return min(max(int(digits[1]), least), WIDEST) if digits else 1
