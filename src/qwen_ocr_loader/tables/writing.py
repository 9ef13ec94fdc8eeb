"""Rows of cells as Markdown, CSV, HTML and pandas."""

from __future__ import annotations

import csv
import html
import io
import re
from typing import TYPE_CHECKING, Any

from ..errors import MissingDependency
from ..markdown.escaping import FORMULA

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .cells import Cell, Rows

_PIPE = re.compile(rf"(?P<formula>{FORMULA})|(?P<slashes>\\*)\|")
_SLASHED_PIPE = re.compile(r"(\\+)(?=\|)")


def to_markdown(rows: Rows) -> str:
    """A Markdown table of cells as printed, its first row the header; formulas between dollars stay formulas."""
    return pipe_table([[_SLASHED_PIPE.sub(r"\1\1", cell) for cell in row] for row in rows])


def pipe_table(rows: Sequence[Sequence[str]]) -> str:
    r"""A Markdown table of cells that are Markdown, its first row the header.

    Pipes are escaped, but in formulas, where they become ``\vert``; line breaks become ``<br>``.
    """
    if not rows or not rows[0]:
        return ""
    lines = ["| " + " | ".join(map(_in_pipes, row)) + " |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]])


def _in_pipes(cell: str) -> str:
    return re.sub(r"[ \t]*\n\s*", "<br>", _PIPE.sub(_without_pipe, cell.strip()))


def _without_pipe(found: re.Match[str]) -> str:
    """A formula's pipes as a command, another one escaped; before it, an even number of backslashes escapes nothing."""
    formula, slashes = found["formula"], found["slashes"] or ""
    if formula is None:
        return slashes + ("\\|" if len(slashes) % 2 == 0 else "|")
    if "|" not in formula:
        return formula
    dollars = "$$" if formula.startswith("$$") else "$"
    return dollars + formula.strip("$").replace("|", "\\vert ").strip() + dollars


def to_csv(rows: Rows) -> str:
    """Comma-separated values as RFC 4180 has them, except that lines end in a plain newline."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def to_html(rows: Rows) -> str:
    """An HTML table without spans."""
    body = "".join("<tr>" + "".join(f"<td>{_in_html(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>{body}</table>"


def spanned_html(rows: Sequence[Sequence[Cell]]) -> str:
    """An HTML table of cells that span columns and rows."""
    body = "".join(f"<tr>{''.join(map(_html_cell, row))}</tr>" for row in rows)
    return f"<table>{body}</table>"


def _html_cell(cell: Cell) -> str:
    columns = f' colspan="{cell.columns}"' if cell.columns > 1 else ""
    rows = f' rowspan="{cell.rows}"' if cell.rows > 1 else ""
    return f"<td{columns}{rows}>{_in_html(cell.text)}</td>"


def _in_html(cell: str) -> str:
    return html.escape(cell, quote=False).replace("\n", "<br>")


def to_dataframe(rows: Rows) -> Any:
    """A pandas DataFrame of strings, the first row its columns' names; equal names stay equal.

    Raises:
        MissingDependency: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingDependency("tables as DataFrames need pandas; type: pip install pandas") from error
    header, *body = rows or ((),)
    return pd.DataFrame([list(row) for row in body], columns=list(header), dtype=str)
