"""Pages in flight: jobs, where they run, and how a blocking or an async caller waits for them in order."""

from __future__ import annotations

from contextlib import ExitStack, asynccontextmanager
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self

from .engines import Engine, Scan, aopened

if TYPE_CHECKING:
    import asyncio
    from collections import deque
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Generator
    from concurrent.futures import Future
    from types import TracebackType

    from .errors import OCRError
    from .report import Origin
    from .results import PageResult


class Job(NamedTuple):
    """A page on its way: with a scan while an engine is still to read it, then with a result or an error."""

    origin: Origin
    page: int | None
    label: str = ""
    scan: Scan | None = None
    more: tuple[Scan, ...] = ()  # pages to be read together with it
    result: PageResult | None = None
    error: OCRError | None = None
    expected: Decimal = Decimal(0)  # what it may cost

    @property
    def scans(self) -> tuple[Scan, ...]:
        """What an engine is still to read."""
        return (self.scan, *self.more) if self.scan else self.more

    @property
    def size(self) -> int:
        """Pages it stands for."""
        return 1 + len(self.more)

    @property
    def last(self) -> int | None:
        """The 0-based page it ends with, where it stands for several."""
        return self.more[-1].page if self.more else None


class Finished(NamedTuple):
    """A job that waits for nothing, with as much of a future's face as the windows look at."""

    job: Job

    def done(self) -> bool:
        """Always."""
        return True

    def result(self) -> Job:
        """The job."""
        return self.job


class Reading(Protocol):
    """What a run does with a job, wherever it is done."""

    engine: Engine
    width: int

    def recognise(self, job: Job) -> Job:
        """Blocking."""
        ...

    async def arecognise(self, job: Job) -> Job:
        """Without blocking the event loop."""
        ...


class InFlight:
    """Reads scans beside the caller, from the first one submitted on; what is not done when it ends is cancelled.

    An engine that waits for a network gets an event loop in one thread: a request can be cancelled there at any moment,
    which a thread that waits for a socket cannot. Other engines get a thread a page.
    """

    def __init__(self, run: Reading) -> None:
        self._run = run
        self._open = ExitStack()
        self._start: Callable[[Job], Future[Job]] | None = None
        self._flying: set[Future[Job]] = set()

    def __enter__(self) -> Self:
        return self

    def submit(self, job: Job) -> Future[Job]:
        """Start reading a job."""
        if self._start is None:
            self._start = self._on_a_loop() if self._run.engine.remote else self._in_threads()
        future = self._start(job)
        self._flying.add(future)
        future.add_done_callback(self._flying.discard)
        return future

    def _on_a_loop(self) -> Callable[[Job], Future[Job]]:
        from anyio.from_thread import start_blocking_portal

        portal = self._open.enter_context(start_blocking_portal(name="qwen-ocr"))
        self._open.enter_context(portal.wrap_async_context_manager(aopened(self._run.engine)))
        return partial(portal.start_task_soon, self._run.arecognise)

    def _in_threads(self) -> Callable[[Job], Future[Job]]:
        from concurrent.futures import ThreadPoolExecutor

        pool = ThreadPoolExecutor(self._run.width, thread_name_prefix="qwen-ocr")
        self._open.enter_context(pool)
        return lambda job: pool.submit(self._run.recognise, job)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for future in list(self._flying):
            future.cancel()
        self._open.__exit__(kind, error, trace)  # told of an interrupt, the loop ends what was not yet noted above too


async def stepping(jobs: Generator[Job]) -> AsyncGenerator[Job]:
    """Drive a blocking generator one step at a time in a thread; it is closed there too, whatever happens."""
    import asyncio

    try:
        while True:
            step = asyncio.ensure_future(asyncio.to_thread(next, jobs, None))
            try:
                job = await asyncio.shield(step)
            except asyncio.CancelledError:
                await asyncio.wait([step])  # a generator cannot be closed while a thread is inside it
                raise
            if job is None:
                return
            yield job
    finally:
        await asyncio.to_thread(jobs.close)


def started(work: Coroutine[object, object, Job]) -> asyncio.Future[Job]:
    """The work, begun on the running event loop."""
    import asyncio

    return asyncio.ensure_future(work)


async def outcome(job: asyncio.Future[Job] | Finished) -> Job:
    """The job once it is done."""
    return job.job if isinstance(job, Finished) else await job


@asynccontextmanager
async def cancelling(window: deque[asyncio.Future[Job] | Finished]) -> AsyncIterator[None]:
    """Cancel whatever is still in flight when the context ends, and wait until it is."""
    import asyncio

    try:
        yield
    finally:
        flying = [job for job in window if not isinstance(job, Finished)]
        for job in flying:
            job.cancel()
        await asyncio.gather(*flying, return_exceptions=True)
