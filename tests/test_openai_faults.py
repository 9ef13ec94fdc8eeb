"""What can go wrong with a chat: every fault, in the words of each server, streamed or not, is the right error."""

import json

import pytest

from dashscope_faults import FAULTS
from dashscope_reading import KEY, frames, read, scan_of
from dashscope_scenarios import (
    SCENARIOS,
    STREAM_SCENARIOS,
    Answer,
    Expected,
    Raw,
    cut,
    empty,
    fault,
    in_turn,
    loop,
    mixed,
    ok,
    placeholder,
    refusal,
    stream_fault,
    trickle,
    truncated,
)
from marked_pages import marked_page
from openai_reading import engine_for, serving
from openai_server import OpenAIServer
from qwen_ocr_loader import OpenAIEngine, Reader, errors
from qwen_ocr_loader.errors import (
    EngineError,
    KeyRejected,
    RateLimited,
    ReplyTruncated,
    ReplyUnreadable,
    RequestRejected,
    ServiceFailed,
)
from qwen_ocr_loader.pace import Retry
from qwen_ocr_loader.tasks import Task, parse_tasks

MATRIX = [(name, stream) for name in SCENARIOS for stream in (False, True)] + [
    (name, True) for name in STREAM_SCENARIOS
]
WHOLE = {"cut-late": Expected(cut(0.95, tidy=True), None)}  # after the reason to stop: only the usage is missing
FEW = [
    *("invalid-parameter", "invalid-api-key", "arrearage", "free-quota-429", "model-not-found", "rate-quota"),
    *("internal", "html-503", "download-timeout", "too-large-413"),
]
WORD = "the same line again\n"


@pytest.fixture
def server():
    yield from serving()


# --- the matrix ------------------------------------------------------------------------------------------------------


def once(name):
    """Whether a second failure of the kind is the last."""
    return name in FAULTS and FAULTS[name].retry == "once"


def tries(name, expected):
    """How often it should have been asked."""
    if expected.error == "ReplyTruncated" or once(name):
        return 2  # once more, in another way
    again_at_once = 2 if name == "closed" else 1  # it looks like a kept connection that had gone stale
    return 3 * again_at_once if expected.retryable else 1


@pytest.mark.parametrize("how", ["sync", "async"])
@pytest.mark.parametrize(("name", "stream"), MATRIX, ids=lambda v: v if isinstance(v, str) else "stream" * v or "whole")
def test_fault_matrix(server, name, stream, how):
    expected = {**SCENARIOS, **STREAM_SCENARIOS, **WHOLE}[name]
    server.script = expected.scenario
    engine = engine_for(server, stream=stream)
    if expected.error is None:
        page = read(engine, how=how)
        assert page.text == "page 7\nsecond line of page 7"
        assert (page.usage.calls, len(server.generations)) == (1, 1)
        assert page.usage.input_tokens > page.usage.image_tokens > 0 < page.usage.output_tokens
        return
    with pytest.raises(getattr(errors, expected.error)) as caught:
        read(engine, how=how)
    error = caught.value
    assert len(server.generations) == tries(name, expected)
    assert type(error).retryable is (expected.retryable or isinstance(error, ServiceFailed))
    assert error.usage.calls >= server.billed
    assert (error.text != "") is (name in {"truncated", "loop", "placeholder", "refusal"}) if has_text(error) else True
    assert KEY not in f"{error!r} {error} {vars(error)}"


def has_text(error):
    return isinstance(error, ReplyTruncated | ReplyUnreadable)


CODELESS = {  # what only the code would have told: servers without codes are judged by the status
    "arrearage": RequestRejected,
    "download-timeout": RequestRejected,
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("shape", ["dashscope", "vllm", "vllm-flat", "ollama", "lmstudio"])
@pytest.mark.parametrize("name", FEW)
def test_every_server_complains_in_its_own_way(server, name, shape, stream):
    server.error_shape, server.script = shape, fault(name)
    expected = getattr(errors, FAULTS[name].error)
    if shape != "dashscope":
        expected = CODELESS.get(name, expected)
    with pytest.raises(EngineError) as caught:
        read(engine_for(server, stream=stream, retry=Retry(attempts=1)))
    assert type(caught.value) is expected
    assert caught.value.status == FAULTS[name].status
    assert FAULTS[name].message in caught.value.message


@pytest.mark.parametrize("shape", ["dashscope", "vllm", "vllm-flat", "ollama", "lmstudio"])
@pytest.mark.parametrize("before", [0, 2])
@pytest.mark.parametrize("name", ["moderation-output", "algo", "rate-quota"])
def test_in_a_stream_too(server, name, shape, before):
    server.error_shape, server.script = shape, stream_fault(name, before=before)
    with pytest.raises(EngineError) as caught:
        read(engine_for(server, stream=True, retry=Retry(attempts=1)))
    assert FAULTS[name].message in caught.value.message
    if shape in {"dashscope", "vllm", "vllm-flat"}:  # the others tell neither code nor status there
        codeless = {"moderation-output": RequestRejected}
        assert type(caught.value) is codeless.get(name, getattr(errors, FAULTS[name].error))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("how", ["sync", "async"])
def test_trouble_that_passes_costs_nothing_but_time(server, how, stream):
    server.script = in_turn(fault("rate-quota"), fault("html-503"), ok())
    assert "page 7" in read(engine_for(server, stream=stream), how=how).text
    assert server.billed == 1


def test_retry_after_is_obeyed(server):
    server.script = in_turn(fault("rate-quota", retry_after="0.2"), ok())
    read(engine_for(server))
    first, second = server.generations
    assert second.began - first.began >= 0.2


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_with_mixed_faults_every_page_is_there_once_in_order(server, tmp_path, stream):
    passing = [expected.scenario for name, expected in SCENARIOS.items() if expected.retryable and not once(name)]
    server.script = mixed(0.3, seed=5, among=passing)
    engine = engine_for(server, stream=stream, retry=Retry(attempts=12, first=0))
    reader = Reader(engine=engine, task="text_recognition", concurrency=16)
    pages = [page.text.split("\n")[0] for page in reader.read(frames(tmp_path, 150))]
    assert pages == [f"page {n}" for n in range(150)]
    assert server.billed == 150


# --- replies that came, and are not simply the page ------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_truncated_reply_is_asked_for_once_more_with_more_room(server, stream):
    server.script = in_turn(truncated(), ok())
    engine = engine_for(server, stream=stream)
    page = read(engine)
    assert page.text == "page 7\nsecond line of page 7"
    assert page.usage.calls == server.billed == 2
    assert "max_tokens" not in server.bodies[0]
    assert server.bodies[1]["max_tokens"] == engine.catalogued.max_output


def test_a_truncated_reply_keeps_what_was_read_and_what_it_cost(server):
    server.script = truncated()
    with pytest.raises(ReplyTruncated) as caught:
        read(engine_for(server))
    assert caught.value.text.startswith("page")
    assert caught.value.usage.calls == 2
    assert caught.value.usage.input_tokens > 0


@pytest.mark.parametrize("second", ["moderation", "invalid-parameter", "rate-quota"])
def test_a_failing_second_try_leaves_the_first_ones_text(server, second):
    server.script = in_turn(truncated(), fault(second))
    with pytest.raises(ReplyTruncated) as caught:
        read(engine_for(server))
    assert caught.value.text.startswith("page")
    assert caught.value.usage.calls == server.billed == 1
    assert type(caught.value.__cause__).__name__ == FAULTS[second].error


def test_a_loop_is_cut_back_and_asked_once_more_with_a_penalty(server):
    server.script = in_turn(loop(), ok())
    assert read(engine_for(server)).text.startswith("page 7")
    assert server.bodies[1]["repetition_penalty"] > 1
    server.script = loop()
    with pytest.raises(ReplyTruncated) as caught:
        read(engine_for(server))
    assert caught.value.text == "CORNER SHOP\nthe same line again\n"


@pytest.mark.parametrize("how", ["sync", "async"])
def test_a_looping_stream_is_left_early_and_paid_for(server, how):
    server.script = Answer(text="CORNER SHOP\n" + WORD * 2000, endless=True, pause=0.002)
    engine = engine_for(server, stream=True)
    with pytest.raises(ReplyTruncated) as caught:
        read(engine, how=how)
    assert caught.value.text == "CORNER SHOP\nthe same line again\n"
    assert [exchange.outcome for exchange in server.generations] == ["gone", "gone"]
    usage = caught.value.usage
    assert usage.calls == 2
    assert 2 * 600 / 3 < usage.output_tokens < 2 * 2000 * len(WORD) / 3, "as much as was read before it was left"
    assert usage.image_tokens == 2 * engine.estimate(scan_of(marked_page(7)), [Task("text_recognition")]).image_tokens


def test_an_empty_reply_to_an_empty_page_is_a_reading(server):
    from PIL import Image

    server.script = empty()
    assert read(engine_for(server), scan=scan_of(Image.new("L", (200, 200), 250))).text == ""
    with pytest.raises(ReplyUnreadable, match="the page is not"):
        read(engine_for(server))


@pytest.mark.parametrize("script", [placeholder(), refusal()])
def test_what_is_no_reading_carries_the_reply(server, script):
    server.script = script
    with pytest.raises(ReplyUnreadable) as caught:
        read(engine_for(server))
    assert caught.value.text == script.text
    assert caught.value.usage.calls == server.billed == 1


@pytest.mark.parametrize("task", ["table_parsing", "document_parsing", "advanced_recognition"])
def test_the_question_is_no_reading(server, task):
    engine = engine_for(server)
    server.script = Answer(text=json.loads(engine.ask(scan_of(marked_page(1)), Task(task)).body)["messages"][0][
        "content"
    ][1]["text"])  # fmt: skip
    with pytest.raises(ReplyUnreadable, match="repeats the question"):
        read(engine, task)


def test_bytes_may_come_one_by_one(server):
    server.script = trickle(1)
    for stream in (False, True):
        assert "page 7" in read(engine_for(server, stream=stream)).text


def test_what_was_read_before_a_task_failed_is_kept(server):
    server.script = lambda asked: fault("moderation") if asked.task == "table_parsing" else ok()
    with pytest.raises(RequestRejected) as caught:
        read(engine_for(server), parse_tasks(["text_recognition", "table_parsing"]))
    assert caught.value.partial.text == "page 7\nsecond line of page 7"
    assert caught.value.usage.calls == server.billed == 1


# --- max_tokens ------------------------------------------------------------------------------------------------------


def at_most(most):
    """A server whose account may ask for less than the model's page says."""
    said = f"<400> InternalError.Algo.InvalidParameter: Range of max_tokens should be [1, {most}]"
    error = {"message": said, "type": "invalid_request_error", "param": None, "code": "invalid_parameter_error"}
    refused = Raw(json.dumps({"error": error}).encode(), 400)
    return lambda asked: refused if asked.parameters.get("max_tokens", 0) > most else ok()


def test_a_lower_limit_is_learnt_once_for_all_later_pages(server, tmp_path):
    server.script = at_most(1000)
    engine = engine_for(server, parameters={"max_tokens": 8000})
    reader = Reader(engine=engine, task="text_recognition", concurrency=1)
    assert len(list(reader.read(frames(tmp_path, 5)))) == 5
    assert [body["max_tokens"] for body in server.bodies] == [8000, *[1000] * 5]
    assert reader.report.usage.calls == server.billed == 5


def test_a_limit_that_nobody_can_keep_ends_at_once(server):
    server.script = fault("invalid-parameter")  # [1, 8192], whatever is sent
    for parameters in ({}, {"max_tokens": 8000}):
        with pytest.raises(RequestRejected, match="Range of max_tokens"):
            read(engine_for(server, parameters=parameters))
    assert len(server.generations) == 2


# --- servers that cannot be talked to --------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["sync", "async"])
def test_a_server_that_is_down(how):
    engine = OpenAIEngine(model="m", base_url="http://127.0.0.1:9/v1", retry=Retry(attempts=1))
    with pytest.raises(ServiceFailed, match=r"nothing answers at http://127\.0\.0\.1:9/v1 .*is the server running\?"):
        read(engine, how=how)


def test_a_path_that_leads_nowhere():
    wanted = "no list of models either: base_url= mostly ends in /v1"
    with OpenAIServer(flavor="vllm", key=KEY) as server, pytest.raises(RequestRejected, match=wanted):
        read(engine_for(server, base_url=server.url))


def test_a_model_that_is_not_there_is_told_from_those_that_are():
    with OpenAIServer(flavor="ollama", key=KEY) as server, pytest.raises(RequestRejected) as caught:
        read(engine_for(server, model="qwen2.5vl"))
    assert caught.value.message.endswith("; the server has 'qwen2.5vl:7b', 'qwen3-vl:8b'")
    assert caught.value.usage.calls == 0


def test_a_picture_that_a_servers_context_does_not_hold():
    """As vLLM says it."""
    told = "This model's maximum context length is 4096 tokens. However, your request has 5022 input tokens."
    error = {"message": told, "type": "BadRequestError", "param": None, "code": 400}
    for server in serving("vllm"):
        server.script = Raw(json.dumps({"error": error}).encode(), 400)
        with pytest.raises(RequestRejected, match="lower max_pixels=, or start the server with a longer context"):
            read(engine_for(server))


def test_dashscope_is_not_asked_for_its_models(server):
    server.script = fault("model-not-found")
    with pytest.raises(RequestRejected, match="served in this region"):
        read(engine_for(server))
    assert len(server.exchanges) == 1


def test_a_server_that_wants_a_key_says_how_to_give_one(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with OpenAIServer(flavor="vllm", key=KEY) as server, pytest.raises(KeyRejected, match="set OPENAI_API_KEY"):
        read(engine_for(server, api_key=None))


def test_a_wrong_key_says_what_to_check():
    with OpenAIServer(key=KEY) as server, pytest.raises(KeyRejected, match="same region") as caught:
        read(engine_for(server, api_key="sk-wrong"))
    assert "OPENAI_API_KEY" not in caught.value.message


def test_too_fast_is_told_from_too_much(server):
    server.rate_limit = 0
    with pytest.raises(RateLimited):
        read(engine_for(server))
