"""Where tables stand: grids of rules, text in columns between level rules, and text in columns alone."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from ..geometry import Box
from .aligned import columns_of
from .captions import without_captions
from .lattice import lattice
from .pieces import Piece, rows_of
from .slots import fill

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .rules import Rules
    from .slots import Slot


_NARROWEST = 22  # heights of a line of text: what is narrower is a list on a slip
_TALLEST = 1.6  # times as high as wide: what is taller is a slip


_STROKE = 2.5  # heights of a line of text: a shorter upright rule may be a letter's, if it joins no two level ones
_FARTHEST = 3.0  # heights of a line of text between two rows of a table that no rules part


class Region(NamedTuple):
    """A part of the page that may be a table.

    Attributes:
        box: In the frame in which text runs level.
        pieces: What is printed in it.
        rules: Those within it.
        grid: Its cells, where crossing rules make some; otherwise empty.
    """

    box: Box
    pieces: list[Piece]
    rules: Rules
    grid: list[Slot]

    def overlaps(self, other: Region) -> bool:
        """They have a good part of the smaller one in common."""
        smaller = min(self.box.width * self.box.height, other.box.width * other.box.height)
        return self.box.shared(other.box) > 0.2 * smaller


def regions(pieces: Sequence[Piece], rules: Rules, page: Box, unit: float) -> Iterator[Region]:
    """What may be tables of a page, the likelier first; one may lie over another."""
    pieces = sorted(pieces, key=_middle)
    for box in _crossed(rules, unit):
        inside, texts = _ruled(rules, box, unit), _within(pieces, box)
        grid = lattice(inside, texts, box, unit)
        if _is_table(grid, texts, unit) and box.width >= _NARROWEST / 2 * unit:
            yield Region(_around([slot.box for slot in grid]), texts, inside, grid)
    beside = _beside(_equal(rules.across, unit))
    whole = () if beside else _crop(pieces, rules, page, unit)
    for box in chain(whole, _between_rules(pieces, rules, unit), _in_columns(pieces, unit)):
        if box.width >= _NARROWEST * unit / (2 if any(box.shared(other) > 0 for other in beside) else 1):
            table = without_captions(_within(pieces, box), _ruled(rules, box, unit), box, unit)
            yield Region(table, _within(pieces, table), _ruled(rules, table, unit), [])


def _within(pieces: Sequence[Piece], box: Box) -> list[Piece]:
    """Pieces, ordered by their middles, whose middle lies in a box."""
    first = bisect_left(pieces, box.top, key=_middle)
    last = bisect_right(pieces, box.bottom, lo=first, key=_middle)
    return [p for p in pieces[first:last] if box.left <= (p.box.left + p.box.right) / 2 <= box.right]


def _middle(piece: Piece) -> float:
    return piece.middle


def _ruled(rules: Rules, box: Box, unit: float) -> Rules:
    """Rules that lie in a box, with a little room."""
    left, top, right, bottom = box.left - unit, box.top - unit, box.right + unit, box.bottom + unit
    across, down = (
        tuple(r for r in kind if left <= r.left and r.right <= right and top <= r.top and r.bottom <= bottom)
        for kind in rules
    )
    return rules._replace(across=across, down=down)


# --- grids of rules --------------------------------------------------------------------------------------------------


def _crossed(rules: Rules, unit: float) -> list[Box]:
    """Boxes round rules that meet, larger first; short upright ones that end in the open are letters' strokes."""
    groups: list[tuple[Box, int]] = []
    todo = [rule for rule in rules.down if rule.height >= _STROKE * unit or _joins_two(rule, rules.across, unit)]
    free = list(rules.across)
    while todo:
        group, grown = [todo.pop()], 0
        while grown < len(group):
            rule, grown = group[grown], grown + 1
            for others in (free, todo):
                met = [other for other in others if _meet(rule, other, 0.4 * unit)]
                group += met
                others[:] = [other for other in others if other not in met]
        groups.append((_around(group), len(group)))
    return sorted((box for box, size in groups if size > 3), key=lambda box: -box.width * box.height)


def _joins_two(rule: Box, across: Sequence[Box], unit: float) -> bool:
    met = [other.top for other in across if _meet(rule, other, 0.4 * unit)]
    return bool(met) and max(met) - min(met) > 0.5 * rule.height


def _meet(rule: Box, other: Box, slack: float) -> bool:
    return (
        rule.left - slack <= other.right
        and other.left - slack <= rule.right
        and rule.top - slack <= other.bottom
        and other.top - slack <= rule.bottom
    )


def _around(boxes: Sequence[Box]) -> Box:
    return Box(
        min(box.left for box in boxes),
        min(box.top for box in boxes),
        max(box.right for box in boxes),
        max(box.bottom for box in boxes),
    )


def _is_table(grid: Sequence[Slot], pieces: Sequence[Piece], unit: float) -> bool:
    """A grid that is mostly regular, and has text in several of its rows and columns; a form's boxes are not."""
    rows, columns = {slot.row for slot in grid}, {slot.column for slot in grid}
    if len(rows) < 2 or len(columns) < 2 or len(grid) < 0.5 * len(rows) * len(columns):
        return False
    inside = fill(grid, pieces, unit)
    filled = [slot for slot, texts in zip(grid, inside.pieces, strict=True) if texts]
    return len(filled) >= 4 and len({slot.row for slot in filled}) > 1 and len({slot.column for slot in filled}) > 1


# --- text between level rules ----------------------------------------------------------------------------------------


def _between_rules(pieces: Sequence[Piece], rules: Rules, unit: float) -> Iterator[Box]:
    """From the first to the last of several rules of equal length, as long as text in columns stands between them."""
    rows = rows_of(pieces)
    for group in _equal(rules.across, unit):
        start = 0
        while start < len(group) - 1:
            end = start
            while end + 1 < len(group) and _is_band(pieces, group[end], group[end + 1], unit):
                end += 1
            box = _around(group[start : end + 1])
            if 0 < end == start + 1:
                box = _open_below(rows, box, unit)
            elif end > start:
                box = _open_above(rows, box, unit)
            if end > start and _has_columns(rows_of(_within(pieces, box)), unit):
                yield box
            start = max(end, start + 1)


def _equal(across: Sequence[Box], unit: float) -> list[list[Box]]:
    """Rules that start and end below each other, group by group, each from the top."""
    groups: list[list[Box]] = []
    for rule in across:
        if rule.width < 6 * unit:
            continue
        for group in groups:
            if abs(group[-1].left - rule.left) <= 1.2 * unit and abs(group[-1].right - rule.right) <= 1.2 * unit:
                group.append(rule)
                break
        else:
            groups.append([rule])
    return groups


def _beside(groups: Sequence[list[Box]]) -> list[Box]:
    """Round each of the groups of three rules or more that stand beside one another, in tables of their own."""
    boxes = [_around(group) for group in groups if len(group) > 2]
    return [
        box
        for box in boxes
        for other in boxes
        if (box.right < other.left or other.right < box.left)
        and min(box.bottom, other.bottom) - max(box.top, other.top) > 0.6 * max(box.height, other.height)
    ]


def _open_above(rows: Sequence[Sequence[Piece]], box: Box, unit: float) -> Box:
    """A table with the row above its first rule, which is its head where each of its pieces stands in a column."""
    columns = columns_of([row for row in rows if box.top <= row[0].middle <= box.bottom], unit)
    above = [row for row in rows if row[0].middle < box.top]
    if not above or len(columns) < 2:
        return box
    head = above[-1]
    near = box.top - max(piece.box.bottom for piece in head) <= unit
    if len(head) == len(columns) and near and _stands_in(head, columns, box, unit):
        return box._replace(top=min(piece.box.top for piece in head) - 0.1 * unit)
    return box


def _open_below(rows: Sequence[Sequence[Piece]], box: Box, unit: float) -> Box:
    """A table's head with the rows below it, where no rule closes it: rows in its columns, as near to each other."""
    head = [row for row in rows if box.top <= row[0].middle <= box.bottom]
    columns = columns_of(head, unit)
    bottom = box.bottom
    below = [row for row in rows if row[0].middle > bottom]
    apart = below[0][0].box.top - max(piece.box.bottom for row in head for piece in row) if head and below else 0.0
    farthest = max(1.5 * unit, min(1.2 * apart, _FARTHEST * unit))
    for row in below:
        if len(row) < 2 or row[0].box.top - bottom > farthest or not _stands_in(row, columns, box, unit):
            break
        bottom = max(piece.box.bottom for piece in row) + 0.1 * unit
    return box._replace(bottom=bottom) if len(columns) > 1 else box


def _stands_in(row: Sequence[Piece], columns: Sequence[tuple[float, float]], box: Box, unit: float) -> bool:
    """Each piece has a column of the head to itself, or starts where the table does."""
    met = [sum(piece.box.left < right and piece.box.right > left for left, right in columns) for piece in row]
    inside = box.left - unit <= row[0].box.left and row[-1].box.right <= box.right + unit
    return inside and max(met) <= 1 and sum(met) >= len(row) - 1


def _is_band(pieces: Sequence[Piece], above: Box, below: Box, unit: float) -> bool:
    """What stands between two rules may be rows of a table: it is no prose, and does not stick out."""
    box = Box(above.left, above.top, above.right, below.bottom)
    inside = _within(pieces, box)
    if any(piece.box.left < box.left - 2 * unit or piece.box.right > box.right + 2 * unit for piece in inside):
        return False
    rows = rows_of(inside)
    single = sum(len(row) == 1 and not _is_in_cell(row[0], box, unit) for row in rows)
    return len(rows) <= 2 or single <= 0.5 * len(rows)


def _is_in_cell(piece: Piece, box: Box, unit: float) -> bool:
    """It continues a cell of another column than the first."""
    return piece.box.left > box.left + 3 * unit and piece.box.width < 0.5 * box.width


def _has_columns(rows: Sequence[Sequence[Piece]], unit: float) -> bool:
    """Two rows or more of two columns or more, that hold short texts."""
    several = [row for row in rows if len(row) > 1]
    return len(several) > 1 and len(columns_of(rows, unit)) > 1 and _mean_length(several) <= 30


def _mean_length(rows: Sequence[Sequence[Piece]]) -> float:
    lengths = [len(piece.text) for row in rows for piece in row]
    return sum(lengths) / max(len(lengths), 1)


# --- text in columns -------------------------------------------------------------------------------------------------


def _crop(pieces: Sequence[Piece], rules: Rules, page: Box, unit: float) -> Iterator[Box]:
    """The page, if it is the picture of a table; what is on it, if that is all a table of short texts and figures."""
    if len(pieces) < 4:
        return
    ink, room = _around([piece.box for piece in pieces] + list(rules.across)), 2 * unit
    rows = rows_of(pieces)
    several = [row for row in rows if len(row) > 1]
    columns = len(columns_of(rows, unit))
    if len(several) < 0.35 * len(rows) or columns < 2 + (not rules.across):
        return
    full = ink.left <= room and ink.top <= room and ink.right >= page.right - room and ink.bottom >= page.bottom - room
    box = page if full else ink
    if box.height <= _TALLEST * box.width and (
        full or (columns > 3 and _mean_length(rows) <= 20 and _figures(rows) >= 0.4)
    ):
        yield box


def _figures(rows: Sequence[Sequence[Piece]]) -> float:
    """Share of the pieces that have a digit."""
    cells = [piece for row in rows for piece in row]
    return sum(any(letter.isdigit() for letter in piece.text) for piece in cells) / max(len(cells), 1)


def _in_columns(pieces: Sequence[Piece], unit: float) -> Iterator[Box]:
    """Runs of rows that have three cells and more below each other, mostly filled, with figures among them."""
    run: list[list[Piece]] = []
    for row in [*rows_of(pieces), []]:
        if len(row) >= 3 and (not run or row[0].box.top - run[-1][0].box.bottom <= 2 * unit):
            run.append(row)
            continue
        if _is_open_table(run, unit):
            yield _around([piece.box for line in run for piece in line])
        run = [row] if len(row) >= 3 else []


def _is_open_table(run: Sequence[Sequence[Piece]], unit: float) -> bool:
    if len(run) < 5:
        return False
    columns = columns_of(run, unit)
    cells = [piece for row in run for piece in row]
    full = 0.6 * len(run) * len(columns) <= len(cells) <= 1.1 * len(run) * len(columns)
    return len(columns) >= 3 and full and _figures(run) >= 0.3 and _mean_length(run) <= 20
