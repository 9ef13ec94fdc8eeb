"""RapidOCR's recognisers of other scripts: used where they lie, fetched where that is asked for, never unasked.

The one here is a stand-in: the recogniser that comes with ``rapidocr``, its Latin letters renamed to Cyrillic ones.
"""

import hashlib
import logging
import os
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from drawn_languages import LANGUAGES, drawn_page
from http_server import LocalServer
from qwen_ocr_loader import LocalEngine
from qwen_ocr_loader.download import Download
from qwen_ocr_loader.engines import recognisers
from qwen_ocr_loader.engines.languages import Others, reread
from qwen_ocr_loader.engines.ppocr import shared
from qwen_ocr_loader.errors import EngineError

LATIN = "abcdefghijklmnoprstuvwxyz"
CYRILLIC = "абцдефгхийклмнопрстувъьыз"
NAME = "eslav_PP-OCRv5_rec_mobile.onnx"


def stand_in() -> bytes:
    """The model with a second list of characters after its own: of two entries with one key the last counts."""
    import onnxruntime
    import rapidocr

    path = Path(rapidocr.__file__).parent / "models" / "PP-OCRv6_rec_small.onnx"
    listed = onnxruntime.InferenceSession(str(path)).get_modelmeta().custom_metadata_map["character"]
    renamed = listed.translate(str.maketrans(LATIN, CYRILLIC))
    return path.read_bytes() + _field(14, _field(1, b"character") + _field(2, renamed.encode()))


def _field(number: int, content: bytes) -> bytes:
    """As protocol buffers write it."""
    head, size = bytearray([number << 3 | 2]), len(content)
    while size > 127:
        head.append(size & 127 | 128)
        size >>= 7
    return bytes([*head, size]) + content


@pytest.fixture(scope="module")
def model() -> bytes:
    return stand_in()


@pytest.fixture
def folder(model: bytes, tmp_path: Path) -> Path:
    (tmp_path / NAME).write_bytes(model)
    return tmp_path


def unread_page():
    """Lines of German as PP-OCR would see them if it did not know the letters."""
    page = np.asarray(drawn_page(LANGUAGES["de"]))
    lines = shared(1).read(np.ascontiguousarray(page[:, :, ::-1]))
    return lines, [seen._replace(reading=seen.reading._replace(text="", score=0.0)) for seen in lines]


@contextmanager
def publisher(monkeypatch, model: bytes, digest: str | None = None):
    """RapidOCR's place on the web, here."""

    async def give(exchange):
        await exchange.send(200, model)

    with LocalServer(give) as server:
        said = recognisers.Published(f"{server.url}/{NAME}", digest or hashlib.sha256(model).hexdigest())
        monkeypatch.setattr(recognisers, "published", lambda name: said)
        monkeypatch.setattr(recognisers, "LIMITS", Download(timeout=20.0, allow_private=True))
        yield server


def test_a_recogniser_that_lies_there_reads_its_script(folder):
    known, blank = unread_page()
    again = reread(blank, Others(recognisers.present(str(folder))))
    assert again.by == ("eslav_PP-OCRv5",)
    expected = [seen.reading.text.translate(str.maketrans(LATIN, CYRILLIC)) for seen in known]
    assert [reading.text for reading in again.readings] == expected
    assert [reading.corners.tolist() for reading in again.readings] == [seen.corners.tolist() for seen in blank]
    assert all(0.85 < reading.score <= 1 for reading in again.readings)


def test_a_forked_process_loads_its_own(folder, monkeypatch):
    """Its copy of the parent's would wait for threads that were left behind."""
    (path,) = recognisers.present(str(folder)).values()
    parents = recognisers.shared(path, 2)
    assert recognisers.shared(path, 2) is parents
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert recognisers.shared(path, 2) is not parents


def test_it_is_part_of_the_settings(folder):
    with_it, without = LocalEngine(recognisers=str(folder)), LocalEngine()
    assert "eslav" in with_it.settings
    assert with_it.settings != without.settings


def test_fetching_is_asked_for_with_languages():
    with pytest.raises(ValueError, match="for which languages"):
        LocalEngine(fetch=True)
    assert LocalEngine(fetch=True, languages=("ru",)).settings == "eslav ".join(
        ["small ", LocalEngine(languages=("ru",)).settings.removeprefix("small ")]
    )


def test_what_is_missing_is_fetched_once_and_said(monkeypatch, model, tmp_path, caplog):
    with publisher(monkeypatch, model) as server, caplog.at_level(logging.WARNING):
        before = LocalEngine(fetch=True, languages=("ru",), recognisers=str(tmp_path)).settings
        for _ in range(2):
            recognisers.fetch(["eslav"], str(tmp_path))
        assert len(server.exchanges) == 1
    assert f"fetching {NAME} from {server.url}" in caplog.text
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    assert LocalEngine(fetch=True, languages=("ru",), recognisers=str(tmp_path)).settings == before


def test_nothing_is_fetched_unasked(monkeypatch, model, tmp_path):
    with publisher(monkeypatch, model) as server:
        LocalEngine(languages=("ru",), recognisers=str(tmp_path))._others()
        assert not server.exchanges
        LocalEngine(languages=("ru", "de"), recognisers=str(tmp_path), fetch=True)._others()
        assert len(server.exchanges) == 1


def test_another_file_than_the_published_one_is_not_kept(monkeypatch, model, tmp_path):
    with publisher(monkeypatch, model, "0" * 64), pytest.raises(EngineError, match="not the file that was published"):
        recognisers.fetch(["eslav"], str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_fetched_says_how_to_do_it_by_hand(monkeypatch, tmp_path):
    said = recognisers.Published("http://127.0.0.1:9/model.onnx", "")
    monkeypatch.setattr(recognisers, "published", lambda name: said)
    with pytest.raises(EngineError, match="yourself into a folder, and name that with recognisers="):
        recognisers.fetch(["eslav"], str(tmp_path))


@pytest.mark.parametrize("name", recognisers.RECOGNISERS)
def test_rapidocr_publishes_each_of_them(name):
    model = recognisers.published(name)
    assert model.url.startswith("https://")
    assert model.url.endswith(f"/{name}_PP-OCRv5_rec_mobile.onnx")
    assert len(model.digest) == 64


def test_a_file_that_is_no_model_is_said_to_be_none(tmp_path):
    (tmp_path / NAME).write_bytes(b"no model")
    _, blank = unread_page()
    with pytest.raises(EngineError, match="is no recogniser"):
        reread(blank, Others(recognisers.present(str(tmp_path))))


@pytest.mark.parametrize(
    ("printed", "aloud"),
    [
        ("قوقحلا", "الحقوق"),
        ("2026 ويام 14", "14 مايو 2026"),
        ("Excel جمانرب", "برنامج Excel"),
        (".(بأ)", "(أب)."),
        ("", ""),
    ],
)
def test_arabic_is_put_into_the_order_it_is_read_in(printed, aloud):
    assert recognisers.in_reading_order(printed) == aloud
