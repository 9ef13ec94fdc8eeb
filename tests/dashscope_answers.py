"""What a page says, in the words of each task: contents, usage, log-probabilities and stream frames as documented.

Models: the example replies of Alibaba Model Studio's Qwen-OCR guide (2026-02-04) and API reference (2026-01-16).
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dashscope_checks import Asked

TOKEN = re.compile(r"\s*\w{1,4}|\s*[^\w\s]|\s+")  # much as real ones: word pieces with the space before them
PROMPT_TOKENS = 33  # of a task's own prompt, as the guide's example counts it
WITH_DETAILS = {"key_information_extraction", "advanced_recognition"}  # the other tasks' examples have no *_details


@dataclass(frozen=True, slots=True)
class PageText:
    """What stands on a page.

    Attributes:
        tilt: Degrees by which the lines are turned clockwise about the page's middle.
        boxes: Which of the two forms ``words_info`` has; None for what the model does: both, or only the rotated
            rectangle from qwen3.5-ocr on.
        fields: For key_information_extraction, nested as the schema is.
    """

    lines: tuple[str, ...] = ("CORNER SHOP", "Invoice 2024-0117", "Total 19.95")
    tilt: float = 0.0
    boxes: Literal["both", "location", "rotate_rect"] | None = None
    fields: Mapping[str, Any] = field(default_factory=lambda: {"Invoice": "2024-0117", "Total": "19.95"})
    table: tuple[tuple[str, ...], ...] = (("Article", "Price"), ("Tea", "19.95"))
    formula: str = r"E = m c ^ { 2 }"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model says about a request, before it is framed."""

    text: str
    ocr_result: dict[str, Any] | None = None
    finish: Literal["stop", "length"] = "stop"

    @property
    def tokens(self) -> list[str]:
        return TOKEN.findall(self.text)


def read_page(page: PageText, asked: Asked) -> Reply:
    """A page in the words of the task that was asked for."""
    task = asked.task or "text_recognition"
    if task == "key_information_extraction":
        values = _fill(asked.schema, page.fields)
        return Reply(_fence("json", json.dumps(values, ensure_ascii=False, indent=4)), {"kv_result": values})
    if task == "advanced_recognition":
        across, down = asked.images[0].width, asked.images[0].height
        whole = [across // 2, down // 2, down, across, 90]  # the example's text: one rectangle, the page, and no text
        text = f'```json\n[{{"pos_list": [{{"rotate_rect": {whole}}}]}}]```'
        return Reply(text, {"words_info": words_info(page, asked)})
    if task == "table_parsing":
        return Reply(_fence("html", _html(page.table)))
    if task == "document_parsing":
        return Reply(_fence("latex", _latex(page.lines)))
    return Reply(f"$${page.formula}$$" if task == "formula_recognition" else "\n".join(page.lines))


def words_info(page: PageText, asked: Asked) -> list[dict[str, Any]]:
    """The lines, one below the other in the lower seven eighths of the first picture, in its pixels."""
    image = asked.images[0]
    boxes = page.boxes or ("rotate_rect" if asked.model_name.startswith("qwen3.5") else "both")
    pitch = image.height * 0.8 / max(1, len(page.lines))
    infos = []
    for number, text in enumerate(page.lines):
        tall = pitch * 0.6
        long = min(image.width * 0.84, max(tall, len(text) * tall * 0.5))
        middle = image.width * 0.08 + long / 2, image.height * 0.15 + pitch * (number + 0.5)
        info = _box(_turned(middle, image.width, image.height, page.tilt), long, tall, page.tilt)
        infos.append({key: value for key, value in info.items() if boxes in ("both", key)} | {"text": text})
    return infos


def _box(middle: tuple[float, float], long: float, tall: float, tilt: float) -> dict[str, list[int]]:
    """As the guide's example has it: w is the line's height, h its length, and the angle a right angle less."""
    sine, cosine = math.sin(math.radians(tilt)), math.cos(math.radians(tilt))
    corners = []
    for x, y in ((-long, -tall), (long, -tall), (long, tall), (-long, tall)):
        corners += [middle[0] + (x * cosine - y * sine) / 2, middle[1] + (x * sine + y * cosine) / 2]
    rectangle = [*middle, tall, long, tilt - 90]
    return {"rotate_rect": [round(v) for v in rectangle], "location": [round(v) for v in corners]}


def _turned(point: tuple[float, float], width: float, height: float, tilt: float) -> tuple[float, float]:
    sine, cosine = math.sin(math.radians(tilt)), math.cos(math.radians(tilt))
    x, y = point[0] - width / 2, point[1] - height / 2
    return width / 2 + x * cosine - y * sine, height / 2 + x * sine + y * cosine


def _fill(schema: Any, fields: Any) -> Any:
    """The page's values in the schema's shape; what the page does not have is the string "null"."""
    if schema is None:
        return fields
    if isinstance(schema, dict):
        known = fields if isinstance(fields, dict) else {}
        return {name: _fill(below, known.get(name, "null")) for name, below in schema.items()}
    return fields


def _fence(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"


def _html(table: Sequence[Sequence[str]]) -> str:
    rows = ["<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in table]
    return "\n".join(["<table>", *rows, "</table>"])


def _latex(lines: Sequence[str]) -> str:
    head = f"\\documentclass{{article}}\n\n\\title{{{lines[0]}}}\n\\begin{{document}}\n\\maketitle\n"
    return "\n".join([head, "\n\n".join(lines[1:]), "\\end{document}"])


def limited(reply: Reply, asked: Asked) -> Reply:
    """A reply within ``stop`` and ``max_tokens``."""
    stops = asked.parameters.get("stop", [])
    text, ocr_result, finish = reply.text, reply.ocr_result, reply.finish
    for word in [stops] if isinstance(stops, str) else stops:
        text = text.partition(word)[0] if isinstance(word, str) else text
    tokens, most = TOKEN.findall(text), asked.parameters.get("max_tokens", asked.model.max_tokens)
    if len(tokens) > most:
        text, ocr_result, finish = "".join(tokens[:most]), None, "length"
    return Reply(text, ocr_result, finish)


def usage(asked: Asked, output_tokens: int, *, details: bool) -> dict[str, Any]:
    """Of a whole reply, or of a stream so far; ``image_tokens`` has the two marks round each picture in it."""
    images = sum(image.tokens for image in asked.images)
    words = len(TOKEN.findall(asked.prompt)) if asked.prompt else PROMPT_TOKENS
    counts: dict[str, Any] = {
        "total_tokens": images + words + output_tokens,
        "output_tokens": output_tokens,
        "input_tokens": images + words,
        "image_tokens": images,
    }
    if details:
        counts["input_tokens_details"] = {"image_tokens": images, "text_tokens": words}
        counts["output_tokens_details"] = {"text_tokens": output_tokens}
    return counts


def whole(reply: Reply, asked: Asked, request_id: str) -> dict[str, Any]:
    """The body of a reply that is not streamed."""
    content = [_element(reply.text, reply.ocr_result)] if reply.text or reply.ocr_result else []
    choice = _choice(content, reply.finish, reply.tokens, asked)
    counts = usage(asked, len(reply.tokens), details=asked.task in WITH_DETAILS)
    return {"output": {"choices": [choice]}, "usage": counts, "request_id": request_id}


@dataclass(frozen=True, slots=True)
class Framing:
    """How a stream is put together, where the documentation leaves it open.

    Attributes:
        tokens: In a frame.
        last: The content of the last frame, where there is no more text to send: ``[]`` or ``[{"text": ""}]``.
        result: The frame that carries ``ocr_result``: the last one with text, the first, or the last of all.
    """

    tokens: int = 4
    last: Literal["nothing", "empty text"] = "nothing"
    result: Literal["last text", "first text", "last"] = "last text"


def frames(reply: Reply, asked: Asked, request_id: str, framing: Framing) -> Iterator[dict[str, Any]]:
    """The ``data`` of each event: text grown or grown by, usage so far, and ``finish_reason`` "null" until the last."""
    tokens, step = reply.tokens, framing.tokens
    incremental = asked.parameters.get("incremental_output", False)
    starts = range(0, len(tokens), step)
    carrier = {"last text": starts[-1] if starts else None, "first text": 0}.get(framing.result)
    for start in starts:
        upto = tokens[: start + step]
        text = "".join(upto[start:] if incremental else upto)
        content = [_element(text, reply.ocr_result if start == carrier else None)]
        yield _frame(_choice(content, "null", upto[start:], asked), len(upto), asked, request_id)
    text = "" if incremental else reply.text
    content = [] if framing.last == "nothing" and not text else [_element(text, None)]
    if reply.ocr_result and (framing.result == "last" or not starts):
        content = [_element(text, reply.ocr_result)]
    yield _frame(_choice(content, reply.finish, [], asked), len(tokens), asked, request_id)


def event(number: int, data: str, status: int = 200) -> bytes:
    """A server-sent event as DashScope frames it; the status is a comment line."""
    return f"id:{number}\nevent:result\n:HTTP_STATUS/{status}\ndata:{data}\n\n".encode()


def _frame(choice: dict[str, Any], tokens: int, asked: Asked, request_id: str) -> dict[str, Any]:
    return {"output": {"choices": [choice]}, "usage": usage(asked, tokens, details=True), "request_id": request_id}


def _element(text: str, ocr_result: dict[str, Any] | None) -> dict[str, Any]:
    return {"text": text} if ocr_result is None else {"ocr_result": ocr_result, "text": text}


def _choice(content: list[dict[str, Any]], finish: str, tokens: list[str], asked: Asked) -> dict[str, Any]:
    choice: dict[str, Any] = {"finish_reason": finish, "message": {"role": "assistant", "content": content}}
    if asked.parameters.get("logprobs"):
        choice["logprobs"] = {"content": [_logprob(token, asked.parameters.get("top_logprobs", 0)) for token in tokens]}
    return choice


def _logprob(token: str, alternatives: int) -> dict[str, Any]:
    """Letters are certain, digits less so: something for a confidence to see."""
    likely = {"token": token, "bytes": list(token.encode()), "logprob": -0.2 if re.search(r"\d", token) else -0.01}
    others = [{"token": "?", "bytes": [63], "logprob": -7.5 - n} for n in range(alternatives - 1)]
    return {**likely, "top_logprobs": [likely, *others] if alternatives else []}
