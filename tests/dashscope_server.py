"""DashScope on 127.0.0.1: takes what the real service documents, refuses everything else, and fails on request.

::

    with DashScopeServer(in_turn(fault("rate-quota", retry_after="0"), ok())) as server:
        DashScopeEngine(base_url=server.base_url, api_key=server.key)
        ...
    assert [asked.task for asked in server.asked] == ["table_parsing"] * 2
    assert server.billed == 1

Shapes and their sources stand in ``dashscope_checks`` (requests), ``dashscope_answers`` (replies), ``dashscope_faults``
(errors) and ``dashscope_uploads`` (files); ``dashscope_scenarios`` has what may happen to a request.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter, deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dashscope_answers import PageText
from dashscope_checks import GENERATION, MODELS, Asked, Checker, Model
from dashscope_faults import FAULTS, Fault, Refusal, refuse
from dashscope_scenarios import Refused, Scenario, Script, ok, scenario_of
from dashscope_uploads import POLICY, STORE, Uploads
from http_server import Exchange, LocalServer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dashscope_images import SentImage
    from http_server import Handler

BIG = 100_000  # bytes from which a request is checked outside the event loop: a page's pixels take their time


def page_by_number(image: SentImage) -> PageText:
    """What stands on a marked page; a fixed text on any other."""
    if image.number is None:
        return PageText()
    return PageText((f"page {image.number}", f"second line of page {image.number}"), fields={"Page": str(image.number)})


class DashScopeServer(LocalServer):
    """The native API's generations and uploads.

    Attributes:
        script: What happens to generations; may be replaced at any time.
        policy_script, upload_script: The same for uploads, by the number of the call from 0; None for all is well.
        pages: What stands on a picture.
        latency: Seconds every generation takes at least.
        rate_limit: Good requests taken within any second; ``Throttling.RateQuota`` for those above. None for no limit.
        uploads: The files stored, and the certificates given out.
        routes: By method and path; one more endpoint is one more entry.
    """

    def __init__(
        self,
        script: Script | None = None,
        *,
        key: str = "sk-test",
        workspace: str | None = None,
        models: Mapping[str, Model] = MODELS,
        web: Mapping[str, bytes] | None = None,
        pages: Callable[[SentImage], PageText] = page_by_number,
        latency: float = 0.0,
        rate_limit: int | None = None,
    ) -> None:
        super().__init__(self._handle)
        self.script: Script = script or ok()
        self.policy_script: Callable[[int], Scenario | None] = lambda number: None
        self.upload_script: Callable[[int], Scenario | None] = lambda number: None
        self.pages, self.latency, self.rate_limit = pages, latency, rate_limit
        self.key, self.uploads = key, Uploads()
        self.checker = Checker(key, workspace, models, self.uploads.stored, web or {})
        self.routes: dict[tuple[str, str], Handler] = {
            ("POST", GENERATION): self._generate,
            ("GET", POLICY): self._certify,
            ("POST", STORE): self._store,
        }
        self._attempts: Counter[str] = Counter()
        self._admitted: deque[float] = deque()
        self._calls: Counter[str] = Counter()

    @property
    def base_url(self) -> str:
        """What stands for ``https://dashscope.aliyuncs.com/api/v1``."""
        return f"{self.url}/api/v1"

    @property
    def generations(self) -> list[Exchange]:
        """Every request for a generation, good or bad."""
        return [exchange for exchange in self.exchanges if exchange.request.path == GENERATION]

    @property
    def bodies(self) -> list[Any]:
        """Their JSON bodies."""
        return [exchange.request.json() for exchange in self.generations]

    @property
    def asked(self) -> list[Asked]:
        """The good ones, as understood."""
        return [exchange.notes["asked"] for exchange in self.generations if "asked" in exchange.notes]

    @property
    def refused(self) -> list[Fault]:
        """Why requests were not good. A client whose requests are right leaves this empty, whatever the script does."""
        return [exchange.notes["refused"] for exchange in self.exchanges if "refused" in exchange.notes]

    @property
    def billed(self) -> int:
        """Pages in replies that were sent to their end."""
        return sum(exchange.notes.get("billed", 0) for exchange in self.generations)

    @property
    def billed_pages(self) -> Counter[int | None]:
        """How often each marked page was billed."""
        paid = [exchange.notes["asked"] for exchange in self.generations if exchange.notes.get("billed")]
        return Counter(image.number for asked in paid for image in asked.images)

    async def _handle(self, exchange: Exchange) -> None:
        exchange.notes["request_id"] = str(uuid.uuid4())
        route = self.routes.get((exchange.request.method, exchange.request.path))
        try:
            if not route:
                raise refuse("not-found", f"{exchange.request.method} {exchange.request.path} is no endpoint")
            await route(exchange)
        except Refusal as refusal:
            exchange.notes["refused"] = refusal.fault
            await Refused(refusal.fault).play(exchange, None)

    async def _generate(self, exchange: Exchange) -> None:
        self.checker.check_key(exchange.request)
        if not self._admit():
            return await Refused(FAULTS["rate-quota"]).play(exchange, None)
        if len(exchange.request.body) > BIG:
            asked = await asyncio.to_thread(self._read, exchange)
        else:
            asked = self._read(exchange)
        exchange.notes["asked"] = asked = self._count(asked)
        await asyncio.sleep(self.latency)
        return await scenario_of(self.script, asked).play(exchange, asked)

    def _read(self, exchange: Exchange) -> Asked:
        """The request understood, with the text of all its pages."""
        asked = self.checker.check(exchange.request)
        first, *others = (self.pages(image) for image in asked.images)
        lines = [line for page in (first, *others) for line in page.lines]
        fields = {name: value for page in (*others[::-1], first) for name, value in page.fields.items()}
        return replace(asked, page=replace(first, lines=tuple(lines), fields=fields))

    def _count(self, asked: Asked) -> Asked:
        asked = replace(asked, number=self._attempts.total(), attempt=self._attempts[asked.key])
        self._attempts[asked.key] += 1
        return asked

    def _admit(self) -> bool:
        """Whether one more request fits into this second."""
        now = time.monotonic()
        while self._admitted and self._admitted[0] <= now - 1:
            self._admitted.popleft()
        if self.rate_limit is not None and len(self._admitted) >= self.rate_limit:
            return False
        self._admitted.append(now)
        return True

    async def _certify(self, exchange: Exchange) -> None:
        self.checker.check_key(exchange.request)
        if scenario := self.policy_script(self._next("policy")):
            await scenario.play(exchange, None)
        else:
            await self.uploads.certify(exchange, self.url, self.checker.models)

    async def _store(self, exchange: Exchange) -> None:
        if scenario := self.upload_script(self._next("upload")):
            await scenario.play(exchange, None)
        else:
            await self.uploads.receive(exchange)

    def _next(self, name: str) -> int:
        self._calls[name] += 1
        return self._calls[name] - 1
