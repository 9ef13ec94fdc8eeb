"""Rows of pages become rows with their text: what an actor does, with every page through the one cache."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Unpack

import pyarrow as pa

from ..flight import InFlight
from ..render import Records
from ..results import scrub
from ..run import Run
from ..source import Found, find
from .columns import page_row, page_schema
from .listing import WHOLE_FILE, as_place
from .settings import cluster_options, reader_for

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence

    from ..jobs import Job
    from ..options import OptionArgs
    from ..source import Source

KEPT = 2
"""Files kept open in a process: the pages of a file mostly come one after another."""


class ReadPages:
    """For ``map_batches`` and ``flat_map``: rows with a ``source``, and perhaps a ``page``, become rows of pages read.

    Where there is no ``page``, or it is ``WHOLE_FILE``, all of the file's that ``pages=`` names are. What goes in is
    small, and so is what comes out: files are opened, and pages rendered, in the process that reads them. The rows of
    a batch are read together, up to ``concurrency`` at a time, and come out in their order. A page or file that cannot
    be read is a row whose ``error`` says why. Pickles.

    >>> rows.map_batches(ReadPages, fn_constructor_kwargs={"engine": "local"}, batch_size=16, num_cpus=1)
    >>> rows.flat_map(ReadPages(engine="local"))

    Args:
        **options: As described in ``read_documents``.

    Attributes:
        schema: The columns, as pyarrow's.
    """

    def __init__(self, **options: Unpack[OptionArgs]) -> None:
        self._options = cluster_options(options)
        self._kept: dict[str, Source] = {}
        self.schema: pa.Schema = page_schema(self._options)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": {}}

    def __call__(self, batch: Mapping[str, Any]) -> pa.Table | list[dict[str, Any]]:
        """A batch's pages as a table, in ``map_batches``; a row's as a list of rows, in ``flat_map``."""
        if isinstance(batch["source"], str):
            rows: list[dict[str, Any]] = self._table([batch["source"]], [batch.get("page", WHOLE_FILE)]).to_pylist()
            return rows
        sources = list(map(str, batch["source"]))
        return self._table(sources, batch["page"] if "page" in batch else [WHOLE_FILE] * len(sources))

    def _table(self, sources: Sequence[str], numbers: Iterable[int]) -> pa.Table:
        return pa.Table.from_pylist(list(self._read(sources, numbers)), schema=self.schema)

    def _read(self, sources: Sequence[str], numbers: Iterable[int]) -> Iterator[dict[str, Any]]:
        reader = reader_for(self._options, None)
        run = Run(reader, None)
        wanted = groupby(zip(sources, map(int, numbers), strict=True), key=itemgetter(0))
        parts = ((source, [number for _, number in rows]) for source, rows in wanted)
        with closing(self._jobs(parts)) as jobs, InFlight(run, jobs) as in_flight:
            for job in in_flight:
                for page in run.settle(job):
                    records = Records(reader).add(page)  # by itself: copies of a file are not numbered
                    yield from (page_row(record, job) for record in records)

    def _jobs(self, parts: Iterable[tuple[str, list[int]]]) -> Generator[Job]:
        """The pages wanted of each file; each is opened once for those that stand together."""
        options = self._options
        for source, numbers in parts:
            whole = WHOLE_FILE in numbers
            pages = options.pages if whole else ",".join(str(number + 1) for number in numbers)
            found = find(as_place(source), glob=options.glob, fs=options.fs, download=options.download)
            with closing(Run(reader_for(options, pages), None).jobs(map(self._known, found))) as jobs:
                yield from jobs

    def _known(self, found: Found) -> Found:
        """The file, to be opened once for many batches; called by a name that can stand in a column."""
        return Found(scrub(found.name), partial(self._opened, found), found.from_folder)

    def _opened(self, found: Found) -> Source:
        source = self._kept.pop(found.name, None) or found.open()
        self._kept[found.name] = source
        while len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]
        return source
