"""Requests held against what the vendor's own SDK puts on the wire, byte for byte where it is JSON."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from qwen_ocr_loader import Scan
from qwen_ocr_loader.engines.dashscope import GENERATION, DashScopeEngine
from qwen_ocr_loader.engines.flows import Call
from qwen_ocr_loader.images import PageImage
from qwen_ocr_loader.tasks import TASKS, Task

MODEL = "qwen-vl-ocr-2025-11-20"
PIXELS = {"min_pixels": 3072, "max_pixels": 8388608, "enable_rotate": False}
SAMPLING = {
    "temperature": 0.01,
    "top_p": 0.001,
    "top_k": 1,
    "max_tokens": 2000,
    "seed": 7,
    "stop": ["END"],
    "repetition_penalty": 1.0,
    "presence_penalty": 0.0,
    "logprobs": True,
    "top_logprobs": 2,
}
SCAN = Scan(0, 20.0, 20.0, "px", PageImage.from_pixels(Image.new("L", (20, 20))))


def prompt(text: str) -> Task:
    return Task("prompt", prompt=text)


def free(text: str, **settings) -> tuple[DashScopeEngine, Task]:
    return DashScopeEngine(**{"api_key": "sk-test", "model": MODEL, "stream": False, **settings}), prompt(text)


def asking(task: Task, **settings) -> tuple[DashScopeEngine, Task]:
    return DashScopeEngine(**{"api_key": "sk-test", "model": MODEL, "stream": False, **PIXELS, **settings}), task


CASES = {
    "ds_image_base64": free("Read all the text in the image."),
    "ds_plain_prompt": free("x", **PIXELS),
    "ds_pixels_rotate": free("x", **PIXELS),
    "ds_logprobs": free("x", **PIXELS, parameters={"logprobs": True, "top_logprobs": 2}),
    "ds_stream_incremental_true": free("x", **PIXELS, stream=True),
    "ds_workspace": free("x", **PIXELS, workspace="ws-1"),
    "ds_plain_no_prompt": free("", **PIXELS),
    "ds_stream_task": asking(Task("table_parsing"), stream=True),
    "ds_qwen35_advanced_recognition": asking(Task("advanced_recognition")),
    **{f"ds_task_{name}": asking(Task(name)) for name in TASKS},
}


def capture(data: Path, name: str) -> dict:
    path = data.parent / "reference" / "wire" / f"{name}.json"
    if not path.exists():
        pytest.skip(f"no capture {name}")
    return json.loads(path.read_text())["request"]


def said(call: Call) -> dict:
    return json.loads(call.body)


def normal(body: dict) -> dict:
    """Without what differs by nature: the picture itself, and which of several turns of a flag was captured."""
    text = json.dumps(body)
    text = re.sub(r'"(data:image/[a-z]+;base64,[^"]*|https?://[^"]*)"', '"PICTURE"', text)
    return json.loads(text)


@pytest.mark.parametrize("name", CASES)
def test_request_bodies_equal_the_sdks(name, data):
    theirs = capture(data, name)
    engine, task = CASES[name]
    content = theirs["json"]["input"]["messages"][0]["content"]
    part = content[0]
    pixels = {key: part.get(key) for key in PIXELS}
    texts = [element["text"] for element in content if "text" in element]
    engine = replace(engine, model=theirs["json"]["model"], **pixels)
    if options := theirs["json"]["parameters"].get("ocr_options"):
        task = replace(task, name=options["task"])
    call = engine.ask(SCAN, replace(task, prompt=texts[0] if texts else None))
    assert normal(said(call)) == normal(theirs["json"])
    assert call.method == theirs["method"]
    assert call.url.endswith(theirs["path"])
    assert GENERATION in theirs["path"]


@pytest.mark.parametrize("name", CASES)
def test_headers_that_matter_equal_the_sdks(name, data):
    theirs = capture(data, name)["headers"]
    engine, task = CASES[name]
    ours = engine.ask(SCAN, task).headers
    for header in ("Authorization", "Content-Type", "Accept", "X-DashScope-SSE", "X-Accel-Buffering"):
        assert ours.get(header) == theirs.get(header), header
    assert not [header for header in ours if "sdk" in header.lower()]
    assert ours["User-Agent"].startswith("qwen-ocr-loader/")


def test_all_sampling_parameters_equal_the_sdks(data):
    theirs = capture(data, "ds_all_parameters")["json"]
    with pytest.warns(UserWarning, match="not both"):
        engine, task = free("x", **PIXELS, parameters=SAMPLING)
    ours = said(engine.ask(SCAN, task))
    also = {"result_format": "message", "n": 1}  # what the SDK's user set, and this engine has no use for
    assert {**ours["parameters"], **also} == theirs["parameters"]
    assert normal(ours)["input"] == normal(theirs)["input"]


def test_a_schema_goes_where_the_sdk_puts_it(data):
    theirs = capture(data, "ds_task_key_information_extraction_schema")["json"]
    schema = theirs["parameters"]["ocr_options"]["task_config"]["result_schema"]
    engine, task = asking(Task("key_information_extraction", schema))
    assert normal(said(engine.ask(SCAN, task))) == normal(theirs)


def test_both_a_task_and_a_prompt_for_models_that_take_both(data):
    theirs = capture(data, "ds_qwen35_task_with_prompt")["json"]
    content = theirs["input"]["messages"][0]["content"]
    task = Task(theirs["parameters"]["ocr_options"]["task"], prompt=content[1]["text"])
    pixels = {key: content[0].get(key) for key in PIXELS}
    engine = DashScopeEngine(api_key="k", model=theirs["model"], stream=False, **pixels)
    assert normal(said(engine.ask(SCAN, task))) == normal(theirs)


def test_several_pictures_are_several_parts_of_one_message(data):
    theirs = capture(data, "ds_multi_image")["json"]
    content = theirs["input"]["messages"][0]["content"]
    parts = [part for part in content if "image" in part]
    pixels = {key: parts[0].get(key) for key in PIXELS}
    engine = DashScopeEngine(api_key="k", model=theirs["model"], stream=False, **pixels)
    ours = engine._content(prompt(content[-1]["text"]), [part["image"] for part in parts])
    assert ours == content


def test_a_stored_picture_is_resolved_by_its_header(data):
    theirs = capture(data, "ds_image_oss_url")
    url = theirs["json"]["input"]["messages"][0]["content"][0]["image"]
    engine, task = free("x")
    ours = engine.request(task, [url]).headers
    name = "X-DashScope-OssResourceResolve"
    assert ours[name] == {key.lower(): value for key, value in theirs["headers"].items()}[name.lower()]


def test_text_is_not_escaped(data):
    theirs = capture(data, "ds_non_ascii")
    engine, task = free("提取文字")
    body = engine.ask(SCAN, task).body.decode()
    assert "提取文字" in body
    assert "\\u" not in body
    assert theirs["json"]
