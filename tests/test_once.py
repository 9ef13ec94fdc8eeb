"""Once: found, or read by the first engine that can, once; a cache's trouble and a cancellation cost no page."""

import asyncio
import os
import subprocess
import sys
import threading
import time
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from PIL import Image

from qwen_ocr_loader import FakeEngine, Reader
from qwen_ocr_loader.cache import packed, page_key
from qwen_ocr_loader.cache.directory import DirectoryCache
from qwen_ocr_loader.cache.sqlite import SqliteCache
from qwen_ocr_loader.engines import Scan
from qwen_ocr_loader.errors import AccountProblem, MissingKey, RequestRejected, ServiceFailed, UnsupportedTask
from qwen_ocr_loader.geometry import Quad
from qwen_ocr_loader.images import PageImage
from qwen_ocr_loader.once import PATIENCE, Once
from qwen_ocr_loader.results import Field, PageResult, Place, Usage
from qwen_ocr_loader.tasks import Task
from test_claims import renewing_threads, wait_until

TASKS = (Task("text_recognition"),)
DIGEST = "d" * 64


def scan(page: int = 0, unit: str = "px") -> Scan:
    return Scan(page, 60 + page, 80, unit, PageImage.from_pixels(Image.new("L", (60, 80), 255)))


@dataclass(frozen=True)
class Engine(FakeEngine):
    """A fake with a name of its own."""

    called: str = "fake"

    @property
    def name(self):
        return self.called

    @property
    def settings(self):
        return ""


@dataclass(frozen=True)
class Blocked(Engine):
    """Reads once it is let."""

    begun: threading.Event = field(default_factory=threading.Event, compare=False)
    let: threading.Event = field(default_factory=threading.Event, compare=False)

    def read(self, scan, tasks):
        self.begun.set()
        assert self.let.wait(10)
        return super().read(scan, tasks)


@dataclass(frozen=True)
class Together(Engine):
    def read_together(self, scans, tasks):
        return scans[0].result(self, tasks, f"{len(scans)} pages")

    async def aread_together(self, scans, tasks):
        return self.read_together(scans, tasks)


class Broken:
    """A cache that raises wherever it is touched."""

    def __init__(self):
        self.touched = 0

    def get(self, *_):
        self.touched += 1
        raise RuntimeError("out of order")

    put = claim = release = clear = stats = close = get


@pytest.fixture(params=["blocking", "async"])
def read(request):
    """Read a page, one way or the other."""
    if request.param == "blocking":
        return lambda once, *scans, digests=(DIGEST,): once.read(scans or [scan()], digests)
    return lambda once, *scans, digests=(DIGEST,): asyncio.run(once.aread(scans or [scan()], digests))


@pytest.fixture(params=[SqliteCache, DirectoryCache])
def cache(request, tmp_path):
    cache = request.param(tmp_path / "cache")
    yield cache
    cache.close()
    wait_until(lambda: not renewing_threads())  # no claim was left behind


# --- with a cache ----------------------------------------------------------------------------------------------------


def test_a_page_is_read_once(cache, read):
    engine = Engine()
    first = read(Once([engine], TASKS, cache))
    assert (first.cached, first.bills, first.error) == (False, ((engine, Usage(calls=1)),), None)
    second = read(Once([engine], TASKS, cache))
    assert (second.cached, second.bills, second.key) == (True, (), first.key)
    assert second.result == replace(first.result, usage=Usage())
    assert engine.calls == [0]
    assert first.key == page_key([DIGEST], engine, TASKS)
    assert read(Once([engine], TASKS, cache), digests=("e" * 64,)).cached is False


def test_a_picture_may_stand_elsewhere(cache, read):
    printed = Place((), "7", Quad.from_box(0, 0, 1, 1))
    kept = PageResult(0, 60, 80, "px", "x", fields={"Sum": Field("7", places=(printed,))})
    engine = Engine({0: kept})
    read(Once([engine], TASKS, cache))
    there = read(Once([engine], TASKS, cache), scan(5, "pt")).result
    assert (there.page, there.width, there.unit, there.fields["Sum"].page) == (5, 65, "pt", 5)
    assert [place.page for place in there.fields["Sum"].places] == [5]
    assert engine.calls == [0]


def test_known_without_reading(cache):
    once = Once([Engine()], TASKS, cache)
    assert once.known(None, DIGEST) is None
    once.read([scan()], [DIGEST])
    known = once.known(scan(3), DIGEST)
    assert known.cached
    assert known.result.page == 3
    assert known.result.usage == Usage()
    assert Once([Engine()], TASKS, cache, refresh=True).known(None, DIGEST) is None
    assert Once([Engine()], TASKS).known(None, DIGEST) is None


def test_notes(cache):
    once = Once([Engine()], TASKS, cache)
    assert once.digest_at("a file's page 7") is None
    once.note("a file's page 7", DIGEST)
    assert once.digest_at("a file's page 7") == DIGEST
    assert once.digest_at("a file's page 8") is None
    note = next(iter(_keys(cache)))
    for torn in (DIGEST[:30], "", "\x00" * 64, DIGEST + "d"):
        cache.put(note, torn.encode())
        assert once.digest_at("a file's page 7") is None
    cache.put(note, b"\xff" * 64)
    assert once.digest_at("a file's page 7") is None
    assert cache.stats().pages == 0
    nowhere = Once([Engine()], TASKS)
    nowhere.note("x", DIGEST)
    assert nowhere.digest_at("x") is None


def test_refreshing_reads_anew_once_a_run(cache, read):
    engine = Engine()
    read(Once([engine], TASKS, cache))
    once = Once([engine], TASKS, cache, refresh=True)
    assert not read(once).cached
    assert read(once).cached  # the same picture once more
    assert not read(Once([engine], TASKS, cache, refresh=True)).cached
    assert len(engine.calls) == 3
    assert read(Once([engine], TASKS, cache)).cached


def test_what_is_cut_off_is_handed_out_but_not_kept(cache, read):
    engine = Engine({0: PageResult(0, 1, 1, "px", "half a pa", truncated=True, usage=Usage(calls=2))})
    for _ in range(2):
        reading = read(Once([engine], TASKS, cache))
        assert reading.result.text == "half a pa"
        assert reading.bills == ((engine, Usage(calls=2)),)
    assert len(engine.calls) == 2
    assert cache.stats().pages == 0


def test_errors_are_not_kept(cache, read):
    engine = Engine({0: ServiceFailed("down", usage=Usage(calls=3))})
    for _ in range(2):
        reading = read(Once([engine], TASKS, cache))
        assert reading.result is None
        assert str(reading.error) == "down"
        assert reading.error.engine == "fake"
        assert reading.bills == ((engine, Usage(calls=3)),)
    assert len(engine.calls) == 2
    assert cache.stats().pages == 0


def test_what_is_torn_in_the_cache_is_read_again(cache, read):
    engine = Engine()
    key = read(Once([engine], TASKS, cache)).key
    for torn in (packed(PageResult(0, 1, 1, "px", "x"))[:20], zlib.compress(b"[" * 100_000)):
        cache.put(key, torn)
        assert not read(Once([engine], TASKS, cache)).cached
        assert read(Once([engine], TASKS, cache)).cached


# --- without others doing the same -----------------------------------------------------------------------------------


def test_two_threads(cache):
    engine, done = Blocked(), []
    once = Once([engine], TASKS, cache)
    threads = [threading.Thread(target=lambda: done.append(once.read([scan()], [DIGEST]))) for _ in range(4)]
    for thread in threads:
        thread.start()
    engine.let.set()
    for thread in threads:
        thread.join(20)
    assert sorted(reading.cached for reading in done) == [False, True, True, True]
    assert engine.calls == [0]


@pytest.mark.parametrize("refresh", [False, True])
async def test_two_tasks(cache, refresh):
    engine = Engine(delay=0.03)
    once = Once([engine], TASKS, cache, refresh=refresh)
    done = await asyncio.gather(*(once.aread([scan()], [DIGEST]) for _ in range(4)))
    assert sorted(reading.cached for reading in done) == [False, True, True, True]
    assert engine.calls == [0]


CODE = """
import sys, time
from pathlib import Path
from test_once import *
@dataclass(frozen=True)
class Slow(Engine):
    def read(self, scan, tasks):
        with open(sys.argv[3], "ab", 0) as log:
            log.write(b"read\\n")
        time.sleep(0.3)
        return super().read(scan, tasks)
cache = {"SqliteCache": SqliteCache, "DirectoryCache": DirectoryCache}[sys.argv[1]](sys.argv[2])
print(Once([Slow()], TASKS, cache).read([scan()], [DIGEST]).cached)
cache.close()
"""


def test_two_processes(cache, tmp_path):
    paths = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CODE, type(cache).__name__, str(cache.folder), str(tmp_path / "log")],
            env={**os.environ, "PYTHONPATH": paths},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    said = [process.communicate(timeout=60)[0] for process in processes]
    assert sorted(said) == ["False\n", "True\n", "True\n"]
    assert (tmp_path / "log").read_text() == "read\n"


def test_whoever_waits_takes_over_when_the_other_fails(cache):
    engine, pauses = Engine(), []
    other = type(cache)(cache.folder)
    key = page_key([DIGEST], engine, TASKS)
    assert other.claim(key)

    def sleep(seconds):
        pauses.append(seconds)
        if len(pauses) == 9:
            other.release(key)

    assert not Once([engine], TASKS, cache).read([scan()], [DIGEST], sleep).cached
    assert len(pauses) == 9
    assert pauses[0] < 0.1
    assert pauses == sorted(pauses)
    assert pauses[-1] == 1.0
    other.close()


def test_whoever_waits_gets_what_the_other_read(cache):
    engine = Engine()
    other = type(cache)(cache.folder)
    key = page_key([DIGEST], engine, TASKS)
    assert other.claim(key)
    theirs = packed(PageResult(0, 1, 1, "px", "theirs"))
    reading = Once([engine], TASKS, cache).read([scan()], [DIGEST], lambda _: other.put(key, theirs))
    assert (reading.cached, reading.result.text, engine.calls) == (True, "theirs", [])
    other.close()


def test_whoever_is_done_just_before_the_claim_is_not_done_over(tmp_path, read):
    class Overtaken(SqliteCache):
        def claim(self, key):
            SqliteCache(tmp_path).put(key, packed(PageResult(0, 1, 1, "px", "theirs")))
            return super().claim(key)

    cache, engine = Overtaken(tmp_path), Engine()
    assert read(Once([engine], TASKS, cache)).result.text == "theirs"
    assert engine.calls == []
    assert cache.claim(page_key([DIGEST], engine, TASKS))  # it was given up
    cache.release(page_key([DIGEST], engine, TASKS))
    cache.close()


# --- leaving ---------------------------------------------------------------------------------------------------------


async def test_cancelled_while_reading(cache):
    once = Once([Engine(delay=60)], TASKS, cache)
    task = asyncio.create_task(once.aread([scan()], [DIGEST]))
    while not once.engines[0].calls:
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not (await Once([Engine()], TASKS, cache).aread([scan()], [DIGEST])).cached


async def test_cancelled_while_waiting_for_another(cache):
    key = page_key([DIGEST], Engine(), TASKS)
    assert cache.claim(key)
    task = asyncio.create_task(Once([Engine()], TASKS, cache).aread([scan()], [DIGEST]))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not cache.claim(key)  # it is still the other's
    cache.release(key)


@pytest.mark.parametrize("turns", range(0, 40, 3))
async def test_cancelled_at_any_moment(cache, turns):
    engine = Engine()
    task = asyncio.create_task(Once([engine], TASKS, cache).aread([scan()], [DIGEST]))
    for _ in range(turns):
        await asyncio.sleep(0.0002)
    task.cancel()
    await asyncio.wait([task])
    reading = await Once([engine], TASKS, cache).aread([scan()], [DIGEST])
    assert reading.cached or len(engine.calls) <= 2


def test_interrupted_while_reading(cache):
    engine = Engine(lambda scan: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        Once([engine], TASKS, cache).read([scan()], [DIGEST])
    assert not Once([Engine()], TASKS, cache).read([scan()], [DIGEST]).cached


def test_interrupted_while_waiting(cache):
    key = page_key([DIGEST], Engine(), TASKS)
    assert cache.claim(key)

    def interrupted(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Once([Engine()], TASKS, cache).read([scan()], [DIGEST], interrupted)
    assert not cache.claim(key)
    cache.release(key)


class Slow(SqliteCache):
    def get(self, key):
        time.sleep(0.2)
        return super().get(key)

    def claim(self, key):
        time.sleep(0.2)
        return super().claim(key)

    def release(self, key):
        time.sleep(0.2)
        super().release(key)


async def test_a_slow_cache_does_not_block_the_loop(tmp_path):
    cache, longest = Slow(tmp_path), 0.0
    reading = asyncio.create_task(Once([Engine(delay=60)], TASKS, cache).aread([scan()], [DIGEST]))
    asyncio.get_running_loop().call_later(0.9, reading.cancel)
    while not reading.done():
        before = time.monotonic()
        await asyncio.sleep(0.001)
        longest = max(longest, time.monotonic() - before)
    assert reading.cancelled()
    assert longest < 0.15
    wait_until(lambda: not renewing_threads())
    cache.close()


# --- trouble with the cache ------------------------------------------------------------------------------------------


def test_a_broken_cache_costs_no_page_and_is_named_once(read, caplog):
    cache, engine = Broken(), Engine()
    once = Once([engine], TASKS, cache)
    for page in range(20):
        assert once.known(scan(page), DIGEST) is None
        assert once.digest_at("x") is None
        once.note("x", DIGEST)
        assert read(once, scan(page)).result.text == f"Page {page + 1}"
    assert engine.calls == list(range(20))
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage().startswith("the cache fails (RuntimeError: out of order); reading on")
    assert cache.touched <= PATIENCE + 20  # giving up a claim is tried to the last


def test_a_cache_that_cannot_be_closed_costs_no_page(tmp_path, caplog):
    class Stuck(SqliteCache):
        def close(self):
            super().close()
            raise OSError("the disk is gone")

    cache = Stuck(tmp_path)
    reader = Reader(engine=FakeEngine(), cache=cache)
    assert [page.text for page in reader.read(Image.new("L", (9, 9)))] == ["Page 1"]
    assert "the disk is gone" in caplog.text
    SqliteCache.close(cache)


def test_a_cache_that_only_reads_is_read_to_the_end(tmp_path, read, caplog):
    class Full(SqliteCache):
        def put(self, key, value):
            raise OSError(28, "No space left on device")

        def claim(self, key):
            self.put(key, b"")

    engine, kept = Engine(), SqliteCache(tmp_path)
    read(Once([engine], TASKS, kept))
    full = Full(tmp_path)
    once = Once([engine], TASKS, full)
    for _ in range(9):
        assert not read(once, digests=("e" * 64,)).cached
    assert read(once).cached
    assert len(caplog.records) == 1
    kept.close()
    full.close()


def test_a_page_that_cannot_be_kept_leaves_no_claim(tmp_path, read):
    class Full(SqliteCache):
        def put(self, key, value):
            raise OSError(28, "No space left on device")

    full = Full(tmp_path)
    assert read(Once([Engine()], TASKS, full)).result
    other = SqliteCache(tmp_path)
    assert other.claim(page_key([DIGEST], Engine(), TASKS))
    other.release(page_key([DIGEST], Engine(), TASKS))
    other.close()
    full.close()


def test_a_good_answer_ends_the_count_of_bad_ones(read):
    class Moody(Broken):
        def get(self, *_):
            self.touched += 1
            if self.touched % 3:
                raise RuntimeError("not now")

        put = claim = release = clear = stats = close = get

    cache = Moody()
    once = Once([Engine()], TASKS, cache)
    for _ in range(10):
        read(once)
    assert cache.touched >= 30


# --- several engines -------------------------------------------------------------------------------------------------


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


def _keys(cache):
    if isinstance(cache, DirectoryCache):
        return [path.stem for path in cache.folder.glob("??/*.page")]
    with cache._database() as database:
        return [row[0] for row in database.execute("SELECT key FROM pages")]
