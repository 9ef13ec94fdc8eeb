"""What the tests of vision models' text share: replies read as lines with boxes, checked, and where the boxes are."""

from __future__ import annotations

from openai_replies import check_page
from qwen_ocr_loader.answers import Answer
from qwen_ocr_loader.grounded import read_vision_answer

THOUSAND = (1000.0, 1000.0)
SPOTTING = "advanced_recognition"


def spotted(text: str, frame: tuple[float, float] | None = THOUSAND, **known) -> Answer:
    answer = read_vision_answer(SPOTTING, text, frame, **known)
    check_page(answer)
    return answer


def boxes(answer: Answer) -> dict[str, tuple[float, ...] | None]:
    return {line.text: line.quad and tuple(round(edge, 3) for edge in line.quad.bounds) for line in answer.lines}
