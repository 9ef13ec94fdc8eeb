"""What a page says to a chat request: one text, in the format its prompt asks for, framed as completion or chunks.

Models: Alibaba Model Studio, Qwen-OCR API reference (2026-01-16), compatible mode, for bodies and chunks, and guide
(2026-02-04), for contents; rows of numbers and boxes in thousandths as other people's code reads them; the ``qwenvl``
formats from Qwen3-VL's cookbook.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from dashscope_answers import PROMPT_TOKENS, TOKEN, PageText, Reply, _html, _logprob, read_page, words_info

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dashscope_answers import Framing
    from openai_checks import ChatAsked
    from openai_faults import Flavor

LineFormat = Literal["rows", "rotate_rect", "pos_list", "bbox_2d"]
"""How lines and their boxes are told: rows of ``cx,cy,w,h,angle,text``, or one of three kinds of JSON."""


def read_chat(page: PageText, asked: ChatAsked, lines: LineFormat = "rows") -> Reply:
    """A page as the prompt wants it: the same contents as the native server's."""
    prompt = asked.prompt or ""
    if prompt.startswith("qwenvl "):
        return Reply(_qwenvl_html(page, asked) if "html" in prompt else _qwenvl_markdown(page, asked))
    if asked.task == "advanced_recognition":
        return Reply(_located(page, asked, "bbox_2d" if "bbox_2d" in prompt else lines))
    reply = read_page(page, asked)
    text = reply.text.removeprefix("```json\n").removesuffix("\n```") if asked.bare else reply.text
    return Reply(text)


def _located(page: PageText, asked: ChatAsked, form: LineFormat) -> str:
    told = [
        (info["text"], _corners(info["location"], asked)) for info in words_info(replace(page, boxes="both"), asked)
    ]
    if form == "rows":
        return "\n".join(",".join([*map(str, _rectangle(corners)), text]) for text, corners in told)
    if form == "bbox_2d":
        items: list[dict[str, Any]] = [{"bbox_2d": _upright(corners), "text_content": text} for text, corners in told]
    elif form == "pos_list":
        items = [{"pos_list": [{"rotate_rect": _rectangle(corners)}], "text": text} for text, corners in told]
    else:
        items = [{"rotate_rect": _rectangle(corners), "text": text} for text, corners in told]
    return f"```json\n{json.dumps(items, ensure_ascii=False)}\n```"


def _corners(location: Sequence[int], asked: ChatAsked) -> list[tuple[float, float]]:
    """Corners in pixels of the picture, in the coordinates of the model's family."""
    image = asked.images[0]
    across, down = (1000, 1000) if asked.model.thousandths else (image.across, image.down)
    xs, ys = location[::2], location[1::2]
    return [(x * across / image.width, y * down / image.height) for x, y in zip(xs, ys, strict=True)]


def _rectangle(corners: Sequence[tuple[float, float]]) -> list[int]:
    """As ``words_info`` has it: w is the line's height, h its length, and the angle a right angle less."""
    (left, top), (right, slope), _, (x, y) = corners
    middle = sum(x for x, _ in corners) / 4, sum(y for _, y in corners) / 4
    angle = math.degrees(math.atan2(slope - top, right - left)) - 90
    lengths = math.hypot(x - left, y - top), math.hypot(right - left, slope - top)
    return [round(value) for value in (*middle, *lengths, angle)]


def _upright(corners: Sequence[tuple[float, float]]) -> list[int]:
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    return [round(value) for value in (min(xs), min(ys), max(xs), max(ys))]


def _boxes(page: PageText, asked: ChatAsked) -> list[str]:
    """The lines' boxes, then the table's, below them in the last tenth of the page."""
    lines = [_corners(info["location"], asked) for info in words_info(replace(page, boxes="both"), asked)]
    image = asked.images[0]
    left, top, right, bottom = (round(v) for v in (image.width * 0.1, image.height * 0.9, image.width, image.height))
    table = _corners([left, top, right, top, right, bottom, left, bottom], asked)
    return [" ".join(map(str, _upright(corners))) for corners in (*lines, table)]


def _qwenvl_html(page: PageText, asked: ChatAsked) -> str:
    *lines, table = _boxes(page, asked)
    told = [f'<p data-bbox="{box}">{text}</p>' for box, text in zip(lines, page.lines, strict=True)]
    grid = _html(page.table).replace("<table>", f'<table data-bbox="{table}">')
    return "\n".join(["```html", "<html><body>", *told, grid, "</body></html>", "```"])


def _qwenvl_markdown(page: PageText, asked: ChatAsked) -> str:
    table = _boxes(page, asked)[-1].replace(" ", ", ")
    return "\n\n".join([*page.lines, f"<!-- Table ({table}) -->\n{_html(page.table)}"])


@lru_cache(256)
def _words(prompt: str | None) -> int:
    return len(TOKEN.findall(prompt)) if prompt else PROMPT_TOKENS


def chat_usage(asked: ChatAsked, output_tokens: int, flavor: Flavor = "dashscope") -> dict[str, Any]:
    """Tokens; only Model Studio tells those of pictures."""
    images, words = sum(image.tokens for image in asked.images), _words(asked.prompt)
    counts: dict[str, Any] = {
        "completion_tokens": output_tokens,
        "prompt_tokens": images + words,
        "total_tokens": images + words + output_tokens,
    }
    if flavor != "dashscope":
        return counts
    unknown = dict.fromkeys(
        ("accepted_prediction_tokens", "audio_tokens", "reasoning_tokens", "rejected_prediction_tokens")
    )
    details = {"audio_tokens": None, "cached_tokens": None, "image_tokens": images, "text_tokens": words}
    return {
        **counts,
        "completion_tokens_details": {**unknown, "text_tokens": output_tokens},
        "prompt_tokens_details": details,
    }


def completion(reply: Reply, asked: ChatAsked, said_id: str, created: int, flavor: Flavor) -> dict[str, Any]:
    """The body of a reply that is not streamed."""
    nulls = ("refusal", "annotations", "audio", "function_call", "tool_calls") if flavor == "dashscope" else ()
    message = {"content": reply.text, "role": "assistant", **dict.fromkeys(nulls)}
    choice = {"finish_reason": reply.finish, "index": 0, "logprobs": _logprobs(reply.tokens, asked), "message": message}
    head = _head(asked, said_id, created, "chat.completion", flavor)
    return {**head, "choices": [choice], "usage": chat_usage(asked, len(reply.tokens), flavor)}


def batch_completion(reply: Reply, asked: ChatAsked, said_id: str, created: int) -> dict[str, Any]:
    """The body in a line of a batch's output file, which is shorter than a live one."""
    choice = {"finish_reason": reply.finish, "index": 0, "message": {"content": reply.text}}
    return {
        "created": created,
        "usage": chat_usage(asked, len(reply.tokens), "vllm"),
        "model": asked.model_name,
        "id": said_id,
        "choices": [choice],
        "object": "chat.completion",
    }


def chunks(
    reply: Reply, asked: ChatAsked, said_id: str, created: int, flavor: Flavor, framing: Framing
) -> Iterator[dict[str, Any]]:
    """The role first, text by and by, a last one with the reason to stop; usage in an extra one, where asked for."""
    tokens, step = reply.tokens, framing.tokens
    head = _head(asked, said_id, created, "chat.completion.chunk", flavor)
    counted = bool(asked.parameters.get("stream_options", {}).get("include_usage"))
    rest = {"usage": None} if flavor == "dashscope" or counted else {}

    def chunk(text: str, finish: str | None, said: list[str], role: str | None = None) -> dict[str, Any]:
        choice = {"delta": _delta(text, role, flavor), "finish_reason": finish, "index": 0}
        return {**head, "choices": [choice | {"logprobs": _logprobs(said, asked) if said else None}], **rest}

    yield chunk("", None, [], "assistant")
    for start in range(0, len(tokens), step):
        said = tokens[start : start + step]
        yield chunk("".join(said), None, said)
    yield chunk("", reply.finish, [])
    if counted:
        yield {**head, "choices": [], "usage": chat_usage(asked, len(tokens), flavor)}


def _head(asked: ChatAsked, said_id: str, created: int, kind: str, flavor: Flavor) -> dict[str, Any]:
    head = {"id": said_id, "created": created, "model": asked.model_name, "object": kind}
    return {**head, "service_tier": None, "system_fingerprint": None} if flavor == "dashscope" else head


def _delta(text: str, role: str | None, flavor: Flavor) -> dict[str, Any]:
    delta: dict[str, Any] = {"content": text, "role": role}
    if flavor == "dashscope":
        return {**delta, "function_call": None, "refusal": None, "tool_calls": None}
    return {name: value for name, value in delta.items() if value is not None}


def _logprobs(tokens: list[str], asked: ChatAsked) -> dict[str, Any] | None:
    if not asked.parameters.get("logprobs"):
        return None
    return {"content": [_logprob(token, asked.parameters.get("top_logprobs", 0)) for token in tokens]}
