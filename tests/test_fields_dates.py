"""Printed dates: one reading, two, or none."""

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_ocr_loader.fields.dates import dates_in, day_first, read_date, read_moment

FORMS = ["%Y-%m-%d", "%d %b %Y", "%B %d, %Y", "%d.%m.%Y", "%Y年%m月%d日", "%Y/%m/%d", "%d-%b-%Y"]


@pytest.mark.parametrize(
    ("printed", "day"),
    [
        ("3 Mar 2024", (2024, 3, 3)),
        ("Mon, 3rd March 2024", (2024, 3, 3)),
        ("2024年3月12日", (2024, 3, 12)),
        ("２０２４／３／１２", (2024, 3, 12)),
        ("2024년 3월 12일", (2024, 3, 12)),
        ("12 de marzo de 2024", (2024, 3, 12)),
        ("1er août 2023", (2023, 8, 1)),
        ("01.02.2024", (2024, 2, 1)),
        ("26/02/18", (2018, 2, 26)),
        ("02/26/2018", (2018, 2, 26)),
        ("24FEB69", (1969, 2, 24)),
        ("Feb-24-99 10:53", (1999, 2, 24)),
        ("20240312", (2024, 3, 12)),
        ("05/05/2024", (2024, 5, 5)),
    ],
)
def test_one_reading(printed, day):
    assert read_date(printed) == date(*day)


@pytest.mark.parametrize("printed", ["01/02/2024", "02-05-18", "３／４／２０２４"])
def test_two_readings_are_not_guessed(printed):
    with pytest.raises(ValueError, match="day or month first"):
        read_date(printed)


def test_another_date_settles_it():
    assert day_first(["01/02/2024", "13/02/2024"]) is True
    assert day_first(["2/13/2024", "2024-01-01"]) is False
    assert day_first(["13/02/2024", "02/13/2024"]) is day_first(["01/02/2024"]) is None
    assert read_date("01/02/2024", first=True) == date(2024, 2, 1)
    assert read_date("01/02/2024", first=False) == date(2024, 1, 2)


@pytest.mark.parametrize("printed", ["", "31/31/2024", "May 2024", "1234567890", "10 items 2024", "30.02.2024"])
def test_no_date(printed):
    with pytest.raises(ValueError, match="no date"):
        read_date(printed)


def test_several_dates_are_no_date():
    with pytest.raises(ValueError, match="several dates"):
        read_date("1 May 2024 - 2 May 2024")


def test_the_time_of_day_is_read_with_it():
    assert read_moment("3 Mar 2024 10:53 PM") == datetime(2024, 3, 3, 22, 53)  # noqa: DTZ001
    assert read_moment("2024-03-12T12:05:09") == datetime(2024, 3, 12, 12, 5, 9)  # noqa: DTZ001
    assert read_moment("12:30 a.m., 3 Mar 2024") == datetime(2024, 3, 3, 0, 30)  # noqa: DTZ001
    assert read_moment("3 Mar 2024") == datetime(2024, 3, 3)  # noqa: DTZ001


@given(st.dates(date(1970, 1, 1), date(2068, 12, 31)), st.sampled_from(FORMS))
def test_what_is_written_is_read_back(day, form):
    assert read_date(day.strftime(form)) == day


@given(st.text(max_size=80))
def test_any_text_has_dates_within_it_or_none(text):
    ends = [0]
    for found in dates_in(text):
        assert ends[-1] <= found.start < found.end <= len(text)
        assert 1 <= len(found.days) <= 2
        ends.append(found.end)
