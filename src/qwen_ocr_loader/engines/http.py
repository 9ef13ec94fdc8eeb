"""Two short drivers of flows, one blocking, one not, and the connections they share."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from ..cleanup import ended
from ..errors import EngineError, RequestRejected, ServiceFailed
from ..forking import Lock
from .address import Address
from .flows import PIECE, Call, FileBody, Flow, Pause, Reply, Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import httpx


T = TypeVar("T")


LARGEST = 64 << 20
"""Bytes of a reply that is kept in memory: far more than any page takes."""


class Connections:
    """A client for each kind of use, open while somebody uses it: pages of a run share one, and its connections.

    Pickles as a new, empty one.
    """

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._process = os.getpid()
        self._lock = Lock()
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
            client, users = self._sync or (httpx.Client(**_manners()), 0)
            self._sync = client, users + 1
        try:
            yield client
        finally:
            with self._lock:
                users = self._sync[1] - 1 if self._sync else 0
                self._sync = (client, users) if users else None
            if not users:
                client.close()

    def aopen(self) -> AsyncUse:
        """The running event loop's client; closed when its last user leaves."""
        return AsyncUse(self)

    def lend(self) -> httpx.AsyncClient:
        """The running event loop's client, for one more user."""
        import httpx

        self._leave_parent()
        loop = asyncio.get_running_loop()
        client, users = self._async.get(loop) or (httpx.AsyncClient(**_manners()), 0)
        self._async[loop] = client, users + 1
        return client

    def take_back(self) -> bool:
        """Whether that was the last user of the running event loop's client."""
        loop = asyncio.get_running_loop()
        client, users = self._async[loop]
        if users > 1:
            self._async[loop] = client, users - 1
        else:
            del self._async[loop]
        return users == 1


class AsyncUse:
    """Somebody's use of an event loop's client. No generator: asyncio ends a forgotten one while others stand on it."""

    __slots__ = ("_client", "_connections")

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def __aenter__(self) -> httpx.AsyncClient:
        self._client = self._connections.lend()
        return self._client

    async def __aexit__(self, *_: object) -> None:
        if self._connections.take_back():
            closing = asyncio.ensure_future(self._client.aclose())
            await ended([closing])
            closing.result()


def _manners() -> dict[str, Any]:
    """Of every client: no redirects, as the key would follow them; this machine's own servers by no proxy."""
    import httpx

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
    here = {f"all://{name}": None for name in ("127.0.0.1", "localhost", "[::1]")}
    return {"limits": limits, "follow_redirects": False, "mounts": here}


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


def _performed(client: httpx.Client, step: Call | Pause | Turn, sleep: Callable[[float], None]) -> Reply | None:
    match step:
        case Call():
            return _send(client, step)
        case Turn(limiter):
            limiter.acquire(blocking=True)
        case Pause(seconds):
            sleep(seconds)
    return None


async def _aperformed(client: httpx.AsyncClient, step: Call | Pause | Turn) -> Reply | None:
    match step:
        case Call():
            return await _asend(client, step)
        case Turn(limiter):
            await limiter.aacquire(blocking=True)
        case Pause(seconds):
            await asyncio.sleep(seconds)
    return None


def _send(client: httpx.Client, call: Call) -> Reply:
    with _as_ours(call):
        for last in (False, True):
            try:
                return _transfer(client, call)
            except _stale() as error:
                _check_stale(error, last=last or call.once)
    raise AssertionError("unreachable")


def _transfer(client: httpx.Client, call: Call) -> Reply:
    body, enough = bytearray(), call.watch and call.watch()
    ends = time.monotonic() + call.longest
    with client.stream(**_arguments(call)) as response:
        if call.into and response.status_code == 200:
            return _kept(response, call.into, ends)
        for chunk in response.iter_bytes():
            _take(body, chunk)
            if enough and enough(chunk):
                break
            if time.monotonic() > ends:
                raise TimeoutError
        return Reply(response.status_code, dict(response.headers), bytes(body))


def _take(body: bytearray, chunk: bytes) -> None:
    """Add a piece of an answer to what there is of it."""
    body += chunk
    if len(body) > LARGEST:
        raise ServiceFailed(f"the answer has more than {LARGEST >> 20} MB, which no page has; check base_url=")


def _kept(response: httpx.Response, path: Path, ends: float) -> Reply:
    """The reply whose body went into a file."""
    with path.open("wb") as file:
        for chunk in response.iter_bytes(PIECE):
            file.write(chunk)
            if time.monotonic() > ends:
                raise TimeoutError
    return Reply(response.status_code, dict(response.headers), b"")


async def _asend(client: httpx.AsyncClient, call: Call) -> Reply:
    with _as_ours(call):
        for last in (False, True):
            try:
                return await _atransfer(client, call)
            except _stale() as error:
                _check_stale(error, last=last or call.once)
    raise AssertionError("unreachable")


async def _atransfer(client: httpx.AsyncClient, call: Call) -> Reply:
    body, enough = bytearray(), call.watch and call.watch()
    async with asyncio.timeout(call.longest), client.stream(**_arguments(call, beside_loop=True)) as response:
        if call.into and response.status_code == 200:
            return await _akept(response, call.into)
        async for chunk in response.aiter_bytes():
            _take(body, chunk)
            if enough and enough(chunk):
                break
        return Reply(response.status_code, dict(response.headers), bytes(body))


async def _akept(response: httpx.Response, path: Path) -> Reply:
    """``_kept``, the file written beside the event loop."""
    with await asyncio.to_thread(path.open, "wb") as file:
        async for chunk in response.aiter_bytes(PIECE):
            await asyncio.to_thread(file.write, chunk)
    return Reply(response.status_code, dict(response.headers), b"")


def _stale() -> type[httpx.RemoteProtocolError]:
    import httpx

    return httpx.RemoteProtocolError


def _check_stale(error: Exception, *, last: bool) -> None:
    """Let one more try happen at once where the server had closed a kept connection; raise the error otherwise."""
    if last or "without sending a response" not in str(error):
        raise error


def _arguments(call: Call, *, beside_loop: bool = False) -> dict[str, Any]:
    """What httpx is to send; a user and password in the URL as a header, as httpx logs URLs."""
    headers, body = dict(call.headers), call.body
    url, person = Address(call.url).parted()
    if person:
        headers["Authorization"] = person
    sent = {"method": call.method, "url": url, "headers": headers, "timeout": call.timeout}
    if not isinstance(body, FileBody):
        return {**sent, "content": body or None}
    headers["Content-Length"] = str(body.size())
    return {**sent, "content": body.apieces() if beside_loop else body.pieces()}


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
    except (httpx.LocalProtocolError, httpx.UnsupportedProtocol, httpx.InvalidURL, UnicodeError) as error:
        raise RequestRejected(f"the request cannot be sent ({type(error).__name__}); check base_url=") from None
    except httpx.RequestError as error:
        raise ServiceFailed(f"the connection failed ({error or type(error).__name__}); try again later") from error
