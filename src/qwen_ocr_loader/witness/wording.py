"""The words of a reading: what is compared when two readings of a page are laid beside each other.

Markup is none of the page's words: tags and entities, LaTeX commands, formulas, the addresses of links. White space,
case and marks do not count either, as engines differ in them: a word is its letters and digits. Nor do accents, or
whether a stroke is a one, an l or an I and a ring a zero or an O: that is what small engines confuse most.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from ..squashed import squashed

if TYPE_CHECKING:
    from ..results import TextFormat

_CJK = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+(?:[.,:/'’\-–][^\W_{_CJK}]+)*")
_TAGS = r"<[!/]?[A-Za-z][^<>]{0,2000}>|<!--.{0,2000}?-->|&(?:[A-Za-z]+|#\d+|#x[\da-fA-F]+);"
_FORMULAS = r"\$\$.{1,4000}?\$\$|\$[^$\n]{1,1000}\$|\\\[.{1,4000}?\\\]|\\\(.{1,1000}?\\\)"
_COMMANDS = r"\\(?:begin|end)\s*\{[^{}\n]{0,60}\}(?:\{[^{}\n]{0,60}\})?|\\[A-Za-z]+\*?"
_LINKS = r"\]\([^()\s]{1,2000}\)"
_MARKUP: dict[TextFormat, re.Pattern[str]] = {
    "html": re.compile(_TAGS, re.DOTALL),
    "latex": re.compile(f"{_FORMULAS}|{_COMMANDS}", re.DOTALL),
    "markdown": re.compile(f"{_TAGS}|{_FORMULAS}|{_LINKS}", re.DOTALL),
}

_STROKES_AND_RINGS = {"l": "1", "i": "1", "ı": "1", "o": "0"}


class Word(NamedTuple):
    """A word of a text.

    Attributes:
        start, end: Where it stands in the text, in code points.
        first, last: Of the text's letters, those that are its own, as a half-open range.
        exact: It must be the same to the letter: it has digits.
    """

    start: int
    end: int
    first: int
    last: int
    exact: bool


class Wording(NamedTuple):
    """A text's words and letters.

    Attributes:
        text: As it was read.
        letters: Of all words, one after the other: small, wide and narrow forms the same.
        places: Where in ``text`` each of them stands.
        words: In order.
    """

    text: str
    letters: str
    places: tuple[int, ...]
    words: tuple[Word, ...]


def wording(text: str, text_format: TextFormat = "plain") -> Wording:
    """The words of a text in that format."""
    shown = _without_markup(text, text_format)
    letters: list[str] = []
    places: list[int] = []
    words: list[Word] = []
    for match in _WORD.finditer(shown):
        kept, first = squashed(match[0], "letters"), len(letters)
        letters += map(_alike, kept.text)
        places += [match.start() + place for place in kept.places]
        if kept.text:
            exact = any(letter.isdigit() for letter in kept.text)
            words.append(Word(match.start(), match.end(), first, len(letters), exact))
    return Wording(text, "".join(letters), tuple(places), tuple(words))


@lru_cache(maxsize=1 << 14)
def _alike(letter: str) -> str:
    """One letter for all that look like it."""
    if "\u00c0" <= letter < "\u0250" or "\u1e00" <= letter < "\u1f00":
        letter = unicodedata.normalize("NFD", letter)[0]
    return _STROKES_AND_RINGS.get(letter, letter)


def _without_markup(text: str, text_format: TextFormat) -> str:
    """The text, as long as it was, with spaces for markup."""
    markup = _MARKUP.get(text_format)
    return text if markup is None else markup.sub(lambda match: " " * len(match[0]), text)
