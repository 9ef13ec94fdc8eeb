"""The recorded replies of vision models, and what is asked of every reading of one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from qwen_ocr_loader.answers import Answer
from qwen_ocr_loader.coordinates import coordinates_of
from qwen_ocr_loader.grounded import read_vision_answer
from qwen_ocr_loader.results import PageResult

REPLIES = sorted((Path(__file__).parent / "replies" / "openai").glob("*.json"))


class Recorded(NamedTuple):
    """A file of ``tests/replies/openai``: ``reads`` is what it must be read as."""

    source: str
    model: str
    task: str | None
    size: tuple[int, int]
    text: str
    reads: dict

    @property
    def frame(self) -> tuple[int, int] | None:
        kind = coordinates_of(self.model)
        return None if kind is None else (1000, 1000) if kind == "relative_1000" else self.size

    def read(self, text: str | None = None) -> Answer:
        said = self.text if text is None else text
        return read_vision_answer(self.task, said, self.frame, size=self.size)


def recorded(path: Path) -> Recorded:
    case = json.loads(path.read_text())
    text = case["reply"]["choices"][0]["message"]["content"]
    assert case["reply"]["model"] == case["model"]
    return Recorded(case["source"], case["model"], case["task"], tuple(case["size"]), text, case["reads"])


def check_page(answer: Answer) -> None:
    """Every span holds its text and every quad lies on the page; what is said of it can be written down."""
    page = PageResult(0, 1.0, 1.0, "px", answer.text, answer.text_format, answer.lines, answer.fields, answer.tables)
    json.dumps(page.to_dict(), allow_nan=False).encode()
    for quad in [line.quad for line in answer.lines] + [table.quad for table in answer.tables]:
        assert quad is None or all(0 <= value <= 1 for point in quad for value in point)
    for line in answer.lines:
        assert line.text.strip() == line.text != ""
