"""The cells of a table in Markdown, and the page's lines that stand in them."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from ..squashed import squashed

if TYPE_CHECKING:
    from ..results import Line

_CELL = re.compile(r"(?<=\| )(?:[^|\n\\]|\\.)*?(?= \|)")


class CellLines:
    """Gives each line a cell of its own, in order, as a table may say the same thing in many.

    Args:
        text: The table.
        start: Where it begins in the page's text.
    """

    def __init__(self, text: str, start: int) -> None:
        self._text, self._start = text, start
        rule = text.find("\n"), text.find("\n", text.find("\n") + 1)
        found = [cell.span() for cell in _CELL.finditer(text) if not rule[0] < cell.start() < max(rule)]
        self._cells = [(begin, squashed(text[begin:end], "letters")) for begin, end in found]
        self._taken = [0] * len(self._cells)  # letters of each that lines have
        self._equal: defaultdict[str, list[int]] = defaultdict(list)
        for number in reversed(range(len(self._cells))):
            self._equal[self._cells[number][1].text].append(number)

    def take(self, line: Line, lines: list[Line]) -> bool:
        """Add the line, as it stands in the table, to ``lines``; False where no cell that is left has it."""
        wanted = squashed(line.text, "letters").text
        place = self._place(wanted)
        if place is None:
            return False
        number, at = place
        self._taken[number] = at + len(wanted)
        begin, (_, places) = self._cells[number]
        first, last = begin + places[at], begin + places[at + len(wanted) - 1] + 1
        text = self._text[first:last]
        lines.append(replace(line, text=text, start=self._start + first, end=self._start + last))
        return True

    def _place(self, wanted: str) -> tuple[int, int] | None:
        """The first cell that says so, else the first with it in it; and where in its letters."""
        if not wanted:
            return None
        equal = self._equal.get(wanted, [])
        while equal:
            if not self._taken[number := equal.pop()]:
                return number, 0
        for number, (_, cell) in enumerate(self._cells):
            at = cell.text.find(wanted, self._taken[number])
            if at >= 0:
                return number, at
        return None
