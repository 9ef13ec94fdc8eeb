"""What a reply says, put together from one JSON body or from a stream of events, in either of two protocols.

Shapes: Alibaba Model Studio, Qwen-OCR API reference (2026-01-16). Native, streamed with ``incremental_output``: each
event holds the next piece of text, ``finish_reason`` is the string ``"null"`` until the last, usage is cumulative.
OpenAI-compatible: ``delta`` instead of ``message`` in a stream, usage in an extra last chunk without choices, then
``[DONE]``; self-hosted servers may leave out any of usage, request id and finish_reason. What a model thinks
(``reasoning_content``) is no part of its reply; what it will not do may stand in ``refusal`` (OpenAI API reference,
2026-10).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ..errors import ServiceFailed
from ..repeats import RepeatWatch
from ..results import Usage
from .faults import Complaint, complaint, fault
from .sse import EventStream

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .flows import Reply
    from .sse import Event

_UNFINISHED = (None, "", "null")
_ENDS = {"eos_token": "stop", "stop_sequence": "stop"}  # as Text Generation Inference calls them
_WORDS = (None, "text", "output_text")  # types of a part of the content that is the reply, and no thought


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
        refusal: What the model said instead of a reply, where the service tells the two apart.
    """

    text: str = ""
    ocr_result: dict[str, Any] = field(default_factory=dict)
    finish_reason: str | None = None
    usage: Usage = Usage()
    logprobs: list[float] = field(default_factory=list)
    request_id: str | None = None
    processed: str = ""
    refusal: str = ""

    @property
    def confidence(self) -> float | None:
        """The geometric mean of the tokens' probabilities, 0-1; None without logprobs."""
        return math.exp(sum(self.logprobs) / len(self.logprobs)) if self.logprobs else None


Protocol = Callable[[Transcript, Mapping[str, Any]], None]
"""Takes one body or event into a transcript: text is appended, the rest replaces what was known."""


def native(transcript: Transcript, said: Mapping[str, Any]) -> None:
    """The DashScope protocol."""
    transcript.request_id = said.get("request_id") or transcript.request_id
    transcript.usage = _usage(said.get("usage")) or transcript.usage
    for choice in (said.get("output") or {}).get("choices") or ():
        _hear(transcript, choice, choice.get("message"))


def compatible(transcript: Transcript, said: Mapping[str, Any]) -> None:
    """The OpenAI-compatible protocol, chat completions; of several choices the first, as the others say it again."""
    transcript.request_id = said.get("id") or transcript.request_id
    transcript.usage = _compatible_usage(said.get("usage"), transcript.usage)
    for choice in said.get("choices") or ():
        if choice.get("index"):
            continue
        message = choice.get("message") or choice.get("delta") or {}
        _hear(transcript, choice, message)
        transcript.refusal += message.get("refusal") or ""
        if choice.get("message") and transcript.finish_reason is None:
            transcript.finish_reason = "stop"  # it came in one piece, so it is whole


def _hear(transcript: Transcript, choice: Mapping[str, Any], message: Mapping[str, Any] | None) -> None:
    reason = choice.get("finish_reason")
    transcript.finish_reason = transcript.finish_reason if reason in _UNFINISHED else _ENDS.get(reason, reason)
    logprobs = (choice.get("logprobs") or {}).get("content") or ()
    transcript.logprobs += [token["logprob"] for token in logprobs]
    _add_content(transcript, (message or {}).get("content"))


def _add_content(transcript: Transcript, content: str | list[Mapping[str, Any]] | None) -> None:
    elements: list[Mapping[str, Any]] = [{"text": content}] if isinstance(content, str) else content or []
    found: dict[str, Any] = {}
    for element in elements:
        if element.get("type") not in _WORDS:
            continue
        transcript.text += element.get("text") or ""
        transcript.processed += element.get("processed_text") or ""
        for name, value in (element.get("ocr_result") or {}).items():
            both = isinstance(value, list) and isinstance(found.get(name), list)
            found[name] = found[name] + value if both else value
    transcript.ocr_result |= found


def read_reply(reply: Reply, protocol: Protocol = native) -> Transcript:
    """The transcript of a reply, streamed or not.

    Raises:
        EngineError: The service complains, in whatever shape; ``ServiceFailed`` where what came is no reply at all.
    """
    if reply.status != 200:
        raise _complaint(reply)
    read = _of_body if reply.body.lstrip()[:1] == b"{" else _of_events
    try:
        return read(reply, protocol)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ServiceFailed(f"the reply is put together as no document says ({error}); try again later") from error


def _complaint(reply: Reply) -> Exception:
    from time import time

    from ..pace import retry_after

    said = complaint(reply.body) or Complaint("", "no reason given")
    if said.request_id is None:
        said = said._replace(request_id=reply.headers.get("x-request-id"))
    return fault(reply.status, said, retry_after=retry_after(reply.headers.get("retry-after"), time()))


def _of_body(reply: Reply, protocol: Protocol) -> Transcript:
    said = _json(reply.body)
    if not isinstance(said, dict) or not (said.get("output") or said.get("choices")):
        raise _complaint(reply)  # 200 with an error inside
    transcript = Transcript(request_id=reply.headers.get("x-request-id"))
    protocol(transcript, said)
    return transcript


def _of_events(reply: Reply, protocol: Protocol) -> Transcript:
    transcript, stream = Transcript(request_id=reply.headers.get("x-request-id")), EventStream()
    for said in events(stream, [reply.body]):
        protocol(transcript, said)
    if stream.done and transcript.finish_reason is None:
        transcript.finish_reason = "stop"  # some servers only say [DONE]
    return transcript


def events(stream: EventStream, chunks: Iterable[bytes], *, ended: bool = True) -> Iterator[dict[str, Any]]:
    """The JSON of each event; of one that the end of the stream cut off nothing.

    Raises:
        EngineError: An event is an error; it has the status that the event's comment names.
    """
    for event in [event for chunk in chunks for event in stream.feed(chunk)]:
        yield _of_event(event)
    for event in stream.finish() if ended else ():
        if event.kind == "error" or _is_json(event.data):
            yield _of_event(event)


def _of_event(event: Event) -> dict[str, Any]:
    said = event.data.encode()
    if event.kind == "error" or event.status != 200:
        raise fault(event.status if event.status != 200 else 400, complaint(said) or Complaint("", event.data[:200]))
    data: dict[str, Any] = _json(said)
    if not (data.get("output") or "choices" in data) and (problem := complaint(said)):
        raise fault(200, problem)
    return data


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


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


def _compatible_usage(said: Mapping[str, Any] | None, before: Usage) -> Usage:
    """As said, or as known before; an answered call is a call, also where a server does not count tokens."""
    if not said:
        return replace(before, calls=1)
    images = (said.get("prompt_tokens_details") or {}).get("image_tokens") or 0
    return Usage(1, said.get("prompt_tokens") or 0, said.get("completion_tokens") or 0, images)


class LoopWatch:
    """Looks at a stream as it comes and says when it only repeats itself, so that no more of it is paid for."""

    def __init__(self, protocol: Protocol = native) -> None:
        self._protocol = protocol
        self._events = EventStream()
        self._repeats = RepeatWatch()

    def __call__(self, chunk: bytes) -> bool:
        """True once the text has run into a loop."""
        said = Transcript()
        try:
            for event in events(self._events, [chunk], ended=False):
                self._protocol(said, event)
        except Exception:  # noqa: BLE001 - whatever is wrong with the stream, who reads the whole of it will say so
            return False
        return bool(said.text) and self._repeats.feed(said.text) is not None
