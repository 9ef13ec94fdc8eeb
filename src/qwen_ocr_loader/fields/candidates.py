"""Where a value may be printed: as it is written, as the same amount or date, in pieces, or nearly so."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from difflib import SequenceMatcher
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from ..forking import cached_property
from .amounts import amounts_in, readings
from .dates import dates_in
from .letters import plain
from .page_index import MOST, Found, PrintedPage, Span, confusable, key_of
from .ticks import EMPTY, TICKED, is_tick, read_tick

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Sequence

    from ..results import Line

_ALIKE = 0.85
_SHORTEST, _LONGEST = 8, 500  # letters of a key of which some may differ
_FEWEST_LEGIBLE = 3  # letters that are no question marks, of a value that has some
_NEAR = 3  # lines in reading order between two pieces of one value
_WORDS = 200  # of a value that may be printed in pieces


class Candidates(NamedTuple):
    """Where a value may stand.

    Attributes:
        places: In reading order; none where it is found nowhere.
        sure: The page says the same; else it says nearly the same.
    """

    places: Sequence[Found]
    sure: bool = True


class Search:
    """A page to look for values in; what is found once is known.

    Args:
        lines: With text, in reading order.
    """

    def __init__(self, lines: Sequence[Line]) -> None:
        self.page = PrintedPage(lines)
        self._known: dict[str, Candidates] = {}

    def candidates(self, value: str) -> Candidates:
        """Where a value may be printed, by the strictest way of looking that finds it."""
        if value not in self._known:
            self._known[value] = self._found(value)
        return self._known[value]

    def _found(self, value: str) -> Candidates:
        for look in (self.page.find, self._same_amount, self._same_date, self._ticks, self._in_pieces):
            if places := look(value):
                return Candidates(places)
        return Candidates(self._legible(value) or self._nearly(value), sure=False)

    def _same_amount(self, value: str) -> list[Found]:
        return self._meaning(abs(amount) for amount in readings(value))

    def _same_date(self, value: str) -> list[Found]:
        dates = list(dates_in(value))
        whole = len(dates) == 1 and key_of(value) == key_of(value[dates[0].start : dates[0].end])
        return self._meaning(dates[0].days if whole else ())

    def _meaning(self, meanings: Iterable[Hashable]) -> list[Found]:
        spans = {span for meaning in meanings for span in self._meanings[meaning]}
        return [Found((span,)) for span in sorted(spans)[:MOST]]

    @cached_property
    def _meanings(self) -> dict[Hashable, list[Span]]:
        """Amounts and dates of the page, by what they may mean."""
        spans: dict[Hashable, list[Span]] = defaultdict(list)
        for number, line in enumerate(self.page.lines):
            for amount in amounts_in(line.text):
                for value in amount.values:
                    spans[value].append(Span(number, amount.start, amount.end))
            for day in dates_in(line.text):
                for meant in day.days:
                    spans[meant].append(Span(number, day.start, day.end))
        return spans

    def _ticks(self, value: str) -> list[Found]:
        """The marks on the page, for a value that is one, or says yes or no."""
        if is_tick(value):
            signs = TICKED | {"x", "X", "×"} if read_tick(value) else EMPTY
            return [Found((span,)) for span in self._marks if self._mark(span) in signs]
        if key_of(value) or not value.strip():
            return []
        spans = ((n, line.text.find(value)) for n, line in enumerate(self.page.lines))
        return [Found((Span(n, at, at + len(value)),), exact=True) for n, at in spans if at >= 0][:MOST]

    def _mark(self, span: Span) -> str:
        return self.page.lines[span.line].text[span.first]

    @cached_property
    def _marks(self) -> list[Span]:
        """Letters that stand alone and may be the mark in a box."""
        return [
            Span(number, at, at + 1)
            for number, line in enumerate(self.page.lines)
            for at, letter in enumerate(line.text)
            if letter in TICKED | EMPTY or (letter in "xX×" and _stands_alone(line.text, at))
        ]

    # --- in pieces: over lines that do not follow one another ---------------------------------------------------------

    def _in_pieces(self, value: str) -> list[Found]:
        words = [key for key in map(key_of, value.split()) if key]
        if not 2 <= len(words) <= _WORDS:
            return []
        for size, piece in self._runs(words, 0):
            if spans := self._continued(words, size, piece.spans):
                return [Found(spans)]
        return []

    def _continued(self, words: Sequence[str], at: int, spans: tuple[Span, ...]) -> tuple[Span, ...]:
        """All of it from there on; nothing where a piece is missing."""
        while at < len(words):
            near = (run for run in self._runs(words, at) if 0 <= run[1].spans[0].line - spans[-1].line <= _NEAR)
            size, piece = next(near, (0, None))
            if piece is None:
                return ()
            at, spans = at + size, spans + piece.spans
        return spans

    def _runs(self, words: Sequence[str], at: int) -> Iterator[tuple[int, Found]]:
        """Words from there on that stand together, the most first: up to a line's end, or to the last of them."""
        for size in range(self._longest(words, at), 0, -1):
            places = self.page.find(" ".join(words[at : at + size]))
            yield from ((size, place) for place in places if at + size == len(words) or self._ends_line(place))

    def _ends_line(self, place: Found) -> bool:
        last = place.spans[-1]
        return not key_of(self.page.lines[last.line].text[last.last :])

    def _longest(self, words: Sequence[str], at: int) -> int:
        """How many words from there on stand together somewhere."""
        low, high = 0, len(words) - at
        while low < high:
            middle = (low + high + 1) // 2
            if self.page.has("".join(words[at : at + middle])):
                low = middle
            else:
                high = middle - 1
        return low

    # --- with question marks, which stand for letters that the engine could not read ----------------------------------

    def _legible(self, value: str) -> list[Found]:
        """Where all but the letters marked ``?`` is as written."""
        said = plain(value)
        if "?" not in said or len(said) > _LONGEST or sum(map(str.isalnum, said)) < _FEWEST_LEGIBLE:
            return []
        words = (r"\w".join(map(re.escape, word.split("?"))) for word in said.split())
        pattern = re.compile(r"(?<!\w)" + r"\s+".join(words) + r"(?!\w)", re.IGNORECASE)
        found = ((number, pattern.search(plain(line.text))) for number, line in enumerate(self.page.lines))
        return [Found((Span(number, *match.span()),)) for number, match in found if match][:MOST]

    # --- nearly: read otherwise by somebody ---------------------------------------------------------------------------

    def _nearly(self, value: str) -> list[Found]:
        """Where a letter or two differ; never numbers, which would be other numbers, but for ``O`` and ``0``."""
        key = key_of(value)
        if len(key) > 2 and (places := self.page.find(value, alike=True)):
            return places
        if not _SHORTEST <= len(key) <= _LONGEST or sum(map(str.isdigit, key)) > len(key) / 2:
            return []
        wanted, spans = confusable(key), list[Found]()
        best = _ALIKE
        for first, last in self._likely(wanted):
            matcher = SequenceMatcher(None, "".join(self._keys[first:last]), wanted, autojunk=False)
            if (ratio := self._ratio(matcher, len(wanted))) > best:
                best, spans = ratio, [Found(self._matched(matcher, first))]
        return spans

    def _likely(self, wanted: str) -> Iterator[tuple[int, int]]:
        """Lines that have most of its pairs of letters, alone or with those after them."""
        pairs = {a + b for a, b in pairwise(wanted)}
        shares = [len(pairs & others) for others in self._pairs]
        for first in sorted(range(len(shares)), key=shares.__getitem__, reverse=True)[:3]:
            last, size = first + 1, len(self._keys[first])
            while size < len(wanted) and last < len(self._keys) and last - first < 4:
                size, last = size + len(self._keys[last]), last + 1
            yield first, last

    @cached_property
    def _keys(self) -> list[str]:
        return [confusable(self.page.line_key(line)) for line in range(len(self.page.lines))]

    @cached_property
    def _pairs(self) -> list[set[str]]:
        return [{a + b for a, b in pairwise(key)} for key in self._keys]

    @staticmethod
    def _ratio(matcher: SequenceMatcher[str], size: int) -> float:
        """Share of the value's letters that stand there in order, of those it spans on the page."""
        blocks = [block for block in matcher.get_matching_blocks() if block.size > 1]
        if not blocks:
            return 0.0
        width = blocks[-1].a + blocks[-1].size - blocks[0].a
        return sum(block.size for block in blocks) / max(width, size)

    def _matched(self, matcher: SequenceMatcher[str], line: int) -> tuple[Span, ...]:
        blocks = [block for block in matcher.get_matching_blocks() if block.size > 1]
        return self.page.spans(line, blocks[0].a, blocks[-1].a + blocks[-1].size)


def _stands_alone(text: str, at: int) -> bool:
    return all(not beside.isalnum() for beside in text[max(at - 1, 0) : at] + text[at + 1 : at + 2])


def is_printable(value: str) -> bool:
    """Whether it has anything that would be seen on a page."""
    return any(unicodedata.category(letter)[0] not in "CZ" for letter in value)
