"""Server-sent events, wherever the network cuts them."""

from itertools import pairwise

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


def test_whole():
    assert read([STREAM]) == EVENTS


def test_cut_at_every_byte():
    for i in range(len(STREAM) + 1):
        assert read([STREAM[:i], STREAM[i:]]) == EVENTS
    assert read([bytes([byte]) for byte in STREAM]) == EVENTS


@given(st.lists(st.integers(0, len(STREAM)), max_size=12).map(sorted))
def test_cut_anywhere(cuts):
    edges = [0, *cuts, len(STREAM)]
    assert read([STREAM[a:b] for a, b in pairwise(edges)]) == EVENTS


@given(st.binary(max_size=300))
def test_garbage_does_no_harm(garbage):
    read([garbage])
