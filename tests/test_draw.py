"""Overlays: what is drawn, where, and that the box of a line covers its ink on awkward pages."""

from dataclasses import replace
from difflib import SequenceMatcher
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from awkward_pages import PAGES
from draw_images import receipt
from qwen_ocr_loader import Reader
from qwen_ocr_loader.draw import Overlay
from qwen_ocr_loader.errors import SourceError
from qwen_ocr_loader.geometry import Quad
from qwen_ocr_loader.page_pictures import page_image
from qwen_ocr_loader.palette import DOUBT, FIELD, STEPS, TABLE, UNRATED, step
from qwen_ocr_loader.results import Agreement, Field, Line, PageResult, Place, Table

BOX = Quad.from_box(0.2, 0.2, 0.8, 0.3)
PROBES = ((0.5, 0.25), (0.5, 0.4), (0.5, 0.55), (0.5, 0.85))


def sheet(**parts) -> PageResult:
    return PageResult(0, 400, 300, "px", "", **parts)


def line(confidence=None, quad=BOX) -> Line:
    return Line("", 0, 0, quad, confidence)


def changed(overlay: Overlay, before: Image.Image) -> np.ndarray:
    """Where something was drawn."""
    return (np.asarray(overlay.image) != np.asarray(before.convert("RGB"))).any(axis=2)


def colors(image: Image.Image) -> set[str]:
    return {f"#{bytes(color).hex()}" for _, color in image.getcolors(1 << 24)}


def dominant(overlay: Overlay) -> np.ndarray:
    """The most saturated colour drawn."""
    pixels = np.asarray(overlay.image).reshape(-1, 3).astype(int)
    return pixels[np.argmax(pixels.max(axis=1) - pixels.min(axis=1))]


def is_near(pixel: np.ndarray, color: str) -> bool:
    return bool(np.abs(pixel - np.frombuffer(bytes.fromhex(color[1:]), np.uint8).astype(int)).max() < 50)


# --- where ---


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_box_of_a_line_covers_its_ink(page, tmp_path):
    if page.font and not page.font.exists():
        pytest.skip(f"needs {page.font.name}")
    pytest.importorskip("rapidocr")
    path = tmp_path / "page"
    path.write_bytes(page.data)
    is_pdf = page.data.startswith(b"%PDF")
    [read] = Reader(engine="local", text_layer="only" if is_pdf else "never").pages(path)
    picture = page_image(path)
    boxes = [
        changed(Overlay(replace(read.result, lines=(one,)), picture).lines(), picture) for one in read.result.lines
    ]
    inks = [page.ink(number) for number in range(len(page.lines))]
    for words, ink in zip(page.lines, inks, strict=True):
        assert ink.sum() > 100
        own = [n for n, box in enumerate(boxes) if (box & ink).sum() > 0.5 * max(1, (box & sum(inks) > 0).sum())]
        drawn = np.any([boxes[n] for n in own], axis=0)
        assert (drawn & ink).sum() >= 0.97 * ink.sum(), words
        others = sum(other for other in inks if other is not ink) > 0
        assert (drawn & others).sum() <= 0.05 * ink.sum(), words
        text = " ".join(read.result.lines[n].text for n in own)
        assert SequenceMatcher(None, text, words).ratio() >= (1 if is_pdf else 0.8)


def test_a_line_without_a_box_is_not_drawn():
    page = sheet(lines=(line(quad=None),), fields={"a": Field("b")}, tables=(Table("", ()),))
    assert colors(Overlay(page).lines().fields().tables().order().image) == {"#ffffff"}


def test_numbers_stand_before_the_lines_they_count():
    before = Image.new("RGB", (400, 300), "white")
    drawn = changed(Overlay(sheet(lines=(line(),)), before).order(), before)
    rows, columns = np.nonzero(drawn)
    assert columns.max() <= 0.2 * 400 + 1
    assert 0.15 * 300 < rows.mean() < 0.3 * 300


# --- what ---


@pytest.mark.parametrize("confidence", [0.99, 0.9, 0.75, 0.2])
def test_a_lines_colour_is_that_of_its_confidence(confidence):
    assert is_near(dominant(Overlay(sheet(lines=(line(confidence),))).lines()), step(confidence).color)


def test_steps_fall_from_sure_to_unsure_and_a_line_without_confidence_is_none_of_them():
    assert [step(c).name for c in (1, 0.95, 0.94, 0.85, 0.84, 0.7, 0.69, 0)] == [
        "sure", "sure", "likely", "likely", "doubtful", "doubtful", "unsure", "unsure",
    ]  # fmt: skip
    assert step(None) is UNRATED
    assert len({one.color for one in (*STEPS, UNRATED)}) == 5


def test_fields_and_tables_have_colours_of_their_own():
    assert is_near(dominant(Overlay(sheet(fields={"Total": Field("1", BOX)})).fields()), FIELD)
    assert is_near(dominant(Overlay(sheet(tables=(Table("", (), BOX),))).tables()), TABLE)


def test_a_field_is_drawn_on_each_of_its_lines_on_this_page():
    below, away = Quad.from_box(0.2, 0.5, 0.8, 0.6), Quad.from_box(0.2, 0.8, 0.8, 0.9)
    places = (Place((), "a", BOX), Place((), "b", below), Place((), "c", away, page=1))
    overlay = Overlay(sheet(fields={"": Field("a b", Quad.around([BOX, below]), places=places)})).fields()
    image = overlay.image
    marked = [image.getpixel((round(x * image.width), round(y * image.height))) for x, y in PROBES]
    assert [pixel != (255, 255, 255) for pixel in marked] == [True, False, True, False]


def test_a_grounded_box_is_dashed():
    def share(**more):
        """How much of the upper edge is a line; in its gaps there is the tint."""
        page = sheet(lines=(replace(line(0.99), **more),))
        return (np.asarray(Overlay(page, Image.new("RGB", (400, 300))).lines().image)[60, 90:310, 2] > 99).mean()

    assert share() == 1
    assert 0.4 < share(grounded=True) < 0.8


def test_doubts_are_framed_where_words_were_left_out_and_on_the_line_of_invented_ones():
    said = PageResult(0, 400, 300, "px", "one two", lines=(Line("one two", 0, 7, BOX),))
    left_out = Agreement("w", 0.5, left_out=(Line("x", 7, 7, BOX),))
    invented = Agreement("w", 0.5, invented=(Line("two", 4, 7),))
    nowhere = Agreement("w", 0.5, invented=(Line("", 7, 7),))
    for agreement in (left_out, invented):
        assert is_near(dominant(Overlay(replace(said, agreement=agreement)).doubts()), DOUBT)
    for agreement in (nowhere, None):
        assert colors(Overlay(replace(said, agreement=agreement)).doubts().image) == {"#ffffff"}


def test_a_name_that_the_font_has_no_letters_for_is_drawn_as_a_number():
    def drawn(name):
        return Overlay(sheet(fields={name: Field("1", BOX)})).fields().image.tobytes()

    assert drawn("发票") == drawn("field 1") != drawn("Total")


# --- around it ---


def test_each_call_gives_the_overlay_back_and_the_picture_handed_over_stays_as_it_was():
    before = Image.new("RGB", (400, 300), "white")
    overlay = Overlay(sheet(lines=(line(0.5),)), before)
    assert overlay.lines().fields().tables().order().doubts() is overlay
    assert colors(before) == {"#ffffff"}
    assert overlay.image.size == before.size


def test_a_page_that_knows_its_file_gets_its_picture_from_there(tmp_path):
    receipt().image.save(tmp_path / "till.png")
    [page] = Reader(engine="fake").pages(tmp_path / "till.png")
    assert Overlay(page).image.tobytes() == receipt().image.convert("RGB").tobytes()


def test_a_result_alone_is_drawn_on_a_blank_sheet_of_its_shape():
    overlay = Overlay(PageResult(0, 595, 842, "pt", ""))
    assert colors(overlay.image) == {"#ffffff"}
    assert overlay.image.width / overlay.image.height == pytest.approx(595 / 842, rel=1e-2)


def test_save_names_the_picture_after_the_file_and_the_page(tmp_path, monkeypatch):
    receipt().image.save(tmp_path / "till.png")
    [page] = Reader(engine="fake").pages(tmp_path / "till.png")
    monkeypatch.chdir(tmp_path)
    assert str(Overlay(page).lines().save()) == "till-1.png"
    with Image.open(Overlay(page).lines().save("other.jpg")) as image:
        assert (image.format, image.size) == ("JPEG", receipt().image.size)


def test_the_file_that_was_read_is_not_drawn_over(tmp_path, monkeypatch):
    receipt().image.save(tmp_path / "till.png")
    (tmp_path / "till-1.png").symlink_to("till.png")
    monkeypatch.chdir(tmp_path)
    [page] = Reader(engine="fake").pages("till.png")
    for overlay, path in (
        (Overlay(page), "till.png"),
        (Overlay(page), None),
        (Overlay(page, receipt().image), "till.png"),
        (Overlay(page.result, tmp_path / "till.png"), "till.png"),
    ):
        with pytest.raises(SourceError, match="would overwrite it; give another path"):
            overlay.lines().save(path)
    with Image.open("till.png") as image:
        assert image.tobytes() == receipt().image.tobytes()


def test_a_notebook_is_shown_a_png():
    with Image.open(BytesIO(Overlay(sheet())._repr_png_())) as image:
        assert image.format == "PNG"


def test_a_page_that_the_file_does_not_have_is_said_so(tmp_path):
    receipt().image.save(tmp_path / "till.png")
    with pytest.raises(SourceError, match="no page 8; the last is page 1"):
        Overlay(PageResult(7, 1, 1, "px", ""), tmp_path / "till.png")
