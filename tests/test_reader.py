"""The reader: order, laziness, overlap, policies; against real files and the fake engine."""

import asyncio
import gc
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from PIL import Image

import leaving
from qwen_ocr_loader import FakeEngine, Line, PageResult, Quad, Reader, Usage
from qwen_ocr_loader.errors import (
    DamagedSource,
    EmptySource,
    EngineError,
    RequestRejected,
    ServiceFailed,
    SourceError,
    UnsupportedSource,
    UnsupportedTask,
)
from qwen_ocr_loader.render import arecords, records


@pytest.fixture
def tiff(tmp_path: Path) -> Path:
    """Six frames."""
    frames = [Image.new("L", (60 + n, 40), 255) for n in range(6)]
    path = tmp_path / "six.tiff"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    return path


def png(path: Path, width: int = 50) -> Path:
    Image.new("L", (width, 30), 200).save(path)
    return path


def test_pages_come_in_order_with_what_the_engine_read(tiff):
    pages = list(Reader(engine=FakeEngine({2: "three"})).read(tiff))
    assert [page.text for page in pages] == ["Page 1", "Page 2", "three", "Page 4", "Page 5", "Page 6"]
    assert [page.page for page in pages] == list(range(6))
    assert [page.width for page in pages] == [60, 61, 62, 63, 64, 65]
    assert {page.engine for page in pages} == {"fake"}
    assert pages[0].tasks == ("advanced_recognition",)


class Slowest(FakeEngine):
    """Earlier pages take longer, so that they finish last."""

    def read(self, scan, tasks):
        time.sleep(0.03 * (5 - scan.page))
        return super().read(scan, tasks)

    async def aread(self, scan, tasks):
        await asyncio.sleep(0.03 * (5 - scan.page))
        return await super().aread(scan, tasks)


def test_order_is_page_order_whatever_finishes_first(tiff):
    assert [page.page for page in Reader(engine=Slowest()).read(tiff)] == list(range(6))


async def test_async_order_is_page_order_too(tiff):
    assert [page.page async for page in Reader(engine=Slowest()).aread(tiff)] == list(range(6))


class Crowd(FakeEngine):
    """Notes how many pages are in it at once."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.__dict__.update(inside=0, most=0, lock=threading.Lock())

    def enter(self, step):
        with self.lock:
            self.__dict__["inside"] += step
            self.__dict__["most"] = max(self.most, self.inside)

    def read(self, scan, tasks):
        self.enter(1)
        try:
            return super().read(scan, tasks)
        finally:
            self.enter(-1)

    async def aread(self, scan, tasks):
        self.enter(1)
        try:
            return await super().aread(scan, tasks)
        finally:
            self.enter(-1)


@pytest.mark.parametrize(("concurrency", "at_once", "most"), [(3, None, 3), (8, 2, 2), (1, None, 1)])
def test_as_many_pages_as_allowed_are_in_flight(tiff, concurrency, at_once, most):
    engine = Crowd(delay=0.05, at_once=at_once)
    list(Reader(engine=engine, concurrency=concurrency).read(tiff))
    assert engine.most == most


@pytest.mark.parametrize(("concurrency", "most"), [(3, 3), (1, 1)])
async def test_as_many_pages_as_allowed_are_in_flight_async(tiff, concurrency, most):
    engine = Crowd(delay=0.05)
    assert len([page async for page in Reader(engine=engine, concurrency=concurrency).aread(tiff)]) == 6
    assert engine.most == most


async def test_the_event_loop_stays_free(tiff):
    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.005)

    ticking = asyncio.create_task(tick())
    assert len([page async for page in Reader(engine=FakeEngine(delay=0.05), concurrency=2).aread(tiff)]) == 6
    ticking.cancel()
    assert ticks >= 15


def test_nothing_is_read_before_it_is_asked_for(tiff):
    engine = FakeEngine()
    pages = Reader(engine=engine, concurrency=2).read(tiff)
    assert engine.calls == []
    next(pages)
    assert max(engine.calls) <= 2
    pages.close()


def test_a_missing_file_is_no_error_before_the_first_page_is_asked_for(tmp_path):
    pages = Reader(engine="fake").read(tmp_path / "absent.png")
    with pytest.raises(SourceError, match=r"absent\.png"):
        next(pages)


def test_a_reader_reads_twice_and_interleaved(tiff):
    reader = Reader(engine="fake")
    assert list(reader.read(tiff)) == list(reader.read(tiff))
    a, b = reader.read(tiff), reader.read(tiff)
    mixed = [(x.page, y.page) for x, y in zip(a, b, strict=True)]
    assert mixed == [(n, n) for n in range(6)]


def test_closing_early_releases_file_and_threads(tiff):
    before = leaving.threads()
    pages = Reader(engine=FakeEngine(delay=0.01)).read(tiff)
    next(pages)
    pages.close()
    gc.collect()
    tiff.unlink()
    assert leaving.until(lambda: leaving.threads() <= before)


async def test_leaving_an_async_loop_cancels_what_is_in_flight(tiff):
    engine = Crowd(delay=0.2)
    pages = Reader(engine=engine, concurrency=4).aread(tiff)
    async for _ in pages:
        break
    await pages.aclose()
    assert engine.inside == 0
    assert len(asyncio.all_tasks()) == 1


async def test_cancelling_the_consumer_leaves_nothing_running(tiff):
    engine = Crowd(delay=5)

    async def consume():
        return [page async for page in Reader(engine=engine).aread(tiff)]

    task = asyncio.create_task(consume())
    while not engine.inside:
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert engine.inside == 0


# --- sources and selections ------------------------------------------------------------------------------------------


def test_many_sources_are_one_stream(tmp_path):
    files = [png(tmp_path / "a.png", 10), png(tmp_path / "b.png", 20)]
    pages = list(Reader(engine="fake").pages([files[0], files[1].read_bytes(), Image.open(files[0])]))
    assert [page.result.width for page in pages] == [10, 20, 10]
    assert pages[0].origin.name == str(files[0])
    assert pages[1].origin.name.startswith("bytes:")
    assert pages[1].origin.mime_type == "image/png"


def test_a_folder_is_read_in_order_and_other_files_are_counted(tmp_path):
    png(tmp_path / "b.png", 20)
    (tmp_path / "a").mkdir()
    png(tmp_path / "a" / "z.png", 10)
    (tmp_path / "notes.txt").write_text("no picture")
    reader = Reader(engine="fake")
    assert [page.width for page in reader.read(tmp_path)] == [10, 20]
    assert reader.report.skipped == [str(tmp_path / "notes.txt")]
    assert reader.report.failures == []
    assert [page.width for page in Reader(engine="fake", glob="*.png").read(tmp_path)] == [20]


def test_the_pages_asked_for_in_the_order_asked_for(tiff):
    assert [page.page for page in Reader(engine="fake", pages="5-,1").read(tiff)] == [4, 5, 0]


@dataclass(frozen=True)
class Together(FakeEngine):
    """Reads several pages as one."""

    def read_together(self, scans, tasks):
        result = self.read(scans[0], tasks)
        return replace(result, text=" ".join(str(scan.page + 1) for scan in scans), lines=())

    async def aread_together(self, scans, tasks):
        return self.read_together(scans, tasks)


@pytest.mark.parametrize(
    ("pages", "read"),
    [
        (None, ["1 2", "3 4", "5 6"]),
        ("5,1,3", ["5", "1", "3"]),
        ("5-6,1-3", ["5 6", "1 2", "3"]),
        ("2-4,3-4", ["2 3", "4", "3 4"]),
        ("3,2,1", ["3", "2", "1"]),
        ("1,1,2", ["1", "1 2"]),
    ],
)
async def test_pages_read_together_follow_one_another(tiff, pages, read):
    """So that ``page`` to ``page_last`` is a range, and each page of it was read."""
    options = {"engine": Together(), "prompt": "Sum up", "pages_per_call": 2, "pages": pages}
    made = list(records(Reader(**options), tiff))
    assert [record.text.removeprefix("Page ") for record in made] == read
    async with arecords(Reader(**options), tiff) as stream:
        assert [record async for record in stream] == made
    for record in made:
        numbers = range(record.metadata["page"] + 1, record.metadata["page_last"] + 2)
        assert record.text.removeprefix("Page ") == " ".join(map(str, numbers))


# --- errors ----------------------------------------------------------------------------------------------------------


def test_a_failing_page_raises_in_its_turn_and_says_where(tiff):
    reader = Reader(engine=FakeEngine({2: RequestRejected("moderated")}))
    pages = reader.read(tiff)
    assert [next(pages).page, next(pages).page] == [0, 1]
    with pytest.raises(RequestRejected, match=r"six\.tiff, page 3: moderated") as caught:
        next(pages)
    assert (caught.value.page, caught.value.engine) == (2, "fake")
    assert [failure.page for failure in reader.report.failures] == [2]


def test_a_failing_page_is_skipped_and_reported(tiff):
    reader = Reader(engine=FakeEngine({2: ServiceFailed("down"), 4: ValueError("engine bug")}), on_error="skip")
    assert [page.page for page in reader.read(tiff)] == [0, 1, 3, 5]
    failures = reader.report.failures
    assert [(failure.page, type(failure.error)) for failure in failures] == [(2, ServiceFailed), (4, EngineError)]
    assert "ValueError: engine bug" in str(failures[1].error)
    assert isinstance(failures[1].error.__cause__, ValueError)
    assert reader.report.pages == 4


def test_a_placeholder_is_empty_and_knows_its_error(tiff):
    reader = Reader(engine=FakeEngine({2: ServiceFailed("down")}), on_error="placeholder")
    pages = list(reader.pages(tiff))
    assert [page.result.page for page in pages] == list(range(6))
    assert pages[2].result.text == ""
    assert isinstance(pages[2].error, ServiceFailed)


async def test_errors_are_the_same_async(tiff):
    reader = Reader(engine=FakeEngine({2: ServiceFailed("down")}), on_error="skip")
    assert [page.page async for page in reader.aread(tiff)] == [0, 1, 3, 4, 5]
    assert len(reader.report.failures) == 1
    with pytest.raises(ServiceFailed, match="page 3"):
        [page async for page in Reader(engine=FakeEngine({2: ServiceFailed("down")})).aread(tiff)]


def test_one_bad_file_does_not_stop_the_others(tmp_path):
    good = png(tmp_path / "1.png")
    (tmp_path / "2.png").write_bytes(good.read_bytes()[:60])
    (tmp_path / "3.png").write_bytes(b"")
    (tmp_path / "4.pdf").write_bytes(b"%PDF-1.7 and then nothing")
    png(tmp_path / "5.png")
    reader = Reader(engine=FakeEngine(lambda scan: scan.image.pixels() and None), on_error="skip")
    assert len(list(reader.read(tmp_path))) == 2
    assert [Path(failure.source).name for failure in reader.report.failures] == ["2.png", "3.png", "4.pdf"]
    assert [type(failure.error) for failure in reader.report.failures] == [DamagedSource, EmptySource, DamagedSource]


def test_a_named_file_of_another_kind_is_an_error(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("hello")
    with pytest.raises(UnsupportedSource, match=r"notes\.txt"):
        list(Reader(engine="fake").read(path))


def test_an_impossible_task_is_refused_before_anything_is_read(tmp_path):
    message = "local:PP-OCRv6-small cannot do task='formula_recognition'; engines that can"
    with pytest.raises(UnsupportedTask, match=message):
        list(Reader(engine="local", task="formula_recognition").read(tmp_path / "absent.png"))


def test_an_unknown_engine_is_refused_with_the_nearest(tiff):
    with pytest.raises(ValueError, match="no 'locl'; did you mean 'local'"):
        list(Reader(engine="locl").read(tiff))


# --- report and results ----------------------------------------------------------------------------------------------


def test_the_report_counts(tiff):
    reader = Reader(engine="fake")
    list(reader.read(tiff))
    report = reader.report
    assert (report.pages, report.from_text_layer, report.usage) == (6, 0, Usage(calls=6))
    assert report.seconds > 0


def test_what_an_engine_must_not_return_is_scrubbed(tiff):
    said = PageResult(0, 1, 1, "px", "a\0b\nc", lines=(Line("a\0b", 0, 3, Quad.from_box(0, 0, 1, 1)), Line("c", 4, 5)))
    page = next(Reader(engine=FakeEngine({0: said}), pages="1").read(tiff))
    assert page.text == "ab\nc"
    assert [page.text[line.start : line.end] for line in page.lines] == ["ab", "c"]


def test_progress_goes_to_stderr_one_tick_a_page(tiff, capsys):
    list(Reader(engine="fake", show_progress=True).read(tiff))
    shown = capsys.readouterr()
    assert "6/6" in shown.err
    assert shown.out == ""
    list(Reader(engine="fake").read(tiff))
    assert capsys.readouterr().err == ""
