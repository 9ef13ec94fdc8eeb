"""Pages that PP-OCR does not write: read by Tesseract in the language that fits, or said to be unreadable."""

import logging
import pickle
from difflib import SequenceMatcher

import numpy as np
import pytest
from PIL import Image, ImageDraw

from drawn_languages import LANGUAGES, drawn_page
from qwen_ocr_loader import LocalEngine, Scan
from qwen_ocr_loader.engines import tesseract
from qwen_ocr_loader.engines.languages import packs_for, reread
from qwen_ocr_loader.engines.ppocr import shared
from qwen_ocr_loader.errors import EngineError, MissingDependency, ReplyUnreadable
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
        if language.pack and language.pack not in PACKS:
            pytest.skip(f"needs the package tesseract-ocr-{language.pack}, and tesserocr")
    return drawn_page(*(LANGUAGES[code] for code in codes))


def scan_of(page: Image.Image) -> Scan:
    return Scan(0, float(page.width), float(page.height), "px", PageImage.from_pixels(page))


def alike(read: str, drawn: str) -> float:
    return SequenceMatcher(None, "".join(read.split()), "".join(drawn.split()), autojunk=False).ratio()


def only(monkeypatch, *names):
    """As if these packs alone were installed."""
    monkeypatch.setattr(tesseract, "packs", lambda: {name: PACKS[name] for name in names})


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
            assert max(alike(read.text, line) for read in result.lines) > 0.9, line


def test_a_line_in_another_script_does_not_change_the_others():
    page = page_in("fr", "ru")
    lines = shared(1).read(np.ascontiguousarray(np.asarray(page)[:, :, ::-1]))
    again = reread(lines).readings
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
def test_a_page_nothing_reads_names_the_pack_it_needs(code, monkeypatch):
    page = page_in(code)
    only(monkeypatch, "osd", "eng")
    with pytest.raises(MissingDependency, match=f"type: apt-get install tesseract-ocr-{LANGUAGES[code].pack}$"):
        LocalEngine().read(scan_of(page), TASKS)


def test_without_tesseract_the_commands_for_it_are_named(monkeypatch):
    if not LANGUAGES["ru"].font.exists():
        pytest.skip("needs DejaVuSans.ttf")
    only(monkeypatch)
    with pytest.raises(MissingDependency, match=r"pip install 'qwen-ocr-loader\[tesseract\]' && apt-get install .*rus"):
        LocalEngine().read(scan_of(drawn_page(LANGUAGES["ru"])), TASKS)


def test_a_little_of_another_script_is_only_said(monkeypatch, caplog):
    page = page_in("fr", "de", "ru")
    only(monkeypatch, "osd", "eng")
    with caplog.at_level(logging.WARNING):
        result = LocalEngine().read(scan_of(page), TASKS)
    assert "apt-get install tesseract-ocr-rus" in caplog.text
    assert LANGUAGES["fr"].lines[0] in result.text


def test_vietnamese_without_its_pack_is_read_as_far_as_it_goes_and_said(monkeypatch, caplog):
    only(monkeypatch)
    if not LANGUAGES["vi"].font.exists():
        pytest.skip("needs DejaVuSans.ttf")
    with caplog.at_level(logging.WARNING):
        result = LocalEngine().read(scan_of(drawn_page(LANGUAGES["vi"])), TASKS)
    assert "tesseract-ocr-vie" in caplog.text
    assert result.engine == LocalEngine().name


def test_scribbles_that_no_script_explains_are_no_reading():
    page_in("ru", "ko")
    page = Image.new("RGB", (1300, 500), "white")
    pen = ImageDraw.Draw(page)
    for row in range(5):
        for left in range(60, 1100, 44):
            pen.arc((left, 60 + 80 * row, left + 40, 100 + 80 * row), 30 * row, 300, "black", 4)
            pen.line((left, 80 + 80 * row, left + 30, 66 + 80 * row + left % 29), "black", 4)
    lines = shared(1).read(np.asarray(page))
    blank = [seen._replace(reading=seen.reading._replace(text="", score=0.0)) for seen in lines]
    with pytest.raises(ReplyUnreadable, match="handwriting, noise"):
        reread(blank)


def test_languages_narrow_the_choice_and_are_part_of_the_settings():
    assert packs_for(("ko", "de", "rus")) == ("kor", "rus")
    engine = LocalEngine(languages=("ko",))
    assert pickle.loads(pickle.dumps(engine)) == engine
    assert engine.settings.endswith("kor")
    assert engine.settings != LocalEngine().settings
    assert LocalEngine(languages=("de",)).settings == LocalEngine().settings
    with pytest.raises(ValueError, match="no 'korean'"):
        LocalEngine(languages=("korean",))


def test_installed_packs_are_part_of_the_settings(monkeypatch, tmp_path):
    before = tesseract.identity({})
    (tmp_path / "rus.traineddata").write_bytes(b"12")
    one = tesseract.identity({"rus": tmp_path / "rus.traineddata"}) if PACKS else "one"
    (tmp_path / "rus.traineddata").write_bytes(b"123")
    two = tesseract.identity({"rus": tmp_path / "rus.traineddata"}) if PACKS else "two"
    assert len({before, one, two}) == 3


def test_a_broken_pack_is_said_to_be_broken(monkeypatch, tmp_path):
    page_in("ru")
    (tmp_path / "rus.traineddata").write_bytes(b"no model")
    monkeypatch.setenv("TESSDATA_PREFIX", str(tmp_path))
    assert list(tesseract.packs()) == ["rus"]
    with pytest.raises(EngineError, match="cannot load rus of"):
        LocalEngine(languages=("ru",)).read(scan_of(drawn_page(LANGUAGES["ru"])), TASKS)
