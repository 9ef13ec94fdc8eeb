"""Pages in Qwen's own HTML and Markdown, which say where each part stands, become blocks of Markdown.

``qwenvl html``: elements with ``data-bbox="x1 y1 x2 y2"``; charts, formulas, pictures and sheet music are a ``div``
with an ``img`` and what was read in it (Qwen2.5-VL technical report, 2025-02, section 2.2.1). ``qwenvl markdown``:
tables, in HTML or LaTeX, after a comment ``<!-- Table (x1, y1, x2, y2) -->``, and ``<!-- Image (x1, y1, x2, y2) -->``
for a picture (QwenLM/Qwen3-VL cookbooks/document_parsing.ipynb, 2025-10).

Pictures have no text of their own and leave nothing behind. Tables become Markdown, merged cells repeated in each of
their places; with its spans a table is in ``Table.html``.
"""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from typing import TYPE_CHECKING, NamedTuple

from .boxes import read_box
from .markup import formula_text, formulas, unwrapped
from .results import Table
from .tables import find_tables, html_tables, to_markdown

if TYPE_CHECKING:
    from .boxes import Place
    from .tables import FoundTable

_NOISE = re.compile(r"\s(?!(?:col|row)span\b)[\w-]+\s*=\s*(?:\"[^\"<>]*\"|'[^'<>]*'|[^\s\"'<>]+)")


class Block(NamedTuple):
    """A part of a page, in Markdown.

    Attributes:
        text: Without its mark; never empty.
        place: In the reply's numbers.
        mark: What stands before it that is not on the page: ``"## "``, ``"- "``.
        table: Whose rows it is; without a quad.
        formulas: In it, as LaTeX.
    """

    text: str
    place: Place = None
    mark: str = ""
    table: Table | None = None
    formulas: tuple[str, ...] = ()


class Blocks(NamedTuple):
    """A page in blocks.

    Attributes:
        blocks: In the order of the reply.
        cut_off: It stops in the middle.
    """

    blocks: tuple[Block, ...]
    cut_off: bool = False


def region_blocks(text: str, place: Place) -> Blocks:
    """What a model read in one region: tables, in whatever markup, and text with formulas, all at its place."""
    return _around_tables(unwrapped(text), place)


def _table_blocks(found: FoundTable, place: Place) -> list[Block]:
    """A table between the lines written in it outside its cells, its caption for one."""
    table = found.table
    row_block = Block(to_markdown(table.rows), place, table=Table(_bare(table.html), table.rows))
    above, below = (Block(text, place) for text in (found.above, found.below))
    return [block for block in (above, row_block, below) if block.text]


def _bare(html: str) -> str:
    """A table's HTML without places, styles and classes: they were for the picture that the model saw."""
    return re.sub(r"<\w[^<>]*>", lambda tag: _NOISE.sub("", tag[0]), html)


# --- Markdown --------------------------------------------------------------------------------------------------------

_COMMENT = re.compile(r"<!--\s{0,9}([A-Za-z][\w -]{0,30}?)\s{0,9}[(\[]([-+\d\s.,]{1,99})[)\]]\s{0,9}-->")
_AROUND_TABLES = re.compile(
    r"\\(?:begin|end)\{(?:table|center)\*?\}(?:\[[^\]\n]{0,20}\])?|\\centering\b|\\caption\*?\{([^{}\n]*)\}"
)


def is_qwenvl_markdown(text: str) -> bool:
    """Whether there is a comment in it that says where something stands."""
    return bool(_COMMENT.search(text))


def markdown_blocks(text: str) -> Blocks:
    """A page in Qwen's Markdown; what is between its tables is kept as it is, without a place."""
    return _around_tables(unwrapped(text))


def _around_tables(body: str, place: Place = None) -> Blocks:
    """A text cut into tables and what is between them; a table may say where it stands if the text has no place."""
    blocks: list[Block] = []
    end, cut_off = 0, False
    for found in find_tables(body):
        if found.start < end:
            continue
        before = body[end : found.start]
        blocks += [*_prose(before, place), *_table_blocks(found, place or _announced(before))]
        end, cut_off = found.end, cut_off or not found.whole
    return Blocks((*blocks, *_prose(body[end:], place)), cut_off)


def _announced(before: str) -> Place:
    """The place that the last comment before a table gives, where nothing else is between."""
    comments = list(_COMMENT.finditer(before))
    if not comments or comments[-1][1].lower() != "table" or _cleaned(before[comments[-1].end() :]):
        return None
    return read_box(comments[-1][2])


def _prose(text: str, place: Place) -> list[Block]:
    body = _cleaned(text)
    return [Block(body, place, formulas=formulas(body))] if body else []


def _cleaned(text: str) -> str:
    body = _AROUND_TABLES.sub(lambda command: command[1] or "", _COMMENT.sub("", text))
    return re.sub(r"\n(?:[ \t]*\n)+", "\n\n", body).strip()


# --- HTML ------------------------------------------------------------------------------------------------------------

_PLACED = re.compile(r"<\w[^<>]*\sdata-bbox\s*=", re.IGNORECASE)
_VOID = frozenset({"br", "col", "hr", "img", "input", "link", "meta", "wbr"})
_INLINE = frozenset(
    {"a", "abbr", "b", "code", "em", "font", "i", "label", "mark", "s", "small", "span", "strong", "sub", "sup", "u"}
)
_SILENT = frozenset({"head", "script", "style", "title"})
_PAGE = frozenset({"html", "body"})  # their place is the picture's
_HEADINGS = {f"h{level}": "#" * level + " " for level in range(1, 7)}


class _Open(NamedTuple):
    tag: str
    place: Place
    mark: str
    is_formula: bool
    items: list[int]  # of an ``ol``: the numbers given so far


_NOTHING = _Open("", None, "", is_formula=False, items=[])


class _Page(HTMLParser):
    """Cuts a page into blocks; forgives end tags that are missing or too many."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[Block] = []
        self.cut_off = "<html" in text.lower() and not re.search(r"</(?:html|body)\s*>", text, re.IGNORECASE)
        self._source = text.replace("<![", "‹![")  # as in ``tables``: the parser does not survive these
        self._line_starts = [0, *(found.end() for found in re.finditer("\n", self._source))]
        self._stack: list[_Open] = []
        self._said: list[str] = []
        self._table: tuple[int, int] | None = None  # where the outermost open one begins, and how many are open
        self._silent = ""
        self.feed(self._source)
        self.close()
        if self._table:
            self._end_table(len(self._source))
        self._end_block()

    def _here(self) -> int:
        line, column = self.getpos()
        return self._line_starts[line - 1] + column

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "br":
            self._said.append("\n")
        if tag in _VOID:
            return
        self._silent = tag if tag in _SILENT else ""
        if self._silent:
            return
        if self._table:
            start, depth = self._table
            self._table = start, depth + (tag == "table")
        elif tag not in _INLINE or ("data-bbox" in dict(attrs) and self._above().place is None):
            self._end_block()
            self._open(tag, dict(attrs))

    def _open(self, tag: str, attrs: dict[str, str | None]) -> None:
        given = None if tag in _PAGE else attrs.get("data-bbox")
        above = self._above()
        kinds = (attrs.get("class") or "").lower().split()
        is_formula = above.is_formula or ("formula" in kinds and "chemical" not in kinds)
        mark = _HEADINGS.get(tag) or (self._item_mark() if tag == "li" else above.mark)
        place = above.place if given is None else read_box(given)
        self._stack.append(_Open(tag, place, mark, is_formula, []))
        if tag == "table":
            self._table = self._here(), 1

    def _above(self) -> _Open:
        return self._stack[-1] if self._stack else _NOTHING

    def _item_mark(self) -> str:
        above = next((opened for opened in reversed(self._stack) if opened.tag in ("ol", "ul")), _NOTHING)
        if above.tag != "ol":
            return "- "
        above.items.append(len(above.items) + 1)
        return f"{above.items[-1]}. "

    def handle_endtag(self, tag: str) -> None:
        if self._silent == tag:
            self._silent = ""
        elif self._table:
            start, depth = self._table
            self._table = start, depth - (tag == "table")
            if depth == 1 and tag == "table":
                self._end_table(self._source.find(">", self._here()) + 1 or len(self._source))
        elif any(opened.tag == tag for opened in self._stack):
            self._end_block()
            while self._stack.pop().tag != tag:
                pass

    def handle_data(self, data: str) -> None:
        if self._silent or self._table:
            return
        if data.startswith("<") and self._here() + len(data) >= len(self._source):
            self.cut_off = True  # half a tag
            return
        self._said.append(re.sub(r"\s+", " ", data))

    def _end_block(self) -> None:
        text = re.sub(r" *\n[ \n]*", "\n", re.sub(r" {2,}", " ", "".join(self._said))).strip()
        self._said = []
        if not text:
            return
        above = self._above()
        if above.is_formula:
            body, found = formula_text(text)
            self.blocks.append(Block(body, above.place, formulas=found))
        else:
            self.blocks.append(Block(text, above.place, above.mark, formulas=formulas(text)))

    def _end_table(self, end: int) -> None:
        """The table that has been open."""
        assert self._table
        source, place = self._source[self._table[0] : end], self._above().place
        self._table = None
        found = html_tables(source)
        blocks = [block for table in found for block in _table_blocks(table, place)]
        if not blocks and (said := " ".join(unescape(re.sub(r"<[^<>]*>?", " ", source)).split())):
            blocks = [Block(said, place)]
        self.blocks += blocks
        self.cut_off = self.cut_off or not all(table.whole for table in found)
        if self._stack and self._stack[-1].tag == "table":
            self._stack.pop()


def is_qwenvl_html(text: str) -> bool:
    """Whether an element in it says where it stands."""
    return bool(_PLACED.search(text))


def html_blocks(text: str) -> Blocks:
    """A page in Qwen's HTML."""
    page = _Page(unwrapped(text))
    return Blocks(tuple(page.blocks), page.cut_off)
