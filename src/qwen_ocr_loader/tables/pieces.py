"""What is printed on a page, piece by piece, in a frame in which text runs level: rows of it, and parts of a line."""

from __future__ import annotations

import unicodedata
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ..geometry import Box

_ASTRAY = 4.0  # letters: with no gap nearer to a border than this, a piece stands across it
_UNSPACED = ("W", "F")
_NARROW = frozenset("iljtfrI1.,:;'|!()[]{}- ")


class Piece(NamedTuple):
    """A line of text, or a part of one.

    Attributes:
        text: Without white space at its ends.
        box: Where it stands in the frame.
        letter: How wide a usual letter is in it; wider lines have gaps that their text does not show.
    """

    text: str
    box: Box
    letter: float

    @property
    def middle(self) -> float:
        """Half way down."""
        return (self.box.top + self.box.bottom) / 2

    def parted(self, edges: Sequence[float]) -> list[Piece]:
        """Cut between words where it crosses from one cell into the next; uncut where it has no gap there.

        Args:
            edges: Of cells beside each other: where the first starts, each next one, and where the last one ends.
        """
        parts: list[Piece] = []
        rest = self
        for border, end in pairwise(edges[1:]):
            first, last = rest._cut(border, end if end == edges[-1] else None)
            if first:
                parts.append(first)
                rest = last
        return [*parts, rest]

    def _cut(self, border: float, end: float | None) -> tuple[Piece | None, Piece]:
        """What is left of a border, if a gap between words may be there, and the rest.

        The words before a gap reach as far from the left, and those after it from the right, as letters are wide. Of
        several gaps that may be it, the words after the right one start at the border, or stand amid border and
        ``end``, where these make a cell.
        """
        gaps = list(self._gaps())
        if not gaps:
            return None, self
        wrong = {gap: max(gap.left - border, 0.0) + max(border - gap.right, 0.0) for gap in gaps}
        best = min(gaps, key=lambda gap: 2 * wrong[gap] + self._offset(gap.right, border, end))
        if wrong[best] > _ASTRAY * self.letter:
            return None, self
        first, last = self.text[: best.at].strip(), self.text[best.at :].strip()
        left, right = self.box._replace(right=best.left), self.box._replace(left=best.right)
        return self._replace(text=first, box=left), self._replace(text=last, box=right)

    def _offset(self, start: float, border: float, end: float | None) -> float:
        """How far words that start there are from being aligned with a cell."""
        indent = max(start - border, 0.0)
        return indent if end is None else min(indent, abs(start + self.box.right - border - end) / 2)

    def _gaps(self) -> Iterator[_Gap]:
        places = _places(self.text)
        letter = min(self.letter, self.box.width / places[-1])
        for at, sign in enumerate(self.text):
            if sign.isspace():
                left, right = letter * places[at], letter * (places[-1] - places[at + 1])
                yield _Gap(at, self.box.left + left, self.box.right - right)


class _Gap(NamedTuple):
    """White space in a text, and from where to where on the page it may reach."""

    at: int
    left: float
    right: float


def pieces_of(texts: Sequence[str], boxes: Sequence[Box]) -> list[Piece]:
    """Lines of a page as pieces: how wide its letters are for their height is told by most of its lines."""
    wide = [box.width / (_places(text)[-1] * box.height) for text, box in zip(texts, boxes, strict=True) if box.height]
    usual = median(wide or [0.5])
    return [Piece(text, box, usual * box.height) for text, box in zip(texts, boxes, strict=True)]


def _places(text: str) -> list[float]:
    """How far along each letter starts, and the last one ends, in widths of a usual letter."""
    places = [0.0]
    for letter in text:
        places.append(places[-1] + _width(letter))
    return places


def _width(letter: str) -> float:
    if unicodedata.east_asian_width(letter) in _UNSPACED:
        return 2.0
    return 0.55 if letter in _NARROW else 1.5 if letter in "mwMW@%" else 1.25 if letter.isupper() else 1.0


def line_height(pieces: Iterable[Piece]) -> float:
    """The height of a usual line of text."""
    return median([piece.box.height for piece in pieces] or [1.0]) or 1.0


def rows_of(pieces: Iterable[Piece]) -> list[list[Piece]]:
    """Pieces that stand beside each other, row by row from the top, each from the left."""
    rows: list[list[Piece]] = []
    for piece in sorted(pieces, key=lambda piece: (piece.middle, piece.box.left)):
        if rows and _beside(rows[-1], piece):
            rows[-1].append(piece)
        else:
            rows.append([piece])
    return [sorted(row, key=lambda piece: piece.box.left) for row in rows]


def _beside(row: Sequence[Piece], piece: Piece) -> bool:
    """Whether it stands in the row that begins with its first pieces; lower ones must not draw it down."""
    first = row[0]
    return piece.middle - first.middle <= 0.45 * min(max(first.box.height, 1e-9), max(piece.box.height, 1e-9))


def joined(pieces: Iterable[Piece]) -> str:
    """The text of a cell: its rows one after the other, with no space between Chinese characters."""
    text = ""
    for row in rows_of(pieces):
        for piece in row:
            tight = not text or (_is_wide(text[-1]) and _is_wide(piece.text[:1]))
            text += piece.text if tight else " " + piece.text
    return text


def _is_wide(letter: str) -> bool:
    return bool(letter) and unicodedata.east_asian_width(letter) in _UNSPACED
