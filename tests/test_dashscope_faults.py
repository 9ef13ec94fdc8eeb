"""What can go wrong with a call: every fault, streamed or not, blocking or not, is the right error."""

import pytest

from dashscope_faults import FAULTS
from dashscope_reading import KEY, engine_for, frames, read, serving
from dashscope_scenarios import SCENARIOS, STREAM_SCENARIOS, fault, in_turn, ok, slow, stream_fault
from dashscope_server import DashScopeServer
from qwen_ocr_loader import Reader, errors
from qwen_ocr_loader.engines.dashscope import DashScopeEngine
from qwen_ocr_loader.errors import KeyRejected, RateLimited, ReplyTruncated, RequestRejected, ServiceFailed
from qwen_ocr_loader.pace import Retry

MATRIX = [(name, stream) for name in SCENARIOS for stream in (False, True)] + [
    (name, True) for name in STREAM_SCENARIOS
]


@pytest.fixture
def server():
    yield from serving()


@pytest.mark.parametrize("how", ["sync", "async"])
@pytest.mark.parametrize(("name", "stream"), MATRIX, ids=lambda v: v if isinstance(v, str) else "stream" * v or "whole")
def test_fault_matrix(server, name, stream, how):
    expected = {**SCENARIOS, **STREAM_SCENARIOS}[name]
    server.script = expected.scenario
    engine = engine_for(server, stream=stream)
    if expected.error is None:
        assert "page 7" in read(engine, how=how).text
        return
    with pytest.raises(getattr(errors, expected.error)) as caught:
        read(engine, how=how)
    error = caught.value
    assert type(error).retryable is (expected.retryable or issubclass(type(error), ServiceFailed))
    tries = len(server.generations)
    if isinstance(error, ReplyTruncated):
        assert tries == 2  # once more, in another way
    elif name in FAULTS and FAULTS[name].retry == "once":
        assert tries == 2
    else:
        again_at_once = 2 if name == "closed" else 1  # it looks like a kept connection that had gone stale
        assert tries == (3 * again_at_once if expected.retryable else 1)
    assert KEY not in f"{error!r} {error} {vars(error)}"


def test_an_error_says_code_status_and_request(server):
    server.script = fault("moderation")
    with pytest.raises(RequestRejected, match="engine='local'") as caught:
        read(engine_for(server))
    error = caught.value
    assert (error.code, error.status, error.engine) == ("DataInspectionFailed", 400, None)
    assert error.request_id == server.generations[0].notes["request_id"]


def test_an_error_in_a_stream_has_its_own_status(server):
    server.script = stream_fault("algo", before=2)
    with pytest.raises(ServiceFailed) as caught:
        read(engine_for(server, stream=True))
    assert (caught.value.code, caught.value.status) == ("InternalError.Algo", 500)


@pytest.mark.parametrize("how", ["sync", "async"])
def test_trouble_that_passes_costs_nothing_but_time(server, how):
    server.script = in_turn(fault("rate-quota"), fault("html-503"), ok())
    assert "page 7" in read(engine_for(server), how=how).text
    assert server.billed == 1


def test_retry_after_is_obeyed(server):
    server.script = in_turn(fault("rate-quota", retry_after="0.2"), ok())
    read(engine_for(server))
    first, second = server.generations
    assert second.began - first.began >= 0.2
    server.script = fault("rate-quota", retry_after="9999")
    with pytest.raises(RateLimited) as caught:
        read(engine_for(server))
    assert caught.value.retry_after == 9999


def test_a_slow_answer_is_given_up(server):
    server.script = slow(5)
    with pytest.raises(ServiceFailed, match=r"no answer within 0\.2 s"):
        read(engine_for(server, timeout=0.2, retry=Retry(attempts=1)))


def test_a_refused_connection_says_so():
    engine = DashScopeEngine(base_url="http://127.0.0.1:9/api/v1", api_key="k", retry=Retry(attempts=1))
    with pytest.raises(ServiceFailed, match="connection failed"):
        read(engine)


def test_a_wrong_key_says_what_to_check():
    with DashScopeServer() as server, pytest.raises(KeyRejected, match="same region"):
        read(engine_for(server, api_key="sk-wrong"))


def test_a_hopeless_error_ends_the_asking(server, tmp_path):
    server.script = fault("arrearage")
    reader = Reader(engine=engine_for(server), task="multi_lan", on_error="skip", concurrency=2)
    assert list(reader.read(frames(tmp_path, 30))) == []
    assert [failure.page for failure in reader.report.failures] == list(range(30))
    assert len(server.generations) <= 2
