"""How fast scans are read here: the local engine, stock RapidOCR and Tesseract on the same images, in one run.

    python benchmarks/local_engine.py [--data FOLDER] [--category receipts_en] [--rounds 3] [--threads 2] [--only X ...]

Without ``--data`` it draws receipts. A folder is one of images, or of a ``manifest.json`` as ``accuracy.py`` takes it:
then word F1 and CER without spaces are measured too, by the ``score.py`` beside it. Every measurement is a fresh
process that has read the first image before the clock starts; the contestants take turns, so that all see the same
machine, and the table holds medians. ``x stock`` is paired, round by round. Memory is the process's peak, models and
images in it. ``ours, one process`` reads a page at a time with as many threads as stock RapidOCR is given; ``ours,
workers`` reads as many pages at a time, with the same threads.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import logging
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Read = Callable[[Sequence[str]], list[str]]

IMAGES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"}
MISSING = ("ModuleNotFoundError", "MissingDependency")

# --- contestants: import, then give back a function that reads files, each to its text --------------------------------


def _ours(runtime: str = "onnxruntime", **settings: Any) -> Read:
    from qwen_ocr_loader import LocalEngine, Reader

    reader = Reader(engine=LocalEngine(runtime=runtime, **settings))
    return lambda files: [page.text for page in reader.read(files)]


def one_process(threads: int) -> Read:
    return _ours(threads=threads, workers=1)


def workers(threads: int) -> Read:
    return _ours(threads=threads, workers=threads)


def openvino(threads: int) -> Read:
    return _ours(threads=threads, workers=threads, runtime="openvino")


def openvino_one(threads: int) -> Read:
    return _ours(threads=threads, workers=1, runtime="openvino")


def tiny(threads: int) -> Read:
    return _ours(model="tiny", threads=threads, workers=threads)


def stock(threads: int) -> Read:
    from rapidocr import RapidOCR

    logging.disable(logging.CRITICAL)
    engine = RapidOCR(params={"EngineConfig.onnxruntime.intra_op_num_threads": threads})
    return lambda files: ["\n".join(engine(file).txts or ()) for file in files]


def tesseract(_: int) -> Read:
    import tesserocr
    from PIL import Image

    from qwen_ocr_loader.engines.tesseract import packs

    def read(files: Sequence[str]) -> list[str]:
        with tesserocr.PyTessBaseAPI(path=str(packs()["eng"].parent), lang="eng") as engine:
            return [_read_by(engine, Image.open(file)) for file in files]

    return read


def _read_by(engine: Any, image: Any) -> str:
    engine.SetImage(image.convert("L"))
    engine.SetSourceResolution(150)
    text: str = engine.GetUTF8Text()
    return text


CONTESTANTS: dict[str, Callable[[int], Read]] = {
    "stock RapidOCR": stock,
    "ours, one process": one_process,
    "ours, workers": workers,
    "ours, one process, OpenVINO": openvino_one,
    "ours, workers, OpenVINO": openvino,
    "ours, workers, tiny": tiny,
    "Tesseract": tesseract,
}


# --- one measurement --------------------------------------------------------------------------------------------------


def measure(name: str, threads: int, files: Sequence[str]) -> dict[str, Any]:
    """Read the files once, in this process."""
    import resource

    read = CONTESTANTS[name](threads)
    read(files[:1])
    wall, cpu = time.perf_counter(), time.process_time()
    texts = read(files)
    used = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    return {**used, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "texts": texts}


def run(name: str, threads: int, files: Sequence[str]) -> dict[str, Any] | None:
    """Measure in a fresh process; None where the contestant is not installed."""
    command = [sys.executable, __file__, "--measure", name, "--threads", str(threads), *files]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3600, check=False)
    if done.returncode == 0:
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found
    if any(error in done.stderr for error in MISSING) or name == "Tesseract":
        print(f"{name} was not run: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return None
    raise SystemExit(f"{name} failed:\n{done.stderr}")


# --- documents --------------------------------------------------------------------------------------------------------


def documents(given: argparse.Namespace, folder: Path) -> tuple[list[str], list[str]]:
    """Files, and what is printed on each; no texts where that is not known."""
    if given.data is None:
        return draw_receipts(folder, given.pages)
    manifest = given.data / "manifest.json"
    if not manifest.exists():
        return sorted(str(file) for file in given.data.iterdir() if file.suffix.lower() in IMAGES), []
    cases = json.loads(manifest.read_text("utf-8"))["cases"]
    chosen = [case for case in cases if case["category"] in given.category and Path(case["file"]).suffix in IMAGES]
    truths = [json.loads((given.data / case["gt"]).read_text("utf-8"))["text"] for case in chosen]
    return [str(given.data / case["file"]) for case in chosen], truths


def draw_receipts(folder: Path, pages: int) -> tuple[list[str], list[str]]:
    """Receipts of 60 rows, 800 pixels wide, with a scanner's noise."""
    from PIL import Image, ImageChops, ImageDraw, ImageFont

    files, truths = [], []
    for seed in range(pages):
        dice, page = random.Random(seed), Image.new("L", (800, 2200), 245)
        pen, font = ImageDraw.Draw(page), ImageFont.load_default(26)
        rows = [(_words(dice), f"{dice.randint(1, 9999) / 100:.2f}") for _ in range(60)]
        for number, (item, price) in enumerate(rows):
            pen.text((40, 40 + 35 * number), item, 30, font)
            pen.text((660, 40 + 35 * number), price, 30, font)
        file = folder / f"receipt-{seed}.png"
        ImageChops.add(page, Image.effect_noise(page.size, 20), 1, -128).save(file)
        files.append(str(file))
        truths.append("\n".join(f"{item} {price}" for item, price in rows))
    return files, truths


def _words(dice: random.Random) -> str:
    return " ".join("".join(dice.choices("abcdefghilmnoprstu", k=dice.randint(3, 9))) for _ in range(3))


def scores(texts: Sequence[str], truths: Sequence[str], data: Path | None) -> tuple[float, float] | None:
    """Mean word F1 and CER without spaces; the latter is not a number where no ``score.py`` is beside the documents."""
    if not truths:
        return None
    script = data and _script(data.parent / "score.py")
    if script:
        pairs = [(script.word_f1(g, t), script.cer(g, t, True)) for g, t in zip(truths, texts, strict=True)]
    else:
        pairs = [(word_f1(g, t), float("nan")) for g, t in zip(truths, texts, strict=True)]
    return statistics.fmean(f1 for f1, _ in pairs), statistics.fmean(cer for _, cer in pairs)


@cache
def _script(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("score", path) if path.exists() else None
    if spec is None or spec.loader is None:
        return None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def word_f1(truth: str, text: str) -> float:
    """Whatever the order of the words."""
    printed, read = Counter(truth.split()), Counter(text.split())
    return 2 * (printed & read).total() / max(1, printed.total() + read.total())


# --- the table --------------------------------------------------------------------------------------------------------

HEAD = ("", "images/s", "x stock", "CPU s an image", "peak MB", "word F1", "CER, no spaces")


def compare(given: argparse.Namespace) -> str:
    """Every contestant ``rounds`` times, in turns: a Markdown table of medians."""
    with tempfile.TemporaryDirectory() as folder:
        files, truths = documents(given, Path(folder))
        scores([""], truths[:1], given.data)  # what it needs is missed now, not when all has been read
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in given.only}
        for number in range(given.rounds):
            for name in given.only:
                if (number == 0 or found[name]) and (one := run(name, given.threads, files)):
                    found[name].append(one)
    rows = [
        _row(name, runs, found.get("stock RapidOCR", []), truths, given.data) for name, runs in found.items() if runs
    ]
    title = f"{len(files)} images, {given.threads} threads, {given.rounds} rounds; {machine()}\n"
    table = "\n".join("| " + " | ".join(row) + " |" for row in [HEAD, ("---", *["---:"] * (len(HEAD) - 1)), *rows])
    return f"{title}\n{table}\n"


def _row(
    name: str,
    runs: Sequence[dict[str, Any]],
    stocks: Sequence[dict[str, Any]],
    truths: Sequence[str],
    data: Path | None,
) -> tuple[str, ...]:
    wall, cpu, peak = (statistics.median(run[key] for run in runs) for key in ("wall", "cpu", "peak"))
    pages = len(runs[0]["texts"])
    pairs = [theirs["wall"] / mine["wall"] for mine, theirs in zip(runs, stocks, strict=False)]
    judged = scores(runs[0]["texts"], truths, data)
    return (
        name,
        f"{pages / wall:.2f}",
        f"{statistics.median(pairs):.2f}" if pairs else "",
        f"{cpu / pages:.2f}",
        f"{peak:.0f}",
        *(("" if figure != figure else f"{figure:.3f}" for figure in judged) if judged else ("", "")),
    )


def machine() -> str:
    """Its processor, and how busy it was."""
    info = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    load = f", load {os.getloadavg()[0]:.1f} at the end" if hasattr(os, "getloadavg") else ""
    return f"{os.cpu_count()} cores of {names[0] if names else platform.processor()}{load}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of images, or of a manifest.json")
    parser.add_argument("--category", nargs="+", default=["receipts_en"], help="of the manifest's documents")
    parser.add_argument("--pages", type=int, default=10, help="receipts to draw")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="for each contestant but Tesseract")
    parser.add_argument("--only", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS), metavar="NAME")
    parser.add_argument("--measure", choices=CONTESTANTS, help=argparse.SUPPRESS)
    parser.add_argument("files", nargs="*", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(given.measure, given.threads, given.files)))
        return
    print(compare(given))


if __name__ == "__main__":
    main()
