"""Pages from end to end with every OpenAI-compatible server: all tasks, the loaders, and where lines stand."""

import json
import logging
import random

import httpx
import pytest
from PIL import Image

from dashscope_reading import KEY, frames, read, scan_of
from dashscope_scenarios import by_page, fault, placeholder
from draw_images import encoded, with_orientation
from draw_pdfs import Sheet, pdf
from openai_checks import CHAT_MODELS
from openai_reading import MODELS, engine_for, serving
from openai_server import OpenAIServer
from qwen_ocr_loader import Reader
from qwen_ocr_loader.engines.cloud import INLINE_BYTES
from qwen_ocr_loader.engines.flows import Reply
from qwen_ocr_loader.errors import ReplyUnreadable, RequestRejected
from qwen_ocr_loader.langchain import QwenOCRLoader
from qwen_ocr_loader.pixels import upright
from qwen_ocr_loader.tasks import TASKS, Task, parse_tasks
from seeing import BARS, Bar, check, drawn, placed, sees

FLAVORS = list(MODELS)


@pytest.fixture(params=FLAVORS)
def server(request):
    yield from serving(request.param)


@pytest.fixture
def dashscope():
    yield from serving()


# --- every server, every task ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["sync", "async"])
@pytest.mark.parametrize("task", [*TASKS, "prompt"])
def test_every_task_with_every_server(server, task, how):
    tasks = [Task("prompt", prompt="What is on it?")] if task == "prompt" else task
    page = read(engine_for(server), tasks, how=how)
    assert page.engine == f"openai:{MODELS[server.flavor]}"
    assert page.tasks == (task,)
    match task:
        case "key_information_extraction":
            assert page.fields["Page"].value == "7"
        case "table_parsing":
            assert page.tables[0].rows == (("Article", "Price"), ("Tea", "19.95"))
        case "formula_recognition":
            assert page.formulas == ("E = m c ^ { 2 }",)
        case "prompt":
            assert "page 7" in page.text
        case _:
            assert "page 7" in page.text
            assert "second line of page 7" in page.text
    if task == "advanced_recognition":
        assert [line.text for line in page.lines] == ["page 7", "second line of page 7"]
        assert all(line.quad for line in page.lines)
    assert page.usage.calls == server.billed == 1


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_fields_with_a_schema(server, stream):
    schema = {"Page": "", "Nowhere": ""}
    page = read(engine_for(server, stream=stream), [Task("key_information_extraction", schema=schema)])
    assert page.fields["Page"].value == "7"
    assert page.fields["Nowhere"].value is None
    assert server.asked[0].schema == schema


def test_several_tasks_are_one_result(server):
    page = read(engine_for(server), parse_tasks(["advanced_recognition", "key_information_extraction"]))
    assert [line.text for line in page.lines] == ["page 7", "second line of page 7"]
    assert page.fields["Page"].value == "7"
    assert page.usage.calls == server.billed == 2


# --- by name, through the loaders ------------------------------------------------------------------------------------


@pytest.mark.parametrize("flavor", ["ollama", "lmstudio"])
def test_a_server_by_environment_and_name_needs_no_key(flavor, monkeypatch, tmp_path):
    for server in serving(flavor):
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        engine = f"openai:{MODELS[flavor]}"
        docs = QwenOCRLoader(frames(tmp_path, 3), engine=engine, task="text_recognition").load()
        assert [doc.page_content.split("\n")[0] for doc in docs] == ["page 0", "page 1", "page 2"]
        assert {doc.metadata["ocr_engine"] for doc in docs} == {engine}
        assert not any("authorization" in exchange.request.headers for exchange in server.generations)


def test_a_key_of_openais_goes_to_a_server_that_wants_one(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    for server in serving("vllm"):
        assert "page 7" in read(engine_for(server, api_key=None)).text


def test_the_compatible_mode_by_name(monkeypatch, tmp_path):
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    for server in serving():
        monkeypatch.setenv("DASHSCOPE_COMPATIBLE_BASE_URL", server.base_url)
        monkeypatch.setenv("DASHSCOPE_API_KEY", KEY)
        reader = Reader(engine="openai:qwen-vl-ocr-latest", task="multi_lan")
        assert [page.text.split("\n")[0] for page in reader.read(frames(tmp_path, 2))] == ["page 0", "page 1"]
        assert reader.report.usage.calls == 2


def test_failures_are_named_and_the_rest_is_read(dashscope, tmp_path):
    dashscope.script = by_page({3: fault("moderation"), 5: placeholder()})
    reader = Reader(engine=engine_for(dashscope), task="text_recognition", on_error="skip")
    assert len(list(reader.read(frames(tmp_path, 8)))) == 6
    assert [(f.page, type(f.error)) for f in reader.report.failures] == [(3, RequestRejected), (5, ReplyUnreadable)]
    assert reader.report.usage.calls == dashscope.billed == 7


def test_connections_are_shared_by_the_pages_of_a_run(dashscope, tmp_path):
    list(Reader(engine=engine_for(dashscope), concurrency=4).read(frames(tmp_path, 40)))
    assert len(dashscope.generations) == 40
    assert len({exchange.writer.get_extra_info("peername") for exchange in dashscope.generations}) <= 4


@pytest.mark.parametrize("task", [{"prompt": "Sum up"}, {"task": "key_information_extraction"}])
def test_pages_can_be_sent_together(dashscope, tmp_path, task, caplog):
    reader = Reader(engine=engine_for(dashscope), pages_per_call=3, **task)
    pages = list(reader.pages(frames(tmp_path, 4)))
    assert [(page.result.page, page.last) for page in pages] == [(0, 2), (3, None)]
    assert sorted(len(asked.images) for asked in dashscope.asked) == [1, 3]
    assert "coordinates" not in caplog.text


def test_a_picture_too_large_for_a_request_is_uploaded(dashscope):
    noise = encoded(Image.frombytes("RGB", (1650, 1650), random.Random(1).randbytes(1650 * 1650 * 3)), "PNG")
    assert len(noise) > INLINE_BYTES
    list(Reader(engine=engine_for(dashscope), task="text_recognition").read(noise))
    (stored,) = dashscope.uploads.stored
    assert dashscope.bodies[0]["messages"][0]["content"][0]["image_url"] == {"url": stored}
    assert dashscope.uploads.stored[stored] == noise


# --- where lines stand -----------------------------------------------------------------------------------------------

FAMILIES = {
    "relative_1000": ("vllm", "Qwen/Qwen3-VL-8B-Instruct", {}),
    "relative_1000 of 28": ("vllm", "Qwen/Qwen2-VL-7B-Instruct", {}),
    "resized": ("vllm", "Qwen/Qwen2.5-VL-7B-Instruct", {}),
    "resized by Ollama": ("ollama", "qwen2.5vl:7b", {}),
    "resized by DashScope": ("dashscope", "qwen-vl-ocr-2025-08-28", {}),
    "relative by DashScope": ("dashscope", "qwen-vl-ocr-2025-11-20", {}),
    "original": ("vllm", "Qwen/Qwen2-VL-7B-Instruct", {"coordinates": "original"}),
}
FEW = ["resized", "relative by DashScope", "original"]
SIZES = [(600, 800), (2480, 1754), (90, 120), (2000, 100)]


@pytest.fixture(params=FAMILIES)
def family(request):
    """A server whose model sees, and what an engine needs for it."""
    flavor, model, more = FAMILIES[request.param]
    for server in serving(flavor):
        server.script = lambda asked: sees(asked, more.get("coordinates"))
        yield server, {"model": model, **more}


def spotted(family, scan, **more):
    server, settings = family
    return read(engine_for(server, **settings, **more), "advanced_recognition", scan)


@pytest.mark.parametrize("family", ["resized", "relative by DashScope"], indirect=True)
def test_lines_of_a_page_that_has_to_be_made_smaller_stand_where_they_are(family):
    check(spotted(family, scan_of(drawn((4200, 6000)))), placed((4200, 6000)))


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_lines_stand_where_they_are(family, size):
    check(spotted(family, scan_of(drawn(size))), placed(size))


@pytest.mark.parametrize("pixels", [{"max_pixels": 300_000}, {"min_pixels": 1_800_000}], ids=["fewer", "more"])
def test_lines_stand_where_they_are_however_the_picture_is_scaled(family, pixels):
    size = (1000, 1400)
    check(spotted(family, scan_of(drawn(size)), **pixels), placed(size))


STRIPS = {
    (3000, 10): [Bar(0.1, 0.2, 0.6, 0.8)],
    (6000, 20): [Bar(0.1, 0.2, 0.6, 0.8)],
    (6000, 30): [Bar(0.1, 0.2, 0.6, 0.8)],
    (20, 6000): [Bar(0.2, 0.1, 0.8, 0.2), Bar(0.1, 0.5, 0.9, 0.8)],
    (8, 8): [Bar(0.25, 0.25, 0.75, 0.75)],
}


@pytest.mark.parametrize("size", STRIPS, ids=str)
def test_margins_are_taken_off_again(family, size):
    """A pixel of an 8-pixel page is an eighth of it, and a bar's edges blur when it is enlarged."""
    bars = placed(size, STRIPS[size])
    blur = 0.3 / min(size)
    check(spotted(family, scan_of(drawn(size, bars))), bars, 0.005 + blur)


@pytest.mark.parametrize("family", FEW, indirect=True)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_that_asks_for_a_turn(family, orientation, tmp_path):
    size = (700, 500)
    back = {6: 8, 8: 6}.get(orientation, orientation)  # the turn undone
    path = tmp_path / "photo.jpg"
    path.write_bytes(with_orientation(upright(drawn(size), back), orientation, "JPEG", quality=95))
    server, settings = family
    reader = Reader(engine=engine_for(server, **settings), task="advanced_recognition")
    (page,) = reader.read(path)
    assert (page.width, page.height) == size
    check(page, placed(size))


@pytest.mark.parametrize("family", FEW, indirect=True)
@pytest.mark.parametrize(("dpi", "turn"), [(72, 0), (72, 90), (200, 0), (200, 90)])
def test_pages_in_points(family, dpi, turn):
    box = {0: (400, 600), 90: (600, 400)}[turn]
    sheet = Sheet("".join(_filled(bar, turn) for bar in BARS), entries=f"/Rotate {turn}")
    server, settings = family
    reader = Reader(engine=engine_for(server, **settings), task="advanced_recognition", dpi=dpi, text_layer="never")
    (page,) = reader.read(pdf(sheet))
    assert (page.width, page.height, page.unit) == (*box, "pt")
    check(page, BARS)


def _filled(bar, turn):
    """A bar of the page as displayed, in a sheet of 400 x 600 points whose y goes up."""
    left, top, right, bottom = bar
    if turn:  # shown clockwise: the sheet's left side is the top
        left, top, right, bottom = top, 1 - right, bottom, 1 - left
    return f"{400 * left} {600 * (1 - bottom)} {400 * (right - left)} {600 * (bottom - top)} re f\n"


def test_formats_that_servers_do_not_take_are_converted(server, tmp_path):
    size = (640, 480)
    server.script = sees
    for kind in ("WEBP", "BMP", "TIFF"):
        path = tmp_path / f"page.{kind.lower()}"
        path.write_bytes(encoded(drawn(size), kind))
        (page,) = Reader(engine=engine_for(server), task="advanced_recognition").read(path)
        check(page, placed(size))


# --- a model of another family than it is said to be -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "true", "size"),
    [
        ("relative_1000", "resized", (1700, 2200)),
        ("relative_1000", "original", (1700, 2200)),
        ("resized", "relative_1000", (2400, 3200)),
    ],
)
def test_numbers_of_another_kind_are_not_drawn(said, true, size, caplog):
    """As far as numbers can tell: pixels reach beyond thousandths, and thousandths stay in a large picture's corner."""
    model = {"relative_1000": "Qwen/Qwen3-VL-8B-Instruct", "resized": "Qwen/Qwen2.5-VL-7B-Instruct"}[said]
    bars = [*BARS[:3], Bar(0.1, 0.7, 0.9, 0.75), *BARS[3:], Bar(0.1, 0.98, 0.9, 0.99)]
    with caplog.at_level(logging.WARNING), OpenAIServer(flavor="vllm", key=KEY) as server:
        server.script = lambda asked: sees(asked, true)
        page = read(engine_for(server, model=model), "advanced_recognition", scan_of(drawn(size, bars)))
    assert len(page.lines) == 6
    assert [line.quad for line in page.lines] == [None] * 6
    assert "coordinates=" in caplog.text


def test_who_says_what_the_numbers_count_is_believed(caplog):
    """A receipt in the corner of a large picture looks like thousandths."""
    corner = [Bar(0.02, 0.1 * n + 0.02, 0.45, 0.1 * n + 0.05) for n in range(4)] + [Bar(0.02, 0.42, 0.32, 0.45)]
    with OpenAIServer(flavor="vllm", key=KEY) as server:
        server.script = sees
        scan = scan_of(drawn((2000, 2000), corner))
        doubted = read(engine_for(server), "advanced_recognition", scan)
        believed = read(engine_for(server, coordinates="resized"), "advanced_recognition", scan)
    assert [line.quad for line in doubted.lines] == [None] * 5
    assert "coordinates= as it is now" in caplog.text
    check(believed, placed((2000, 2000), corner))


@pytest.mark.parametrize("told", [True, False], ids=["told", "untold"])
def test_an_alias_that_has_moved_on_is_found_out(told):
    """In Beijing ``qwen-vl-ocr`` is believed to be the older generation; a reply's tokens tell, even all in one."""
    models = CHAT_MODELS["dashscope"] | {"qwen-vl-ocr": CHAT_MODELS["dashscope"]["qwen-vl-ocr-2025-11-20"]}
    for server in serving(models=models):
        server.script = sees
        engine = engine_for(server, model="qwen-vl-ocr", stream=False)
        scan, task = scan_of(drawn((1400, 1000))), Task("advanced_recognition")
        assert engine.box_unit == "resized"
        before = engine.settings
        if told:
            page = engine.read(scan, [task])
        else:
            body = sent(engine.ask(scan, task))
            del body["usage"]["prompt_tokens_details"]
            page = engine.parse(scan, task, Reply(200, {}, json.dumps(body).encode()))
        check(page, placed((1400, 1000)))
        assert engine.box_unit == "relative_1000"
        assert engine.settings == before, "what pages are cached under stays as it was"


def test_an_alias_that_is_older_than_believed_is_found_out():
    models = CHAT_MODELS["dashscope"] | {"qwen-vl-ocr": CHAT_MODELS["dashscope"]["qwen-vl-ocr-2025-08-28"]}
    for server in serving(models=models):
        server.script = sees
        engine = engine_for(server, model="qwen-vl-ocr", region="singapore", stream=False)
        assert engine.box_unit == "relative_1000"
        check(read(engine, "advanced_recognition", scan_of(drawn((2800, 2700)))), placed((2800, 2700)))
        assert engine.box_unit == "resized"


def sent(call):
    with httpx.Client() as client:
        return client.post(call.url, headers=call.headers, content=call.body).json()
