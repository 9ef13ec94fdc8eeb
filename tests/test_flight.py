"""Leaving a run: whichever way, nothing stays open and nothing is said about it; what was paid for is counted."""

import asyncio
import gc
import json
import subprocess
import sys
import threading
import time
from contextlib import aclosing, suppress
from pathlib import Path

import pytest
from PIL import Image

import leaving
from dashscope_scenarios import ok, slow
from dashscope_server import DashScopeServer
from qwen_ocr_loader import DashScopeEngine, FakeEngine, Reader, Usage
from qwen_ocr_loader.aflight import Unfolded
from qwen_ocr_loader.cleanup import ended
from qwen_ocr_loader.errors import KeyRejected
from qwen_ocr_loader.langchain import QwenOCRLoader
from qwen_ocr_loader.llama_index import QwenOCRReader

HERE = Path(__file__).parent
LONG = 30.0
TRIED = [("apages", "fake"), *((api, "dashscope") for api in ("apages", "aread", "alazy_load", "astream_data"))]


@pytest.fixture(scope="module")
def tried(tmp_path_factory):
    """What every way of leaving left behind, by API and engine: one process for each two, all at once."""
    running = {}
    for api, kind in TRIED:
        folder = tmp_path_factory.mktemp(f"{api}-{kind}")
        command = [sys.executable, "-X", "dev", str(HERE / "leaving.py"), api, kind, str(folder)]
        running[api, kind] = subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    yield {which: process.communicate(timeout=120) for which, process in running.items()}
    for process in running.values():
        process.kill()


@pytest.mark.parametrize(("api", "kind"), TRIED)
def test_every_way_of_leaving_leaves_nothing(tried, api, kind):
    stdout, stderr = tried[api, kind]
    traces = [json.loads(line) for line in stdout.splitlines()]
    assert [trace for trace in traces if trace["left"] or trace["stderr"] or trace["error"]] == []
    assert [trace["way"] for trace in traces] == leaving.WAYS
    assert stderr == ""
    assert max(trace["seconds"] for trace in traces) < LONG / 2


SYNC = """
import sys
from qwen_ocr_loader import DashScopeEngine, FakeEngine, Reader
url, source, how = sys.argv[1:]
engine = DashScopeEngine(base_url=url, api_key="sk-test", stream=False) if url else FakeEngine(delay=0.02)
pages = Reader(engine=engine, concurrency=4).pages(source)
assert next(pages).result.text
if how == "cycle":
    cycle = [pages]
    cycle.append(cycle)
    del cycle, pages
if how == "exit":
    sys.exit(7)
"""


@pytest.mark.parametrize("how", ["open", "cycle", "exit"])
@pytest.mark.parametrize("remote", [True, False])
def test_a_program_ends_with_a_blocking_run_still_open(six, how, remote):
    with DashScopeServer(lambda asked: slow(LONG) if asked.images[0].number > 3 else ok()) as server:
        command = [sys.executable, "-W", "error", "-c", SYNC, server.base_url if remote else "", str(six), how]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONG / 2, check=False)
        assert (done.stdout, done.stderr, done.returncode) == ("", "", 7 if how == "exit" else 0)
        assert leaving.until(lambda: not server.in_flight)


@pytest.fixture
def six(tmp_path):
    return leaving.six_pages(tmp_path)


class Collecting(FakeEngine):
    """Reads the first page once others are begun, in which a thread of the run's own then collects the garbage."""

    def __init__(self, where):
        super().__init__()
        begun, dropped, done = (threading.Event() for _ in range(3))
        vars(self).update(where=where, remote=where != "pool", begun=begun, dropped=dropped, done=done)

    def collect(self):
        gc.collect()
        self.done.set()

    def read(self, scan, tasks):
        if scan.page:
            self.begun.set()
        (self.dropped if scan.page else self.begun).wait(LONG)
        if scan.page:
            self.collect()
        return super().read(scan, tasks)

    async def aread(self, scan, tasks):
        if scan.page:
            self.begun.set()
        while not (self.dropped if scan.page else self.begun).is_set():
            await asyncio.sleep(0.001)
        if scan.page and self.where == "loop":
            self.collect()
        elif scan.page:
            await asyncio.to_thread(self.collect)
        return await super().aread(scan, tasks)


@pytest.mark.parametrize("where", ["loop", "thread of the loop", "pool"])
def test_a_run_ends_where_a_thread_of_its_own_finds_it_to_be_garbage(six, where, monkeypatch):
    engine, said = Collecting(where), []
    monkeypatch.setattr(sys, "unraisablehook", said.append)
    gc.disable()
    try:
        pages = Reader(engine=engine, concurrency=2).pages(six)
        next(pages)
        cycle = [pages]
        cycle.append(cycle)
        del pages, cycle
        engine.dropped.set()
        assert engine.done.wait(LONG / 2)
    finally:
        gc.enable()
    ours = "qwen-ocr"
    assert leaving.until(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith(ours)])
    assert leaving.open_files() == []
    assert said == []


# --- within a program that goes on -----------------------------------------------------------------------------------


async def test_leaving_frees_the_file_and_the_connections(six):
    with DashScopeServer(lambda asked: slow(LONG) if asked.images[0].number > 1 else ok()) as server:
        engine = DashScopeEngine(base_url=server.base_url, api_key=server.key, stream=False)
        async with aclosing(QwenOCRLoader(six, engine=engine, concurrency=2).alazy_load()) as documents:
            await anext(documents)
            assert leaving.open_files()
        assert leaving.open_files() == []
        assert len(asyncio.all_tasks()) == 1
        assert leaving.until(lambda: not server.in_flight and not server._writers)


async def test_leaving_waits_for_a_page_that_is_being_opened():
    """A generator cannot be closed while a thread is inside it."""
    inside, left = threading.Event(), threading.Event()

    def sources():
        yield Image.new("L", (40, 30))
        inside.set()
        time.sleep(0.1)
        left.set()
        yield Image.new("L", (40, 30))

    pages = Reader(engine=FakeEngine(delay=LONG)).apages(sources())
    reading = asyncio.create_task(anext(pages))
    await asyncio.to_thread(inside.wait, 5)
    for _ in range(5):  # an impatient user
        reading.cancel()
        await asyncio.sleep(0)
    assert not left.is_set()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert left.is_set()
    assert len(asyncio.all_tasks()) == 1


async def test_an_error_while_leaving_is_not_lost_behind_the_user_s(six):
    class Closing(FakeEngine):
        def aopened(self):
            return Failing()

    class Failing:
        async def __aenter__(self):
            pass

        async def __aexit__(self, *_):
            raise OSError("cannot close")

    pages = Reader(engine=Closing()).apages(six)
    await anext(pages)
    with pytest.raises(OSError, match="cannot close"):
        await pages.aclose()
    assert leaving.open_files() == []


async def test_an_engine_that_does_not_open_leaves_nothing(six):
    class Closed(FakeEngine):
        def aopened(self):
            raise KeyRejected("no")

    for _ in range(2):
        with pytest.raises(KeyRejected, match="no"):
            await anext(Reader(engine=Closed()).apages(six))
    assert len(asyncio.all_tasks()) == 1


async def test_cancelled_while_its_engine_opens(six):
    class Slow(FakeEngine):
        def aopened(self):
            return self

        async def __aenter__(self):
            await asyncio.sleep(LONG)

        async def __aexit__(self, *_):
            raise AssertionError("it was never entered")

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(Reader(engine=Slow()).apages(six)), 0.05)
    assert len(asyncio.all_tasks()) == 1


async def test_what_an_engine_opens_is_closed_by_the_task_that_opened_it(six):
    """Cancel scopes and task groups demand it."""
    tasks = []

    class Scoped(FakeEngine):
        def aopened(self):
            return self

        async def __aenter__(self):
            tasks.append(asyncio.current_task())

        async def __aexit__(self, *_):
            tasks.append(asyncio.current_task())

    pages = Reader(engine=Scoped()).apages(six)
    await asyncio.create_task(anext(pages))
    await asyncio.create_task(pages.aclose())
    assert len(tasks) == 2
    assert tasks[0] is tasks[1]


# --- what was paid for -----------------------------------------------------------------------------------------------


class SecondFirst(FakeEngine):
    """Reads the first page once it has been asked for the second."""

    def read(self, scan, tasks):
        if scan.page == 0:
            deadline = time.monotonic() + LONG
            while 1 not in self.calls and time.monotonic() < deadline:
                time.sleep(0.002)
        return super().read(scan, tasks)


def test_pages_read_but_not_handed_out_are_in_the_bill(six):
    reader = Reader(engine=SecondFirst({1: KeyRejected("bad", usage=Usage(3))}), concurrency=4, on_error="skip")
    pages = reader.pages(six)
    assert next(pages).result.page == 0
    pages.close()
    assert reader.report.pages == 1
    assert reader.report.usage.calls >= 4
    assert reader.report.failures == []  # nobody met it


async def test_pages_read_but_not_handed_out_are_in_the_bill_async(six):
    reader = Reader(engine=FakeEngine(), concurrency=4)
    async with aclosing(reader.apages(six)) as pages:
        await anext(pages)
        await asyncio.sleep(0.05)
    assert (reader.report.pages, reader.report.usage.calls) == (1, len(reader.engine.calls))


async def test_each_page_is_in_the_bill_once(six):
    reader = Reader(engine=FakeEngine(), concurrency=4)
    assert len(list(reader.pages(six))) == reader.report.usage.calls == 6
    assert len([page async for page in reader.apages(six)]) == reader.report.usage.calls == 6


# --- parts -----------------------------------------------------------------------------------------------------------


async def test_ended_outlasts_cancellations():
    loop = asyncio.get_running_loop()
    wanted = loop.create_future()
    waiting = asyncio.create_task(ended([wanted]))
    for _ in range(3):
        await asyncio.sleep(0)
        waiting.cancel()
    await asyncio.sleep(0)
    assert not waiting.done()
    wanted.set_exception(ValueError("whatever became of it"))
    with pytest.raises(asyncio.CancelledError):
        await waiting
    with suppress(ValueError):
        wanted.result()


class Numbers:
    """0, 1, 2 as a stream."""

    def __init__(self):
        self.numbers, self.inside = iter(range(3)), 0

    async def __aenter__(self):
        self.inside += 1
        return self

    async def __aexit__(self, *_):
        self.inside -= 1

    def __aiter__(self):
        return self

    async def __anext__(self):
        for number in self.numbers:
            return number
        raise StopAsyncIteration


async def test_unfolding():
    numbers = Numbers()
    inner = Unfolded(numbers, lambda n: iter([n] * n), lambda: iter(["end"]))
    async with Unfolded(inner, lambda n: iter([n, "-"])) as stream:
        assert numbers.inside == 1
        assert [made async for made in stream] == [1, "-", 2, "-", 2, "-", "end", "-"]
        assert [made async for made in stream] == []
    assert numbers.inside == 0


async def test_the_async_doors_agree(six):
    options = {"engine": FakeEngine(delay=0.01), "mode": "single"}
    (ours,) = [document async for document in QwenOCRReader(**options).astream_data(six)]
    (theirs,) = [document async for document in QwenOCRLoader(six, **options).alazy_load()]
    assert ours.text == theirs.page_content == "\n\f".join(f"Page {n}" for n in range(1, 7))
