r"""Whatever a model wrote becomes Markdown: told apart by format, and Markdown itself gone through piece by piece.

Users of document_parsing report Markdown with LaTeX and HTML in it as often as the LaTeX that the guide shows, so
Markdown is searched for pieces of both. Listings, code and formulas between dollars stay as they are.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..forking import cached_property
from ..markup import unwrapped
from ..tables import find_tables
from . import blocks
from .draft import without_marks
from .escaping import FORMULA, escaped_start
from .html import html_to_markdown
from .latex import latex_to_markdown
from .latex_names import FORMULAS, LISTS, QUOTES, TABLES, VERBATIM
from .latex_source import in_dollars

if TYPE_CHECKING:
    from ..results import TextFormat
    from ..tables import FoundTable


def to_markdown(text: str, text_format: TextFormat) -> str:
    """What an engine wrote, as Markdown; Markdown that is clean comes back as it is."""
    body = without_marks(text)
    match text_format:
        case "latex":
            return latex_to_markdown(unwrapped(body))
        case "html":
            return html_to_markdown(unwrapped(body))
        case "markdown":
            return _Mixture(body).markdown()
        case _:
            return _printed(body)


# --- print -----------------------------------------------------------------------------------------------------------

_BRACKETED = r"(?<!\\)\\\((?P<parentheses>(?:(?!\\\()[^\n]){1,2000}?)\\\)"
_DISPLAYED = r"(?<!\\)\\\[(?P<brackets>(?:(?!\\\[).){1,5000}?)\\\]"
_FORMULA_IN_PRINT = re.compile(rf"{_BRACKETED}|{_DISPLAYED}", re.DOTALL)
_OWN_LINE = re.compile(r"[-*+•] |\d{1,3}[.)] |\$\$|#{1,6} ")


def _printed(text: str) -> str:
    """Lines of print, their breaks kept; formulas in them stay formulas."""
    lines = [escaped_start(line.strip()) for line in _FORMULA_IN_PRINT.sub(_in_dollars, text).split("\n")]
    ends = ["  " if _breaks(above, below) else "" for above, below in zip(lines, [*lines[1:], ""], strict=True)]
    return "\n".join(line + end for line, end in zip(lines, ends, strict=True)).strip("\n")


def _breaks(above: str, below: str) -> bool:
    return bool(above and below) and not _OWN_LINE.match(below) and not above.startswith("$$")


def _in_dollars(found: re.Match[str]) -> str:
    if found["parentheses"] is not None:
        return blocks.inline(found["parentheses"])
    return blocks.display(re.sub(r"\s*\n\s*", "\n", found["brackets"].strip()))


# --- Markdown with LaTeX and HTML in it ------------------------------------------------------------------------------

_LATEX_BLOCKS = "|".join(re.escape(name) for name in sorted({*TABLES, *LISTS, *QUOTES, *VERBATIM, "table", "center"}))
_FORMULA_BLOCKS = "|".join(sorted(FORMULAS))
_DROPPED = r"</?(?:div|center|span|html|body|section|article|figure|p)(?:[ \t][^<>]{0,400})?>"
_PIECE = re.compile(
    r"(?P<fence>^[ \t]*(?P<ticks>`{3,8}|~{3,8})[^\n]*\n(?:[^\n]*\n)*?(?:[ \t]*(?P=ticks)[`~]*[ \t]*$|[^\n]*\Z))"
    r"|(?P<code>(?<!`)`[^`\n]+`(?!`))"
    rf"|(?P<dollars>\$\$[^$]*\$\$|{FORMULA})"
    rf"|{_DISPLAYED}|{_BRACKETED}"
    rf"|\\begin\{{(?P<environment>(?:{_FORMULA_BLOCKS})\*?)\}}"
    rf"(?P<inner>(?:(?!\\begin\{{(?:{_FORMULA_BLOCKS})).){{1,5000}}?)\\end\{{(?P=environment)\}}"
    rf"|(?P<latex>\\begin\{{(?P<name>{_LATEX_BLOCKS})\}})"
    r"|(?P<command>\\(?:(?:sub)*section|textbf|textit|emph|underline|texttt|textsuperscript|title|caption)\*?"
    r"\{(?:[^{}\n]|\{[^{}\n]{0,400}\}){0,2000}\})"
    r"|(?P<table>(?<!\\)<(?:table|tr)\b)"
    r"|(?P<html>(?<!\\)<(?P<tag>p|h[1-6]|ul|ol|blockquote|b|strong|i|em|a|pre)(?:[ \t][^<>]{0,400})?>)"
    r"|(?P<single>(?<!\\)<(?:img|hr|input)\b[^<>]{0,2000}>)"
    rf"|(?P<dropped>^[ \t]*{_DROPPED}(?:[ \t]*\n)+|(?<!\\){_DROPPED})"
    r"|(?P<kept>(?<!\\)</?(?:br|sub|sup|u)[ \t]*/?>)"
    r"|(?P<foreign>(?<!\\)<(?=/?[a-zA-Z][\w-]*(?:[\s/>]|\Z)))",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)


_PAGE = re.compile(
    r"[ \t]*(`{3,8})(?P<language>html|latex|tex)[ \t]*\n(?P<body>.*?)\n?[ \t`]*", re.DOTALL | re.IGNORECASE
)


class _Mixture:
    """Markdown with pieces of LaTeX and HTML in it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._next: dict[str, int] = {}

    def markdown(self) -> str:
        """All of it as Markdown."""
        written, at = [], 0
        while found := _PIECE.search(self._text, at):
            written.append(self._text[at : found.start()])
            piece, at = self._piece(found)
            written.append(piece)
        return "".join([*written, self._text[at:]]).strip("\n")

    def _piece(self, found: re.Match[str]) -> tuple[str, int]:
        """A piece in Markdown, and where it ends."""
        match found.lastgroup:
            case "latex" | "name":
                return self._latex(found)
            case "table":
                return self._table(found)
            case "html" | "tag":
                return self._html(found)
            case "dropped":
                return "", found.end()
            case _:
                return _whole(found), found.end()

    def _latex(self, found: re.Match[str]) -> tuple[str, int]:
        name = re.escape(found["name"])
        end = _end_of(self._text, rf"\\begin\{{{name}\}}", rf"\\end\{{{name}\}}", found)
        return latex_to_markdown(self._text[found.start() : end]), end

    def _table(self, found: re.Match[str]) -> tuple[str, int]:
        known = self._tables.get(found.start())
        if known is None:
            return f"\\{found[0]}", found.end()
        return html_to_markdown(self._text[known.start : known.end]), known.end

    def _html(self, found: re.Match[str]) -> tuple[str, int]:
        tag = found["tag"].lower()
        if tag in ("ul", "ol", "blockquote"):
            end = _end_of(self._text, rf"<{tag}\b", rf"</{tag}\s*>", found)
        else:
            closing = self._closing(tag, found.end())
            if closing < 0:
                return "", found.end()
            end = closing + len(tag) + 3
        return html_to_markdown(self._text[found.start() : end]), end

    def _closing(self, tag: str, at: int) -> int:
        """Where the tag is closed next, or -1."""
        known = self._next.get(tag)
        if known is None or -1 < known < at:
            known = self._next[tag] = self._lower.find(f"</{tag}>", at)
        return known

    @cached_property
    def _lower(self) -> str:
        lower = self._text.lower()
        return lower if len(lower) == len(self._text) else self._text

    @cached_property
    def _tables(self) -> dict[int, FoundTable]:
        return {table.start: table for table in find_tables(self._text) if self._text.startswith("<", table.start)}


def _whole(found: re.Match[str]) -> str:
    """A piece whose end is known."""
    match found.lastgroup:
        case "brackets" | "parentheses":
            return _in_dollars(found)
        case "inner":
            return blocks.display(in_dollars(found["environment"], found["inner"]))
        case "command":
            return latex_to_markdown(found[0])
        case "single":
            return html_to_markdown(found[0])
        case "fence":
            return _unlisted(found[0])
        case _:
            return f"\\{found[0]}" if found.lastgroup == "foreign" else found[0]


def _unlisted(listing: str) -> str:
    """A page that a model wrote as a listing becomes the page; other listings stay."""
    inner = _PAGE.fullmatch(listing)
    if inner is None:
        return listing
    body = inner["body"].strip("\n")
    return html_to_markdown(body) if inner["language"].lower() == "html" else latex_to_markdown(body)


def _end_of(text: str, opening: str, closing: str, found: re.Match[str]) -> int:
    """Where what is opened there ends, others like it in it; the text's end where it does not."""
    depth = 1
    for mark in re.compile(f"({opening})|{closing}", re.IGNORECASE).finditer(text, found.end()):
        depth += 1 if mark[1] else -1
        if not depth:
            return mark.end()
    return len(text)
