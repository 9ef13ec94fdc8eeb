"""Printed text inside Markdown: a backslash only where a mark would otherwise be taken for markup."""

from __future__ import annotations

import re

FORMULA = r"\$\$.+?\$\$|\$(?=[^\s$])[^$\n]*[^\s$\\]\$(?!\d)"
"""A formula between dollars; ``$5 and $6`` is none (Pandoc's rule)."""

_INLINE = re.compile(
    rf"(?P<formula>{FORMULA})"
    r"|(?P<tag><(?=[a-zA-Z/!?]))"
    r"|(?P<entity>&(?=(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});))"
    r"|(?P<backslash>\\(?=[!-/:-@\[-`{-~]))"
    r"|(?P<link>\](?=\())"
    r"|(?P<strong>\*{1,3}(?=[^\s*])(?=[^*\n]{1,400}(?<=[^\s*])\*))"
    r"|(?P<under>(?<![\w])_{1,3}(?=[^\W_])(?=[^_\n]{1,400}_{1,3}(?!\w)))"
    r"|(?P<code>`(?=[^`\n]{1,400}`))"
)
_BLOCK = re.compile(
    r"[ \t]*(?:(?P<heading>#{1,6}(?=[ \t]|$))|(?P<quote>>)|(?P<rule>(?:[-*_=][ \t]*){3,}$)|(?P<fence>`{3}|~{3})"
    r"|(?P<reference>\[[^\]\n]{1,200}\]:))"
)
_TAG = re.compile(rf"(?P<formula>{FORMULA})|(?<!\\)<(?=[a-zA-Z/!?])")
_DELIMITERS = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*")


def escaped(text: str) -> str:
    """A printed line, to stand in the middle of a line of Markdown.

    Formulas between dollars stay, as do single asterisks, underscores within words, and all that Markdown reads as
    printed.
    """
    return _INLINE.sub(lambda mark: mark[0] if mark.lastgroup == "formula" else f"\\{mark[0]}", text)


def escaped_start(text: str) -> str:
    """A printed line, to stand at the beginning of a line of Markdown; list items stay list items."""
    inline = escaped(text)
    if block := _BLOCK.match(inline):
        return inline[: (at := block.start(block.lastgroup or 0))] + "\\" + inline[at:]
    if "|" in inline and _DELIMITERS.fullmatch(inline):
        return inline.replace("|", "\\|", 1)
    return inline


def untagged(text: str) -> str:
    """A text that may have Markdown in it, with a backslash before what would be taken for a tag."""
    return _TAG.sub(lambda mark: mark["formula"] or f"\\{mark[0]}", text)
