"""Files become rows of pages: found on the driver, counted by tasks, and left out where they were read before."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack
from urllib.parse import quote_from_bytes, unquote_to_bytes

import pyarrow as pa

from ..errors import UnsupportedSource
from ..pages import open_pages
from ..render import recipe, record_id
from ..results import scrub
from ..source import find
from .settings import cluster_options, reader_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..options import OptionArgs, Options
    from ..source import Found

WHOLE_FILE = -1
"""In place of a page: the whole file, or as much of it as ``pages=`` says."""

PAGES = pa.schema({"id": pa.string(), "source": pa.string(), "page": pa.int64()})
"""The columns of pages to be read: the id that the row will have (``""`` for a whole file), place, 0-based page."""

_FILE = "file://"

logger = logging.getLogger("qwen_ocr_loader")


class File(NamedTuple):
    """A file that may have pages; the columns of what ``ListPages`` is given.

    Attributes:
        source: A path, absolute, or a URI; of a path that is not UTF-8, which columns have to be, its ``file:`` URI.
        from_folder: Nobody named it: of another kind than images and PDFs it is passed over.
    """

    source: str
    from_folder: bool = False


def list_files(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], options: Options) -> Iterator[File]:
    """The files, in order, folders expanded; nothing is opened.

    Raises:
        TypeError: Neither a path nor a URI, nor several.
    """
    several: Iterable[Any] = (
        [paths] if isinstance(paths, str | os.PathLike) or not isinstance(paths, Iterable) else paths
    )
    for given in several:
        if not isinstance(given, str | os.PathLike):
            raise TypeError(f"other machines cannot be handed a {type(given).__name__}; give a path or URI of it")
        place = _everywhere(os.fspath(given), options)
        for found in find(place, glob=options.glob, fs=options.fs, download=options.download):
            yield File(as_column(found.name if found.from_folder else place), found.from_folder)


def _everywhere(place: str, options: Options) -> str:
    """The place as other processes can find it, whatever folder they run in."""
    if "://" in place or options.fs is not None:
        return place
    return str(Path(os.path.expanduser(place)).absolute())  # noqa: PTH111 - leaves alone what it cannot expand


def as_column(place: str) -> str:
    """The place as it can stand in a column; ``as_place`` takes it back."""
    if scrub(place) == place:
        return place
    try:
        return _FILE + quote_from_bytes(os.fsencode(place))
    except UnicodeEncodeError:  # no file is called that
        return scrub(place)


def as_place(column: str) -> str:
    """The place that stands in a column."""
    if not column.startswith(_FILE):
        return column
    path = os.fsdecode(unquote_to_bytes(column.removeprefix(_FILE)))
    return column if scrub(path) == path else path


class ListPages:
    """For ``map_batches``: rows of files, as ``File`` has them, become rows of ``id``, ``source`` and ``page``.

    A file that cannot be opened becomes one row of ``WHOLE_FILE``: whoever reads it says what is wrong. So does a file
    whose pages are read together. Counting needs the file: from a network it is fetched for it.

    Args:
        done: Ids of pages to leave out, of ``done_pages``; not together with ``pages_per_call`` above 1.
        **options: As described in ``read_documents``.

    Raises:
        ValueError: Both are given; or as described there.
    """

    def __init__(self, done: pa.Array | None = None, **options: Unpack[OptionArgs]) -> None:
        self._done = done
        self._options = cluster_options(options)
        if done is not None:
            refuse_done(self._options)
        self._recipe = recipe(reader_for(self._options, None))

    def __call__(self, batch: Any) -> pa.Table:
        """The pages of a batch of files."""
        files = map(File, map(str, batch["source"]), map(bool, batch["from_folder"]))
        pages = pa.Table.from_pylist([page for file in files for page in self._pages(file)], schema=PAGES)
        return pages if self._done is None else _without(pages, self._done)

    def _pages(self, file: File) -> Iterator[dict[str, Any]]:
        options = self._options
        for found in find(as_place(file.source), glob=options.glob, fs=options.fs, download=options.download):
            place = as_column(found.name) if found.from_folder else file.source
            try:
                told = self._counted(found)
            except UnsupportedSource:
                told = {} if file.from_folder or found.from_folder else {WHOLE_FILE: ""}
            except Exception as error:  # noqa: BLE001 - reading it will say so in its row
                logger.debug("%s cannot be counted: %s", found.name, error)
                told = {WHOLE_FILE: ""}
            for number, name in told.items():
                yield {"id": name, "source": place, "page": number}

    def _counted(self, found: Found) -> dict[int, str]:
        """The pages wanted of a file, and the id that each will have."""
        options, source = self._options, found.open()
        with open_pages(source, password=options.password, text_layer="never") as pages:
            numbers = options.page_numbers(pages.count)
        if options.pages_per_call > 1:
            return {WHOLE_FILE: ""}
        return {number: record_id(source.sha256, number, self._recipe) for number in numbers}


def refuse_done(options: Options) -> None:
    """Which pages will be read together, and so which ids there will be, is only known once they are opened.

    Raises:
        ValueError: Several pages are read as one.
    """
    if options.pages_per_call > 1:
        raise ValueError(
            f"done= goes by single pages, and pages_per_call={options.pages_per_call} makes one row of several; "
            "leave one of them out, and give cache=: what is in it is not paid for again"
        )


def done_pages(place: str | os.PathLike[str]) -> pa.Array:
    """The ids of the pages that were read without an error, from Parquet files that an earlier run wrote.

    A file that a run was killed over is passed over with a warning, and its pages count as not read.

    Args:
        place: A folder or URI as pyarrow takes it; there need not be anything yet.
    """
    import pyarrow.dataset as ds

    columns = pa.schema({"id": pa.string(), "error": pa.string()})
    try:
        dataset = ds.dataset(os.fspath(place), schema=columns, format="parquet")
    except FileNotFoundError:
        return pa.array([], pa.string())
    ids = [pa.chunked_array([], pa.string())]
    for fragment in dataset.get_fragments():
        try:
            rows = fragment.to_table(schema=columns, columns=["id"], filter=ds.field("error") == "")
        except (pa.ArrowInvalid, OSError) as error:
            logger.warning("%s is passed over; as it cannot be read, delete it: %s", fragment.path, error)
        else:
            ids.append(rows["id"])
    return pa.chunked_array([chunk for some in ids for chunk in some.chunks], pa.string()).combine_chunks()


def _without(pages: pa.Table, done: pa.Array) -> pa.Table:
    import pyarrow.compute as pc

    return pages.filter(pc.invert(pc.is_in(pages["id"], value_set=done)))
