"""Sources in, read pages out: order, concurrency, text-layer policy and error policy live here and nowhere else."""

from __future__ import annotations

import time
from collections import deque
from contextlib import aclosing, closing, contextmanager
from copy import copy
from dataclasses import replace
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Unpack

from .budget import Budget
from .engines import MultiPageEngine, PaidEngine, Scan, able_engines, aopened, make_engine, refuse_unsupported
from .errors import (
    AccountProblem,
    DamagedSource,
    EngineError,
    KeyRejected,
    MissingDependency,
    MissingKey,
    OCRError,
    ReplyTruncated,
    UnsupportedSource,
    UnsupportedTask,
)
from .flight import Finished, InFlight, Job, cancelling, outcome, started, stepping
from .layout import compose
from .options import OptionArgs, Options
from .pages import open_pages
from .progress import Progress
from .report import Failure, Origin, ReadPage, Report
from .results import PageResult, Usage
from .source import find
from .tasks import TEXT_TASKS

if TYPE_CHECKING:
    import asyncio
    from collections.abc import (
        AsyncGenerator,
        Generator,
        Iterable,
        Iterator,
        Sequence,
    )
    from concurrent.futures import Future

    from .engines import Engine
    from .pages import Page, Pages
    from .source import Found, Source, SourceLike


class Reader:
    """Reads images and PDFs page by page, in order; the framework loaders stand on it.

    Takes the options of ``Options`` as keyword arguments. Holds settings only: it can be used again, from several
    threads at once and with several iterators open.

    >>> for page in Reader(engine="local").read("scan.pdf"):
    ...     print(page.page, page.text)

    Attributes:
        options: As given.
        report: Of the run started last.

    Raises:
        TypeError: An unknown option.
        ValueError: A value no option takes.
    """

    def __init__(self, **options: Unpack[OptionArgs]) -> None:
        self.options = Options.of(options)
        self.report = Report()

    @cached_property
    def engine(self) -> Engine:
        """The engine that ``options.engine`` names."""
        return make_engine(self.options.engine)

    def read(self, source: SourceLike) -> Generator[PageResult]:
        """Yield the pages in order; nothing is opened before the first is asked for.

        Args:
            source: A path, folder, http(s) or fsspec URL, bytes, binary file, LangChain ``Blob``, PIL image, or an
                iterable of these.

        Raises:
            OCRError: A page or file cannot be read, under ``on_error="raise"``; ``source`` and ``page`` say which.
        """
        with closing(self.pages(source)) as pages:
            for page in pages:
                yield page.result

    async def aread(self, source: SourceLike) -> AsyncGenerator[PageResult]:
        """``read`` with pages in flight together, none of them blocking the event loop."""
        async with aclosing(self.apages(source)) as pages:
            async for page in pages:
                yield page.result

    def estimate(self, source: SourceLike) -> Report:
        """What reading ``source`` would take, by its pages' real sizes: nothing is sent, nothing is recognised.

        Returns:
            A report of pages, of those with sound text of their own, and of the calls, tokens and cost that the others
            are likely to need, rather too many than too few. What cannot be opened is in its ``failures``.
        """
        run = _Run(self, max_cost=None)
        with run.timed(), closing(run.jobs(source)) as jobs:
            for job in jobs:
                run.foresee(job)
        return run.report

    def pages(self, source: SourceLike) -> Generator[ReadPage]:
        """``read`` with what is known about each page's file."""
        run = _Run(self, self.options.max_cost)
        with run.timed(), closing(run.jobs(source)) as jobs, InFlight(run) as in_flight:
            window: deque[Future[Job] | Finished] = deque()
            for job in jobs:
                window.append(in_flight.submit(job) if job.scan else Finished(job))
                while window and (len(window) >= run.width or window[0].done()):
                    yield from run.settle(window.popleft().result())
            while window:
                yield from run.settle(window.popleft().result())

    async def apages(self, source: SourceLike) -> AsyncGenerator[ReadPage]:
        """``aread`` with what is known about each page's file."""
        run = _Run(self, self.options.max_cost)
        window: deque[asyncio.Future[Job] | Finished] = deque()
        with run.timed():
            async with aopened(run.engine), aclosing(stepping(run.jobs(source))) as jobs, cancelling(window):
                async for job in jobs:
                    window.append(started(run.arecognise(job)) if job.scan else Finished(job))
                    while window and (len(window) >= run.width or window[0].done()):
                        for page in run.settle(await outcome(window.popleft())):
                            yield page
                while window:
                    for page in run.settle(await outcome(window.popleft())):
                        yield page


HOPELESS = (MissingKey, KeyRejected, AccountProblem, MissingDependency)
"""Errors of an engine that every later page of the run would meet as well."""


class _Run:
    """One pass over a source. ``jobs`` opens and renders, ``recognise`` may run anywhere, ``settle`` ends a page."""

    def __init__(self, reader: Reader, max_cost: float | Decimal | None) -> None:
        self.options = reader.options
        self.tasks = reader.options.tasks
        self.engine = reader.engine
        refuse_unsupported(self.engine, self.tasks, able_engines)
        if self.options.pages_per_call > 1 and not isinstance(self.engine, MultiPageEngine):
            raise UnsupportedTask(f"{self.engine.name} reads one page at a time; leave pages_per_call at 1")
        self.width = min(self.options.concurrency, self.engine.at_once or self.options.concurrency)
        self.report = reader.report = Report()
        self.budget = Budget(self.engine, self.tasks, max_cost)
        self.hopeless: OCRError | None = None
        self.progress = Progress(shown=self.options.show_progress)

    @contextmanager
    def timed(self) -> Iterator[None]:
        started = time.monotonic()
        try:
            with self.progress:
                yield
        finally:
            self.report.seconds = time.monotonic() - started

    def jobs(self, given: SourceLike) -> Generator[Job]:
        """The pages wanted, in order; those an engine must read come with their scan."""
        options = self.options
        for found in find(given, glob=options.glob, fs=options.fs, download=options.download):
            try:
                yield from self._file(found)
            except UnsupportedSource as error:
                if not found.from_folder:
                    yield Job(Origin(found.name), None, error=error)
                else:
                    self.report.skipped.append(found.name)
            except OCRError as error:
                yield Job(Origin(found.name), None, error=error)

    def _file(self, found: Found) -> Generator[Job]:
        options = self.options
        source = found.open()
        opened = open_pages(
            source,
            password=options.password,
            text_layer=options.text_layer if self._text_will_do else "never",
            dpi=options.dpi,
            rasterizer=options.rasterizer,
        )
        with opened as pages:
            numbers = options.page_numbers(pages.count)
            self.progress.expect(len(numbers))
            pages.prepare(numbers)
            origin = _origin(source, pages)
            yield from self._grouped(self._page(origin, pages, number) for number in numbers)

    def _grouped(self, jobs: Iterable[Job]) -> Iterator[Job]:
        """Neighbours that an engine is to read, put together up to ``pages_per_call``."""
        most, group = self.options.pages_per_call, list[Job]()
        for job in jobs:
            if group and (job.scan is None or len(group) == most):
                yield _together(group)
                group = []
            if job.scan is None or most == 1:
                yield job
            else:
                group.append(job)
        if group:
            yield _together(group)

    def _page(self, origin: Origin, pages: Pages, number: int) -> Job:
        try:
            page = pages.page(number)
            if self._takes_text(page):
                return Job(origin, number, page.label, result=self._from_text_layer(page))
            scan = Scan(number, page.width, page.height, page.unit, page.image())
            return Job(origin, number, page.label, scan=scan, expected=self.budget.reserve(scan))
        except OCRError as error:
            return Job(origin, number, str(number + 1), error=error)
        except Exception as error:  # noqa: BLE001 - whatever a library raises is this page's failure, not the others'
            damaged = DamagedSource(
                f"the page cannot be read ({type(error).__name__}: {error}); leave it out with pages="
            )
            damaged.__cause__ = error
            return Job(origin, number, str(number + 1), error=damaged)

    @property
    def _text_will_do(self) -> bool:
        return all(task.name in TEXT_TASKS and task.prompt is None for task in self.tasks)

    def _takes_text(self, page: Page) -> bool:
        return self.options.text_layer == "only" or (page.text_layer is not None and page.text_layer.sound)

    def _from_text_layer(self, page: Page) -> PageResult:
        boxes = page.text_layer.boxes if page.text_layer else ()
        text, lines = compose(boxes, page.width, page.height, keep_order=True)
        return PageResult(
            page=page.number,
            width=page.width,
            height=page.height,
            unit=page.unit,
            text=text,
            lines=lines,
            engine="text-layer",
            tasks=tuple(task.name for task in self.tasks),
            text_source="text_layer",
        )

    def recognise(self, job: Job) -> Job:
        """The job with what the engine read on its scan, or why it could not."""
        if self.hopeless:
            return job._replace(scan=None, error=copy(self.hopeless))
        try:
            return job._replace(scan=None, result=self._read(job.scans))
        except Exception as error:  # noqa: BLE001 - whatever an engine raises is this page's failure, not its neighbours'
            return job._replace(scan=None, error=self._as_ours(error))

    async def arecognise(self, job: Job) -> Job:
        """``recognise`` without blocking the event loop."""
        if self.hopeless:
            return job._replace(scan=None, error=copy(self.hopeless))
        try:
            return job._replace(scan=None, result=await self._aread(job.scans))
        except Exception as error:  # noqa: BLE001 - as in recognise
            return job._replace(scan=None, error=self._as_ours(error))

    def _read(self, scans: Sequence[Scan]) -> PageResult:
        if len(scans) > 1 and isinstance(self.engine, MultiPageEngine):
            return self.engine.read_together(scans, self.tasks)
        return self.engine.read(scans[0], self.tasks)

    async def _aread(self, scans: Sequence[Scan]) -> PageResult:
        if len(scans) > 1 and isinstance(self.engine, MultiPageEngine):
            return await self.engine.aread_together(scans, self.tasks)
        return await self.engine.aread(scans[0], self.tasks)

    def foresee(self, job: Job) -> None:
        """Count a job as if it had been done."""
        self.progress.tick(job.size)
        if job.error is not None:
            self.report.failures.append(Failure(job.origin.name, job.page, self._located(job)))
            return
        self.report.pages += job.size
        self.report.from_text_layer += job.scan is None
        if job.scan is not None and isinstance(self.engine, PaidEngine):
            usage = sum((self.engine.estimate(scan, self.tasks) for scan in job.scans), Usage())
            usage = replace(usage, calls=len(self.tasks))
            self.report.spend(usage, self.engine.cost(usage))

    def _as_ours(self, error: Exception) -> OCRError:
        if isinstance(error, HOPELESS):  # it will be no better for the next page, and asking may cost
            self.hopeless = copy(error)
            self.hopeless.usage = None
        if isinstance(error, OCRError):
            return error
        ours = EngineError(f"{type(error).__name__}: {error}", engine=self.engine.name)
        ours.__cause__ = error
        return ours

    def settle(self, job: Job) -> Iterator[ReadPage]:
        """The page for the reader's user: one, or none where it failed and is skipped.

        Raises:
            OCRError: It failed, under ``on_error="raise"``.
        """
        self.progress.tick(job.size)
        usage = job.result.usage if job.result else getattr(job.error, "usage", None) or Usage()
        self.report.spend(usage, self.budget.settle(job.expected, usage))
        if job.error is None and job.result is not None:
            self.report.pages += job.size
            self.report.from_text_layer += job.result.text_source == "text_layer"
            yield ReadPage(job.result.scrubbed(), job.origin, job.label, last=job.last)
            return
        error = self._located(job)
        pages = [job.page, *(scan.page for scan in job.more)]
        self.report.failures += [Failure(job.origin.name, page, error) for page in pages]
        if self.options.on_error == "raise":
            raise error
        if self.options.on_error == "placeholder":
            yield ReadPage(_placeholder(job, error).scrubbed(), job.origin, job.label, error, job.last)

    def _located(self, job: Job) -> OCRError:
        """The job's error, told which file, page and engine it belongs to."""
        error = _own(job.error or EngineError("the engine gave no result"))
        error.source = error.source or job.origin.name
        error.page = job.page if error.page is None else error.page
        if isinstance(error, EngineError) and error.engine is None:
            error.engine = self.engine.name
        return error


def _own(error: OCRError) -> OCRError:
    """A copy, as one error may stand for several pages and each is told its own."""
    own = copy(error)
    own.__cause__, own.__traceback__ = error.__cause__, error.__traceback__
    return own


def _placeholder(job: Job, error: OCRError) -> PageResult:
    """An empty page; with what was read and paid for before the error, where there is any, and marked as cut off."""
    partial = getattr(error, "partial", None)
    if isinstance(partial, PageResult):
        return replace(partial, truncated=True)
    text = error.text if isinstance(error, ReplyTruncated) else ""
    return PageResult(job.page or 0, 0, 0, "px", text, truncated=bool(text))


def _together(group: Sequence[Job]) -> Job:
    """Several pages as one job, the first's."""
    first, *others = group
    scans = tuple(scan for job in others for scan in job.scans)
    return first._replace(more=scans, expected=sum((job.expected for job in group), Decimal(0)))


def _origin(source: Source, pages: Pages) -> Origin:
    return Origin(
        name=source.name,
        file_name=source.file_name,
        mime_type=source.mime,
        sha256=source.sha256,
        total_pages=pages.count,
        info=dict(pages.info),
        metadata=dict(source.metadata),
    )
