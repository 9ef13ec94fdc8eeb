"""PP-OCRv6 on onnxruntime: detect lines, cut them out, recognise them; models and post-processing from ``rapidocr``.

Settings follow rapidocr 3.10's ``config.yaml``: input scaled to (x/255 - 0.5)/0.5, threshold 0.3, box threshold 0.5,
unclip 1.6, dilation on; recognition at 48 px height. What differs, and why, is said where it differs.
"""

from __future__ import annotations

import math
import threading
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import MissingDependency
from .spacing import respaced

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]
    Corners = NDArray[np.float32]

RAPIDOCR_MODELS = ("PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx")
INSTALL = "pip install 'qwen-ocr-loader[local]'"

LINE_HEIGHT = 48
SHORTEST = 320  # crops narrower than this are padded, as in training
BATCH_WIDTH = 6 * SHORTEST  # pixels of line height 48 that go through the recogniser at once
DETECT_SHORT_SIDE, DETECT_LONG_SIDE = 736, 2000
STRIP = 3.5  # times as long as wide: a page that is looked at in tiles
TILE_OVERLAP = 120  # pixels beyond a tile's own part: more than a line is high
DOUBTFUL = 0.9  # a line read with less is also tried upside down
CLEARLY = 0.1  # ... and the better reading taken if it is better by this
LEGIBLE = 0.5  # lines read with less are noise: specks, pictures, ruled edges
MARGIN = 0.05  # of a box's height, on each side: the detector leaves it round the ink for the recogniser's sake


class Reading(NamedTuple):
    """A line as read: ``corners`` are four (x, y) in pixels of the image, clockwise from the text's own top-left."""

    text: str
    corners: Corners
    score: float

    @property
    def legible(self) -> bool:
        """Not a speck, a picture or a ruled edge."""
        return bool(self.text) and self.score >= LEGIBLE


class Seen(NamedTuple):
    """A line as found: how it was read, maybe upside down; its picture and ``corners``, as if it stood upright."""

    reading: Reading
    crop: Pixels
    corners: Corners


class Recognised(NamedTuple):
    """What a crop says, and the mean confidence of its characters, 0-1."""

    text: str
    score: float


class PPOCR:
    """A detector and a recogniser; safe to share between threads (an ``InferenceSession`` is)."""

    def __init__(self, threads: int) -> None:
        from rapidocr.ch_ppocr_det.utils import DBPostProcess

        detector, recogniser = (_session(path, threads) for path in _model_paths())
        self._detector, self._recogniser = detector, recogniser
        self._boxes = DBPostProcess(thresh=0.3, box_thresh=0.5, unclip_ratio=1.6, use_dilation=True)
        listed = recogniser.get_modelmeta().custom_metadata_map["character"].splitlines()
        self._alphabet = ["", *listed, " "]  # index 0 is CTC's blank

    def read(self, image: Pixels) -> list[Seen]:
        """The lines of a BGR image (height x width x 3), legible or not, in the detector's order."""
        import numpy as np

        boxes = self.detect(image)
        crops = [cut_out(image, corners) for corners in boxes]
        lines = []
        for corners, crop, (read, flipped) in zip(boxes, crops, self._righted(crops), strict=True):
            upright = _trimmed(_own_corners(corners, crop))
            turned = np.roll(upright, -2 if flipped else 0, axis=0)
            lines.append(Seen(Reading(read.text, turned, read.score), crop, upright))
        return lines

    def detect(self, image: Pixels) -> list[Corners]:
        """Corners of the lines, in pixels; of a strip, tile by tile: scaled to fit in one its text would vanish."""
        import numpy as np

        found: list[Corners] = []
        down, across = image.shape[:2]
        vertical = down >= across
        for start, end, own_start, own_end in _tiles(max(down, across), min(down, across)):
            tile = image[start:end] if vertical else image[:, start:end]
            offset = np.array([0, start] if vertical else [start, 0], dtype=np.float32)
            for corners in self._detect_tile(np.ascontiguousarray(tile)):
                middle = float(corners[:, 1 if vertical else 0].mean()) + start
                if own_start <= middle < own_end:
                    found.append(corners + offset)
        return found

    def _detect_tile(self, image: Pixels) -> list[Corners]:
        import cv2
        import numpy as np

        height, width = image.shape[:2]
        scaled = cv2.resize(image, _detector_size(width, height)).astype(np.float32)
        batch = ((scaled / 255 - 0.5) / 0.5).transpose(2, 0, 1)[None]
        (heat,) = self._detector.run(None, {self._detector.get_inputs()[0].name: batch})
        found, _ = self._boxes(heat, (height, width))
        return [np.asarray(quad, dtype=np.float32) for quad in found]

    def _righted(self, crops: Sequence[Pixels]) -> Iterator[tuple[Recognised, bool]]:
        """Each crop's reading, and whether it stands upside down: doubtful lines are tried that way too."""
        readings = self.recognise(crops)
        doubtful = [i for i, read in enumerate(readings) if read.score < DOUBTFUL and len(read.text) > 1]
        turned = dict(zip(doubtful, self.recognise([crops[i][::-1, ::-1] for i in doubtful]), strict=True))
        for i, read in enumerate(readings):
            other = turned.get(i, read)
            flipped = other.score > read.score + CLEARLY
            yield (other, True) if flipped else (read, False)

    def recognise(self, crops: Sequence[Pixels]) -> list[Recognised]:
        """The reading of each crop, in the order given."""
        name = self._recogniser.get_inputs()[0].name
        readings: dict[int, Recognised] = {}
        for batch in _batches(crops):
            stack = _stacked([crops[i] for i in batch])
            (scores,) = self._recogniser.run(None, {name: stack})
            for i, line in zip(batch, scores, strict=True):
                readings[i] = self._decode(line, crops[i], stack.shape[-1] / _scaled_width(crops[i]))
        return [readings[i] for i in range(len(crops))]

    def _decode(self, scores: NDArray[np.float32], crop: Pixels, stretch: float) -> Recognised:
        """CTC: the best symbol of each step, repeats and blanks dropped; ``stretch``: padded width over crop's."""
        import numpy as np

        best = scores.argmax(axis=1)
        starts = np.flatnonzero(np.diff(best, prepend=-1))
        ends = np.append(starts[1:], len(best))
        kept = best[starts] != 0
        starts, ends = starts[kept], ends[kept]
        if not starts.size:
            return Recognised("", 0.0)
        places = ((starts + ends) / 2 * (stretch / len(best))).tolist()
        text = "".join(self._alphabet[i] for i in best[starts])
        return Recognised(respaced(text, places, crop).strip(), float(scores[starts, best[starts]].mean()))


_loading = threading.Lock()


def shared(threads: int) -> PPOCR:
    """The process's one PP-OCR for this number of threads, loaded at first use.

    Raises:
        MissingDependency: ``rapidocr`` or ``onnxruntime`` is not installed.
    """
    with _loading:
        return _loaded(threads)


@lru_cache(maxsize=4)
def _loaded(threads: int) -> PPOCR:
    try:
        return PPOCR(threads)
    except ImportError as error:
        raise MissingDependency(f"the local engine needs {error.name}; type: {INSTALL}", engine="local") from error


def _model_paths() -> Iterator[Path]:
    import rapidocr

    folder = Path(rapidocr.__file__).parent / "models"
    for name in RAPIDOCR_MODELS:
        if not (folder / name).exists():
            raise MissingDependency(
                f"this rapidocr has no {name}; type: pip install 'rapidocr>=3.10,<4'", engine="local"
            )
        yield folder / name


def _session(path: Path, threads: int) -> Any:
    """An onnxruntime session; its threads do not spin while they wait, so other work keeps its cores."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _detector_size(width: int, height: int) -> tuple[int, int]:
    """The size a page is shown to the detector at: short side up to 736, long side down to 2000, multiples of 32."""
    scale = min(max(1.0, DETECT_SHORT_SIDE / min(width, height)), DETECT_LONG_SIDE / max(width, height))
    return max(32, round(width * scale / 32) * 32), max(32, round(height * scale / 32) * 32)


def _tiles(long: int, short: int) -> Iterator[tuple[int, int, int, int]]:
    """Where to look for lines along a page's long side: start and end of each tile, and of the part that is its own.

    A line belongs to the tile whose own part its middle lies in, so none is found twice and none is cut.
    """
    if long <= STRIP * short or long <= DETECT_LONG_SIDE:
        yield 0, long, 0, long + 1
        return
    overlap = max(TILE_OVERLAP, short // 8)
    step = max(2 * short, DETECT_LONG_SIDE // 2)
    for start in range(0, long, step):
        last = start + step >= long
        yield max(0, start - overlap), min(long, start + step + overlap), start, long + 1 if last else start + step


def cut_out(image: Pixels, corners: Corners) -> Pixels:
    """A line as a picture of its own, level; one that is much higher than wide is turned counter-clockwise."""
    from rapidocr.utils.process_img import get_rotate_crop_image

    crop: Pixels = get_rotate_crop_image(image, corners.copy())
    return crop


def _own_corners(corners: Corners, crop: Pixels) -> Corners:
    """The corners from the text's own top-left on, where it stands upright: a tall box was turned to be read."""
    import numpy as np

    across = math.dist(corners[0], corners[1])
    upright = (crop.shape[1] >= crop.shape[0]) == (across >= math.dist(corners[0], corners[3]))
    return np.roll(corners, 0 if upright else -1, axis=0)


def _trimmed(corners: Corners) -> Corners:
    """The corners moved inwards by the detector's margin."""
    import numpy as np

    down, right = corners[3] - corners[0], corners[1] - corners[0]
    along = right * min(1.0, float(np.linalg.norm(down) / (np.linalg.norm(right) + 1e-6)))
    inwards = np.stack([along + down, down - along, -along - down, along - down])
    return (corners + MARGIN * inwards).astype(np.float32)


def _batches(crops: Sequence[Pixels]) -> Iterator[list[int]]:
    """Indices of crops to be read together: of like width, so that little of a batch is padding."""
    batch: list[int] = []
    for i in sorted(range(len(crops)), key=lambda i: _scaled_width(crops[i])):
        if batch and (len(batch) + 1) * max(SHORTEST, _scaled_width(crops[i])) > BATCH_WIDTH:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def _scaled_width(crop: Pixels) -> int:
    shape: float = crop.shape[1] / crop.shape[0]
    return max(1, math.ceil(LINE_HEIGHT * shape))


def _stacked(crops: Sequence[Pixels]) -> NDArray[np.float32]:
    """Crops at 48 px height, scaled to -1..1, padded with 0 on the right to the widest: n x 3 x 48 x width."""
    import cv2
    import numpy as np

    widths = [_scaled_width(crop) for crop in crops]
    stack = np.zeros((len(crops), 3, LINE_HEIGHT, max(SHORTEST, *widths)), dtype=np.float32)
    for row, crop, width in zip(stack, crops, widths, strict=True):
        scaled = cv2.resize(crop, (width, LINE_HEIGHT)).astype(np.float32)
        row[:, :, :width] = (scaled.transpose(2, 0, 1) / 255 - 0.5) / 0.5
    return stack
