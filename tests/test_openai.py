"""The OpenAI-compatible engine: where it asks, with which key, what it says, and what that costs."""

import base64
import io
import json
import pickle
from copy import deepcopy
from dataclasses import asdict, replace
from decimal import Decimal

import pytest
from PIL import Image

from openai_reading import VLLM, keyless
from qwen_ocr_loader import OpenAIEngine, Scan
from qwen_ocr_loader.catalog import lookup, resized
from qwen_ocr_loader.engine_settings import engine_from_dict, engine_to_dict
from qwen_ocr_loader.engines import make_engine
from qwen_ocr_loader.errors import MissingKey
from qwen_ocr_loader.images import PageImage
from qwen_ocr_loader.llama_index import QwenOCRReader
from qwen_ocr_loader.pace import Retry
from qwen_ocr_loader.results import Usage
from qwen_ocr_loader.tasks import TASKS, Task

no_keys = pytest.fixture(keyless, autouse=True)


def scan(width: int = 600, height: int = 800) -> Scan:
    return Scan(4, float(width), float(height), "px", PageImage.from_pixels(Image.new("L", (width, height), 200)))


def body(engine: OpenAIEngine, task: Task | None = None, page: Scan | None = None) -> dict:
    return json.loads(engine.ask(page or scan(), task or Task("text_recognition")).body)


def content(engine: OpenAIEngine, **more) -> list[dict]:
    return body(engine, **more)["messages"][0]["content"]


def picture(engine: OpenAIEngine, page: Scan) -> Image.Image:
    url = content(engine, page=page)[0]["image_url"]["url"]
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))


# --- where it asks, and with which key -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "environment", "url"),
    [
        ({}, {}, "https://dashscope.aliyuncs.com/compatible-mode/v1"),
        ({"region": "singapore"}, {}, "https://dashscope-intl.aliyuncs.com/compatible-mode/v1"),
        ({"region": "virginia"}, {}, "https://dashscope-us.aliyuncs.com/compatible-mode/v1"),
        ({}, {"OPENAI_BASE_URL": VLLM}, VLLM),
        ({"base_url": VLLM + "/"}, {"OPENAI_BASE_URL": "http://else.example/v1"}, VLLM),
        ({"base_url": VLLM + "/chat/completions"}, {}, VLLM),
        (
            {},
            {"DASHSCOPE_COMPATIBLE_BASE_URL": "https://w.example/compatible-mode/v1"},
            "https://w.example/compatible-mode/v1",
        ),
    ],
)
def test_where_it_asks(settings, environment, url, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert OpenAIEngine(**settings).url() == url


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://x/v1", "https://dashscope.aliyuncs.com/api/v1"])
def test_a_base_url_that_cannot_be_one_says_what_to_type(url):
    with pytest.raises(ValueError, match=r"want .*https?://"):
        OpenAIEngine(base_url=url)


def test_the_dashscope_key_goes_to_dashscope_only(monkeypatch):
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-dash")
    assert OpenAIEngine().headers()["Authorization"] == "Bearer sk-dash"
    assert "Authorization" not in OpenAIEngine(base_url=VLLM).headers()
    monkeypatch.setenv("OPENAI_API_KEY", "sk-open")
    assert OpenAIEngine(base_url=VLLM).headers()["Authorization"] == "Bearer sk-open"
    assert OpenAIEngine().headers()["Authorization"] == "Bearer sk-dash"


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("https://w-1.cn-beijing.maas.aliyuncs.com/compatible-mode/v1", True),
        ("http://localhost:8000/compatible-mode/v1", True),
        ("https://named.example/compatible-mode/v1", True),
        ("https://other.example/compatible-mode/v1", False),
        ("https://aliyuncs.com.other.example/compatible-mode/v1", False),
        ("https://dashscope.aliyuncs.com@other.example/compatible-mode/v1", False),
        ("http://dashscope.aliyuncs.com/compatible-mode/v1", False),
        ("https://[::1/compatible-mode/v1", False),
    ],
)
def test_the_environments_key_goes_where_it_is_meant_to_go(url, sent, monkeypatch):
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-dash")
    monkeypatch.setenv("DASHSCOPE_COMPATIBLE_BASE_URL", "https://named.example/compatible-mode/v1/")
    if sent:
        assert OpenAIEngine(base_url=url).headers()["Authorization"] == "Bearer sk-dash"
    else:
        with pytest.raises(MissingKey, match=r"is no address of DashScope's.*api_key=.*DASHSCOPE_COMPATIBLE_BASE_URL"):
            OpenAIEngine(base_url=url).headers()
        with pytest.raises(MissingKey, match=r"is no address of DashScope's"):
            OpenAIEngine(base_url=url)._storage()
    assert OpenAIEngine(base_url=url, api_key="sk-own").headers()["Authorization"] == "Bearer sk-own"


def test_dashscope_without_a_key_says_so_and_other_servers_need_none():
    with pytest.raises(MissingKey, match=r"DASHSCOPE_API_KEY.*OpenAIEngine\(api_key=.*set OPENAI_BASE_URL"):
        OpenAIEngine().headers()
    with pytest.raises(MissingKey) as caught:
        OpenAIEngine(base_url="https://w.example/compatible-mode/v1").headers()
    assert "OPENAI_BASE_URL" not in caught.value.message
    assert "Authorization" not in OpenAIEngine(base_url=VLLM).headers()


def test_by_name_and_pickled():
    engine = make_engine("openai:qwen-vl-ocr-latest")
    assert isinstance(engine, OpenAIEngine)
    assert engine.name == "openai:qwen-vl-ocr-latest"
    secret = OpenAIEngine(api_key="sk-secret", base_url=VLLM)
    assert b"sk-secret" not in pickle.dumps(secret)
    assert "sk-secret" not in repr(secret) + secret.settings
    assert pickle.loads(pickle.dumps(secret)).base_url == VLLM
    assert hash(secret) == hash(OpenAIEngine(api_key="sk-secret", base_url=VLLM))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"region": "mars"}, "want one of beijing"),
        ({"coordinates": "pixels"}, "want one of relative_1000"),
        ({"pixel_keys": "top"}, "want one of image"),
        ({"prompts": {"tables": "x"}}, "there is no task 'tables'"),
        ({"model": "qwen3.5-ocr", "region": "virginia"}, "not served in virginia"),
        ({"parameters": {"temprature": 1}}, "temperature"),
        ({"stream": "yes"}, "want True, False or 'auto'"),
        ({"timeout": 0}, "above 0"),
        ({"extra_body": {"temperature": 0}}, "'temperature' has an option of its own; pass parameters="),
        ({"extra_body": {"stream": True}}, "pass stream="),
        ({"extra_body": {"messages": []}}, "pass task= or prompt="),
        ({"extra_body": {"x": {1, 2}}}, "extra_body cannot be sent"),
        ({"extra_body": {"x": float("nan")}}, "extra_body cannot be sent"),
        ({"parameters": {"max_tokens": 9000}}, "writes at most 8192"),
    ],
)
def test_wrong_settings_are_refused_at_once(settings, message):
    with pytest.raises(ValueError, match=message):
        OpenAIEngine(api_key="sk-x", **settings)


# --- what it says ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_its_prompt_and_nothing_native(name):
    said = body(OpenAIEngine(api_key="sk-x"), Task(name))
    assert not {"ocr_options", "enable_rotate", "parameters", "input"} & set(said)
    assert [part["type"] for part in said["messages"][0]["content"]] == ["image_url", "text"]


def test_pixels_stand_beside_the_picture_where_the_server_takes_them():
    pixels = {"min_pixels": 3136, "max_pixels": 1_003_520}
    dashscope, vllm = content(OpenAIEngine(api_key="sk-x", **pixels)), OpenAIEngine(base_url=VLLM, **pixels)
    assert pixels.items() <= dashscope[0].items()
    assert set(content(vllm)[0]) == {"type", "image_url"}
    told = OpenAIEngine(base_url=VLLM, pixel_keys="mm_processor_kwargs", **pixels)
    assert body(told)["mm_processor_kwargs"] == pixels
    assert set(content(told)[0]) == {"type", "image_url"}
    assert "mm_processor_kwargs" not in body(vllm)


def test_a_server_that_is_told_nothing_still_gets_no_more_pixels():
    engine = OpenAIEngine(base_url=VLLM, model="Qwen/Qwen3-VL-8B-Instruct", max_pixels=100_000)
    sent = picture(engine, scan(1000, 2000))
    assert sent.width * sent.height <= 100_000
    assert sent.height / sent.width == pytest.approx(2, rel=0.02)


@pytest.mark.parametrize("size", [(600, 800), (1700, 2200), (40, 31), (3000, 200)])
def test_a_model_that_counts_the_pixels_it_sees_gets_them_as_it_would_make_them(size):
    engine = OpenAIEngine(base_url=VLLM, model="Qwen/Qwen2.5-VL-7B-Instruct")
    model = engine.catalogued
    sent = picture(engine, scan(*size))
    assert model.pixel_factor == 28
    assert sent.size == resized(*sent.size, 28, model.min_pixels, model.max_pixels), "resizing leaves it as it is"
    assert sent.width / sent.height == pytest.approx(size[0] / size[1], rel=0.25 if min(size) < 100 else 0.05)


def test_what_else_a_server_takes_is_passed_on():
    engine = OpenAIEngine(base_url=VLLM, model="m", extra_body={"response_format": {"type": "json_object"}})
    assert body(engine)["response_format"] == {"type": "json_object"}
    assert "json_object" in engine.settings


OPTIONS = {
    "model": "Qwen/Qwen3-VL-8B-Instruct",
    "region": "singapore",
    "base_url": "http://127.0.0.1:8001/v1",
    "min_pixels": 70_000,
    "max_pixels": 900_000,
    "parameters": {"temperature": 0.5},
    "pixel_keys": "mm_processor_kwargs",
    "coordinates": "original",
    "prompts": {"document_parsing": "qwenvl html"},
    "extra_body": {"guided_json": {}},
    "catalog": replace(lookup("qwen-vl-ocr-2025-08-28"), max_pixels=5_000_000),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_whatever_changes_the_reading_is_in_the_settings(name):
    plain = OpenAIEngine(model="Qwen/Qwen2.5-VL-7B-Instruct", base_url=VLLM)
    assert replace(plain, **{name: OPTIONS[name]}).settings != plain.settings


@pytest.mark.parametrize(
    "more", [{"api_key": "sk-secret"}, {"timeout": 5}, {"retry": Retry(1)}, {"rate_limit": 5}, {"stream": True}]
)
def test_what_does_not_is_not(more):
    plain = OpenAIEngine(model="qwen3-vl", base_url=VLLM)
    assert replace(plain, **more).settings == plain.settings


@pytest.mark.parametrize("server", [{"base_url": VLLM, "model": "qwen3-vl"}, {"api_key": "sk-x"}])
def test_nothing_is_sent_that_was_not_asked_for(server):
    assert set(body(OpenAIEngine(**server))) == {"model", "messages"}
    assert set(content(OpenAIEngine(**server))[0]) == {"type", "image_url"}
    assert set(body(OpenAIEngine(**server, stream=True))) == {"model", "messages", "stream", "stream_options"}
    parameters = {"seed": 7, "stop": ["END"]}
    assert set(body(OpenAIEngine(**server, parameters=parameters))) == {"model", "messages", "seed", "stop"}


def test_a_picture_may_have_to_be_enlarged_for_a_server_that_is_told_nothing():
    engine = OpenAIEngine(base_url=VLLM, model="qwen3-vl", min_pixels=500_000)
    sent = picture(engine, scan(300, 400))
    assert sent.width * sent.height >= 500_000
    assert sent.width / sent.height == pytest.approx(0.75, rel=0.03)


def test_options_are_the_engines_own():
    prompts, extra = {"table_parsing": "Tables!"}, {"response_format": {"type": "text"}}
    engine = OpenAIEngine(base_url=VLLM, model="m", prompts=prompts, extra_body=extra)
    prompts["table_parsing"] = extra["response_format"]["type"] = "other"
    assert content(engine, task=Task("table_parsing"))[1]["text"] == "Tables!"
    assert body(engine)["response_format"] == {"type": "text"}


def test_streaming_asks_for_the_usage():
    engine = OpenAIEngine(api_key="sk-x")
    assert body(engine, Task("document_parsing"))["stream_options"] == {"include_usage": True}
    assert "stream" not in body(engine, Task("text_recognition"))


# --- what it costs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["Qwen/Qwen2.5-VL-7B-Instruct", "Qwen/Qwen3-VL-8B-Instruct", "some-ocr"])
def test_a_server_of_ones_own_has_no_price_and_no_limits_of_alibabas(model):
    engine = OpenAIEngine(base_url=VLLM, model=model, parameters={"max_tokens": 20_000})
    assert engine.cost(Usage(1, 10_000, 10_000)) is None
    assert not engine.catalogued.known
    assert engine.catalogued.requests_per_minute is None
    relative = lookup(f"qwen-vl-ocr-{'2025-08-28' if '2.5' in model else '2025-11-20'}")
    for pixels in ("pixel_factor", "min_pixels", "max_pixels", "largest_max_pixels"):
        assert getattr(engine.catalogued, pixels) == getattr(relative, pixels)
    price = replace(lookup("qwen-vl-ocr-latest").prices[0], input=Decimal(1), output=Decimal(2), region=None)
    own = replace(engine, catalog=replace(engine.catalogued, prices=(price,)))
    assert own.cost(Usage(1, 1_000_000, 500_000)).amount == 2


def test_words_of_ones_own_are_counted():
    vendors = OpenAIEngine(api_key="sk-x")
    long = replace(vendors, prompts={"document_parsing": "Write it all down. " * 100})
    task, page = Task("document_parsing"), scan()
    assert long.estimate(page, [task]).input_tokens - vendors.estimate(page, [task]).input_tokens == pytest.approx(
        1900 / 3, abs=1
    )
    assert long.estimate(page, [Task("multi_lan")]) == vendors.estimate(page, [Task("multi_lan")])
    instead = Task("document_parsing", prompt="Short.")  # what is said in place of both
    assert long.estimate(page, [instead]) == vendors.estimate(page, [instead])


# --- the key, and settings written down ------------------------------------------------------------------------------

FULL = OpenAIEngine(
    model="Qwen/Qwen2.5-VL-7B-Instruct",
    base_url=VLLM,
    api_key="sk-secret",
    pixel_keys="mm_processor_kwargs",
    coordinates="resized",
    max_pixels=1_000_000,
    prompts={"document_parsing": "qwenvl markdown"},
    extra_body={"response_format": {"type": "text"}, "$tuple": [1]},
    parameters={"temperature": 0.1, "stop": ["a"]},
    retry=Retry(attempts=2),
)


def test_the_key_is_in_no_view_of_the_engine():
    shown = [repr(FULL), str(asdict(FULL)), FULL.settings, f"{FULL}", str(engine_to_dict(FULL))]
    assert "sk-secret" not in "".join([*shown, QwenOCRReader(engine=FULL).to_json()])
    assert b"sk-secret" not in pickle.dumps(FULL)


def test_it_comes_back_with_all_its_settings():
    without = replace(FULL, api_key=None)
    assert engine_from_dict(json.loads(json.dumps(engine_to_dict(FULL)))) == without
    again = QwenOCRReader.from_json(QwenOCRReader(engine=FULL).to_json())
    assert again._reader.engine == without
    assert pickle.loads(pickle.dumps(FULL)) == without
    assert len({FULL, deepcopy(FULL), replace(FULL)}) == 1
