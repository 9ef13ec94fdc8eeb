"""The strict DashScope server in a process of its own, so that load tests measure our side and not the server's.

::

    with LoadServer(latency=0.3) as server:
        DashScopeEngine(base_url=server.base_url, api_key="sk-any")
        ...
        assert server.tally().billed_pages == {0: 1, 1: 1}

Any key that begins with ``sk-`` will do, and says in the tally who asked. It keeps no request's body. Pictures are
decoded as elsewhere in the tests; with ``decode=False`` only their head is looked at, and pages are told by a JPEG
comment (``commented``), which costs the machine next to nothing. ``python load_server.py SETTINGS`` is the process.
"""

from __future__ import annotations

import base64
import io
import json
import math
import re
import subprocess
import sys
import time
from collections import Counter, deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import httpx
from PIL import Image

from dashscope_checks import Checker
from dashscope_faults import FAULTS, Refusal, refuse_parameter
from dashscope_images import SentImage, smart_resize
from dashscope_scenarios import Refused, Script, by_page, fault, mixed, ok
from dashscope_server import DashScopeServer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dashscope_checks import Asked, Model
    from http_server import Exchange, Request

HEAD = 8192  # characters of a data URL that are looked at, where pictures are not decoded


class Bought(NamedTuple):
    """A generation asked for, and what became of it; times are ``time.monotonic()``, which processes share.

    Attributes:
        who: The key, without its ``sk-``.
        page: The number of the first marked page; None where none was understood.
        billed: Pages in the reply, where it was sent to its end.
    """

    who: str
    page: int | None
    began: float
    ended: float
    status: int | None
    outcome: str
    billed: int


class Tally(NamedTuple):
    """What a server has seen."""

    bought: list[Bought]
    refused: list[str]
    most_in_flight: int

    @property
    def billed_pages(self) -> dict[int | None, int]:
        """How often each page was billed."""
        return dict(sorted(Counter(one.page for one in self.bought if one.billed).items(), key=str))

    @property
    def slowed(self) -> list[Bought]:
        """What was told to come later."""
        return [one for one in self.bought if one.status == 429]

    @property
    def good(self) -> list[Bought]:
        """What was answered."""
        return [one for one in self.bought if one.billed]


class LoadServer:
    """A process with the server in it, while entered.

    Args:
        latency: Seconds every generation takes at least.
        rate_limit: Requests taken within any second; those above get a 429 with Retry-After.
        decode: Pictures are decoded and pages told by their marks; otherwise by a JPEG comment.
        faults: By page number as text: the name of a fault that it always ends with.
        mixed: A rate of 0-1 and a seed: at that rate any retryable scenario happens.
    """

    def __init__(self, **settings: Any) -> None:
        self._settings = settings
        self.base_url = ""

    def __enter__(self) -> Self:
        command = [sys.executable, __file__, json.dumps(self._settings)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self.url = self._process.stdout.readline().strip()
        assert self.url, "the load server did not start"
        self.base_url = f"{self.url}/api/v1"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate("", timeout=20)
        assert self._process.returncode == 0, "the load server failed; see its stderr"

    def tally(self) -> Tally:
        """What it has seen until now."""
        told = httpx.get(f"{self.url}/tally", verify=False, trust_env=False, timeout=30).json()
        return Tally([Bought(*row) for row in told["bought"]], told["refused"], told["most_in_flight"])


def commented(jpeg: bytes, number: int) -> bytes:
    """A JPEG that says which page it is, in a comment right at its beginning; its pixels stay what they are."""
    said = f"page {number}".encode()
    return jpeg[:2] + b"\xff\xfe" + (len(said) + 2).to_bytes(2, "big") + said + jpeg[2:]


# --- the process -----------------------------------------------------------------------------------------------------


class _Server(DashScopeServer):
    def __init__(
        self,
        *,
        rate_limit: int | None = None,
        decode: bool = True,
        faults: Mapping[str, str] | None = None,
        mixed: tuple[float, int] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(_script(faults or {}, mixed), **more)
        self.checker = _Checker(self.key, None, self.checker.models, self.uploads.stored, {}, decode)
        self.routes["GET", "/tally"] = self._tell
        self._a_second, self._taken = rate_limit, deque[float]()
        self._bought: list[Bought] = []

    async def _generate(self, exchange: Exchange) -> None:
        try:
            if wait := self._wait():
                return await Refused(FAULTS["rate-quota"], str(math.ceil(wait))).play(exchange, None)
            return await super()._generate(exchange)
        finally:
            self._forget(exchange)

    def _wait(self) -> float:
        """Seconds until this second has room for one more; 0 where it has, and that one is taken."""
        now = time.monotonic()
        while self._taken and self._taken[0] <= now - 1:
            self._taken.popleft()
        if self._a_second is not None and len(self._taken) >= self._a_second:
            return self._taken[0] + 1 - now
        self._taken.append(now)
        return 0.0

    def _forget(self, exchange: Exchange) -> None:
        """Keep a line of what was bought, and no body."""
        asked: Asked | None = exchange.notes.pop("asked", None)
        exchange.request = replace(exchange.request, body=b"")
        self._bought.append(
            Bought(
                who=exchange.request.headers.get("authorization", "").removeprefix("Bearer sk-"),
                page=asked.images[0].number if asked else None,
                began=exchange.began,
                ended=time.monotonic(),
                status=exchange.status,
                outcome="gone" if exchange.outcome == "open" else exchange.outcome,
                billed=exchange.notes.get("billed", 0),
            )
        )

    async def _tell(self, exchange: Exchange) -> None:
        refused = [fault.message for fault in (one.notes.get("refused") for one in self._exchanges) if fault]
        most = max((one.in_flight for one in self._exchanges), default=0)
        now = self.in_flight - 1  # without this one
        told = {"bought": self._bought, "refused": refused, "most_in_flight": most, "in_flight": now}
        await exchange.send(200, json.dumps(told), {"Content-Type": "application/json"})


def _script(faults: Mapping[str, str], trouble: tuple[float, int] | None) -> Script:
    otherwise = mixed(trouble[0], seed=trouble[1]) if trouble else ok()
    return by_page({int(page): fault(name) for page, name in faults.items()}, otherwise)


@dataclass(frozen=True)
class _Checker(Checker):
    decode: bool = True

    def check_key(self, request: Request) -> None:
        if not request.headers.get("authorization", "").startswith("Bearer sk-"):
            raise Refusal(FAULTS["invalid-api-key"])

    def _read_image(self, part: dict[str, Any], model: Model) -> SentImage:
        if self.decode:
            return super()._read_image(part, model)
        match = re.match(r"data:image/jpeg;base64,", part["image"][:HEAD])
        if not match:
            raise refuse_parameter("without decoding, pages are JPEGs in data: URLs")
        head = base64.b64decode(part["image"][match.end() : HEAD - HEAD % 4 + match.end()])
        with Image.open(io.BytesIO(head)) as image:
            width, height = image.size
        across, down = smart_resize(width, height, model.factor, model.least, model.usual)
        said = re.search(rb"page (\d+)", head)
        number = int(said[1]) if said else None
        return _Told("", width, height, b"", across * down // model.factor**2 + 2, rotate=False, said=number)


@dataclass(frozen=True)
class _Told(SentImage):
    """A picture whose comment says which page it is."""

    said: int | None = None

    @property
    def number(self) -> int | None:
        return self.said

    @property
    def identity(self) -> str:
        return f"page {self.said}"


def main(settings: str) -> None:
    with _Server(**json.loads(settings)) as server:
        print(server.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
