"""What people have filled into a PDF's form: words that are drawn on the page but are no part of its text.

PDFium's text of a page leaves annotations out, so a filled form would be indexed empty. Text and choice fields give
what they show, checked boxes and radio buttons a cross, free text (what "typewriters" write on forms without fields)
its lines; what is hidden, and passwords, give nothing.
"""

from __future__ import annotations

import ctypes
from functools import partial
from typing import TYPE_CHECKING, Any

from .layout import TextBox
from .pdf import is_seen, pdfium, storable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .geometry import PageFrame

CHECKED = "☒"
_WIDEST = 0.75  # of the field's height: no letter of its text is wider
_PASSWORD = 1 << 13  # PDF 32000-1:2008, table 228


def field_boxes(form: Any, page: Any, frame: PageFrame) -> Iterator[TextBox]:
    """What is filled into a loaded page, where it stands. Call with the lock held.

    Args:
        form: PDFium's form environment; None where the document has no form.
        page: PDFium's page.
        frame: Of that page.
    """
    raw = pdfium()
    count = raw.FPDFPage_GetAnnotCount(page)
    if form and count:
        raw.FORM_OnAfterLoadPage(page, form)  # without it no box counts as checked
    for index in range(count):
        annotation = raw.FPDFPage_GetAnnot(page, index)
        try:
            kind = raw.FPDFAnnot_GetSubtype(annotation)
            if kind == raw.FPDF_ANNOT_WIDGET and form:
                yield from _boxes([_value(form, annotation)], annotation, frame)
            elif kind == raw.FPDF_ANNOT_FREETEXT:
                yield from _boxes(_free_text(annotation), annotation, frame)
        finally:
            raw.FPDFPage_CloseAnnot(annotation)
    if form and count:
        raw.FORM_OnBeforeClosePage(page, form)


def _boxes(lines: Sequence[str], annotation: Any, frame: PageFrame) -> Iterator[TextBox]:
    """The lines of an annotation, from its top to its bottom, all equally high."""
    raw, rect = pdfium(), pdfium().FS_RECTF()
    if not is_seen(annotation) or not raw.FPDFAnnot_GetRect(annotation, ctypes.byref(rect)):
        return
    left, right = sorted((rect.left, rect.right))
    bottom, top = sorted((rect.bottom, rect.top))
    high = (top - bottom) / max(len(lines), 1)
    for number, text in enumerate(lines):
        # The field may be far longer than what is in it: its box ends where even wide letters would.
        end = min(right, left + _WIDEST * high * max(len(text), 1))
        quad = frame.line(left, top - (number + 1) * high, end, top - number * high) if text else None
        if quad:
            yield TextBox(text, quad)


def _free_text(annotation: Any) -> list[str]:
    said = _string(partial(pdfium().FPDFAnnot_GetStringValue, annotation, b"Contents"))
    return [" ".join(line.split()) for line in said.splitlines() if line.strip()]


def _string(ask: Callable[[Any, int], int]) -> str:
    """What PDFium writes into a buffer of UTF-16, asked for its size first."""
    size = ask(None, 0)
    buffer = (ctypes.c_ushort * max(size // 2, 1))()
    ask(buffer, size)
    return storable(ctypes.string_at(buffer, max(size - 2, 0)).decode("utf-16-le", "surrogatepass"))


def _value(form: Any, annotation: Any) -> str:
    raw = pdfium()
    kind = raw.FPDFAnnot_GetFormFieldType(form, annotation)
    if kind in (raw.FPDF_FORMFIELD_CHECKBOX, raw.FPDF_FORMFIELD_RADIOBUTTON):
        return CHECKED if raw.FPDFAnnot_IsChecked(form, annotation) else ""
    written = (raw.FPDF_FORMFIELD_TEXTFIELD, raw.FPDF_FORMFIELD_COMBOBOX, raw.FPDF_FORMFIELD_LISTBOX)
    if kind not in written or raw.FPDFAnnot_GetFormFieldFlags(form, annotation) & _PASSWORD:
        return ""
    # What a choice shows is the label of what is selected; its value may be a code.
    options = range(max(raw.FPDFAnnot_GetOptionCount(form, annotation), 0))
    selected = [n for n in options if raw.FPDFAnnot_IsOptionSelected(form, annotation, n)]
    labels = [_string(partial(raw.FPDFAnnot_GetOptionLabel, form, annotation, n)) for n in selected]
    value = ", ".join(labels) or _string(partial(raw.FPDFAnnot_GetFormFieldValue, form, annotation))
    return " ".join(value.split())
