"""Where a chunk's text stands in its parent's, whatever a splitter did to the white space and marks between the words.

First without white space, then by letters and digits only. What stands nowhere so is laid beside the parent word by
word.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from difflib import SequenceMatcher
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from .squashed import Level, Squashed, squashed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST = 4096  # places where a text could stand: one that stands in more says nothing
SHORT = 32  # letters: a shorter text, its case or marks changed, is easily that of another place
ENOUGH = 0.6  # of a chunk's letters, in words that stand in the parent in the same order
_WORD = re.compile(r"[一-鿿぀-ヿ가-힯]|[^\W_一-鿿぀-ヿ가-힯]+(?:[-\u00ad]\s*\n\s*[^\W\d_一-鿿぀-ヿ가-힯]+)*")
"""Words, those divided at the end of a line too; a letter where words have no spaces between them."""


class Stretch(NamedTuple):
    """The same letters in a chunk and in its parent: one place in each for every letter compared, in order."""

    chunk: Sequence[int]
    parent: Sequence[int]

    @property
    def start(self) -> int:
        """Where it begins in the parent."""
        return self.parent[0]

    @property
    def end(self) -> int:
        """Where it ends in the parent."""
        return self.parent[-1] + 1

    def within(self, start: int, end: int) -> Stretch:
        """What of it lies in that part of the parent."""
        first, last = bisect_left(self.parent, start), bisect_left(self.parent, end)
        return Stretch(self.chunk[first:last], self.parent[first:last])


class Text:
    """A parent's text, squashed once for all its chunks."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._levels: dict[Level, Squashed] = {}

    def at(self, level: Level) -> Squashed:
        """The text at a level."""
        if level not in self._levels:
            self._levels[level] = squashed(self.text, level)
        return self._levels[level]

    def stretches(self, chunk: str) -> list[Stretch]:
        """Each place where a chunk's letters stand together, in order; none where they stand nowhere so, or everywhere.

        White space never counts. Case and marks count, unless they are of no help, or the chunk is short.
        """
        solid, letters = squashed(chunk, "solid"), squashed(chunk, "letters")
        found = self._stretches(solid, "solid")
        if letters.text and (not found or len(letters.text) < SHORT):
            ends = [(stretch.start, stretch.end) for stretch in found]
            others = [s for s in self._stretches(letters, "letters") if not any(a <= s.start < b for a, b in ends)]
            found = sorted(found + others, key=lambda stretch: stretch.start)
        return found if len(found) < MOST else []

    def _stretches(self, needle: Squashed, level: Level) -> list[Stretch]:
        hay, size = self.at(level), len(needle.text)
        places = hay.occurrences(needle.text, MOST)
        return [Stretch(needle.places, hay.places[at : at + size]) for at in places]

    def words_like(self, chunk: str, enough: float = ENOUGH) -> Likeness | None:
        """Where a chunk's words stand that is no part of the text as it is; None where too few of its letters do.

        Words are found in order, as ``difflib`` lays two lists beside each other.
        """
        if self.at("letters").occurrences(squashed(chunk, "letters").text, 1):
            return None  # it stands in too many places
        ours, theirs = _words(chunk), self._words
        matcher = SequenceMatcher(None, [w for w, _ in ours], [w for w, _ in theirs], autojunk=False)
        blocks = [block for block in matcher.get_matching_blocks() if block.size]
        stretch = Stretch(
            [place for block in blocks for _, at in ours[block.a : block.a + block.size] for place in at],
            [place for block in blocks for _, at in theirs[block.b : block.b + block.size] for place in at],
        )
        share = len(stretch.chunk) / max(sum(len(at) for _, at in ours), 1)
        if not stretch.chunk or share < enough:
            return None
        return Likeness(
            stretch, whole=share == 1.0 and all(self._is_once(ours, block.a, block.size) for block in blocks)
        )

    @cached_property
    def _words(self) -> list[tuple[str, list[int]]]:
        return _words(self.text)

    def _is_once(self, words: Sequence[tuple[str, list[int]]], first: int, size: int) -> bool:
        """Whether that run of a chunk's words stands in the text only once, letters compared."""
        run = "".join(word for word, _ in words[first : first + size])
        return len(self.at("letters").occurrences(run, 2)) == 1


class Likeness(NamedTuple):
    """A chunk laid beside its parent word by word.

    Attributes:
        stretch: The letters of the words that stand in both.
        whole: Every word of the chunk is one of them, in runs that stand in the parent only once.
    """

    stretch: Stretch
    whole: bool


def _words(text: str) -> list[tuple[str, list[int]]]:
    return list(_found_words(text))


def _found_words(text: str) -> Iterator[tuple[str, list[int]]]:
    """Each word's letters, and where they stand."""
    for match in _WORD.finditer(text):
        letters = squashed(match.group(), "letters")
        if letters.text:
            yield letters.text, [match.start() + place for place in letters.places]
