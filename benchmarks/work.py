"""What a run does, counted rather than timed: requests, bytes sent, tokens, pages opened, drawn and encoded.

    python benchmarks/work.py            print the counts, and where they differ from those on record
    python benchmarks/work.py --write    put them on record, in benchmarks/work.json

The counts do not depend on the machine, so CI holds every change against the record (``tests/test_work.py``): a page
that is drawn twice, a picture encoded for nothing, a call that the cache should have saved show at once. The files are
drawn here; calls go to the tests' DashScope server. Bytes may differ by a few percent with the version of libjpeg.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from dashscope_server import DashScopeServer
from draw_pdfs import Draft, Sheet, picture, prose, text
from marked_pages import marked_page
from qwen_ocr_loader import DashScopeEngine, Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from qwen_ocr_loader.results import Usage

RECORD = Path(__file__).with_name("work.json")
SIZE = (620, 877)
"""Pixels of a scanned page."""
BOX = "0 0 595 842"

WATCHED = {
    ("qwen_ocr_loader.pdf", "PDFDocument.page"): "pages opened",
    ("qwen_ocr_loader.pdf_render", "_draw"): "pages drawn",
    ("qwen_ocr_loader.fit", "_encode"): "pictures encoded",
}
"""What is counted besides what the server sees: how often these functions, by module and name, give something."""
COLUMNS = (*WATCHED.values(), "calls", "bytes sent", "input tokens", "output tokens")

Counts = dict[str, int]

# --- files ------------------------------------------------------------------------------------------------------------


def scans(path: Path, count: int, content: str = "") -> Path:
    """A PDF of pages that are a JPEG each; with something drawn over it no page can be sent as it is."""
    draft = Draft()
    for number in range(count):
        image, _ = draft.jpeg(marked_page(number, SIZE), quality=85)
        draft.sheet(Sheet(picture(0, 0, 595, 842) + content, box=BOX, xobjects={"Im0": image}))
    path.write_bytes(draft.bytes())
    return path


def mixed(path: Path) -> Path:
    """Ten pages with text of their own and two scans among them."""
    draft = Draft()
    for number in range(12):
        if number in (3, 8):
            image, _ = draft.jpeg(marked_page(number, SIZE), quality=85)
            draft.sheet(Sheet(picture(0, 0, 595, 842), box=BOX, xobjects={"Im0": image}))
        else:
            draft.sheet(Sheet(prose(40) + text(40, 30, f"page {number}"), box=BOX))
    path.write_bytes(draft.bytes())
    return path


# --- runs -------------------------------------------------------------------------------------------------------------


def scanned(engine: DashScopeEngine, folder: Path) -> Usage:
    """Scans are sent as they are."""
    return read(engine, scans(folder / "scans.pdf", 8))


def drawn(engine: DashScopeEngine, folder: Path) -> Usage:
    """Pages that hold more than a picture are drawn once each."""
    return read(engine, scans(folder / "drawn.pdf", 8, "0 0 m 595 842 l S "))


def with_text(engine: DashScopeEngine, folder: Path) -> Usage:
    """Pages with text of their own cost no call."""
    return read(engine, mixed(folder / "mixed.pdf"))


def read_twice(engine: DashScopeEngine, folder: Path) -> Usage:
    """What is in the cache is neither drawn nor bought."""
    path = scans(folder / "twice.pdf", 8, "0 0 m 595 842 l S ")
    first, again = (read(engine, path, cache=folder / "cache") for _ in range(2))
    return first + again


def three_pages(engine: DashScopeEngine, folder: Path) -> Usage:
    """Only the pages that are asked for are opened."""
    return read(engine, scans(folder / "long.pdf", 40), pages="2,20,39")


def two_tasks(engine: DashScopeEngine, folder: Path) -> Usage:
    """Fields and lines of a page are two calls for one picture."""
    return read(
        engine, scans(folder / "fields.pdf", 4), task="advanced_recognition", fields={"Total": "what is to be paid"}
    )


def single_document(engine: DashScopeEngine, folder: Path) -> Usage:
    """One Document of all pages costs what the pages do."""
    return read(engine, mixed(folder / "single.pdf"), mode="single")


RUNS: tuple[Callable[[DashScopeEngine, Path], Usage], ...] = (
    *(scanned, drawn, with_text, read_twice, three_pages, two_tasks, single_document),
)


def read(engine: DashScopeEngine, path: Path, **options: Any) -> Usage:
    reader = Reader(engine=engine, concurrency=4, **({"task": "text_recognition"} | options))
    for _ in reader.read(path):
        pass
    return reader.report.usage


# --- counting ---------------------------------------------------------------------------------------------------------


@contextmanager
def watched() -> Iterator[Counter[str]]:
    """Counts what the functions in ``WATCHED`` give, on this thread and all that start meanwhile."""
    seen: Counter[str] = Counter()

    def look(frame: FrameType, event: str, given: Any) -> None:
        # By what they give: a generator that is gone on with is called again, but has nothing more to give.
        if event == "return" and given is not None:
            what = WATCHED.get((frame.f_globals.get("__name__", ""), frame.f_code.co_qualname))
            seen.update([what] if what else [])

    threading.setprofile(look)
    sys.setprofile(look)
    try:
        yield seen
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def count(run: Callable[[DashScopeEngine, Path], Usage]) -> Counts:
    """What one run does, by ``COLUMNS``."""
    with tempfile.TemporaryDirectory() as folder, DashScopeServer() as server:
        engine = DashScopeEngine(api_key=server.key, base_url=server.base_url, rate_limit=None)
        with watched() as seen:
            usage = run(engine, Path(folder))
        sent = sum(len(exchange.request.body) for exchange in server.generations)
        calls = len(server.generations)
    bill = {
        "calls": calls,
        "bytes sent": sent,
        "input tokens": usage.input_tokens,
        "output tokens": usage.output_tokens,
    }
    return {name: {**seen, **bill}.get(name, 0) for name in COLUMNS}


def count_all() -> dict[str, Counts]:
    return {run.__name__: count(run) for run in RUNS}


def on_record() -> dict[str, Counts]:
    return json.loads(RECORD.read_text()) if RECORD.exists() else {}


def table(counted: dict[str, Counts], record: dict[str, Counts]) -> str:
    """A row a run; where the record says otherwise, its count in brackets."""
    rows = [("", *COLUMNS), ("---",) * (len(COLUMNS) + 1)]
    for name, counts in counted.items():
        known = record.get(name, counts)
        cells = (f"{n:,}" if n == known[what] else f"{n:,} ({known[what]:,})" for what, n in counts.items())
        rows.append((name.replace("_", " "), *cells))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the counts on record")
    given = parser.parse_args()
    counted = count_all()
    print(table(counted, on_record()))
    if given.write:
        RECORD.write_text(json.dumps(counted, indent=1) + "\n")


if __name__ == "__main__":
    main()
