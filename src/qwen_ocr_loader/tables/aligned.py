"""Cells from where text stands: columns by the gaps that rows have in common, rows by lines and what continues them."""

from __future__ import annotations

from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from ..geometry import Box
from .pieces import Piece, rows_of
from .slots import Slot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .rules import Rules

Columns = list[tuple[float, float]]

_FULL = 0.7  # of the fullest row's pieces: such rows show where columns are
_OVERHANG = 0.1  # of those rows may reach into a gap
_GAP = 0.4  # of a line's height
_WIDE = 0.6  # of the table's width: rules that part rows


def columns_of(rows: Sequence[Sequence[Piece]], unit: float) -> Columns:
    """Left and right of each column of text, from the left."""
    most = max(map(len, rows), default=0)
    full = [row for row in rows if len(row) >= max(1.0, _FULL * most)]
    allowed = int(_OVERHANG * len(full))
    edges = sorted(edge for row in full for piece in row for edge in ((piece.box.left, 1), (piece.box.right, -1)))
    columns: Columns = []
    depth, start = 0, 0.0
    for place, step in edges:
        if step > 0 and depth == allowed:
            start = place
        if step < 0 and depth == allowed + 1:
            if columns and start - columns[-1][1] < _GAP * unit:
                columns[-1] = (columns[-1][0], place)
            else:
                columns.append((start, place))
        depth += step
    return columns


def aligned(pieces: Sequence[Piece], rules: Rules, box: Box, unit: float) -> list[Slot]:
    """The cells of a table that its rules do not tell; none where its text has no two columns."""
    lines = rows_of(pieces)
    columns = columns_of(lines, unit)
    if len(columns) < 2:
        return []
    xs = [box.left, *((a[1] + b[0]) / 2 for a, b in pairwise(columns)), box.right]
    full = [rule for rule in rules.across if rule.width >= _WIDE * box.width]
    rows = _banded(lines, full) or _merged(lines, xs, full)
    ys = _between(rows, box)
    slots = []
    for at, row in enumerate(rows):
        band = Box(0, ys[at], 0, ys[at + 1])
        for first, last in _spans(row, xs, rules, band, unit):
            slots.append(Slot(at, first, 1, last - first, Box(xs[first], ys[at], xs[last], ys[at + 1])))
    return slots


def _between(rows: Sequence[Sequence[Piece]], box: Box) -> list[float]:
    """Borders half way between rows."""
    tops = [min(piece.box.top for piece in row) for row in rows]
    bottoms = [max(piece.box.bottom for piece in row) for row in rows]
    return [box.top, *((a + b) / 2 for a, b in zip(bottoms, tops[1:], strict=False)), box.bottom]


def _banded(lines: Sequence[list[Piece]], across: Sequence[Box]) -> list[list[Piece]]:
    """The rows between rules, where most lines of text have a rule below them."""
    bands: list[list[Piece]] = []
    edges = [rule.top for rule in across]
    last = None
    for line in lines:
        middle = median([piece.middle for piece in line])
        band = sum(edge < middle for edge in edges)
        if band == last:
            bands[-1] += line
        else:
            bands.append(list(line))
        last = band
    return bands if len(bands) >= max(3, 0.6 * len(lines)) else []


def _merged(lines: Sequence[list[Piece]], xs: Sequence[float], across: Sequence[Box]) -> list[list[Piece]]:
    """Lines, those that only continue cells of the one above made part of it."""
    filled = [{_column(piece, xs) for piece in line} for line in lines]
    gaps = [_top(below) - _bottom(above) for above, below in pairwise(lines)]
    usual = median(
        [gap for gap, above, below in zip(gaps, filled, filled[1:], strict=False) if len(above & below) > 1] or [0.0]
    )
    rows: list[list[Piece]] = []
    have: set[int] = set()
    for at, line in enumerate(lines):
        gap = gaps[at - 1] if at else 0.0
        ruled = at > 0 and any(
            _bottom(lines[at - 1]) <= rule.top + 1 and rule.bottom - 1 <= _top(line) for rule in across
        )
        part = filled[at] < have and (0 not in filled[at] or 2 * len(filled[at]) <= len(have))
        if at and not ruled and part and _continues(line, gap, usual):
            rows[-1] += line
        else:
            rows.append(list(line))
            have = filled[at]
    return rows


def _continues(line: Sequence[Piece], gap: float, usual: float) -> bool:
    begins = min(line, key=lambda piece: piece.box.left).text[:1]
    return gap < usual - 0.25 * line[0].box.height or (gap <= 1.1 * usual + 1 and (begins.islower() or begins in "(&"))


def _column(piece: Piece, xs: Sequence[float]) -> int:
    middle = (piece.box.left + piece.box.right) / 2
    return sum(x <= middle for x in xs[1:-1])


def _top(line: Sequence[Piece]) -> float:
    return min(piece.box.top for piece in line)


def _bottom(line: Sequence[Piece]) -> float:
    return max(piece.box.bottom for piece in line)


def _spans(row: Sequence[Piece], xs: Sequence[float], rules: Rules, band: Box, unit: float) -> list[tuple[int, int]]:
    """Which columns each cell of a row takes: first, and the one after its last.

    A piece takes the columns that it, or a short rule under it, runs over, as long as nothing else stands there.
    """
    taken = {_column(piece, xs) for piece in row}
    width = xs[-1] - xs[0]
    below = [
        rule for rule in rules.across if band.top < rule.top <= band.bottom + 0.7 * unit and rule.width < 0.9 * width
    ]
    reach: dict[int, tuple[int, int]] = {}
    for piece in row:
        own = _column(piece, xs)
        under = [rule for rule in below if rule.left - unit <= piece.box.left and piece.box.right <= rule.right + unit]
        left = min([piece.box.left, *(rule.left for rule in under)]) + 0.6 * unit
        right = max([piece.box.right, *(rule.right for rule in under)]) - 0.6 * unit
        first, last = own, own + 1
        if len(row) == 1 and own == 0 and not under:  # a heading of the rows that follow
            return [(column, column + 1) for column in range(len(xs) - 1)]
        while first > 0 and xs[first] > left and first - 1 not in taken:
            first -= 1
        while last < len(xs) - 1 and xs[last] < right and last not in taken:
            last += 1
        reach[own] = (first, last)
    spans: list[tuple[int, int]] = []
    column = 0
    while column < len(xs) - 1:
        first, last = next((span for span in reach.values() if span[0] <= column < span[1]), (column, column + 1))
        spans.append((column, max(last, column + 1)))
        column = spans[-1][1]
    return spans
