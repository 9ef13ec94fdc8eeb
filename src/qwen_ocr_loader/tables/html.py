"""Tables in HTML: merged cells, missing tags, tables within tables, and what was cut off.

Before it is parsed, what prints nothing is taken out of the HTML, and a ``<`` that begins no tag is print.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, NamedTuple

from ..results import Table
from .cells import Cell, FoundTable, expanded, span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .cells import Rows

_BREAKING = frozenset({"br", "p", "div", "li"})
_INLINE = re.compile(
    r"a|abbr|b|big|cite|code|del|em|font|i|img|ins|kbd|label|mark|q|s|samp|small|span|strike|strong|sub|sup|tt|u|var"
)
_PARTS = frozenset({"col", "colgroup", "thead", "tbody", "tfoot"})
_LINE = re.compile(r" *\n[ \n]*")
_LESS, _NOTHING = "\ufdd0", "\ufdd1"  # stand for "<" as printed, and for letters taken out

_NAMES = (
    "a abbr acronym address applet area article aside audio b base basefont bdi bdo bgsound big blink blockquote body "
    "br button canvas caption center cite code col colgroup data datalist dd del details dfn dialog dir div dl dt em "
    "embed fieldset figcaption figure font footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html i "
    "iframe img input ins isindex kbd keygen label legend li link listing main map mark marquee menu menuitem meta "
    "meter nav nobr noembed noframes noscript object ol optgroup option output p param picture plaintext pre progress "
    "q rb rp rt rtc ruby s samp script search section select slot small source spacer span strike strong style sub "
    "summary sup svg table tbody td template textarea tfoot th thead time title tr track tt u ul var video wbr xmp "
    "annotation maction math menclose merror mfenced mfrac mi mmultiscripts mn mo mover mpadded mphantom mroot mrow ms "
    "mspace msqrt mstyle msub msubsup msup mtable mtd mtext mtr munder munderover semantics"
)
"""Elements of HTML, old ones included, and of MathML: what else stands in pointed brackets is print."""

_HIDDEN = "script|style|template|svg|iframe|object|title"
_RAW = "textarea|xmp|plaintext|noframes|noembed|noscript"
"""The standard library's parser, in later versions, reads no tags in what follows these."""

_VALUE = r"""(?:"[^"]{0,200}"|'[^']{0,200}')"""
_REST = rf"""(?=[\s/>])(?:[^<>]{{0,4000}}>|(?:[^<>"']{{0,200}}{_VALUE}){{1,9}}[^<>"']{{0,200}}>)"""
_COMMENT = re.compile(r"<!--(?:(?!<!--)[\s\S])*?-->")
_ANY_NAME = _NAMES.replace(" ", "|")
_HALF_TAG = re.compile(rf"<(?:[!/]|[!/]?[a-z][a-z0-9]{{0,15}}|![^<>]*|/?(?:{_ANY_NAME})[\s/][^<>]*)\Z", re.IGNORECASE)
_NO_TAG = re.compile(rf"<(?!/?(?:{_ANY_NAME}){_REST})", re.IGNORECASE)
_SILENT = re.compile(rf"<(?P<closing>/?)(?:(?P<hidden>{_HIDDEN})|{_RAW}){_REST}", re.IGNORECASE)


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


# --- before it is parsed ----------------------------------------------------------------------------------------------


def only_tags(text: str, *, less: str, gone: Callable[[str], str]) -> str:
    """Without comments, elements that print nothing, and a tag cut off at the end; and with every other ``<`` as print.

    An element that never closes hides nothing: its tag is print, or goes where it has attributes. On a ``<`` that
    begins no tag, the standard library's parser takes time that grows with the square of their number, or fails.

    Args:
        text: HTML, or a piece of it.
        less: What stands for ``<`` as printed.
        gone: What stands for a piece that is taken out.
    """
    bare = _COMMENT.sub(lambda comment: gone(comment[0]), text)
    bare = _NO_TAG.sub(less, _HALF_TAG.sub(lambda half: gone(half[0]), bare))
    written, at = [], 0
    for start, end in _silent(bare):
        written += [bare[at:start], gone(bare[start:end])]
        at = end
    return _NO_TAG.sub(less, _without_tags("".join([*written, bare[at:]]), less, gone))


def _silent(text: str) -> list[tuple[int, int]]:
    """Where elements that print nothing start and end, in order; what overlaps is one."""
    opened: dict[str, list[int]] = {}
    found: list[tuple[int, int]] = []
    for tag in _SILENT.finditer(text):
        starts = opened.setdefault((tag["hidden"] or "").lower(), [])
        if tag["hidden"] and not tag["closing"]:
            starts.append(tag.start())
        elif starts:
            start = starts.pop()
            while found and found[-1][1] > start:
                start = min(start, found.pop()[0])
            found.append((start, tag.end()))
    return found


def _without_tags(text: str, less: str, gone: Callable[[str], str]) -> str:
    """Without the tags, of such elements and raw ones, that are left; one with no more than its name is print."""
    return _SILENT.sub(lambda tag: less + tag[0][1:] if tag[0][1:-1] == tag["hidden"] else gone(tag[0]), text)
