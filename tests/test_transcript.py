"""A reply's body, whole or streamed, becomes one transcript, or the right error."""

import json
import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_ocr_loader.engines.flows import Reply
from qwen_ocr_loader.engines.transcript import LoopWatch, read_reply
from qwen_ocr_loader.errors import AccountProblem, EngineError, RateLimited, RequestRejected, ServiceFailed
from qwen_ocr_loader.results import Usage

USAGE = {"input_tokens": 100, "output_tokens": 7, "total_tokens": 107, "image_tokens": 60}
WORDS = {"words_info": [{"text": "a", "location": [0, 0, 1, 0, 1, 1, 0, 1]}]}


def said(content, finish="stop", usage=USAGE, **choice) -> dict:
    message = {"role": "assistant", "content": content}
    choices = [{"finish_reason": finish, "message": message, **choice}]
    return {"output": {"choices": choices}, "usage": usage, "request_id": "r-1"}


def body(*args, **more) -> bytes:
    return json.dumps(said(*args, **more), ensure_ascii=False).encode()


def event(data: dict, number: int = 1, kind: str = "result", status: int = 200) -> bytes:
    return f"id:{number}\nevent:{kind}\n:HTTP_STATUS/{status}\ndata:{json.dumps(data, ensure_ascii=False)}\n\n".encode()


def reply(data: bytes, status: int = 200, **headers) -> Reply:
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, data)


def read(data: bytes, status: int = 200, **headers):
    return read_reply(reply(data, status, **headers))


def outcome(data: bytes, status: int = 200):
    """The transcript, or the error."""
    try:
        return read(data, status)
    except EngineError as error:
        return error


# --- one body --------------------------------------------------------------------------------------------------------


def test_a_whole_body():
    found = read(body([{"text": "漢 a", "ocr_result": WORDS}]))
    assert (found.text, found.ocr_result, found.finish_reason, found.request_id) == ("漢 a", WORDS, "stop", "r-1")
    assert found.usage == Usage(1, 100, 7, 60)
    assert found.confidence is None


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("bare", "bare"),
        ([], ""),
        (None, ""),
        ([{"text": ""}], ""),
        ([{"text": None}], ""),
        ([{"text": "a"}, {"text": "b"}], "ab"),
        ([{"image": "x"}, {"text": "b"}], "b"),
    ],
)
def test_content_of_any_number_of_elements(content, text):
    assert read(body(content)).text == text


def test_the_parts_of_an_ocr_result_are_put_together():
    content = [{"ocr_result": WORDS}, {"text": "t", "ocr_result": WORDS}, {"ocr_result": {"kv_result": {"a": "1"}}}]
    assert read(body(content)).ocr_result == {"words_info": WORDS["words_info"] * 2, "kv_result": {"a": "1"}}
    assert read(body([{"text": "t", "ocr_result": None}])).ocr_result == {}


def test_the_services_own_clean_text_is_kept_apart():
    found = read(body([{"text": "a a a", "processed_text": "a"}]))
    assert (found.text, found.processed) == ("a a a", "a")


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"input_tokens": 5, "output_tokens": 2}, Usage(1, 5, 2, 0)),
        ({"input_tokens": 5, "input_tokens_details": {"image_tokens": 3}}, Usage(1, 5, 0, 3)),
        ({"input_tokens": None, "output_tokens": None, "image_tokens": None}, Usage(1, 0, 0, 0)),
        ({"image_tokens": 4, "input_tokens_details": {"image_tokens": 3}}, Usage(1, 0, 0, 4)),
        (None, Usage()),
    ],
)
def test_usage(usage, expected):
    assert read(body("t", usage=usage)).usage == expected


def test_logprobs_are_a_confidence():
    tokens = [{"token": "a", "logprob": math.log(0.5)}, {"token": "b", "logprob": math.log(0.125)}]
    assert read(body("ab", logprobs={"content": tokens})).confidence == pytest.approx(0.25)
    for nothing in (None, {}, {"content": None}, {"content": []}):
        assert read(body("ab", logprobs=nothing)).confidence is None


@pytest.mark.parametrize(("finish", "expected"), [("length", "length"), ("null", None), (None, None), ("", None)])
def test_how_it_ended(finish, expected):
    assert read(body("t", finish)).finish_reason == expected


def test_the_request_id_may_stand_in_a_header():
    bare = json.dumps({"output": said("t")["output"]}).encode()
    assert read(bare, x_request_id="h-1").request_id == "h-1"
    assert read(body("t"), x_request_id="h-1").request_id == "r-1"
    with pytest.raises(ServiceFailed) as caught:
        read(b'{"code":"InternalError","message":"m"}', 500, x_request_id="h-1")
    assert caught.value.request_id == "h-1"


# --- a stream --------------------------------------------------------------------------------------------------------

EVENTS = [
    said([{"text": "漢"}], "null", {"input_tokens": 100, "output_tokens": 1}),
    said([{"text": "é\n", "ocr_result": WORDS}], "null", {"input_tokens": 100, "output_tokens": 2}),
    said([{"text": "b"}], "null", {"input_tokens": 100, "output_tokens": 3}),
    said([], "stop", USAGE),
]
STREAM = b"".join(event(data, number) for number, data in enumerate(EVENTS, 1))


@pytest.mark.parametrize("last", [[], [{"text": ""}], ""])
def test_a_stream_is_joined_its_usage_is_the_last(last):
    stream = b"".join(event(data) for data in [*EVENTS[:3], said(last, "stop", USAGE)])
    found = read(stream)
    assert (found.text, found.ocr_result, found.finish_reason) == ("漢é\nb", WORDS, "stop")
    assert found.usage == Usage(1, 100, 7, 60)


def test_a_stream_reads_as_the_whole_body_does():
    whole = read(body([{"text": "漢é\nb", "ocr_result": WORDS}]))
    assert read(STREAM) == whole
    assert read(b"\xef\xbb\xbf" + STREAM.replace(b"\n", b"\r\n")) == whole
    assert read(STREAM + b"data:[DONE]\n\n") == whole
    assert read(b": ping\n\n" + STREAM.rstrip()) == whole


def test_a_cut_stream_has_no_end():
    for cut in (STREAM.index(b"id:4"), STREAM.index(b"id:3")):
        found = read(STREAM[:cut])
        assert found.finish_reason is None
        assert found.text.startswith("漢é\n")


@given(st.integers(0, len(STREAM)))
def test_a_stream_cut_anywhere_never_passes_as_whole(cut):
    found = outcome(STREAM[:cut])
    if isinstance(found, EngineError):
        assert found.retryable
    else:
        assert found.finish_reason is None or found == read(STREAM)


@pytest.mark.parametrize("before", [0, 2])
def test_an_error_in_a_stream_has_the_status_of_its_comment(before):
    wrong = {"code": "Throttling.RateQuota", "message": "slow down", "request_id": "r-9"}
    stream = b"".join(event(data) for data in EVENTS[:before]) + event(wrong, 9, "error", 429)
    with pytest.raises(RateLimited, match="slow down") as caught:
        read(stream)
    assert (caught.value.status, caught.value.code, caught.value.request_id) == (429, "Throttling.RateQuota", "r-9")


def test_an_error_in_a_stream_without_a_status_is_decided_by_its_code():
    wrong = json.dumps({"code": "InternalError.Algo", "message": "m"})
    with pytest.raises(ServiceFailed, match="InternalError"):
        read(f"event:error\ndata:{wrong}\n\n".encode())
    with pytest.raises(ServiceFailed, match="InternalError"):
        read(f"data:{wrong}\n\n".encode())


# --- what is no reply ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 400])
def test_an_error_may_stand_in_any_shape(status):
    for data in (
        b'{"code":"Arrearage","message":"m","request_id":"r"}',
        b'{"error":{"code":"Arrearage","message":"m"},"id":"r"}',
        b'id:1\nevent:error\n:HTTP_STATUS/400\ndata:{"code":"Arrearage","message":"m","request_id":"r"}\n\n',
    ):
        with pytest.raises(AccountProblem) as caught:
            read(data, status)
        assert (caught.value.code, caught.value.request_id) == ("Arrearage", "r")


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("0.5", 0.5), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0), ("soon", None)]
)
def test_how_long_to_wait_is_kept(header, seconds):
    with pytest.raises(RateLimited) as caught:
        read(b'{"code":"Throttling","message":"m"}', 429, retry_after=header)
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize(
    "data",
    [
        *(b"{}", b"{", b"data:\n\n", b"data:{\n\n", b"data: \n\n"),
        *(b'{"output":null}', b'{"output":[1]}', b'{"output":{"choices":[1]}}', b'{"output":{"choices":{"a":1}}}'),
        *(b'{"output":{"choices":[{"message":[]}]},"usage":[1]}', b'{"output":{"choices":[{"message":"x"}]}}'),
        *(b'{"output":{"choices":[{"message":{"content":[1]}}]}}', b'{"output":{"choices":[{"logprobs":[1]}]}}'),
        *(b"data:[1]\n\n", b'data:"x"\n\n', b"data:7\n\n", b'data:{"output":7}\n\n'),
    ],
)
def test_what_is_no_reply_is_worth_another_try(data):
    with pytest.raises(ServiceFailed, match="try again later"):
        read(data)


@pytest.mark.parametrize(
    "data", [b"", b" \n", b"[]", b"null", b"\x00\xff", b"<html></html>", b": ping\n\n", b"event:result\n\n"]
)
def test_what_holds_no_event_has_no_end(data):
    found = outcome(data)
    assert isinstance(found, ServiceFailed) or (found.text, found.finish_reason) == ("", None)


@given(st.binary(max_size=60) | st.text('{}[]":, \n\rdatoupchies0', max_size=60).map(str.encode))
def test_garbage_ends_in_an_error_of_ours_or_in_no_text(data):
    for status, kind in ((200, ServiceFailed), (400, RequestRejected), (503, ServiceFailed)):
        found = outcome(data, status)
        assert isinstance(found, kind) or (status == 200 and found.text == "")


# --- loops -----------------------------------------------------------------------------------------------------------


def chunks(data: bytes, size: int) -> list[bytes]:
    edges = [*range(0, len(data), size), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_loop_is_seen_however_the_stream_is_cut(size):
    looping = [said([{"text": "the same line again\n"}], "null") for _ in range(400)]
    stream, watch = b"".join(event(data) for data in looping), LoopWatch()
    seen = next((number for number, chunk in enumerate(chunks(stream, size)) if watch(chunk)), None)
    assert seen is not None
    assert seen * size < len(stream) * 0.9, "before it is over"


def test_a_page_is_not_taken_for_a_loop_nor_an_error_for_anything():
    lines = [said([{"text": f"item {n}   {n * 7 % 13}.{n * 31 % 100:02}\n"}], "null") for n in range(400)]
    watch = LoopWatch()
    assert not any(watch(event(data)) for data in lines)
    assert not LoopWatch()(event({"code": "x", "message": "m"}, 1, "error", 500))
    assert not LoopWatch()(b"\x00\xff garbage\n\n")
