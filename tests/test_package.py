"""The wheel: what is in it, and that its metadata says what the code needs."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


KEPT = {".ci", ".gitignore", "benchmarks", "docs", "examples", "notebooks", "src", "tests", "pyproject.toml"}
KEPT |= {"README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md"}


def test_nothing_else_lies_at_the_top_of_the_repository():
    """What a benchmark wrote there, above all: it may hold other people's documents."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {path.split("/")[0] for path in listed.stdout.splitlines()} == KEPT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_it_holds_the_package_and_nothing_else(wheel):
    names = wheel.namelist()
    assert "qwen_ocr_loader/py.typed" in names
    assert "qwen_ocr_loader/engines/local.py" in names
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"qwen_ocr_loader"}
    assert not [name for name in names if "tests" in name or "/test_" in name]


def test_entry_points_lead_somewhere(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    text = wheel.read(name).decode()
    assert "qwen-ocr = qwen_ocr_loader.cli:main" in text
    for line in text.splitlines():
        if "=" in line:
            module = line.partition("=")[2].strip().partition(":")[0]
            assert module.replace(".", "/") + ".py" in wheel.namelist()
