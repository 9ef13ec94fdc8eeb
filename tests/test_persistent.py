"""Trying again: when, how often, and never past the deadline; the clock is the test's own."""

import asyncio
import time

import pytest

from http_flows import HOWS, get, once, run
from http_server import LocalServer
from qwen_ocr_loader.engines.flows import Call, Pause, Reply, persistent
from qwen_ocr_loader.errors import KeyRejected, RateLimited, ServiceFailed
from qwen_ocr_loader.pace import Retry


class Clock:
    """Stands still until it is told to go."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def tries(clock: Clock, takes: float, retry: Retry, call: Call = Call("GET", "http://x")) -> list[Call | Pause]:
    """What a flow asks for whose every call fails after ``takes`` seconds, or when its own time is up."""
    flow, said = persistent(lambda: once(call), retry, clock=clock, dice=lambda: 0.0), []
    try:
        step = next(flow)
        while True:
            said.append(step)
            if isinstance(step, Pause):
                clock.now += step.seconds
                step = flow.send(None)
            else:
                clock.now += min(takes, step.longest)
                step = flow.throw(ServiceFailed("no answer"))
    except ServiceFailed as error:
        said.append(error.message)
    return said


def test_a_call_has_no_more_time_than_is_left_of_the_deadline():
    *steps, last = tries(Clock(), 40, Retry(attempts=9, first=5, deadline=100))
    assert [step.longest if isinstance(step, Call) else step for step in steps] == [100, Pause(5), 55, Pause(10), 5]
    assert [step.timeout for step in steps if isinstance(step, Call)] == [100, 55, 5]
    assert last == "no answer; that was all the time of Retry(deadline=100)"


def test_a_call_that_hangs_ends_with_the_deadline():
    clock = Clock()
    (call, _) = tries(clock, 10_000, Retry(deadline=60))
    assert call.longest == 60
    assert clock.now == 160


def test_a_deadline_far_away_changes_no_call():
    call = Call("GET", "http://x", timeout=7, longest=20)
    steps = tries(Clock(), 1, Retry(attempts=3, first=1, deadline=900), call)
    assert steps == [call, Pause(1.0), call, Pause(2.0), call, "no answer"]


def test_other_steps_of_a_flow_and_its_result_pass_through():
    closed = []

    def attempt():
        try:
            reply = yield Call("GET", "http://x")
            yield Pause(3.0)
            try:
                yield Call("GET", "http://y")
            except KeyRejected as error:
                return reply, str(error)
        finally:
            closed.append(True)

    flow = persistent(attempt, Retry(), clock=Clock())
    assert next(flow).url == "http://x"
    answer = Reply(200, {}, b"")
    assert flow.send(answer) == Pause(3.0)
    assert flow.send(None).url == "http://y"
    with pytest.raises(StopIteration) as end:
        flow.throw(KeyRejected("no"))
    assert end.value.value == (answer, "no")
    assert closed == [True]
    again = persistent(attempt, Retry(), clock=Clock())
    next(again)
    again.close()
    assert closed == [True, True]


@HOWS
def test_a_deadline_ends_a_real_call(how):
    async def answer(exchange):
        await asyncio.sleep(30)

    with LocalServer(answer) as server:
        started = time.monotonic()
        with pytest.raises(ServiceFailed, match=r"all the time of Retry\(deadline=0\.2\)"):
            run(how, persistent(lambda: once(get(server)), Retry(attempts=9, deadline=0.2)))
        assert time.monotonic() - started < 15
        assert len(server.exchanges) == 1


def test_a_fault_that_more_tries_do_not_help_is_tried_as_often_as_it_says():
    def attempt():
        yield Call("GET", "http://x")

    flow, sent = persistent(attempt, Retry(attempts=9, first=0), clock=Clock()), 0
    step = next(flow)
    with pytest.raises(ServiceFailed, match="odd"):  # noqa: PT012 - each step may be the one
        while True:
            sent += isinstance(step, Call)
            step = (
                flow.send(None) if isinstance(step, Pause) else flow.throw(ServiceFailed("odd", code="c", attempts=2))
            )
    assert sent == 2


def test_the_service_is_obeyed_and_others_are_told():
    told = []
    flow = persistent(
        lambda: once(Call("GET", "http://x")), Retry(), slow_down=told.append, clock=Clock(), dice=lambda: 0.0
    )
    next(flow)
    assert flow.throw(RateLimited("slower", retry_after=7)) == Pause(7)
    flow.send(None)
    assert flow.throw(ServiceFailed("down", retry_after=3)) == Pause(3)
    assert told == [7], "an outage is not for pacing"
