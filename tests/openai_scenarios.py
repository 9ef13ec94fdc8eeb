"""The scenarios of the native server, played by a compatible one; and trouble at any of its endpoints.

A script of ``dashscope_scenarios`` serves both servers: what it says is translated here.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from dashscope_answers import PageText, Reply, limited
from dashscope_faults import compact
from dashscope_scenarios import Answer, Refused, Scenario
from openai_answers import LineFormat, chunks, completion, read_chat
from openai_checks import ChatAsked
from openai_faults import ErrorShape, Flavor, compatible_fault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dashscope_checks import Asked
    from http_server import Exchange


@dataclass(frozen=True, slots=True)
class ChatAnswer(Answer):
    """A completion, and all that may be wrong with it."""

    flavor: Flavor = "dashscope"
    lines: LineFormat = "rows"

    def reply(self, asked: Asked) -> Reply:
        assert isinstance(asked, ChatAsked)
        return chat_reply(self, asked, self.lines)

    def _events(self, exchange: Exchange, asked: Asked) -> list[bytes]:
        assert isinstance(asked, ChatAsked)
        request_id, reply, now = exchange.notes["request_id"], self.reply(asked), int(time.time())
        said_id = f"chatcmpl-{request_id}"
        if not asked.stream:
            return [compact(completion(reply, asked, said_id, now, self.flavor)).encode()]
        told = chunks(reply, asked, said_id, now, self.flavor, self.framing)
        events = [f"data: {compact(chunk)}\n\n".encode() for chunk in told]
        if self.fault:
            before = min(self.before, len(events) - 1)
            return [*events[:before], self.fault.frame(before + 1, request_id).encode()]
        return [*events, b"data: [DONE]\n\n"]


def chat_reply(answer: Answer, asked: ChatAsked, lines: LineFormat) -> Reply:
    """What an answer of either server says in a chat."""
    page = answer.page or asked.page or PageText()
    reply = Reply(answer.text) if answer.text is not None else read_chat(page, asked, lines)
    reply = limited(reply, asked)
    if answer.keep is not None:
        return Reply("".join(reply.tokens[: answer.keep]), None, "length")
    return Reply(reply.text, None, "length") if answer.endless else reply


def compatible(scenario: Scenario, flavor: Flavor, spoken: ErrorShape, lines: LineFormat = "rows") -> Scenario:
    """A scenario of the native server as a compatible one plays it. Bytes and dropped connections are what they are."""
    if isinstance(scenario, Refused):
        return Refused(compatible_fault(scenario.fault, spoken), scenario.retry_after)
    if not isinstance(scenario, Answer):
        return scenario
    given = {item.name: getattr(scenario, item.name) for item in fields(Answer)}
    if scenario.fault:
        given["fault"] = compatible_fault(scenario.fault, spoken)
    return ChatAnswer(**given, flavor=flavor, lines=lines)


@dataclass(frozen=True, slots=True)
class Trouble:
    """What goes wrong at an endpoint.

    Attributes:
        scenario: Instead of the answer; None for the answer itself.
        after: What was asked for is done, and only its answer goes wrong.
        cut: The fraction of the answer after which the connection closes.
        delay: Seconds before anything.
    """

    scenario: Scenario | None
    after: bool = False
    cut: float = 1.0
    delay: float = 0.0


def before(scenario: Scenario) -> Trouble:
    """Nothing is done, and this is the answer."""
    return Trouble(scenario)


def after(scenario: Scenario) -> Trouble:
    """It is done, and this is the answer."""
    return Trouble(scenario, after=True)


def cut_short(fraction: float = 0.5) -> Trouble:
    """It is done, and the answer, or the file, breaks off."""
    return Trouble(None, after=True, cut=fraction)


def late(seconds: float) -> Trouble:
    """It is done, after a while."""
    return Trouble(None, after=True, delay=seconds)


def troubles(by_endpoint: Mapping[str, Mapping[int, Trouble]]) -> Callable[[str, int], Trouble | None]:
    """Trouble by endpoint and number of the call, from 0: ``{"batches.create": {0: after(Dropped())}}``."""
    return lambda endpoint, number: by_endpoint.get(endpoint, {}).get(number)
