"""Ruling lines of PDF pages, however a program drew them, and the tables they make of a page's own text."""

from __future__ import annotations

import itertools

import pytest

from draw_pdfs import Draft, Sheet, pdf, text
from qwen_ocr_loader.layout import compose
from qwen_ocr_loader.pages import open_pages
from qwen_ocr_loader.pdf import PDFDocument, frame_of
from qwen_ocr_loader.results import PageResult
from qwen_ocr_loader.source import find
from qwen_ocr_loader.tables import drawn
from qwen_ocr_loader.tables.local import read_tables

XS, YS = [40, 160, 260, 360], [500, 476, 452, 428]
ROWS = (("Item", "Price", "Stock"), ("Bolt", "0.20", "70"), ("Long nut", "0.10", "35"))
WORDS = "".join(
    text(XS[column] + 8, YS[row] - 17, said) for row, cells in enumerate(ROWS) for column, said in enumerate(cells)
)
LINES = [(x, YS[0], x, YS[-1]) for x in XS] + [(XS[0], y, XS[-1], y) for y in YS]
DRAWN = {
    "strokes": "".join(f"{a} {b} m {c} {d} l S\n" for a, b, c, d in LINES),
    "one path": "".join(f"{a} {b} m {c} {d} l\n" for a, b, c, d in LINES) + "S\n",
    "thin boxes": "".join(f"{a} {d - 0.5} {c - a + 0.5} {b - d + 0.5} re f\n" for a, b, c, d in LINES),
    "stroked boxes": "".join(
        f"{left} {below} {right - left} {top - below} re S\n"
        for left, right in itertools.pairwise(XS)
        for top, below in itertools.pairwise(YS)
    ),
    "scaled": "q 2 0 0 2 0 0 cm " + "".join(f"{a / 2} {b / 2} m {c / 2} {d / 2} l S\n" for a, b, c, d in LINES) + "Q\n",
}


def rules_and_result(data: bytes):
    (found,) = find(data)
    source = found.open()
    with open_pages(source) as pages, PDFDocument(source) as document, document.page(0) as handle:
        page = pages.page(0)
        words, lines = compose(page.text_layer.boxes, page.width, page.height)
        result = PageResult(0, page.width, page.height, "pt", words, lines=lines, text_source="text_layer")
        return drawn.drawn_rules(handle, frame_of(handle)), result


@pytest.mark.parametrize("how", DRAWN)
@pytest.mark.parametrize("entries", ["", "/Rotate 90", "/CropBox [20 400 380 560]"])
def test_a_ruled_table(how: str, entries: str):
    rules, result = rules_and_result(pdf(Sheet(DRAWN[how] + WORDS, entries=entries)))
    (table,) = read_tables(result, rules=rules)
    assert table.rows == ROWS


def test_rules_within_a_form_xobject():
    draft = Draft()
    form = draft.stream(
        "/Type/XObject/Subtype/Form/BBox [0 0 400 600]/Matrix [1 0 0 1 0 50]", DRAWN["strokes"].encode()
    )
    draft.sheet(Sheet(f"q 1 0 0 1 0 -50 cm /Fm0 Do Q\n{WORDS}", xobjects={"Fm0": form}))
    rules, result = rules_and_result(draft.bytes())
    (table,) = read_tables(result, rules=rules)
    assert table.rows == ROWS


def test_slanting_short_and_curved_strokes_are_no_rules():
    rules, _ = rules_and_result(
        pdf(Sheet("40 40 m 300 200 l S 40 300 m 43 300 l S 40 40 m 90 90 200 90 300 40 c S " + WORDS))
    )
    assert rules == ()


def test_a_map_is_left_alone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(drawn, "MAX_PATHS", 7)
    rules, _ = rules_and_result(pdf(Sheet(DRAWN["strokes"] + WORDS)))
    assert rules == ()
