"""Tables in a model's markup become rows: HTML with spans, LaTeX tabular, Markdown pipes."""

from __future__ import annotations

import csv
import html
import io
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, NamedTuple

from .results import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Rows = tuple[tuple[str, ...], ...]

_WIDEST = 1000  # columns, as in the HTML standard
_BREAKING = frozenset({"br", "p", "div", "li"})
_LINE = re.compile(r" *\n[ \n]*")


class FoundTable(NamedTuple):
    """A table in a text.

    Attributes:
        table: Its rows, and its HTML (made from the rows where it was not HTML).
        start, end: Where it stands in the text, in code points.
        whole: It ends before the text does; otherwise it has only the rows that were finished.
    """

    table: Table
    start: int
    end: int
    whole: bool


def find_tables(text: str) -> tuple[FoundTable, ...]:
    """All tables of a text in order: HTML, LaTeX tabular and Markdown."""
    found = [*html_tables(text), *_latex_tables(text), *_markdown_tables(text)]
    return tuple(sorted(found, key=lambda table: table.start))


# --- out -------------------------------------------------------------------------------------------------------------


def to_markdown(rows: Rows) -> str:
    """A Markdown table, its first row the header; pipes are escaped, line breaks become ``<br>``."""
    if not rows:
        return ""
    lines = ["| " + " | ".join(map(_in_pipes, row)) + " |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]])


def _in_pipes(cell: str) -> str:
    return cell.replace("\\", "\\\\").replace("|", "\\|").replace("\n", "<br>")


def to_csv(rows: Rows) -> str:
    """Comma-separated values as RFC 4180 has them, except that lines end in a plain newline."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def to_html(rows: Rows) -> str:
    """An HTML table without spans."""
    body = "".join("<tr>" + "".join(f"<td>{_in_html(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>{body}</table>"


def _in_html(cell: str) -> str:
    return html.escape(cell, quote=False).replace("\n", "<br>")


# --- HTML ------------------------------------------------------------------------------------------------------------


class _Cell(NamedTuple):
    text: list[str]
    columns: int
    rows: int


class _Open:
    """A table that is being read."""

    def __init__(self, start: int) -> None:
        self.start = start
        self.rows: list[list[_Cell]] = []
        self.row: list[_Cell] | None = None
        self.in_cell = False

    def end_row(self) -> None:
        if self.row is not None:
            self.rows.append(self.row)
        self.row, self.in_cell = None, False

    def cell(self, columns: int, rows: int) -> None:
        self.row = [] if self.row is None else self.row
        self.row.append(_Cell([], columns, rows))
        self.in_cell = True

    def write(self, text: str) -> None:
        if self.in_cell and self.row:
            self.row[-1].text.append(text)

    def grid(self) -> Rows:
        return _grid([[(_cell_text(cell.text), cell.columns, cell.rows) for cell in row] for row in self.rows])


class _Reader(HTMLParser):
    """Finds tables; forgives missing end tags and rows outside any table. A nested table is text of its cell."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self._text = text
        self._line_starts = [0, *(found.end() for found in re.finditer("\n", text))]
        self._stack: list[_Open] = []
        self.found: list[FoundTable] = []
        # "<![" makes the standard library's parser raise AssertionError where no known keyword follows.
        self.feed(text.replace("<![", "‹!["))
        self._at_end = True
        self.close()
        while self._stack:
            self._cut_off()

    _at_end = False

    def _here(self) -> int:
        line, column = self.getpos()
        return self._line_starts[line - 1] + column

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self._open_table()
        elif tag == "tr":
            self._top().end_row()
            self._top().row = []
        elif tag in ("td", "th"):
            spans = dict(attrs)
            self._top().cell(_span(spans.get("colspan"), least=1), _span(spans.get("rowspan"), least=0))
        elif tag in _BREAKING and self._stack:
            self._stack[-1].write("\n")

    def handle_endtag(self, tag: str) -> None:
        if not self._stack:
            return
        if tag in ("td", "th"):
            self._stack[-1].in_cell = False
        elif tag in ("tr", "thead", "tbody", "tfoot"):
            self._stack[-1].end_row()
        elif tag == "table":
            self._close_table(self._text.find(">", self._here()) + 1 or len(self._text), whole=True)

    def handle_data(self, data: str) -> None:
        if self._stack and not self._at_end:  # the parser hands over half a tag as data once it is closed
            self._stack[-1].write(re.sub(r"\s+", " ", data))

    def _top(self) -> _Open:
        if not self._stack:
            self._stack.append(_Open(self._here()))
        return self._stack[-1]

    def _open_table(self) -> None:
        if self._stack and not self._stack[-1].in_cell:  # the one before was never ended
            self._close_table(self._here(), whole=True)
        self._stack.append(_Open(self._here()))

    def _close_table(self, end: int, *, whole: bool) -> None:
        table = self._stack.pop()
        table.end_row()
        rows = table.grid()
        if self._stack:
            self._stack[-1].write("\n" + "\n".join(" ".join(filter(None, row)) for row in rows) + "\n")
        elif rows or not whole:
            self.found.append(FoundTable(Table(self._text[table.start : end].strip(), rows), table.start, end, whole))

    def _cut_off(self) -> None:
        self._stack[-1].row = None  # what was not finished may be half a number
        self._close_table(len(self._text), whole=False)


def html_tables(text: str) -> list[FoundTable]:
    """The tables of an HTML text, in order."""
    return _Reader(text).found if "<t" in text.lower() else []


def _span(given: str | None, *, least: int) -> int:
    digits = re.match(r"\s*(\d{1,5})", given or "")
    return min(max(int(digits[1]), least), _WIDEST) if digits else 1


def _cell_text(pieces: Iterable[str]) -> str:
    return _LINE.sub("\n", re.sub(r" {2,}", " ", "".join(pieces).replace("\xa0", " "))).strip()


def _grid(rows: Sequence[Sequence[tuple[str, int, int]]]) -> Rows:
    """Cells ``(text, columns, rows)`` onto a grid: merged cells repeat their text, where two meet the first stays."""
    grid: list[dict[int, str]] = [{} for _ in rows]
    for top, row in enumerate(rows):
        column = 0
        for text, columns, depth in row:
            while column in grid[top]:
                column += 1
            right = min(column + columns, _WIDEST)
            for line in grid[top : top + depth if depth else None]:
                for at in range(column, right):
                    line.setdefault(at, text)
            column = right
    width = max((max(line) + 1 for line in grid if line), default=0)
    return tuple(tuple(line.get(column, "") for column in range(width)) for line in grid if line)


# --- LaTeX -----------------------------------------------------------------------------------------------------------

_TABULAR = re.compile(r"\\begin\{(tabular[*xy]?|longtable|array)\}")
_RULES = re.compile(
    r"\\(?:hline|toprule|midrule|bottomrule|endhead|endfirsthead|endfoot|endlastfoot)\b|\\c(?:line|midrule)(?:\([^)]*\))?\{[^}]*\}"
)
_STYLE = re.compile(r"\\(?:textbf|textit|emph|text|mathrm|makecell|underline)\{([^{}]*)\}")
_COMMAND = re.compile(r"\\(multicolumn|multirow)\s*")


def _latex_tables(text: str) -> list[FoundTable]:
    found: list[FoundTable] = []
    at = 0
    while opening := _TABULAR.search(text, at):
        body, end, whole = _environment(text, opening)
        at = end
        if opening[1] != "array":  # an array is a formula's
            rows = _grid([row for row in _latex_rows(body, whole=whole) if row])
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


def _latex_rows(body: str, *, whole: bool) -> list[list[tuple[str, int, int]]]:
    """Rows of cells; empty cells below a cell of several rows are part of it."""
    rows = [_parted(row, "&") for row in _parted(body, "\\\\")]
    rows = rows if whole else rows[:-1]
    covered: dict[int, int] = {}
    cells: list[list[tuple[str, int, int]]] = []
    for row in rows:
        if not _RULES.sub("", "".join(row)).strip() and len(row) == 1:
            continue
        cells.append([])
        column = 0
        for source in row:
            text, columns, depth = _latex_cell(source)
            if text or not covered.get(column):
                cells[-1].append((text, columns, depth))
            for at in range(column, column + columns):
                covered[at] = depth - 1 if depth > 1 else max(covered.get(at, 0) - 1, 0)
            column += columns
    return cells


def _parted(text: str, mark: str) -> list[str]:
    """Split at a mark that stands in no braces and no environment and, for ``&``, is not escaped."""
    parts, start, depth, at = [], 0, 0, 0
    token = re.compile(r"\\begin\{|\\end\{|\\\\(?:\[[^\]]*\])?|\\.|[{}&]", re.DOTALL)
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


def _latex_cell(source: str) -> tuple[str, int, int]:
    """A cell's text, and how many columns and rows it spans."""
    text, columns, rows = _RULES.sub("", source).strip(), 1, 1
    while command := _COMMAND.match(text):
        count, at = _argument(text, command.end())
        text = _argument(text, _argument(text, at)[1])[0].strip()
        number = _span(count, least=1)
        columns, rows = (number, rows) if command[1] == "multicolumn" else (columns, number)
    plain = _STYLE.sub(r"\1", _STYLE.sub(r"\1", text))
    plain = re.sub(r"\\([&%$#_{}])", r"\1", plain).replace("\\\\", "\n").replace("~", " ")
    return (
        re.sub(r"[ \t]*\n[ \t]*|[ \t]+", lambda gap: "\n" if "\\\\" in text and "\n" in gap[0] else " ", plain),
        columns,
        rows,
    )


# --- Markdown --------------------------------------------------------------------------------------------------------

_PIPES = re.compile(
    r"^(?P<head>[^\n|]*\|[^\n]*)\n"
    r"[ \t]*(?:\|[ \t]*)?:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*(?:\|[ \t]*)?$"
    r"(?P<rest>(?:\n[^\n]*\|[^\n]*)*)",
    re.MULTILINE,
)
_PIPE = re.compile(r"(?<!\\)\|")


def _markdown_tables(text: str) -> list[FoundTable]:
    found = []
    for match in _PIPES.finditer(text):
        lines = [match["head"], *match["rest"].split("\n")[1:]]
        rows = _grid([[(cell, 1, 1) for cell in _pipe_cells(line)] for line in lines])
        found.append(FoundTable(Table(to_html(rows), rows), match.start(), match.end(), whole=True))
    return found


def _pipe_cells(line: str) -> list[str]:
    cells = _PIPE.split(line.strip().removeprefix("|").removesuffix("|"))
    return [re.sub(r"<br\s*/?>", "\n", cell.strip().replace("\\|", "|").replace("\\\\", "\\")) for cell in cells]
