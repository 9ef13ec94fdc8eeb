"""Paragraphs: blocks of rows become one text in which a splitter sees sentences, with the span of every piece.

What stands between two pieces says how they belong together: a space within a paragraph (nothing between Chinese or
Japanese), a tab between the cells of a row, a line feed between lines that are statements of their own (list items,
rows, addresses), an empty line between paragraphs, blocks and columns: the place where splitters split first.
"""

from __future__ import annotations

import re
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .columns import Row
    from .gutters import Piece

Hyphens = Literal["keep", "join"]

CELL = "\t"
LINE = "\n"
PARAGRAPH = "\n\n"

_CELL_GAP = 1.0  # line heights; the words of a line stand closer
_INDENT = 0.6  # line heights
_FLOWING_WIDTH = 10.0  # line heights: narrower lines are addresses and labels, unless the words say that they go on
_NARROW = 0.45  # of the page's widest row: so narrow a group of so
_FEW = 3  # few lines is an address or a label too, however wide its letters
_ITEM = re.compile(r"\s*(?:[•·▪●○■□◦◆►✓*-]\s|[•▪●■◆►①-⑳]|\(?\d{1,3}[.)、]\s?(?!\d)|\(?[a-zA-Z][.)]\s)")
_ORDINAL = re.compile(r"\s*\(?\w")
_WORD = re.compile(r"\S+")
_BROKEN_WORD = re.compile(r"[^\W\d_]{2}[-\u00ad\u2010]$")
_HYPHENS = frozenset("-\u00ad\u2010")
_FIRST_WIDE = "\u2010"  # below it, no character is wide, nor a quotation mark set between wide ones
_QUOTES = frozenset("“”‘’…—")  # as wide as the characters they stand between
_STOPS = tuple(".!?:;。！？：；…")
_CLOSERS = "\"'”’»)]）」』"


class _Strip(NamedTuple):
    """A row as the paragraph sees it."""

    row: Row
    x0: float
    x1: float
    middle: float
    height: float
    cells: bool  # parted by white: a row of a table or form
    start: str  # its first piece's text
    end: str  # its last piece's


class Span(NamedTuple):
    """Where the piece ``number`` stands in the text."""

    number: int
    start: int
    end: int


def joined(page: Sequence[Sequence[Row]], *, hyphens: Hyphens = "keep") -> tuple[str, list[Span]]:
    """Join a page's blocks of rows to one text.

    Args:
        page: Blocks in reading order, their rows from top to bottom, a row's pieces in reading order.
        hyphens: ``"keep"`` leaves a word broken at a line's end as it is printed; ``"join"`` makes it whole, where the
            next line goes on with a small letter, and drops the hyphen from the first half.

    Returns:
        The text, and in reading order where each piece stands in it.
    """
    glued = list(_glued([[_strip(row) for row in block] for block in page if block]))
    if hyphens == "join":
        glued = _without_hyphens(glued)
    text: list[str] = []
    spans, at = [], 0
    for glue, content, piece in glued:
        at += len(glue)
        spans.append(Span(piece.number, at, at + len(content)))
        at += len(content)
        text += (glue, content)
    return "".join(text), spans


_Glued = tuple[str, str, "Piece"]  # what stands before it, its text, the piece


def _without_hyphens(glued: Sequence[_Glued]) -> list[_Glued]:
    """Make whole the words that are broken between two joined lines."""
    whole = list(glued)
    for i, ((_, before, _), (glue, after, _)) in enumerate(pairwise(glued)):
        if glue == " " and _breaks_word(before, after):
            whole[i] = (whole[i][0], before[:-1], whole[i][2])
            whole[i + 1] = ("", after, whole[i + 1][2])
    return whole


def _glued(page: Sequence[Sequence[_Strip]]) -> Iterator[_Glued]:
    before: Sequence[_Strip] = ()
    widest = max((strip.x1 - strip.x0 for block in page for strip in block), default=0.0)
    for block in page:
        glues = _glues(block, widest)
        if before:
            glues[0] = _space(before[-1].end, block[0].start) if _goes_on(before, block) else PARAGRAPH
        for glue, strip in zip(glues, block, strict=True):
            if len(strip.row) == 1:
                yield glue, strip.row[0].text, strip.row[0]
            else:
                yield from _cells(glue, strip)
        before = block


def _cells(glue: str, strip: _Strip) -> Iterator[_Glued]:
    before: Piece | None = None
    for piece in strip.row:
        if before is not None:
            apart = piece.x0 - before.x1 > _CELL_GAP * strip.height
            glue = CELL if apart else _space(before.text, piece.text)
        yield glue, piece.text, piece
        before = piece


def _strip(row: Row) -> _Strip:
    if len(row) == 1:
        _, text, x0, _, x1, _, middle, height = row[0]
        return _Strip(row, x0, x1, middle, height, False, text, text)
    height = median(piece.height for piece in row)
    middle = median(piece.middle for piece in row)
    cells = any(b.x0 - a.x1 > _CELL_GAP * height for a, b in pairwise(row))
    right = max(piece.x1 for piece in row)
    return _Strip(row, row[0].x0, right, middle, height, cells, row[0].text, row[-1].text)


def _space(before: str, after: str) -> str:
    if before[-1:] < _FIRST_WIDE or after[:1] < _FIRST_WIDE:
        return " "
    return "" if _is_wide(before[-1:]) and _is_wide(after[:1]) else " "


def _is_wide(character: str) -> bool:
    """Of a script written without spaces, or a mark between such; compiling classes so wide takes milliseconds."""
    return (
        character in _QUOTES
        or _is_han_or_kana(character)
        or "\u3000" <= character < "\u3040"
        or "\uf900" <= character <= "\ufaff"
        or "\uff00" <= character <= "\uffef"
    )


def _is_han_or_kana(character: str) -> bool:
    return "\u3040" <= character <= "\u30ff" or "\u3400" <= character <= "\u9fff"


def _breaks_word(above: str, below: str) -> bool:
    """A line's end is a word's first half, and the next line goes on with a small letter."""
    return above[-1:] in _HYPHENS and below[:1].islower() and _BROKEN_WORD.search(above) is not None


# --- between the rows of a block -------------------------------------------------------------------------------------


def _glues(block: Sequence[_Strip], widest: float) -> list[str]:
    """What stands before each row of a block; the first is left empty."""
    pitch = _usual_pitch(block)
    glues, first = [""], 0
    for i in range(1, len(block) + 1):
        if i < len(block) and _same_stanza(block[i - 1], block[i], pitch):
            continue
        glues += _stanza_glues(block[first:i], widest)
        if i < len(block):
            glues.append(PARAGRAPH if block[i].middle - block[i - 1].middle > 1.4 * pitch else LINE)
        first = i
    return glues


def _usual_pitch(block: Sequence[_Strip]) -> float:
    pitches = [b.middle - a.middle for a, b in pairwise(block)]
    height = median(strip.height for strip in block)
    near = [pitch for pitch in pitches if pitch < 2.5 * height]
    return max(median(near), 0.8 * height) if near else 1.4 * height


def _same_stanza(above: _Strip, below: _Strip, pitch: float) -> bool:
    """Lines of one size at the usual pitch, one under the other."""
    if above.cells or below.cells or below.middle - above.middle > 1.4 * pitch:
        return False
    sizes = above.height, below.height
    return max(sizes) < 1.5 * min(sizes) and above.x0 < below.x1 and below.x0 < above.x1


def _stanza_glues(stanza: Sequence[_Strip], widest: float) -> list[str]:
    if len(stanza) < 2:
        return []
    lefts, rights = [strip.x0 for strip in stanza], [strip.x1 for strip in stanza]
    forced = [_is_forced(above, below, _around(max, rights, i)) for i, (above, below) in enumerate(pairwise(stanza))]
    width = max(rights) - min(lefts)
    flowing = width > _FLOWING_WIDTH * stanza[0].height and sum(forced) >= 0.5 * len(forced)
    if len(stanza) <= _FEW and width < _NARROW * widest and not any(map(_is_han_or_kana, stanza[0].start)):
        flowing = False
    starts = _paragraph_starts(stanza, lefts)
    glues = []
    for i, below in enumerate(stanza[1:]):
        above = stanza[i]
        if _belongs(above, below, forced=forced[i], flowing=flowing, start=starts[i + 1]):
            glues.append(_space(above.end, below.start))
        else:
            glues.append(PARAGRAPH if flowing and not _ITEM.match(below.start) else LINE)
    return glues


def _belongs(above: _Strip, below: _Strip, *, forced: bool, flowing: bool, start: bool) -> bool:
    """Whether a line goes on with the sentence, or at least the paragraph, of the line above it."""
    if _breaks_word(above.end, below.start):
        return True
    if _ITEM.match(below.start) and (not forced or above.end.endswith(_STOPS) or not _ORDINAL.match(below.start)):
        return False
    going_on = below.start[:1].islower() and not _is_ended(above)
    if start or not forced:
        return going_on and flowing and not (start and not forced)
    return flowing or going_on


def _is_forced(above: _Strip, below: _Strip, edge: float) -> bool:
    """Whether the line had to end: the next line's first word would not have fitted before the ``edge``."""
    room = edge - above.x1 - 0.5 * above.height
    return room < 0 or room < _first_word(below)  # most lines of prose leave none: no need to look at the words


def _around(choose: Callable[[list[float]], float], edges: list[float], i: int) -> float:
    """The outermost edge of the lines around line ``i``, near enough not to mind a leaning margin."""
    return choose(edges[max(i - 3, 0) : i + 4])


def _first_word(strip: _Strip) -> float:
    """Width of the first word of a line: what would have had to fit on the line above."""
    piece = strip.row[0]
    if _is_han_or_kana(piece.text[:1]):
        return 1.5 * piece.height
    word = _WORD.search(piece.text)
    return piece.width * len(word.group()) / len(piece.text) if word else 0.0


def _paragraph_starts(stanza: Sequence[_Strip], lefts: list[float]) -> list[bool]:
    """Lines that stand in (or out, with hanging indents) from the others."""
    inside = [strip.x0 - _around(min, lefts, i) > _INDENT * strip.height for i, strip in enumerate(stanza)]
    if not any(inside):
        return inside
    hanging = _small(stanza, inside, True) > _small(stanza, inside, False) and 2 * sum(inside) >= len(inside)
    return [not value for value in inside] if hanging else inside


def _small(stanza: Sequence[_Strip], inside: Sequence[bool], which: bool) -> float:
    """Share of the lines that start with a small letter, among those inside (or not)."""
    starts = [strip.start[:1].islower() for strip, value in zip(stanza, inside, strict=True) if value == which]
    return sum(starts) / len(starts) if starts else 0.0


def _goes_on(before: Sequence[_Strip], block: Sequence[_Strip]) -> bool:
    """Whether a paragraph goes on from the foot of one column to the head of the next."""
    last, first = before[-1], block[0]
    if last.cells or first.cells or max(last.height, first.height) > 1.4 * min(last.height, first.height):
        return False
    if _breaks_word(last.end, first.start):
        return True
    if min(last.x1 - last.x0, first.x1 - first.x0) < _FLOWING_WIDTH / 2 * first.height or _is_ended(last):
        return False
    if not (_is_wide(last.end[-1:]) and _is_wide(first.start[:1]) and min(len(before), len(block)) > 1):
        return first.start[:1].islower()
    full = last.x1 > before[-2].x1 - last.height
    return full and first.x0 < block[1].x0 + _INDENT * first.height  # Chinese and Japanese paragraphs start indented


def _is_ended(strip: _Strip) -> bool:
    return strip.end.rstrip(_CLOSERS).endswith(_STOPS)
