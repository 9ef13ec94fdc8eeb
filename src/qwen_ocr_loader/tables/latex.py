"""Tables in LaTeX: ``tabular`` and its kin, with multicolumn, multirow and rules."""

from __future__ import annotations

import re

from ..markdown.escaping import FORMULA
from ..results import Table
from .cells import Cell, FoundTable, expanded, span
from .writing import to_html

_TABULAR = re.compile(r"\\begin\{(tabular[*xy]?|longtable|array)\}")
_RULES = re.compile(
    r"\\(?:hline|toprule|midrule|bottomrule|endhead|endfirsthead|endfoot|endlastfoot)\b|\\c(?:line|midrule)(?:\([^)]*\))?\{[^}]*\}"
)
_STYLE = re.compile(
    rf"(?P<formula>(?<!\\)(?:{FORMULA}))"
    r"|\\(?:textbf|textit|emph|text|mathrm|makecell|underline)\{(?P<inner>(?:[^{}]|\{[^{}]*\})*)\}"
)
_PRINTED = re.compile(
    rf"(?P<formula>(?<!\\)(?:{FORMULA}))|(?P<line>\\\\(?:\[[^\]\n]{{0,40}}\])?|\\newline(?![a-zA-Z]))|\\(?P<sign>[&%$#_{{}}])|(?P<nothing>\\!|\\/)"
    r"|(?P<space>~|\\[,;:> ]|\\(?:q?quad|enspace|thinspace|space|enskip)(?![a-zA-Z])[ ]?)"
)
_LINE = "\ufdd0"  # stands for a line's end
_COMMAND = re.compile(r"\\(multicolumn|multirow)\s*")


def latex_tables(text: str) -> list[FoundTable]:
    """The tables of a LaTeX text, in order."""
    found: list[FoundTable] = []
    at = 0
    while opening := _TABULAR.search(text, at):
        body, end, whole = _environment(text, opening)
        at = end
        if opening[1] != "array":  # an array is a formula's
            rows = expanded([row for row in _latex_rows(body, whole=whole) if row])
            found.append(FoundTable(Table(to_html(rows), rows), opening.start(), end, whole))
    return found


def _environment(text: str, opening: re.Match[str]) -> tuple[str, int, bool]:
    """What stands in an environment (its column specification dropped), where it ends, and whether it does."""
    depth = 0
    name = re.escape(opening[1])
    start = _after_arguments(text, opening.end(), 2 if opening[1] in ("tabular*", "tabularx", "tabulary") else 1)
    for mark in re.finditer(rf"\\(begin|end)\{{{name}\}}", text[opening.start() :]):
        depth += 1 if mark[1] == "begin" else -1
        if not depth:
            return text[start : opening.start() + mark.start()], opening.start() + mark.end(), True
    return text[start:], len(text), False


def _after_arguments(text: str, at: int, count: int) -> int:
    """Where ``count`` braced arguments (and an optional one before them) end."""
    if optional := re.compile(r"\s*\[[^\]]*\]").match(text, at):
        at = optional.end()
    for _ in range(count):
        at = _argument(text, at)[1]
    return at


def _argument(text: str, at: int) -> tuple[str, int]:
    """A braced argument and where it ends; a single token where there is no brace."""
    while at < len(text) and text[at].isspace():
        at += 1
    if text[at : at + 1] != "{":
        return text[at : at + 1], min(at + 1, len(text))
    depth = 0
    for end in range(at, len(text)):
        depth += {"{": 1, "}": -1}.get(text[end], 0) if text[end - 1 : end] != "\\" else 0
        if not depth:
            return text[at + 1 : end], end + 1
    return text[at + 1 :], len(text)


def _latex_rows(body: str, *, whole: bool) -> list[list[Cell]]:
    """Rows of cells; empty cells below a cell of several rows are part of it."""
    rows = [_parted(row, "&") for row in _parted(body, "\\\\")]
    rows = rows if whole else rows[:-1]
    covered: dict[int, int] = {}
    cells: list[list[Cell]] = []
    for row in rows:
        if not _RULES.sub("", "".join(row)).strip() and len(row) == 1:
            continue
        cells.append([])
        column = 0
        for source in row:
            text, columns, depth = _latex_cell(source)
            if text or not covered.get(column):
                cells[-1].append(Cell(text, columns, depth))
            for at in range(column, column + columns):
                covered[at] = depth - 1 if depth > 1 else max(covered.get(at, 0) - 1, 0)
            column += columns
    return cells


def _parted(text: str, mark: str) -> list[str]:
    """Split at a mark that stands in no braces and no environment and, for ``&``, is not escaped."""
    parts, start, depth, at = [], 0, 0, 0
    token = re.compile(r"\\begin\{|\\end\{|\\\\(?:\[[^\]]{0,40}\])?|\\.|[{}&]", re.DOTALL)
    while found := token.search(text, at):
        at = found.end()
        if found[0] in ("\\begin{", "\\end{"):
            depth += 1 if found[0] == "\\begin{" else -1
            at = text.find("}", at) + 1 or len(text)
        elif found[0] in "{}":
            depth += 1 if found[0] == "{" else -1
        elif depth <= 0 and found[0].startswith(mark):
            parts.append(text[start : found.start()])
            start = at
    return [*parts, text[start:]]


def _latex_cell(source: str) -> Cell:
    """A cell's text, and how many columns and rows it spans."""
    text, columns, rows = _RULES.sub("", source).strip(), 1, 1
    while command := _COMMAND.match(text):
        count, at = _argument(text, command.end())
        text = _argument(text, _argument(text, at)[1])[0].strip()
        number = span(count, least=1)
        columns, rows = (number, rows) if command[1] == "multicolumn" else (columns, number)
    lines = _PRINTED.sub(_printed, _unstyled(_unstyled(text))).split(_LINE)
    return Cell("\n".join(" ".join(line.split()) for line in lines).strip(), columns, rows)


def _unstyled(text: str) -> str:
    """Without the outermost commands of style, but in formulas."""
    return _STYLE.sub(lambda found: found["formula"] or found["inner"] or "", text)


def _printed(found: re.Match[str]) -> str:
    """What is printed of an escaped sign, a space, or a line's end; formulas stay."""
    if found["formula"] or found["sign"]:
        return found["formula"] or found["sign"]
    return _LINE if found["line"] else " " if found["space"] else ""
