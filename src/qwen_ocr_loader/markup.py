"""What a model wraps a page in: fences off, the format told by looking, formulas found."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .results import TextFormat

_LANGUAGE = r"(?:json|html|latex|tex|markdown|md|text|txt|plaintext|plain|xml|csv)"
_OPENING = re.compile(rf"\s*```+(?:(?i:{_LANGUAGE})(?![\w-])[ \t]*\n?|[\w+-]*[ \t]*\n|(?=[\[{{<\\$]))")
_MOST_FENCES = 100  # one in another: a reply of nothing but fences must end
_FENCE_LINE = re.compile(r"^[ \t]*`{3,9}[ \t]*([\w+-]*)", re.MULTILINE)
_INNER = re.compile(r"(?<!`)`{3,9}(?i:html|latex|tex)(?![\w-])[ \t]*\n?(.*?)(?:\n?`{3,9}|\Z)", re.DOTALL)

_HTML_BLOCK = re.compile(r"<(table|html|body|div|ul|ol|h[1-6]|p)\b[^<>]*>", re.IGNORECASE)
_HTML_START = re.compile(r"\s*(?:<!doctype html|<(?:table|html|body|div|p|h[1-6]|tr|ul|ol)\b)", re.IGNORECASE)
_LATEX_PAGE = re.compile(r"\\documentclass|\\begin\{document\}|\\(?:sub)*section\*?\{|\\maketitle|\\item\b")
_LATEX_BLOCK = re.compile(r"\\begin\{(\w+\*?)\}")
_MARKDOWN = re.compile(
    r"^[ \t]*(?:\|[ \t]*)?:?-{3,}:?[ \t]*\|[-:| \t]*$|!\[[^\]\n]{0,400}\]\([^)\n]{0,2000}\)", re.MULTILINE
)
_HEADING = re.compile(r"^#{1,6} +[^\W\d_]", re.MULTILINE)
_BOLD = re.compile(r"\*\*[^\s*](?:[^*\n]*[^\s*])?\*\*")

_ENVIRONMENT = r"(?:equation|align|gather|multline|eqnarray|displaymath|flalign|alignat)"
_FORMULA = re.compile(
    rf"\$\$(?P<dollars>.{{1,5000}}?)\$\$|\\\[(?P<brackets>(?:(?!\\\[).){{1,5000}}?)\\\]"
    rf"|\\begin\{{(?P<name>{_ENVIRONMENT}\*?)\}}(?P<inner>(?:(?!\\begin\{{{_ENVIRONMENT}).){{1,5000}}?)\\end\{{(?P=name)\}}",
    re.DOTALL,
)
_SINGLE = ("equation", "displaymath")  # environments that only say: a formula stands here


def unfenced(text: str) -> str:
    """Without a code fence round the whole of it; fences within are the page's own.

    Models close a fence in the middle of a line, open two, or forget to close one (Qwen-OCR's documented example of
    advanced_recognition ends in ``]}`` and three backticks).
    """
    for _ in range(_MOST_FENCES):
        opening = _OPENING.match(text)
        if not opening:
            break
        body = text[opening.end() :]
        closed = without_closing(body)
        if not _OPENING.match(closed):
            return text if _reaches_out(closed) else closed
        text = closed if closed.rstrip().endswith("```") else body
    return text


def without_closing(body: str) -> str:
    """Without a fence's end, which may be glued to the last word."""
    end = body.rstrip()
    return end.rstrip("`").rstrip() if end.endswith("```") else body


def _reaches_out(body: str) -> bool:
    """True where a fence in the body closes the one that was opened before it: so that did not enclose everything."""
    inside = False
    for fence in _FENCE_LINE.finditer(body):
        if not fence[1] and not inside:
            return True
        inside = bool(fence[1]) if not inside else False
    return inside


def unwrapped(text: str) -> str:
    """Without a fence round the whole, nor round pieces of HTML or LaTeX: they are the page, not a listing on it."""
    return _INNER.sub(lambda fence: fence[1].strip("\n"), unfenced(text)).strip()


def sniff(text: str, *, structured: bool = True) -> TextFormat:
    """The format of a text, told by looking.

    HTML blocks and display formulas between plain paragraphs are Markdown, which allows both.

    Args:
        text: Without fences.
        structured: Markup was asked for. Otherwise a stray mark, such as the ``#`` before a number, proves nothing.
    """
    if _LATEX_PAGE.search(text) and (structured or _has_latex_block(text)):
        return "latex"
    marks = len(_HEADING.findall(text)) + len(_BOLD.findall(text))
    if _MARKDOWN.search(text) or marks >= (1 if structured else 2):
        return "markdown"
    if _HTML_START.match(text) and (structured or _has_html_block(text)):
        return "html"
    if _has_html_block(text):
        return "markdown"
    if _has_latex_block(text):
        return "latex"
    return _by_formulas(text)


def _has_html_block(text: str) -> bool:
    lower = text.lower()
    return any(f"</{name}" in lower for name in {name.lower() for name in _HTML_BLOCK.findall(text)})


def _has_latex_block(text: str) -> bool:
    return any(f"\\end{{{name}}}" in text for name in set(_LATEX_BLOCK.findall(text)))


def _by_formulas(text: str) -> TextFormat:
    rest, found = _FORMULA.subn("", text)
    if not found:
        return "plain"
    return "markdown" if rest.strip() else "latex"


def formulas(text: str) -> tuple[str, ...]:
    """The display formulas of a text, in order, as LaTeX without delimiters; aligning environments stay."""
    found = (_bare(match) for match in _FORMULA.finditer(text))
    return tuple(formula for formula in found if formula)


def _bare(match: re.Match[str]) -> str:
    name = match["name"]
    if name and name.rstrip("*") not in _SINGLE:
        return match[0]
    return (match["dollars"] or match["brackets"] or match["inner"] or "").strip()


def formula_text(text: str) -> tuple[str, tuple[str, ...]]:
    """A reply that should be formulas, with each between ``$$``, and the formulas themselves.

    A formula without delimiters is taken whole; words beside formulas stay.
    """
    body = unfenced(text).strip()
    found = formulas(body)
    if not found:
        found = tuple(filter(None, [_without_inline_marks(body)]))
    elif _FORMULA.sub("", body).strip(" \t\n,;.，。"):
        return body, found
    return "\n\n".join(f"$${formula}$$" for formula in found), found


def _without_inline_marks(body: str) -> str:
    for opening, closing in (("\\(", "\\)"), ("$$", "$$"), ("\\[", "\\]"), ("$", "$")):
        inner = body.removeprefix(opening).removesuffix(closing)
        if body.startswith(opening) and closing not in inner:
            return inner.strip()
    return body
