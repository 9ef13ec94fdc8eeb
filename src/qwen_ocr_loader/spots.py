"""Lines with boxes in a model's JSON, whatever it calls them.

Forms: ``[{"bbox_2d": [x1, y1, x2, y2], "text_content": "…"}]`` of Qwen2.5-VL and Qwen3-VL (QwenLM/Qwen3-VL
cookbooks/ocr.ipynb, 2025-10), ``{"rotate_rect": [cx, cy, width, height, angle], "text": "…"}`` and ``pos_list`` of
Qwen-OCR (API reference, 2026-01-16), ``{"bbox": […], "category": "Text", "text": "…"}`` of dots.ocr (its README,
2025-07), and what else is seen where models are asked for JSON in words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from .boxes import BOX_KEYS, NO_BOX, box_of, numbers_in, plain_key, read_box
from .keyvalues import read_json
from .markup import unfenced

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .boxes import Place

_DEEPEST = 12  # levels
_TEXT_KEYS = ("text", "textcontent", "content", "transcription", "transcript", "ocrtext", "word", "words", "value")
_LABEL_KEY = "label"  # what Qwen calls a thing it was asked to find: text only where text was asked for
_START = re.compile(r"\A\[|\[\s*[\[{]|\{\s*[\"'\w]")
_BETWEEN = re.compile(
    r"\}[ \t\r]{0,20},?[ \t\r]{0,20}\n\s{0,200}\{"
)  # objects that are listed without brackets round them
_LAYOUT_KEYS = ("category", "layouttype", "blocktype")
_SMALL_TALK = ("confidence", "score", "conf", "id", "index", "lineid", "linenumber", "order", "label", "type", "angle")
_OF_A_LINE = frozenset((*_TEXT_KEYS, *BOX_KEYS, *_LAYOUT_KEYS, *_SMALL_TALK))


class Spot(NamedTuple):
    """Something printed, and where.

    Attributes:
        text: As it came.
        place: In the reply's numbers; None where nothing was said.
        is_block: It is a paragraph, a heading or a table in markup, not a line.
    """

    text: str
    place: Place
    is_block: bool = False


class Spotted(NamedTuple):
    """What a reply lists.

    Attributes:
        spots: In the order of the reply.
        cut_off: It stops in the middle; what was unfinished is not in it.
    """

    spots: tuple[Spot, ...]
    cut_off: bool = False


def spots_in_json(text: str, *, whole: bool, labels: bool) -> Spotted | None:
    """The lines that a JSON reply lists; None where it is none, has no text with a box, or says more than lines.

    Args:
        text: The reply, in fences or not.
        whole: It is JSON from its beginning; else words may stand before it, but fewer than the JSON has.
        labels: Lines with boxes were asked for: a ``label`` is the text where there is no other.
    """
    body = unfenced(text).strip()
    start = _START.match(body) if whole else _START.search(body)
    if not start:
        return None
    end = max(body.rfind("}"), body.rfind("]"))
    if not labels and 2 * (end - start.start()) < len(body):
        return None
    body = body[start.start() :]
    if body[0] == "{" and _BETWEEN.search(body):
        end = body.rfind("}") + 1
        listed, rest = _BETWEEN.sub("},{", body[:end]), body[end:]
        body = f"[{listed}{rest}" if "{" in rest else f"[{listed}]"
    reading = read_json(body)
    if reading is None:
        return None
    spots = tuple(_spots(reading.value, labels=labels))
    if not labels and _says_more(reading.value):
        return None
    if not any(spot.place or (labels and spot.place is not None) for spot in spots):
        return None
    return Spotted(spots, reading.cut_off)


def _says_more(value: Any, depth: int = 0) -> bool:
    """Whether lines are only a part of it: somebody asked for something else, and gets it as it is."""
    if isinstance(value, list):
        return depth < _DEEPEST and any(_says_more(part, depth + 1) for part in value)
    if not isinstance(value, Mapping):
        return False
    plain = {key for key, part in value.items() if not isinstance(part, list | Mapping)}
    if _own_text(value, labels=False) is not None and not {plain_key(key) for key in plain} <= _OF_A_LINE:
        return True
    return depth < _DEEPEST and any(
        _says_more(part, depth + 1) for key, part in value.items() if plain_key(key) not in BOX_KEYS
    )


def _spots(value: Any, *, labels: bool, depth: int = 0) -> Iterator[Spot]:
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        if spot := _row(value):
            yield spot
            return
        for part in value:
            yield from _spots(part, labels=labels, depth=depth + 1)
    elif isinstance(value, Mapping):
        yield from _of_object(value, labels=labels, depth=depth)


def _of_object(item: Mapping[str, Any], *, labels: bool, depth: int) -> Iterator[Spot]:
    """An object's own text, and that of the objects in it as far as it is not the same."""
    inner = [
        spot
        for part in item.values()
        if isinstance(part, Mapping | list)
        for spot in _spots(part, labels=labels, depth=depth + 1)
    ]
    text = _own_text(item, labels=labels)
    if text is None:
        yield from inner or (_named(item) if labels else ())
        return
    is_block = "<table" in text or any(plain_key(key) in _LAYOUT_KEYS for key in item)
    yield Spot(text, box_of(item), is_block)
    yield from (spot for spot in inner if spot.text not in text)


def _own_text(item: Mapping[str, Any], *, labels: bool) -> str | None:
    given = {plain_key(key): value for key, value in item.items()}
    for key in (*_TEXT_KEYS, *([_LABEL_KEY] if labels else ())):
        value = given.get(key)
        if isinstance(value, str | int | float) and not isinstance(value, bool) and str(value).strip():
            return str(value)
    return None


def _named(item: Mapping[str, Any]) -> Iterator[Spot]:
    """``{"Harbour dues": [100, 90, 500, 130], …}``."""
    boxes = {name: numbers_in(value) for name, value in item.items() if plain_key(name) not in BOX_KEYS}
    if boxes and len(boxes) == len(item) and all(value and len(value) in (4, 5, 8) for value in boxes.values()):
        yield from (Spot(name, read_box(value)) for name, value in boxes.items())


def _row(values: list[Any]) -> Spot | None:
    """``[[x1, y1, x2, y2], "text"]``, flat or nested, with a score or without."""
    flat = list(_flat(values))
    texts = [part for part in flat if isinstance(part, str)]
    if len(texts) != 1 or len(flat) > 12 or not texts[0].strip():
        return None
    lists = [part for part in values if isinstance(part, list) and (numbers_in(part) or ())]
    numbers = numbers_in(lists[0]) if lists else numbers_in([part for part in flat if not isinstance(part, str)])
    if not numbers or len(numbers) not in (4, 5, 8):
        return None
    return Spot(texts[0], read_box(numbers) or NO_BOX)


def _flat(values: list[Any], depth: int = 0) -> Iterator[Any]:
    for part in values:
        if isinstance(part, list) and depth < 4:
            yield from _flat(part, depth + 1)
        else:
            yield part
