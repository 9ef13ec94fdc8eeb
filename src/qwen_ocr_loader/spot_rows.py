"""Lines with boxes in rows of a text, or between marks: what models write that were not asked for JSON.

Forms: rows ``cx,cy,width,height,angle,text`` of Qwen-OCR by prompt (2025-11-20 on), also with four or eight numbers and
with the text first; ``<ref>text</ref><box>(x1,y1),(x2,y2)</box>`` of Qwen-VL (its README, 2023-09);
``<|object_ref_start|>text<|object_ref_end|><|box_start|>(x1,y1),(x2,y2)<|box_end|>`` of Qwen2-VL (its README, 2024-09),
which servers may return with the marks left out; ``<|ref|>…<|/ref|><|det|>[[x1, y1, x2, y2]]<|/det|>`` of DeepSeek-OCR
(its README, 2025-10).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from .boxes import NO_BOX, Place, read_box
from .spots import Spot, Spotted

if TYPE_CHECKING:
    from collections.abc import Iterator

# --- rows ------------------------------------------------------------------------------------------------------------

_NUMBER = r"[-+]?\d{1,7}(?:\.\d{1,9})?"
_GAP = r"[ \t,;|()\[\]]+"
_LEADING = re.compile(rf"[ \t(\[|]*(?P<numbers>{_NUMBER}(?:{_GAP}{_NUMBER}){{3,7}})(?=[ \t,;|:)\]]|$)")
_TRAILING = re.compile(rf"(?<![^ \t,;|:(\[])(?P<numbers>{_NUMBER}(?:{_GAP}{_NUMBER}){{3,7}})[ \t)\],;|]*$")
_EACH = re.compile(_NUMBER)
_MARKS = " \t,;|:)]("
_TITLES = re.compile(
    r"[\"'|\s]*(?:(?:c?x\d?|c?y\d?|w(?:idth)?|h(?:eight)?|angle|text|left|top|right|bottom)\b[\"'|,;\s]*){3,}",
    re.IGNORECASE,
)
_LONGEST = 2000  # characters of a row
_MOST = 0.8  # of the rows: so many must be of one form


class _Form(NamedTuple):
    """How many numbers a row has, and on which side of the text."""

    numbers: int
    first: bool


_FORMS = tuple(_Form(count, first) for count in (8, 5, 4) for first in (True, False))


def spots_in_rows(text: str) -> Spotted | None:
    """The lines that a reply without fences lists in rows of numbers and text; None where it is no such list."""
    rows = [row.strip() for row in text.splitlines() if row.strip() and not _TITLES.fullmatch(row.strip()[:100])]
    for form in _FORMS:
        read = [_row(row, form) for row in rows]
        texts = [spot.text for spot in read if spot]
        if form.numbers == 4 and not any(re.search(r"[^\W\d_]", text) for text in texts):
            continue  # turned rectangles without text, rather
        if texts and len(texts) >= _MOST * len(rows):
            return Spotted(tuple(spot or Spot(row, None) for spot, row in zip(read, rows, strict=True)))
    return None


def _row(row: str, form: _Form) -> Spot | None:
    found = (_LEADING.match if form.first else _TRAILING.search)(row[:_LONGEST])
    each = list(_EACH.finditer(row, found.start("numbers"), found.end("numbers"))) if found else []
    if len(each) < form.numbers:
        return None
    if form.first:
        each, rest = each[: form.numbers], row[each[form.numbers - 1].end() :].lstrip(_MARKS)
    else:
        each, rest = each[-form.numbers :], row[: each[-form.numbers].start()].rstrip(_MARKS + "[")
    text = _unquoted(rest.strip())
    return Spot(text, read_box([float(number[0]) for number in each])) if text else None


def _unquoted(text: str) -> str:
    """Without the quotes that a row of comma-separated values has round a text, doubled in it."""
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return text[1:-1].replace('""', '"').strip()
    return text


# --- marks -----------------------------------------------------------------------------------------------------------

_NAMES = (
    r"<\|object_ref_start\|>(?P<object>.{0,2000}?)<\|object_ref_end\|>"
    r"|<ref>(?P<ref>.{0,2000}?)</ref>|<\|ref\|>(?P<region>.{0,2000}?)<\|/ref\|>"
)
_PLACES = (
    r"<\|box_start\|>(?P<box>[^\n]{0,2000}?)<\|box_end\|>|<\|quad_start\|>(?P<quad>[^\n]{0,2000}?)<\|quad_end\|>"
    r"|<box>(?P<old_box>[^\n]{0,2000}?)</box>|<quad>(?P<old_quad>[^\n]{0,2000}?)</quad>"
    r"|<\|det\|>(?P<det>[^\n]{0,2000}?)<\|/det\|>"
)
_POINT = rf"\(\s*{_NUMBER}\s*,\s*{_NUMBER}\s*\)"
_BARE = rf"(?P<bare>{_POINT}\s*,\s*{_POINT}(?:\s*,\s*{_POINT}\s*,\s*{_POINT})?)"
_MARKED = re.compile(f"{_NAMES}|{_PLACES}", re.DOTALL)
_UNMARKED = re.compile(_BARE)
_TOKENS = re.compile(r"<\|(?:object_ref|box|quad)_(?:start|end)\|>|<\|/?(?:ref|det)\|>")
_LEFT_OPEN = re.compile(rf"{_TOKENS.pattern}|</?(?:ref|box|quad)>")
_REGIONS = frozenset(
    (
        *("text", "title", "sub_title", "image", "image_caption", "table", "table_caption", "table_footnote"),
        *("equation", "formula", "figure", "figure_title", "figure_caption", "list", "header", "footer", "footnote"),
        *("page_number", "reference", "code"),
    )
)


class _Piece(NamedTuple):
    """A piece of a marked reply: a name, the places after it, and the words after those."""

    name: str
    places: tuple[Place, ...]
    words: str


def spots_in_marks(text: str) -> Spotted | None:
    """The lines of a reply that marks them; None where it has no such marks."""
    marks = list(_MARKED.finditer(text))
    if not any(_is_place(mark) for mark in marks):
        return None
    pieces = list(_pieces(text, marks))
    if any(piece.name.strip() in _REGIONS for piece in pieces) and "<|det|>" in text:
        return _regions(pieces)
    return _named(pieces) if any(piece.name for piece in pieces) else _between(pieces)


def spots_at_points(text: str) -> Spotted | None:
    """The same where the marks were left out and pairs of points are what remains of them."""
    marks = list(_UNMARKED.finditer(text))
    return _between(list(_pieces(text, marks))) if marks else None


def _is_place(mark: re.Match[str]) -> bool:
    return mark.lastgroup not in ("object", "ref", "region")


def _pieces(text: str, marks: list[re.Match[str]]) -> Iterator[_Piece]:
    """The reply cut at each name and each run of places; the first piece is what stands before all marks."""
    yield _Piece("", (), _words(text[: marks[0].start()]))
    name, places, end = "", list[Place](), marks[0].start()
    for mark in marks:
        words = text[end : mark.start()]
        end = mark.end()
        if _is_place(mark) and not _words(words):
            places += _places(mark)
            continue
        yield _Piece(name, tuple(places), _words(words))
        name, places = ("", list(_places(mark))) if _is_place(mark) else (mark[mark.lastgroup or 0], [])
    yield _Piece(name, tuple(places), _words(text[end:]))


def _words(text: str) -> str:
    """What is between marks, without half a mark and the commas of a list."""
    return _LEFT_OPEN.sub("", text).strip(" \t\r\n,;")


def _places(mark: re.Match[str]) -> Iterator[Place]:
    """Of a mark with one place or several: pairs of points, or four points in a ``quad``."""
    numbers = [float(number[0]) for number in _EACH.finditer(mark[0])]
    at_once = 8 if mark.lastgroup in ("quad", "old_quad") or (mark.lastgroup == "bare" and len(numbers) == 8) else 4
    if not numbers or len(numbers) % at_once:
        yield NO_BOX
        return
    yield from (read_box(numbers[at : at + at_once]) for at in range(0, len(numbers), at_once))


def _named(pieces: list[_Piece]) -> Spotted | None:
    """Each name at each of its places; None where the names are only parts of what is said."""
    said, named = "".join(piece.words for piece in pieces), "".join(piece.name for piece in pieces)
    if 2 * sum(map(str.isalpha, said)) > sum(map(str.isalpha, named)):
        return None
    return Spotted(
        tuple(Spot(piece.name, place) for piece in pieces if piece.name for place in piece.places or (None,))
    )


def _between(pieces: list[_Piece]) -> Spotted | None:
    """Words before or after their places, whichever comes first in the reply; no places where that is unclear."""
    head, *others = pieces
    if head.words and others and others[-1].words:
        return _some(Spot(piece.words, None) for piece in pieces)
    if not head.words:
        return _some(Spot(piece.words, place) for piece in others for place in piece.places[:1] or (None,))
    words = [head.words, *(piece.words for piece in others)]
    places = [piece.places for piece in others] + [()]
    return _some(Spot(said, place[0] if place else None) for said, place in zip(words, places, strict=True))


def _regions(pieces: list[_Piece]) -> Spotted | None:
    """Kinds of regions, each with its place and then its text in Markdown."""
    return _some(Spot(piece.words, (piece.places or (None,))[0], is_block=True) for piece in pieces)


def _some(spots: Iterator[Spot]) -> Spotted | None:
    found = tuple(spot for spot in spots if spot.text)
    return Spotted(found) if found else None


def without_marks(text: str) -> str:
    """A text without the places in it, its names left standing. A page may have ``<ref>`` printed on it: that stays."""
    if not any(map(_is_place, _MARKED.finditer(text))):
        return _TOKENS.sub("", text)
    kept = _MARKED.sub(lambda mark: "" if _is_place(mark) else mark[mark.lastgroup or 0], text)
    return _LEFT_OPEN.sub("", kept).strip()
