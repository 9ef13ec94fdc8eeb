"""Quotes are found as models write them, and narrowed to where they are printed."""

import pytest
from langchain_core.documents import Document

from citing import document, numbers
from qwen_ocr_loader import Line, PageResult, Quad
from qwen_ocr_loader.citations import locate
from qwen_ocr_loader.render import line_table

LINES = [
    "The buyer pays the freight and the insur-",
    "ance of the goods, 5.00 a ton;",
    "the seller pays 5 and the duty.",
]


def quoted(said, lines=LINES):
    return locate(document(lines), said)


@pytest.mark.parametrize(
    ("said", "texts"),
    [
        ("pays the freight", ["pays the freight"]),
        ("PAYS  the\nfreight", ["pays the freight"]),
        ("the insurance of the goods", ["the insur", "ance of the goods"]),
        ("“the goods: 5.00 a ton”", ["the goods, 5.00 a ton"]),
        ("5", ["5"]),
        ("5.00", ["5.00"]),
        ("The buyer pays the freight and the insurance", ["The buyer pays the freight and the insur-", "ance"]),
        ("ａ ton", ["a ton"]),
    ],
)
def test_case_space_marks_and_hyphens_do_not_count(said, texts):
    location = quoted(said)
    assert [region.text for region in location.regions] == texts
    assert (location.quoted, location.exact) == (True, True)


def test_a_number_is_not_part_of_another():
    assert numbers(quoted("5"), 3) == {2}
    assert numbers(quoted("5.00"), 3) == {1}


def test_part_of_a_word_is_found_but_not_for_sure():
    location = quoted("eller")
    assert (location.quoted, location.exact, numbers(location, 3)) == (True, False, {2})


def test_a_quote_that_is_nearly_right():
    location = quoted("The buyer pays all the freight and the insurance of goods")
    assert (location.quoted, location.exact) == (True, False)
    assert numbers(location, 3) == {0, 1}


@pytest.mark.parametrize("said", ["The tenant is patient", "zebra", "", "…", "the the the the the pays pays pays"])
def test_what_is_not_there(said):
    location = quoted(said)
    assert (location.quoted, location.exact) == (False, False)
    assert location.regions == quoted(None).regions


def test_words_that_stand_twice():
    location = quoted("pays")
    assert (location.quoted, location.exact, numbers(location, 3)) == (True, False, {0, 2})


def test_scripts_without_spaces():
    location = quoted("合计金额", ["本页合计金额为五元", "其他"])
    assert (location.exact, [region.text for region in location.regions]) == (True, ["合计金额"])
    box = location.regions[0].quad.bounds
    assert (box.left, box.right) == pytest.approx((0.1 + 0.8 * 2 / 9, 0.1 + 0.8 * 6 / 9), abs=1e-3)


def test_right_to_left():
    box = quoted("שלום", ["שלום עולם"]).regions[0].quad.bounds
    assert box.right == pytest.approx(0.9, abs=1e-3)
    assert box.left > 0.5


def test_columns():
    text = "東京都渋谷区"
    line = Line(text, 0, len(text), Quad.from_box(0.8, 0.1, 0.85, 0.7))
    page = PageResult(0, 600.0, 800.0, "px", text, lines=(line,))
    metadata = {"page": 0, "page_width": 600.0, "page_height": 800.0, "ocr_lines": line_table(page.lines)}
    box = locate(Document(page_content=text, metadata=metadata), "渋谷区").regions[0].quad.bounds
    assert (box.left, box.top, box.right, box.bottom) == pytest.approx((0.8, 0.4, 0.85, 0.7), abs=1e-3)
