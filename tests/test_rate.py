"""Keeping to a limit, and using it up, against a server that counts; in real time, so all of it is slow.

What needs no clock on the wall is in ``test_pace``.
"""

import asyncio
import threading
from typing import NamedTuple

import pytest

from load_server import LoadServer
from marked_pages import marked_page
from qwen_ocr_loader import DashScopeEngine, Reader
from qwen_ocr_loader.pace import RateLimit, Retry


class Load(NamedTuple):
    """So many pages against a server that takes so many a second; what is asked of a run of them.

    Attributes:
        share: Of what the server allows, to be used. A short run on a busy machine loses some at its beginning.
        late: Refusals after the first second at most: what arrives is spaced to a few milliseconds, if all goes well.
    """

    pages: int
    a_second: int
    share: float
    late: int

    @property
    def a_minute(self):
        return 60 * self.a_second


LOADS = [Load(50, 25, 0.6, 1), Load(300, 10, 0.95, 0)]
pytestmark = pytest.mark.slow


def reader_for(server, rate_limit, *, key="sk-test", concurrency=16):
    retry = Retry(attempts=20, first=0.2, longest=2)
    engine = DashScopeEngine(base_url=server.base_url, api_key=key, rate_limit=rate_limit, retry=retry)
    return Reader(engine=engine, task="text_recognition", concurrency=concurrency)


def marked(pages, first=0):
    return [marked_page(number, (64, 64)) for number in range(first, first + pages)]


def read(reader, pages, how):
    if how == "sync":
        return [page.text.split("\n")[0] for page in reader.read(pages)]

    async def texts():
        return [page.text.split("\n")[0] async for page in reader.aread(pages)]

    return asyncio.run(texts())


def share(tally, load):
    """Of what the server allows, how much was used; counted from the first answered to the last."""
    began = sorted(one.began for one in tally.good)
    return (len(began) - 1) / (began[-1] - began[0]) / load.a_second


def check_paced(tally, load):
    """Nobody was sent away once it ran, next to nothing was left unused, and everything was bought once."""
    start = min(one.began for one in tally.bought)
    assert len([one for one in tally.slowed if one.began > start + 1]) <= load.late
    assert tally.refused == []
    assert set(tally.billed_pages) == set(range(load.pages))
    assert set(tally.billed_pages.values()) == {1}
    assert share(tally, load) >= load.share


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("how", ["sync", "async"])
def test_a_limit_that_is_known_is_kept_and_used_up(load, how):
    with LoadServer(rate_limit=load.a_second) as server:
        texts = read(reader_for(server, load.a_minute), marked(load.pages), how)
        check_paced(server.tally(), load)
    assert texts == [f"page {number}" for number in range(load.pages)]


@pytest.mark.parametrize("load", LOADS)
def test_a_limit_that_is_not_known_costs_refusals_but_no_page(load):
    """All are told to wait as soon as one is: a second's worth of requests goes through, then the rest is turned away.

    What was on its way when the first was turned away is as well: up to ``concurrency`` in each second.
    """
    with LoadServer(rate_limit=load.a_second) as server:
        texts = read(reader_for(server, None), marked(load.pages), "sync")
        tally = server.tally()
    assert texts == [f"page {number}" for number in range(load.pages)]
    assert set(tally.billed_pages.values()) == {1}
    assert 0 < len(tally.slowed) <= 16 * (load.pages / load.a_second)


@pytest.mark.parametrize("load", LOADS)
def test_loaders_of_one_key_share_the_limit(load):
    """Each with an engine and an event loop of its own, in a thread of its own."""
    half = load.pages // 2
    with LoadServer(rate_limit=load.a_second) as server:
        readers = [reader_for(server, load.a_minute, concurrency=8) for _ in range(2)]
        work = [(readers[0], marked(half), "sync"), (readers[1], marked(half, half), "async")]
        threads = [threading.Thread(target=read, args=one) for one in work]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        check_paced(server.tally(), load)


def test_loaders_of_two_keys_do_not():
    pages, a_second = 20, 20
    with LoadServer() as server:
        readers = [reader_for(server, 60 * a_second, key=key) for key in ("sk-one", "sk-two")]
        threads = [threading.Thread(target=read, args=(one, marked(pages), "sync")) for one in readers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        began = sorted(one.began for one in server.tally().good)
    assert (len(began) - 1) / (began[-1] - began[0]) > 1.5 * a_second


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("how", ["sync", "async"])
def test_langchain_s_limiter(load, how):
    """Its bucket starts empty and it looks only so often, so it is let run a little below the limit."""
    from langchain_core.rate_limiters import InMemoryRateLimiter

    limiter = InMemoryRateLimiter(
        requests_per_second=0.98 * load.a_second, check_every_n_seconds=0.002, max_bucket_size=1
    )
    with LoadServer(rate_limit=load.a_second) as server:
        texts = read(reader_for(server, limiter), marked(load.pages), how)
        tally = server.tally()
    assert texts == [f"page {number}" for number in range(load.pages)]
    assert len(tally.slowed) <= 1 + load.pages / load.a_second / 10  # late tokens may come in pairs
    assert share(tally, load) >= min(0.8, load.share)


def test_tokens_a_minute():
    """Pages are far more tokens than the burst allows: the spacing is theirs, not the requests'."""
    pages = marked(12)
    with LoadServer() as server:
        reader = reader_for(server, RateLimit(tokens=60_000))
        read(reader, pages, "sync")
        began = sorted(one.began for one in server.tally().good)
    spent = reader.report.usage.tokens
    assert spent / 1000 - 6 - 1 <= began[-1] - began[0]  # a thousand a second, but for the burst of six seconds' worth
