"""Where along a line of print its letters stand: wide and narrow ones, right to left, top to bottom."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from itertools import accumulate, groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .geometry import Quad

_NARROW, _WIDE = frozenset("iljtfrI.,:;'|!()[] "), frozenset("mwMW@%—")
_LEFTWARD = frozenset({"R", "AL"})
_RIGHTWARD = frozenset({"L", "EN", "AN"})
Size = tuple[float, float]


def part_of_line(quad: Quad, text: str, first: int, last: int, page: Size | None = None) -> Quad:
    """The quad of ``text[first:last]``, in proportion to the widths that letters usually have.

    Args:
        quad: Of the line, from the text's own top-left.
        text: All of the line.
        first, last: In code points.
        page: Width and height of the page in any unit; says whether an upright box is a column of letters.
    """
    if first <= 0 and last >= len(text):
        return quad
    start, end = _share(text, first, last)
    return quad.part(start, end, down=page is not None and _is_column(quad, text, page))


def widened(text: str, before: int, after: int) -> str:
    """A line of which only this part is known: as many letters like its own are put before and after it."""
    like = next((letter for letter in text if unicodedata.bidirectional(letter) in _LEFTWARD), "n")
    if like == "n":
        like = next((letter for letter in text if _width(letter) == 2.0), like)
    return like * before + text + like * after


def _share(text: str, first: int, last: int) -> tuple[float, float]:
    """From where to where, as fractions 0-1 of the line from its left, the letters stand."""
    edges = _edges(text)
    if not edges:
        return 0.0, 1.0
    ours = [edge for edge in edges[first:last] if edge[0] < edge[1]] or [_letter_under(edges, first)]
    return min(start for start, _ in ours), min(max(end for _, end in ours), 1.0)


@lru_cache(maxsize=64)
def _edges(text: str) -> Sequence[tuple[float, float]]:
    """Where each letter starts and ends, from the line's left; of nothing but marks on no letter, nothing."""
    order = _printed_order(text)
    total = sum(_width(text[place]) for place in order)
    if not total:
        return ()
    edges = [(0.0, 0.0)] * len(text)
    left = 0.0
    for place in order:
        right = left + _width(text[place]) / total
        edges[place] = (left, right)
        left = right
    return edges


def _letter_under(edges: Sequence[tuple[float, float]], mark: int) -> tuple[float, float]:
    """Where the letter is that a mark belongs to: the last before it, or else the next."""
    placed = [*reversed(edges[:mark]), *edges[mark:]]
    return next(edge for edge in placed if edge[0] < edge[1])


def _printed_order(text: str) -> list[int]:
    """Indices of the letters from left to right: runs of one direction, as the Unicode bidi algorithm lays them.

    Runs within runs are not looked for.
    """
    if text.isascii():
        return list(range(len(text)))
    sides = _sides(text)
    leftward = next((side for side in sides if side), "L") == "R"
    runs = [[place for place, _ in run] for _, run in groupby(_resolved(sides, "R" if leftward else "L"), _side)]
    turned = [
        run[::-1] if sides_of == "R" else run for run, sides_of in zip(runs, _run_sides(sides, leftward), strict=True)
    ]
    return [place for run in (turned[::-1] if leftward else turned) for place in run]


def _run_sides(sides: list[str], leftward: bool) -> list[str]:
    return [side for side, _ in groupby(_resolved(sides, "R" if leftward else "L"), _side)]


def _side(placed: tuple[int, str]) -> str:
    return placed[1]


def _sides(text: str) -> list[str]:
    """``R``, ``L``, or nothing for letters that go with their neighbours."""
    kinds = (unicodedata.bidirectional(letter) for letter in text)
    return ["R" if kind in _LEFTWARD else "L" if kind in _RIGHTWARD else "" for kind in kinds]


def _resolved(sides: list[str], base: str) -> list[tuple[int, str]]:
    """Each letter with its direction: one without goes with its neighbours where these agree, else with the line."""
    before = list(accumulate(sides, lambda last, side: side or last, initial=base))[1:]
    after = list(accumulate(reversed(sides), lambda last, side: side or last, initial=base))[:0:-1]
    neighbours = zip(sides, before, after, strict=True)
    return list(enumerate(side or (left if left == right else base) for side, left, right in neighbours))


def _is_column(quad: Quad, text: str, page: Size) -> bool:
    """An upright box that is much higher than wide, with letters in it that are written below each other."""
    box = quad.bounds.scaled(*page)
    return quad.is_upright and len(text) > 1 and box.height > 1.5 * box.width and any(_width(c) == 2.0 for c in text)


@lru_cache(maxsize=1 << 14)
def _width(letter: str) -> float:
    """Of a letter, where most have 1."""
    if unicodedata.combining(letter) or unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0.0
    if unicodedata.east_asian_width(letter) in ("W", "F"):
        return 2.0
    return 0.5 if letter in _NARROW else 1.5 if letter in _WIDE else 1.0
