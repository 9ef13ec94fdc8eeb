"""What people have filled into a PDF's form: words that are drawn on the page but are no part of its text.

PDFium's text of a page leaves annotations out, so a filled form would be indexed empty. Text and choice fields give
what they show, checked boxes and radio buttons a cross, free text (what "typewriters" write on forms without fields)
its lines; what is hidden, and passwords, give nothing. Where a field draws the very words that it holds, its lines are
those drawn, each with its own box; else its box is shared out.
"""

from __future__ import annotations

import ctypes
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from .appearances import drawn_boxes
from .layout import TextBox
from .pdf import is_seen, pdfium, storable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .geometry import PageFrame
    from .pdf import PDFDocument

CHECKED = "☒"
_WIDEST = 0.75  # of the field's height: no letter of its text is wider
_SEVERAL_LINES, _PASSWORD = 1 << 12, 1 << 13  # PDF 32000-1:2008, table 228


class _Filled(NamedTuple):
    """An annotation with something in it: its number, its lines, its rectangle in points of user space."""

    number: int
    lines: list[str]
    left: float
    bottom: float
    right: float
    top: float

    def shared_out(self, frame: PageFrame) -> Iterator[TextBox]:
        """The lines from its top to its bottom, all equally high."""
        high = (self.top - self.bottom) / len(self.lines)
        for at, text in enumerate(self.lines):
            # The field may be far longer than what is in it: its box ends where even wide letters would.
            end = min(self.right, self.left + _WIDEST * high * len(text))
            top = self.top - at * high
            if quad := frame.line(self.left, top - high, end, top):
                yield TextBox(text, quad)

    def as_drawn(self, frame: PageFrame, drawn: Sequence[tuple[float, float, TextBox]]) -> tuple[TextBox, ...]:
        """The lines drawn in it, by their middles; none where they do not say the same."""
        quad = frame.line(self.left, self.bottom, self.right, self.top)
        if quad is None:
            return ()
        left, top, right, bottom = quad.bounds
        boxes = tuple(box for x, y, box in drawn if left <= x <= right and top <= y <= bottom)
        said, shown = (" ".join(lines).split() for lines in (self.lines, (box.text for box in boxes)))
        if said == shown:
            return boxes
        is_comb = len(self.lines) == 1 and "".join(said) == "".join(shown)  # a letter to a cell, over all its width
        return (TextBox(self.lines[0], quad),) if is_comb else ()


def value_boxes(document: PDFDocument, number: int, page: Any, frame: PageFrame) -> list[tuple[TextBox, ...]]:
    """What is filled into a loaded page, where it stands: each field's lines. Call inside ``document.page``.

    Args:
        document: Whose page it is.
        number: Of the page, 0-based.
        page: PDFium's page.
        frame: Of that page.
    """
    filled = list(_filled(document.form, page))
    texts = {one.number for one in filled if one.lines != [CHECKED]}
    drawn = drawn_boxes(document, number, page, frame, texts) if texts else ()
    placed = [(*_middle(box), box) for box in drawn]
    fields = (one.as_drawn(frame, placed) or tuple(one.shared_out(frame)) for one in filled)
    return [lines for lines in fields if lines]


def _middle(box: TextBox) -> tuple[float, float]:
    bounds = box.quad.bounds
    return (bounds.left + bounds.right) / 2, (bounds.top + bounds.bottom) / 2


def _filled(form: Any, page: Any) -> Iterator[_Filled]:
    raw = pdfium()
    count = raw.FPDFPage_GetAnnotCount(page)
    if form and count:
        raw.FORM_OnAfterLoadPage(page, form)  # without it no box counts as checked
    for index in range(count):
        annotation, rect = raw.FPDFPage_GetAnnot(page, index), raw.FS_RECTF()
        try:
            lines = _lines(form, annotation) if is_seen(annotation) else []
            if lines and raw.FPDFAnnot_GetRect(annotation, ctypes.byref(rect)):
                left, right = sorted((rect.left, rect.right))
                bottom, top = sorted((rect.bottom, rect.top))
                yield _Filled(index, lines, left, bottom, right, top)
        finally:
            raw.FPDFPage_CloseAnnot(annotation)
    if form and count:
        raw.FORM_OnBeforeClosePage(page, form)


def _lines(form: Any, annotation: Any) -> list[str]:
    raw = pdfium()
    kind = raw.FPDFAnnot_GetSubtype(annotation)
    said = ""
    if kind == raw.FPDF_ANNOT_FREETEXT:
        said = _string(partial(raw.FPDFAnnot_GetStringValue, annotation, b"Contents"))
    elif kind == raw.FPDF_ANNOT_WIDGET and form:
        said = _value(form, annotation)
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
    flags = raw.FPDFAnnot_GetFormFieldFlags(form, annotation)
    if kind not in written or flags & _PASSWORD:
        return ""
    # What a choice shows is the label of what is selected; its value may be a code.
    options = range(max(raw.FPDFAnnot_GetOptionCount(form, annotation), 0))
    selected = [n for n in options if raw.FPDFAnnot_IsOptionSelected(form, annotation, n)]
    labels = [_string(partial(raw.FPDFAnnot_GetOptionLabel, form, annotation, n)) for n in selected]
    value = ", ".join(labels) or _string(partial(raw.FPDFAnnot_GetFormFieldValue, form, annotation))
    return value if flags & _SEVERAL_LINES else " ".join(value.split())
