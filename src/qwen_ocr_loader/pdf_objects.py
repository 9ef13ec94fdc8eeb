"""What a PDF page is made of, in paint order: how many texts and paths, and where its pictures lie.

Walked with raw calls: pypdfium2's object helpers take 2 s for the 81,000 objects of a map, the raw walk 20 ms.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, field
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple

from .geometry import Transform
from .pdf import pdfium, short

if TYPE_CHECKING:
    from .geometry import PageFrame

MAX_OBJECTS = 20_000
"""Objects looked at on one page; what comes after them is not seen."""

MAX_DEPTH = 8  # of form XObjects within each other

_CELLS = 64  # a side of the grid that coverage is counted on
_HIDDEN_MODES = (3, 7)  # text rendering modes that paint nothing: PDF 32000-1, table 106
_MODE_SAMPLE = 64


class Picture(NamedTuple):
    """An image on the page, or something as large.

    Attributes:
        handle: PDFium's object; good until the page is closed.
        left, bottom, right, top: Its bounds, in points of user space.
        texts_before: How many text objects were painted before it.
        level: It lies directly on the page, or in a form XObject: 0 or more.
    """

    handle: Any
    left: float
    bottom: float
    right: float
    top: float
    texts_before: int
    level: int


@dataclass(slots=True)
class PageObjects:
    """The objects of one page, form XObjects opened.

    Attributes:
        total: Objects seen, forms among them; at most ``MAX_OBJECTS``.
        texts: PDFium's text objects in paint order.
        pictures: In paint order.
        paths: Paths and shadings.
        closed: Form XObjects that were not opened, as the pictures they may hold.
    """

    total: int = 0
    texts: list[Any] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    paths: int = 0
    closed: list[Picture] = field(default_factory=list)

    def hidden_share(self) -> float:
        """Share of the text objects (sampled) that paint nothing."""
        if not self.texts:
            return 0.0
        mode = short("FPDFTextObj_GetTextRenderMode")
        sample = self.texts[:: len(self.texts) // _MODE_SAMPLE + 1]
        return sum(mode(text) in _HIDDEN_MODES for text in sample) / len(sample)


def page_objects(page: Any, depth: int = MAX_DEPTH) -> PageObjects:
    """Walk a loaded page, and form XObjects down to ``depth`` (0: none). Call with the lock held."""
    found = PageObjects()
    _gather(found, "FPDFPage_GetObject", page, pdfium().FPDFPage_CountObjects(page), None, 0, depth)
    return found


def cover(boxes: list[Picture], frame: PageFrame) -> float:
    """Share 0-1 of the visible page that the pictures lie on, overlaps counted once."""
    if not boxes:
        return 0.0
    rows = [0] * _CELLS
    for picture in boxes:
        seen = frame.quad(picture.left, picture.bottom, picture.right, picture.top)
        if seen:
            box = seen.bounds
            columns = (1 << round(box.right * _CELLS)) - (1 << round(box.left * _CELLS))
            for row in range(round(box.top * _CELLS), round(box.bottom * _CELLS)):
                rows[row] |= columns
    return sum(row.bit_count() for row in rows) / _CELLS**2


def _gather(
    found: PageObjects, getter: str, owner: Any, count: int, matrix: Transform | None, level: int, depth: int
) -> None:
    """Put ``owner``'s objects where they belong; ``matrix`` takes their space to the page's (None: they are in it)."""
    raw = pdfium()
    get, wanted = short(getter, raw.FPDF_PAGEOBJECT), range(min(count, MAX_OBJECTS - found.total))
    handles = list(map(get, repeat(owner), wanted))
    kinds = list(map(short("FPDFPageObj_GetType"), handles))
    found.total += len(kinds)
    text, image, form = raw.FPDF_PAGEOBJ_TEXT, raw.FPDF_PAGEOBJ_IMAGE, raw.FPDF_PAGEOBJ_FORM
    texts = kinds.count(text)
    found.paths += len(kinds) - texts - kinds.count(image) - kinds.count(form)
    if texts == len(kinds):
        found.texts += handles
        return
    for handle, kind in zip(handles, kinds, strict=True):
        if kind == text:
            found.texts.append(handle)
        elif kind == image:
            found.pictures.append(_picture(handle, matrix, len(found.texts), level))
        elif kind == form and level >= depth:
            found.closed.append(_picture(handle, matrix, len(found.texts), level))
        elif kind == form:
            own, children = matrix_of(handle), raw.FPDFFormObj_CountObjects(handle)
            inner = own.then(matrix) if matrix else own
            _gather(found, "FPDFFormObj_GetObject", handle, children, inner, level + 1, depth)


def _picture(handle: Any, matrix: Transform | None, texts: int, level: int) -> Picture:
    edges, size = (ctypes.c_float * 4)(), ctypes.sizeof(ctypes.c_float)
    short("FPDFPageObj_GetBounds")(handle, *(ctypes.byref(edges, size * at) for at in range(4)))
    left, bottom, right, top = edges
    if matrix:
        left, bottom, right, top = matrix.bounds(left, bottom, right, top)
    return Picture(handle, left, bottom, right, top, texts, level)


def matrix_of(handle: Any) -> Transform:
    """The matrix of an image or a form XObject."""
    matrix = pdfium().FS_MATRIX()
    pdfium().FPDFPageObj_GetMatrix(handle, ctypes.byref(matrix))
    return Transform(matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f)
