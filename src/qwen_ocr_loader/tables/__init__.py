"""Tables: read from markup and from lines and rules on a page, written for people, splitters and pandas."""

from __future__ import annotations

from .cells import Cell, FoundTable, Rows, expanded
from .html import html_tables
from .latex import latex_tables
from .pipes import markdown_tables
from .splitting import TableSplitter
from .writing import pipe_table, to_csv, to_dataframe, to_html, to_markdown

__all__ = [
    "Cell",
    "FoundTable",
    "Rows",
    "TableSplitter",
    "expanded",
    "find_tables",
    "html_tables",
    "pipe_table",
    "to_csv",
    "to_dataframe",
    "to_html",
    "to_markdown",
]


def find_tables(text: str) -> tuple[FoundTable, ...]:
    """All tables of a text in order: HTML, LaTeX tabular and Markdown."""
    found = [*html_tables(text), *latex_tables(text), *markdown_tables(text)]
    return tuple(sorted(found, key=lambda table: table.start))
