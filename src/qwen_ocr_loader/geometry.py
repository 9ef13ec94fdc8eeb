"""Points, quads and page frames: with ``rects``, the only coordinate arithmetic in the package.

The one coordinate system: fractions 0-1 of the page *as displayed* (EXIF turn, ``/Rotate`` and CropBox applied), origin
top-left, x to the right, y down. Everything else (pixels, PDF points, integers in metadata) is converted here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Point(NamedTuple):
    """A place on the page, as fractions 0-1 of its width and height, origin top-left."""

    x: float
    y: float


class Box(NamedTuple):
    """An upright rectangle, as fractions 0-1 of the page, origin top-left."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Fraction of the page's width."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Fraction of the page's height."""
        return self.bottom - self.top

    def scaled(self, width: float, height: float) -> Box:
        """In the unit of ``width`` and ``height``, of a page that is so wide and high."""
        return Box(self.left * width, self.top * height, self.right * width, self.bottom * height)

    def shared(self, other: Box) -> float:
        """The area both cover, as a fraction of the page."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(width, 0.0) * max(height, 0.0)


class Quad(NamedTuple):
    """Four points, clockwise from the text's own top-left, as fractions 0-1 of the displayed page, origin top-left.

    ``top_left`` is where the text starts, whichever way it is turned: for a line written upside down it is the
    bottom-right corner as the page is seen.
    """

    top_left: Point
    top_right: Point
    bottom_right: Point
    bottom_left: Point

    @classmethod
    def from_box(cls, left: float, top: float, right: float, bottom: float) -> Quad:
        """An upright quad from its edges, as fractions."""
        return _level(left, top, right, bottom)

    @classmethod
    def from_pixels(cls, corners: Iterable[Sequence[float]], width: float, height: float) -> Quad:
        """From four ``(x, y)`` corners in pixels of an image ``width`` x ``height``, kept within the page."""
        points = [Point(_unit(float(x) / width), _unit(float(y) / height)) for x, y in corners]
        if len(points) != 4:
            raise ValueError(f"a quad has 4 corners, not {len(points)}")
        return cls(*points)

    @classmethod
    def around(cls, quads: Sequence[Quad]) -> Quad:
        """The upright quad around all of them; one alone is itself."""
        if len(quads) == 1:
            return quads[0]
        lefts, tops, rights, bottoms = zip(*(quad.bounds for quad in quads), strict=True)
        return cls.from_box(min(lefts), min(tops), max(rights), max(bottoms))

    @property
    def bounds(self) -> Box:
        """The smallest upright box around the quad."""
        xs, ys = [p.x for p in self], [p.y for p in self]
        return Box(min(xs), min(ys), max(xs), max(ys))

    @property
    def is_upright(self) -> bool:
        """True where the quad is its own bounding box, read left to right."""
        (ax, ay), (bx, by), (cx, cy), (dx, dy) = self
        return ax == dx <= bx == cx and ay == by <= cy == dy

    def angle(self, width: float, height: float) -> float:
        """Direction of the text in degrees clockwise, 0 for left to right, on a page ``width`` x ``height``."""
        dx = (self.top_right.x - self.top_left.x) * width
        dy = (self.top_right.y - self.top_left.y) * height
        return math.degrees(math.atan2(dy, dx))

    def within(self, box: Box) -> Quad:
        """The same place as fractions of ``box``, kept within it: from an image with margins back to the page in it.

        Args:
            box: Where the page lies in the image this quad is in fractions of.
        """
        return Quad(*(Point(_unit((p.x - box.left) / box.width), _unit((p.y - box.top) / box.height)) for p in self))

    def joined(self, other: Quad, *, below: bool = False) -> Quad | None:
        """The upright quad around both; None where they do not stand beside, or ``below``, each other."""
        ours, theirs = self.bounds, other.bounds
        across = min(ours.right, theirs.right) - max(ours.left, theirs.left)
        down = min(ours.bottom, theirs.bottom) - max(ours.top, theirs.top)
        fits = 2 * across >= min(ours.width, theirs.width) if below else 2 * down >= max(ours.height, theirs.height)
        if not (fits and self.is_upright and other.is_upright):
            return None
        left, right = min(ours.left, theirs.left), max(ours.right, theirs.right)
        return Quad.from_box(left, min(ours.top, theirs.top), right, max(ours.bottom, theirs.bottom))

    def part(self, first: float, last: float, *, down: bool = False) -> Quad:
        """What lies between two fractions 0-1 of the way along the line; ``down``: along its other side, from the top.

        The parts of a quad, laid end to end, are the quad.
        """
        a, b, c, d = self
        if down:
            return Quad(_between(a, d, first), _between(b, c, first), _between(b, c, last), _between(a, d, last))
        return Quad(_between(a, b, first), _between(a, b, last), _between(d, c, last), _between(d, c, first))

    def to_pixels(self, width: float, height: float) -> tuple[tuple[float, float], ...]:
        """The four corners in pixels of the page drawn at ``width`` x ``height``."""
        return tuple((p.x * width, p.y * height) for p in self)

    def to_ints(self) -> tuple[int, ...]:
        """As integers 0-9999 of the page: left, top, right, bottom; four corners (8 numbers) where it is turned.

        A line counts as turned once a corner lies further than a fifth of its box's height from the box's own corner.
        """
        (left, top), (bx, by), (right, bottom), (dx, dy) = self
        if 0.0 <= left == dx <= bx == right <= 1.0 and 0.0 <= top == by <= bottom == dy <= 1.0:  # nearly every line
            return round(left * 9999), round(top * 9999), round(right * 9999), round(bottom * 9999)
        if self.is_upright or _is_nearly_upright(self):
            left, top, right, bottom = self.bounds
            return _ten_thousandth(left), _ten_thousandth(top), _ten_thousandth(right), _ten_thousandth(bottom)
        return tuple(_ten_thousandth(v) for p in self for v in p)

    def to_numbers(self) -> tuple[float, ...]:
        """Left, top, right, bottom of an upright quad; four corners (8 numbers) of any other. Nothing is lost."""
        (ax, ay), (bx, by), (cx, cy), (dx, dy) = self
        if ax == dx and bx == cx and ay == by and cy == dy:
            return ax, ay, cx, cy
        return ax, ay, bx, by, cx, cy, dx, dy

    @classmethod
    def from_numbers(cls, numbers: Sequence[float]) -> Quad:
        """The inverse of ``to_numbers``."""
        if len(numbers) == 4:
            return _level(*numbers)
        return cls(*(Point(x, y) for x, y in zip(numbers[::2], numbers[1::2], strict=True)))

    @classmethod
    def from_ints(cls, numbers: Sequence[int]) -> Quad:
        """The inverse of ``to_ints``, to within half a ten-thousandth of the page.

        Raises:
            ValueError: Neither 4 numbers nor 8.
        """
        values = [n / 9999 for n in numbers]
        if len(values) == 4:
            return cls.from_box(*values)
        if len(values) == 8:
            return cls(*(Point(x, y) for x, y in zip(values[::2], values[1::2], strict=True)))
        raise ValueError(f"a line has 4 or 8 coordinates, not {len(values)}")


def _level(x0: float, y0: float, x1: float, y1: float) -> Quad:
    """What ``Quad(Point(x0, y0), ...)`` makes, in half the time: there are thousands in a file."""
    make = tuple.__new__
    return make(Quad, (make(Point, (x0, y0)), make(Point, (x1, y0)), make(Point, (x1, y1)), make(Point, (x0, y1))))


def _between(start: Point, end: Point, part: float) -> Point:
    """The point a fraction ``part`` of the way from one to the other; the points themselves at 0 and at 1."""
    return end if part == 1 else Point(start.x + (end.x - start.x) * part, start.y + (end.y - start.y) * part)


def _is_nearly_upright(quad: Quad) -> bool:
    box = quad.bounds
    slack, corners = box.height / 5, Quad.from_box(*box)
    return all(abs(p.x - q.x) <= slack and abs(p.y - q.y) <= slack for p, q in zip(quad, corners, strict=True))


def _ten_thousandth(value: float) -> int:
    return 0 if value <= 0.0 else 9999 if value >= 1.0 else round(value * 9999)


def _unit(value: float) -> float:
    return 0.0 if value < 0.0 else min(value, 1.0)


@dataclass(frozen=True, slots=True)
class PageFrame:
    """The visible box of a PDF page in its own user space (points, origin bottom-left) and the turn it is shown with.

    Attributes:
        left, bottom, right, top: CropBox cut by MediaBox, in points of user space, before ``/Rotate``.
        rotation: ``/Rotate`` in degrees clockwise: 0, 90, 180 or 270.
    """

    left: float
    bottom: float
    right: float
    top: float
    rotation: int = 0

    @property
    def width(self) -> float:
        """Width as displayed, in points."""
        return self.top - self.bottom if self.rotation in (90, 270) else self.right - self.left

    @property
    def height(self) -> float:
        """Height as displayed, in points."""
        return self.right - self.left if self.rotation in (90, 270) else self.top - self.bottom

    def fraction(self, x: float, y: float) -> Point:
        """A point of user space as fractions of the displayed page; outside 0-1 where it lies off the visible box."""
        across = (x - self.left) / (self.right - self.left)
        up = (y - self.bottom) / (self.top - self.bottom)
        match self.rotation:
            case 90:
                return Point(up, across)
            case 180:
                return Point(1 - across, up)
            case 270:
                return Point(1 - up, 1 - across)
        return Point(across, 1 - up)

    def points(self, point: Point) -> tuple[float, float]:
        """The inverse of ``fraction``: a point of the displayed page in user space (points, origin bottom-left)."""
        match self.rotation:
            case 90:
                across, up = point.y, point.x
            case 180:
                across, up = 1 - point.x, point.y
            case 270:
                across, up = 1 - point.y, 1 - point.x
            case _:
                across, up = point.x, 1 - point.y
        return self.left + across * (self.right - self.left), self.bottom + up * (self.top - self.bottom)

    def quad(self, left: float, bottom: float, right: float, top: float, turn: int = 0) -> Quad | None:
        """A rectangle of user space as a quad of the displayed page; None where nothing of it is visible.

        Args:
            left, bottom, right, top: The rectangle, in points of user space.
            turn: How the text in it runs in user space, in quarter turns counter-clockwise (0: left to right).
        """
        west, south, east, north = self.left, self.bottom, self.right, self.top
        left, right = left if left > west else west, right if right < east else east  # noqa: FURB136
        bottom, top = bottom if bottom > south else south, top if top < north else north  # noqa: FURB136
        if left >= right or bottom >= top:
            return None
        if turn == 0 == self.rotation:  # nearly every line of nearly every PDF; min() and max() would be slower
            width, height = east - west, north - south
            x0, x1, y0, y1 = left - west, right - west, north - top, north - bottom
            return _level(x0 / width, y0 / height, x1 / width, y1 / height)
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        first = -turn % 4
        return Quad(*(self.fraction(*corners[(first + i) % 4]) for i in range(4)))

    def line(self, left: float, bottom: float, right: float, top: float, turn: int = 0) -> Quad | None:
        """``quad`` of a line of text; None where the line's middle is not visible."""
        return self.quad(left, bottom, right, top, turn) if self.holds(left, bottom, right, top) else None

    def holds(self, left: float, bottom: float, right: float, top: float) -> bool:
        """Whether the middle of a rectangle of user space is visible."""
        return self.left <= (left + right) / 2 <= self.right and self.bottom <= (bottom + top) / 2 <= self.top

    def strip(self, start: tuple[float, float], end: tuple[float, float], above: float, below: float) -> Quad | None:
        """The quad of a line of text from its baseline, at any angle; None where its middle is not visible.

        Args:
            start, end: Of the baseline, in points of user space.
            above, below: How far the line reaches from it, in points.
        """
        (x0, y0), (x1, y1) = start, end
        length = math.hypot(x1 - x0, y1 - y0)
        if not length:
            return None
        up_x, up_y = (y0 - y1) / length, (x1 - x0) / length
        along = ((start, above), (end, above), (end, -below), (start, -below))
        corners = [self.fraction(x + up_x * by, y + up_y * by) for (x, y), by in along]
        middle = (corners[0].x + corners[2].x) / 2, (corners[0].y + corners[2].y) / 2
        if not (0 <= middle[0] <= 1 and 0 <= middle[1] <= 1):
            return None
        return Quad(*(Point(_unit(x), _unit(y)) for x, y in corners))


class Transform(NamedTuple):
    """A PDF matrix ``[a b c d e f]``: (x, y) goes to (ax + cy + e, bx + dy + f)."""

    a: float
    b: float
    c: float
    d: float
    e: float
    f: float

    def then(self, outer: Transform) -> Transform:
        """This transform, and then ``outer``."""
        a, b, c, d, e, f = self
        oa, ob, oc, od, oe, of = outer
        return Transform(
            a * oa + b * oc,
            a * ob + b * od,
            c * oa + d * oc,
            c * ob + d * od,
            e * oa + f * oc + oe,
            e * ob + f * od + of,
        )

    def bounds(self, left: float, bottom: float, right: float, top: float) -> tuple[float, float, float, float]:
        """The upright box round a box that was transformed: left, bottom, right, top."""
        a, b, c, d, e, f = self
        xs = [a * x + c * y + e for x in (left, right) for y in (bottom, top)]
        ys = [b * x + d * y + f for x in (left, right) for y in (bottom, top)]
        return min(xs), min(ys), max(xs), max(ys)

    @classmethod
    def turning(cls, degrees: float, size: tuple[float, float], onto: tuple[float, float]) -> Transform:
        """A picture of that size turned clockwise (y down), its middle laid on the middle of one of size ``onto``.

        ``turning(-degrees, onto, size)`` is the way back.
        """
        turn, (x, y), (u, v) = math.radians(degrees), size, onto
        cos, sin = round(math.cos(turn), 15), round(math.sin(turn), 15)  # so quarter turns are exact
        return cls(cos, sin, -sin, cos, (u - cos * x + sin * y) / 2, (v - sin * x - cos * y) / 2)

    def quad(self, quad: Quad) -> Quad:
        """A quad, as fractions of a picture, moved to another, as fractions of that one and kept within it.

        Its corners keep their order: it still starts where its text does.
        """
        a, b, c, d, e, f = self
        return Quad(*(Point(_unit(a * x + c * y + e), _unit(b * x + d * y + f)) for x, y in quad))


@dataclass(frozen=True, slots=True)
class TextFrame:
    """A page turned so that its text runs level to the right: where reading order is found.

    Attributes:
        width, height: Of the page as displayed, in any unit; boxes come back in it.
        angle: Direction of the text on the page, in degrees clockwise.
        leftward: The script runs from right to left, so the frame is mirrored.
    """

    width: float
    height: float
    angle: float = 0.0
    leftward: bool = False

    def turn(self, left: float, top: float) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        """The matrix from the page to this frame (not mirrored), with (left, top) of the frame as its origin."""
        turn = math.radians(self.angle)
        cos, sin = math.cos(turn), math.sin(turn)
        return (cos, sin, -left), (-sin, cos, -top)

    def quad(self, box: Box) -> Quad:
        """A box of this frame on the page."""
        turn = math.radians(self.angle)
        cos, sin = math.cos(turn), math.sin(turn)
        left, top, right, bottom = Box(-box.right, box.top, -box.left, box.bottom) if self.leftward else box
        corners = (left, top), (right, top), (right, bottom), (left, bottom)
        return Quad.from_pixels([(cos * x - sin * y, sin * x + cos * y) for x, y in corners], self.width, self.height)

    def boxes(self, quads: Iterable[Quad]) -> list[Box]:
        """Each quad's upright box in this frame: not around its corners, but as wide and high as its sides are long."""
        turn = math.radians(self.angle)
        cos, sin, mirror = math.cos(turn), math.sin(turn), -1 if self.leftward else 1
        width, height = self.width / 4, self.height / 4
        level = not self.angle and not self.leftward
        boxes = []
        for (ax, ay), (bx, by), (cx, cy), (dx, dy) in quads:
            if level and ax == dx < bx == cx and ay == by < cy == dy:
                boxes.append(Box(ax * self.width, ay * self.height, cx * self.width, cy * self.height))
                continue
            x, y = (ax + bx + cx + dx) * width, (ay + by + cy + dy) * height
            right, down = (bx + cx - ax - dx) * width, (by + cy - ay - dy) * height
            across, below = (cx + dx - ax - bx) * width, (cy + dy - ay - by) * height
            half_width = max(abs(cos * right + sin * down), abs(cos * across + sin * below))
            half_height = max(abs(cos * down - sin * right), abs(cos * below - sin * across))
            x, y = mirror * (cos * x + sin * y), cos * y - sin * x
            boxes.append(Box(x - half_width, y - half_height, x + half_width, y + half_height))
        return boxes
