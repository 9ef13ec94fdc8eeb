"""Turned rectangles and corners: the same box said in two ways, and what is no box at all."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from qwen_ocr_loader.geometry import Quad
from qwen_ocr_loader.rects import RotatedRect, text_quad

WIDTH, HEIGHT = 2000, 2000


def near(quad: Quad | None, *corners: tuple[float, float], by: float = 1.5) -> bool:
    assert quad
    return all(math.dist(a, b) <= by for a, b in zip(quad.to_pixels(WIDTH, HEIGHT), corners, strict=True))


sides = st.floats(4, 400)
rects = st.builds(
    RotatedRect, st.floats(600, 1400), st.floats(600, 1400), sides, sides, st.floats(-90, 90, exclude_min=True)
)


@given(rects)
def test_corners_and_back(rect: RotatedRect):
    again = RotatedRect.from_corners(rect.corners)
    assert again == pytest.approx(rect, abs=1e-6)


@given(rects)
def test_text_runs_along_the_long_side_to_the_right_or_down(rect: RotatedRect):
    assume(max(rect.width, rect.height) > 1.6 * min(rect.width, rect.height))
    quad = rect.quad(WIDTH, HEIGHT)
    assert quad
    a, b, c, d = quad.to_pixels(WIDTH, HEIGHT)
    assert math.dist(a, b) == pytest.approx(max(rect.width, rect.height), abs=0.01)
    assert math.dist(b, c) == pytest.approx(min(rect.width, rect.height), abs=0.01)
    assert -45.001 < quad.angle(WIDTH, HEIGHT) <= 135.001
    assert (b[0] - a[0]) * (d[1] - a[1]) - (b[1] - a[1]) * (d[0] - a[0]) > 0, "clockwise"


@given(rects)
def test_location_says_the_same_as_the_rectangle(rect: RotatedRect):
    quad = rect.quad(WIDTH, HEIGHT)
    assert quad
    corners = quad.to_pixels(WIDTH, HEIGHT)
    again = text_quad(corners, WIDTH, HEIGHT, ordered=True)
    assert near(again, *corners, by=1e-6)


@given(rects, st.sampled_from([90, -90, 180]))
def test_a_rectangle_has_more_than_one_name(rect: RotatedRect, turn: int):
    other = rect._replace(angle=rect.angle + turn)
    if abs(turn) == 90:
        other = other.swapped
    assume(max(rect.width, rect.height) > 1.6 * min(rect.width, rect.height))
    one, two = rect.quad(WIDTH, HEIGHT), other.quad(WIDTH, HEIGHT)
    assert one
    assert two
    assume(abs(abs(one.angle(WIDTH, HEIGHT)) - 45) > 0.01)
    assume(abs(one.angle(WIDTH, HEIGHT) - 135) > 0.01)
    assert near(two, *one.to_pixels(WIDTH, HEIGHT), by=1e-3)


def test_at_minus_89_the_width_is_the_height_of_the_line():
    quad = RotatedRect(500, 300, 40, 600, -89).quad(WIDTH, HEIGHT)
    assert near(quad, (200.4, 274.8), (800.3, 285.2), (799.6, 325.2), (199.7, 314.8))
    assert quad
    assert quad.angle(WIDTH, HEIGHT) == pytest.approx(1)


def test_a_line_down_the_page_starts_at_its_upper_end():
    assert near(RotatedRect(500, 300, 20, 200, 0).quad(WIDTH, HEIGHT), (510, 200), (510, 400), (490, 400), (490, 200))
    upright = (490, 200), (510, 200), (510, 400), (490, 400)
    assert near(text_quad(upright, WIDTH, HEIGHT, ordered=True), (510, 200), (510, 400), (490, 400), (490, 200))


def test_an_order_that_was_said_is_kept_even_upside_down():
    corners = (800.0, 320.0), (200.0, 320.0), (200.0, 280.0), (800.0, 280.0)
    assert near(text_quad(corners, WIDTH, HEIGHT, ordered=True), *corners)


def test_a_square_is_read_as_level():
    assert near(
        RotatedRect(100, 100, 20, 20, -88).quad(WIDTH, HEIGHT), (90, 90), (110, 90), (110, 110), (90, 110), by=2
    )


def test_the_wrong_way_round_is_turned_clockwise():
    corners = (200.0, 280.0), (200.0, 320.0), (800.0, 320.0), (800.0, 280.0)
    assert near(text_quad(corners, WIDTH, HEIGHT, ordered=True), *(corners[i] for i in (0, 3, 2, 1)))


@pytest.mark.parametrize(
    "corners",
    [
        ((10, 10), (90, 10), (10, 30), (90, 30)),  # crossed
        ((10, 10), (10, 10), (10, 10), (10, 10)),
        ((10, 10), (90, 10), (90, 10.005), (10, 10.005)),
        ((10, 10), (90, 10), (90, float("nan")), (10, 30)),
        ((10, 10), (1e300, 10), (1e300, 30), (10, 30)),
        ((2100, 10), (2200, 10), (2200, 30), (2100, 30)),
        ((1950, 10), (2200, 10), (2200, 30), (1950, 30)),
        ((-90, -90), (-10, -90), (-10, -10), (-90, -10)),
        ((10, 10), (90, 10), (90, 30)),
    ],
)
def test_what_is_no_box_on_the_page_is_none(corners):
    assert text_quad(corners, WIDTH, HEIGHT, ordered=True) is None
    assert text_quad(corners, WIDTH, HEIGHT, ordered=False) is None


def test_a_box_a_little_over_the_edge_is_cut_at_it():
    corners = (1800.0, -3.0), (2010.0, -3.0), (2010.0, 40.0), (1800.0, 40.0)
    quad = text_quad(corners, WIDTH, HEIGHT, ordered=True)
    assert near(quad, (1800, 0), (2000, 0), (2000, 40), (1800, 40))


@given(st.lists(st.tuples(st.floats(allow_nan=True), st.floats(allow_nan=True)), min_size=4, max_size=4))
def test_any_corners_give_a_quad_on_the_page_or_none(corners):
    quad = text_quad(tuple(corners), WIDTH, HEIGHT, ordered=False)
    assert quad is None or all(0 <= value <= 1 for point in quad for value in point)
