"""Server-sent events, bytes in, events out, wherever the network cuts them.

DashScope writes ``id:1``, ``event:result``, ``:HTTP_STATUS/200`` (a comment) and ``data:{json}`` without spaces after
the colons; an error inside a stream carries its real status in that comment alone (observed 2026-08; HTML Living
Standard, "Server-sent events", for the rest).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_STATUS = re.compile(r":HTTP_STATUS/(\d{3})")


class Event(NamedTuple):
    """One event; ``kind`` is ``"message"`` where unnamed, ``status`` the HTTP status it carries, 200 by default."""

    data: str
    kind: str = "message"
    status: int = 200


class EventStream:
    """Takes bytes as they come and gives the events that are complete."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._lines: list[str] = []

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """The events that end in this chunk; consume them before the next one."""
        self._bytes += chunk
        *lines, rest = self._bytes.split(b"\n")
        self._bytes = bytearray(rest)
        for raw in lines:
            line = raw.rstrip(b"\r").decode("utf-8", "replace")
            if line:
                self._lines.append(line)
            elif self._lines:
                yield from self._ended()

    def finish(self) -> Iterator[Event]:
        """The event that the end of the stream completes, though its blank line is missing."""
        yield from self.feed(b"\n\n")

    def _ended(self) -> Iterator[Event]:
        lines, self._lines = self._lines, []
        data = [line[5:].removeprefix(" ") for line in lines if line.startswith("data:")]
        kinds = [line[6:].strip() for line in lines if line.startswith("event:")]
        statuses = [int(match[1]) for line in lines if (match := _STATUS.match(line))]
        if data:
            yield Event("\n".join(data), kinds[-1] if kinds else "message", statuses[-1] if statuses else 200)
