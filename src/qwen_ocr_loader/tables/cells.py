"""A table as its cells: where they stand in a text, and spread over rows with every merged cell repeated."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..results import Table

Rows = tuple[tuple[str, ...], ...]

WIDEST = 1000  # columns, as in the HTML standard
MOST_REPEATED = 50_000
"""Places of a table that merged cells may fill; a few letters of markup could otherwise make millions of cells."""


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
    """

    table: Table
    start: int
    end: int
    whole: bool


def expanded(rows: Sequence[Sequence[Cell]]) -> Rows:
    """Cells onto a grid: merged cells repeat their text, where two meet the first stays.

    After ``MOST_REPEATED`` repeated cells, merged cells count as single ones.
    """
    grid: list[dict[int, str]] = [{} for _ in rows]
    repeated = 0
    for top, row in enumerate(rows):
        column = 0
        for text, columns, depth in row:
            while column in grid[top]:
                column += 1
            whole = repeated < MOST_REPEATED
            right = max(min(column + columns, WIDEST), column + 1) if whole else column + 1
            lines = grid[top : top + depth if depth else None] if whole else grid[top : top + 1]
            repeated += len(lines) * (right - column) - 1
            for line in lines:
                for at in range(column, right):
                    line.setdefault(at, text)
            column = right
    width = max((max(line) + 1 for line in grid if line), default=0)
    return tuple(tuple(line.get(column, "") for column in range(width)) for line in grid if line)


def span(given: str | None, *, least: int) -> int:
    """A span as it is written in markup; 1 where it is no number."""
    digits = re.match(r"\s*(\d{1,5})", given or "")
    return min(max(int(digits[1]), least), WIDEST) if digits else 1
