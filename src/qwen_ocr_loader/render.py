"""Read pages become records: text, metadata that any store takes, and a stable id; the same for every framework."""

from __future__ import annotations

import json
import uuid
import zlib
from collections import Counter
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

from .engines.base import choices_of
from .fields.completion import of_file
from .fields.merging import merged_fields
from .fields.model import is_model
from .fields.schema import schema_of
from .fields.validation import Typed
from .markdown.page import as_markdown
from .results import scrub

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence

    from .aflight import Unfolded
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

MOST_PLACES = 100
"""Places of values within one field in flat metadata, which a store keeps with every Document; rich has all."""

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
        self._recipe = recipe(reader)
        self._file: list[ReadPage] = []
        self._ids: Counter[tuple[str, int, str]] = Counter()

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
        what = first.origin.sha256 or scrub(first.origin.name), first.result.page, self._recipe
        self._ids[what] += 1
        return Record(text, self._metadata(pages), record_id(*what, copy=self._ids[what]))

    def _metadata(self, pages: Sequence[ReadPage]) -> dict[str, Any]:
        options = self._options
        ours, theirs = flat(pages[0]), pages[0].origin.metadata
        metadata = {**ours, **{key: value for key, value in theirs.items() if ours.get(key, "") == ""}}
        if options.mode == "single":
            metadata |= _of_all(pages, len(options.pages_delimiter))
        if options.fields is not None:
            metadata |= _fields(_merged(pages, options).fields, options.fields)
            metadata["needs_review"] = metadata["needs_review"] or any(page.result.truncated for page in pages)
        if options.witness is not None:
            own = None if options.fields is None else bool(metadata["needs_review"])
            metadata |= _borne_out([page.result for page in pages], own, details=options.metadata == "rich")
        if options.pages_per_call > 1:
            metadata["page_last"] = pages[-1].result.page if pages[-1].last is None else pages[-1].last
        if len(options.engines) > 1:
            metadata["ocr_instead"] = _each_once(page.instead for page in pages)
        if options.on_error == "placeholder":
            metadata["error"] = next((f"{type(e).__name__}: {e.message}" for e in (p.error for p in pages) if e), "")
        if options.metadata == "rich":
            metadata |= rich([page.result for page in pages], len(options.pages_delimiter))
            metadata |= _of_model(pages, options)
        return metadata


def record_id(content: str, page: int, made_by: str, *, copy: int = 1) -> str:
    """A record's id, as it can be told before anything is read.

    Args:
        content: The file's sha256; its name, where it cannot be opened.
        page: 0-based; the first of several.
        made_by: The reader's ``recipe``.
        copy: Which of the files with this content in one run it is, from 1: a store takes an id once.
    """
    again = f"/{copy}" if copy > 1 else ""
    return str(uuid.uuid5(_NAMESPACE, f"{content}/{page}/{made_by}{again}"))


def records(reader: Reader, source: SourceLike) -> Generator[Record]:
    """Read ``source`` and yield its records; raises what ``reader.pages`` raises."""
    made = Records(reader)
    with closing(reader.pages(source)) as pages:
        for page in pages:
            yield from made.add(page)
    yield from made.finish()


def arecords(reader: Reader, source: SourceLike) -> Unfolded[ReadPage, Record]:
    """``records`` with pages in flight together: a context, and in it an async iterator."""
    from .aflight import Unfolded

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
        "fields": {name: asdict(value) for name, value in merged_fields([page.fields for page in results]).items()},
        "tables": [{**asdict(table), "page": result.page} for result in results for table in result.tables],
    }


def markdown(result: PageResult) -> str:
    """The page as Markdown, whoever read it and in whatever format."""
    return as_markdown(result).text


def _merged(pages: Sequence[ReadPage], options: Options) -> Typed:
    """The fields of a record: a page's own, or those of a file, merged and checked as a whole."""
    parts = [page.part for page in pages if page.part is not None]
    if len(pages) == 1:
        return Typed(pages[0].result.fields, pages[0].typed)
    return of_file(parts, options.fields)


def _fields(found: Mapping[str, Field], asked: Any) -> dict[str, Scalar]:
    """``fields`` as JSON, ``needs_review``, and on every record a ``field.<name>`` for each name of the schema."""
    written = {name: _field(value) for name, value in found.items()}
    names = schema_of(asked) or ()
    return {
        "fields": json.dumps(written, ensure_ascii=False, separators=(",", ":")) if written else "",
        "needs_review": any(value.problems for value in found.values()),
        **{f"field.{name}": _scalar(found[name].value if name in found else None) for name in names},
    }


def _of_model(pages: Sequence[ReadPage], options: Options) -> dict[str, Any]:
    """What rich metadata has of a pydantic model: ``typed``, its instance or None, and the fields' problems."""
    if not is_model(options.fields):
        return {}
    found = _merged(pages, options)
    return {"fields": {name: asdict(value) for name, value in found.fields.items()}, "typed": found.instance}


def _field(value: Field) -> dict[str, Any]:
    """A field without what is not known of it; its box as in the line table.

    ``places`` are there for values within it, rows ``[path, page, [x0, y0, x1, y1]]``, at most ``MOST_PLACES``.
    """
    known = {"value": value.value, "page": value.page}
    if value.quad is not None:
        known["box"] = value.quad.to_ints()
    if value.confidence is not None:
        known["confidence"] = round(value.confidence, 4)
    if any(place.path for place in value.places):
        rows = ([place.path, place.page, place.quad.to_ints()] for place in value.places[:MOST_PLACES])
        known["places"] = list(rows)
    return known | ({"problems": value.problems} if value.problems else {})


def _borne_out(results: Sequence[PageResult], fields: bool | None, *, details: bool) -> dict[str, Any]:
    """``agreement``, the lowest of the pages', -1 where none had a witness; ``needs_review``; and the details.

    ``fields`` says whether those of the record, merged, need a review; None leaves that to the pages.
    """
    heard = [(result.page, result.agreement) for result in results if result.agreement is not None]
    said: dict[str, Any] = {
        "agreement": min((agreement.score for _, agreement in heard), default=-1.0),
        "needs_review": any(agreement.doubtful for _, agreement in heard)
        or (any(result.needs_review for result in results) if fields is None else fields),
    }
    return said | ({"agreements": [{**asdict(said_by), "page": page} for page, said_by in heard]} if details else {})


def _scalar(value: Any) -> Scalar:
    if isinstance(value, str | int | float | bool):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _of_all(pages: Sequence[ReadPage], delimiter: int) -> dict[str, Scalar]:
    """What differs where a record holds a whole file: every page's lines, and ``page_spans``.

    ``page_spans`` is JSON, rows ``[page, start, length, width, height]``: a line belongs to the page whose span its
    start lies in; width and height are of that page as displayed, in ``page_unit``, to the hundredth.
    """
    shifted = list(_shifted([page.result for page in pages], delimiter))
    tables = [line_table(result.lines, shift)[1:-1] for result, shift in shifted]
    spans = [
        [result.page, shift, len(result.text), round(float(result.width), 2), round(float(result.height), 2)]
        for result, shift in shifted
    ]
    joined = ",".join(filter(None, tables))
    return {
        "ocr_lines": f"[{joined}]" if joined else "",
        "ocr_engine": _each_once(page.result.engine for page in pages),
        "ocr_key": ",".join(page.key for page in pages) if any(page.key for page in pages) else "",
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


def recipe(reader: Reader) -> str:
    """What besides the content decides the text, as one string."""
    options: Options = reader.options
    made_of: Mapping[str, object] = {
        "engine": ", ".join(f"{engine.name} {choices_of(engine)}" for engine in reader.engines),
        "tasks": [asdict(task) for task in options.tasks],
        "text_layer": options.text_layer,
        "dpi": options.dpi,
        "rasterizer": options.rasterizer,
        "pages_per_call": 1 if options.pages_per_call == 1 else [options.pages_per_call, options.pages],
        "mode": options.mode if options.mode == "page" else [options.pages, options.pages_delimiter],
    }
    if options.text_format is not None:
        made_of = {**made_of, "text_format": options.text_format}
    if options.steps:
        made_of = {**made_of, "preprocess": options.steps}
    return json.dumps(made_of, sort_keys=True)
