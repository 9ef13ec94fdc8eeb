"""A user and password in a server's address: sent as a header, and shown nowhere."""

import base64
import json
import logging
import pickle
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from dashscope_reading import AT_ONCE
from marked_pages import marked_page
from qwen_ocr_loader import DashScopeEngine, OpenAIEngine, Reader
from qwen_ocr_loader.engine_settings import engine_from_dict, engine_to_dict
from qwen_ocr_loader.engines.address import Address
from qwen_ocr_loader.errors import KeyRejected, OCRError

PASSWORD = "hunter2:secret"
REPLY = {"choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "page 7"}}]}


@pytest.fixture
def proxy():
    """A server that lets in nobody but Ada, and the headers it was sent."""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            seen.append(self.headers)
            expected = base64.b64encode(f"ada:{PASSWORD}".encode()).decode()
            body = json.dumps(REPLY).encode()
            self.send_response(200 if self.headers["Authorization"] == f"Basic {expected}" else 401)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}", seen
    server.shutdown()
    server.server_close()


def engine_at(place, person="ada:hunter2%3Asecret@"):
    return OpenAIEngine(model="x", base_url=f"http://{person}{place}/v1", stream=False, retry=AT_ONCE)


@pytest.mark.parametrize("how", ["sync", "async"])
async def test_they_are_sent_and_not_logged(proxy, how, caplog):
    caplog.set_level(logging.DEBUG)
    place, seen = proxy
    reader = Reader(engine=engine_at(place))
    pages = [page async for page in reader.aread(marked_page(7))] if how == "async" else reader.read(marked_page(7))
    assert [page.text for page in pages] == ["page 7"]
    assert seen[0]["Host"] == place
    assert f"http://{place}/v1/chat/completions" in caplog.text  # httpx logs URLs
    assert "hunter2" not in caplog.text


def test_they_are_not_shown(monkeypatch):
    engine = engine_at("127.0.0.1:9")
    with pytest.raises(OCRError, match=r"nothing answers at http://127\.0\.0\.1:9/v1 ") as caught:
        list(Reader(engine=engine, on_error="raise").read(marked_page(7)))
    told = [repr(engine), engine.settings, json.dumps(engine_to_dict(engine)), str(caught.value), repr(caught.value)]
    assert not [text for text in told if "hunter2" in text]
    assert engine_from_dict(engine_to_dict(engine)).url() == "http://127.0.0.1:9/v1"
    assert pickle.loads(pickle.dumps(engine)).url() == engine.url()  # it is to work in other processes
    monkeypatch.setenv("OPENAI_BASE_URL", "ada:hunter2@127.0.0.1")
    for bad in ({}, {"base_url": "ftp://ada:hunter2@127.0.0.1"}, {"base_url": "http://ada:hunter2@127.0.0.1/v1?a=b"}):
        with pytest.raises(ValueError, match="base_url=") as slip:
            OpenAIEngine(model="x", **bad)
        assert "hunter2" not in str(slip.value)
    assert "hunter2" not in repr(DashScopeEngine(api_key="k", base_url="http://ada:hunter2@127.0.0.1/api/v1"))


def test_another_password_is_the_same_server(proxy):
    place, _ = proxy
    assert engine_at(place).settings == engine_at(place, "").settings == engine_at(place, "eve:other@").settings
    with pytest.raises(KeyRejected):
        list(Reader(engine=engine_at(place, "eve:other@")).read(marked_page(7)))


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("http://a:b@host:1/v1", ("http://host:1/v1", "Basic " + base64.b64encode(b"a:b").decode())),
        ("https://t%40ken@host/v1", ("https://host/v1", "Basic " + base64.b64encode(b"t@ken:").decode())),
        ("http://host/a@b/v1", ("http://host/a@b/v1", "")),
        ("http://host", ("http://host", "")),
    ],
)
def test_an_address_has_two_parts(url, parts):
    assert Address(url).parted() == parts
