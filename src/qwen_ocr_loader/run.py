"""One pass over a source: pages opened, read, counted, and handed out or accounted for.

Text-layer policy, cache, error policy, budget and report meet here and nowhere else.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING

from .budget import Budget
from .engines import Asked, LineEngine, MultiPageEngine, PaidEngine, Scan, able_engines, aopened, refuse_unsupported
from .errors import (
    BudgetReached,
    DamagedSource,
    EngineError,
    OCRError,
    UnsupportedSource,
    UnsupportedTask,
)
from .fields.model import is_model
from .finishing import finished, takes_time
from .jobs import Job, after, together
from .once import Once
from .pages import open_pages, renderers
from .preprocess.steps import refuse_missing
from .progress import Progress
from .report import Failure, Origin, PageEvent, ReadPage, Report
from .results import PageResult, Usage
from .source import find
from .tasks import TEXT_TASKS
from .witness.reading import Witness

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Iterable, Iterator
    from decimal import Decimal

    from .fields.completion import PageFields
    from .flight import Landing
    from .pages import Page, Pages
    from .reader import Reader
    from .source import Found, SourceLike

logger = logging.getLogger("qwen_ocr_loader")


class Run:
    """One pass over a source. ``jobs`` opens and renders, ``recognise`` may run anywhere, ``settle`` ends a page."""

    def __init__(self, reader: Reader, max_cost: float | Decimal | None) -> None:
        self.options = reader.options
        self.tasks = reader.options.tasks
        self.engines, self.engine = reader.engines, reader.engine
        self._lines = self.engine if isinstance(self.engine, LineEngine) else None  # to ask costs more than it seems
        for engine in self.engines:
            refuse_unsupported(engine, self.tasks, able_engines)
            if self.options.pages_per_call > 1 and not isinstance(engine, MultiPageEngine):
                raise UnsupportedTask(f"{engine.name} reads one page at a time; leave pages_per_call at 1")
        refuse_missing(self.options.steps)
        most = self.options.concurrency
        self.width = min(most, max(engine.at_once or most for engine in self.engines))
        self.remote = any(engine.remote for engine in self.engines)
        self.report = reader.report = Report()
        self._file_kept: Origin | None = None
        self.budget = Budget(self.engines, self.tasks, max_cost)
        self.once = Once(self.engines, self.tasks, reader.cache, self.options.refresh)
        self.witness = Witness(reader.witness, reader.cache, self.options.refresh) if reader.witness else None
        self.prepares = True  # an estimate does without: it takes the page's lines to be looked for
        self.progress = Progress(shown=self.options.show_progress)

    @property
    def finishes(self) -> bool:
        """Whether pages in flight are finished when one fails: where they are kept, they are not bought in vain."""
        return self.once.cache is not None

    @contextmanager
    def opened(self, window: Iterable[Landing] = ()) -> Iterator[None]:
        """The run, timed; what is left in ``window`` at its end was not handed out, but may have been paid for."""
        started = time.monotonic()
        try:
            with self.progress:
                yield
        finally:
            for left in window:
                if left.done() and not left.cancelled() and left.exception() is None:
                    job = left.result()
                    self.report.spend(job.usage, job.costs)
            self.report.seconds = time.monotonic() - started
            self.once.close()

    @asynccontextmanager
    async def aopened(self) -> AsyncIterator[None]:
        """What the engines keep open on an event loop for the pages of a run."""
        async with AsyncExitStack() as stack:
            for engine in self.engines:
                await stack.enter_async_context(aopened(engine))
            yield

    def finished_jobs(self, given: SourceLike) -> Generator[Job]:
        """``jobs``, with those finished that no engine has to read."""
        with closing(self.jobs(given)) as jobs:
            for job in jobs:
                yield self._finished(job)

    def jobs(self, given: SourceLike) -> Generator[Job]:
        """The pages wanted, in order; those an engine must read come with their scan."""
        options, anything = self.options, False
        for found in find(given, glob=options.glob, fs=options.fs, download=options.download):
            try:
                yield from self._file(found)
                anything = True
            except UnsupportedSource as error:
                if not found.from_folder:
                    yield Job(Origin(found.name), None, error=error)
                else:
                    self.report.skipped.append(found.name)
            except OCRError as error:
                yield Job(Origin(found.name), None, error=error)
            except Exception as error:  # noqa: BLE001 - as with a page: the other files are to be read
                told = f"the file cannot be read ({type(error).__name__}: {error}); leave it out"
                damaged = DamagedSource(told, source=found.name)
                damaged.__cause__ = error
                yield Job(Origin(found.name), None, error=damaged)
        if self.report.skipped and not anything:
            logger.warning("nothing is read: %d of the files are no images or PDFs", len(self.report.skipped))

    def _file(self, found: Found) -> Generator[Job]:
        options = self.options
        source = found.open()
        opened = open_pages(
            source,
            password=options.password,
            text_layer=options.text_layer if self._text_will_do or self.witness else "never",
            dpi=options.dpi,
            rasterizer=options.rasterizer,
        )
        with opened as pages:
            numbers = options.page_numbers(pages.count)
            self.progress.expect(len(numbers))
            pages.prepare(numbers)
            origin = Origin.of(source, pages)
            yield from self._grouped(self._page(origin, pages, number) for number in numbers)

    def _grouped(self, jobs: Iterable[Job]) -> Iterator[Job]:
        """Pages that follow one another and that an engine is to read, put together up to ``pages_per_call``."""
        most, group = self.options.pages_per_call, list[Job]()
        for job in jobs:
            if group and (job.scan is None or len(group) == most or job.page != after(group)):
                yield together(group)
                group = []
            if job.scan is None or most == 1:
                yield job
            else:
                group.append(job)
        if group:
            yield together(group)

    def _page(self, origin: Origin, pages: Pages, number: int) -> Job:
        try:
            page = pages.page(number)
            if self._takes_text(page):
                return Job(origin, number, page.label, result=self._structured(page))
            seen = self._from_text_layer(page) if self.witness and _is_sound(page) else None
            return self._to_read(Job(origin, number, page.label, seen=seen), page)
        except OCRError as error:
            return Job(origin, number, str(number + 1), error=error)
        except Exception as error:  # noqa: BLE001 - whatever a library raises is this page's failure, not the others'
            damaged = DamagedSource(
                f"the page cannot be read ({type(error).__name__}: {error}); leave it out with pages="
            )
            damaged.__cause__ = error
            return Job(origin, number, str(number + 1), error=damaged)

    def _to_read(self, job: Job, page: Page) -> Job:
        """The job with its scan, or with what is known of it already: often without making its picture again."""
        what = Asked(page.number, page.width, page.height, page.unit, 0, 0)
        place, digest = self._place(job.origin, page.number), None
        if place and (digest := self.once.digest_at(place)) and (known := self._known(job, what, digest)):
            return known
        scan = Scan(page.number, page.width, page.height, page.unit, page.image())
        if self.options.steps and not self.prepares:
            return job._replace(scan=scan)
        if self.options.steps:
            from .preprocess.preparation import prepared

            ready = prepared(scan.image, self.options.steps)
            job, scan = job._replace(back=ready.way_back(scan)), ready.scan(scan)
            what = Asked(*scan[:4], 0, 0)
        if self.once.cache is not None and digest is None:
            digest = scan.image.digest()
            if place:
                self.once.note(place, digest)
            if known := self._known(job, what, digest):
                return known
        return job._replace(scan=scan, digests=(digest,) if digest else ())

    def _known(self, job: Job, what: Asked, digest: str) -> Job | None:
        """The job, read, where all that is wanted of it is in the cache."""
        if self.options.pages_per_call > 1 or (known := self.once.known(what, digest)) is None:
            return None
        job = job.with_reading(known)
        if self.witness and self._wants_witness(job):
            job = job._replace(seen=job.delivered(self.witness.known(what, digest)))
            return job if job.seen else None
        return job

    def _wants_witness(self, job: Job) -> bool:
        return self.witness is not None and job.seen is None and self.witness.is_wanted(job.result)

    def _place(self, origin: Origin, number: int) -> str:
        """What a page's picture is made of, as a digest; ``""`` where that is not known, or does not tell all."""
        if self.once.cache is None or not origin.sha256 or self.options.steps:
            return ""
        made_of = [origin.sha256, number, self.options.dpi, self.options.rasterizer, renderers()]
        return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()

    @property
    def _text_will_do(self) -> bool:
        """Whether what is asked for can be had of a page's own text."""
        return all(task.prompt is None and (self._lines or task.name in TEXT_TASKS) for task in self.tasks)

    def _takes_text(self, page: Page) -> bool:
        return self.options.text_layer == "only" or (self._text_will_do and _is_sound(page))

    def _structured(self, page: Page) -> PageResult:
        result = self._from_text_layer(page)
        if self._lines is None or {task.name for task in self.tasks} <= TEXT_TASKS:
            return result
        return self._lines.structured(result, self.tasks, rules=page.rules())

    def _from_text_layer(self, page: Page) -> PageResult:
        text, lines = page.text_layer.composed(page.width, page.height) if page.text_layer else ("", ())
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

    def admit(self, job: Job, *, alone: bool) -> Job | None:
        """The job, with money set aside for it; None where there may be enough once others in flight have ended.

        Args:
            job: The next one.
            alone: No others are in flight.
        """
        if job.scan is None:
            return job
        try:
            return job._replace(expected=self.budget.reserve(job.scans))
        except BudgetReached as error:
            return job._replace(scan=None, error=error) if alone else None

    def recognise(self, job: Job) -> Job:
        """The job with what was read on its scan, or why it could not be."""
        started = time.monotonic()
        done = self._paid(job.with_reading(self.once.read(job.scans, job.digests)))
        if self.witness and self._wants_witness(done):
            done = done._replace(seen=job.delivered(self.witness.read(job.scans[0], job.digests)))
        return self._finished(done._replace(seconds=time.monotonic() - started))

    async def arecognise(self, job: Job) -> Job:
        """``recognise`` without blocking the event loop."""
        started = time.monotonic()
        done = self._paid(job.with_reading(await self.once.aread(job.scans, job.digests)))
        if self.witness and self._wants_witness(done):
            done = done._replace(seen=job.delivered(await self.witness.aread(job.scans[0], job.digests)))
        done = done._replace(seconds=time.monotonic() - started)
        if not takes_time(self.options):
            return self._finished(done)
        import asyncio

        return await asyncio.to_thread(self._finished, done)

    def _finished(self, job: Job) -> Job:
        """The job with its page as it is handed out, where it was read and is not finished yet."""
        if job.result is None or job.part is not None:
            return job
        try:
            result, part = finished(job.result, job.seen, self.options)
        except EngineError as error:
            return job._replace(result=None, seen=None, error=error)
        return job._replace(result=result, part=part, seen=None)

    def _paid(self, job: Job) -> Job:
        return job._replace(costs=tuple(self.budget.settle(job.expected, job.bills)))

    def foresee(self, job: Job) -> None:
        """Count a job as if it had been done."""
        self.progress.tick(job.size)
        if job.error is not None:
            self.report.failures.append(Failure(job.origin.name, job.page, self._located(job)))
            return
        self._count(job)
        if job.scan is not None and isinstance(self.engine, PaidEngine):
            usage = sum((self.engine.estimate(scan, self.tasks) for scan in job.scans), Usage())
            usage = replace(usage, calls=len(self.tasks))
            self.report.spend(usage, filter(None, [self.engine.cost(usage)]))

    def _count(self, job: Job) -> None:
        self.report.pages += job.size
        self.report.from_text_layer += job.result is not None and job.result.text_source == "text_layer"
        self.report.from_cache += job.size * job.cached

    def settle(self, job: Job) -> list[ReadPage]:
        """The page for the reader's user: one, or none where it failed and is skipped.

        Raises:
            OCRError: It failed, under ``on_error="raise"``.
        """
        self.report.spend(job.usage, job.costs)
        job = self._finished(job)
        if job.error is None and job.result is not None and job.part is not None:
            self._count(job)
            self._tell(job, None)
            if job.result.truncated:
                self._note_cut(job.origin.name, job.result.page)
            self._keep(job.part, job.origin)
            return [ReadPage(job.result, job.origin, job.label, None, job.last, job.key, job.instead, job.part)]
        error = self._located(job)
        pages = [job.page, *(scan.page for scan in job.more)]
        self.report.failures += [Failure(job.origin.name, page, error) for page in pages]
        self._tell(job, error)
        if self.options.on_error == "raise":
            raise error
        if self.options.on_error == "placeholder":
            return [ReadPage(self._stand_in(job, error), job.origin, job.label, error, job.last)]
        return []

    def _note_cut(self, source: str, page: int) -> None:
        self.report.cut_off.append((source, page))
        logger.warning(
            "%s, page %d: the reply stops in the middle of a table or of its JSON, so there may be more on the page; "
            "raise max_tokens in parameters=, or read it with engine='local'",
            source,
            page + 1,
        )

    def _stand_in(self, job: Job, error: OCRError) -> PageResult:
        page = job.placeholder(error)
        return self._finished(job._replace(result=page, error=None)).result or page.scrubbed()

    def _keep(self, part: PageFields, origin: Origin) -> None:
        """What a page gives to its file's fields, for the report, where they make an instance of a model."""
        if is_model(self.options.fields):
            self.report.keep(part, origin.name, self.options.fields, first=self._file_kept is not origin)
            self._file_kept = origin

    def _tell(self, job: Job, error: OCRError | None) -> None:
        """What has become of a page, to whoever watches."""
        report = self.report
        money = " + ".join(map(str, report.costs.values()))
        self.progress.tick(job.size, cached=report.from_cache, failed=len(report.failures), cost=money)
        if self.options.on_page is not None:
            engine = job.result.engine if job.result else ""
            cost = sum(job.costs[1:], job.costs[0]) if len({cost.currency for cost in job.costs}) == 1 else None
            event = PageEvent(job.origin.name, job.page, engine, job.cached, job.usage, cost, job.seconds, error)
            self.options.on_page(event)

    def _located(self, job: Job) -> OCRError:
        """The job's error, told which file, page and engine it belongs to."""
        error = _own(job.error or EngineError("the engine gave no result"))
        error.source = error.source or job.origin.name
        error.page = job.page if error.page is None else error.page
        if isinstance(error, EngineError) and error.engine is None:
            error.engine = self.engine.name
        return error


def _is_sound(page: Page) -> bool:
    return page.text_layer is not None and page.text_layer.sound


def _own(error: OCRError) -> OCRError:
    """A copy, as one error may stand for several pages and each is told its own."""
    own = copy(error)
    own.__cause__, own.__traceback__ = error.__cause__, error.__traceback__
    return own
