"""What the README shows, as its reader would run it."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PYTHON = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)


@pytest.mark.parametrize("code", PYTHON, ids=range(len(PYTHON)))
def test_readme_python(code, tmp_path):
    environment = {**os.environ, "HOME": str(tmp_path)}  # a cache in it is not the user's
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_readme_comments_tell_what_comes_out():
    done = subprocess.run([sys.executable, "-c", PYTHON[0]], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Westhaven Harbour Office")
    assert done.stdout.endswith("text_layer\n")


def test_the_readme_lists_every_option_with_its_default():
    from qwen_ocr_loader import Options

    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| ", (ROOT / "README.md").read_text(), flags=re.MULTILINE)
    table = {name: default.strip("` ").replace('"', "'") for name, default in rows}
    for name in Options.__dataclass_fields__:
        default = getattr(Options(), name)
        shown = ast.literal_eval(table[name]) if "(" not in table[name] else table[name]
        assert shown in (default, f"{type(default).__name__}()"), name


def test_the_quickstart_shows_text_boxes_and_metadata():
    done = subprocess.run(
        [sys.executable, "examples/quickstart.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        encoding="utf-8",
    )
    assert "0.99  Thank you" in done.stdout or "1.00  Thank you" in done.stdout
    assert "Q2\t347\t128,900\t31,150" in done.stdout
    assert "page 3 of 3, ocr, local:PP-OCRv6-small" in done.stdout
    assert "ocr_lines" in done.stdout


def test_the_example_documents_can_be_drawn_again(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    import draw

    with draw.Image.open(ROOT / "examples/documents/receipt.jpg") as kept:
        assert draw.receipt().size == kept.size
    assert draw.report().startswith(b"%PDF")
