"""What came back for each line of a part: a reading, an error for good, or a reason to ask once more."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..engines.base import Asked
from ..errors import BatchError, EngineError, OCRError, ReplyTruncated
from ..results import Usage
from .lines import answers, body_of, pictures_of, request_line
from .state import packed, unpacked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from ..results import PageResult
    from ..tasks import Task
    from .lines import Answer, PartFiles
    from .service import BatchEngine
    from .state import Line, Part, State

CHUNK = 200  # lines noted together


class Answers:
    """Takes answers in, as an engine understands them; each line is settled once, however often they are read."""

    def __init__(self, engine: BatchEngine, tasks: Sequence[Task], state: State, files: PartFiles) -> None:
        self._engine, self._tasks, self._state, self._files = engine, tasks, state, files

    def take(self, part: Part, path: Path) -> None:
        """Note what a file of output or of errors says."""
        with self._noting() as note:
            for answer in answers(path):
                self._take(part, answer)
                note()

    @contextmanager
    def _noting(self) -> Iterator[Callable[[], None]]:
        """A change that is committed every few lines."""
        count = 0

        def note() -> None:
            nonlocal count
            count += 1
            if count % CHUNK == 0:
                self._state.commit()
                self._state.begin()

        self._state.begin()
        try:
            yield note
            self._state.commit()
        finally:
            self._state.rollback()

    def _take(self, part: Part, answer: Answer) -> None:
        line = self._state.line(answer.page, answer.task)
        if line is None or line.part != part.id or line.state != "asked":
            return  # not ours, or read before this process was started
        try:
            result = self._parsed(line, answer)
        except EngineError as error:
            error.message = self._engine.without_key(error.message)
            self._state.settle(self._failed(line, error), None)
        else:
            self._state.settle(line._replace(state="done", usage=line.usage + result.usage, error=None), result)

    def _parsed(self, line: Line, answer: Answer) -> PageResult:
        said = self._state.asked(line.page)
        asked = Asked(**{**said, "box": tuple(said["box"])})
        try:
            return self._engine.parse(asked, self._tasks[line.task], answer.reply)
        except OCRError:
            raise
        except Exception as error:
            raise EngineError(f"{type(error).__name__}: {error}", engine=self._engine.name) from error

    def _failed(self, line: Line, error: OCRError) -> Line:
        """The line as it goes on: to be asked again where that is worth it."""
        usage = getattr(error, "usage", None) or Usage()
        line = line._replace(usage=line.usage + usage, state="failed")
        first = unpacked(line.error) if line.extra and line.error else None
        if isinstance(error, ReplyTruncated) and first is None and not self._state["cancelled"]:
            extra = self._engine.second_chance(error)
            if extra:
                return line._replace(state="again", extra=json.dumps(extra), error=packed(error))
        if error.retryable and self._worth_it(line, error):
            return line._replace(state="again", error=line.error if first else packed(error))
        if isinstance(first, ReplyTruncated):
            error = max(first, error, key=lambda cut: len(cut.text)) if isinstance(error, ReplyTruncated) else first
        return line._replace(error=packed(error))

    def _worth_it(self, line: Line, error: OCRError) -> bool:
        attempts = min(self._engine.retry.attempts, getattr(error, "attempts", None) or self._engine.retry.attempts)
        return line.tries < attempts and not self._state["cancelled"]

    def close(self, part: Part) -> None:
        """Settle the lines nothing was heard of, and ask again what is worth it."""
        with self._noting() as note:
            for state in ("asked", "again") if self._state["cancelled"] else ("asked",):
                for line in self._open(part, state):
                    self._state.settle(self._missing(part, line), None)
                    note()
        with self._state.change():
            self._ask_again(part)
            self._state.note(part, state="collected")

    def _open(self, part: Part, state: str) -> Iterator[Line]:
        after = (0, -1)
        while lines := self._state.open_lines(part, state, after):
            yield from lines
            after = lines[-1][:2]

    def _missing(self, part: Part, line: Line) -> Line:
        cancelled = part.status == "cancelled" or self._state["cancelled"]
        why = "was cancelled before the page was read" if cancelled else _WHY.get(part.status, _WHY["completed"])
        reason = part.reason or "no reason given"
        told = packed(BatchError(f"the batch {why.format(reason)}; to ask once more, submit it with --again"))
        own = line.error if line.error and not isinstance(unpacked(line.error), BatchError) else None
        if not cancelled and line.tries < self._engine.retry.attempts:
            if part.status != "failed":
                return line._replace(state="again")
            if part.passing and own == line.error:  # else an earlier batch of it had failed as a whole already
                return line._replace(state="again", error=own if line.extra else told)
        return line._replace(state="failed", error=own or told)

    def _ask_again(self, part: Part) -> None:
        lines = self._open(part, "again")
        line = next(lines, None)
        if line is None:
            return
        new, size, count = self._state.add_part("ready"), 0, 0
        with self._files.reading(part) as old, self._files.path(new).open("wb") as file:
            while line is not None:
                old.seek(line.start)
                said = self._said_again(line, old.read(line.size))
                file.write(said)
                self._state.ask_again(line._replace(tries=line.tries + 1), new.id, (size, len(said)))
                size, count, line = size + len(said), count + 1, next(lines, None)
            file.flush()
            os.fsync(file.fileno())
        self._state.note(new, lines=count, size=size)

    def _said_again(self, line: Line, said: bytes) -> bytes:
        if line.extra is None:
            return said
        call = self._engine.request(self._tasks[line.task], pictures_of(body_of(said)), json.loads(line.extra))
        assert isinstance(call.body, bytes)
        return request_line(line.page, line.task, call.body)


_WHY = {
    "failed": "failed: {}",
    "expired": "ran out of time; give a longer window",
    "completed": "has no answer for the page",
}
