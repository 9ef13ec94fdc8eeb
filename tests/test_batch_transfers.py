"""Bodies of requests that come from a file, and replies that go into one."""

import asyncio
import tracemalloc

import httpx
import pytest

from http_server import LocalServer
from qwen_ocr_loader.engines.flows import PIECE, Call, FileBody
from qwen_ocr_loader.engines.http import adrive, drive
from qwen_ocr_loader.errors import ServiceFailed

SIZE = 32 * PIECE + 17


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "body"
    path.write_bytes(bytes(range(256)) * (SIZE // 256) + b"." * (SIZE % 256))
    return path


def once(call):
    return (yield call)


def driven(kind, call):
    if kind == "sync":
        with httpx.Client() as client:
            return drive(once(call), client)

    async def main():
        async with httpx.AsyncClient() as client:
            return await adrive(once(call), client)

    return asyncio.run(main())


async def echo(exchange):
    await exchange.send(200, exchange.request.body, {"X-Length": exchange.request.headers.get("content-length", "")})


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_body_goes_from_a_file_and_comes_into_one(kind, file, tmp_path):
    back = tmp_path / "back"
    with LocalServer(echo) as server:
        reply = driven(kind, Call("POST", server.url, body=FileBody(b"<head>", file, b"<tail>"), into=back))
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["x-length"] == str(SIZE + 12)
    assert back.read_bytes() == b"<head>" + file.read_bytes() + b"<tail>"


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_neither_is_ever_in_memory(kind, file, tmp_path):
    with LocalServer(discard) as server:
        server.spool = lambda method, path: tmp_path / "spooled"
        tracemalloc.start()
        driven(kind, Call("POST", server.url, body=FileBody(b"", file, b""), into=tmp_path / "back"))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert (tmp_path / "back").stat().st_size == SIZE
    assert most < SIZE / 2


async def discard(exchange):
    size = exchange.request.file.stat().st_size
    exchange.start(200, {}, length=size)
    while size:
        piece = min(size, PIECE)
        await exchange.write(bytes(piece))
        size -= piece
    await exchange.finish()


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_refusal_is_told_and_not_kept(kind, tmp_path):
    async def refuse(exchange):
        await exchange.send(404, '{"error": "no"}')

    with LocalServer(refuse) as server:
        reply = driven(kind, Call("GET", server.url, into=tmp_path / "back"))
    assert (reply.status, reply.body) == (404, b'{"error": "no"}')
    assert not (tmp_path / "back").exists()


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_what_breaks_off_is_an_error(kind, tmp_path):
    async def cut(exchange):
        exchange.start(200, {}, length=1000)
        await exchange.write(b"x" * 500)
        exchange.cut()

    with LocalServer(cut) as server, pytest.raises(ServiceFailed):
        driven(kind, Call("GET", server.url, into=tmp_path / "back"))


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize(("once_only", "sent"), [(True, 1), (False, 2)])
def test_what_is_to_be_sent_once_is_not_sent_again_by_itself(kind, once_only, sent):
    async def hang_up(exchange):
        exchange.cut()

    with LocalServer(hang_up) as server:
        with pytest.raises(ServiceFailed):
            driven(kind, Call("POST", server.url, body=b"buy", once=once_only))
        assert len(server.exchanges) == sent
