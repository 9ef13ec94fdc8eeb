"""What people have filled into a PDF's form: values that are drawn on the page but are no part of its text.

PDFium's text of a page leaves form fields out, so a filled form would be indexed empty. Text and choice fields give
their value, checked boxes and radio buttons a cross; hidden fields and passwords give nothing.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

from .layout import TextBox
from .pdf import pdfium, storable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .geometry import PageFrame

CHECKED = "☒"
_WIDEST = 0.75  # of the field's height: no letter of its text is wider
_PASSWORD = 1 << 13  # PDF 32000-1:2008, table 228
_UNSEEN = 1 << 1 | 1 << 5  # hidden, no view: table 165


def field_boxes(form: Any, page: Any, frame: PageFrame) -> Iterator[TextBox]:
    """The filled-in values of a loaded page, where they stand. Call with the lock held.

    Args:
        form: PDFium's form environment.
        page: PDFium's page.
        frame: Of that page.
    """
    raw = pdfium()
    raw.FORM_OnAfterLoadPage(page, form)  # without it no box counts as checked
    for index in range(raw.FPDFPage_GetAnnotCount(page)):
        annotation = raw.FPDFPage_GetAnnot(page, index)
        try:
            if raw.FPDFAnnot_GetSubtype(annotation) == raw.FPDF_ANNOT_WIDGET:
                yield from _field_box(form, annotation, frame)
        finally:
            raw.FPDFPage_CloseAnnot(annotation)
    raw.FORM_OnBeforeClosePage(page, form)


def _field_box(form: Any, annotation: Any, frame: PageFrame) -> Iterator[TextBox]:
    raw, rect = pdfium(), pdfium().FS_RECTF()
    if raw.FPDFAnnot_GetFlags(annotation) & _UNSEEN or not raw.FPDFAnnot_GetRect(annotation, ctypes.byref(rect)):
        return
    text = _value(form, annotation)
    left, right = sorted((rect.left, rect.right))
    bottom, top = sorted((rect.bottom, rect.top))
    # The field may be far longer than what is in it: its box ends where even wide letters would.
    right = min(right, left + _WIDEST * (top - bottom) * max(len(text), 1))
    quad = frame.line(left, bottom, right, top) if text else None
    if quad:
        yield TextBox(text, quad)


def _value(form: Any, annotation: Any) -> str:
    raw = pdfium()
    kind = raw.FPDFAnnot_GetFormFieldType(form, annotation)
    if kind in (raw.FPDF_FORMFIELD_CHECKBOX, raw.FPDF_FORMFIELD_RADIOBUTTON):
        return CHECKED if raw.FPDFAnnot_IsChecked(form, annotation) else ""
    written = (raw.FPDF_FORMFIELD_TEXTFIELD, raw.FPDF_FORMFIELD_COMBOBOX, raw.FPDF_FORMFIELD_LISTBOX)
    if kind not in written or raw.FPDFAnnot_GetFormFieldFlags(form, annotation) & _PASSWORD:
        return ""
    size = raw.FPDFAnnot_GetFormFieldValue(form, annotation, None, 0)
    buffer = (ctypes.c_ushort * max(size // 2, 1))()
    raw.FPDFAnnot_GetFormFieldValue(form, annotation, buffer, size)
    value = ctypes.string_at(buffer, max(size - 2, 0)).decode("utf-16-le", "surrogatepass")
    return " ".join(storable(value).split())
