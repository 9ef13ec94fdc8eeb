"""The accuracy benchmark: what it writes for a document, and what it does with one that cannot be read."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest
from PIL import Image

from qwen_ocr_loader import Line, PageResult, Quad

ROOT = Path(__file__).parent.parent

SCORER = """
import json, os, sys
manifest, predictions, _, out = sys.argv[1:]
cases = json.load(open(manifest))["cases"]
read = {c["id"]: 1.0 if os.path.exists(f"{predictions}/{c['id']}.json") else 0.0 for c in cases}
json.dump({"cases": {name: {"word_f1": value} for name, value in read.items()}}, open(out, "w"))
"""


@pytest.fixture(scope="module")
def accuracy():
    spec = importlib.util.spec_from_file_location("accuracy", ROOT / "benchmarks" / "accuracy.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def evaluation(tmp_path):
    """Two images, one of them broken, with a manifest and a scorer that tells which have a prediction."""
    data = tmp_path / "data" / "dev"
    (data / "files").mkdir(parents=True)
    Image.new("L", (400, 200), 255).save(data / "files" / "good.png")
    (data / "files" / "broken.png").write_bytes((data / "files" / "good.png").read_bytes()[:40])
    cases = [
        {"id": name, "category": "scans", "file": f"files/{name}.png", "pages": 1, "image_size": [400, 200]}
        for name in ("good", "broken")
    ]
    (data / "manifest.json").write_text(json.dumps({"cases": cases}))
    (data.parent / "score.py").write_text(SCORER)
    return data


def _page(number, unit, quad=None):
    line = Line("Hello", 0, 5, quad or Quad.from_box(0.25, 0.5, 0.75, 0.6))
    return PageResult(number, 144.0, 72.0, unit, "Hello", lines=(line,))


@pytest.mark.parametrize(
    ("unit", "image_size", "quads"),
    [
        ("px", [400, 200], [[100, 100, 300, 100, 300, 120, 100, 120]] * 2),
        (
            "pt",
            [[400, 200], [800, 200]],
            [[100, 100, 300, 100, 300, 120, 100, 120], [200, 100, 600, 100, 600, 120, 200, 120]],
        ),
        ("pt", None, [[75, 75, 225, 75, 225, 90, 75, 90]] * 2),  # 144 x 72 pt at 150 dpi: 300 x 150 px
        ("px", None, [[36, 36, 108, 36, 108, 43.2, 36, 43.2]] * 2),
    ],
)
def test_prediction_is_in_pixels_of_each_page(accuracy, unit, image_size, quads):
    made = accuracy.prediction([_page(0, unit), _page(1, unit)], image_size)
    assert made["text"] == "Hello\nHello"
    assert [line["page"] for line in made["lines"]] == [1, 2]
    assert [line["quad"] for line in made["lines"]] == quads
    assert (made["fields"], made["tables"], made["formulas"]) == ({}, [], [])


def test_a_turned_line_keeps_its_corners_in_order(accuracy):
    upside_down = Quad.from_pixels([(300, 120), (100, 120), (100, 100), (300, 100)], 400, 200)
    made = accuracy.prediction([_page(0, "px", upside_down)], [400, 200])
    assert made["lines"][0]["quad"] == [300, 120, 100, 120, 100, 100, 300, 100]


def test_a_document_that_cannot_be_read_is_named_and_left_out(accuracy, evaluation, tmp_path, monkeypatch, capsys):
    out = tmp_path / "predictions"
    out.mkdir()
    (out / "broken.json").write_text("{}")  # an older run's, which must not stand in
    assert _run(accuracy, monkeypatch, "--data", evaluation, "--out", out) == 1
    printed = capsys.readouterr().out
    assert "NOT READ, not scored: broken: " in printed
    assert "| **all** | 1 | 1.000 |" in printed
    assert sorted(path.name for path in out.iterdir()) == ["good.json"]
    assert json.loads((out / "good.json").read_text())["lines"]


def test_only_some(accuracy, evaluation, tmp_path, monkeypatch, capsys):
    assert _run(accuracy, monkeypatch, "--data", evaluation.parent, "--out", tmp_path / "p", "--only", "good") == 0
    assert "| scans | 1 | 1.000 |" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="no document bad"):
        _run(accuracy, monkeypatch, "--data", evaluation, "--out", tmp_path / "p", "--only", "bad")


def _run(accuracy, monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["accuracy.py", "--engine", "fake", *map(str, arguments)])
    return accuracy.main()
