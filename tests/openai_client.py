"""Requests to OpenAI-compatible servers as their documentation words them, with nothing in between but httpx."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx

from dashscope_client import PAGE

if TYPE_CHECKING:
    from openai_server import OpenAIServer

LATEST = "qwen-vl-ocr-latest"
LINK = "https://img.example.com/page-000007.png"
LOCATE = "定位所有的文字行，并且返回旋转矩形([cx, cy, width, height, angle])的坐标结果。"
EXTRACT = "假设你是一名信息提取专家。"
TABLE = "converting tables from a synthetic image into HTML. Transcribe each table using <tr> and <td> tags"
DOCUMENT = "transcribe the image's text, tables, and equations into LaTeX format without alteration."
FORMULA = "Extract and output the LaTeX representation of the formula from the image"


def part(url: Any = PAGE, **more: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}, **more}


def chat(image: Any = PAGE, text: str | None = None, *, model: str = LATEST, **parameters: Any) -> dict[str, Any]:
    """A body; ``image`` is a URL, or a whole content part."""
    content = [image if isinstance(image, dict) else part(image), *([{"type": "text", "text": text}] if text else [])]
    return {"model": model, "messages": [{"role": "user", "content": content}], **parameters}


def call(server: OpenAIServer, method: str, path: str, **more: Any) -> httpx.Response:
    """Any request; ``headers`` come on top of the key."""
    headers = {"Authorization": f"Bearer {server.key}", **more.pop("headers", {})}
    return httpx.request(method, server.base_url + path, headers=headers, verify=False, timeout=30, **more)


def ask(server: OpenAIServer, sent: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
    return call(server, "POST", "/chat/completions", json=sent or chat(), headers=headers)


def said(response: httpx.Response) -> str:
    """The text of a completion."""
    assert response.status_code == 200, response.text
    (choice,) = response.json()["choices"]
    return str(choice["message"]["content"])


def chunks_of(response: httpx.Response) -> list[dict[str, Any]]:
    """Of a stream, framed exactly as documented."""
    *events, end = response.text.split("\n\n")
    assert end == ""
    assert events[-1] == "data: [DONE]"
    return [json.loads(event.removeprefix("data: ")) for event in events[:-1]]


def request_line(custom_id: str, body: dict[str, Any] | None = None, url: str = "/v1/chat/completions") -> bytes:
    given = {"custom_id": custom_id, "method": "POST", "url": url, "body": body or chat(LINK)}
    return json.dumps(given, ensure_ascii=False).encode() + b"\n"


def page_lines(count: int, **more: Any) -> bytes:
    """A line for each of so many pages, behind URLs."""
    urls = (f"https://img.example.com/page-{number:06d}.png" for number in range(count))
    return b"".join(request_line(f"page {number}", chat(url, **more)) for number, url in enumerate(urls))


def upload(server: OpenAIServer, data: bytes, name: str = "requests.jsonl", purpose: str = "batch") -> httpx.Response:
    return call(server, "POST", "/files", data={"purpose": purpose}, files={"file": (name, data)})


def submit(server: OpenAIServer, data: bytes, **more: Any) -> dict[str, Any]:
    """A batch of those lines."""
    given = {"input_file_id": upload(server, data).json()["id"], "endpoint": "/v1/chat/completions"}
    response = call(server, "POST", "/batches", json={**given, "completion_window": "24h", **more})
    assert response.status_code == 200, response.text
    return dict(response.json())


def look(server: OpenAIServer, batch: dict[str, Any]) -> dict[str, Any]:
    return dict(call(server, "GET", f"/batches/{batch['id']}").json())


def ended(server: OpenAIServer, batch: dict[str, Any]) -> dict[str, Any]:
    """The batch after its last step."""
    server.batches.finish()
    return look(server, batch)


def results(server: OpenAIServer, file_id: str | None) -> dict[str, dict[str, Any]]:
    """The lines of a result, by their custom_id."""
    if file_id is None:
        return {}
    response = call(server, "GET", f"/files/{file_id}/content")
    assert response.status_code == 200, response.text
    lines = [json.loads(line) for line in response.text.splitlines()]
    assert len({line["custom_id"] for line in lines}) == len(lines)
    return {line["custom_id"]: line for line in lines}
