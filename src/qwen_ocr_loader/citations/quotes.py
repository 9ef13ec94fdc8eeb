"""A quote, as a model cited it, is found in a chunk, and its lines are narrowed to what it says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from ..render import text_hash
from .alignment import Text
from .writing import part_of_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .alignment import Stretch
    from .line_rows import Row, Sizes

ALIKE = 0.8  # of a quote's letters, in the same words in the same order
_WORD = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u9fff\uac00-\ud7af]+")
"""Numbers, and words of scripts that have spaces between them."""
SPREAD = 1.5  # times the quote's length: words further apart are no quote


class Quoted(NamedTuple):
    """The parts of lines that a quote is made of.

    Attributes:
        rows: At their places in the chunk; none where the quote is not found.
        sure: Every letter of it stands there, and nowhere else in the chunk.
    """

    rows: tuple[Row, ...]
    sure: bool


def narrowed(text: str, rows: Sequence[Row], quote: str, sizes: Sizes) -> Quoted:
    """What a quote is made of; case, white space, punctuation and hyphens at line ends do not count.

    Args:
        text: Of the chunk.
        rows: Its lines.
        quote: A part of it, perhaps not to the letter.
        sizes: Of the pages.
    """
    stretches, sure = _found(text, quote)
    standing = [row for row in rows if row.stands_in(text)]
    parts = [_part(text, row, stretch, sizes) for stretch in stretches for row in standing]
    found = tuple(dict.fromkeys(part for part in parts if part))
    return Quoted(found, sure and bool(found))


def _found(text: str, quote: str) -> tuple[list[Stretch], bool]:
    hay = Text(text)
    if stretches := hay.stretches(quote):
        at_words = _at_words(text, stretches)
        return at_words or stretches, len(at_words) == 1
    like = hay.words_like(quote, ALIKE)
    if like and like.stretch.end - like.stretch.start <= SPREAD * len(quote) + 1:
        return [like.stretch], False
    return [], False


def _at_words(text: str, stretches: list[Stretch]) -> list[Stretch]:
    """Those that do not begin or end in the middle of a word or a number: 5 is not what 5.00 says."""
    middles = {place for word in _WORD.finditer(text) for place in range(word.start() + 1, word.end())}
    return [stretch for stretch in stretches if middles.isdisjoint((stretch.start, stretch.end))]


def _part(text: str, row: Row, stretch: Stretch, sizes: Sizes) -> Row | None:
    """What a quote has of a line."""
    part = stretch.within(row.start, row.end)
    if not part.parent:
        return None
    first, last = part.start - row.start, part.end - row.start
    line = text[row.start : row.end]
    if not any(letter.isalnum() for letter in line[:first] + line[last:]):
        return row
    quad = part_of_line(row.quad, line, first, last, sizes.get(row.page))
    mark = text_hash(line[first:last])
    return row._replace(start=part.start, length=last - first, hash=mark, quad=quad, cut=True)
