"""Lines are known again in a chunk by their hashes alone: no offset to trust, no parent at hand.

In a chunk cut from its parent as it stands, all lines lie at one *shift* from where the table has them. In one whose
white space was changed, lines that follow each other in the table still do.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from ..forking import cached_property
from ..render import text_hash
from ..writing import part_of_line, widened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .line_rows import Row, Sizes

ENOUGH = 32  # letters: fewer could as well be a part of another line
ENOUGH_SAID = 12  # where the splitter says so too
MOST = 256  # places tried: a line that stands in more of them says nothing


class Found(NamedTuple):
    """Lines at their places in a chunk.

    Attributes:
        rows: Of every place where the chunk could stand.
        sure: There is one, and they are all of the chunk's lines.
        verified: One of them, at least, lies in the chunk from end to end.
    """

    rows: tuple[Row, ...]
    sure: bool
    verified: bool = True


class Standing(NamedTuple):
    """A chunk's lines, if it stands at a place in the text that the table belongs to.

    Attributes:
        full: Those that lie in it from end to end; each verified.
        parts: Those that its borders cut; nothing tells whether these letters are theirs.
        whole: Nothing else is in the chunk.
    """

    full: tuple[Row, ...]
    parts: tuple[Row, ...]
    whole: bool = True

    @property
    def rows(self) -> tuple[Row, ...]:
        """All of them, in order."""
        return tuple(sorted((*self.full, *self.parts), key=lambda row: row.start))

    @property
    def is_likely(self) -> bool:
        """Whether the chunk could stand there: so many letters are not the same by chance."""
        return self.whole and _covered(self.parts) < ENOUGH


class Anchors:
    """A chunk's text, and the lines that it may be made of, ordered by start."""

    def __init__(self, text: str, rows: Sequence[Row], sizes: Sizes) -> None:
        self._text, self._sizes = text, sizes
        self._rows = [row for row in rows if row.length]
        self._starts = [row.start for row in self._rows]
        self._longest = max((row.length for row in self._rows), default=0)

    def offset(self, start: int) -> Found | None:
        """The lines of a chunk that is said to start there; None where a line in it says otherwise.

        Not sure where too little of it is lines from end to end, where it could stand at another place, too, or where
        something else is said between them.
        """
        at = self._shifted(start)
        if at is None or not at.full:
            return at and Found(at.rows, sure=False, verified=False)
        if min(len(self._like(row)) for row in at.full) > MOST:
            return None
        others = [other for other in self._standings if other.is_likely and other.full != at.full]
        rows = dict.fromkeys(row for standing in (at, *others) for row in standing.rows)
        sure = not others and self._says(at) >= ENOUGH_SAID and self.says_only(at.rows)
        return Found(tuple(rows), sure)

    def search(self) -> Found | None:
        """The lines of a chunk wherever it is said to start; None where none is known again."""
        likely = [standing for standing in self._standings if standing.is_likely]
        if any(not standing.parts for standing in likely):
            sure = len(likely) == 1 and not likely[0].parts and self._says(likely[0]) >= ENOUGH
            return Found(_rows_of(likely), sure)
        apart = self._one_by_one()
        most = max((_covered(standing.full) for standing in self._standings), default=0)
        if _covered(apart) > most:
            return Found(apart, sure=False)
        best = [standing for standing in self._standings if _covered(standing.full) == most]
        return Found(_rows_of(best), sure=False) if best else None

    def says_only(self, rows: Sequence[Row]) -> bool:
        """Whether every letter of the chunk is one of these lines'."""
        said = {place for row in rows for place in range(row.start, row.end)}
        return all(place in said for place, letter in enumerate(self._text) if not letter.isspace())

    def _says(self, standing: Standing) -> int:
        """How many letters say that the chunk stands there: those of its verified lines.

        Of three lines the middle one would be a line wherever else they stood, and known. One or two could as well be
        parts of others: rows of a table are parts of longer rows. They count as far as words in them are not repeated.
        """
        if len(standing.rows) > 2:
            return _covered(standing.full)
        said = (self._text[row.start : row.end].split() for row in standing.full)
        return max(len(" ".join(dict.fromkeys(words))) for words in said)

    def _shifted(self, shift: int) -> Standing | None:
        text, full, parts = self._text, [], []
        first = bisect_left(self._starts, shift - self._longest)
        for row in self._rows[first : bisect_left(self._starts, shift + len(text))]:
            here = row._replace(start=row.start - shift)
            if here.start >= 0 and here.end <= len(text):
                if not here.stands_in(text):
                    return None
                full.append(here)
            elif here.end > 0 and (part := self._part(here)):
                parts.append(part)
        return Standing(tuple(full), tuple(parts))

    def _part(self, row: Row) -> Row | None:
        """What is in the chunk of a line that its border cuts."""
        start, end = max(row.start, 0), min(row.end, len(self._text))
        part = self._text[start:end]
        if not part.strip():
            return None
        line = widened(part, start - row.start, row.end - end)
        quad = part_of_line(row.quad, line, start - row.start, end - row.start, self._sizes.get(row.page))
        return row._replace(start=start, length=end - start, hash=text_hash(part), quad=quad, cut=True)

    @cached_property
    def _standings(self) -> list[Standing]:
        """Every place where lines of the chunk follow each other, with what its borders may have cut of the next."""
        seen: set[tuple[int, int]] = set()
        found = []
        for place, numbers in self._hits:
            for number in numbers if len(numbers) <= MOST else ():
                if (number, place) not in seen:
                    run = self._run_through(number, place)
                    seen.update((at, row.start) for at, row in run)
                    found.append(self._standing(run))
        return found

    def _run_through(self, number: int, place: int) -> list[tuple[int, Row]]:
        """Lines that follow each other in the table and in the chunk, by number: as many as can be."""
        run = deque([(number, self._rows[number]._replace(start=place))])
        while before := self._before(*run[0]):
            run.appendleft(before)
        while after := self._after(*run[-1]):
            run.append(after)
        return list(run)

    def _before(self, number: int, row: Row) -> tuple[int, Row] | None:
        end = row.start
        while end and self._text[end - 1].isspace():
            end -= 1
        return self._known(number - 1, end - self._rows[number - 1].length) if number else None

    def _after(self, number: int, row: Row) -> tuple[int, Row] | None:
        start = row.end
        while start < len(self._text) and self._text[start].isspace():
            start += 1
        return self._known(number + 1, start) if number + 1 < len(self._rows) else None

    def _known(self, number: int, place: int) -> tuple[int, Row] | None:
        here = self._rows[number]._replace(start=place)
        return (number, here) if here.stands_in(self._text) else None

    def _standing(self, run: Sequence[tuple[int, Row]]) -> Standing:
        """What is before and after a run may be parts of the lines before and after it in the table."""
        (first, start), (last, end) = run[0], run[-1]
        before, after = self._text[: start.start].rstrip(), self._text[end.end :].lstrip()
        sides = []
        if before:
            sides.append(self._cut(first - 1, before.strip(), lambda row: len(before) - row.length))
        if after:
            sides.append(self._cut(last + 1, after.strip(), lambda _: len(self._text) - len(after)))
        parts = tuple(part for part in sides if part)
        return Standing(tuple(row for _, row in run), parts, whole=len(parts) == len(sides))

    def _cut(self, number: int, said: str, place: Callable[[Row], int]) -> Row | None:
        """The part of that line that says this; None where it is too short for that, or there is none."""
        if not 0 <= number < len(self._rows) or len(said) >= self._rows[number].length:
            return None
        row = self._rows[number]
        return self._part(row._replace(start=place(row)))

    def _like(self, row: Row) -> list[int]:
        return self._named[row.length][row.hash]

    @cached_property
    def _named(self) -> dict[int, dict[int, list[int]]]:
        """The lines' numbers, by length and by hash."""
        named: dict[int, dict[int, list[int]]] = {}
        for number, row in enumerate(self._rows):
            named.setdefault(row.length, {}).setdefault(row.hash, []).append(number)
        return named

    @cached_property
    def _hits(self) -> list[tuple[int, list[int]]]:
        """Places in the chunk where a line is known again, and the numbers of those that it can be."""
        return list(self._each_hit())

    def _each_hit(self) -> Iterator[tuple[int, list[int]]]:
        text, edges = self._text, _edges(self._text)
        for start in sorted(edges):
            for length, named in self._named.items():
                if start + length in edges and (numbers := named.get(text_hash(text[start : start + length]))):
                    yield start, numbers

    def _one_by_one(self) -> tuple[Row, ...]:
        """Each line for itself, as in a chunk of which parts were changed; longer ones first claim their letters."""
        taken: list[Row] = []
        used: set[int] = set()
        told = [(place, [self._rows[n] for n in numbers]) for place, numbers in self._hits if len(numbers) <= MOST]
        for place, rows in sorted(told, key=lambda hit: -hit[1][0].length):
            letters = range(place, place + rows[0].length)
            if used.isdisjoint(letters):
                used.update(letters)
                taken += [row._replace(start=place) for row in rows]
        return tuple(sorted(taken, key=lambda row: row.start))


def _rows_of(standings: Sequence[Standing]) -> tuple[Row, ...]:
    return tuple(dict.fromkeys(row for standing in standings for row in standing.rows))


def _edges(text: str) -> set[int]:
    """Where a line may begin or end: not in the middle of a word."""
    inside = (i for i in range(1, len(text)) if not (text[i - 1].isalnum() and text[i].isalnum()))
    return {0, *inside, len(text)}


def _covered(rows: Sequence[Row]) -> int:
    return len({place for row in rows for place in range(row.start, row.end)})
