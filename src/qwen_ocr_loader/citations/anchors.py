"""Lines are known again in a chunk by their hashes alone: no offset to trust, no parent at hand.

In a chunk cut from its parent as it stands, all lines lie at one *shift* from where the table has them.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from ..render import text_hash
from .writing import part_of_line, widened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .line_rows import Row, Sizes

ENOUGH = 32  # letters of lines known again: fewer could as well be a part of another line
ENOUGH_SAID = 12  # where the splitter says so too
MOST = 256  # shifts tried: a line that stands in more places says nothing


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


class Shifted(NamedTuple):
    """A chunk's lines, if it starts at a place in the text that the table belongs to.

    Attributes:
        full: Those that lie in it from end to end; each verified.
        parts: Those that its borders cut; nothing tells whether these letters are theirs.
    """

    full: tuple[Row, ...]
    parts: tuple[Row, ...]

    @property
    def rows(self) -> tuple[Row, ...]:
        """All of them, in order."""
        return tuple(sorted((*self.full, *self.parts), key=lambda row: row.start))


class Anchors:
    """A chunk's text, and the lines that it may be made of, ordered by start."""

    def __init__(self, text: str, rows: Sequence[Row], sizes: Sizes) -> None:
        self._text, self._sizes = text, sizes
        self._rows = [row for row in rows if row.length]
        self._starts = [row.start for row in self._rows]
        self._longest = max((row.length for row in self._rows), default=0)

    def offset(self, start: int) -> Found | None:
        """The lines of a chunk that is said to start there; None where a line in it says otherwise.

        Not sure where too little of it is lines from end to end, where the same lines lie so at another place, or where
        something else is said between them.
        """
        at = self._shifted(start)
        if at is None:
            return None
        rivals = self._rivals(at) if at.full else []
        if rivals is None:
            return None
        rows = dict.fromkeys(row for other in (at, *rivals) for row in other.rows)
        sure = not rivals and _covered(at.full) >= ENOUGH_SAID and self.says_only(at.rows)
        return Found(tuple(rows), sure, verified=bool(at.full))

    def search(self) -> Found | None:
        """The lines of a chunk of which nothing is said; None where none is known again."""
        hits = self._hits()
        if not hits:
            return None
        place, candidates = min(hits, key=lambda hit: len(hit[1]))
        tried = (self._shifted(row.start - place) for row in candidates[:MOST]) if len(candidates) <= MOST else ()
        fits = [at for at in tried if at and at.full]
        best = max((_covered(at.full) for at in fits), default=0)
        fits = [at for at in fits if _covered(at.full) == best]
        apart = self._one_by_one(hits)
        if not fits or _covered(apart.rows) > best:
            return apart
        rows = dict.fromkeys(row for at in fits for row in at.rows)
        return Found(tuple(rows), sure=len(fits) == 1 and self._is_made_of(fits[0].full))

    def _shifted(self, shift: int) -> Shifted | None:
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
        return Shifted(tuple(full), tuple(parts))

    def _part(self, row: Row) -> Row | None:
        """What is in the chunk of a line that its border cuts."""
        start, end = max(row.start, 0), min(row.end, len(self._text))
        part = self._text[start:end]
        if not part.strip():
            return None
        line = widened(part, start - row.start, row.end - end)
        quad = part_of_line(row.quad, line, start - row.start, end - row.start, self._sizes.get(row.page))
        return row._replace(start=start, length=end - start, hash=text_hash(part), quad=quad, cut=True)

    def _rivals(self, at: Shifted) -> list[Shifted] | None:
        """Other places where the same lines lie in the same way; None where there are too many to tell."""
        rarest = min((self._like(row) for row in at.full), key=len)
        row = next(row for row in at.full if (row.length, row.hash) == (rarest[0].length, rarest[0].hash))
        if len(rarest) > MOST:
            return None
        here = {(row.start, row.length) for row in at.full}
        others = [self._shifted(like.start - row.start) for like in rarest]
        return [o for o in others if o and o != at and {(found.start, found.length) for found in o.full} >= here]

    def _like(self, row: Row) -> list[Row]:
        return self._named[row.length][row.hash]

    @cached_property
    def _named(self) -> dict[int, dict[int, list[Row]]]:
        """The lines, by length and by hash."""
        named: dict[int, dict[int, list[Row]]] = {}
        for row in self._rows:
            named.setdefault(row.length, {}).setdefault(row.hash, []).append(row)
        return named

    def _hits(self) -> list[tuple[int, list[Row]]]:
        """Places in the chunk where a line is known again, and the lines that it can be."""
        text, edges = self._text, _edges(self._text)
        ends = ((start, length) for start in sorted(edges) for length in self._named if start + length in edges)
        hashes = ((start, length, text_hash(text[start : start + length])) for start, length in ends)
        named = self._named
        return [(start, named[length][mark]) for start, length, mark in hashes if mark in named[length]]

    def _one_by_one(self, hits: Sequence[tuple[int, list[Row]]]) -> Found:
        """Each line for itself, as in a chunk whose white space was changed; longer ones first claim their letters."""
        taken: dict[int, list[Row]] = {}
        used: set[int] = set()
        for place, rows in sorted(hits, key=lambda hit: -hit[1][0].length):
            letters = range(place, place + rows[0].length)
            if used.isdisjoint(letters):
                used.update(letters)
                taken[place] = rows
        rows = [row._replace(start=place) for place in sorted(taken) for row in taken[place]]
        order = [taken[place][0].start for place in sorted(taken)]
        alone = len(rows) == len(taken) and order == sorted(order)
        return Found(tuple(rows), sure=alone and self._is_made_of(rows))

    def _is_made_of(self, rows: Sequence[Row]) -> bool:
        """Whether every letter of the chunk is one of these lines', and they are enough."""
        return _covered(rows) >= ENOUGH and self.says_only(rows)

    def says_only(self, rows: Sequence[Row]) -> bool:
        """Whether every letter of the chunk is one of these lines'."""
        said = {place for row in rows for place in range(row.start, row.end)}
        return all(place in said for place, letter in enumerate(self._text) if not letter.isspace())


def _edges(text: str) -> set[int]:
    """Where a line may begin or end: not in the middle of a word."""
    inside = (i for i in range(1, len(text)) if not (text[i - 1].isalnum() and text[i].isalnum()))
    return {0, *inside, len(text)}


def _covered(rows: Sequence[Row]) -> int:
    return len({place for row in rows for place in range(row.start, row.end)})
