"""Marks written into a copy of a PDF as annotations that every viewer shows, lists and can take away again.

PDFium writes them, which the package has with it anyway: no further library. The file is written anew, whole, as
PDFium's incremental saving leaves files with cross-reference streams damaged (version 7860, seen 2026-11-21); a digital
signature in it does not survive that. Viewers draw ``/Highlight`` annotations that have no appearance of their own by
multiplying their colour with the page (PDFium, Poppler, pdf.js, MuPDF, Acrobat).
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from .errors import SourceError
from .pdf import LOCK, PDFDocument, frame_of, pdfium

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .geometry import PageFrame, Quad
    from .source import Source

_PRINTED = 4  # an annotation's flag, PDF 32000-1, 12.5.3
_AUTHOR = "qwen-ocr-loader"


class Mark(NamedTuple):
    """One annotation.

    Attributes:
        page: 0-based.
        quads: What it marks, as fractions 0-1 of the displayed page.
        color: ``#rrggbb``.
        note: What a viewer shows beside it.
        framed: It is the outline of a rectangle (``/Square``) instead of a highlight.
    """

    page: int
    quads: Sequence[Quad]
    color: str
    note: str = ""
    framed: bool = False


def write_marked(source: Source, marks: Iterable[Mark], out: BinaryIO, password: str | None = None) -> None:
    """Write the PDF with the marks in it; encrypted as it was.

    Raises:
        SourceError: It is no PDF, or has no such page.
        EncryptedPDF, DamagedSource, EmptySource: As their names say.
    """
    if source.mime != "application/pdf":
        raise SourceError(f"{source.mime} has no annotations; use highlight() for a picture", source=source.name)
    with LOCK, PDFDocument(source, password) as document:
        for mark in marks:
            if not 0 <= mark.page < document.count:
                message = f"there is no page {mark.page + 1}; it has {document.count}"
                raise SourceError(message, source=source.name, page=mark.page)
            with document.page(mark.page) as page:
                _annotate(page, frame_of(page), mark)
        _save(document, out)


def _annotate(page: Any, frame: PageFrame, mark: Mark) -> None:
    raw = pdfium()
    annotation = raw.FPDFPage_CreateAnnot(page, raw.FPDF_ANNOT_SQUARE if mark.framed else raw.FPDF_ANNOT_HIGHLIGHT)
    try:
        corners = [[frame.points(point) for point in quad] for quad in mark.quads]
        for four in [] if mark.framed else corners:
            raw.FPDFAnnot_AppendAttachmentPoints(annotation, ctypes.byref(_quad_points(four)))
        xs, ys = ([corner[axis] for four in corners for corner in four] for axis in (0, 1))
        raw.FPDFAnnot_SetRect(annotation, ctypes.byref(raw.FS_RECTF(min(xs), max(ys), max(xs), min(ys))))
        red, green, blue = bytes.fromhex(mark.color[1:])
        raw.FPDFAnnot_SetColor(annotation, raw.FPDFANNOT_COLORTYPE_Color, red, green, blue, 255)
        raw.FPDFAnnot_SetFlags(annotation, _PRINTED)
        for key, text in (("Contents", mark.note), ("T", _AUTHOR)):
            raw.FPDFAnnot_SetStringValue(annotation, key.encode(), _wide(text))
    finally:
        raw.FPDFPage_CloseAnnot(annotation)


def _quad_points(corners: Sequence[tuple[float, float]]) -> Any:
    """In the order all viewers expect: the text's upper two corners, then its lower two, each from left to right.

    PDF 32000-1 (12.5.6.10) asks for them in turn, but Acrobat never wrote or read them so.
    """
    top_left, top_right, bottom_right, bottom_left = corners
    return pdfium().FS_QUADPOINTSF(*top_left, *top_right, *bottom_left, *bottom_right)


def _save(document: PDFDocument, out: BinaryIO) -> None:
    raw = pdfium()

    def write(_: Any, data: Any, size: int) -> int:
        return int(out.write(ctypes.string_at(data, size)) == size)

    writer = raw.FPDF_FILEWRITE(version=1)
    writer.WriteBlock = type(writer.WriteBlock)(write)
    if not raw.FPDF_SaveAsCopy(document._handle, ctypes.byref(writer), raw.FPDF_NO_INCREMENTAL):  # noqa: SLF001
        raise SourceError("its copy could not be written; see that there is room", source=document.name)


def _wide(text: str) -> Any:
    """UTF-16LE with a NUL at its end, as PDFium takes it."""
    data = f"{text}\0".encode("utf-16-le", "ignore")
    return ctypes.cast(ctypes.create_string_buffer(data, len(data)), ctypes.POINTER(ctypes.c_ushort))
