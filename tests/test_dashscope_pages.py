"""Many pages with the DashScope engine: each once, in order, however many faults; several in one message."""

import asyncio

import pytest

from dashscope_reading import engine_for, frames, serving
from dashscope_scenarios import by_page, fault, mixed, placeholder
from marked_pages import marked_page
from qwen_ocr_loader import Reader, errors
from qwen_ocr_loader.errors import ReplyUnreadable, RequestRejected
from qwen_ocr_loader.pace import Retry


@pytest.fixture
def server():
    yield from serving()


def test_with_mixed_faults_every_page_is_there_once_in_order(server, tmp_path):
    server.script = mixed(0.3, seed=3)
    reader = Reader(
        engine=engine_for(server, retry=Retry(attempts=12, first=0)), task="text_recognition", concurrency=16
    )
    pages = [page.text.split("\n")[0] for page in reader.read(frames(tmp_path, 300))]
    assert pages == [f"page {n}" for n in range(300)]
    assert reader.report.usage.calls == server.billed == 300
    assert reader.report.cost is not None


async def test_async_too(server, tmp_path):
    server.script = mixed(0.3, seed=4)
    reader = Reader(
        engine=engine_for(server, retry=Retry(attempts=12, first=0)), task="text_recognition", concurrency=16
    )
    pages = [page.text.split("\n")[0] async for page in reader.aread(frames(tmp_path, 300))]
    assert pages == [f"page {n}" for n in range(300)]
    assert server.billed == 300


def test_connections_are_shared_by_the_pages_of_a_run(server, tmp_path):
    list(Reader(engine=engine_for(server), concurrency=4).read(frames(tmp_path, 40)))
    assert len(server.generations) == 40
    assert len({exchange.writer.get_extra_info("peername") for exchange in server.generations}) <= 4


def test_failures_are_named_and_the_rest_is_read(server, tmp_path):
    server.script = by_page({3: fault("moderation"), 5: placeholder()})
    reader = Reader(engine=engine_for(server), task="text_recognition", on_error="skip")
    assert len(list(reader.read(frames(tmp_path, 8)))) == 6
    assert [(f.page, type(f.error)) for f in reader.report.failures] == [(3, RequestRejected), (5, ReplyUnreadable)]
    assert reader.report.usage.calls == 7  # the placeholder was billed


@pytest.mark.parametrize("how", ["sync", "async"])
def test_pages_can_be_sent_together(server, tmp_path, how):
    reader = Reader(engine=engine_for(server), prompt="Sum up", pages_per_call=3, show_progress=True)
    source = frames(tmp_path, 7)

    async def aread():
        return [page async for page in reader.apages(source)]

    pages = list(reader.pages(source)) if how == "sync" else asyncio.run(aread())
    assert [(page.result.page, page.last) for page in pages] == [(0, 2), (3, 5), (6, None)]
    assert [len(asked.images) for asked in sorted(server.asked, key=lambda asked: asked.images[0].number)] == [3, 3, 1]
    assert "page 2" in pages[0].result.text
    assert reader.report.pages == 7
    assert reader.report.usage.calls == 3


def test_fields_may_span_pages_and_the_metadata_says_how_far(server, tmp_path):
    from qwen_ocr_loader.langchain import QwenOCRLoader

    options = {"task": "key_information_extraction", "fields": {"Page": ""}, "pages_per_call": 2}
    docs = QwenOCRLoader(frames(tmp_path, 3), engine=engine_for(server), **options).load()
    assert [(doc.metadata["page"], doc.metadata["page_last"]) for doc in docs] == [(0, 1), (2, 2)]
    assert server.asked[0].task == "key_information_extraction"


def test_a_group_that_fails_names_every_page(server, tmp_path):
    server.script = fault("moderation")
    reader = Reader(engine=engine_for(server), prompt="x", pages_per_call=2, on_error="skip")
    assert list(reader.read(frames(tmp_path, 3))) == []
    assert [failure.page for failure in reader.report.failures] == [0, 1, 2]


def test_boxes_need_a_page_of_their_own():
    with pytest.raises(ValueError, match="boxes need a page of their own"):
        Reader(pages_per_call=2)
    with pytest.raises(errors.UnsupportedTask, match="one page at a time"):
        list(Reader(engine="fake", prompt="x", pages_per_call=2).read(marked_page(1)))


@pytest.mark.slow
def test_ten_thousand_pages_with_five_per_cent_of_faults(server, tmp_path):
    server.script = mixed(0.05, seed=11)
    engine = engine_for(server, retry=Retry(attempts=12, first=0))
    sources = [frames_of(tmp_path, start) for start in range(0, 10_000, 1000)]
    reader = Reader(engine=engine, task="text_recognition", concurrency=32)
    pages = [page.text.split("\n")[0] for page in reader.read(sources)]
    assert pages == [f"page {n}" for n in range(10_000)]
    assert reader.report.usage.calls == server.billed == 10_000
    assert set(server.billed_pages.values()) == {1}


def frames_of(tmp_path, start):
    pages = [marked_page(n, (64, 64)).convert("1") for n in range(start, start + 1000)]
    path = tmp_path / f"{start}.tiff"
    pages[0].save(path, save_all=True, append_images=pages[1:], compression="group4")
    return path
