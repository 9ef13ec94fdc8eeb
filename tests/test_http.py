"""The two drivers and their connections against a real server: what is sent, when it ends, what is left open."""

import asyncio
import time
import traceback
from dataclasses import replace

import pytest

from dashscope_reading import PAGE, engine_for, serving
from dashscope_scenarios import Answer
from http_flows import HOWS, get, once, run
from http_server import LocalServer, closed_port
from qwen_ocr_loader.engines.flows import Call, Reply
from qwen_ocr_loader.errors import RequestRejected, ServiceFailed
from qwen_ocr_loader.tasks import Task


@pytest.fixture
def server():
    yield from serving()


# --- what is sent and what comes -------------------------------------------------------------------------------------


@HOWS
def test_a_call_is_sent_as_it_says(how):
    async def answer(exchange):
        await exchange.send(418, b"body", {"X-Mixed-Case": "a"})

    with LocalServer(answer) as server:
        call = Call("POST", server.url + "/p?q=1", {"Authorization": "Bearer k", "Content-Type": "a/b"}, b"sent")
        reply = run(how, once(call))
        request = server.exchanges[0].request
    assert isinstance(reply, Reply)
    assert (reply.status, reply.body, reply.headers["x-mixed-case"]) == (418, b"body", "a")
    assert (request.method, request.path, request.query, request.body) == ("POST", "/p", {"q": "1"}, b"sent")
    assert (request.headers["authorization"], request.headers["content-type"]) == ("Bearer k", "a/b")
    assert "Bearer" not in repr(call)


@HOWS
@pytest.mark.parametrize("chunked", [False, True])
def test_a_huge_reply_is_taken_whole(how, chunked):
    piece = b"0123456789abcdef" * 4096

    async def answer(exchange):
        exchange.start(200, length=None if chunked else 256 * len(piece))
        for _ in range(256):
            await exchange.write(piece)
        await exchange.finish()

    with LocalServer(answer) as server:
        assert run(how, once(get(server))).body == piece * 256


@HOWS
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_so_the_key_goes_nowhere_else(how, status):
    async def elsewhere(exchange):
        await exchange.send(200, b"thank you for the key")

    with LocalServer(elsewhere) as other:

        async def answer(exchange):
            await exchange.send(status, b"", {"Location": other.url})

        with LocalServer(answer) as server:
            reply = run(how, once(Call("POST", server.url, {"Authorization": "Bearer k"}, b"page")))
        assert other.exchanges == []
    assert reply.status == status


# --- connections that break ------------------------------------------------------------------------------------------


@HOWS
def test_a_kept_connection_that_has_gone_stale_costs_one_more_sending(how):
    async def answer(exchange):
        if exchange.number == 1:
            exchange.cut()  # as if it had closed the kept connection just as the request came
        else:
            await exchange.send(200, str(exchange.number))

    with LocalServer(answer) as server:
        assert run(how, once(get(server)), once(get(server))).body == b"2"
        first, second, third = (exchange.writer.get_extra_info("peername") for exchange in server.exchanges)
    assert first == second != third


@HOWS
def test_it_is_sent_again_once_only(how):
    async def answer(exchange):
        exchange.cut()

    with LocalServer(answer) as server:
        with pytest.raises(ServiceFailed, match="connection failed"):
            run(how, once(get(server)))
        assert len(server.exchanges) == 2


@HOWS
@pytest.mark.parametrize("way", ["cut", "reset", "cut chunked", "reset chunked"])
def test_a_reply_that_breaks_off_is_an_error_and_not_sent_again(how, way):
    async def answer(exchange):
        exchange.start(200, length=None if "chunked" in way else 100)
        await exchange.write(b"half of it")
        await asyncio.sleep(0.02)
        exchange.reset() if "reset" in way else exchange.cut()

    with LocalServer(answer) as server:
        with pytest.raises(ServiceFailed, match="connection failed"):
            run(how, once(get(server)))
        assert len(server.exchanges) == 1


@HOWS
def test_an_answer_that_does_not_come(how):
    async def answer(exchange):
        await asyncio.sleep(30)

    with LocalServer(answer) as server:
        with pytest.raises(ServiceFailed, match=r"no answer within 0\.05 s; pass a longer timeout="):
            run(how, once(get(server, timeout=0.05)))
        assert [exchange.outcome for exchange in server.exchanges] == ["gone"]


@HOWS
def test_an_answer_that_stops_coming(how):
    async def answer(exchange):
        exchange.start(200)
        await exchange.write(b"some")
        await asyncio.sleep(30)

    with LocalServer(answer) as server:
        with pytest.raises(ServiceFailed, match=r"no answer within 0\.05 s"):
            run(how, once(get(server, timeout=0.05)))
        assert [exchange.outcome for exchange in server.exchanges] == ["gone"]


@HOWS
def test_a_slow_trickle_ends_and_its_connection_with_it(how):
    async def answer(exchange):
        exchange.start(200)
        while True:
            await exchange.write(b".")
            await asyncio.sleep(0.01)

    with LocalServer(answer) as server:
        started = time.monotonic()
        with pytest.raises(ServiceFailed, match=r"not complete after 0\.1 s"):
            run(how, once(get(server, longest=0.1)))
        assert 0.1 <= time.monotonic() - started < 10
        assert [exchange.outcome for exchange in server.exchanges] == ["gone"]


@HOWS
def test_a_trickle_ends_at_the_longest_time(server, how):
    """The engine's own call, to the server that speaks its protocol."""
    server.script = Answer(piece=1, pause=0.02)
    call = replace(engine_for(server).ask(PAGE, Task("multi_lan")), longest=0.3)
    started = time.monotonic()
    with pytest.raises(ServiceFailed, match=r"not complete after 0\.3 s"):
        run(how, once(call))
    assert time.monotonic() - started < 10


@HOWS
def test_a_watch_that_has_seen_enough_ends_the_answer_and_the_connection(how):
    async def answer(exchange):
        exchange.start(200)
        while True:
            await exchange.write(b"0123456789")
            await asyncio.sleep(0.002)

    def watch():
        seen = bytearray()

        def enough(chunk: bytes) -> bool:
            seen.extend(chunk)
            return len(seen) >= 50

        return enough

    with LocalServer(answer) as server:
        for _ in range(2):  # each sending has a watch of its own
            reply = run(how, once(get(server, watch=watch)))
            assert reply.status == 200
            assert 50 <= len(reply.body) < 5000
        assert [exchange.outcome for exchange in server.exchanges] == ["gone", "gone"]


@HOWS
@pytest.mark.parametrize(
    "url",
    ["http://xn--a/", "ftp://127.0.0.1/x", "127.0.0.1/x", "http://", "http:///x", "http://[::1/", "", "file:///x"],
)
def test_an_address_that_is_none_is_told_as_such(how, url):
    with pytest.raises(RequestRejected, match="check base_url="):
        run(how, once(Call("GET", url, timeout=2)))


@HOWS
def test_a_header_that_cannot_be_sent_does_not_show(how):
    async def answer(exchange):
        await exchange.send(200)

    key = "sk-secret"
    with LocalServer(answer) as server:
        with pytest.raises(RequestRejected) as caught:
            run(how, once(get(server, headers={"Authorization": f"Bearer {key}\nX: y"})))
        assert server.exchanges == []
    assert key not in "".join(traceback.format_exception(caught.value)) + repr(caught.value)


@HOWS
def test_nobody_there(how):
    with pytest.raises(ServiceFailed, match="connection failed"):
        run(how, once(Call("GET", closed_port())))
