"""Tables in HTML: merged cells, missing tags, tables within tables, and what was cut off."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, NamedTuple

from ..results import Table
from .cells import Cell, FoundTable, expanded, span
from .tags import only_tags

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .cells import Rows

_BREAKING = frozenset({"br", "p", "div", "li"})
_INLINE = re.compile(
    r"a|abbr|b|big|cite|code|del|em|font|i|img|ins|kbd|label|mark|q|s|samp|small|span|strike|strong|sub|sup|tt|u|var"
)
_PARTS = frozenset({"col", "colgroup", "thead", "tbody", "tfoot"})
_LINE = re.compile(r" *\n[ \n]*")
_LESS, _NOTHING = "\ufdd0", "\ufdd1"  # stand for "<" as printed, and for letters taken out


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
        self.in_cell = self.in_caption = False
        self.above: list[str] = []
        self.below: list[str] = []  # the last cell so far

    def end_row(self) -> None:
        if self.row is not None:
            self.rows.append(self.row)
        self.row, self.in_cell, self.in_caption = None, False, False
        self.below.append("\n")

    def cell(self, columns: int, rows: int) -> None:
        self.row = [] if self.row is None else self.row
        self.row.append(_OpenCell([], columns, rows))
        self.in_cell, self.in_caption = True, False
        self.above += [*self.below, "\n"]
        self.below.clear()

    def tag(self, tag: str, *, opening: bool) -> None:
        """A tag that is no row's and no cell's. Outside cells, it begins or ends a line or the caption."""
        if self.in_cell:
            if opening and tag in _BREAKING:
                self.write("\n")
        elif not _INLINE.fullmatch(tag):
            self.write("\n")
            self.in_caption = opening if tag == "caption" else self.in_caption and tag not in _PARTS

    def write(self, text: str) -> None:
        shown = text.replace(_LESS, "<").replace(_NOTHING, "")
        if self.in_cell and self.row:
            self.row[-1].text.append(shown)
        else:
            (self.above if self.in_caption else self.below).append(shown)

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
        self.feed(only_tags(text, less=_LESS, gone=_taken_out))
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
        elif self._stack:
            self._stack[-1].tag(tag, opening=True)

    def handle_endtag(self, tag: str) -> None:
        if not self._stack:
            return
        if tag in ("td", "th"):
            self._stack[-1].in_cell = False
        elif tag == "tr" or (tag in ("thead", "tbody", "tfoot") and not self._stack[-1].in_cell):
            self._stack[-1].end_row()
        elif tag == "table":
            self._close_table(self._text.find(">", self._here()) + 1 or len(self._text), whole=True)
        else:
            self._stack[-1].tag(tag, opening=False)

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
        rows, above, below = table.grid(), _cell_text(table.above), _cell_text(table.below)
        if self._stack:
            lines = [above, *(" ".join(filter(None, row)) for row in rows), below]
            self._stack[-1].write("\n" + "\n".join(lines) + "\n")
        elif rows or not whole:
            html = self._text[table.start : end].strip()
            self.found.append(FoundTable(Table(html, rows), table.start, end, whole, above, below))

    def _cut_off(self) -> None:
        self._stack[-1].row = None  # what was not finished may be half a number
        self._close_table(len(self._text), whole=False)


def _taken_out(piece: str) -> str:
    """As long as before, and as many lines."""
    return re.sub(r"[^\n]", _NOTHING, piece)


def html_tables(text: str) -> list[FoundTable]:
    """The tables of an HTML text, in order."""
    return _Reader(text).found if "<t" in text.lower() else []


def _cell_text(pieces: Iterable[str]) -> str:
    return _LINE.sub("\n", re.sub(r" {2,}", " ", "".join(pieces).replace("\xa0", " "))).strip()
