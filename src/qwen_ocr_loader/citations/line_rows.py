"""The line table of a Document's metadata, read and written: which letters stand where on which page.

A table that ``render.line_table`` made is that of a whole record's text. One made here is a chunk's own: its starts are
those of the chunk's text, and the key ``lines_of`` says so.
"""

from __future__ import annotations

import bisect
import json
import math
from typing import TYPE_CHECKING, Any, NamedTuple

from ..geometry import Point, Quad
from ..render import text_hash

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

CUT = 1 << 24
"""Set above a row's hash where the line was cut: text, hash and box are those of the part that is left."""
OWN, DOUBTFUL = "chunk", "chunk, in one of several places"
"""What ``lines_of`` says: the rows are the chunk's own; or they are those of every place where it could stand.

After the former, and a colon, stands ``text_hash`` of the chunk's text without white space.
"""

Sizes = dict[int, tuple[float, float]]


class Row(NamedTuple):
    """A line of a text and its box.

    Attributes:
        start, length: In code points of the text that the table belongs to.
        hash: ``text_hash`` of those letters.
        quad: As fractions of the displayed page.
        page: 0-based.
        cut: It is a part of a line.
        confidence: The engine's own, 0-1; None where it gave none, or the table has none.
    """

    start: int
    length: int
    hash: int
    quad: Quad
    page: int = 0
    cut: bool = False
    confidence: float | None = None

    @property
    def end(self) -> int:
        """Where it ends in the text."""
        return self.start + self.length

    def stands_in(self, text: str) -> bool:
        """Whether the letters at its place are its own."""
        return self.start >= 0 and self.end <= len(text) and text_hash(text[self.start : self.end]) == self.hash


class Span(NamedTuple):
    """A page's text within a text of several pages, in code points; its size where that is known, else 0."""

    page: int
    start: int
    length: int
    width: float = 0.0
    height: float = 0.0


class Table(NamedTuple):
    """The lines of a text, in its order, and its pages.

    Attributes:
        rows: Ordered by start.
        spans: In order; none where the text is of one page.
        of: ``OWN``, ``DOUBTFUL``, or ``""`` for a whole record's table.
        said: ``text_hash`` of the chunk's text without white space; ``""`` where that is not written.
    """

    rows: tuple[Row, ...] = ()
    spans: tuple[Span, ...] = ()
    of: str = ""
    said: str = ""

    def is_of(self, text: str) -> bool:
        """Whether it was made for this text, white space not counted."""
        return self.said == solid_hash(text)


def read_table(metadata: Mapping[str, Any]) -> Table:
    """From flat or rich metadata, or what a store made of it; without rows where it has none, or spoiled ones."""
    try:
        return _table(metadata)
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError):  # cut short, not ours
        return Table()


def _table(metadata: Mapping[str, Any]) -> Table:
    spans = tuple(_span(*span) for span in _json(metadata.get("page_spans")))
    pages = Pages(spans, page_of(metadata))
    if isinstance(lines := metadata.get("lines"), list):
        rows = [_rich_row(line, pages) for line in lines if line.get("quad")]
    else:
        rows = [_row(numbers, pages) for numbers in _json(metadata.get("ocr_lines"))]
    of, _, said = str(metadata.get("lines_of") or "").partition(":")
    return Table(tuple(sorted(rows, key=_start)), spans, of, said)


class Pages:
    """Which page a place in a text is on."""

    def __init__(self, spans: Sequence[Span], page: int | None) -> None:
        self._spans, self._page = spans, page
        self._starts = [span.start for span in spans]

    def at(self, place: int) -> int:
        """The page, 0-based, of the span that a code point lies in, or else of the one before it.

        Raises:
            ValueError: It is not known.
        """
        if not self._spans:
            if self._page is None:
                raise ValueError("no page is named")
            return self._page
        return self._spans[max(bisect.bisect_right(self._starts, place) - 1, 0)].page


def solid_hash(text: str) -> str:
    """``text_hash`` of a text without white space, written down."""
    return str(text_hash("".join(text.split())))


def write_rows(rows: Iterable[Row]) -> str:
    """As ``render.line_table`` writes it; ``""`` where there are none."""
    table = [[row.start, row.length, row.hash | (CUT if row.cut else 0), *_numbers(row.quad)] for row in rows]
    return str(table).replace(" ", "") if table else ""


def fewer_rows(rows: Sequence[Row], text: str, room: int) -> list[Row]:
    """Neighbours as one row, for a table in fewer bytes: cells beside each other, then, two by two, lines below.

    Only such neighbours as have nothing but white space between them in the text. More bytes than ``room`` are left
    where there are not enough of them.
    """
    kept = _paired(rows, text, below=False, once=False)
    while len(write_rows(kept)) > room:
        before, kept = kept, _paired(kept, text, below=True, once=True)
        if len(kept) == len(before):
            break
    return kept


def _paired(rows: Sequence[Row], text: str, *, below: bool, once: bool) -> list[Row]:
    """Each row joined with those before it; ``once``: with one of them at most."""
    joined: list[Row] = []
    free = False
    for row in rows:
        wide = _joined(joined[-1], row, text, below=below) if free else None
        joined[-1:] = [wide] if wide else [*joined[-1:], row]
        free = not (wide and once)
    return joined


def _joined(first: Row, second: Row, text: str, *, below: bool) -> Row | None:
    if first.page != second.page or first.end > second.start or text[first.end : second.start].strip():
        return None
    quad = first.quad.joined(second.quad, below=below)
    if quad is None:
        return None
    mark = text_hash(text[first.start : second.end])
    return Row(first.start, second.end - first.start, mark, quad, first.page, first.cut or second.cut)


def rich_lines(rows: Iterable[Row], text: str) -> list[dict[str, Any]]:
    """As ``metadata="rich"`` has them; ``cut`` is there on parts of lines only."""
    return [
        {
            "text": text[row.start : row.end],
            "start": row.start,
            "end": row.end,
            "quad": row.quad,
            "confidence": row.confidence,
            "page": row.page,
            **({"cut": True} if row.cut else {}),
        }
        for row in rows
    ]


def write_spans(spans: Iterable[Span]) -> str:
    """As JSON; sizes are written where they are known."""
    return json.dumps([span if span.width else span[:3] for span in spans], separators=(",", ":"))


def sizes_of(metadata: Mapping[str, Any], spans: Sequence[Span]) -> Sizes:
    """Width and height of the pages, where the metadata has them.

    A record of several pages has ``page_width`` and ``page_height`` of its first.
    """
    width, height = number(metadata.get("page_width")), number(metadata.get("page_height"))
    first: Sizes = {page_of(metadata) or 0: (width, height)} if width > 0 and height > 0 else {}
    return first | {span.page: (span.width, span.height) for span in spans if span.width > 0 and span.height > 0}


def number(value: object) -> float:
    """A number of metadata as a store gave it back; 0 where it is none."""
    try:
        read = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return read if math.isfinite(read) else 0.0


def whole(value: object) -> int:
    """``number``, without a fraction."""
    return int(number(value))


def page_of(metadata: Mapping[str, Any]) -> int | None:
    """The page, 0-based, that metadata names; None where a store has dropped it, or it is no page."""
    for key, first in (("page", 0), ("page_number", 1)):
        if metadata.get(key) not in (None, ""):
            page = whole(metadata[key]) - first
            return page if page >= 0 else None
    return None


def _start(row: Row) -> int:
    return row.start


def _json(value: object) -> list[Any]:
    """A list, as it is or written as JSON; an empty one for what is neither."""
    if isinstance(value, list | tuple):
        return list(value)
    read = json.loads(value) if isinstance(value, str) and value else []
    return read if isinstance(read, list) else []


def _span(page: float, start: float, length: float, width: float = 0.0, height: float = 0.0) -> Span:
    return Span(whole(page), whole(start), whole(length), number(width), number(height))


def _row(numbers: Sequence[int], pages: Pages) -> Row:
    start, length, mark = (whole(number) for number in numbers[:3])
    corners = numbers[3:]
    if start < 0 or length < 0 or not all(0 <= corner <= 9999 for corner in corners):
        raise ValueError(f"{numbers} is no row")
    return Row(start, length, mark & (CUT - 1), Quad.from_ints(corners), pages.at(start), bool(mark & CUT))


def _rich_row(line: Mapping[str, Any], pages: Pages) -> Row:
    quad = Quad(*(Point(x, y) for x, y in line["quad"]))
    if not all(0 <= value <= 1 for point in quad for value in point):
        raise ValueError(f"{quad} is not on the page")
    start, end = line["start"], line["end"]
    cut, confidence = bool(line.get("cut")), line.get("confidence")
    return Row(start, end - start, text_hash(line["text"]), quad, line.get("page", pages.at(start)), cut, confidence)


def _numbers(quad: Quad) -> tuple[int, ...]:
    """The same integers that the quad was made from, where it was: 4 where it is upright, else 8."""
    return quad.to_ints() if quad.is_upright else tuple(n for p in quad for n in Quad.from_box(*p, *p).to_ints()[:2])
