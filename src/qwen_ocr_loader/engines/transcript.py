"""What a DashScope reply says, put together from one JSON body or from a stream of events.

Shapes: Alibaba Model Studio, Qwen-OCR API reference (2026-01-16). Streamed with ``incremental_output``, each event
holds the next piece of text, ``finish_reason`` is the string ``"null"`` until the last, usage is cumulative.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import ServiceFailed
from ..repeats import RepeatWatch
from ..results import Usage
from .faults import Complaint, complaint, fault
from .sse import EventStream

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from .http import Reply

_UNFINISHED = (None, "", "null")


@dataclass(slots=True)
class Transcript:
    """One reply.

    Attributes:
        text: All pieces joined; the service's own ``processed_text`` (repeats removed) where it sent one.
        ocr_result: ``words_info``, ``kv_result`` and the like, as they came; of any content element or event.
        finish_reason: ``"stop"``, ``"length"``, or None where the reply ended without one.
        usage: Tokens it was billed for.
        logprobs: Of each token, where asked for.
        request_id: The service's.
    """

    text: str = ""
    ocr_result: dict[str, Any] = field(default_factory=dict)
    finish_reason: str | None = None
    usage: Usage = Usage()
    logprobs: list[float] = field(default_factory=list)
    request_id: str | None = None
    processed: str = ""

    def add(self, said: Mapping[str, Any]) -> None:
        """Take in one body or event: text is appended, the rest replaces what was known."""
        self.request_id = said.get("request_id") or self.request_id
        self.usage = _usage(said.get("usage")) or self.usage
        output = said.get("output") or {}
        for choice in output.get("choices") or ():
            reason = choice.get("finish_reason")
            self.finish_reason = self.finish_reason if reason in _UNFINISHED else reason
            self.logprobs += [token["logprob"] for token in (choice.get("logprobs") or {}).get("content") or ()]
            self._add_content((choice.get("message") or {}).get("content"))

    def _add_content(self, content: str | list[Mapping[str, Any]] | None) -> None:
        elements: list[Mapping[str, Any]] = [{"text": content}] if isinstance(content, str) else content or []
        found: dict[str, Any] = {}
        for element in elements:
            self.text += element.get("text") or ""
            self.processed += element.get("processed_text") or ""
            for name, value in (element.get("ocr_result") or {}).items():
                both = isinstance(value, list) and isinstance(found.get(name), list)
                found[name] = found[name] + value if both else value
        self.ocr_result |= found

    @property
    def confidence(self) -> float | None:
        """The geometric mean of the tokens' probabilities, 0-1; None without logprobs."""
        return math.exp(sum(self.logprobs) / len(self.logprobs)) if self.logprobs else None


def read_reply(reply: Reply) -> Transcript:
    """The transcript of a reply, streamed or not.

    Raises:
        EngineError: The service complains, in whatever shape; ``ServiceFailed`` where what came is no reply at all.
    """
    if reply.status != 200:
        raise _complaint(reply)
    try:
        return _of_body(reply) if reply.body.lstrip()[:1] == b"{" else _of_events(reply)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ServiceFailed(f"the reply is put together as no document says ({error}); try again later") from error


def _complaint(reply: Reply) -> Exception:
    from time import time

    from ..pace import retry_after

    said = complaint(reply.body) or Complaint("", "no reason given")
    if said.request_id is None:
        said = said._replace(request_id=reply.headers.get("x-request-id"))
    return fault(reply.status, said, retry_after=retry_after(reply.headers.get("retry-after"), time()))


def _of_body(reply: Reply) -> Transcript:
    said = _json(reply.body)
    if not isinstance(said, dict) or not said.get("output"):
        raise _complaint(reply)  # 200 with an error inside
    transcript = Transcript(request_id=reply.headers.get("x-request-id"))
    transcript.add(said)
    return transcript


def _of_events(reply: Reply) -> Transcript:
    transcript = Transcript(request_id=reply.headers.get("x-request-id"))
    for said in events(EventStream(), [reply.body]):
        transcript.add(said)
    return transcript


def events(stream: EventStream, chunks: Iterable[bytes], *, ended: bool = True) -> Iterator[dict[str, Any]]:
    """The JSON of each event.

    Raises:
        EngineError: An event is an error; it has the status that the event's comment names.
    """
    found = (event for chunk in chunks for event in stream.feed(chunk))
    problem: Complaint | None
    for event in [*found, *(stream.finish() if ended else ())]:
        if event.kind == "error" or event.status != 200:
            problem = complaint(event.data.encode()) or Complaint("", event.data[:200])
            raise fault(event.status if event.status != 200 else 400, problem)
        data = _json(event.data.encode())
        if not data.get("output") and (problem := complaint(event.data.encode())):
            raise fault(200, problem)
        yield data


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        text = body.decode("utf-8", "replace")
        if not text.strip():
            raise ServiceFailed("the service answered with nothing; try again later") from error
        raise ServiceFailed(f"the service answered with no JSON ({text[:80]!r}); try again later") from error


def _usage(said: Mapping[str, Any] | None) -> Usage | None:
    if not said:
        return None
    return Usage(1, said.get("input_tokens") or 0, said.get("output_tokens") or 0, _image_tokens(said))


def _image_tokens(said: Mapping[str, Any]) -> int:
    return said.get("image_tokens") or (said.get("input_tokens_details") or {}).get("image_tokens") or 0


class LoopWatch:
    """Looks at a stream as it comes and says when it only repeats itself, so that no more of it is paid for."""

    def __init__(self) -> None:
        self._events = EventStream()
        self._repeats = RepeatWatch()

    def __call__(self, chunk: bytes) -> bool:
        """True once the text has run into a loop."""
        said = Transcript()
        try:
            for event in events(self._events, [chunk], ended=False):
                said.add(event)
        except Exception:  # noqa: BLE001 - whatever is wrong with the stream, who reads the whole of it will say so
            return False
        return bool(said.text) and self._repeats.feed(said.text) is not None
