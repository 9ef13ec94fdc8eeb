"""Server-sent events, bytes in, events out, wherever the network cuts them.

DashScope writes ``id:1``, ``event:result``, ``:HTTP_STATUS/200`` (a comment) and ``data:{json}`` without spaces after
the colons; an error inside a stream carries its real status in that comment alone (observed 2026-08). Line ends, the
byte order mark and fields: HTML Living Standard, "Server-sent events" (2026-10). OpenAI-compatible servers close a
stream with the data ``[DONE]``, which is no JSON and no event of ours.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_STATUS = re.compile(r":\s*HTTP_STATUS/(\d{3})")
_LINE_END = re.compile(rb"\r\n|\n|\r")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_DONE = "[DONE]"


class Event(NamedTuple):
    """One event; ``kind`` is ``"message"`` where unnamed, ``status`` the HTTP status it carries, 200 by default."""

    data: str
    kind: str = "message"
    status: int = 200


class EventStream:
    """Takes bytes as they come and gives the events that are complete.

    Attributes:
        done: The server has said ``[DONE]``.
    """

    def __init__(self) -> None:
        self.done = False
        self._began = False
        self._after_cr = False
        self._rest = bytearray()
        self._lines: list[str] = []

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """The events that end in this chunk; consume them before the next one."""
        for line in self._ended_lines(chunk):
            if line:
                self._lines.append(line.decode("utf-8", "replace"))
            else:
                yield from self._ended_event()

    def finish(self) -> Iterator[Event]:
        """The event that the end of the stream completes, though its blank line is missing."""
        yield from self.feed(b"\n\n")

    def _ended_lines(self, chunk: bytes) -> Iterator[bytes]:
        if not chunk:
            return
        if self._after_cr:
            chunk = chunk.removeprefix(b"\n")  # the second half of a line end that was cut in two
        self._after_cr = chunk.endswith(b"\r")
        first, *others = _LINE_END.split(chunk)
        self._rest += first
        for following in others:
            line, self._rest = bytes(self._rest), bytearray(following)
            yield line if self._began else line.removeprefix(_BYTE_ORDER_MARK)
            self._began = True

    def _ended_event(self) -> Iterator[Event]:
        lines, self._lines = self._lines, []
        statuses = [int(match[1]) for line in lines if (match := _STATUS.match(line))]
        fields = [(name, value.removeprefix(" ")) for name, _, value in (line.partition(":") for line in lines)]
        data = [value for name, value in fields if name == "data"]
        kinds = [value.strip() for name, value in fields if name == "event"]
        text = "\n".join(data)
        if text.strip() == _DONE:
            self.done = True
        elif data:
            yield Event(text, kinds[-1] if kinds else "message", statuses[-1] if statuses else 200)
