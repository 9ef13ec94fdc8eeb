"""How long a cluster takes over very many pages, and what they cost: a small model, held against a simulation.

    python benchmarks/scale.py [--pages 40] [--waiting 4] [--written 800] [--core-hour 0.04]

First it measures on this machine, page by page, what a page takes a core: with the local engine, one thread, and with
a service far away, where it is rendered, encoded, sent and its answer read (against the tests' server, in a process of
its own). Then it prints two tables in Markdown.

- *model and simulation*: pages a second by the formula below, and those of a simulated cluster whose pages each take
  a time drawn from those measured, and wait for the service a time drawn from a log-normal distribution.
- *what it takes*: time and money for a million and for a hundred million pages. Tokens are those the engine foresees
  for the pages measured, with ``--written`` coming back; prices are the catalogue's.

The formula: an actor is given ``batch`` pages at a time, reads ``at_once`` of them together, and gets the next batch
when all are done: that takes ``batch / at_once - 1`` times the mean, and once the longest of ``at_once``. All actors
together are held up by the cores, by the pages in flight, or by the rate limit, whichever is least.

``--waiting``, ``--written`` and ``--core-hour`` are guesses: give your own, from a run of a hundred pages.
"""

from __future__ import annotations

import argparse
import heapq
import math
import os
import random
import resource
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from throughput import ROOT, draw

from qwen_ocr_loader import DashScopeEngine, LocalEngine, Reader
from qwen_ocr_loader.batch.lines import PartLimits
from qwen_ocr_loader.catalog import lookup
from qwen_ocr_loader.pace import SLOWER

sys.path.insert(0, str(ROOT / "tests"))

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qwen_ocr_loader import Engine
    from qwen_ocr_loader.prices import Money

SIMULATED = 100_000
DRAWS = 2_000
MANY = (1_000_000, 100_000_000)


@dataclass(frozen=True)
class Cluster:
    """What reads.

    Attributes:
        cores: Of all machines together.
        actors: Processes that read.
        at_once: Pages each has in flight.
        batch: Pages each is given at a time.
        a_minute: Requests that the account may send; None where there is no limit.
    """

    cores: int
    actors: int
    at_once: int = 1
    batch: int = 16
    a_minute: float | None = None


class Work(NamedTuple):
    """Seconds that a page takes: of a core, as measured, and at a service, as drawn."""

    busy: Sequence[float]
    waiting: Callable[[random.Random], float]


# --- the model --------------------------------------------------------------------------------------------------------


def pages_a_second(cluster: Cluster, work: Work) -> tuple[float, str]:
    """How many, and what holds them up."""
    dice = random.Random(1)
    whole = [dice.choice(work.busy) + work.waiting(dice) for _ in range(DRAWS)]
    mean = statistics.fmean(whole)
    longest = statistics.fmean(max(dice.choices(whole, k=cluster.at_once)) for _ in range(DRAWS))
    batch = (cluster.batch / cluster.at_once - 1) * mean + longest
    bounds = {
        "cores": cluster.cores / statistics.fmean(work.busy),
        "pages in flight": cluster.actors * cluster.batch / batch,
        "rate limit": cluster.a_minute / SLOWER / 60 if cluster.a_minute else math.inf,
    }
    least = min(bounds, key=lambda name: bounds[name])
    return bounds[least], least


# --- the simulation ---------------------------------------------------------------------------------------------------


def simulated(cluster: Cluster, work: Work, pages: int = SIMULATED) -> float:
    """Pages a second of a cluster whose cores, actors and schedule are gone through event by event."""
    dice, left = random.Random(2), pages
    cores = [0.0] * cluster.cores  # when each is free
    spacing = 60 * SLOWER / cluster.a_minute if cluster.a_minute else 0.0
    turn = ended = 0.0
    free = [(0.0, actor) for actor in range(cluster.actors)]  # when each may go on
    waiting, flying = [0] * cluster.actors, [0] * cluster.actors  # pages of its batch
    while free:
        now, actor = heapq.heappop(free)
        flying[actor] = max(0, flying[actor] - 1)
        if not waiting[actor]:
            if flying[actor]:
                continue  # the batch's last pages are waited for
            waiting[actor] = min(cluster.batch, left)
            left -= waiting[actor]
        for _ in range(min(waiting[actor], cluster.at_once - flying[actor])):
            done = max(now, heapq.heappop(cores)) + dice.choice(work.busy)
            heapq.heappush(cores, done)
            if spacing:
                turn = done = max(done, turn)
                turn += spacing
            done += work.waiting(dice)
            waiting[actor] -= 1
            flying[actor] += 1
            ended = max(ended, done)
            heapq.heappush(free, (done, actor))
    return pages / ended


# --- what is measured -------------------------------------------------------------------------------------------------


def seconds_of_a_core(engine: Engine, path: Path, pages: int) -> list[float]:
    """Of every page but the first, which loads what is needed."""
    reader = Reader(engine=engine, task="text_recognition", text_layer="never", concurrency=1, pages=f"1-{pages + 1}")
    taken, before = [], time.process_time()
    for _ in reader.read(path):
        taken.append(time.process_time() - before)
        before = time.process_time()
    return taken[1:]


class Measured(NamedTuple):
    """What a page takes: seconds of a core with the local engine and with one far away, tokens, bytes."""

    here: list[float]
    far: list[float]
    tokens: dict[str, int]
    picture: float
    memory: int


def measured(pages: int, written: int) -> Measured:
    """The pages of a PDF, ``written`` tokens coming back for each; memory is this process's at its peak."""
    from load_server import LoadServer

    with tempfile.TemporaryDirectory() as folder, LoadServer(decode=False) as server:
        path = Path(folder) / "pages.pdf"
        draw(path, "drawn", pages + 1)
        far = DashScopeEngine(base_url=server.base_url, api_key="sk-any", rate_limit=None, stream=False)
        remote = seconds_of_a_core(far, path, pages)
        local = seconds_of_a_core(LocalEngine(threads=1), path, pages)
        memory = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        tokens = Reader(engine=far, task="text_recognition", pages="1").estimate(path).usage
        picture = path.stat().st_size / (pages + 1)
    return Measured(local, remote, {"input": tokens.input_tokens, "output": written}, picture, memory)


def like(mean: float, spread: float = 0.5) -> Callable[[random.Random], float]:
    """Draws from a log-normal distribution, as the times of services are."""
    middle = math.log(mean) - spread**2 / 2 if mean else 0.0
    return lambda dice: dice.lognormvariate(middle, spread) if mean else 0.0


# --- tables -----------------------------------------------------------------------------------------------------------


def checks(local: Work, remote: Work) -> list[tuple[str, ...]]:
    """Clusters of all kinds, by the model and by the simulation."""
    rows: list[tuple[str, ...]] = [("", "held up by", "model, pages/s", "simulation", "apart")]
    limited = [Cluster(8, 8, 8, 32, 1200), Cluster(16, 16, 16, 64, 1200), Cluster(64, 64, 16, 64, 12_000)]
    free = [Cluster(4, 4, 8, 32), Cluster(4, 8, 16, 64), Cluster(8, 200, 16, 64)]
    here = [Cluster(n, n) for n in (2, 16, 64)]
    for work, clusters in ((local, here), (remote, free + limited)):
        for one in clusters:
            (told, why), seen = pages_a_second(one, work), simulated(one, work)
            name = f"{one.cores} cores, {one.actors} actors x {one.at_once}" + (
                f", {one.a_minute:,.0f} a minute" if one.a_minute else ""
            )
            rows.append((name, why, f"{told:.1f}", f"{seen:.1f}", f"{told / seen - 1:+.0%}"))
    return rows


def takes(local: Work, remote: Work, tokens: dict[str, int], core_hour: float) -> list[tuple[str, ...]]:
    """Time and money for many pages."""
    rows: list[tuple[str, ...]] = [
        ("", "pages/s", *(f"{pages // 1_000_000} M pages" for pages in MANY), "1 M pages cost")
    ]
    for cores in (16, 256):
        rate, _ = pages_a_second(Cluster(cores, cores), local)
        cost = f"{1e6 / rate / 3600 * cores * core_hour:,.0f} USD of machines"
        rows.append((f"local engine, {cores} cores", f"{rate:.1f}", *(_days(pages / rate) for pages in MANY), cost))
    for model, region, limits in (
        ("qwen-vl-ocr-2025-11-20", "singapore", (1, 10)),
        ("qwen-vl-ocr-latest", "beijing", (1,)),
    ):
        known = lookup(model, region)
        price = known.price(region)
        assert price
        assert known.requests_per_minute
        for times in limits:
            asked = known.requests_per_minute * times
            rate, _ = pages_a_second(Cluster(64 * times, 64 * times, 16, 64, asked), remote)
            name = f"`{model}`, {region}, {asked:,} a minute"
            rows.append((name, f"{rate:.1f}", *(_days(pages / rate) for pages in MANY), _cost(price.of, tokens)))
        if half := known.price(region, batch=True):
            rows.append((f"the same, Batch API (as of {price.as_of})", "", "", "", _cost(half.of, tokens)))
    return rows


def _cost(of: Callable[[int, int], Money], tokens: dict[str, int]) -> str:
    money = of(1_000_000 * tokens["input"], 1_000_000 * tokens["output"])
    return f"{money.amount:,.0f} {money.currency}"


def _days(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:,.0f} days"


def in_markdown(rows: Sequence[Sequence[str]]) -> str:
    head, *others = rows
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *others])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=40, help="pages to measure")
    parser.add_argument("--waiting", type=float, default=4.0, help="seconds a service takes over a page")
    parser.add_argument("--written", type=int, default=800, help="tokens that come back for a page")
    parser.add_argument("--core-hour", type=float, default=0.04, help="USD")
    given = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the first page\n")
    found = measured(given.pages, given.written)
    for name, taken in (("local engine", found.here), ("far engine", found.far)):
        print(f"{name}: {statistics.fmean(taken):.3f} s of a core a page, {min(taken):.3f} to {max(taken):.3f}")
    print(f"memory of a process with the local engine, at its peak: {found.memory / 1e6:,.0f} MB")
    print(f"tokens a page: {found.tokens['input']:,} in, {found.tokens['output']:,} out")
    fit = PartLimits().size / (found.picture * 4 / 3)
    print(f"a page's JPEG: {found.picture / 1e3:,.0f} kB, so that {fit:,.0f} go into a file of a batch\n")
    local, remote = Work(found.here, like(0.0)), Work(found.far, like(given.waiting))
    print(in_markdown(checks(local, remote)), "\n")
    print(in_markdown(takes(local, remote, found.tokens, given.core_hour)))


if __name__ == "__main__":
    main()
