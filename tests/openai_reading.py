"""What tests of the OpenAI-compatible engine share: a server that understood all it was sent, an engine, pages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dashscope_reading import AT_ONCE, KEY
from openai_server import OpenAIServer
from qwen_ocr_loader.engines.flows import Reply
from qwen_ocr_loader.engines.openai import OpenAIEngine

if TYPE_CHECKING:
    from collections.abc import Iterator

MODELS = {
    "dashscope": "qwen-vl-ocr-2025-11-20",
    "vllm": "Qwen/Qwen2.5-VL-7B-Instruct",
    "ollama": "qwen3-vl:8b",
    "lmstudio": "qwen/qwen2.5-vl-7b",
}

VLLM = "http://127.0.0.1:8000/v1"


def keyless(monkeypatch, tmp_path):
    """For ``pytest.fixture(keyless, autouse=True)``: no key and no address of this machine's is seen."""
    for name in ("DASHSCOPE_API_KEY", "DASHSCOPE_API_KEY_FILE_PATH", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("DASHSCOPE_COMPATIBLE_BASE_URL", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def serving(flavor: str = "dashscope", **settings: Any) -> Iterator[OpenAIServer]:
    """For a fixture: a server, and at the end the proof that it understood every request."""
    with OpenAIServer(flavor=flavor, key=KEY, **settings) as running:
        yield running
        assert running.refused == [], "the server did not understand a request"


def engine_for(server: OpenAIServer, **settings: Any) -> OpenAIEngine:
    given = {"model": MODELS[server.flavor], "base_url": server.base_url, "api_key": KEY, "retry": AT_ONCE, **settings}
    return OpenAIEngine(**given)


def said(text: str | None, **more: Any) -> Reply:
    """A reply in one piece; ``more`` are further keys of the body."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    return Reply(200, {}, json.dumps({"id": "chatcmpl-1", "choices": [choice], **more}).encode())
