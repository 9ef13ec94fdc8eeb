"""What may happen to a request: scenarios as data, and scripts that choose among them.

A scenario plays one exchange. A script is a scenario, or a function from what was asked to one:
``in_turn(fault("rate-quota"), ok())``, ``by_page({3: cut()})``, ``mixed(0.05, seed=1)``.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from dashscope_answers import Framing, PageText, Reply, event, frames, limited, read_page, whole
from dashscope_faults import FAULTS, Fault, compact

if TYPE_CHECKING:
    from dashscope_checks import Asked
    from http_server import Exchange


class Scenario(Protocol):
    """What becomes of one request; ``asked`` is None where it was not one for a generation."""

    async def play(self, exchange: Exchange, asked: Asked | None) -> None: ...


Script = Scenario | Callable[["Asked"], Scenario]


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply with HTTP status 200, and all that may be wrong with it or its delivery.

    Attributes:
        page: What is read; the server's own pages where None.
        text: Instead of the page's; without an ``ocr_result``.
        keep: Tokens after which the reply stops for its length.
        endless: The reply ended only because of its length.
        delay: Seconds before the first byte.
        pause: Seconds between pieces, which are ``piece`` bytes long; whole events, or the whole body, where None.
        cut: The fraction of the body after which the connection is closed.
        tidy: The cut stream ends as HTTP wants it, so that only what is missing tells.
        hang_up: The connection is closed after the reply, with no word of it.
        fault: Ends the stream after ``before`` events, as an event itself; an error reply where nothing is streamed.
    """

    page: PageText | None = None
    text: str | None = None
    keep: int | None = None
    endless: bool = False
    delay: float = 0.0
    framing: Framing = Framing()
    piece: int | None = None
    pause: float = 0.0
    cut: float | None = None
    tidy: bool = False
    hang_up: bool = False
    fault: Fault | None = None
    before: int = 0

    async def play(self, exchange: Exchange, asked: Asked | None) -> None:
        assert asked, "only generations are answered"
        await asyncio.sleep(self.delay)
        if self.fault and not asked.stream:
            return await Refused(self.fault).play(exchange, asked)
        exchange.hang_up = self.hang_up
        await self._deliver(self._events(exchange, asked), exchange, asked)
        if exchange.outcome == "sent" and self.cut is None and not self.fault:
            exchange.notes["billed"] = len(asked.images)
        return None

    def reply(self, asked: Asked) -> Reply:
        reply = Reply(self.text) if self.text is not None else read_page(self.page or asked.page or PageText(), asked)
        reply = limited(reply, asked)
        if self.keep is not None:
            return Reply("".join(reply.tokens[: self.keep]), None, "length")
        return replace(reply, finish="length") if self.endless else reply

    def _events(self, exchange: Exchange, asked: Asked) -> list[bytes]:
        """The body in its natural pieces."""
        request_id, reply = exchange.notes["request_id"], self.reply(asked)
        if not asked.stream:
            return [compact(whole(reply, asked, request_id)).encode()]
        said = frames(reply, asked, request_id, self.framing)
        events = [event(number, compact(data)) for number, data in enumerate(said, 1)]
        if self.fault:
            before = min(self.before, len(events) - 1)
            return [*events[:before], self.fault.frame(before + 1, request_id).encode()]
        return events

    async def _deliver(self, events: list[bytes], exchange: Exchange, asked: Asked) -> None:
        kind = "text/event-stream;charset=UTF-8" if asked.stream else "application/json"
        length = None if asked.stream else sum(map(len, events))
        exchange.start(200, {"Content-Type": kind, "X-Request-Id": exchange.notes["request_id"]}, length=length)
        for piece in self._pieces(events):
            await exchange.write(piece)
            await asyncio.sleep(self.pause)
        if self.cut is None or (self.tidy and asked.stream):
            await exchange.finish()
        else:
            exchange.cut()

    def _pieces(self, events: list[bytes]) -> list[bytes]:
        if self.cut is None and self.piece is None:
            return events
        body = b"".join(events)
        body = body if self.cut is None else body[: int(len(body) * self.cut)]
        step = self.piece or max(1, len(body))
        return [body[start : start + step] for start in range(0, len(body), step)]


@dataclass(frozen=True, slots=True)
class Refused:
    """An error reply. ``retry_after`` is the header's value, seconds or a date."""

    fault: Fault
    retry_after: str | None = None

    async def play(self, exchange: Exchange, asked: Asked | None) -> None:
        request_id = exchange.notes["request_id"]
        headers = {"Content-Type": self.fault.content_type, "X-Request-Id": request_id}
        if self.retry_after is not None:
            headers["Retry-After"] = self.retry_after
        exchange.notes["fault"] = self.fault
        await exchange.send(self.fault.status, self.fault.body(request_id), headers)


@dataclass(frozen=True, slots=True)
class Raw:
    """Any bytes: as the body of a reply with that status, or, where that is 0, in place of HTTP itself."""

    data: bytes
    status: int = 200
    content_type: str = "application/json"

    async def play(self, exchange: Exchange, asked: Asked | None) -> None:
        if self.status:
            return await exchange.send(self.status, self.data, {"Content-Type": self.content_type})
        exchange.writer.write(self.data)
        await exchange.writer.drain()
        return exchange.cut()


@dataclass(frozen=True, slots=True)
class Dropped:
    """No reply at all: the connection is closed, or reset."""

    reset: bool = False
    delay: float = 0.0

    async def play(self, exchange: Exchange, asked: Asked | None) -> None:
        await asyncio.sleep(self.delay)
        exchange.reset() if self.reset else exchange.cut()


# --- scenarios -------------------------------------------------------------------------------------------------------


def ok(page: PageText | None = None, **more: Any) -> Answer:
    """The page, read; ``more`` are fields of ``Answer``."""
    return Answer(page, **more)


def slow(seconds: float) -> Answer:
    return Answer(delay=seconds)


def trickle(piece: int = 1, pause: float = 0.0) -> Answer:
    """A few bytes at a time."""
    return Answer(piece=piece, pause=pause)


def truncated(keep: int = 5) -> Answer:
    """Cut off by the length limit."""
    return Answer(keep=keep)


def loop(unit: str = "the same line again\n", times: int = 400, start: str = "CORNER SHOP\n") -> Answer:
    """The model repeats itself until the length limit ends it."""
    return Answer(text=start + unit * times, endless=True)


def empty() -> Answer:
    return Answer(text="")


def placeholder(text: str = "![diagram](image.png)") -> Answer:
    """A stand-in where the text should be."""
    return Answer(text=text)


def refusal(text: str = "I'm sorry, but I can't assist with transcribing this image.") -> Answer:
    """The model declines, in words."""
    return Answer(text=text)


def cut(fraction: float = 0.5, *, tidy: bool = False) -> Answer:
    """The connection closes within the body."""
    return Answer(cut=fraction, tidy=tidy)


def fault(name: str, *, retry_after: str | None = None) -> Refused:
    """One of ``FAULTS`` as an error reply."""
    return Refused(FAULTS[name], retry_after)


def stream_fault(name: str, *, before: int = 2) -> Answer:
    """One of ``FAULTS`` within a stream, after ``before`` good events."""
    return Answer(fault=FAULTS[name], before=before)


def garbage() -> Raw:
    """Bytes that are neither JSON nor events, as the body of a 200."""
    return Raw(random.Random(7).randbytes(300))


class Expected(NamedTuple):
    """A scenario, and what it comes to for a client when it never ends: an error class's name, and whether to retry."""

    scenario: Scenario
    error: str | None
    retryable: bool = False


SCENARIOS: dict[str, Expected] = {
    "ok": Expected(ok(), None),
    "trickle": Expected(trickle(), None),
    "hang-up": Expected(Answer(hang_up=True), None),
    "truncated": Expected(truncated(), "ReplyTruncated"),
    "loop": Expected(loop(), "ReplyTruncated"),
    "empty": Expected(empty(), "ReplyUnreadable"),
    "placeholder": Expected(placeholder(), "ReplyUnreadable"),
    "refusal": Expected(refusal(), "ReplyUnreadable"),
    "cut": Expected(cut(), "ServiceFailed", retryable=True),
    "closed": Expected(Dropped(), "ServiceFailed", retryable=True),
    "reset": Expected(Dropped(reset=True), "ServiceFailed", retryable=True),
    "garbage": Expected(garbage(), "ServiceFailed", retryable=True),
    "not-http": Expected(Raw(b"\x00\x01 this is not HTTP\r\n\r\n", status=0), "ServiceFailed", retryable=True),
    **{name: Expected(Refused(fault), fault.error, fault.retryable) for name, fault in FAULTS.items()},
}
STREAM_SCENARIOS: dict[str, Expected] = {  # what only streams can do
    "cut-tidy": Expected(cut(tidy=True), "ServiceFailed", retryable=True),
    "cut-late": Expected(cut(0.95, tidy=True), "ServiceFailed", retryable=True),
    **{
        f"{name}-{place}": Expected(stream_fault(name, before=before), FAULTS[name].error, FAULTS[name].retryable)
        for name in ("invalid-parameter", "rate-quota", "algo", "moderation-output")
        for place, before in (("first", 0), ("midway", 2))
    },
}


# --- scripts ---------------------------------------------------------------------------------------------------------


def scenario_of(script: Script, asked: Asked) -> Scenario:
    """What a script has for a request."""
    return script(asked) if callable(script) else script


def in_turn(*scripts: Script) -> Script:
    """One after the other for each page and task; the last from then on."""
    return lambda asked: scenario_of(scripts[min(asked.attempt, len(scripts) - 1)], asked)


def by_page(scripts: Mapping[int, Script], otherwise: Script | None = None) -> Script:
    """By the number of the first marked page."""
    return lambda asked: scenario_of(scripts.get(_number(asked), otherwise or ok()), asked)


def by_request(scripts: Mapping[int, Script], otherwise: Script | None = None) -> Script:
    """By the number of the request, from 0."""
    return lambda asked: scenario_of(scripts.get(asked.number, otherwise or ok()), asked)


def mixed(
    rate: float, *, seed: int, among: Iterable[Scenario] | None = None, otherwise: Script | None = None
) -> Script:
    """At a ``rate`` of 0-1, one of ``among`` (all retryable ones where None), drawn by page and attempt.

    The draw does not depend on the order of requests: two runs with one seed see the same faults on the same pages.
    """
    choices = list(among or (expected.scenario for expected in SCENARIOS.values() if expected.retryable))

    def draw(asked: Asked) -> Scenario:
        dice = random.Random(f"{seed}|{asked.key}|{asked.attempt}")
        return dice.choice(choices) if dice.random() < rate else scenario_of(otherwise or ok(), asked)

    return draw


def _number(asked: Asked) -> int:
    number = asked.images[0].number
    return -1 if number is None else number
