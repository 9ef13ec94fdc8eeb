"""Whatever the network does, every page ends as a result or a named failure: in order, once, and nothing stays open."""

import asyncio
import tempfile
import time
from contextlib import nullcontext
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import leaving
from dashscope_scenarios import (
    Answer,
    Dropped,
    Raw,
    by_page,
    cut,
    empty,
    fault,
    garbage,
    in_turn,
    ok,
    slow,
    trickle,
    truncated,
)
from dashscope_server import DashScopeServer
from http_server import closed_port
from marked_pages import marked_page
from qwen_ocr_loader import DashScopeEngine, FakeEngine, Reader
from qwen_ocr_loader.errors import RequestRejected, ServiceFailed
from qwen_ocr_loader.langchain import QwenOCRLoader
from qwen_ocr_loader.outages import PAGES
from qwen_ocr_loader.pace import Retry

ATTEMPTS = 3
PATIENCE = 1.0  # seconds of silence after which an answer is given up
GOOD = {
    "ok": ok(),
    "trickle": trickle(40, 0.002),
    "late": slow(0.05),
}
PASSING = {
    "reset": Dropped(reset=True),
    "reset-late": Dropped(reset=True, delay=0.03),
    "closed": Dropped(),
    "cut": cut(),
    "garbage": garbage(),
    "not-http": Raw(b"\x00\x01 this is not HTTP\r\n\r\n", status=0),
    "bad-gateway": Raw(b"<html>502</html>", 502, "text/html"),
    "down": fault("system"),
    "storm": fault("rate-quota"),
    "storm-told": fault("rate-quota", retry_after="0.02"),
    "hang": slow(60),
}
FINAL = {"moderation": fault("moderation"), "empty": empty()}
ERRORS = {
    "storm": "RateLimited",
    "storm-told": "RateLimited",
    "moderation": "RequestRejected",
    "empty": "ReplyUnreadable",
}
SCENARIOS = {**GOOD, **PASSING, **FINAL}

calm = st.sampled_from(sorted(GOOD))
trouble = st.sampled_from(sorted({**PASSING, **FINAL}.keys() - {"hang"}))
a_page = st.lists(calm | trouble, min_size=1, max_size=4)


@st.composite
def plans(draw, most):
    """What happens to each page, try by try; one in some plans hangs, as that takes its time."""
    plan = draw(st.lists(a_page, min_size=1, max_size=most))
    hanging = draw(st.none() | st.integers(0, len(plan) - 1))
    return [["hang", *schedule[:1]] if number == hanging else schedule for number, schedule in enumerate(plan)]


def expected(schedule):
    """The class of the error a page with this schedule ends with; None where it is read. The last entry stays.

    A connection that is closed without a word may have been an old one: it is tried anew at once, for nothing.
    """
    entries = iter([*schedule, *[schedule[-1]] * 2 * ATTEMPTS])
    for attempt in range(1, ATTEMPTS + 1):
        entry = next(entries)
        entry = next(entries) if entry == "closed" else entry
        if entry in GOOD:
            return None
        if entry in FINAL or attempt == ATTEMPTS:
            return ERRORS.get(entry, "ServiceFailed")
    raise AssertionError("unreachable")


def chaotic(plan):
    """A script: what happens to each page, try by try."""
    scripts = [in_turn(*(SCENARIOS[name] for name in schedule)) for schedule in plan]
    return lambda asked: scripts[asked.images[0].number](asked)


def reader_for(base_url, **options):
    retry = Retry(attempts=ATTEMPTS, first=0.01, longest=0.05, deadline=60)
    engine = DashScopeEngine(
        base_url=base_url, api_key="sk-test", retry=retry, timeout=PATIENCE, rate_limit=None, stream=False
    )
    return Reader(**{"engine": engine, "task": "text_recognition", **options})


def gathered(reader, pages, how):
    """All pages, however they are read; an event loop of ours has no task left afterwards."""
    images = [marked_page(number, (64, 64)) for number in pages]
    if how == "sync":
        return list(reader.pages(images))

    async def read():
        found = [page async for page in reader.apages(images)]
        assert len(asyncio.all_tasks()) == 1
        return found

    return asyncio.run(read())


def ends(reader, pages, numbers):
    """What became of each page, in the order told: None, or the class of its error."""
    by_source = {page.origin.name: type(page.error).__name__ if page.error else None for page in pages}
    failed = {failure.source: type(failure.error).__name__ for failure in reader.report.failures}
    assert len(by_source) == len(pages) == len(numbers)
    assert {source: error for source, error in by_source.items() if error} == failed
    return list(by_source.values())


def check_nothing_left(server, threads):
    assert leaving.until(lambda: not server.in_flight and not server._writers)
    assert leaving.until(lambda: leaving.threads() <= threads)


def check_bill(billed, plan, good):
    """Every page that was read was paid for once; none else was, but for replies that say nothing."""
    assert set(billed.values()) <= {1}
    assert billed.keys() <= {*good, *(number for number, schedule in enumerate(plan) if "empty" in schedule)}
    slow = {number for number in good if "trickle" in plan[number]}  # the client may leave before the server has noted
    assert set(good) - slow <= billed.keys()


def check_chaos(plan, how, concurrency, cached):
    numbers, wanted = range(len(plan)), [expected(schedule) for schedule in plan]
    folder = tempfile.TemporaryDirectory() if cached else nullcontext(None)
    with folder as cache, DashScopeServer(chaotic(plan)) as server:
        threads = leaving.threads()
        reader = reader_for(server.base_url, on_error="placeholder", concurrency=concurrency, cache=cache)
        pages = gathered(reader, numbers, how)
        assert ends(reader, pages, numbers) == wanted
        good = [number for number in numbers if not wanted[number]]
        texts = [page.result.text.split("\n")[0] for page in pages]
        assert texts == ["" if wanted[number] else f"page {number}" for number in numbers]
        check_bill(server.billed_pages, plan, good)
        assert reader.report.pages == len(good)
        assert server.refused == []
        if cached:
            server.script = ok()
            again = gathered(reader, numbers, how)
            assert [page.result.text.split("\n")[0] for page in again] == [f"page {number}" for number in numbers]
            assert reader.report.from_cache == len(good)
        check_nothing_left(server, threads)


@pytest.mark.parametrize("how", ["sync", "async"])
@pytest.mark.parametrize("cached", [False, True])
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(plan=plans(12), concurrency=st.integers(1, 6))
def test_every_page_ends_once_in_order(how, cached, plan, concurrency):
    check_chaos(plan, how, concurrency, cached)


@pytest.mark.parametrize("how", ["sync", "async"])
def test_connections_that_are_closed_after_every_answer(how):
    """One of them may be taken for open and used once more, which costs no attempt."""
    with DashScopeServer(Answer(hang_up=True)) as server:
        reader = reader_for(server.base_url, concurrency=4, on_error="placeholder")
        assert ends(reader, gathered(reader, range(40), how), range(40)) == [None] * 40
        assert set(server.billed_pages.values()) == {1}


@pytest.mark.parametrize("how", ["sync", "async"])
def test_an_answer_that_never_ends_is_given_up(how):
    """Every piece of it comes in time: only ``deadline`` ends it."""
    plan = {0: ok(), 1: Answer(piece=1, pause=0.05), 2: ok()}
    with DashScopeServer(lambda asked: plan[asked.images[0].number]) as server:
        threads, retry = leaving.threads(), Retry(attempts=ATTEMPTS, first=0.01, deadline=1.0)
        reader = reader_for(server.base_url, on_error="placeholder")
        reader = reader_for(server.base_url, engine=replace(reader.engine, retry=retry), on_error="placeholder")
        began = time.monotonic()
        pages = gathered(reader, range(3), how)
        assert ends(reader, pages, range(3)) == [None, "ServiceFailed", None]
        assert time.monotonic() - began < 30
        check_nothing_left(server, threads)


@pytest.mark.parametrize("how", ["sync", "async"])
@pytest.mark.parametrize("policy", ["skip", "placeholder", "raise"])
def test_refused_connections(how, policy, tmp_path):
    """Nobody listens: every page is named, nothing is kept, and with ``raise`` the first one is told."""
    reader = reader_for(closed_port() + "/api/v1", on_error=policy, cache=tmp_path / "cache")
    if policy == "raise":
        with pytest.raises(ServiceFailed, match="connection failed"):
            gathered(reader, range(9), how)
    else:
        pages = gathered(reader, range(9), how)
        assert len(pages) == (9 if policy == "placeholder" else 0)
        assert [type(failure.error).__name__ for failure in reader.report.failures] == ["ServiceFailed"] * 9
    assert reader.cache.stats().pages == 0


# --- engines in turn -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["sync", "async"])
@pytest.mark.parametrize("cached", [False, True])
def test_each_page_has_the_first_engine_that_can_read_it(how, cached, tmp_path):
    plan = {1: fault("moderation"), 3: truncated(), 4: empty(), 6: in_turn(fault("system"), ok())}
    with DashScopeServer(by_page(plan)) as server:
        first = reader_for(server.base_url).engine
        options = {"engine": [first, FakeEngine()], "concurrency": 3, "cache": tmp_path / "cache" if cached else None}
        for again in (False, True)[: 1 + cached]:
            reader = reader_for(server.base_url, **options)
            pages = gathered(reader, range(8), how)
            instead = {1: "RequestRejected", 3: "ReplyTruncated", 4: "ReplyUnreadable"}
            assert {n: page.instead for n, page in enumerate(pages) if page.instead} == instead
            assert [page.result.engine == "fake" for page in pages] == [n in instead for n in range(8)]
            assert reader.report.failures == []
            assert reader.report.from_cache == 8 * again


def test_the_metadata_say_why_it_was_not_the_first_engine():
    (document,) = QwenOCRLoader(marked_page(0), engine=[FakeEngine({0: RequestRejected("moderation")}), "fake"]).load()
    assert document.metadata["ocr_instead"] == "RequestRejected"


@pytest.mark.parametrize("how", ["sync", "async"])
def test_in_an_outage_the_next_engine_reads_and_the_first_is_soon_left_alone(how):
    with DashScopeServer(Dropped(reset=True)) as server:
        first = reader_for(server.base_url).engine
        reader = reader_for(server.base_url, engine=[first, FakeEngine()], concurrency=4)
        pages = gathered(reader, range(60), how)
        assert [page.result.engine for page in pages] == ["fake"] * 60
        assert {page.instead for page in pages} == {"ServiceFailed"}
        begun = 4 + PAGES  # those in flight together, and those that start before the third has failed
        assert PAGES * ATTEMPTS <= len(server.generations) <= begun * ATTEMPTS


@pytest.mark.slow
@pytest.mark.parametrize("how", ["sync", "async"])
@pytest.mark.parametrize("cached", [False, True])
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(plan=plans(40), concurrency=st.integers(1, 16))
def test_every_page_ends_once_in_order_in_many_storms(how, cached, plan, concurrency):
    check_chaos(plan, how, concurrency, cached)
