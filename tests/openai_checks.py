"""Is this a chat request that an OpenAI-compatible server would take? Stricter than any: unknown fields are refused.

Sources: Alibaba Model Studio, Qwen-OCR API reference (2026-01-16), for compatible mode; for the self-hosted ones their
own API references (vLLM, Ollama, LM Studio; 2026). What a real one silently ignores is refused here, so that no client
relies on it; one exception is told below.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dashscope_checks import (
    _RULES,
    MODELS,
    NOMINAL,
    Asked,
    Model,
    _boolean,
    _check_resolve,
    _json_object,
    _object,
    _only,
    _real,
    _whole,
)
from dashscope_faults import FAULTS, Refusal, refuse, refuse_parameter
from dashscope_images import SentImage, decode_data_url, measure, smart_resize
from openai_faults import Flavor
from openai_prompts import schema_of, task_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from http_server import Request

NUMBERED = re.compile(r"page-(\d+)\.\w+(?:[?#]|$)")
TEST_MODEL = "batch-test-model"


@dataclass(frozen=True, slots=True)
class ChatModel(Model):
    """A model as a chat server has it.

    Attributes:
        thousandths: Boxes are in 0-1000 of the page's width and height; else in pixels of the picture as resized.
        batch: Served in batches.
    """

    thousandths: bool = False
    batch: bool = False


def _compatible(name: str, model: Model) -> ChatModel:
    """A native model: those of the 32-pixel generation answer in thousandths."""
    given = {item.name: getattr(model, item.name) for item in fields(Model)}
    return ChatModel(**given, thousandths=model.factor == 32, batch=name in {"qwen-vl-ocr", "qwen-vl-ocr-latest"})


def _local(factor: int, least: int, most: int, *, thousandths: bool) -> ChatModel:
    return ChatModel(factor, least, most, most, 32_768, turns=True, thousandths=thousandths)


_QWEN2 = _local(28, 3136, 12_845_056, thousandths=True)
_QWEN25 = _local(28, 3136, 12_845_056, thousandths=False)
_QWEN3 = _local(32, 65_536, 16_777_216, thousandths=True)
CHAT_MODELS: dict[Flavor, dict[str, ChatModel]] = {
    "dashscope": {name: _compatible(name, model) for name, model in MODELS.items()}
    | {"qwen3-vl-plus": ChatModel(32, 65_536, 2_621_440, 16_777_216, 32_768, turns=True, thousandths=True)},
    "vllm": {
        "Qwen/Qwen2-VL-7B-Instruct": _QWEN2,
        "Qwen/Qwen2.5-VL-7B-Instruct": _QWEN25,
        "Qwen/Qwen3-VL-8B-Instruct": _QWEN3,
    },
    "ollama": {"qwen2.5vl:7b": _QWEN25, "qwen3-vl:8b": _QWEN3},
    "lmstudio": {"qwen/qwen2.5-vl-7b": _QWEN25, "qwen/qwen3-vl-8b": _QWEN3},
}

_COMMON = {"model", "messages", "stream", "stream_options", "max_tokens", "temperature", "top_p", "seed", "stop"}
_OCR = {"top_k", "repetition_penalty", "presence_penalty", "logprobs", "top_logprobs"}
_OPENAI = {"presence_penalty", "frequency_penalty", "response_format"}
_VLLM = {
    "max_completion_tokens",
    "mm_processor_kwargs",
    "structured_outputs",
    "guided_json",
    "chat_template_kwargs",
    "n",
}
KNOWN: dict[Flavor, set[str]] = {
    "dashscope": _COMMON | _OCR,
    "vllm": _COMMON | _OCR | _OPENAI | _VLLM,
    "ollama": _COMMON | _OPENAI | {"reasoning_effort"},
    "lmstudio": _COMMON | _OPENAI | {"top_k", "repeat_penalty"},
}
_FORMATS: dict[Flavor, set[str]] = {
    "vllm": {"json_object", "json_schema", "text"},
    "ollama": {"json_object", "json_schema", "text"},
    "lmstudio": {"json_schema", "text"},
}


def _pixels(value: Any) -> bool:
    return isinstance(value, dict) and set(value) <= {"min_pixels", "max_pixels"} and all(map(_whole, value.values()))


_MORE_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    **_RULES,
    "stream": (_boolean, "a boolean"),
    "stream_options": (lambda v: isinstance(v, dict) and set(v) == {"include_usage"}, "{'include_usage': true}"),
    "frequency_penalty": (lambda v: _real(v) and -2 <= v <= 2, "in [-2.0, 2.0]"),
    "repeat_penalty": (lambda v: _real(v) and v > 0, "> 0"),
    "mm_processor_kwargs": (_pixels, "of min_pixels and max_pixels"),
}


@dataclass(frozen=True)
class ChatImage(SentImage):
    """A picture of a chat; ``across`` x ``down`` is what the model sees. A URL may tell which page is behind it."""

    across: int = 0
    down: int = 0

    @cached_property
    def number(self) -> int | None:
        """Of a marked page, or of ``…/page-000123.png``."""
        if self.data:
            return SentImage.number.func(self)
        match = NUMBERED.search(self.url)
        return int(match[1]) if match else None


@dataclass(frozen=True)
class ChatAsked(Asked):
    """A chat request that was found good; ``task`` and ``schema`` are guessed from its prompt.

    Attributes:
        custom_id: Of a line of a batch.
        string_url: An ``image_url`` was a bare string, as old samples have it.
        bare: JSON without a fence was asked for, by ``response_format``.
    """

    model: ChatModel
    images: tuple[ChatImage, ...]
    custom_id: str | None = None
    string_url: bool = False
    bare: bool = False


@dataclass(frozen=True)
class ChatChecker:
    """What chat requests are held against, much as ``dashscope_checks.Checker`` has it."""

    flavor: Flavor
    key: str
    models: Mapping[str, ChatModel]
    workspace: str | None = None
    stored: Mapping[str, bytes] = field(default_factory=dict)
    web: Mapping[str, bytes] = field(default_factory=dict)

    def check(self, request: Request) -> ChatAsked:
        """What a request asks for.

        Raises:
            Refusal: It is not exactly what the documentation says.
        """
        self.check_key(request)
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            raise refuse("illegal-input", f"Content-Type {request.headers.get('content-type')}; want application/json")
        if request.query:
            raise refuse_parameter(f"unknown query {request.query}")
        asked = self.check_body(_json_object(request))
        if self.flavor == "dashscope":
            _check_resolve(request, asked.images)
        return asked

    def check_key(self, request: Request) -> None:
        """Ollama and LM Studio take any key, and none; headers of DashScope's are for DashScope only."""
        if self.flavor in {"dashscope", "vllm"} and request.headers.get("authorization") != f"Bearer {self.key}":
            raise Refusal(FAULTS["invalid-api-key"])
        known = {"ossresourceresolve", "workspace", "datainspection"} if self.flavor == "dashscope" else set()
        for name in request.headers:
            if name.startswith("x-dashscope-") and name.removeprefix("x-dashscope-") not in known:
                raise refuse_parameter(f"header {name}")
        named = request.headers.get("x-dashscope-workspace")
        if named != self.workspace:
            raise Refusal(FAULTS["workspace-not-found" if named else "not-authorized"])

    def check_body(self, body: dict[str, Any], custom_id: str | None = None) -> ChatAsked:
        """The same for a body alone, as lines of a batch have it."""
        _only(body, KNOWN[self.flavor], "the request")
        if "model" not in body:
            raise Refusal(FAULTS["empty-model"])
        model = self.models.get(body["model"])
        if not model:
            raise Refusal(FAULTS["model-not-found"])
        parameters = {name: value for name, value in body.items() if name not in {"model", "messages", "stream"}}
        self._check_parameters(body, model)
        images, prompt, strings = self._read_messages(body, model)
        task, bare = task_of(prompt), parameters.get("response_format", {}).get("type", "text") != "text"
        task = "key_information_extraction" if bare else task
        schema = schema_of(prompt) if task == "key_information_extraction" else None
        stream = body.get("stream", False)
        more = {"custom_id": custom_id, "string_url": strings, "bare": bare}
        return ChatAsked(body["model"], model, images, prompt, task, schema, parameters, stream, **more)

    def _check_parameters(self, body: dict[str, Any], model: ChatModel) -> None:
        for name, value in body.items():
            if name in _MORE_RULES and not _MORE_RULES[name][0](value):
                raise refuse_parameter(f"{name} should be {_MORE_RULES[name][1]}, got {value!r}")
        for name in ("max_tokens", "max_completion_tokens"):
            if name in body and not (_whole(body[name]) and 1 <= body[name] <= model.max_tokens):
                raise refuse_parameter(f"Range of {name} should be [1, {model.max_tokens}]")
        if "stream_options" in body and not body.get("stream"):
            raise refuse_parameter("stream_options is for streams; stream is not true")
        if body.get("logprobs") and not model.logprobs:
            raise refuse_parameter("this model has no logprobs")
        if body.get("top_logprobs") and not body.get("logprobs"):
            raise refuse_parameter("top_logprobs needs logprobs")
        if "response_format" in body:
            wanted = _object(body["response_format"], "response_format").get("type")
            if wanted not in _FORMATS[self.flavor]:
                raise refuse_parameter(f"'response_format.type' must be one of {sorted(_FORMATS[self.flavor])}")

    def _read_messages(self, body: dict[str, Any], model: ChatModel) -> tuple[tuple[ChatImage, ...], str | None, bool]:
        """The pictures of all messages, the prompt of the last, and whether a URL was a bare string."""
        messages = body.get("messages")
        if not isinstance(messages, list) or not messages:
            raise refuse("empty-input", "messages is missing or empty")
        if len(messages) > 1 and not model.turns:
            raise refuse_parameter("this model takes one message")
        images: list[ChatImage] = []
        texts: list[str] = []
        strings = False
        for message in messages:
            texts = []
            for part in self._parts(message, model):
                if _object(part, "a content part").get("type") == "image_url":
                    images.append(self._read_image(part, model, body.get("mm_processor_kwargs", {})))
                    strings |= isinstance(part["image_url"], str)
                else:
                    texts.append(_read_text(part))
        if not images:
            raise refuse_parameter("there is no image in messages")
        if len(texts) > 1:
            raise refuse_parameter("more than one text part")
        return tuple(images), texts[0] if texts else None, strings

    def _parts(self, message: Any, model: ChatModel) -> list[Any]:
        _only(_object(message, "a message"), {"role", "content"}, "a message")
        roles = {"user", "assistant"} if model.turns else {"user"}
        roles |= set() if self.flavor == "dashscope" else {"system"}
        if message.get("role") not in roles:
            raise refuse_parameter(f"role {message.get('role')!r}; want one of {sorted(roles)}")
        content = message.get("content")
        if isinstance(content, str):
            return [{"type": "text", "text": content}]
        if not isinstance(content, list):
            raise refuse_parameter("content must be a list")
        return content

    def _read_image(self, part: dict[str, Any], model: ChatModel, wanted: dict[str, int]) -> ChatImage:
        """vLLM ignores ``min_pixels`` and ``max_pixels`` beside ``image_url`` without a word (QwenLM/Qwen3-VL#946)."""
        siblings = {"min_pixels", "max_pixels"} if self.flavor in {"dashscope", "vllm"} else set()
        _only(part, {"type", "image_url"} | siblings, "an image part")
        limits = part if self.flavor == "dashscope" else wanted
        least, most = limits.get("min_pixels", model.least), limits.get("max_pixels", model.usual)
        if not (_whole(least) and _whole(most) and model.least <= least <= most <= model.most):
            raise refuse_parameter(f"want {model.least} <= min_pixels <= max_pixels <= {model.most}")
        url = self._url(part.get("image_url"))
        data = self._fetch(url)
        width, height = measure(data) if data else NOMINAL
        across, down = smart_resize(width, height, model.factor, least, most)
        tokens = across * down // model.factor**2 + 2
        return ChatImage(url, width, height, data, tokens, rotate=False, across=across, down=down)

    def _url(self, given: Any) -> str:
        if isinstance(given, str) and self.flavor in {"dashscope", "ollama"}:
            return given
        url = _only(_object(given, "image_url"), {"url"}, "image_url").get("url")
        if not isinstance(url, str):
            raise Refusal(FAULTS["url-error"])
        return url

    def _fetch(self, url: str) -> bytes:
        """The picture; nothing where it stands behind a URL, which is never fetched."""
        if url.startswith("data:"):
            return self._decode(url)
        if self.flavor == "lmstudio":
            raise refuse_parameter("'url' field must be a base64 encoded image.")
        if self.flavor == "ollama":
            raise refuse_parameter("invalid image input")
        if url.startswith("oss://") and self.flavor == "dashscope":
            if url not in self.stored:
                raise refuse_parameter("the object behind the oss:// URL does not exist")
            return self.stored[url]
        if not re.match(r"https?://[^/\s]+/?", url):
            raise Refusal(FAULTS["url-error"])
        return self.web.get(url, b"")

    def _decode(self, url: str) -> bytes:
        """LM Studio says JPEG, PNG and WebP, and refuses WebP (lmstudio-ai/lmstudio-bug-tracker#1027, #1752)."""
        if self.flavor == "lmstudio" and not url.startswith(("data:image/jpeg", "data:image/png")):
            raise refuse_parameter("'url' field must be a base64 encoded image.")
        return decode_data_url(url)


def _read_text(part: dict[str, Any]) -> str:
    _only(part, {"text", "type"}, "a text part")
    if not isinstance(part.get("text"), str) or part.get("type") != "text":
        raise refuse_parameter("a content part is {'type': 'text', 'text': …} or {'type': 'image_url', …}")
    return str(part["text"])
