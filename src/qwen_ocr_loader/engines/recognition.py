"""A recogniser of PP-OCR: pictures of lines become text, at 48 pixels height as in rapidocr 3.10's ``config.yaml``.

It is most of the work, and costs the same for every pixel of a line's width, whether lines go through the network one
by one or in batches.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from .networks import network
from .spacing import respaced

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from .networks import Network

    Pixels = NDArray[np.uint8]

LINE_HEIGHT = 48
SHORTEST = 320  # in training, narrower lines are padded to this
SURE = 0.95  # a narrow line read with less, as it is, is read again as in training


class Recognised(NamedTuple):
    """What a crop says, and the mean confidence of its characters, 0-1."""

    text: str
    score: float


class LineRecogniser:
    """Safe to share between threads.

    Args:
        path: Of the model.
        threads: For lines that are recognised at the same time: one narrow line keeps no more than one thread busy.
            Pages that are read at the same time share them.
        alphabet: Its characters, one a line; None where the model names them itself.
        runtime: What runs it.
    """

    def __init__(self, path: Path, threads: int, alphabet: Path | None = None, runtime: str = "onnxruntime") -> None:
        self._model = network(path, runtime, calls=threads)
        self._side_by_side = ThreadPoolExecutor(threads, "ppocr-lines") if threads > 1 else None
        self._alphabet = ["", *_characters(self._model, path, alphabet), " "]  # index 0 is CTC's blank

    def recognise(self, crops: Sequence[Pixels]) -> list[Recognised]:
        """The reading of each crop, in the order given."""
        each = map if self._side_by_side is None else self._side_by_side.map
        return list(each(self._recognised, crops))

    def _recognised(self, crop: Pixels) -> Recognised:
        """One at a time: no padding to a neighbour's width, and a batch would be no faster a line."""
        read = self._read_in(crop, 0)
        if read.score >= SURE or _scaled_width(crop) >= SHORTEST:
            return read
        return max(read, self._read_in(crop, SHORTEST), key=lambda read: read.score)

    def _read_in(self, crop: Pixels, width: int) -> Recognised:
        picture = _at_line_height(crop, width, self._model.step)
        return self._decode(self._model(picture)[0], crop, picture.shape[-1] / _scaled_width(crop))

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


def _characters(model: Network, path: Path, alphabet: Path | None) -> list[str]:
    """A recogniser's alphabet, without blank and space."""
    if alphabet is not None:
        return alphabet.read_text("utf-8").rstrip("\n").split("\n")
    listed = model.note("character")
    if not listed:
        raise ValueError(f"{path} does not name its characters; put its *dict*.txt beside it")
    return listed.splitlines()


def _scaled_width(crop: Pixels) -> int:
    shape: float = crop.shape[1] / crop.shape[0]
    return max(1, math.ceil(LINE_HEIGHT * shape))


def _at_line_height(crop: Pixels, least: int, step: int) -> NDArray[np.float32]:
    """The crop at 48 px height, scaled to -1..1, padded with 0 on the right: 1 x 3 x 48 x ``least`` or more."""
    import cv2
    import numpy as np

    width = _scaled_width(crop)
    picture = np.zeros((1, 3, LINE_HEIGHT, max(least, -(-width // step) * step)), dtype=np.float32)
    scaled = cv2.resize(crop, (width, LINE_HEIGHT)).astype(np.float32)
    picture[0, :, :, :width] = (scaled.transpose(2, 0, 1) / 255 - 0.5) / 0.5
    return picture
