"""Files of the compatible mode: taken in as forms, kept on disk, given out a piece at a time.

Sources: Alibaba Model Studio, OpenAI-compatible File and Batch interfaces (2026); the official client's captured
exchanges. Only results of batches can be downloaded.
"""

from __future__ import annotations

import re
import time
import uuid
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from dashscope_faults import refuse, refuse_parameter

if TYPE_CHECKING:
    from pathlib import Path

    from http_server import Request

MAX_BYTES = 500_000_000  # of an input file: "500 MB", read as the lesser of its two meanings


@dataclass(frozen=True, slots=True)
class FileRecord:
    """What the service tells of a file."""

    id: str
    bytes: int
    created_at: int
    filename: str
    purpose: str = "batch"
    object: str = "file"
    status: str = "processed"
    status_details: str | None = None


class Form(NamedTuple):
    """A form with one file, which lies at ``start:stop`` of the body."""

    fields: dict[str, str]
    filename: str
    start: int
    stop: int


@dataclass
class Files:
    """All files of the account.

    Attributes:
        folder: Where they lie, by their ids.
        max_bytes: Of an input file.
        errors_readable: Error files can be downloaded; some page says that they cannot.
    """

    folder: Path
    max_bytes: int = MAX_BYTES
    errors_readable: bool = True
    records: dict[str, FileRecord] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)

    def spool(self) -> Path:
        """Where a body may wait to be read as a form."""
        return self.folder / f"form-{uuid.uuid4().hex}"

    def path(self, file_id: str) -> Path:
        return self.folder / self.record(file_id).id

    def record(self, file_id: str) -> FileRecord:
        if file_id not in self.records:
            raise refuse("not-found", f"No such File object: {file_id}")
        return self.records[file_id]

    def receive(self, request: Request) -> dict[str, Any]:
        """Take in a form, and tell of the file that was in it."""
        assert request.file
        try:
            form = read_file_form(request.file, request.headers.get("content-type", ""))
            if form.fields != {"purpose": "batch"}:
                raise refuse_parameter(f"want purpose=batch and a file, got {form.fields}")
            if not form.filename.endswith(".jsonl"):
                raise refuse_parameter(f"Invalid file type {form.filename!r}, must be .jsonl")
            if form.stop - form.start > self.max_bytes:
                raise refuse_parameter(f"File size exceeds the limit of {self.max_bytes} bytes")
            new = self.folder / f"file-batch-{uuid.uuid4().hex}"
            _copy(request.file, new, form.start, form.stop)
        finally:
            request.file.unlink()
        return asdict(self.add(new, form.filename))

    def add(self, path: Path, filename: str, purpose: str = "batch") -> FileRecord:
        """A file that lies in the folder under its id."""
        record = FileRecord(path.name, path.stat().st_size, int(time.time()), filename, purpose)
        self.records[record.id] = record
        return record

    def retrieve(self, file_id: str) -> dict[str, Any]:
        return asdict(self.record(file_id))

    def list(self, query: dict[str, str]) -> dict[str, Any]:
        """The newest first."""
        if unknown := set(query) - {"purpose", "after", "limit", "order"}:
            raise refuse_parameter(f"unknown query {sorted(unknown)}")
        records = [asdict(record) for record in reversed(self.records.values())]
        records = [record for record in records if record["purpose"] == query.get("purpose", record["purpose"])]
        page, more = one_page(records, query, most=10_000)
        return {"object": "list", "has_more": more, "data": page}

    def delete(self, file_id: str) -> dict[str, Any]:
        self.path(file_id).unlink()
        del self.records[file_id]
        self.deleted.append(file_id)
        return {"object": "file", "deleted": True, "id": file_id}

    def content(self, file_id: str) -> Path:
        """A result of a batch."""
        path = self.path(file_id)
        kinds = ("file-batch_output", "file-batch_error") if self.errors_readable else ("file-batch_output",)
        if not file_id.startswith(kinds):
            raise refuse_parameter(f"the content of {file_id} cannot be downloaded")
        return path


def one_page(records: list[dict[str, Any]], query: dict[str, str], *, most: int) -> tuple[list[dict[str, Any]], bool]:
    """Those after ``after``, up to ``limit``; and whether there are more."""
    ids = [record["id"] for record in records]
    limit = query.get("limit", "20")
    if not limit.isdecimal() or not 1 <= int(limit) <= most:
        raise refuse_parameter(f"limit should be in [1, {most}], got {limit}")
    start = ids.index(query["after"]) + 1 if query.get("after") in ids else 0
    page = records[start : start + int(limit)]
    return page, start + len(page) < len(records)


def read_file_form(path: Path, content_type: str) -> Form:
    """A multipart form on disk, with fields and one file."""
    match = re.fullmatch(r'multipart/form-data; boundary="?([^"]+)"?', content_type)
    if not match or not path.stat().st_size:
        raise refuse_parameter(f"Content-Type {content_type!r}; want multipart/form-data")
    mark, fields, files, at = b"--" + match[1].encode(), {}, [], 0
    with path.open("rb") as body:
        while _at(body, at, len(mark) + 2) == mark + b"\r\n":
            start, stop = _find(body, b"\r\n\r\n", at) + 4, _find(body, b"\r\n" + mark, at + len(mark))
            name, filename = _named(_at(body, at, min(start - at, 2000)) if at < start <= stop else b"")
            if filename:
                files.append((name, filename, start, stop))
            else:
                fields[name] = _at(body, start, min(stop - start, 2000)).decode()
            at = stop + 2
        if _at(body, at, 1000).strip() != mark + b"--":
            raise refuse_parameter("the form has no end")
    if [name for name, *_ in files] != ["file"]:
        raise refuse_parameter("want one file, named 'file'")
    return Form(fields, *files[0][1:])


def _named(head: bytes) -> tuple[str, str | None]:
    """The name of a part, and that of its file."""
    named = re.search(r'form-data; name="([^"]+)"(?:; filename="(.*)")?', head.decode(), re.IGNORECASE)
    if not named:
        raise refuse_parameter(f"a part of the form begins with {head[:80]!r}")
    return named[1], named[2]


def _at(body: BinaryIO, start: int, count: int) -> bytes:
    body.seek(start)
    return body.read(count)


def _find(body: BinaryIO, wanted: bytes, start: int) -> int:
    """Where it begins, at or after ``start``; -1 is nowhere. A megabyte is in memory at a time."""
    body.seek(start)
    window = b""
    while piece := body.read(1 << 20):
        window = window[-len(wanted) :] + piece
        if (found := window.find(wanted)) >= 0:
            return body.tell() - len(window) + found
    return -1


def _copy(source: Path, target: Path, start: int, stop: int) -> None:
    with source.open("rb") as form, target.open("wb") as file:
        form.seek(start)
        while piece := form.read(min(stop - form.tell(), 1 << 20)):
            file.write(piece)
