"""The open document: dates, strings, the lock, one picture's coverage."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest
from PIL import Image

from draw_pdfs import Draft, Sheet, pdf, picture, prose
from qwen_ocr_loader import pdf as pdf_module
from qwen_ocr_loader.pdf import LOCK, PDFDocument, frame_of, iso_date, storable
from qwen_ocr_loader.pdf_objects import cover, page_objects
from qwen_ocr_loader.source import Source


def document(data: bytes) -> PDFDocument:
    return PDFDocument(Source("a.pdf", "application/pdf", content=data))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("D:20240131120501+01'30'", "2024-01-31T12:05:01+01:30"),
        ("D:20240131120501-08'00", "2024-01-31T12:05:01-08:00"),
        ("D:20240131120501Z00'00'", "2024-01-31T12:05:01+00:00"),
        ("D:20240131120501", "2024-01-31T12:05:01"),
        ("D:202401311205", "2024-01-31T12:05:00"),
        ("D:20240131", "2024-01-31"),
        ("D:202401", "2024-01"),
        ("20240131", "2024-01-31"),
        ("last Tuesday", ""),
        ("", ""),
    ],
)
def test_pdf_dates_become_iso_dates(given, expected):
    assert iso_date(given) == expected


def test_storable_keeps_everything_but_nul_and_lone_surrogates():
    assert storable("a\x00b") == "ab"
    assert storable("é\ud83dx😀") == "éx😀"
    assert storable("plain") == "plain"


def test_the_lock_is_free_between_pages():
    with document(pdf(Sheet(prose()), Sheet(prose()))) as opened:
        for number in range(2):
            with opened.page(number):
                assert not _free()
            assert _free()


def test_the_lock_is_free_after_an_error():
    with document(pdf(Sheet(prose()))) as opened, pytest.raises(RuntimeError), opened.page(0):
        raise RuntimeError
    assert _free()


def _free() -> bool:
    """Another thread can take the lock now."""
    taken = []

    def take() -> None:
        if LOCK.acquire(blocking=False):
            LOCK.release()
            taken.append(True)

    thread = threading.Thread(target=take)
    thread.start()
    thread.join()
    return bool(taken)


def test_the_whole_file_is_mapped_or_given(tmp_path):
    file = tmp_path / "a.pdf"
    file.write_bytes(b"some bytes to find")
    for given in (Source("a", "application/pdf", path=file), Source("a", "application/pdf", content=file.read_bytes())):
        with pdf_module.whole_file(given) as data:
            assert data.find(b"bytes") == 5
            assert data[5:10] == b"bytes"


@pytest.mark.parametrize("form", ["", "/Matrix[2 0 0 2 0 0]"], ids=["plain", "scaled form"])
def test_pictures_in_forms_lie_where_they_are_drawn(form):
    draft = Draft()
    image, _ = draft.jpeg(Image.new("L", (20, 20), "white"))
    inner = draft.stream(
        f"/Type/XObject/Subtype/Form/BBox[0 0 400 600]{form}/Resources<</XObject<</Im0 {image} 0 R>>>>",
        picture(10, 20, 100, 50).encode(),
    )
    draft.sheet(Sheet("q 1 0 0 1 30 40 cm /Fm Do Q", xobjects={"Fm": inner}))
    scale = 2 if form else 1
    with document(draft.bytes()) as opened, opened.page(0) as page:
        closed = page_objects(page, depth=0)
        (found,), (outer,) = page_objects(page).pictures, closed.closed
        assert closed.pictures == []
        assert outer[1:5] == pytest.approx(found[1:5], abs=0.01)
        assert found[1:5] == pytest.approx(
            (30 + 10 * scale, 40 + 20 * scale, 30 + 110 * scale, 40 + 70 * scale), abs=0.01
        )


def test_cover_counts_overlaps_once_and_what_is_visible_only():
    draft = Draft()
    image, _ = draft.jpeg(Image.new("L", (20, 20), "white"))
    content = picture(0, 0, 200, 600) + picture(100, 0, 100, 600) + picture(-500, 0, 400, 600)
    draft.sheet(Sheet(content, xobjects={"Im0": image}))
    with document(draft.bytes()) as opened, opened.page(0) as page:
        assert cover(page_objects(page).pictures, frame_of(page)) == pytest.approx(0.5, abs=0.01)


FORKS = """
import os, signal, sys, threading, time
from qwen_ocr_loader import Reader

path, ready = sys.argv[1], threading.Event()
def read():
    while True:
        for page in Reader(engine="fake").read(path):
            pass
        ready.set()  # all is imported: a child forked during an import waits in Python itself
threading.Thread(target=read, daemon=True).start()
ready.wait(60)
ended = []
for _ in range(8):
    child = os.fork()
    if child == 0:
        os._exit(0 if next(iter(Reader(engine="fake").read(path))).text else 1)
    deadline = time.monotonic() + 10
    while not (done := os.waitpid(child, os.WNOHANG))[0] and time.monotonic() < deadline:
        time.sleep(0.01)
    if not done[0]:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    ended.append(done[0] == child and done[1] == 0)
print(ended)
os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_while_another_thread_reads_can_read_too(tmp_path):
    path = tmp_path / "book.pdf"
    path.write_bytes(pdf(*[Sheet(prose()) for _ in range(4)]))
    command = [sys.executable, "-c", FORKS, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip() == str([True] * 8), done.stderr
