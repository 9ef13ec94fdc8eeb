"""The columns of a row: known from the options alone, flat and never null, so that all blocks and files agree."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ..fields.schema import schema_of
from ..results import scrub

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..jobs import Job
    from ..options import Options
    from ..render import Record

TEXT, WHOLE, NUMBER, TRUTH = pa.string(), pa.int64(), pa.float64(), pa.bool_()

_ALWAYS: Mapping[str, pa.DataType] = {
    "id": TEXT,
    "source": TEXT,
    "page": WHOLE,
    "text": TEXT,
    "error": TEXT,
    "page_number": WHOLE,
    "page_label": TEXT,
    "total_pages": WHOLE,
    "file_name": TEXT,
    "mime_type": TEXT,
    "page_width": NUMBER,
    "page_height": NUMBER,
    "page_unit": TEXT,
    "ocr_engine": TEXT,
    "ocr_task": TEXT,
    "text_format": TEXT,
    "text_source": TEXT,
    "ocr_key": TEXT,
    "ocr_lines": TEXT,
    "title": TEXT,
    "author": TEXT,
    "producer": TEXT,
    "creator": TEXT,
    "creationdate": TEXT,
    "moddate": TEXT,
}
_SPENT: Mapping[str, pa.DataType] = {"calls": WHOLE, "input_tokens": WHOLE, "output_tokens": WHOLE}


def page_schema(options: Options) -> pa.Schema:
    """The columns of the pages read with these options.

    They are ``id``, ``text``, the keys of the flat metadata, and what was spent on the page now (nothing, where it came
    from the cache): ``calls``, ``input_tokens`` and ``output_tokens``. ``error`` is ``""`` on every page that was read,
    else the error's class and what it says; a file that cannot be opened is one row, of page 0 of 0. Values of fields,
    ``field.<name>``, are text, as their types are not known beforehand.
    """
    return pa.schema([*{**_ALWAYS, **_asked_for(options), **_SPENT}.items()])


def page_row(record: Record, job: Job) -> dict[str, Any]:
    """A row of a page and what became of it; its order is not that of the columns."""
    spent = job.usage
    told = {**record.metadata, "error": scrub(record.metadata.get("error", ""))}  # it may quote a file's name
    values = {key: _as_text(value) if key.startswith("field.") else value for key, value in told.items()}
    tokens = {"calls": spent.calls, "input_tokens": spent.input_tokens, "output_tokens": spent.output_tokens}
    return {"id": record.id, "text": record.text, **values, **tokens}


def _asked_for(options: Options) -> dict[str, pa.DataType]:
    """The keys of the metadata that only some options give."""
    columns: dict[str, pa.DataType] = {}
    if options.fields is not None:
        columns |= {"fields": TEXT, "needs_review": TRUTH}
        columns |= {f"field.{name}": TEXT for name in schema_of(options.fields) or ()}
    if options.witness is not None:
        columns |= {"agreement": NUMBER, "needs_review": TRUTH}
    if options.pages_per_call > 1:
        columns["page_last"] = WHOLE
    if len(options.engines) > 1:
        columns["ocr_instead"] = TEXT
    return columns


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
