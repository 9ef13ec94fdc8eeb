"""One page, three ways: over the DashScope protocol, over chat completions, and in a batch, it reads the same."""

import pytest
from PIL import Image

from batch_work import batch_of
from dashscope_answers import PageText
from dashscope_reading import KEY
from dashscope_server import DashScopeServer
from draw_images import encoded
from marked_pages import marked_page
from openai_server import OpenAIServer
from qwen_ocr_loader import DashScopeEngine, OpenAIEngine, Reader
from qwen_ocr_loader.tasks import TASKS

MODELS = ["qwen-vl-ocr-latest", "qwen-vl-ocr"]
CLOSE = 0.002  # of the page: both write whole numbers, one of them thousandths
PAGE = PageText(
    ("CORNER SHOP", "Invoice 2024-0117, 电子发票", 'a, "b" and 5.00', "Total 19.95"),
    fields={"Invoice": "2024-0117", "Total": "19.95", "Items": [{"Name": "Tea", "Price": "5.00"}]},
    table=(("Article", "Price"), ("Tea", "19.95"), ("", "")),
)
SCHEMA = {"Invoice": "", "Total": "the sum", "Nowhere": ""}


@pytest.fixture
def native():
    with DashScopeServer(key=KEY, pages=lambda image: PAGE) as server:
        yield server
        assert server.refused == []


@pytest.fixture(params=["rows", "rotate_rect", "pos_list", "bbox_2d"])
def line_format(request):
    return request.param


@pytest.fixture
def chat():
    with OpenAIServer(key=KEY, pages=lambda image: PAGE) as server:
        yield server
        assert server.refused == []


def three(native, chat, tmp_path, model, **options):
    """The page's readings: native, chat, batch."""
    path = tmp_path / "page.png"
    path.write_bytes(encoded(marked_page(7, (900, 1200)), "PNG"))
    engines = [
        DashScopeEngine(model=model, base_url=native.base_url, api_key=KEY),
        OpenAIEngine(model=model, base_url=chat.base_url, api_key=KEY),
    ]
    read = [next(iter(Reader(engine=engine, **options).read(path))) for engine in engines]
    batch = batch_of(chat, tmp_path / "state", engine=engines[1], **options)
    batch.submit(path)
    return [*read, *(page.result for page in batch.collect(wait=True))]


def same(results):
    first, *others = results
    assert len(others) == 2
    for other in others:
        assert (other.text, other.text_format) == (first.text, first.text_format)
        assert [line.text for line in other.lines] == [line.text for line in first.lines]
        assert [(line.start, line.end) for line in other.lines] == [(line.start, line.end) for line in first.lines]
        assert other.fields == first.fields
        assert other.tables == first.tables
        assert other.formulas == first.formulas
        assert (other.page, other.width, other.height, other.unit) == (0, first.width, first.height, "px")
        for ours, theirs in zip(other.lines, first.lines, strict=True):
            assert (ours.quad is None) is (theirs.quad is None)
            if ours.quad and theirs.quad:
                pairs = zip(ours.quad, theirs.quad, strict=True)
                assert max(max(abs(a.x - b.x), abs(a.y - b.y)) for a, b in pairs) <= CLOSE


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("task", TASKS)
def test_every_task(native, chat, tmp_path, task, model):
    results = three(native, chat, tmp_path, model, task=task)
    same(results)
    assert {result.tasks for result in results} == {(task,)}
    first = results[0]
    read = {
        "key_information_extraction": lambda: first.fields["Total"].value == "19.95",
        "table_parsing": lambda: first.tables[0].rows == PAGE.table,
        "formula_recognition": lambda: first.formulas == (PAGE.formula,),
        "advanced_recognition": lambda: all(line.quad for line in first.lines) and first.text.split() != [],
    }
    assert read.get(task, lambda: "CORNER SHOP" in first.text)()


def test_lines_in_every_form_a_model_writes_them(native, chat, tmp_path, line_format):
    chat.line_format = chat.batches.worker.lines = line_format
    results = three(native, chat, tmp_path, MODELS[0], task="advanced_recognition")
    assert [line.text for line in results[0].lines] == list(PAGE.lines)
    same(results)


def test_fields_by_a_schema(native, chat, tmp_path):
    results = three(native, chat, tmp_path, MODELS[0], task="key_information_extraction", fields=SCHEMA)
    same(results)
    assert [(name, field.value) for name, field in results[0].fields.items()] == [
        ("Invoice", "2024-0117"),
        ("Total", "19.95"),
        ("Nowhere", None),
    ]


@pytest.mark.parametrize("asked", [{"task": ["advanced_recognition", "table_parsing"]}, {"prompt": "What is it?"}])
def test_several_tasks_and_a_prompt(native, chat, tmp_path, asked):
    results = three(native, chat, tmp_path, MODELS[0], **asked)
    same(results)
    assert PAGE.lines[0] in results[0].text


def test_an_empty_page(native, chat, tmp_path):
    blank = PageText(lines=(), fields={}, table=(), formula="")
    native.pages = chat.pages = lambda image: blank
    path = tmp_path / "blank.png"
    Image.new("L", (300, 400), 255).save(path)
    for engine in (
        DashScopeEngine(base_url=native.base_url, api_key=KEY),
        OpenAIEngine(base_url=chat.base_url, api_key=KEY),
    ):
        (page,) = Reader(engine=engine, task="text_recognition").read(path)
        assert (page.text, page.lines) == ("", ())
