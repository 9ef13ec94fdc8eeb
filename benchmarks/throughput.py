"""How near a run comes to what the network and the rendering allow: this package and the vendor's SDK, in one run.

    python benchmarks/throughput.py [--pages 300] [--latency 0.3] [--at-once 16] [--rounds 3] [--kind scan] [--only X]

It draws PDFs of A4 pages at 200 dpi, JPEGs of some 450 KB, and reads them against the tests' DashScope server, which
runs in a process of its own, checks every request and takes ``--latency`` seconds over it. Two kinds of pages:

- ``scan``: the page is a JPEG and nothing else, so it can be sent as it is;
- ``drawn``: rules are drawn over the JPEG, so every page has to be rendered and encoded anew.

Every measurement is a fresh process, from the end of its imports; the contestants take turns, and the table holds
medians. ``bare PDFium`` renders the same pages to gray pixels and does nothing else. The bound of a run is the larger
of pages x latency / at once and, in the same round, that; ``x network`` is held against the former alone. ``dashscope
SDK`` is ``MultiModalConversation.call`` in a pool of as many threads. It uploads local files first, so it is handed
``data:`` URLs, which it sends as they are: of the JPEGs themselves, found in memory, so that its time is its own
(``ready``), or of pages that pypdfium2 renders and Pillow encodes in the same threads (``rendering``; PDFium behind a
lock). ``CPU ms`` is that of the contestant's process for a page.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import importlib
import io
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

A4 = (1654, 2339)
"""In pixels at 200 dpi."""
DPI = 200
KINDS = ("scan", "drawn")


class Errand(NamedTuple):
    """What a contestant is to do."""

    path: str
    base_url: str
    at_once: int


# --- contestants: import, then give back a function that reads the file and says how many pages it got ----------------


def bare_pdfium() -> Callable[[Errand], int]:
    import pypdfium2

    def run(errand: Errand) -> int:
        document = pypdfium2.PdfDocument(errand.path)
        for number in range(len(document)):
            page = document[number]
            page.render(scale=DPI / 72, grayscale=True)
            page.close()
        return len(document)

    return run


def _import_ours() -> None:
    for name in ("httpx", "PIL.JpegImagePlugin", "pypdfium2", "qwen_ocr_loader.engines.dashscope"):
        importlib.import_module(name)  # what is measured begins after the imports


def _reader(errand: Errand) -> Any:
    from qwen_ocr_loader import DashScopeEngine, Reader

    engine = DashScopeEngine(base_url=errand.base_url, api_key="sk-ours", rate_limit=None, stream=False)
    return Reader(engine=engine, task="text_recognition", concurrency=errand.at_once, text_layer="never")


def ours() -> Callable[[Errand], int]:
    _import_ours()
    return lambda errand: sum(1 for page in _reader(errand).read(errand.path) if page.text)


def ours_async() -> Callable[[Errand], int]:
    _import_ours()

    async def run(errand: Errand) -> int:
        return len([page async for page in _reader(errand).aread(errand.path) if page.text])

    return lambda errand: asyncio.run(run(errand))


def _sdk_call(jpeg: bytes) -> bool:
    import dashscope

    url = "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
    reply = dashscope.MultiModalConversation.call(
        api_key="sk-sdk",
        model="qwen-vl-ocr-2025-11-20",
        messages=[{"role": "user", "content": [{"image": url}]}],
        ocr_options={"task": "text_recognition"},
    )
    return reply.status_code == 200


def sdk_ready() -> Callable[[Errand], int]:
    import dashscope

    def run(errand: Errand) -> int:
        dashscope.base_http_api_url = errand.base_url
        with ThreadPoolExecutor(errand.at_once) as pool:
            return sum(pool.map(_sdk_call, jpegs_of(Path(errand.path))))

    return run


def sdk_rendering() -> Callable[[Errand], int]:
    import dashscope
    import pypdfium2

    lock = threading.Lock()

    def run(errand: Errand) -> int:
        dashscope.base_http_api_url = errand.base_url
        document = pypdfium2.PdfDocument(errand.path)

        def read(number: int) -> bool:
            with lock:
                picture = document[number].render(scale=DPI / 72, grayscale=True).to_pil()
            stream = io.BytesIO()
            picture.save(stream, "JPEG", quality=90)
            return _sdk_call(commented(stream.getvalue(), number))

        with ThreadPoolExecutor(errand.at_once) as pool:
            return sum(pool.map(read, range(len(document))))

    return run


CONTESTANTS: dict[str, Callable[[], Callable[[Errand], int]]] = {
    "bare PDFium": bare_pdfium,
    "Reader.read": ours,
    "Reader.aread": ours_async,
    "dashscope SDK, ready": sdk_ready,
    "dashscope SDK, rendering": sdk_rendering,
}


# --- one measurement --------------------------------------------------------------------------------------------------


def measure(name: str, errand: Errand) -> dict[str, float]:
    """One pass, in this process."""
    run = CONTESTANTS[name]()
    before, start = _cpu(), time.perf_counter()
    pages = run(errand)
    return {"pages": pages, "wall": time.perf_counter() - start, "cpu": _cpu() - before}


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def in_a_process(name: str, errand: Errand, pages: int) -> dict[str, float] | None:
    """Measure in a fresh process; None where the contestant is not installed."""
    command = [sys.executable, __file__, "--measure", name, *map(str, errand)]
    kept = {"PYTHONPYCACHEPREFIX": str(Path(errand.path).parent), "PYTHONDONTWRITEBYTECODE": ""}  # as if installed
    environment = {**os.environ, **kept}
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, env=environment)
    if done.returncode and "ModuleNotFoundError" in done.stderr:
        return None
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    if found["pages"] != pages:
        raise SystemExit(f"{name} read {found['pages']:g} of {pages} pages")
    return found


# --- pages ------------------------------------------------------------------------------------------------------------


def commented(jpeg: bytes, number: int) -> bytes:
    from load_server import commented

    return commented(jpeg, number)


def drawn_jpegs(different: int = 6) -> list[bytes]:
    """Pages of print with a scanner's noise, as JPEGs of some 400 KB."""
    from PIL import Image, ImageChops, ImageDraw, ImageFont

    jpegs = []
    for seed in range(different):
        dice, page = random.Random(seed), Image.new("L", A4, 250)
        pen, font = ImageDraw.Draw(page), ImageFont.load_default(34)
        for top in range(150, A4[1] - 150, 52):
            words = " ".join("".join(dice.choices("abcdefghilmnoprstu", k=dice.randint(2, 11))) for _ in range(13))
            pen.text((150, top), words[:72], 20, font)
        noise = Image.effect_noise(A4, 1)
        stream = io.BytesIO()
        ImageChops.add(page, noise, 1, -128).save(stream, "JPEG", quality=60)
        jpegs.append(stream.getvalue())
    return jpegs


def draw(path: Path, kind: str, pages: int) -> None:
    """A PDF of ``pages`` JPEGs that fill their pages."""
    pictures, rules = drawn_jpegs(), b"".join(b"%d 40 m %d 800 l S\n" % (x, x) for x in range(40, 560, 20))
    content = b"q 595.44 0 0 842.04 0 0 cm /P Do Q\n" + (rules if kind == "drawn" else b"")
    bodies = [b"<</Type/Catalog/Pages 2 0 R>>", b"", b"<</Length %d>>stream\n%s\nendstream" % (len(content), content)]
    about = b"/Type/XObject/Subtype/Image/Width %d/Height %d/BitsPerComponent 8/ColorSpace/DeviceGray" % A4
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595.44 842.04]/Contents 3 0 R/Resources<</XObject<</P %d 0 R>>>>>>"
    for number in range(pages):
        jpeg = commented(pictures[number % len(pictures)], number)
        bodies.append(b"<<%s/Filter/DCTDecode/Length %d>>stream\n%s\nendstream" % (about, len(jpeg), jpeg))
        bodies.append(page % len(bodies))
    kids = b" ".join(b"%d 0 R" % kid for kid in range(5, len(bodies) + 1, 2))
    bodies[1] = b"<</Type/Pages/Count %d/Kids[%s]>>" % (pages, kids)
    path.write_bytes(_assembled(bodies))


def _assembled(bodies: list[bytes]) -> bytes:
    out, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(bodies, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start, count = len(out), len(bodies) + 1
    out += b"xref\n0 %d\n0000000000 65535 f \n" % count + b"".join(b"%010d 00000 n \n" % at for at in offsets)
    out += b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (count, start)
    return bytes(out)


def jpegs_of(path: Path) -> Iterator[bytes]:
    """The JPEGs of such a PDF."""
    for part in path.read_bytes().split(b"/DCTDecode/Length ")[1:]:
        length, _, rest = part.partition(b">>stream\n")
        yield rest[: int(length)]


# --- the table --------------------------------------------------------------------------------------------------------

HEAD = ("", "wall s", "x bound", "x network", "pages/s", "CPU ms", "most in flight")


def compare(kind: str, path: Path, given: argparse.Namespace) -> str:
    """Every contestant ``rounds`` times, in turns, as a Markdown table of medians."""
    network = given.pages * given.latency / given.at_once
    found: dict[str, list[dict[str, float]]] = {name: [] for name in given.only}
    for _ in range(given.rounds):
        bound = network
        for name in given.only:
            if (one := _against_server(name, path, given)) is None:
                continue
            if name == "bare PDFium":
                bound = max(network, one["wall"])
            found[name].append({**one, "bound": one["wall"] / bound, "network": one["wall"] / network})
    rows = [_row(name, runs) for name, runs in found.items()]
    table = "\n".join("| " + " | ".join(row) + " |" for row in [HEAD, ("---",) * len(HEAD), *rows])
    return f"{kind}: {given.pages} pages, network alone {network:.2f} s\n\n{table}\n"


def _against_server(name: str, path: Path, given: argparse.Namespace) -> dict[str, float] | None:
    from load_server import LoadServer

    with LoadServer(latency=given.latency, decode=False) as server:
        one = in_a_process(name, Errand(str(path), server.base_url, given.at_once), given.pages)
        seen = server.tally()
    if one is not None and name != "bare PDFium" and len(seen.good) != given.pages:
        raise SystemExit(f"{name} bought {len(seen.good)} pages instead of {given.pages}: {seen.refused[:1]}")
    return one and {**one, "most": seen.most_in_flight}


def _row(name: str, runs: list[dict[str, float]]) -> tuple[str, ...]:
    if not runs:
        return (name, "not installed", *("",) * (len(HEAD) - 2))
    middle = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    return (
        name,
        f"{middle['wall']:.2f}",
        f"{middle['bound']:.2f}" if name != "bare PDFium" else "",
        f"{middle['network']:.2f}" if name != "bare PDFium" else "",
        f"{middle['pages'] / middle['wall']:.1f}",
        f"{1000 * middle['cpu'] / middle['pages']:.1f}",
        f"{middle['most']:.0f}",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=300)
    parser.add_argument("--latency", type=float, default=0.3, help="seconds every request takes at least")
    parser.add_argument("--at-once", type=int, default=16, help="requests in flight")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kind", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--only", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS), metavar="NAME")
    parser.add_argument("--measure", nargs=4, metavar=("NAME", "FILE", "BASE_URL", "AT_ONCE"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        name, path, base_url, at_once = given.measure
        print(json.dumps(measure(name, Errand(path, base_url, int(at_once)))))
        return
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the first run\n")
    with tempfile.TemporaryDirectory() as folder:
        for kind in given.kind:
            path = Path(folder) / f"{kind}.pdf"
            draw(path, kind, given.pages)
            print(compare(kind, path, given), flush=True)


if __name__ == "__main__":
    main()
