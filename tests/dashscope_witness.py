"""The official ``dashscope`` SDK at work against a server whose address it is given.

What it returned goes to ``outcomes.json``. Run as a process of its own, because the SDK warns, logs and counts as it
likes::

    python dashscope_witness.py BASE_URL PAGE.png OTHER.png
"""

from __future__ import annotations

import base64
import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dashscope

if TYPE_CHECKING:
    from collections.abc import Callable

MODEL = "qwen-vl-ocr-2025-11-20"
FAULTS = (
    "invalid-parameter",
    "invalid-api-key",
    "free-tier",
    "model-not-found",
    "rate-quota",
    "algo",
    "openai-shape",
)
SCHEMA = {"Page": "digits only", "Seller": {"Name": ""}}


def call(image: str | list[str], text: str | None = None, *, model: str = MODEL, **more: Any) -> Any:
    parts: list[dict[str, Any]] = [{"image": one} for one in ([image] if isinstance(image, str) else image)]
    content = [*parts, {"text": text}] if text else parts
    messages = [{"role": "user", "content": content}]
    return dashscope.MultiModalConversation.call(api_key="sk-test", model=model, messages=messages, **more)


def task(image: str, name: str, **more: Any) -> Any:
    return call(image, ocr_options={"task": name, **more})


def streamed(image: str, **more: Any) -> list[Any]:
    return list(call(image, "Read it.", stream=True, **more))


def cases(page: Path, other: Path) -> dict[str, Callable[[], Any]]:
    inline = "data:image/png;base64," + base64.b64encode(page.read_bytes()).decode()
    tasks = ("text_recognition", "multi_lan", "advanced_recognition", "table_parsing", "document_parsing")
    return {
        "prompt": lambda: call(inline, "Read it."),
        "parameters": lambda: call(
            inline, "Read it.", max_tokens=3, logprobs=True, top_logprobs=2, seed=1, stop=["END"]
        ),
        **{name: partial(task, inline, name) for name in (*tasks, "formula_recognition")},
        "qwen3.5": lambda: call(inline, model="qwen3.5-ocr", ocr_options={"task": "advanced_recognition"}),
        "fields": lambda: task(inline, "key_information_extraction"),
        "schema": lambda: task(inline, "key_information_extraction", task_config={"result_schema": SCHEMA}),
        "stream": lambda: streamed(inline, incremental_output=True),
        "stream-cumulative": lambda: streamed(inline),
        "stream-fault": lambda: list(call(inline, "stream algo", stream=True, incremental_output=True)),
        "file": lambda: call(page.as_uri(), "Read it."),
        "two-files": lambda: call([page.as_uri(), other.as_uri()], "Read them."),
        "bad-range": lambda: call(inline, "Read it.", temperature=3),
        **{f"fault-{name}": partial(call, inline, f"fault {name}") for name in FAULTS},
    }


def outcome(case: Callable[[], Any]) -> Any:
    try:
        return case()
    except Exception as error:  # noqa: BLE001 - what it raises is what the test is about
        return {"raised": type(error).__name__}


def main(base_url: str, page: str, other: str) -> None:
    dashscope.base_http_api_url = base_url
    outcomes = {name: outcome(case) for name, case in cases(Path(page), Path(other)).items()}
    Path("outcomes.json").write_text(json.dumps(outcomes), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
