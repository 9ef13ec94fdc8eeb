"""Fields of several pages as those of their file."""

import pytest

from qwen_ocr_loader import Field, Quad
from qwen_ocr_loader.fields.merging import merged_fields
from qwen_ocr_loader.results import Place

BOX, BELOW = Quad.from_box(0.1, 0.1, 0.2, 0.2), Quad.from_box(0.1, 0.3, 0.2, 0.4)


def of(*fields):
    return merged_fields([{"f": field} for field in fields])["f"]


def test_the_first_page_with_a_sound_value_wins():
    assert of(Field(None), Field("a", page=1)) == Field("a", page=1)
    merged = of(Field("a?", problems=("illegible character",)), Field("ab", BOX, 0.9, 1))
    assert (merged.value, merged.quad, merged.confidence, merged.page) == ("ab", BOX, 0.9, 1)
    assert merged.problems == ('page 2 has "ab", page 1 "a?"',)


def test_pages_that_differ_are_a_problem_that_names_both():
    assert of(Field("12.00"), Field("13.00", page=4)).problems == ('page 1 has "12.00", page 5 "13.00"',)
    assert of(Field("ACME Ltd."), Field("Acme  Ltd", page=1)).problems == ()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("(50.00)", "50.00"),
        ("50.00-", "50.00"),
        ("-$50", "$50"),
        ("$5.00", "€5.00"),
        ("US$5", "HK$5"),
        ("5 %", "$5"),
        ("12.50", "1,250"),
        ("1,234", "1.234"),
        ("1,234", "(1,234)"),
        ("007", "7"),
    ],
)
def test_amounts_that_differ_in_sign_currency_or_number_are_a_problem(one, other):
    for first, second in ((one, other), (other, one)):
        assert of(Field(first), Field(second, page=1)).problems == (f'page 1 has "{first}", page 2 "{second}"',)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("(50.00)", "-50.00"),
        ("$5.00", "5.00"),
        ("RM 5.00", "5.00"),
        ("$1,234", "1,234"),
        ("1,234.50", "1.234,50"),
        ("1234.50", "1 234,50 €"),
        ("１２．５０", "12.50"),
        ("1,234", "1,234"),
    ],
)
def test_one_amount_written_in_two_ways_is_none(one, other):
    assert of(Field(one), Field(other, page=1)).problems == of(Field(other), Field(one, page=1)).problems == ()


def test_lists_go_on_and_their_places_move():
    one = Field([{"n": "a"}], BOX, 0.9, 0, (), (Place((0, "n"), "a", BOX),))
    two = Field([{"n": "b"}, {"n": "c"}], BOX, 0.5, 1, ("[1].n: odd",), (Place((1, "n"), "c", BELOW, 1),))
    merged = of(one, two)
    assert merged.value == [{"n": "a"}, {"n": "b"}, {"n": "c"}]
    assert [(place.path, place.page) for place in merged.places] == [((0, "n"), 0), ((2, "n"), 1)]
    assert (merged.quad, merged.page, merged.confidence) == (BOX, 0, 0.5)
    assert merged.problems == ("page 2: [1].n: odd",)


def test_objects_are_merged_name_by_name():
    merged = of(Field({"a": "1", "b": None}), Field({"b": "2", "c": {"d": ["x"]}, "a": "9"}, page=1))
    assert merged.value == {"a": "1", "b": "2", "c": {"d": ["x"]}}
    assert merged.problems == ('a: page 1 has "1", page 2 "9"',)


def test_forms_that_differ_are_told_too():
    assert of(Field("x"), Field(["x"], page=1)).problems == ('page 1 has "x", page 2 "[\'x\']"',)


def test_nothing_anywhere_stays_nothing():
    assert of(Field(None, problems=("gone",)), Field([], page=1)) == Field(None, problems=("gone",))
    assert merged_fields([]) == {}
