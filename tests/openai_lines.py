"""Lines of a batch: what must be true of its input file, and what becomes of each line.

Sources: Alibaba Model Studio, OpenAI-compatible Batch interface (2026): 50,000 lines, 500 MB, 6 MB a line, UTF-8, one
model, unique ``custom_id``, ``url`` equal to the endpoint. The codes of the errors are ours, but for
``mismatched_test_url``.
"""

from __future__ import annotations

import json
import random
import time
import uuid
from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from dashscope_faults import Fault, Refusal, compact
from dashscope_scenarios import Answer, Dropped, Raw, Refused
from openai_answers import batch_completion
from openai_checks import TEST_MODEL
from openai_faults import compatible_fault
from openai_scenarios import chat_reply

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dashscope_scenarios import Scenario
    from openai_answers import LineFormat
    from openai_checks import ChatAsked, ChatModel

CHAT, TEST = "/v1/chat/completions", "/v1/chat/ds-test"


@dataclass(frozen=True, slots=True)
class Limits:
    """Of an input file: lines, bytes, bytes a line; megabytes read as the lesser of their two meanings."""

    lines: int = 50_000
    bytes: int = 500_000_000
    line: int = 6_000_000


LIMITS, TEST_LIMITS = Limits(), Limits(lines=100, bytes=1_000_000)


class BadInput(Exception):
    """Why a batch fails before it begins; ``line`` is 1-based."""

    def __init__(self, code: str, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.told = {"code": code, "message": message, "param": None, "line": line}


def check_input(path: Path, endpoint: str, models: dict[str, ChatModel], limits: Limits) -> array[int]:
    """Where each line begins.

    Raises:
        BadInput: The file is none that a batch can be made of.
    """
    if path.stat().st_size > limits.bytes:
        raise BadInput("file_too_large", f"The file has more than {limits.bytes} bytes")
    starts, seen, model = array("Q"), set(), None
    with path.open("rb") as file:
        for number, (start, line) in enumerate(_lines(file, limits), 1):
            if number > limits.lines:
                raise BadInput("too_many_lines", f"The file has more than {limits.lines} lines")
            custom_id, named = _check_line(line, number, endpoint)
            if custom_id in seen:
                raise BadInput("duplicate_custom_id", f"{custom_id!r} is there twice", number)
            if model not in (None, named):
                raise BadInput("mismatched_model", f"one model a file, not {model!r} and {named!r}", number)
            _check_model(named, endpoint, models, number)
            seen.add(custom_id)
            starts.append(start)
            model = named
    if not starts:
        raise BadInput("empty_file", "The file is empty")
    return starts


def _lines(file: Any, limits: Limits) -> Iterator[tuple[int, bytes]]:
    start = 0
    while line := file.readline(limits.line + 2):
        if len(line.rstrip(b"\n")) > limits.line:
            raise BadInput("line_too_long", f"A line has more than {limits.line} bytes")
        yield start, line
        start += len(line)


def _check_line(line: bytes, number: int, endpoint: str) -> tuple[str, str]:
    """Its custom_id and model."""
    try:
        given = json.loads(line.decode())
    except ValueError as error:
        raise BadInput("invalid_json_line", "The line is not JSON in UTF-8", number) from error
    if not isinstance(given, dict) or set(given) != {"custom_id", "method", "url", "body"}:
        raise BadInput("invalid_line", "want custom_id, method, url and body", number)
    if not isinstance(given["custom_id"], str) or not given["custom_id"]:
        raise BadInput("invalid_custom_id", f"custom_id is {given['custom_id']!r}", number)
    if given["method"] != "POST" or given["url"] != endpoint:
        named = given["body"].get("model") if isinstance(given["body"], dict) else None
        code = "mismatched_test_url" if named == TEST_MODEL else "mismatched_url"
        raise BadInput(code, f"want POST {endpoint}, got {given['method']} {given['url']}", number)
    if not isinstance(given["body"], dict) or not isinstance(given["body"].get("model"), str):
        raise BadInput("invalid_body", "want a body with a model", number)
    return given["custom_id"], given["body"]["model"]


def _check_model(name: str, endpoint: str, models: dict[str, ChatModel], number: int) -> None:
    if (name == TEST_MODEL) != (endpoint == TEST):
        raise BadInput("mismatched_test_url", f"{TEST_MODEL} and {TEST} belong together", number)
    if name != TEST_MODEL and not (name in models and models[name].batch):
        raise BadInput("model_not_found", f"The model {name!r} is not served in batches", number)


class Done(NamedTuple):
    """A line of a result: its bytes, and whether it belongs to the good ones."""

    line: bytes
    good: bool


@dataclass
class Worker:
    """Works lines off, and counts what was bought.

    Attributes:
        failures_in: Where failed lines go; in the output file they count as completed, as seen in real runs, and the
            error is in the body.
        bought, bought_ids: How often each page, and each custom_id, was paid for.
    """

    lines: LineFormat = "rows"
    failures_in: Literal["error file", "output file"] = "error file"
    bought: Counter[str] = field(default_factory=Counter)
    bought_ids: Counter[str] = field(default_factory=Counter)

    def result(self, custom_id: str, asked: ChatAsked | Refusal | None, scenario: Scenario | None) -> Done | None:
        """What is told of a line; None is a line of which nothing is ever told again."""
        if isinstance(asked, Refusal):
            return self._failed(custom_id, asked.fault)
        if asked is None:
            return self._tested(custom_id)
        if isinstance(scenario, Refused):
            return self._failed(custom_id, scenario.fault)
        if isinstance(scenario, Raw):
            return Done(scenario.data.replace(b"\n", b" ") + b"\n", good=True)
        if isinstance(scenario, Dropped):
            return None
        assert isinstance(scenario, Answer), f"{scenario} is nothing that may happen to a line"
        if scenario.fault:
            return self._failed(custom_id, scenario.fault)
        self.bought_ids[custom_id] += 1
        self.bought.update([image.identity for image in asked.images])
        reply, request_id = chat_reply(scenario, asked, self.lines), _request_id()
        body = batch_completion(reply, asked, f"chatcmpl-{request_id}", int(time.time()))
        return Done(_line(custom_id, request_id, 200, body, None), good=True)

    def _tested(self, custom_id: str) -> Done:
        """The test model looks at nothing. [inferred: the shape of its answer]"""
        request_id = _request_id()
        choice = {"finish_reason": "stop", "index": 0, "message": {"content": "This is a test result."}}
        body = {"id": f"chatcmpl-{request_id}", "model": TEST_MODEL, "object": "chat.completion", "choices": [choice]}
        body |= {"created": int(time.time()), "usage": dict.fromkeys(("completion_tokens", "prompt_tokens"), 0)}
        body["usage"]["total_tokens"] = 0
        return Done(_line(custom_id, request_id, 200, body, None), good=True)

    def _failed(self, custom_id: str, fault: Fault) -> Done:
        request_id = _request_id()
        if self.failures_in == "error file":
            error = {"code": fault.code, "message": fault.message}
            return Done(_line(custom_id, request_id, fault.status, None, error), good=False)
        body = json.loads(compatible_fault(fault, "dashscope").body(request_id)) if fault.shape != "html" else None
        return Done(_line(custom_id, request_id, fault.status, body, None), good=True)


def unfinished(custom_id: str) -> bytes:
    """A line of the error file for what was not begun before a batch expired. [inferred from OpenAI's own batches]"""
    error = {"code": "batch_expired", "message": "This request could not be executed before the batch expired."}
    return compact({"id": _request_id(), "custom_id": custom_id, "response": None, "error": error}).encode() + b"\n"


def shuffled(count: int, seed: int) -> array[int]:
    order = array("Q", range(count))
    random.Random(seed).shuffle(order)
    return order


def _request_id() -> str:
    return str(uuid.UUID(int=random.getrandbits(128)))  # ten times as fast as uuid4


def _line(custom_id: str, request_id: str, status: int, body: Any, error: dict[str, str] | None) -> bytes:
    response = {"status_code": status, "request_id": request_id, "body": body}
    line = {"id": request_id, "custom_id": custom_id, "response": response, "error": error}
    return compact(line).encode() + b"\n"
