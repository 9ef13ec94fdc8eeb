"""Is this a request DashScope would take? Stricter than the service: what is not documented is refused.

Sources: Alibaba Model Studio, Qwen-OCR API reference (2026-01-16) and guide (2026-02-04). The limits are written down
once more on purpose: a witness must not share code with the accused.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dashscope_faults import FAULTS, Refusal, refuse, refuse_parameter
from dashscope_images import SentImage, decode_data_url, measure, smart_resize

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from dashscope_answers import PageText
    from http_server import Request

NOMINAL = (689, 487)  # of pictures behind URLs nobody put into ``web``: the guide's example, 427 tokens at factor 28
GENERATION = "/api/v1/services/aigc/multimodal-generation/generation"
TASKS = (
    "text_recognition",
    "multi_lan",
    "advanced_recognition",
    "key_information_extraction",
    "table_parsing",
    "document_parsing",
    "formula_recognition",
)


@dataclass(frozen=True, slots=True)
class Model:
    """Pixels a side of an image token, limits in pixels, and the most tokens a reply may have."""

    factor: int
    least: int
    usual: int
    most: int
    max_tokens: int
    tasks: tuple[str, ...] = TASKS
    logprobs: bool = True
    turns: bool = False


_OLD = Model(28, 3136, 6_422_528, 23_520_000, 4096)
_NEW = Model(32, 3072, 8_388_608, 30_720_000, 8192)
MODELS: dict[str, Model] = {
    "qwen-vl-ocr": _OLD,
    "qwen-vl-ocr-latest": _NEW,
    "qwen-vl-ocr-2025-11-20": _NEW,
    "qwen-vl-ocr-2025-08-28": _OLD,
    "qwen-vl-ocr-2025-04-13": _OLD,
    "qwen-vl-ocr-2024-10-28": Model(28, 3136, 6_422_528, 23_520_000, 4096, tasks=(), logprobs=False),
    "qwen3.5-ocr": Model(32, 3072, 8_388_608, 30_720_000, 32_768, turns=True),
}


@dataclass(frozen=True)
class Asked:
    """A request that was found good.

    Attributes:
        number: Good requests before this one.
        attempt: Those of them that were for the same pages and the same thing.
        page: What the server has on the pages.
    """

    model_name: str
    model: Model
    images: tuple[SentImage, ...]
    prompt: str | None
    task: str | None
    schema: dict[str, Any] | None
    parameters: dict[str, Any]
    stream: bool
    number: int = 0
    attempt: int = 0
    page: PageText | None = None

    @property
    def key(self) -> str:
        """Pages and task: what makes two requests attempts at the same thing."""
        return "|".join([*(image.identity for image in self.images), self.task or f"prompt {self.prompt}"])


@dataclass(frozen=True)
class Checker:
    """What requests are held against.

    Attributes:
        workspace: The only one, or None where requests may name none.
        stored: What was uploaded, by its ``oss://`` URL; a live view.
        web: What is behind http(s) URLs.
    """

    key: str = "sk-test"
    workspace: str | None = None
    models: Mapping[str, Model] = field(default_factory=lambda: MODELS)
    stored: Mapping[str, bytes] = field(default_factory=dict)
    web: Mapping[str, bytes] = field(default_factory=dict)

    def check(self, request: Request) -> Asked:
        """What a request for a generation asks for.

        Raises:
            Refusal: It is not exactly what the documentation says.
        """
        self.check_key(request)
        stream = _check_headers(request)
        body = _json_object(request)
        for name, fault in (("model", "empty-model"), ("input", "empty-input"), ("parameters", "empty-parameters")):
            if name not in body:
                raise Refusal(FAULTS[fault])
        _only(body, {"model", "input", "parameters"}, "the request")
        if body["model"] not in self.models:
            raise Refusal(FAULTS["model-not-found"])
        model = self.models[body["model"]]
        parameters = _check_parameters(_object(body["parameters"], "parameters"), model)
        if parameters.get("incremental_output") and not stream:
            raise refuse_parameter("incremental_output is for streams; X-DashScope-SSE is missing")
        images, prompt = self._read_input(body["input"], model)
        _check_resolve(request, images)
        task, schema = _read_options(parameters.get("ocr_options"), model)
        return Asked(body["model"], model, images, prompt, task, schema, parameters, stream)

    def check_key(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {self.key}":
            raise Refusal(FAULTS["invalid-api-key"])
        named = request.headers.get("x-dashscope-workspace")
        if named != self.workspace:
            raise Refusal(FAULTS["workspace-not-found" if named else "not-authorized"])

    def _read_input(self, given: Any, model: Model) -> tuple[tuple[SentImage, ...], str | None]:
        """The pictures of all messages, the prompt of the last."""
        messages = _only(_object(given, "input"), {"messages"}, "input").get("messages")
        if not isinstance(messages, list) or not messages:
            raise refuse("empty-input", "input.messages is missing or empty.")
        if len(messages) > 1 and not model.turns:
            raise refuse_parameter("this model takes one message")
        images: list[SentImage] = []
        texts: list[str] = []
        for message in messages:
            found, texts = self._read_message(message, model)
            images += found
        if not images:
            raise refuse_parameter("there is no image in input.messages")
        if len(texts) > 1:
            raise refuse_parameter("more than one text part")
        return tuple(images), texts[0] if texts else None

    def _read_message(self, message: Any, model: Model) -> tuple[list[SentImage], list[str]]:
        _only(_object(message, "a message"), {"role", "content"}, "a message")
        if message.get("role") not in ({"user", "assistant"} if model.turns else {"user"}):
            raise refuse_parameter(f"role {message.get('role')!r}; want 'user'")
        if not isinstance(message.get("content"), list):
            raise refuse_parameter("content must be a list")
        images, texts = [], []
        for part in message["content"]:
            if "image" in _object(part, "a content part"):
                images.append(self._read_image(part, model))
            else:
                texts.append(_read_text(part))
        return images, texts

    def _read_image(self, part: dict[str, Any], model: Model) -> SentImage:
        _only(part, {"image", "min_pixels", "max_pixels", "enable_rotate"}, "an image part")
        least, most = part.get("min_pixels", model.least), part.get("max_pixels", model.usual)
        if not (_whole(least) and _whole(most) and model.least <= least <= most <= model.most):
            raise refuse_parameter(f"want {model.least} <= min_pixels <= max_pixels <= {model.most}")
        if not isinstance(part.get("enable_rotate", False), bool):
            raise refuse_parameter("enable_rotate must be a boolean")
        data = self._fetch(part["image"])
        width, height = measure(data) if data else NOMINAL
        across, down = smart_resize(width, height, model.factor, least, most)
        tokens = across * down // model.factor**2 + 2
        return SentImage(part["image"], width, height, data, tokens, part.get("enable_rotate", False))

    def _fetch(self, url: Any) -> bytes:
        if not isinstance(url, str):
            raise Refusal(FAULTS["url-error"])
        if url.startswith("data:"):
            return decode_data_url(url)
        if url.startswith("oss://"):
            if url not in self.stored:
                raise refuse_parameter("the object behind the oss:// URL does not exist")
            return self.stored[url]
        if not re.match(r"https?://[^/\s]+/?", url):
            raise Refusal(FAULTS["url-error"])
        return self.web.get(url, b"")


def _check_headers(request: Request) -> bool:
    """Whether the reply is to be streamed."""
    headers = request.headers
    if headers.get("content-type", "").replace(" ", "").lower() not in {
        "application/json",
        "application/json;charset=utf-8",
    }:
        raise refuse("illegal-input", f"Content-Type is {headers.get('content-type')!r}; want application/json")
    known = {"sse", "ossresourceresolve", "workspace", "datainspection", "sdk-client", "sdk-session-id"}
    for name, value in headers.items():
        short = name.removeprefix("x-dashscope-")
        if name != short and (short not in known or (short in {"sse", "ossresourceresolve"} and value != "enable")):
            raise refuse_parameter(f"header {name}: {value}")
    stream = "x-dashscope-sse" in headers
    if "text/event-stream" in headers.get("accept", "") and not stream:
        raise refuse_parameter("Accept asks for a stream, X-DashScope-SSE does not")
    if request.query:
        raise refuse_parameter(f"unknown query {request.query}")
    return stream


def _check_resolve(request: Request, images: Collection[SentImage]) -> None:
    wanted = any(image.url.startswith("oss://") for image in images)
    if wanted != ("x-dashscope-ossresourceresolve" in request.headers):
        raise refuse_parameter("X-DashScope-OssResourceResolve belongs to requests with oss:// URLs, and only to them")


def _json_object(request: Request) -> dict[str, Any]:
    try:
        return _object(request.json(), "the body")
    except ValueError as error:
        raise Refusal(FAULTS["illegal-input"]) from error


def _read_text(part: dict[str, Any]) -> str:
    _only(part, {"text", "type"}, "a text part")
    if not isinstance(part.get("text"), str) or part.get("type", "text") != "text":
        raise refuse_parameter("a text part is {'text': …}, with or without 'type': 'text'")
    return str(part["text"])


def _check_parameters(given: dict[str, Any], model: Model) -> dict[str, Any]:
    _only(given, {*_RULES, "max_tokens", "ocr_options"}, "parameters")
    for name, value in given.items():
        if name in _RULES and not _RULES[name][0](value):
            raise refuse_parameter(f"{name} should be {_RULES[name][1]}, got {value!r}")
    if "max_tokens" in given and not (_whole(given["max_tokens"]) and 1 <= given["max_tokens"] <= model.max_tokens):
        raise refuse_parameter(f"Range of max_tokens should be [1, {model.max_tokens}]")
    if given.get("logprobs") and not model.logprobs:
        raise refuse_parameter("this model has no logprobs")
    if given.get("top_logprobs") and not given.get("logprobs"):
        raise refuse_parameter("top_logprobs needs logprobs")
    return given


def _read_options(given: Any, model: Model) -> tuple[str | None, dict[str, Any] | None]:
    """Task and result schema."""
    if given is None:
        return None, None
    task = _only(_object(given, "ocr_options"), {"task", "task_config"}, "ocr_options").get("task")
    if task not in model.tasks:
        raise refuse_parameter(f"task should be one of {', '.join(model.tasks)}, got {task!r}")
    if "task_config" not in given:
        return str(task), None
    if task != "key_information_extraction":
        raise refuse_parameter("task_config belongs to key_information_extraction")
    config = _only(_object(given["task_config"], "task_config"), {"result_schema"}, "task_config")
    schema = _object(config.get("result_schema"), "result_schema")
    if not schema or _levels(schema) > 3:
        raise refuse_parameter("result_schema should have 1 to 3 levels")
    return str(task), schema


def _levels(schema: Any) -> int:
    """How deep objects stand in each other; lists do not count."""
    if isinstance(schema, list):
        return max(map(_levels, schema), default=0)
    return 1 + max(map(_levels, schema.values()), default=0) if isinstance(schema, dict) else 0


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise refuse("illegal-input", f"{what} should be an object, got {type(value).__name__}")
    return value


def _only(given: dict[str, Any], known: Collection[str], what: str) -> dict[str, Any]:
    if unknown := set(given) - set(known):
        raise refuse_parameter(f"{what} has unknown fields: {', '.join(sorted(unknown))}")
    return given


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _real(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _stop(value: Any) -> bool:
    """A string, or a list of strings, or a list of token ids."""
    if isinstance(value, list):
        return bool(value) and (all(isinstance(v, str) for v in value) or all(_whole(v) for v in value))
    return isinstance(value, str)


_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "temperature": (lambda v: _real(v) and 0 <= v < 2, "in [0.0, 2.0)"),
    "top_p": (lambda v: _real(v) and 0 < v <= 1, "in (0.0, 1.0]"),
    "top_k": (lambda v: _whole(v) and v >= 0, "a whole number >= 0"),
    "seed": (lambda v: _whole(v) and 0 <= v < 2**31, "in [0, 2147483647]"),
    "stop": (_stop, "a string, or a list of strings or of token ids, not mixed"),
    "repetition_penalty": (lambda v: _real(v) and v > 0, "> 0"),
    "presence_penalty": (lambda v: _real(v) and -2 <= v <= 2, "in [-2.0, 2.0]"),
    "n": (lambda v: _whole(v) and v == 1, "1"),
    "logprobs": (_boolean, "a boolean"),
    "top_logprobs": (lambda v: _whole(v) and 0 <= v <= 5, "in [0, 5]"),
    "result_format": (lambda v: v == "message", "'message'"),
    "incremental_output": (_boolean, "a boolean"),
}
