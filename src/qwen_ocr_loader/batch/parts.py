"""Parts on their way: uploaded, made a batch, looked at once a minute, answered, and what failed asked again.

Each step is noted before the service is told and after it has answered. Where a process ended in between, the next one
first asks the service what it did: a page is never bought twice.
"""

from __future__ import annotations

import logging
import math
import re
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from ..engines.flows import Pause, persistent
from ..errors import BatchError, EngineError, RateLimited, RequestRejected, ServiceFailed
from .answers import Answers
from .lines import ENDPOINT
from .service import Service, failures, passing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ..engines.flows import Flow
    from ..tasks import Task
    from .lines import PartFiles
    from .service import BatchEngine
    from .state import Part, State

UNSENT = ("ready", "uploading", "uploaded", "creating")
UNFINISHED = (*UNSENT, "running", "ended", "collected")
UNREAD = ("filling", *UNSENT, "running", "ended")
ENDED = ("completed", "failed", "expired", "cancelled")
WINDOW = "24h"  # where none was ever given
LISTED_AFTER = 30.0  # seconds in which a batch made a moment ago may not be listed yet
logger = logging.getLogger("qwen_ocr_loader")


@dataclass(frozen=True, slots=True)
class Pace:
    """How a batch is waited for.

    Attributes:
        window: Time the service has for a batch: ``"24h"`` to ``"336h"``, or ``"1d"`` to ``"14d"``. None for the one
            given last, which the state file keeps; ``"24h"`` where there is none.
        poll: Seconds between two looks at a batch, and before the first; the vendor asks for more than a minute.
        keep_files: Leave the files of requests and answers in the service's storage once their answers are here.

    Raises:
        ValueError: A window the service would refuse, or a ``poll`` that is no time to wait.
    """

    window: str | None = None
    poll: float = 60.0
    keep_files: bool = False

    def __post_init__(self) -> None:
        match = re.fullmatch(r"(\d{1,3})([hd])", WINDOW if self.window is None else self.window)
        hours = int(match[1]) * (24 if match[2] == "d" else 1) if match else 0
        if not 24 <= hours <= 336:
            raise ValueError(f"window={self.window!r}: want 24h to 336h, or 1d to 14d")
        if not 0 <= self.poll < math.inf:
            raise ValueError(f"poll={self.poll!r}: want seconds, 0 or more; 60 is what the vendor asks for")


class Parts:
    """All parts of a job, and the flows that move them on."""

    def __init__(
        self,
        engine: BatchEngine,
        tasks: Sequence[Task],
        state: State,
        files: PartFiles,
        pace: Pace,
        clock: Callable[[], float],
        tell: Callable[[], None],
    ) -> None:
        self._state, self._files, self._retry = state, files, engine.retry
        self._service = Service(engine)
        self._answers = Answers(engine, tasks, state, files)
        self._pace, self._clock, self._tell = pace, clock, tell

    def keep_window(self) -> None:
        """Remember the window that was given, for whatever is asked again."""
        if self._pace.window is not None:
            self._state["window"] = self._pace.window

    def send(self) -> Flow[None]:
        """Upload what is not uploaded, and make batches of it.

        Raises:
            EngineError, BatchError: The service refuses; what it has taken so far stays taken.
        """
        for part in self._state.parts(*UNSENT):
            with _told():
                yield from self._send(part)

    def advance(self, *, wait: bool) -> Flow[bool]:
        """Look at what is running, fetch what has ended, ask again what failed.

        Args:
            wait: Until a part has ended; else come back at once.

        Returns:
            Whether nothing is left to wait for.
        """
        self.keep_window()
        while True:
            fetched = False
            yield from self.look(patient=wait)
            for part in self._state.parts("ended", "collected"):
                with _told():
                    yield from self._gather(part)
                fetched = True
            yield from self.send()
            unfinished = self._state.parts(*UNFINISHED)
            if not unfinished or fetched or not wait:
                return not unfinished
            self._tell()
            soonest = min(part.looked for part in unfinished) + self._pace.poll
            yield Pause(max(0.0, soonest - self._clock()))

    # --- there --------------------------------------------------------------------------------------------------------

    def _send(self, part: Part) -> Flow[None]:
        name = f"{self._state['name']}-{part.id}"
        if part.state == "uploading":  # an earlier process may have come through
            found = yield from self._service.find_file(f"{name}.jsonl", part.size)
            part = self._state.note(part, state="uploaded" if found else "ready", file_id=found)
        if part.state == "ready":
            self._state.note(part, state="uploading")
            with self._files.reading(part):
                file_id = yield from self._service.upload(self._files.path(part), f"{name}.jsonl")
            part = self._state.note(part, state="uploaded", file_id=file_id)
        yield from persistent(partial(self._create, part, name), self._retry)

    def _create(self, part: Part, name: str) -> Flow[None]:
        """Make the batch, once: after an attempt whose outcome nobody saw, look whether it is there."""
        part = self._state.part(part.id)
        assert part.file_id is not None
        batch = None
        if part.state == "creating":
            batch = yield from self._created(part.file_id, name)
        if batch is None:
            self._state.note(part, state="creating")
            try:
                window = self._state["window"] or WINDOW  # none in files of before it was kept
                batch = yield from self._service.create(part.file_id, ENDPOINT, window, name)
            except ServiceFailed:
                raise  # it may be there nevertheless
            except EngineError:
                self._state.note(part, state="uploaded")
                raise
        self._state.note(part, state="running", batch_id=batch["id"], looked=self._clock(), status=_status(batch))

    def _created(self, file_id: str, name: str) -> Flow[dict[str, Any] | None]:
        found = yield from self._service.find(file_id, name)
        if found is None:
            yield Pause(LISTED_AFTER)
            found = yield from self._service.find(file_id, name)
        return found

    # --- and back -----------------------------------------------------------------------------------------------------

    def look(self, *, patient: bool = False) -> Flow[None]:
        """Ask about each running batch that was not asked about within the last minute."""
        for part in self._state.parts("running"):
            if self._clock() >= part.looked + self._pace.poll:
                with _told():
                    yield from self._look(part, patient=patient)

    def _look(self, part: Part, *, patient: bool) -> Flow[None]:
        assert part.batch_id is not None
        try:
            batch = yield from self._service.look(part.batch_id)
        except (RateLimited, ServiceFailed) as error:
            if not patient:
                raise
            logger.warning("%s: %s", part.batch_id, error.message)
            self._state.note(part, looked=self._clock())
            return
        self._state.note(
            part,
            state="ended" if _status(batch) in ENDED else "running",
            status=_status(batch),
            completed=(batch.get("request_counts") or {}).get("completed") or 0,
            output_id=batch.get("output_file_id"),
            error_id=batch.get("error_file_id"),
            reason="; ".join(failures(batch)),
            passing=passing(batch),
            looked=self._clock(),
        )

    def _gather(self, part: Part) -> Flow[None]:
        """Note what came back for a part, and put what is to be asked again into a new one."""
        if part.state == "ended":
            for file_id in filter(None, (part.output_id, part.error_id)):
                yield from self._read(part, file_id)
            self._answers.close(part)
        if not self._pace.keep_files:
            for file_id in filter(None, (part.file_id, part.output_id, part.error_id)):
                yield from self._service.delete(file_id)
        self._files.remove(self._files.path(part), self._files.output(part))
        self._state.note(part, state="closed")

    def _read(self, part: Part, file_id: str) -> Flow[None]:
        path = self._files.output(part)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield from self._service.fetch(file_id, path)
        except RequestRejected as error:
            # One of the vendor's pages says that only files of output can be downloaded. What the file of errors says
            # is then unknown, and its lines count as missing.
            if file_id == part.output_id:
                raise
            logger.warning("the file of errors %s cannot be read: %s", file_id, error.message)
            return
        self._answers.take(part, path)

    # --- not any more -------------------------------------------------------------------------------------------------

    def cancel(self) -> Flow[None]:
        """Send nothing more, and have the service stop; what it has read already can be collected."""
        if not self._state["taking"] and not self._state.parts(*UNREAD):
            return  # all is collected: there is nothing to stop
        self._state["cancelled"] = True
        for part in self._state.parts("creating"):
            assert part.file_id is not None
            batch = yield from self._created(part.file_id, f"{self._state['name']}-{part.id}")
            if batch:
                self._state.note(part, state="running", batch_id=batch["id"], looked=self._clock())
        for part in self._state.parts("filling", *UNSENT):
            self._state.note(part, state="ended", status="cancelled")
        for part in self._state.parts("running"):
            assert part.batch_id is not None
            try:
                batch = yield from self._service.cancel(part.batch_id)
            except RequestRejected as error:
                logger.warning("%s is not to be cancelled: %s", part.batch_id, error.message)
            else:
                self._state.note(part, status=_status(batch))


def _status(batch: dict[str, Any]) -> str:
    return str(batch.get("status") or "")


@contextmanager
def _told() -> Iterator[None]:
    """A refusal of the service's that concerns the batch, not a page."""
    try:
        yield
    except RequestRejected as error:
        refused = BatchError(f"the service refuses the batch: {error.message}; use the key and region it began with")
        raise refused from error
