"""Ways of leaving a run, each tried in a process of its own kind: ``python -X dev leaving.py astream_data``.

Prints a JSON line for each way: what it left behind, by name, and what it wrote to stderr. ``test_flight`` runs it.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import tempfile
import threading
import time
import warnings
from contextlib import aclosing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from dashscope_scenarios import ok, slow
from dashscope_server import DashScopeServer
from marked_pages import marked_page
from qwen_ocr_loader import DashScopeEngine, FakeEngine, Reader

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    Opened = Callable[[], AsyncGenerator[Any]]

PAGES = 6
LAST_PROMPT = 3
"""0-based number of the last page that comes at once."""
ANYIO = r"coroutine 'connect_tcp\.<locals>\.try_connect' was never awaited"
"""Said by anyio from 4.14 on, which wraps its tasks, where asyncio cancels one before its first step (2026-11)."""
LONG = 30.0  # seconds the pages take that nobody is to wait for

kept: list[Any] = []


def opener(api: str, engine: Any, source: Path) -> Callable[[], AsyncGenerator[Any]]:
    options = {"engine": engine, "concurrency": 4}
    if api in ("apages", "aread"):
        return lambda: getattr(Reader(**options), api)(source)
    if api == "alazy_load":
        from qwen_ocr_loader.langchain import QwenOCRLoader

        return lambda: QwenOCRLoader(source, **options).alazy_load()
    from qwen_ocr_loader.llama_index import QwenOCRReader

    return lambda: QwenOCRReader(**options).astream_data(source)


class Ways:
    """Each is given an async generator of six pages that it does not close."""

    async def all_of_it(self, opened: Opened) -> None:
        assert len([page async for page in opened()]) == PAGES

    async def break_at_first(self, opened: Opened) -> None:
        async for _ in opened():
            break

    async def break_at_middle(self, opened: Opened) -> None:
        await leave_at(opened(), 2)

    async def break_at_last(self, opened: Opened) -> None:
        await leave_at(opened(), PAGES - 1)

    async def break_at_first_and_wait(self, opened: Opened) -> None:
        await leave_at(opened(), 0)
        await settled()

    async def break_at_last_and_wait(self, opened: Opened) -> None:
        await leave_at(opened(), PAGES - 1)
        await settled()

    async def break_and_end_a_moment_later(self, opened: Opened) -> None:
        for moments in range(12):
            await leave_at(opened(), moments % PAGES)
            for _ in range(moments):
                await asyncio.sleep(0)

    async def break_inside_aclosing(self, opened: Opened) -> None:
        async with aclosing(opened()) as pages:
            await leave_at(pages, 1)
        assert len(asyncio.all_tasks()) == 1

    async def error_in_the_body(self, opened: Opened) -> None:
        with suppress(ZeroDivisionError):
            async for _ in opened():
                _ = 1 / 0
        await settled()

    async def error_that_ends_the_program(self, opened: Opened) -> None:
        async for _ in opened():
            raise KeyboardInterrupt

    async def cancel_while_waiting(self, opened: Opened) -> None:
        task = asyncio.create_task(leave_at(opened(), PAGES))
        await asyncio.sleep(0.3)
        await cancelled(task)

    async def cancel_at_once(self, opened: Opened) -> None:
        for moments in range(6):
            task = asyncio.create_task(leave_at(opened(), PAGES))
            for _ in range(moments):
                await asyncio.sleep(0)
            await cancelled(task)

    async def cancel_in_the_body(self, opened: Opened) -> None:
        async def read() -> None:
            async for _ in opened():
                await asyncio.sleep(LONG)

        task = asyncio.create_task(read())
        await asyncio.sleep(0.3)
        task.cancel()
        await settled()

    async def cancel_again_and_again(self, opened: Opened) -> None:
        task = asyncio.create_task(leave_at(opened(), PAGES))
        await asyncio.sleep(0.2)
        while not task.done():
            task.cancel()
            await asyncio.sleep(0)
        await cancelled(task)

    async def time_out(self, opened: Opened) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(leave_at(opened(), PAGES), 0.3)

    async def time_out_of_one_page(self, opened: Opened) -> None:
        pages = opened()
        with suppress(TimeoutError):
            while True:
                await asyncio.wait_for(anext(pages), 0.3)

    async def end_with_it_open(self, opened: Opened) -> None:
        kept.append(opened())
        await anext(kept[-1])

    async def end_with_a_task_reading_it(self, opened: Opened) -> None:
        kept.append(asyncio.create_task(leave_at(opened(), PAGES)))
        await asyncio.sleep(0.3)

    async def end_with_two_open(self, opened: Opened) -> None:
        pages, others = opened(), opened()
        await anext(pages), await anext(others), await anext(pages)

    async def never_started(self, opened: Opened) -> None:
        opened()

    async def collected(self, opened: Opened) -> None:
        pages = opened()
        await anext(pages)
        del pages
        gc.collect()
        await settled()

    async def collected_in_a_cycle_by_another_thread(self, opened: Opened) -> None:
        pages = opened()
        await anext(pages)
        cycle = [pages]
        cycle.append(cycle)
        del pages, cycle
        await asyncio.to_thread(gc.collect)
        await settled()


WAYS = [name for name in vars(Ways) if not name.startswith("_")]


async def leave_at(pages: AsyncGenerator[Any], last: int) -> None:
    number = 0
    async for _ in pages:
        if number == last:
            break
        number += 1


async def cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert len(asyncio.all_tasks()) == 1, asyncio.all_tasks()


async def settled() -> None:
    """Wait until the event loop has closed what was forgotten."""
    ends = time.monotonic() + 2
    while len(asyncio.all_tasks()) > 1 and time.monotonic() < ends:
        await asyncio.sleep(0.005)
    assert len(asyncio.all_tasks()) == 1, asyncio.all_tasks()


def run(way: Callable[[Any], Awaitable[None]], opened: Any) -> None:
    """``asyncio.run`` in debug mode, which tells of slow steps too: those of an import are no concern of this."""

    async def main() -> None:
        asyncio.get_running_loop().slow_callback_duration = 60
        await way(opened)

    with suppress(KeyboardInterrupt):
        asyncio.run(main(), debug=True)


class Stderr:
    """What arrives at file descriptor 2, from whatever writes there."""

    def __enter__(self) -> Self:
        self._file = tempfile.TemporaryFile()
        self._saved = os.dup(2)
        os.dup2(self._file.fileno(), 2)
        return self

    def __exit__(self, *_: object) -> None:
        sys.stderr.flush()
        os.dup2(self._saved, 2)
        os.close(self._saved)
        self._file.seek(0)
        self.text = self._file.read().decode()
        self._file.close()


def until(true: Callable[[], bool], seconds: float = 2.0) -> bool:
    ends = time.monotonic() + seconds
    while not true() and time.monotonic() < ends:
        time.sleep(0.005)
    return true()


def threads() -> set[threading.Thread]:
    """Those that run; to be compared by ``<=``, as some of before may end meanwhile."""
    return set(threading.enumerate())


def open_files() -> list[str]:
    """Names of the TIFFs that this process has open, where the system tells."""
    folder = Path("/proc/self/fd")
    found = []
    for fd in folder.iterdir() if folder.is_dir() else ():
        with suppress(OSError):
            found.append(str(fd.readlink()))
    return [name for name in found if name.endswith(".tiff")]


def left(server: DashScopeServer, before: set[threading.Thread]) -> dict[str, Any]:
    """What a way left behind that it should not have."""
    until(lambda: not server._writers and threads() <= before)
    traces = {
        "requests": server.in_flight,
        "connections": len(server._writers),
        "threads": [thread.name for thread in threads() - before],
        "files": open_files(),
    }
    return {name: trace for name, trace in traces.items() if trace}


class Stuck(FakeEngine):
    """Some of its pages never come."""

    async def aread(self, scan: Any, tasks: Any) -> Any:
        if scan.page > LAST_PROMPT:
            await asyncio.sleep(LONG)
        return await super().aread(scan, tasks)


def engine_for(way: str, kind: str, server: DashScopeServer) -> Any:
    """An engine some pages of which never come, where nobody is to wait for the last ones."""
    hanging = way not in ("all_of_it", "break_and_end_a_moment_later") and "last" not in way
    if kind == "fake":
        return Stuck() if hanging else FakeEngine(delay=0.01)
    prompt = PAGES if not hanging else LAST_PROMPT
    server.script = lambda asked: slow(LONG) if (asked.images[0].number or 0) > prompt else ok()
    return DashScopeEngine(base_url=server.base_url, api_key=server.key, stream=False)


def six_pages(folder: Path) -> Path:
    source = folder / "six.tiff"
    frames = [marked_page(number) for number in range(PAGES)]
    frames[0].save(source, save_all=True, append_images=frames[1:])
    return source


def trace(way: str, opened: Any, server: DashScopeServer) -> dict[str, Any]:
    """Try one way, and tell what it left."""
    before, began, error = threads(), time.monotonic(), None
    with Stderr() as stderr:
        try:
            run(getattr(Ways(), way), opened)
        except Exception as caught:  # noqa: BLE001 - told to the test
            error = repr(caught)
        remains = left(server, before)
        kept.clear()
        gc.collect()
    seconds = time.monotonic() - began
    return {"way": way, "left": remains, "stderr": stderr.text, "error": error, "seconds": seconds}


def main(api: str, kind: str, folder: Path) -> None:
    source = six_pages(folder)
    with DashScopeServer() as server:
        server._loop.slow_callback_duration = 60
        for way in WAYS:
            opened = opener(api, engine_for(way, kind, server), source)
            warnings.simplefilter("error")  # only now: what an import warns of is no concern of this
            warnings.filterwarnings("ignore", ANYIO)
            found = trace(way, opened, server)
            if found["left"] or found["stderr"]:
                # asyncio itself may lose a socket whose making or closing is cancelled in its very last step, once in
                # some hundred times on a busy machine; what is our doing is there again
                found = trace(way, opener(api, engine_for(way, kind, server), source), server)
            print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
