"""What both cloud engines share: bills, ceilings, second chances, and errors that keep their cause."""

import json
import math
from dataclasses import replace

import pytest

from batch_work import batch_of, inbox
from dashscope_reading import KEY, frames, read, scan_of
from dashscope_reading import engine_for as native_for
from dashscope_scenarios import Answer, Raw, cut, fault, in_turn, loop, ok, truncated
from dashscope_server import DashScopeServer
from marked_pages import marked_page
from openai_reading import engine_for as chat_for
from openai_server import OpenAIServer
from qwen_ocr_loader import DashScopeEngine, OpenAIEngine, Reader
from qwen_ocr_loader.catalog import lookup
from qwen_ocr_loader.engines.base import PaidEngine
from qwen_ocr_loader.engines.cloud import CloudEngine
from qwen_ocr_loader.errors import BudgetReached, ReplyTruncated, RequestRejected, ServiceFailed
from qwen_ocr_loader.pace import Retry
from qwen_ocr_loader.results import Usage
from qwen_ocr_loader.tasks import TASKS, Task, parse_tasks

PROTOCOLS = {"dashscope": (DashScopeServer, native_for), "openai": (OpenAIServer, chat_for)}
SCAN = scan_of(marked_page(7))


@pytest.fixture(params=PROTOCOLS)
def cloud(request):
    """A server, and what makes engines for it."""
    kind, engine_for = PROTOCOLS[request.param]
    with kind(key=KEY) as server:
        yield server, lambda **settings: engine_for(server, **settings)
        assert server.refused == []


def max_tokens(body):
    return body.get("parameters", body).get("max_tokens")


# --- bills -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", TASKS)
def test_an_estimate_is_more_than_it_takes_and_the_ceiling_more_than_that(cloud, task):
    _, make = cloud
    engine, tasks = make(), parse_tasks(task)
    schema = {"Page": "which page it is", "Nowhere": ""} if task == "key_information_extraction" else None
    tasks = (replace(tasks[0], schema=schema),)
    used = read(engine, tasks).usage
    estimate, ceiling = engine.estimate(SCAN, tasks), engine.ceiling(SCAN, tasks)
    assert used.image_tokens == estimate.image_tokens
    assert used.input_tokens - used.image_tokens > 0 < estimate.input_tokens - estimate.image_tokens
    assert used.output_tokens <= estimate.output_tokens <= ceiling.output_tokens
    assert engine.cost(estimate).amount <= engine.cost(ceiling).amount


@pytest.mark.parametrize("script", [truncated(), loop(times=40)], ids=["truncated", "loop"])
def test_a_second_try_stays_under_the_ceiling(cloud, script):
    server, make = cloud
    server.script = script
    engine, tasks = make(), parse_tasks("text_recognition")
    with pytest.raises(ReplyTruncated) as caught:
        read(engine, tasks)
    ceiling = engine.ceiling(SCAN, tasks)
    assert caught.value.usage.calls == ceiling.calls == 2
    assert caught.value.usage.input_tokens <= ceiling.input_tokens
    assert caught.value.usage.output_tokens <= ceiling.output_tokens


def test_the_ceiling_goes_by_max_tokens(cloud):
    _, make = cloud
    tasks = parse_tasks("text_recognition")
    assert make(parameters={"max_tokens": 100}).ceiling(SCAN, tasks).output_tokens == 200
    assert make().ceiling(SCAN, tasks).output_tokens == 2 * make().catalogued.max_output


def test_a_budget_holds_back_what_it_cannot_pay(cloud, tmp_path):
    server, make = cloud
    engine, tasks = make(), parse_tasks("text_recognition")
    page = engine.cost(engine.ceiling(scan_of(marked_page(1, (64, 64))), tasks)).amount
    reader = Reader(engine=engine, task="text_recognition", max_cost=page, concurrency=1)
    with pytest.raises(BudgetReached):
        list(reader.read(frames(tmp_path, 4)))
    assert server.billed == 1
    assert 0 < engine.cost(reader.report.usage).amount <= page


def test_what_a_cut_stream_cost_is_reckoned(cloud):
    server, make = cloud
    server.script = cut(0.7, tidy=True)
    engine, tasks = make(stream=True, retry=Retry(attempts=1)), parse_tasks("text_recognition")
    with pytest.raises(ServiceFailed) as caught:
        read(engine, tasks)
    usage = caught.value.usage
    assert usage.calls == 1
    assert usage.image_tokens == engine.estimate(SCAN, tasks).image_tokens
    assert 0 < usage.output_tokens < 40


def test_a_batch_costs_half(tmp_path):
    folder = inbox(tmp_path / "inbox", 2)
    with OpenAIServer(key=KEY) as server:
        engine = OpenAIEngine(model="qwen-vl-ocr-latest", base_url=server.base_url, api_key=KEY)
        live = Reader(engine=engine, task="table_parsing")
        live.estimate(folder)
        half = batch_of(server, tmp_path / "state", engine=engine, task="table_parsing").estimate(folder)
    assert half.usage == live.report.usage
    price = lookup("qwen-vl-ocr-latest").price("beijing")
    expected = price.of(half.usage.input_tokens, half.usage.output_tokens)
    assert half.cost.amount * 2 == expected.amount > 0


# --- second chances --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_lower_limit_on_max_tokens_holds_for_second_chances_too(cloud, stream):
    server, make = cloud
    server.script = in_turn(fault("invalid-parameter"), truncated(), ok())  # [1, 8192]
    engine = make(model="qwen3.5-ocr", stream=stream)
    assert read(engine).text.startswith("page 7")
    assert [max_tokens(body) for body in server.bodies] == [None, None, 8192]


def test_a_limit_is_the_engines_alone(cloud):
    server, make = cloud
    server.script = in_turn(fault("invalid-parameter"), ok())
    engine, other = make(model="qwen3.5-ocr"), make(model="qwen3.5-ocr")
    read(engine)
    assert engine.catalogued.max_output == 8192
    assert other.catalogued.max_output == lookup("qwen3.5-ocr").max_output
    assert engine == other


@pytest.mark.parametrize("order", [(3, 8), (8, 3)])
def test_the_longer_of_two_cut_readings_is_kept(cloud, order):
    server, make = cloud
    server.script = in_turn(*map(truncated, order))
    with pytest.raises(ReplyTruncated) as caught:
        read(make())
    assert caught.value.text == "page 7\nsecond line of page 7"


def test_no_second_chance_where_the_first_had_all(cloud):
    _, make = cloud
    engine = make()
    had = engine.catalogued.max_output
    assert engine.second_chance(ReplyTruncated("cut", usage=Usage(1, 1, had))) == {}
    assert engine.second_chance(ReplyTruncated("cut", usage=Usage(1, 1, had - 1))) == {"max_tokens": had}
    assert make(parameters={"max_tokens": 50}).second_chance(ReplyTruncated("cut", usage=Usage(1, 1, 50))) == {}


# --- errors ----------------------------------------------------------------------------------------------------------


def test_an_error_keeps_its_cause():
    for engine in (
        DashScopeEngine(base_url="http://127.0.0.1:9/api/v1", api_key=KEY, retry=Retry(attempts=1)),
        OpenAIEngine(base_url="http://127.0.0.1:9/v1", retry=Retry(attempts=1)),
    ):
        with pytest.raises(ServiceFailed) as caught:
            read(engine)
        assert type(caught.value.__cause__).__name__ == "ConnectError"


def test_a_key_in_a_message_is_hidden_and_a_word_is_not():
    engine = OpenAIEngine(base_url="http://127.0.0.1:9/v1", api_key="EMPTY")
    assert engine.without_key("an EMPTY reply") == "an EMPTY reply"
    assert replace(engine, api_key=" sk-verysecret\n").without_key("key sk-verysecret?") == "key …?"


@pytest.mark.parametrize("how", ["sync", "async"])
def test_an_error_that_repeats_the_key_does_not_show_it(cloud, how):
    server, make = cloud
    error = {"code": "InvalidParameter", "message": f"Incorrect key {KEY}"}
    server.script = Raw(json.dumps(error).encode(), 400)
    with pytest.raises(RequestRejected) as caught:
        read(make(), how=how)
    assert KEY not in f"{caught.value!r} {caught.value} {vars(caught.value)}"
    assert "Incorrect key …" in caught.value.message


def test_engines_that_cost_money_say_so():
    for engine in (DashScopeEngine(), OpenAIEngine()):
        assert isinstance(engine, CloudEngine)
        assert isinstance(engine, PaidEngine)
        assert not hasattr(engine, "__dict__"), "settings only"


def test_a_confidence_is_given_where_it_was_asked_for(cloud):
    _, make = cloud
    page = read(make(parameters={"logprobs": True, "top_logprobs": 2}), "advanced_recognition")
    assert 0 < page.confidence <= 1
    assert {line.confidence for line in page.lines} == {page.lines[0].confidence}
    assert math.isfinite(page.lines[0].confidence)


def test_tasks_are_asked_one_after_the_other(cloud):
    server, make = cloud
    server.script = lambda asked: Answer(text="no JSON") if asked.task == "key_information_extraction" else ok()
    with pytest.raises(Exception, match="no JSON object") as caught:
        read(make(), parse_tasks(["multi_lan", "key_information_extraction", "table_parsing"]))
    assert caught.value.partial.text.startswith("page 7")
    assert caught.value.usage.calls == server.billed == 2
    assert Task("table_parsing").name not in [asked.task for asked in server.asked]
