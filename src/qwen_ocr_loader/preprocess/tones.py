"""Specks taken out of a picture, and its contrast evened out: each only where it is called for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

SPECK = 50  # by which a pixel differs from all those around it, out of 255
SPECKLED = 0.002  # of a picture's pixels from which it is noisy; clean print has a tenth of that
BAND = 256  # rows that are looked at together
CLIP, TILES = 2.0, 8  # how much contrast is raised at most, and in how many parts across and down


def denoised(pixels: Pixels) -> Pixels:
    """Each pixel as the median of 3 x 3; the very same array where the picture has no specks.

    Args:
        pixels: Height x width, gray, or x 3.
    """
    import cv2
    import numpy as np

    return np.asarray(cv2.medianBlur(pixels, 3), np.uint8) if _is_speckled(pixels) else pixels


def _is_speckled(pixels: Pixels) -> bool:
    """Whether too many pixels are much darker, or much lighter, than every one around them."""
    import cv2
    import numpy as np

    gray = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    around = np.ones((3, 3), np.uint8)
    around[1, 1] = 0
    specks = 0
    for start in range(0, len(gray), BAND):
        band = gray[max(start - 1, 0) : start + BAND + 1]  # on what lies at its own edge there is never a speck
        least, most = (look(band, around, borderType=cv2.BORDER_REPLICATE) for look in (cv2.erode, cv2.dilate))
        specks += int(np.count_nonzero(cv2.max(cv2.subtract(least, band), cv2.subtract(band, most)) >= SPECK))
    return specks >= SPECKLED * gray.size


def equalized(pixels: Pixels) -> Pixels:
    """With its lightness equalised tile by tile, contrast limited (CLAHE); colours keep their tint.

    Args:
        pixels: Height x width, gray, or x 3, red first.
    """
    import cv2
    import numpy as np

    clahe = cv2.createCLAHE(CLIP, (TILES, TILES))
    if pixels.ndim == 2:
        return np.asarray(clahe.apply(pixels), np.uint8)
    lab = cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)
    lab[:, :, 0] = clahe.apply(lab[:, :, 0])
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), np.uint8)
