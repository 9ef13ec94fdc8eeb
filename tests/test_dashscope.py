"""The DashScope engine against a server that behaves as the vendor documents, on loopback."""

import asyncio
import gc
import io
import json
import logging
import pickle
import threading
import warnings

import httpx
import pytest
from PIL import Image

from dashscope_faults import FAULTS
from dashscope_scenarios import (
    SCENARIOS,
    STREAM_SCENARIOS,
    Answer,
    by_page,
    empty,
    fault,
    in_turn,
    loop,
    mixed,
    ok,
    placeholder,
    scenario_of,
    slow,
    stream_fault,
    trickle,
    truncated,
)
from dashscope_server import DashScopeServer
from marked_pages import marked_page
from qwen_ocr_loader import Reader, Scan, errors
from qwen_ocr_loader.engines import make_engine
from qwen_ocr_loader.engines.dashscope import DashScopeEngine
from qwen_ocr_loader.engines.keys import Secret
from qwen_ocr_loader.errors import (
    BudgetReached,
    KeyRejected,
    MissingKey,
    RateLimited,
    ReplyTruncated,
    ReplyUnreadable,
    RequestRejected,
    ServiceFailed,
)
from qwen_ocr_loader.images import PageImage
from qwen_ocr_loader.pace import Retry
from qwen_ocr_loader.tasks import TASKS, Task, parse_tasks

AT_ONCE = Retry(attempts=3, first=0)
KEY = "sk-test"


@pytest.fixture
def server():
    with DashScopeServer() as running:
        yield running
        assert running.refused == [], "the server did not understand a request"


def engine_for(server, **settings) -> DashScopeEngine:
    return DashScopeEngine(**{"base_url": server.base_url, "api_key": KEY, "retry": AT_ONCE, **settings})


def scan_of(image: Image.Image, page: int = 0) -> Scan:
    return Scan(page, float(image.width), float(image.height), "px", PageImage.from_pixels(image))


PAGE = scan_of(marked_page(7))


def read(engine, task="text_recognition", scan=PAGE, *, how="sync"):
    tasks = parse_tasks(task) if isinstance(task, str) else task
    return engine.read(scan, tasks) if how == "sync" else asyncio.run(engine.aread(scan, tasks))


# --- what is sent and what comes out ---------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["sync", "async"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("task", TASKS)
def test_every_task(server, task, stream, how):
    page = read(engine_for(server, stream=stream), task, how=how)
    assert server.asked[0].task == task
    assert server.asked[0].stream is stream
    assert page.tasks == (task,)
    assert page.usage.calls == 1
    assert page.usage.image_tokens == 50
    assert "page 7" in page.text or task in ("table_parsing", "formula_recognition", "key_information_extraction")
    match task:
        case "advanced_recognition":
            assert [line.text for line in page.lines] == ["page 7", "second line of page 7"]
            assert all(0 <= v <= 1 for line in page.lines for point in line.quad for v in point)
        case "key_information_extraction":
            assert page.fields["Page"].value == "7"
        case "table_parsing":
            assert page.tables[0].rows[0] == ("Article", "Price")
        case "formula_recognition":
            assert len(page.formulas) == 1
        case "document_parsing":
            assert page.text_format == "latex"


def test_a_free_prompt_is_sent_without_a_task(server):
    page = next(Reader(engine=engine_for(server), prompt="Who signed?").read(marked_page(7)))
    (body,) = server.bodies
    assert body["input"]["messages"][0]["content"][1] == {"text": "Who signed?"}
    assert "ocr_options" not in body["parameters"]
    assert page.tasks == ("prompt",)


def test_several_tasks_are_one_result(server):
    page = next(Reader(engine=engine_for(server), task=["advanced_recognition", "table_parsing"]).read(marked_page(7)))
    assert page.tasks == ("advanced_recognition", "table_parsing")
    assert page.lines
    assert page.tables
    assert page.usage.calls == 2


def test_fields_add_their_task_and_their_metadata(server):
    from qwen_ocr_loader.langchain import QwenOCRLoader

    schema = {"Page": "a number", "Sum": ""}
    (doc,) = QwenOCRLoader(marked_page(7), engine=engine_for(server), fields=schema).load()
    assert [asked.task for asked in server.asked] == ["advanced_recognition", "key_information_extraction"]
    sent = server.bodies[1]["parameters"]["ocr_options"]["task_config"]["result_schema"]
    assert sent == schema
    assert json.loads(doc.metadata["fields"])["Page"]["value"] == "7"
    assert doc.metadata["field.Page"] == "7"
    assert doc.metadata["field.Sum"] == ""
    assert doc.metadata["needs_review"] is False


def test_nothing_is_sent_that_was_not_asked_for(server):
    read(engine_for(server, stream=False))
    (body,) = server.bodies
    assert set(body) == {"model", "parameters", "input"}
    assert body["parameters"] == {"ocr_options": {"task": "text_recognition"}}
    assert set(body["input"]["messages"][0]["content"][0]) == {"image"}


def test_what_was_asked_for_is_sent_where_it_belongs(server):
    sampling = {"max_tokens": 999, "temperature": 0.1, "top_k": 3, "seed": 7, "stop": ["END"], "logprobs": True}
    engine = engine_for(
        server, parameters=sampling, min_pixels=3072, max_pixels=8388608, enable_rotate=False, stream=False
    )
    read(engine)
    (body,) = server.bodies
    assert {name: body["parameters"][name] for name in sampling} == sampling
    part = body["input"]["messages"][0]["content"][0]
    assert (part["min_pixels"], part["max_pixels"], part["enable_rotate"]) == (3072, 8388608, False)


def test_a_page_image_within_the_limits_is_sent_untouched(server):
    out = io.BytesIO()
    marked_page(3).save(out, "PNG")
    next(Reader(engine=engine_for(server)).read(out.getvalue()))
    assert server.asked[0].images[0].data == out.getvalue()


def test_logprobs_give_the_page_a_confidence(server):
    page = read(engine_for(server, parameters={"logprobs": True}))
    assert 0 < page.confidence <= 1


def test_with_enable_rotate_no_box_is_passed_off_as_exact(server):
    page = read(engine_for(server, enable_rotate=True), "advanced_recognition")
    assert [line.quad for line in page.lines] == [None, None]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"max_tokenz": 1}, "did you mean 'max_tokens'"),
        ({"max_tokens": 0}, "max_tokens=0"),
        ({"max_tokens": 10**6}, "max_tokens"),
        ({"temperature": 3}, "want 0 to 2"),
        ({"top_p": 0}, "more than 0"),
        ({"presence_penalty": -3}, "want -2 to 2"),
        ({"seed": True}, "whole number"),
        ({"logprobs": 1}, "True or False"),
        ({"top_logprobs": 2}, "needs logprobs"),
        ({"stop": 1.5}, "list of texts"),
    ],
)
def test_parameters_are_checked_before_anything_is_sent(wrong, message):
    with pytest.raises(ValueError, match=message):
        DashScopeEngine(parameters=wrong)


def test_temperature_and_top_p_together_are_warned_about():
    with pytest.warns(UserWarning, match="not both"):
        DashScopeEngine(parameters={"temperature": 0.1, "top_p": 0.1})


@pytest.mark.parametrize("wrong", [{"region": "mars"}, {"workspace": "no/slash"}])
def test_settings_are_checked(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        DashScopeEngine(**wrong)


def test_regions_and_base_urls(monkeypatch):
    assert (
        DashScopeEngine(api_key="k")
        .ask(PAGE, Task("multi_lan"))
        .url.startswith("https://dashscope.aliyuncs.com/api/v1/")
    )
    assert "dashscope-intl" in DashScopeEngine(api_key="k", region="singapore").ask(PAGE, Task("multi_lan")).url
    assert "dashscope-us" in DashScopeEngine(api_key="k", region="virginia").ask(PAGE, Task("multi_lan")).url
    monkeypatch.setenv("DASHSCOPE_HTTP_BASE_URL", "http://127.0.0.1:9/x/")
    assert DashScopeEngine(api_key="k").ask(PAGE, Task("multi_lan")).url.startswith("http://127.0.0.1:9/x/services/")


def test_workspace_goes_into_its_header():
    call = DashScopeEngine(api_key="k", workspace="ws-1").ask(PAGE, Task("multi_lan"))
    assert call.headers["X-DashScope-WorkSpace"] == "ws-1"


# --- faults ----------------------------------------------------------------------------------------------------------

MATRIX = [(name, stream) for name in SCENARIOS for stream in (False, True)] + [
    (name, True) for name in STREAM_SCENARIOS
]


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


def test_a_slow_answer_is_given_up(server):
    server.script = slow(5)
    with pytest.raises(ServiceFailed, match=r"no answer within 0\.2 s"):
        read(engine_for(server, timeout=0.2, retry=Retry(attempts=1)))


def test_bytes_may_come_one_by_one(server):
    server.script = trickle(1)
    for stream in (False, True):
        assert "page 7" in read(engine_for(server, stream=stream)).text


def test_a_refused_connection_says_so():
    engine = DashScopeEngine(base_url="http://127.0.0.1:9/api/v1", api_key="k", retry=Retry(attempts=1))
    with pytest.raises(ServiceFailed, match="connection failed"):
        read(engine)


# --- many pages ------------------------------------------------------------------------------------------------------


def frames(tmp_path, count):
    pages = [marked_page(n, (64, 64)) for n in range(count)]
    path = tmp_path / "pages.tiff"
    pages[0].save(path, save_all=True, append_images=pages[1:])
    return path


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


async def test_cancelling_leaves_no_request_running(server):
    server.script = slow(30)
    task = asyncio.create_task(engine_for(server).aread(PAGE, parse_tasks("multi_lan")))
    while not server.exchanges:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gc.collect()
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize("concurrency", [1, 8])
def test_max_cost_stops_before_the_page_that_could_exceed_it(server, tmp_path, concurrency):
    engine, tasks = engine_for(server), parse_tasks("text_recognition")
    scan = scan_of(marked_page(0, (64, 64)))
    most = engine.cost(engine.ceiling(scan, tasks)).amount
    real = engine.cost(engine.read(scan, tasks).usage).amount
    limit = most * concurrency + 4 * real
    options = {"task": "text_recognition", "on_error": "skip", "concurrency": concurrency}
    reader = Reader(engine=engine, max_cost=float(limit), **options)
    done = list(reader.read(frames(tmp_path, 40)))
    assert 4 <= len(done) < 40
    assert {type(f.error) for f in reader.report.failures} == {BudgetReached}
    assert reader.report.cost.amount <= limit
    assert server.billed == len(done) + 1


def test_max_cost_holds_against_loops(server, tmp_path):
    server.script = loop()
    engine = engine_for(server)
    limit = 3 * engine.cost(engine.ceiling(scan_of(marked_page(0, (64, 64))), parse_tasks("text_recognition"))).amount
    options = {"task": "text_recognition", "on_error": "skip", "concurrency": 8}
    reader = Reader(engine=engine, max_cost=float(limit), **options)
    assert list(reader.read(frames(tmp_path, 20))) == []
    assert reader.report.cost.amount <= limit


def test_an_estimate_reserves_nothing(server, tmp_path):
    report = Reader(engine=engine_for(server), max_cost=0.0001).estimate(frames(tmp_path, 5))
    assert (report.pages, report.failures) == (5, [])


# --- nothing paid is lost --------------------------------------------------------------------------------------------


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


def test_a_hopeless_error_ends_the_asking(server, tmp_path):
    server.script = fault("arrearage")
    reader = Reader(engine=engine_for(server), task="multi_lan", on_error="skip", concurrency=2)
    assert list(reader.read(frames(tmp_path, 30))) == []
    assert [failure.page for failure in reader.report.failures] == list(range(30))
    assert len(server.generations) <= 2


def test_a_key_that_cannot_be_one_is_refused_without_showing_it(monkeypatch):
    for key in ("sk-ab\ncd", "sk-“quoted”", "Bearer sk-x y", "sk\0x"):
        with pytest.raises(MissingKey) as caught:
            read(DashScopeEngine(base_url="http://127.0.0.1:9/api/v1", api_key=key))
        assert key not in str(caught.value)


@pytest.mark.parametrize("url", ["https://x.example/compatible-mode/v1", "dashscope.aliyuncs.com/api/v1"])
def test_a_base_url_of_another_api_is_refused(url):
    with pytest.raises(ValueError, match="want the native API's"):
        DashScopeEngine(base_url=url)


def test_max_cost_needs_a_price(server):
    reader = Reader(engine=engine_for(server, model="qwen3.5-ocr"), max_cost=1)
    with pytest.raises(BudgetReached, match="no price is known"):
        list(reader.read(marked_page(1)))


# --- the key ---------------------------------------------------------------------------------------------------------


def test_where_the_key_comes_from(monkeypatch, tmp_path):
    def header(**settings):
        return DashScopeEngine(**settings).ask(PAGE, Task("multi_lan")).headers["Authorization"]

    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(MissingKey, match="DASHSCOPE_API_KEY"):
        header()
    (tmp_path / ".dashscope").mkdir()
    (tmp_path / ".dashscope" / "api_key").write_text("from-home\n")
    assert header() == "Bearer from-home"
    (tmp_path / "key").write_text(" from-file \n")
    monkeypatch.setenv("DASHSCOPE_API_KEY_FILE_PATH", str(tmp_path / "key"))
    assert header() == "Bearer from-file"
    monkeypatch.setenv("DASHSCOPE_API_KEY", "from-env")
    assert header() == "Bearer from-env"
    assert header(api_key="given") == "Bearer given"


def test_auto_takes_the_cloud_where_there_is_a_key(monkeypatch):
    monkeypatch.setenv("DASHSCOPE_API_KEY", "k")
    assert make_engine("auto").name == "dashscope:qwen-vl-ocr-2025-11-20"
    assert make_engine("dashscope:qwen-vl-ocr-latest").model == "qwen-vl-ocr-latest"


def test_a_wrong_key_says_what_to_check():
    with DashScopeServer() as server, pytest.raises(KeyRejected, match="same region"):
        read(engine_for(server, api_key="sk-wrong"))


def test_the_key_shows_nowhere(server, tmp_path, caplog):
    from qwen_ocr_loader.langchain import QwenOCRLoader
    from qwen_ocr_loader.llama_index import QwenOCRReader

    secret = KEY
    engine = engine_for(server)
    with caplog.at_level(logging.DEBUG):
        (doc,) = QwenOCRLoader(marked_page(7), engine=engine).load()
        call = engine.ask(PAGE, Task("multi_lan"))
        shown = [
            *(
                repr(engine),
                str(engine),
                engine.settings,
                engine.name,
                repr(call),
                repr(Secret(secret)),
                f"{Secret(secret)}",
            ),
            *(repr(doc), repr(Reader(engine=engine).options), QwenOCRReader(engine=engine).to_json()),
            pickle.dumps(engine).decode("latin-1"),
            pickle.dumps(Reader(engine=engine)).decode("latin-1"),
            caplog.text,
        ]
    assert not [text for text in shown if secret in text]
    assert pickle.loads(pickle.dumps(engine)).model == engine.model


def test_no_thread_or_connection_is_left(server):
    before = threading.active_count()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(engine_for(server))
        read(engine_for(server), how="async")
        gc.collect()
    assert threading.active_count() == before


def large_picture() -> Scan:
    out = io.BytesIO()
    Image.merge("RGB", [Image.effect_noise((3000, 2600), 200) for _ in range(3)]).save(out, "JPEG", quality=90)
    assert 7_000_000 < len(out.getvalue()) < 10_000_000
    return Scan(0, 3000.0, 2600.0, "px", PageImage.from_encoded(out.getvalue(), "image/jpeg", 3000, 2600))


@pytest.mark.parametrize("how", ["sync", "async"])
def test_large_pictures_go_to_storage_first(server, how):
    scan = large_picture()
    engine = engine_for(server, max_pixels=8_388_608)
    assert read(engine, scan=scan, how=how).usage.calls == 1
    assert read(engine, scan=scan, how=how).usage.calls == 1
    images = [body["input"]["messages"][0]["content"][0]["image"] for body in server.bodies]
    assert [image[:6] for image in images] == ["oss://"] * 2
    assert len(set(images)) == 2, "two files under one name would collide"
    paths = [exchange.request.path for exchange in server.exchanges]
    assert sum(path.endswith("/uploads") for path in paths) == 1, "the policy serves until it expires"


# --- several pages in one message ------------------------------------------------------------------------------------


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


def test_a_placeholder_of_a_truncated_page_holds_what_was_read(server):
    server.script = truncated()
    reader = Reader(engine=engine_for(server), task="text_recognition", on_error="placeholder")
    (page,) = reader.read(marked_page(7))
    assert page.truncated
    assert page.text.startswith("page")
    assert isinstance(reader.report.failures[0].error, ReplyTruncated)


def test_a_trickle_ends_at_the_longest_time(server):
    import time

    from qwen_ocr_loader.engines.http import Connections, adrive, drive

    server.script = Answer(piece=1, pause=0.02)
    engine = engine_for(server)

    def flow():
        call = engine.ask(PAGE, Task("multi_lan"))
        object.__setattr__(call, "longest", 0.3)
        return (yield call)

    def run_sync():
        with httpx.Client() as client:
            return drive(flow(), client)

    async def run_async():
        async with Connections().aopen() as client:
            return await adrive(flow(), client)

    for run in (run_sync, lambda: asyncio.run(run_async())):
        started = time.monotonic()
        with pytest.raises(ServiceFailed, match=r"not complete after 0\.3 s"):
            run()
        assert time.monotonic() - started < 2


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


# --- stopping --------------------------------------------------------------------------------------------------------


def test_leaving_a_sync_loop_ends_its_requests_at_once(server, tmp_path):
    import time

    server.script = by_page({0: ok()}, otherwise=slow(60))
    before, started = threading.active_count(), time.monotonic()
    for page in Reader(engine=engine_for(server), task="multi_lan", concurrency=4).read(frames(tmp_path, 9)):
        assert page.page == 0
        break
    gc.collect()
    assert time.monotonic() - started < 5
    assert threading.active_count() == before
    assert {exchange.outcome for exchange in server.generations} <= {"sent", "gone"}


def test_ctrl_c_ends_its_requests_at_once(server, tmp_path):
    import signal
    import subprocess
    import sys
    import time

    server.script = slow(60)
    code = (
        "import sys; from qwen_ocr_loader import DashScopeEngine, Reader; "
        "engine = DashScopeEngine(base_url=sys.argv[1], api_key=sys.argv[2]); "
        "list(Reader(engine=engine).read(sys.argv[3]))"
    )
    command = [sys.executable, "-c", code, server.base_url, KEY, str(frames(tmp_path, 3))]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        while server.in_flight < 3 and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=10)
    assert b"KeyboardInterrupt" in said
    assert {exchange.outcome for exchange in server.generations} == {"gone"}
