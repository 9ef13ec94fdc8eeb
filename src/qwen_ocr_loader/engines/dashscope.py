"""Qwen-OCR over Alibaba's DashScope protocol: every task, every parameter, every fault.

Protocol: Alibaba Model Studio, Qwen-OCR guide and API reference (2026-01 to 2026-10); requests equal those of the
official Python SDK 2.0.2, its telemetry headers apart.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ..answers import read_answer, unreadable
from ..catalog import calibrated, estimated_usage, image_tokens, lookup
from ..errors import (
    EngineError,
    ReplyTruncated,
    ReplyUnreadable,
    RequestRejected,
    ServiceFailed,
    UnsupportedTask,
)
from ..fit import fitted, limits_of
from ..pace import Retry
from ..prices import REGIONS
from ..repeats import cut, find_repeat
from ..results import PageResult, Usage
from ..tasks import PROMPT, TASKS
from .bill import Bill
from .http import Call, Connections, adrive, drive, persistent
from .keys import Secret, dashscope_key
from .parameters import checked_parameters
from .transcript import LoopWatch, read_reply
from .upload import Policies, Storage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from ..catalog import Model
    from ..fit import Encoded
    from ..prices import Money
    from ..tasks import Ability, Task, TaskName
    from .base import Scan
    from .http import Flow, Reply
    from .transcript import Transcript

Region = Literal["beijing", "singapore", "virginia"]

GENERATION = "/services/aigc/multimodal-generation/generation"
WORKSPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
INLINE_BYTES = 7_000_000  # a larger picture would not fit into 10 MB of base64 with the rest of the request
PENALTY = 1.1  # what a page that made the model loop is asked with once more
STREAMED_TASKS = frozenset({"document_parsing", "table_parsing", "advanced_recognition"})  # their replies are long


@dataclass(frozen=True, slots=True, kw_only=True)
class DashScopeEngine:
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
    region: Region = "beijing"
    base_url: str | None = None
    workspace: str | None = None
    api_key: str | Secret | None = field(default=None, repr=False)
    min_pixels: int | None = None
    max_pixels: int | None = None
    enable_rotate: bool | None = None
    stream: bool | Literal["auto"] = "auto"
    timeout: float = 300.0
    parameters: Mapping[str, Any] = field(default_factory=dict)
    retry: Retry = field(default_factory=Retry)
    catalog: Model | None = None
    _connections: Connections = field(default_factory=Connections, init=False, repr=False, compare=False)
    _policies: Policies = field(default_factory=Policies, init=False, repr=False, compare=False)
    _measured: dict[str, Model] = field(default_factory=dict, init=False, repr=False, compare=False)

    remote: ClassVar[bool] = True
    tasks: ClassVar[frozenset[Ability]] = frozenset({*TASKS, PROMPT})
    at_once: ClassVar[int | None] = None
    requires: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if self.region not in REGIONS:
            raise ValueError(f"region={self.region!r}: want one of {', '.join(REGIONS)}")
        if self.workspace is not None and not WORKSPACE.fullmatch(self.workspace):
            raise ValueError(f"workspace={self.workspace!r} is not a workspace id")
        if self.stream not in (True, False, "auto"):
            raise ValueError(f"stream={self.stream!r}: want True, False or 'auto'")
        if not isinstance(self.timeout, int | float) or not self.timeout > 0:
            raise ValueError(f"timeout={self.timeout!r}: want a number of seconds above 0")
        served = self.catalogued.regions
        if self.catalogued.known and self.region not in served:
            raise ValueError(f"{self.model} is not served in {self.region}; regions: {', '.join(served)}")
        self.catalogued.check_pixels(self.min_pixels, self.max_pixels)
        _ = self._url()
        if not isinstance(self.api_key, Secret):
            object.__setattr__(self, "api_key", Secret(self.api_key))
        object.__setattr__(self, "parameters", checked_parameters(self.parameters, self.catalogued))

    @property
    def name(self) -> str:
        """As in ``metadata["ocr_engine"]``."""
        return f"dashscope:{self.model}"

    @property
    def catalogued(self) -> Model:
        """What is known of the model: limits, prices, and its pixel factor, as measured once there are replies."""
        return self._measured.get(self.model) or self.catalog or lookup(self.model, self.region)

    @property
    def settings(self) -> str:
        """What changes the reading: model, region, pixels, turning, sampling."""
        changing = (
            self.model,
            self.region,
            self.min_pixels,
            self.max_pixels,
            self.enable_rotate,
            dict(self.parameters),
        )
        return json.dumps(changing, sort_keys=True, default=str)

    def estimate(self, scan: Scan, tasks: Sequence[Task]) -> Usage:
        """Calls and tokens the page is likely to need, rather too many than too few."""
        return sum((self._estimate(scan, task) for task in tasks), Usage())

    def ceiling(self, scan: Scan, tasks: Sequence[Task]) -> Usage:
        """The most it can need: replies as long as they may get, and the second try that a cut-off one is given."""
        longest = self.parameters.get("max_tokens", self.catalogued.max_output)
        once = [replace(self._estimate(scan, task), output_tokens=longest) for task in tasks]
        return sum(once + once, Usage())

    def _estimate(self, scan: Scan, task: Task) -> Usage:
        name: TaskName = "text_recognition" if task.name == "prompt" else task.name
        said = (task.prompt or "") + (json.dumps(task.schema, ensure_ascii=False) if task.schema else "")
        pixels = {"min_pixels": self.min_pixels, "max_pixels": self.max_pixels}
        width, height, model = scan.image.width, scan.image.height, self.catalogued
        into, out = estimated_usage(width, height, model, name, prompt=said, **pixels)
        return Usage(1, into, out, image_tokens(width, height, model, **pixels))

    def cost(self, usage: Usage) -> Money | None:
        """What calls and tokens cost, by the catalogue's dated prices; None where none is known."""
        price = self.catalogued.price(self.region)
        return price.of(usage.input_tokens, usage.output_tokens) if price else None

    # --- what is said -------------------------------------------------------------------------------------------------

    def ask(self, scan: Scan, task: Task) -> Call:
        """The one request for a task about a page, the picture inside it."""
        return self._call(task, [self._encoded(scan).data_url()], {}, self._headers())

    def parse(self, scan: Scan, task: Task, reply: Reply) -> PageResult:
        """What a reply to ``ask`` says about the page.

        Raises:
            EngineError: A fault; ``ReplyTruncated`` and ``ReplyUnreadable`` carry what was read.
        """
        return self._result([scan], task, [self._encoded(scan)], read_reply(reply))

    def _call(self, task: Task, images: Sequence[str], extra: Mapping[str, Any], headers: Mapping[str, str]) -> Call:
        if task.name != "prompt" and self.catalogued.known and not self.catalogued.built_in_tasks:
            raise UnsupportedTask(f"{self.model} cannot do task={task.name!r}; pass prompt=, or a newer model")
        streamed = self.stream if isinstance(self.stream, bool) else task.name in STREAMED_TASKS
        parameters = {**self.parameters, **extra}
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
            self._url() + GENERATION,
            {**headers, **_stream_headers(streamed), **_storage_headers(images)},
            json.dumps(body, ensure_ascii=False).encode(),
            self.timeout,
            watch=LoopWatch if streamed else None,
        )

    def _content(self, task: Task, images: Sequence[str]) -> list[dict[str, Any]]:
        pixels = {"min_pixels": self.min_pixels, "max_pixels": self.max_pixels, "enable_rotate": self.enable_rotate}
        given = {name: value for name, value in pixels.items() if value is not None}
        return [*({"image": image, **given} for image in images), *([{"text": task.prompt}] if task.prompt else [])]

    def _url(self) -> str:
        given = self.base_url or os.environ.get("DASHSCOPE_HTTP_BASE_URL") or REGIONS[self.region].native_url
        url = given.strip().rstrip("/").removesuffix(GENERATION)
        if not url.startswith(("http://", "https://")) or "/compatible-mode" in url:
            raise ValueError(f"base_url={given!r}: want the native API's, like {REGIONS[self.region].native_url}")
        return url

    def _headers(self) -> dict[str, str]:
        from .. import __version__

        assert isinstance(self.api_key, Secret)
        headers = {
            "Authorization": f"Bearer {dashscope_key(self.api_key)}",
            "Content-Type": "application/json; charset=utf-8",
            "Accept": "application/json; charset=utf-8",
            "User-Agent": f"qwen-ocr-loader/{__version__}",
        }
        return headers | ({"X-DashScope-WorkSpace": self.workspace} if self.workspace else {})

    def without_key(self, message: str) -> str:
        """A message as it may be shown: a service may repeat the key it was sent."""
        key = self.api_key.reveal() if isinstance(self.api_key, Secret) else None
        for secret in filter(None, (key, os.environ.get("DASHSCOPE_API_KEY"))):
            message = message.replace(secret.strip(), "…")
        return message

    def _encoded(self, scan: Scan) -> Encoded:
        return fitted(scan.image, limits_of(self.catalogued, upload=True, max_pixels=self.max_pixels))

    # --- what comes back ----------------------------------------------------------------------------------------------

    def _result(self, scans: Sequence[Scan], task: Task, sents: Sequence[Encoded], said: Transcript) -> PageResult:
        """What a reply says, as a result of the first page: boxes are in its frame, so several pages have none."""
        scan, sent = scans[0], sents[0]
        self._check_whole(said, task)
        if len(scans) == 1:
            self._measure(sent, said.usage)
        try:
            answer = read_answer(
                None if task.name == "prompt" else task.name,
                said.processed or said.text,
                said.ocr_result or None,
                sent.width,
                sent.height,
                exact=not self.enable_rotate and len(scans) == 1,
            )
        except ReplyUnreadable as error:
            raise ReplyUnreadable(error.message, text=error.text, **self._about(said)) from error
        something = answer.text.strip() or answer.lines or answer.fields or answer.tables or answer.formulas
        if not something and not all(scan.image.is_blank() for scan in scans):
            raise ReplyUnreadable("the reply is empty and the page is not; try another model", **self._about(said))
        lines = (replace(line, quad=line.quad and line.quad.within(sent.page_box)) for line in answer.lines)
        return scan.result(
            self,
            [task],
            answer.text,
            text_format=answer.text_format,
            lines=tuple(replace(line, confidence=said.confidence) for line in lines),
            fields={name: replace(value, page=scan.page) for name, value in answer.fields.items()},
            tables=answer.tables,
            formulas=answer.formulas,
            truncated=answer.truncated,
            usage=said.usage,
        )

    def _measure(self, sent: Encoded, usage: Usage) -> None:
        """Learn from a reply how many pixels make a token: an alias may have moved to another generation of models."""
        pixels = {"min_pixels": self.min_pixels, "max_pixels": self.max_pixels}
        model = calibrated(self.catalogued, sent.width, sent.height, usage.image_tokens, **pixels)
        if model != self.catalogued:
            self._measured[self.model] = model

    def _check_whole(self, said: Transcript, task: Task) -> None:
        """Raise where the reply is not the whole reading of the page."""
        text, reason, about = said.processed or said.text, said.finish_reason, self._about(said)
        looked_at = said.text if reason is None else text
        if repeat := find_repeat(looked_at, cut_off=reason in (None, "length")):
            raise Looped("the model repeats itself", text=cut(looked_at, repeat), **about)
        if reason is None:
            raise ServiceFailed("the reply breaks off; try again later", **about)
        if reason == "length":
            raise ReplyTruncated("the reply was cut off at max_tokens; raise it in parameters=", text=text, **about)
        if reason != "stop":
            raise RequestRejected(f"the service ended the reply ({reason}); read the page with engine='local'", **about)
        if why := unreadable(text, task.prompt):
            raise ReplyUnreadable(f"{why}; try another model, or engine='local'", text=text, **about)

    def _about(self, said: Transcript) -> dict[str, Any]:
        return {"request_id": said.request_id, "usage": said.usage, "engine": self.name}

    # --- how it is sent -----------------------------------------------------------------------------------------------

    def read(self, scan: Scan, tasks: Sequence[Task]) -> PageResult:
        """Ask for each task in turn and merge what comes back.

        Raises:
            EngineError: A task failed for good; what the tries before it cost is in ``error.usage``.
        """
        return self.read_together([scan], tasks)

    async def aread(self, scan: Scan, tasks: Sequence[Task]) -> PageResult:
        """``read`` without blocking the event loop; cancelling it ends the request."""
        return await self.aread_together([scan], tasks)

    def read_together(self, scans: Sequence[Scan], tasks: Sequence[Task]) -> PageResult:
        """Ask about several pages in one message; the reply is a result of the first, its lines without boxes.

        Raises:
            EngineError: As for ``read``.
        """
        sents, bill = [self._encoded(scan) for scan in scans], Bill()
        with bill.charging(self), self._connections.open() as client:
            for task in tasks:
                bill.results += [drive(self._reading(scans, sents, task, bill), client)]
        return bill.result()

    async def aread_together(self, scans: Sequence[Scan], tasks: Sequence[Task]) -> PageResult:
        """``read_together`` without blocking the event loop."""
        sents, bill = await asyncio.to_thread(lambda: [self._encoded(scan) for scan in scans]), Bill()
        with bill.charging(self):
            async with self._connections.aopen() as client:
                for task in tasks:
                    bill.results += [await adrive(self._reading(scans, sents, task, bill), client)]
        return bill.result()

    @asynccontextmanager
    async def aopened(self) -> AsyncIterator[None]:
        """Keep connections open for the pages of a run."""
        async with self._connections.aopen():
            yield

    def _reading(self, scans: Sequence[Scan], sents: Sequence[Encoded], task: Task, bill: Bill) -> Flow[PageResult]:
        """Place the pictures, ask, and ask once more in another way where the reply is cut off or loops."""
        headers, images = self._headers(), list[str]()
        for sent in sents:
            image = yield from persistent(partial(self._placed, sent, headers), self.retry)
            images += [image]
        extra: dict[str, Any] = {}
        first: ReplyTruncated | None = None
        while True:
            call = self._call(task, images, extra, headers)
            try:
                return (yield from persistent(partial(self._answered, scans, task, sents, call, bill), self.retry))
            except ReplyTruncated as error:
                extra = self._second_chance(error)
                if first is not None or not extra:
                    raise max(first or error, error, key=lambda cut: len(cut.text)) from error
                first = error
            except EngineError as error:
                if first is None:
                    raise
                raise first from error

    def _answered(
        self, scans: Sequence[Scan], task: Task, sents: Sequence[Encoded], call: Call, bill: Bill
    ) -> Flow[PageResult]:
        reply = yield call
        assert reply is not None
        said = read_reply(reply)
        bill.usage += said.usage
        return self._result(scans, task, sents, said)

    def _second_chance(self, error: ReplyTruncated) -> dict[str, Any]:
        """Parameters worth another try; empty where there are none."""
        if isinstance(error, Looped):
            return {} if "repetition_penalty" in self.parameters else {"repetition_penalty": PENALTY}
        most, had = self.catalogued.max_output, error.usage.output_tokens if error.usage else 0
        return {"max_tokens": most} if "max_tokens" not in self.parameters and had < most else {}

    def _placed(self, sent: Encoded, headers: Mapping[str, str]) -> Flow[str]:
        """What stands for the picture in the request: itself, or its address in the service's storage."""
        if len(sent.data) <= INLINE_BYTES:
            return sent.data_url()
        account = hashlib.sha256(headers["Authorization"].encode()).hexdigest()
        storage = Storage(self._url(), headers, account, self.model, self._policies, self.timeout)
        return (yield from storage.store(sent.data, sent.mime))


class Looped(ReplyTruncated):
    """The model fell into a loop; ``text`` is what it read before, and the repeated part once."""


def _ocr_options(task: Task) -> dict[str, Any]:
    schema = {"task_config": {"result_schema": dict(task.schema)}} if task.schema else {}
    return {"task": task.name, **schema}


def _stream_headers(streamed: bool) -> dict[str, str]:
    if not streamed:
        return {}
    return {"Accept": "text/event-stream", "X-DashScope-SSE": "enable", "X-Accel-Buffering": "no"}


def _storage_headers(images: Sequence[str]) -> dict[str, str]:
    stored = any(image.startswith("oss://") for image in images)
    return {"X-DashScope-OssResourceResolve": "enable"} if stored else {}
