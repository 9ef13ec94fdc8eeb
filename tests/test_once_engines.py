"""Several engines: a page is read by the first that can, and what the others said is told."""

import asyncio
import time
from dataclasses import dataclass, field

import pytest
from PIL import Image

from once_reading import CACHES, TASKS, WAYS, Engine, caches, reads, scan
from qwen_ocr_loader import FakeEngine, Reader
from qwen_ocr_loader.cache.sqlite import SqliteCache
from qwen_ocr_loader.errors import AccountProblem, MissingKey, RequestRejected, ServiceFailed, UnsupportedTask
from qwen_ocr_loader.once import Once
from qwen_ocr_loader.results import PageResult, Usage

read = pytest.fixture(reads, params=WAYS)
cache = pytest.fixture(caches, params=CACHES)


@dataclass(frozen=True)
class Together(Engine):
    def read_together(self, scans, tasks):
        return scans[0].result(self, tasks, f"{len(scans)} pages")

    async def aread_together(self, scans, tasks):
        return self.read_together(scans, tasks)


@pytest.fixture(params=[False, True], ids=["uncached", "cached"])
def perhaps(request, tmp_path):
    cache = SqliteCache(tmp_path) if request.param else None
    yield cache
    if cache:
        cache.close()


def test_the_second_reads_what_the_first_cannot(perhaps, read):
    moderated = RequestRejected("moderated", usage=Usage(calls=2))
    first, second = Engine({1: moderated}, called="first"), Engine(called="second")
    once = Once([first, second], TASKS, perhaps)
    zeroth, oneth = read(once, scan(0)), read(once, scan(1), digests=("e" * 64,))
    assert (zeroth.result.engine, zeroth.instead) == ("first", "")
    assert (oneth.result.engine, oneth.instead) == ("second", "RequestRejected")
    assert oneth.bills == ((first, Usage(calls=2)), (second, Usage(calls=1)))
    assert oneth.error is None
    assert second.calls == [1]
    if perhaps:
        again = read(once, scan(1), digests=("e" * 64,))
        assert (again.cached, again.instead, again.bills) == (True, "RequestRejected", ((first, Usage(calls=2)),))


def test_who_can_read_nothing_more_is_asked_once_a_run(perhaps, read, caplog):
    for kind in (MissingKey, AccountProblem):
        first, second = Engine(lambda _, kind=kind: kind("no luck"), called=kind.__name__), Engine(called="second")
        once = Once([first, second], TASKS, perhaps)
        for page in range(5):
            reading = read(once, scan(page), digests=(f"{page:064x}",))
            assert reading.instead == kind.__name__
            assert [engine for engine, _ in reading.bills] in ([second], [])
        assert first.calls == [0]
        told = f"{kind.__name__} reads no page of this run, the next engine does: no luck"
        assert [record.getMessage() for record in caplog.records].count(told) == 1
        alone = Once([first], TASKS, perhaps)
        said = [read(alone, scan(page), digests=(f"{page:064x}",)).error for page in range(3)]
        assert [str(error) for error in said] == ["no luck"] * 3
        assert len(set(map(id, said))) == 3  # each page may write its own number on its own
        assert first.calls == [0, 0]


def test_what_such_an_engine_has_read_before_is_still_there(cache, read):
    read(Once([Engine()], TASKS, cache))
    once = Once([Engine(lambda _: MissingKey("no key"))], TASKS, cache)
    assert read(once, digests=("e" * 64,)).error
    assert read(once).cached


def test_when_all_fail_the_first_says_what_the_others_said(perhaps, read):
    first = Engine({0: RequestRejected("moderated", usage=Usage(calls=1), request_id="r1")}, called="first")
    second = Engine({0: ZeroDivisionError("oops")}, called="second")
    third = Engine({0: ServiceFailed("down", usage=Usage(calls=5))}, called="third")
    once = Once([first, second, third], TASKS, perhaps)
    for _ in range(2):  # the engines' own errors are left as they were
        reading = read(once)
        assert isinstance(reading.error, RequestRejected)
        assert str(reading.error) == "moderated; then second: ZeroDivisionError: oops; then third: down"
        assert reading.error.request_id == "r1"
        assert [(engine, usage.calls) for engine, usage in reading.bills] == [(first, 1), (third, 5)]
    alone = read(Once([second], TASKS, perhaps)).error
    assert isinstance(alone.__cause__, ZeroDivisionError)


def test_another_engine_is_asked_for_what_is_cut_off(perhaps, read):
    half = PageResult(0, 1, 1, "px", "half", truncated=True, usage=Usage(calls=1))
    first, second = Engine({0: half}, called="first"), Engine(called="second")
    reading = read(Once([first, second], TASKS, perhaps))
    assert (reading.result.text, reading.instead, len(reading.bills)) == ("Page 1", "ReplyTruncated", 2)
    failing = Engine({0: ServiceFailed("down")}, called="third")
    reading = read(Once([first, failing], TASKS, perhaps))
    assert (reading.result.text, reading.instead, len(reading.bills)) == ("half", "", 1)


@dataclass(frozen=True)
class OneAtATime(FakeEngine):
    """Counts how many pages are with it."""

    at_once: int | None = 1
    seen: list[int] = field(default_factory=list, compare=False)
    now: list[int] = field(default_factory=list, compare=False)

    def _reply(self, scan, tasks):
        self.now.append(scan.page)
        self.seen.append(len(self.now))
        time.sleep(0.005)
        self.now.remove(scan.page)
        return super()._reply(scan, tasks)

    async def aread(self, scan, tasks):
        return await asyncio.to_thread(self.read, scan, tasks)


@pytest.mark.parametrize("how", ["sync", "async"])
def test_an_engine_gets_no_more_pages_at_once_than_it_wants_whatever_the_first_takes(how):
    first = FakeEngine(replies=lambda scan: RequestRejected("moderated"))
    second = OneAtATime()
    reader = Reader(engine=[first, second], concurrency=8)
    pages = [Image.new("L", (20, 20), 200 + n) for n in range(12)]

    async def all_of_it():
        return [page async for page in reader.aread(pages)]

    read = list(reader.read(pages)) if how == "sync" else asyncio.run(all_of_it())
    assert len(read) == 12
    assert second.seen == [1] * 12


def test_pages_read_together(perhaps, read):
    pages = (scan(0), scan(1))
    digests = ("a" * 64, "b" * 64)
    assert read(Once([Together()], TASKS, perhaps), *pages, digests=digests).result.text == "2 pages"
    reading = read(Once([Engine(called="one-by-one")], TASKS, perhaps), *pages, digests=digests)
    assert isinstance(reading.error, UnsupportedTask)  # never the first page for both
    assert "one-by-one reads one page at a time" in str(reading.error)
