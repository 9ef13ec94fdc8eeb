"""What the DashScope engine sends and what comes out, against a server that behaves as the vendor documents."""

import io
import json

import pytest
from PIL import Image

from dashscope_reading import PAGE, engine_for, read, serving
from marked_pages import marked_page
from qwen_ocr_loader import Reader, Scan
from qwen_ocr_loader.engines import make_engine
from qwen_ocr_loader.engines.dashscope import DashScopeEngine
from qwen_ocr_loader.images import PageImage
from qwen_ocr_loader.tasks import TASKS, Task


@pytest.fixture
def server():
    yield from serving()


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


def test_with_enable_rotate_no_box_is_passed_off_as_exact(server):
    page = read(engine_for(server, enable_rotate=True), "advanced_recognition")
    assert [line.quad for line in page.lines] == [None, None]


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


@pytest.mark.parametrize("url", ["https://x.example/compatible-mode/v1", "dashscope.aliyuncs.com/api/v1"])
def test_a_base_url_of_another_api_is_refused(url):
    with pytest.raises(ValueError, match="want the native API's"):
        DashScopeEngine(base_url=url)


def test_workspace_goes_into_its_header():
    call = DashScopeEngine(api_key="k", workspace="ws-1").ask(PAGE, Task("multi_lan"))
    assert call.headers["X-DashScope-WorkSpace"] == "ws-1"


def test_auto_takes_the_cloud_where_there_is_a_key(monkeypatch):
    monkeypatch.setenv("DASHSCOPE_API_KEY", "k")
    assert make_engine("auto").name == "dashscope:qwen-vl-ocr-2025-11-20"
    assert make_engine("dashscope:qwen-vl-ocr-latest").model == "qwen-vl-ocr-latest"


def large_picture() -> Scan:
    out = io.BytesIO()
    Image.merge("RGB", [Image.effect_noise((3000, 2600), 200) for _ in range(3)]).save(out, "JPEG", quality=90)
    assert 7_000_000 < len(out.getvalue()) < 10_000_000
    return Scan(0, 3000.0, 2600.0, "px", PageImage.from_encoded(out.getvalue(), "image/jpeg", 3000, 2600))


@pytest.mark.parametrize("how", ["sync", "async"])
def test_large_pictures_go_to_storage_first(server, how):
    scan, other = large_picture(), large_picture()
    engine = engine_for(server, max_pixels=8_388_608)
    for one in (scan, scan, other):
        assert read(engine, scan=one, how=how).usage.calls == 1
    images = [body["input"]["messages"][0]["content"][0]["image"] for body in server.bodies]
    assert [image[:6] for image in images] == ["oss://"] * 3
    assert images[0] == images[1], "a picture that is there already is not stored again"
    assert images[0] != images[2], "two files under one name would collide"
    paths = [exchange.request.path for exchange in server.exchanges]
    assert sum(path.endswith("/uploads") for path in paths) == 1, "the policy serves until it expires"
