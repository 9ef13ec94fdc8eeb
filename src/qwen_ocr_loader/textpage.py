"""A PDF page's characters, as PDFium knows them: text, boxes, gaps and directions, in points of user space."""

from __future__ import annotations

import ctypes
import math
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from .pdf import pdfium, short

if TYPE_CHECKING:
    from collections.abc import Iterable

WIDE_GAP = 0.9
"""Of a line's height: word spaces of justified text stay under it, column gutters and cells over it."""
LOOSE_LIMIT = 3.0
"""A line box so much higher than its ink comes from a font with a wrong ascent."""
_LETTER = 0.5  # of the line's height: lines of wider letters are looked at

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
        self.text = self.said(0, self.count) if self.count else ""
        # PDFium's text leaves out characters without a meaning, so its index can run behind that of the characters.
        self._same_index = len(self.text) == self.count
        self._calls = _calls()
        self.letter = _LETTER

    def close(self) -> None:
        """Let go of it."""
        if self.handle:
            self._raw.FPDFText_ClosePage(self.handle)
            self.handle = None

    def said(self, first: int, count: int) -> str:
        """The text of some characters."""
        size = 1 << (2 * count + 2).bit_length()  # few sizes: ctypes makes a type for each
        buffer = (ctypes.c_ushort * size)()
        written = self._raw.FPDFText_GetText(self.handle, first, count, buffer)
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
        wide = WIDE_GAP * (top - bottom)
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
        if 0 < LOOSE_LIMIT * (high - low) < top - bottom:
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
