"""What the README shows, as its reader would run it."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from qwen_ocr_loader import OpenAIEngine, Reader

ROOT = Path(__file__).parent.parent
PYTHON = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
CITATIONS = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "citations.md").read_text(), flags=re.DOTALL)


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


def test_the_readme_cites_exactly():
    (code,) = (code for code in PYTHON if "locate(" in code)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("True [{'page': 0,")
    assert done.stdout.count("'page'") == 2


def test_the_page_about_citations_runs_from_top_to_bottom(tmp_path):
    shutil.copytree(ROOT / "examples" / "documents", tmp_path / "examples" / "documents")
    command = [sys.executable, "-W", "ignore", "-c", "".join(CITATIONS)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "marked.pdf").exists()


@pytest.mark.parametrize(
    "settings",
    [
        {"mode": "single", "on_error": "placeholder"},
        {"engine": ["fake", "local"]},
        {"engine": OpenAIEngine(model="m", base_url="http://x"), "task": "text_recognition", "pages_per_call": 2},
        {"fields": {"Total": ""}, "witness": "local"},
    ],
    ids="-".join,
)
def test_the_readme_lists_every_key_of_the_metadata(settings):
    from qwen_ocr_loader import Reader
    from qwen_ocr_loader.render import records

    table = (ROOT / "README.md").read_text().partition("## What a Document carries")[2].partition("\nA row of")[0]
    told = {*re.findall(r"`([\w.]+)`", table), "field.Total"}
    (record,) = records(Reader(**{"engine": "fake", "pages": "1", **settings}), ROOT / "examples/documents/report.pdf")
    assert record.metadata.keys() - told == set()


def test_the_readme_lists_every_option_with_its_default():
    from qwen_ocr_loader import Options

    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| ", (ROOT / "README.md").read_text(), flags=re.MULTILINE)
    table = {name: default.strip("` ").replace('"', "'") for name, default in rows}
    for name in Options.__dataclass_fields__:
        default = getattr(Options(), name)
        shown = table[name] if re.match(r"\w+\(", table[name]) else ast.literal_eval(table[name])
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
    assert re.search(r"(0\.9[5-9]|1\.00)  Thank you - see you on the quay!\n", done.stdout)  # by the processor
    assert "Q2\t347\t128,900\t31,150" in done.stdout
    assert "page 3 of 3, ocr, local:PP-OCRv6-small" in done.stdout
    assert "ocr_lines" in done.stdout


def test_the_example_documents_can_be_drawn_again(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    import draw

    with draw.Image.open(ROOT / "examples/documents/receipt.jpg") as kept:
        assert draw.receipt().size == kept.size
    assert draw.report().startswith(b"%PDF")


def test_the_example_receipt_is_read_as_a_person_reads_it():
    reader = Reader(engine="local", task="key_information_extraction", fields="all")
    (page,) = reader.read(ROOT / "examples/documents/receipt.jpg")
    assert {name: field.value for name, field in page.fields.items()} == {
        "Tel": "0123 555 0142",
        "VAT": "GB 555 0142 77",
        "Receipt No": "HP-2026-00417",
        "Date": "17/10/2026 12:48",
        "Table": "7",
        "Subtotal": "23.60",
        "VAT 20 %": "4.72",
        "TOTAL": "28.32",
        "Card ****4417": "28.32",
    }


def test_receipts_become_a_csv_and_what_is_wrong_is_said(tmp_path):
    shutil.copy(ROOT / "examples/receipts/06_fuel_smudged.jpg", tmp_path)
    command = [sys.executable, "examples/receipts_to_csv.py", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, encoding="utf-8")
    _, row = done.stdout.splitlines()
    assert row == "06_fuel_smudged.jpg,Mill Creek Fuel Company,2026-09-29,24.45,6.72,3,True"
    assert "page 1: total 6.72 does not add up: items[].amount is 146.72, not 6.72" in done.stderr


def test_the_example_receipts_can_be_drawn_again(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    import draw_receipts

    if not all((draw_receipts.FONTS / font).exists() for font in draw_receipts.FACES.values()):
        pytest.skip("fonts-dejavu-core and fonts-droid-fallback are not installed")
    kept = draw_receipts.FOLDER
    monkeypatch.setattr(draw_receipts, "FOLDER", tmp_path)
    draw_receipts.main()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in kept.iterdir())
    for path in tmp_path.glob("*.jpg"):
        with draw_receipts.Image.open(path) as drawn, draw_receipts.Image.open(kept / path.name) as committed:
            assert drawn.size == committed.size
