"""OpenAI-compatible servers on 127.0.0.1: Model Studio's compatible mode with its batches, vLLM, Ollama and LM Studio.

::

    with OpenAIServer(in_turn(fault("rate-quota", retry_after="0"), ok())) as server:
        OpenAIEngine(model="qwen-vl-ocr-latest", base_url=server.base_url, api_key=server.key)
        ...
    assert [asked.task for asked in server.asked] == ["table_parsing"] * 2
    assert server.billed == 1

It is ``DashScopeServer`` grown by endpoints: scripts, pages, latency and rate limit are the same, and in the dashscope
flavor the native API is served beside it (``native_url``), from which pictures are uploaded. Shapes and their sources
stand in ``openai_checks`` (requests), ``openai_answers`` (replies), ``openai_faults`` (errors), ``openai_files`` and
``openai_batches``.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
import time
import uuid
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dashscope_checks import GENERATION, Asked, _json_object
from dashscope_faults import FAULTS, Refusal, compact, refuse
from dashscope_scenarios import Refused, Script, scenario_of
from dashscope_server import BIG, DashScopeServer
from openai_batches import Batches
from openai_checks import CHAT_MODELS, ChatAsked, ChatChecker, ChatModel
from openai_faults import ErrorShape, Flavor, compatible_fault
from openai_files import Files
from openai_scenarios import Trouble, compatible

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from http_server import Exchange, Request
    from openai_answers import LineFormat

ENDPOINTS = [
    ("POST", "/chat/completions", "chat"),
    ("GET", "/models", "models"),
    ("POST", "/files", "files.create"),
    ("GET", "/files", "files.list"),
    ("GET", "/files/([^/]+)", "files.retrieve"),
    ("DELETE", "/files/([^/]+)", "files.delete"),
    ("GET", "/files/([^/]+)/content", "files.content"),
    ("POST", "/batches", "batches.create"),
    ("GET", "/batches", "batches.list"),
    ("GET", "/batches/([^/]+)", "batches.retrieve"),
    ("POST", "/batches/([^/]+)/cancel", "batches.cancel"),
]


class OpenAIServer(DashScopeServer):
    """Chat completions, and, in the dashscope flavor, files and batches.

    Attributes:
        trouble: What goes wrong at an endpoint, by its name (the third column of ``ENDPOINTS``) and the number of the
            call from 0: see ``openai_scenarios.troubles``.
        error_shape: How errors are worded; the flavor's own way at first.
        line_format: How lines with boxes are told.
        files, batches: What there is of them, and how they go.
    """

    def __init__(
        self,
        script: Script | None = None,
        *,
        flavor: Flavor = "dashscope",
        models: Mapping[str, ChatModel] | None = None,
        line_format: LineFormat = "rows",
        **settings: Any,
    ) -> None:
        super().__init__(script, **settings)
        self.flavor, self.prefix = flavor, "/compatible-mode/v1" if flavor == "dashscope" else "/v1"
        self.error_shape: ErrorShape = flavor
        self.trouble: Callable[[str, int], Trouble | None] = lambda endpoint, number: None
        models = models or CHAT_MODELS[flavor]
        self.chats = ChatChecker(
            flavor, self.key, models, self.checker.workspace, self.uploads.stored, self.checker.web
        )
        self.folder = Path(tempfile.mkdtemp(prefix="openai-server-"))
        self.files = Files(self.folder)
        self.batches = Batches(self.files, self.chats, self._with_page)
        self.line_format = self.batches.worker.lines = line_format
        self.spool = self._spool
        self._plain: dict[str, Callable[..., dict[str, Any] | Path]] = {
            "files.create": self.files.receive,
            "files.list": lambda request: self.files.list(request.query),
            "files.retrieve": lambda request, which: self.files.retrieve(which),
            "files.delete": lambda request, which: self.files.delete(which),
            "files.content": lambda request, which: self.files.content(which),
            "batches.create": lambda request: self.batches.create(_json_object(request)),
            "batches.list": lambda request: self.batches.list(request.query),
            "batches.retrieve": lambda request, which: self.batches.retrieve(which),
            "batches.cancel": lambda request, which: self.batches.cancel(which),
        }
        if flavor != "dashscope":
            self.routes, self._plain = {}, {"models": lambda request: self._models()}

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            super().__exit__(kind, error, trace)
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def base_url(self) -> str:
        """What stands for ``https://dashscope.aliyuncs.com/compatible-mode/v1``, or a local server's ``…/v1``."""
        return self.url + self.prefix

    @property
    def native_url(self) -> str:
        """What stands for ``https://dashscope.aliyuncs.com/api/v1``."""
        return f"{self.url}/api/v1"

    @property
    def generations(self) -> list[Exchange]:
        """Every request for a completion or a generation, good or bad."""
        paths = {f"{self.prefix}/chat/completions", GENERATION}
        return [exchange for exchange in self.exchanges if exchange.request.path in paths]

    @property
    def asked(self) -> list[Asked]:
        """The good ones, as understood, and the last thousand lines of batches."""
        return [*super().asked, *self.batches.asked]

    @property
    def billed(self) -> int:
        """Pages in replies that were sent to their end, and in good lines of batches."""
        return super().billed + self.batches.worker.bought.total()

    @property
    def bought(self) -> Counter[str]:
        """How often each page was paid for: by ``"page 7"`` where its number is known, by its URL's hash where not."""
        live = [exchange.notes["asked"] for exchange in self.generations if exchange.notes.get("billed")]
        return self.batches.worker.bought + Counter(image.identity for asked in live for image in asked.images)

    @property
    def bought_ids(self) -> Counter[str]:
        """How often each custom_id was paid for."""
        return Counter(self.batches.worker.bought_ids)

    # --- requests

    def _spool(self, method: str, path: str) -> Path | None:
        return self.files.spool() if (method, path) == ("POST", f"{self.prefix}/files") else None

    async def _handle(self, exchange: Exchange) -> None:
        if not exchange.request.path.startswith(self.prefix + "/"):
            return await super()._handle(exchange)
        exchange.notes["request_id"] = str(uuid.uuid4())
        try:
            await self._compatible(exchange)
        except Refusal as refusal:
            exchange.notes["refused"] = refusal.fault
            await Refused(compatible_fault(refusal.fault, self.error_shape)).play(exchange, None)
        return None

    async def _compatible(self, exchange: Exchange) -> None:
        name, parts = self._endpoint(exchange.request)
        trouble = self.trouble(name, self._next(name))
        await asyncio.sleep(trouble.delay if trouble else 0)
        if trouble and not trouble.after:
            return await self._suffer(trouble, exchange)
        if name == "chat":
            return await self._chat(exchange)
        self.chats.check_key(exchange.request)
        found = await asyncio.to_thread(self._plain[name], exchange.request, *parts)
        if trouble and trouble.scenario:
            return await self._suffer(trouble, exchange)
        return await self._tell(found, exchange, trouble.cut if trouble else 1.0)

    def _endpoint(self, request: Request) -> tuple[str, tuple[str, ...]]:
        """Its name, and the ids in its path."""
        path = request.path.removeprefix(self.prefix)
        for method, pattern, name in ENDPOINTS:
            match = re.fullmatch(pattern, path) if method == request.method else None
            if match and (name == "chat" or name in self._plain):
                return name, match.groups()
        raise refuse("not-found", f"{request.method} {request.path} is no endpoint")

    async def _suffer(self, trouble: Trouble, exchange: Exchange) -> None:
        assert trouble.scenario
        if exchange.request.file:
            exchange.request.file.unlink(missing_ok=True)
        await compatible(trouble.scenario, self.flavor, self.error_shape).play(exchange, None)

    async def _tell(self, found: dict[str, Any] | Path, exchange: Exchange, cut: float) -> None:
        headers = {"Content-Type": "application/json", "X-Request-Id": exchange.notes["request_id"]}
        if isinstance(found, Path):
            return await exchange.send_file(found, headers | {"Content-Type": "application/octet-stream"}, upto=cut)
        body = compact(found).encode()
        if cut == 1:
            return await exchange.send(200, body, headers)
        exchange.start(200, headers, length=len(body))
        await exchange.write(body[: int(len(body) * cut)])
        return exchange.cut()

    # --- completions

    async def _chat(self, exchange: Exchange) -> None:
        self.chats.check_key(exchange.request)
        if not self._admit():
            return await Refused(compatible_fault(FAULTS["rate-quota"], self.error_shape)).play(exchange, None)
        if len(exchange.request.body) > BIG:
            asked = await asyncio.to_thread(self.chats.check, exchange.request)
        else:
            asked = self.chats.check(exchange.request)
        counted = self._count(self._with_page(asked))
        exchange.notes["asked"] = counted
        await asyncio.sleep(self.latency)
        scenario = scenario_of(self.script, counted)
        return await compatible(scenario, self.flavor, self.error_shape, self.line_format).play(exchange, counted)

    def _with_page(self, asked: ChatAsked) -> ChatAsked:
        """With the text of all its pages."""
        first, *others = (self.pages(image) for image in asked.images)
        if not others:
            return replace(asked, page=first)
        lines = [line for page in (first, *others) for line in page.lines]
        fields = {name: value for page in (*others[::-1], first) for name, value in page.fields.items()}
        return replace(asked, page=replace(first, lines=tuple(lines), fields=fields))

    def _models(self) -> dict[str, Any]:
        now, owner = int(time.time()), {"vllm": "vllm", "ollama": "library"}.get(self.flavor, "organization_owner")
        data = [{"id": name, "object": "model", "created": now, "owned_by": owner} for name in self.chats.models]
        if self.flavor == "vllm":
            data = [{**one, "root": one["id"], "parent": None, "max_model_len": 32_768} for one in data]
        return {"object": "list", "data": data}
