"""Pieces of Markdown: formulas, headings, listings, links, tables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..tables import pipe_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..tables import FoundTable

_SAFE = re.compile(r"(?:https?://|mailto:|ftp://|#)", re.IGNORECASE)
_FENCE = re.compile(r"^`{3,}", re.MULTILINE)


def display(formula: str) -> str:
    """A formula in a paragraph of its own."""
    return f"$$\n{formula}\n$$" if "\n" in formula else f"$${formula}$$"


def inline(formula: str) -> str:
    """A formula within a line."""
    return f"${' '.join(formula.split())}$"


def heading(text: str, level: int) -> str:
    """A heading; nothing where there is no text."""
    line = " ".join(text.split())
    return f"{'#' * min(max(level, 1), 6)} {line}" if line else ""


def listing(code: str, language: str = "") -> str:
    """A listing, as it is, in a fence longer than any in it."""
    longest = max((len(found[0]) for found in _FENCE.finditer(code)), default=2)
    return f"{'`' * (longest + 1)}{language}\n{code}\n{'`' * (longest + 1)}"


def code(text: str) -> str:
    """A word or two of code."""
    text = " ".join(text.split())
    if not text:
        return ""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def link(text: str, url: str) -> str:
    """A link; where the address is none of the web, its text."""
    url = re.sub(r"\s", "", url)
    if not _SAFE.match(url):
        return text.strip() or url
    shown = text.strip() or url
    return f"<{url}>" if shown == url and not url.startswith("#") else f"[{shown}]({_address(url)})"


def picture(alt: str, source: str) -> str:
    """A picture; only its text where its source is not a file's name or an address of the web."""
    source = re.sub(r"\s", "", source)
    if not source or (":" in source and not _SAFE.match(source)):
        return " ".join(alt.split())
    return f"![{' '.join(alt.split())}]({_address(source)})"


def table(found: FoundTable, cell: Callable[[str], str], line: Callable[[str], str]) -> str:
    """A table between the lines written in it outside its cells; ``cell`` and ``line`` escape what is printed."""
    rows = pipe_table([[cell(text) for text in row] for row in found.table.rows])
    above, below = ("  \n".join(map(line, text.split("\n"))) for text in (found.above, found.below))
    return "\n\n".join(filter(None, [above, rows, below]))


def _address(url: str) -> str:
    return url.replace("(", "%28").replace(")", "%29").replace("<", "%3C").replace(">", "%3E")
