"""Where on its page each value of a field is printed, told by the lines.

A value is looked for as it is written (case, accents, spaces, punctuation and widths do not count), then as the same
amount or date, as a ticked box, in pieces over several lines, and last with a letter or two read otherwise. Where it
stands more than once, the printed label decides; elements of a list go down the page, what belongs to one element
stands in one row. What is still as likely at ``n`` places is given the first of them, with a confidence of ``1/n``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from ..geometry import Quad
from ..results import Field, Place
from ..writing import part_of_line
from .candidates import Search, is_printable
from .labels import concept_of, likeness, phrase
from .paths import Path, at
from .surroundings import Surroundings
from .ticks import is_tick

if TYPE_CHECKING:
    from ..results import PageResult
    from .candidates import Candidates
    from .page_index import Found, Span

UNFOUND = "not found on the page: possibly invented"
NEARLY = 0.8
"""What confidence is multiplied with where the page says only nearly the same."""
_EXACT, _USED, _LIKE = 0.05, -0.5, 1e-6
_LEAVES = 5000  # of a page; values beyond are left without places


class Leaf(NamedTuple):
    """A value that is no list and no object: the field it is in, the way to it, and how it is written."""

    field: str
    path: Path
    text: str

    @property
    def names(self) -> list[str]:
        """The names above it, its own first."""
        return [name for name in (*reversed(self.path), self.field) if isinstance(name, str)]

    @property
    def rows(self) -> Path:
        """The way to the element of a list it belongs to; ``()`` without one."""
        last = max((i for i, step in enumerate(self.path) if isinstance(step, int)), default=-1)
        return (self.field, *self.path[: last + 1]) if last >= 0 else ()


class Chosen(NamedTuple):
    """Where a leaf stands, and how many places are as likely."""

    found: Found
    ways: int
    sure: bool


def ground(result: PageResult) -> PageResult:
    """The page, its fields told where they stand; those that know it already, and pages without lines, as they are.

    ``places``, ``quad`` and ``confidence`` are filled in where the lines have boxes and confidence. A value that is
    printed nowhere is a problem, but for one that only says yes or no, as the box to tick may be no letter.
    """
    lines = [line for line in result.lines if is_printable(line.text)]
    wanted = {name: field for name, field in result.fields.items() if not field.places}
    leaves = [leaf for name, field in wanted.items() for leaf in leaves_of(name, field.value)][:_LEAVES]
    if not lines or not leaves:
        return result
    page = _Grounding(Search(lines), Surroundings(lines))
    chosen = page.choose(leaves)
    grounded = dict(result.fields)
    ours: dict[str, list[tuple[Leaf, Chosen | None]]] = {name: [] for name in wanted}
    for leaf in leaves:
        ours[leaf.field].append((leaf, chosen.get(leaf)))
    for name, field in wanted.items():
        grounded[name] = _grounded(field, ours[name], page.search, result)
    return replace(result, fields=grounded)


def leaves_of(field: str, value: Any, path: Path = ()) -> Iterator[Leaf]:
    """The values of a field that anything is printed of, in order."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from leaves_of(field, inner, (*path, str(name)))
    elif isinstance(value, list | tuple):
        for i, inner in enumerate(value):
            yield from leaves_of(field, inner, (*path, i))
    elif value is not None and is_printable(text := _written(value)):
        yield Leaf(field, path, text)


def _written(value: Any) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


class _Grounding:
    """A page on which leaves find their places."""

    def __init__(self, search: Search, around: Surroundings) -> None:
        self.search, self._around = search, around
        self._used: set[Span] = set()

    def choose(self, leaves: Sequence[Leaf]) -> dict[Leaf, Chosen]:
        """A place for every leaf that has any: single ones by their labels, then elements of lists by their rows."""
        chosen: dict[Leaf, Chosen] = {}
        singles = [leaf for leaf in leaves if not leaf.rows]
        for leaf in sorted(singles, key=self._doubt):
            if picked := self._by_label(leaf):
                chosen[leaf] = self._take(picked)
        rows: dict[Path, list[Leaf]] = {}
        for leaf in leaves:
            if leaf.rows:
                rows.setdefault(leaf.rows, []).append(leaf)
        above: dict[Path, int] = {}
        for way, row in rows.items():
            chosen |= self._row(row, way, above)
        return chosen

    def _take(self, chosen: Chosen) -> Chosen:
        self._used.update(chosen.found.spans)
        return chosen

    def _doubt(self, leaf: Leaf) -> tuple[int, float]:
        """Those with one place first, then those whose label says most."""
        places = self.search.candidates(leaf.text).places
        if len(places) < 2:
            return 0, 0.0
        return 1, -max(self._fit(leaf, place) for place in places)

    def _by_label(self, leaf: Leaf) -> Chosen | None:
        places, sure = self.search.candidates(leaf.text)
        if not places:
            return None
        fits = [self._fit(leaf, place) + self._rank(place) for place in places] if len(places) > 1 else [0.0]
        best = max(fits)
        ways = sum(fit > best - _LIKE for fit in fits)
        return Chosen(places[fits.index(best)], ways, sure)

    def _rank(self, place: Found) -> float:
        return _EXACT * place.exact + _USED * (not self._used.isdisjoint(place.spans))

    def _fit(self, leaf: Leaf, place: Found) -> float:
        """How well what is printed round a place fits the leaf's name, and a little its parents'."""
        labels = list(self._around.labels(place.spans[0], behind=is_tick(leaf.text)))
        fits = [max((near * _likeness(text, name) for text, near in labels), default=0.0) for name in leaf.names]
        return fits[0] + 0.3 * max(fits[1:], default=0.0) if fits else 0.0

    def _row(self, row: Sequence[Leaf], way: Path, above: dict[Path, int]) -> dict[Leaf, Chosen]:
        """The leaves of one element: one that is rare on the page tells the row, below the last element's."""
        given = {leaf: self.search.candidates(leaf.text) for leaf in row}
        known = [leaf for leaf in row if given[leaf].places]
        if not known:
            return {}
        first = min(known, key=lambda leaf: (len(given[leaf].places), -len(leaf.text)))
        anchor = self._below(given[first], above.get(way[:-1], -1))
        line = above[way[:-1]] = anchor.found.spans[0].line
        chosen = {first: self._take(anchor)}
        for leaf in known:
            if leaf is not first:
                chosen[leaf] = self._take(self._beside(leaf, given[leaf], line))
        return chosen

    def _below(self, given: Candidates, line: int) -> Chosen:
        free = [place for place in given.places if self._used.isdisjoint(place.spans)] or given.places
        below = [place for place in free if place.spans[0].line >= line]
        return Chosen((below or free)[0], 1, given.sure)

    def _beside(self, leaf: Leaf, given: Candidates, line: int) -> Chosen:
        """The free place nearest to the row; of several in the row, the one whose heading says so."""
        around, middle = self._around, self._around.height(line)

        def distance(place: Found) -> tuple[bool, bool, float, float]:
            other = place.spans[0].line
            used, apart = not self._used.isdisjoint(place.spans), not around.is_same_row(line, other)
            far = abs(around.height(other) - middle) if apart else 0.0
            return used, apart, far, -self._fit(leaf, place) if not apart else 0.0

        best = min(given.places, key=distance)
        alike = sum(distance(place) == distance(best) for place in given.places) if len(given.places) > 1 else 1
        return Chosen(best, alike, given.sure)


@lru_cache(maxsize=1 << 14)
def _likeness(label: str, name: str) -> float:
    """As the table of labels has it, or by the words that both have."""
    ours, theirs = set(phrase(name)), set(phrase(label))
    common = 2 * len(ours & theirs) / (len(ours) + len(theirs)) if ours and theirs else 0.0
    return max(0.7 * common, likeness(label, concept_of(name)))


def _grounded(field: Field, leaves: Sequence[tuple[Leaf, Chosen | None]], search: Search, result: PageResult) -> Field:
    places: list[Place] = []
    problems: list[str] = []
    for leaf, chosen in leaves:
        if chosen:
            places += _places(leaf, chosen, search, result)
            problems += [] if chosen.sure else [at(leaf.path, f'the page says "{_said(chosen, search)}"')]
        elif not (result.truncated or is_tick(leaf.text)):
            problems.append(at(leaf.path, UNFOUND))
    sure = [place.confidence for place in places if place.confidence is not None]
    return replace(
        field,
        quad=field.quad or (Quad.around([place.quad for place in places]) if places else None),
        confidence=min(sure, default=None) if field.confidence is None else field.confidence,
        problems=tuple(dict.fromkeys((*field.problems, *problems))),
        places=tuple(places),
    )


def _said(chosen: Chosen, search: Search) -> str:
    return " ".join(search.page.lines[span.line].text[span.first : span.last] for span in chosen.found.spans)


def _places(leaf: Leaf, chosen: Chosen, search: Search, result: PageResult) -> Iterator[Place]:
    for number, first, last in chosen.found.spans:
        line = search.page.lines[number]
        if line.quad is not None:
            quad = part_of_line(line.quad, line.text, first, last, (result.width, result.height))
            sure = _confidence(line.confidence, chosen)
            yield Place(leaf.path, line.text[first:last], quad, result.page, sure)


def _confidence(line: float | None, chosen: Chosen) -> float | None:
    """The line's, lowered where the place or the reading is in doubt; None where the line has none and nothing is."""
    if line is None and chosen.sure and chosen.ways == 1:
        return None
    return min(1.0 if line is None else line, 1 / chosen.ways) * (1.0 if chosen.sure else NEARLY)
