"""A model with perfect sight: it finds the black bars on whatever picture it is sent and tells where they stand.

Its numbers are those of its family, counted on the picture as it sees it after its own resizing; what an engine makes
of them can be held against where the bars were drawn.
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from dashscope_scenarios import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openai_checks import ChatAsked
    from qwen_ocr_loader.coordinates import Coordinates
    from qwen_ocr_loader.results import PageResult

MOST_ASPECT = 200  # what Qwen's own image processors refuse beyond


class Bar(NamedTuple):
    """Where a line of print would be, as fractions of the page."""

    left: float
    top: float
    right: float
    bottom: float


BARS = [Bar(0.1, 0.08, 0.9, 0.12), Bar(0.1, 0.3, 0.4, 0.34), Bar(0.55, 0.5, 0.95, 0.56), Bar(0.05, 0.9, 0.99, 0.97)]


def drawn(size: tuple[int, int], bars: Sequence[Bar] = BARS) -> Image.Image:
    """A page with the bars on it, one below the other, in whole pixels."""
    image = Image.new("L", size, 255)
    pen = ImageDraw.Draw(image)
    for bar in placed(size, bars):
        box = [round(value * side) for value, side in zip(bar, size * 2, strict=True)]
        pen.rectangle((box[0], box[1], box[2] - 1, box[3] - 1), 0)
    return image


def placed(size: tuple[int, int], bars: Sequence[Bar] = BARS) -> list[Bar]:
    """The bars as they lie on whole pixels."""
    return [Bar(*(round(value * side) / side for value, side in zip(bar, size * 2, strict=True))) for bar in bars]


def found(picture: Image.Image) -> list[Bar]:
    """The bars of a picture as fractions of it, to a part of a pixel."""
    ink = 1 - np.asarray(picture.convert("L"), float) / 255
    bars = []
    for top, bottom in _runs(ink.max(1)):
        left, right = _runs(ink[round((top + bottom - 1) / 2)])[0]
        bars.append(Bar(left / picture.width, top / picture.height, right / picture.width, bottom / picture.height))
    return bars


def _runs(ink: np.ndarray) -> list[tuple[float, float]]:
    """Where it is darker than half, from where to where: between the middles of two pixels as on a straight line."""
    padded = np.concatenate(([0.0], ink, [0.0]))
    changes = np.flatnonzero(np.diff((padded >= 0.5).astype(int)))
    at = [float(i - 0.5 + (0.5 - padded[i]) / (padded[i + 1] - padded[i])) for i in changes]
    at = [min(max(0.0, x), float(len(ink))) for x in at]
    return list(zip(at[::2], at[1::2], strict=True))


def sees(asked: ChatAsked, unit: Coordinates | None = None) -> Answer:
    """What a server's model answers, the bars numbered from 0; in its family's numbers unless others are wanted."""
    image = asked.images[0]
    seen = image.across, image.down
    with Image.open(io.BytesIO(image.data)) as picture:
        assert picture.getexif().get(0x0112, 1) == 1, "who turns the picture must not ask for another turn"
        assert max(picture.size) <= MOST_ASPECT * min(picture.size)
        frames = {"relative_1000": (1000, 1000), "original": picture.size, "resized": seen}
        frame = frames[unit or ("relative_1000" if asked.model.thousandths else "resized")]
        boxes = [[round(v * side, 2) for v, side in zip(bar, frame * 2, strict=True)] for bar in found(picture)]
    return Answer(text=json.dumps([{"bbox_2d": box, "text_content": f"bar {n}"} for n, box in enumerate(boxes)]))


def check(result: PageResult, bars: Sequence[Bar], within: float = 0.005) -> None:
    """Every bar was read, and stands where it was drawn, to a fraction of the page."""
    lines = {line.text: line for line in result.lines}
    assert sorted(lines) == sorted(f"bar {n}" for n in range(len(bars)))
    for number, bar in enumerate(bars):
        quad = lines[f"bar {number}"].quad
        assert quad is not None
        off = max(abs(a - b) for a, b in zip(quad.bounds, bar, strict=True))
        assert off <= within, f"bar {number} is {off:.4f} of the page from where it was drawn: {quad.bounds}, {bar}"
