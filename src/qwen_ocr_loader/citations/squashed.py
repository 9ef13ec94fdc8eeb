"""A text without all that splitters, stores and people change: spaces gone, or all but letters and digits, small."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

Level = Literal["solid", "letters"]


class Squashed(NamedTuple):
    """What is left of a text, and where each letter of that stood.

    Attributes:
        text: What is compared.
        places: The index in the original text of each of its characters.
    """

    text: str
    places: tuple[int, ...]

    def occurrences(self, other: str, limit: int) -> list[int]:
        """Where ``other`` stands in the text, up to ``limit`` places, overlapping ones too."""
        found: list[int] = []
        at = self.text.find(other) if other else -1
        while at >= 0 and len(found) < limit:
            found.append(at)
            at = self.text.find(other, at + 1)
        return found


def squashed(text: str, level: Level) -> Squashed:
    """A text at one of two levels.

    Args:
        text: Any.
        level: ``solid``: without white space; ``letters``: letters and digits only, small, wide
            and narrow forms the same.
    """
    kept = _solid(text) if level == "solid" else _letters(text)
    letters, places = [], []
    for letter, place in kept:
        letters.append(letter)
        places.append(place)
    return Squashed("".join(letters), tuple(places))


def _solid(text: str) -> Iterator[tuple[str, int]]:
    for place, letter in enumerate(text):
        if not letter.isspace():
            yield letter, place


def _letters(text: str) -> Iterator[tuple[str, int]]:
    for place, letter in enumerate(text):
        for small in _small(letter):
            yield small, place


@lru_cache(maxsize=1 << 14)
def _small(letter: str) -> str:
    if letter.isascii():
        return letter.lower() if letter.isalnum() else ""
    return "".join(c for c in unicodedata.normalize("NFKC", letter).casefold() if c.isalnum())
