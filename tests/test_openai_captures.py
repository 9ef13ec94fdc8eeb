"""Chat requests held against what the official OpenAI client puts on the wire for the same question."""

import json
import re
from pathlib import Path

import pytest

from qwen_ocr_loader.engines.flows import Reply
from qwen_ocr_loader.engines.openai import OpenAIEngine
from qwen_ocr_loader.engines.transcript import compatible, read_reply
from qwen_ocr_loader.errors import KeyRejected, OCRError, RateLimited, RequestRejected, ServiceFailed
from qwen_ocr_loader.tasks import Task

PIXELS = {"min_pixels": 3072, "max_pixels": 8388608}
QUESTION = Task("prompt", prompt="Please extract the invoice number.")
TICKET = "https://img.example.com/ticket.jpg"
SAMPLING = {
    "max_tokens": 2000,
    "presence_penalty": 0.0,
    "seed": 7,
    "stop": ["END"],
    "temperature": 0.01,
    "top_p": 0.001,
    "top_k": 1,
    "repetition_penalty": 1.0,
}

CASES = {
    "oai_plain": ({**PIXELS}, [TICKET]),
    "oai_parameters": ({**PIXELS, "parameters": SAMPLING}, [TICKET]),
    "oai_logprobs": ({**PIXELS, "parameters": {"logprobs": True, "top_logprobs": 2}}, [TICKET]),
    "oai_base64": ({}, ["data:image/png;base64,<BASE64>"]),
    "oai_multi_image": ({}, [TICKET, "https://img.example.com/second.jpg"]),
    "oai_oss_url": ({}, ["oss://dashscope-instant/xxx/page.png"]),
    "oai_stream_include_usage": ({**PIXELS, "stream": True}, [TICKET]),
}
FAULTS = {
    "oai_err_400-invalid-parameter": RequestRejected,
    "oai_err_401-invalid-api-key": KeyRejected,
    "oai_err_404-openai-shape": RequestRejected,
    "oai_err_429-allocation-quota": RateLimited,
    "oai_err_429-rate-quota": RateLimited,
    "oai_err_500-internal": ServiceFailed,
    "oai_err_503-html": ServiceFailed,
}


def capture(data: Path, name: str) -> dict:
    path = data.parent / "reference" / "wire" / f"{name}.json"
    if not path.exists():
        pytest.skip(f"no capture {name}")
    return json.loads(path.read_text())


@pytest.mark.filterwarnings("ignore:set temperature or top_p")
@pytest.mark.parametrize("name", CASES)
def test_request_bodies_equal_the_clients(name, data):
    theirs = capture(data, name)["request"]
    settings, images = CASES[name]
    engine = OpenAIEngine(**{"model": "qwen-vl-ocr-2025-11-20", "api_key": "sk-test", "stream": False, **settings})
    call = engine.request(QUESTION, images)
    assert json.loads(call.body) == theirs["json"]
    assert (call.method, re.sub(r"https://[^/]*", "", call.url)) == (theirs["method"], theirs["path"])


@pytest.mark.parametrize("name", CASES)
def test_headers_equal_the_clients_its_telemetry_apart(name, data):
    theirs = capture(data, name)["request"]["headers"]
    engine = OpenAIEngine(api_key="sk-test", stream=False)
    ours = {key.lower(): value for key, value in engine.request(QUESTION, CASES[name][1]).headers.items()}
    wanted = {key: value for key, value in theirs.items() if not key.startswith(("x-stainless", "user-agent"))}
    assert {key: value for key, value in ours.items() if key != "user-agent"} == wanted
    assert ours["user-agent"].startswith("qwen-ocr-loader/")


@pytest.mark.parametrize("name", ["oai_plain", "oai_stream_include_usage"])
def test_documented_replies_are_read(name, data):
    answer = capture(data, name)["response"]
    said = read_reply(Reply(answer["status"], {}, answer["body_text"].encode()), compatible)
    assert "invoice_number" in said.text
    assert said.finish_reason == "stop"
    assert said.usage.input_tokens == 513
    assert said.usage.image_tokens == 332
    assert said.usage.calls == 1


@pytest.mark.parametrize("name", FAULTS)
def test_captured_faults_become_the_right_errors(name, data):
    answer = capture(data, name)["response"]
    with pytest.raises(OCRError) as caught:
        read_reply(Reply(answer["status"], {}, answer["body_text"].encode()), compatible)
    assert type(caught.value) is FAULTS[name]
