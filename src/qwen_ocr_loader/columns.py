"""Columns and rows: pieces of a page's text, in any order, become blocks of rows in reading order.

A recursive cut at the gutters that ``gutters.py`` finds: what is above a gutter, left of it, right of it, below it.
What has no gutter left is a block: a column of prose, or the rows of a receipt, form or table.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from itertools import pairwise
from operator import itemgetter
from statistics import median
from typing import TYPE_CHECKING

from .gutters import Piece, Run, Witness, cell_rows, longest_gutter, witness_of

if TYPE_CHECKING:
    from collections.abc import Sequence

Row = list[Piece]

_INF = float("inf")
_SLANT_LINES = 80  # as many as it takes

_by_middle = itemgetter(*map(Piece._fields.index, ("middle", "x0", "y0", "x1", "y1", "text")))
_by_left = itemgetter(*map(Piece._fields.index, ("x0", "x1", "y0", "text")))


def blocks(pieces: Sequence[Piece], *, keep_order: bool = False) -> list[list[Row]]:
    """Cut a page into blocks and each block into rows, all in reading order; the cells of a row from left to right.

    Args:
        pieces: In any order; ``number`` matters only with ``keep_order``.
        keep_order: ``number`` is an order somebody meant (a PDF's content stream): it decides about doubtful gutters.
    """
    ordered = sorted(pieces, key=_by_middle)
    before, after = _neighbours(ordered)
    if before.count(-_INF) == len(before):
        return [[[piece] for piece in ordered]] if ordered else []
    region = _upright([witness_of(*seen) for seen in zip(ordered, before, after, strict=True)])
    top, body, bottom = _without_margins(region)
    regions = [top, *_cut(body, keep_order), bottom]
    return [_rows([w.piece for w in part]) for part in regions if part]


def _neighbours(ordered: Sequence[Piece]) -> tuple[list[float], list[float]]:
    """For each piece where the nearest one before it in its row ends, and where the nearest one after it starts."""
    before, after = [-_INF] * len(ordered), [_INF] * len(ordered)
    usual = median(p.height for p in ordered) if ordered else 0.0
    middles, tops = [p.middle for p in ordered], [p.y0 for p in ordered]
    for i, a in enumerate(ordered):
        _, _, _, high, _, low, middle, height = a
        little = 0.1 * height
        for j in range(i + 1, bisect_right(middles, middle + 1.2 * max(height, usual), i + 1)):
            top = tops[j]
            if high < top and low - top < little:
                continue  # it lies below: told at once, as it is asked for nearly every line
            b = ordered[j]
            if a.x0 + a.x1 <= b.x0 + b.x1:
                if _beside(a, b):
                    before[j] = max(before[j], a.x1)
                    after[i] = min(after[i], b.x0)
            elif _beside(b, a):
                before[i] = max(before[i], b.x1)
                after[j] = min(after[j], a.x0)
    return before, after


def _beside(left: Piece, right: Piece) -> bool:
    """In one row, and not one above the other in boxes drawn too high."""
    lower, upper = (left, right) if left.y0 > right.y0 else (right, left)
    if upper.y1 - lower.y0 < 0.1 * upper.height:
        return False
    return left.x1 <= right.x0 or left.x1 - right.x0 <= 0.5 * min(left.width, right.width)


def _upright(region: list[Witness]) -> list[Witness]:
    """Undo the slant of margins on a page that was not laid flat: lines may be level and columns still lean."""
    lines = [w.piece for w in region if w.wordy]
    slant = _slant(lines[:: 1 + len(lines) // _SLANT_LINES])
    if not slant:
        return region
    upright = []
    for piece, before, after, *_ in region:
        shift = slant * piece.middle
        moved = piece._replace(x0=piece.x0 - shift, x1=piece.x1 - shift)
        upright.append(witness_of(moved, before - shift, after - shift))
    return upright


def _slant(lines: Sequence[Piece]) -> float:
    """The lean (across per down) that stands most left edges above each other; 0 unless clearly better than none.

    And 0 where every other edge stands exactly above or below one more, as in files that no scanner has seen.
    """
    if 2 * len({line.x0 for line in lines}) <= len(lines):
        return 0.0
    step = 0.6 * median(line.height for line in lines) if len(lines) >= 8 else 0.0
    if not step:
        return 0.0
    edges = [(line.x0 / step, line.middle / step) for line in lines]

    def sharpness(slant: float) -> int:
        return sum([n * n for n in Counter([round(x - slant * y) for x, y in edges]).values()])

    best = max((step / 200 for step in range(-8, 9)), key=lambda slant: (sharpness(slant), -abs(slant)))
    return best if sharpness(best) > 1.2 * sharpness(0.0) else 0.0


def _without_margins(region: list[Witness]) -> tuple[list[Witness], list[Witness], list[Witness]]:
    """Split off a running head and foot: a row by itself at the very top or bottom."""
    head = _lone_row(region)
    foot = _lone_row(region[::-1])
    if head + foot >= len(region):
        return [], region, []
    last = len(region) - foot
    return region[:head], region[head:last], region[last:]


def _lone_row(region: Sequence[Witness]) -> int:
    """How many pieces make up the first row, if more white parts it from the rest than parts the rest; 0 if not."""
    first = region[0].piece
    levels = [abs(w.piece.middle - first.middle) for w in region]
    count = next((i for i, level in enumerate(levels) if level > 0.7 * first.height), 0)
    if not 0 < count <= 4:
        return 0
    pitches = [b - a for a, b in pairwise(levels[count:]) if b - a > 0.7 * first.height]
    usual = median(pitches) if pitches else 0.0
    following = region[count].piece
    apart = max(following.y0 - first.y1, first.y0 - following.y1)
    return count if apart > 1.1 * first.height and levels[count] > 1.25 * usual else 0


# --- gutters ---------------------------------------------------------------------------------------------------------


def _cut(region: list[Witness], keep_order: bool) -> list[list[Witness]]:
    """Cut at the longest gutter, then go on with what is above it, left of it, right of it and below it."""
    run = longest_gutter(region, keep_order) if len(region) > 2 else None
    if run is None:
        return [region] if region else []
    parts = [region[: run.first], *_sides(region, run), region[run.last :]]
    return [leaf for part in parts for leaf in _cut(part, keep_order)]


def _sides(region: list[Witness], run: Run) -> list[list[Witness]]:
    """What is left and right of the gutter, and what is let into it; for each row, in a table whose cells hold text."""
    parts: list[list[Witness]] = []
    for first, last in cell_rows(region, run):
        sides: dict[int, list[Witness]] = {-1: [], 1: [], 0: []}
        for i in range(first, last):
            witness = region[i]
            if i in run.merged:
                sides[-1].append(witness._replace(piece=witness.piece._replace(x1=run.x)))
            else:
                sides[witness.side(run.x)].append(witness)
        parts += sides.values()
    return parts


# --- rows ------------------------------------------------------------------------------------------------------------


def _rows(ordered: Sequence[Piece]) -> list[Row]:
    """Pieces from top to bottom as rows. A piece joins the row whose nearest piece is level with it."""
    rows: list[Row] = []
    for piece in ordered:
        for row in rows[:-4:-1]:
            if _joins(row, piece):
                row.append(piece)
                break
        else:
            rows.append([piece])
    for row in rows:
        if len(row) > 1:
            row.sort(key=_by_left)
    return rows


def _joins(row: Row, piece: Piece) -> bool:
    last = row[-1]
    below = piece.middle - last.middle
    if below > last.height and below > piece.height:
        return False
    near = last if len(row) == 1 else min(row, key=lambda p: max(p.x0 - piece.x1, piece.x0 - p.x1))
    overlap = min(near.y1, piece.y1) - max(near.y0, piece.y0)
    if overlap < 0.5 * min(near.height, piece.height):
        return False
    beside = max(near.x0 - piece.x1, piece.x0 - near.x1)
    return beside > -0.3 * min(near.width, piece.width)
