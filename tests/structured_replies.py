"""Replies kept under ``tests/replies/fields``: a page's lines and fields, and what must become of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PIL import Image

from dashscope_reading import KEY
from qwen_ocr_loader import Scan
from qwen_ocr_loader.engines.dashscope import DashScopeEngine
from qwen_ocr_loader.engines.flows import Reply
from qwen_ocr_loader.fields.completion import completed
from qwen_ocr_loader.images import PageImage
from qwen_ocr_loader.results import merged
from qwen_ocr_loader.tasks import TASKS, Task, parse_tasks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qwen_ocr_loader.geometry import Quad
    from qwen_ocr_loader.results import Field, PageResult

ENGINE = DashScopeEngine(api_key=KEY, stream=False)


def picture(width: int, height: int) -> Image.Image:
    """A page that is not empty."""
    page = Image.new("L", (width, height), 255)
    page.paste(0, (10, 10, 40, 20))
    return page


def parsed(task: Task, body: Mapping[str, Any], size: tuple[int, int]) -> PageResult:
    """A reply's body as the engine reads it, without the network."""
    width, height = size
    scan = Scan(0, float(width), float(height), "px", PageImage.from_pixels(picture(width, height)))
    return ENGINE.parse(scan, task, Reply(200, {}, json.dumps(body).encode()))


@dataclass(frozen=True)
class RecordedFields:
    """A file of ``tests/replies/fields``."""

    data: dict[str, Any]

    @property
    def size(self) -> tuple[int, int]:
        width, height = self.data["size"]
        return width, height

    @property
    def tasks(self) -> tuple[Task, ...]:
        """Lines first, then fields, by the schema."""
        extraction = Task("key_information_extraction", schema=self.data["schema"])
        return (*parse_tasks("advanced_recognition"), extraction)

    def body(self, task: str) -> dict[str, Any]:
        """The reply to a task."""
        assert task in TASKS
        return self.data["replies"][task]

    def parsed(self) -> PageResult:
        """Both replies as one page, its fields led to their places."""
        pages = [parsed(task, self.body(task.name), self.size) for task in self.tasks]
        return completed(merged(pages), self.data["schema"])[0]

    def told(self, page: PageResult) -> dict[str, Any]:
        """What the file keeps of a page: boxes in ten-thousandths, four corners where they are turned."""
        fields = {name: _told(field) for name, field in page.fields.items()}
        return {"truncated": page.truncated, "needs_review": page.needs_review, "fields": fields}


def _told(field: Field) -> dict[str, Any]:
    said = {"value": field.value, "box": _box(field.quad), "confidence": field.confidence}
    places = [[list(place.path), place.text, _box(place.quad)] for place in field.places]
    return {**said, "problems": list(field.problems), "places": places}


def _box(quad: Quad | None) -> list[int] | None:
    return None if quad is None else list(quad.to_ints())
