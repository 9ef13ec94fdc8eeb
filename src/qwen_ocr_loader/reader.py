"""Sources in, read pages out, in order: blocking, or on an event loop."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Unpack

from .cache import open_cache
from .engines import installed, make_engine, make_engines
from .flight import InFlight
from .forking import cached_property
from .options import OptionArgs, Options
from .report import Report
from .run import Run

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from .aflight import Unfolded
    from .cache import Cache
    from .engines import Engine
    from .jobs import Job
    from .report import ReadPage
    from .results import PageResult
    from .source import SourceLike


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
    def engines(self) -> tuple[Engine, ...]:
        """The engines that ``options.engine`` names, in the order in which a page is offered to them."""
        return make_engines(self.options.engine, self.options.rate_limit)

    @property
    def engine(self) -> Engine:
        """The first of ``engines``."""
        return self.engines[0]

    @cached_property
    def witness(self) -> Engine | None:
        """Who reads beside the engines, as ``options.witness`` says.

        Raises:
            MissingDependency: It is not installed.
        """
        return None if self.options.witness is None else installed(make_engine(self.options.witness))

    @cached_property
    def cache(self) -> Cache | None:
        """The cache that ``options.cache`` names."""
        return None if self.options.cache is None else open_cache(self.options.cache)

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
        async with self.flight(source) as pages:
            async for page in pages:
                yield page.result

    def estimate(self, source: SourceLike) -> Report:
        """What reading ``source`` would take, by its pages' real sizes: nothing is sent, nothing is recognised.

        Returns:
            A report of pages, of those with sound text of their own, and of the calls, tokens and cost that the others
            are likely to need, rather too many than too few. What cannot be opened is in its ``failures``. With
            ``preprocess=`` no page is taken for one that is in the cache.
        """
        run = Run(self, max_cost=None)
        run.prepares = False
        with run.opened(), closing(run.jobs(source)) as jobs:
            for job in jobs:
                run.foresee(job)
        return run.report

    def pages(self, source: SourceLike) -> Generator[ReadPage]:
        """``read`` with what is known about each page's file."""
        run = Run(self, self.options.max_cost)
        with closing(run.finished_jobs(source)) as jobs, InFlight(run, jobs) as in_flight:
            for job in in_flight:
                yield from run.settle(job)

    async def apages(self, source: SourceLike) -> AsyncGenerator[ReadPage]:
        """``aread`` with what is known about each page's file."""
        async with self.flight(source) as pages:
            async for page in pages:
                yield page

    def flight(self, source: SourceLike) -> Unfolded[Job, ReadPage]:
        """``apages`` for a generator of your own: a context and an async iterator in one, and no generator itself.

        Raises:
            UnsupportedTask: The engine cannot do what is asked.
        """
        from .aflight import Flight, Unfolded

        run = Run(self, self.options.max_cost)
        return Unfolded(Flight(run, run.finished_jobs(source)), run.settle)
