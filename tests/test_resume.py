"""A run killed at any moment goes on where it stopped: nothing that was paid for and kept is paid for again."""

import asyncio
import json
import random
import signal
import subprocess
import sys
import time
from contextlib import aclosing, closing

import pytest

from dashscope_reading import engine_for
from dashscope_scenarios import by_page, fault, ok, slow
from dashscope_server import DashScopeServer
from load_server import LoadServer
from marked_pages import marked_page
from qwen_ocr_loader import Reader, errors
from qwen_ocr_loader.cache.directory import DirectoryCache
from qwen_ocr_loader.cache.sqlite import SqliteCache

KINDS = {"sqlite": SqliteCache, "directory": DirectoryCache}
KEEPING = 0.3  # seconds at most from a reply's last byte to when it is kept, on a machine that is busy

WORKER = """
import json, os, sys
from qwen_ocr_loader import DashScopeEngine
from qwen_ocr_loader.cache.directory import DirectoryCache
from qwen_ocr_loader.cache.sqlite import SqliteCache
from qwen_ocr_loader.langchain import QwenOCRLoader
kind, folder, url, source, pages, concurrency = sys.argv[1:]
engine = DashScopeEngine(base_url=url, api_key=f"sk-{os.getpid()}", stream=False)
cache = {"sqlite": SqliteCache, "directory": DirectoryCache}[kind](folder)
loader = QwenOCRLoader(source, engine=engine, cache=cache, concurrency=int(concurrency), pages=pages)
print(json.dumps([[one.id, one.page_content, one.metadata] for one in loader.lazy_load()]))
"""


def start(kind, folder, server, source, pages="1-", concurrency=3):
    command = [sys.executable, "-c", WORKER, kind, str(folder), server.base_url, str(source), pages, str(concurrency)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(process):
    said, complaint = process.communicate(timeout=120)
    assert process.returncode == 0, complaint
    return json.loads(said)


@pytest.fixture
def frames(tmp_path):
    def write(count):
        pages = [marked_page(number, (64, 64)).convert("1") for number in range(count)]
        pages[0].save(tmp_path / "pages.tiff", save_all=True, append_images=pages[1:], compression="group4")
        return tmp_path / "pages.tiff"

    return write


def orders(count, processes):
    """Each process begins elsewhere: in one order all would wait for the first."""
    starts = [1 + count * number // processes for number in range(processes)]
    return [f"{first}-,1-{first - 1}" if first > 1 else "1-" for first in starts]


def killed_meanwhile(running, kills, seed, begin):
    """When which process was killed, each at a random moment and followed by another that does the same."""
    dice, killed = random.Random(seed), {}
    for _ in range(kills):
        time.sleep(dice.uniform(0.05, 0.8))
        number = dice.randrange(len(running))
        if running[number].poll() is not None:
            continue
        running[number].send_signal(signal.SIGKILL)
        killed[str(running[number].pid)] = time.monotonic()
        running[number].communicate()
        running[number] = begin(number)
    return killed


def in_flight_at_a_kill(one, killed):
    """Whether a purchase can have been lost: its process was killed before it can have been kept for certain."""
    return one.who in killed and one.began <= killed[one.who] <= one.ended + KEEPING


@pytest.mark.parametrize(
    ("pages", "processes", "kills", "latency"),
    [(30, 2, 3, 0.2), pytest.param(200, 4, 20, 0.6, marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("kind", KINDS)
def test_killed_at_random_moments(kind, pages, processes, kills, latency, frames, tmp_path):
    source, folder = frames(pages), tmp_path / "cache"
    with LoadServer(latency=latency) as server:

        def begin(number):
            return start(kind, folder, server, source, orders(pages, processes)[number])

        running = [begin(number) for number in range(processes)]
        time.sleep(0.5)
        killed = killed_meanwhile(running, kills, f"{kind} {pages}", begin)
        ended = [finished(process) for process in running]
        resumed = finished(start(kind, folder, server, source))
        tally = server.tally()
        undisturbed = finished(start(kind, tmp_path / "other", server, source, concurrency=50))
    assert resumed == undisturbed
    assert [sorted(documents) for documents in ended] == [sorted(undisturbed)] * processes
    assert KINDS[kind](folder).stats().pages == pages
    bought = {number: [] for number in range(pages)}
    for one in sorted(tally.good, key=lambda one: one.ended):
        bought[one.page].append(one)
    lost = [one for purchases in bought.values() for one in purchases[:-1]]
    gaps = [round(killed[one.who] - one.ended, 3) for one in lost if one.who in killed]
    print(f"{len(killed)} killed, {gaps=} {len(tally.good)} bought for {pages} pages, {len(tally.bought)} asked for")
    assert all(bought.values())
    assert [one for one in lost if not in_flight_at_a_kill(one, killed)] == []
    assert len(killed) >= kills // 2


# --- a page fails, or the user has had enough -------------------------------------------------------------------------


def numbers(server):
    """The pages bought, each as often as it was."""
    return sorted(server.billed_pages.elements())


def read(reader, source, how):
    if how == "sync":
        return list(reader.read(source))

    async def pages():
        async with aclosing(reader.aread(source)) as read:
            return [page async for page in read]

    return asyncio.run(pages())


@pytest.mark.parametrize("how", ["sync", "async"])
def test_what_is_in_flight_when_a_page_fails_is_finished_and_kept(how, frames, tmp_path):
    """Page 1 fails at once, while pages 0, 2 and 3 are being read."""
    source = frames(12)
    with DashScopeServer(by_page({1: fault("moderation")}, otherwise=slow(0.4))) as server:
        reader = Reader(engine=engine_for(server), task="text_recognition", concurrency=4, cache=tmp_path / "cache")
        with pytest.raises(errors.RequestRejected) as caught:
            read(reader, source, how)
        first = numbers(server)
        assert caught.value.page == 1
        assert {exchange.outcome for exchange in server.generations} == {"sent"}
        assert {0, 2, 3} <= set(first)
        assert reader.cache.stats().pages == len(first) == len(set(first)) < 11
        assert reader.report.usage.calls == len(first)
        server.script = ok()
        assert [page.text.split("\n")[0] for page in read(reader, source, how)] == [f"page {n}" for n in range(12)]
        assert numbers(server) == list(range(12))


@pytest.mark.parametrize("how", ["sync", "async"])
def test_without_a_cache_what_is_in_flight_when_a_page_fails_is_given_up(how, frames):
    with DashScopeServer(by_page({0: slow(0.5), 1: fault("moderation")}, otherwise=slow(30))) as server:
        reader = Reader(engine=engine_for(server), task="text_recognition", concurrency=4)
        began = time.monotonic()
        with pytest.raises(errors.RequestRejected):
            read(reader, frames(12), how)
        assert time.monotonic() - began < 20
        assert {exchange.outcome for exchange in server.generations} == {"sent", "gone"}


def test_an_error_of_the_user_s_own_waits_for_nothing(frames, tmp_path):
    with DashScopeServer(by_page({0: ok()}, otherwise=slow(30))) as server:
        reader = Reader(engine=engine_for(server), task="text_recognition", concurrency=4, cache=tmp_path / "cache")
        began = time.monotonic()
        with pytest.raises(ZeroDivisionError), closing(reader.read(frames(12))) as pages:
            1 / next(pages).page
        assert time.monotonic() - began < 20
        assert reader.cache.stats().pages == 1


INTERRUPTED = """
import asyncio, sys
from qwen_ocr_loader import DashScopeEngine, Reader
how, url, source, cache = sys.argv[1:]
reader = Reader(engine=DashScopeEngine(base_url=url, api_key="sk-test", stream=False), task="text_recognition",
                concurrency=4, cache=cache)
async def read():
    return [page async for page in reader.aread(source)]
list(reader.read(source)) if how == "sync" else asyncio.run(read())
"""


@pytest.mark.parametrize("how", ["sync", "async"])
def test_ctrl_c_is_prompt_and_keeps_what_was_finished(how, frames, tmp_path):
    source, cache = frames(12), tmp_path / "cache"
    with DashScopeServer(lambda asked: ok() if asked.images[0].number in (0, 1, 4) else slow(60)) as server:
        command = [sys.executable, "-c", INTERRUPTED, how, server.base_url, str(source), str(cache)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            ends = time.monotonic() + 30
            while SqliteCache(cache).stats().pages < 3 and process.poll() is None and time.monotonic() < ends:
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=20)
        assert said.strip().endswith("KeyboardInterrupt")
        assert numbers(server) == [0, 1, 4]
        server.script = ok()
        reader = Reader(engine=engine_for(server), task="text_recognition", cache=cache)
        assert [page.text.split("\n")[0] for page in read(reader, source, how)] == [f"page {n}" for n in range(12)]
        assert reader.report.from_cache == 3
        assert numbers(server) == list(range(12))
