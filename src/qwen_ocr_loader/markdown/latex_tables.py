"""A LaTeX table while it is being read: cells that span, rows that repeat, rules that print nothing."""

from __future__ import annotations

from collections import defaultdict

from ..tables import Cell, expanded, pipe_table

WIDEST = 1000  # columns, as in the HTML standard


class LatexTable:
    """Cells as they come.

    Attributes:
        caption: What stands over it.
    """

    def __init__(self) -> None:
        self.caption = ""
        self._rows: list[list[Cell]] = []
        self._row: list[Cell] = []
        self._columns, self._depth = 1, 1
        self._covered: defaultdict[int, int] = defaultdict(int)
        self._at = 0
        self._head: int | None = None

    def spans(self, *, columns: str | None = None, rows: str | None = None) -> None:
        """The cell being read spans so many columns, or rows."""
        self._columns = _count(columns) if columns is not None else self._columns
        self._depth = _count(rows) if rows is not None else self._depth

    def cell(self, text: str) -> None:
        """The cell being read is at its end. An empty one below a cell of several rows is a part of that."""
        at, last = self._at, min(self._at + self._columns, WIDEST)
        if text or not self._covered[at]:
            self._row.append(Cell(text, self._columns, self._depth))
        for column in range(at, last):
            self._covered[column] = self._depth - 1 if self._depth > 1 else max(self._covered[column] - 1, 0)
        self._at, self._columns, self._depth = last, 1, 1

    def end_row(self) -> None:
        """The row is at its end; one with nothing in it is a rule."""
        if self._at > 1 or any(cell.text for cell in self._row):
            self._rows.append(self._row)
        self._row, self._at = [], 0

    def first_head_ends(self) -> None:
        r"""What follows, up to ``\endhead``, is printed on later pages."""
        self._head = len(self._rows)

    def head_ends(self) -> None:
        """Rows that only repeat the first page's head are dropped."""
        if self._head is not None:
            first = self._rows[: self._head]
            self._rows[self._head :] = [row for row in self._rows[self._head :] if row not in first]

    def to_markdown(self) -> str:
        """Its caption over it."""
        return "\n\n".join(filter(None, [self.caption, pipe_table(expanded(self._rows))]))


def _count(number: str) -> int:
    digits = number.strip().lstrip("-")
    return min(max(int(digits), 1), WIDEST) if digits.isascii() and digits.isdigit() and len(digits) < 6 else 1
