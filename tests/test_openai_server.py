"""The tests' own OpenAI-compatible servers: what they take, what they say, and how they fail."""

import json
import time

import httpx
import pytest
from PIL import Image

from dashscope_answers import PageText
from dashscope_client import MODEL, PAGE, body, data_url, encoded, only_choice, post, task
from dashscope_faults import FAULTS
from dashscope_scenarios import Dropped, cut, empty, fault, garbage, in_turn, loop, ok, slow, stream_fault, truncated
from marked_pages import marked_png
from openai_client import (
    DOCUMENT,
    EXTRACT,
    FORMULA,
    LATEST,
    LINK,
    LOCATE,
    TABLE,
    ask,
    call,
    chat,
    chunks_of,
    part,
    said,
)
from openai_faults import CODES
from openai_scenarios import before, troubles
from openai_server import OpenAIServer

OLD = "qwen-vl-ocr-2025-08-28"


@pytest.fixture
def server():
    with OpenAIServer() as running:
        yield running


# --- requests --------------------------------------------------------------------------------------------------------


def with_message(**message):
    return chat() | {"messages": [{"role": "user", "content": [part()], **message}]}


SYSTEM = {"role": "system", "content": "You read."}


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (chat(ocr_options={"task": "table_parsing"}), "unknown fields: ocr_options"),
        (chat(part(enable_rotate=True)), "unknown fields: enable_rotate"),
        (chat(response_format={"type": "json_object"}), "unknown fields: response_format"),
        (chat(mm_processor_kwargs={"max_pixels": 3136}), "unknown fields: mm_processor_kwargs"),
        (chat(min_pixels=3072), "unknown fields: min_pixels"),
        (chat(part(PAGE) | {"image_url": {"url": PAGE, "min_pixels": 3072}}), "unknown fields: min_pixels"),
        (chat(part(min_pixels=3071)), "min_pixels"),
        (chat(part(min_pixels=3072.0)), "min_pixels"),
        (chat(part(max_pixels=30_720_001)), "max_pixels"),
        (chat(part(min_pixels=3072), model=OLD), "want 3136 <="),
        (chat(max_tokens=8193), "Range of max_tokens should be [1, 8192]"),
        (chat(max_tokens=4097, model=OLD), "Range of max_tokens should be [1, 4096]"),
        (chat(temperature=2), "temperature"),
        (chat(top_p=0), "top_p"),
        (chat(seed=-1), "seed"),
        (chat(stream="yes"), "stream should be a boolean"),
        (chat(stream_options={"include_usage": True}), "stream_options is for streams"),
        (chat(top_logprobs=2), "needs logprobs"),
        (chat() | {"messages": [SYSTEM, *chat()["messages"]]}, "takes one message"),
        (with_message(role="system"), "role 'system'"),
        (with_message(content="Read it."), "no image"),
        (with_message(name="x"), "unknown fields: name"),
        (with_message(content=[part(), {"text": "Read it."}]), "a content part is"),
        (with_message(content=[part(), *[{"type": "text", "text": "Read it."}] * 2]), "more than one text"),
        (chat() | {"messages": []}, "messages is missing"),
        (chat("oss://nowhere/page.png"), "does not exist"),
        (chat("file:///tmp/page.png"), "url error"),
        (chat("data:image/png;base64," + "A" * 10_485_760), "10485760"),
        (chat(data_url(encoded(Image.new("L", (10, 50))))), "larger than 10"),
        (chat(data_url(marked_png(1), "jpeg")), "says image/jpeg"),
        ({"messages": []}, "model missing"),
    ],
)
def test_what_is_not_documented_is_refused(server, sent, says):
    response = ask(server, sent)
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (400, "invalid_parameter_error", None)
    assert says in error["message"]
    assert len(server.refused) == 1


def test_keys_models_and_places(server):
    refused = ask(server, None, Authorization="Bearer sk-other")
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")
    refused = ask(server, chat(model="gpt-4o"))
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "model_not_found")
    assert call(server, "GET", "/models").status_code == 404
    assert call(server, "POST", "/completions", json={}).status_code == 404
    wrong = call(
        server, "POST", "/chat/completions", content=json.dumps(chat()), headers={"Content-Type": "text/plain"}
    )
    assert "Content-Type" in wrong.json()["error"]["message"]


def test_headers_of_dashscope_are_for_dashscope():
    workspace, stream = {"X-DashScope-WorkSpace": "ws-1"}, {"X-DashScope-SSE": "enable"}
    with OpenAIServer(workspace="ws-1") as server:
        assert [ask(server, None, **headers).status_code for headers in ({}, workspace)] == [401, 200]
        assert ask(server, None, **workspace, **stream).status_code == 400
    with OpenAIServer(flavor="ollama") as server:
        assert "x-dashscope-workspace" in ask(server, chat(model="qwen3-vl:8b"), **workspace).text


def test_a_stored_picture_needs_its_header(server):
    server.uploads.stored["oss://bucket/page.png"] = marked_png(3)
    resolve = {"X-DashScope-OssResourceResolve": "enable"}
    assert "OssResourceResolve" in ask(server, chat("oss://bucket/page.png")).text
    assert "OssResourceResolve" in ask(server, chat(), **resolve).text
    assert said(ask(server, chat("oss://bucket/page.png"), **resolve)).startswith("page 3\n")


def test_old_samples_with_bare_urls_are_taken_and_noted(server):
    ask(server, chat({"type": "image_url", "image_url": PAGE}))
    ask(server, chat())
    assert [asked.string_url for asked in server.asked] == [True, False]


def test_a_url_tells_its_page_by_its_number(server):
    assert said(ask(server, chat(LINK))) == "page 7\nsecond line of page 7"
    assert said(ask(server, chat(LINK + "?signature=1"))).startswith("page 7")
    assert said(ask(server, chat("https://img.example.com/ticket.jpg"))).startswith("CORNER SHOP")
    assert server.bought["page 7"] == 2
    assert server.billed == 3


def test_what_was_asked_is_told(server):
    ask(server, chat(LINK, "What is the date?", max_tokens=50, top_k=1))
    ask(server, chat(LINK, EXTRACT + '输入的JSON模式内容如下: {"Page": "", "Seller": {"Name": ""}}。'))
    free, fields = server.asked
    assert (free.model_name, free.task, free.prompt) == (LATEST, None, "What is the date?")
    assert (free.parameters, free.images[0].number, free.custom_id) == ({"max_tokens": 50, "top_k": 1}, 7, None)
    assert (fields.task, fields.schema) == ("key_information_extraction", {"Page": "", "Seller": {"Name": ""}})


# --- the other flavors -----------------------------------------------------------------------------------------------

WEBP = data_url(encoded(Image.new("L", (50, 50)), "WEBP"), "webp")


@pytest.mark.parametrize(
    ("flavor", "model", "sent", "says"),
    [
        ("vllm", "Qwen/Qwen3-VL-8B-Instruct", {"image": {"type": "image_url", "image_url": PAGE}}, "object"),
        ("vllm", "Qwen/Qwen3-VL-8B-Instruct", {"image": "file:///page.png"}, "url error"),
        ("vllm", "Qwen/Qwen3-VL-8B-Instruct", {"mm_processor_kwargs": {"fps": 1}}, "mm_processor_kwargs"),
        ("vllm", "Qwen/Qwen3-VL-8B-Instruct", {"ocr_options": {}}, "unknown fields: ocr_options"),
        ("ollama", "qwen3-vl:8b", {"image": LINK}, "invalid image"),
        ("ollama", "qwen3-vl:8b", {"mm_processor_kwargs": {}}, "unknown fields: mm_processor_kwargs"),
        ("ollama", "qwen3-vl:8b", {"image": part(min_pixels=3072)}, "unknown fields: min_pixels"),
        ("lmstudio", "qwen/qwen3-vl-8b", {"image": LINK}, "base64"),
        ("lmstudio", "qwen/qwen3-vl-8b", {"image": WEBP}, "base64"),
        ("lmstudio", "qwen/qwen3-vl-8b", {"response_format": {"type": "json_object"}}, "response_format.type"),
    ],
)
def test_flavors_refuse_what_they_do_not_know(flavor, model, sent, says):
    with OpenAIServer(flavor=flavor) as server:
        assert said(ask(server, chat(model=model))) == "page 1\nsecond line of page 1"
        response = ask(server, chat(**{"image": PAGE, "model": model, **sent}))
        assert (response.status_code, says in response.text) == (400, True), response.text


def test_vllm_ignores_pixels_beside_the_url_and_heeds_those_of_the_processor():
    page, model = data_url(encoded(Image.new("L", (1000, 1000)))), "Qwen/Qwen2.5-VL-7B-Instruct"
    with OpenAIServer(flavor="vllm") as server:
        ask(server, chat(part(page, max_pixels=100_000), model=model))
        ask(server, chat(page, model=model, mm_processor_kwargs={"max_pixels": 100_000}))
        sizes = [(image.across, image.down) for asked in server.asked for image in asked.images]
    assert sizes == [(1008, 1008), (308, 308)]


def test_pixels_beside_the_url_are_heeded_by_the_compatible_mode(server):
    page = data_url(encoded(Image.new("L", (1000, 1000))))
    tokens = [
        ask(server, chat(image)).json()["usage"]["prompt_tokens_details"]["image_tokens"]
        for image in (page, part(page, max_pixels=100_000))
    ]
    assert tokens == [31 * 31 + 2, 9 * 9 + 2]


@pytest.mark.parametrize(("flavor", "needed"), [("vllm", True), ("ollama", False), ("lmstudio", False)])
def test_local_servers_list_their_models_and_may_not_want_a_key(flavor, needed):
    with OpenAIServer(flavor=flavor) as server:
        assert server.base_url == f"{server.url}/v1"
        models = call(server, "GET", "/models").json()
        assert [model["id"] for model in models["data"]] == list(server.chats.models)
        keyless = httpx.post(
            server.base_url + "/chat/completions", json=chat(model=models["data"][0]["id"]), verify=False
        )
        assert keyless.status_code == (401 if needed else 200)
        assert call(server, "GET", "/files").status_code == 404
        assert httpx.get(server.native_url + "/uploads", verify=False).status_code == 404


@pytest.mark.parametrize("flavor", ["vllm", "ollama", "lmstudio"])
def test_structured_output_has_no_fence(flavor):
    with OpenAIServer(flavor=flavor) as server:
        model = list(server.chats.models)[-1]
        wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
        reply = said(ask(server, chat(LINK if flavor == "vllm" else PAGE, model=model, response_format=wanted)))
        assert json.loads(reply) == {"Page": "7" if flavor == "vllm" else "1"}


ERRORS = {
    "dashscope": {"error": {"message": "", "type": "limit_requests", "param": None, "code": "limit_requests"}},
    "vllm": {"error": {"message": "", "type": "RateLimitError", "param": None, "code": 429}},
    "vllm-flat": {"object": "error", "message": "", "type": "RateLimitError", "param": None, "code": 429},
    "ollama": {"error": {"message": "", "type": "invalid_request_error", "param": None, "code": None}},
    "lmstudio": {"error": ""},
}


@pytest.mark.parametrize("shape", ERRORS)
def test_errors_are_worded_as_each_server_words_them(server, shape):
    server.error_shape, server.script = shape, fault("rate-quota", retry_after="2")
    response = ask(server)
    told = json.loads(response.text.replace(FAULTS["rate-quota"].message, ""))
    told.pop("request_id", None)
    assert (response.status_code, response.headers["retry-after"], told) == (429, "2", ERRORS[shape])


# --- answers ---------------------------------------------------------------------------------------------------------

NATIVE = {
    "table_parsing": TABLE,
    "document_parsing": DOCUMENT,
    "formula_recognition": FORMULA,
    "text_recognition": "Please output only the text content",
    "key_information_extraction": EXTRACT,
}


@pytest.mark.parametrize("name", NATIVE)
def test_the_same_page_says_the_same_to_a_task_and_to_its_prompt(server, name):
    native = only_choice(post(server, body(**task(name))).json())["message"]["content"][0]["text"]
    assert said(ask(server, chat(PAGE, NATIVE[name]))) == native
    assert [asked.task for asked in server.asked] == [name] * 2


def test_a_schema_is_filled(server):
    prompt = EXTRACT + '输入的JSON模式内容如下: {"Page": "digits", "Seller": {"Name": ""}}。'
    fenced = said(ask(server, chat(PAGE, prompt)))
    assert json.loads(fenced.removeprefix("```json\n").removesuffix("\n```")) == {
        "Page": "1",
        "Seller": {"Name": "null"},
    }
    fenced = said(ask(server, chat(PAGE, EXTRACT + "输入的JSON模式内容如下: {'Page': ''}。")))  # as Python prints it
    assert json.loads(fenced.removeprefix("```json\n").removesuffix("\n```")) == {"Page": "1"}


@pytest.mark.parametrize("model", [OLD, MODEL])
@pytest.mark.parametrize("tilt", [0, 20])
def test_lines_stand_where_the_native_server_says_in_the_coordinates_of_the_family(model, tilt):
    page = data_url(marked_png(1, (700, 900)))
    with OpenAIServer(ok(PageText(tilt=tilt))) as server:
        native = post(server, body(page, model=model, **task("advanced_recognition"))).json()
        rows = said(ask(server, chat(part(page, max_pixels=200_000), LOCATE, model=model))).splitlines()
        seen = server.asked[1].images[0]
    across, down = (700 / seen.across, 900 / seen.down) if model == OLD else (0.7, 0.9)
    assert seen.across < 500
    infos = only_choice(native)["message"]["content"][0]["ocr_result"]["words_info"]
    for info, row in zip(infos, rows, strict=True):
        x, y, w, h, angle, text = row.split(",", 5)
        assert text == info["text"]
        middle_x, middle_y, *_ = info["rotate_rect"]
        assert float(x) * across == pytest.approx(middle_x, abs=2)
        assert float(y) * down == pytest.approx(middle_y, abs=2)
        assert abs(float(angle) + 90 - tilt) <= (0 if not tilt else 8)  # the two sides are not scaled alike
        if not tilt:
            assert float(w) * down == pytest.approx(info["rotate_rect"][2], abs=2)
            assert float(h) * across == pytest.approx(info["rotate_rect"][3], abs=2)


def test_lines_may_be_told_in_other_ways(server):
    def told(form, prompt=LOCATE):
        server.line_format = form
        return json.loads(said(ask(server, chat(PAGE, prompt))).removeprefix("```json\n").removesuffix("\n```"))[0]

    flat, nested, upright = told("rotate_rect"), told("pos_list"), told("rows", "Find lines as bbox_2d, in JSON")
    x, y, w, h, _ = flat["rotate_rect"]
    assert nested == {"pos_list": [{"rotate_rect": flat["rotate_rect"]}], "text": "page 1"}
    assert upright["text_content"] == flat["text"] == "page 1"
    assert upright["bbox_2d"] == pytest.approx([x - h / 2, y - w / 2, x + h / 2, y + w / 2], abs=1.5)


def test_qwenvl_formats(server):
    html = said(ask(server, chat(PAGE, "qwenvl html", model="qwen3-vl-plus")))
    markdown = said(ask(server, chat(PAGE, "qwenvl markdown", model="qwen3-vl-plus")))
    assert html.count("data-bbox=") == 3
    assert html.startswith("```html\n<html><body>")
    assert markdown.startswith("page 1\n\nsecond line of page 1\n\n<!-- Table (")


def test_limits_of_the_request_are_kept(server):
    cut_off = ask(server, chat(max_tokens=3)).json()["choices"][0]
    assert (cut_off["finish_reason"], cut_off["message"]["content"]) == ("length", "page 1\nseco")
    assert said(ask(server, chat(stop=["second"]))) == "page 1\n"
    likely = ask(server, chat(logprobs=True, top_logprobs=2)).json()["choices"][0]["logprobs"]["content"]
    assert [len(token["top_logprobs"]) for token in likely[:2]] == [2, 2]


def test_a_stream_is_the_completion_in_pieces(server):
    first, *middle, last = chunks_of(ask(server, chat(stream=True)))
    assert first["choices"][0]["delta"]["role"] == "assistant"
    assert {chunk["choices"][0]["finish_reason"] for chunk in (first, *middle)} == {None}
    assert "".join(chunk["choices"][0]["delta"]["content"] for chunk in (first, *middle, last)) == said(ask(server))
    assert last["choices"][0]["finish_reason"] == "stop"
    assert {chunk["usage"] for chunk in (first, *middle, last)} == {None}


def test_usage_comes_in_a_chunk_of_its_own(server):
    *chunks, counted = chunks_of(ask(server, chat(stream=True, stream_options={"include_usage": True})))
    assert {chunk["usage"] for chunk in chunks} == {None}
    assert (counted["choices"], counted["usage"]) == ([], ask(server).json()["usage"])


# --- what goes wrong -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_told_in_its_shape(server, name, stream):
    wanted = FAULTS[name]
    server.script = fault(name, retry_after="3")
    response = ask(server, chat(stream=stream))
    assert (response.status_code, response.headers["retry-after"]) == (wanted.status, "3")
    assert wanted.message in response.text.replace('\\"', '"')
    if wanted.shape in {"json", "openai"}:
        assert response.json()["error"]["code"] == CODES.get(wanted.code, wanted.code)


def test_faults_within_a_stream(server):
    server.script = stream_fault("algo", before=2)
    *chunks, error, end = ask(server, chat(stream=True)).text.split("\n\n")
    assert (len(chunks), end) == (2, "")
    assert json.loads(error.removeprefix("data: "))["error"]["code"] == "InternalError.Algo"
    assert ask(server).status_code == 500
    assert server.billed == 0


def test_scripts_of_the_native_server_serve_here_too(server):
    server.script = in_turn(fault("rate-quota"), truncated(2), empty(), loop("again\n", 9), ok())
    answers = [ask(server) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [429, 200, 200, 200, 200]
    finished = [answer.json()["choices"][0] for answer in answers[1:]]
    assert [choice["finish_reason"] for choice in finished] == ["length", "stop", "length", "stop"]
    assert [choice["message"]["content"].count("again") for choice in finished] == [0, 0, 9, 0]
    assert finished[1]["message"]["content"] == ""
    assert server.billed == 4


def test_connections_break_as_told(server):
    for scenario, error in ((cut(), httpx.RemoteProtocolError), (Dropped(), httpx.RemoteProtocolError)):
        server.script = scenario
        with pytest.raises(error):
            ask(server)
    server.script = Dropped(reset=True)
    with pytest.raises(httpx.ReadError):
        ask(server)
    server.script = cut(0.9, tidy=True)
    assert "[DONE]" not in ask(server, chat(stream=True)).text
    server.script = garbage()
    assert ask(server).status_code == 200
    server.script = slow(0.2)
    began = time.monotonic()
    ask(server)
    assert time.monotonic() - began >= 0.2


def test_trouble_and_rate_limits_come_before_the_script(server):
    server.trouble = troubles({"chat": {1: before(fault("html-503"))}})
    assert [ask(server).status_code for _ in range(3)] == [200, 503, 200]
    server.rate_limit = 1
    limited = [ask(server) for _ in range(3)][-1]
    assert (limited.status_code, limited.json()["error"]["code"]) == (429, "limit_requests")
