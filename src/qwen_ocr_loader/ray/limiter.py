"""One rate limit for all processes of a cluster: a named actor hands out times to start at, several at a time."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
import uuid
from concurrent.futures import Future
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import EngineError
from ..pace import Gate, RateLimit

if TYPE_CHECKING:
    from collections.abc import Callable

NAMESPACE = "qwen-ocr"
"""Of Ray's, in which the actors have their names."""
MOST = 64
"""Starts that a process is given at a time: so many calls it may have waiting, and one message goes for all of them."""
TRIES = 5
"""Times a dead actor is looked for again, a second apart, before the page fails; and starts that may be missed."""
LATE = 0.03
"""Seconds after which a start is missed, and another one is asked for: the others have theirs by then."""


class Lease(NamedTuple):
    """Times to start at, by the clock of who hands them out.

    Attributes:
        starts: In seconds of that clock, in order.
        now: What it showed when they were handed out.
        clock: Which one it is.
    """

    starts: list[float]
    now: float
    clock: str


class Schedule:
    """What the actor is: the schedule of one account.

    Args:
        clock: Seconds, of any origin.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._gate, self._clock, self._name = Gate(RateLimit(), clock), clock, uuid.uuid4().hex

    def lease(self, starts: int, requests: float) -> Lease:
        """So many places in the schedule, spaced for so many requests a minute: the limit that was told last."""
        self._gate.limit = RateLimit(requests=requests)
        return Lease([self._gate.reserve() for _ in range(starts)], self._clock(), self._name)


class Translation:
    """Another process's clock in terms of this one's.

    A message takes its time, so a reading of the other clock is too old when it arrives; the least old one so far
    tells best how far the two are apart. What is late by a busy machine's hiccup does not shift the starts so.
    """

    def __init__(self) -> None:
        self._clock, self._apart = "", float("inf")

    def starts(self, lease: Lease, arrived: float) -> list[float]:
        """A lease's starts by this process's clock, which showed ``arrived`` when the lease came."""
        if lease.clock != self._clock:  # the actor was started anew, perhaps on another machine
            self._clock, self._apart = lease.clock, float("inf")
        self._apart = min(self._apart, arrived - lease.now)
        return [start + self._apart for start in lease.starts]


class ClusterLimiter:
    """A limit on requests that all processes of a Ray cluster keep together; ``rate_limit=`` takes it.

    Pickles. The actor behind it is made by whoever needs it first, is detached, so that it outlives workers and
    drivers, and is started again where its machine dies. Starts that were handed out before are then not remembered:
    for some seconds the limit may be passed, which costs refusals that are asked again.

    Args:
        requests: A minute.
        account: What the limit is for; limiters of the same account share an actor, and the limit told last holds.

    Raises:
        ValueError: No positive number of requests.
    """

    def __init__(self, requests: float, account: str) -> None:
        RateLimit(requests=requests)
        self.requests, self.account = requests, account

    def __repr__(self) -> str:
        return f"ClusterLimiter({self.requests:g} a minute)"

    def acquire(self, *, blocking: bool = True) -> bool:
        """Wait for this request's turn; without ``blocking`` there is none, as every turn is waited for."""
        for _ in range(TRIES if blocking else 0):
            start = self._start().result()
            time.sleep(max(0.0, start - time.monotonic()))
            if not self._has_missed(start):
                break
        return blocking

    async def aacquire(self, *, blocking: bool = True) -> bool:
        """``acquire`` without blocking the event loop."""
        for _ in range(TRIES if blocking else 0):
            start = await asyncio.wrap_future(self._start())
            await asyncio.sleep(max(0.0, start - time.monotonic()))
            if not self._has_missed(start):
                break
        return blocking

    def _has_missed(self, start: float) -> bool:
        """Whether this process was too busy to start in time; by half the distance of two starts does not matter."""
        return time.monotonic() - start > max(LATE, 30.0 / self.requests)

    def _start(self) -> Future[float]:
        return _desk(self.account).ask(self.requests)


class _Desk:
    """Where a process's calls queue: one thread fetches starts for all that wait, as many as they are."""

    def __init__(self, account: str) -> None:
        self._account = account
        self._waiting: queue.SimpleQueue[tuple[float, Future[float]]] = queue.SimpleQueue()
        self._translation = Translation()
        threading.Thread(target=self._serve, name="qwen-ocr-limiter", daemon=True).start()

    def ask(self, requests: float) -> Future[float]:
        """When to start, by ``time.monotonic``."""
        start = Future[float]()
        self._waiting.put((requests, start))
        return start

    def _serve(self) -> None:
        while True:
            asked = [self._waiting.get()]
            while len(asked) < MOST and not self._waiting.empty():
                asked.append(self._waiting.get())
            futures = [future for _, future in asked if future.set_running_or_notify_cancel()]
            if futures:
                self._answer(futures, asked[-1][0])

    def _answer(self, futures: list[Future[float]], requests: float) -> None:
        try:
            lease = _leased(self._account, len(futures), requests)
            starts = self._translation.starts(lease, time.monotonic())
        except Exception as error:  # noqa: BLE001 - whoever waits is told, and the thread lives on
            for future in futures:
                future.set_exception(error)
        else:
            for future, start in zip(futures, starts, strict=True):
                future.set_result(start)


@cache
def _desk(account: str) -> _Desk:
    return _Desk(account)


def _leased(account: str, starts: int, requests: float, sleep: Callable[[float], None] = time.sleep) -> Lease:
    """What the actor says; one that is gone for good is made anew."""
    import ray
    from ray.exceptions import RayActorError

    for left in reversed(range(TRIES)):
        try:
            lease: Lease = ray.get(_actor(account).lease.remote(starts, requests))
        except RayActorError as error:
            if not left:
                raise EngineError(
                    f"the actor {account!r} in Ray's namespace {NAMESPACE!r} does not answer; see ray status"
                ) from error
            sleep(1.0)
        else:
            return lease
    raise AssertionError("unreachable")


def _actor(account: str) -> Any:
    """The account's actor, made where there is none; it waits more than it works, so it is given no CPU."""
    import ray

    remote = ray.remote(Schedule).options(
        name=account,
        namespace=NAMESPACE,
        get_if_exists=True,
        lifetime="detached",
        num_cpus=0,
        max_restarts=-1,
        max_task_retries=-1,
    )
    return remote.remote()
