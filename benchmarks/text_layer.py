"""How fast a born-digital PDF becomes Documents: this package, a bare PDFium loop, and other loaders, in one run.

    python benchmarks/text_layer.py [FILE.pdf] [--rounds 3] [--only NAME ...]

Without a file it draws one of 600 pages. Every measurement is a fresh process; the contestants take turns, and the
table holds medians. ``total`` counts from the end of the contestant's imports, the library it reads PDFs with among
them even where that would come later; ``process`` is the whole process with them. Memory is that of the process and
those it started (what they share counts once), at page 20 and at the last full hundred; the peak is the process's own,
with all that it shares. Peers that are not installed are said so: ``pip install "qwen-ocr-loader[benchmark]"``, and
PyMuPDF (AGPL, so in none of our extras) ``pip install pymupdf``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PAGES = 600
AS_INSTALLED = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""An installed package has its bytecode written; without it every start would compile the sources anew."""

# --- contestants: import, then give back a function that reads a file page by page ------------------------------------


def bare_pdfium() -> Callable[[str], Iterator[str]]:
    import pypdfium2

    def read(path: str) -> Iterator[str]:
        document = pypdfium2.PdfDocument(path)
        for number in range(len(document)):
            page = document[number]
            textpage = page.get_textpage()
            yield textpage.get_text_range()
            textpage.close()
            page.close()
        document.close()

    return read


def ours_lines() -> Callable[[str], Iterator[str]]:
    """Lines and their boxes in the order of the file: no reading order, no Documents, no second process."""
    import pypdfium2  # noqa: F401

    import qwen_ocr_loader.textlayer  # noqa: F401  # imported with the first page
    from qwen_ocr_loader.page_text import PageTexts
    from qwen_ocr_loader.pdf import PDFDocument
    from qwen_ocr_loader.source import Source

    def read(path: str) -> Iterator[str]:
        source = Source(path, "application/pdf", path=Path(path))
        with PDFDocument(source) as document:
            pages = PageTexts(document, source, "only")
            for number in range(document.count):
                layer = pages.read(number).layer
                yield "\n".join(box.text for box in layer.boxes) if layer else ""

    return read


def ours() -> Callable[[str], Iterator[str]]:
    import pypdfium2  # noqa: F401  # imported when the first PDF is opened

    from qwen_ocr_loader import Reader

    return lambda path: (page.text for page in Reader(engine="fake").read(path))


def ours_langchain() -> Callable[[str], Iterator[str]]:
    import pypdfium2  # noqa: F401

    from qwen_ocr_loader.langchain import QwenOCRLoader

    return lambda path: (doc.page_content for doc in QwenOCRLoader(path, engine="fake").lazy_load())


def langchain_pypdfium2() -> Callable[[str], Iterator[str]]:
    import pypdfium2  # noqa: F401
    from langchain_community.document_loaders import PyPDFium2Loader

    return lambda path: (doc.page_content for doc in PyPDFium2Loader(path).lazy_load())


def langchain_pypdf() -> Callable[[str], Iterator[str]]:
    import pypdf  # noqa: F401  # the loader imports it when it is made
    from langchain_community.document_loaders import PyPDFLoader

    return lambda path: (doc.page_content for doc in PyPDFLoader(path).lazy_load())


def langchain_pymupdf() -> Callable[[str], Iterator[str]]:
    import pymupdf  # noqa: F401  # the loader imports it when it is made
    from langchain_community.document_loaders import PyMuPDFLoader

    return lambda path: (doc.page_content for doc in PyMuPDFLoader(path).lazy_load())


def llama_index_pdf() -> Callable[[str], Iterator[str]]:
    import pypdf  # noqa: F401
    from llama_index.readers.file import PDFReader

    return lambda path: (doc.text for doc in PDFReader().load_data(Path(path)))


def kreuzberg() -> Callable[[str], Iterator[str]]:
    import kreuzberg as module

    by_page = module.ExtractionConfig(pages=module.PageConfig(extract_pages=True), disable_ocr=True, use_cache=False)

    def read(path: str) -> Iterator[str]:
        for page in module.extract_file_sync(path, config=by_page).pages or ():
            yield page["content"]

    return read


def liteparse() -> Callable[[str], Iterator[str]]:
    from liteparse import LiteParse

    return lambda path: (page.text for page in LiteParse(ocr_enabled=False, quiet=True).parse(path).pages)


CONTESTANTS: dict[str, Callable[[], Callable[[str], Iterator[str]]]] = {
    "bare PDFium": bare_pdfium,
    "lines and boxes": ours_lines,
    "Reader": ours,
    "QwenOCRLoader": ours_langchain,
    "PyPDFium2Loader": langchain_pypdfium2,
    "PyMuPDFLoader": langchain_pymupdf,
    "PyPDFLoader": langchain_pypdf,
    "PDFReader": llama_index_pdf,
    "liteparse": liteparse,
    "kreuzberg": kreuzberg,
}


# --- one measurement --------------------------------------------------------------------------------------------------


def measure(name: str, path: str) -> dict[str, float]:
    """Read ``path`` once, in this process."""
    read = CONTESTANTS[name]()
    result: dict[str, float] = {"pages": 0, "characters": 0}
    start = time.perf_counter()
    for text in read(path):
        result["pages"] += 1
        result["characters"] += len(text)
        if result["pages"] == 1:
            result["first"] = time.perf_counter() - start
        if result["pages"] == 20 or result["pages"] % 100 == 0:
            asked = time.perf_counter()
            result["at_20" if result["pages"] == 20 else "at_end"] = _memory()
            start += time.perf_counter() - asked  # that was not the contestant's time
    return {**result, "total": time.perf_counter() - start, "peak": _peak()}


def _memory() -> float:
    """Memory now of this process and its children, in MB; 0 where the system does not tell."""
    return sum(_share(process) for process in (os.getpid(), *_children()))


def _share(process: int) -> float:
    """What a process holds, and its share of what several hold."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:  # another system, or it has just ended
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


def _children() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if _parent(entry) == os.getpid()]


def _parent(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:  # it has just ended
        return 0


def _peak() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(name: str, path: Path) -> dict[str, float] | None:
    """Measure in a fresh process; None where the contestant is not installed."""
    command = [sys.executable, __file__, str(path), "--measure", name]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, env=AS_INSTALLED)
    if done.returncode == 0:
        return {**json.loads(done.stdout.splitlines()[-1]), "process": time.perf_counter() - start}
    if "ModuleNotFoundError" in done.stderr or "MissingDependency" in done.stderr:
        return None
    raise SystemExit(f"{name} failed:\n{done.stderr}")


# --- the table --------------------------------------------------------------------------------------------------------

HEAD = (
    *("", "first page s", "total s", "x bare PDFium", "process s"),
    *("peak MB", "MB at page 20", "MB at end", "growth MB", "pages"),
)


def compare(path: Path, rounds: int, names: list[str]) -> str:
    """Every contestant ``rounds`` times, in turns, as a Markdown table of medians."""
    results: dict[str, list[dict[str, float]]] = {}
    missing = set()
    for _ in range(rounds):
        for name in names:
            if name not in missing and (result := run(name, path)):
                results.setdefault(name, []).append(result)
            elif name not in results:
                missing.add(name)
    rows = [_row(name, results.get(name), results) for name in names]
    return "\n".join("| " + " | ".join(row) + " |" for row in [HEAD, ("---",) * len(HEAD), *rows])


def _row(name: str, runs: list[dict[str, float]] | None, results: dict[str, list[dict[str, float]]]) -> tuple[str, ...]:
    if not runs:
        return (name, "not installed", *("",) * (len(HEAD) - 2))
    middle = {key: statistics.median(run.get(key, 0.0) for run in runs) for key in runs[0]}
    bare = results.get("bare PDFium")
    # Ratios are paired, round by round: the machine's speed drifts.
    pairs = [mine["total"] / theirs["total"] for mine, theirs in zip(runs, bare or [], strict=False)]
    ratio = f"{statistics.median(pairs):.2f}" if pairs else ""
    at_20, at_end = middle.get("at_20", 0.0), middle.get("at_end", 0.0)
    return (
        name,
        f"{middle['first']:.3f}",
        f"{middle['total']:.2f}",
        ratio,
        f"{middle['process']:.2f}",
        f"{middle['peak']:.0f}",
        f"{at_20:.0f}",
        f"{at_end:.0f}",
        f"{at_end - at_20:+.0f}",
        f"{middle['pages']:.0f}",
    )


def draw_book(path: Path, pages: int = PAGES) -> None:
    """A born-digital PDF: prose, 45 lines a page, in PDF's own built-in font."""
    bodies = [b"", b"", b"<</Type/Font/Subtype/Type1/BaseFont/Times-Roman>>"]
    kids = []
    for number in range(pages):
        lines = (
            f"({number}.{n} All that a page of a book says, line by line, and no picture in it.)'" for n in range(45)
        )
        content = ("BT /F1 11 Tf 15 TL 70 780 Td " + " ".join(lines) + " ET").encode()
        bodies.append(b"<</Length %d>>stream\n%s\nendstream" % (len(content), content))
        kids.append(len(bodies) + 1)
        bodies.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents %d 0 R/Resources<</Font<</F1 3 0 R>>>>>>"
            % len(bodies)
        )
    bodies[0] = b"<</Type/Catalog/Pages 2 0 R>>"
    bodies[1] = f"<</Type/Pages/Count {pages}/Kids[{' '.join(f'{kid} 0 R' for kid in kids)}]>>".encode()
    path.write_bytes(_assemble(bodies))


def _assemble(bodies: list[bytes]) -> bytes:
    out, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(bodies, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start, count = len(out), len(bodies) + 1
    out += b"xref\n0 %d\n0000000000 65535 f \n" % count + b"".join(b"%010d 00000 n \n" % at for at in offsets)
    out += b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (count, start)
    return bytes(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS))
    parser.add_argument("--measure", choices=CONTESTANTS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(given.measure, str(given.file))))
        return
    with tempfile.TemporaryDirectory() as folder:
        book = given.file or Path(folder) / "book.pdf"
        if not given.file:
            draw_book(book)
        print(compare(book, given.rounds, given.only))


if __name__ == "__main__":
    main()
