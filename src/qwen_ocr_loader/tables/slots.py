"""The cells of a table as places on the page, and what is printed in them."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from .cells import Cell
from .pieces import Piece, joined, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ..geometry import Box


class Slot(NamedTuple):
    """A cell's place: on the grid (0-based) and on the page, in the frame in which text runs level."""

    row: int
    column: int
    rows: int
    columns: int
    box: Box


class Filled(NamedTuple):
    """Slots with the pieces that stand in them.

    Attributes:
        slots: As given.
        pieces: Those of each slot.
        strays: Pieces that stand in none.
    """

    slots: Sequence[Slot]
    pieces: Sequence[list[Piece]]
    strays: list[Piece]

    @property
    def texts(self) -> list[str]:
        """The text of each slot."""
        return [joined(pieces) for pieces in self.pieces]

    @property
    def crowded(self) -> int:
        """Pieces that stand beside another one in their slot, with a gap between as wide as between columns."""
        return sum(_gaps(pieces) for pieces in self.pieces)

    def rows(self) -> list[list[Cell]]:
        """The cells, row by row; rows and columns nothing starts in are left out."""
        slots = _tight(self.slots)
        rows: dict[int, list[tuple[int, Cell]]] = defaultdict(list)
        for slot, text in zip(slots, self.texts, strict=True):
            rows[slot.row].append((slot.column, Cell(text, slot.columns, slot.rows)))
        return [[cell for _, cell in sorted(row)] for _, row in sorted(rows.items())]


def _gaps(pieces: Iterable[Piece]) -> int:
    rows = rows_of(pieces)
    pairs = ((a, b) for row in rows for a, b in pairwise(row))
    return sum(b.box.left - a.box.right > 1.2 * min(a.box.height, b.box.height) for a, b in pairs)


def _tight(slots: Sequence[Slot]) -> list[Slot]:
    """Without rows and columns that no cell starts in."""
    rows = {row: at for at, row in enumerate(sorted({slot.row for slot in slots}))}
    columns = {column: at for at, column in enumerate(sorted({slot.column for slot in slots}))}
    return [
        Slot(
            rows[slot.row],
            columns[slot.column],
            sum(slot.row <= row < slot.row + slot.rows for row in rows),
            sum(slot.column <= column < slot.column + slot.columns for column in columns),
            slot.box,
        )
        for slot in slots
    ]


def fill(slots: Sequence[Slot], pieces: Iterable[Piece], reach: float) -> Filled:
    """Put pieces of text into the slots they stand in.

    A piece that lies over several slots of a row is cut between words there; one that lies in none goes to the nearest,
    if that is no further away than ``reach``.
    """
    bands = _Bands(slots, max(reach, 1e-6))
    inside: list[list[Piece]] = [[] for _ in slots]
    strays = []
    for whole in pieces:
        near = list(bands.near(whole.box))
        for piece in whole.parted(_edges(whole, [slots[at] for at in near])):
            best = min(near, key=lambda at: _distance(slots[at].box, piece.box), default=None)
            if best is None or _distance(slots[best].box, piece.box) > reach:
                strays.append(piece)
            else:
                inside[best].append(piece)
    return Filled(slots, inside, strays)


class _Bands:
    """Slots by the bands of the page they touch, so that a piece is held against its neighbours alone."""

    def __init__(self, slots: Sequence[Slot], height: float) -> None:
        self._slots, self._height = slots, height
        self._bands: dict[int, list[int]] = defaultdict(list)
        for at, slot in enumerate(slots):
            for band in self._of(slot.box):
                self._bands[band].append(at)

    def _of(self, box: Box) -> range:
        first, last = int(box.top // self._height) - 1, int(box.bottom // self._height) + 1
        return range(first, min(last, first + 10_000) + 1)

    def near(self, box: Box) -> Iterator[int]:
        """Slots no further away than the bands are high, to the left or right either."""
        left, right = box.left - self._height, box.right + self._height
        for at in dict.fromkeys(at for band in self._of(box) for at in self._bands.get(band, ())):
            slot = self._slots[at].box
            if slot.left <= right and slot.right >= left:
                yield at


def _edges(piece: Piece, slots: Iterable[Slot]) -> list[float]:
    """Where the slots of its row that a piece lies over start and end."""
    middle, box = piece.middle, piece.box
    row = sorted(
        (slot.box for slot in slots if slot.box.top <= middle <= slot.box.bottom and _reaches(box, slot.box)),
        key=lambda other: other.left,
    )
    inner = [(a.right + b.left) / 2 for a, b in pairwise(row)]
    return [row[0].left, *inner, row[-1].right] if row else []


def _reaches(piece: Box, slot: Box) -> bool:
    """It goes into the slot by more than a detector's margin."""
    across = min(piece.right, slot.right) - max(piece.left, slot.left)
    return across > max(0.6 * piece.height, 0.15 * min(slot.width, piece.width))


def _distance(slot: Box, piece: Box) -> float:
    """How far the piece is from the slot; below 0, the more of it lies inside."""
    inside = slot.shared(piece) / max(piece.width * piece.height, 1e-9)
    if inside > 0:
        return -inside
    across = max(slot.left - piece.right, piece.left - slot.right, 0.0)
    down = max(slot.top - piece.bottom, piece.top - slot.bottom, 0.0)
    return across + down
