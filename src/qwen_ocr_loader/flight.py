"""Pages in flight: jobs, where they run, and how a blocking or an async caller waits for them in order."""

from __future__ import annotations

import asyncio
import atexit
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack
from contextvars import copy_context
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, Self, TypeVar

from .cleanup import ended
from .errors import OCRError
from .results import Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from contextlib import AbstractAsyncContextManager, AbstractContextManager

    from .engines import Scan
    from .fields.completion import PageFields
    from .once import Bills, Reading
    from .preprocess.way_back import WayBack
    from .prices import Money
    from .report import Origin
    from .results import PageResult

S = TypeVar("S")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


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
    seen: PageResult | None = None  # what a witness read on it
    part: PageFields | None = None  # what it gives to the fields of its file, once its result is finished
    digests: tuple[str, ...] = ()  # of its pictures, where there is a cache
    back: WayBack | None = None  # from its scan, where that was turned, to the page as delivered
    key: str = ""  # of its result in the cache
    cached: bool = False
    instead: str = ""  # the error for which another engine than the first read it
    bills: Bills = ()
    costs: tuple[Money, ...] = ()
    seconds: float = 0.0

    def with_reading(self, reading: Reading, seconds: float = 0.0) -> Job:
        """The job, read."""
        return self._replace(
            scan=None,
            result=self.delivered(reading.result),
            error=reading.error,
            key="" if self.back else reading.key,  # what is kept stands on the turned picture
            cached=reading.cached,
            instead=reading.instead,
            bills=reading.bills,
            seconds=seconds,
        )

    def delivered(self, result: PageResult | None) -> PageResult | None:
        """What was read on its scan, as it stands on the page that was delivered."""
        return self.back.result(result) if self.back and result else result

    @property
    def usage(self) -> Usage:
        """What was spent on it."""
        return sum((usage for _, usage in self.bills), Usage())

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

    def cancelled(self) -> bool:
        """Never."""
        return False

    def result(self) -> Job:
        """The job."""
        return self.job


class Landing(Protocol):
    """A job on its way or done, wherever it is done."""

    def done(self) -> bool: ...  # noqa: D102
    def cancelled(self) -> bool: ...  # noqa: D102
    def result(self) -> Job: ...  # noqa: D102


class Run(Protocol):
    """What a flight needs to know of the run it is made for.

    Attributes:
        width: Jobs that may be in flight together.
        remote: Somebody waits for a network.
        finishes: What is in flight is finished when a page fails.
    """

    width: int
    remote: bool

    @property
    def finishes(self) -> bool: ...  # noqa: D102

    def opened(self, window: Iterable[Landing]) -> AbstractContextManager[None]:
        """Entered while pages are in flight; those not handed out are left in ``window``."""
        ...

    def aopened(self) -> AbstractAsyncContextManager[None]:
        """Entered on the event loop on which jobs are recognised."""
        ...

    def admit(self, job: Job, *, alone: bool) -> Job | None:
        """The job as it may start, or None while it has to wait for others."""
        ...

    def recognise(self, job: Job) -> Job:
        """Blocking."""
        ...

    async def arecognise(self, job: Job) -> Job:
        """Without blocking the event loop."""
        ...


AHEAD = 2
"""Jobs done but not yet handed out, for each that may be in flight: so many pages a slow one may hold up."""


class Stream(Protocol[T_co]):
    """An async iterator to be used as a context, which frees what it holds."""

    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *error: object) -> None: ...
    def __aiter__(self) -> Self: ...
    async def __anext__(self) -> T_co: ...


class InFlight:
    """Reads scans beside the caller and gives the jobs back in their order; a context, and in it an iterator.

    What is not done when it ends is cancelled, unless a page failed and the run finishes what was begun. The caller's
    thread makes the next job while others are in flight. A run that waits for a network gets an event loop in one
    thread: a request can be cancelled there at any moment, which a thread that waits for a socket cannot. Other runs
    get a thread a page.
    """

    def __init__(self, run: Run, jobs: Iterator[Job]) -> None:
        self._run, self._jobs = run, jobs
        self._open = ExitStack()
        self._start: Callable[[Job], Future[Job]] | None = None
        self._window: deque[Future[Job] | Finished] = deque()
        self._next: Job | None = None  # made, and not yet under way
        self._landed = False  # there are no more jobs

    def __enter__(self) -> Self:
        self._open.enter_context(self._run.opened(self._window))
        return self

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Job:
        while True:
            self._take_off()
            if not self._window:
                raise StopIteration
            if self._window[0].done():
                job = self._window[0].result()
                self._window.popleft()
                return job
            if self._next is None and not self._landed:
                self._make_next()
            else:
                wait(self._flying(), return_when=FIRST_COMPLETED)

    def _flying(self) -> list[Future[Job]]:
        return [job for job in self._window if not isinstance(job, Finished) and not job.done()]

    def _take_off(self) -> None:
        """Let jobs start for as long as there is room."""
        while len(self._window) < AHEAD * self._run.width and len(self._flying()) < self._run.width:
            if self._next is None and not self._landed:
                self._make_next()
            if self._next is None or not (job := self._run.admit(self._next, alone=not self._flying())):
                return
            self._next = None
            self._window.append(self._submit(job) if job.scan else Finished(job))
            if self._window[0].done():
                return  # the caller need not wait for what it can have

    def _make_next(self) -> None:
        self._next = next(self._jobs, None)
        self._landed = self._next is None

    def _submit(self, job: Job) -> Future[Job]:
        if self._start is None:
            atexit.register(self.close)  # a generator still open then ends when threads no longer can
            self._start = self._on_a_loop() if self._run.remote else self._in_threads()
        return self._start(job)

    def _on_a_loop(self) -> Callable[[Job], Future[Job]]:
        from anyio.from_thread import start_blocking_portal

        portal = self._open.enter_context(start_blocking_portal(name="qwen-ocr"))
        self._open.enter_context(portal.wrap_async_context_manager(self._run.aopened()))
        return partial(portal.start_task_soon, self._run.arecognise)

    def _in_threads(self) -> Callable[[Job], Future[Job]]:
        from concurrent.futures import ThreadPoolExecutor

        pool = ThreadPoolExecutor(self._run.width, thread_name_prefix="qwen-ocr")
        self._open.callback(pool.shutdown, cancel_futures=True)
        return lambda job: pool.submit(self._run.recognise, job)

    def __exit__(self, *error: Any) -> None:  # noqa: PYI036 - handed on as they came
        if self._run.finishes and isinstance(error[1], OCRError):
            wait(self._flying())
        for future in self._flying():
            future.cancel()
        try:
            self._open.__exit__(*error)  # told of an interrupt, the loop ends what was not yet noted above too
        finally:
            atexit.unregister(self.close)

    def close(self) -> None:
        """Cancel what is in flight and end the threads; closing twice does nothing."""
        self.__exit__(None, None, None)


class Flight:
    """Reads scans on the running event loop, up to ``run.width`` together, and gives the jobs back in their order.

    A context, and in it an async iterator; what is not done when it ends is cancelled, unless a page failed and the run
    finishes what was begun. It is no generator, as asyncio ends forgotten generators in any order, those that stand on
    others together with the others. A task of its own holds what is open: ``asyncio.run`` ends forgotten tasks first,
    and waits until they have cleaned up.
    """

    def __init__(self, run: Run, jobs: Generator[Job]) -> None:
        self._run, self._jobs = run, jobs
        self._step: asyncio.Future[Job | None] | None = None  # a thread's, in which ``jobs`` is at work
        self._next: Job | None = None  # made, and not yet under way
        self._landed = False  # there are no more jobs
        self._window: deque[asyncio.Task[Job] | Finished] = deque()
        self._left = asyncio.Event()
        self._finish = False

    async def __aenter__(self) -> Self:
        entered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._keeper = asyncio.create_task(self._keep(entered))
        _keepers.add(self._keeper)
        self._keeper.add_done_callback(_keepers.discard)
        try:
            await asyncio.wait([self._keeper, entered], return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._keeper.cancel()
            await ended([self._keeper])
            raise
        if self._keeper.done():
            self._keeper.result()
        return self

    async def _keep(self, entered: asyncio.Future[None]) -> None:
        with self._run.opened(self._window):
            async with self._run.aopened():
                entered.set_result(None)
                try:
                    await self._left.wait()
                    if self._finish:
                        await asyncio.gather(*self._flying(), return_exceptions=True)
                finally:
                    await self._land()

    async def _land(self) -> None:
        """Cancel what is in flight, then close the jobs: neither while somebody is still at work in it."""
        flying = self._flying()
        for job in flying:
            job.cancel()
        try:
            await ended([*flying, *filter(None, [self._step])])
        finally:
            closing = in_a_thread(self._jobs.close)
            await ended([closing])
            closing.result()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Job:
        while True:
            self._take_off()
            if self._window and self._window[0].done():
                job = self._window[0].result()
                self._window.popleft()
                return job
            awaited: list[asyncio.Future[Any]] = [*self._flying(), *filter(None, [self._step])]
            if not awaited:
                raise StopAsyncIteration
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)

    def _flying(self) -> list[asyncio.Task[Job]]:
        return [job for job in self._window if not isinstance(job, Finished) and not job.done()]

    def _take_off(self) -> None:
        """Let the next job start if there is room, and the one after it be made."""
        if self._step is not None and self._step.done():
            self._next, self._step = self._step.result(), None
            self._landed = self._next is None
        room = len(self._window) < AHEAD * self._run.width and len(self._flying()) < self._run.width
        if self._next is not None and room and (job := self._run.admit(self._next, alone=not self._flying())):
            self._next = None
            self._window.append(asyncio.create_task(self._run.arecognise(job)) if job.scan else Finished(job))
        if self._next is None and self._step is None and not self._landed:
            self._step = in_a_thread(next, self._jobs, None)

    async def __aexit__(self, *error: object) -> None:
        self._finish = self._run.finishes and any(isinstance(part, OCRError) for part in error)
        self._left.set()
        await ended([self._keeper])
        if not self._keeper.cancelled():
            self._keeper.result()


_keepers: set[asyncio.Task[None]] = set()
"""Event loops hold tasks weakly: one that only its own run knows of would be collected with a forgotten run."""


class Unfolded(Generic[S, T]):
    """Gives what ``each`` makes of each thing of a stream, and ``last()`` at the end; a context as the stream is.

    Args:
        stream: A ``Flight``, or another one of these.
        each: Gives any number of things.
        last: What is left when the stream has ended.
    """

    def __init__(
        self, stream: Stream[S], each: Callable[[S], Iterable[T]], last: Callable[[], Iterable[T]] = lambda: ()
    ) -> None:
        self._stream, self._each, self._last = stream, each, last
        self._made: Iterator[T] = iter(())
        self._over = False

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stream.__aexit__(*error)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        while True:
            for made in self._made:
                return made
            if self._over:
                raise StopAsyncIteration
            try:
                self._made = iter(self._each(await anext(self._stream)))
            except StopAsyncIteration:
                self._over, self._made = True, iter(self._last())


def in_a_thread(work: Callable[..., T], *args: Any) -> asyncio.Future[T]:
    """The work, under way in a thread; as no task of its own, so that nobody can cancel what no thread can stop."""
    return asyncio.get_running_loop().run_in_executor(None, partial(copy_context().run, work, *args))
