"""Lines of print, with their boxes, become Markdown: headings, lists, paragraphs and tables by how the page is set.

Only a page of prose has headings: on receipts, forms and tables large letters are names and sums.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from ..tables import pipe_table
from .blocks import heading
from .cells import CellLines
from .escaping import escaped, escaped_start

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..results import Line, Table

LARGE, LARGEST = 1.3, 1.75  # of the usual line height: boxes of lines with and without descenders differ by a sixth
LONG, LONG_WIDE = 80, 30  # characters of a paragraph that fills a line
PROSE = 0.5  # of a page's characters, in such paragraphs
LONGEST_HEADING = 100

_BULLET = re.compile(r"[•▪●◦▸►‣⁃➢][ \t]*")
_ITEM = re.compile(r"[-*+] |\d{1,3}[.)] ")
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_NUMBERED = re.compile(r"(\d{1,2}(?:\.\d{1,2}){0,3})\.?\s+[^\W\d_]")
_ENDS = tuple(".,;:!?。，；：！？…")


class Piece(NamedTuple):
    """Some text, the line it is of (None for what stands between lines), and what stands before it."""

    glue: str
    text: str
    line: Line | None


@dataclass(slots=True)
class Row:
    """Pieces with no line feed between them.

    Attributes:
        pieces: In reading order.
        apart: An empty line stands before it.
        level: Of the heading it is; 0 for none.
        table: The table whose first line it holds; the row is written after it.
    """

    pieces: list[Piece]
    apart: bool
    level: int = 0
    table: Table | None = None

    @property
    def text(self) -> str:
        """As it was."""
        return "".join(piece.glue * (i > 0) + piece.text for i, piece in enumerate(self.pieces))

    @property
    def height(self) -> float:
        """Of its letters, as a fraction of the page; 0 where unknown, or where they are not upright."""
        quads = [piece.line.quad for piece in self.pieces if piece.line is not None]
        heights = [quad.bottom_left.y - quad.top_left.y for quad in quads if quad is not None]
        return max(median(heights), 0.0) if heights and len(heights) == len(self.pieces) else 0.0


def printed_page(text: str, lines: Sequence[Line], tables: Sequence[Table] = ()) -> tuple[str, tuple[Line, ...]] | None:
    """A page of lines as Markdown.

    Args:
        text: Of the page, paragraphs parted by empty lines.
        lines: In reading order; ``text[line.start:line.end] == line.text``.
        tables: Those with a quad take the place of the lines in it.

    Returns:
        The text and its lines, whose text is what Markdown makes of it; None where spans overlap or are out of order.
    """
    pieces = _pieces(text, lines)
    if pieces is None:
        return None
    rows = _rows(pieces)
    _find_headings(rows)
    return _Writer(tables).written(rows)


def _pieces(text: str, lines: Sequence[Line]) -> list[Piece] | None:
    pieces: list[Piece] = []
    at = 0
    for line in lines:
        if line.start < at:
            return None
        pieces += _between(text[at : line.start], line)
        at = line.end
    return [*pieces, *_between(text[at:], None)]


def _between(gap: str, line: Line | None) -> Iterator[Piece]:
    """What stands before a line that no line has, and the line."""
    words = gap.strip()
    if words:
        start = gap.index(words)
        yield from _unlined(gap[:start], words)
        gap = gap[start + len(words) :]
    if line is not None and line.text:
        yield Piece(gap, line.text, line)


def _unlined(glue: str, words: str) -> Iterator[Piece]:
    for found in re.finditer(r"(\s*\n\s*|^)([^\n]*[^\s])", words):
        yield Piece(found[1] or glue, found[2], None)


def _rows(pieces: Sequence[Piece]) -> list[Row]:
    rows: list[Row] = []
    for piece in pieces:
        if "\n" in piece.glue or not rows:
            rows.append(Row([piece], apart=piece.glue.count("\n") > 1))
        else:
            rows[-1].pieces.append(piece)
    return rows


# --- headings --------------------------------------------------------------------------------------------------------


def _find_headings(rows: Sequence[Row]) -> None:
    if not _is_prose(rows):
        return
    usual = _usual_height(rows)
    for i, row in enumerate(rows):
        following = rows[i + 1] if i + 1 < len(rows) else None
        alone = (row.apart or not i) and (following is None or following.apart)
        if alone and _may_be_heading(row):
            row.level = _by_size(row, usual) or (_by_words(row) if following and _is_long(following.text) else 0)


def _is_prose(rows: Sequence[Row]) -> bool:
    long = sum(len(row.text) for row in rows if _is_long(row.text))
    return long > PROSE * sum(len(row.text) for row in rows)


def _is_long(text: str) -> bool:
    return "\t" not in text and len(text) >= (LONG_WIDE if _WIDE.search(text) else LONG)


def _usual_height(rows: Sequence[Row]) -> float:
    heights = [row.height for row in rows if row.height and _is_long(row.text)]
    return median(heights) if heights else 0.0


def _may_be_heading(row: Row) -> bool:
    text = row.text
    letters = sum(letter.isalpha() for letter in text)
    short = len(text) <= LONGEST_HEADING and "\t" not in text
    return short and 2 * letters > len(text) and not text.endswith(_ENDS) and not _BULLET.match(text)


def _by_size(row: Row, usual: float) -> int:
    if not usual or row.height < LARGE * usual:
        return 0
    return 1 if row.height >= LARGEST * usual else 2


def _by_words(row: Row) -> int:
    """A numbered heading, or one in capitals, before a paragraph."""
    text = row.text
    if numbered := _NUMBERED.match(text):
        return min(2 + numbered[1].count("."), 6)
    return 2 if text.isupper() and len(text) < LONGEST_HEADING / 2 else 0


# --- written ---------------------------------------------------------------------------------------------------------


class _Writer:
    """Rows as Markdown, and where their lines stand in it."""

    def __init__(self, tables: Sequence[Table]) -> None:
        self._tables = [found for found in tables if found.quad is not None and found.rows]
        self._written: list[str] = []
        self._size = 0
        self._lines: list[Line] = []
        self._cells: dict[int, CellLines] = {}

    def written(self, rows: Sequence[Row]) -> tuple[str, tuple[Line, ...]]:
        before: Row | None = None
        for row in rows:
            row.pieces = [piece for piece in row.pieces if not self._in_table(piece)]
            if row.pieces:
                self._break(before, row)
                self._row(row)
                before = row
        return "".join(self._written), tuple(sorted(self._lines, key=lambda line: (line.start, line.end)))

    def _put(self, text: str) -> None:
        self._written.append(text)
        self._size += len(text)

    def _break(self, before: Row | None, row: Row) -> None:
        if not self._size:
            return
        if before is None or row.apart or row.level or before.level or self._written[-1].endswith("|"):
            self._put("\n\n")
        else:
            self._put("\n" if _BULLET.match(row.text) or _ITEM.match(row.text) else "  \n")

    def _row(self, row: Row) -> None:
        if row.level:
            self._put(heading("x", row.level)[:-1])
        for i, piece in enumerate(row.pieces):
            text = escaped(piece.text) if i or row.level else _started(piece.text)
            self._put(" " if i and row.level else piece.glue * (i > 0))
            if piece.line is not None:
                self._lines.append(replace(piece.line, text=text, start=self._size, end=self._size + len(text)))
            self._put(text)

    def _in_table(self, piece: Piece) -> bool:
        """Whether a table has the piece; it is written where its first line would have been."""
        line = piece.line
        if line is None or line.quad is None:
            return False
        for number, found in enumerate(self._tables):
            if _is_inside(line, found):
                return self._cells_of(number, found).take(line, self._lines)
        return False

    def _cells_of(self, number: int, found: Table) -> CellLines:
        if number not in self._cells:
            if self._size:
                self._put("\n\n")
            rows = [[escaped(cell) for cell in row] for row in found.rows]
            text = pipe_table(rows)
            self._cells[number] = CellLines(text, self._size)
            self._put(text)
        return self._cells[number]


def _is_inside(line: Line, found: Table) -> bool:
    assert line.quad is not None
    assert found.quad is not None
    inner, outer = line.quad.bounds, found.quad.bounds
    return inner.shared(outer) > 0.5 * inner.width * inner.height


def _started(text: str) -> str:
    bullet = _BULLET.match(text)
    return f"- {escaped(text[bullet.end() :])}" if bullet and bullet.end() < len(text) else escaped_start(text)
