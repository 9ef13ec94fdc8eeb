"""Fields by geometry on pages of anything: nothing crashes, nothing is made up, and places hold what they say."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from printed_pages import page
from qwen_ocr_loader import PageResult
from qwen_ocr_loader.fields.cuts import cut
from qwen_ocr_loader.fields.labels import Vocabulary, words
from qwen_ocr_loader.fields.pairing import pair_fields
from qwen_ocr_loader.geometry import Point, Quad
from qwen_ocr_loader.results import Field, Line

PRINT = st.sampled_from(
    [
        "Name:",
        "Ada Quist",
        "x",
        "(A)",
        "Total",
        "RM12.00",
        ": 7",
        "Date: 3/5/2031 Time: 12:30",
        "NO. 7, JALAN MAWAR",
        "FERN SDN BHD",
        "合计：5.00",
        "地址北京市",
        "الاسم:",
        "ليلى",
        "code (if any)",
        "1 2",
        "Qty Item",
        "Amount",
    ]
)
TEXTS = PRINT | st.text(max_size=30)
PLACES = st.floats(0, 1) | st.sampled_from([0.0, 0.1, 0.12, 0.5, 1.0])
SCHEMA = {
    "company": "",
    "date": "",
    "address": "",
    "total": "",
    "Name": "",
    "phone": "",
    "website": "",
    "seller": {"name": "", "address": "", "items": [""]},
    "items": [{"name": "", "qty": "", "amount": ""}],
    "codes": [""],
}


@st.composite
def quads(draw: Any) -> Quad:
    left, top, width, height = draw(PLACES), draw(PLACES), draw(PLACES), draw(st.floats(0, 0.1))
    lean = draw(st.sampled_from([0.0, 0.0, 0.02, -0.3]))
    right, bottom = min(left + width, 1.0), min(top + height, 1.0)
    return Quad(Point(left, top), Point(right, top + lean), Point(right, bottom + lean), Point(left, bottom))


@st.composite
def pages(draw: Any) -> PageResult:
    lines, at = [], 0
    for text in draw(st.lists(TEXTS, max_size=25)):
        quad, confidence = draw(st.none() | quads()), draw(st.none() | st.floats(0, 1))
        lines.append(Line(text, at, at + len(text), quad, confidence))
        at += len(text) + 1
    return page(lines)


def said(value: Any, path: tuple[str | int, ...] = ()) -> dict[tuple[str | int, ...], str]:
    """The texts in a value, by their paths."""
    if isinstance(value, str):
        return {path: value}
    members = value.items() if isinstance(value, dict) else enumerate(value or ())
    return {inner: text for key, member in members for inner, text in said(member, (*path, key)).items()}


def check(result: PageResult, fields: dict[str, Field]) -> None:
    for field in fields.values():
        texts = said(field.value)
        parts: dict[tuple[str | int, ...], list[str]] = {}
        for place in field.places:
            assert any(place.text in line.text for line in result.lines if line.quad)
            parts.setdefault(place.path, []).append(place.text)
        squeezed = {path: "".join("".join(part).split()) for path, part in parts.items()}
        assert squeezed == {path: "".join(text.split()) for path, text in texts.items()}


@settings(max_examples=150, deadline=None)
@given(pages())
def test_every_value_is_print_of_the_page_and_stands_where_it_says(result):
    check(result, pair_fields(result, None))
    fields = pair_fields(result, SCHEMA)
    assert list(fields) == list(SCHEMA)
    check(result, fields)


@given(TEXTS)
def test_a_cut_line_has_its_pieces_in_order_and_none_overlap(text):
    at = 0
    for start, end, label, _ in cut(text, Vocabulary()):
        assert at <= start < end <= len(text)
        assert 0 <= label <= 3
        at = end


@given(TEXTS)
def test_words_stand_where_they_say(text):
    at = 0
    for word in words(text):
        assert at <= word.start < word.end <= len(text)
        at = word.end
