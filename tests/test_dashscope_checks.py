"""The tests' own DashScope takes what the official SDK was captured sending, and refuses what is not documented."""

import json
from pathlib import Path

import httpx
import pytest
from PIL import Image

from conftest import ROOT
from dashscope_checks import GENERATION, Checker
from dashscope_client import MODEL, PAGE, body, data_url, encoded, only_choice, post, task, without
from dashscope_faults import Refusal
from dashscope_scenarios import (
    Dropped,
    fault,
)
from dashscope_server import DashScopeServer
from dashscope_uploads import ACCESS_KEY, FIELDS
from http_server import Request
from marked_pages import marked_png

WIRE = ROOT.parent / "shared" / "reference" / "wire"


@pytest.fixture
def server():
    with DashScopeServer() as running:
        yield running


# --- requests --------------------------------------------------------------------------------------------------------

DEEP = {"a": {"b": {"c": {"d": ""}}}}
SMALL = data_url(encoded(Image.new("L", (10, 50))))
LONG = data_url(encoded(Image.new("L", (4000, 15))))
GIF = data_url(encoded(Image.new("L", (50, 50)), "GIF"), "gif")


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (body() | {"stream": True}, "unknown fields: stream"),
        (body(min_pixels=3072), "unknown fields: min_pixels"),
        (body(part={"ocr_options": {}}), "unknown fields: ocr_options"),
        (without("parameters"), "parameters missing"),
        (without("input"), "input parameter missing"),
        (body(**task("read_it_all")), "task should be"),
        (body(**task("text_recognition", task_config={"result_schema": {"a": ""}})), "belongs to key_information"),
        (body(**task("key_information_extraction", task_config={"result_schema": DEEP})), "1 to 3 levels"),
        (body(**task("text_recognition", result_schema={})), "unknown fields: result_schema"),
        (body(temperature=2), "temperature"),
        (body(top_p=0), "top_p"),
        (body(top_k=-1), "top_k"),
        (body(seed=2**31), "seed"),
        (body(max_tokens=8193), "Range of max_tokens should be [1, 8192]"),
        (body(presence_penalty=2.5), "presence_penalty"),
        (body(top_logprobs=2), "needs logprobs"),
        (body(logprobs=True, top_logprobs=6), "top_logprobs"),
        (body(stop=["Hello", 104307]), "not mixed"),
        (body(incremental_output=True), "is for streams"),
        (body(part={"min_pixels": 3000}), "min_pixels"),
        (body(part={"max_pixels": 30_720_001}), "max_pixels"),
        (body(part={"enable_rotate": 1}), "enable_rotate"),
        (body(model="qwen-vl-ocr-2024-10-28", **task("text_recognition")), "task should be"),
        (body("oss://nowhere/page.png"), "does not exist"),
        (body("scan.png"), "url error"),
        (body(data_url(b"not a picture")), "cannot be opened"),
        (body(data_url(marked_png(1)[:-30])), "cannot be opened"),
        (body(data_url(marked_png(1), "jpeg")), "says image/jpeg"),
        (body("data:image/png;base64," + "A" * 10_485_760), "10485760"),
        (body(SMALL), "larger than 10"),
        (body(LONG), "aspect ratio"),
        (body(GIF), "not supported"),
        (b"{", "json format"),
    ],
)
def test_what_is_not_documented_is_refused(server, sent, says):
    response = post(server, sent)
    assert (response.status_code, says in response.json()["message"]) == (400, True), response.text
    assert set(response.json()) == {"code", "message", "request_id"}
    assert len(server.refused) == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": "Bearer sk-other"}, 401),
        ({"Authorization": ""}, 401),
        ({"Content-Type": "text/plain"}, 400),
        ({"X-DashScope-OssResourceResolve": "enable"}, 400),
        ({"X-DashScope-WorkSpace": "llm-other"}, 404),
        ({"X-DashScope-Fancy": "yes"}, 400),
        ({"X-DashScope-SSE": "yes"}, 400),
        ({"Accept": "text/event-stream"}, 400),
    ],
)
def test_headers_are_checked(server, headers, status):
    assert post(server, body(), **headers).status_code == status


def test_a_workspace_must_be_named():
    with DashScopeServer(workspace="llm-abc123") as server:
        assert post(server, body()).status_code == 401
        assert post(server, body(), **{"X-DashScope-WorkSpace": "llm-abc123"}).status_code == 200


def test_unknown_models_and_paths(server):
    assert post(server, body(model="qwen-ocr")).json()["code"] == "ModelNotFound"
    assert httpx.get(server.url + GENERATION).status_code == 404


def captures() -> list[Path]:
    paths = [path for path in sorted(WIRE.glob("ds_*.json")) if "_err_" not in path.name]
    return [path for path in paths if json.loads(path.read_text())["request"]["path"] == GENERATION]


@pytest.mark.skipif(not WIRE.is_dir(), reason="no captures beside the checkout")
def test_requests_of_the_official_sdk_are_good():
    stored = {
        f"oss://dashscope-instant/xxx/2024-07-26/xxxx/{name}": marked_png(1) for name in ("page.png", "scan 2.jpg")
    }
    paths = captures()
    assert len(paths) >= 25
    for path in paths:
        request = json.loads(path.read_text())["request"]
        text = json.dumps(request["json"]).replace("data:image/png;base64,<BASE64>", PAGE)
        headers = {name.lower(): value for name, value in request["headers"].items()}
        checker = Checker(workspace=headers.get("x-dashscope-workspace"), stored=stored)
        asked = checker.check(Request("POST", GENERATION, request["query"], headers, text.encode()))
        assert asked.stream == path.name.startswith("ds_stream"), path.name
        assert asked.images, path.name


@pytest.mark.skipif(not WIRE.is_dir(), reason="no captures beside the checkout")
def test_captured_requests_for_no_model_are_refused():
    paths = [path for path in WIRE.glob("ds_*_err_*.json") if "mock-" in path.read_text()]
    paths += [path for path in WIRE.glob("ds_err_*.json") if "mock-" in path.read_text()]
    for path in paths:
        request = json.loads(path.read_text())["request"]
        headers = {name.lower(): value for name, value in request["headers"].items()}
        with pytest.raises(Refusal, match="ModelNotFound"):
            Checker().check(Request("POST", GENERATION, {}, headers, json.dumps(request["json"]).encode()))


# --- uploads ---------------------------------------------------------------------------------------------------------


def certificate(server: DashScopeServer) -> dict:
    query = {"action": "getPolicy", "model": MODEL}
    return httpx.get(f"{server.base_url}/uploads", params=query, headers={"Authorization": "Bearer sk-test"}).json()[
        "data"
    ]


def upload(given: dict, name: str = "page.png", data: bytes = b"picture", **headers: str) -> httpx.Response:
    values = [
        ACCESS_KEY,
        given["signature"],
        given["policy"],
        f"{given['upload_dir']}/{name}",
        "private",
        "true",
        "200",
    ]
    form = dict(zip(FIELDS, [*values, "image/png"], strict=False))
    return httpx.post(given["upload_host"], data=form, files={"file": (name, data)}, headers=headers)


def test_uploads_are_stored_and_resolve(server):
    given = certificate(server)
    assert upload(given, "scan 2.png", marked_png(5)).status_code == 200
    url = f"oss://{given['upload_dir']}/scan 2.png"
    assert post(server, body(url)).status_code == 400
    reply = post(server, body(url), **{"X-DashScope-OssResourceResolve": "enable"}).json()
    assert only_choice(reply)["message"]["content"][0]["text"].startswith("page 5\n")


def test_uploads_are_refused(server):
    given = certificate(server)
    assert upload(given, Authorization="Bearer sk-test").status_code == 400
    assert upload(given | {"signature": "forged"}).status_code == 403
    assert upload(given | {"upload_dir": "elsewhere"}).status_code == 403
    assert upload(given).status_code == 200
    assert upload(given).status_code == 409
    server.uploads.expire()
    expired = upload(given, "other.png")
    assert (expired.status_code, "Policy expired" in expired.text) == (403, True)
    assert httpx.get(f"{server.base_url}/uploads", params={"action": "getPolicy"}).status_code == 401


def test_the_order_of_the_form_matters(server):
    given = certificate(server)
    response = httpx.post(given["upload_host"], data={"policy": given["policy"]}, files={"file": b"x"})
    assert response.status_code == 400


def test_uploads_fail_on_request(server):
    server.policy_script = lambda number: fault("throttling") if number == 0 else None
    server.upload_script = lambda number: Dropped() if number == 0 else None
    with pytest.raises(KeyError):
        certificate(server)
    given = certificate(server)
    with pytest.raises(httpx.RemoteProtocolError):
        upload(given)
    assert upload(given).status_code == 200
