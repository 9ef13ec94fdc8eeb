"""Sources in, read pages out: order, concurrency, text-layer policy and error policy live here and nowhere else."""

from __future__ import annotations

import time
from collections import deque
from contextlib import aclosing, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Unpack

from .engines import PaidEngine, Scan, able_engines, aopened, make_engine, opened, refuse_unsupported
from .errors import BudgetReached, EngineError, OCRError, UnsupportedSource
from .layout import compose
from .options import OptionArgs, Options
from .pages import open_pages
from .progress import Progress
from .results import PageResult, Usage
from .source import find

if TYPE_CHECKING:
    import asyncio
    from collections.abc import (
        AsyncGenerator,
        AsyncIterator,
        Callable,
        Coroutine,
        Generator,
        Iterator,
        Mapping,
        Sequence,
    )
    from concurrent.futures import Future

    from .engines import Engine
    from .pages import Page, Pages
    from .prices import Money
    from .source import Found, Source, SourceLike
    from .tasks import Task

TEXT_TASKS = frozenset({"text_recognition", "multi_lan", "advanced_recognition"})
"""Tasks that a sound text layer answers as well as an engine does."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What is the same for every page of a file.

    Attributes:
        name: The path, URL or label it was handed over as; ``metadata["source"]``.
        file_name: Last part of the path or URL; ``""`` where there is none.
        mime_type: Told by the content.
        sha256: Of the content, in hex.
        total_pages: Of the file, whatever was selected of it.
        info: Of a PDF: title, author, producer, creator, creationdate, moddate; ``""`` where absent.
        metadata: Keys it was handed over with (a Blob's own).
    """

    name: str
    file_name: str = ""
    mime_type: str = ""
    sha256: str = ""
    total_pages: int = 0
    info: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, object] = field(default_factory=dict)


class ReadPage(NamedTuple):
    """A page that was read, or the placeholder of one that was not.

    Attributes:
        result: What is on it; empty for a placeholder.
        origin: The file it is from.
        label: As printed in the PDF's page labels, else the 1-based number.
        error: Why it is a placeholder; None otherwise.
    """

    result: PageResult
    origin: Origin
    label: str
    error: OCRError | None = None


class Failure(NamedTuple):
    """A page or file that was not read: ``page`` is 0-based, None for a whole file."""

    source: str
    page: int | None
    error: OCRError


@dataclass(slots=True)
class Report:
    """What a run did; it grows while the run goes on.

    Attributes:
        pages: Pages read.
        from_text_layer: Those of them taken from a PDF's own text.
        failures: What could not be read, and why.
        skipped: Files of a folder that are neither images nor PDFs.
        usage: Calls and tokens, all together, failed tries that were billed included.
        cost: What they cost, by the catalogue's dated prices; None where nothing was paid or no price is known.
        seconds: From the first page asked for to the last one given.
    """

    pages: int = 0
    from_text_layer: int = 0
    failures: list[Failure] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    usage: Usage = Usage()
    cost: Money | None = None
    seconds: float = 0.0

    def spend(self, usage: Usage, cost: Money | None) -> None:
        """Add what a page or a failed try was billed."""
        self.usage += usage
        if cost is not None:
            self.cost = cost if self.cost is None else self.cost + cost


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
        run = _Run(self)
        with run.timed(), closing(run.jobs(source)) as jobs:
            for job in jobs:
                run.foresee(job)
        return run.report

    def pages(self, source: SourceLike) -> Generator[ReadPage]:
        """``read`` with what is known about each page's file."""
        run = _Run(self)
        with run.timed(), opened(run.engine), closing(run.jobs(source)) as jobs, _workers(run.width) as submit:
            window: deque[Future[_Job] | _Finished] = deque()
            for job in jobs:
                window.append(submit(run.recognise, job) if job.scan else _Finished(job))
                while window and (len(window) >= run.width or window[0].done()):
                    yield from run.settle(window.popleft().result())
            while window:
                yield from run.settle(window.popleft().result())

    async def apages(self, source: SourceLike) -> AsyncGenerator[ReadPage]:
        """``aread`` with what is known about each page's file."""
        run = _Run(self)
        window: deque[asyncio.Future[_Job] | _Finished] = deque()
        with run.timed():
            async with aopened(run.engine), aclosing(_stepping(run.jobs(source))) as jobs, _cancelling(window):
                async for job in jobs:
                    window.append(_started(run.arecognise(job)) if job.scan else _Finished(job))
                    while window and (len(window) >= run.width or window[0].done()):
                        for page in run.settle(await _outcome(window.popleft())):
                            yield page
                while window:
                    for page in run.settle(await _outcome(window.popleft())):
                        yield page


class _Job(NamedTuple):
    """A page on its way: with a scan while an engine is still to read it, then with a result or an error."""

    origin: Origin
    page: int | None
    label: str = ""
    scan: Scan | None = None
    result: PageResult | None = None
    error: OCRError | None = None
    expected: Decimal = Decimal(0)  # what it may cost


class _Finished(NamedTuple):
    """A job that waits for nothing, with as much of a future's face as the windows look at."""

    job: _Job

    def done(self) -> bool:
        return True

    def result(self) -> _Job:
        return self.job


class _Run:
    """One pass over a source. ``jobs`` opens and renders, ``recognise`` may run anywhere, ``settle`` ends a page."""

    def __init__(self, reader: Reader) -> None:
        self.options = reader.options
        self.tasks = reader.options.tasks
        self.engine = reader.engine
        refuse_unsupported(self.engine, self.tasks, able_engines)
        self.width = min(self.options.concurrency, self.engine.at_once or self.options.concurrency)
        self.report = reader.report = Report()
        self.budget = _Budget(self.engine, self.tasks, self.options.max_cost)
        self.progress = Progress(shown=self.options.show_progress)

    @contextmanager
    def timed(self) -> Iterator[None]:
        started = time.monotonic()
        try:
            with self.progress:
                yield
        finally:
            self.report.seconds = time.monotonic() - started

    def jobs(self, given: SourceLike) -> Generator[_Job]:
        """The pages wanted, in order; those an engine must read come with their scan."""
        options = self.options
        for found in find(given, glob=options.glob, fs=options.fs, download=options.download):
            try:
                yield from self._file(found)
            except UnsupportedSource as error:
                if not found.from_folder:
                    yield _Job(Origin(found.name), None, error=error)
                else:
                    self.report.skipped.append(found.name)
            except OCRError as error:
                yield _Job(Origin(found.name), None, error=error)

    def _file(self, found: Found) -> Generator[_Job]:
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
            origin = _origin(source, pages)
            for number in numbers:
                yield self._page(origin, pages, number)

    def _page(self, origin: Origin, pages: Pages, number: int) -> _Job:
        try:
            page = pages.page(number)
            if self._takes_text(page):
                return _Job(origin, number, page.label, result=self._from_text_layer(page))
            scan = Scan(number, page.width, page.height, page.unit, page.image())
            return _Job(origin, number, page.label, scan=scan, expected=self.budget.reserve(scan))
        except OCRError as error:
            return _Job(origin, number, str(number + 1), error=error)

    @property
    def _text_will_do(self) -> bool:
        return all(task.name in TEXT_TASKS and task.prompt is None for task in self.tasks)

    def _takes_text(self, page: Page) -> bool:
        layer = page.text_layer
        return layer is not None and (layer.sound or self.options.text_layer == "only")

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

    def recognise(self, job: _Job) -> _Job:
        """The job with what the engine read on its scan, or why it could not."""
        try:
            return job._replace(scan=None, result=self.engine.read(_scan(job), self.tasks))
        except Exception as error:  # noqa: BLE001 - whatever an engine raises is this page's failure, not its neighbours'
            return job._replace(scan=None, error=self._as_ours(error))

    async def arecognise(self, job: _Job) -> _Job:
        """``recognise`` without blocking the event loop."""
        try:
            return job._replace(scan=None, result=await self.engine.aread(_scan(job), self.tasks))
        except Exception as error:  # noqa: BLE001 - as in recognise
            return job._replace(scan=None, error=self._as_ours(error))

    def foresee(self, job: _Job) -> None:
        """Count a job as if it had been done."""
        self.progress.tick()
        if job.error is not None:
            self.report.failures.append(Failure(job.origin.name, job.page, self._located(job)))
            return
        self.report.pages += 1
        self.report.from_text_layer += job.scan is None
        if job.scan is not None and isinstance(self.engine, PaidEngine):
            usage = self.engine.estimate(job.scan, self.tasks)
            self.report.spend(usage, self.engine.cost(usage))

    def _as_ours(self, error: Exception) -> OCRError:
        if isinstance(error, OCRError):
            return error
        ours = EngineError(f"{type(error).__name__}: {error}", engine=self.engine.name)
        ours.__cause__ = error
        return ours

    def settle(self, job: _Job) -> Iterator[ReadPage]:
        """The page for the reader's user: one, or none where it failed and is skipped.

        Raises:
            OCRError: It failed, under ``on_error="raise"``.
        """
        self.progress.tick()
        usage = job.result.usage if job.result else getattr(job.error, "usage", None) or Usage()
        self.report.spend(usage, self.budget.settle(job.expected, usage))
        if job.error is None and job.result is not None:
            self.report.pages += 1
            self.report.from_text_layer += job.result.text_source == "text_layer"
            yield ReadPage(job.result.scrubbed(), job.origin, job.label)
            return
        error = self._located(job)
        self.report.failures.append(Failure(job.origin.name, job.page, error))
        if self.options.on_error == "raise":
            raise error
        if self.options.on_error == "placeholder":
            empty = PageResult(page=job.page or 0, width=0, height=0, unit="px", text="")
            yield ReadPage(empty, job.origin, job.label, error)

    def _located(self, job: _Job) -> OCRError:
        """The job's error, told which file, page and engine it belongs to."""
        error = job.error or EngineError("the engine gave no result")
        error.source = error.source or job.origin.name
        error.page = job.page if error.page is None else error.page
        if isinstance(error, EngineError) and error.engine is None:
            error.engine = self.engine.name
        return error


class _Budget:
    """Keeps a run's cost under ``max_cost``: a page is reserved what it may cost, and settled at what it did."""

    def __init__(self, engine: Engine, tasks: Sequence[Task], max_cost: float | Decimal | None) -> None:
        self._engine = engine if isinstance(engine, PaidEngine) else None
        self._tasks = tasks
        self._left = None if max_cost is None else Decimal(str(max_cost))
        self._max_cost = max_cost

    def reserve(self, scan: Scan) -> Decimal:
        """Set aside what a page may cost.

        Raises:
            BudgetReached: More than there is left, or nobody knows how much.
        """
        if self._left is None or self._engine is None:
            return Decimal(0)
        expected = self._engine.cost(self._engine.estimate(scan, self._tasks))
        if expected is None:
            raise BudgetReached(
                f"no price is known for {self._engine.name}, so max_cost cannot be kept; "
                "give the engine a catalog= with prices"
            )
        if expected.amount > self._left:
            raise BudgetReached(
                f"the page may cost {expected}, and {self._left:f} is left of max_cost={self._max_cost}; raise max_cost"
            )
        self._left -= expected.amount
        return expected.amount

    def settle(self, expected: Decimal, usage: Usage) -> Money | None:
        """Give back what was set aside and take what it cost."""
        cost = self._engine.cost(usage) if self._engine and usage.calls else None
        if self._left is not None:
            self._left += expected - (cost.amount if cost else 0)
        return cost


def _scan(job: _Job) -> Scan:
    assert job.scan is not None
    return job.scan


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


@contextmanager
def _workers(width: int) -> Iterator[Callable[[Callable[[_Job], _Job], _Job], Future[_Job]]]:
    """Submit jobs to up to ``width`` threads, which start at the first job and end with the context."""
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(width, thread_name_prefix="qwen-ocr")
    try:
        yield pool.submit
    finally:
        pool.shutdown(cancel_futures=True)


async def _stepping(jobs: Generator[_Job]) -> AsyncGenerator[_Job]:
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


def _started(work: Coroutine[object, object, _Job]) -> asyncio.Future[_Job]:
    import asyncio

    return asyncio.ensure_future(work)


async def _outcome(job: asyncio.Future[_Job] | _Finished) -> _Job:
    return job.job if isinstance(job, _Finished) else await job


@asynccontextmanager
async def _cancelling(window: deque[asyncio.Future[_Job] | _Finished]) -> AsyncIterator[None]:
    """Cancel whatever is still in flight when the context ends, and wait until it is."""
    import asyncio

    try:
        yield
    finally:
        flying = [job for job in window if not isinstance(job, _Finished)]
        for job in flying:
            job.cancel()
        await asyncio.gather(*flying, return_exceptions=True)
