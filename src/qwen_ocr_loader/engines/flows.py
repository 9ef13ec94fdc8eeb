"""What is sent is said once, in a generator; ``http`` has two short drivers that send it, one blocking, one not.

A *flow* yields ``Call``s, ``Pause``s and ``Turn``s, is given ``Reply``s (or has an ``EngineError`` thrown in), and
returns its result. Retries, uploads before the call and second tries with other parameters are plain code in a flow,
written once for both.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from ..errors import EngineError, RateLimited
from ..pace import Limiter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping
    from pathlib import Path

    from ..pace import Gate, Retry

T = TypeVar("T")

LEAST = 0.001  # seconds: a timeout of none at all is no timeout to some
PIECE = 1 << 20
"""Bytes of a file read or written at once."""


class FileBody(NamedTuple):
    """A request's body too large for memory: a file, and what stands before and behind it."""

    head: bytes
    path: Path
    tail: bytes

    def size(self) -> int:
        """In bytes, as it is now."""
        return len(self.head) + self.path.stat().st_size + len(self.tail)

    def pieces(self) -> Iterator[bytes]:
        """All of it, bit by bit."""
        yield self.head
        with self.path.open("rb") as file:
            while piece := file.read(PIECE):
                yield piece
        yield self.tail

    async def apieces(self) -> AsyncIterator[bytes]:
        """``pieces``, the file read beside the event loop."""
        yield self.head
        with await asyncio.to_thread(self.path.open, "rb") as file:
            while piece := await asyncio.to_thread(file.read, PIECE):
                yield piece
        yield self.tail


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request, said but not sent.

    Attributes:
        method, url: As in HTTP.
        headers: May hold the key, so they are in no repr.
        body: The request's body; a ``FileBody`` is read as it is sent.
        timeout: Seconds to connect, and between two pieces of the answer.
        longest: Seconds for the whole answer, however steadily it trickles in.
        watch: Makes, for each time the call is sent, what is given each piece of the answer as it comes and says True
            where the rest is not wanted. None to take it all.
        once: Not sent again by itself, not even where a kept connection was found closed: it may have arrived.
        into: A file that the body of an answer with status 200 goes to as it comes; ``Reply.body`` is empty then.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | FileBody = field(default=b"", repr=False)
    timeout: float = 300.0
    longest: float = 900.0
    watch: Callable[[], Callable[[bytes], bool]] | None = field(default=None, repr=False, compare=False)
    once: bool = False
    into: Path | None = None


class Pause(NamedTuple):
    """A wait, in seconds."""

    seconds: float


class Turn(NamedTuple):
    """A wait until a limiter says go, which may be LangChain's ``BaseRateLimiter``."""

    limiter: Limiter


class Reply(NamedTuple):
    """An answer: ``headers`` have lower-case names, ``body`` is what was taken of it."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Flow = Generator["Call | Pause | Turn", "Reply | None", T]


def persistent(
    attempt: Callable[[], Flow[T]],
    retry: Retry,
    *,
    slow_down: Callable[[float], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
    dice: Callable[[], float] = random.random,
) -> Flow[T]:
    """A flow that starts ``attempt`` again, after a pause, as long as ``retry`` says so.

    Its calls are given no more time than there is left until ``retry.deadline``. Where the service says that it is
    asked too fast, ``slow_down`` is told the pause, for whoever else is asking.
    """
    started, seen = clock(), Counter[str | None]()
    for number in count(1):
        try:
            return (yield from _hurried(attempt(), lambda: started + retry.deadline - clock()))
        except EngineError as error:
            seen[error.code] += 1
            if seen[error.code] == getattr(error, "attempts", None):
                raise
            pause = retry.wait(error, number, elapsed=clock() - started, jitter=dice())
            if pause is None:
                if clock() - started >= retry.deadline:
                    error.message += f"; that was all the time of Retry(deadline={retry.deadline:g})"
                raise
            if slow_down and isinstance(error, RateLimited):
                slow_down(pause)
        yield Pause(pause)
    raise AssertionError("unreachable")


def _hurried(flow: Flow[T], left: Callable[[], float]) -> Flow[T]:
    """The flow, its calls cut short to the seconds that are ``left``."""
    try:
        step = next(flow)
        while True:
            if isinstance(step, Call):
                most = max(LEAST, left())
                step = replace(step, longest=min(step.longest, most), timeout=min(step.timeout, most))
            try:
                reply = yield step
            except EngineError as error:
                step = flow.throw(error)
            else:
                step = flow.send(reply)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        flow.close()


def turn(gate: Gate, limiter: object, tokens: float) -> Flow[None]:
    """Wait until a request with so many tokens may be sent."""
    if isinstance(limiter, Limiter):
        yield Turn(limiter)
    place = gate.reserve(tokens)
    while (seconds := gate.wait(place)) > 0:
        yield Pause(seconds)
