"""Replies that came, and are not simply the page: cut off, looping, empty, a placeholder, or one task of two."""

import pytest
from PIL import Image

from dashscope_reading import engine_for, read, scan_of, serving
from dashscope_scenarios import Answer, empty, fault, in_turn, loop, ok, placeholder, scenario_of, trickle, truncated
from marked_pages import marked_page
from qwen_ocr_loader import Reader
from qwen_ocr_loader.errors import ReplyTruncated, ReplyUnreadable, RequestRejected


@pytest.fixture
def server():
    yield from serving()


def test_logprobs_give_the_page_a_confidence(server):
    page = read(engine_for(server, parameters={"logprobs": True}))
    assert 0 < page.confidence <= 1


def test_a_truncated_reply_is_asked_for_once_more_with_more_room(server):
    server.script = in_turn(truncated(), ok())
    page = read(engine_for(server))
    assert page.text == "page 7\nsecond line of page 7"
    assert page.usage.calls == 2
    assert server.bodies[1]["parameters"]["max_tokens"] == engine_for(server).catalogued.max_output


def test_a_truncated_reply_keeps_what_was_read_and_what_it_cost(server):
    server.script = truncated()
    with pytest.raises(ReplyTruncated) as caught:
        read(engine_for(server))
    assert caught.value.text.startswith("page")
    assert caught.value.usage.calls == 2
    assert "max_tokens in parameters=" in caught.value.message


def test_max_tokens_of_the_user_are_not_overruled(server):
    server.script = truncated()
    with pytest.raises(ReplyTruncated):
        read(engine_for(server, parameters={"max_tokens": 50}))
    assert len(server.generations) == 1


def test_a_loop_is_cut_back_and_asked_once_more_with_a_penalty(server):
    server.script = in_turn(loop(), ok())
    assert read(engine_for(server)).text.startswith("page 7")
    assert server.bodies[1]["parameters"]["repetition_penalty"] > 1
    server.script = loop()
    with pytest.raises(ReplyTruncated) as caught:
        read(engine_for(server))
    assert caught.value.text == "CORNER SHOP\nthe same line again\n"
    assert "repetition_penalty in parameters=" in caught.value.message


@pytest.mark.parametrize("how", ["sync", "async"])
def test_a_looping_stream_is_left_early(server, how):
    server.script = Answer(text="CORNER SHOP\n" + "the same line again\n" * 2000, endless=True, pause=0.002)
    with pytest.raises(ReplyTruncated) as caught:
        read(engine_for(server, stream=True), how=how)
    assert caught.value.text == "CORNER SHOP\nthe same line again\n"
    assert [exchange.outcome for exchange in server.generations] == ["gone", "gone"]


def test_an_empty_reply_to_an_empty_page_is_a_reading(server):
    server.script = empty()
    blank = scan_of(Image.new("L", (200, 200), 250))
    assert read(engine_for(server), scan=blank).text == ""
    with pytest.raises(ReplyUnreadable, match="the page is not"):
        read(engine_for(server))


def test_a_placeholder_is_no_reading(server):
    server.script = placeholder()
    with pytest.raises(ReplyUnreadable) as caught:
        read(engine_for(server))
    assert caught.value.text == "![diagram](image.png)"


def test_bytes_may_come_one_by_one(server):
    server.script = trickle(1)
    for stream in (False, True):
        assert "page 7" in read(engine_for(server, stream=stream)).text


def by_task(**scripts):
    return lambda asked: scenario_of(scripts.get(asked.task, ok()), asked)


def test_what_was_read_before_a_task_failed_is_kept_and_counted(server):
    server.script = by_task(table_parsing=fault("moderation"))
    tasks = ["text_recognition", "table_parsing"]
    reader = Reader(engine=engine_for(server), task=tasks, on_error="placeholder")
    (page,) = reader.pages(marked_page(7))
    assert page.result.text == "page 7\nsecond line of page 7"
    assert page.result.truncated
    assert isinstance(page.error, RequestRejected)
    assert reader.report.usage.calls == server.billed == 1
    assert reader.report.cost.amount > 0


@pytest.mark.parametrize("second", ["moderation", "invalid-parameter", "rate-quota"])
def test_a_failing_second_try_leaves_the_first_ones_text(server, second):
    server.script = in_turn(truncated(), fault(second))
    with pytest.raises(ReplyTruncated) as caught:
        read(engine_for(server))
    assert caught.value.text.startswith("page")
    assert caught.value.usage.calls == server.billed == 1


def test_replies_of_no_use_are_counted(server):
    server.script = in_turn(Answer(text="no JSON at all"), ok())
    reader = Reader(engine=engine_for(server), task="key_information_extraction", on_error="skip")
    list(reader.read(marked_page(7)))
    assert reader.report.usage.calls == server.billed


def test_a_placeholder_of_a_truncated_page_holds_what_was_read(server):
    server.script = truncated()
    reader = Reader(engine=engine_for(server), task="text_recognition", on_error="placeholder")
    (page,) = reader.read(marked_page(7))
    assert page.truncated
    assert page.text.startswith("page")
    assert isinstance(reader.report.failures[0].error, ReplyTruncated)
