"""Printed amounts: one reading, two, or none."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_ocr_loader.fields.amounts import amounts_in, decimal_mark, read_amount, readings
from qwen_ocr_loader.fields.letters import plain

AMOUNTS = st.decimals(min_value=0, max_value=10**9, places=2)


@pytest.mark.parametrize(
    ("printed", "value"),
    [
        ("1.234,50 €", "1234.50"),
        ("RM 12.50", "12.50"),
        ("¥1,200", "1200"),
        ("$1,234", "1234"),
        ("1 234,50", "1234.50"),
        ("1'234.50", "1234.50"),
        ("1,23,456.00", "123456"),
        ("(5.00)", "-5"),
        ("−5.00", "-5"),
        ("5.00-", "-5"),
        ("１，２３４．５０", "1234.50"),
        ("١٢٫٥", "12.5"),
        ("12,-", "12"),
        ("19 %", "19"),
        ("0.123", "0.123"),
        ("1.234.567", "1234567"),
        ("12.50EUR", "12.50"),
        ("Rs. 500", "500"),
    ],
)
def test_one_reading(printed, value):
    assert read_amount(printed) == Decimal(value)


@pytest.mark.parametrize("printed", ["1,234", "1.234", "12,345", "KWD 1.234", "-1,234"])
def test_two_readings_are_not_guessed(printed):
    with pytest.raises(ValueError, match="thousands or decimals"):
        read_amount(printed)


@pytest.mark.parametrize("printed", ["", "abc", "3 items", "12.03.2024", "1,2,3", "12.50 or 13", "NaN", "1" * 99])
def test_no_amount(printed):
    with pytest.raises(ValueError, match="no amount"):
        read_amount(printed)


def test_other_evidence_settles_it():
    assert read_amount("1,234", ".") == 1234
    assert read_amount("1,234", ",") == Decimal("1.234")
    assert read_amount("-1.234", ",") == -1234
    assert read_amount("1,234", whole=True) == 1234
    assert decimal_mark(["Total 12,50", "1.234"]) == ","
    assert decimal_mark(["12,50", "12.50"]) is decimal_mark(["1,234", "7"]) is None


@given(AMOUNTS)
def test_what_is_written_in_either_way_is_read_back(value):
    english = f"{value:,.2f}"
    german = english.translate(str.maketrans(",.", ".,"))
    assert readings(english) == readings(german) == {value}
    assert readings(f"({english})") == {-value}


@given(st.text(max_size=80))
def test_any_text_has_a_few_readings_or_none(text):
    assert len(readings(text)) <= 2
    for found in amounts_in(text):
        assert plain(text)[found.start].isdecimal()
        assert plain(text)[found.end - 1].isdecimal()
