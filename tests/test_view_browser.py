"""The viewer in a browser: pointing, searching, keys, a telephone, and 200 pages."""

from __future__ import annotations

import time
from io import BytesIO

import pytest
from PIL import Image

from browsing import NARROW, ROWS, Sheet, browsers, needs_chromium, sheet, shows
from draw_images import noisy
from qwen_ocr_loader.geometry import Quad
from qwen_ocr_loader.results import Agreement, Field, Line, Place, Table

pytestmark = needs_chromium
browser = pytest.fixture(browsers, scope="module")
show = pytest.fixture(shows)


def until(tab, condition: str) -> None:
    """Wait for it; Playwright's own way of doing so is a thing the viewer's policy forbids."""
    end = time.monotonic() + 10
    while not tab.evaluate(condition):
        assert time.monotonic() < end, condition
        tab.wait_for_timeout(20)


def lit(tab) -> list[str]:
    return tab.locator("#panel .lit .words, #panel .lit h3 span:first-child").all_inner_texts()


def lit_boxes(tab) -> list[str]:
    return tab.locator("polygon.lit").evaluate_all("them => them.map(it => it.dataset.kind + it.dataset.index)")


def here(tab) -> str:
    return tab.input_value("#number")


# --- pointing ---


def test_a_box_lights_its_row_and_a_row_its_box(show):
    tab = show()
    tab.hover("polygon.line >> nth=2")
    assert lit(tab) == [ROWS[2]]
    tab.mouse.move(5, 400)
    assert lit(tab) == lit_boxes(tab) == []
    tab.hover(f"#panel .row >> text={ROWS[1]}")
    assert lit_boxes(tab) == ["line1"]


def test_a_click_keeps_it_lit_and_escape_lets_go(show):
    tab = show()
    tab.click("polygon.line >> nth=2")
    tab.mouse.move(5, 400)
    assert (lit(tab), lit_boxes(tab)) == ([ROWS[2]], ["line2"])
    tab.keyboard.press("Escape")
    assert (lit(tab), lit_boxes(tab)) == ([], [])


def test_boxes_lie_on_the_ink_at_every_zoom(show):
    tab = show()
    for key in ("0", "+", "+", "-", "-", "-", "-"):
        tab.keyboard.press(key)
        image, box = tab.locator("img").bounding_box(), tab.locator("polygon.line").nth(3).bounding_box()
        quad = sheet().page.result.lines[3].quad.bounds
        assert (box["x"] - image["x"]) / image["width"] == pytest.approx(quad.left, abs=0.004)
        assert (box["y"] + box["height"] - image["y"]) / image["height"] == pytest.approx(quad.bottom, abs=0.004)
        assert image["width"] / image["height"] == pytest.approx(0.8, rel=0.01)
    assert tab.inner_text("#fit") == "64%"


def test_a_row_brings_its_place_into_view(show):
    tab = show(sheet(0), sheet(1))
    for _ in range(4):
        tab.keyboard.press("+")
    tab.click(f"#panel .row >> text={ROWS[3]}")
    box = tab.locator("polygon.lit").bounding_box()
    assert 46 < box["y"] < 800 - box["height"]


def test_fields_and_tables_stand_at_the_side_tied_to_their_boxes(show):
    quad = sheet().page.result.lines[1].quad
    fields = {
        "Opened": Field("spring", quad, 0.91, problems=("not a date",)),
        "Tip": Field(None),
        "Boats": Field([{"name": "Ann", "length": 12}, {"name": "Bee", "length": None}]),
        "Owner": Field({"name": {"first": "Zoë"}}),
    }
    table = Table("", (("Day", "Boats"), ("1", "40")), Quad.from_box(0.05, 0.35, 0.9, 0.6))
    tab = show(sheet(fields=fields, tables=(table,)))
    assert tab.inner_text("#tabs [aria-selected=true]") == "Fields4"
    words = tab.inner_text("#panel")
    assert all(part in words for part in ("Opened", "spring", "0.91", "not a date", "not on the page", "Ann", "Zoë"))
    tab.hover("#panel .card >> nth=0")
    assert lit_boxes(tab) == ["field0"]
    tab.hover("polygon.line >> nth=1")  # the field's own line
    assert lit(tab) == ["Opened"]
    tab.keyboard.press("3")
    assert tab.locator("#panel table tr").all_inner_texts() == ["Day\tBoats", "1\t40"]
    tab.hover("#panel .card")
    assert lit_boxes(tab) == ["table0"]


def test_a_field_on_two_lines_and_what_a_witness_disputes_are_tied_to_their_boxes(show):
    first, second = (line.quad for line in sheet().page.result.lines[:2])
    places = (Place((), "opened", first), Place((), "in spring", second))
    fields = {"Opened": Field("opened in spring", Quad.around([first, second]), places=places)}
    agreement = Agreement("w", 0.9, (Line("LOST", 0, 0, Quad.from_box(0.1, 0.8, 0.4, 0.85)),), (Line("in", 19, 21),))
    tab = show(sheet(fields=fields, agreement=agreement))
    tab.hover("#panel .card >> nth=0")
    assert lit_boxes(tab) == ["field0", "field0"]
    tab.keyboard.press("1")
    assert tab.locator("#panel .card").all_inner_texts() == ["left out\nLOST", "invented\nin"]
    tab.hover("#panel .card >> nth=1")
    assert lit_boxes(tab) == ["doubt1"]
    assert "w agrees on 90% of the words" in tab.inner_text("#about")


def test_colours_tell_how_sure_a_line_is_and_the_legend_leaves_only_some(show):
    tab = show()
    strokes = tab.locator("polygon.line").evaluate_all("them => them.map(it => getComputedStyle(it).stroke)")
    assert strokes == ["rgb(0, 114, 178)", "rgb(43, 163, 212)", "rgb(230, 159, 0)", "rgb(213, 94, 0)"]
    assert [chip.split() for chip in tab.locator("#legend button").all_inner_texts()][-1] == ["under", "0.70", "1"]
    tab.click("#legend .unsure")
    opacities = tab.locator("polygon.line").evaluate_all("them => them.map(it => getComputedStyle(it).opacity)")
    assert opacities == ["0.1", "0.1", "0.1", "1"]


# --- search ---


def found(tab) -> str:
    return tab.inner_text("#found")


def test_search_counts_marks_and_goes_round(show):
    tab = show(sheet(0), sheet(1), sheet(2))
    tab.keyboard.press("/")
    tab.keyboard.type("THE")
    assert found(tab) == "1 / 6"
    assert tab.locator("#panel mark").all_inner_texts() == ["The", "the"]
    for expected in ("2 / 6", "3 / 6"):
        tab.keyboard.press("Enter")
        assert found(tab) == expected
    assert here(tab) == "2"
    assert tab.locator("#panel mark.current").inner_text() == "The"
    tab.keyboard.press("Shift+Enter")
    assert (found(tab), here(tab)) == ("2 / 6", "1")
    tab.click("#back")
    tab.click("#back")
    assert (found(tab), here(tab)) == ("6 / 6", "3")
    tab.keyboard.press("Escape")
    assert (found(tab), tab.locator("mark, polygon.match").count()) == ("", 0)


def test_the_mark_on_the_page_is_on_the_word(show):
    """Fonts differ, so to within two letters."""
    tab = show()
    tab.fill("#query", "quay")
    mark, line = tab.locator("polygon.match").bounding_box(), tab.locator("polygon.line").nth(3).bounding_box()
    letter = line["width"] / len(ROWS[3])
    assert mark["x"] - line["x"] == pytest.approx(letter * 8, abs=2 * letter)
    assert mark["width"] == pytest.approx(letter * 4, abs=1.5 * letter)


@pytest.mark.parametrize(
    ("query", "count"), [("opened in spring", 1), ("zoe angstrom", 1), ("ÅNG", 1), ("boats and", 1), ("sub", 0)]
)
def test_search_minds_no_case_accents_or_line_breaks(show, query, count):
    tab = show()
    tab.fill("#query", query)
    assert found(tab) == (f"1 / {count}" if count else "0 / 0")
    assert ("none" in (tab.get_attribute("#found", "class") or "")) == (count == 0)


def test_what_runs_from_right_to_left_is_marked_from_the_right(show):
    tab = show(sheet(rows=("שלום עולם טוב",)))
    tab.fill("#query", "שלום")
    mark, line = tab.locator("polygon.match").bounding_box(), tab.locator("polygon.line").bounding_box()
    assert mark["x"] + mark["width"] == pytest.approx(line["x"] + line["width"], abs=3)
    assert mark["width"] < 0.5 * line["width"]
    assert tab.locator("#panel .words").evaluate("it => getComputedStyle(it).direction") == "rtl"


# --- keys ---


def test_keys_move_between_pages_and_lines(show):
    tab = show(*map(sheet, range(5)))
    for key, expected in (("ArrowRight", "2"), ("End", "5"), ("ArrowRight", "5"), ("ArrowLeft", "4"), ("Home", "1")):
        tab.keyboard.press(key)
        assert here(tab) == expected
    for _ in range(5):
        tab.keyboard.press("j")
    assert (here(tab), lit(tab)) == ("2", [ROWS[0]])
    tab.keyboard.press("k")
    assert (here(tab), lit(tab)) == ("1", [ROWS[3]])


def test_a_page_number_can_be_typed_and_an_address_can_name_page_and_words(show):
    tab = show(*map(sheet, range(9)))
    tab.fill("#number", "7")
    tab.press("#number", "Enter")
    assert here(tab) == "7"
    tab = show(*map(sheet, range(9)), address="#page=4&q=forty")
    assert (here(tab), found(tab)) == ("4", "4 / 9")


def test_scrolling_tells_the_page(show):
    tab = show(*map(sheet, range(6)))
    tab.locator("figure").nth(3).evaluate("it => it.scrollIntoView()")
    until(tab, "document.getElementById('number').value === '4'")
    assert tab.inner_text("#about b") == "Page 4"


def test_every_page_is_printed_with_its_picture(show):
    tab = show(*map(sheet, range(9)))
    shown = "[...document.querySelectorAll('.sheet')].filter(it => it.querySelector('polygon')).length"
    assert tab.evaluate(shown) < 9
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert tab.evaluate(shown) == 9
    assert tab.evaluate("[...document.querySelectorAll('.sheet img')].every(it => it.decoding === 'sync')")
    tab.evaluate("dispatchEvent(new Event('afterprint'))")
    until(tab, f"{shown} < 9")


def test_keys_switch_boxes_numbers_tabs_and_help(show):
    tab = show()
    numbers = tab.locator(".order text")
    assert not numbers.nth(0).is_visible()
    tab.keyboard.press("o")
    assert numbers.all_text_contents() == ["1", "2", "3", "4"]
    assert numbers.nth(0).is_visible()
    tab.keyboard.press("b")
    tab.mouse.move(5, 400)
    until(tab, "getComputedStyle(document.querySelector('polygon.line')).stroke === 'rgba(0, 0, 0, 0)'")
    tab.keyboard.press("2")
    assert "No fields" in tab.inner_text("#panel")
    tab.keyboard.press("?")
    assert "first page, last page" in tab.inner_text("dialog")
    tab.keyboard.press("Escape")
    assert not tab.locator("dialog").is_visible()


def test_what_is_typed_into_the_search_is_no_command(show):
    tab = show(*map(sheet, range(3)))
    tab.click("#query")
    tab.keyboard.type("dj")
    assert here(tab) == "1"
    assert tab.evaluate("document.documentElement.dataset.theme") == "light"


def brightness(tab) -> int:
    image = Image.open(BytesIO(tab.screenshot())).convert("L")
    return image.getpixel((1000, 700))


def test_dark_where_it_is_preferred_and_where_it_is_asked_for(show):
    assert brightness(show(color_scheme="dark")) < 60
    tab = show(color_scheme="light")
    assert brightness(tab) > 200
    tab.keyboard.press("d")
    assert brightness(tab) < 60


# --- a telephone ---


def test_at_390_pixels_nothing_sticks_out_and_a_tap_tells_the_words(show):
    quad = sheet().page.result.lines[1].quad
    tab = show(sheet(fields={"Opened": Field("spring", quad)}), sheet(1), size=NARROW)
    assert tab.evaluate("document.documentElement.scrollWidth") == 390
    for control in tab.locator("#bar button, #bar input, #tabs button").all():
        box = control.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
        assert box["height"] >= 30
    tab.locator("polygon.line").nth(2).tap()
    assert tab.inner_text("#said") == ROWS[2]
    tab.locator("#tabs button", has_text="Text").tap()
    assert not tab.locator("#stage").is_visible()
    tab.locator("#panel .row").nth(3).tap()
    assert tab.locator("#stage").is_visible()
    until(tab, "document.querySelector('polygon.lit')?.dataset.index === '3'")
    assert tab.inner_text("#said") == ROWS[3]
    tab.locator("#tabs button", has_text="Fields").tap()
    assert "spring" in tab.inner_text("#panel")


# --- many pages ---


def test_of_200_pages_only_those_near_are_decoded(show):
    picture = noisy(sheet().picture.resize((1200, 1500)), 60)  # grain, so that it is as large as a scan's
    pages = [Sheet(sheet(number, ROWS * 10).page, picture) for number in range(200)]
    tab = show(*pages)
    until(tab, "document.images[0].complete && document.images[0].naturalWidth > 0")
    decoded = "[...document.images].map((image, at) => image.hasAttribute('src') ? at : -1).filter(at => at >= 0)"
    assert 1 <= len(tab.evaluate(decoded)) <= 5
    tab.keyboard.press("End")
    until(tab, "document.images[199].complete && document.images[199].naturalWidth > 0")
    assert set(tab.evaluate(decoded)) <= set(range(194, 200))
    tab.fill("#query", "quay")
    assert found(tab).endswith(" / 2000")
