"""Replies of the tests' own DashScope, whole and streamed, have the documented shapes."""

import httpx
import pytest

from dashscope_answers import TOKEN, Framing, PageText
from dashscope_checks import MODELS
from dashscope_client import body, data_url, events, only_choice, post, task
from dashscope_images import smart_resize
from dashscope_scenarios import (
    cut,
    ok,
    stream_fault,
    trickle,
)
from dashscope_server import DashScopeServer
from marked_pages import marked_png


@pytest.fixture
def server():
    with DashScopeServer() as running:
        yield running


# --- replies ---------------------------------------------------------------------------------------------------------


def test_plain_reply_has_the_documented_shape(server):
    response = post(server, body())
    reply = response.json()
    assert set(reply) == {"output", "usage", "request_id"}
    assert response.headers["x-request-id"] == reply["request_id"]
    assert only_choice(reply) == {
        "finish_reason": "stop",
        "message": {"role": "assistant", "content": [{"text": "page 1\nsecond line of page 1"}]},
    }
    assert set(reply["usage"]) == {"total_tokens", "input_tokens", "output_tokens", "image_tokens"}
    assert (server.billed, server.billed_pages, server.refused) == (1, {1: 1}, [])


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("text_recognition", "page 1\n", "page 1"),
        ("multi_lan", "page 1\n", "page 1"),
        ("table_parsing", "```html\n<table>", "</table>\n```"),
        ("document_parsing", "```latex\n\\documentclass", "\\end{document}\n```"),
        ("formula_recognition", "$$", "$$"),
        ("key_information_extraction", "```json\n{", "}\n```"),
        ("advanced_recognition", '```json\n[{"pos_list"', "}]```"),
    ],
)
def test_each_task_is_answered_in_its_own_words(server, name, start, end):
    (element,) = only_choice(post(server, body(**task(name))).json())["message"]["content"]
    assert element["text"].startswith(start)
    assert element["text"].endswith(end)
    assert ("ocr_result" in element) == (name in {"key_information_extraction", "advanced_recognition"})


def test_boxes_are_in_pixels_and_both_forms_agree(server):
    server.script = ok(PageText(("one line", "and another"), tilt=10))
    (element,) = only_choice(post(server, body(**task("advanced_recognition"))).json())["message"]["content"]
    for info in element["ocr_result"]["words_info"]:
        cx, cy, height, length, angle = info["rotate_rect"]
        corners = list(zip(info["location"][::2], info["location"][1::2], strict=True))
        assert angle == -80
        assert (sum(x for x, _ in corners) / 4, sum(y for _, y in corners) / 4) == pytest.approx((cx, cy), abs=1)
        (left, top), (right, top_right), *_, (_, bottom) = corners
        assert (right - left, top_right - top) == pytest.approx((length * 0.985, length * 0.174), abs=2)
        assert bottom - top == pytest.approx(height * 0.985, abs=2)


def test_the_newest_model_gives_rotated_rectangles_only(server):
    (element,) = only_choice(post(server, body(model="qwen3.5-ocr", **task("advanced_recognition"))).json())["message"][
        "content"
    ]
    assert {frozenset(info) for info in element["ocr_result"]["words_info"]} == {frozenset({"rotate_rect", "text"})}


def test_a_schema_is_filled_in_its_own_shape(server):
    config = {"task_config": {"result_schema": {"Page": "", "Seller": {"Name": ""}}}}
    reply = post(server, body(**task("key_information_extraction", **config))).json()
    (element,) = only_choice(reply)["message"]["content"]
    assert element["ocr_result"] == {"kv_result": {"Page": "1", "Seller": {"Name": "null"}}}


@pytest.mark.parametrize(
    ("size", "factor", "tokens"),
    [
        ((689, 487), 28, 427),
        ((689, 487), 32, 332),
        ((1500, 1734), 28, 3350),
        ((6000, 3000), 28, 8194),
        ((6000, 3000), 32, 8194),
    ],
)
def test_tokens_are_the_vendors(size, factor, tokens):
    model = next(model for model in MODELS.values() if model.factor == factor)
    across, down = smart_resize(*size, factor, model.least, model.usual)
    assert across * down // factor**2 + 2 == tokens


def test_tokens_follow_the_picture_that_was_sent(server):
    big, small = (
        post(server, body(data_url(marked_png(1, size)))).json()["usage"] for size in ((960, 960), (320, 320))
    )
    assert (big["image_tokens"], small["image_tokens"]) == (902, 102)
    less = post(server, body(data_url(marked_png(1, (960, 960))), part={"max_pixels": 102_400})).json()["usage"]
    assert less["image_tokens"] == 102


def test_max_tokens_and_stop_end_a_reply(server):
    short = only_choice(post(server, body(max_tokens=2)).json())
    assert (short["finish_reason"], short["message"]["content"]) == ("length", [{"text": "page 1"}])
    stopped = only_choice(post(server, body(stop="second")).json())
    assert (stopped["finish_reason"], stopped["message"]["content"]) == ("stop", [{"text": "page 1\n"}])


def test_logprobs_spell_the_text(server):
    choice = only_choice(post(server, body(logprobs=True, top_logprobs=2)).json())
    tokens = choice["logprobs"]["content"]
    assert b"".join(bytes(token["bytes"]) for token in tokens).decode() == choice["message"]["content"][0]["text"]
    assert {len(token["top_logprobs"]) for token in tokens} == {2}


def test_tokens_spell_any_text():
    text = "  Überschrift\n\n12,5 % 税込  \t$$x_1$$ "
    assert "".join(TOKEN.findall(text)) == text


# --- streams ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("last", ["nothing", "empty text"])
@pytest.mark.parametrize("result", ["last text", "first text", "last"])
@pytest.mark.parametrize("incremental", [True, False])
def test_streams_say_what_plain_replies_say(server, last, result, incremental):
    asked = task("advanced_recognition")
    plain = only_choice(post(server, body(**asked)).json())["message"]["content"][0]
    server.script = ok(framing=Framing(last=last, result=result))
    extra = {"incremental_output": True} if incremental else {}
    frames = events(post(server, body(**asked, **extra), stream=True).text)
    choices = [only_choice(frame) for frame in frames]
    contents = [choice["message"]["content"] for choice in choices]
    texts = [element["text"] for content in contents for element in content]
    assert ("".join(texts) if incremental else texts[-1]) == plain["text"]
    assert [e["ocr_result"] for content in contents for e in content if "ocr_result" in e] == [plain["ocr_result"]]
    assert [choice["finish_reason"] for choice in choices] == ["null"] * (len(choices) - 1) + ["stop"]
    assert [frame["usage"]["output_tokens"] for frame in frames] == sorted(f["usage"]["output_tokens"] for f in frames)
    if incremental and result != "last":
        assert contents[-1] == ([] if last == "nothing" else [{"text": ""}])


def test_one_byte_at_a_time_is_the_same_stream(server):
    usual = post(server, body(incremental_output=True), stream=True)
    server.script = trickle()
    assert usual.headers["content-type"] == "text/event-stream;charset=UTF-8"
    assert len(post(server, body(incremental_output=True), stream=True).text) == len(usual.text)


@pytest.mark.parametrize("before", [0, 2])
def test_errors_within_a_stream(server, before):
    server.script = stream_fault("algo", before=before)
    response = post(server, body(incremental_output=True), stream=True)
    *good, bad = events(response.text)
    assert (response.status_code, len(good), bad["event"], bad["status"]) == (200, before, "error", 500)
    assert bad["code"] == "InternalError.Algo"
    assert server.billed == 0


def test_cut_streams_lack_their_end(server):
    server.script = cut(tidy=True)
    assert '"stop"' not in post(server, body(), stream=True).text
    server.script = cut()
    with pytest.raises(httpx.RemoteProtocolError):
        post(server, body(), stream=True)
    assert [exchange.outcome for exchange in server.generations] == ["sent", "cut"]
    assert server.billed == 0
