"""Locations in other units."""

import pytest

from qwen_ocr_loader import Quad
from qwen_ocr_loader.citations.location import Location, Region

BOX = Region(2, Quad.from_box(0.1, 0.2, 0.3, 0.25), "Total")
TURNED = Region(3, Quad.from_pixels([(30, 25), (10, 25), (10, 20), (30, 20)], 100, 100))


def at(*regions, **more):
    return Location(regions, "rows", exact=True, **{"unit": "pt", "sizes": {2: (200.0, 400.0)}, **more})


def rounded(rects):
    return [{name: round(value, 6) for name, value in rect.items()} for rect in rects]


def test_rects_are_fractions_of_the_displayed_page():
    assert rounded(at(BOX, TURNED).to_rects()) == [
        {"page": 2, "x": 0.1, "y": 0.2, "w": 0.2, "h": 0.05},
        {"page": 3, "x": 0.1, "y": 0.2, "w": 0.2, "h": 0.05},
    ]
    assert at(BOX, TURNED, BOX).pages == (2, 3)


def test_pixels_of_a_page_drawn_at_some_size():
    assert rounded(at(BOX).to_pixels(1000, 2000)) == [{"page": 2, "x": 100, "y": 400, "w": 200, "h": 100}]


def test_pdf_points_from_either_origin():
    assert rounded(at(BOX).to_pdf_points("top-left")) == [{"page": 2, "x": 20, "y": 80, "w": 40, "h": 20}]
    assert rounded(at(BOX).to_pdf_points()) == [{"page": 2, "x": 20, "y": 300, "w": 40, "h": 20}]


def test_points_of_what_has_none_are_refused():
    with pytest.raises(ValueError, match="only pages of PDFs"):
        at(BOX, unit="px").to_pdf_points()
    with pytest.raises(ValueError, match="page 4 is not in the metadata"):
        at(TURNED).to_pdf_points()
    with pytest.raises(ValueError, match="bottom-left"):
        at(BOX).to_pdf_points("middle")
