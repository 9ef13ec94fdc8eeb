"""Frames that cannot be right: the boxes in them are left out, and what is doubtful is said."""

from __future__ import annotations

import json

import pytest

from spotting import THOUSAND, boxes, spotted


def column(count: int, right: float = 500, step: float = 60, left: float = 100) -> list:
    return [{"bbox_2d": [left, 50 + step * i, right, 80 + step * i], "text": f"line {i}"} for i in range(count)]


def drawn(items: list, frame=THOUSAND, **known) -> tuple[int, str]:
    answer = spotted(json.dumps(items), frame, **known)
    assert len(answer.lines) == len(items)
    return sum(line.quad is not None for line in answer.lines), answer.doubt


def test_pixels_taken_for_thousandths():
    count, doubt = drawn(column(14, right=1900))
    assert count == 0
    assert "coordinates='resized'" in doubt
    assert "1900" in doubt


def test_some_pixels_beyond_thousandths_spoil_the_others():
    count, doubt = drawn(column(20, step=100))
    assert count == 0
    assert "10 of 20" in doubt


def test_one_box_of_many_may_be_wrong():
    items = column(14)
    items[3]["bbox_2d"] = [100, 5000, 500, 5040]
    count, doubt = drawn(items)
    assert count == 13
    assert "1 of 14" in doubt
    assert "coordinates=" not in doubt


def test_a_box_a_little_over_the_edge_is_drawn():
    assert drawn([{"bbox_2d": [-5, 100, 1012, 140], "text": "wide"}]) == (1, "")


def test_thousandths_taken_for_pixels():
    items = column(14, right=930)
    assert drawn(items, (3000, 2000))[0] == 0
    assert "relative_1000" in drawn(items, (3000, 2000))[1]
    assert drawn(items, (3000, 2000), sure=True) == (14, "")
    assert drawn(items, (1100, 1000)) == (14, "")


def test_a_receipt_in_the_corner_of_a_large_picture_is_believed():
    assert drawn(column(14, right=500), (3000, 2000)) == (14, "")


def test_a_short_list_in_a_corner_proves_nothing():
    assert drawn(column(4, right=930), (3000, 2000)) == (4, "")


def test_fractions():
    items = [{"bbox_2d": [0.1, 0.1 * i, 0.9, 0.1 * i + 0.05], "text": f"line {i}"} for i in range(8)]
    count, doubt = drawn(items)
    assert count == 0
    assert "fractions" in doubt


def test_a_box_copied_to_every_line():
    items = [{"bbox_2d": [100, 100, 500, 140], "text": f"line {i}"} for i in range(8)]
    count, doubt = drawn(items)
    assert count == 0
    assert "one and the same" in doubt


@pytest.mark.parametrize(
    "box",
    ["[500, 100, 100, 140]", "[100, 140, 500, 100]", "[100, 100, 100, 140]", "[NaN, 1, 2, 3]", "[Infinity, 1, 2, 3]", "[1e400, 1, 2, 3]", '["a", 1, 2, 3]', "[1, 2, 3]", "[]", "[null, 1, 2, 3]", "[true, 1, 2, 3]", "{}", "[-900, 100, -100, 140]", "[100, 100, 500, 1e12]", "[[[[[[1]]]]], 2, 3, 4]"],  # noqa: E501
)  # fmt: skip
def test_what_is_no_box_costs_one_line_its_box(box: str):
    good = ", ".join(f'{{"bbox_2d": [100, {100 * i}, 500, {100 * i + 40}], "text": "line {i}"}}' for i in range(3))
    answer = spotted(f'[{good}, {{"bbox_2d": {box}, "text": "odd"}}]')
    assert [line.text for line in answer.lines if line.quad is None] == ["odd"]
    assert answer.doubt == "1 of 4 boxes does not fit the picture"


def test_an_unknown_frame_keeps_the_reading_order():
    items = [{"bbox_2d": [100, 900, 500, 950], "text": "below"}, {"bbox_2d": [100, 100, 500, 150], "text": "above"}]
    answer = spotted(json.dumps(items), None)
    assert boxes(answer) == {"above": None, "below": None}
    assert answer.text.split() == ["above", "below"]
