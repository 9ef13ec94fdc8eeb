"""Leaving early: no request, connection or thread of the DashScope engine stays behind."""

import asyncio
import gc
import time
import warnings

import pytest

import leaving
from dashscope_reading import KEY, PAGE, engine_for, frames, read, serving
from dashscope_scenarios import by_page, ok, slow
from qwen_ocr_loader import Reader
from qwen_ocr_loader.tasks import parse_tasks


@pytest.fixture
def server():
    yield from serving()


async def test_cancelling_leaves_no_request_running(server):
    server.script = slow(30)
    task = asyncio.create_task(engine_for(server).aread(PAGE, parse_tasks("multi_lan")))
    while not server.exchanges:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gc.collect()
    assert len(asyncio.all_tasks()) == 1


def test_no_thread_or_connection_is_left(server):
    before = leaving.threads()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(engine_for(server))
        read(engine_for(server), how="async")
        gc.collect()
    assert leaving.until(lambda: leaving.threads() <= before)


def test_leaving_a_sync_loop_ends_its_requests_at_once(server, tmp_path):

    server.script = by_page({0: ok()}, otherwise=slow(60))
    before, started = leaving.threads(), time.monotonic()
    for page in Reader(engine=engine_for(server), task="multi_lan", concurrency=4).read(frames(tmp_path, 9)):
        assert page.page == 0
        break
    gc.collect()
    assert time.monotonic() - started < 30
    assert leaving.until(lambda: leaving.threads() <= before)
    assert {exchange.outcome for exchange in server.generations} <= {"sent", "gone"}


def test_ctrl_c_ends_its_requests_at_once(server, tmp_path):
    import signal
    import subprocess
    import sys

    server.script = slow(60)
    code = (
        "import sys; from qwen_ocr_loader import DashScopeEngine, Reader; "
        "engine = DashScopeEngine(base_url=sys.argv[1], api_key=sys.argv[2]); "
        "list(Reader(engine=engine).read(sys.argv[3]))"
    )
    command = [sys.executable, "-c", code, server.base_url, KEY, str(frames(tmp_path, 3))]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        while server.in_flight < 3 and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=10)
    assert b"KeyboardInterrupt" in said
    assert {exchange.outcome for exchange in server.generations} == {"gone"}
