"""Parts of lines are where their letters are printed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_ocr_loader import Quad
from qwen_ocr_loader.writing import part_of_line, widened

LINE = Quad.from_box(0.0, 0.4, 1.0, 0.5)
PAGE = (600.0, 800.0)
texts = st.text(st.sampled_from("ab .1WÄ总额سعرשלום\u0301👩"), min_size=1, max_size=20)


def across(text, said):
    at = text.index(said)
    box = part_of_line(LINE, text, at, at + len(said), PAGE).bounds
    assert (box.top, box.bottom) == (0.4, 0.5)
    return round(box.left, 2), round(box.right, 2)


def test_letters_of_one_width_share_the_line():
    assert across("aaaabbbb", "aaaa") == (0.0, 0.5)
    assert across("abcd", "bc") == (0.25, 0.75)


def test_wide_and_narrow_letters_take_more_and_less():
    assert across("总额ab", "总额") == (0.0, 0.67)
    assert across("iiiim", "iiii")[1] == pytest.approx(4 * 0.5 / 3.5, abs=0.01)
    assert across("e\u0301e\u0301ab", "ab") == (0.5, 1.0)


def test_right_to_left_lines_begin_at_the_right():
    assert across("שלום עולם", "שלום") == (0.53, 1.0)
    assert across("שלום עולם", "עולם") == (0.0, 0.47)
    assert across("سعر", "س") == (0.67, 1.0)


def test_runs_of_the_other_direction_stand_in_their_own_order():
    assert across("abcd שלום", "abcd")[0] == 0.0
    assert across("abcd שלום", "של")[1] == 1.0
    assert across("שלום 1234", "1234") == (0.0, 0.47)
    assert across("שלום 1234", "12") == (0.0, 0.24)
    left, right = across("ab שלום cd", "cd")
    assert right == 1.0
    assert left > 0.7


def test_columns_of_letters_run_down():
    column = Quad.from_box(0.8, 0.1, 0.85, 0.9)
    box = part_of_line(column, "東京都渋谷区", 0, 3, PAGE).bounds
    assert (box.left, box.right, box.top, round(box.bottom, 2)) == (0.8, 0.85, 0.1, 0.5)
    latin = part_of_line(Quad.from_box(0.8, 0.1, 0.81, 0.2), "Il", 0, 1, PAGE).bounds
    assert (latin.top, latin.bottom) == (0.1, 0.2)


def test_turned_lines_are_cut_along_their_own_direction():
    upward = Quad.from_pixels([(10, 90), (10, 10), (20, 10), (20, 90)], 100, 100)
    box = part_of_line(upward, "abcd", 0, 1, PAGE).bounds
    assert (box.left, box.top, box.right, box.bottom) == pytest.approx((0.1, 0.7, 0.2, 0.9))


def test_a_mark_stands_where_its_letter_does():
    text = "ae\u0301b"
    assert part_of_line(LINE, text, 2, 3) == part_of_line(LINE, text, 1, 2)
    assert part_of_line(LINE, "\u0301\u0301", 0, 1) == LINE
    assert part_of_line(LINE, "\u0301a", 0, 1) == LINE


@given(texts, st.data())
def test_a_part_lies_in_its_line_and_parts_cover_it(text, data):
    cut = data.draw(st.integers(0, len(text)))
    boxes = [part_of_line(LINE, text, *span).bounds for span in ((0, cut), (cut, len(text))) if span[0] < span[1]]
    assert all(0.0 <= box.left < box.right <= 1.0 for box in boxes)
    assert part_of_line(LINE, text, 0, len(text)) is LINE
    assert min(box.left for box in boxes) == pytest.approx(0.0)
    assert max(box.right for box in boxes) == pytest.approx(1.0)
    assert all(part_of_line(LINE, text, at, at + 1).is_upright for at in range(len(text)))


def test_what_is_not_known_of_a_line_is_taken_to_be_like_what_is():
    assert widened("abc", 2, 1) == "nnabcn"
    assert widened("总额", 1, 0) == "总总额"
    assert widened("של", 0, 2) == "שלשש"
