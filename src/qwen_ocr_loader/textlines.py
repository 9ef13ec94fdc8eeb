"""Lines of a PDF page's own text: PDFium's exact text, and boxes as high as the line on the page as displayed.

PDFium calls one line what stands on one baseline, so the cells of a table row, or two columns, can come as one: such
lines are cut where the gap is wide. Boxes come from four calls a line; characters are looked at one by one only where a
line has to be cut, or is wider than its letters account for.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, insort
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from .layout import TextBox
from .pdf import storable
from .textpage import LOOSE_LIMIT, WIDE_GAP, Edges, Slice, TextPage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .geometry import PageFrame, Quad

# A line that closes with a hyphen ends in U+FFFE (U+0002 in some versions) and nothing else: no hyphen, no line break.
_LINE = re.compile("[^\r\n\x02\ufffe]+[\x02\ufffe]?|[\x02\ufffe]")
_HYPHENS = ("\x02", "\ufffe")
_SPACES = re.compile(r"\s+")
_LONE_GAP = 2.0  # of the line's height: as WIDE_GAP, where no other gaps of the line tell how wide its spaces are
_SPACED = 3.0  # of its spaces: gaps within one text object may be a paragraph's that is justified
_WIDE_LETTER = 0.6  # of the line's height: so wide are capitals
_LETTERS_APART = 1.2  # in the same unit, with gaps between letters
_LONG = 40  # letters that tell how wide a font's are
_FIRST_WIDE = 0x2E80  # Chinese characters and their neighbours, which headings set apart
_ENUMERATOR = re.compile(r"[(\[]?(?:\d{1,3}(?:\.\d{1,3})*|[A-Za-z])[.)\]]?|\W")
_LEVEL = math.radians(2)
_DOUBLE = 0.3  # of the line's height: what is printed no further from itself is printed twice


def text_boxes(page: TextPage, frame: PageFrame) -> tuple[TextBox, ...]:
    """The page's lines in PDFium's order, cut at wide gaps.

    What lies off the visible page is left out; a line is kept whole where its middle is visible, else what of it is.
    """
    boxes: list[TextBox] = []
    seen: dict[str, list[tuple[float, float]]] = {}
    for found in _LINE.finditer(page.text):
        for text, edges, quad in _placed(page, frame, found[0], found.start()):
            if quad and _is_new(seen.setdefault(text, []), edges):
                boxes.append(TextBox(text, quad))
    return tuple(boxes)


def _is_new(places: list[tuple[float, float]], edges: Edges) -> bool:
    """Note where a text stands, unless it stands there already: printed twice it is a poor man's bold."""
    left, bottom, right, top = edges
    slack = _DOUBLE * min(right - left, top - bottom)
    at = bisect_left(places, (left - slack,)) if places else 0
    while at < len(places) and places[at][0] <= left + slack:
        if abs(places[at][1] - bottom) <= slack:
            return False
        at += 1
    insort(places, (left, bottom))
    return True


class _Run(NamedTuple):
    """Characters ``first`` to ``last`` of PDFium's count that stand on one baseline.

    ``angle`` is in radians counter-clockwise; ``box`` holds the ink and the first character's line height.
    """

    first: int
    last: int
    angle: float
    box: Edges


def _placed(page: TextPage, frame: PageFrame, line: str, at: int) -> Sequence[tuple[str, Edges, Quad | None]]:
    """A line of ``page.text`` that starts at ``at``: its parts, where they stand, and what is visible of that."""
    text = line.strip()
    if not text:
        return ()
    if len(text) < len(line):
        at += line.index(text)
    first, last = page.index(at), page.index(at + len(text) - 1)
    if first < 0 or last < first:
        return ()
    box = page.level_box(first, last)
    if not box:
        return [_shown(page, frame, words, run) for words, run in _parts(page, text, at, first, last)]
    if box.right - box.left > page.letter * len(text) * (box.top - box.bottom):
        cells = _cells(page, text, at, box)
        if len(cells) > 1:
            runs = _runs(page, text, at, cells, across=True)
            return [_shown(page, frame, words, run) for words, run in runs]
        if len(text) > _LONG:
            page.letter = min((box.right - box.left) / (len(text) * (box.top - box.bottom)), _WIDE_LETTER)
    quad = frame.line(*box)
    if quad is None:
        return (_shown(page, frame, _clean(text), _Run(first, last, 0.0, box)),)
    return ((_clean(text), box, quad),)


def _shown(page: TextPage, frame: PageFrame, text: str, run: _Run) -> tuple[str, Edges, Quad | None]:
    """A run where it stands; of one whose middle is off the page, the characters that are on it."""
    quad = _quad(page, frame, run)
    if quad is None and frame.quad(*run.box):
        seen = [char for char in range(run.first, run.last + 1) if frame.holds(*page.loose(char))]
        if seen:
            text = _clean(page.said(seen[0], seen[-1] - seen[0] + 1).strip())
            run = _run(page, seen[0], seen[-1], across=abs(math.cos(run.angle)) > math.sqrt(0.5))
            quad = _quad(page, frame, run) if text else None
    return text, run.box, quad


def _parts(page: TextPage, text: str, at: int, first: int, last: int) -> Iterator[tuple[str, _Run]]:
    """A line, in any direction, cut at its wide gaps."""
    angle, start, ink = page.angle(first), page.loose(first), page.ink(first, last - first + 1)
    across = abs(math.cos(angle)) > math.sqrt(0.5)
    wide = WIDE_GAP * max([_height(edges, across) for edges in (start, *ink)]) if len(ink) > 1 else 0.0
    apart = _far_apart(ink, across, wide) if wide else 0
    pieces = _pieces(page, text, at, across, wide, apart) if apart or _has_step(ink, across) else []
    if len(pieces) > 1:
        yield from _runs(page, text, at, pieces, across=across)
    else:
        yield _clean(text), _Run(first, last, angle, _line_box(start, ink, across))


def _runs(page: TextPage, text: str, at: int, pieces: list[Slice], *, across: bool) -> Iterator[tuple[str, _Run]]:
    """The parts of a line, given as slices of it."""
    for begin, end in pieces:
        run = _run(page, page.index(at + begin), page.index(at + end - 1), across=across)
        yield _clean(text[begin:end]), run


def _run(page: TextPage, first: int, last: int, *, across: bool) -> _Run:
    if box := page.level_box(first, last):
        return _Run(first, last, 0.0, box)
    return _Run(first, last, page.angle(first), _line_box(page.loose(first), page.ink(first, last - first + 1), across))


def _cells(page: TextPage, text: str, at: int, box: Edges) -> list[Slice]:
    """A level line as slices, cut where a text object leaves more white than between words: cells set at one go."""
    high = max(box.top - box.bottom, page.size(page.index(at)))
    letters = box.right - box.left > _LETTERS_APART * len(text) * high
    places = _places(text, letters=letters)
    gaps = page.gaps(places, at, across=True)
    narrow = [gap for gap in gaps if gap <= WIDE_GAP * high]
    wide = max(WIDE_GAP * high, _SPACED * median(narrow)) if len(narrow) > 1 else _LONE_GAP * high
    cuts = [place for place, gap in zip(places, gaps, strict=True) if gap > wide]
    slices = _between(cuts, text)
    numbered = len(cuts) == 1 and len(text) > cuts[0][1] + 4 and _ENUMERATOR.fullmatch(text, 0, cuts[0][0])
    spaced = all(end - begin == 1 and ord(text[begin]) > _FIRST_WIDE for begin, end in slices)
    return [(0, len(text))] if numbered or spaced else slices


def _places(text: str, *, letters: bool) -> list[Slice]:
    """Between the words of a line; with ``letters``, between these too."""
    places = [space.span() for space in _SPACES.finditer(text)]
    if not letters:
        return places
    return sorted([*places, *((n, n) for n in range(1, len(text)) if not (text[n - 1].isspace() or text[n].isspace()))])


def _clean(text: str) -> str:
    if text.isprintable():  # as nearly every line is; a hyphen's mark is not
        return text
    return storable(text[:-1] + "-" if text.endswith(_HYPHENS) else text)


def _height(edges: Edges, across: bool) -> float:
    left, bottom, right, top = edges
    return top - bottom if across else right - left


def _has_step(ink: list[Edges], across: bool) -> bool:
    """Something in a line stands below the rest: PDFium takes a raised sign of the next line for one of this."""
    low, high = (1, 3) if across else (0, 2)
    return any(a[low] > b[high] or b[low] > a[high] for a, b in pairwise(ink))


def _far_apart(ink: list[Edges], across: bool, wide: float) -> int:
    """How many gaps of a line are wide."""
    spans = sorted([(e[0], e[2]) for e in ink] if across else [(e[1], e[3]) for e in ink])
    reach, count = spans[0][1], 0
    for start, end in spans:
        count += start - reach > wide
        reach = max(reach, end)
    return count


def _pieces(page: TextPage, text: str, at: int, across: bool, wide: float, apart: int) -> list[Slice]:
    """Where to cut a line, as slices of ``text``: at its wide spaces and, if gaps are left, between letters."""
    for letters in (False, True):
        places = _places(text, letters=letters)
        gaps = page.gaps(places, at, across=across)
        cuts = [place for place, gap in zip(places, gaps, strict=True) if gap > wide]
        if len(cuts) >= max(apart, 1):
            break
    return _between(cuts, text)


def _between(cuts: list[Slice], text: str) -> list[Slice]:
    return list(zip([0, *(end for _, end in cuts)], [*(begin for begin, _ in cuts), len(text)], strict=True))


def _line_box(start: Edges, ink: list[Edges], across: bool) -> Edges:
    """Round the ink, and as high as the font's lines where the font does not exaggerate."""
    if not ink:
        return start
    box = _around(ink) if len(ink) > 1 else ink[0]
    if _height(start, across) > LOOSE_LIMIT * _height(box, across):
        return box
    left, bottom, right, top = start
    x0, y0, x1, y1 = box
    return Edges(min(x0, left), min(y0, bottom), max(x1, right), max(y1, top))


def _around(boxes: list[Edges]) -> Edges:
    left, bottom, right, top = zip(*boxes, strict=True)
    return Edges(min(left), min(bottom), max(right), max(top))


def _quad(page: TextPage, frame: PageFrame, run: _Run) -> Quad | None:
    """Where a run stands on the page as displayed; None where its middle is not visible."""
    turn = round(run.angle / (math.pi / 2))
    if abs(run.angle - turn * math.pi / 2) > _LEVEL:
        return _slanted(page, frame, run)
    return frame.line(*run.box, turn)


def _slanted(page: TextPage, frame: PageFrame, run: _Run) -> Quad | None:
    """A run at any angle, from its characters' origins; the last advance is taken to be the mean one."""
    size, count = page.size(run.first), run.last - run.first + 1
    start, end = page.origin(run.first), page.origin(run.last)
    length = math.dist(start, end) * count / max(count - 1, 1) or size / 2
    end = start[0] + length * math.cos(run.angle), start[1] + length * math.sin(run.angle)
    return frame.strip(start, end, 0.9 * size, 0.25 * size)
