"""A page as Markdown, whoever read it, its lines still pointing at their words."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from .mixed import to_markdown
from .print import printed_page
from .spans import moved, moved_points

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..results import Agreement, PageResult


def as_markdown(result: PageResult) -> PageResult:
    """The page with its text in Markdown.

    LaTeX and HTML are translated; lines of print become headings, lists, paragraphs and tables, by how the page is set;
    Markdown is freed of LaTeX and HTML. Formulas stand between dollars. Only what Markdown would take for markup gets a
    backslash. ``text[line.start:line.end] == line.text`` still holds; a line is left out where the new text does not
    have its words.
    """
    write = partial(to_markdown, text_format=result.text_format)
    boxed = result.text_format == "plain" and any(line.quad is not None for line in result.lines)
    if boxed and (page := printed_page(result.text, result.lines, result.tables)):
        text, lines = page
    else:
        text = write(result.text)
        lines = result.lines if text == result.text else moved(result.lines, text, write)
    if text == result.text and lines == result.lines:
        return result if result.text_format == "markdown" else replace(result, text_format="markdown")
    agreement = result.agreement and _agreeing(result.agreement, result.text, text, write)
    return replace(result, text=text, text_format="markdown", lines=lines, agreement=agreement)


def _agreeing(agreement: Agreement, old: str, new: str, write: Callable[[str], str]) -> Agreement:
    """The same about the text written anew."""
    missing = agreement.left_out
    points = moved_points([line.start for line in missing], old, new, write)
    return replace(
        agreement,
        left_out=tuple(replace(line, start=at, end=at) for line, at in zip(missing, points, strict=True)),
        invented=moved(agreement.invented, new, write),
    )
