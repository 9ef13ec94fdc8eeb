"""A page that several want is read by one of them, and whoever leaves gives up the claim."""

import asyncio
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from claiming import renewing_threads, wait_until
from once_reading import CACHES, DIGEST, TASKS, WAYS, Engine, caches, reads, scan
from qwen_ocr_loader.cache import packed, page_key
from qwen_ocr_loader.cache.sqlite import SqliteCache
from qwen_ocr_loader.once import Once
from qwen_ocr_loader.results import PageResult

read = pytest.fixture(reads, params=WAYS)
cache = pytest.fixture(caches, params=CACHES)


@dataclass(frozen=True)
class Blocked(Engine):
    """Reads once it is let."""

    let: threading.Event = field(default_factory=threading.Event, compare=False)

    def read(self, scan, tasks):
        assert self.let.wait(10)
        return super().read(scan, tasks)


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
from once_reading import *
from qwen_ocr_loader.once import Once
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
    asked = len(engine.calls)
    reading = await Once([engine], TASKS, cache).aread([scan()], [DIGEST])
    assert reading.cached or task.cancelled()
    assert len(engine.calls) == asked + (not reading.cached)


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


class Watched(SqliteCache):
    """Notes what is done with it, and in which threads."""

    def __init__(self, folder):
        super().__init__(folder)
        self.used = {}

    def get(self, key):
        self.used["get"] = threading.get_ident()
        return super().get(key)

    def claim(self, key):
        self.used["claim"] = threading.get_ident()
        return super().claim(key)

    def release(self, key):
        self.used["release"] = threading.get_ident()
        super().release(key)


async def test_no_cache_is_waited_for_in_the_thread_of_the_loop(tmp_path):
    cache, engine = Watched(tmp_path), Engine(delay=60)
    reading = asyncio.create_task(Once([engine], TASKS, cache).aread([scan()], [DIGEST]))
    async with asyncio.timeout(20):
        while not engine.calls:
            await asyncio.sleep(0.001)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert cache.used.keys() == {"get", "claim", "release"}
    assert threading.get_ident() not in cache.used.values()
    wait_until(lambda: not renewing_threads())
    cache.close()
