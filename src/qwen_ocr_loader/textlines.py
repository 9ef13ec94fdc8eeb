"""Lines of a PDF page's own text: PDFium's exact text, and boxes as high as the line on the page as displayed.

PDFium calls one line what stands on one baseline, so the cells of a table row, or two columns, can come as one: such lines
are cut where the gap is wide. Boxes come from a few bulk calls a line; characters are looked at one by one only where a
line has to be cut.
"""

from __future__ import annotations

import ctypes
import math
import re
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from .layout import TextBox
from .pdf import pdfium, storable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .geometry import PageFrame, Quad

# A line that closes with a hyphen ends in U+FFFE (U+0002 in some versions) and nothing else: no hyphen, no line break.
_LINE = re.compile("[^\r\n\x02\ufffe]+[\x02\ufffe]?|[\x02\ufffe]")
_HYPHEN = str.maketrans({"\x02": "-", "\ufffe": "-"})
_SPACES = re.compile(r"\s+")
_WIDE_GAP = 0.9  # of the line's height: word spaces of justified text stay under it, column gutters and cells over it
_LOOSE_LIMIT = 3.0  # a line box so much higher than its ink comes from a font with a wrong ascent
_LEVEL = math.radians(2)


class Edges(NamedTuple):
    """A rectangle in points of user space."""

    left: float
    bottom: float
    right: float
    top: float


class _Scratch:
    """Where PDFium writes its answers; one for the process, as only one call runs at a time."""

    def __init__(self) -> None:
        self.doubles, self.floats = (ctypes.c_double * 4)(), (ctypes.c_float * 4)()
        self.pointers = [_pointer(self.doubles, ctypes.c_double, at) for at in range(4)]
        self.rect = ctypes.cast(self.floats, ctypes.POINTER(pdfium().FS_RECTF))


def _pointer(array: Any, kind: Any, at: int) -> Any:
    return ctypes.cast(ctypes.byref(array, at * ctypes.sizeof(kind)), ctypes.POINTER(kind))


_scratch = cache(_Scratch)


class TextPage:
    """A page's characters in PDFium. Use with the lock held; ``close`` it before the page.

    Attributes:
        text: All of it, as PDFium gives it: lines end in CR LF, or in U+FFFE for a hyphen.
        count: PDFium's characters; spaces and line ends it made up count.
    """

    def __init__(self, page: Any) -> None:
        self._raw = raw = pdfium()
        self.handle = raw.FPDFText_LoadPage(page)
        self.count: int = max(raw.FPDFText_CountChars(self.handle), 0) if self.handle else 0
        self.text = self._read() if self.count else ""
        # PDFium's text leaves out characters without a meaning, so its index can run behind that of the characters.
        self._same_index = len(self.text) == self.count
        scratch = _scratch()
        self._doubles, self._pointers, self._floats, self._rect = (
            scratch.doubles,
            scratch.pointers,
            scratch.floats,
            scratch.rect,
        )

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

    def ink(self, start: int, count: int) -> list[Edges]:
        """Rectangles tight around the ink of ``count`` characters from ``start``, one for each text object."""
        raw, handle, values, edges = self._raw, self.handle, self._doubles, self._pointers
        found = []
        for at in range(raw.FPDFText_CountRects(handle, start, count)):
            raw.FPDFText_GetRect(handle, at, *edges)
            left, top, right, bottom = values
            if right > left:  # PDFium gives zeros for what has no size
                found.append(Edges(left, bottom, right, top))
        return found

    def loose(self, char: int) -> Edges:
        """The box of a character, as high as its font's lines and as wide as its advance."""
        self._raw.FPDFText_GetLooseCharBox(self.handle, char, self._rect)
        left, top, right, bottom = self._floats
        return Edges(left, bottom, right, top)

    def angle(self, char: int) -> float:
        """Direction of a character's baseline in user space, in radians counter-clockwise, -pi to pi."""
        angle = self._raw.FPDFText_GetCharAngle(self.handle, char)  # clockwise, 0 to 2 pi; -1 for a failure
        return 0.0 if angle <= 0 else math.remainder(-angle, math.tau)

    def origin(self, char: int) -> tuple[float, float]:
        """Where a character's baseline starts, in points of user space."""
        self._raw.FPDFText_GetCharOrigin(self.handle, char, *self._pointers[:2])
        return self._doubles[0], self._doubles[1]

    def size(self, char: int) -> float:
        """Font size as painted, in points of user space."""
        matrix = self._raw.FS_MATRIX()
        self._raw.FPDFText_GetMatrix(self.handle, char, ctypes.byref(matrix))
        return float(self._raw.FPDFText_GetFontSize(self.handle, char)) * math.hypot(matrix.c, matrix.d)


def text_boxes(page: TextPage, frame: PageFrame) -> tuple[TextBox, ...]:
    """The page's lines in PDFium's order, cut at wide gaps; what lies off the visible page is left out."""
    boxes, seen = [], set()
    for found in _LINE.finditer(page.text):
        for text, part in _parts(page, found.group(), found.start()):
            quad = _quad(page, frame, part)
            key = (text, int(part.box.left / 2), int(part.box.bottom / 2))
            if quad and key not in seen:  # text printed twice is a poor man's bold
                seen.add(key)
                boxes.append(TextBox(text, quad))
    return tuple(boxes)


class _Run(NamedTuple):
    """Characters ``first`` to ``last`` of PDFium's count that stand on one baseline.

    ``angle`` is in radians counter-clockwise; ``box`` holds the ink and, as high as its font's lines, the first character.
    """

    first: int
    last: int
    angle: float
    box: Edges


def _parts(page: TextPage, line: str, at: int) -> Iterator[tuple[str, _Run]]:
    """A line of ``page.text`` that starts at ``at``, cut at its wide gaps; nothing where it is blank."""
    text = line.strip()
    if not text:
        return
    at += line.index(text)
    first, last = page.index(at), page.index(at + len(text) - 1)
    if first < 0 or last < first:
        return
    angle, start, ink = page.angle(first), page.loose(first), page.ink(first, last - first + 1)
    across = angle == 0 or abs(math.cos(angle)) > math.sqrt(0.5)
    wide = _WIDE_GAP * max(_height(start, across), *(_height(edges, across) for edges in ink)) if len(ink) > 1 else 0.0
    if not wide or not _has_gap(ink, across, wide):
        yield _clean(text), _Run(first, last, angle, _line_box(start, ink, across))
        return
    for begin, end in _pieces(page, text, at, across, wide):
        first, last = page.index(at + begin), page.index(at + end - 1)
        start, ink = page.loose(first), page.ink(first, last - first + 1)
        yield _clean(text[begin:end]), _Run(first, last, page.angle(first), _line_box(start, ink, across))


def _clean(text: str) -> str:
    return storable(text) if text.isascii() else storable(text.translate(_HYPHEN))


def _height(edges: Edges, across: bool) -> float:
    left, bottom, right, top = edges
    return top - bottom if across else right - left


def _has_gap(ink: list[Edges], across: bool, wide: float) -> bool:
    """Something in a line stands far from the rest: beyond a gap, or, as a raised sign that starts the next line, below."""
    low, high = (1, 3) if across else (0, 2)
    if any(a[low] > b[high] or b[low] > a[high] for a, b in pairwise(ink)):
        return True
    spans = sorted([(e[0], e[2]) for e in ink] if across else [(e[1], e[3]) for e in ink])
    reach = spans[0][1]
    for start, end in spans:
        if start - reach > wide:
            return True
        if end > reach:
            reach = end
    return False


def _pieces(page: TextPage, text: str, at: int, across: bool, wide: float) -> list[tuple[int, int]]:
    """Where to cut a line, as slices of ``text``: at spaces whose neighbours stand far apart (PDFium always puts one)."""
    pieces, begin, low, high = [], 0, *((0, 2) if across else (1, 3))
    for space in _SPACES.finditer(text):
        before, after = page.index(at + space.start() - 1), page.index(at + space.end())
        if before < 0 or after < 0:
            continue
        one, other = page.loose(before), page.loose(after)
        if max(other[low] - one[high], one[low] - other[high]) > wide:
            pieces.append((begin, space.start()))
            begin = space.end()
    return [*pieces, (begin, len(text))]


def _line_box(start: Edges, ink: list[Edges], across: bool) -> Edges:
    """Round the ink, and as high as the font's lines where the font does not exaggerate."""
    if not ink:
        return start
    box = _around(ink) if len(ink) > 1 else ink[0]
    if _height(start, across) > _LOOSE_LIMIT * _height(box, across):
        return box
    left, bottom, right, top = start
    x0, y0, x1, y1 = box
    return Edges(
        min(x0, left), min(y0, bottom), max(x1, right), max(y1, top)
    )


def _around(boxes: list[Edges]) -> Edges:
    left, bottom, right, top = zip(*boxes, strict=True)
    return Edges(min(left), min(bottom), max(right), max(top))


def _quad(page: TextPage, frame: PageFrame, run: _Run) -> Quad | None:
    """Where a run stands on the page as displayed; None where its middle is not visible."""
    if run.angle:
        turn = round(run.angle / (math.pi / 2))
        if abs(run.angle - turn * math.pi / 2) > _LEVEL:
            return _slanted(page, frame, run)
        return frame.quad(*run.box, turn) if frame.shows_middle(*run.box) else None
    return frame.quad(*run.box) if frame.shows_middle(*run.box) else None


def _slanted(page: TextPage, frame: PageFrame, run: _Run) -> Quad | None:
    """A run at any angle, from its characters' origins; the last advance is taken to be the mean one."""
    size, count = page.size(run.first), run.last - run.first + 1
    start, end = page.origin(run.first), page.origin(run.last)
    length = math.dist(start, end) * count / max(count - 1, 1) or size / 2
    end = start[0] + length * math.cos(run.angle), start[1] + length * math.sin(run.angle)
    return frame.strip(start, end, 0.9 * size, 0.25 * size)
