"""Lays a witness's lines beside a reply, letter by letter, whatever the order either has them in.

A line that stands in the reply as it is goes there; where it stands in several places, to the one that follows the line
before it. Any other is laid where most of its runs of letters are. No letter is used twice: what a reply repeats is
borne out once.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from .wording import Wording

RUN = 4  # letters in a row that tell where to look
WIDE_RUN = 2  # of scripts with thousands of letters
COMMON = 64  # places: a run that stands in more says nothing
MOST = 4096  # places where a line is looked for
BACKWARD = 8  # times as near must a place be that a line is to go back to
LOOKS = 3  # places at which a line is laid beside the reply
SHARE = 0.35  # of a line's letters that must be found where it is laid
LEAST = 3  # letters in a row that count as the same
LONGEST = 400  # letters that are laid beside the reply at a time: it takes the square of their number
BACK = 50  # lines that are looked at for one that says where the next is to be expected
STRAY = 16  # letters by which the places of two runs of a line may differ, beyond a tenth of the line


class Block(NamedTuple):
    """Letters that are the same in the reply (from ``here``) and in a line (from ``there``)."""

    here: int
    there: int
    size: int


class Alignment:
    """What of a reply stands on which line.

    Attributes:
        reply: The reply.
        lines: The witness's.
        line_of: For each letter of the reply the number of its line, or -1.
        letter_of: For each letter of the reply its number in that line.
        found: For each line the letters of the reply its own letters were found as, or -1.
    """

    def __init__(self, reply: Wording, lines: Sequence[Wording]) -> None:
        self.reply, self.lines = reply, lines
        self.line_of = [-1] * len(reply.letters)
        self.letter_of = [-1] * len(reply.letters)
        self.found = [[-1] * len(line.letters) for line in lines]
        self._ends = [0] * len(lines)  # where in the reply each of them ends, as far as it was found
        self._runs = _runs(reply.letters)
        self._starts = {word.first for word in reply.words}
        self._stops = {word.last for word in reply.words}
        self._place_lines()
        self._place_words()

    def _place_lines(self) -> None:
        """First the lines that can only stand in one place, the longest of them first; then the others, in order."""
        places = {letters: self._standing(letters) for letters in {line.letters for line in self.lines}}
        sure = [number for number, line in enumerate(self.lines) if len(places[line.letters]) == 1]
        for number in sorted(sure, key=lambda number: -len(self.lines[number].letters)):
            self._lay_whole(number, places[self.lines[number].letters])
        for number, line in enumerate(self.lines):
            if not (self._ends[number] or self._lay_whole(number, places[line.letters])):
                self._lay_parts(number)

    def _standing(self, letters: str) -> list[int]:
        """Where a line stands in the reply as it is; a short one must be words of its own there."""
        found, at = list[int](), self.reply.letters.find(letters) if letters else -1
        while at >= 0 and len(found) < MOST:
            if len(letters) >= RUN or (at in self._starts and at + len(letters) in self._stops):
                found.append(at)
            at = self.reply.letters.find(letters, at + 1)
        return found

    def _lay_whole(self, number: int, places: list[int]) -> bool:
        """Lay a line where it stands as it is and nothing else has been laid; which place is taken is then gone."""
        size = len(self.lines[number].letters)
        while places:
            place = places.pop(_nearest(places, self.after(number)))
            if all(line < 0 for line in self.line_of[place : place + size]):
                self._take(number, [Block(place, 0, size)])
                return True
        return False

    def _lay_parts(self, number: int) -> None:
        """Lay a line where most of its letters are free and the same."""
        whole = self.lines[number].letters
        for first in range(0, len(whole), LONGEST):
            letters = whole[first : first + LONGEST]
            tries = [self._blocks(letters, place) for place in self._likely(letters)]
            best = max(tries, key=_size, default=[])
            if _size(best) >= max(SHARE * len(letters), LEAST):
                self._take(number, [block._replace(there=first + block.there) for block in best])

    def _likely(self, letters: str) -> list[int]:
        """Where in the reply a line may begin: where most of its runs of letters do."""
        stray, votes = STRAY + len(letters) // 10, Counter[int]()
        for at, run in _runs_of(letters):
            for place in self._runs.get(run, ()):
                votes[(place - at) // stray] += 1
        return _peaks(votes, stray)

    def _blocks(self, letters: str, place: int) -> list[Block]:
        """What is the same, and free, about that place."""
        slack = STRAY + len(letters) // 5
        start, end = max(place - slack, 0), place + len(letters) + 2 * slack
        window = "".join(
            letter if self.line_of[start + at] < 0 else "\0" for at, letter in enumerate(self.reply.letters[start:end])
        )
        matcher = SequenceMatcher(None, window, letters, autojunk=False)
        return _of_words(Block(start + a, b, size) for a, b, size in matcher.get_matching_blocks() if size)

    def _take(self, number: int, blocks: Iterable[Block]) -> None:
        for here, there, size in blocks:
            for step in range(size):
                self.line_of[here + step], self.letter_of[here + step] = number, there + step
                self.found[number][there + step] = here + step
            self._ends[number] = max(self._ends[number], here + size)

    def after(self, number: int) -> int:
        """Where in the reply the nearest line before this one ends that was found there; 0 where none was."""
        before = range(number - 1, max(number - 1 - BACK, -1), -1)
        return next((self._ends[line] for line in before if self._ends[line]), 0)

    def _place_words(self) -> None:
        """Words left over on both sides that are the same; each goes to the line its neighbours are on, if it can."""
        free = defaultdict[str, list[tuple[int, int, int]]](list)
        for number, line in enumerate(self.lines):
            for word in line.words:
                if all(at < 0 for at in self.found[number][word.first : word.last]):
                    free[line.letters[word.first : word.last]].append((self.after(number + 1), number, word.first))
        for places in free.values():
            places.sort()
        for word in self.reply.words:
            if all(number < 0 for number in self.line_of[word.first : word.last]):
                places = free[self.reply.letters[word.first : word.last]]
                if places:
                    _, number, there = places.pop(_closest(places, word.first))
                    self._take(number, [Block(word.first, there, word.last - word.first)])


def _of_words(blocks: Iterable[Block]) -> list[Block]:
    """Without those that are too short to mean anything, unless they continue one another."""
    kept: list[Block] = []
    for block in blocks:
        near = kept and block.here - _end(kept[-1]) <= LEAST and block.there - (kept[-1].there + kept[-1].size) <= LEAST
        if block.size >= LEAST or near:
            kept.append(block)
    return kept


def _end(block: Block) -> int:
    return block.here + block.size


def _size(blocks: Iterable[Block]) -> int:
    return sum(block.size for block in blocks)


def _runs(letters: str) -> dict[str, list[int]]:
    """Every run of letters and where it stands, those that stand nearly everywhere left out."""
    runs = defaultdict[str, list[int]](list)
    for at, run in _runs_of(letters):
        runs[run].append(at)
    return {run: places for run, places in runs.items() if len(places) <= COMMON}


def _runs_of(letters: str) -> Iterator[tuple[int, str]]:
    for at, letter in enumerate(letters):
        size = WIDE_RUN if is_wide(letter) else RUN
        if at + size <= len(letters):
            yield at, letters[at : at + size]


def is_wide(letter: str) -> bool:
    """Whether it is of a script that writes words with one letter or two."""
    return letter >= "\u2e80"


def _closest(places: Sequence[tuple[int, int, int]], wanted: int) -> int:
    """The index of the place nearest to where one is wanted; of equals the first."""
    after = bisect_left(places, (wanted,))
    if after and (after == len(places) or wanted - places[after - 1][0] <= places[after][0] - wanted):
        return bisect_left(places, (places[after - 1][0],))
    return after


def _nearest(places: Sequence[int], expected: int) -> int:
    """The index of the place to take first: the next one, unless one before it is far nearer."""
    after = bisect_left(places, expected)
    if after == len(places):
        return after - 1
    if after and BACKWARD * (expected - places[after - 1]) < places[after] - expected:
        return after - 1
    return after


def _peaks(votes: Counter[int], stray: int) -> list[int]:
    """The likeliest beginnings: neighbouring counts are one, and those far below the best are none."""
    if not votes:
        return []
    joined = {at: count + votes.get(at + 1, 0) for at, count in votes.items()}
    best = max(joined.values())
    likely = sorted((at for at, count in joined.items() if 2 * count > best), key=lambda at: -joined[at])
    kept: list[int] = []
    for at in likely[: 4 * LOOKS]:
        if all(abs(at - other) > 1 for other in kept):
            kept.append(at)
    return [at * stray for at in kept[:LOOKS]]
