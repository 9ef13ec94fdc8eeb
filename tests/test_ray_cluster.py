"""Reading on a Ray cluster of this machine: every page once, whatever happens to a worker, and one limit for all."""

import re
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

import ray_driver
from load_server import Bought, LoadServer
from marked_pages import marked_page, marked_png
from qwen_ocr_loader import DashScopeEngine, Reader
from qwen_ocr_loader.render import Record, records

pytest.importorskip("ray", reason="pip install 'qwen-ocr-loader[ray]'")

import pyarrow as pa
import pyarrow.parquet as pq

BAD_PAGES = (7, 123, 299, 310, 394)
TORN = 5
PAGES = 400


def tiff(path, numbers):
    first, *others = (marked_page(number, (64, 64)).convert("1") for number in numbers)
    first.save(path, save_all=True, append_images=others, compression="group4")
    return path


@pytest.fixture
def inbox(tmp_path):
    """400 pages: 300 in one file, 95 in files of their own, and 5 files that are torn."""
    place = tmp_path / "inbox"
    place.mkdir()
    tiff(place / "long.tiff", range(300))
    for number in range(300, PAGES - TORN):
        (place / f"{number}.png").write_bytes(marked_png(number, (64, 64)))
    for number in range(TORN):
        (place / f"torn-{number}.png").write_bytes(marked_png(number)[:60])
    return place


def faulty(**settings):
    return LoadServer(faults={str(page): "moderation" for page in BAD_PAGES}, **settings)


def asking(server, **settings):
    engine = {"base_url": server.base_url, "stream": False, "rate_limit": None, **settings}
    return {"engine": engine, "task": "text_recognition"}


def check_rows(rows):
    """Every page once, and those that are broken named."""
    assert len(rows) == len({row["id"] for row in rows}) == PAGES
    good = [row["text"].split("\n")[0] for row in rows if not row["error"]]
    assert Counter(good) == {f"page {number}": 1 for number in range(PAGES - TORN) if number not in BAD_PAGES}
    bad = [(row["source"].rpartition("/")[2], row["page"]) for row in rows if row["error"]]
    pages = [("long.tiff", number) for number in BAD_PAGES if number < 300]
    files = [f"{number}.png" for number in BAD_PAGES if number >= 300] + [
        f"torn-{number}.png" for number in range(TORN)
    ]
    assert sorted(bad) == sorted(pages + [(name, 0) for name in files])


class Small(NamedTuple):
    """A run of two actors, four pages each at once, over 60 pages of one file, twice."""

    rows: list[dict]
    flat: list[dict]
    plain: list[Record]
    first: list[Bought]
    again: list[Bought]
    most_in_flight: int
    stderr: str


AT_ONCE, A_SECOND = 4, 25


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    paths = [f"file://{tiff(folder / 'pages.tiff', range(60))}", str(folder / "none.pdf")]
    with faulty(latency=0.2) as server:
        errand = {**asking(server, rate_limit=60 * A_SECOND), "actors": 2, "concurrency": AT_ONCE, "batch_size": 8}
        said = ray_driver.read(paths, **errand, cache=str(folder / "cache"), passes=2, flat=True)
        tally = server.tally()
        engine = DashScopeEngine(**errand["engine"], api_key="sk-any")
        plain = list(records(Reader(engine=engine, task=errand["task"], on_error="placeholder"), paths))
    first = len(tally.bought) - 1
    return Small(
        said["rows"],
        said["flat"],
        plain,
        tally.bought[:first],
        tally.bought[first:],
        tally.most_in_flight,
        said["stderr"],
    )


def test_a_cluster_reads_what_the_plain_reader_reads(small):
    rows = sorted(small.rows, key=lambda row: (row["file_name"] == "", row["page"]))
    assert [(row["id"], row["text"], row["source"], row["error"][:15]) for row in rows] == [
        (record.id, record.text, record.metadata["source"], record.metadata["error"][:15]) for record in small.plain
    ]
    assert [(row["file_name"], row["page"]) for row in rows if row["error"]] == [("pages.tiff", 7), ("", 0)]


def test_a_second_pass_buys_only_what_failed(small):
    assert sorted(one.page for one in small.first) == list(range(60))
    assert [one.page for one in small.again] == [7]


def test_pages_are_read_in_datasets_of_ones_own(small):
    """In ``flat_map``; ``read_documents`` itself stands on ``map_batches``."""
    rows = sorted(small.flat, key=lambda row: row["page"])
    assert [(row["file_name"], row["page"]) for row in rows] == [("", 0), ("pages.tiff", 1), ("pages.tiff", 2)]
    assert [row["text"] for row in rows if not row["error"]] == ["Page 2", "Page 3"]


def test_a_long_file_is_read_by_several_actors_at_once(small):
    assert AT_ONCE < small.most_in_flight <= 2 * AT_ONCE


def test_actors_share_a_limit(small):
    """Alone, each would ask this often, and both together as often as pages in flight allow: 1.6 times that."""
    began = sorted(one.began for one in small.first)
    assert (len(began) - 1) / (began[-1] - began[0]) < 1.3 * A_SECOND


def test_nothing_that_ray_gives_up_is_used(small):
    assert not re.findall(r".*(?:deprecat|will be removed).*", small.stderr, re.IGNORECASE)


@pytest.mark.slow
def test_actors_that_would_fill_a_cluster_leave_room_for_what_they_wait_for(tmp_path):
    """Two local workers on two cores: at a CPU each, none is left for whoever lists the files."""
    paths = [tiff(tmp_path / "pages.tiff", range(20))]
    ray_driver.read(paths, actors=2, cpus=2, batch_size=4, out=str(tmp_path / "out"), seconds=200)
    assert pq.read_table(tmp_path / "out").num_rows == 20


@pytest.mark.slow
def test_pages_are_read_once_and_broken_ones_named(inbox, tmp_path):
    with faulty(latency=0.1) as server:
        errand = {**asking(server), "actors": 2, "cache": str(tmp_path / "cache")}
        check_rows(ray_driver.read([inbox], **errand)["rows"])
        bought = server.tally().bought
        assert len(bought) == PAGES - TORN
        check_rows(ray_driver.read([inbox], **errand)["rows"])
        again = server.tally().bought[len(bought) :]
    assert sorted(one.page for one in again) == list(BAD_PAGES)


@pytest.mark.slow
def test_a_killed_worker_costs_the_calls_in_flight(inbox, tmp_path):
    at_once = 8
    with faulty(latency=0.3) as server:
        errand = {**asking(server), "actors": 2, "concurrency": at_once, "cache": str(tmp_path / "cache")}
        said = ray_driver.read([inbox], kill_after=PAGES // 2, **errand)
        tally = server.tally()
    assert said["killed"]
    check_rows(said["rows"])
    asked = Counter(one.page for one in tally.bought)
    twice = {page for page, times in asked.items() if times > 1} - set(BAD_PAGES)
    assert max(asked.values()) == 2
    assert len(twice) <= at_once
    print(f"{len(tally.bought)} calls, {len(twice)} of them again")


@pytest.mark.slow
def test_four_actors_keep_one_limit(tmp_path):
    a_second, pages = 50, 400
    paths = [tiff(tmp_path / f"{number}.tiff", range(number, number + 50)) for number in range(0, pages, 50)]
    with LoadServer(latency=0.2) as server:
        engine = asking(server, rate_limit=60 * a_second)
        said = ray_driver.read(paths, **engine, actors=4, num_cpus=0.25, batch_size=32)
        began = sorted(one.began for one in server.tally().bought)
    assert len(said["rows"]) == len(began) == pages
    most = max(sum(start <= other < start + 1 for other in began) for start in began)
    used = (pages - 1) / (began[-1] - began[0]) / a_second
    print(f"{most} in the fullest second; {used:.0%} of the limit used")
    assert most <= a_second + 1  # as in test_rate: one may arrive a little early or late on a busy machine
    assert used > 0.6


LIMIT = """
import os, signal, time, ray_driver
ray_driver.prepare()
ray = ray_driver.start(1)
from qwen_ocr_loader.ray import ClusterLimiter
from qwen_ocr_loader.ray.limiter import NAMESPACE
limiter = ClusterLimiter(6000, "me")
for ends in ("by itself", "for good"):
    assert limiter.acquire()
    actor = ray.get_actor("me", namespace=NAMESPACE)
    ray.kill(actor, no_restart=ends == "for good")
assert limiter.acquire()
began = time.monotonic()
for _ in range(50):
    limiter.acquire()
assert time.monotonic() - began >= 0.49
ray.shutdown()
print("kept")
"""


@pytest.mark.slow
def test_a_limit_outlives_its_actor():
    command = [sys.executable, "-c", LIMIT]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parent, timeout=300)
    assert done.stdout.endswith("kept\n"), done.stderr[-3000:]


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_from_its_cache_and_parquet(inbox, tmp_path):
    out, at_once = tmp_path / "out", 8
    with faulty(latency=0.3) as server:
        where = {"out": str(out), "done": str(out), "cache": str(tmp_path / "cache")}
        errand = {**asking(server), "actors": 2, "concurrency": at_once, **where}
        ray_driver.read_until(
            lambda: len(server.tally().bought) >= PAGES // 2 and any(out.glob("*")), [inbox], **errand
        )
        kept = {row["id"] for row in written(out) if not row["error"]}
        ray_driver.read([inbox], **errand)
        asked = Counter(one.page for one in server.tally().bought)
    rows = written(out)
    good = Counter(row["id"] for row in rows if not row["error"])
    assert kept
    assert set(good.values()) == {1}
    check_rows(list({row["id"]: row for row in sorted(rows, key=lambda row: not row["error"])}.values()))
    twice = {page for page, times in asked.items() if times > 1} - set(BAD_PAGES)
    print(f"{len(kept)} rows were written before, {len(twice)} pages asked for again")
    assert len(twice) <= 2 * at_once


@pytest.mark.slow
def test_the_example_goes_from_documents_to_places_on_pages(tmp_path):
    script = Path(__file__).parent.parent / "examples" / "ray_pages.py"
    command = [sys.executable, str(script), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(re.findall(r"\d+ places on the page, exact", done.stdout)) == 3
    assert pq.read_table(tmp_path / "pages").num_rows == 4


def written(folder):
    """The rows of all Parquet files that are whole."""
    rows = []
    for path in folder.glob("*.parquet"):
        with suppress(pa.ArrowInvalid):
            rows += pq.read_table(path).to_pylist()
    return rows
