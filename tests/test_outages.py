"""Outages: a service that is down is left to itself, but not for good."""

import pytest

from once_reading import scan
from qwen_ocr_loader import FakeEngine
from qwen_ocr_loader.errors import RequestRejected, ServiceFailed
from qwen_ocr_loader.once import Once
from qwen_ocr_loader.outages import PAGES, REST, Outages
from qwen_ocr_loader.results import Usage
from qwen_ocr_loader.tasks import Task


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Moody(FakeEngine):
    """Reads, or fails as it is told."""

    mood = None

    def read(self, scan, tasks):
        result = super().read(scan, tasks)
        if type(self).mood:
            raise type(self).mood
        return result


@pytest.fixture
def run():
    clock, first, second = Clock(), Moody(), FakeEngine()
    once = Once([first, second], (Task("text_recognition"),), outages=Outages(clock))
    Moody.mood = ServiceFailed("down", usage=Usage(1))
    return once, clock


def pages(once, count):
    return [once.read([scan(number)], []) for number in range(count)]


def asked(once):
    return len(once.engines[0].calls)


def test_a_service_that_is_down_is_not_asked_for_every_page(run):
    once, _ = run
    readings = pages(once, 10)
    assert asked(once) == PAGES
    assert [reading.instead for reading in readings] == ["ServiceFailed"] * 10
    assert [sum(usage.calls for _, usage in reading.bills) for reading in readings] == [2] * PAGES + [1] * (10 - PAGES)


def test_one_page_a_minute_tries_again(run):
    once, clock = run
    pages(once, PAGES)
    for round_ in range(1, 4):
        clock.now += REST
        pages(once, 5)
        assert asked(once) == PAGES + round_


def test_it_is_asked_again_once_it_works(run):
    once, clock = run
    pages(once, 5)
    Moody.mood, clock.now = None, clock.now + REST
    assert [reading.instead for reading in pages(once, 5)] == [""] * 5
    Moody.mood = ServiceFailed("down again")
    pages(once, PAGES - 1)
    Moody.mood = None
    assert [reading.instead for reading in pages(once, 2)] == ["", ""]


def test_what_is_wrong_with_pages_is_no_outage(run):
    once, _ = run
    Moody.mood = RequestRejected("moderation")
    pages(once, 10)
    assert asked(once) == 10


def test_where_nobody_else_can_read_it_is_asked_every_time(run):
    once, _ = run
    alone = Once(once.engines[:1], once.tasks)
    readings = pages(alone, 10)
    assert asked(alone) == 10
    assert {reading.error.message for reading in readings} == {"down"}


def test_both_errors_are_told(run):
    once, _ = run
    once = Once([once.engines[0], FakeEngine({number: RequestRejected("no") for number in range(9)})], once.tasks)
    last = pages(once, 9)[-1].error
    assert isinstance(last, ServiceFailed)
    assert last.message == f"down (not asked for this page, as it had just failed for {PAGES} others); then fake: no"
