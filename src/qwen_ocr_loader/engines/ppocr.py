"""PP-OCRv6: detect lines, cut them out, have them recognised; the models are those of ``rapidocr``.

Settings follow rapidocr 3.10's ``config.yaml``: input scaled to (x/255 - 0.5)/0.5. What differs, and why, is said where
it differs.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import TYPE_CHECKING, NamedTuple

from ..errors import MissingDependency
from ..forking import Lock
from ..preprocess.tones import denoised
from .heatmap import boxes_of
from .models import INSTALL, model_files
from .networks import AUTO, RUNTIMES, chosen, give_up_openvino, network, refuse_absent
from .recognition import LineRecogniser

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    import numpy as np
    from numpy.typing import NDArray

    from .models import ModelFiles
    from .recognition import Pixels, Recognised

    Corners = NDArray[np.float32]

GLANCE, GLANCE_SHORT = 1120, 480  # pixels of a page's long and short side at least, as it is looked at first
SMALL_PICTURE = 768  # pixels of the long side: in what is less every pixel counts, and looking nearer costs little
SMALL_PRINT = 0.25  # of a page's lines are no higher than what decides whether it is looked at again
EASY = 18.0  # pixels: boxes of lines this high are found reliably
WORTH, MOST = 1.2, 4.0  # times nearer: less is not worth a second look, more is not looked at
DETECT_SHORT_SIDE, DETECT_LONG_SIDE = 736, 2000
STRIP = 3.5  # times as long as wide: a page that is looked at in tiles
TILE_OVERLAP = 120  # pixels beyond a tile's own part: more than a line is high
SLACK = 8  # pixels a tile may be wrong about where a line's middle is
DOUBTFUL = 0.9  # a line read with less is also tried upside down
FEW = 0.2  # ... unless no more than this share of a page is doubtful
CLEARLY = 0.1  # ... and the better reading taken if it is better by this
LEGIBLE = 0.5  # lines read with less are noise: specks, pictures, ruled edges
TALL = 1.5  # times as high as wide: upended
MARGIN = 0.06  # of a box's height, on each side: the detector leaves it round the ink for the recogniser's sake


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


class PPOCR:
    """A detector and a recogniser; safe to share between threads.

    Args:
        threads: For detection, and for lines that are recognised at the same time: one narrow line keeps no more than
            one thread busy. Pages that are read at the same time share them.
        files: The models; None for the small ones of ``rapidocr``.
        runtime: What runs them.
    """

    def __init__(self, threads: int, files: ModelFiles | None = None, runtime: str = "onnxruntime") -> None:
        files = files or model_files("small")
        self._load = partial(LineRecogniser, files.recogniser, threads, files.alphabet, runtime)
        self._recogniser: LineRecogniser | None = None
        beside = ThreadPoolExecutor(1, "ppocr-loading")
        self._early: Future[LineRecogniser] | None = beside.submit(self._load)  # while the first page's lines are found
        beside.shutdown(wait=False)
        self._loading = Lock()
        self._detector = network(files.detector, runtime, threads=threads)
        self._detecting = Lock()  # it is the step that takes memory, and uses all threads by itself

    def read(self, image: Pixels) -> list[Seen]:
        """The lines of a BGR image (height x width x 3), legible or not, in the detector's order."""
        import numpy as np

        boxes = self.detect(image)
        crops = [cut_out(image, corners) for corners in boxes]
        standing = [_own_corners(corners, crop) for corners, crop in zip(boxes, crops, strict=True)]
        upended = [bool((own[0] != corners[0]).any()) for own, corners in zip(standing, boxes, strict=True)]
        lines = []
        for own, crop, (read, flipped) in zip(standing, crops, self._righted(crops, upended), strict=True):
            upright = _trimmed(own)
            turned = np.roll(upright, -2 if flipped else 0, axis=0)
            lines.append(Seen(Reading(read.text, turned, read.score), crop, upright))
        return lines

    def detect(self, image: Pixels) -> list[Corners]:
        """Corners of the lines, in pixels.

        A page that has specks, or print as fine as they are, is looked at without them too, and the longer lines taken:
        with black and white pixels strewn over 2 % of a page the detector misses most of it.
        """
        found, cleaned = self._detect(image), denoised(image)
        return found if cleaned is image else max(found, self._detect(cleaned), key=_length)

    def _detect(self, image: Pixels) -> list[Corners]:
        """Of a strip, tile by tile: scaled to fit in one its text would vanish."""
        import numpy as np

        found: list[Corners] = []
        down, across = image.shape[:2]
        vertical = down >= across
        for start, end, own_start, own_end in _tiles(max(down, across), min(down, across)):
            tile = image[start:end] if vertical else image[:, start:end]
            offset = np.array([0, start] if vertical else [start, 0], dtype=np.float32)
            for corners in self._looked(np.ascontiguousarray(tile)):
                middle = float(corners[:, 1 if vertical else 0].mean()) + start
                beside = min(abs(middle - own_start), abs(middle - own_end)) <= SLACK
                if (own_start <= middle < own_end or beside) and not (beside and _known(corners + offset, found)):
                    found.append(corners + offset)
        return found

    def _looked(self, image: Pixels) -> list[Corners]:
        """The lines as seen at a glance, or where that shows small print, as seen from nearer."""
        height, width = image.shape[:2]
        glance = min(max(GLANCE / max(width, height), GLANCE_SHORT / min(width, height)), _nearest(width, height))
        if max(width, height) < SMALL_PICTURE:
            return self._seen_at(image, _nearest(width, height))
        found = self._seen_at(image, glance)
        nearer = min(_nearest(width, height), glance * _magnification(found, glance))
        return found if nearer < WORTH * glance else self._seen_at(image, nearer)

    def _seen_at(self, image: Pixels, scale: float) -> list[Corners]:
        import cv2
        import numpy as np

        height, width = image.shape[:2]
        size = max(32, round(width * scale / 32) * 32), max(32, round(height * scale / 32) * 32)
        batch = np.divide(cv2.resize(image, size).transpose(2, 0, 1)[None], 255, dtype=np.float32, order="C")
        batch -= 0.5
        batch /= 0.5
        with self._detecting:
            heat = self._detector(batch, lambda output: output[0, 0].copy())
        return boxes_of(heat, width, height)

    def _righted(self, crops: Sequence[Pixels], upended: Sequence[bool]) -> Iterator[tuple[Recognised, bool]]:
        """Each crop's reading, and whether it stands upside down: doubtful lines are tried that way too.

        Not the level ones of a page that reads well as it stands: there it is the print that is bad.
        """
        readings = self.recognise(crops)
        doubtful = [i for i, read in enumerate(readings) if read.score < DOUBTFUL and len(read.text) > 1]
        if len(doubtful) <= FEW * len(readings):
            doubtful = [i for i in doubtful if upended[i]]
        turned = dict(zip(doubtful, self.recognise([crops[i][::-1, ::-1] for i in doubtful]), strict=True))
        for i, read in enumerate(readings):
            other = turned.get(i, read)
            flipped = other.score > read.score + CLEARLY
            yield (other, True) if flipped else (read, False)

    def recognise(self, crops: Sequence[Pixels]) -> list[Recognised]:
        """The reading of each crop, in the order given."""
        return self._line_recogniser().recognise(crops)

    def _line_recogniser(self) -> LineRecogniser:
        """Where it could not be loaded, whoever asks again tries again."""
        with self._loading:
            if self._recogniser is None:
                early, self._early = self._early, None
                self._recogniser = early.result() if early else self._load()
            return self._recogniser


_loading = Lock()


def shared(threads: int, model: str = "small", folder: str = "", runtime: str = AUTO) -> PPOCR:
    """The process's one PP-OCR for these settings, loaded at first use.

    Args:
        threads: As for ``PPOCR``.
        model, folder: As for ``model_files``.
        runtime: As for ``PPOCR``, or ``"auto"``.

    Raises:
        MissingDependency: The runtime, or the package that carries the models, is not installed.
        ValueError: The folder has not got the models.
    """
    with _loading:
        now = chosen(runtime)
        try:
            return _loaded(threads, model, folder, now, os.getpid())
        except (MissingDependency, OSError, RuntimeError) as error:
            reason = error.__cause__ if isinstance(error, MissingDependency) else error
            if runtime != AUTO or now == RUNTIMES[0] or reason is None:
                raise
            give_up_openvino(reason)
        return _loaded(threads, model, folder, chosen(runtime), os.getpid())


@cache
def _loaded(threads: int, model: str, folder: str, runtime: str, _process: int) -> PPOCR:
    """For one process: a forked one has none of the threads that its copies of pools and sessions wait for.

    Nor may it free those sessions, which would wait for their threads too: so nothing is ever put out of here.
    """
    files = model_files(model, folder)
    refuse_absent(runtime)
    try:
        return PPOCR(threads, files, runtime)
    except ImportError as error:
        raise MissingDependency(
            f"the local engine needs {error.name}; type: {INSTALL['small']}", engine="local"
        ) from error


def _length(found: Sequence[Corners]) -> float:
    """Of all lines together."""
    return sum(max(math.dist(c[0], c[1]), math.dist(c[0], c[3])) for c in found)


def _nearest(width: int, height: int) -> float:
    """The largest scale a page is looked at: short side up to 736 pixels, long side down to 2000.

    But not ten times as large, as rapidocr shows a picture of one line: that takes three times as long and loses words.
    """
    return min(max(1.0, DETECT_SHORT_SIDE / min(width, height)), DETECT_LONG_SIDE / max(width, height), MOST)


def _magnification(found: Sequence[Corners], scale: float) -> float:
    """How many times larger the page should be seen for its small print to be as high as is easily found."""
    import numpy as np

    if not found:
        return MOST
    heights = [scale * min(math.dist(c[0], c[1]), math.dist(c[0], c[3])) for c in found]
    return min(MOST, EASY / float(np.quantile(heights, SMALL_PRINT)))


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


def _known(corners: Corners, found: Sequence[Corners]) -> bool:
    """Whether the line is among those found: the neighbouring tile may have seen it a little higher or lower."""
    height = min(math.dist(corners[0], corners[1]), math.dist(corners[0], corners[3]))
    return any(math.dist(corners.mean(axis=0), other.mean(axis=0)) < height / 2 for other in found)


def cut_out(image: Pixels, corners: Corners) -> Pixels:
    """A line as a picture of its own, level; one that is much higher than wide is turned counter-clockwise."""
    import cv2
    import numpy as np

    across = int(max(math.dist(corners[0], corners[1]), math.dist(corners[2], corners[3])))
    down = int(max(math.dist(corners[0], corners[3]), math.dist(corners[1], corners[2])))
    level = np.array([[0, 0], [across, 0], [across, down], [0, down]], dtype=np.float32)
    turn = cv2.getPerspectiveTransform(corners.astype(np.float32), level)
    crop = cv2.warpPerspective(image, turn, (across, down), borderMode=cv2.BORDER_REPLICATE, flags=cv2.INTER_CUBIC)
    return np.asarray(np.rot90(crop) if down >= TALL * across else crop, np.uint8)


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
