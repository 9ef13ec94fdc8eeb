"""Requests to a DashScope server as its documentation words them, with nothing in between but httpx."""

from __future__ import annotations

import base64
import io
import json
from typing import TYPE_CHECKING, Any

import httpx

from dashscope_checks import GENERATION
from marked_pages import marked_png

if TYPE_CHECKING:
    from PIL import Image

    from dashscope_server import DashScopeServer

MODEL = "qwen-vl-ocr-2025-11-20"


def data_url(data: bytes, kind: str = "png") -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def encoded(image: Image.Image, kind: str = "PNG", **more: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **more)
    return file.getvalue()


PAGE = data_url(marked_png(1))


def body(
    image: str = PAGE,
    text: str | None = None,
    *,
    part: dict[str, Any] | None = None,
    model: str = MODEL,
    **parameters: Any,
) -> dict[str, Any]:
    content = [{"image": image, **(part or {})}, *([{"text": text}] if text else [])]
    return {"model": model, "input": {"messages": [{"role": "user", "content": content}]}, "parameters": parameters}


def without(field: str) -> dict[str, Any]:
    """A good request that lacks one of its fields."""
    return {name: value for name, value in body().items() if name != field}


def task(name: str, **config: Any) -> dict[str, Any]:
    return {"ocr_options": {"task": name, **config}}


def post(
    server: DashScopeServer, sent: dict[str, Any] | bytes, *, stream: bool = False, **headers: str
) -> httpx.Response:
    base = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"}
    sse = {"X-DashScope-SSE": "enable", "Accept": "text/event-stream"} if stream else {}
    content = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
    headers = {**base, **sse, **headers}
    return httpx.post(server.url + GENERATION, content=content, headers=headers, verify=False)  # loads no certificates


def events(text: str) -> list[dict[str, Any]]:
    """Of a stream, framed exactly as documented."""
    *blocks, end = text.split("\n\n")
    assert end == ""
    found = []
    for number, block in enumerate(blocks, 1):
        first, kind, status, data = block.split("\n")
        assert (first, kind[:6], status[:13], data[:6]) == (f"id:{number}", "event:", ":HTTP_STATUS/", "data:{")
        found.append({"event": kind[6:], "status": int(status.removeprefix(":HTTP_STATUS/")), **json.loads(data[5:])})
    return found


def only_choice(reply: dict[str, Any]) -> dict[str, Any]:
    (choice,) = reply["output"]["choices"]
    return dict(choice)
