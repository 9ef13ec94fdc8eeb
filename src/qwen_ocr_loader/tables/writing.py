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

_PIPE = re.compile(rf"(?P<formula>{FORMULA})|(?<!\\)(?P<slashes>\\*)(?P<mark>\||<(?=br\s{{0,9}}/?>))")
_IN_FORMULA = re.compile(r"\\[\s\S]|\|")
_SLASHES = re.compile(r"(?<!\\)\\+\Z")


def to_markdown(rows: Rows) -> str:
    """A Markdown table of cells as printed, its first row the header; formulas between dollars stay formulas.

    Where rows are of several lengths, the header is as long as the longest: Markdown cuts off what goes beyond it.
    """
    return _pipe_table(rows, printed=True)


def pipe_table(rows: Sequence[Sequence[str]]) -> str:
    r"""A Markdown table of cells that are Markdown, its first row the header.

    Pipes are escaped, but in formulas, where they become ``\vert``; line breaks become ``<br>``.
    """
    return _pipe_table(rows, printed=False)


def _pipe_table(rows: Sequence[Sequence[str]], *, printed: bool) -> str:
    if not (widest := max(map(len, rows), default=0)):
        return ""
    header = [*rows[0], *[""] * (widest - len(rows[0]))]
    lines = ["| " + " | ".join(_in_pipes(cell, printed=printed) for cell in row) + " |" for row in (header, *rows[1:])]
    return "\n".join([lines[0], "|" + " --- |" * widest, *lines[1:]])


def _in_pipes(cell: str, *, printed: bool) -> str:
    escape = _escaped_print if printed else _escaped_pipe
    *lines, last = [line for text in cell.splitlines() if (line := text.strip())] or [""]
    ended = [_SLASHES.sub(_printed_slashes if printed else _without_break, line) for line in lines]
    return "<br>".join(_PIPE.sub(escape, line) for line in (*ended, last))


def _printed_slashes(found: re.Match[str]) -> str:
    return 2 * found[0]


def _without_break(found: re.Match[str]) -> str:
    """The last of an odd number is Markdown's own line break."""
    return found[0][len(found[0]) % 2 :]


def _escaped_print(found: re.Match[str]) -> str:
    """A pipe, or the beginning of what would be read as a line break, as it is printed; and slashes before it."""
    if found["formula"] is not None:
        return _without_pipe(found["formula"])
    return 2 * found["slashes"] + "\\" + found["mark"]


def _escaped_pipe(found: re.Match[str]) -> str:
    """A pipe escaped if it is not yet; before it, an even number of backslashes escapes nothing."""
    if found["formula"] is not None:
        return _without_pipe(found["formula"])
    if found["mark"] == "|" and len(found["slashes"]) % 2 == 0:
        return found["slashes"] + "\\|"
    return found[0]


def _without_pipe(formula: str) -> str:
    r"""A formula's pipes as commands: ``|`` as ``\vert``, ``\|`` as ``\Vert``."""
    if "|" not in formula:
        return formula
    size = 2 if formula.startswith("$$") else 1
    named = _IN_FORMULA.sub(_named, formula[size:-size])
    return formula[:size] + named.strip() + formula[-size:]


def _named(found: re.Match[str]) -> str:
    return {"|": "\\vert ", "\\|": "\\Vert "}.get(found[0], found[0])


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

    Rows shorter than the longest end in empty strings.

    Raises:
        MissingDependency: pandas is not installed.
    """
    try:
        import numpy as np
        import pandas as pd
    except ImportError as error:
        raise MissingDependency("tables as DataFrames need pandas; type: pip install pandas") from error
    header, *body = rows or ((),)
    widest = max(map(len, (header, *body)))
    cells = np.full((len(body), widest), "", dtype=object)
    for line, row in zip(cells, body, strict=True):
        line[: len(row)] = row
    return pd.DataFrame(cells, columns=[*header, *[""] * (widest - len(header))], dtype=str)
