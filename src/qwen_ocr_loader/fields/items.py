"""Rows of things bought, as receipts and invoices list them: a heading over each column, an amount in every row.

A row of headings is one in which two of the names asked for stand. Below it each piece of print belongs to the column
it stands under, down to the first total. An item is a row with numbers; lines of words alone go on with the item above
them, or, where the first line is one of these, begin the item below. Without headings an item is words and, at the
right end, an amount.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .labels import likeness
from .ledger import headings_of
from .receipts import is_carried, is_sum
from .shapes import find, has_cents

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .labels import Concept
    from .rows import Piece, Sheet

_LIKELY = 0.35
_WIDEST_GAP = 6.0  # line heights between items
_NUMBERS = ("amount", "count")

Item = dict[str, list["Piece"]]


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where the headings stand, and which of the names asked for each is."""

    headings: list[Piece]
    names: dict[int, str] = field(default_factory=dict)

    def of(self, piece: Piece) -> str | None:
        """The name whose column a piece stands in: that of the heading it overlaps most, or is nearest to."""
        best = max(range(len(self.headings)), key=lambda i: _overlap(piece, self.headings[i]))
        return self.names.get(best)


def items(sheet: Sheet, asked: Mapping[str, Concept]) -> list[Item]:
    """The items of a list: for each, the pieces of every name that it has a value for."""
    rows = sheet.rows()
    start, columns = _headings(sheet, rows, asked)
    if columns is None:
        return list(_without_headings(rows, asked))
    return _gathered(_body(rows[start:]), columns, asked)


def _headings(sheet: Sheet, rows: Sequence[list[Piece]], asked: Mapping[str, Concept]) -> tuple[int, _Columns | None]:
    """The row with most of the names, and where what is below it begins."""
    found = [
        (len(columns.names), -i, columns) for i, row in enumerate(rows) for columns in [_columns(sheet, row, asked)]
    ]
    count, place, columns = max(found, key=lambda item: item[:2], default=(0, 0, None))
    return (1 - place, columns) if count >= min(2, len(asked)) and count else (0, None)


def _columns(sheet: Sheet, row: Sequence[Piece], asked: Mapping[str, Concept]) -> _Columns:
    headings = headings_of(sheet, row)
    scored = [
        (likeness(heading.text, concept), -i, name)
        for i, heading in enumerate(headings)
        for name, concept in asked.items()
    ]
    names: dict[int, str] = {}
    for score, place, name in sorted(scored, reverse=True):
        if score >= _LIKELY and -place not in names and name not in names.values():
            names[-place] = name
    return _Columns(headings, names)


def _body(rows: Sequence[list[Piece]]) -> Iterator[list[Piece]]:
    """Rows down to the first sum or a wide gap, without what was brought forward from the page before."""
    last = None
    for row in rows:
        carried = any(is_carried(piece.text) for piece in row)
        if carried and last is None:
            continue
        far = last is not None and row[0].box.top - last > _WIDEST_GAP
        if far or carried or any(is_sum(piece.text) for piece in row):
            return
        last = max(piece.box.bottom for piece in row)
        yield row


def _gathered(rows: Iterator[list[Piece]], columns: _Columns, asked: Mapping[str, Concept]) -> list[Item]:
    found: list[Item] = []
    pending: Item = {}
    words_first = None
    for row in rows:
        cells = _cells(row, columns, asked)
        whole = any(asked[name].kind in _NUMBERS for name in cells)
        words_first = not whole if words_first is None else words_first
        if whole:
            found.append(_joined(pending, cells))
            pending = {}
        elif words_first or not found:
            pending = _joined(pending, cells)
        else:
            found[-1] = _joined(found[-1], cells)
    return found


def _cells(row: Sequence[Piece], columns: _Columns, asked: Mapping[str, Concept]) -> Item:
    cells: Item = {}
    for piece in row:
        name = columns.of(piece)
        span = find(piece.text, asked[name].kind) if name else None
        if name and span:
            cells.setdefault(name, []).append(piece.part(*span))
    return cells


def _joined(item: Item, more: Item) -> Item:
    return {name: [*item.get(name, []), *more.get(name, [])] for name in dict.fromkeys([*item, *more])}


def _overlap(piece: Piece, heading: Piece) -> float:
    """How far both stand over each other; below 0 for the gap between them."""
    return min(piece.box.right, heading.box.right) - max(piece.box.left, heading.box.left)


def _without_headings(rows: Sequence[list[Piece]], asked: Mapping[str, Concept]) -> Iterator[Item]:
    """Rows of words and an amount at their right end, above the first sum."""
    words = next((name for name, concept in asked.items() if concept.kind in ("text", "name")), None)
    amounts = [name for name, concept in asked.items() if concept.kind == "amount"]
    if words is None or not amounts:
        return
    for row in rows:
        if any(is_sum(piece.text) for piece in row):
            return
        if any(is_carried(piece.text) for piece in row):
            continue
        last = row[-1]
        span = find(last.text, "amount") if has_cents(last.text) else None
        said = [piece for piece in row[:-1] if any(map(str.isalpha, piece.text)) and not piece.follows]
        if span and said:
            yield {words: said, amounts[-1]: [last.part(*span)]}
