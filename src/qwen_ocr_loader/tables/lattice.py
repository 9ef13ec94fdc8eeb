"""Cells from ruling lines: every rectangle of a grid that no rule parts is one."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from ..geometry import Box
from .slots import Slot

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .pieces import Piece
    from .rules import Rules

_WALL = 0.6  # of a cell's side that a rule must run along to part it from the next
_LEAST, _LEAST_DOWN = 0.15, 0.25  # of the grid's side; shorter ones are strokes of letters and pictures
_MOSTLY = 0.6  # of a border is ruled: where it is not, a rule may have been too faint
_MOST = 4000  # cells


def lattice(rules: Rules, pieces: Sequence[Piece], box: Box, unit: float) -> list[Slot]:
    """The cells that the rules in a box make; its sides close what is open, where text stands in it.

    Nothing where that is less than two rows or columns.
    """
    down = _long([((rule.left + rule.right) / 2, rule.height) for rule in rules.down], _LEAST_DOWN * box.height, unit)
    across = _long([((rule.top + rule.bottom) / 2, rule.width) for rule in rules.across], _LEAST * box.width, unit)
    xs = _closed(
        down, (box.left, box.right), [(piece.box.left + unit / 2, piece.box.right - unit / 2) for piece in pieces], unit
    )
    ys = _closed(across, (box.top, box.bottom), [(piece.middle, piece.middle) for piece in pieces], unit)
    if len(xs) < 3 or len(ys) < 3 or len(xs) * len(ys) > _MOST:
        return []
    upright = _walls([(rule.left + rule.right, rule.top, rule.bottom) for rule in rules.down], xs, ys, unit)
    level = _walls([(rule.top + rule.bottom, rule.left, rule.right) for rule in rules.across], ys, xs, unit)
    cells = _cells(xs, ys, upright, level)
    usual = _usual(upright, len(ys) - 1), _usual(level, len(xs) - 1)
    return _trimmed([part for cell in cells for part in _parted(cell, xs, ys, usual, pieces)], pieces)


def _trimmed(cells: list[Slot], pieces: Sequence[Piece]) -> list[Slot]:
    """Without columns at the sides that nothing stands in: a sheet's own rules run on beyond the table."""
    columns = [cell.column for cell in cells if any(cell.box.shared(piece.box) > 0 for piece in pieces)]
    first, last = min(columns, default=0), max(columns, default=0)
    return [cell for cell in cells if cell.column + cell.columns > first and cell.column <= last]


def _closed(
    borders: Sequence[float], sides: tuple[float, float], texts: Sequence[tuple[float, float]], unit: float
) -> Sequence[float]:
    """Borders, and the box's sides where text (from, to) stands between them and the outermost rules."""
    if not borders:
        return borders
    first = [sides[0]] if any(start < borders[0] - unit / 2 for start, _ in texts) else []
    last = [sides[1]] if any(end > borders[-1] + unit / 2 for _, end in texts) else []
    return [*first, *borders, *last]


def _long(rules: Sequence[tuple[float, float]], least: float, unit: float) -> list[float]:
    """Places of rules (place, length) that are, with those in line with them, long enough to be a table's."""
    borders = _borders([place for place, _ in rules], unit)
    lengths = [sum(length for place, length in rules if abs(place - border) <= 0.5 * unit) for border in borders]
    return [border for border, length in zip(borders, lengths, strict=True) if length >= least]


def _borders(places: Iterable[float], unit: float) -> list[float]:
    """Places nearer than half a line of text to each other are one."""
    borders: list[list[float]] = []
    for place in sorted(places):
        if borders and place - borders[-1][0] <= 0.5 * unit:
            borders[-1].append(place)
        else:
            borders.append([place])
    return [sum(border) / len(border) for border in borders]


def _walls(
    rules: Sequence[tuple[float, float, float]], borders: Sequence[float], across: Sequence[float], unit: float
) -> set[tuple[int, int]]:
    """Which parts of which borders are ruled: (border, part).

    Args:
        rules: Twice the place of each rule, and where it starts and ends.
        borders: Where rules of this direction are.
        across: Where the others are, which part a border.
        unit: Height of a line of text.
    """
    covered: dict[tuple[int, int], float] = {}
    for twice, start, end in rules:
        border = min(range(len(borders)), key=lambda at: abs(borders[at] - twice / 2))
        for part, (first, last) in enumerate(pairwise(across)):
            shared = min(end, last) - max(start, first)
            if shared > 0 and abs(borders[border] - twice / 2) <= unit:
                covered[border, part] = covered.get((border, part), 0.0) + shared / (last - first)
    return {place for place, share in covered.items() if share >= _WALL}


def _cells(
    xs: Sequence[float], ys: Sequence[float], upright: set[tuple[int, int]], level: set[tuple[int, int]]
) -> list[Slot]:
    """Each cell grows to the right and then down until it meets a wall, or a cell that is there already."""
    taken: set[tuple[int, int]] = set()
    cells = []
    for row in range(len(ys) - 1):
        for column in range(len(xs) - 1):
            if (row, column) in taken:
                continue
            right = column + 1
            while right < len(xs) - 1 and (right, row) not in upright and (row, right) not in taken:
                right += 1
            below = row + 1
            while below < len(ys) - 1 and _is_open(below, column, right, upright, level):
                below += 1
            taken.update((r, c) for r in range(row, below) for c in range(column, right))
            cells.append(Slot(row, column, below - row, right - column, Box(xs[column], ys[row], xs[right], ys[below])))
    return cells


def _usual(walls: set[tuple[int, int]], parts: int) -> set[int]:
    """Borders that are ruled along most of their length."""
    counts = Counter(border for border, _ in walls)
    return {border for border, count in counts.items() if count >= _MOSTLY * parts}


def _parted(
    cell: Slot, xs: Sequence[float], ys: Sequence[float], usual: tuple[set[int], set[int]], pieces: Sequence[Piece]
) -> list[Slot]:
    """A cell that only a faint rule left in one piece, parted along borders that are ruled elsewhere.

    An empty one is (but for the corner above a head and a stub), and one that has text on both sides and none across.
    """
    if (cell.rows, cell.columns) == (1, 1):
        return [cell]
    boxes = [piece.box for piece in pieces if piece.box.shared(cell.box) > 0.5 * piece.box.width * piece.box.height]
    if not boxes and (cell.row, cell.column) == (0, 0):
        return [cell]
    right, below = cell.column + cell.columns, cell.row + cell.rows
    cuts = [at for at in range(cell.column + 1, right) if at in usual[0] and _stands_apart(boxes, xs[at])]
    flipped = [Box(box.top, box.left, box.bottom, box.right) for box in boxes]
    downs = [at for at in range(cell.row + 1, below) if at in usual[1] and _stands_apart(flipped, ys[at])]
    columns, rows = [cell.column, *cuts, right], [cell.row, *downs, below]
    return [
        Slot(top, left, bottom - top, end - left, Box(xs[left], ys[top], xs[end], ys[bottom]))
        for top, bottom in pairwise(rows)
        for left, end in pairwise(columns)
    ]


def _stands_apart(boxes: Sequence[Box], border: float) -> bool:
    """Nothing stands in the cell, or something on either side of a border and nothing across it."""
    before = sum(box.right <= border + 0.2 * box.height for box in boxes)
    after = sum(box.left >= border - 0.2 * box.height for box in boxes)
    return not boxes or (before + after == len(boxes) and bool(before and after))


def _is_open(row: int, column: int, right: int, upright: set[tuple[int, int]], level: set[tuple[int, int]]) -> bool:
    """Whether a cell may grow into the row below it: nothing parts them, and nothing stands within."""
    shut = any((row, at) in level for at in range(column, right))
    return not shut and not any((at, row) in upright for at in range(column + 1, right))
