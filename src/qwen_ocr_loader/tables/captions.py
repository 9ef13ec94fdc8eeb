"""Captions and notes: lines of prose above or below a table's rows that run across its columns."""

from __future__ import annotations

from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from .aligned import columns_of
from .pieces import rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..geometry import Box
    from .aligned import Columns
    from .pieces import Piece
    from .rules import Rules

_MOST = 8  # lines of a caption
_APART = 1.3  # times the usual distance of rows


def without_captions(pieces: Sequence[Piece], rules: Rules, box: Box, unit: float) -> Box:
    """The part of a box that its table takes, if lines above or below are captions; heads between rules are none."""
    rows = rows_of(pieces)
    columns = columns_of(rows, unit)
    if len(columns) < 2 or len(rows) < 4:
        return box
    tops = [rule.top for rule in rules.across if rule.width >= 0.5 * box.width]
    above = _caption(rows, columns, [min(tops)] if tops else [])
    turned = [[_flipped(piece) for piece in row] for row in reversed(rows)]
    below = _caption(turned, columns, [-max(tops)] if tops else [])
    top, bottom = box.top, box.bottom
    if above:
        top = (_bottom(rows[above - 1]) + _top(rows[above])) / 2
    if below and above + below < len(rows) - 1:
        bottom = (_bottom(rows[-below - 1]) + _top(rows[-below])) / 2
    return box._replace(top=top, bottom=bottom)


def _caption(rows: Sequence[Sequence[Piece]], columns: Columns, rule: Sequence[float]) -> int:
    """How many of the first rows are a caption: single lines that run over a border, and what continues them."""
    count = 0
    for row in rows[:_MOST]:
        if len(row) > 1 or any(edge < row[0].middle for edge in rule):
            break
        count += 1
    if not count or count > len(rows) - 2 or not any(_crosses(row[0], columns) for row in rows[:count]):
        return 0
    last = max(at for at in range(count) if _crosses(rows[at][0], columns)) + 1
    gaps = [_top(b) - _bottom(a) for a, b in pairwise(rows)]
    near = _APART * median(gaps[count:] or [0.0])
    while last < count and gaps[last - 1] <= min(near, gaps[last]):
        last += 1
    first = rows[0][0]
    starts = first.box.left <= columns[0][1]
    return last if starts or gaps[last - 1] > near else 0


def _crosses(piece: Piece, columns: Columns) -> bool:
    """It has words, and stands in two columns or more, the space between them included."""
    met = sum(piece.box.left < right and piece.box.right > left for left, right in columns)
    return met > 1 and len(piece.text) > 8


def _flipped(piece: Piece) -> Piece:
    left, top, right, bottom = piece.box
    return piece._replace(box=type(piece.box)(left, -bottom, right, -top))


def _top(row: Sequence[Piece]) -> float:
    return min(piece.box.top for piece in row)


def _bottom(row: Sequence[Piece]) -> float:
    return max(piece.box.bottom for piece in row)
