"""Flat metadata for stores and rich metadata for programs, and the way from one to the other and back."""

from __future__ import annotations

import json
import math
from datetime import date, time
from decimal import Decimal
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from uuid import UUID

from ..geometry import Point, Quad
from .line_rows import read_table, rich_lines

if TYPE_CHECKING:
    from collections.abc import Mapping

BY_NAME = "flattened"
"""The key that says which others hold JSON since ``to_flat``."""


def to_rich(metadata: Mapping[str, Any], text: str = "") -> dict[str, Any]:
    """Flat metadata with its ``lines`` and ``fields`` as lists and dicts; ``to_flat`` takes it back without loss.

    Args:
        metadata: Of a Document or a chunk; left alone.
        text: Its text, for ``lines[...]["text"]``; ``""`` there without it.
    """
    rich = dict(metadata)
    for key in (*_read(rich.pop(BY_NAME, "[]")), "fields"):
        if isinstance(rich.get(key), str) and rich[key]:
            rich[key] = _read(rich[key])
    if "lines" not in rich and "ocr_lines" in rich:
        rich["lines"] = _lines(rich, text)
    return {key: _with_quads(value) if key in ("lines", "fields", "tables") else value for key, value in rich.items()}


def to_flat(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata of scalars only, as every store takes it; ``to_rich`` takes it back without loss.

    ``lines`` that say no more than ``ocr_lines`` are left out. Lists, dicts, None and numbers that are none become JSON
    under the same key; ``flattened`` names these keys. What JSON has no word for comes back as one that it has: the
    instance of a model (``typed``) as a dict by its aliases, dates and decimals as strings; ``fields`` keep what is
    printed.

    Raises:
        TypeError: A value is an object of another kind.
    """
    flat = dict(metadata)
    if isinstance(flat.get("lines"), list) and _same_as_table(flat):
        del flat["lines"]
    ours = [key for key, value in flat.items() if not _is_scalar(value)]
    for key in ours:
        flat[key] = json.dumps(flat[key], ensure_ascii=False, separators=(",", ":"), default=_in_words)
    named = [key for key in ours if key != "fields"]
    return flat | ({BY_NAME: json.dumps(named)} if named else {})


def _in_words(value: Any) -> Any:
    """What JSON has no word for: a model's instance, a date, a decimal."""
    if callable(dump := getattr(value, "model_dump", None)):
        return dump(mode="json", by_alias=True)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal | PurePath | UUID):
        return str(value)
    raise TypeError(f"metadata holds a {type(value).__name__}, which no store takes; leave it out, or write it as text")


def _read(text: str) -> Any:
    """What JSON says; the text itself where a store has cut it short."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _lines(flat: Mapping[str, Any], text: str) -> list[dict[str, Any]]:
    return rich_lines(read_table({**flat, "lines": None}).rows, text)


def _same_as_table(metadata: Mapping[str, Any]) -> bool:
    without_text = [{**line, "text": ""} for line in metadata["lines"]]
    return "ocr_lines" in metadata and without_text == _lines(metadata, "")


def _with_quads(value: Any) -> Any:
    """Lists of four corners under ``quad`` are quads again."""
    if isinstance(value, list):
        return [_with_quads(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {key: _with_quads(item) for key, item in value.items()}
    if (quad := found.get("quad")) and not isinstance(quad, Quad) and len(quad) == 4:
        found["quad"] = Quad(*(Point(x, y) for x, y in quad))
    return found


def _is_scalar(value: object) -> bool:
    return isinstance(value, str | int | bool) or (isinstance(value, float) and math.isfinite(value))
