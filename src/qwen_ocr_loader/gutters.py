"""Gutters: is the white between two neighbours a gutter between columns, or the space between the cells of a row?

A plain XY-cut has no answer to that, so it reads receipts and tables column by column. Here a gutter needs witnesses:
lines that run like prose on its sides, or a side of words whose baselines are not those of the other side.
"""

from __future__ import annotations

import string
from bisect import bisect_left
from itertools import pairwise
from statistics import median
from typing import NamedTuple

_PROSE_WIDTH = 6.0  # a line of prose is at least this many line heights wide; words in a cell seldom are
_NARROWEST = 10  # line heights: no column of Latin prose is narrower, but those of listings and labels are
_RAGGED_WIDTH = 10.0  # where nothing but small first letters tells that lines go on, they are longer than a label
_PROSE_LETTERS = 0.6  # and mostly letters
_SLACK = 0.8  # of a line height: how far a detector's box may reach beyond the ink
_BAND_GAP = 2.2  # line heights of white across all columns that end a band
_IN_ROWS = 0.75  # this share of pieces level with one beside them: rows
_ALIGNED = 0.25  # of a line height: two boxes share a baseline
_INF = float("inf")
_ASCII_LETTERS = string.ascii_letters.encode()


class Piece(NamedTuple):
    """A box in the text's own frame: lines run to the right, the next one is below. One unit on both axes."""

    number: int
    text: str
    x0: float
    y0: float
    x1: float
    y1: float
    middle: float
    height: float

    @property
    def width(self) -> float:
        """Along the line."""
        return self.x1 - self.x0


class Witness(NamedTuple):
    """A piece with what is visible of its neighbours in its row."""

    piece: Piece
    before: float  # right edge of the nearest piece before it, -inf where there is none
    after: float  # left edge of the nearest piece after it, inf where there is none
    wordy: bool  # long and made of letters
    start: float  # left and right edge without what a detector adds
    end: float

    def side(self, x: float) -> int:
        """-1 or 1 for left or right of a gutter at ``x``, 0 for a piece that crosses it."""
        return -1 if self.end <= x else 1 if x <= self.start else 0


class Run(NamedTuple):
    """Pieces ``first`` to ``last`` (exclusive) of a region, none of which crosses the gutter at ``x``."""

    x: float
    first: int
    last: int
    merged: frozenset[int] = frozenset()  # indices of pieces in which a detector ran two columns' lines together


def witness_of(piece: Piece, before: float, after: float) -> Witness:
    """A piece and where its neighbours in its row end and start."""
    _, text, x0, _, x1, _, _, height = piece
    wordy = x1 - x0 >= _PROSE_WIDTH * height and _is_of_letters(text)
    slack = min(_SLACK * height, (x1 - x0) / 2)
    return Witness(piece, before, after, wordy, x0 + slack, x1 - slack)


def _is_of_letters(text: str) -> bool:
    letters = _letters(text)
    return letters > 0 and letters >= _PROSE_LETTERS * (len(text) - text.count(" "))


def _letters(text: str) -> int:
    if text.isascii():  # ten times as fast
        return len(text) - len(text.encode().translate(None, _ASCII_LETTERS))
    return sum(map(str.isalpha, text))


def longest_gutter(region: list[Witness], keep_order: bool) -> Run | None:
    """The longest gutter of a region (from top to bottom, as ``columns.blocks`` sorts), or None."""
    if not keep_order and sum(w.wordy for w in region) < 2:
        return None
    runs = [run for x in _gutter_places(region) for run in _runs(region, x)]
    runs.sort(key=lambda run: region[run.first].piece.y0 - region[run.last - 1].piece.y1)
    for run in runs:
        band = [region[i] for i in range(run.first, run.last) if i not in run.merged]
        if _is_gutter(band, run.x, keep_order):
            return _longest_band(region, run)
    return None


def _gutter_places(region: list[Witness]) -> list[float]:
    """Just before the left edges that several pieces with a neighbour before them share."""
    starts = sorted(w.piece.x0 for w in region if w.before > -_INF)
    if not starts:
        return []
    step = median(w.piece.height for w in region)
    places, first = [], 0
    for i in range(1, len(starts) + 1):
        if i == len(starts) or starts[i] - starts[i - 1] > 0.25 * step or starts[i] - starts[first] > step:
            if i - first < 2:
                first = i
                continue
            places.append((first - i, starts[first + (i - first) // 4] - 0.1 * step))
            first = i
    return [x for _, x in sorted(places)[:12]]


def _runs(region: list[Witness], x: float) -> list[Run]:
    """The stretches of the region that nothing spans at ``x``, with something on both sides."""
    places, crossing, lefts, rights = _parted(region, x)
    if not lefts or not rights:
        return []
    left, right = median(lefts), median(rights)
    runs, first, merged = [], 0, set[int]()
    for i in [*crossing, len(places)]:
        if i < len(places):
            if region[i].before > left and region[i].after < right:
                continue  # a caption or a quotation let into the columns
            if _is_merged(region, places, i):
                merged.add(i)
                continue
        stretch = places[first:i]
        if -1 in stretch and 1 in stretch:
            runs.append(Run(x, first, i, frozenset(merged)))
        first, merged = i + 1, set()
    return runs


def _parted(region: list[Witness], x: float) -> tuple[list[int], list[int], list[float], list[float]]:
    """``Witness.side`` of each, which of them cross ``x``, and the outer edges of those that have it beside them."""
    places, crossing, lefts, rights = [], [], [], []
    for piece, before, after, _, start, end in region:
        if end <= x:
            places.append(-1)
            if after > x:
                lefts.append(piece.x0)
        elif x <= start:
            places.append(1)
            if before < x:
                rights.append(piece.x1)
        else:
            crossing.append(len(places))
            places.append(0)
    return places, crossing, lefts, rights


def _is_merged(region: list[Witness], places: list[int], i: int) -> bool:
    """One line that crosses, set like the lines of both columns right above and below it: no heading is."""
    if not region[i].wordy or i < 2 or i + 2 >= len(region):
        return False
    if not (places[i - 2] == -places[i - 1] != 0 != places[i + 1] == -places[i + 2]):
        return False
    piece, near = region[i].piece, [region[j].piece for j in (i - 2, i - 1, i + 1, i + 2)]
    return all(abs(p.middle - piece.middle) < 1.8 * piece.height < 2.6 * p.height < 4 * piece.height for p in near)


def _longest_band(region: list[Witness], run: Run) -> Run:
    """The longest part of a run between stripes of white across both columns: each part is a band of its own."""
    band = region[run.first : run.last]
    white = _BAND_GAP * median(w.piece.height for w in band)
    bottom, cuts = band[0].piece.y1, [0]
    for i, (piece, *_) in enumerate(band):
        if piece.y0 - bottom > white and _both_sides(band[cuts[-1] : i], run.x) and _both_sides(band[i:], run.x):
            cuts.append(i)
        bottom = max(bottom, piece.y1)
    first, last = max(pairwise([*cuts, len(band)]), key=lambda part: part[1] - part[0])
    return run._replace(first=run.first + first, last=run.first + last)


def _both_sides(band: list[Witness], x: float) -> bool:
    left = sum(w.side(x) < 0 for w in band)
    return left >= 2 and len(band) - left >= 2


# --- witnesses -------------------------------------------------------------------------------------------------------


def _is_gutter(band: list[Witness], x: float, keep_order: bool) -> bool:
    slack = band[0].piece.height * _SLACK
    left, right, islands = [], [], 0
    for w in band:
        if w.end <= x:
            if w.after >= x - slack:
                left.append(w)
        elif w.start < x:
            islands += 1
        elif w.before <= x + slack:
            right.append(w)
    fewest = min(len(left), len(right))
    if fewest == 0 or len(left) + len(right) < 4 or 5 * islands > fewest:
        return False
    prose = _is_prose(left) + _is_prose(right)
    if prose == 2:
        return True
    if _shared_baselines(left, right) >= _IN_ROWS:
        return False
    if keep_order:
        return _switches(band, x) <= 2
    return fewest >= 2 and (prose == 1 or (_is_wordy(left) and _is_wordy(right)))


def _is_wordy(side: list[Witness]) -> bool:
    return sum(w.wordy for w in side) >= 0.6 * len(side)


def _is_prose(side: list[Witness]) -> bool:
    """Lines of words that fill a measure or go on in the middle of a sentence."""
    if not _is_wordy(side):
        return False
    ends = sorted(w.piece.x1 for w in side)
    edge = ends[int(0.85 * (len(ends) - 1))]
    measure = edge - min(w.piece.x0 for w in side)
    if ends[-1] - edge + measure < _NARROWEST * median(w.piece.height for w in side) and side[0].piece.text.isascii():
        return False
    full = sum(w.piece.x1 > edge - min(2 * w.piece.height, measure / 8) for w in side)
    if full >= 0.5 * len(side):
        return True
    going_on = [w.piece.width / (w.piece.height or 1.0) for w in side if w.piece.text[:1].islower()]
    return len(going_on) >= 0.35 * len(side) and median(going_on) > _RAGGED_WIDTH


def _shared_baselines(left: list[Witness], right: list[Witness]) -> float:
    """Share of the shorter side's pieces that stand level with one of the other side's, or all as far off (a tilt)."""
    few, many = (left, right) if len(left) < len(right) else (right, left)
    levels = [w.piece.middle for w in many]
    drops = [_drop(levels, w.piece) for w in few]
    tilt = median(drops)
    return sum(abs(drop - tilt) < _ALIGNED for drop in drops) / len(few)


def _drop(levels: list[float], piece: Piece) -> float:
    """How far, in line heights, a piece stands below the nearest of the levels (above: negative)."""
    i = bisect_left(levels, piece.middle)
    return min(((piece.middle - level) / (piece.height or 1.0) for level in levels[max(i - 1, 0) : i + 1]), key=abs)


def _switches(band: list[Witness], x: float) -> int:
    """How often the order the pieces were given in goes from one side of ``x`` to the other."""
    sides = [w.piece.x0 + w.piece.x1 < 2 * x for w in sorted(band, key=lambda w: w.piece.number)]
    return sum(a != b for a, b in pairwise(sides))


# --- tables of text --------------------------------------------------------------------------------------------------


def cell_rows(region: list[Witness], run: Run) -> list[tuple[int, int]]:
    """Where the rows of a table of text start and end; the whole run as one where it is no such table.

    Such a table looks like columns of prose, but for the white that goes through both again and again, and for the
    cells on its sides that start level below it.
    """
    middles = [w.piece.middle for w in region[run.first : run.last]]
    height = median(w.piece.height for w in region[run.first : run.last])
    pitches = [b - a for a, b in pairwise(middles) if b - a > 0.5 * height]
    usual = min(median(pitches), 2 * height) if pitches else height
    cuts = [run.first + i for i, (a, b) in enumerate(pairwise(middles), 1) if b - a > 1.3 * usual]
    rows = list(pairwise([run.first, *cuts, run.last]))
    whole = [(run.first, run.last)]
    if len(rows) < 3 or len(middles) > 12 * len(rows):
        return whole
    level = sum(_starts_level(region[first:last], run.x) for first, last in rows)
    return rows if level >= 0.8 * len(rows) else whole


def _starts_level(row: list[Witness], x: float) -> bool:
    tops = [next((w.piece.middle for w in row if w.side(x) == side), _INF) for side in (-1, 1)]
    return abs(tops[0] - tops[1]) < 0.4 * row[0].piece.height
