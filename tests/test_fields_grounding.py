"""Values of fields and the lines they are printed on."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_ocr_loader import Field, Line, PageResult, Quad
from qwen_ocr_loader.fields.grounding import UNFOUND, ground

RECEIPT = [
    [("HARBOUR CAFE LTD.", 0.1)],
    [("12 Quay Street,", 0.1)],
    [("Westhaven", 0.1)],
    [("Date: 03/04/2024", 0.1), ("No.", 0.6), ("A-1007", 0.7)],
    [("2", 0.1), ("Flat white", 0.2), ("4.00", 0.6), ("8.00", 0.8)],
    [("1", 0.1), ("Scone", 0.2), ("4.00", 0.6), ("4.00", 0.8)],
    [("Subtotal", 0.1), ("12.00", 0.8)],
    [("Total", 0.1), ("12.00", 0.8)],
    [("Cash", 0.1), ("1,250.00", 0.8)],
    [("☑", 0.1), ("Take away", 0.15), ("☐", 0.4), ("Eat in", 0.45)],
]


def page_of(rows, fields, *, boxes=True, confidence=0.9, **more):
    text, lines = "", []
    for number, row in enumerate(rows):
        for said, left in row:
            quad = Quad.from_box(left, number / 20, left + 0.01 * len(said), (number + 0.7) / 20) if boxes else None
            lines.append(Line(said, len(text), len(text) + len(said), quad, confidence))
            text += said + "\n"
    values = {name: Field(value) for name, value in fields.items()}
    return PageResult(0, 1000, 1000, "px", text, lines=tuple(lines), fields=values, **more)


def grounded(value, name="value", rows=RECEIPT, **more):
    return ground(page_of(rows, {name: value}, **more)).fields[name]


def row_of(place):
    return round(place.quad.bounds.top * 20)


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        ("HARBOUR CAFE LTD.", ["HARBOUR CAFE LTD."]),
        ("Harbour Café Ltd", ["HARBOUR CAFE LTD"]),
        ("ＨＡＲＢＯＵＲ", ["HARBOUR"]),
        ("A-1007", ["A-1007"]),
        ("03 / 04/ 2024", ["03/04/2024"]),
        ("12 Quay Street, Westhaven", ["12 Quay Street,", "Westhaven"]),
        ("1250", ["1,250.00"]),
        ("€ 1.250,00", ["1,250.00"]),
        ("2024-04-03", ["03/04/2024"]),
        ("3 April 2024", ["03/04/2024"]),
        (1250.0, ["1,250.00"]),
    ],
)
def test_a_value_finds_its_print(value, printed):
    field = grounded(value)
    assert [place.text for place in field.places] == printed
    assert field.problems == ()
    assert field.confidence == 0.9


def test_the_place_is_the_part_of_the_line():
    field = grounded("03/04/2024")
    box = field.quad.bounds
    assert 0.14 < box.left < 0.18
    assert box.right == pytest.approx(0.26, abs=0.01)


@pytest.mark.parametrize("value", ["13.00", "250", "1007.00", "2023-04-03", "Marina Bar", "HAR"])
def test_what_is_printed_nowhere_is_a_problem(value):
    field = grounded(value)
    assert field.problems == (UNFOUND,)
    assert field.places == ()


def test_nobody_is_accused_without_lines():
    page = page_of([], {"value": "x"})
    assert ground(page) is page


def test_nobody_is_accused_where_the_page_was_cut_off():
    assert grounded("Marina Bar", truncated=True).problems == ()


def test_lines_without_boxes_still_tell_what_is_there():
    assert grounded("A-1007", boxes=False).problems == ()
    assert grounded("A-1007", boxes=False).places == ()
    assert grounded("A-1008", boxes=False).problems == (UNFOUND,)


def test_the_label_tells_which_of_two():
    page = ground(page_of(RECEIPT, {"Subtotal": "12.00", "Total": "12.00"}))
    assert [row_of(page.fields[name].places[0]) for name in ("Subtotal", "Total")] == [6, 7]
    assert page.fields["Total"].confidence == 0.9


def test_where_nothing_tells_the_confidence_does():
    rows = [[("7.00", 0.5)], [("7.00", 0.5)], [("7.00", 0.5)]]
    field = grounded("7.00", rows=rows)
    assert row_of(field.places[0]) == 0
    assert field.confidence == pytest.approx(1 / 3)


def test_items_go_down_the_page_row_by_row():
    items = [
        {"Qty": "2", "Name": "Flat white", "Price": "4.00", "Sum": "8.00"},
        {"Qty": "1", "Name": "Scone", "Price": "4.00", "Sum": "4.00"},
    ]
    places = {place.path: place for place in grounded(items, "Items").places}
    assert {path[0] for path, place in places.items() if row_of(place) == 4} == {0}
    assert {path[0] for path, place in places.items() if row_of(place) == 5} == {1}
    assert places[1, "Price"].quad != places[1, "Sum"].quad


def test_a_problem_says_which_part_of_the_value():
    field = grounded([{"Name": "Scone"}, {"Name": "Muffin"}], "Items")
    assert field.problems == (f"[1].Name: {UNFOUND}",)


def test_a_misread_letter_is_found_and_told():
    field = grounded("HARB0UR CAFE LTD")
    assert field.problems == ('the page says "HARBOUR CAFE LTD"',)
    assert field.confidence == pytest.approx(0.72)


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        ("TM-88?13-C", "TM-88213-C"),
        ("?,250.00", "1,250.00"),
        ("h?rbour caf?", "Harbour Café"),
        ("１０？７", "1007"),
    ],
)
def test_what_the_engine_could_not_read_is_told_where_the_page_has_it(value, printed):
    field = grounded(value, rows=[[("nothing here", 0.1)], [(f"No {printed} x", 0.1)]])
    assert field.problems == (f'the page says "{printed}"',)
    assert field.confidence == pytest.approx(0.9 * 0.8)


@pytest.mark.parametrize("value", ["???x", "10??", "99?7", "1?07" + "?" * 600, "A-10?7", "1(?:9)07?"])
def test_a_letter_that_could_not_be_read_stands_for_one_letter(value):
    assert grounded(value, rows=[[("No 1007", 0.1)]]).problems == (UNFOUND,)


@pytest.mark.parametrize(("value", "row"), [("☑", 9), (True, 9)])
def test_ticks(value, row):
    assert row_of(grounded(value, "Take away").places[0]) == row


def test_a_tick_nobody_can_read_is_no_problem():
    assert grounded("Yes", rows=RECEIPT[:3]).problems == ()


def test_hyphens_and_numbers_over_lines():
    rows = [[("An inter-", 0.1)], [("national fair", 0.1)], [("12", 0.1)], [("34", 0.1)]]
    assert [place.text for place in grounded("international", rows=rows).places] == ["inter", "national"]
    assert grounded("1234", rows=rows).problems == (UNFOUND,)


def test_an_address_goes_on_past_what_stands_between():
    rows = [[("12 Quay Street", 0.1), ("Phone 5550", 0.6)], [("Westhaven", 0.1)]]
    assert [place.text for place in grounded("12 Quay Street Westhaven", rows=rows).places] == [
        "12 Quay Street",
        "Westhaven",
    ]


def test_fields_that_know_their_place_are_left_alone():
    once = ground(page_of(RECEIPT, {"Total": "12.00"}))
    assert ground(once) is once


@pytest.mark.parametrize("value", [None, "", " ", "\u200b", [], {}, [None], {"a": [""]}])
def test_nothing_is_nowhere_and_no_problem(value):
    assert grounded(value) == Field(value)


def test_big_pages_do_not_take_long():
    rows = [[(f"Row {n}", 0.1), (f"{n * 3}.{n % 100:02d}", 0.8)] for n in range(250)]
    fields = {f"f{n}": f"{n * 3}.{n % 100:02d}" for n in range(50)} | {f"g{n}": f"absent {n} words" for n in range(50)}
    page = page_of(rows, fields)
    started = time.process_time()
    ground(page)
    assert time.process_time() - started < 3


TEXTS = st.text(alphabet=st.sampled_from("abAB12.,-/ £☑é日本٣١\n"), max_size=20)


@given(
    st.lists(TEXTS, max_size=8), st.recursive(TEXTS | st.none() | st.booleans() | st.integers(), st.lists, max_leaves=5)
)
def test_places_are_printed_where_they_say(texts, value):
    rows = [[(text.replace("\n", " "), 0.1)] for text in texts]
    page = ground(page_of(rows, {"value": value}))
    for place in page.fields["value"].places:
        assert any(place.text in line.text and row_of(place) == n for n, line in enumerate(page.lines))


@given(
    st.lists(st.from_regex(r"[a-z]{3,8} [0-9]{3,6}", fullmatch=True), min_size=1, max_size=8, unique=True), st.data()
)
def test_what_is_printed_is_found(texts, data):
    wanted = data.draw(st.sampled_from(texts))
    field = grounded(wanted.upper(), rows=[[(text, 0.1)] for text in texts])
    assert field.problems == ()
    assert " ".join(place.text for place in field.places) == wanted
