"""Where a chunk's text stands in its parent's, whatever a splitter did to the white space and marks between the words.

First without white space, then by letters and digits only. What stands nowhere so is laid beside the parent word by
word.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from bisect import bisect_left
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, NamedTuple

from ..forking import cached_property
from ..squashed import Level, Squashed, squashed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from difflib import Match

MOST = 4096  # places where a text could stand: one that stands in more says nothing
SHORT = 32  # letters: a shorter text, its case or marks changed, is easily that of another place
LONG, RARE = 4000, 64  # words of a text; times that a word stands in a long one, to say where in it one is
ENOUGH = 0.6  # of a chunk's letters, in words that stand in the parent in the same order
RUN = 64  # letters that stand in the parent only once, one after the other
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
        self._views: dict[Level, memoryview] = {}

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
            first = bisect_left(solid.places, letters.places[0])
            firsts = {stretch.parent[first] for stretch in found}
            others = [s for s in self._stretches(letters, "letters") if s.start not in firsts]
            found = sorted(found + [self._with_marks(chunk, s) for s in others], key=lambda stretch: stretch.start)
        return found if len(found) < MOST else []

    def _stretches(self, needle: Squashed, level: Level) -> list[Stretch]:
        found, size = self.at(level).occurrences(needle.text, MOST), len(needle.text)
        places = self._places(level)
        return [Stretch(needle.places, places[at : at + size]) for at in found]

    def _places(self, level: Level) -> Sequence[int]:
        """Those of the squashed text, of which parts are taken without being copied."""
        if level not in self._views:
            self._views[level] = memoryview(array("I", self.at(level).places))
        return self._views[level]

    def _with_marks(self, chunk: str, stretch: Stretch) -> Stretch:
        """With the marks before its first letter and after its last one, as far as they are the same in both."""
        before = list(_same_marks(chunk, stretch.chunk[0], self.text, stretch.parent[0], -1))[::-1]
        after = list(_same_marks(chunk, stretch.chunk[-1], self.text, stretch.parent[-1], 1))
        ours, theirs = (tuple(pair[side] for pair in (*before, *after)) for side in (0, 1))
        half = len(before)
        return Stretch((*ours[:half], *stretch.chunk, *ours[half:]), (*theirs[:half], *stretch.parent, *theirs[half:]))

    def words_like(self, chunk: str, enough: float = ENOUGH, run: int | None = RUN) -> Likeness | None:
        """Where a chunk's words stand that is no part of the text as it is; None where too few of its letters do.

        Words are found in order, as ``difflib`` lays two lists beside each other. Few are enough if they follow each
        other as they do nowhere else: a chunk under a heading or a summary that somebody wrote for it.

        Args:
            chunk: Its text.
            enough: Share of its letters.
            run: Letters of such a run of words; None where none will do.
        """
        if self.at("letters").occurrences(squashed(chunk, "letters").text, 1):
            return None  # it stands in too many places
        ours = _words(chunk)
        theirs = self._words[self._window([word for word, _ in ours])]
        matcher = SequenceMatcher(None, [w for w, _ in ours], [w for w, _ in theirs], autojunk=False)
        blocks = [block for block in matcher.get_matching_blocks() if block.size]
        size = sum(len(at) for _, at in ours)
        share = sum(_letters_of(ours, block) for block in blocks) / max(size, 1)
        if share < enough and run is not None:
            blocks = [b for b in blocks if _letters_of(ours, b) >= run and self._is_once(ours, b.a, b.size)]
        elif share < enough:
            return None
        stretch = Stretch(
            [place for block in blocks for _, at in ours[block.a : block.a + block.size] for place in at],
            [place for block in blocks for _, at in theirs[block.b : block.b + block.size] for place in at],
        )
        whole = share == 1.0 and all(self._is_once(ours, block.a, block.size) for block in blocks)
        return Likeness(stretch, whole) if stretch.chunk else None

    @cached_property
    def _words(self) -> list[tuple[str, list[int]]]:
        return _words(self.text)

    def _window(self, words: Sequence[str]) -> slice:
        """Where in a long text most of the rarer of these words stand together: ``difflib`` takes the square of it."""
        if len(self._words) <= LONG:
            return slice(None)
        known = (self._standing.get(word, []) for word in set(words))
        rare = [standing for standing in known if len(standing) <= RARE]
        places = sorted(place for standing in rare for place in standing)
        width, best, first = 2 * len(words), (0, 0), 0
        for last, place in enumerate(places):
            while places[first] < place - width:
                first += 1
            best = max(best, (last + 1 - first, -places[first]))
        middle = -best[1]
        return slice(max(middle - width, 0), middle + 2 * width) if best[0] else slice(0)

    @cached_property
    def _standing(self) -> dict[str, list[int]]:
        """Each word's places among the words."""
        places: dict[str, list[int]] = {}
        for place, (word, _) in enumerate(self._words):
            places.setdefault(word, []).append(place)
        return places

    def _is_once(self, words: Sequence[tuple[str, list[int]]], first: int, size: int) -> bool:
        """Whether that run of a chunk's words stands in the text only once, letters compared."""
        run = "".join(word for word, _ in words[first : first + size])
        return len(self.at("letters").occurrences(run, 2)) == 1


def _letters_of(words: Sequence[tuple[str, list[int]]], block: Match) -> int:
    return sum(len(at) for _, at in words[block.a : block.a + block.size])


class Likeness(NamedTuple):
    """A chunk laid beside its parent word by word.

    Attributes:
        stretch: The letters of the words that stand in both.
        whole: Every word of the chunk is one of them, in runs that stand in the parent only once.
    """

    stretch: Stretch
    whole: bool


def _same_marks(ours: str, here: int, theirs: str, there: int, by: int) -> Iterator[tuple[int, int]]:
    """Where the same marks follow on a letter of either text, one way or the other; white space does not count."""
    while True:
        here, there = _next_sign(ours, here, by), _next_sign(theirs, there, by)
        if not (0 <= here < len(ours) and 0 <= there < len(theirs)):
            return
        sign = unicodedata.normalize("NFKC", ours[here])
        if sign.isalnum() or sign != unicodedata.normalize("NFKC", theirs[there]):
            return
        yield here, there


def _next_sign(text: str, at: int, by: int) -> int:
    at += by
    while 0 <= at < len(text) and (text[at].isspace() or unicodedata.combining(text[at])):
        at += by
    return at


def _words(text: str) -> list[tuple[str, list[int]]]:
    return list(_found_words(text))


def _found_words(text: str) -> Iterator[tuple[str, list[int]]]:
    """Each word's letters, and where they stand."""
    for match in _WORD.finditer(text):
        letters = squashed(match.group(), "letters")
        if letters.text:
            yield letters.text, [match.start() + place for place in letters.places]
