"""Arithmetic between frames: every way there leads back."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from qwen_ocr_loader.geometry import PageFrame, Point, Quad, Transform

finite = st.floats(-2000, 2000, allow_nan=False)
length = st.floats(1, 2000)
fraction = st.floats(0, 1)
rotation = st.sampled_from([0, 90, 180, 270])


@st.composite
def frames(draw) -> PageFrame:
    left, bottom = draw(finite), draw(finite)
    return PageFrame(left, bottom, left + draw(length), bottom + draw(length), draw(rotation))


@given(frames(), fraction, fraction)
def test_fractions_and_points_are_inverse(frame, x, y):
    assert frame.fraction(*frame.points(Point(x, y))) == pytest.approx((x, y), abs=1e-6)


@given(frames(), fraction, fraction, fraction, fraction, st.integers(-4, 4))
def test_a_rectangle_is_the_bounds_of_its_quad(frame, x0, x1, y0, y1, turn):
    assume(abs(x0 - x1) > 1e-3 < abs(y0 - y1))
    corners = frame.points(Point(x0, y0)), frame.points(Point(x1, y1))
    (left, right), (bottom, top) = (sorted(values) for values in zip(*corners, strict=True))
    quad = frame.quad(left, bottom, right, top, turn)
    assert quad.bounds == pytest.approx((min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)), abs=1e-6)


@given(frames(), st.integers(0, 3))
def test_the_quad_of_a_page_starts_where_its_text_does(frame, turn):
    quad = frame.quad(frame.left, frame.bottom, frame.right, frame.top, turn)
    towards = (frame.rotation - 90 * turn) % 360  # a page turned clockwise turns its text with it
    assert quad.angle(frame.width, frame.height) % 360 == pytest.approx(towards, abs=1e-6)


@given(frames(), st.integers(0, 3))
def test_quads_are_clockwise(frame, turn):
    (ax, ay), (bx, by), (cx, cy), _ = frame.quad(frame.left, frame.bottom, frame.right, frame.top, turn)
    assert (bx - ax) * (cy - by) - (by - ay) * (cx - bx) > 0


@given(frames().filter(lambda frame: frame.right - frame.left > 9))
def test_what_is_off_the_page_has_no_quad(frame):
    assert frame.quad(frame.right + 1, frame.bottom, frame.right + 9, frame.top) is None
    assert frame.line(frame.right - 1, frame.bottom, frame.right + 9, frame.top) is None
    assert frame.line(frame.right - 9, frame.bottom, frame.right + 1, frame.top) == frame.quad(
        frame.right - 9, frame.bottom, frame.right, frame.top
    )


@given(frames())
def test_displayed_sides_are_swapped_by_quarter_turns(frame):
    sides = (frame.right - frame.left, frame.top - frame.bottom)
    assert (frame.width, frame.height) == (sides if frame.rotation in (0, 180) else sides[::-1])


@given(st.lists(st.tuples(finite, finite), min_size=4, max_size=4), length, length)
def test_quads_from_pixels_stay_on_the_page_and_come_back(corners, width, height):
    quad = Quad.from_pixels(corners, width, height)
    kept = [(min(max(x, 0), width), min(max(y, 0), height)) for x, y in corners]
    assert [x for pair in quad.to_pixels(width, height) for x in pair] == pytest.approx(
        [x for pair in kept for x in pair], abs=1e-6
    )


@pytest.mark.parametrize("count", [3, 5])
def test_a_quad_has_four_corners(count):
    with pytest.raises(ValueError, match="4 corners"):
        Quad.from_pixels([(0, 0)] * count, 10, 10)


@given(st.floats(-180, 180), st.floats(20, 100), st.floats(1, 20))
def test_a_strip_is_as_long_as_its_baseline_and_turned_like_it(degrees, long, high):
    frame = PageFrame(0, 0, 1000, 500)
    turn = math.radians(degrees)
    end = (500 + long * math.cos(turn), 250 + long * math.sin(turn))
    quad = frame.strip((500, 250), end, high, high / 2)
    a, b, _, d = (frame.points(point) for point in quad)
    assert math.dist(a, b) == pytest.approx(long, abs=1e-6)
    assert math.dist(a, d) == pytest.approx(1.5 * high, abs=1e-6)
    assert math.cos(math.radians(quad.angle(1000, 500) + degrees)) == pytest.approx(1, abs=1e-6)


def test_a_strip_needs_a_length_and_a_visible_middle():
    frame = PageFrame(0, 0, 100, 100)
    assert frame.strip((50, 50), (50, 50), 5, 5) is None
    assert frame.strip((500, 50), (600, 50), 5, 5) is None


matrices = st.builds(Transform, *[st.floats(-10, 10)] * 6)


@given(matrices, matrices, finite, finite)
def test_transforms_follow_each_other(first, second, x, y):
    through = second.bounds(*first.bounds(x, y, x, y))
    assert first.then(second).bounds(x, y, x, y) == pytest.approx(through, abs=1e-3)


@given(matrices, finite, finite, length, length, fraction, fraction)
def test_bounds_hold_every_point(matrix, left, bottom, width, height, across, up):
    x0, y0, x1, y1 = matrix.bounds(left, bottom, left + width, bottom + height)
    x, y = left + across * width, bottom + up * height
    px, py = matrix.bounds(x, y, x, y)[:2]
    assert x0 - 1e-6 <= px <= x1 + 1e-6
    assert y0 - 1e-6 <= py <= y1 + 1e-6


@given(fraction, fraction, fraction, fraction)
def test_integers_come_back_to_within_half_a_step(x0, y0, x1, y1):
    quad = Quad.from_box(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
    back = Quad.from_ints(quad.to_ints())
    assert [v for p in back for v in p] == pytest.approx([v for p in quad for v in p], abs=0.51 / 9999)


@given(st.lists(fraction, min_size=8, max_size=8))
def test_numbers_come_back_as_they_were(values):
    turned = Quad(*(Point(x, y) for x, y in zip(values[::2], values[1::2], strict=True)))
    level = Quad.from_box(*values[:4])
    assert level == Quad(*(Point(values[x], values[y]) for x, y in ((0, 1), (2, 1), (2, 3), (0, 3))))
    for quad in (turned, level):
        back = Quad.from_numbers(quad.to_numbers())
        assert back == quad
        assert all(type(point) is Point for point in back)
    assert len(level.to_numbers()) == 4


@given(st.lists(st.floats(0, 1), min_size=4, max_size=4), st.floats(0, 1), st.booleans())
def test_the_parts_of_a_quad_laid_end_to_end_are_the_quad(numbers, cut, down):
    left, right, top, bottom = *sorted(numbers[:2]), *sorted(numbers[2:])
    quad = Quad.from_box(left, top, right, bottom)
    first, second = quad.part(0, cut, down=down), quad.part(cut, 1, down=down)
    assert first.top_left == quad.top_left
    assert second.bottom_right == quad.bottom_right
    assert first.bottom_right == (second.top_right if down else second.bottom_left)
    assert quad.part(0, 1, down=down) == quad
    assert first.is_upright
    assert second.is_upright
