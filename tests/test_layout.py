"""Reading order, on pages drawn here: who stands where is known, so the order is too."""

from __future__ import annotations

import math
import random
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_ocr_loader.geometry import Point, Quad
from qwen_ocr_loader.layout import TextBox, compose
from text_boxes import HEIGHT, PITCH, WIDTH, WORDS, box, prose, read


def turned(boxes: list[TextBox], degrees: float) -> list[TextBox]:
    """The same page, turned about its middle."""
    turn = math.radians(degrees)
    cos, sin = math.cos(turn), math.sin(turn)

    def move(p: Point) -> Point:
        x, y = p.x * WIDTH - WIDTH / 2, p.y * HEIGHT - HEIGHT / 2
        return Point((x * cos - y * sin + WIDTH / 2) / WIDTH, (x * sin + y * cos + HEIGHT / 2) / HEIGHT)

    return [b._replace(quad=Quad(*map(move, b.quad))) for b in boxes]


# --- columns ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("offset", [0.0, 7.0], ids=["same grid", "own grid"])
def test_columns_are_read_one_after_the_other(count: int, offset: float) -> None:
    width = 900 / count - 15
    page = [
        line
        for i in range(count)
        for line in prose("abcd"[i], 50 + i * 900 / count, 100 + offset * i, width, 30 - 3 * i)
    ]
    assert read(page)[0] == [line.text for line in page]


def test_a_heading_across_the_page_parts_two_bands() -> None:
    page = [
        box("The winter market opens", 250, 40, 500, size=34),
        *prose("a", 50, 100, 430, 12),
        *prose("b", 510, 100, 430, 12),
        box("Boats wait for rain again", 230, 370, 540, size=30),
        *prose("c", 50, 420, 430, 12),
        *prose("d", 510, 420, 430, 10),
    ]
    assert read(page)[0] == [line.text for line in page]


def test_white_across_the_columns_parts_two_bands() -> None:
    page = [
        *prose("a", 50, 100, 430, 12),
        *prose("b", 510, 100, 430, 12),
        *prose("c", 50, 460, 430, 12),
        *prose("d", 510, 460, 430, 12),
    ]
    assert read(page)[0] == [line.text for line in page]


def test_running_heads_and_feet_stand_outside_the_columns() -> None:
    page = [
        box("156", 50, 40),
        box("Journal of Harbours 12", 700, 40),
        *prose("a", 50, 100, 430, 30),
        *prose("b", 510, 100, 430, 30),
        box("January 2011", 50, 780),
        box("Vol. 60", 850, 780),
    ]
    texts, text = read(page)
    assert texts == [line.text for line in page]
    assert text.startswith("156\tJournal of Harbours 12\n\na0 ")


def test_the_right_columns_table_keeps_its_rows() -> None:
    table = [
        box(t, x, 103 + 23 * i, 80) for i in range(9) for t, x in ((f"PAH {i}", 520), (f"{i}.5", 700), (f"{i}", 850))
    ]
    page = [*prose("a", 50, 100, 430, 25), *table, *prose("b", 510, 330, 430, 12)]
    texts, text = read(page)
    assert texts == [line.text for line in page]
    assert "PAH 3\t3.5\t3\n" in text


def test_a_side_note_is_not_woven_into_the_text() -> None:
    note = [box(f"note {i}", 800, 212 + i * 17, 90, size=13) for i in range(4)]
    page = [*prose("a", 50, 100, 700, 30), *note]
    assert read(page)[0] == [line.text for line in page]


def test_a_caption_let_into_two_columns_does_not_cut_them() -> None:
    narrow = 250
    page = [
        *prose("a", 50, 100, 430, 10),
        *prose("b", 50, 300, narrow, 10),
        *prose("c", 50, 500, 430, 15),
        *prose("d", 510, 100, 430, 10),
        *prose("e", 510 + 430 - narrow, 300, narrow, 10),
        *prose("f", 510, 500, 430, 15),
    ]
    caption = [box(f"ROOFS OF TOWN {i}", 420, 410 + 20 * i, 160) for i in range(3)]
    texts, _ = read([*page, *caption])
    assert [t for t in texts if not t.startswith("ROOFS")] == [line.text for line in page]


def test_a_line_read_across_both_columns_does_not_cut_them() -> None:
    left, right = prose("a", 50, 100, 430, 20), prose("b", 500, 100, 430, 20)
    merged = box(f"{left[9].text} {right[9].text}", 50, left[9].quad.top_left.y * HEIGHT, 880)
    page = [*left[:9], merged, *left[10:], *right[:9], *right[10:]]
    assert read(page)[0] == [line.text for line in page]


def test_columns_lean_on_a_photographed_page() -> None:
    page = [*prose("a", 50, 100, 430, 40), *prose("b", 490, 100, 430, 40)]
    leaning = [b._replace(quad=Quad(*(Point(p.x - 0.02 * p.y * HEIGHT / WIDTH, p.y) for p in b.quad))) for b in page]
    assert read(leaning)[0] == [line.text for line in page]


# --- rows ------------------------------------------------------------------------------------------------------------

RECEIPT = ["FRESH BREAD ROLLS", "PEN BLUE", "12 GLASSES OF LEMONADE", "SERVICE CHARGE 10%", "TOTAL", "CASH", "CHANGE"]


def test_a_receipts_prices_stay_with_their_items() -> None:
    page = [
        line
        for i, item in enumerate(RECEIPT)
        for line in (box(item, 60, 200 + 24 * i), box(f"{i}4.{i}0", 830, 201 + 24 * i))
    ]
    texts, text = read(page)
    assert texts == [line.text for line in page]
    assert text.split("\n") == [f"{item}\t{i}4.{i}0" for i, item in enumerate(RECEIPT)]


def test_a_tilted_receipt_in_upright_boxes_stays_in_rows() -> None:
    page = [
        line
        for i, item in enumerate(RECEIPT)
        for line in (box(item, 60, 200 + 24 * i), box(f"{i}4.{i}0", 830, 207 + 24 * i))
    ]
    assert read(page)[0] == [line.text for line in page]


def test_a_forms_keys_and_values_stay_in_rows() -> None:
    pairs = [("Name:", "Dan Straka"), ("Position:", "Harbour master"), ("Date:", "8-17-88"), ("Phone:", "5398")]
    page = [
        line
        for i, (key, value) in enumerate(pairs)
        for line in (box(key, 60, 100 + 34 * i), box(value, 300, 100 + 34 * i))
    ]
    texts, text = read(page)
    assert texts == [line.text for line in page]
    assert text.split("\n")[0] == "Name:\tDan Straka"


def test_a_table_is_read_row_by_row() -> None:
    page = [box(f"r{r}c{c}", 60 + 180 * c, 100 + 30 * r) for r in range(12) for c in range(5)]
    assert read(page)[0] == [line.text for line in page]


def test_a_table_of_text_is_read_cell_by_cell() -> None:
    sizes, top, page = [(4, 2), (2, 3), (3, 3), (2, 4)], 100.0, []
    for row, (left, right) in enumerate(sizes):
        page += [*prose(f"l{row}", 50, top, 430, left), *prose(f"r{row}", 520, top, 430, right)]
        top += max(left, right) * PITCH + 16
    assert read(page)[0] == [line.text for line in page]


def test_a_listing_stays_beside_its_comments() -> None:
    """Its lines are of one width and begin with small letters, as if they were prose."""
    page = []
    for n in range(16):
        page.append(box(f"mov eax, r{n:02}", 100, 100 + n * PITCH))
        page.append(box(f"// load number {n} of the {WORDS[n % 12]} trace", 300, 100 + n * PITCH))
    _, text = read(page)
    assert [row.split("\t")[0] for row in text.split("\n")] == [f"mov eax, r{n:02}" for n in range(16)]


def test_words_a_detector_parted_are_one_line() -> None:
    assert read([box("Couesnon et Cie", 50, 100, 120), box("(Sté)", 180, 100, 40)])[1] == "Couesnon et Cie (Sté)"


# --- directions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("degrees", [-4, 2, 90, 180, 270, 93])
def test_a_turned_page_reads_as_it_was_written(degrees: float) -> None:
    page = [*prose("a", 50, 300, 430, 20), *prose("b", 500, 300, 430, 20)]
    shuffled = turned(page, degrees)
    random.Random(3).shuffle(shuffled)
    text, lines = compose(shuffled, WIDTH, HEIGHT)
    assert [line.text for line in lines] == [line.text for line in page]
    assert text == compose(page, WIDTH, HEIGHT)[0]


def test_short_words_of_a_long_strip_do_not_tilt_it() -> None:
    wide, high, rise = 20_000, 30, math.tan(math.radians(1))
    words = [f"Mark {n}" for n in range(10)]
    boxes = []
    for n, word in enumerate(words):
        left, right = 2000 * n + 50, 2000 * n + 120
        slanted = [(left, 5), (right, 5 + 70 * rise), (right, 25 + 70 * rise), (left, 25)]
        boxes.append(TextBox(word, Quad.from_pixels(slanted, wide, high)))
    text, _ = compose(boxes, wide, high)
    assert text.split("\t") == words


def test_hebrew_rows_and_columns_run_from_right_to_left() -> None:
    shalom = "שלום עולם וברוכים הבאים לנמל הישן שלנו"
    right = [box(f"{shalom} א{i}", 510, 100 + PITCH * i, 430) for i in range(8)]
    left = [box(f"{shalom} ב{i}", 50, 100 + PITCH * i, 430) for i in range(8)]
    assert read([*right, *left])[0] == [line.text for line in [*right, *left]]


def test_arabic_cells_run_from_right_to_left() -> None:
    assert read([box("المجموع", 800, 100), box("١٢", 100, 100)])[1] == "المجموع\t١٢"


def test_vertical_chinese_runs_from_the_right() -> None:
    columns = [
        TextBox(text, Quad.from_box(x / WIDTH, 0.1, (x + 20) / WIDTH, 0.5))
        for text, x in (("金农工程山东率先引入", 600), ("云计算服务平台建成。", 570), ("记者昨日从省里获悉", 540))
    ]
    assert read(columns)[0] == [column.text for column in columns]


# --- a given order ---------------------------------------------------------------------------------------------------


def test_a_given_order_decides_what_geometry_cannot() -> None:
    left = [box(f"Item {i} of list one", 50, 100 + 30 * i) for i in range(8)]
    right = [box(f"Item {i} of list two", 500, 111 + 33 * i) for i in range(8)]
    columns = compose([*left, *right], WIDTH, HEIGHT, keep_order=True)[1]
    assert [line.text for line in columns] == [line.text for line in [*left, *right]]


def test_a_given_order_does_not_tear_rows_apart() -> None:
    keys = [box(f"Key {i}", 50, 100 + 30 * i) for i in range(6)]
    values = [box(f"{i}.00", 500, 100 + 30 * i) for i in range(6)]
    text, _ = compose([*keys, *values], WIDTH, HEIGHT, keep_order=True)
    assert text.split("\n")[2] == "Key 2\t2.00"


# --- whatever comes --------------------------------------------------------------------------------------------------

fractions = st.floats(0, 1, allow_nan=False).map(lambda v: round(v, 3))
points = st.builds(Point, fractions, fractions)
quads = st.one_of(
    st.builds(Quad, points, points, points, points),
    st.builds(lambda x, y, w, h: Quad.from_box(x, y, x + w, y + h), fractions, fractions, fractions, fractions),
)
texts = st.one_of(
    st.sampled_from(["", " ", "a-", "the boats wait", "• x", "12.00", "茶之乡", "שלום"]), st.text(max_size=12)
)
pages = st.lists(st.builds(TextBox, texts, quads, st.one_of(st.none(), fractions)), max_size=25)


@given(pages, st.sampled_from(["keep", "join"]), st.booleans())
def test_every_box_is_there_once_where_its_span_says(page: list[TextBox], hyphens: str, keep_order: bool) -> None:
    text, lines = compose(page, WIDTH, HEIGHT, hyphens=hyphens, keep_order=keep_order)
    assert all(text[line.start : line.end] == line.text for line in lines)
    assert all(a.end <= b.start for a, b in pairwise(lines))
    assert sorted(map(id, (b.quad for b in page))) == sorted(id(line.quad) for line in lines)
    if hyphens == "keep":
        assert sorted(line.text for line in lines) == sorted(b.text for b in page)


@given(pages, st.randoms(use_true_random=False))
def test_the_order_boxes_come_in_does_not_matter(page: list[TextBox], rng: random.Random) -> None:
    text, lines = compose(page, WIDTH, HEIGHT)
    shuffled = list(page)
    rng.shuffle(shuffled)
    again, others = compose(shuffled, WIDTH, HEIGHT)
    assert again == text
    assert [(line.text, line.start) for line in others] == [(line.text, line.start) for line in lines]


def test_no_boxes_are_no_text() -> None:
    assert compose([], WIDTH, HEIGHT) == ("", ())


def test_identical_boxes_are_all_kept() -> None:
    assert len(compose([box("same", 50, 100)] * 5, WIDTH, HEIGHT)[1]) == 5


def test_five_hundred_lines_take_milliseconds() -> None:
    page = [line for i in range(4) for line in prose("abcd"[i], 50 + 230 * i, 20, 215, 125, pitch=10.8)]
    start = time.process_time()
    compose(page, WIDTH, HEIGHT)
    assert time.process_time() - start < 0.25  # measured: 0.015; the rest is for a busy machine
