"""A real HTTP/1.1 server on 127.0.0.1 for tests: asyncio in a thread of its own, every exchange recorded.

It keeps connections alive, notices a client that leaves, and can misbehave: cut, reset, trickle. What is served is the
business of whoever gives it a handler.
"""

from __future__ import annotations

import asyncio
import io
import json
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import parse_qsl, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from pathlib import Path
    from types import TracebackType

    Handler = Callable[["Exchange"], Awaitable[None]]

PIECE = 1 << 16  # bytes of a file that are in memory at a time
REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 429: "Too Many Requests", 503: "Service Unavailable"}


@dataclass(frozen=True, slots=True)
class Request:
    """What arrived; header names in lower case. ``file`` holds the body where the server spools such requests."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = field(repr=False)
    file: Path | None = None

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(eq=False)
class Exchange:
    """One request, the way to answer it, and what became of it.

    Attributes:
        number: 0-based over the server's life.
        began, ended: ``time.monotonic()``.
        in_flight: Exchanges open when it began, itself included.
        status: The HTTP status sent; None while, or where, none was.
        outcome: ``"sent"`` in full, ``"cut"`` by the server, ``"gone"`` is a client that left.
        notes: Whatever the handler wants tests to read.
    """

    request: Request
    number: int
    in_flight: int
    writer: asyncio.StreamWriter = field(repr=False)
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None
    status: int | None = None
    outcome: Literal["open", "sent", "cut", "gone"] = "open"
    notes: dict[str, Any] = field(default_factory=dict)
    hang_up: bool = False
    _chunked: bool = False

    async def send(self, status: int, body: bytes | str = b"", headers: Mapping[str, str] | None = None) -> None:
        """A whole reply at once."""
        body = body.encode() if isinstance(body, str) else body
        self.start(status, headers, length=len(body))
        await self.write(body)
        await self.finish()

    async def send_file(self, path: Path, headers: Mapping[str, str], *, upto: float = 1.0) -> None:
        """A file as a reply, a piece at a time; the connection closes after the fraction ``upto`` of it."""
        with path.open("rb") as file:
            size = file.seek(0, io.SEEK_END)
            file.seek(0)
            left = int(size * upto)
            self.start(200, headers, length=size)
            while piece := file.read(min(left, PIECE)):
                left -= len(piece)
                await self.write(piece)
        if upto < 1:
            return self.cut()
        return await self.finish()

    def start(self, status: int, headers: Mapping[str, str] | None = None, *, length: int | None = None) -> None:
        """The head of a reply; without a ``length`` the body goes out in chunks."""
        self.status, self._chunked = status, length is None
        framing = {"Transfer-Encoding": "chunked"} if length is None else {"Content-Length": str(length)}
        lines = [f"{name}: {value}" for name, value in {**(headers or {}), **framing}.items()]
        head = "\r\n".join([f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}", *lines, "", ""])
        self.writer.write(head.encode("latin-1"))

    async def write(self, data: bytes) -> None:
        if data:
            self.writer.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)
            await self.writer.drain()

    async def finish(self) -> None:
        """The end of a body, all of which the operating system has taken."""
        self.writer.write(b"0\r\n\r\n" if self._chunked else b"")
        await self.writer.drain()
        self.outcome = "sent"

    def cut(self) -> None:
        """Close the connection in the middle of things."""
        self.outcome = "cut"
        self.writer.close()

    def reset(self) -> None:
        """Close it with a TCP reset."""
        linger = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.outcome = "cut"
        self.writer.transport.abort()


class LocalServer:
    """Serves ``handler`` while it is entered; a handler's own errors come out at the end of the ``with`` block.

    Attributes:
        spool: The file that the body of a request, of that method and path, is to be written to, so that it is never
            whole in memory; None for memory.
    """

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self.spool: Callable[[str, str], Path | None] = lambda method, path: None
        self._lock = threading.Condition()
        self._exchanges: list[Exchange] = []
        self._open = 0
        self._bugs: list[Exception] = []
        self._writers: set[asyncio.StreamWriter] = set()
        self._ready = threading.Event()
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def exchanges(self) -> list[Exchange]:
        """All so far, in the order their requests were complete.

        A client has its reply a moment before the server has noted so: this waits until none is open, or half a second.
        """
        with self._lock:
            self._lock.wait_for(lambda: not self._open, 0.5)
            return list(self._exchanges)

    @property
    def in_flight(self) -> int:
        """Requests being answered now."""
        with self._lock:
            return self._open

    @property
    def most_in_flight(self) -> int:
        """The most requests that were ever being answered at once."""
        return max((exchange.in_flight for exchange in self.exchanges), default=0)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=asyncio.run, args=(self._main(),), name="local-server", daemon=True)
        self._thread.start()
        assert self._ready.wait(10), "the local server did not start"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        if self._bugs and error is None:
            raise self._bugs[0]

    async def _main(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        opened: set[asyncio.BaseTransport] = set()
        server = await self._loop.create_server(lambda: _Connection(self._serve, opened), "127.0.0.1", 0, backlog=1024)
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for _ in range(5):
            await asyncio.sleep(0)  # lets connections just accepted be made
        while opened:
            for transport in list(opened):
                transport.abort()
            await asyncio.sleep(0)  # lets the aborted transports close their sockets

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """All requests of one connection, one after the other."""
        connection = writer.transport.get_protocol()
        assert isinstance(connection, _Connection)
        self._writers.add(writer)
        try:
            while (request := await _read_request(reader, self.spool)) and await self._answer(
                request, connection, writer
            ):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client left, or the server stops
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, request: Request, connection: _Connection, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; whether the connection stays open for another."""
        exchange = self._begin(request, writer)
        connection.busy = asyncio.current_task()
        try:
            await self._handler(exchange)
        except (ConnectionError, asyncio.CancelledError):
            exchange.outcome = "gone"
            raise
        except Exception as bug:  # noqa: BLE001 - raised again where the `with` block ends
            self._bugs.append(bug)
            exchange.cut()
        finally:
            connection.busy = None
            self._end(exchange)
        close = exchange.hang_up or request.headers.get("connection", "").lower() == "close"
        return exchange.outcome == "sent" and not close

    def _begin(self, request: Request, writer: asyncio.StreamWriter) -> Exchange:
        with self._lock:
            self._open += 1
            exchange = Exchange(request, len(self._exchanges), self._open, writer)
            self._exchanges.append(exchange)
            return exchange

    def _end(self, exchange: Exchange) -> None:
        with self._lock:
            self._open -= 1
            exchange.ended = time.monotonic()
            self._lock.notify_all()


class _Connection(asyncio.StreamReaderProtocol):
    """Cancels the answer that is under way when the client closes its side; notes it among the ``opened``."""

    def __init__(
        self,
        serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
        opened: set[asyncio.BaseTransport],
    ) -> None:
        super().__init__(asyncio.StreamReader(limit=1 << 20), serve)
        self.busy: asyncio.Task[Any] | None = None
        self._opened = opened

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._own = transport
        self._opened.add(transport)
        super().connection_made(transport)

    def eof_received(self) -> bool | None:
        if self.busy:
            self.busy.cancel()
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.busy:
            self.busy.cancel()
        self._opened.discard(self._own)
        super().connection_lost(exc)


async def _read_request(reader: asyncio.StreamReader, spool: Callable[[str, str], Path | None]) -> Request | None:
    """The next request; None where the client closed the connection between two."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as end:
        if end.partial:
            raise
        return None
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    method, target, _version = first.split(" ")
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        earlier = headers.get(name.lower())
        headers[name.lower()] = value.strip() if earlier is None else f"{earlier}, {value.strip()}"
    url = urlsplit(target)
    query, path = dict(parse_qsl(url.query, keep_blank_values=True)), unquote(url.path)
    file = spool(method, path)
    return Request(method, path, query, headers, await _read_body(reader, headers, file), file)


async def _read_body(reader: asyncio.StreamReader, headers: dict[str, str], file: Path | None) -> bytes:
    """The body; nothing where it went into a ``file``."""
    if not file:
        return b"".join([piece async for piece in _pieces(reader, headers)])
    with file.open("wb") as spooled:
        async for piece in _pieces(reader, headers):
            spooled.write(piece)
    return b""


async def _pieces(reader: asyncio.StreamReader, headers: dict[str, str]) -> AsyncIterator[bytes]:
    if headers.get("transfer-encoding", "").lower() != "chunked":
        left = int(headers.get("content-length", 0))
        while left:
            piece = await reader.readexactly(min(left, PIECE))
            left -= len(piece)
            yield piece
        return
    while size := int(await reader.readline(), 16):
        yield await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)


def closed_port() -> str:
    """The address of a port on 127.0.0.1 at which connections are refused."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"
