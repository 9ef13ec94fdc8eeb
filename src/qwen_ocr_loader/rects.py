"""Boxes as Qwen-OCR and vision models write them (corners, turned rectangles) become quads of lines of text.

The numbers are pixels of an image, or of a grid laid over it (0-1000): ``scaled`` goes from one to the other.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from .geometry import Quad

Corners = tuple[tuple[float, float], ...]
Size = tuple[float, float]  # width and height


def upright(left: float, top: float, right: float, bottom: float) -> Corners:
    """The corners of an upright box, clockwise from the upper left; none where its sides are exchanged or meet."""
    if left >= right or top >= bottom:
        return ()
    return (left, top), (right, top), (right, bottom), (left, bottom)


def sized(left: float, top: float, width: float, height: float) -> Corners:
    """``upright`` from a corner and the length of the sides."""
    return upright(left, top, left + width, top + height)


def outline(points: Corners) -> Corners:
    """The upright box round any number of points; no corners where there are none."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return upright(min(xs), min(ys), max(xs), max(ys)) if points else ()


def lies_within(corners: Corners, frame: Size, slack: float) -> bool:
    """Whether no corner is further outside of a frame than a fraction ``slack`` of its width and height."""
    across, down = slack * frame[0], slack * frame[1]
    return all(-across <= x <= frame[0] + across and -down <= y <= frame[1] + down for x, y in corners)


def reach(corners: Corners) -> Size:
    """How far any of the corners lies to the right, and how far down."""
    return max((x for x, _ in corners), default=0.0), max((y for _, y in corners), default=0.0)


class RotatedRect(NamedTuple):
    """A turned rectangle as OpenCV and Qwen-OCR give it, in pixels: its centre, two sides and the first one's turn.

    ``angle`` is in degrees, clockwise, as y points down. Which side is the longer is open: at -89 an ordinary line of
    print has its height as ``width`` and its length as ``height``.
    """

    x: float
    y: float
    width: float
    height: float
    angle: float

    @property
    def corners(self) -> Corners:
        """Four corners in pixels, clockwise, from the one that is upper left at angle 0."""
        turn = math.radians(self.angle)
        ax, ay = math.cos(turn) * self.width / 2, math.sin(turn) * self.width / 2
        bx, by = -math.sin(turn) * self.height / 2, math.cos(turn) * self.height / 2
        ends = (-1, -1), (1, -1), (1, 1), (-1, 1)
        return tuple((self.x + i * ax + j * bx, self.y + i * ay + j * by) for i, j in ends)

    @classmethod
    def from_corners(cls, corners: Corners) -> RotatedRect:
        """The inverse of ``corners`` (for a rectangle; otherwise the one with its centre and first two sides)."""
        (ax, ay), (bx, by), (cx, cy), (dx, dy) = corners
        angle = math.degrees(math.atan2(by - ay, bx - ax))
        sides = math.hypot(bx - ax, by - ay), math.hypot(cx - bx, cy - by)
        return cls((ax + bx + cx + dx) / 4, (ay + by + cy + dy) / 4, *sides, angle)

    @property
    def swapped(self) -> RotatedRect:
        """The same with its sides exchanged."""
        return self._replace(width=self.height, height=self.width)

    @property
    def is_doubtful(self) -> bool:
        """True where it has a line stand on its end in the way that Alibaba's own example has for a level word.

        There ``[398, 153, 134, 27, 90]`` is beside ``[680, 250, 40, 167, 90]``.
        """
        return abs(abs(self.angle) - 90) <= 5 and self.width > _LONG * self.height

    def quad(self, width: float, height: float) -> Quad | None:
        """As the quad of a line of text in an image ``width`` x ``height``: see ``text_quad``."""
        return text_quad(self.corners, width, height, ordered=False)


def scaled(corners: Corners, frame: Size, size: Size) -> Corners:
    """Corners in a frame (its width and height), as they are in the same picture at another size."""
    if frame == size:
        return corners
    return tuple((x * size[0] / frame[0], y * size[1] / frame[1]) for x, y in corners)


_LONG = 1.5  # times the other side: text runs along this one


def text_quad(corners: Corners, width: float, height: float, *, ordered: bool) -> Quad | None:
    """Four corners in pixels of an image ``width`` x ``height``, taken in turn, as the quad of a line of text.

    Text runs along the long side. Where no order says which end of it comes first, it is the left one, or the upper one
    of a line steeper than 45 degrees. None for what is no box (crossed, without area, not finite) or is mostly outside.

    Args:
        corners: In turn, in either sense.
        width, height: Of the image, in pixels.
        ordered: The first is said to be the text's upper left; believed unless text would run along the short side.
    """
    turned = _clockwise(corners)
    inside = _visible(turned, width, height)
    if not inside:
        return None
    first = _first_corner(turned, ordered=ordered)
    return Quad.from_pixels(inside[first:] + inside[:first], width, height)


def area_quad(corners: Corners, width: float, height: float) -> Quad | None:
    """Four corners in pixels of an image as the quad of a paragraph, a table or a picture: from the first of them on.

    None for what ``text_quad`` has none for.
    """
    inside = _visible(_clockwise(corners), width, height)
    return Quad.from_pixels(inside, width, height) if inside else None


def _clockwise(corners: Corners) -> Corners:
    """The corners in clockwise order from the same first; none at all where they are not those of a convex box."""
    if len(corners) != 4 or not all(math.isfinite(v) and abs(v) < 1e7 for corner in corners for v in corner):
        return ()
    turns = _turns(corners)
    if max(turns) < 0:
        return (corners[0], *corners[:0:-1])
    return () if min(turns) < 0 else corners


def _visible(corners: Corners, width: float, height: float) -> Corners:
    """The corners brought into the image; none where most of the box lies outside, or it has no area."""
    inside = tuple((min(max(x, 0.0), width), min(max(y, 0.0), height)) for x, y in corners)
    return inside if corners and _area(inside) >= max(1.0, _area(corners) / 2) else ()


def _turns(corners: Corners) -> list[float]:
    """Cross product of the sides at each corner: above 0 where the way round turns clockwise."""
    sides = _sides(corners)
    return [ax * by - ay * bx for (ax, ay), (bx, by) in zip(sides, sides[1:] + sides[:1], strict=True)]


def _sides(corners: Corners) -> Corners:
    return tuple((bx - ax, by - ay) for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True))


def _area(corners: Corners) -> float:
    after = corners[1:] + corners[:1]
    return abs(sum(ax * by - bx * ay for (ax, ay), (bx, by) in zip(corners, after, strict=True))) / 2


def _first_corner(corners: Corners, *, ordered: bool) -> int:
    """Index of the corner at which the text starts, of four in clockwise order."""
    sides = _sides(corners)
    across, down = (math.hypot(*sides[i]) + math.hypot(*sides[i + 2]) for i in (0, 1))
    if ordered and across * _LONG >= down:
        return 0
    starts = (0, 2) if across > _LONG * down else (1, 3) if down > _LONG * across else (0, 1, 2, 3)
    angles = {start: math.degrees(math.atan2(sides[start][1], sides[start][0])) for start in starts}
    return min(starts, key=lambda start: (not -45 < angles[start] <= 135, abs(angles[start])))
