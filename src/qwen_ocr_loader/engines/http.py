"""What is sent is said once, in a generator; two short drivers send it, one blocking, one not.

A *flow* yields ``Call``s and ``Pause``s, is given ``Reply``s (or has an ``EngineError`` thrown in), and returns its
result. Retries, uploads before the call and second tries with other parameters are plain code in a flow, written once
for both.
"""

from __future__ import annotations

import asyncio
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from ..errors import EngineError, RequestRejected, ServiceFailed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    import httpx

    from ..pace import Retry

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request, said but not sent.

    Attributes:
        method, url: As in HTTP.
        headers: May hold the key, so they are in no repr.
        body: The request's body.
        timeout: Seconds to connect, and between two pieces of the answer.
        longest: Seconds for the whole answer, however steadily it trickles in.
        watch: Makes, for each time the call is sent, what is given each piece of the answer as it comes and says True
            where the rest is not wanted. None to take it all.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    timeout: float = 300.0
    longest: float = 900.0
    watch: Callable[[], Callable[[bytes], bool]] | None = field(default=None, repr=False, compare=False)


class Pause(NamedTuple):
    """A wait, in seconds."""

    seconds: float


class Reply(NamedTuple):
    """An answer: ``headers`` have lower-case names, ``body`` is what was taken of it."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Flow = Generator["Call | Pause", "Reply | None", T]


def persistent(
    attempt: Callable[[], Flow[T]],
    retry: Retry,
    *,
    clock: Callable[[], float] = time.monotonic,
    dice: Callable[[], float] = random.random,
) -> Flow[T]:
    """A flow that starts ``attempt`` again, after a pause, as long as ``retry`` says so."""
    started, seen = clock(), Counter[str | None]()
    for number in count(1):
        try:
            return (yield from attempt())
        except EngineError as error:
            seen[error.code] += 1
            if seen[error.code] == getattr(error, "attempts", None):
                raise
            pause = retry.wait(error, number, elapsed=clock() - started, jitter=dice())
            if pause is None:
                raise
        yield Pause(pause)
    raise AssertionError("unreachable")


class Connections:
    """A client for each kind of use, open while somebody uses it: pages of a run share one, and its connections.

    Pickles as a new, empty one.
    """

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._sync: tuple[httpx.Client, int] | None = None
        self._async: dict[asyncio.AbstractEventLoop, tuple[httpx.AsyncClient, int]] = {}

    def _leave_parent(self) -> None:
        """A forked child must not talk on its parent's sockets: each would read the other's replies."""
        if self._process != os.getpid():
            self._start()

    def __reduce__(self) -> tuple[type[Connections], tuple[()]]:
        return Connections, ()

    @contextmanager
    def open(self) -> Iterator[httpx.Client]:
        """The blocking client; closed when its last user leaves."""
        import httpx

        self._leave_parent()
        with self._lock:
            client, users = self._sync or (httpx.Client(limits=_limits(), follow_redirects=False), 0)
            self._sync = client, users + 1
        try:
            yield client
        finally:
            with self._lock:
                users = self._sync[1] - 1 if self._sync else 0
                self._sync = (client, users) if users else None
            if not users:
                client.close()

    @asynccontextmanager
    async def aopen(self) -> AsyncIterator[httpx.AsyncClient]:
        """The running event loop's client; closed when its last user leaves."""
        import httpx

        self._leave_parent()
        loop = asyncio.get_running_loop()
        client, users = self._async.get(loop) or (httpx.AsyncClient(limits=_limits(), follow_redirects=False), 0)
        self._async[loop] = client, users + 1
        try:
            yield client
        finally:
            users = self._async[loop][1] - 1
            if users:
                self._async[loop] = client, users
            else:
                del self._async[loop]
                await client.aclose()


def _limits() -> httpx.Limits:
    import httpx

    return httpx.Limits(max_connections=None, max_keepalive_connections=64)


def drive(flow: Flow[T], client: httpx.Client, sleep: Callable[[float], None] = time.sleep) -> T:
    """Run a flow, blocking."""
    try:
        step = next(flow)
        while True:
            try:
                reply = _performed(client, step, sleep)
            except EngineError as error:
                step = flow.throw(error)
            else:
                step = flow.send(reply)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        flow.close()


async def adrive(flow: Flow[T], client: httpx.AsyncClient) -> T:
    """Run a flow on the event loop; cancelling it closes the connection of the call under way."""
    try:
        step = next(flow)
        while True:
            try:
                reply = await _aperformed(client, step)
            except EngineError as error:
                step = flow.throw(error)
            else:
                step = flow.send(reply)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        flow.close()


def _performed(client: httpx.Client, step: Call | Pause, sleep: Callable[[float], None]) -> Reply | None:
    if isinstance(step, Call):
        return _send(client, step)
    sleep(step.seconds)
    return None


async def _aperformed(client: httpx.AsyncClient, step: Call | Pause) -> Reply | None:
    if isinstance(step, Call):
        return await _asend(client, step)
    await asyncio.sleep(step.seconds)
    return None


def _send(client: httpx.Client, call: Call) -> Reply:
    with _as_ours(call):
        for last in (False, True):
            try:
                return _transfer(client, call)
            except _stale() as error:
                _check_stale(error, last=last)
    raise AssertionError("unreachable")


def _transfer(client: httpx.Client, call: Call) -> Reply:
    body, enough = bytearray(), call.watch and call.watch()
    ends = time.monotonic() + call.longest
    with client.stream(call.method, call.url, **_arguments(call)) as response:
        for chunk in response.iter_bytes():
            body += chunk
            if enough and enough(chunk):
                break
            if time.monotonic() > ends:
                raise TimeoutError
        return Reply(response.status_code, dict(response.headers), bytes(body))


async def _asend(client: httpx.AsyncClient, call: Call) -> Reply:
    with _as_ours(call):
        for last in (False, True):
            try:
                return await _atransfer(client, call)
            except _stale() as error:
                _check_stale(error, last=last)
    raise AssertionError("unreachable")


async def _atransfer(client: httpx.AsyncClient, call: Call) -> Reply:
    body, enough = bytearray(), call.watch and call.watch()
    async with asyncio.timeout(call.longest), client.stream(call.method, call.url, **_arguments(call)) as response:
        async for chunk in response.aiter_bytes():
            body += chunk
            if enough and enough(chunk):
                break
        return Reply(response.status_code, dict(response.headers), bytes(body))


def _stale() -> type[httpx.RemoteProtocolError]:
    import httpx

    return httpx.RemoteProtocolError


def _check_stale(error: Exception, *, last: bool) -> None:
    """Let one more try happen at once where the server had closed a kept connection; raise the error otherwise."""
    if last or "without sending a response" not in str(error):
        raise error


def _arguments(call: Call) -> dict[str, Any]:
    return {"headers": dict(call.headers), "content": call.body or None, "timeout": call.timeout}


@contextmanager
def _as_ours(call: Call) -> Iterator[None]:
    """Turn what httpx raises into our errors."""
    import httpx

    try:
        yield
    except TimeoutError as error:
        raise ServiceFailed(f"the answer was not complete after {call.longest:g} s; lower dpi or max_pixels") from error
    except httpx.TimeoutException as error:
        raise ServiceFailed(f"no answer within {call.timeout:g} s; pass a longer timeout=, or stream=True") from error
    except (httpx.LocalProtocolError, httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise RequestRejected(f"the request cannot be sent ({type(error).__name__}); check base_url=") from None
    except httpx.RequestError as error:
        raise ServiceFailed(f"the connection failed ({error or type(error).__name__}); try again later") from error
