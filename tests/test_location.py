"""Locations in other units."""

import pytest
from langchain_text_splitters import RecursiveCharacterTextSplitter

from draw_pdfs import Sheet, pdf, text
from qwen_ocr_loader import Quad
from qwen_ocr_loader.citations import locate, split_with_boxes
from qwen_ocr_loader.citations.location import Location, Region
from qwen_ocr_loader.langchain import QwenOCRLoader

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


# --- end to end ---


@pytest.mark.parametrize("splits", [split_with_boxes, lambda splitter, docs: splitter.split_documents(docs)])
def test_points_and_pixels_of_a_later_page_of_a_record_of_several(tmp_path, splits):
    """Three pages of different sizes as one Document; the last is turned and cut to its visible box."""
    sheets = [
        Sheet(text(40, 700, "First of all the parties agree"), "0 0 500 800"),
        Sheet(text(30, 100, "Second comes the price of it"), "0 0 300 200"),
        Sheet(text(100, 300, "Third is the day of delivery", matrix="0 1 -1 0"), "0 0 600 900", "/Rotate 90"),
    ]
    (tmp_path / "deed.pdf").write_bytes(pdf(*sheets))
    docs = QwenOCRLoader(tmp_path / "deed.pdf", text_layer="only", mode="single").load()
    chunks = splits(RecursiveCharacterTextSplitter(chunk_size=40, chunk_overlap=0, add_start_index=True), docs)
    [chunk] = [chunk for chunk in chunks if "Third" in chunk.page_content]
    location = locate(chunk, "Third is the day of delivery")
    assert location.exact
    assert location.pages == (2,)
    [low], [high] = location.to_pdf_points(), location.to_pdf_points("top-left")
    assert high["x"] == pytest.approx(300, abs=3)  # up the sheet is to the right, once it is turned
    assert high["y"] < 100 < high["y"] + high["h"] + 3
    assert low["y"] == pytest.approx(600 - high["y"] - high["h"])
    [pixels] = location.to_pixels(1800, 1200)
    assert [pixels[key] / 2 for key in "xywh"] == pytest.approx([high[key] for key in "xywh"], abs=0.01)
    first = locate(next(chunk for chunk in chunks if "First" in chunk.page_content), "First of all").to_pdf_points()
    assert first[0]["y"] == pytest.approx(700, abs=5)
