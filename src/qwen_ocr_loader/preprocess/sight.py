"""A page seen from afar, before it is recognised: where its lines lie, and what a few of them say."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..engines.local import cores
from ..engines.ppocr import cut_out, shared
from ..forking import cached_property

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ..engines.recognition import Recognised

    Pixels = NDArray[np.uint8]
    Corners = NDArray[np.float32]

AFAR = 960  # pixels a page's long side is scaled down to before its lines are looked for
STRIP = 480  # ... but the short side of a strip, whose letters would vanish, is left this long
LONGEST = 1920
PIECE = 10  # times as long as high: enough of a line to tell how well it reads


class Strip(NamedTuple):
    """Where a line lies.

    Attributes:
        corners: Four (x, y) in pixels of the page, clockwise from the upper left as the page is seen.
        across, down: Length of the sides, in pixels.
    """

    corners: Corners
    across: float
    down: float

    @property
    def is_level(self) -> bool:
        """At least twice as wide as high."""
        return self.across >= 2 * self.down

    @property
    def is_upended(self) -> bool:
        """At least twice as high as wide."""
        return self.down >= 2 * self.across

    @property
    def length(self) -> float:
        """Of the longer side."""
        return max(self.across, self.down)

    @property
    def shape(self) -> float:
        """How many times as long as thick."""
        return self.length / max(1.0, min(self.across, self.down))


class Sight:
    """The PP-OCR models of the local engine, looking at a page.

    Args:
        pixels: Of the page: height x width, gray, or x 3, red first.

    Raises:
        MissingDependency: ``rapidocr`` or ``onnxruntime`` is not installed.
    """

    def __init__(self, pixels: Pixels) -> None:
        import cv2
        import numpy as np

        self._models = shared(cores())
        kind = cv2.COLOR_GRAY2BGR if pixels.ndim == 2 else cv2.COLOR_RGB2BGR
        self._page = np.asarray(cv2.cvtColor(pixels, kind), np.uint8)

    @cached_property
    def strips(self) -> Sequence[Strip]:
        """Its lines."""
        import cv2
        import numpy as np

        height, width = self._page.shape[:2]
        long, short = max(height, width), min(height, width)
        scale = min(1.0, max(AFAR / long, min(STRIP / short, LONGEST / long)))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        small = np.asarray(cv2.resize(self._page, size, interpolation=cv2.INTER_AREA), np.uint8)
        return [_strip(corners / scale) for corners in self._models.detect(small)]

    def pieces(self, strips: Iterable[Strip]) -> list[Pixels]:
        """The first parts of lines as pictures of their own; upended ones are turned counter-clockwise."""
        cut = (cut_out(self._page, strip.corners) for strip in strips)
        return [piece[:, : PIECE * piece.shape[0]] for piece in cut]

    def read(self, pieces: Sequence[Pixels]) -> list[Recognised]:
        """What they say."""
        return self._models.recognise(pieces) if pieces else []


def _strip(corners: Corners) -> Strip:
    """The detector begins a slanting upended box at its lower end: here the first side always leads to the right."""
    import numpy as np

    sides = np.roll(corners, -1, axis=0) - corners
    lengths = np.linalg.norm(sides, axis=1) + 1e-6
    first = int(np.argmax(sides[:, 0] / lengths))
    top, right, bottom, left = np.roll(lengths, -first).tolist()
    return Strip(np.roll(corners, -first, axis=0), (top + bottom) / 2, (left + right) / 2)
