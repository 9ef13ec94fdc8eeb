"""Pages read overnight at half the price: submitted, looked after, and collected in the order they were submitted."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, Unpack

from ..engines.http import Connections, drive
from ..errors import BatchBusy, BatchError
from ..report import Report
from ..results import Usage
from .beside import adrive_beside, in_thread
from .job import BatchJob, status_of
from .lines import PartLimits
from .pages import HalfPrice, likely_of_link, links_in
from .parts import Pace
from .settings import Settings, asker
from .state import State, times

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator

    from ..engines.flows import Flow
    from ..options import OptionArgs
    from ..reader import Reader
    from ..report import ReadPage
    from ..source import SourceLike
    from .job import Status

T = TypeVar("T")


class Batch:
    """Reads pages through the half-price Batch API of Qwen-OCR's compatible mode.

    >>> batch = Batch("inbox.batch", task="table_parsing")
    >>> batch.submit("inbox/")
    >>> for page in Batch("inbox.batch").collect(wait=True):  # hours later, in another process
    ...     print(page.origin.name, page.result.text)

    Everything that has to survive is in the state file: a process may end anywhere and the next one goes on from there,
    without a page bought twice. Beside it are, until their answers are here, the files of requests (``-files``), and an
    empty file one process holds at a time (``-lock``).

    Args:
        state: The state file. It is made by ``submit``, and knows from then on what was asked: options may be left out.
        links: The source is URLs of pictures, or text files of them: they are sent as they are, and nothing is fetched.
            The service has to be able to reach them. Of such a page nobody knows the size: its width and height are 0,
            and its lines have boxes only where the model counts in thousandths.
        pace: How long the service may take, and how often it is asked. The state file keeps the window given last:
            whatever is asked again has as much time.
        limits: Of the files of requests.
        clock: Seconds since the epoch.
        sleep: Waits so many seconds.
        **options: As for ``Reader``. ``engine`` is ``"openai:qwen-vl-ocr-latest"`` unless it is given;
            ``max_cost`` is compared with the estimate before anything is sent; ``pages_per_call`` is 1.

    Attributes:
        report: Of the run started last; after ``submit``, with the tokens and cost that are likely.

    Raises:
        TypeError: An unknown option.
        ValueError: A value no option takes.
    """

    def __init__(
        self,
        state: str | os.PathLike[str],
        *,
        links: bool | None = None,
        pace: Pace | None = None,
        limits: PartLimits | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        **options: Unpack[OptionArgs],
    ) -> None:
        self.path = Path(state)
        self.report = Report()
        self._given = Settings(options, links=links)
        self.pace, self.limits = pace or Pace(), limits or PartLimits()
        self.clock, self._sleep = clock, sleep
        self._connections = Connections()

    def reader(self) -> Reader:
        """A reader of the same options: with ``render.Records`` it makes of pages what the loaders make of them."""
        return self._settings().reader()

    def _settings(self) -> Settings:
        if not self.path.exists():
            return self._given
        with State(self.path, read_only=True) as state:
            return self._given.completed(state["settings"], self.path)

    def estimate(self, source: SourceLike) -> Report:
        """What reading ``source`` is likely to take, at half the price; nothing is sent, nothing is written."""
        settings = self._settings()
        engine = asker(settings.engine)
        if settings.links:
            pages = sum(1 for _ in links_in(source))
            live = Report(pages, usage=times(sum(likely_of_link(engine, settings.options.tasks), Usage()), pages))
        else:
            live = settings.reader().estimate(source)
        self.report = replace(live, usage=Usage(), costs={})
        self.report.spend(live.usage, HalfPrice(engine).of(live.usage))
        return self.report

    # --- there --------------------------------------------------------------------------------------------------------

    def submit(
        self,
        source: SourceLike,
        *,
        again: bool = False,
        dry_run: bool = False,
        tell: Callable[[str], None] | None = None,
    ) -> Report:
        """Take in the pages of ``source`` and send them; those that an earlier call has taken in are passed over.

        Args:
            source: As for ``Reader``; with ``links``, URLs or text files of them.
            again: Ask once more about its pages that failed for good, or that were cancelled: the account or key may be
                in order by now. What was read of them is not asked again.
            dry_run: Send small pictures of the first pages through the API with the vendor's free test model, and wait
                until they are back; the state file knows nothing of it.
            tell: Is given a line with pages and cost before anything is sent.

        Raises:
            BudgetReached: It is likely to cost more than ``max_cost``; nothing was sent.
            OCRError: A page or file cannot be read, under ``on_error="raise"``; nothing was sent.
            EngineError, BatchError: The service refuses it; called again, it goes on where it was.
        """
        if not dry_run:
            return self._do(lambda job: job.submit(source, tell, again=again), place=self.path)
        with tempfile.TemporaryDirectory() as folder:
            return self._do(lambda job: job.trial(source), place=Path(folder, "trial.batch"))

    async def asubmit(
        self,
        source: SourceLike,
        *,
        again: bool = False,
        dry_run: bool = False,
        tell: Callable[[str], None] | None = None,
    ) -> Report:
        """``submit`` without blocking the event loop."""
        if not dry_run:
            return await self._ado(lambda job: job.submit(source, tell, again=again), place=self.path)
        with tempfile.TemporaryDirectory() as folder:
            return await self._ado(lambda job: job.trial(source), place=Path(folder, "trial.batch"))

    def status(self) -> Status:
        """How far it is; the service is asked unless it was within the last minute, or another process waits for it."""
        try:
            return self._do(lambda job: job.status())
        except BatchBusy:
            return self._noted()

    async def astatus(self) -> Status:
        """``status`` without blocking the event loop."""
        try:
            return await self._ado(lambda job: job.status())
        except BatchBusy:
            return await in_thread(self._noted)

    def cancel(self) -> Status:
        """Send nothing more and have the service stop; what it has read until then can be collected, and is billed.

        Where all is collected there is nothing to cancel, and nothing is changed.
        """
        return self._do(lambda job: job.cancel())

    async def acancel(self) -> Status:
        """``cancel`` without blocking the event loop."""
        return await self._ado(lambda job: job.cancel())

    # --- and back -----------------------------------------------------------------------------------------------------

    def collect(self, *, wait: bool = False, partial: bool = False) -> Generator[ReadPage]:
        """Fetch what has been read, ask again what failed, and yield the pages in the order they were submitted.

        What was fetched is in the state file, so it can be collected again, and nothing is lost by a call
        that is broken off.

        Args:
            wait: Until all is read; pages come as soon as all before them are there.
            partial: Be content with the pages that are there.

        Raises:
            BatchError: Pages are still being read, without ``wait`` and ``partial``; or the service lost the batch.
            OCRError: A page was not read for good, under ``on_error="raise"``.
        """
        with self._opened() as job, self._connections.open() as client:
            finished = False
            while not finished:
                finished = drive(job.parts.advance(wait=wait), client, self._sleep)
                job.check(finished=finished, wait=wait, partial=partial)
                while pages := job.ready(partial=not wait):
                    for page in pages:
                        yield from job.run.settle(page)
                if not wait:
                    return

    async def acollect(self, *, wait: bool = False, partial: bool = False) -> AsyncGenerator[ReadPage]:
        """``collect`` without blocking the event loop."""
        async with self._aopened() as job, self._connections.aopen() as client:
            finished = False
            while not finished:
                finished = await adrive_beside(job.parts.advance(wait=wait), client)
                job.check(finished=finished, wait=wait, partial=partial)
                while pages := await in_thread(job.ready, partial=not wait):
                    for read in (read for page in pages for read in job.run.settle(page)):
                        yield read
                if not wait:
                    return

    # --- how it is done -----------------------------------------------------------------------------------------------

    def _do(self, ask: Callable[[BatchJob], Flow[T]], *, place: Path | None = None) -> T:
        with self._opened(place) as job, self._connections.open() as client:
            return drive(ask(job), client, self._sleep)

    async def _ado(self, ask: Callable[[BatchJob], Flow[T]], *, place: Path | None = None) -> T:
        async with self._aopened(place) as job, self._connections.aopen() as client:
            return await adrive_beside(ask(job), client)

    @contextmanager
    def _opened(self, place: Path | None = None) -> Iterator[BatchJob]:
        """The state file, held: this one where it is there, a new one where ``place`` says so."""
        with self._told(), closing(self._open(place)) as job, job.run.opened():
            yield job

    @asynccontextmanager
    async def _aopened(self, place: Path | None = None) -> AsyncIterator[BatchJob]:
        with self._told(), ExitStack() as held:
            # Held by the thread: a caller that is cancelled meanwhile is never given the job, and has to let it go.
            job = await in_thread(lambda: held.enter_context(closing(self._open(place))))
            with job.run.opened():
                yield job

    @contextmanager
    def _told(self) -> Iterator[None]:
        """A full disk, or a file taken away, as our error."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            told = f"{self.path} or the files beside it cannot be worked on ({error}); see to it, then go on"
            raise BatchError(told) from error

    def _open(self, place: Path | None) -> BatchJob:
        if place is None and not self.path.exists():
            raise BatchError(f"there is no {self.path}; type: qwen-ocr batch submit FILE... -s {self.path}")
        settings = self._settings()
        engine = settings.engine  # refused before there is a file
        if place is not None:
            asker(engine).headers()  # and so is a missing key, once and not for every page
        state = State(place or self.path)
        try:
            if state.path == self.path:  # as it is now that nobody else works on it
                settings = self._given.completed(state["settings"], self.path)
            job = BatchJob(state, settings, self)
        except BaseException:
            state.close()
            raise
        self.report = job.run.report
        return job

    def _noted(self) -> Status:
        with State(self.path, read_only=True) as state:
            engine = asker(self._given.completed(state["settings"], self.path).engine)
            return status_of(state, HalfPrice(engine))
