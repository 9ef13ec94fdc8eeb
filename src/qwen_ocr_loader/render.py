"""Read pages become records: text, metadata that any store takes, and a stable id; the same for every framework."""

from __future__ import annotations

import json
import uuid
import zlib
from collections import Counter
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

from .flight import Unfolded
from .results import scrub

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence

    from .batch import Batch
    from .options import Options
    from .reader import Reader
    from .report import ReadPage
    from .results import Field, Line, PageResult
    from .source import SourceLike

Scalar = str | int | float | bool

PDF_INFO = ("title", "author", "producer", "creator", "creationdate", "moddate")
SHOWN = ("source", "file_name", "page_label")
"""Keys an embedding model or an LLM may be shown; the others are for programs."""

_NAMESPACE = uuid.UUID("5f3d8c1e-6f0b-5f2e-9a54-8f1f0f6f3a11")


class Record(NamedTuple):
    """What a Document is made of, before it belongs to a framework.

    Attributes:
        text: Of one page, or of a whole file in ``mode="single"``.
        metadata: The same keys on every record of a run.
        id: A uuid5 of content, page and the options that change the text: the same on every run.
    """

    text: str
    metadata: dict[str, Any]
    id: str


class Records:
    """Turns pages, in the order they come, into records; one a page, or one a file in ``mode="single"``."""

    def __init__(self, reader: Reader) -> None:
        self._options = reader.options
        self._recipe = _recipe(reader)
        self._file: list[ReadPage] = []
        self._ids: Counter[str] = Counter()

    def add(self, page: ReadPage) -> Iterator[Record]:
        """The records that are complete with this page."""
        if self._options.mode == "page":
            yield self._record([page])
            return
        if self._file and self._file[0].origin is not page.origin:
            yield from self.finish()
        self._file.append(page)

    def finish(self) -> Iterator[Record]:
        """The record still open when the pages end."""
        if self._file:
            yield self._record(self._file)
            self._file = []

    def _record(self, pages: Sequence[ReadPage]) -> Record:
        text = self._options.pages_delimiter.join(page.result.text for page in pages)
        first = pages[0]
        what = f"{first.origin.sha256 or first.origin.name}/{first.result.page}/{self._recipe}"
        self._ids[what] += 1
        again = f"/{self._ids[what]}" if self._ids[what] > 1 else ""  # a copy of a file: a store takes an id once
        return Record(text, self._metadata(pages), str(uuid.uuid5(_NAMESPACE, what + again)))

    def _metadata(self, pages: Sequence[ReadPage]) -> dict[str, Any]:
        options = self._options
        ours, theirs = flat(pages[0]), pages[0].origin.metadata
        metadata = {**ours, **{key: value for key, value in theirs.items() if ours.get(key, "") == ""}}
        if options.mode == "single":
            metadata |= _of_all(pages, len(options.pages_delimiter))
        if options.fields is not None:
            metadata |= _fields([page.result for page in pages], options.fields)
        if options.pages_per_call > 1:
            metadata["page_last"] = pages[-1].result.page if pages[-1].last is None else pages[-1].last
        if len(options.engines) > 1:
            metadata["ocr_instead"] = _each_once(page.instead for page in pages)
        if options.on_error == "placeholder":
            metadata["error"] = next((f"{type(e).__name__}: {e.message}" for e in (p.error for p in pages) if e), "")
        if options.metadata == "rich":
            metadata |= rich([page.result for page in pages], len(options.pages_delimiter))
        return metadata


def records(reader: Reader, source: SourceLike) -> Generator[Record]:
    """Read ``source`` and yield its records; raises what ``reader.pages`` raises."""
    made = Records(reader)
    with closing(reader.pages(source)) as pages:
        for page in pages:
            yield from made.add(page)
    yield from made.finish()


def arecords(reader: Reader, source: SourceLike) -> Unfolded[ReadPage, Record]:
    """``records`` with pages in flight together: a context, and in it an async iterator."""
    made = Records(reader)
    return Unfolded(reader.flight(source), made.add, made.finish)


def batch_records(batch: Batch, *, wait: bool = False) -> Generator[Record]:
    """The records of a batch's pages; raises what ``batch.collect`` raises."""
    made = Records(batch.reader())
    for page in batch.collect(wait=wait):
        yield from made.add(page)
    yield from made.finish()


def flat(page: ReadPage) -> dict[str, Scalar]:
    """A page's flat metadata: always these keys, scalars only, nothing that changes from run to run."""
    result, origin = page.result, page.origin
    return {
        "source": scrub(origin.name),
        "page": result.page,
        "page_number": result.page + 1,
        "page_label": scrub(page.label),
        "total_pages": origin.total_pages,
        "file_name": scrub(origin.file_name),
        "mime_type": origin.mime_type,
        "page_width": float(result.width),
        "page_height": float(result.height),
        "page_unit": result.unit,
        "ocr_engine": result.engine,
        "ocr_task": ",".join(result.tasks),
        "text_format": result.text_format,
        "text_source": result.text_source,
        "ocr_key": page.key,
        "ocr_lines": line_table(result.lines),
        **{key: scrub(origin.info.get(key, "")) for key in PDF_INFO},
    }


def excluded(metadata: Iterable[str]) -> list[str]:
    """The keys that are for programs: not to be shown to an embedding model or an LLM."""
    return [key for key in metadata if key not in SHOWN and not key.startswith("field.")]


def line_table(lines: Sequence[Line], shift: int = 0) -> str:
    """Where the lines stand, as compact JSON: rows ``[start, length, hash24, x0, y0, x1, y1]``.

    ``start`` and ``length`` are in code points of the text, ``hash24`` is ``text_hash`` of the line, coordinates are
    integers 0-9999 of the displayed page's width and height; a turned line has its four corners, clockwise from the
    text's own top-left, 8 numbers. ``""`` where no line has a box.

    Args:
        lines: Of one page.
        shift: Added to every start.
    """
    rows = [
        [line.start + shift, line.end - line.start, text_hash(line.text), *line.quad.to_ints()]
        for line in lines
        if line.quad is not None
    ]
    return str(rows).replace(" ", "") if rows else ""  # lists of ints: the JSON they are, in half the time


def text_hash(text: str) -> int:
    """24 bits of CRC-32 of the text in UTF-8: enough to notice that an offset points at another line."""
    return zlib.crc32(text.encode()) & 0xFFFFFF


def rich(results: Sequence[PageResult], delimiter: int = 0) -> dict[str, Any]:
    """Lines, fields and tables as lists and dicts; spans are those of the joined text, quads fractions of the page."""
    lines = [
        {**asdict(line), "start": line.start + shift, "end": line.end + shift, "page": result.page}
        for result, shift in _shifted(results, delimiter)
        for line in result.lines
    ]
    return {
        "lines": lines,
        "fields": {name: asdict(value) for result in results for name, value in result.fields.items()},
        "tables": [{**asdict(table), "page": result.page} for result in results for table in result.tables],
    }


def markdown(result: PageResult) -> str:
    """The page as Markdown: as it came where it is Markdown already, else with its line breaks kept."""
    if result.text_format == "markdown":
        return result.text
    return "\n\n".join(block.replace("\n", "  \n") for block in result.text.split("\n\n"))


def _fields(results: Sequence[PageResult], asked: Mapping[str, Any] | str) -> dict[str, Scalar]:
    """``fields`` as JSON, ``needs_review``, and on every record a ``field.<name>`` for each name of the schema."""
    found = {name: value for result in results for name, value in result.fields.items()}
    written = {name: _field(value) for name, value in found.items()}
    names = asked if not isinstance(asked, str) else ()
    return {
        "fields": json.dumps(written, ensure_ascii=False, separators=(",", ":")) if written else "",
        "needs_review": any(value.problems for value in found.values()),
        **{f"field.{name}": _scalar(found[name].value if name in found else None) for name in names},
    }


def _field(value: Field) -> dict[str, Any]:
    """A field without what is not known of it; its box as in the line table."""
    known = {"value": value.value, "page": value.page}
    if value.quad is not None:
        known["box"] = value.quad.to_ints()
    if value.confidence is not None:
        known["confidence"] = round(value.confidence, 4)
    return known | ({"problems": value.problems} if value.problems else {})


def _scalar(value: Any) -> Scalar:
    if isinstance(value, str | int | float | bool):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _of_all(pages: Sequence[ReadPage], delimiter: int) -> dict[str, Scalar]:
    """What differs where a record holds a whole file: every page's lines, and ``page_spans``.

    ``page_spans`` is JSON, rows ``[page, start, length]``: a line belongs to the page whose span its start lies in.
    """
    shifted = list(_shifted([page.result for page in pages], delimiter))
    tables = [line_table(result.lines, shift)[1:-1] for result, shift in shifted]
    spans = [[result.page, shift, len(result.text)] for result, shift in shifted]
    joined = ",".join(filter(None, tables))
    return {
        "ocr_lines": f"[{joined}]" if joined else "",
        "ocr_engine": _each_once(page.result.engine for page in pages),
        "ocr_key": _each_once(page.key for page in pages),
        "text_source": _each_once(page.result.text_source for page in pages),
        "page_spans": json.dumps(spans, separators=(",", ":")),
    }


def _shifted(results: Sequence[PageResult], delimiter: int) -> Iterator[tuple[PageResult, int]]:
    start = 0
    for result in results:
        yield result, start
        start += len(result.text) + delimiter


def _each_once(names: Iterator[str]) -> str:
    return ",".join(dict.fromkeys(filter(None, names)))


def _recipe(reader: Reader) -> str:
    """What besides the content decides the text, as one string."""
    options: Options = reader.options
    made_of: Mapping[str, object] = {
        "engine": ", ".join(f"{engine.name} {engine.settings}" for engine in reader.engines),
        "tasks": [asdict(task) for task in options.tasks],
        "text_layer": options.text_layer,
        "dpi": options.dpi,
        "rasterizer": options.rasterizer,
        "pages_per_call": options.pages_per_call,
        "mode": options.mode if options.mode == "page" else [options.pages, options.pages_delimiter],
    }
    return json.dumps(made_of, sort_keys=True)
