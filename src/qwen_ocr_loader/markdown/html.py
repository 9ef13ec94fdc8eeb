"""HTML from a model becomes Markdown: known tags are translated, others fall away, nothing in it can run.

Our own, on the standard library's parser: markdownify (MIT) and html2text (GPL) stand on a tree, BeautifulSoup's or
their own, where tags in one another fail by recursion, and escape far more than a reader or a search wants. What a
model writes of a page has a dozen tags; tables are read by ``tables``, with their merged cells.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from ..tables import find_tables
from ..tables.tags import only_tags
from . import blocks
from .draft import BREAK, Draft, bulleted, quoted, without_marks
from .escaping import escaped, escaped_start

if TYPE_CHECKING:
    from collections.abc import Iterator

DEEPEST = 32
"""Lists and quotes in one another; deeper ones lose their structure, not their text."""

_BLOCKS = frozenset(
    {
        "p",
        "div",
        "section",
        "article",
        "header",
        "footer",
        "main",
        "center",
        "figure",
        "figcaption",
        "address",
        "form",
        "fieldset",
        "dl",
        "dt",
        "dd",
        "tr",
        "caption",
        "body",
        "html",
        "nav",
        "aside",
        "details",
        "summary",
    }
)
_MARKS = {"b": "**", "strong": "**", "i": "*", "em": "*", "s": "~~", "del": "~~", "strike": "~~"}
_VOID = frozenset({"br", "hr", "img", "input"})
_RAISED = frozenset({"sup", "sub"})
_LISTS = frozenset({"ul", "ol", "menu"})
_HEADING = re.compile(r"h([1-6])")
_DECLARATION = re.compile(r"<!doctype[^<>]{0,400}>|<\?xml\b[^<>]{0,400}>", re.IGNORECASE)


def html_to_markdown(text: str) -> str:
    """A page, or a piece of one, in HTML as Markdown; of a table that is cut off, its whole rows."""
    walk = _Walk()
    bare = only_tags(_DECLARATION.sub("", without_marks(text)), less="&lt;", gone=lambda _: "")
    for piece, table in _pieces(bare):
        walk.feed(piece)
        walk.draft.block(table)
    return walk.markdown()


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """What stands before each table, and the table in Markdown."""
    at = 0
    for found in find_tables(text) if "<t" in text.lower() else ():
        if text.startswith("<", found.start) and found.start >= at:
            yield text[at : found.start], blocks.table(found, escaped, escaped_start)
            at = found.end
    yield text[at:], ""


class _Walk(HTMLParser):
    """One walk over the tags. ``_open`` holds, for what is open: tag, where it began in the draft, and its detail."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.draft = Draft()
        self._open: list[tuple[str, int, str]] = []
        self._counts: list[int] = []
        self._preformatted = 0

    def markdown(self) -> str:
        """What came of it."""
        self.close()
        while self._open:
            self._end()
        return self.draft.whole()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in _VOID:
            self._void(tag, given)
        elif tag in _LISTS:
            self._begin_list(tag, given)
        elif tag == "li":
            self._begin_item()
        elif tag in _BLOCKS:
            self.draft.paragraph()
        elif tag in ("blockquote", "pre") or _HEADING.fullmatch(tag):
            self.draft.paragraph()
            self._begin(tag)
        elif tag in _MARKS or tag in _RAISED or tag in ("a", "code"):
            self._begin(tag, given.get("href", ""))

    def _void(self, tag: str, given: dict[str, str]) -> None:
        if tag == "br":
            self.draft.put(BREAK)
        elif tag == "hr":
            self.draft.block("---")
        elif tag == "img":
            self.draft.atom(blocks.picture(escaped(given.get("alt", "")), given.get("src", "")))
        else:
            self._input(given)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self.draft.paragraph()
        elif any(name == tag for name, *_ in self._open[-2 * DEEPEST :]):
            while self._open[-1][0] != tag:
                self._end()
            self._end()

    def handle_data(self, data: str) -> None:
        if self._preformatted:
            self.draft.atom(data)
        elif data:
            self.draft.put(re.sub(r"\s+", " ", escaped(data)))

    # --- what is open -------------------------------------------------------------------------------------------------

    def _begin(self, tag: str, detail: str = "") -> None:
        if len(self._open) < DEEPEST:
            self._open.append((tag, self.draft.placeholder(), detail))
            self._preformatted += tag in ("pre", "code")

    def _end(self) -> None:
        tag, start, detail = self._open.pop()
        draft = self.draft
        self._preformatted -= tag in ("pre", "code")
        if heading := _HEADING.fullmatch(tag):
            draft.block(blocks.heading(draft.line(start).replace("**", ""), int(heading[1])))
        elif tag == "blockquote":
            draft.put(quoted(draft.taken(start)))
            draft.paragraph()
        elif tag == "pre":
            draft.block(blocks.listing(draft.raw(start).strip("\n")))
        elif tag == "code":
            draft.atom(draft.raw(start) if self._preformatted else blocks.code(draft.raw(start)))
        elif tag == "a":
            draft.atom(blocks.link(draft.line(start), detail))
        elif tag == "li":
            draft.put("\n" + bulleted(detail, draft.taken(start)))
        elif tag in _LISTS:
            self._counts.pop()
            if not self._counts:
                draft.paragraph()
        else:
            self._wrap(tag, start)

    def _wrap(self, tag: str, start: int) -> None:
        mark = _MARKS.get(tag)
        text = "".join(self.draft.pieces[start:])
        if text.strip() and "\n\n" not in text and not any(name == tag for name, *_ in self._open):
            del self.draft.pieces[start:]
            inner = text.strip()
            opening, closing = (mark, mark) if mark else (f"<{tag}>", f"</{tag}>")
            self.draft.put(text[: len(text) - len(text.lstrip())] + opening)
            self.draft.put(inner + closing + text[len(text.rstrip()) :])

    # --- lists and forms ----------------------------------------------------------------------------------------------

    def _begin_list(self, tag: str, given: dict[str, str]) -> None:
        if not self._counts:
            self.draft.paragraph()
        start = given.get("start", "")
        first = int(start) if start.isascii() and start.isdigit() and len(start) < 10 else 1
        before = len(self._open)
        self._begin(tag)
        if len(self._open) > before:
            self._counts.append(first if tag == "ol" else 0)

    def _begin_item(self) -> None:
        while self._open and self._open[-1][0] not in _LISTS:
            last = self._open[-1][0]
            self._end()
            if last == "li":
                break
        count = self._counts[-1] if self._counts else 0
        if count:
            self._counts[-1] += 1
        marker = f"{count}." if count else "-"
        if len(self._open) < DEEPEST:
            self._begin("li", marker)
        else:
            self.draft.put(f"\n{marker} ")

    def _input(self, given: dict[str, str]) -> None:
        if given.get("type") in ("checkbox", "radio"):
            self.draft.put("[x] " if "checked" in given else "[ ] ")
        elif given.get("type") != "hidden":
            self.draft.put(f" {escaped(given.get('value', ''))} ")
