"""The service's files and batches: each operation a flow, none of which knows what the batch is about.

Protocol: Alibaba Model Studio, "OpenAI compatible - Batch (file input)" and "OpenAI compatible - File", 2025-12 to
2026-10: upload a file of requests, make a batch of it, look at it once a minute at most, fetch a file of answers.
"""

from __future__ import annotations

import json
import logging
import time
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode

from ..engines import PaidEngine
from ..engines.faults import Complaint, complaint, fault
from ..engines.flows import Call, FileBody, persistent
from ..errors import EngineError, RequestRejected, ServiceFailed
from ..pace import Retry, retry_after

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from ..catalog import Model
    from ..engines.base import Asked, Scan
    from ..engines.flows import Flow, Reply
    from ..errors import ReplyTruncated
    from ..results import PageResult
    from ..tasks import Task

LONGEST = 6 * 3600.0  # seconds a file of 500 MB may take
logger = logging.getLogger("qwen_ocr_loader")


class BatchEngine(PaidEngine, Protocol):
    """What a batch needs of an engine: ``OpenAIEngine`` has it."""

    model: str
    region: str
    timeout: float
    retry: Retry

    @property
    def catalogued(self) -> Model: ...  # noqa: D102
    def url(self) -> str: ...  # noqa: D102
    def headers(self) -> dict[str, str]: ...  # noqa: D102
    def request(self, task: Task, images: Sequence[str], extra: Mapping[str, Any] | None = None) -> Call: ...  # noqa: D102
    def questions(  # noqa: D102
        self, scan: Scan, tasks: Sequence[Task], *, max_base64: int | None = None
    ) -> tuple[Asked, list[Call]]: ...
    def parse(self, page: Scan | Asked, task: Task, reply: Reply) -> PageResult: ...  # noqa: D102
    def second_chance(self, error: ReplyTruncated) -> dict[str, Any]: ...  # noqa: D102
    def without_key(self, message: str) -> str: ...  # noqa: D102


class Service:
    """Where an engine's batches are read.

    All that it does raises ``EngineError`` where the service refuses or fails. What is harmless to say twice is tried
    as often as the engine's ``retry`` says; ``create`` is not.
    """

    def __init__(self, engine: BatchEngine) -> None:
        self._engine = engine

    def upload(self, path: Path, name: str) -> Flow[str]:
        """Store a file of requests, under a name; returns its id."""
        return (yield from persistent(partial(self._upload, path, name), self._engine.retry))

    def _upload(self, path: Path, name: str) -> Flow[str]:
        boundary = uuid.uuid4().hex
        part = f'--{boundary}\r\nContent-Disposition: form-data; name="{{}}"{{}}\r\n'
        head = part.format("purpose", "") + "\r\nbatch\r\n" + part.format("file", f'; filename="{name}"')
        head += "Content-Type: application/octet-stream\r\n\r\n"
        body = FileBody(head.encode(), path, f"\r\n--{boundary}--\r\n".encode())
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        said = yield from self._said("POST", "/files", body, headers=headers)
        return _id_of(said)

    def find_file(self, name: str, size: int) -> Flow[str | None]:
        """The id of the file of that name and size, where there is one."""
        listed = self._listed("/files", {"purpose": "batch"}, lambda file: _is_file(file, name, size))
        found = yield from listed
        return _id_of(found) if found else None

    def create(self, file_id: str, endpoint: str, window: str, name: str) -> Flow[dict[str, Any]]:
        """Make a batch of an uploaded file. Said once only: where the answer is lost, ``find`` tells what became of it.

        Args:
            file_id: Of the file of requests.
            endpoint: The ``url`` of its lines.
            window: Time the service has, ``"24h"`` to ``"336h"`` or ``"1d"`` to ``"14d"``.
            name: To find it by, up to 100 characters.
        """
        asked = {
            "input_file_id": file_id,
            "endpoint": endpoint,
            "completion_window": window,
            "metadata": {"ds_name": name, "ds_description": "pages for qwen-ocr-loader"},
        }
        return (yield from self._said("POST", "/batches", json.dumps(asked).encode(), once=True))

    def find(self, file_id: str, name: str) -> Flow[dict[str, Any] | None]:
        """The batch made of a file, where there is one."""
        query = {"ds_name": name, "input_file_ids": file_id}
        return (yield from self._listed("/batches", query, lambda batch: batch.get("input_file_id") == file_id))

    def look(self, batch_id: str) -> Flow[dict[str, Any]]:
        """Where a batch is: ``status``, ``request_counts``, ``output_file_id``, ``error_file_id``, ``errors``."""
        return (yield from self._persistently("GET", f"/batches/{batch_id}"))

    def cancel(self, batch_id: str) -> Flow[dict[str, Any]]:
        """Have it stop; what is read already stays."""
        return (yield from self._persistently("POST", f"/batches/{batch_id}/cancel"))

    def fetch(self, file_id: str, path: Path) -> Flow[None]:
        """Download a file."""
        yield from self._persistently("GET", f"/files/{file_id}/content", into=path)

    def delete(self, file_id: str) -> Flow[None]:
        """Delete a file there, if it is there; that it cannot be is only logged."""
        try:
            yield from self._persistently("DELETE", f"/files/{file_id}")
        except EngineError as error:
            if error.status != 404:
                logger.warning("the file %s stays in the service's storage: %s", file_id, error.message)

    # --- how it is said -----------------------------------------------------------------------------------------------

    def _listed(self, path: str, query: Mapping[str, str], wanted: Any) -> Flow[dict[str, Any] | None]:
        """The first entry of a list that is wanted, whether or not the service understood what it was asked for."""
        after: dict[str, str] = {}
        while True:
            asked = urlencode({**query, **after, "limit": "100"})
            said = yield from self._persistently("GET", f"{path}?{asked}")
            entries = said.get("data") or []
            for entry in entries:
                if wanted(entry):
                    return dict(entry)
            if not said.get("has_more") or not entries:
                return None
            after = {"after": str(entries[-1].get("id"))}

    def _persistently(self, method: str, path: str, **more: Any) -> Flow[dict[str, Any]]:
        return (yield from persistent(lambda: self._said(method, path, **more), self._engine.retry))

    def _said(
        self,
        method: str,
        path: str,
        body: bytes | FileBody = b"",
        *,
        headers: Mapping[str, str] | None = None,
        once: bool = False,
        into: Path | None = None,
    ) -> Flow[dict[str, Any]]:
        engine = self._engine
        sent = {**engine.headers(), **(headers or {})}
        longest = LONGEST if into or isinstance(body, FileBody) else engine.timeout
        reply = yield Call(method, engine.url() + path, sent, body, engine.timeout, longest, once=once, into=into)
        assert reply is not None
        if not 200 <= reply.status < 300:
            raise self._refused(reply)
        return {} if into else _object(reply)

    def _refused(self, reply: Reply) -> EngineError:
        said = complaint(reply.body) or Complaint("", "no reason given")
        said = said._replace(
            message=self._engine.without_key(said.message),
            request_id=said.request_id or reply.headers.get("x-request-id"),
        )
        if reply.status == 404:  # a file or a batch, where a call for a completion would mean the model
            return RequestRejected(said.message, code=said.code, status=404, request_id=said.request_id)
        return fault(reply.status, said, retry_after=retry_after(reply.headers.get("retry-after"), time.time()))


def failures(batch: Mapping[str, Any]) -> Iterator[str]:
    """Why a batch failed as a whole, in the service's words."""
    for error in _errors(batch):
        where = f", line {error['line']}" if error.get("line") else ""
        yield f"{error.get('message') or 'no message'} ({error.get('code') or 'no code'}{where})"


def passing(batch: Mapping[str, Any]) -> bool:
    """Whether a batch failed for a trouble of the service's own, with nothing done: another may go through.

    No code for it is documented: ``system_error``, and any that is a passing one for a call, is taken as such. What
    names a line, a model or the account's bill would come again.
    """
    done = (batch.get("request_counts") or {}).get("completed") or batch.get("output_file_id")
    return batch.get("status") == "failed" and not done and all(map(_passes, _errors(batch)))


def _passes(error: Mapping[str, Any]) -> bool:
    said = Complaint(str(error.get("code") or ""), str(error.get("message") or ""))
    return said.code == "system_error" or (bool(said.code) and fault(400, said).retryable)


def _errors(batch: Mapping[str, Any]) -> list[dict[str, Any]]:
    errors = batch.get("errors") or {}
    return list((errors.get("data") if isinstance(errors, dict) else errors) or ())


def _is_file(said: Mapping[str, Any], name: str, size: int) -> bool:
    return said.get("filename") == name and said.get("bytes") == size


def _id_of(said: Mapping[str, Any]) -> str:
    if not isinstance(said.get("id"), str):
        raise ServiceFailed("the service named no id; try again later")
    return str(said["id"])


def _object(reply: Reply) -> dict[str, Any]:
    try:
        said = json.loads(reply.body)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise ServiceFailed("the service answered with no JSON object; try again later", status=reply.status)
    return said
