"""A page's picture made easier to read: turned upright, set straight, freed of specks, its contrast evened out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..geometry import Transform
from ..images import PageImage
from .orientation import turn_of
from .skew import skew_of
from .tones import denoised, equalized
from .way_back import WayBack

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ..engines import Scan

    Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A page's picture, ready to be recognised.

    Attributes:
        image: It; the very object that was delivered where there was nothing to do.
        degrees: It was turned by so many, clockwise, about its middle.
        delivered: Width and height of the delivered picture, in pixels.
    """

    image: PageImage
    degrees: float
    delivered: tuple[int, int]

    def scan(self, scan: Scan) -> Scan:
        """The page with the prepared picture, its width and height as that picture has them."""
        scale = scan.width / scan.image.width
        return scan._replace(width=self.image.width * scale, height=self.image.height * scale, image=self.image)

    def way_back(self, scan: Scan) -> WayBack | None:
        """From fractions of the prepared picture to the page as delivered; None where they are the same.

        Args:
            scan: The page as delivered.
        """
        if not self.degrees:
            return None
        (across, down), size = self.delivered, (self.image.width, self.image.height)
        pixels = Transform(size[0], 0, 0, size[1], 0, 0).then(Transform.turning(-self.degrees, size, self.delivered))
        return WayBack(scan.width, scan.height, pixels.then(Transform(1 / across, 0, 0, 1 / down, 0, 0)))


def prepared(image: PageImage, steps: Sequence[str]) -> Prepared:
    """Do what is wanted, in this order: orient, deskew, denoise, equalize; each only where it is called for.

    Args:
        image: The page as delivered.
        steps: Of ``STEPS``, in any order.

    Raises:
        DamagedSource: As for ``PageImage.pixels``.
        MissingDependency: The packages of ``[local]`` are not installed.
    """
    import numpy as np
    from PIL.Image import fromarray

    delivered = np.asarray(image.pixels())
    quarters, skew = _turns(delivered, steps)
    pixels: Pixels = np.ascontiguousarray(np.rot90(delivered, -quarters)) if quarters else delivered
    if "denoise" in steps:
        pixels = denoised(pixels)  # before straightening smears what has to go
    if skew:
        pixels = _straightened(pixels, skew)
    if "equalize" in steps:
        pixels = equalized(pixels)
    ready = image if pixels is delivered else PageImage.from_pixels(fromarray(pixels))
    return Prepared(ready, 90.0 * quarters - skew, (image.width, image.height))


def _turns(pixels: Pixels, steps: Sequence[str]) -> tuple[int, float]:
    """Quarter turns clockwise, then degrees counter-clockwise, that set the page upright and straight."""
    if "orient" not in steps and "deskew" not in steps:
        return 0, 0.0
    from .sight import Sight

    sight = Sight(pixels)
    return turn_of(sight) if "orient" in steps else 0, skew_of(sight.strips) if "deskew" in steps else 0.0


def _straightened(pixels: Pixels, skew: float) -> Pixels:
    """Turned counter-clockwise, with room for all of it; what is added has the colour of the page's edge."""
    import cv2
    import numpy as np

    height, width = pixels.shape[:2]
    left, top, right, bottom = Transform.turning(-skew, (width, height), (width, height)).bounds(0, 0, width, height)
    room = math.ceil(right - left), math.ceil(bottom - top)
    a, b, c, d, e, f = _between_middles(Transform.turning(-skew, (width, height), room))
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    paper = np.median(edge, axis=0).tolist()
    turn = np.array([[a, c, e], [b, d, f]])
    straight = cv2.warpAffine(pixels, turn, room, flags=cv2.INTER_CUBIC, borderValue=paper)
    return np.asarray(straight, np.uint8)


def _between_middles(transform: Transform) -> Transform:
    """The same for OpenCV, which counts from the middle of the first pixel, not from its corner."""
    return Transform(1, 0, 0, 1, 0.5, 0.5).then(transform).then(Transform(1, 0, 0, 1, -0.5, -0.5))
