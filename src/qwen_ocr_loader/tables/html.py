"""Tables in HTML: merged cells, missing tags, tables within tables, and what was cut off."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, NamedTuple

from ..results import Table
from .cells import Cell, FoundTable, expanded, span

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .cells import Rows

_BREAKING = frozenset({"br", "p", "div", "li"})
_LINE = re.compile(r" *\n[ \n]*")
_COMMENT = re.compile(r"<!--(?:(?!<!--)[\s\S])*?-->")
_VALUE = r"""(?:"[^"]{0,200}"|'[^']{0,200}')"""
_NO_TAG = re.compile(rf"""<(?!/?[a-zA-Z](?:[^<>]{{0,4000}}>|(?:[^<>"']{{0,200}}{_VALUE}){{1,9}}[^<>"']{{0,200}}>))""")
_LESS, _NOTHING = "\ufdd0", "\ufdd1"  # stand for "<" as printed, and for a comment's letters


class _OpenCell(NamedTuple):
    text: list[str]
    columns: int
    rows: int


class _Open:
    """A table that is being read."""

    def __init__(self, start: int) -> None:
        self.start = start
        self.rows: list[list[_OpenCell]] = []
        self.row: list[_OpenCell] | None = None
        self.in_cell = False

    def end_row(self) -> None:
        if self.row is not None:
            self.rows.append(self.row)
        self.row, self.in_cell = None, False

    def cell(self, columns: int, rows: int) -> None:
        self.row = [] if self.row is None else self.row
        self.row.append(_OpenCell([], columns, rows))
        self.in_cell = True

    def write(self, text: str) -> None:
        if self.in_cell and self.row:
            self.row[-1].text.append(text.replace(_LESS, "<").replace(_NOTHING, ""))

    def grid(self) -> Rows:
        return expanded([[Cell(_cell_text(cell.text), cell.columns, cell.rows) for cell in row] for row in self.rows])


class _Reader(HTMLParser):
    """Finds tables; forgives missing end tags and rows outside any table. A nested table is text of its cell."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self._text = text
        self._line_starts = [0, *(found.end() for found in re.finditer("\n", text))]
        self._stack: list[_Open] = []
        self.found: list[FoundTable] = []
        self.feed(_only_tags(text))
        self._at_end = True
        self.close()
        while self._stack:
            self._cut_off()

    _at_end = False

    def _here(self) -> int:
        line, column = self.getpos()
        return self._line_starts[line - 1] + column

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self._open_table()
        elif tag == "tr":
            self._top().end_row()
            self._top().row = []
        elif tag in ("td", "th"):
            spans = dict(attrs)
            self._top().cell(span(spans.get("colspan"), least=1), span(spans.get("rowspan"), least=0))
        elif tag in _BREAKING and self._stack:
            self._stack[-1].write("\n")

    def handle_endtag(self, tag: str) -> None:
        if not self._stack:
            return
        if tag in ("td", "th"):
            self._stack[-1].in_cell = False
        elif tag == "tr" or (tag in ("thead", "tbody", "tfoot") and not self._stack[-1].in_cell):
            self._stack[-1].end_row()
        elif tag == "table":
            self._close_table(self._text.find(">", self._here()) + 1 or len(self._text), whole=True)

    def handle_data(self, data: str) -> None:
        if self._stack and not self._at_end:  # the parser hands over half a tag as data once it is closed
            self._stack[-1].write(re.sub(r"\s+", " ", data))

    def _top(self) -> _Open:
        if not self._stack:
            self._stack.append(_Open(self._here()))
        return self._stack[-1]

    def _open_table(self) -> None:
        if self._stack and not self._stack[-1].in_cell:  # the one before was never ended
            self._close_table(self._here(), whole=True)
        self._stack.append(_Open(self._here()))

    def _close_table(self, end: int, *, whole: bool) -> None:
        table = self._stack.pop()
        table.end_row()
        rows = table.grid()
        if self._stack:
            self._stack[-1].write("\n" + "\n".join(" ".join(filter(None, row)) for row in rows) + "\n")
        elif rows or not whole:
            self.found.append(FoundTable(Table(self._text[table.start : end].strip(), rows), table.start, end, whole))

    def _cut_off(self) -> None:
        self._stack[-1].row = None  # what was not finished may be half a number
        self._close_table(len(self._text), whole=False)


def _only_tags(text: str) -> str:
    """As long as before, without comments, and with every other ``<`` that begins no tag replaced.

    On these, the standard library's parser takes time that grows with the square of their number, or fails.
    """
    bare = _COMMENT.sub(lambda comment: re.sub(r"[^\n]", _NOTHING, comment[0]), text)
    return _NO_TAG.sub(_LESS, bare)


def html_tables(text: str) -> list[FoundTable]:
    """The tables of an HTML text, in order."""
    return _Reader(text).found if "<t" in text.lower() else []


def _cell_text(pieces: Iterable[str]) -> str:
    return _LINE.sub("\n", re.sub(r" {2,}", " ", "".join(pieces).replace("\xa0", " "))).strip()
