"""The embedded engine: PP-OCRv6 on onnxruntime, offline; other scripts by Tesseract, where that is installed."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from ..geometry import Quad
from ..layout import TextBox, compose
from ..tasks import STRUCTURE_TASKS
from .languages import packs_for, reread
from .tesseract import identity, packs

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ..images import PageImage
    from ..results import PageResult
    from ..tasks import Ability, Task
    from .base import Scan

FAMILY = "PP-OCRv6-"
MODELS = ("small",)


@dataclass(frozen=True, slots=True)
class LocalEngine:
    """Reads Chinese, Japanese and Latin-script text on this machine: line quads, text and confidence.

    No key, no network, no system package. Korean, Cyrillic, Arabic and other scripts, and Vietnamese and Slovak, are
    read by Tesseract where ``[tesseract]`` and its packs are installed; the result's ``engine`` says so.

    Attributes:
        model: ``"small"`` or ``"PP-OCRv6-small"``: the models that ship inside ``rapidocr``.
        threads: Processor threads for one page; None for all cores this process may use.
        languages: The languages of pages that PP-OCR does not read (``"ko"`` or Tesseract's ``"kor"``); () for what
            each page shows.

    Raises:
        ValueError: An unknown model or language.
    """

    model: str = "small"
    threads: int | None = None
    languages: tuple[str, ...] = ()

    remote: ClassVar[bool] = False
    tasks: ClassVar[frozenset[Ability]] = frozenset(
        {"text_recognition", "multi_lan", "advanced_recognition", *STRUCTURE_TASKS}
    )
    requires: ClassVar[tuple[str, ...]] = ("rapidocr", "onnxruntime")
    at_once: ClassVar[int | None] = 1  # it uses all cores for a page; two dense ones at once took 1.5 GB

    def __post_init__(self) -> None:
        if self.model.removeprefix(FAMILY) not in MODELS:
            raise ValueError(f"the local engine has no model {self.model!r}; there are {', '.join(MODELS)}")
        packs_for(self.languages)

    @property
    def name(self) -> str:
        """As in ``metadata["ocr_engine"]``."""
        return f"local:{FAMILY}{self.model.removeprefix(FAMILY)}"

    @property
    def settings(self) -> str:
        """The model, Tesseract's packs and the languages: threads do not change what is read."""
        parts = [self.model.removeprefix(FAMILY), identity(packs()), *packs_for(self.languages)]
        return " ".join(filter(None, parts))

    def read(self, scan: Scan, tasks: Sequence[Task]) -> PageResult:
        """Read the page's lines, put them into reading order, and find in them what else is asked for.

        Raises:
            MissingDependency: ``rapidocr`` or ``onnxruntime`` is not installed, or Tesseract's pack for the page.
            ReplyUnreadable: Most of the page is in no script that could be told.
        """
        from .ppocr import shared

        models = shared(self.threads or cores())
        pixels = _bgr(scan.image)
        height, width = pixels.shape[:2]
        page = reread(models.read(pixels), packs_for(self.languages))
        boxes = [
            TextBox(line.text, Quad.from_pixels(line.corners.tolist(), width, height), round(line.score, 4))
            for line in page.readings
            if line.legible
        ]
        text, lines = compose(boxes, scan.width, scan.height)
        result = scan.result(self, tasks, text, lines=lines)
        if page.packs:
            result = replace(result, engine=f"{self.name}+tesseract:{'+'.join(page.packs)}")
        return self.structured(result, tasks, scan.image)

    def structured(
        self,
        result: PageResult,
        tasks: Sequence[Task],
        picture: PageImage | None = None,
        rules: Sequence[Quad] | None = None,
    ) -> PageResult:
        """What else is asked for, found in lines, whoever has read them; as ``LineEngine`` says."""
        from .structure import structured

        return structured(result, tasks, picture, rules)

    async def aread(self, scan: Scan, tasks: Sequence[Task]) -> PageResult:
        """``read`` in a thread."""
        import asyncio

        return await asyncio.to_thread(self.read, scan, tasks)


def cores() -> int:
    """Cores this process may run on: fewer than the machine's inside a container."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _bgr(image: PageImage) -> NDArray[np.uint8]:
    """Pixels as the models want them: height x width x 3, blue first."""
    import numpy as np

    pixels = np.asarray(image.pixels())
    planes = np.repeat(pixels[:, :, None], 3, axis=2) if pixels.ndim == 2 else pixels[:, :, ::-1]
    return np.ascontiguousarray(planes)
