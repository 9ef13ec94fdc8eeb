"""What the tests of answers share: an answer as a page, which checks every span, and the fence round a reply."""

from __future__ import annotations

from qwen_ocr_loader.answers import Answer
from qwen_ocr_loader.results import PageResult

FENCE = "`" * 3


def in_page(answer: Answer) -> PageResult:
    """As a page, which checks every span."""
    return PageResult(0, 1.0, 1.0, "px", answer.text, answer.text_format, answer.lines, answer.fields, answer.tables)
