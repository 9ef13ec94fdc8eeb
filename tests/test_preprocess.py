"""What is done to a picture before it is recognised, and the way back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from qwen_ocr_loader import Field, Line, MissingDependency, PageResult, Quad, Table
from qwen_ocr_loader.engines import Scan
from qwen_ocr_loader.geometry import Transform
from qwen_ocr_loader.images import PageImage
from qwen_ocr_loader.preprocess.preparation import Prepared, prepared
from qwen_ocr_loader.preprocess.sight import Strip
from qwen_ocr_loader.preprocess.skew import skew_of
from qwen_ocr_loader.preprocess.steps import STEPS, in_order, refuse_missing
from qwen_ocr_loader.preprocess.tones import BAND, SPECKLED, denoised
from qwen_ocr_loader.preprocess.way_back import WayBack
from qwen_ocr_loader.results import Agreement, Place

WORDS = "The harbour opened in spring and forty boats came to the quay, none of which left before the end of May."
CHINESE = "今天天气很好我们一起去海边散步吃饭晚上回家看书写字明天可能下雨所以早点休息不要忘记带伞出门工作学习"
CJK = "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf"


def printed(lines: int = 9, size: tuple[int, int] = (900, 700)) -> Image.Image:
    """A page of English print."""
    page = Image.new("L", size, 255)
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(26)
    for number in range(lines):
        pen.text((70, 60 + 62 * number), WORDS[number * 4 : number * 4 + 52 - 3 * number], 0, font)
    return page


def turned(picture: Image.Image, degrees: float) -> Image.Image:
    """Clockwise, all of it kept."""
    return picture.rotate(-degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=255)


def picture(image: Image.Image) -> PageImage:
    return PageImage.from_pixels(image)


def numbers(*quads: Quad) -> list[float]:
    return [value for quad in quads for point in quad for value in point]


# --- names -----------------------------------------------------------------------------------------------------------


def test_steps_come_in_their_own_order_and_once():
    assert in_order(["equalize", "orient", "equalize", "denoise"]) == ("orient", "denoise", "equalize")
    assert in_order("deskew") == ("deskew",)
    assert in_order(()) == ()


@pytest.mark.parametrize("given", ["desqew", ["orient", "desqew"]])
def test_an_unknown_step_names_the_nearest(given):
    with pytest.raises(ValueError, match=r"preprocess='desqew'.*'deskew'"):
        in_order(given)


def test_what_is_missing_is_said_with_the_command(monkeypatch):
    monkeypatch.setattr("qwen_ocr_loader.preprocess.steps.find_spec", lambda name: None if name == "rapidocr" else name)
    refuse_missing(["denoise", "equalize"])
    with pytest.raises(MissingDependency, match=r"'orient' needs rapidocr; type: pip install 'qwen-ocr-loader\["):
        refuse_missing(["orient"])


# --- the way back ----------------------------------------------------------------------------------------------------

sides = st.integers(20, 3000)
fraction = st.floats(0, 1)


@given(st.floats(-360, 360), sides, sides, sides, sides, fraction, fraction)
def test_there_and_back_is_where_it_was(degrees, width, height, onto_width, onto_height, x, y):
    size, onto = (width, height), (onto_width, onto_height)
    there = Transform.turning(degrees, size, onto)
    here = there.then(Transform.turning(-degrees, onto, size)).bounds(x * width, y * height, x * width, y * height)
    assert here == pytest.approx((x * width, y * height) * 2, abs=1e-6)


@given(st.integers(0, 3), st.floats(0.3, 15), sides, sides, st.tuples(*[fraction] * 8))
def test_quads_come_back_to_the_page_in_the_order_of_their_corners(quarters, skew, width, height, at):
    degrees = 90 * quarters - skew
    box = Transform.turning(degrees, (width, height), (width, height)).bounds(0, 0, width, height)
    room = round(box[2] - box[0]) + 2, round(box[3] - box[1]) + 2
    quad = Quad.from_numbers([*at[:2], *at[2:4], *at[4:6], *at[6:8]])
    pixels = Transform(width, 0, 0, height, 0, 0).then(Transform.turning(degrees, (width, height), room))
    seen = pixels.then(Transform(1 / room[0], 0, 0, 1 / room[1], 0, 0)).quad(quad)
    ready = Prepared(PageImage(*room), degrees, (width, height))
    back = ready.way_back(Scan(0, width, height, "px", PageImage(width, height)))
    assert numbers(back.transform.quad(seen)) == pytest.approx(numbers(quad), abs=1e-6)


def test_text_of_an_upside_down_page_starts_at_the_lower_right():
    ready = Prepared(PageImage(200, 100), 180.0, (200, 100))
    back = ready.way_back(Scan(0, 200, 100, "px", PageImage(200, 100)))
    quad = back.transform.quad(Quad.from_box(0.1, 0.2, 0.5, 0.3))
    assert numbers(quad) == pytest.approx([0.9, 0.8, 0.5, 0.8, 0.5, 0.7, 0.9, 0.7])


def test_all_that_has_a_place_is_led_back():
    half = WayBack(300, 400, Transform(0.5, 0, 0, 0.5, 0, 0))
    whole, quarter = Quad.from_box(0, 0, 1, 1), Quad.from_box(0, 0, 0.5, 0.5)
    line, unplaced = Line("ab", 0, 2, whole), Line("ab", 0, 2)
    result = PageResult(
        3,
        600,
        800,
        "pt",
        "ab",
        lines=(line, unplaced),
        fields={"a": Field("ab", whole, places=(Place((), "ab", whole),)), "b": Field(None)},
        tables=(Table("", (), whole), Table("", ())),
        agreement=Agreement("who", 1.0, left_out=(line,)),
    )
    found = half.result(result)
    assert (found.page, found.width, found.height, found.unit, found.text) == (3, 300, 400, "pt", "ab")
    assert [line.quad for line in found.lines] == [quarter, None]
    assert (found.fields["a"].quad, found.fields["a"].places[0].quad, found.fields["b"].quad) == (
        quarter,
        quarter,
        None,
    )
    assert [table.quad for table in found.tables] == [quarter, None]
    assert found.agreement.left_out[0].quad == quarter


# --- orient and deskew -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_a_turned_page_is_put_upright(degrees):
    delivered = picture(turned(printed(), degrees))
    ready = prepared(delivered, ["orient"])
    assert (ready.degrees + degrees) % 360 == 0
    assert np.array_equal(np.asarray(ready.image.pixels()), np.asarray(printed()))
    assert (ready.image is delivered) == (degrees == 0)


def columns(size: int = 30) -> Image.Image:
    """Chinese, from the top down, column by column from the right."""
    page = Image.new("L", (700, 760), 255)
    pen, font = ImageDraw.Draw(page), ImageFont.truetype(CJK, size)
    for number in range(11):
        for row in range(20):
            letter = CHINESE[(number * 7 + row) % len(CHINESE)]
            pen.text((620 - number * 54, 50 + row * size * 1.1), letter, 0, font)
    return page


def two_ways() -> Image.Image:
    page = Image.new("L", (1400, 900), 255)
    page.paste(printed(), (0, 0))
    page.paste(turned(printed(), 90), (700, 0))
    return page


def sideways_scribble() -> Image.Image:
    """Shapes that nobody can read, where lines would be on a page that lies on its side."""
    page, chance = Image.new("L", (600, 900), 255), np.random.default_rng(1)
    pen = ImageDraw.Draw(page)
    for x in range(60, 560, 60):
        ys = range(50, 850, 5)
        pen.line([(x + int(chance.integers(0, 28)), y) for y in ys], 0, 2)
    return page


@pytest.mark.parametrize("draw", [columns, two_ways, sideways_scribble, lambda: Image.new("RGB", (300, 200), "white")])
def test_pages_that_nobody_can_be_sure_of_are_left_alone(draw):
    try:
        delivered = picture(draw())
    except OSError:
        pytest.skip(f"no font {CJK}")
    assert prepared(delivered, ["orient"]).image is delivered


@pytest.mark.parametrize("side", [(1, 1), (1, 4000), (4000, 1)])
def test_the_smallest_pictures_are_left_alone(side):
    delivered = picture(Image.new("L", side, 255))
    assert prepared(delivered, ["orient", "deskew", "denoise"]).image is delivered


@pytest.mark.parametrize("degrees", [-9.0, -2.0, 1.0, 5.0, 94.0])
def test_a_slanting_page_is_set_straight(degrees):
    delivered = picture(turned(printed(), degrees))
    ready = prepared(delivered, ["deskew", "orient"])
    assert ready.degrees % 360 == pytest.approx(-degrees % 360, abs=0.2)
    dark = np.asarray(ready.image.pixels()) < 128
    rows = np.flatnonzero(np.diff(dark.any(axis=1).astype(int)) == 1)
    assert len(rows) == 9  # white paper between any two lines, so they are level
    assert dark.sum() == pytest.approx((np.asarray(printed()) < 128).sum(), rel=0.1)  # and nothing is cut off


def test_a_straight_page_stays_as_it_is():
    delivered = picture(printed())
    assert prepared(delivered, STEPS[:3]).image is delivered


def test_lines_that_do_not_agree_have_no_skew():
    def strip(degrees, length):
        corners = np.array([(0, 0), (length, 0), (length, 20), (0, 20)], np.float32)
        cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        return Strip(corners @ np.array([[cos, sin], [-sin, cos]], np.float32), length, 20.0)

    assert skew_of([strip(4, 400), strip(4.1, 300), strip(3.9, 300), strip(-3, 90)]) == pytest.approx(4, abs=0.11)
    assert skew_of([strip(4, 400), strip(4, 400)]) == 0.0  # too few
    assert skew_of([strip(slant, 400) for slant in (-6, -3, 0, 3, 6)]) == 0.0
    assert skew_of([strip(20, 400)] * 9) == 0.0  # meant so
    assert skew_of([strip(0.1, 400)] * 9) == 0.0
    assert skew_of([]) == 0.0


# --- denoise and equalize --------------------------------------------------------------------------------------------


def test_specks_go_and_print_stays():
    page = np.array(printed())
    chance = np.random.default_rng(0)
    noisy = page.copy()
    hit = chance.random(page.shape) < 0.03
    noisy[hit] = chance.choice([0, 255], hit.sum())
    ready = np.asarray(prepared(picture(Image.fromarray(noisy)), "denoise").image.pixels())
    wrong = [(np.abs(np.asarray(seen, int) - page) > 100).mean() for seen in (noisy, ready)]
    assert wrong[1] < wrong[0] / 3


@pytest.mark.parametrize("rows", [(255, 257, 511, 513), (254, 256, 510, 512), (1, 256, 700, 798)])
def test_specks_count_once_where_bands_meet(rows):
    """The page is looked at in bands of 256 rows."""
    page = np.full((800, 100), 255, np.uint8)
    page[rows, 1:81:2] = 0
    assert np.count_nonzero(page == 0) == SPECKLED * page.size
    assert denoised(page) is not page
    page[rows[0], 1] = 255
    assert denoised(page) is page


def test_strokes_are_no_specks_where_bands_meet():
    page = np.full((800, 100), 255, np.uint8)
    page[[BAND - 1, BAND, 2 * BAND - 1, 2 * BAND], 1:99:2] = 0  # two pixels high: one on each side
    assert denoised(page) is page


def test_a_faint_corner_gets_its_contrast_back():
    page = np.asarray(printed(), float)
    shade = np.linspace(1, 0.25, page.shape[1])
    faint = Image.fromarray((90 + (page - 90) * 0.3 * shade).astype(np.uint8))
    ready = np.asarray(prepared(picture(faint.convert("RGB")), ["equalize"]).image.pixels().convert("L"))
    right = slice(450, 600)

    def contrast(seen):
        return np.ptp(np.percentile(np.asarray(seen)[50:500, right], [1, 90]))

    assert contrast(ready) > 1.2 * contrast(faint)
