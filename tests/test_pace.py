"""Retry: data and one pure function; no clock in sight."""

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_ocr_loader.errors import KeyRejected, RateLimited, ServiceFailed
from qwen_ocr_loader.pace import Retry, retry_after


@given(
    st.builds(
        Retry,
        attempts=st.integers(1, 9),
        first=st.floats(0, 5),
        longest=st.floats(0, 60),
        deadline=st.floats(0, 900),
    ),
    st.integers(1, 12),
    st.none() | st.floats(0, 120),
    st.floats(0, 1000),
    st.floats(0, 1),
)
def test_a_wait_is_never_negative_nor_past_the_deadline(retry, attempt, told, elapsed, jitter):
    wait = retry.wait(RateLimited("slow down", retry_after=told), attempt, elapsed=elapsed, jitter=jitter)
    if wait is None:
        return
    assert wait >= 0
    assert elapsed + wait <= retry.deadline
    assert attempt < retry.attempts
    if told is None:
        assert wait <= retry.longest * 1.25
    else:
        assert wait >= told


def test_it_doubles():
    retry = Retry(attempts=9, first=1, longest=10)
    assert [retry.wait(ServiceFailed("x"), n) for n in range(1, 7)] == [1, 2, 4, 8, 10, 10]


def test_what_is_final_is_not_tried_again():
    assert Retry().wait(KeyRejected("no"), 1) is None
    assert Retry(attempts=1).wait(ServiceFailed("x"), 1) is None
    assert Retry(deadline=10).wait(RateLimited("x", retry_after=11), 1) is None
    assert Retry().wait(ValueError("x"), 1) is None


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="attempts >= 1"):
        Retry(attempts=0)
    with pytest.raises(ValueError, match="no negative"):
        Retry(first=-1)


def test_retry_after_as_seconds_and_as_date():
    now = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    later = format_datetime(now.replace(minute=2), usegmt=True)
    assert retry_after("1.5", 0) == 1.5
    assert retry_after(later, now.timestamp()) == 120
    assert retry_after(later, now.timestamp() + 999) == 0
    assert [retry_after(value, 0) for value in (None, "", "soon", "inf", "nan")] == [None] * 5
