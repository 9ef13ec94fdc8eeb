"""Pages that PP-OCR does not write: read by Tesseract in the language that fits, or said to be unreadable."""

import logging
import pickle
from difflib import SequenceMatcher
from functools import partial

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from drawn_languages import LANGUAGES, drawn_page
from qwen_ocr_loader import LocalEngine, Reader, Scan
from qwen_ocr_loader.engines import tesseract
from qwen_ocr_loader.engines.languages import Others, packs_for, reread
from qwen_ocr_loader.engines.ppocr import shared
from qwen_ocr_loader.errors import EngineError, UnknownScript
from qwen_ocr_loader.images import PageImage
from qwen_ocr_loader.tasks import parse_tasks

PACKS = tesseract.packs()
TASKS = parse_tasks("multi_lan")


def page_in(*codes: str) -> Image.Image:
    """Skips where a font or a pack is not installed."""
    for code in codes:
        language = LANGUAGES[code]
        if not language.font.exists():
            pytest.skip(f"needs {language.font.name}")
        if language.pack and not {language.pack, "osd", "eng"} <= set(PACKS):
            pytest.skip(f"needs tesserocr and the packages tesseract-ocr-{language.pack}, -osd and -eng")
    return drawn_page(*(LANGUAGES[code] for code in codes))


def scan_of(page: Image.Image) -> Scan:
    return Scan(0, float(page.width), float(page.height), "px", PageImage.from_pixels(page))


def lines_of(page: Image.Image):
    return shared(1).read(np.ascontiguousarray(np.asarray(page)[:, :, ::-1]))


def alike(read: str, drawn: str) -> float:
    return SequenceMatcher(None, "".join(read.split()), "".join(drawn.split()), autojunk=False).ratio()


def only(monkeypatch, *names):
    """As if these packs alone were installed."""
    monkeypatch.setattr("qwen_ocr_loader.engines.tesseract.packs", lambda: {name: PACKS[name] for name in names})


# --- read --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", LANGUAGES)
def test_each_language_is_read(code):
    result = LocalEngine().read(scan_of(page_in(code)), TASKS)
    language = LANGUAGES[code]
    assert alike(result.text, language.text) > 0.93
    assert result.engine == "local:PP-OCRv6-small" + (f"+tesseract:{language.pack}" if language.pack else "")
    assert len(result.lines) == len(language.lines)
    for line in result.lines:
        assert result.text[line.start : line.end] == line.text
        assert 0.5 <= line.confidence <= 1


def test_each_script_of_a_page_is_read_in_its_own_language():
    result = LocalEngine().read(scan_of(page_in("fr", "ru", "ar")), TASKS)
    for code in ("fr", "ru", "ar"):
        for line in LANGUAGES[code].lines:
            # Numbers in Arabic: Tesseract turns the halves of 2026-1187, as it does not know which way they run.
            # A Latin word at the end of a Russian line may come out in Cyrillic letters that look the same.
            assert max(alike(read.text, line) for read in result.lines) > (0.75 if code == "ar" else 0.85), line


def test_pieces_of_an_arabic_row_are_read_from_the_right():
    ours = page_in("ar")
    page = Image.new("RGB", (2600, ours.height), "white")
    page.paste(ours, (0, 0))  # on the left: read last in each row
    page.paste(ours.crop((380, 0, 1300, ours.height)), (1600, 0))
    result = LocalEngine().read(scan_of(page), TASKS)
    lefts = [line.quad[0][0] for line in result.lines]
    assert max(lefts) > 0.6
    assert lefts[0] > 0.6
    assert lefts[-1] < 0.4


def test_a_line_in_another_script_does_not_change_the_others():
    lines = lines_of(page_in("fr", "ru"))
    again = reread(lines, Others(PACKS)).readings
    french = [
        i for i, seen in enumerate(lines) if max(alike(seen.reading.text, x) for x in LANGUAGES["fr"].lines) > 0.9
    ]
    assert len(french) == len(LANGUAGES["fr"].lines)
    assert all(again[i] == lines[i].reading for i in french)


def test_an_upside_down_page_is_read_with_its_lines_turned():
    page = page_in("ru").rotate(180)
    result = LocalEngine().read(scan_of(page), TASKS)
    assert alike(result.text, LANGUAGES["ru"].text) > 0.9
    assert all(line.quad[0][0] > line.quad[1][0] for line in result.lines)


@pytest.mark.parametrize("code", ["ko", "ru", "ar"])
def test_without_the_detection_pack_the_best_reader_wins(code, monkeypatch):
    page = page_in(code)
    only(monkeypatch, "eng", "ara", "kor", "rus")
    assert alike(LocalEngine().read(scan_of(page), TASKS).text, LANGUAGES[code].text) > 0.9


def test_languages_that_do_not_fit_the_page_do_no_harm():
    page = page_in("ru")
    result = LocalEngine(languages=("ko", "vi")).read(scan_of(page), TASKS)
    assert alike(result.text, LANGUAGES["ru"].text) > 0.9


def test_a_language_that_is_named_is_enough_for_a_line_that_shows_none():
    page = page_in("vi").crop((0, 220, 1300, 320))
    assert LocalEngine().read(scan_of(page), TASKS).engine == LocalEngine().name
    result = LocalEngine(languages=("vi",)).read(scan_of(page), TASKS)
    assert result.engine.endswith("+tesseract:vie")
    assert alike(result.text, LANGUAGES["vi"].lines[3]) > 0.93


# --- said to be unreadable ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["ko", "ru", "ar"])
def test_a_page_nothing_reads_names_the_pack_it_needs(code, monkeypatch):
    page = page_in(code)
    only(monkeypatch, "osd", "eng")
    with pytest.raises(UnknownScript, match=f"type: apt-get install tesseract-ocr-{LANGUAGES[code].pack}$"):
        LocalEngine().read(scan_of(page), TASKS)


def test_without_tesseract_the_commands_for_it_are_named(monkeypatch):
    page = page_in("ru")
    only(monkeypatch)
    with pytest.raises(UnknownScript, match=r"pip install 'qwen-ocr-loader\[tesseract\]' && apt-get install .*rus"):
        LocalEngine().read(scan_of(page), TASKS)
    with pytest.raises(UnknownScript, match=r"tesseract-ocr-osd tesseract-ocr-bul$"):
        LocalEngine(languages=("bg",)).read(scan_of(page), TASKS)


def test_a_page_nobody_reads_does_not_stop_the_others(monkeypatch, tmp_path):
    page_in("ru").save(tmp_path / "1.png")
    page_in("de").save(tmp_path / "2.png")
    only(monkeypatch)
    reader = Reader(engine="local", on_error="skip")
    texts = [page.text for page in reader.read(tmp_path)]
    assert [alike(text, LANGUAGES["de"].text) > 0.93 for text in texts] == [True]
    assert [type(failure.error) for failure in reader.report.failures] == [UnknownScript]


def test_a_little_of_another_script_is_only_said_and_marked(monkeypatch, caplog):
    page = page_in("fr", "de", "ru")
    only(monkeypatch, "osd", "eng")
    with caplog.at_level(logging.WARNING):
        result = LocalEngine().read(scan_of(page), TASKS)
    assert "page 1: 4 of 12 lines" in caplog.text
    assert "Cyrillic script; type: apt-get install tesseract-ocr-rus" in caplog.text
    assert LANGUAGES["fr"].lines[0] in result.text
    assert all(line.confidence == 0.5 for line in result.lines if line.quad[0][1] > 0.68)


def test_letters_that_look_like_latin_ones_are_refused_with_what_tells_scripts_apart(monkeypatch):
    page = page_in("he")
    only(monkeypatch)
    with pytest.raises(UnknownScript, match=r"3 of 3 lines cannot be read.* tesseract-ocr-osd"):
        LocalEngine().read(scan_of(page), TASKS)


def test_poorly_read_letters_are_doubted(monkeypatch):
    seen = [line._replace(reading=line.reading._replace(score=0.6)) for line in lines_of(page_in("fr"))]
    only(monkeypatch)
    again = reread(seen, Others({}))
    assert "lines are doubtful" in again.complaint
    assert "apt-get install tesseract-ocr-osd" in again.complaint
    assert [read.text for read in again.readings] == [line.reading.text for line in seen]


def test_vietnamese_without_its_pack_is_read_as_far_as_it_goes_and_said(monkeypatch, caplog):
    page = page_in("vi")
    only(monkeypatch)
    with caplog.at_level(logging.WARNING):
        result = LocalEngine().read(scan_of(page), TASKS)
    assert "tesseract-ocr-vie" in caplog.text
    assert result.engine == LocalEngine().name


# --- never taken for another script ------------------------------------------------------------------------------


def noise(size=(900, 700, 3)) -> Image.Image:
    return Image.fromarray(np.random.default_rng(7).integers(0, 256, size, dtype=np.uint8))


def blots() -> Image.Image:
    blurred = noise((900, 700)).filter(ImageFilter.GaussianBlur(4))
    return blurred.point(lambda tone: 0 if tone < 126 else 255).convert("RGB")


def barcodes(pen: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    for row, left in np.ndindex(8, 150):
        if rng.random() < 0.5:
            pen.rectangle((60 + 6 * left, 60 + 120 * row, 65 + 6 * left, 130 + 120 * row), "black")


def scribbles(pen: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    for row in range(8):
        places = [(60 + 10 * n, 80 + 120 * row + int(rng.integers(-18, 19))) for n in range(85)]
        pen.line(places, "black", 3, joint="curve")


def staves(pen: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    for row in range(8):
        for line in range(5):
            pen.line((60, 60 + 120 * row + 12 * line, 940, 60 + 120 * row + 12 * line), "black", 2)
        for left in range(80, 920, 37):
            top = 60 + 120 * row + int(rng.integers(0, 48))
            pen.ellipse((left, top, left + 14, top + 10), "black")
            pen.line((left + 13, top + 5, left + 13, top - 35), "black", 2)


def logos(pen: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    for left, top in ((80, 80), (400, 90), (720, 70), (90, 700), (600, 700)):
        side = int(rng.integers(150, 220))
        pen.ellipse((left, top, left + side, top + side), outline="navy", width=20)
        pen.polygon([(left + 100, top + 40), (left + 40, top + 150), (left + 160, top + 150)], "crimson")


def drawn(draw) -> Image.Image:
    page = Image.new("RGB", (1000, 1050), "white")
    draw(ImageDraw.Draw(page), np.random.default_rng(7))
    return page


PICTURES = {
    "noise": noise,
    "blots": blots,
    **{draw.__name__: partial(drawn, draw) for draw in (barcodes, scribbles, staves, logos)},
}


@pytest.mark.parametrize("kind", PICTURES)
def test_what_is_no_print_is_never_another_script(kind):
    lines = lines_of(PICTURES[kind]())
    for others in (Others(PACKS), Others({})):
        again = reread(lines, others)
        assert again.by == ()
        assert [reading.text for reading in again.readings] == [seen.reading.text for seen in lines]


@pytest.mark.parametrize("code", ["de", "fr", "ja"])
def test_a_poor_picture_of_what_it_reads_is_never_another_script(code):
    page = page_in(code)
    small = page.resize((page.width // 3, page.height // 3)).filter(ImageFilter.GaussianBlur(0.8))
    grain = np.random.default_rng(1).normal(0, 18, (small.height, small.width, 1))
    lines = lines_of(Image.fromarray((np.asarray(small) + grain).clip(0, 255).astype(np.uint8)))
    assert reread(lines, Others(PACKS)).by == ()
    assert reread(lines, Others({}, wanted=("kor",))).by == ()  # without it, and without an error


# --- settings ----------------------------------------------------------------------------------------------------


def test_languages_are_part_of_the_settings():
    assert packs_for(("ko", "de", "rus")) == ("kor", "rus")
    engine = LocalEngine(languages=("ko",))
    assert pickle.loads(pickle.dumps(engine)) == engine
    assert engine.settings.endswith("kor")
    assert engine.settings != LocalEngine().settings
    assert LocalEngine(languages="ko") == engine
    assert LocalEngine(languages=("de",)).settings == LocalEngine().settings
    with pytest.raises(ValueError, match="no 'korean'"):
        LocalEngine(languages=("korean",))


def test_installed_packs_are_part_of_the_settings(monkeypatch, tmp_path):
    if not PACKS:
        pytest.skip("needs tesserocr and a language pack")
    monkeypatch.setenv("TESSDATA_PREFIX", str(tmp_path))
    (tmp_path / "rus.traineddata").write_bytes(b"12")
    one = LocalEngine().settings
    (tmp_path / "rus.traineddata").write_bytes(b"123")
    two = LocalEngine().settings
    (tmp_path / "ukr.traineddata").write_bytes(b"1")
    only(monkeypatch)
    assert LocalEngine().settings == "small"
    monkeypatch.undo()
    assert len({one, two, "small", LocalEngine().settings}) == 4


def test_a_broken_pack_is_said_to_be_broken(monkeypatch, tmp_path):
    page_in("ru")
    (tmp_path / "rus.traineddata").write_bytes(b"no model")
    monkeypatch.setenv("TESSDATA_PREFIX", str(tmp_path))
    assert list(tesseract.packs()) == ["rus"]
    with pytest.raises(EngineError, match="cannot load rus of"):
        LocalEngine(languages=("ru",)).read(scan_of(drawn_page(LANGUAGES["ru"])), TASKS)
