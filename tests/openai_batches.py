"""Batches: their life from a file of requests to files of results, moved on by polls or by hand.

Sources: Alibaba Model Studio, OpenAI-compatible Batch interface (2026); the official client's captured exchanges. The
work is done in shuffled order, since none is promised, a portion at a step, and from disk to disk.
"""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Literal

from dashscope_faults import Refusal, refuse, refuse_parameter
from dashscope_scenarios import Script, ok, scenario_of
from openai_files import Files, one_page
from openai_lines import CHAT, LIMITS, TEST, TEST_LIMITS, BadInput, Worker, check_input, shuffled, unfinished

if TYPE_CHECKING:
    from array import array

    from openai_checks import ChatAsked, ChatChecker

KEPT = 1000  # lines that ``asked`` remembers
BEIJING = timezone(timedelta(hours=8))
MOMENTS = (
    "created_at",
    "in_progress_at",
    "expires_at",
    "finalizing_at",
    "completed_at",
    "failed_at",
    "expired_at",
    "cancelling_at",
    "cancelled_at",
)
Status = Literal["validating", "failed", "in_progress", "finalizing", "completed", "expired", "cancelling", "cancelled"]


@dataclass(frozen=True, slots=True)
class Plan:
    """How a batch goes.

    Attributes:
        portions: Steps the work takes.
        end: What it comes to. An expired one has results for the fraction ``done``; a failed one has none.
        failures_in: Where failed lines go: see ``Worker``.
        unfinished_in: Where lines go that were not begun before the batch expired.
    """

    portions: int = 1
    end: Literal["completed", "expired", "failed"] = "completed"
    done: float = 1.0
    failures_in: Literal["error file", "output file"] = "error file"
    unfinished_in: Literal["error file", "nowhere"] = "error file"


@dataclass
class Batch:
    """One batch, as told and as kept."""

    id: str
    number: int
    plan: Plan
    endpoint: str
    input_file_id: str
    completion_window: str
    metadata: dict[str, str]
    status: Status = "validating"
    times: dict[str, int] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    errors: list[dict[str, Any]] = field(default_factory=list)
    output_file_id: str | None = None
    error_file_id: str | None = None
    polls: int = 0
    work: Iterator[None] | None = None

    def move(self, status: Status, moment: str | None = None) -> None:
        self.status = status
        self.times[moment or f"{status}_at"] = int(time.time())

    def told(self) -> dict[str, Any]:
        """As the service tells it."""
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": self.endpoint,
            "errors": {"object": "list", "data": self.errors} if self.errors else None,
            "input_file_id": self.input_file_id,
            "completion_window": self.completion_window,
            "status": self.status,
            "output_file_id": self.output_file_id,
            "error_file_id": self.error_file_id,
            **{moment: self.times.get(moment) for moment in MOMENTS},
            "request_counts": {name: self.counts[name] for name in ("total", "completed", "failed")},
            "metadata": self.metadata,
        }


class Batches:
    """All batches of the account.

    Attributes:
        script: What happens to lines: an answer, a refusal, bytes instead of a line, or nothing at all (``Dropped``).
        plan: How each batch goes, by its number from 0.
        polls_a_step: Times a batch must be asked for before it moves a step; None for never: then ``advance`` moves.
        worker: Counts what was bought.
        asked: The last thousand lines, as understood.
    """

    def __init__(self, files: Files, checker: ChatChecker, with_page: Callable[[ChatAsked], ChatAsked]) -> None:
        self._files, self._checker, self._with_page = files, checker, with_page
        self._lock = threading.RLock()
        self._attempts: Counter[str] = Counter()
        self.script: Script = ok()
        self.plan: Callable[[int], Plan] = lambda number: Plan()
        self.polls_a_step: int | None = 1
        self.limits, self.test_limits = LIMITS, TEST_LIMITS
        self.worker = Worker()
        self.asked: deque[ChatAsked] = deque(maxlen=KEPT)
        self.all: dict[str, Batch] = {}

    # --- endpoints

    def create(self, given: dict[str, Any]) -> dict[str, Any]:
        if set(given) - {"metadata"} != {"input_file_id", "endpoint", "completion_window"}:
            raise refuse_parameter(f"want input_file_id, endpoint, completion_window, metadata; got {sorted(given)}")
        if given["endpoint"] not in {CHAT, TEST}:
            raise refuse_parameter(f"endpoint should be {CHAT} or {TEST}, got {given['endpoint']!r}")
        _check_window(given["completion_window"])
        _check_metadata(given.get("metadata", {}))
        source = self._files.record(given["input_file_id"])
        if not source.id.startswith("file-batch-"):
            raise refuse_parameter(f"{source.id} is no input file")
        with self._lock:
            number = len(self.all)
            batch = Batch(f"batch_{uuid.uuid4()}", number, self.plan(number), **{"metadata": {}, **given})
            batch.move("validating", "created_at")
            self.all[batch.id] = batch
        return batch.told()

    def retrieve(self, batch_id: str) -> dict[str, Any]:
        """Tell of a batch; being asked for moves it on."""
        batch = self._get(batch_id)
        with self._lock:
            batch.polls += 1
            told = batch.told()
            if self.polls_a_step and batch.polls % self.polls_a_step == 0:
                self._step(batch)
        return told

    def cancel(self, batch_id: str) -> dict[str, Any]:
        batch = self._get(batch_id)
        with self._lock:
            if batch.status not in {"validating", "in_progress", "finalizing"}:
                raise refuse_parameter(f"Cannot cancel a batch with status {batch.status!r}.")
            batch.move("cancelling")
            return batch.told()

    def list(self, query: dict[str, str]) -> dict[str, Any]:
        """The newest first; ``ds_name`` finds parts of names."""
        known = {"after", "limit", "ds_name", "input_file_ids", "status", "create_after", "create_before"}
        if unknown := set(query) - known:
            raise refuse_parameter(f"unknown query {sorted(unknown)}")
        found = [batch for batch in reversed(self.all.values()) if _wanted(batch, query)]
        page, more = one_page([batch.told() for batch in found], query, most=100)
        ends = {"first_id": page[0]["id"], "last_id": page[-1]["id"]} if page else {"first_id": None, "last_id": None}
        return {"object": "list", "data": page, **ends, "has_more": more}

    # --- the switch

    def advance(self, batch_id: str | None = None) -> None:
        """Move one batch a step, or all."""
        with self._lock:
            for batch in [self._get(batch_id)] if batch_id else list(self.all.values()):
                self._step(batch)

    def finish(self) -> None:
        """Move all to their ends."""
        while any(batch.status in STEPS for batch in self.all.values()):
            self.advance()

    def _get(self, batch_id: str) -> Batch:
        if batch_id not in self.all:
            raise refuse("not-found", f"No batch found with id '{batch_id}'.")
        return self.all[batch_id]

    # --- what steps do

    def _step(self, batch: Batch) -> None:
        if batch.status in STEPS:
            STEPS[batch.status](self, batch)

    def _validate(self, batch: Batch) -> None:
        path = self._files.path(batch.input_file_id)
        limits = self.test_limits if batch.endpoint == TEST else self.limits
        try:
            starts = check_input(path, batch.endpoint, dict(self._checker.models), limits)
        except BadInput as bad:
            batch.errors.append(bad.told)
            return batch.move("failed")
        batch.counts["total"] = len(starts)
        batch.work = self._work(batch, starts)
        return batch.move("in_progress")

    def _progress(self, batch: Batch) -> None:
        assert batch.work
        if batch.plan.end == "failed":
            batch.errors.append({"code": "system_error", "message": "internal error", "param": None, "line": None})
            return batch.move("failed")
        try:
            next(batch.work)
        except StopIteration:
            return batch.move("expired" if batch.plan.end == "expired" else "finalizing")
        return None

    def _cancel(self, batch: Batch) -> None:
        if batch.work:
            batch.work.close()  # writes down what there is
        batch.move("cancelled")

    def _work(self, batch: Batch, starts: array[int]) -> Iterator[None]:
        """The lines in shuffled order; stops after each portion but the last."""
        order, name = shuffled(len(starts), batch.number), batch.id.removeprefix("batch_")
        done = int(len(order) * batch.plan.done) if batch.plan.end == "expired" else len(order)
        portion = max(1, -(-done // batch.plan.portions))
        output, errors = (self._files.folder / f"file-batch_{kind}-{name}" for kind in ("output", "error"))
        with self._files.path(batch.input_file_id).open("rb") as source:
            try:
                with output.open("wb") as good, errors.open("wb") as bad:
                    for at, index in enumerate(order):
                        source.seek(starts[index])
                        line = source.readline()
                        if at < done:
                            self._work_line(batch, line, good, bad)
                        elif batch.plan.unfinished_in == "error file":
                            bad.write(unfinished(json.loads(line)["custom_id"]))
                        if at + 1 < done and (at + 1) % portion == 0:
                            yield
            finally:
                batch.output_file_id = self._keep(output)
                batch.error_file_id = self._keep(errors)

    def _keep(self, path: Any) -> str | None:
        """Register a file of results; none where it is empty."""
        if not path.stat().st_size:
            path.unlink()
            return None
        return self._files.add(path, f"{path.name}.jsonl", "batch_output").id

    def _work_line(self, batch: Batch, line: bytes, good: Any, bad: Any) -> None:
        given = json.loads(line)
        asked = None if batch.endpoint == TEST else self._read(given)
        scenario = None
        if asked and not isinstance(asked, Refusal):
            asked = self._count(asked)
            self.asked.append(_light(asked))
            scenario = scenario_of(self.script, asked)
        self.worker.failures_in = batch.plan.failures_in
        if told := self.worker.result(given["custom_id"], asked, scenario):
            (good if told.good else bad).write(told.line)
            batch.counts["completed" if told.good else "failed"] += 1

    def _read(self, given: dict[str, Any]) -> ChatAsked | Refusal:
        try:
            asked = self._checker.check_body(given["body"], given["custom_id"])
            if asked.stream or any(image.url.startswith("oss://") for image in asked.images):
                raise refuse_parameter("lines of a batch have no stream and no oss:// URLs")
        except Refusal as refusal:
            return refusal
        return self._with_page(asked)

    def _count(self, asked: ChatAsked) -> ChatAsked:
        """Number and attempt, for scripts that look at them."""
        if not callable(self.script):
            return asked
        key = asked.key
        asked = replace(asked, number=self._attempts.total(), attempt=self._attempts[key])
        self._attempts[key] += 1
        return asked


STEPS: dict[str, Callable[[Batches, Batch], None]] = {
    "validating": Batches._validate,
    "in_progress": Batches._progress,
    "finalizing": lambda batches, batch: batch.move("completed"),
    "cancelling": Batches._cancel,
}


def _light(asked: ChatAsked) -> ChatAsked:
    """To be remembered: with all that is known of its pictures, but without them."""
    if not any(image.data for image in asked.images):
        return asked
    images = tuple(replace(image, url=image.url[:40], data=b"") for image in asked.images)
    for light, image in zip(images, asked.images, strict=True):
        light.__dict__.update(number=image.number, identity=image.identity)  # what is worked out once
    return replace(asked, images=images)


def _check_window(window: Any) -> None:
    match = re.fullmatch(r"(\d+)([hd])", window) if isinstance(window, str) else None
    hours = int(match[1]) * (24 if match[2] == "d" else 1) if match else 0
    if not 24 <= hours <= 336:
        raise refuse_parameter(f"completion_window should be 24h-336h or 1d-14d, got {window!r}")


def _check_metadata(metadata: Any) -> None:
    most = {"ds_name": 100, "ds_description": 200, "ds_batch_finish_callback": 2000}
    if not isinstance(metadata, dict) or set(metadata) - set(most):
        raise refuse_parameter(f"metadata takes {', '.join(most)}; got {metadata!r}")
    for name, value in metadata.items():
        if not isinstance(value, str) or len(value) > most[name]:
            raise refuse_parameter(f"{name} should be a string of at most {most[name]} characters")


def _wanted(batch: Batch, query: dict[str, str]) -> bool:
    created = datetime.fromtimestamp(batch.times["created_at"], BEIJING).strftime("%Y%m%d%H%M%S")
    return (
        query.get("ds_name", "") in batch.metadata.get("ds_name", "")
        and batch.input_file_id in query.get("input_file_ids", batch.input_file_id).split(",")
        and batch.status in query.get("status", batch.status).split(",")
        and _moment(query, "create_after", "0" * 14) <= created <= _moment(query, "create_before", "9" * 14)
    )


def _moment(query: dict[str, str], name: str, otherwise: str) -> str:
    if not re.fullmatch(r"\d{14}", query.get(name, otherwise)):
        raise refuse_parameter(f"{name} should be yyyyMMddHHmmss, got {query[name]!r}")
    return query.get(name, otherwise)
