"""Boxes as vision models write them, in any spelling.

A model says where a line stands as ``[left, top, right, bottom]``, as four corners, as a turned rectangle ``[cx, cy,
width, height, angle]``, as an object of any of these, nested or as a string.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .rects import RotatedRect, outline, sized, upright

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .rects import Corners

Place = RotatedRect | tuple[tuple[float, float], ...] | None
"""Where something stands, in the reply's own numbers: a turned rectangle, or four corners; no corners where something
was written that is no box; None where nothing was."""

NO_BOX: Corners = ()

_TURNED_KEYS = ("rotaterect", "rotatedrect", "rotatebox", "rotatedbox", "rbox", "obb")
_LEVEL_KEYS = ("bbox2d", "bbox", "box", "boundingbox", "location", "position", "coordinates", "rect", "region")
_CORNER_KEYS = ("quad", "quad2d", "polygon", "poly", "points", "vertices", "corners", "boundingpoly")
BOX_KEYS = (*_LEVEL_KEYS, *_TURNED_KEYS, *_CORNER_KEYS, "poslist")
"""Keys of a box, in lower case without separators, the first to be believed first."""

_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_ONLY_NUMBERS = re.compile(r"[\s\d.,;:+\-eE()\[\]{}<>|]*")
_NAMED = (  # what the four or five numbers of an object are called
    ("x1", "y1", "x2", "y2"),
    ("left", "top", "right", "bottom"),
    ("xmin", "ymin", "xmax", "ymax"),
    ("x0", "y0", "x1", "y1"),
)
_CENTRED = (("cx", "cy", "width", "height"), ("cx", "cy", "w", "h"), ("centerx", "centery", "width", "height"))
_SIZED = (("x", "y", "width", "height"), ("x", "y", "w", "h"), ("left", "top", "width", "height"))
_NAMED_CORNERS = (("topleft", "topright", "bottomright", "bottomleft"), ("lt", "rt", "rb", "lb"))


def plain_key(key: Any) -> str:
    """A key without case and separators: ``bbox_2d`` and ``BBox2D`` are one."""
    return re.sub(r"[^a-z0-9]", "", str(key).lower())


def box_of(item: Mapping[str, Any]) -> Place:
    """Where an object of a reply says that it stands."""
    given = {plain_key(key): value for key, value in item.items()}
    places = [read_box(given[key], key) for key in BOX_KEYS if given.get(key) is not None]
    return next((place for place in places if place), NO_BOX if places else None)


def read_box(given: Any, key: str = "bbox") -> Place:
    """A box in any spelling.

    Args:
        given: Numbers, nested or not, an object, or a string of numbers.
        key: Under which it stands, as ``plain_key`` has it: four numbers of a ``rotaterect`` are its centre and sides.

    Returns:
        A rectangle or corners; no corners where it is no box.
    """
    if isinstance(given, Mapping):
        return _from_object({plain_key(name): value for name, value in given.items()})
    if key == "poslist" and isinstance(given, list):
        return _around([box_of(part) if isinstance(part, Mapping) else read_box(part) for part in given])
    numbers = numbers_in(given)
    return _from_numbers(numbers, turned=key in _TURNED_KEYS) if numbers else NO_BOX


def numbers_in(given: Any, depth: int = 0) -> list[float] | None:
    """All numbers of a nested list, in order; None where there is anything else in it, or one that is not finite."""
    if isinstance(given, str):
        found = _NUMBER.findall(given) if _ONLY_NUMBERS.fullmatch(given[:1000]) else []
        numbers = [float(number) for number in found]
        return numbers if numbers and all(map(_is_number, numbers)) else None
    if isinstance(given, Mapping):
        given = [given.get("x"), given.get("y")] if {"x", "y"} <= given.keys() else [None]
    if not isinstance(given, list | tuple):
        return [float(given)] if _is_number(given) else None
    parts = [numbers_in(part, depth + 1) if depth < 4 else None for part in given]
    return None if None in parts else [number for part in parts for number in part or ()]


def _is_number(given: Any) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool) and abs(given) < 1e9  # NaN is not


def _from_object(given: Mapping[str, Any]) -> Place:
    for names in _NAMED_CORNERS:
        if all(name in given for name in names):
            return read_box([given[name] for name in names])
    if len(eight := _values(given, [f"{axis}{i}" for i in (1, 2, 3, 4) for axis in "xy"])) == 8:
        return _from_numbers(eight, turned=False)
    for names in _NAMED:
        if len(four := _values(given, names)) == 4:
            return _from_numbers(four, turned=False)
    for names in _CENTRED:
        if len(four := _values(given, names)) == 4:
            return _from_numbers([*four, *(_values(given, ["angle"]) or [0.0])], turned=True)
    for names in _SIZED:
        if len(four := _values(given, names)) == 4:
            return sized(*four)
    return box_of(given) or NO_BOX if any(key in given for key in BOX_KEYS) else NO_BOX


def _values(given: Mapping[str, Any], names: Sequence[str]) -> list[float]:
    return [number for name in names if name in given for number in numbers_in(given[name]) or ()]


def _from_numbers(numbers: Sequence[float], *, turned: bool) -> Place:
    match numbers:
        case left, top, right, bottom, score if not turned and 0 < score <= 1 and left < right and top < bottom:
            numbers = numbers[:4]  # a detector's five
        case _, _, _, _ if turned:
            numbers = [*numbers, 0.0]
    match numbers:
        case left, top, right, bottom:
            return upright(left, top, right, bottom)
        case x, y, width, height, angle:
            return _rect(x, y, width, height, angle)
        case ax, ay, bx, by, cx, cy, dx, dy:
            return (ax, ay), (bx, by), (cx, cy), (dx, dy)
    if len(numbers) >= 10 and len(numbers) % 2 == 0:  # round a curved line
        return outline(tuple(zip(numbers[::2], numbers[1::2], strict=True)))
    return NO_BOX


def _rect(x: float, y: float, width: float, height: float, angle: float) -> Place:
    return RotatedRect(x, y, width, height, angle) if width > 0 < height else NO_BOX


def _around(places: Sequence[Place]) -> Place:
    """One box round several; the only one as it is."""
    found = [place for place in places if place]
    if len(found) == 1:
        return found[0]
    return outline(tuple(corner for place in found for corner in corners_of(place)))


def corners_of(place: Place) -> Corners:
    """Four corners, or none."""
    return place.corners if isinstance(place, RotatedRect) else place or ()
