"""Pages of a long PDF come from other processes: the same pages, in order, and nobody is left behind."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import qwen_ocr_loader
from draw_pdfs import Draft, Sheet, encrypted, pdf, text
from qwen_ocr_loader import Reader, readahead, second_process
from qwen_ocr_loader.errors import DamagedSource, OCRError
from qwen_ocr_loader.page_text import PageText, PageTexts
from qwen_ocr_loader.pages import PDFPages, open_pages
from qwen_ocr_loader.readahead import CHUNK, LEAST_FORKED, LEAST_PAGES, WINDOW, ReadAhead, usable_workers
from qwen_ocr_loader.second_process import CLOSED, Process
from qwen_ocr_loader.source import Source

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="pages are read ahead on POSIX systems only"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning"),  # the threads are pytest's
]

SLANTED = text(100, 300, "Slanted words", matrix="0.966 0.259 -0.259 0.966")
BLANK = ""


def sheet(number: int) -> Sheet:
    entries = ("", "/Rotate 90", "/CropBox[0 300 400 600]")[number % 3]
    content = BLANK if number % 10 == 9 else text(40, 500, f"Page {number}, first line") + SLANTED
    return Sheet(content + text(40, 480, f"and its second, {'é' * (number % 4)}"), entries=entries)


def book(count: int) -> bytes:
    return pdf(*map(sheet, range(count)))


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[bytes], Source]:
    def save(data: bytes) -> Source:
        path = tmp_path / "book.pdf"
        path.write_bytes(data)
        return Source("book.pdf", "application/pdf", path=path)

    return save


@pytest.fixture(autouse=True, params=["forked", "spawned"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How the workers come to be: what can be seen of them is the same."""
    for module in (second_process, readahead):
        monkeypatch.setattr(module, "may_fork", lambda: request.param == "forked")
    return request.param


def opened(source: Source, workers: int | None, *, numbers=None, password=None, use="auto") -> PDFPages:
    pages = open_pages(source, password=password, text_layer=use)
    assert isinstance(pages, PDFPages)
    pages.prepare(range(pages.count) if numbers is None else numbers, workers=workers)
    return pages


def known(page) -> tuple:
    layer = page.text_layer
    return page.number, page.label, page.width, page.height, layer, layer and layer.composed(page.width, page.height)


def crew(ahead: ReadAhead) -> list[Process]:
    """The workers' processes, once each has said that it is ready."""
    deadline = time.monotonic() + 10
    while not all(worker.greeted for worker in ahead._workers):
        assert time.monotonic() < deadline
        ahead._settle(0.1)
    return [worker._process for worker in ahead._workers]


class CountingTexts(PageTexts):
    """Notes what is read in this process."""

    def read(self, number: int) -> PageText:
        self.__dict__.setdefault("here", []).append(number)
        return super().read(number)


def counted(pages: PDFPages) -> CountingTexts:
    pages._texts.__class__ = CountingTexts
    pages._texts.here = []
    return pages._texts


# --- the same pages ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("use", ["auto", "only"])
@pytest.mark.parametrize("workers", [1, 2])
def test_pages_are_the_same_and_most_are_read_elsewhere(saved, workers, use):
    source = saved(book(60))
    with opened(source, 0, use=use) as pages:
        expected = [known(pages.page(n)) for n in range(60)]
    with opened(source, workers, use=use) as pages:
        texts = counted(pages)
        first = [known(pages.page(n)) for n in range(2)]
        assert len(crew(pages._ahead)) == workers
        assert first + [known(pages.page(n)) for n in range(2, 60)] == expected
        assert len(texts.here) == len(set(texts.here)) <= 60 - CHUNK


def test_more_files_may_be_open_than_select_can_count(saved):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 4096:
        pytest.skip("this machine does not allow so many")
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, hard))
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        with opened(saved(book(60)), 1) as pages:
            pages.page(0), pages.page(1)
            (process,) = crew(pages._ahead)
            assert process.answers > 1024
            assert [pages.page(n).label for n in range(2, 60)] == [str(n + 1) for n in range(2, 60)]
    finally:
        for pipe in held:
            os.close(pipe)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_pages_in_the_order_wanted_and_others_in_between(saved):
    numbers = [*range(50, 10, -1), 3, 3, 5]
    with opened(saved(book(60)), 1, numbers=numbers) as pages:
        labels = [pages.page(n).label for n in (50, 49)]
        crew(pages._ahead)
        assert pages.page(0).label == "1"  # nobody said that it would be asked for
        labels += [pages.page(n).label for n in numbers[2:]]
        assert labels == [str(n + 1) for n in numbers]


def test_the_password_goes_along(saved, kind):
    with opened(saved(encrypted(book(30), user="sécret")), 1, password="sécret") as pages:
        texts = counted(pages)
        pages.page(0), pages.page(1)
        (process,) = crew(pages._ahead)
        assert kind == "forked" or "sécret" not in " ".join(process._process.args)
        assert all(pages.page(n).text_layer.boxes for n in range(2, 9))
        assert texts.here[:2] == [0, 1]
        assert not {2, 3} & set(texts.here)


def test_a_page_that_cannot_be_loaded_is_the_same_error_in_its_turn(saved):
    draft = Draft()
    for number in range(40):
        if number == 20:
            draft.sheets.append(draft.add("(no page at all)"))
        draft.sheet(sheet(number))
    source = saved(draft.bytes())
    errors = []
    for workers in (0, 1):
        with opened(source, workers) as pages:
            for number in range(20):
                pages.page(number)
                if workers and number:
                    crew(pages._ahead)
            with pytest.raises(DamagedSource) as caught:
                pages.page(20)
            errors.append((str(caught.value), caught.value.page, caught.value.source))
            assert pages.page(21).label == "22"
    assert errors[0] == errors[1]
    assert errors[0][1] == 20


def test_never_further_ahead_than_the_window(saved):
    with opened(saved(book(3 * WINDOW)), 2) as pages:
        ahead = pages._ahead
        pages.page(0), pages.page(1)
        crew(ahead)
        for number in range(2, 3 * WINDOW):
            assert pages.page(number).number == number
            assert ahead._ahead() <= WINDOW
        assert ahead._ahead() == 0
        assert not ahead._unclaimed


# --- workers that fail ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [2, 15])
def test_a_worker_that_is_killed_is_done_without(saved, at, caplog):
    caplog.set_level("DEBUG", "qwen_ocr_loader")
    with opened(saved(book(60)), 1) as pages:
        for number in range(60):
            assert pages.page(number).label == str(number + 1)
            if number == at:
                (process,) = crew(pages._ahead)
                os.kill(process.pid, signal.SIGKILL)
        assert process.end() == -signal.SIGKILL
    assert "stopped reading ahead (exit code -9)" in caplog.text


def test_without_a_python_to_start_all_is_read_here(saved, monkeypatch, caplog, tmp_path):
    caplog.set_level("DEBUG", "qwen_ocr_loader")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(os, "fork", lambda: os.open(tmp_path / "absent", os.O_RDONLY))
    with opened(saved(book(20)), 2) as pages:
        assert [pages.page(n).number for n in range(20)] == list(range(20))
    assert "no worker reads ahead" in caplog.text


def test_a_file_that_was_replaced_is_not_mixed_in(saved, tmp_path):
    source = saved(book(40))
    with opened(source, 1) as pages:
        texts = counted(pages)
        other = tmp_path / "other.pdf"
        other.write_bytes(pdf(*(Sheet(text(40, 500, "another book")) for _ in range(40))))
        other.replace(source.path)
        words = [box.text for n in range(40) for box in pages.page(n).text_layer.boxes]
        deadline = time.monotonic() + 10
        while pages._ahead._workers and time.monotonic() < deadline:
            pages._ahead._settle(0.1)
        assert not pages._ahead._workers
        assert texts.here == list(range(40))
        assert "another book" not in words


# --- nobody is left behind --------------------------------------------------------------------------------------------


def test_closing_ends_the_workers(saved):
    pages = opened(saved(book(40)), 2)
    pages.page(0), pages.page(1)
    processes = crew(pages._ahead)
    pipes = [pipe for process in processes for pipe in (process.requests, process.answers)]
    pages.close()
    pages.close()
    assert [process.end() for process in processes] == [-signal.SIGKILL] * 2
    assert all(process.requests == process.answers == CLOSED for process in processes)
    for pipe in pipes:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(pipe)
    with pytest.raises(OCRError, match="closed"):
        pages.page(2)


def test_forgotten_pages_end_their_workers(saved):
    pages = opened(saved(book(40)), 1)
    pages.page(0), pages.page(1)
    (process,) = crew(pages._ahead)
    del pages
    assert process.requests == CLOSED
    assert process.end() == -signal.SIGKILL


def test_one_page_starts_nobody(saved):
    with opened(saved(book(40)), 1) as pages:
        pages.page(0)
        assert not pages._ahead._workers


def test_a_reader_closed_early_leaves_nobody(saved, monkeypatch):
    made = []
    monkeypatch.setattr(readahead, "_running", lambda: 1)
    monkeypatch.setattr(readahead, "LEAST_PAGES", 30)
    monkeypatch.setattr(readahead, "LEAST_FORKED", 30)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    monkeypatch.setattr(readahead, "ReadAhead", lambda *given: made.append(ReadAhead(*given)) or made[-1])
    pages = Reader(engine="fake").read(saved(book(40)))
    assert [next(pages).page for _ in range(10)] == list(range(10))
    (process,) = crew(made[0])
    pages.close()
    assert process.requests == CLOSED
    short = Reader(engine="fake", pages="1-30").read(saved(book(40)))
    assert len(list(short)) == 30
    assert len(made) == 1


SCRIPT = """
import os, sys
print("started", flush=True)
from pathlib import Path
from qwen_ocr_loader import second_process
from qwen_ocr_loader.pages import open_pages
from qwen_ocr_loader.source import Source
if sys.argv[2] == "spawned": second_process.may_fork = lambda: False
assert second_process.may_fork() == (sys.argv[2] == "forked" and sys.platform == "linux")
pages = open_pages(Source("book.pdf", "application/pdf", path=Path(sys.argv[1])))
pages.prepare(range(pages.count), workers=1)
for n in range(2): pages.page(n)
while not pages._ahead._workers[0].greeted: pages._ahead._settle(1)
print(pages._ahead._workers[0]._process.pid, flush=True)
{end}
"""


@pytest.mark.parametrize("end", ["os._exit(0)", "os.kill(os.getpid(), 9)", "sys.exit()"])
def test_a_script_is_not_run_twice_and_its_worker_goes_with_it(saved, end, kind):
    path = os.pathsep.join([str(Path(qwen_ocr_loader.__file__).parent.parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT.format(end=end), str(saved(book(40)).path), kind],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    started, worker = done.stdout.split()
    assert (started, done.stderr) == ("started", "")
    deadline = time.monotonic() + 10
    while _is_running(int(worker)):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")  # a process that nobody has waited for is still listed
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


# --- when it pays -----------------------------------------------------------------------------------------------------


def test_workers_where_they_pay(monkeypatch, kind):
    least = LEAST_FORKED if kind == "forked" else LEAST_PAGES
    cases = (
        (1, 1, 999, 0),
        (2, 1, 999, 1),
        (2, 2, 999, 0),
        (64, 1, 999, 3),
        (4, 9, 999, 0),
        (64, 1, least, 3),
        (64, 1, least - 1, 0),
    )
    for cores, running, pages, workers in cases:
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, cores=cores: range(cores), raising=False)
        monkeypatch.setattr(readahead, "_running", lambda running=running: running)
        assert usable_workers(pages) == workers
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(64), raising=False)
    monkeypatch.setattr(readahead, "_running", lambda: 1)
    assert usable_workers(999) == 3
    for embedding in ("/usr/bin/uwsgi", ""):
        monkeypatch.setattr(sys, "executable", embedding)
        assert usable_workers(1000) == (3 if kind == "forked" else 0)


def test_workers_start_once_a_core_is_idle(saved, monkeypatch):
    running = [3, 3, 1]
    monkeypatch.setattr(readahead, "_running", lambda: running.pop(0))
    monkeypatch.setattr(readahead, "LEAST_PAGES", 30)
    monkeypatch.setattr(readahead, "LEAST_FORKED", 30)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    with opened(saved(book(60)), None) as pages:
        crews = []
        for number in range(60):
            pages.page(number)
            crews.append(len(pages._ahead._workers))
    assert crews[:4] == [0, 0, 0, 1]
    assert running == []


def test_no_workers_for_bytes_or_where_text_is_not_looked_at(saved):
    data = book(3)
    with opened(Source("book.pdf", "application/pdf", content=data), 1) as pages:
        assert pages._ahead is None
    with opened(saved(data), 1, use="never") as pages:
        assert pages._ahead is None
