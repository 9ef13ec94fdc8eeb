"""From the detector's heat map to the boxes of lines: DB's post-processing, in fractions of a pixel.

As ``DBPostProcess`` of rapidocr 3.10 does it, with the settings below. But the widening of a rectangle is worked out
rather than cut by a polygon clipper that knows whole pixels alone: seen from afar, a pixel is a tenth of a line. In the
end corners are whole pixels of the picture, so that level lines are cut out of it without being blurred.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    Heat = NDArray[np.float32]
    Corners = NDArray[np.float32]

THRESHOLD = 0.3  # of a pixel that belongs to a line
SURE = 0.5  # mean of a box that is a line
UNCLIP = 1.5  # times area over perimeter: what a box is widened by (rapidocr: 1.6 of boxes cut to whole pixels)
MOST = 1000  # boxes
SMALLEST = 3  # pixels of the heat map


def boxes_of(heat: Heat, width: int, height: int) -> list[Corners]:
    """The boxes of lines, in the map's order from the bottom up.

    Args:
        heat: How likely each pixel belongs to a line, 0-1; any size.
        width, height: Of the picture it was made of, in pixels.

    Returns:
        Four (x, y) each, in pixels of the picture, clockwise from the upper left.
    """
    import numpy as np

    scale = np.array([width / heat.shape[1], height / heat.shape[0]], dtype=np.float32)
    last = np.array([width - 1, height - 1], dtype=np.float32)
    boxes = (np.clip(_clockwise(np.round(corners * scale)), 0, last) for corners in _widened(heat))
    return [box for box in boxes if min(_length(box[1] - box[0]), _length(box[3] - box[0])) > SMALLEST]


def _widened(heat: Heat) -> Iterator[Corners]:
    import cv2
    import numpy as np

    mask = cv2.dilate((heat > THRESHOLD).astype(np.uint8), np.ones((2, 2), np.uint8))
    contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    for contour in contours[:MOST]:
        centre, (across, down), turn = cv2.minAreaRect(contour)
        if min(across, down) >= SMALLEST and _mean(heat, _corners(centre, across, down, turn)) >= SURE:
            more = UNCLIP * across * down / (across + down)  # on both sides: twice area times ratio over perimeter
            yield _corners(centre, across + more, down + more, turn)


def _corners(centre: Sequence[float], across: float, down: float, turn: float) -> Corners:
    import cv2
    import numpy as np

    return np.asarray(cv2.boxPoints((centre, (across, down), turn)), dtype=np.float32)


def _mean(heat: Heat, corners: Corners) -> float:
    """Of the map inside a box."""
    import cv2
    import numpy as np

    height, width = heat.shape
    left, top = np.clip(np.floor(corners.min(axis=0)), 0, (width - 1, height - 1)).astype(int)
    right, bottom = np.clip(np.ceil(corners.max(axis=0)), 0, (width - 1, height - 1)).astype(int)
    mask = np.zeros((bottom - top + 1, right - left + 1), dtype=np.uint8)
    cv2.fillPoly(mask, [(corners - (left, top)).astype(np.int32)], 1)
    return float(cv2.mean(heat[top : bottom + 1, left : right + 1], mask)[0])


def _clockwise(corners: Corners) -> Corners:
    """From the upper left: the upper one of the two leftmost."""
    import numpy as np

    sideways = corners[np.argsort(corners[:, 0], kind="stable")]
    left, right = (pair[np.argsort(pair[:, 1], kind="stable")] for pair in (sideways[:2], sideways[2:]))
    return np.array([left[0], right[0], right[1], left[1]], dtype=np.float32)


def _length(side: Corners) -> float:
    import numpy as np

    return float(np.hypot(*side))
