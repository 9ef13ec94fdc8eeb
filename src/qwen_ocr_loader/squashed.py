"""A text without all that splitters, stores and people change: spaces gone, or all but letters and digits, small."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Level = Literal["solid", "letters"]
_CLUSTER = re.compile("[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?|.[\u0300-\u036f\u3099\u309a]*", re.DOTALL)
"""A letter with its accents or voice marks, or a Korean syllable: the same, written as one character or as several."""


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
            and narrow forms the same, accents composed or not.
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
    clusters: Iterable[tuple[int, str]] = enumerate(text)
    if not text.isascii():
        clusters = ((match.start(), match.group()) for match in _CLUSTER.finditer(text))
    for place, cluster in clusters:
        for small in _small(cluster):
            yield small, place


@lru_cache(maxsize=1 << 14)
def _small(cluster: str) -> str:
    if cluster.isascii():
        return cluster.lower() if cluster.isalnum() else ""
    return "".join(c for c in unicodedata.normalize("NFKC", cluster).casefold() if c.isalnum())
