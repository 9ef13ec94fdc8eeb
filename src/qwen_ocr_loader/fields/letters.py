"""Printed characters in their plain form, one for one: full-width, circled and other scripts' digits as ASCII."""

from __future__ import annotations

import unicodedata
from functools import lru_cache


def plain(text: str) -> str:
    """The same number of characters, each in its compatibility form (NFKC) where that is one character."""
    return text if text.isascii() else "".join(map(_plain, text))


@lru_cache(maxsize=1 << 14)
def _plain(letter: str) -> str:
    if letter.isdecimal():
        return str(unicodedata.decimal(letter))
    if unicodedata.decomposition(letter).startswith(("<super>", "<sub>")):
        return letter  # a footnote's mark behind a number is none of its digits
    simple = unicodedata.normalize("NFKC", letter)
    return _MARKS.get(letter, simple if len(simple) == 1 else letter)


_MARKS = {"٫": ".", "٬": ","}  # Arabic
