"""What annotations draw, stamps and signatures above all: words that are no part of a page's text for PDFium.

A copy of the page with nothing but these annotations is made, they are made part of it, and it is read as any page is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .pdf import is_seen, pdfium
from .textlayer import is_garbled
from .textlines import text_boxes
from .textpage import TextPage

if TYPE_CHECKING:
    from collections.abc import Collection

    from .geometry import PageFrame
    from .layout import TextBox
    from .pdf import PDFDocument


def stamp_boxes(document: PDFDocument, number: int, page: Any, frame: PageFrame) -> tuple[TextBox, ...]:
    """The lines of a loaded page's stamps, watermarks and signatures, where they stand. Call inside ``document.page``.

    Args:
        document: Whose page it is.
        number: Of the page, 0-based.
        page: PDFium's page.
        frame: Of that page.
    """
    count = pdfium().FPDFPage_GetAnnotCount(page)
    wanted = {index for index in range(count) if _has_words_of_its_own(document.form, page, index)}
    return drawn_boxes(document, number, page, frame, wanted) if wanted else ()


def drawn_boxes(
    document: PDFDocument, number: int, page: Any, frame: PageFrame, wanted: Collection[int]
) -> tuple[TextBox, ...]:
    """The lines that some of a loaded page's annotations draw, where they stand; none where PDFium cannot tell.

    Args:
        document, number, page, frame: As for ``stamp_boxes``.
        wanted: Numbers of the annotations.
    """
    raw = pdfium()
    count = raw.FPDFPage_GetAnnotCount(page)
    with document.copy_of_page(number) as copy:
        page = raw.FPDF_LoadPage(copy, 0)
        flat = page and raw.FPDFPage_GetAnnotCount(page) == count and _flattened(page, wanted)
        raw.FPDF_ClosePage(page)
        return _lines(raw.FPDF_LoadPage(copy, 0), frame) if flat else ()


def _has_words_of_its_own(form: Any, page: Any, index: int) -> bool:
    raw = pdfium()
    annotation = raw.FPDFPage_GetAnnot(page, index)
    try:
        kind = raw.FPDFAnnot_GetSubtype(annotation)
        if kind == raw.FPDF_ANNOT_WIDGET:
            signed = form and raw.FPDFAnnot_GetFormFieldType(form, annotation) == raw.FPDF_FORMFIELD_SIGNATURE
            return bool(signed) and is_seen(annotation)
        return kind in (raw.FPDF_ANNOT_STAMP, raw.FPDF_ANNOT_WATERMARK) and is_seen(annotation)
    finally:
        raw.FPDFPage_CloseAnnot(annotation)


def _flattened(page: Any, wanted: Collection[int]) -> bool:
    """Make some annotations of a page all that is on it; False where PDFium cannot."""
    raw = pdfium()
    for index in reversed(range(raw.FPDFPage_GetAnnotCount(page))):
        if index not in wanted:
            raw.FPDFPage_RemoveAnnot(page, index)
    for index in reversed(range(raw.FPDFPage_CountObjects(page))):
        printed = raw.FPDFPage_GetObject(page, index)
        raw.FPDFPage_RemoveObject(page, printed)
        raw.FPDFPageObj_Destroy(printed)
    done = raw.FPDFPage_GenerateContent(page) and raw.FPDFPage_Flatten(page, raw.FLAT_NORMALDISPLAY)
    return bool(done == raw.FLATTEN_SUCCESS)


def _lines(page: Any, frame: PageFrame) -> tuple[TextBox, ...]:
    text = TextPage(page)
    try:
        return text_boxes(text, frame) if text.text and not is_garbled(text) else ()
    finally:
        text.close()
        pdfium().FPDF_ClosePage(page)
