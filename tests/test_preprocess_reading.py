"""preprocess= in a run: who sees the prepared picture, where its boxes end up, what is kept."""

import asyncio
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from draw_pdfs import Sheet, pdf, prose
from qwen_ocr_loader import FakeEngine, Line, OCRError, PageResult, Quad, Reader
from qwen_ocr_loader.batch import Batch
from qwen_ocr_loader.langchain import QwenOCRLoader

ROWS = [
    "The harbour opened in the spring of that year",
    "and forty boats came to the quay at noon",
    "None of them left again before the autumn",
    "when the ice had closed the bay to all",
    "but the mail was carried over on foot",
    "as it had been in the years of the war",
]
SIZE = (900, 600)


def sheet(rows=range(len(ROWS)), degrees=0.0):
    """The page, or some of its lines alone, turned clockwise."""
    page = Image.new("L", SIZE, 255)
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(30)
    for row in rows:
        pen.text((60 + 30 * row, 60 + 80 * row), ROWS[row], 0, font)
    return page.rotate(-degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=255)


class Seeing:
    """Finds lines as rows of ink, so only on a page that stands upright and straight; keeps what it was given."""

    def __init__(self):
        self.scans = []

    def __call__(self, scan):
        self.scans.append(scan)
        dark = np.asarray(scan.image.pixels().convert("L")) < 128
        height, width = dark.shape
        edges = np.flatnonzero(np.diff(np.pad(dark.any(axis=1), 1).astype(int)))
        lines, text = [], ""
        for top, bottom in edges.reshape(-1, 2):
            across = np.flatnonzero(dark[top:bottom].any(axis=0))
            quad = Quad.from_box(across[0] / width, top / height, (across[-1] + 1) / width, bottom / height)
            said = f"line {len(lines)}"
            lines.append(Line(said, len(text), len(text) + len(said), quad))
            text += said + "\n"
        return PageResult(0, 1, 1, "px", text, lines=tuple(lines))


def covered(quad, size):
    """Where the quad lies on a picture of that size, a pixel more all round."""
    mask = Image.new("L", size, 0)
    ImageDraw.Draw(mask).polygon(quad.to_pixels(*size), 255, 255, 3)
    return np.asarray(mask) > 0


def assert_covers_its_ink(page, degrees):
    assert len(page.lines) == len(ROWS)
    for row, line in enumerate(page.lines):
        alone = sheet([row], degrees)
        ink, box = np.asarray(alone) < 128, covered(line.quad, alone.size)
        assert (ink & box).sum() >= 0.99 * ink.sum()
        others = np.asarray(sheet([other for other in range(len(ROWS)) if other != row], degrees)) < 128
        assert not (others & box).any()


@pytest.mark.parametrize("degrees", [0, 90, 180, 270, 4.0, 176.5, 265.0])
def test_boxes_cover_the_ink_of_the_page_as_delivered(degrees):
    engine = Seeing()
    (page,) = Reader(engine=FakeEngine(engine), preprocess=["orient", "deskew"]).read(sheet(degrees=degrees))
    assert (page.width, page.height) == sheet(degrees=degrees).size
    assert_covers_its_ink(page, degrees)
    start, quad = np.radians(degrees), page.lines[0].quad
    along = np.subtract(quad.to_pixels(page.width, page.height)[1], quad.to_pixels(page.width, page.height)[0])
    assert along / np.linalg.norm(along) == pytest.approx([np.cos(start), np.sin(start)], abs=0.02)
    (scan,) = engine.scans
    assert (scan.width, scan.height) == (scan.image.width, scan.image.height)
    assert scan.width > scan.height


def test_a_file_with_nothing_to_do_is_sent_untouched():
    file, engine = BytesIO(), Seeing()
    sheet().save(file, "JPEG", quality=95)
    list(Reader(engine=FakeEngine(engine), preprocess=["orient", "deskew", "denoise"]).read(file.getvalue()))
    assert engine.scans[0].image.data == file.getvalue()


def scanned():
    """A PDF of one page, a scan that lies on its side."""
    file = BytesIO()
    sheet(degrees=90).save(file, "PDF", resolution=150)
    return file.getvalue()


def test_pages_of_a_pdf_are_rendered_then_prepared():
    engine = Seeing()
    (page,) = Reader(engine=FakeEngine(engine), preprocess="orient").read(scanned())
    assert (page.unit, page.width, page.height) == ("pt", pytest.approx(288, abs=1), pytest.approx(432, abs=1))
    assert_covers_its_ink(page, 90)
    assert (engine.scans[0].width, engine.scans[0].height) == (pytest.approx(432, abs=1), pytest.approx(288, abs=1))


def test_a_page_with_its_own_text_is_left_to_it():
    engine = Seeing()
    (page,) = Reader(engine=FakeEngine(engine), preprocess=["orient", "equalize"]).read(pdf(Sheet(prose())))
    assert page.text_source == "text_layer"
    assert engine.scans == []


def test_the_cache_gives_the_same_page_and_no_key_to_another_frame(tmp_path):
    engine = Seeing()
    options = {"engine": FakeEngine(engine), "preprocess": "orient"}
    (without,) = Reader(**options).read(sheet(degrees=180))
    seen = len(engine.scans)
    for _ in range(2):
        reader = Reader(**options, cache=tmp_path)
        (page,) = reader.pages(sheet(degrees=180))
        assert page.result.lines == without.lines
        assert (page.result.width, page.result.height) == (without.width, without.height)
        assert page.key == ""
    assert reader.report.from_cache == 1
    assert len(engine.scans) == seen + 1
    (upright,) = Reader(**options, cache=tmp_path).pages(sheet())
    assert upright.key


def test_reading_on_an_event_loop_is_the_same():
    reader = Reader(engine=FakeEngine(Seeing()), preprocess=["orient", "deskew"])

    async def pages():
        return [page async for page in reader.aread([sheet(degrees=180), sheet(degrees=3)])]

    assert asyncio.run(pages()) == list(reader.read([sheet(degrees=180), sheet(degrees=3)]))


def test_the_witness_reads_the_prepared_page_and_its_boxes_are_led_back(tmp_path):
    engine = FakeEngine({0: "\n".join(ROWS)})
    for _ in range(2):  # the second time from the cache
        reader = Reader(engine=engine, witness="local", preprocess="orient", cache=tmp_path)
        (page,) = reader.read(sheet(degrees=180))
        assert page.agreement.score > 0.95
        assert all(line.grounded for line in page.lines)
        assert page.lines[0].quad.top_left.y > page.lines[-1].quad.top_left.y
        assert page.lines[0].quad.top_left.x > page.lines[0].quad.top_right.x
    assert reader.report.from_cache == 1


def test_several_pages_in_a_call_are_each_prepared():
    class Together(FakeEngine):
        def read_together(self, scans, tasks):
            assert [scan.image.width for scan in scans] == [SIZE[0]] * 2
            return scans[0].result(self, tasks, "both")

        async def aread_together(self, scans, tasks):
            return self.read_together(scans, tasks)

    file = BytesIO()
    sheet(degrees=90).save(file, "TIFF", save_all=True, append_images=[sheet(degrees=270)])
    reader = Reader(engine=Together(), preprocess="orient", pages_per_call=2, prompt="both")
    (page,) = reader.read(file.getvalue())
    assert (page.width, page.height) == (SIZE[1], SIZE[0])


def test_ids_change_with_what_is_done_and_not_with_its_order():
    def loaded(**options):
        return QwenOCRLoader(sheet(), engine=FakeEngine({0: "text"}), **options).load()[0].id

    assert loaded() == loaded(preprocess=())
    assert loaded(preprocess=["denoise", "orient"]) == loaded(preprocess=["orient", "denoise"]) != loaded()


def test_a_batch_has_none_of_it(tmp_path):
    with pytest.raises(ValueError, match="preprocess= prepares pages as they come; a batch has none"):
        Batch(tmp_path / "a.batch", preprocess="orient")


def test_an_unknown_step_is_refused_before_anything_is_opened():
    with pytest.raises(ValueError, match=r"preprocess='orientate'.*'orient'"):
        Reader(engine="fake", preprocess="orientate")


def test_an_estimate_prepares_nothing(monkeypatch, tmp_path):
    def never(*_):
        raise AssertionError("an estimate looked for lines")

    path = tmp_path / "page.png"
    sheet().save(path)
    options = {"engine": FakeEngine(), "preprocess": ["orient", "deskew"], "witness": "local"}
    plain = Reader(engine=FakeEngine()).estimate(path)
    monkeypatch.setattr("qwen_ocr_loader.preprocess.preparation.prepared", never)
    for cache in (None, tmp_path / "cache"):
        report = Reader(**options, cache=cache).estimate(path)
        assert (report.pages, report.failures, report.usage) == (1, [], plain.usage)
    with pytest.raises(OCRError, match="looked for lines"):
        list(Reader(**options).read(path))
