"""Lines keep pointing at their words when a page's text is written anew."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from typing import TYPE_CHECKING

from ..squashed import squashed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ..results import Line

NEAR = 4_000
"""Letters passed over, or gone back, for a line: in a page written anew the order stays nearly the same."""
_CONTEXT = 24  # letters that tell a place


def moved(lines: Sequence[Line], text: str, written: Callable[[str], str]) -> tuple[Line, ...]:
    """The lines where they stand in another text of the same page, each with that text's own words.

    Compared by letters and digits only, in order. What is not to be found so is left out.

    Args:
        lines: In reading order.
        text: The page, written anew.
        written: Writes a line anew as the page was.
    """
    return tuple(_moved(lines, text, written))


def _moved(lines: Sequence[Line], text: str, written: Callable[[str], str]) -> Iterator[Line]:
    letters, places = squashed(text, "letters")
    at = 0
    for line in lines:
        wanted = squashed(line.text, "letters").text
        found = _near(letters, wanted, at)
        if found < 0:
            wanted = squashed(written(line.text), "letters").text
            found = _near(letters, wanted, at)
        if found >= 0:
            last = found + len(wanted)
            at = max(at, last)
            start, end = places[found], places[last - 1] + 1
            yield replace(line, text=text[start:end], start=start, end=end)


def _near(letters: str, wanted: str, at: int) -> int:
    if not wanted:
        return -1
    found = letters.find(wanted, at, at + len(wanted) + NEAR)
    return found if found >= 0 else letters.find(wanted, max(at - NEAR, 0), at + len(wanted))


def moved_points(points: Sequence[int], old: str, text: str, written: Callable[[str], str]) -> list[int]:
    """Places between the words of a text, in another text of the same page: before the same words.

    Args:
        points: In code points of ``old``.
        old: The page as it was.
        text: The page, written anew.
        written: Writes a piece of the page anew.
    """
    if not points:
        return []
    letters, places = squashed(text, "letters")
    before = squashed(old, "letters").places
    found = []
    for point in points:
        words = squashed(written(old[point : point + 4 * _CONTEXT]), "letters").text[:_CONTEXT]
        expected = bisect_left(before, point) * len(letters) // max(len(before), 1)
        number = _nearest(letters, words, expected)
        found.append(places[number] if number < len(places) else len(text))
    return found


def _nearest(letters: str, words: str, expected: int) -> int:
    """Where the words stand next to where they are expected; there, where they stand nowhere about it."""
    after = letters.find(words, expected, expected + len(words) + NEAR)
    before = letters.rfind(words, max(expected - NEAR, 0), expected + len(words))
    around = [at for at in (before, after) if at >= 0] if words else []
    return min(around, key=lambda at: abs(at - expected), default=expected)
