"""Qwen-OCR over Alibaba's DashScope protocol: every task, every parameter, every fault.

Protocol: Alibaba Model Studio, Qwen-OCR guide and API reference (2026-01 to 2026-10); requests equal those of the
official Python SDK 2.0.2, its telemetry headers apart.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from ..answers import read_answer
from ..catalog import lookup
from ..errors import UnsupportedTask
from ..fit import limits_of
from ..prices import REGIONS
from .address import Address
from .cloud import CloudEngine
from .flows import Call
from .keys import Secret, dashscope_key
from .transcript import LoopWatch, native, read_reply
from .upload import UPLOAD_REGIONS, Storage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..answers import Answer
    from ..catalog import Model
    from ..fit import Limits
    from ..tasks import Task
    from .base import Asked
    from .flows import Reply
    from .transcript import Transcript

GENERATION = "/services/aigc/multimodal-generation/generation"
WORKSPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DashScopeEngine(CloudEngine):
    """Alibaba's Qwen-OCR.

    Attributes:
        model: For example ``"qwen-vl-ocr-2025-11-20"``; names the catalogue does not know are sent as they are.
        region: Where the key is from: ``"beijing"``, ``"singapore"`` or ``"virginia"``.
        base_url: Instead of the region's; ``DASHSCOPE_HTTP_BASE_URL`` stands behind it.
        workspace: Id of a workspace, where the key belongs to one.
        api_key: Instead of the environment's; see ``engines.keys``. Never shown, never pickled.
        min_pixels, max_pixels: Between these the service scales a page; None for the model's own.
        enable_rotate: Let the service turn the page upright. The frame of its coordinates is not documented then, so
            lines are given no boxes.
        stream: True, False, or ``"auto"``: where a reply may take long, as the service gives up at 300 s otherwise.
        timeout: Seconds to connect, and to wait for each piece of the answer.
        parameters: Sampling: ``max_tokens``, ``temperature``, ``top_p``, ``top_k``, ``repetition_penalty``,
            ``presence_penalty``, ``seed``, ``stop``, ``logprobs``, ``top_logprobs``. Only what is given is sent.
        retry: When a failed call is made again.
        catalog: What is known of the model, instead of the catalogue's own: ``replace(lookup(model, region),
            prices=...)``.

    Raises:
        ValueError: An unknown region or parameter, a value out of range, a workspace that cannot be one.
    """

    model: str = "qwen-vl-ocr-2025-11-20"
    workspace: str | None = None
    enable_rotate: bool | None = None

    protocol: ClassVar[str] = "dashscope"

    def __post_init__(self) -> None:
        if self.workspace is not None and not WORKSPACE.fullmatch(self.workspace):
            raise ValueError(f"workspace={self.workspace!r} is not a workspace id")
        check_region(self.model, self.region, self.catalogued)
        CloudEngine.__post_init__(self)

    def _lookup(self) -> Model:
        check_region(self.model, self.region)
        return lookup(self.model, self.region)

    def _further_settings(self) -> dict[str, Any]:
        elsewhere = {} if self.url() in self._published_urls() else {"base_url": Address(self.url()).shown}
        return {"enable_rotate": self.enable_rotate, **elsewhere}

    # --- what is said -------------------------------------------------------------------------------------------------

    def request(self, task: Task, images: Sequence[str], extra: Mapping[str, Any] | None = None) -> Call:
        """The request for a task about one page, or about several in one message.

        Raises:
            UnsupportedTask: The model has no built-in tasks.
        """
        if task.name != "prompt" and self.catalogued.known and not self.catalogued.built_in_tasks:
            raise UnsupportedTask(f"{self.model} cannot do task={task.name!r}; pass prompt=, or a newer model")
        streamed = self._streamed(task)
        parameters = self._sampling(extra)
        if task.name != "prompt":
            parameters["ocr_options"] = _ocr_options(task)
        if streamed:
            parameters["incremental_output"] = True
        body = {
            "model": self.model,
            "parameters": parameters,
            "input": {"messages": [{"role": "user", "content": self._content(task, images)}]},
        }
        return Call(
            "POST",
            self.url() + GENERATION,
            {**self.headers(), **_stream_headers(streamed), **storage_headers(images)},
            json.dumps(body, ensure_ascii=False).encode(),
            self.timeout,
            watch=partial(LoopWatch, native) if streamed else None,
        )

    def _content(self, task: Task, images: Sequence[str]) -> list[dict[str, Any]]:
        asked = {**self._pixels(), "enable_rotate": self.enable_rotate}
        given = {name: value for name, value in asked.items() if value is not None}
        return [*({"image": image, **given} for image in images), *([{"text": task.prompt}] if task.prompt else [])]

    def url(self) -> str:
        """The native API's base URL."""
        given = Address(self.base_url or os.environ.get("DASHSCOPE_HTTP_BASE_URL") or REGIONS[self.region].native_url)
        url = given.strip().rstrip("/").removesuffix(GENERATION)
        if not url.startswith(("http://", "https://")) or "/compatible-mode" in url:
            raise ValueError(f"base_url={given!r}: want the native API's, like {REGIONS[self.region].native_url}")
        return url

    def headers(self) -> dict[str, str]:
        """Of a call."""
        return native_headers(self.api_key, self.workspace)

    # --- what comes back ----------------------------------------------------------------------------------------------

    def _transcript(self, reply: Reply) -> Transcript:
        return read_reply(reply, native)

    def _answer(self, task: Task, said: Transcript, sent: Asked, *, exact: bool) -> Answer:
        return read_answer(
            None if task.name == "prompt" else task.name,
            said.processed or said.text,
            said.ocr_result or None,
            sent.sent_width,
            sent.sent_height,
            exact=exact and not self.enable_rotate,
        )

    # --- pictures and keys --------------------------------------------------------------------------------------------

    def _limits(self, *, upload: bool) -> Limits:
        return limits_of(self.catalogued, upload=upload, max_pixels=self.max_pixels)

    def _storage(self) -> Storage | None:
        if self.region not in UPLOAD_REGIONS:
            return None
        return storage(self.url(), self.headers(), self)

    def _published_urls(self) -> Sequence[str]:
        return [region.native_url for region in REGIONS.values()]


def check_region(model: str, region: str, known: Model | None = None) -> None:
    """Refuse a region that does not exist, or that does not serve the model.

    Raises:
        ValueError: With the regions that there are.
    """
    if region not in REGIONS:
        raise ValueError(f"region={region!r}: want one of {', '.join(REGIONS)}")
    if known and known.known and region not in known.regions:
        raise ValueError(f"{model} is not served in {region}; regions: {', '.join(known.regions)}")


def native_headers(api_key: str | Secret | None, workspace: str | None = None) -> dict[str, str]:
    """Of a call to the native API.

    Raises:
        MissingKey: There is no key.
    """
    from .. import __version__

    assert isinstance(api_key, Secret)
    headers = {
        "Authorization": f"Bearer {dashscope_key(api_key)}",
        "Content-Type": "application/json; charset=utf-8",
        "Accept": "application/json; charset=utf-8",
        "User-Agent": f"qwen-ocr-loader/{__version__}",
    }
    return headers | ({"X-DashScope-WorkSpace": workspace} if workspace else {})


def storage(native_url: str, headers: Mapping[str, str], engine: CloudEngine) -> Storage:
    """The service's storage for an engine's model, by the native API."""
    account = hashlib.sha256(headers["Authorization"].encode()).hexdigest()
    return Storage(native_url, headers, account, engine.model, engine._uploads, engine.timeout)  # noqa: SLF001


def storage_headers(images: Sequence[str]) -> dict[str, str]:
    """What a call needs that names pictures in the storage."""
    stored = any(image.startswith("oss://") for image in images)
    return {"X-DashScope-OssResourceResolve": "enable"} if stored else {}


def _ocr_options(task: Task) -> dict[str, Any]:
    schema = {"task_config": {"result_schema": dict(task.schema)}} if task.schema else {}
    return {"task": task.name, **schema}


def _stream_headers(streamed: bool) -> dict[str, str]:
    if not streamed:
        return {}
    return {"Accept": "text/event-stream", "X-DashScope-SSE": "enable", "X-Accel-Buffering": "no"}
