"""The lines of a batch's files: a request each, under a name, and what came back under it.

Protocol: Alibaba Model Studio, "OpenAI compatible - Batch (file input)", 2025-12 to 2026-10.
"""

from __future__ import annotations

import json
import logging
import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from ..engines.flows import Reply
from ..errors import BatchError, SourceTooLarge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from types import TracebackType
    from typing import BinaryIO

    from .state import Part, State

ENDPOINT = "/v1/chat/completions"
LINE_FRAME = 200  # bytes of a line around its request, at most
logger = logging.getLogger("qwen_ocr_loader")


@dataclass(frozen=True, slots=True)
class PartLimits:
    """What the service takes as one file.

    Attributes:
        lines: In a file.
        size: Bytes of a file. The service takes 500 MB; a few stay free, as a line may grow when it is asked again.
        line: Bytes of a line.
    """

    lines: int = 50_000
    size: int = 490_000_000
    line: int = 6_000_000

    @property
    def picture(self) -> int:
        """Characters of a picture's ``data:`` URL, which leave room for the longest prompt and schema."""
        return self.line - 100_000


def request_line(page: int, task: int, body: bytes, endpoint: str = ENDPOINT) -> bytes:
    """One request, with its line break; ``body`` is JSON without one."""
    head = json.dumps({"custom_id": f"{page}-{task}", "method": "POST", "url": endpoint})
    return head[:-1].encode() + b', "body": ' + body + b"}\n"


def body_of(line: bytes) -> dict[str, Any]:
    """The request in a line."""
    body: dict[str, Any] = json.loads(line)["body"]
    return body


def pictures_of(body: dict[str, Any]) -> list[str]:
    """The URLs of the pictures in a request."""
    return [part["image_url"]["url"] for part in body["messages"][0]["content"] if part["type"] == "image_url"]


class Answer(NamedTuple):
    """What came back for a line, as if it had been asked by itself."""

    page: int
    task: int
    reply: Reply


def answers(path: Path) -> Iterator[Answer]:
    """What an output or error file says, line by line; a line that nobody can read is as good as missing."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                yield _answer(json.loads(line))
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                logger.warning("%s, line %d is no answer (%s); passed over", path.name, number, error)


def _answer(said: dict[str, Any]) -> Answer:
    page, task = map(int, said["custom_id"].split("-"))
    response = said.get("response") or {}
    body, error = response.get("body"), said.get("error")
    if not isinstance(body, dict) or (error and not body.get("choices")):
        body = {"error": error or {"code": "", "message": "neither an answer nor an error"}}
    status = int(response.get("status_code") or (200 if "choices" in body else 500))
    request_id = response.get("request_id")
    return Answer(
        page, task, Reply(status, {"x-request-id": request_id} if request_id else {}, json.dumps(body).encode())
    )


class PartFiles:
    """Where the parts' files are: written once, read where a line is to be asked again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, part: Part) -> Path:
        """Of a part's requests."""
        return self.folder / f"part-{part.id:05}.jsonl"

    def output(self, part: Part) -> Path:
        """Where a part's answers are downloaded to."""
        return self.folder / f"answers-{part.id:05}.jsonl"

    @contextmanager
    def reading(self, part: Part) -> Iterator[BinaryIO]:
        """A part's requests.

        Raises:
            BatchError: The file is gone.
        """
        try:
            file = self.path(part).open("rb")
        except OSError as error:
            raise gone(self.path(part)) from error
        with file:
            yield file

    def remove(self, *paths: Path) -> None:
        """Delete files, and the folder with the last of them."""
        for path in paths:
            path.unlink(missing_ok=True)
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()


def gone(path: Path) -> BatchError:
    """The error for a file of ours that somebody took away."""
    return BatchError(f"{path} is gone, and with it what is still to be asked; submit again with another -s")


class PartWriter:
    """Writes lines into one part after another; what ``keep`` did not note is cut off by the next process.

    Raises:
        BatchError: A part that was begun is gone.
    """

    def __init__(self, state: State, files: PartFiles, limits: PartLimits) -> None:
        self._state, self._files, self.limits = state, files, limits
        files.folder.mkdir(parents=True, exist_ok=True)
        begun = state.parts("filling")
        self._part = begun[-1] if begun else state.add_part("filling")
        self._file = self._reopened() if begun and self._part.lines else files.path(self._part).open("wb")

    def _reopened(self) -> BinaryIO:
        path = self._files.path(self._part)
        if not path.exists() or path.stat().st_size < self._part.size:
            raise gone(path)
        file = path.open("r+b")
        file.truncate(self._part.size)
        file.seek(0, os.SEEK_END)
        return file

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def check(self, bodies: Iterable[bytes]) -> None:
        """Refuse requests that make a longer line than the service takes.

        Raises:
            SourceTooLarge: One of them does.
        """
        longest = max(map(len, bodies)) + LINE_FRAME
        if longest > self.limits.line:
            raise SourceTooLarge(
                f"a request of {longest:,} bytes is over {self.limits.line:,}; shorten it, or lower dpi"
            )

    def add(self, line: bytes) -> tuple[int, tuple[int, int]]:
        """Write a line; returns its part's id and where it stands: start and size in bytes."""
        limits, part = self.limits, self._part
        if part.lines == limits.lines or part.size + len(line) > limits.size:
            part = self._next()
        self._file.write(line)
        self._part = part._replace(lines=part.lines + 1, size=part.size + len(line))
        return part.id, (part.size, len(line))

    def _next(self) -> Part:
        self.keep()
        self._file.close()
        self._part = self._state.add_part("filling")
        self._file = self._files.path(self._part).open("wb")
        return self._part

    def keep(self) -> None:
        """Have all lines so far on disk, and their number and size noted, to be committed by the caller."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._state.note(self._part, lines=self._part.lines, size=self._part.size)
