"""The page as pieces of print in rows: which stands right of which, below which, and what looks like a label.

Distances are in heights of a usual line, on the page turned level; in Arabic or Hebrew it is mirrored, so that the
value of a label is always further to the right. A line that holds a label and more (``Date: 3 May``) is several pieces.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from dataclasses import dataclass, replace
from itertools import islice
from statistics import median
from typing import TYPE_CHECKING

from ..geometry import Box, Quad, TextFrame
from ..layout import LEFTWARD
from ..results import Field, Place
from .cuts import COLONS, cut

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ..results import Line, PageResult
    from .labels import Vocabulary

_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")
_MARK = re.compile(r"[_\W]*(?:[xX✕]|[☑☒✓✔✗✘■])[_\W]*")
_ITEM = re.compile(r"\(?\w{1,2}\)\W?|\(\w{1,2}\W?|[a-zA-Z]\.")
_BLOCK_GAP = 1.5  # line heights between blocks of print
_SEEN = 48  # neighbours looked at: more than stand in a row of print, few enough for a page of nothing but overlaps


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A line or a part of one.

    Attributes:
        line: Which of the page's lines.
        start, end: ``lines[line].text[start:end] == text``.
        box: Where it stands, in line heights.
        label: 0 for what is none, 1 for what looks like one, 2 for a known one, 3 for one with a colon.
        follows: It follows a label in the same line, or a colon.
    """

    line: int
    start: int
    end: int
    text: str
    box: Box
    label: int = 0
    follows: bool = False

    @property
    def middle(self) -> float:
        """Halfway down the piece."""
        return (self.box.top + self.box.bottom) / 2

    def part(self, start: int, end: int) -> Piece:
        """What stands between two places of its text."""
        left, right = (self.box.left + self.box.width * at / len(self.text) for at in (start, end))
        box = Box(left, self.box.top, right, self.box.bottom)
        return Piece(self.line, self.start + start, self.start + end, self.text[start:end], box, follows=self.follows)

    @property
    def is_number_of_item(self) -> bool:
        """Whether it only counts, as ``(a)`` does."""
        return _ITEM.fullmatch(self.text) is not None

    @property
    def is_mark(self) -> bool:
        """Whether it is a ticked box: a lone X, a tick."""
        return _MARK.fullmatch(self.text) is not None


Pieces = tuple[Piece, ...]


class Sheet:
    """A page's pieces and who their neighbours are."""

    def __init__(self, result: PageResult, vocabulary: Vocabulary) -> None:
        """Take the page's lines apart.

        Args:
            result: Lines without a quad are left out: nobody knows what they stand beside.
            vocabulary: What labels are made of.
        """
        self.page = result.page
        self.vocabulary = vocabulary
        self.lines = result.lines
        numbers = [i for i, line in enumerate(result.lines) if _is_placed(line)]
        quads = [quad for i in numbers if (quad := result.lines[i].quad)]
        self.leftward = _is_leftward([result.lines[i].text for i in numbers])
        boxes = _level_boxes(quads, result.width, result.height, leftward=self.leftward)
        self.pieces = [
            piece
            for number, box in zip(numbers, boxes, strict=True)
            if _is_level(box, result.lines[number].text)
            for piece in _pieces(number, result.lines[number].text, box, vocabulary)
        ]
        self._arrange()
        self._name_before_colons()
        self.wrapped: dict[Piece, Piece] = {}
        self._join_labels(vocabulary)

    def _arrange(self) -> None:
        self._by_middle = sorted(self.pieces, key=lambda piece: piece.middle)
        self._middles = [piece.middle for piece in self._by_middle]

    def _name_before_colons(self) -> None:
        """What stands left of a line that starts with a colon is a label."""
        named: dict[Piece, Piece] = {}
        for piece in self.pieces:
            if piece.follows and self.lines[piece.line].text.lstrip().startswith(COLONS):
                named |= {other: replace(other, label=3) for other in self.left(piece)[:1] if not other.follows}
        self._relabel(named)

    def _relabel(self, named: dict[Piece, Piece]) -> None:
        if named:
            self.pieces = [named.get(piece, piece) for piece in self.pieces]
            self._arrange()

    def _join_labels(self, vocabulary: Vocabulary) -> None:
        """A line that goes on with a small letter below may be a label only together with it."""
        named: dict[Piece, Piece] = {}
        for lower in self.pieces:
            if lower.follows or lower.label >= 2 or not lower.text[0].islower():
                continue
            upper = next((other for other in self.above(lower, 0.6) if not other.follows), None)
            if upper is None or upper.label == 3 or abs(upper.box.left - lower.box.left) > 0.8:
                continue
            if vocabulary.is_label(f"{upper.text} {lower.text}"):
                first, second = (replace(piece, label=max(piece.label, 1)) for piece in (upper, lower))
                named |= {upper: first, lower: second}
                self.wrapped[first] = second
        self._relabel(named)

    def label_text(self, label: Piece) -> str:
        """What a label says, in one line or two."""
        rest = self.wrapped.get(label)
        return self.text([label, rest] if rest else [label])

    def between(self, top: float, bottom: float) -> Iterator[Piece]:
        """Pieces whose middle lies so far down, from the top down; a few dozen at most."""
        first = bisect_left(self._middles, top)
        return (piece for piece in islice(self._by_middle, first, first + _SEEN) if piece.middle <= bottom)

    def row(self, piece: Piece, slack: float = 0.5) -> list[Piece]:
        """What stands in the same row, itself too, from left to right; ``slack`` is in its own height."""
        reach = slack * max(piece.box.height, 0.8)
        beside = (other for other in self.between(piece.middle - reach, piece.middle + reach))
        return sorted({piece, *beside}, key=lambda other: (other.box.left, other.line, other.start))

    def rows(self) -> list[list[Piece]]:
        """All rows from the top down, each from left to right."""
        return _rows(self._by_middle)

    def right(self, piece: Piece, slack: float = 0.5) -> list[Piece]:
        """What stands right of it in the same row, nearest first."""
        return [
            other for other in self.row(piece, slack) if other.box.left >= piece.box.right - 0.6 and other is not piece
        ]

    def left(self, piece: Piece) -> list[Piece]:
        """What stands left of it in the same row, nearest first."""
        return [other for other in self.row(piece) if other.box.right <= piece.box.left + 0.6 and other is not piece][
            ::-1
        ]

    def below(self, piece: Piece, reach: float) -> list[Piece]:
        """What stands below it and not further down than ``reach`` line heights, the nearest row first."""
        lower = self.between(piece.middle + 0.5, piece.box.bottom + reach + 1)
        found = (other for other in lower if other.box.top <= piece.box.bottom + reach and shares_column(piece, other))
        return _by_rows(sorted(found, key=lambda other: other.middle))

    def above(self, piece: Piece, reach: float) -> list[Piece]:
        """What stands above it within ``reach``, the nearest row first."""
        upper = self.between(piece.box.top - reach - 1, piece.middle - 0.5)
        found = (other for other in upper if other.box.bottom >= piece.box.top - reach and shares_column(piece, other))
        return _by_rows(sorted(found, key=lambda other: -other.middle))

    def block_under(self, heading: Piece) -> set[Piece]:
        """What stands under a heading: down to a gap, and right to where the next heading begins."""
        right = next((other.box.left for other in self.right(heading) if not other.follows), math.inf)
        block: set[Piece] = set()
        floor = heading.box.bottom
        for piece in self.pieces_below(heading):
            if not heading.box.left - 1.5 <= piece.box.left < right - 0.5:
                continue
            if piece.box.top - floor > _BLOCK_GAP:
                break
            block.add(piece)
            floor = max(floor, piece.box.bottom)
        return block

    def pieces_below(self, heading: Piece) -> Iterator[Piece]:
        """Everything further down, from the top down."""
        first = bisect_left(self._middles, heading.middle + 0.5)
        return islice(self._by_middle, first, None)

    def text(self, pieces: Sequence[Piece]) -> str:
        """The pieces as one text; parts of a line that follow each other with what is printed between them."""
        return "".join(f"{joint}{text}" for joint, text in self._with_joints(self._merged(pieces)))

    def _with_joints(self, spans: Sequence[tuple[int, int, int]]) -> Iterator[tuple[str, str]]:
        last = ""
        for line, start, end in spans:
            text = self.lines[line].text[start:end]
            tight = last and _CJK.match(last[-1]) and _CJK.match(text)
            yield ("" if not last or tight else " "), text
            last = text or last

    def _merged(self, pieces: Sequence[Piece]) -> list[tuple[int, int, int]]:
        """Spans of lines; those that follow each other in a line are one."""
        spans: list[tuple[int, int, int]] = []
        for piece in pieces:
            if spans and spans[-1][0] == piece.line and 0 <= piece.start - spans[-1][2] <= 3:
                spans[-1] = (piece.line, spans[-1][1], piece.end)
            else:
                spans.append((piece.line, piece.start, piece.end))
        return spans

    def places(self, pieces: Sequence[Piece], path: tuple[str | int, ...] = ()) -> tuple[Place, ...]:
        """Where the pieces are printed."""
        return tuple(self._place(span, path) for span in self._merged(pieces))

    def _place(self, span: tuple[int, int, int], path: tuple[str | int, ...]) -> Place:
        number, start, end = span
        line = self.lines[number]
        assert line.quad is not None  # lines without one have no pieces
        return Place(path, line.text[start:end], _part(line, start, end, self.leftward), self.page, line.confidence)

    def field(self, pieces: Sequence[Piece]) -> Field:
        """The field whose value these pieces are; without any, a field without a value."""
        return field_at(self.text(pieces) or None, self.places(pieces), self.page)


def _rows(pieces: Iterable[Piece]) -> list[list[Piece]]:
    """Pieces in the order of their middles, as rows, each from left to right."""
    rows: list[list[Piece]] = []
    for piece in pieces:
        if rows and abs(piece.middle - rows[-1][0].middle) < 0.5:
            rows[-1].append(piece)
        else:
            rows.append([piece])
    return [sorted(row, key=lambda piece: piece.box.left) for row in rows]


def _by_rows(pieces: Iterable[Piece]) -> list[Piece]:
    return [piece for row in _rows(pieces) for piece in row]


def field_at(value: object, places: tuple[Place, ...], page: int) -> Field:
    """A field with its places: as sure as the least sure of them."""
    known = [place.confidence for place in places if place.confidence is not None]
    return Field(value, _around(places), min(known, default=None), page, places=places)


def _around(places: Sequence[Place]) -> Quad | None:
    if len(places) < 2:
        return places[0].quad if places else None
    boxes = [place.quad.bounds for place in places]
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return Quad.from_box(min(lefts), min(tops), max(rights), max(bottoms))


def _part(line: Line, start: int, end: int, leftward: bool) -> Quad:
    """The part of a line's quad that holds a part of its text, by the share of characters."""
    assert line.quad is not None
    size = len(line.text)
    if (start, end) == (0, size):
        return line.quad
    first, last = start / size, end / size
    return line.quad.part(1 - last, 1 - first) if leftward else line.quad.part(first, last)


def _is_leftward(texts: Sequence[str]) -> bool:
    text = "".join(texts)
    return not text.isascii() and 2 * len(LEFTWARD.findall(text)) > sum(map(str.isalpha, text))


def _level_boxes(quads: Sequence[Quad], width: float, height: float, *, leftward: bool) -> list[Box]:
    """Boxes on the page turned level, in line heights."""
    angle = _angle(quads, width, height)
    boxes = TextFrame(width, height, angle, leftward).boxes(quads)
    size = median([box.height for box in boxes if box.height > 0] or [1.0])
    return [Box(*(edge / size for edge in box)) for box in boxes]


def _angle(quads: Sequence[Quad], width: float, height: float) -> float:
    """Which way most of the print runs, in degrees clockwise; long lines say it best."""
    sizes = [(math.dist((0, 0), _way(quad, width, height)), quad.angle(width, height)) for quad in quads]
    quarters = [0.0, 0.0, 0.0, 0.0]
    for size, angle in sizes:
        quarters[round(angle / 90) % 4] += size
    quarter = max(range(4), key=quarters.__getitem__)
    skews = [(angle + 45) % 90 - 45 for size, angle in sizes if round(angle / 90) % 4 == quarter]
    return quarter * 90 + (median(skews) if skews else 0.0)


def _way(quad: Quad, width: float, height: float) -> tuple[float, float]:
    return (quad.top_right.x - quad.top_left.x) * width, (quad.top_right.y - quad.top_left.y) * height


def _is_placed(line: Line) -> bool:
    quad = line.quad
    return bool(line.text.strip()) and quad is not None and all(math.isfinite(edge) for edge in quad.bounds)


def _is_level(box: Box, text: str) -> bool:
    """Not a line down the page's side."""
    return len(text) < 3 or box.height <= 1.5 * box.width


def shares_column(one: Piece, other: Piece) -> bool:
    """Whether one stands somewhere above or below the other."""
    return min(one.box.right, other.box.right) > max(one.box.left, other.box.left)


def _pieces(number: int, text: str, box: Box, vocabulary: Vocabulary) -> Iterator[Piece]:
    """The pieces of a line; a character is taken to be as wide as any other."""
    for start, end, label, follows in cut(text, vocabulary):
        left, right = (box.left + box.width * at / len(text) for at in (start, end))
        yield Piece(number, start, end, text[start:end], Box(left, box.top, right, box.bottom), label, follows)
