"""Pages in flight: where jobs run, and how a blocking caller waits for them in order; ``aflight`` for an async one."""

from __future__ import annotations

import atexit
import threading
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

from .errors import OCRError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractAsyncContextManager, AbstractContextManager

    from .jobs import Job


class Finished(NamedTuple):
    """A job that waits for nothing, with as much of a future's face as the windows look at."""

    job: Job

    def done(self) -> bool:
        """Always."""
        return True

    def cancelled(self) -> bool:
        """Never."""
        return False

    def exception(self) -> None:
        """None: what went wrong with a job is in it."""

    def result(self) -> Job:
        """The job."""
        return self.job


class Landing(Protocol):
    """A job on its way or done, wherever it is done."""

    def done(self) -> bool: ...  # noqa: D102
    def cancelled(self) -> bool: ...  # noqa: D102
    def exception(self) -> BaseException | None: ...  # noqa: D102
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
        self._caller = threading.current_thread()
        self._ended = False

    def __enter__(self) -> Self:
        self._open.enter_context(self._run.opened(self._window))
        return self

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Job:
        self._caller = threading.current_thread()
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
        """End it: at once, or a moment later where this is not the caller's thread.

        Then the garbage collector has found it, in whatever thread it runs: one that has to end here cannot wait for
        its own end.
        """
        if threading.current_thread() is self._caller:
            self._end(*error)
        elif not self._ended:
            threading.Thread(target=self.close, name="qwen-ocr-end").start()

    def _end(self, *error: Any) -> None:
        self._ended = True
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
        self._end(None, None, None)
