"""The official client, run against the tests' own compatible server, finds what it expects; its captures are taken."""

import json
import re

import httpx
import pytest

from conftest import ROOT
from dashscope_client import PAGE
from dashscope_scenarios import by_page, cut, fault, in_turn, ok, slow, stream_fault
from marked_pages import marked_png
from openai_client import EXTRACT, LINK, TABLE, call, chat, ended, page_lines, part, request_line, submit, upload
from openai_server import OpenAIServer

openai = pytest.importorskip("openai")
WIRE = ROOT.parent / "shared" / "reference" / "wire"
MODEL = "qwen-vl-ocr-2025-11-20"
TEXT = "page 1\nsecond line of page 1"


@pytest.fixture
def server():
    with OpenAIServer() as running:
        yield running


def client_of(server, **settings):
    settings = {"base_url": server.base_url, "api_key": server.key, "max_retries": 0, **settings}
    return openai.OpenAI(**settings, http_client=httpx.Client(verify=False))  # loads no certificates


@pytest.fixture
def client(server):
    with client_of(server) as made:
        yield made


def asking(text="Read it.", image=PAGE, **more):
    return chat(image, text, model=MODEL) | more


# --- the official client ---------------------------------------------------------------------------------------------


def test_completions(server, client):
    more = {"extra_body": {"top_k": 1, "repetition_penalty": 1.05}}
    done = client.chat.completions.create(**asking(max_tokens=100, **more))
    assert (done.choices[0].message.content, done.choices[0].finish_reason) == (TEXT, "stop")
    assert done.usage.prompt_tokens_details.image_tokens == 6 * 8 + 2
    assert done.usage.total_tokens == done.usage.prompt_tokens + done.usage.completion_tokens
    assert server.asked[0].parameters == {"max_tokens": 100, "top_k": 1, "repetition_penalty": 1.05}
    likely = client.chat.completions.create(**asking(logprobs=True, top_logprobs=2)).choices[0].logprobs
    assert "".join(token.token for token in likely.content) == TEXT
    old = client.chat.completions.create(**asking(image={"type": "image_url", "image_url": PAGE}))
    assert old.choices[0].message.content == TEXT
    assert "<td>19.95</td>" in client.chat.completions.create(**asking(TABLE)).choices[0].message.content
    fields = client.chat.completions.create(**asking(EXTRACT)).choices[0].message.content
    assert fields == '```json\n{\n    "Page": "1"\n}\n```'


@pytest.mark.parametrize("counted", [False, True])
def test_streams(client, counted):
    more = {"stream_options": {"include_usage": True}} if counted else {}
    *chunks, last = list(client.chat.completions.create(**asking(stream=True, **more)))
    texts = [chunk.choices[0].delta.content for chunk in (chunks if counted else [*chunks, last])]
    assert "".join(texts) == TEXT
    assert (last.usage is not None, last.choices == []) == (counted, counted)
    assert {chunk.usage for chunk in chunks} == {None}


def test_faults_within_streams(server, client):
    server.script = stream_fault("algo")
    with pytest.raises(openai.APIError, match="inference internal error"):
        list(client.chat.completions.create(**asking(stream=True)))
    server.script = cut()
    with pytest.raises(openai.APIConnectionError):
        list(client.chat.completions.create(**asking(stream=True)))


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("invalid-parameter", "BadRequestError"),
        ("invalid-api-key", "AuthenticationError"),
        ("free-tier", "PermissionDeniedError"),
        ("model-not-found", "NotFoundError"),
        ("rate-quota", "RateLimitError"),
        ("algo", "InternalServerError"),
        ("html-503", "InternalServerError"),
    ],
)
@pytest.mark.parametrize("shape", ["dashscope", "vllm", "vllm-flat", "ollama"])
def test_errors(server, client, name, error, shape):
    server.script, server.error_shape = fault(name), shape
    with pytest.raises(getattr(openai, error)) as raised:
        client.chat.completions.create(**asking())
    if name != "html-503":
        assert server.script.fault.message in raised.value.message
        assert raised.value.request_id == server.exchanges[-1].notes["request_id"]


def test_retries_and_timeouts(server):
    server.script = in_turn(fault("rate-quota", retry_after="0.01"), fault("algo", retry_after="0.01"), ok())
    with client_of(server, max_retries=2) as client:
        assert client.chat.completions.create(**asking()).choices[0].message.content == TEXT
    server.script = slow(30)
    with client_of(server, timeout=0.2) as client, pytest.raises(openai.APITimeoutError):
        client.chat.completions.create(**asking())
    assert ([asked.attempt for asked in server.asked], server.billed) == ([0, 1, 2, 3], 1)


@pytest.mark.parametrize("flavor", ["vllm", "ollama", "lmstudio"])
def test_local_servers(flavor):
    with OpenAIServer(flavor=flavor) as server, client_of(server) as client:
        name = client.models.list().data[0].id
        sent = chat(PAGE, "Read it.", model=name)
        done = client.chat.completions.create(**sent)
        assert (done.choices[0].message.content, done.usage.prompt_tokens_details) == (TEXT, None)
        chunks = list(client.chat.completions.create(**sent, stream=True, stream_options={"include_usage": True}))
        assert "".join(chunk.choices[0].delta.content for chunk in chunks[:-1]) == TEXT
        assert chunks[-1].usage.total_tokens == done.usage.total_tokens


def test_files(server, client, tmp_path):
    path = tmp_path / "requests.jsonl"
    path.write_bytes(page_lines(3))
    kept = client.files.create(file=path, purpose="batch")
    assert (kept.filename, kept.bytes, kept.status) == (path.name, path.stat().st_size, "processed")
    assert [file.id for file in client.files.list()] == [kept.id]
    assert client.files.retrieve(kept.id) == kept
    assert client.files.delete(kept.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(kept.id)


def test_batches(server, client, tmp_path):
    server.batches.script = by_page({1: fault("image-undecodable")})
    kept = client.files.create(file=("requests.jsonl", page_lines(3)), purpose="batch")
    made = client.batches.create(
        input_file_id=kept.id,
        endpoint="/v1/chat/completions",
        completion_window="24h",
        metadata={"ds_name": "ocr"},
        extra_body={},
    )
    statuses = [client.batches.retrieve(made.id).status for _ in range(4)]
    assert [made.status, *statuses] == ["validating", "validating", "in_progress", "finalizing", "completed"]
    (done,) = client.batches.list(limit=5, extra_query={"ds_name": "ocr", "status": "completed"})
    assert (done.request_counts.completed, done.request_counts.failed) == (2, 1)
    client.files.content(done.output_file_id).write_to_file(tmp_path / "output.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "output.jsonl").read_text().splitlines()]
    assert {line["custom_id"] for line in lines} == {"page 0", "page 2"}
    (bad,) = client.files.content(done.error_file_id).text.splitlines()
    assert json.loads(bad)["custom_id"] == "page 1"
    again = client.batches.create(input_file_id=kept.id, endpoint="/v1/chat/completions", completion_window="1d")
    assert client.batches.cancel(again.id).status == "cancelling"
    assert [batch.id for batch in client.batches.list(limit=1)] == [again.id, done.id]  # it turns the pages itself


# --- what it was captured sending, and what the documents answer ------------------------------------------------------


def captured(name):
    path = WIRE / f"{name}.json"
    if not path.exists():
        pytest.skip(f"no capture {name}")
    found = json.loads(path.read_text(encoding="utf-8"))
    return found["request"], found["response"]


def replay(server, request, path=None, body=None):
    """A captured request, with a picture where it had a stand-in."""
    text = json.dumps(body or request.get("json")).replace("data:image/png;base64,<BASE64>", PAGE)
    relative = (path or request["path"]).removeprefix("/compatible-mode/v1")
    assert request["headers"]["authorization"] == f"Bearer {server.key}"
    unsent = {"authorization"} if "json" in request else {"authorization", "content-type"}
    headers = {name: value for name, value in request["headers"].items() if name.lower() not in unsent}
    content = text.encode() if "json" in request else None
    return call(server, request["method"], relative, params=request["query"], content=content, headers=headers)


def shape(value):
    """Keys, and where there is nothing; lists by their first element, scalars as one."""
    if isinstance(value, dict):
        return {key: shape(below) for key, below in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return None if value is None else "something"


CHATS = ["plain", "base64", "multi_image", "parameters", "oss_url", "image_url_as_string", "logprobs"]


@pytest.mark.parametrize("name", CHATS)
def test_captured_chats_are_taken_and_answered_in_the_documented_shape(server, name):
    request, response = captured(f"oai_{name}")
    server.uploads.stored["oss://dashscope-instant/xxx/page.png"] = marked_png(1)
    ours = replay(server, request)
    assert (ours.status_code, server.refused) == (200, []), ours.text
    assert ours.headers["content-type"] == response["content_type"]
    assert shape(ours.json()) == shape(response["json"])
    assert server.asked[0].string_url == (name == "image_url_as_string")


@pytest.mark.parametrize("name", ["oai_stream", "oai_stream_include_usage"])
def test_captured_streams_are_framed_as_documented(server, name):
    request, response = captured(name)
    ours = replay(server, request)
    assert ours.headers["content-type"] == response["content_type"]

    def shapes(text):
        *events, done, end = text.split("\n\n")
        assert (done, end) == ("data: [DONE]", "")
        found = [shape(json.loads(event.removeprefix("data: "))) for event in events]
        return [one for number, one in enumerate(found) if number == 0 or one != found[number - 1]]

    assert shapes(ours.text) == shapes(response["body_text"])


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("400-invalid-parameter", "invalid-parameter"),
        ("401-invalid-api-key", "invalid-api-key"),
        ("404-openai-shape", "openai-shape"),
        ("429-allocation-quota", "allocation-quota"),
        ("429-rate-quota", "rate-quota"),
        ("500-internal", "internal"),
        ("503-html", "html-503"),
    ],
)
def test_captured_errors_are_ours(server, name, ours):
    request, response = captured(f"oai_err_{name}")
    server.script = fault(ours)
    told = replay(server, request, body=request["json"] | {"model": MODEL})
    assert (told.status_code, told.headers["content-type"]) == (response["status"], response["content_type"])
    if "json" not in response:
        assert told.text == response["body_text"]
        return
    theirs, error = response["json"]["error"], told.json()["error"]
    assert (error["code"], error["type"], error["param"]) == (theirs["code"], theirs["type"], theirs["param"])
    assert shape(told.json()) == shape(response["json"])


def test_a_captured_upload_is_taken(server):
    request, response = captured("oai_file_upload")
    assert [re.search('name="([^"]+)"', item["disposition"])[1] for item in request["multipart"]] == ["purpose", "file"]
    form = "".join(
        f"--BOUNDARY\r\nContent-Disposition: {item['disposition']}\r\n"
        + (f"Content-Type: {item['content_type']}\r\n" if "content_type" in item else "")
        + f"\r\n{item['body']}\r\n"
        for item in request["multipart"]
    )
    headers = {"Content-Type": request["headers"]["Content-Type"]}
    ours = call(server, "POST", "/files", content=f"{form}--BOUNDARY--\r\n".encode(), headers=headers)
    assert (ours.status_code, shape(ours.json())) == (200, shape(response["json"]))
    batch = {"input_file_id": ours.json()["id"], "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    made = call(server, "POST", "/batches", json=batch).json()
    assert ended(server, made)["request_counts"] == {"total": 2, "completed": 2, "failed": 0}


@pytest.mark.parametrize("name", ["file_retrieve", "file_list", "file_delete"])
def test_captured_file_requests_are_taken(server, name):
    request, response = captured(f"oai_{name}")
    kept = upload(server, page_lines(1)).json()["id"]
    ours = replay(server, request, request["path"].replace("file-batch-xxx", kept))
    assert (ours.status_code, shape(ours.json())) == (200, shape(response["json"]))


@pytest.mark.parametrize("name", ["batch_create", "batch_retrieve", "batch_list", "batch_cancel"])
def test_captured_batch_requests_are_taken(server, name):
    request, response = captured(f"oai_{name}")
    batch = submit(server, page_lines(1), metadata={"ds_name": "ocr"})
    path = request["path"].replace("batch_xxx", batch["id"])
    body = request.get("json") and request["json"] | {"input_file_id": batch["input_file_id"]}
    if name in {"batch_retrieve", "batch_list"}:
        server.batches.finish()
    request["query"].pop("after", None)
    ours = replay(server, request, path, body)
    assert ours.status_code == 200, ours.text
    assert keys(ours.json()) == keys(response["json"])
    assert status_of(ours.json()) == status_of(response["json"])


def keys(told):
    """Of a batch, or of a list of them; how far one has come is its own affair."""
    if "data" in told:
        return set(told), *map(keys, told["data"])
    return set(told), set(told["request_counts"])


def status_of(told):
    return told["data"][0]["status"] if "data" in told else told["status"]


@pytest.mark.parametrize("kind", ["output", "error"])
def test_lines_of_results_are_shaped_as_documented(server, kind):
    request, response = captured(f"oai_file_content_{kind}")
    server.batches.script = by_page({8: fault("image-undecodable")})
    lines = request_line("1", chat(part(LINK))) + request_line("2", chat(LINK.replace("7", "8")))
    batch = ended(server, submit(server, lines))
    ours = replay(server, request, f"/files/{batch[f'{kind}_file_id']}/content")
    assert ours.headers["content-type"] == response["content_type"]
    (ours_line,), (theirs,) = ours.text.splitlines(), response["body_text"].splitlines()
    assert shape(json.loads(ours_line)) == shape(json.loads(theirs))
