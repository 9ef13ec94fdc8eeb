"""The tests' own DashScope: it fails, breaks, counts and chooses as it is told."""

import asyncio
import time

import httpx
import pytest
from PIL import Image

import qwen_ocr_loader.errors
from dashscope_checks import GENERATION
from dashscope_client import body, data_url, encoded, events, only_choice, post
from dashscope_faults import FAULTS
from dashscope_scenarios import (
    SCENARIOS,
    STREAM_SCENARIOS,
    Dropped,
    by_page,
    by_request,
    cut,
    fault,
    in_turn,
    loop,
    mixed,
    ok,
    slow,
    truncated,
)
from dashscope_server import DashScopeServer
from http_server import closed_port
from marked_pages import marked_page, marked_png, page_number


@pytest.fixture
def server():
    with DashScopeServer() as running:
        yield running


# --- faults and scripts ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_told_in_its_shape(server, name, stream):
    wanted = FAULTS[name]
    server.script = fault(name, retry_after="3")
    response = post(server, body(), stream=stream)
    assert (response.status_code, response.headers["retry-after"]) == (wanted.status, "3")
    assert wanted.message in response.text.replace('\\"', '"')
    if wanted.shape == "json":
        assert (response.json()["code"], response.json()["message"]) == (wanted.code, wanted.message)
    elif wanted.shape == "openai":
        assert response.json()["error"]["code"] == wanted.code
    elif wanted.shape == "sse":
        assert response.headers["content-type"] == "application/json"
        assert events(response.text)[0]["code"] == wanted.code


def test_expectations_name_real_error_classes():
    for name, expected in (SCENARIOS | STREAM_SCENARIOS).items():
        if expected.error:
            kind = getattr(qwen_ocr_loader.errors, expected.error)
            assert kind.retryable == expected.retryable, name


def test_connections_break_as_told(server):
    for scenario, error in ((cut(), httpx.RemoteProtocolError), (Dropped(), httpx.RemoteProtocolError)):
        server.script = scenario
        with pytest.raises(error):
            post(server, body())
    server.script = Dropped(reset=True)
    with pytest.raises(httpx.ReadError):
        post(server, body())
    with pytest.raises(httpx.ConnectError):
        httpx.get(closed_port())


def test_scripts_choose_by_attempt_page_and_request(server):
    def statuses(*pages: int) -> list[int]:
        return [post(server, body(data_url(marked_png(page)))).status_code for page in pages]

    server.script = in_turn(fault("rate-quota"), fault("algo"), ok())
    assert statuses(1, 2, 1, 1, 2, 1) == [429, 429, 500, 200, 500, 200]
    server.script = by_page({3: fault("arrearage")})
    assert statuses(2, 3, 4) == [200, 400, 200]
    server.script = by_request({10: fault("algo")})
    assert statuses(5, 6, 7) == [200, 500, 200]
    assert [asked.attempt for asked in server.asked if asked.images[0].number == 1] == [0, 1, 2, 3]


def test_mixed_faults_depend_on_seed_page_and_attempt_only(server):
    def bad(order: list[int], seed: int) -> set[int]:
        server._attempts.clear()
        server.script = mixed(0.3, seed=seed, among=[fault("algo")])
        return {n for n in order if post(server, body(data_url(marked_png(n, (64, 64))))).status_code == 500}

    pages = list(range(40))
    assert bad(pages, 1) == bad(pages[::-1], 1) != bad(pages, 2)
    assert 4 <= len(bad(pages, 1)) <= 20


def test_replies_that_are_not_the_page(server):
    server.script = truncated(3)
    assert only_choice(post(server, body()).json())["finish_reason"] == "length"
    server.script = loop("again\n", 50)
    choice = only_choice(post(server, body()).json())
    assert (choice["finish_reason"], choice["message"]["content"][0]["text"].count("again")) == ("length", 50)
    server.script = SCENARIOS["empty"].scenario
    assert only_choice(post(server, body()).json())["message"]["content"] == []


def test_rate_limit_refuses_what_is_above(server):
    server.rate_limit = 5
    replies = [post(server, body()) for _ in range(8)]
    assert [reply.status_code for reply in replies] == [200] * 5 + [429] * 3
    assert replies[-1].json()["code"] == "Throttling.RateQuota"


# --- the server itself -----------------------------------------------------------------------------------------------


async def test_many_connections_at_once_are_cheap():
    with DashScopeServer(latency=0.3) as server:
        headers = {"Authorization": "Bearer sk-test"}
        limits = httpx.Limits(max_connections=200)
        async with httpx.AsyncClient(base_url=server.url, headers=headers, limits=limits, timeout=30) as client:
            bodies = [body(data_url(marked_png(number, (64, 64)))) for number in range(200)]
            began = time.monotonic()
            replies = await asyncio.gather(*(client.post(GENERATION, json=sent) for sent in bodies))
        assert [reply.status_code for reply in replies] == [200] * 200
        assert server.billed_pages == dict.fromkeys(range(200), 1)
        assert server.most_in_flight > 100
        assert time.monotonic() - began < 30  # one after the other: 60


def test_connections_are_kept_alive_unless_hung_up(server):
    with httpx.Client(headers={"Authorization": "Bearer sk-test"}) as client:
        for script in (ok(), ok(), ok(hang_up=True), ok()):
            server.script = script
            assert client.post(server.url + GENERATION, json=body()).status_code == 200
            time.sleep(0.05)  # a connection that was hung up is seen to be closed before the next request
    first, second, third, fourth = (exchange.writer for exchange in server.generations)
    assert first is second is third is not fourth


def test_a_client_that_leaves_is_noticed(server):
    server.script = slow(60)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(server.url + GENERATION, json=body(), headers={"Authorization": "Bearer sk-test"}, timeout=0.2)
    deadline = time.monotonic() + 5
    while server.in_flight and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (server.in_flight, server.generations[0].outcome, server.billed) == (0, "gone", 0)


def test_bugs_of_a_script_come_out():
    def broken(asked):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), DashScopeServer(broken) as server, pytest.raises(httpx.RemoteProtocolError):
        post(server, body())


@pytest.mark.parametrize("number", [0, 1, 4711, 65_535])
def test_marks_survive_encoding_and_scaling(number):
    page = marked_page(number)
    assert page_number(encoded(page, "JPEG", quality=40)) == number
    assert page_number(encoded(page.resize((150, 170)), "WEBP")) == number
    assert page_number(encoded(Image.new("L", (99, 99), 255))) is None
