"""What a prompt asks for, guessed as a model would: from its words.

Wording of the tasks: Alibaba Model Studio, Qwen-OCR guide, Chinese (2026-01-25) and international (2026-02-04) edition;
``qwenvl …``: Qwen3-VL's cookbook on document parsing.
"""

from __future__ import annotations

import ast
import json
from functools import lru_cache
from typing import Any

SIGNS: dict[str, tuple[str, ...]] = {
    "advanced_recognition": ("定位所有的文字行", "Locate all text lines", "bbox_2d"),
    "key_information_extraction": ("信息提取专家", "information extraction expert", "JSON", "json"),
    "table_parsing": ("converting tables", "<tr>"),
    "formula_recognition": ("LaTeX representation of the formula",),
    "document_parsing": ("into LaTeX format", "in LaTeX format", "qwenvl markdown", "qwenvl html"),
    "text_recognition": ("output only the text content",),
}


@lru_cache(256)
def task_of(prompt: str | None) -> str | None:
    """One of the tasks' names; None for a prompt of the user's own. No prompt is the default one, for the text."""
    if not prompt:
        return "text_recognition"
    return next((task for task, signs in SIGNS.items() if any(sign in prompt for sign in signs)), None)


def schema_of(prompt: str | None) -> dict[str, Any] | None:
    """The first object in a prompt: JSON, or as Python prints it, which the guide's own sample sends."""
    start = (prompt or "").find("{")
    if not prompt or start < 0:
        return None
    try:
        found, _ = json.JSONDecoder().raw_decode(prompt, start)
    except ValueError:
        return _literal(prompt[start : prompt.rfind("}") + 1])
    return dict(found)


def _literal(text: str) -> dict[str, Any] | None:
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return None
    return found if isinstance(found, dict) else None
