"""Results: exact spans, and a round trip through JSON without loss."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_ocr_loader import Field, Line, PageResult, Quad, Table, Usage
from qwen_ocr_loader.results import Agreement, Place, scrub

fractions = st.floats(0, 1)
quads = st.none() | st.lists(st.tuples(fractions, fractions), min_size=4, max_size=4).map(
    lambda points: Quad.from_pixels(points, 1, 1)
)


@st.composite
def pages(draw, alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0")):
    lines, start = [], 0
    for text in draw(st.lists(st.text(alphabet, min_size=1), max_size=5)):
        lines.append(Line(text, start, start + len(text), draw(quads), draw(st.none() | fractions)))
        start += len(text) + 1
    return PageResult(
        page=draw(st.integers(0, 9)),
        width=100.0,
        height=200.0,
        unit="px",
        text="\n".join(line.text for line in lines),
        lines=tuple(lines),
        fields={"total": Field("9.80", draw(quads), 0.5, 0, ("illegible",)), "items": Field([{"name": None}])},
        tables=(Table("<table></table>", (("a", "b"),), draw(quads)),),
        formulas=("$$x$$",),
        tasks=("table_parsing",),
        usage=Usage(1, 2, 3, 4),
    )


@given(pages())
def test_results_come_back_from_json_as_they_were(page):
    assert PageResult.from_dict(json.loads(json.dumps(page.to_dict()))) == page


def test_a_line_that_is_not_in_the_text_is_refused():
    with pytest.raises(ValueError, match="is not the line's text"):
        PageResult(0, 1, 1, "px", "abc", lines=(Line("bc", 0, 2),))


@given(pages(st.sampled_from("ab\0\ud800é漢")))
def test_scrubbing_keeps_spans_exact(page):
    clean = page.scrubbed()
    assert clean.text == scrub(page.text)
    assert [line.text for line in clean.lines] == [scrub(line.text) for line in page.lines]
    assert "\0" not in clean.text
    clean.text.encode()


def test_no_nul_is_left_anywhere():
    spoiled = "a\0b\ud800"
    quad = Quad.from_box(0, 0, 1, 1)
    page = PageResult(
        *(0, 1, 1, "px", "text"),
        fields={spoiled: Field({spoiled: [float("nan"), 1.5]}, places=(Place((spoiled, 0), spoiled, quad),))},
        agreement=Agreement("local", 0.5, (Line(spoiled, 0, 0),), (Line(spoiled, 0, 0),)),
    )
    clean = page.scrubbed()
    assert clean.fields == {"ab": Field({"ab": [None, 1.5]}, places=(Place(("ab", 0), "ab", quad),))}
    assert clean.agreement == Agreement("local", 0.5, (Line("ab", 0, 0),), (Line("ab", 0, 0),))
    assert "\\u0000" not in json.dumps(clean.to_dict(), allow_nan=False)


def test_usage_comes_before_what_was_added_later():
    assert PageResult(0, 1, 1, "px", "", "plain", (), {}, (), (), "", (), "ocr", False, Usage(2)).usage == Usage(2)


def test_what_was_cut_off_needs_a_review():
    assert PageResult(0, 1, 1, "px", "half a pa", truncated=True).needs_review
    assert not PageResult(0, 1, 1, "px", "a page").needs_review


def test_fields_tables_and_formulas_are_scrubbed_too():
    spoiled = "a\0b\ud800"
    page = PageResult(
        *(0, 1, 1, "px", "text"),
        fields={spoiled: Field([{spoiled: spoiled, "n": 1}], problems=(spoiled,))},
        tables=(Table(spoiled, ((spoiled,),)),),
        formulas=(spoiled,),
    )
    clean = page.scrubbed()
    assert clean.fields == {"ab": Field([{"ab": "ab", "n": 1}], problems=("ab",))}
    assert (clean.tables, clean.formulas, clean.text) == ((Table("ab", (("ab",),)),), ("ab",), "text")


def test_usage_adds_up():
    assert Usage(1, 10, 5, 3) + Usage(1, 1, 1, 1) == Usage(2, 11, 6, 4)


def test_confidence_is_weighed_by_length():
    page = PageResult(0, 1, 1, "px", "aaa b", lines=(Line("aaa", 0, 3, None, 1.0), Line("b", 4, 5, None, 0.2)))
    assert page.confidence == pytest.approx(0.8)
    assert PageResult(0, 1, 1, "px", "").confidence is None
