"""A recogniser of PP-OCR: pictures of lines become text, at 48 pixels height as in rapidocr 3.10's ``config.yaml``.

It is most of the work, and costs the same for every pixel of a line's width, whether lines go through the network one
by one or in batches.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
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
LONG = 1024  # pixels of width: few lines of receipts and columns are wider
GROUP = 1024  # pixels of width, of all the lines that one thread reads in a row
SURE = 0.9  # a narrow line read with less, as it is, is read again as in training; above, that hardly ever helps


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
        self._model = network(path, runtime, calls=threads, largest=(LINE_HEIGHT, LONG))
        self._side_by_side = ThreadPoolExecutor(threads, "ppocr-lines") if threads > 1 else None
        self._alphabet = ["", *_characters(self._model, path, alphabet), " "]  # index 0 is CTC's blank

    def recognise(self, crops: Sequence[Pixels]) -> list[Recognised]:
        """The reading of each crop, in the order given."""
        groups = self._grouped(crops)
        each = map if self._side_by_side is None else self._side_by_side.map
        read = each(self._read, [[crops[i] for i in group] for group in groups])
        by_crop = dict(zip(chain.from_iterable(groups), chain.from_iterable(read), strict=True))
        return [by_crop[i] for i in range(len(crops))]

    def _grouped(self, crops: Sequence[Pixels]) -> list[list[int]]:
        """Which crops are read one after the other: narrow ones of a width; the widest first, so none ends last."""
        widths = [self._model.fitting(_scaled_width(crop)) for crop in crops]
        groups: list[list[int]] = []
        for i in sorted(range(len(crops)), key=lambda i: -widths[i]):
            if not groups or widths[groups[-1][0]] != widths[i] or (len(groups[-1]) + 1) * widths[i] > GROUP:
                groups.append([])
            groups[-1].append(i)
        return groups

    def _read(self, crops: Sequence[Pixels]) -> list[Recognised]:
        """Each by itself: no padding to a neighbour's width, and a batch would be no faster a line."""
        return [self._read_again(crop, read) for crop, read in [(crop, self._read_in(crop, 0)) for crop in crops]]

    def _read_again(self, crop: Pixels, read: Recognised) -> Recognised:
        """As in training, where that may help."""
        if read.score >= SURE or _scaled_width(crop) >= SHORTEST:
            return read
        return max(read, self._read_in(crop, SHORTEST), key=lambda read: read.score)

    def _read_in(self, crop: Pixels, least: int) -> Recognised:
        width = self._model.fitting(max(least, _scaled_width(crop)))
        best = self._model(_at_line_height(crop, width), _best)
        return self._decode(*best, crop, width / _scaled_width(crop))

    def _decode(self, best: NDArray[np.intp], scores: NDArray[np.float32], crop: Pixels, stretch: float) -> Recognised:
        """CTC: the best symbol of each step, repeats and blanks dropped; ``stretch``: padded width over crop's."""
        import numpy as np

        starts = np.flatnonzero(np.diff(best, prepend=-1))
        ends = np.append(starts[1:], len(best))
        kept = best[starts] != 0
        starts, ends = starts[kept], ends[kept]
        if not starts.size:
            return Recognised("", 0.0)
        places = ((starts + ends) / 2 * (stretch / len(best))).tolist()
        text = "".join(self._alphabet[i] for i in best[starts])
        return Recognised(respaced(text, places, crop).strip(), float(scores[starts].mean()))


def _best(output: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """The best symbol of each step of one line, and its confidence."""
    import numpy as np

    best = output[0].argmax(axis=1)
    return best, output[0, np.arange(len(best)), best]


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


def _at_line_height(crop: Pixels, width: int) -> NDArray[np.float32]:
    """The crop at 48 px height, scaled to -1..1, padded with 0 on the right: 1 x 3 x 48 x ``width``."""
    import cv2
    import numpy as np

    own = _scaled_width(crop)
    picture = np.zeros((1, 3, LINE_HEIGHT, width), dtype=np.float32)
    scaled = cv2.resize(crop, (own, LINE_HEIGHT)).astype(np.float32)
    picture[0, :, :, :own] = (scaled.transpose(2, 0, 1) / 255 - 0.5) / 0.5
    return picture
