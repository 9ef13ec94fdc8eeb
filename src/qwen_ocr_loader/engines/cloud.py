"""What every engine behind a network does: send, wait its turn, try again, give a second chance, add up the bill."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
from abc import abstractmethod
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, cast

from ..errors import EngineError, ReplyTruncated
from ..pace import Gate, Limiter, RateLimit, Retry, checked_limit, shared_gate
from ..results import PageResult, Usage
from .base import Asked, Scan
from .bill import Bill
from .faults import allowed_max_tokens
from .flows import persistent, turn
from .http import Connections, adrive, drive
from .protocol import CloudProtocol
from .upload import Uploads

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractAsyncContextManager

    import httpx

    from ..fit import Encoded
    from ..tasks import Task
    from .flows import Call, Flow
    from .upload import Storage

INLINE_BYTES = 7_000_000  # a larger picture would not fit into 10 MB of base64 with the rest of the request
logger = logging.getLogger("qwen_ocr_loader")


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudEngine(CloudProtocol):
    """A vision model behind a network, blocking and async alike.

    Attributes:
        retry: When a failed call is made again.
        rate_limit: Requests a minute, a ``RateLimit``, a LangChain ``BaseRateLimiter``, or None for no limit;
            ``"published"`` for the vendor's, at the vendor's own address.
    """

    retry: Retry = field(default_factory=Retry)
    rate_limit: RateLimit | Limiter | float | Literal["published"] | None = "published"
    _connections: Connections = field(default_factory=Connections, init=False, repr=False, compare=False)
    _uploads: Uploads = field(default_factory=Uploads, init=False, repr=False, compare=False)

    remote: ClassVar[bool] = True
    at_once: ClassVar[int | None] = None
    requires: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate_limit", checked_limit(self.rate_limit))
        CloudProtocol.__post_init__(self)

    @abstractmethod
    def _storage(self) -> Storage | None:
        """Where pictures too large for a request may be put first, if anywhere."""

    @abstractmethod
    def _published_urls(self) -> Sequence[str]:
        """Base URLs of the vendor's own, where its published limits hold."""

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
        sents, bill = self._all_encoded(scans), Bill()
        with bill.charging(self), self._connections.open() as client:
            for task in tasks:
                bill.results += [drive(self._reading(scans, sents, task, bill), client)]
        return bill.result()

    async def aread_together(self, scans: Sequence[Scan], tasks: Sequence[Task]) -> PageResult:
        """``read_together`` without blocking the event loop."""
        sents, bill = await asyncio.to_thread(self._all_encoded, scans), Bill()
        with bill.charging(self):
            async with self._connections.aopen() as client:
                for task in tasks:
                    bill.results += [await adrive(self._reading(scans, sents, task, bill), client)]
        return bill.result()

    def paced(self, rate_limit: RateLimit | Limiter | float | None) -> Self:
        """The same engine with another rate limit."""
        return replace(self, rate_limit=rate_limit)

    def aopened(self) -> AbstractAsyncContextManager[httpx.AsyncClient]:
        """Keep connections open for the pages of a run."""
        return self._connections.aopen()

    def _reading(self, scans: Sequence[Scan], sents: Sequence[Encoded], task: Task, bill: Bill) -> Flow[PageResult]:
        """Place the pictures, ask, and ask once more in another way where the reply is cut off or loops."""
        images: list[str] = []
        for sent in sents:
            images += [(yield from persistent(partial(self._placed, sent), self.retry))]
        extra: dict[str, Any] = {}
        first: ReplyTruncated | None = None
        while True:
            call = self.request(task, images, extra)
            once = partial(self._answered, scans, sents, task, call, bill)
            try:
                return (yield from persistent(once, self.retry, slow_down=self._gate().cool_down))
            except ReplyTruncated as error:
                extra = self.second_chance(error)
                if first is not None and len(first.text) >= len(error.text):
                    raise first from error
                if first is not None or not extra:
                    raise
                first = error
            except EngineError as error:
                if self._learn_max_tokens(error):
                    continue
                self._uploads.forget(images)  # perhaps the service no longer finds them
                if first is not None:
                    raise first from error
                yield from self._explain(error)
                raise

    def _answered(
        self, scans: Sequence[Scan], sents: Sequence[Encoded], task: Task, call: Call, bill: Bill
    ) -> Flow[PageResult]:
        expected = sum((self._estimate(scan, task) for scan in scans), Usage())
        yield from turn(self._gate(), self.rate_limit, expected.tokens)
        reply = yield call
        assert reply is not None
        said = self._transcript(reply)
        if said.usage.calls and not said.usage.tokens and self.cost(expected):
            said.usage = replace(expected, calls=1, output_tokens=_tokens_in(said.text))  # billed, untold
        bill.usage += said.usage
        self._gate().settle(expected.tokens, said.usage.tokens)
        pages = [Asked.about(scan, sent) for scan, sent in zip(scans, sents, strict=True)]
        return self._result(pages, task, said, lambda: all(scan.image.is_blank() for scan in scans))

    def _explain(self, error: EngineError) -> Flow[None]:  # noqa: ARG002 - a protocol may know more
        """Let an error that nothing helped against say more, after asking the service where that may tell."""
        yield from ()

    @property
    def account(self) -> tuple[str, ...]:
        """Whose limit it is: address, digest of the key, model.

        Raises:
            MissingKey: There is none.
        """
        key = hashlib.sha256(self.headers().get("Authorization", "").encode()).hexdigest()
        return self.url(), key, self.model

    @property
    def limit(self) -> RateLimit | Limiter | None:
        """What it keeps to: ``rate_limit``, or what the vendor publishes, at the vendor's own address."""
        if self.rate_limit != "published":
            return cast("RateLimit | Limiter | None", self.rate_limit)
        if self.url() not in self._published_urls():
            return None
        return RateLimit(self.catalogued.requests_per_minute, self.catalogued.tokens_per_minute)

    def _gate(self) -> Gate:
        """The one that everybody in this process shares who asks this model with this key."""
        return shared_gate(self.account, self.limit)

    def _learn_max_tokens(self, error: EngineError) -> bool:
        """Whether the service has just told a lower limit for max_tokens than was known; it holds from then on."""
        allowed = allowed_max_tokens(error.message)
        if allowed is None or allowed >= self.catalogued.max_output:
            return False
        logger.warning("%s writes at most %d tokens; max_tokens is lowered to that", self.name, allowed)
        self._measured[self.model] = replace(self.catalogued, max_output=allowed)
        return True

    # --- pictures and keys --------------------------------------------------------------------------------------------

    def _all_encoded(self, scans: Sequence[Scan]) -> list[Encoded]:
        upload = self._storage() is not None
        return [self._encoded(scan, upload=upload) for scan in scans]

    def _placed(self, sent: Encoded) -> Flow[str]:
        """What stands for the picture in the request: itself, or its address in the service's storage."""
        storage = self._storage()
        if storage is None or len(sent.data) <= INLINE_BYTES:
            return sent.data_url()
        return (yield from storage.store(sent.data, sent.mime))


def _tokens_in(text: str) -> int:
    """About as many as a text is, rather too many: a token is three bytes or more."""
    return math.ceil(len(text.encode()) / 3)
