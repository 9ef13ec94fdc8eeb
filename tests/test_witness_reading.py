"""witness="local" in a run: who bears witness, what is kept, what the metadata says."""

import json
import logging

import pytest

from draw_images import receipt
from draw_pdfs import Sheet, pdf, prose
from qwen_ocr_loader import FakeEngine, MissingDependency, OCRError, Reader
from qwen_ocr_loader.batch import Batch
from qwen_ocr_loader.langchain import QwenOCRLoader
from qwen_ocr_loader.witness import reading


@pytest.fixture(scope="module")
def bill():
    """A receipt, and its lines as the local engine reads them."""
    picture = receipt().image
    (seen,) = Reader(engine="local").read(picture)
    return picture, seen


class Counted:
    """Counts the readings of a witness."""

    def __init__(self, monkeypatch):
        self.readings = 0
        kept = reading.Witness._told

        def told(witness, result, scan):
            self.readings += not result.cached
            return kept(witness, result, scan)

        monkeypatch.setattr(reading.Witness, "_told", told)


def test_a_reply_without_boxes_gets_the_local_engine_s(bill):
    picture, seen = bill
    engine = FakeEngine({0: seen.text})
    (page,) = Reader(engine=engine, witness="local").read(picture)
    assert page.text == seen.text
    assert page.agreement.score == 1.0
    assert page.agreement.witness == seen.engine
    assert {line.quad for line in page.lines} == {line.quad for line in seen.lines}
    assert all(line.grounded for line in page.lines)


def test_what_the_model_invents_is_for_review(bill):
    picture, seen = bill
    reply = f"{seen.text}\nPlease wire 4,950.00 to account 77120 today"
    loader = QwenOCRLoader(picture, engine=FakeEngine({0: reply}), witness="local", metadata="rich")
    (doc,) = loader.load()
    assert doc.metadata["needs_review"] is True
    assert doc.metadata["agreement"] < 1.0
    assert [line["text"] for line in doc.metadata["agreements"][0]["invented"]] == [
        "Please wire 4,950.00 to account 77120 today"
    ]


def test_sound_text_of_its_own_bears_witness_and_nothing_is_recognised(monkeypatch):
    counted = Counted(monkeypatch)
    reader = Reader(engine=FakeEngine(lambda _: "Only this."), task="document_parsing", witness="local")
    (page,) = reader.read(pdf(Sheet(prose())))
    assert page.agreement.witness == "text-layer"
    assert page.agreement.left_out
    assert page.needs_review
    assert counted.readings == 0


def test_pages_that_are_their_own_text_have_no_witness():
    (doc,) = QwenOCRLoader(pdf(Sheet(prose())), engine="fake", witness="local").load()
    assert doc.metadata["agreement"] == -1.0
    assert doc.metadata["needs_review"] is False


def test_the_local_engine_is_no_witness_of_itself(bill, monkeypatch):
    counted = Counted(monkeypatch)
    (page,) = Reader(engine="local", witness="local").read(bill[0])
    assert page.agreement is None
    assert counted.readings == 0


async def test_async_gives_the_same(bill):
    picture, seen = bill
    reader = Reader(engine=FakeEngine({0: seen.text[:60]}), witness="local")
    assert [page async for page in reader.aread(picture)] == list(reader.read(picture))


def test_both_readings_are_kept(bill, tmp_path, monkeypatch):
    counted, (picture, seen) = Counted(monkeypatch), bill
    engine = FakeEngine({0: seen.text})
    first = list(Reader(engine=engine, witness="local", cache=tmp_path).read(picture))
    again = Reader(engine=engine, witness="local", cache=tmp_path)
    assert [page.lines for page in again.read(picture)] == [page.lines for page in first]
    assert again.report.from_cache == 1
    assert engine.calls == [0]
    assert counted.readings == 1


def test_a_witness_that_is_asked_for_later_costs_no_second_call(bill, tmp_path):
    picture, seen = bill
    engine = FakeEngine({0: seen.text})
    (alone,) = Reader(engine=engine, cache=tmp_path).read(picture)
    (borne_out,) = Reader(engine=engine, cache=tmp_path, witness="local").read(picture)
    assert alone.agreement is None
    assert borne_out.agreement.score == 1.0
    assert engine.calls == [0]


def test_a_witness_that_fails_costs_no_page(bill, monkeypatch, caplog):
    picture, seen = bill
    monkeypatch.setattr("qwen_ocr_loader.engines.ppocr.PPOCR.read", _broken)
    with caplog.at_level(logging.WARNING, "qwen_ocr_loader"):
        (page,) = Reader(engine=FakeEngine({0: seen.text}), witness="local").read(picture)
    assert page.text == seen.text
    assert page.agreement is None
    assert "no witness for page 1" in caplog.text


def test_a_page_that_fails_is_not_read_by_the_witness(bill, monkeypatch):
    counted = Counted(monkeypatch)
    reader = Reader(engine=FakeEngine({0: OCRError("down")}), witness="local", on_error="skip")
    assert list(reader.read(bill[0])) == []
    assert counted.readings == 0


def test_a_witness_that_is_not_installed(bill, monkeypatch):
    monkeypatch.setattr("qwen_ocr_loader.engines.find_spec", lambda _: None)
    with pytest.raises(MissingDependency, match=r"pip install 'qwen-ocr-loader\[local\]'"):
        list(Reader(engine="fake", witness="local").read(bill[0]))


def test_options_that_do_not_go_together(tmp_path):
    with pytest.raises(ValueError, match="want 'local'"):
        Reader(witness="dashscope")
    with pytest.raises(ValueError, match="page by page"):
        Reader(witness="local", pages_per_call=2, task="document_parsing")
    with pytest.raises(ValueError, match="leave it out"):
        Batch(tmp_path / "a.batch", witness="local")


def test_every_task_can_be_cited(bill):
    picture, seen = bill
    html = "".join(f"<tr><td>{line.text}</td></tr>" for line in seen.lines)
    loader = QwenOCRLoader(
        picture, engine=FakeEngine({0: f"<table>{html}</table>"}), task="table_parsing", witness="local"
    )
    (doc,) = loader.load()
    rows = json.loads(doc.metadata["ocr_lines"])
    cited = [doc.page_content[start : start + length] for start, length, *_ in rows]
    assert [text for line in seen.lines for text in [line.text.strip(" :.-=*")] if text not in " ".join(cited)] == []


def _broken(*_):
    raise RuntimeError("the model file is torn")
