"""Where the command line writes: never over what it reads, through links, into pipes, whatever files are called."""

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from dashscope_scenarios import ok, slow
from dashscope_server import DashScopeServer
from leaving import until
from marked_pages import marked_page
from qwen_ocr_loader.cache.sqlite import SqliteCache
from qwen_ocr_loader.cli import main
from qwen_ocr_loader.draw import Overlay
from qwen_ocr_loader.errors import SourceError
from qwen_ocr_loader.source import find


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def scan(place):
    Image.new("L", (60, 40), 200).save(place / "a.png")
    return place / "a.png"


def oddly_named(place, data):
    """A file whose name is not UTF-8, beside one whose name is."""
    folder = place / "in"
    folder.mkdir()
    (folder / "a.png").write_bytes(data)
    try:
        (folder / os.fsdecode(b"b\xff.png")).write_bytes(data)
    except OSError:
        pytest.skip("this file system has UTF-8 names only")
    return folder


# --- not over a source -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["read", "view"])
@pytest.mark.parametrize("given", ["a.png", "./a.png", "link.png", "hard.png", "folder", "url"])
def test_a_source_is_not_written_over(command, given, scan, place, capsys, monkeypatch):
    before = scan.read_bytes()
    (place / "link.png").symlink_to(scan)
    os.link(scan, place / "hard.png")
    (place / "first.png").write_bytes(before)
    asked = {"folder": str(place), "url": scan.as_uri()}.get(given, given)
    monkeypatch.setattr("qwen_ocr_loader.engines.fake.FakeEngine.read", lambda *_: pytest.fail("something was read"))
    assert main([command, "first.png", asked, "-e", "fake", "-o", "a.png"]) == SourceError.exit_code
    said = capsys.readouterr()
    assert (said.out, scan.read_bytes()) == ("", before)
    assert "the output would overwrite it; give another --output" in said.err


def test_standard_input_is_not_written_over(scan, monkeypatch, capsys):
    before = scan.read_bytes()
    with scan.open("rb") as file:
        monkeypatch.setattr("sys.stdin", type("Shell", (), {"buffer": file}))
        assert main(["read", "-", "-e", "fake", "-o", "a.png"]) == SourceError.exit_code
    assert scan.read_bytes() == before
    monkeypatch.setattr("sys.stdin", type("Pipe", (), {"buffer": BytesIO(before)}))
    assert main(["read", "-", "-e", "fake", "-o", "a.png"]) == 0
    assert scan.read_text() == "Page 1\n"


@pytest.mark.parametrize("command", ["read", "view"])
def test_an_earlier_output_in_the_folder_that_is_read_is_written_anew(command, scan, place):
    (place / "out.html").write_text("of yesterday")
    assert main([command, str(place), "-e", "fake", "-o", "out.html"]) == 0
    assert "Page 1" in (place / "out.html").read_text()


def test_a_file_that_the_glob_leaves_out_is_no_source(scan, place):
    (place / "b.jpg").write_bytes(scan.read_bytes())
    assert main(["read", str(place), "-e", "fake", "--glob", "*.jpg", "-o", "a.png"]) == 0
    assert scan.read_text() == "Page 1\n"


def test_overlays_get_another_name_than_any_source(place, capsys):
    folder = place / "in"
    folder.mkdir()
    for name in ("a.bmp", "a-1.png", "a-1-2.png"):
        Image.new("L", (60, 40), 200).save(folder / name)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert main(["draw", "in/a.bmp", "in", "-e", "fake", "-o", "in", "--only", "order"]) == 0
    assert {path: path.read_bytes() for path in before} == before
    drawn = [place / line for line in capsys.readouterr().out.split()]
    assert len(drawn) == 4
    assert {*folder.iterdir()} == {*before, *drawn}


def test_overlays_are_no_sources_of_the_run_that_draws_them(place, capsys, monkeypatch):
    folder = place / "in"
    folder.mkdir()
    Image.new("L", (60, 40), 200).save(folder / "a.bmp")
    (folder / "z").mkdir()
    Image.new("L", (60, 40), 200).save(folder / "z" / "b.bmp")
    looked, drawn_before = find, threading.Event()

    def late(given, **options):  # so slowly that something has been drawn when the folder is looked into
        for one in given:
            assert one != "in" or drawn_before.is_set()
            yield from looked(one, **options)
            time.sleep(0.3)

    def saved(overlay, path=None):
        done = save(overlay, path)
        drawn_before.set()
        return done

    save = Overlay.save
    monkeypatch.setattr(Overlay, "save", saved)
    monkeypatch.setattr("qwen_ocr_loader.page_pictures.find", late)
    assert main(["draw", "in/z/b.bmp", "in/z/b.bmp", "in", "-e", "fake", "-o", "in", "--only", "order"]) == 0
    names = sorted(Path(line).name for line in capsys.readouterr().out.split())
    assert names == ["a-1.png", "b-1-2.png", "b-1-3.png", "b-1.png"]


def test_overlays_of_an_earlier_run_are_written_over(scan, capsys):
    for _ in range(2):
        assert main(["draw", "a.png", "-e", "fake", "-o", "."]) == 0
    assert capsys.readouterr().out.split() == ["a-1.png"] * 2


# --- links, devices, pipes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("there", [True, False])
def test_a_link_is_followed(there, scan, place):
    (place / "far").mkdir()
    if there:
        (place / "far" / "out.txt").write_text("of yesterday")
    (place / "out.txt").symlink_to("far/out.txt")
    assert main(["read", "a.png", "-e", "fake", "-o", "out.txt"]) == 0
    assert (place / "out.txt").is_symlink()
    assert (place / "far" / "out.txt").read_text() == "Page 1\n"
    assert len(list((place / "far").iterdir())) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
@pytest.mark.parametrize("link", [False, True])
def test_a_pipe_stays_one_and_is_written_to(link, scan, place):
    os.mkfifo(place / "pipe")
    (place / "link").symlink_to("pipe")
    heard = []
    reader = threading.Thread(target=lambda: heard.append((place / "pipe").read_text()), daemon=True)
    reader.start()
    assert main(["read", "a.png", "-e", "fake", "-o", "link" if link else "pipe"]) == 0
    assert stat.S_ISFIFO((place / "pipe").stat().st_mode)  # before waiting for a reader that nobody would write to
    reader.join(10)
    assert heard == ["Page 1\n"]


def test_a_device_stays_one(scan, place):
    null = place / "null"
    try:
        os.mknod(null, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        null.write_text("")
    except (AttributeError, OSError):
        pytest.skip("only root makes devices, and not everywhere")
    assert main(["read", "a.png", "-e", "fake", "-o", "null"]) == 0
    assert stat.S_ISCHR(null.stat().st_mode)


def test_a_folder_is_no_output(scan, place, capsys):
    (place / "out").mkdir()
    assert main(["read", "a.png", "-e", "fake", "-o", "out"]) == 1
    assert "out cannot be written (Is a directory); give another --output" in capsys.readouterr().err


# --- names that are not UTF-8 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_a_name_that_is_not_utf8_is_json_all_the_same(form, scan, place):
    folder = oddly_named(place, scan.read_bytes())
    assert main(["read", "in", "-e", "fake", "-f", form, "-o", "out"]) == 0
    said = (place / "out").read_text(encoding="utf-8")
    rows = json.loads(said) if form == "json" else list(map(json.loads, said.splitlines()))
    assert [place / row["source"] for row in rows] == sorted(folder.iterdir())


def test_a_name_that_is_not_utf8_is_viewed_and_drawn(scan, place, capsys):
    oddly_named(place, scan.read_bytes())
    assert main(["view", "in", "-e", "fake", "-o", "out.html"]) == 0
    assert (place / "out.html").read_text(encoding="utf-8").count(r"b\udcff.png") == 1
    assert main(["draw", "in", "-e", "fake"]) == 0
    assert capsys.readouterr().out.split() == ["out.html:", "2", "pages", "boxes/a-1.png", "boxes/b-1.png"]


@pytest.mark.parametrize(
    ("how", "code", "said"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_a_signal_ends_it_and_leaves_nothing_behind(how, code, said, place):
    (place / "out.txt").write_text("of before")
    frames = [marked_page(number) for number in range(3)]
    frames[0].save(place / "scan.tiff", save_all=True, append_images=frames[1:])
    kept = SqliteCache(place / "pages")
    with DashScopeServer(lambda asked: slow(30) if asked.images[0].number else ok()) as server:
        command = [sys.executable, "-m", "qwen_ocr_loader.cli", "read", "scan.tiff", "-e", "dashscope"]
        options = ["--base-url", server.base_url, "-o", "out.txt", "--cache", "pages"]
        environment = {**os.environ, "DASHSCOPE_API_KEY": server.key}
        with subprocess.Popen(
            [*command, *options], cwd=place, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            begun = until(lambda: kept.stats().pages == 1 and server.in_flight == 2, 20)
            process.send_signal(how if begun else signal.SIGKILL)
            stdout, stderr = process.communicate(timeout=15)
    assert (process.returncode, stdout, stderr) == (code, "", f"qwen-ocr: {said}\n")
    assert (place / "out.txt").read_text() == "of before"
    assert not (place / ".part-out.txt").exists()
    assert kept.stats().pages == 1
    kept.close()
