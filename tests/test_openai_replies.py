"""Replies of OpenAI-compatible servers, in any shape, and where boxes end up."""

import json

import pytest

from openai_reading import VLLM, keyless, said
from qwen_ocr_loader import OpenAIEngine
from qwen_ocr_loader.engines.base import Asked
from qwen_ocr_loader.engines.flows import Reply
from qwen_ocr_loader.engines.transcript import LoopWatch, compatible, read_reply
from qwen_ocr_loader.errors import ReplyUnreadable, RequestRejected, ServiceFailed
from qwen_ocr_loader.results import Usage
from qwen_ocr_loader.tasks import Task

no_keys = pytest.fixture(keyless, autouse=True)
PAGE = Asked(4, 616.0, 812.0, "px", 616, 812)  # a multiple of 28 pixels, as a page is sent where that matters


# --- what comes back -------------------------------------------------------------------------------------------------

ROWS = "300,400,200,40,0,Total 5.00"


@pytest.mark.parametrize(
    ("model", "box"),
    [
        ("qwen-vl-ocr-2025-11-20", (0.2, 0.38, 0.4, 0.42)),
        ("Qwen/Qwen3-VL-8B-Instruct", (0.2, 0.38, 0.4, 0.42)),
        ("Qwen/Qwen2.5-VL-7B-Instruct", (200 / 616, 380 / 812, 400 / 616, 420 / 812)),
    ],
)
def test_boxes_by_the_models_family(model, box):
    engine = OpenAIEngine(base_url=VLLM, model=model)
    (line,) = engine.parse(PAGE, Task("advanced_recognition"), said(ROWS)).lines
    assert line.text == "Total 5.00"
    assert line.quad.bounds == pytest.approx(box)


def test_boxes_of_an_unknown_model_are_left_out_until_somebody_says_what_they_count():
    unknown = OpenAIEngine(base_url=VLLM, model="some-ocr")
    told = OpenAIEngine(base_url=VLLM, model="some-ocr", coordinates="original")
    task = Task("advanced_recognition")
    assert [line.quad for line in unknown.parse(PAGE, task, said(ROWS)).lines] == [None]
    assert [line.text for line in unknown.parse(PAGE, task, said(ROWS)).lines] == ["Total 5.00"]
    assert told.parse(PAGE, task, said(ROWS)).lines[0].quad.bounds.left == pytest.approx(200 / 616)


def test_margins_are_taken_off_again():
    page = PAGE._replace(box=(0.25, 0.0, 0.75, 1.0))
    engine = OpenAIEngine(base_url=VLLM, model="qwen3-vl")
    (line,) = engine.parse(page, Task("advanced_recognition"), said("500,400,200,40,0,Total")).lines
    assert line.quad.bounds[0::2] == pytest.approx((0.3, 0.7))


def test_where_nobody_can_help_it_no_advice_is_given(caplog):
    engine, behind_a_link = OpenAIEngine(base_url=VLLM, model="qwen2.5vl"), PAGE._replace(sent_width=0, sent_height=0)
    assert engine.parse(behind_a_link, Task("advanced_recognition"), said(ROWS)).lines[0].quad is None
    assert "coordinates" not in caplog.text
    OpenAIEngine(base_url=VLLM, model="m").parse(behind_a_link, Task("advanced_recognition"), said(ROWS))
    assert "pass coordinates=" in caplog.text


def test_boxes_outside_the_picture_are_not_drawn_and_the_log_says_what_to_pass(caplog):
    engine = OpenAIEngine(base_url=VLLM, model="qwen3-vl")
    rows = "\n".join(f"1500,{100 * i + 1200},600,40,0,line {i}" for i in range(5))
    result = engine.parse(PAGE, Task("advanced_recognition"), said(rows))
    assert [line.text for line in result.lines] == [f"line {i}" for i in range(5)]
    assert all(line.quad is None for line in result.lines)
    assert "coordinates" in caplog.text


def test_a_server_that_counts_no_tokens_still_made_a_call():
    result = OpenAIEngine(base_url=VLLM, model="m").parse(PAGE, Task("text_recognition"), said("Hello"))
    assert result.text == "Hello"
    assert (result.usage.calls, result.usage.input_tokens) == (1, 0)


# --- replies in any shape --------------------------------------------------------------------------------------------


def chunks(*said, end="data: [DONE]\n\n", line="\n") -> Reply:
    events = "".join(f"data: {json.dumps(one)}\n\n" for one in said) + end
    return Reply(200, {}, events.replace("\n", line).encode())


def chunk(text=None, finish=None, **more) -> dict:
    return {"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {"content": text, **more}, "finish_reason": finish}]}


COUNTED = {"prompt_tokens": 40, "completion_tokens": 2, "prompt_tokens_details": {"image_tokens": 30}}
THOUGHT = {"content": None, "reasoning_content": "Let me see", "reasoning": "Let me see"}


@pytest.mark.parametrize(
    "given",
    [
        said("Hello world", usage=COUNTED),
        said([{"type": "text", "text": "Hello "}, {"type": "text", "text": "world"}], usage=COUNTED),
        said([{"type": "thinking", "text": "Hm."}, {"type": "text", "text": "Hello world"}], usage=COUNTED),
        said("Hello world", usage=COUNTED, service_tier=None, system_fingerprint=None),
        chunks(chunk("Hello "), chunk("world", "stop"), {"choices": [], "usage": COUNTED}),
        chunks(chunk("Hello "), chunk("world", "stop"), {"choices": [], "usage": COUNTED}, line="\r\n"),
        chunks(chunk("Hello "), chunk("world"), {"choices": [], "usage": COUNTED}),
        chunks(chunk("Hello "), chunk("world"), chunk("", "stop") | {"usage": COUNTED}, end=""),
        chunks(chunk(role="assistant"), chunk("Hello world", "eos_token"), {"choices": [], "usage": COUNTED}),
        chunks(chunk(**THOUGHT), chunk("Hello world", "stop"), {"choices": [], "usage": COUNTED}),
        chunks({"choices": [], "usage": None}, chunk("Hello world", "stop"), {"choices": [], "usage": COUNTED}),
        chunks(chunk("Hello world", "stop") | {"usage": {}}, {"choices": [], "usage": COUNTED}),
    ],
)
def test_the_same_reply(given):
    read = read_reply(given, compatible)
    assert (read.text, read.finish_reason, read.usage) == ("Hello world", "stop", Usage(1, 40, 2, 30))


def body_of(choices: list, **more) -> Reply:
    return Reply(200, {}, json.dumps({"choices": choices, **more}).encode())


def test_of_several_choices_the_first_counts():
    both = [{"index": n, "finish_reason": end, "message": {"content": text}} for n, text, end in
            ((1, "Other", "length"), (0, "One", "stop"))]  # fmt: skip
    assert read_reply(body_of(both), compatible).text == "One"
    streamed = chunks(*({"choices": [{"index": n, "delta": {"content": str(n)}}]} for n in (0, 1, 0, 1)))
    assert read_reply(streamed, compatible).text == "00"


def test_a_reply_in_one_piece_is_whole_without_a_reason():
    for end in ({}, {"finish_reason": None}, {"finish_reason": ""}):
        assert read_reply(body_of([{"message": {"content": "x"}, **end}]), compatible).finish_reason == "stop"
    assert read_reply(chunks(chunk("x"), end=""), compatible).finish_reason is None


def test_a_stream_cut_anywhere_never_passes_as_whole():
    whole = chunks(chunk("Hello "), chunk("world", "stop"), {"choices": [], "usage": COUNTED}).body
    reason = whole.index(b'"stop"') + len(b'"stop"}]}')
    for end in range(1, reason - 3):
        try:
            read = read_reply(Reply(200, {}, whole[:end]), compatible)
        except ServiceFailed:
            continue
        assert read.finish_reason is None


def test_a_refusal_apart_from_the_content():
    refused = {"index": 0, "finish_reason": "stop", "message": {"content": None, "refusal": "I will not read that."}}
    engine, page = OpenAIEngine(base_url=VLLM, model="m"), PAGE._replace(blank=True)
    with pytest.raises(ReplyUnreadable, match="the model refuses: I will not read that") as caught:
        engine.parse(page, Task("text_recognition"), body_of([refused]))
    assert caught.value.text == "I will not read that."
    assert caught.value.usage.calls == 1
    beside = refused | {"message": {"content": "Total 5.00", "refusal": None}}
    assert engine.parse(page, Task("text_recognition"), body_of([beside])).text == "Total 5.00"


def test_a_filter_of_the_services_ends_a_reply():
    filtered = [{"finish_reason": "content_filter", "message": {"content": "Tot"}}]
    with pytest.raises(RequestRejected, match="content_filter"):
        OpenAIEngine(base_url=VLLM, model="m").parse(PAGE, Task("text_recognition"), body_of(filtered))


@pytest.mark.parametrize(
    "data",
    [
        b'{"choices": [null]}',
        b'{"choices": [{"message": "text"}]}',
        b'{"choices": [{"message": {"content": 5}}]}',
        b'{"choices": [{"message": {"content": ["text"]}}]}',
        b'{"choices": []}',
        b'{"choices": {"0": 1}}',
        b'{"id": "chatcmpl-1", "object": "chat.completion"}',
        b"data: [1, 2]\n\n",
        b"data: {\n\n",
        b"[DONE]",
    ],
)
def test_what_is_no_reply_is_worth_another_try(data):
    task = Task("text_recognition")
    with pytest.raises(ServiceFailed):
        OpenAIEngine(base_url=VLLM, model="m").parse(PAGE, task, Reply(200, {}, data))


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_loop_is_seen_however_the_stream_is_cut(size):
    stream = chunks(*[chunk("the same line again\n")] * 800, end="").body
    watch = LoopWatch(compatible)
    seen = [watch(stream[at : at + size]) for at in range(0, len(stream), size)]
    assert True in seen[: int(len(seen) * 0.9)]
