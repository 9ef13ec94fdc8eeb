"""What becomes of time and memory as the work grows: pages, lines on a page, chunks.

    python benchmarks/growth.py [--most 1000] [--rounds 3]

Every measurement is a fresh process. ``ms each`` is the time after imports over the count; it stays where it is if the
work grows in proportion, and ``x`` says how far it has moved from the row above. ``peak MB`` is the process's own; what
is read stays nowhere: each page is dropped as the next one comes.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from text_layer import draw_book

if TYPE_CHECKING:
    from collections.abc import Callable

# --- work: make what is needed, then give back what is to be timed ----------------------------------------------------


def text_pages(count: int, folder: Path) -> Callable[[], None]:
    """Pages with text of their own, 45 lines each."""
    from qwen_ocr_loader import Reader

    book = folder / f"{count}.pdf"
    draw_book(book, count)
    return lambda: _drain(Reader(engine="fake").read(book))


def scanned_pages(count: int, folder: Path) -> Callable[[], None]:
    """TIFFs of up to 100 scans of 2 megapixels, decoded and handed to an engine that does nothing."""
    from qwen_ocr_loader import Reader

    maker = get_context("spawn").Process(target=draw_scans, args=(folder, count))  # its memory is not the reader's
    maker.start()
    maker.join()
    return lambda: _drain(Reader(engine="fake").read(folder))


def documents(count: int, folder: Path) -> Callable[[], None]:
    """LangChain Documents of pages with text of their own."""
    from qwen_ocr_loader.langchain import QwenOCRLoader

    book = folder / f"{count}.pdf"
    draw_book(book, count)
    return lambda: _drain(QwenOCRLoader(book, engine="fake").lazy_load())


def lines(count: int, folder: Path) -> Callable[[], None]:  # noqa: ARG001
    """Lines of one page in two columns, put into reading order."""
    from qwen_ocr_loader.geometry import Quad
    from qwen_ocr_loader.layout import TextBox, compose

    half = (count + 1) // 2
    high = 1 / (half + 1)
    boxes = [
        TextBox(f"line {n} of a column, with some words", Quad.from_box(x, y, x + 0.4, y + 0.8 * high))
        for n in range(count)
        for x, y in [(0.05 + 0.5 * (n // half), (n % half) * high)]
    ]
    return lambda: _drain(compose(boxes, 1000, 1000))


def chunks(count: int, folder: Path) -> Callable[[], None]:
    """Chunks of a page each, split with their boxes and located again."""
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    from qwen_ocr_loader import locate, split_with_boxes
    from qwen_ocr_loader.langchain import QwenOCRLoader

    book = folder / f"{count}.pdf"
    draw_book(book, max(count // 10, 1))
    docs = QwenOCRLoader(book, engine="fake").load()
    splitter = RecursiveCharacterTextSplitter(chunk_size=400, chunk_overlap=0)

    def run() -> None:
        for chunk in split_with_boxes(splitter, docs)[:count]:
            locate(chunk)

    return run


WORK: dict[str, Callable[[int, Path], Callable[[], None]]] = {
    "pages with text": text_pages,
    "scanned pages": scanned_pages,
    "LangChain Documents": documents,
    "lines on a page": lines,
    "chunks located": chunks,
}


def draw_scans(folder: Path, count: int) -> None:
    from PIL import Image

    sheet = Image.effect_noise((1240, 1754), 40).point(lambda level: 255 * (level > 128), mode="1")
    for first in range(0, count, 100):
        more = [sheet] * (min(100, count - first) - 1)
        sheet.save(folder / f"{first:06}.tiff", save_all=True, append_images=more, compression="group4")


def _drain(given: object) -> None:
    for _ in given:  # type: ignore[attr-defined]
        pass


# --- one measurement --------------------------------------------------------------------------------------------------


def measure(name: str, count: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        run = WORK[name](count, Path(folder))
        start = time.perf_counter()
        run()
        return {
            "seconds": time.perf_counter() - start,
            "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }


def in_fresh_process(name: str, count: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--measure", name, "--most", str(count)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def table(most: int, rounds: int) -> str:
    counts = [count for count in (10, 100, 1000, 10_000) if count <= most]
    rows = [("", "count", "seconds", "ms each", "x", "peak MB"), ("---",) * 6]
    for name in WORK:
        before = 0.0
        for count in counts:
            runs = [in_fresh_process(name, count) for _ in range(rounds)]
            seconds, peak = (statistics.median(run[key] for run in runs) for key in ("seconds", "peak"))
            each = 1000 * seconds / count
            ratio = f"{each / before:.2f}" if before else ""
            rows.append((name, f"{count:,}", f"{seconds:.3f}", f"{each:.2f}", ratio, f"{peak:.0f}"))
            before = each
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", choices=WORK, help=argparse.SUPPRESS)
    given = parser.parse_args()
    print(json.dumps(measure(given.measure, given.most)) if given.measure else table(given.most, given.rounds))


if __name__ == "__main__":
    main()
