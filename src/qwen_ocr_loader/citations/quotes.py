"""A quote, as a model cited it, is found in a chunk, and its lines are narrowed to what it says."""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

from ..render import text_hash
from ..writing import part_of_line
from .alignment import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .alignment import Stretch
    from .line_rows import Row, Sizes

ALIKE = 0.8  # of a quote's letters, in the same words in the same order
_WORD = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u9fff\uac00-\ud7af]+")
"""Numbers, and words of scripts that have spaces between them."""
_LEFT_OUT = re.compile(r"[\[(]?(?:…|\.\.\.)[\])]?")
"""What stands in a quote where words of it were left out."""
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
    standing = sorted((row for row in rows if row.stands_in(text)), key=lambda row: row.start)
    parts = [_part(text, row, stretch, sizes) for stretch in stretches for row in _near(standing, stretch)]
    found = tuple(dict.fromkeys(part for part in parts if part))
    return Quoted(found, sure and bool(found))


def _near(rows: Sequence[Row], stretch: Stretch) -> Sequence[Row]:
    """Of lines in order, those that a stretch may be in; lines of a table's cells may overlap."""
    longest = max((row.length for row in rows), default=0)
    first = bisect_left(rows, stretch.start - longest, key=lambda row: row.start)
    return rows[first : bisect_left(rows, stretch.end, key=lambda row: row.start)]


def _found(text: str, quote: str) -> tuple[list[Stretch], bool]:
    hay = Text(text)
    whole = _standing(text, hay, quote)
    if whole[0] or not _LEFT_OUT.search(quote):
        return whole
    parts = [_standing(text, hay, part) for part in _LEFT_OUT.split(quote) if part.strip()]
    if not all(stretches for stretches, _ in parts):
        return [], False
    return [stretch for stretches, _ in parts for stretch in stretches], all(sure for _, sure in parts)


def _standing(text: str, hay: Text, quote: str) -> tuple[list[Stretch], bool]:
    if stretches := hay.stretches(quote):
        at_words = _at_words(text, stretches)
        return at_words or stretches, len(at_words) == 1
    like = hay.words_like(quote, ALIKE, run=None)
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
