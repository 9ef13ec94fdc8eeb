"""Any server that speaks OpenAI's chat completions and sees pictures: Qwen-OCR's compatible mode, vLLM, Ollama.

A task is carried by its prompt, and what comes back is text: ``ocr_options``, ``enable_rotate`` and ``ocr_result`` do
not exist there. Protocol: Alibaba Model Studio, Qwen-OCR API reference, OpenAI-compatible (2026-01-16); vLLM, SGLang,
Ollama and LM Studio as their issue trackers describe them (2026-10).
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

from ..answers import unreadable
from ..catalog import image_tokens, lookup, resized
from ..coordinates import Coordinates, coordinates_of, pixel_factor_of
from ..errors import EngineError, KeyRejected, MissingKey, ReplyUnreadable, did_you_mean
from ..fit import limits_of
from ..grounded import read_vision_answer
from ..prices import REGIONS
from ..prompts import PROMPTS, SPOTTING, prompt_of
from .address import Address
from .cloud import CloudEngine
from .dashscope import check_region, native_headers, storage, storage_headers
from .flows import Call
from .keys import Secret, dashscope_key, openai_key
from .parameters import SAMPLING
from .transcript import LoopWatch, compatible, read_reply
from .upload import UPLOAD_REGIONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..answers import Answer
    from ..catalog import Model
    from ..fit import Limits
    from ..results import Usage
    from ..tasks import Task, TaskName
    from .base import Asked
    from .flows import Flow, Reply
    from .transcript import Transcript
    from .upload import Storage

CHAT = "/chat/completions"
COMPATIBLE_MODE = "/compatible-mode/"  # in the path of every DashScope host's base URL
SELF_HOSTED_FORMATS = ("image/jpeg", "image/png")  # what all of the servers take (LM Studio: lmstudio-ai/lms#243)
VENDORS_DOMAIN = ".aliyuncs.com"  # of every DashScope host, those of workspaces among them
THIS_MACHINE = ("127.0.0.1", "localhost", "::1")
GRID_ASPECT = 130.0  # so that a strip whose short side is rounded down to one square is still under 200:1
SOON = 10.0  # seconds that a question about an error may take
OWN_OPTIONS = {
    "model": "model=",
    "messages": "task= or prompt=",
    "stream": "stream=",
    "stream_options": "stream=",
    **dict.fromkeys(SAMPLING, "parameters="),
}
_DATES = {28: "2025-08-28", 32: "2025-11-20"}  # of a Qwen-OCR with that pixel factor

PixelKeys = Literal["image", "mm_processor_kwargs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAIEngine(CloudEngine):
    """A vision model behind an OpenAI-compatible server.

    Without ``base_url`` it is Qwen-OCR's compatible mode, unless ``OPENAI_BASE_URL`` names a server. The environment's
    DashScope key goes to hosts of DashScope's only (``aliyuncs.com``), to this machine, and to the address that
    ``DASHSCOPE_COMPATIBLE_BASE_URL`` names; any other server gets ``api_key`` or ``OPENAI_API_KEY``, or no key at all.

    Attributes:
        model: As the server names it: ``"qwen-vl-ocr-2025-11-20"``, ``"Qwen/Qwen2.5-VL-7B-Instruct"``, ``"qwen3-vl"``.
        region: Of DashScope's: ``"beijing"``, ``"singapore"`` or ``"virginia"``.
        base_url: Of the server, ending in ``/v1``; else ``OPENAI_BASE_URL``, ``DASHSCOPE_COMPATIBLE_BASE_URL``, or the
            region's. A user and password in it are sent, but never shown, nor kept by ``to_dict``.
        api_key: Instead of the environment's. Never shown, never pickled.
        min_pixels, max_pixels: Between these a page's picture is brought before it is sent; None for the model's own.
        pixel_keys: Where the server is told them too: ``"image"``, beside ``image_url`` (DashScope),
            ``"mm_processor_kwargs"`` (vLLM), or None for not at all. None is DashScope's way where it is DashScope.
        coordinates: What the numbers of a box count: ``"relative_1000"``, thousandths of the picture;
            ``"resized"``, pixels of the picture as the model sees it (it is then sent in that very size);
            ``"original"``, pixels of the picture as sent. None: by the model's family, and no boxes where that is not
            known.
        prompts: Words for a task, instead of the vendor's: ``{"document_parsing": "qwenvl markdown"}``.
        stream: True, False, or ``"auto"``: where a reply may take long.
        timeout: Seconds to connect, and to wait for each piece of the answer.
        parameters: Sampling: ``max_tokens``, ``temperature``, ``top_p``, ``top_k``, ``repetition_penalty``,
            ``presence_penalty``, ``seed``, ``stop``, ``logprobs``, ``top_logprobs``. Only what is given is sent.
        extra_body: Whatever else the server takes, as top-level keys of the request.
        retry: When a failed call is made again.
        catalog: What is known of the model, instead of the catalogue's own.

    Raises:
        ValueError: An unknown region, task, parameter or kind of coordinates, or a value out of range.
    """

    model: str = "qwen-vl-ocr-2025-11-20"
    pixel_keys: PixelKeys | None = None
    coordinates: Coordinates | None = None
    prompts: Mapping[TaskName, str] = field(default_factory=dict, hash=False)
    extra_body: Mapping[str, Any] = field(default_factory=dict, hash=False)

    protocol: ClassVar[str] = "openai"

    def __post_init__(self) -> None:
        for given, known, what in (
            (self.coordinates, get_args(Coordinates), "coordinates"),
            (self.pixel_keys, get_args(PixelKeys), "pixel_keys"),
        ):
            if given is not None and given not in known:
                raise ValueError(f"{what}={given!r}: want one of {', '.join(known)}, or None")
        for task in self.prompts:
            if task not in PROMPTS:
                raise ValueError(f"prompts: there is no task {task!r}{did_you_mean(task, PROMPTS)}")
        object.__setattr__(self, "prompts", dict(self.prompts))
        object.__setattr__(self, "extra_body", _checked_body(self.extra_body))
        check_region(self.model, self.region)
        if self.is_dashscope:
            check_region(self.model, self.region, self.catalogued)
        CloudEngine.__post_init__(self)

    @property
    def is_dashscope(self) -> bool:
        """Whether the server is Alibaba's."""
        return COMPATIBLE_MODE in self.url() + "/"

    @property
    def box_unit(self) -> Coordinates | None:
        """What the numbers of the model's boxes count; None where nobody knows."""
        return self._box_unit(self.catalogued)

    def _box_unit(self, model: Model) -> Coordinates | None:
        declared = self.catalog or self._lookup()
        if self.coordinates or model.pixel_factor == declared.pixel_factor:
            return self.coordinates or coordinates_of(declared.snapshot or self.model)
        return coordinates_of(f"qwen-vl-ocr-{_DATES[model.pixel_factor]}")  # an alias, as it was measured

    def _lookup(self) -> Model:
        """As catalogued; of another family the pixels alone, as nobody knows what such a model costs and writes."""
        check_region(self.model, self.region)
        known = lookup(self.model, self.region)
        factor = pixel_factor_of(self.model)
        if known.known or factor is None or factor == known.pixel_factor:
            return known
        relative = lookup(f"qwen-vl-ocr-{_DATES[factor]}")
        return replace(
            known,
            pixel_factor=factor,
            min_pixels=relative.min_pixels,
            max_pixels=relative.max_pixels,
            largest_max_pixels=relative.largest_max_pixels,
        )

    def _image_tokens(self, sent: Asked, usage: Usage) -> int:
        """As told; where all tokens are told in one, as in a batch, by the larger squares if smaller are too many."""
        if usage.image_tokens or not (self.is_dashscope and usage.input_tokens):
            return usage.image_tokens
        size, pixels = (sent.sent_width, sent.sent_height), (self.min_pixels, self.max_pixels)
        expected = image_tokens(*size, self.catalogued, *pixels)
        return expected if expected <= usage.input_tokens else image_tokens(*size, 32, *pixels)

    def _further_settings(self) -> dict[str, Any]:
        declared = self.catalog or self._lookup()
        return {
            "base_url": self._shown_url(),
            "coordinates": self._box_unit(declared),
            "pixel_keys": self.pixel_keys,
            "seen_pixels": [declared.pixel_factor, declared.min_pixels, declared.max_pixels],
            "prompts": dict(self.prompts),
            "extra_body": dict(self.extra_body),
        }

    def _own_words(self, task: Task) -> str:
        instead = None if task.name == "prompt" else self.prompts.get(task.name)
        return task.prompt or instead or ""

    # --- what is said -------------------------------------------------------------------------------------------------

    def request(self, task: Task, images: Sequence[str], extra: Mapping[str, Any] | None = None) -> Call:
        """The request for a task about one page, or about several in one message."""
        streamed = self._streamed(task)
        pixels = {name: value for name, value in self._pixels().items() if value is not None}
        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": self._content(task, images, pixels)}],
            **self._sampling(extra),
            **({"stream": True, "stream_options": {"include_usage": True}} if streamed else {}),
            **({"mm_processor_kwargs": pixels} if pixels and self.pixel_keys == "mm_processor_kwargs" else {}),
            **self.extra_body,
        }
        return Call(
            "POST",
            self.url() + CHAT,
            {**self.headers(), **storage_headers(images)},
            json.dumps(body, ensure_ascii=False).encode(),
            self.timeout,
            watch=partial(LoopWatch, compatible) if streamed else None,
        )

    def _content(self, task: Task, images: Sequence[str], pixels: Mapping[str, int]) -> list[dict[str, Any]]:
        beside = pixels if self.pixel_keys == "image" or (self.pixel_keys is None and self.is_dashscope) else {}
        pictures = [{"type": "image_url", "image_url": {"url": image}, **beside} for image in images]
        return [*pictures, {"type": "text", "text": prompt_of(task, self._prompts())}]

    def _prompts(self) -> dict[TaskName, str]:
        """Words instead of the vendor's."""
        return {**({} if "ocr" in self.model.lower() else SPOTTING), **self.prompts}

    def url(self) -> str:
        """The base URL."""
        environment = os.environ.get("OPENAI_BASE_URL") or os.environ.get("DASHSCOPE_COMPATIBLE_BASE_URL")
        given = Address(self.base_url or environment or REGIONS[self.region].compatible_url)
        url = _base(given)
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"base_url={given!r}: want an http(s) URL, like http://127.0.0.1:8000/v1")
        if "?" in url:
            raise ValueError(f"base_url={given!r} has a query, to which no path can be added; give it without")
        if url.endswith("/api/v1"):
            raise ValueError(f"base_url={given!r} is the native API's; want {REGIONS[self.region].compatible_url}")
        return url

    def _shown_url(self) -> str:
        return Address(self.url()).shown

    def headers(self) -> dict[str, str]:
        """Of a call."""
        from .. import __version__

        assert isinstance(self.api_key, Secret)
        key = self._dashscope_key() if self.is_dashscope else openai_key(self.api_key)
        return {
            **({"Authorization": f"Bearer {key}"} if key else {}),
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": f"qwen-ocr-loader/{__version__}",
        }

    def _dashscope_key(self) -> str:
        assert isinstance(self.api_key, Secret)
        if not (self.api_key.reveal() or _is_trusted(self.url())):
            raise MissingKey(
                f"{self._shown_url()} is no address of DashScope's, and gets no key but one meant for it: pass "
                "OpenAIEngine(api_key=...), or name the address in DASHSCOPE_COMPATIBLE_BASE_URL",
                engine="openai",
            )
        try:
            return dashscope_key(self.api_key)
        except MissingKey as error:
            error.message = error.message.replace("DashScopeEngine(", "OpenAIEngine(")
            if not self.base_url:
                error.message += "; for a server of your own set OPENAI_BASE_URL, or pass OpenAIEngine(base_url=...)"
            raise

    # --- what comes back ----------------------------------------------------------------------------------------------

    def _transcript(self, reply: Reply) -> Transcript:
        return read_reply(reply, compatible)

    def _answer(self, task: Task, said: Transcript, sent: Asked, *, exact: bool) -> Answer:
        name, text = None if task.name == "prompt" else task.name, said.text
        why = f"the model refuses: {said.refusal[:200]}" if said.refusal and not text.strip() else None
        if why := why or unreadable(text, prompt_of(task, self._prompts())):
            raise ReplyUnreadable(f"{why}; try another model, or engine='local'", text=text or said.refusal)
        size = (sent.sent_width, sent.sent_height) if sent.sent_width else None
        frame = self._frame(sent) if exact else None
        answer = read_vision_answer(name, text, frame, size=size, sure=self.coordinates is not None)
        untold = not exact or (self.box_unit and not size)  # where no boxes can be had, whatever anybody passes
        return replace(answer, doubt="") if frame is None and untold else answer

    def _frame(self, sent: Asked) -> tuple[float, float] | None:
        """The size of the whole picture in the numbers of the model's boxes."""
        unit, size = self.box_unit, (sent.sent_width, sent.sent_height)
        if unit == "relative_1000":
            return 1000, 1000
        if unit == "resized" and all(size):
            return resized(*size, *self._grid())
        return size if unit and all(size) else None

    # --- what a server can tell of an error ---------------------------------------------------------------------------

    def _explain(self, error: EngineError) -> Flow[None]:
        if self.is_dashscope:
            return
        if _is_unreachable(error):
            error.message = (
                f"nothing answers at {self._shown_url()} ({error.__cause__}): is the server running? Start it, or give "
                "its address as base_url= or OPENAI_BASE_URL"
            )
        elif isinstance(error, KeyRejected) and "Authorization" not in self.headers():
            error.message += "; pass api_key=, or set OPENAI_API_KEY"
        elif error.status == 404:
            error.message += yield from self._whereabouts()
        elif error.status == 400 and "context" in error.message:
            error.message += "; lower max_pixels=, or start the server with a longer context"

    def _whereabouts(self) -> Flow[str]:
        """What an address that does not know a model or a path does know."""
        try:
            reply = yield Call("GET", f"{self.url()}/models", self.headers(), timeout=SOON, longest=SOON)
            said = json.loads(reply.body) if reply and reply.status == 200 else {}
            names = [repr(model["id"]) for model in said["data"]]
        except (EngineError, KeyError, TypeError, ValueError):
            return f"; {self._shown_url()} has no list of models either: base_url= mostly ends in /v1"
        return f"; the server has {', '.join(names[:20]) or 'no model'}"

    # --- pictures and keys --------------------------------------------------------------------------------------------

    def _limits(self, *, upload: bool) -> Limits:
        """As DashScope's; sized as the model would itself where its boxes count the pixels it sees."""
        factor, least, most = self._grid()
        limits = limits_of(self.catalogued, upload=upload, max_pixels=self.max_pixels)
        if not self.is_dashscope:
            limits = replace(limits, formats=SELF_HOSTED_FORMATS, large_formats=SELF_HOSTED_FORMATS, max_pixels=most)
        if self.box_unit == "resized" or (self.min_pixels is not None and not self.is_dashscope):
            limits = replace(limits, max_aspect=GRID_ASPECT, grid=(factor, least, most))
        return limits

    def _grid(self) -> tuple[int, int, int]:
        """What the model's own resizing goes by: a square's side, the least and the most pixels."""
        model = self.catalogued
        least = model.min_pixels if self.min_pixels is None else self.min_pixels
        return model.pixel_factor, least, model.max_pixels if self.max_pixels is None else self.max_pixels

    def _storage(self) -> Storage | None:
        if not self.is_dashscope or self.region not in UPLOAD_REGIONS:
            return None
        headers = native_headers(Secret(self._dashscope_key()))
        return storage(self.url().partition(COMPATIBLE_MODE)[0] + "/api/v1", headers, self)

    def _published_urls(self) -> Sequence[str]:
        return [region.compatible_url for region in REGIONS.values()]


def _base(given: str) -> str:
    """A base URL as it is added to."""
    return given.strip().rstrip("/").removesuffix(CHAT)


def _is_trusted(url: str) -> bool:
    """Whether the environment's DashScope key may go there."""
    host, named = Address(url).host, os.environ.get("DASHSCOPE_COMPATIBLE_BASE_URL", "")
    vendors = url.startswith("https://") and host.endswith(VENDORS_DOMAIN)
    return vendors or host in THIS_MACHINE or url == _base(named)


def _checked_body(given: Mapping[str, Any]) -> dict[str, Any]:
    """What is sent beside everything else, copied.

    Raises:
        ValueError: One of it has an option of its own, or JSON has no word for it.
    """
    for name in given:
        if name in OWN_OPTIONS:
            raise ValueError(f"extra_body: {name!r} has an option of its own; pass {OWN_OPTIONS[name]}")
    try:
        copied: dict[str, Any] = json.loads(json.dumps(dict(given), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ValueError(f"extra_body cannot be sent: {error}") from error
    return copied


def _is_unreachable(error: EngineError) -> bool:
    import httpx

    return isinstance(error.__cause__, httpx.ConnectError | httpx.ConnectTimeout)
