"""Lines of a PDF page's own text: PDFium's exact text, and boxes as high as the line on the page as displayed.

PDFium calls one line what stands on one baseline, so the cells of a table row, or two columns, can come as one: such
lines are cut where the gap is wide. Boxes come from four calls a line; characters are looked at one by one only where a
line has to be cut, or is wider than its letters account for.
"""

from __future__ import annotations

import ctypes
import math
import re
from functools import cache
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from .layout import TextBox
from .pdf import pdfium, short, storable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from .geometry import PageFrame, Quad

# A line that closes with a hyphen ends in U+FFFE (U+0002 in some versions) and nothing else: no hyphen, no line break.
_LINE = re.compile("[^\r\n\x02\ufffe]+[\x02\ufffe]?|[\x02\ufffe]")
_HYPHENS = ("\x02", "\ufffe")
_SPACES = re.compile(r"\s+")
_WIDE_GAP = 0.9  # of the line's height: word spaces of justified text stay under it, column gutters and cells over it
_LONE_GAP = 2.0  # in the same unit, where no other gaps of the line tell how wide its spaces are
_SPACED = 3.0  # of its spaces: gaps within one text object may be a paragraph's that is justified
_LETTER, _WIDE_LETTER = 0.5, 0.6  # of the line's height: lines of wider letters are looked at; so wide are capitals
_LETTERS_APART = 1.2  # in the same unit, with gaps between letters
_LONG = 40  # letters that tell how wide a font's are
_FIRST_WIDE = 0x2E80  # Chinese characters and their neighbours, which headings set apart
_ENUMERATOR = re.compile(r"[(\[]?(?:\d{1,3}(?:\.\d{1,3})*|[A-Za-z])[.)\]]?|\W")
_LOOSE_LIMIT = 3.0  # a line box so much higher than its ink comes from a font with a wrong ascent
_LEVEL = math.radians(2)


Slice = tuple[int, int]  # of a line's text


class Edges(NamedTuple):
    """A rectangle in points of user space."""

    left: float
    bottom: float
    right: float
    top: float


class _Calls:
    """What is asked of PDFium for each line, and where it writes its answers; one for the process: one call at a time.

    Attributes:
        doubles, floats: The four numbers of the last rectangle, font box or place; ``[:]`` reads them fastest.
        edges, rect: Pointers to them, for PDFium's functions.
    """

    def __init__(self) -> None:
        self.doubles, self.floats = (ctypes.c_double * 4)(), (ctypes.c_float * 4)()
        self.edges = [ctypes.byref(self.doubles, at * ctypes.sizeof(ctypes.c_double)) for at in range(4)]
        self.rect = ctypes.byref(self.floats)
        self.angle = short("FPDFText_GetCharAngle", ctypes.c_float)
        self.loose_box = short("FPDFText_GetLooseCharBox")
        self.count_rects = short("FPDFText_CountRects")
        self.get_rect = short("FPDFText_GetRect")
        self.origin = short("FPDFText_GetCharOrigin")


_calls = cache(_Calls)


class TextPage:
    """A page's characters in PDFium. Use with the lock held; ``close`` it before the page.

    Attributes:
        text: All of it, as PDFium gives it: lines end in CR LF, or in U+FFFE for a hyphen.
        count: PDFium's characters; spaces and line ends it made up count.
        letter: As wide as letters are in lines that have no wide gaps, in heights of a line.
    """

    def __init__(self, page: Any) -> None:
        self._raw = raw = pdfium()
        self.handle = raw.FPDFText_LoadPage(page)
        self.count: int = max(raw.FPDFText_CountChars(self.handle), 0) if self.handle else 0
        self.text = self._read() if self.count else ""
        # PDFium's text leaves out characters without a meaning, so its index can run behind that of the characters.
        self._same_index = len(self.text) == self.count
        self._calls = _calls()
        self.letter = _LETTER

    def close(self) -> None:
        """Let go of it."""
        if self.handle:
            self._raw.FPDFText_ClosePage(self.handle)
            self.handle = None

    def _read(self) -> str:
        size = 1 << (2 * self.count + 2).bit_length()  # few sizes: ctypes makes a type for each
        buffer = (ctypes.c_ushort * size)()
        written = self._raw.FPDFText_GetText(self.handle, 0, self.count, buffer)
        return ctypes.string_at(buffer, 2 * max(written - 1, 0)).decode("utf-16-le", "surrogatepass")

    def index(self, at: int) -> int:
        """The character that stands at ``text[at]``; negative where there is none."""
        return at if self._same_index else int(self._raw.FPDFText_GetCharIndexFromTextIndex(self.handle, at))

    def level_box(self, first: int, last: int) -> Edges | None:
        """The box of characters ``first`` to ``last`` where they run level and close together; None for other lines.

        That is nearly every line of nearly every PDF, so this does in few steps what ``_parts`` does in many.
        """
        handle, calls = self.handle, self._calls
        if calls.angle(handle, first):
            return None
        calls.loose_box(handle, first, calls.rect)
        left, top, right, bottom = calls.floats[:]
        wide = _WIDE_GAP * (top - bottom)
        low, high, y0, y1 = top, bottom, bottom, top
        get, doubles, (a, b, c, d) = calls.get_rect, calls.doubles, calls.edges
        for at in range(calls.count_rects(handle, first, last - first + 1)):
            get(handle, at, a, b, c, d)
            x0, above, x1, below = doubles[:]
            if x0 == x1:  # zeros, for what has no size
                continue
            if x0 - right > wide or left - x1 > wide or below > y1 or above < y0:
                return None  # far from what came before
            y0, y1 = below, above
            # Not min() and max(): they would take a tenth of the time a page takes.
            left, right = x0 if x0 < left else left, x1 if x1 > right else right  # noqa: FURB136
            low, high = below if below < low else low, above if above > high else high  # noqa: FURB136
        if 0 < _LOOSE_LIMIT * (high - low) < top - bottom:
            return Edges(left, low, right, high)
        return Edges(left, low if low < bottom else bottom, right, high if high > top else top)  # noqa: FURB136

    def ink(self, start: int, count: int) -> list[Edges]:
        """Rectangles tight around the ink of ``count`` characters from ``start``, one for each text object."""
        handle, calls = self.handle, self._calls
        get, doubles, (a, b, c, d) = calls.get_rect, calls.doubles, calls.edges
        found = []
        for at in range(calls.count_rects(handle, start, count)):
            get(handle, at, a, b, c, d)
            left, top, right, bottom = doubles[:]
            if right > left:  # PDFium gives zeros for what has no size
                found.append(Edges(left, bottom, right, top))
        return found

    def loose(self, char: int) -> Edges:
        """The box of a character, as high as its font's lines and as wide as its advance."""
        self._calls.loose_box(self.handle, char, self._calls.rect)
        left, top, right, bottom = self._calls.floats[:]
        return Edges(left, bottom, right, top)

    def gaps(self, places: Iterable[Slice], at: int, *, across: bool) -> list[float]:
        """How wide the white is at some places of a line, in points along the line; NaN where there is no character.

        Args:
            places: Slices of the line's text, each between two of its characters.
            at: Where the line starts in ``text``.
            across: The text runs across the page, not down or up.
        """
        handle, rect, floats, loose_box = self.handle, self._calls.rect, self._calls.floats, self._calls.loose_box
        gaps = []
        for begin, end in places:
            before, after = at + begin - 1, at + end
            if not self._same_index:
                before, after = self.index(before), self.index(after)
            if before < 0 or after < 0:
                gaps.append(math.nan)
                continue
            loose_box(handle, before, rect)
            left, top, right, bottom = floats[:]
            loose_box(handle, after, rect)
            x0, y1, x1, y0 = floats[:]
            ahead, behind = (x0 - right, left - x1) if across else (y0 - top, bottom - y1)
            gaps.append(ahead if ahead > behind else behind)  # noqa: FURB136 - as above
        return gaps

    def angle(self, char: int) -> float:
        """Direction of a character's baseline in user space, in radians counter-clockwise, -pi to pi."""
        angle = self._calls.angle(self.handle, char)  # clockwise, 0 to 2 pi; -1 for a failure
        return 0.0 if angle <= 0 else math.remainder(-angle, math.tau)

    def origin(self, char: int) -> tuple[float, float]:
        """Where a character's baseline starts, in points of user space."""
        self._calls.origin(self.handle, char, *self._calls.edges[:2])
        return self._calls.doubles[0], self._calls.doubles[1]

    def size(self, char: int) -> float:
        """Font size as painted, in points of user space."""
        matrix = self._raw.FS_MATRIX()
        self._raw.FPDFText_GetMatrix(self.handle, char, ctypes.byref(matrix))
        return float(self._raw.FPDFText_GetFontSize(self.handle, char)) * math.hypot(matrix.c, matrix.d)


def text_boxes(page: TextPage, frame: PageFrame) -> tuple[TextBox, ...]:
    """The page's lines in PDFium's order, cut at wide gaps; what lies off the visible page is left out."""
    boxes, seen = [], set()
    for found in _LINE.finditer(page.text):
        for text, (left, bottom, _, _), quad in _placed(page, frame, found[0], found.start()):
            key = (text, int(left / 2), int(bottom / 2))
            if quad and key not in seen:  # text printed twice is a poor man's bold
                seen.add(key)
                boxes.append(TextBox(text, quad))
    return tuple(boxes)


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
        return [(words, run.box, _quad(page, frame, run)) for words, run in _parts(page, text, at, first, last)]
    if box.right - box.left > page.letter * len(text) * (box.top - box.bottom):
        cells = _cells(page, text, at, box)
        if len(cells) > 1:
            runs = _runs(page, text, at, cells, across=True)
            return [(words, run.box, _quad(page, frame, run)) for words, run in runs]
        if len(text) > _LONG:
            page.letter = min((box.right - box.left) / (len(text) * (box.top - box.bottom)), _WIDE_LETTER)
    return ((_clean(text), box, frame.line(*box)),)


def _parts(page: TextPage, text: str, at: int, first: int, last: int) -> Iterator[tuple[str, _Run]]:
    """A line, in any direction, cut at its wide gaps."""
    angle, start, ink = page.angle(first), page.loose(first), page.ink(first, last - first + 1)
    across = abs(math.cos(angle)) > math.sqrt(0.5)
    wide = _WIDE_GAP * max([_height(edges, across) for edges in (start, *ink)]) if len(ink) > 1 else 0.0
    apart = _far_apart(ink, across, wide) if wide else 0
    pieces = _pieces(page, text, at, across, wide, apart) if apart or _has_step(ink, across) else []
    if len(pieces) > 1:
        yield from _runs(page, text, at, pieces, across=across)
    else:
        yield _clean(text), _Run(first, last, angle, _line_box(start, ink, across))


def _runs(page: TextPage, text: str, at: int, pieces: list[Slice], *, across: bool) -> Iterator[tuple[str, _Run]]:
    """The parts of a line, given as slices of it."""
    for begin, end in pieces:
        first, last = page.index(at + begin), page.index(at + end - 1)
        angle, box = 0.0, page.level_box(first, last)
        if not box:
            angle = page.angle(first)
            box = _line_box(page.loose(first), page.ink(first, last - first + 1), across)
        yield _clean(text[begin:end]), _Run(first, last, angle, box)


def _cells(page: TextPage, text: str, at: int, box: Edges) -> list[Slice]:
    """A level line as slices, cut where a text object leaves more white than between words: cells set at one go."""
    high = max(box.top - box.bottom, page.size(page.index(at)))
    letters = box.right - box.left > _LETTERS_APART * len(text) * high
    places = _places(text, letters=letters)
    gaps = page.gaps(places, at, across=True)
    narrow = [gap for gap in gaps if gap <= _WIDE_GAP * high]
    wide = max(_WIDE_GAP * high, _SPACED * median(narrow)) if len(narrow) > 1 else _LONE_GAP * high
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
    if _height(start, across) > _LOOSE_LIMIT * _height(box, across):
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
