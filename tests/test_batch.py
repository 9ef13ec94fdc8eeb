"""Batches: taken in, sent, looked after, collected."""

import threading
from contextlib import aclosing

import pytest
from PIL import Image

from batch_work import ALL, FakeClock, batch_of, eight_pages, engine_of, heads, inbox, serving, state_file
from dashscope_scenarios import Dropped, by_page, fault, in_turn, ok, refusal, truncated
from draw_pdfs import Sheet, pdf, prose
from openai_batches import Plan
from openai_scenarios import after, before, cut_short, troubles
from qwen_ocr_loader import Reader, Retry, llama_index
from qwen_ocr_loader.batch import Batch
from qwen_ocr_loader.batch.lines import PartLimits
from qwen_ocr_loader.batch.parts import Pace
from qwen_ocr_loader.batch.state_file import StateFile
from qwen_ocr_loader.engines.openai import OpenAIEngine
from qwen_ocr_loader.errors import (
    BatchError,
    KeyRejected,
    ReplyUnreadable,
    RequestRejected,
    ServiceFailed,
)
from qwen_ocr_loader.langchain import QwenOCRLoader, batch_documents
from qwen_ocr_loader.llama_index import QwenOCRReader

server = pytest.fixture(serving)
state = pytest.fixture(state_file)
eight = pytest.fixture(eight_pages)


def calls(server, method, path):
    """How often something was asked for."""
    asked = [exchange.request for exchange in server.exchanges]
    return sum(request.method == method and path in request.path for request in asked)


# --- there and back --------------------------------------------------------------------------------------------------


def test_pages_come_back_in_the_order_they_were_submitted_each_bought_once(server, state, tmp_path):
    folder = inbox(tmp_path / "inbox", 25)
    batch = batch_of(server, state, lines=10)
    report = batch.submit(folder)
    assert (report.pages, report.failures) == (25, [])
    assert report.cost.amount > 0
    assert len(server.batches.all) == 3
    pages = list(batch.collect(wait=True))
    assert heads(pages) == [f"page {n}" for n in range(25)]
    assert server.bought == {f"page {n}": 1 for n in range(25)}
    assert batch.report.pages == 25
    assert batch.report.usage.calls == 25
    assert not server.files.records
    assert sorted(path.name for path in tmp_path.iterdir()) == ["inbox", "inbox.batch", "inbox.batch-lock"]


def test_it_is_half_the_price_of_the_live_engine(server, state, eight):
    live = Reader(engine=engine_of(server)).estimate(eight)
    batch = batch_of(server, state)
    assert batch.estimate(eight).cost.amount * 2 == live.cost.amount
    assert not state.exists()
    assert batch.submit(eight).cost == batch.estimate(eight).cost == batch.status().expected
    list(batch.collect(wait=True))
    usage = batch.report.usage
    price = engine_of(server).catalogued.price("beijing")
    assert batch.report.cost.amount * 2 == price.of(usage.input_tokens, usage.output_tokens).amount > 0


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"mode": "single"},
        {"metadata": "rich", "task": ["advanced_recognition", "table_parsing"]},
        {"fields": {"Total": "digits only"}, "on_error": "placeholder"},
        {"prompt": "What is on it?", "pages": "2-"},
    ],
)
def test_its_documents_are_those_of_the_live_engine(server, state, tmp_path, options):
    frames = [Image.open(inbox(tmp_path / "inbox", 3) / f"page-{n:04}.png") for n in range(3)]
    frames[0].save(tmp_path / "inbox" / "three.tiff", save_all=True, append_images=frames[1:])
    (tmp_path / "inbox" / "text.pdf").write_bytes(pdf(*[Sheet(prose())] * 2))
    engine = engine_of(server)
    sources = [tmp_path / "inbox" / name for name in ("three.tiff", "text.pdf")]
    live = QwenOCRLoader(sources, engine=engine, **options).load()
    batch_of(server, state, lines=2, engine=engine, **options).submit(sources)
    assert list(batch_documents(batch_of(server, state, engine=engine), wait=True)) == live
    read = QwenOCRReader(engine=engine, **options).load_data(sources)
    batched = list(llama_index.batch_documents(batch_of(server, state, engine=engine), wait=True))
    assert [(doc.text, doc.metadata, doc.id_) for doc in batched] == [(doc.text, doc.metadata, doc.id_) for doc in read]
    assert any(doc.metadata["ocr_lines"] for doc in live) == (not {"prompt"} & set(options))


def test_pages_with_text_of_their_own_are_not_bought(server, state, tmp_path):
    (tmp_path / "text.pdf").write_bytes(pdf(*[Sheet(prose())] * 3))
    batch = batch_of(server, state)
    report = batch.submit(tmp_path / "text.pdf")
    assert (report.pages, report.from_text_layer, report.cost) == (3, 3, None)
    assert [page.result.text_source for page in batch.collect()] == ["text_layer"] * 3
    assert not server.exchanges


# --- waiting ---------------------------------------------------------------------------------------------------------


def test_the_service_is_asked_a_minute_later_and_then_once_a_minute(server, state, eight):
    server.batches.polls_a_step = 2
    clock = FakeClock()
    batch = batch_of(server, state, clock=clock, lines=4)
    batch.submit(eight)
    assert heads(batch.collect(wait=True)) == ALL
    assert set(clock.slept) == {60.0, 0.0} - ({0.0} - set(clock.slept))
    looks = calls(server, "GET", "/batches/")
    assert looks == 2 * clock.slept.count(60.0) == 14


def test_looking_again_within_the_minute_asks_nobody(server, state, eight):
    clock = FakeClock()
    batch = batch_of(server, state, clock=clock)
    batch.submit(eight)
    assert not batch.status().finished
    assert calls(server, "GET", "/batches/") == 0
    clock.now += 60
    assert [part.status for part in batch.status().parts] == ["validating"]
    batch.status()
    assert calls(server, "GET", "/batches/") == 1


def test_what_is_not_all_is_not_passed_off_as_all(server, state, eight):
    server.batches.polls_a_step = None
    clock = FakeClock()
    batch = batch_of(server, state, lines=4, clock=clock)
    batch.submit(eight)
    first, _ = server.batches.all
    for _ in range(3):
        server.batches.advance(first)
    clock.now += 60
    with pytest.raises(BatchError, match="4 of 8 requests are still being read; type: qwen-ocr batch collect --wait"):
        next(batch.collect())
    assert heads(batch.collect(partial=True)) == ALL[:4]
    server.batches.finish()
    clock.now += 60
    assert heads(batch.collect()) == heads(batch.collect()) == ALL


def test_with_wait_pages_come_as_soon_as_those_before_them_are_there(server, state, eight):
    server.batches.polls_a_step = None
    batch = batch_of(server, state, lines=4)
    batch.submit(eight)
    first, _ = server.batches.all
    for _ in range(3):
        server.batches.advance(first)
    pages = batch.collect(wait=True)
    assert heads([next(pages) for _ in range(4)]) == ALL[:4]
    server.batches.finish()
    assert heads(pages) == ALL[4:]


# --- what goes wrong with a line -------------------------------------------------------------------------------------


@pytest.mark.parametrize("failures_in", ["error file", "output file"])
def test_only_what_failed_is_asked_again(server, state, eight, failures_in):
    server.batches.plan = lambda number: Plan(failures_in=failures_in)
    server.batches.script = by_page({2: in_turn(fault("rate-quota"), ok()), 5: in_turn(fault("internal"), ok())})
    batch = batch_of(server, state)
    batch.submit(eight)
    assert heads(batch.collect(wait=True)) == ALL
    assert [batch.counts["total"] for batch in server.batches.all.values()] == [8, 2]
    assert server.bought == dict.fromkeys(ALL, 1)


def test_a_line_is_asked_no_more_often_than_retry_says(server, state, eight):
    server.batches.script = by_page({3: fault("internal")})
    batch = batch_of(server, state, engine=engine_of(server, retry=Retry(attempts=3, first=0)), on_error="skip")
    batch.submit(eight)
    assert heads(batch.collect(wait=True)) == [page for page in ALL if page != "page 3"]
    assert [batch.counts["total"] for batch in server.batches.all.values()] == [8, 1, 1]
    (failure,) = batch.report.failures
    assert isinstance(failure.error, ServiceFailed)
    assert failure.source.endswith("page-0003.png")


def test_what_failed_for_good_is_reported_and_follows_on_error(server, state, eight):
    server.batches.script = by_page({3: fault("moderation"), 4: refusal()})
    batch_of(server, state).submit(eight)
    skipping = batch_of(server, state, on_error="skip")
    assert len(list(skipping.collect(wait=True))) == 6
    assert [type(failure.error) for failure in skipping.report.failures] == [RequestRejected, ReplyUnreadable]
    standing = list(batch_of(server, state, on_error="placeholder").collect())
    assert [page.result.text == "" for page in standing] == [number in (3, 4) for number in range(8)]
    raising = batch_of(server, state).collect()
    assert heads(next(raising) for _ in range(3)) == ALL[:3]
    with pytest.raises(RequestRejected, match=r"page-0003.png, page 1: .*moderation"):
        next(raising)
    assert server.bought == {page: 1 for page in ALL if page != "page 3"}


def test_a_reply_that_was_cut_off_gets_a_second_chance(server, state, eight):
    server.batches.script = by_page({1: in_turn(truncated(), ok()), 6: truncated()})
    batch = batch_of(server, state, on_error="placeholder")
    batch.submit(eight)
    pages = list(batch.collect(wait=True))
    assert pages[1].error is None
    assert (pages[1].result.usage.calls, pages[0].result.usage.calls) == (2, 1)
    assert (type(pages[6].error).__name__, pages[6].result.truncated) == ("ReplyTruncated", True)
    assert pages[6].result.text
    assert [batch.counts["total"] for batch in server.batches.all.values()] == [8, 2]


def test_lines_that_nobody_heard_of_again_are_asked_again(server, state, eight):
    server.batches.script = by_page({0: in_turn(Dropped(), ok()), 7: in_turn(Dropped(), ok())})
    batch = batch_of(server, state)
    batch.submit(eight)
    assert heads(batch.collect(wait=True)) == ALL
    assert server.bought == dict.fromkeys(ALL, 1)


@pytest.mark.parametrize("unfinished_in", ["error file", "nowhere"])
def test_what_a_batch_had_no_time_for_goes_into_another(server, state, eight, unfinished_in):
    early = Plan(end="expired", done=0.5, unfinished_in=unfinished_in)
    server.batches.plan = lambda number: early if number == 0 else Plan()
    batch = batch_of(server, state)
    batch.submit(eight)
    assert heads(batch.collect(wait=True)) == ALL
    assert server.bought == dict.fromkeys(ALL, 1)


def test_an_error_file_that_cannot_be_read_is_no_end(server, state, eight):
    server.files.errors_readable = False
    server.batches.script = by_page({2: in_turn(fault("internal"), ok())})
    batch = batch_of(server, state)
    batch.submit(eight)
    assert heads(batch.collect(wait=True)) == ALL


# --- what goes wrong with the service --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble",
    [
        {"files.create": {0: before(fault("internal")), 1: after(Dropped())}},
        {"batches.create": {0: before(fault("internal"))}},
        {"batches.create": {0: before(fault("rate-quota")), 1: before(fault("rate-quota"))}},
        {"batches.create": {0: after(Dropped())}},
        {"batches.create": {0: after(fault("internal"))}},
        {"batches.create": {0: cut_short()}},
        {"batches.create": {0: after(Dropped())}, "batches.list": {0: before(fault("internal"))}},
        {"batches.retrieve": {0: before(Dropped()), 1: before(fault("internal"))}},
        {"files.content": {0: cut_short(), 1: before(fault("rate-quota"))}},
        {"files.delete": {0: before(fault("internal")), 1: before(fault("invalid-parameter"))}},
    ],
    ids=str,
)
def test_trouble_on_the_way_neither_loses_a_page_nor_buys_it_twice(server, state, eight, trouble):
    server.trouble = troubles(trouble)
    batch = batch_of(server, state)
    batch.submit(eight)
    assert heads(batch.collect(wait=True)) == ALL
    assert len(server.batches.all) == 1
    assert server.bought == dict.fromkeys(ALL, 1)


def test_an_outage_while_waiting_is_waited_for(server, state, eight):
    server.trouble = troubles({"batches.retrieve": {n: before(fault("internal")) for n in range(20)}})
    batch = batch_of(server, state)
    batch.submit(eight)
    assert heads(batch.collect(wait=True)) == ALL


def test_a_refusal_says_what_to_do_and_leaves_everything_to_be_gone_on_with(server, state, eight):
    with pytest.raises(KeyRejected, match="check the key"):
        batch_of(server, state, engine=engine_of(server, api_key="sk-wrong")).submit(eight)
    assert batch_of(server, state).submit(eight).pages == 0
    assert heads(batch_of(server, state).collect(wait=True)) == ALL


def test_a_batch_the_service_does_not_know_is_not_told_as_a_model(server, state, eight):
    batch = batch_of(server, state)
    batch.submit(eight)
    server.batches.all.clear()
    with pytest.raises(BatchError, match=r"No batch found with id '[^']*'\.; use the key and region"):
        list(batch.collect(wait=True))


# --- beside an event loop --------------------------------------------------------------------------------------------


async def test_async_it_is_the_same_and_the_loop_stays_free(server, state, eight, monkeypatch):
    threads = set()
    commit = StateFile.commit

    def noting(self, *args):
        threads.add(threading.get_ident())
        return commit(self, *args)

    monkeypatch.setattr(StateFile, "commit", noting)
    server.batches.script = by_page({2: in_turn(fault("internal"), ok())})
    engine = engine_of(server)
    batch = Batch(state, engine=engine, pace=Pace(poll=0.02), limits=PartLimits(lines=3))
    report = await batch.asubmit(eight)
    assert report.pages == 8
    pages = []
    async with aclosing(batch.acollect(wait=True)) as collected:
        pages.extend([page async for page in collected])
    status = await batch.astatus()
    assert heads(pages) == ALL
    assert status.finished
    assert batch.report.seconds > 0
    assert threads
    assert threading.get_ident() not in threads
    assert server.bought == dict.fromkeys(ALL, 1)
    assert not (await batch.acancel()).cancelled


async def test_a_cancelled_submission_can_be_gone_on_with(server, state, eight):
    import asyncio

    from openai_scenarios import late

    server.trouble = troubles({"batches.create": {0: late(0.3)}})
    batch = Batch(state, engine=engine_of(server), pace=Pace(poll=0.02))
    task = asyncio.create_task(batch.asubmit(eight))
    while not calls(server, "POST", "/batches"):
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not [thread for thread in threading.enumerate() if thread.name == "qwen-ocr"]
    await asyncio.sleep(0.35)
    clock = FakeClock()
    assert heads(batch_of(server, state, clock=clock).collect(wait=True)) == ALL
    assert len(server.batches.all) <= 2
    assert server.bought == dict.fromkeys(ALL, 1)


def test_the_engine_that_asks_does_not_stream_into_a_file(server, state, eight):
    engine = engine_of(server, stream=True)
    assert isinstance(engine, OpenAIEngine)
    batch_of(server, state, engine=engine).submit(eight)
    batch = batch_of(server, state, engine=engine)
    assert heads(batch.collect(wait=True)) == ALL
    assert not any(asked.stream for asked in server.asked)
