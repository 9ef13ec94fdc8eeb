"""Server-sent events, wherever the network cuts them and whatever ends their lines."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_ocr_loader.engines.sse import Event, EventStream

STREAM = (
    'id:1\nevent:result\n:HTTP_STATUS/200\ndata:{"a":"é漢"}\n\n'
    ": ping\n\n"
    "data: two\ndata: lines\r\n\r\n"
    'id:3\nevent:error\n:HTTP_STATUS/503\ndata:{"code":"x"}\n\n'
    "data:tail"
).encode()
EVENTS = [Event('{"a":"é漢"}', "result"), Event("two\nlines"), Event('{"code":"x"}', "error", 503), Event("tail")]


def read(chunks):
    stream = EventStream()
    return [event for chunk in chunks for event in stream.feed(chunk)] + list(stream.finish())


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    return [data[a:b] for a, b in pairwise([0, *sorted(min(cut, len(data)) for cut in cuts), len(data)])]


def test_whole():
    assert read([STREAM]) == EVENTS


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_every_line_end_cut_at_every_byte(end):
    stream = STREAM.decode().replace("\r\n", "\n").replace("\n", end).encode()
    for i in range(len(stream) + 1):
        assert read([stream[:i], stream[i:]]) == EVENTS
    assert read([bytes([byte]) for byte in stream]) == EVENTS


def test_cut_at_every_byte():
    for i in range(len(STREAM) + 1):
        assert read([STREAM[:i], STREAM[i:]]) == EVENTS
    assert read([bytes([byte]) for byte in STREAM]) == EVENTS


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_cut_anywhere(cuts):
    assert read(pieces(STREAM, cuts)) == EVENTS


LINES = st.sampled_from(
    [
        *("data:1", "data: a", "data", "data:", "data:é漢"),
        *("event:error", "id:1", ":HTTP_STATUS/503", ": x", "retry:1"),
    ]
)
STREAMS = st.lists(st.tuples(LINES | st.just(""), st.sampled_from(["\n", "\r", "\r\n"])), max_size=20)


def by_the_standard(text: str) -> list[Event]:
    """The standard's algorithm, line by line, over a text whose line ends are plain."""
    events, data, kind, status = [], [], "", 200
    for line in [*text.split("\n"), ""]:
        name, _, value = line.partition(":")
        value = value[1:] if value[:1] == " " else value
        if not line:
            events += [Event("\n".join(data), kind or "message", status)] if data else []
            data, kind, status = [], "", 200
        elif name == "data":
            data.append(value)
        elif name == "event":
            kind = value
        elif line == ":HTTP_STATUS/503":
            status = 503
    return events


@given(STREAMS, st.lists(st.integers(0, 200), max_size=8))
def test_any_stream_is_read_as_the_standard_says_wherever_it_is_cut(lines, cuts):
    text = "".join(line + end for line, end in lines)
    expected = by_the_standard(text.replace("\r\n", "\n").replace("\r", "\n"))
    assert read([text.encode()]) == expected
    assert read(pieces(text.encode(), cuts)) == expected


def test_an_event_comes_with_its_last_byte_not_with_the_next_event():
    for blank in (b"\n\n", b"\r\r", b"\r\n\r\n"):
        stream = EventStream()
        assert list(stream.feed(b"data:1" + blank)) == [Event("1")]
        assert list(stream.feed(b"data:2" + blank)) == [Event("2")]


@pytest.mark.parametrize("cut", range(8))
def test_a_byte_order_mark_before_the_first_line_is_no_part_of_it(cut):
    stream = "\ufeffdata:1\n\ndata:\ufeff2\n\n".encode()
    assert read([stream[:cut], stream[cut:]]) == [Event("1"), Event("\ufeff2")]
    assert read(["data:1\n\n\ufeffdata:2\n\n".encode()]) == [Event("1")], "only before the first"


def test_done_is_no_event_but_is_known():
    for said in (b"data:[DONE]\n\n", b"data: [DONE]\n\n", b"data: [DONE]"):
        stream = EventStream()
        assert list(stream.feed(b"data:{}\n\n")) == [Event("{}")]
        assert not stream.done
        assert [*stream.feed(said), *stream.finish()] == []
        assert stream.done
    assert read([b'data:"[DONE]"\n\n']) == [Event('"[DONE]"')]


def test_a_status_belongs_to_its_own_event():
    assert read([b": HTTP_STATUS/429\ndata:1\n\ndata:2\n\n:HTTP_STATUS/500\n\ndata:3\n\n"]) == [
        Event("1", status=429),
        Event("2"),
        Event("3"),
    ]


def test_one_long_line_in_small_pieces_is_not_copied_over_and_over():
    from time import perf_counter

    stream, started = EventStream(), perf_counter()
    found = [event for _ in range(200_000) for event in stream.feed(b"data:0123456789")] + list(stream.finish())
    assert len(found[0].data) == 15 * 200_000 - 5
    assert perf_counter() - started < 30, "200,000 pieces of one line: seconds, not minutes"


@given(st.binary(max_size=300))
def test_garbage_does_no_harm(garbage):
    read([garbage])
