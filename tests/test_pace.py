"""Retry: data and one pure function; no clock in sight. The gate: rates and cool-downs, on a clock passed in."""

import bisect
import heapq
import itertools
import os
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.rate_limiters import InMemoryRateLimiter

from qwen_ocr_loader import pace
from qwen_ocr_loader.engines.flows import turn
from qwen_ocr_loader.errors import KeyRejected, RateLimited, ServiceFailed
from qwen_ocr_loader.pace import SLOWER, Gate, Limiter, RateLimit, Retry, checked_limit, retry_after, shared_gate


@given(
    st.builds(
        Retry,
        attempts=st.integers(1, 9),
        first=st.floats(0, 5),
        longest=st.floats(0, 60),
        deadline=st.floats(0, 900, exclude_min=True),
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
    assert elapsed + wait < retry.deadline
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
    for nothing in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="a deadline above 0"):
            Retry(deadline=nothing)


def test_retry_after_as_seconds_and_as_date():
    now = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    later = format_datetime(now.replace(minute=2), usegmt=True)
    assert retry_after("1.5", 0) == 1.5
    assert retry_after(later, now.timestamp()) == 120
    assert retry_after(later, now.timestamp() + 999) == 0
    assert [retry_after(value, 0) for value in (None, "", "soon", "inf", "nan")] == [None] * 5


# --- the gate --------------------------------------------------------------------------------------------------------


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Crowd:
    """Callers of a gate, each with a place at a time, on a clock of their own.

    Args:
        limit: The gate's.
        callers: How many ask at once.
    """

    def __init__(self, limit, callers):
        self.clock = Clock()
        self.gate = Gate(limit, self.clock)
        self.callers = callers
        self.started = []
        self.cooled = []

    def run(self, requests, *, tokens=0.0, late=lambda: 0.0, cool_downs=()):
        """Let the callers make so many requests, one after the other each, every one waking a little ``late``."""
        waking, asked, cool_downs = [], 0, sorted(cool_downs)
        while asked < min(self.callers, requests):
            heapq.heappush(waking, (self.clock(), asked, self.gate.reserve(tokens)))
            asked += 1
        while waking:
            when, caller, place = heapq.heappop(waking)
            self._cool_down_before(when, cool_downs)
            self.clock.now = max(self.clock.now, when)
            seconds = self.gate.wait(place)
            if seconds > 0:
                heapq.heappush(waking, (self.clock.now + seconds + late(), caller, place))
                continue
            self.started.append(self.clock.now)
            if asked < requests:
                heapq.heappush(waking, (self.clock.now, asked, self.gate.reserve(tokens)))
                asked += 1

    def _cool_down_before(self, when, cool_downs):
        while cool_downs and 1000.0 + cool_downs[0][0] <= when:
            at, seconds = cool_downs.pop(0)
            self.clock.now = max(self.clock.now, 1000.0 + at)
            self.gate.cool_down(seconds)
            self.cooled.append((self.clock.now, self.clock.now + seconds))

    def most_in(self, window):
        """Requests started in any stretch of so many seconds."""
        return max(bisect.bisect_left(self.started, at + window) - n for n, at in enumerate(self.started))


RATES = st.floats(1, 6000)
LATE = st.lists(st.floats(0, 3), min_size=1, max_size=20)


@given(RATES, st.integers(1, 40), st.integers(1, 120), LATE)
def test_requests_never_exceed_the_rate_in_any_window_however_late_callers_wake(rate, callers, requests, late):
    crowd, delays = Crowd(RateLimit(requests=rate), callers), itertools.cycle(late)
    crowd.run(requests, late=lambda: next(delays))
    assert len(crowd.started) == requests
    for window in (1.0, 10.0, 60.0):
        assert crowd.most_in(window) <= window * rate / 60 + 1
    assert all(later - earlier >= 60 / rate for earlier, later in itertools.pairwise(crowd.started))


@given(RATES, st.integers(2, 40), st.floats(0, 0.06))
def test_nearly_all_of_the_rate_is_used(rate, callers, late):
    """Also by callers who wake late by a little of what lies between two requests."""
    crowd, dice = Crowd(RateLimit(requests=rate), callers), random.Random(1)
    crowd.run(300, late=lambda: dice.random() * late * 60 / rate)
    used = 299 / (crowd.started[-1] - crowd.started[0])
    assert 0.95 * rate / 60 <= used <= rate / 60


@given(st.floats(1000, 1e7), st.floats(1, 1e5), st.integers(2, 40))
def test_tokens_stay_within_the_rate_and_a_burst_and_nearly_all_are_used(rate, each, callers):
    crowd, requests = Crowd(RateLimit(tokens=rate), callers), 200
    crowd.run(requests, tokens=each)
    burst = rate / 60 * 6.2 + each
    for window in (0.5, 6.0, 60.0):
        assert crowd.most_in(window) * each <= window * rate / 60 + burst
    assert requests * each >= 0.95 * rate / 60 * (crowd.started[-1] - crowd.started[0])


def test_both_limits_hold():
    crowd = Crowd(RateLimit(requests=60, tokens=6000), 8)
    crowd.run(200, tokens=200)  # 30 a minute by tokens
    assert 0.95 * 30 <= 199 / (crowd.started[-1] - crowd.started[0]) * 60 <= 31.5
    crowd = Crowd(RateLimit(requests=60, tokens=6000), 8)
    crowd.run(200, tokens=20)
    assert 0.95 * 60 <= 199 / (crowd.started[-1] - crowd.started[0]) * 60 <= 60


@given(
    st.floats(30, 600),
    st.integers(1, 20),
    st.lists(st.tuples(st.floats(0, 20), st.floats(0, 20)), max_size=5),
    LATE,
)
def test_nobody_starts_in_a_cool_down_and_the_distance_is_kept_afterwards(rate, callers, cool_downs, late):
    crowd, delays = Crowd(RateLimit(requests=rate), callers), itertools.cycle(late)
    crowd.run(60, late=lambda: next(delays), cool_downs=cool_downs)
    assert len(crowd.started) == 60
    for begun, over in crowd.cooled:
        assert not [at for at in crowd.started if begun < at < over - 1e-5]
    assert all(later - earlier >= 60 / rate for earlier, later in itertools.pairwise(crowd.started))


def test_a_cool_down_moves_everybody_once_however_many_were_told_to_wait():
    clock = Clock()
    gate = Gate(RateLimit(requests=60 * SLOWER), clock)
    places = [gate.reserve() for _ in range(4)]
    for later, seconds in ((0, 10), (4, 6), (0, 2)):  # the last two end when the first does, or before
        clock.now += later
        gate.cool_down(seconds)
    assert [round(gate.wait(place), 6) for place in places] == [6, 7, 8, 9]
    gate.cool_down(8)  # two seconds more than was left
    assert [round(gate.wait(place), 6) for place in places] == [8, 9, 10, 11]
    gate.cool_down(-5)
    assert [round(gate.wait(place), 6) for place in places] == [8, 9, 10, 11]
    assert round(gate.wait(gate.reserve()), 6) == 12
    clock.now += 30
    gate.cool_down(-5)
    places = [gate.reserve(), gate.reserve()]
    assert [round(gate.wait(place), 6) for place in reversed(places)] == [1, 0]


def test_an_overdue_place_waits_for_the_cool_down_too():
    clock = Clock()
    gate = Gate(RateLimit(requests=60), clock)
    overdue = [gate.reserve() for _ in range(3)]
    clock.now += 30
    gate.cool_down(10)
    clock.now += 9.9
    assert all(gate.wait(place) > 0 for place in overdue)
    clock.now += 0.1
    assert [gate.wait(place) > 0 for place in overdue] == [False, True, True]


def test_no_limit_is_none_but_for_cool_downs():
    clock = Clock()
    gate = Gate(RateLimit(), clock)
    assert [gate.wait(gate.reserve(1e9)) for _ in range(99)] == [0] * 99
    gate.cool_down(5)
    assert gate.wait(gate.reserve()) == 5


def test_tokens_are_settled_once_they_are_known():
    for used, seconds in ((100, 0.0), (6000, 60 * SLOWER - 6), (12_000, 120 * SLOWER - 6)):
        gate = Gate(RateLimit(tokens=6000), Clock())
        assert gate.wait(gate.reserve(6000)) == 0
        gate.settle(6000, used)
        assert gate.wait(gate.reserve(1)) == pytest.approx(seconds)


def test_a_long_pause_saves_up_nothing_but_the_burst():
    clock = Clock()
    gate = Gate(RateLimit(requests=60, tokens=600), clock)
    gate.wait(gate.reserve(10))
    clock.now += 3600
    assert [round(gate.wait(gate.reserve(60)), 2) > 0 for _ in range(3)] == [False, True, True]


def test_threads_share_a_gate():
    gate, started, lock = Gate(RateLimit(requests=60 * 400)), [], threading.Lock()

    def work():
        for _ in range(12):
            place = gate.reserve()
            while (seconds := gate.wait(place)) > 0:
                time.sleep(seconds)
            with lock:
                started.append(time.monotonic())

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(started) == 96
    assert max(started) - min(started) >= 95 / 400 * 0.98


def test_one_gate_an_account_whose_limit_is_the_one_set_last():
    gate = shared_gate(("url", "key", "model"), RateLimit(requests=5))
    assert shared_gate(("url", "key", "model"), RateLimit(requests=7)) is gate
    assert gate.limit == RateLimit(requests=7)
    assert shared_gate(("url", "another key", "model"), None) is not gate
    assert shared_gate(("url", "key", "model"), InMemoryRateLimiter()) is gate
    assert gate.limit == RateLimit()


def test_threads_that_ask_for_a_gate_at_once_get_the_same():
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: id(shared_gate(("one",), None)), range(200)))) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork")
def test_a_forked_child_is_not_locked_out():
    gate = shared_gate(("fork",), None)
    with pace._GATES_LOCK, gate._lock:  # as threads of the parent's might have them
        child = os.fork()
        if child == 0:
            signal.alarm(5)
            mine = shared_gate(("fork",), None)
            os._exit(0 if mine is not gate and mine.wait(mine.reserve()) == 0 else 1)
    assert os.waitpid(child, 0)[1] == 0


# --- limits as given -------------------------------------------------------------------------------------------------


def test_limits_as_an_option_gives_them():
    assert checked_limit(30) == checked_limit(30.0) == RateLimit(requests=30)
    langchain = InMemoryRateLimiter(requests_per_second=1000)
    assert isinstance(langchain, Limiter)
    for given_ in (None, "published", RateLimit(tokens=9), langchain):
        assert checked_limit(given_) is given_


@pytest.mark.parametrize("nonsense", ["fast", True, [], InMemoryRateLimiter, RateLimit, object()])
def test_other_limits_are_refused(nonsense):
    with pytest.raises(ValueError, match="want requests a minute"):
        checked_limit(nonsense)


@pytest.mark.parametrize("nothing", [0, -1, float("nan")])
def test_a_limit_is_above_nothing(nothing):
    for kind in ("requests", "tokens"):
        with pytest.raises(ValueError, match="more than 0 a minute"):
            RateLimit(**{kind: nothing})
    with pytest.raises(ValueError, match="more than 0 a minute"):
        checked_limit(nothing)


def test_langchains_limiter_paces_as_well():
    limiter = InMemoryRateLimiter(requests_per_second=200, check_every_n_seconds=0.001, max_bucket_size=1)
    started = time.monotonic()
    for _ in range(21):
        for step in turn(Gate(RateLimit()), limiter, 10):
            assert step.limiter is limiter
            assert step.limiter.acquire(blocking=True)
    assert time.monotonic() - started >= 0.09
