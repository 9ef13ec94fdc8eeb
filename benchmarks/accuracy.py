"""How well the pages of the evaluation documents are read: writes predictions, scores them, prints a Markdown table.

    pip install -e '.[local]' rapidfuzz apted lxml
    python benchmarks/accuracy.py --data FOLDER --out PREDICTIONS

Every page is recognised (``text_layer="never"``). Fields and tables are asked for where the truth has them: the names
of its fields where those were asked for, all that are printed elsewhere. A document with a page that cannot be read
gets no prediction: it is named under the table, left out of the averages, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from qwen_ocr_loader import LocalEngine, PageResult, Reader
from qwen_ocr_loader.fields.merging import merged_fields

DATA = os.environ.get("QWEN_OCR_DATA")
PDF_DPI = 150  # of the page images that the truth of PDF documents is drawn on, where it has quads
METRICS = ("word_f1", "line_f1", "line_f1_loose", "order", "cer_nospace", "cer", "line_text_acc")
STRUCTURE = ("field_f1", "field_anls", "field_value_anls", "teds_s", "teds")
STOCK = {"word_f1": 0.835, "line_f1": 0.875, "line_f1_loose": 0.942, "order": 0.750, "cer_nospace": 0.213}
"""RapidOCR 3 as it comes, its lines in raster order, on the same documents."""

Case = Mapping[str, Any]
Scores = Mapping[str, float]


def main() -> int:
    args = _arguments()
    data = args.data / "dev" if (args.data / "dev" / "manifest.json").exists() else args.data
    cases = _chosen(json.loads((data / "manifest.json").read_text("utf-8"))["cases"], args.only)
    args.out = args.out or Path(tempfile.mkdtemp(prefix="predictions-"))  # what documents say stays out of a repository
    args.out.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    failures = [failure for case in cases for failure in _predict(case, data, args)]
    print(f"{len(cases)} documents, {sum(case['pages'] for case in cases)} pages, {time.monotonic() - started:.0f} s\n")
    script = data.parent / "score.py"
    if script.exists():
        read, scores = [case for case in cases if _prediction(args.out, case).exists()], score(script, data, args.out)
        print(table(read, scores))
        print(f"\n{structure_table(read, scores)}")
        print("\nn: documents read; each figure is the mean over those whose truth allows it.")
    else:
        print(f"no {script.name} beside {data.name}/: predictions written to {args.out}, nothing scored")
    for failure in failures:
        print(f"NOT READ, not scored: {failure}")
    return 1 if failures else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    about = "folder of manifest.json (default: QWEN_OCR_DATA)"
    parser.add_argument("--data", type=Path, default=DATA, required=not DATA, help=about)
    parser.add_argument("--engine", default="local")
    parser.add_argument(
        "--runtime", choices=("onnxruntime", "openvino"), help="of the local engine, instead of its own choice"
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="where ID.json files go, which hold what was read (default: a new folder of the system's)",
    )
    parser.add_argument("--only", nargs="+", metavar="ID", help="these documents alone")
    return parser.parse_args()


def _chosen(cases: Sequence[Case], only: Sequence[str] | None) -> list[Case]:
    chosen = [case for case in cases if only is None or case["id"] in only]
    if unknown := set(only or ()) - {case["id"] for case in chosen}:
        raise SystemExit(f"the manifest has no document {', '.join(sorted(unknown))}")
    return chosen


def _predict(case: Case, data: Path, args: argparse.Namespace) -> list[str]:
    """Write the case's prediction, or say what could not be read; an earlier run's prediction never stands in."""
    target = _prediction(args.out, case)
    target.unlink(missing_ok=True)
    started = time.monotonic()
    wanted = {"text_layer": "never", "on_error": "skip", "pages": f"1-{case['pages']}", **_asked(case, data)}
    reader = Reader(engine=LocalEngine(runtime=args.runtime) if args.runtime else args.engine, **wanted)
    pages = list(reader.read(data / case["file"]))
    failures = [f"{case['id']}: {failure.error}" for failure in reader.report.failures]
    if not failures and len(pages) != case["pages"]:
        failures = [f"{case['id']}: {len(pages)} pages instead of {case['pages']}"]
    if not failures:
        target.write_text(json.dumps(prediction(pages, case.get("image_size")), ensure_ascii=False), "utf-8")
    print(f"{time.monotonic() - started:6.1f} s  {case['id']}", file=sys.stderr)
    return failures


def _asked(case: Case, data: Path) -> dict[str, Any]:
    """The options that ask for what the document is judged by."""
    metrics = case.get("metrics", ())
    asked: dict[str, Any] = {}
    if "tables" in metrics:
        asked["task"] = ["advanced_recognition", "table_parsing"]
    if "fields" in metrics:
        truth = json.loads((data / case["gt"]).read_text("utf-8"))
        asked["fields"] = dict.fromkeys(truth["fields"], "") if truth["fields_mode"] == "schema" else "all"
    return asked


def _prediction(folder: Path, case: Case) -> Path:
    return folder / f"{case['id']}.json"


def prediction(pages: Sequence[PageResult], image_size: Sequence[Any] | None) -> dict[str, Any]:
    """A document as the scorer takes it: pages counted from 1, quads as 8 numbers in pixels of the page's image.

    Args:
        pages: All of the document.
        image_size: As in the manifest: ``[width, height]`` of an image, a list of these for a PDF's pages, None where
            the truth has no quads.
    """
    lines = [
        {"text": line.text, "quad": _pixels(page, line.quad, image_size), "page": page.page + 1}
        for page in pages
        for line in page.lines
    ]
    text = "\n".join(page.text for page in pages)
    tables = [table.html for page in pages for table in page.tables]
    return {"text": text, "lines": lines, "fields": fields(pages), "tables": tables, "formulas": []}


def fields(pages: Sequence[PageResult]) -> dict[str, str]:
    """A document's fields as the scorer takes them: a name that is printed again gets a space more each time."""
    named: dict[str, str] = {}
    for name, found in merged_fields([page.fields for page in pages]).items():
        for value in found.value if isinstance(found.value, list) else [found.value]:
            key = name
            while key in named:
                key += " "
            if value is not None:
                named[key] = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return named


def _pixels(page: PageResult, quad: Any, image_size: Sequence[Any] | None) -> list[float] | None:
    if quad is None:
        return None
    width, height = _image_size(page, image_size)
    return [round(number, 2) for corner in quad.to_pixels(width, height) for number in corner]


def _image_size(page: PageResult, image_size: Sequence[Any] | None) -> tuple[float, float]:
    if not image_size:
        scale = PDF_DPI / 72 if page.unit == "pt" else 1
        return page.width * scale, page.height * scale
    width, height = image_size[page.page] if isinstance(image_size[0], Sequence) else image_size
    return float(width), float(height)


def score(script: Path, data: Path, predictions: Path) -> Mapping[str, Scores]:
    """Run the scorer: document id to metrics. Documents without a prediction are in it too, as if empty."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "scores.json"
        command = [sys.executable, str(script), str(data / "manifest.json"), str(predictions), "--json", str(out)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        scores: Mapping[str, Scores] = json.loads(out.read_text("utf-8"))["cases"]
    return scores


def table(cases: Sequence[Case], scores: Mapping[str, Scores]) -> str:
    """The means as Markdown: stock RapidOCR, all documents, each category; means are over the documents judged."""
    rows: list[tuple[str, str, Callable[[str], float | None]]] = [("stock RapidOCR, all", "", STOCK.get)]
    for name in ("all", *sorted({case["category"] for case in cases})):
        chosen = [scores[case["id"]] for case in cases if name in ("all", case["category"])]
        rows.append((f"**{name}**" if name == "all" else name, str(len(chosen)), _means(chosen)))
    return _written(rows, METRICS)


def structure_table(cases: Sequence[Case], scores: Mapping[str, Scores]) -> str:
    """The means of fields and tables, by category; n: documents judged by them."""
    rows = []
    for name in sorted({case["category"] for case in cases}):
        chosen = [scores[case["id"]] for case in cases if name == case["category"]]
        if judged := [found for found in chosen if set(STRUCTURE) & set(found)]:
            rows.append((name, str(len(judged)), _means(judged)))
    return _written(rows, STRUCTURE)


def _written(rows: Iterable[tuple[str, str, Callable[[str], float | None]]], metrics: Sequence[str]) -> str:
    head = ("", "n", *metrics)
    lines = [_row(head), _row(("---", *["---:"] * (len(head) - 1)))]
    lines += [_row((name, count, *(_figure(mean(metric)) for metric in metrics))) for name, count, mean in rows]
    return "\n".join(lines)


def _means(chosen: Sequence[Scores]) -> Callable[[str], float | None]:
    def mean(metric: str) -> float | None:
        values = [scores[metric] for scores in chosen if metric in scores]
        return fmean(values) if values else None

    return mean


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
