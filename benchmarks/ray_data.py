"""What a cluster of one machine costs over the plain reader: the same pages, the same service, as many in flight.

    python benchmarks/ray_data.py [--pages 512] [--latency 1] [--actors 2] [--at-once 8] [--rounds 3]

It draws a PDF of A4 pages at 200 dpi and reads it against the tests' DashScope server, which takes ``--latency``
seconds over each page: once with ``Reader.read`` and ``actors`` x ``at-once`` pages in flight, once with
``read_documents`` and as many actors, in turns, each in a fresh process. Ray's ``start`` is what passes until the first
page is asked for: imports, the cluster, the listing, the actors. ``wall`` is the time after it, and ``x plain`` that of
Ray held against the plain reader's.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from throughput import ROOT, Errand, draw, in_a_process

sys.path.insert(0, str(ROOT / "tests"))

HEAD = ("", "start s", "wall s", "pages/s", "x plain")


def plain(path: Path, given: argparse.Namespace) -> dict[str, float]:
    from load_server import LoadServer

    with LoadServer(latency=given.latency, decode=False) as server:
        errand = Errand(str(path), server.base_url, given.actors * given.at_once)
        found = in_a_process("Reader.read", errand, given.pages)
    assert found
    return {"start": 0.0, "wall": found["wall"]}


def on_ray(path: Path, given: argparse.Namespace) -> dict[str, float]:
    import ray_driver
    from load_server import LoadServer

    with LoadServer(latency=given.latency, decode=False) as server:
        engine: dict[str, Any] = {"base_url": server.base_url, "stream": False, "rate_limit": None}
        said = ray_driver.read(
            [path],
            engine=engine,
            task="text_recognition",
            text_layer="never",
            actors=given.actors,
            concurrency=given.at_once,
            cpus=max(os.cpu_count() or 1, given.actors),
        )
        asked = server.tally().good
    if not len(said["rows"]) == len(asked) == given.pages or any(row["error"] for row in said["rows"]):
        raise SystemExit(f"Ray read {len(said['rows'])} and bought {len(asked)} of {given.pages} pages")
    first = min(one.began for one in asked)
    return {"start": first - said["began"], "wall": said["ended"] - first}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=512)
    parser.add_argument("--latency", type=float, default=1.0, help="seconds every request takes at least")
    parser.add_argument("--actors", type=int, default=2)
    parser.add_argument("--at-once", type=int, default=8, help="requests in flight, of each actor")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the first run\n")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pages.pdf"
        draw(path, "scan", given.pages)
        runs = [(plain(path, given), on_ray(path, given)) for _ in range(given.rounds)]
    print("| " + " | ".join(HEAD) + " |\n|" + "---|" * len(HEAD))
    for name, which in (("Reader.read", 0), ("read_documents", 1)):
        start, wall = (statistics.median(run[which][key] for run in runs) for key in ("start", "wall"))
        print(f"| {name} | {start:.1f} | {wall:.1f} | {given.pages / wall:.1f} |", end="")
        ratio = statistics.median(ray["wall"] / alone["wall"] for alone, ray in runs)
        print(f" {ratio:.2f} |" if which else " |")


if __name__ == "__main__":
    main()
