"""Pages into lines before a batch, and lines into pages after it: the reader's own run, cut in two."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from ..catalog import cost
from ..download import without_secrets
from ..engines.base import Asked, Scan
from ..engines.flows import Pause
from ..errors import BudgetReached, EngineError, OCRError, SourceError, UnsupportedSource
from ..forking import cached_property
from ..images import PageImage
from ..jobs import Job
from ..report import Failure, Origin
from ..results import PageResult, Usage, merged
from ..run import Run
from .lines import request_line
from .state import Line, PageRow, mark_of, packed, unpacked

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from ..engines.flows import Call, Flow
    from ..pages import Pages
    from ..prices import Money
    from ..reader import Reader
    from ..source import SourceLike
    from ..tasks import Task
    from .lines import PartWriter
    from .service import BatchEngine
    from .state import State

KEPT_PAGES, KEPT_BYTES = 200, 64_000_000  # noted together


class HalfPrice:
    """What a batch costs."""

    def __init__(self, engine: BatchEngine) -> None:
        self.engine = engine

    def price_of(self, usage: Usage) -> Money | None:
        """What tokens cost through the Batch API; None where no price is known."""
        return cost(usage, self.engine.catalogued, self.engine.region, batch=True) if usage.calls else None

    def of(self, usage: Usage) -> tuple[Money, ...]:
        """``price_of``, as a report takes it."""
        return tuple(filter(None, [self.price_of(usage)]))

    def said(self, usage: Usage) -> str:
        """What tokens cost, in words."""
        return str(
            self.price_of(usage) or ("what nobody knows: the model has no known price" if usage.calls else "nothing")
        )

    def check(self, expected: Usage, max_cost: Any) -> None:
        """Refuse a job that is likely to cost more.

        Raises:
            BudgetReached: It would, or nobody knows.
        """
        cost = self.price_of(expected)
        if max_cost is None or not expected.calls:
            return
        if cost is None:
            raise BudgetReached(f"no batch price is known for {self.engine.name}, so max_cost cannot be kept")
        if float(cost.amount) > float(max_cost):
            told = f"the batch may cost {cost}, over max_cost={max_cost}: nothing is sent"
            raise BudgetReached(f"{told}; raise it, or start with fewer pages and another state file")


class BatchRun(Run):
    """A reader's run whose pages are not read at once: taken in now, delivered later."""

    def __init__(self, reader: Reader, engine: BatchEngine, state: State) -> None:
        super().__init__(reader, None)
        self.asker, self.state = engine, state
        self.half_price = HalfPrice(engine)
        self._origin: tuple[Origin | None, int] = (None, 0)
        self._unread: dict[str, list[int]] = {}
        self._again, self._anew = False, dict[int, Line]()
        self._pass = (state["runs"] or 0) + 1

    # --- before -------------------------------------------------------------------------------------------------------

    def take_in(self, source: SourceLike, writer: PartWriter, *, links: bool, again: bool = False) -> Flow[None]:
        """Write the lines of all pages that no earlier run has taken in; a flow that lets others work now and then.

        Args:
            source: As handed over.
            writer: Of the lines.
            links: Whether it is links.
            again: Write also those lines anew that failed for good.

        Raises:
            OCRError: A page or file cannot be read, under ``on_error="raise"``; what came before it is kept.
        """
        state, before, size, self._again = self.state, 0, 0, again
        state.begin()
        try:
            state["runs"] = self._pass
            self._unread = {}
            for page, name in state.unreadable():
                self._unread.setdefault(_place(name), []).append(page)
            with closing(self._links(source, writer) if links else self._pages(source, writer)) as pages:
                for written in pages:
                    before, size = before + 1, size + written
                    if before >= KEPT_PAGES or size >= KEPT_BYTES:
                        before, size = 0, 0
                        writer.keep()
                        state.commit()
                        yield Pause(0.0)
                        state.begin()
            writer.keep()
            state.commit()
        except OCRError:
            writer.keep()
            state.commit()
            raise
        finally:
            state.rollback()  # half a page is no page: the next run takes it in again

    def _pages(self, source: SourceLike, writer: PartWriter) -> Generator[int]:
        """The bytes written for each page."""
        with closing(self.jobs(source)) as jobs:
            for job in jobs:
                self.progress.tick()
                self._try_anew(job.origin)
                written, self._anew = self._job(job, writer), {}
                yield written

    def _try_anew(self, origin: Origin) -> None:
        """Forget what could not be opened of a file that is handed over again: it may be whole by now."""
        if self._unread:
            self.state.drop(self._unread.pop(_place(origin.name), ()))

    def _job(self, job: Job, writer: PartWriter) -> int:
        mark = mark_of(_place(job.origin.name), job.origin.sha256, job.page)
        if job.scan is not None:
            try:
                asked, calls = self.asker.questions(job.scan, self.tasks, max_base64=writer.limits.picture)
                return self._ask(job, mark, asked, calls, writer)
            except OCRError as error:
                job = job._replace(scan=None, error=error)
        if job.error is not None:
            self._refuse(job, mark)
        elif job.result is not None:
            self.report.pages += 1
            self.report.from_text_layer += 1
            self._add(job, mark, result=json.dumps(job.result.to_dict(), ensure_ascii=False))
        return 0

    def _refuse(self, job: Job, mark: bytes) -> None:
        error = self._located(job)
        self.report.failures.append(Failure(job.origin.name, job.page, error))
        if self.options.on_error == "raise":
            raise error
        if not self._anew:  # else it stays as it had failed
            self._add(job, mark, error=packed(error))

    def _ask(self, job: Job, mark: bytes, asked: Asked, calls: Sequence[Call], writer: PartWriter) -> int:
        bodies = [call.body for call in calls if isinstance(call.body, bytes)]
        writer.check(bodies)
        page, written, usage = self._add(job, mark, asked=json.dumps(asked._asdict())), 0, Usage()
        for task, body in enumerate(bodies):
            if self._anew and task not in self._anew:
                continue  # read already
            part, span = writer.add(request_line(page, task, body))
            likely = self._likely(job.scan, task)
            if self._anew:
                self.state.ask_again(self._anew[task]._replace(tries=1, extra=None, error=None), part, span)
            else:
                self.state.add_line(page, task, part, span, likely)
            written, usage = written + span[1], usage + likely
        self.report.pages += 1
        self.report.spend(usage, self.half_price.of(usage))
        return written

    def _likely(self, scan: Scan | None, task: int) -> Usage:
        return self._of_link[task] if scan is None else self.asker.estimate(scan, self.tasks[task : task + 1])

    @cached_property
    def _of_link(self) -> list[Usage]:
        return likely_of_link(self.asker, self.tasks)

    def _page(self, origin: Origin, pages: Pages, number: int) -> Job:
        if known := self._met(mark_of(_place(origin.name), origin.sha256, number)):
            self._origin = origin, known.origin  # pages still to come are the same file's
            if not self._anew:
                return Job(origin, number)
        return super()._page(origin, pages, number)

    def _met(self, mark: bytes) -> PageRow | None:
        """A page that an earlier run has taken in; what is to be asked about it anew is at hand from now on."""
        known = self.state.met(mark, self._pass)
        failed = self.state.failed_lines(known.id) if known and self._again else ()
        self._anew = {line.task: line for line in failed}
        return known

    def _add(self, job: Job, mark: bytes, **outcome: Any) -> int:
        if self._origin[0] is not job.origin:
            self._origin = job.origin, self.state.add_origin(job.origin)
        row = PageRow(0, self._origin[1], job.page, job.label, None, None, None)._replace(**outcome)
        for line in self._anew.values():
            self.state.renew(line.page, row)
            return line.page
        return self.state.add_page(mark, self._pass, row)

    def _links(self, source: SourceLike, writer: PartWriter) -> Generator[int]:
        self.progress.expect(0)
        for url in links_in(source):
            self.progress.tick()
            mark = mark_of(url, "", 0)
            if self._met(mark) and not self._anew:
                continue
            origin = Origin(without_secrets(url), unquote(urlsplit(url).path).rpartition("/")[2], total_pages=1)
            self._try_anew(origin)
            if url.startswith(("http://", "https://")):
                calls = [self.asker.request(task, [url]) for task in self.tasks]
                yield self._ask(Job(origin, 0, "1"), mark, Asked(0, 0, 0, "px", 0, 0), calls, writer)
            else:
                self._refuse(Job(origin, None, error=UnsupportedSource(_NO_LINK)), mark)
                yield 0

    # --- after --------------------------------------------------------------------------------------------------------

    def ready(self, after: int, most: int, *, partial: bool) -> tuple[list[Job], int]:
        """The next pages with all that became of them, at most so many, and the id of the last one looked at.

        Args:
            after: The id of the page before them.
            most: Pages to look at.
            partial: Pass over those that are not read yet; else stop at the first of them.
        """
        jobs: list[Job] = []
        for row in self.state.pages_after(after, most):
            job = self._delivered(row)
            if job is None and not partial:
                break
            after = row.id
            jobs += [job] if job else []
        return jobs, after

    def _delivered(self, row: PageRow) -> Job | None:
        if self._origin[1] != row.origin or self._origin[0] is None:
            self._origin = self.state.origin(row.origin), row.origin
        assert self._origin[0] is not None
        job = Job(self._origin[0], row.number, row.label)
        if row.error is not None:
            return job._replace(error=unpacked(row.error))
        if row.result is not None:
            return job._replace(result=PageResult.from_dict(json.loads(row.result)))
        return _joined(job, self.state.lines_of(row.id), self.half_price)


def _place(name: str) -> str:
    """What tells a file from others: its path in full, so that it is the same seen from another folder."""
    return os.path.realpath(name) if os.path.exists(name) else name  # noqa: PTH110 - pathlib's raises for odd names


def _joined(job: Job, lines: Sequence[tuple[Line, PageResult | None]], price: HalfPrice) -> Job | None:
    """The page, its tasks' readings merged; None where one of them is still to come."""
    if any(line.state in ("asked", "again") for line, _ in lines):
        return None
    usage = sum((line.usage for line, _ in lines), Usage())
    job = job._replace(bills=((price.engine, usage),), costs=price.of(usage))
    results = [result for _, result in lines if result is not None]
    whole = replace(merged(results), usage=usage) if results else None
    failed = next((line.error for line, _ in lines if line.state == "failed"), None)
    if failed is None:
        return job._replace(result=whole)
    error = unpacked(failed)
    if isinstance(error, EngineError):
        error.usage, error.partial = usage, whole
    return job._replace(error=error)


def likely_of_link(engine: BatchEngine, tasks: Sequence[Task]) -> list[Usage]:
    """What a picture nobody has seen is likely to need, task by task: as much as the largest the model looks at."""
    width = 64 * engine.catalogued.pixel_factor
    height = engine.catalogued.max_pixels // width
    scan = Scan(0, width, height, "px", PageImage(width, height))
    return [engine.estimate(scan, [task]) for task in tasks]


def links_in(source: Any) -> Iterator[str]:
    """URLs, from one, a text file with one a line (``#`` starts a remark), or an iterable of these.

    Raises:
        SourceError: Something else, or a file that cannot be read.
    """
    if isinstance(source, str) and "://" in source:
        yield source
    elif isinstance(source, str | os.PathLike):
        try:
            with Path(source).open(encoding="utf-8") as file:
                lines = (line.partition(" #")[0].strip() for line in file)
                yield from (line for line in lines if line and not line.startswith("#"))
        except (OSError, ValueError) as error:
            raise SourceError(f"no text file with a URL a line ({error})", source=os.fspath(source)) from error
    elif isinstance(source, Iterable) and not isinstance(source, bytes | bytearray | Mapping):
        for item in source:
            yield from links_in(item)
    else:
        raise SourceError(f"links are URLs, or text files with a URL a line, not {type(source).__name__}")


_NO_LINK = "no link: it does not start with http:// or https://; correct it, or submit files without links"
