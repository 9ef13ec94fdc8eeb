"""All label-value pairs that are printed on a page, by where they stand: the form as its designer meant it.

The value of a label stands, in this order: after it in the same line; right of it in the same row; below it in the
same box; above it, as over the caption of a ruled line. A value goes on in the lines below that start where it starts.
A tick belongs to the words nearest to it. Every piece of print belongs to one label at most; labels with a colon choose
first.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .labels import is_title, known_concept
from .ledger import COLON, is_money, ledger
from .rows import shares_column
from .shapes import begins_with_date, find

if TYPE_CHECKING:
    from collections.abc import Callable

    from .rows import Piece, Sheet

    Way = Callable[["_Finder", Piece], list[Piece]]

_FAR_RIGHT = 30.0  # line heights between a label and its value
_NEAR_RIGHT = 14.0  # of what only looks like one
_BELOW = 1.4  # line heights between a label and the value in the box under it
_ABOVE = 0.8
_LEADING = 0.6  # line heights between lines of one value
_WORD_GAP = 2.2  # line heights between parts of a value in one row
_COMB_GAP = 4.5  # between the boxes that a number is written into, a digit in each
_MOST_PIECES = 16
_TICK_GAP = 2.5
_NAME_WORDS = 4
_IN_DIGITS = ("date", "time", "amount", "count", "phone")
_WHOLE = ("date", "time", "email", "site")
_HALF_OF_DAY = re.compile(r"(?i)[ap]\.?m\.?")


@dataclass(frozen=True, slots=True)
class Pair:
    """A printed label and its value, piece by piece."""

    label: Piece
    value: tuple[Piece, ...]


def pairs(sheet: Sheet, *, listed: bool = False) -> list[Pair]:
    """The page's pairs, in the order in which their labels stand in the page's lines.

    Args:
        sheet: The page.
        listed: Also the headings of a list of things bought, as labels of what stands under them.
    """
    finder = _Finder(sheet)
    columns = ledger(sheet)
    if not listed:
        finder.taken |= columns.listed
    finder.ticks()
    finder.take(_after, sure=1)
    for entry in columns.named:
        finder.take_beside(entry.words, entry.value)
    for sure in (3, 2, 1):
        finder.take(_right, sure)
    finder.take(_askew, sure=2)
    for sure in (3, 2, 1):
        finder.take(_below, sure)
    for way in (_above, _aside):
        finder.take(way, sure=1)
    return sorted(finder.found, key=lambda pair: (pair.label.line, pair.label.start))


class _Finder:
    """Gives each piece to one label at most."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self.found: list[Pair] = []
        self.taken: set[Piece] = set()
        rests = set(sheet.wrapped.values())
        self._labels = [
            piece
            for piece in sheet.pieces
            if piece.label and piece not in rests and not self._goes_on(piece) and not self._is_mere_title(piece)
        ]

    def take(self, way: Way, sure: int) -> None:
        """Look for the values of the labels that are so sure, or surer, and have none."""
        for label in self._labels:
            if label.label < sure or label in self.taken:
                continue
            value = way(self, label) or (way(self, rest) if (rest := self.sheet.wrapped.get(label)) else [])
            if value and (label.label == COLON or _can_be(self.sheet.text(value), label)):
                self.add(label, value)

    def take_beside(self, label: Piece, start: Piece) -> None:
        """Pair words with what begins beside them, if both are free."""
        if label in self.taken or not self.is_free(start):
            return
        value = self.value_from(label, start)
        if _can_be(self.sheet.text(value), label):
            self.add(label, value)

    def add(self, label: Piece, value: list[Piece]) -> None:
        """Pair them: neither is free for anything else."""
        self.found.append(Pair(label, tuple(value)))
        self.taken |= {label, *value}

    def _is_mere_title(self, label: Piece) -> bool:
        """Whether it heads the page, without a value in its line: ``TAX INVOICE``."""
        if label.label > 1 or not is_title(label.text):
            return False
        return not any(piece.follows and piece.line == label.line for piece in self.sheet.right(label)[:1])

    def _goes_on(self, label: Piece) -> bool:
        """Whether it only goes on with what stands close before it, as ``Company`` in a firm's name."""
        before = next(iter(self.sheet.left(label)), None) if label.label < 3 else None
        if before is None or before.label or before.is_mark or before.is_number_of_item:
            return False
        if before.follows and before.line == label.line:  # cut apart as two labels with their values
            return False
        return _gap(before, label) < 0.8 and len(before.text.split()) <= _NAME_WORDS

    def ticks(self) -> None:
        """A ticked box belongs to the nearest words beside it, unless these are the label of something written."""
        for mark in self.sheet.pieces:
            if mark.is_mark and (named := self._named_by(mark)):
                self.add(named, [mark])

    def _named_by(self, mark: Piece) -> Piece | None:
        sides = self.sheet.right(mark)[:1], self.sheet.left(mark)[:1]
        near = [(_gap(mark, piece), piece) for side in sides for piece in side if not piece.is_mark]
        gap, nearest = min(near, key=lambda found: found[0], default=(_TICK_GAP, None))
        if nearest is None or gap >= _TICK_GAP or nearest in self.taken:
            return None
        return None if nearest.label == 3 and _right(self, nearest) else nearest

    def is_free(self, piece: Piece) -> bool:
        """Whether a piece can be a label's value."""
        return not piece.label and piece not in self.taken and not piece.is_number_of_item

    def value_from(self, label: Piece, start: Piece) -> list[Piece]:
        """The value that begins with a piece: the rest of its row, and the lines below that go on with it."""
        value = self._row_from(label, start)
        while len(value) < _MOST_PIECES and (lower := self._next_line(label, value)):
            value += lower
        return value

    def _row_from(self, label: Piece, start: Piece) -> list[Piece]:
        """What follows a piece closely in its row, up to where the label's own column ends."""
        value = [start]
        end = next((other.box.left for other in self.sheet.right(label) if other.label), math.inf)
        for piece in self.sheet.right(start):
            near = _COMB_GAP if len(piece.text) < 3 else _WORD_GAP
            apart = piece.follows or piece.box.left > end - 0.5 or _gap(piece, value[-1]) > near
            if apart or not self.is_free(piece) or self._begins_anew(piece, value, label):
                break
            if piece.box.height > 0.6 * start.box.height:  # not the dash printed between boxes
                value.append(piece)
        return value

    def _begins_anew(self, piece: Piece, value: list[Piece], label: Piece) -> bool:
        """Whether it is a date behind a number, or no time behind a date, and belongs to neither."""
        if value[-1].text.isdigit() and begins_with_date(piece.text):
            return True
        concept = known_concept(label.text)
        dated = concept is not None and concept.kind == "date" and find(self.sheet.text(value), "date")
        return bool(dated) and not (find(piece.text, "time") or _HALF_OF_DAY.fullmatch(piece.text))

    def _next_line(self, label: Piece, value: list[Piece]) -> list[Piece]:
        """The line that goes on with a value: the next one, free, starting where it starts, without its own label."""
        first, last = value[0], value[-1]
        if is_money(last.text) or _is_whole(self.sheet.text(value), label):
            return []
        aligned = (piece for piece in self.sheet.below(last, _LEADING) if abs(piece.box.left - first.box.left) < 1.0)
        lower = next(aligned, None)
        if lower is None or lower.follows or not self.is_free(lower) or self.is_labelled(lower, label):
            return []
        other = self._is_of_next_row(lower, label, first) or _is_other(lower.text, self.sheet.text(value), label)
        return [] if other else self._row_from(label, lower)

    def _is_of_next_row(self, lower: Piece, label: Piece, first: Piece) -> bool:
        """Whether it stands beside words of its own, under a label that has its value beside it."""
        if first.box.left < label.box.right - 0.6:
            return False
        own = (piece for piece in self.sheet.left(lower) if shares_column(piece, label))
        return any(piece is not self.sheet.wrapped.get(label) and not piece.is_number_of_item for piece in own)

    def is_labelled(self, piece: Piece, label: Piece) -> bool:
        """Whether another label stands left of it in its row."""
        beside = next(iter(self.sheet.left(piece)), None)
        if beside is None or not beside.label or beside is label:
            return False
        return _gap(piece, beside) < (_FAR_RIGHT if beside.label > 1 else _NEAR_RIGHT / 2)


def _can_be(value: str, label: Piece) -> bool:
    """Whether a value has a digit, where its label asks for a number, a date or such."""
    concept = known_concept(label.text)
    return concept is None or concept.kind not in _IN_DIGITS or any(map(str.isdigit, value))


def _is_other(lower: str, value: str, label: Piece) -> bool:
    """Whether a line under a telephone number is none."""
    concept = known_concept(label.text)
    phone = concept is not None and concept.kind == "phone" and find(value, "phone")
    return bool(phone) and not find(lower, "phone")


def _is_whole(value: str, label: Piece) -> bool:
    """Whether a value is all that its label asks for, so that no other line goes on with it."""
    concept = known_concept(label.text)
    if concept is None or concept.kind not in _WHOLE:
        return False
    return find(value, concept.kind) is not None


def _gap(one: Piece, other: Piece) -> float:
    """Line heights between two pieces of a row; below 0 where they overlap."""
    return max(one.box.left, other.box.left) - min(one.box.right, other.box.right)


def _after(finder: _Finder, label: Piece) -> list[Piece]:
    """What follows in the same line."""
    beside = next(iter(finder.sheet.right(label)), None)
    if beside and beside.follows and beside.line == label.line and finder.is_free(beside):
        return finder.value_from(label, beside)
    return []


def _right(finder: _Finder, label: Piece, slack: float = 0.5) -> list[Piece]:
    """The nearest piece in the same row, if it is no label."""
    beside = _nearest(finder, label, finder.sheet.right(label, slack))
    reach = _FAR_RIGHT if label.label > 1 else _NEAR_RIGHT
    return finder.value_from(label, beside) if beside and _gap(label, beside) < reach else []


def _askew(finder: _Finder, label: Piece) -> list[Piece]:
    """What was written a little off the row."""
    return _right(finder, label, 0.9)


def _below(finder: _Finder, label: Piece) -> list[Piece]:
    """The nearest piece below; not where it has a caption of its own, as the label has something above."""
    beneath = _nearest(finder, label, finder.sheet.below(label, _BELOW))
    if beneath is None or (_may_be_caption(label) and _is_caption(finder, label, beneath)):
        return []
    return finder.value_from(label, beneath)


def _above(finder: _Finder, label: Piece) -> list[Piece]:
    """The nearest piece above a caption."""
    over = _nearest(finder, label, finder.sheet.above(label, _ABOVE))
    return [over] if over and _may_be_caption(label) and not is_title(label.text) else []


def _may_be_caption(label: Piece) -> bool:
    """Whether a label can stand under its value: not with a colon, nor with a number in front."""
    return label.label < 3 and not label.text[0].isdigit()


def _aside(finder: _Finder, label: Piece) -> list[Piece]:
    """What stands alone in the row below, further to the right in the same wide box."""
    floor = label.box.bottom + _BELOW + 0.5
    lower = [piece for piece in finder.sheet.between(label.middle + 0.5, floor) if piece.box.right > label.box.left]
    if (
        len(lower) != 1
        or not finder.is_free(lower[0])
        or any(over.label for over in finder.sheet.above(lower[0], _BELOW))
    ):
        return []
    return lower


def _nearest(finder: _Finder, label: Piece, pieces: list[Piece]) -> Piece | None:
    """The first that counts nothing, if it is free."""
    first = next((piece for piece in pieces if not piece.is_number_of_item), None)
    return first if first and finder.is_free(first) and not finder.is_labelled(first, label) else None


def _is_caption(finder: _Finder, label: Piece, beneath: Piece) -> bool:
    """Whether the label is printed under its value: what stands under it is in turn followed by a label."""
    over = _nearest(finder, label, finder.sheet.above(label, _ABOVE))
    aligned = over is not None and abs(over.box.left - label.box.left) < 2.0
    under = next(iter(finder.sheet.below(beneath, _ABOVE)), None)
    return aligned and under is not None and 0 < under.label < 3
