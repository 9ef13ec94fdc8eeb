"""The lines of a page as one string to search in: without case, accents, spaces and punctuation, back to their letters.

Marks stay where they tell numbers apart: between digits, and a minus before one.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from .letters import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..results import Line

_DASHES = "-‐‑‒–—−"
_ALIKE = str.maketrans("oilszbg", "0115289")
_LONG_ENOUGH = 4  # letters that may be part of a longer word
MOST = 200
"""Places looked at for one value."""


class Span(NamedTuple):
    """``lines[line].text[first:last]``."""

    line: int
    first: int
    last: int


class Found(NamedTuple):
    """A place where a text stands.

    Attributes:
        spans: Of one line, or of several that follow one another.
        clean: It does not begin or end in the middle of a word or behind a mark.
        exact: It is printed to the letter as it was looked for, but for spaces.
    """

    spans: tuple[Span, ...]
    clean: bool = True
    exact: bool = False


def key_of(text: str) -> str:
    """What of a text is compared."""
    return "".join(letter for letter, _ in _kept(text))


def confusable(key: str) -> str:
    """A key with letters and digits that are taken for each other made one: ``o`` and ``0``, ``l`` and ``1``."""
    return key.translate(_ALIKE)


class PrintedPage:
    """Lines to search in.

    Args:
        lines: With text; in reading order.
    """

    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = lines
        letters: list[str] = []
        self._owner: list[tuple[int, int]] = []  # line, index in its text
        self._starts: list[int] = []
        for number, line in enumerate(lines):
            self._starts.append(len(letters))
            for letter, at in _kept(line.text):
                letters.append(letter)
                self._owner.append((number, at))
        self.key = "".join(letters)
        self._starts.append(len(letters))
        self.alike = confusable(self.key)

    def line_key(self, line: int) -> str:
        """What of a line is compared."""
        return self.key[self._starts[line] : self._starts[line + 1]]

    def spans(self, line: int, first: int, last: int) -> tuple[Span, ...]:
        """The print of some letters of the key, counted from the first of a line."""
        start = self._starts[line]
        return _spans(self._owner[start + first : start + last])

    def find(self, text: str, *, alike: bool = False) -> list[Found]:
        """Where a text stands, in reading order; if anywhere cleanly, then only there.

        Args:
            text: To look for.
            alike: Take letters that look alike for the same.
        """
        key = key_of(text)
        found = [self._at(start, len(key), text) for start in self._starts_of(confusable(key) if alike else key, alike)]
        places = [place for place in found if place]
        whole = [place for place in places if len(place.spans) == 1] or places
        return [place for place in whole if place.clean] or whole

    def has(self, key: str) -> bool:
        """Whether a key stands anywhere."""
        return key in self.key

    def _starts_of(self, key: str, alike: bool) -> Iterator[int]:
        hay = self.alike if alike else self.key
        at = hay.find(key) if key else -1
        for _ in range(MOST):
            if at < 0:
                return
            yield at
            at = hay.find(key, at + 1)

    def _at(self, start: int, size: int, text: str) -> Found | None:
        owners = self._owner[start : start + size]
        edges = self._edge(*owners[0], before=True), self._edge(*owners[-1], before=False)
        spans = _spans(owners)
        cut = None in edges or (size < _LONG_ENOUGH and not all(edges))
        if cut or (len(spans) > 1 and not self._may_wrap(text, spans)):
            return None
        return self._as_printed(spans, "".join(text.split()), clean=all(edges))

    def _as_printed(self, spans: tuple[Span, ...], text: str, *, clean: bool) -> Found:
        """With the punctuation round it, where that was looked for too."""
        if self._says(spans, text):
            return Found(spans, clean, exact=True)
        grown = tuple(self._grown(self._grown(span, -1), 1) for span in spans)
        within = (*grown[:-1], grown[-1]._replace(last=spans[-1].last))
        exact = next((wider for wider in (grown, within) if self._says(wider, text)), None)
        return Found(exact or spans, clean, exact is not None)

    def _says(self, spans: tuple[Span, ...], text: str) -> bool:
        printed = "".join(self.lines[span.line].text[span.first : span.last] for span in spans)
        return "".join(printed.split()) == text

    def _grown(self, span: Span, step: int) -> Span:
        text = self.lines[span.line].text
        at = span.first - 1 if step < 0 else span.last
        while 0 <= at < len(text) and not text[at].isalnum() and not text[at].isspace():
            at += step
        return span._replace(first=at + 1) if step < 0 else span._replace(last=at)

    def _may_wrap(self, text: str, spans: tuple[Span, ...]) -> bool:
        """Whether it may go on in the next line: between words, after a hyphen, or in a script without spaces."""
        if any(one.line + 1 != two.line for one, two in pairwise(spans)):
            return False
        hyphens = all(self.lines[span.line].text.rstrip()[-1:] in _DASHES for span in spans[:-1])
        return hyphens or len(text.split()) > 1 or any(_is_wide(letter) for letter in text)

    def _edge(self, line: int, at: int, *, before: bool) -> bool | None:
        """Whether a text may begin or end at a letter: None where a number would be cut, False amid a word."""
        text, step = plain(self.lines[line].text), -1 if before else 1
        letter, beside = text[at], text[at + step] if 0 <= at + step < len(text) else " "
        if letter.isdigit() and beside in ".," and _is_digit(text, at + 2 * step):
            return None
        if letter.isdigit() and beside.isdigit():
            return None
        if not beside.isalnum():
            return not (letter.isdigit() and beside in "-/:" and _is_digit(text, at + 2 * step))
        return letter.isdigit() != beside.isdigit() or _is_wide(letter) or _is_wide(beside)


def _spans(owners: list[tuple[int, int]]) -> tuple[Span, ...]:
    spans: list[Span] = []
    for line, at in owners:
        if spans and spans[-1].line == line:
            spans[-1] = spans[-1]._replace(last=at + 1)
        else:
            spans.append(Span(line, at, at + 1))
    return tuple(spans)


def _is_digit(text: str, at: int) -> bool:
    return 0 <= at < len(text) and text[at].isdigit()


def _is_wide(letter: str) -> bool:
    return unicodedata.east_asian_width(letter) in "WF"


def _kept(text: str) -> Iterator[tuple[str, int]]:
    said = plain(text)
    for at, letter in enumerate(said):
        if letter.isalnum():
            yield from ((part, at) for part in _folded(letter))
        elif (letter in ".,:/" or letter in _DASHES) and _is_of_number(said, at):
            yield "-" if letter in _DASHES else letter, at


def _is_of_number(text: str, at: int) -> bool:
    """Whether a mark stands between digits (round a dash or slash may be spaces), or is the minus before one."""
    before, after = at - 1, at + 1
    if text[at] not in ".,:":
        before -= _is_space(text, before)
        after += _is_space(text, after)
    if not _is_digit(text, after):
        return False
    is_minus = text[at] in _DASHES and after == at + 1 and not (at and text[at - 1].isalnum())
    return _is_digit(text, before) or is_minus


def _is_space(text: str, at: int) -> bool:
    return 0 <= at < len(text) and text[at] == " "


@lru_cache(maxsize=1 << 14)
def _folded(letter: str) -> str:
    """Without case, and Latin letters without accents."""
    parts = unicodedata.normalize("NFKD", letter)
    return (parts[0] if parts[0].isascii() else letter).casefold()
