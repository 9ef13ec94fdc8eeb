"""Pages in flight on an event loop, and how an async caller waits for them in order."""

from __future__ import annotations

import asyncio
from collections import deque
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

from .cleanup import ended
from .errors import OCRError
from .flight import AHEAD, Finished

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from .flight import Run
    from .jobs import Job

S = TypeVar("S")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Stream(Protocol[T_co]):
    """An async iterator to be used as a context, which frees what it holds."""

    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *error: object) -> None: ...
    def __aiter__(self) -> Self: ...
    async def __anext__(self) -> T_co: ...


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
