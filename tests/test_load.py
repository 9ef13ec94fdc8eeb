"""Many pages and many files: memory stays flat, a broken file stops nobody, and the network is what is waited for."""

import asyncio
import json
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from draw_pdfs import Sheet, encrypted, pdf, text
from load_server import LoadServer
from marked_pages import marked_page, marked_png
from qwen_ocr_loader import DashScopeEngine, FakeEngine, Reader
from qwen_ocr_loader.pace import Retry

MEMORY = """
import asyncio, json, os, sys, time
from qwen_ocr_loader import DashScopeEngine, Reader
how, url, cache, folder, pause = sys.argv[1:]
engine = DashScopeEngine(base_url=url, api_key="sk-test", rate_limit=None) if url else "fake"
reader = Reader(engine=engine, task="text_recognition", concurrency=16, cache=cache or None)

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

seen = []
def take(number):
    time.sleep(float(pause))
    if number % 100 == 0:
        seen.append(round(resident(), 1))

async def aread():
    number = 0
    async for page in reader.aread(folder):
        number += 1
        await asyncio.sleep(float(pause))
        if number % 100 == 0:
            seen.append(round(resident(), 1))

if how == "sync":
    for number, page in enumerate(reader.read(folder), 1):
        take(number)
else:
    asyncio.run(aread())
print(json.dumps([reader.report.pages, seen]))
"""


@pytest.fixture
def many(tmp_path):
    """A folder of TIFFs that together have so many pages, each of them 300 KB when it is decoded."""

    def write(count, a_file=250):
        folder = tmp_path / "many"
        folder.mkdir()
        for first in range(0, count, a_file):
            pages = [
                marked_page(number, (480, 640)).convert("1") for number in range(first, min(count, first + a_file))
            ]
            path = folder / f"{first:05}.tiff"
            pages[0].save(path, save_all=True, append_images=pages[1:], compression="group4")
        return folder

    return write


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not tell")
@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("how", ["sync", "async"])
@pytest.mark.parametrize(("pages", "pause"), [(600, 0.0005), pytest.param(5000, 0.008, marks=pytest.mark.slow)])
def test_memory_is_flat_however_slow_the_consumer(pages, pause, how, cached, many, tmp_path):
    """From the second hundred on: of pages that wait in memory, as many would be 1.5 GB of pixels."""
    folder = many(pages)
    with LoadServer() as server:
        command = [sys.executable, "-c", MEMORY, how, server.base_url, str(tmp_path / "cache") if cached else ""]
        done = subprocess.run([*command, str(folder), str(pause)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        most = server.tally().most_in_flight
    read, seen = json.loads(done.stdout)
    print(seen[:3], seen[-3:], max(seen))
    assert read == pages
    assert most <= 16
    assert max(seen[2:]) - seen[1] < 15


# --- broken files ----------------------------------------------------------------------------------------------------


def small_pdf():
    return pdf(Sheet(text(50, 500, "some words on a page that is read")))


def bomb():
    """A PNG that says it has a hundred thousand pixels a side."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


BROKEN = {
    "empty.pdf": (lambda: b"", "EmptySource"),
    "no-pages.pdf": (pdf, "EmptySource"),
    "cut-off.pdf": (lambda: small_pdf()[:90], "DamagedSource"),
    "wants-a-password.pdf": (lambda: encrypted(small_pdf(), user="secret"), "EncryptedPDF"),
    "empty.png": (lambda: b"", "EmptySource"),
    "cut-off.png": (lambda: marked_png(1)[:60], "DamagedSource"),
    "bomb.png": (bomb, "SourceTooLarge"),
    "cut-off.jpg": (lambda: b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", "DamagedSource"),
    "cut-off.tiff": (lambda: b"II*\x00\x08\x00\x00\x00\x05\x00", "DamagedSource"),
    "cut-off.gif": (lambda: b"GIF89a", "DamagedSource"),
}
"""File names, what is in them, and the class of the error."""


def mixed_folder(folder, files):
    """A folder of PNGs and PDFs, three of each broken kind among them: names of the good, and of the broken."""
    whole = {".png": marked_png(5, (64, 64)), ".pdf": small_pdf()}
    broken = {f"{number * files // 30:05}-{name}": BROKEN[name] for number, name in enumerate(3 * list(BROKEN))}
    good = [f"{number:05}-good{'.pdf' if number % 4 else '.png'}" for number in range(files - len(broken))]
    for name in good:
        (folder / name).write_bytes(whole[name[-4:]])
    for name, (make, _) in broken.items():
        (folder / name).write_bytes(make())
    return good, broken


@pytest.mark.parametrize("policy", ["skip", "placeholder"])
@pytest.mark.parametrize("how", ["sync", "async"])
@pytest.mark.parametrize("files", [120, pytest.param(2000, marks=pytest.mark.slow)])
def test_broken_files_stop_nobody_and_are_named(files, how, policy, tmp_path):
    good, broken = mixed_folder(tmp_path, files)
    reader = Reader(engine=FakeEngine(), text_layer="never", on_error=policy, concurrency=4, dpi=36)
    pages = gathered(reader, tmp_path, how)
    names = [Path(page.origin.name).name for page in pages]
    assert names == sorted(good if policy == "skip" else [*good, *broken])
    assert [Path(page.origin.name).name for page in pages if page.error is None] == sorted(good)
    assert reader.report.pages == len(good)
    failures = {Path(failure.source).name: type(failure.error).__name__ for failure in reader.report.failures}
    assert failures == {name: error for name, (_, error) in broken.items()}
    assert len(json.loads(reader.report.to_json())["failures"]) == 30


def gathered(reader, source, how):
    if how == "sync":
        return list(reader.pages(source))

    async def pages():
        return [page async for page in reader.apages(source)]

    return asyncio.run(pages())


# --- the network is what is waited for -------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["sync", "async"])
def test_as_many_pages_as_allowed_are_in_flight(how):
    """``benchmarks/throughput.py`` says for how much of the time."""
    pages, latency, at_once = 64, 0.2, 16
    with LoadServer(latency=latency) as server:
        engine = DashScopeEngine(base_url=server.base_url, api_key="sk-test", rate_limit=None)
        reader = Reader(engine=engine, task="text_recognition", concurrency=at_once)
        read = gathered(reader, [marked_page(number, (64, 64)) for number in range(pages)], how)
        tally = server.tally()
    assert [page.result.text.split("\n")[0] for page in read] == [f"page {number}" for number in range(pages)]
    assert tally.most_in_flight == at_once


def test_a_slow_page_holds_up_no_others_within_the_window():
    """Results wait in order behind it, as many as are kept; only then does the reading pause."""
    with LoadServer(faults={"0": "system"}) as server:
        retry = Retry(attempts=4, first=0.2, longest=0.2)
        engine = DashScopeEngine(base_url=server.base_url, api_key="sk-test", rate_limit=None, retry=retry)
        reader = Reader(engine=engine, task="text_recognition", concurrency=4, on_error="skip")
        pages = [marked_page(number, (64, 64)) for number in range(40)]
        assert len(list(reader.pages(pages))) == 39
        bought = server.tally().bought
    last_try = max(one.began for one in bought if one.page == 0)
    assert len({one.page for one in bought if one.page and one.began < last_try}) == 2 * 4 - 1
