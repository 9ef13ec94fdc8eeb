"""A batch whose process is killed at any step: each page is bought once and there once, in order."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from batch_lives import LINK
from dashscope_scenarios import by_page, fault, in_turn, ok
from openai_server import OpenAIServer

PAGES, LINES = 5, 3
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="lives are forked")


@pytest.fixture(scope="module")
def server():
    with OpenAIServer() as running:
        yield running


@pytest.fixture(scope="module")
def lives():
    """Asks the process that forks lives for some."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, Path(__file__).parent / "batch_lives.py"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:

        def lived(plan, ats):
            process.stdin.write(json.dumps({"plan": plan, "ats": ats}) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
            assert answer, "the process that forks lives is gone"
            return json.loads(answer)

        yield lived
        process.stdin.close()


def run(server, lives, folder, first, ats, *, pages=PAGES, lines=LINES, at_once=2, again=False):
    """Read some pages in as many lives as it takes; gives back what ``lives`` tells."""
    numbers = range(first, first + pages)
    result = folder / f"{first}.txt"
    plan = {
        "url": server.base_url,
        "key": server.key,
        "state": str(folder / f"{first}.batch"),
        "pages": [first, pages],
        "lines": lines,
        "at_once": at_once,
        "again": again,
        "result": str(result),
    }
    told = lives(plan, ats)
    assert result.read_text().splitlines() == [f"{LINK.format(number)}\tpage {number}" for number in numbers]
    bought = server.bought
    assert {bought[f"page {number}"] for number in numbers} == {1}
    assert sorted(path.name for path in folder.glob(f"{first}.batch*")) == [f"{first}.batch", f"{first}.batch-lock"]
    return told


def steps(server, lives, folder):
    """How many steps an undisturbed life has."""
    low, high = 0, 4000
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if run(server, lives, folder, next(NUMBERS), [middle])["killed"] else (low, middle)
    return high


NUMBERS = iter(range(0, 60_000, 10))


@pytest.mark.parametrize("stride", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_once_at_each_step(server, lives, tmp_path, stride):
    server.batches.script = ok()
    every = steps(server, lives, tmp_path)
    assert every > 100
    for at in range(0, every, stride):
        assert len(run(server, lives, tmp_path, next(NUMBERS), [at])["killed"]) == 1, at


def test_killed_again_and_again(server, lives, tmp_path):
    server.batches.script = ok()
    for at in range(20, 60, 7):
        assert len(run(server, lives, tmp_path, next(NUMBERS), [at, at - 8, at - 15, at])["killed"]) >= 2, at


def test_killed_while_pages_are_asked_again(server, lives, tmp_path):
    troubled = {number: in_turn(fault("internal"), ok()) for number in range(60_000) if number % 10 in (1, 4)}
    server.batches.script = by_page(troubled)
    for at in range(60, 200, 14):
        run(server, lives, tmp_path, next(NUMBERS), [at])


def test_killed_while_a_new_round_is_made(server, lives, tmp_path):
    unpaid = {number: in_turn(fault("arrearage"), ok()) for number in range(60_000) if number % 10 in (1, 4)}
    server.batches.script = by_page(unpaid)
    for at in range(60, 220, 10):
        run(server, lives, tmp_path, next(NUMBERS), [at], again=True)


@pytest.mark.slow
def test_120_000_pages_killed_twice_in_constant_memory(server, lives, tmp_path):
    server.batches.script = ok()
    before = len(server.batches.all)
    little = run(server, lives, tmp_path, 90_000, [], pages=2_000, lines=50_000, at_once=64)["memory"]
    told = run(server, lives, tmp_path, 100_000, [2000, 1200], pages=120_000, lines=50_000, at_once=64)
    (taken_in, _), (_, read) = told["killed"]
    assert 0 < taken_in < 120_000
    assert 0 < read < 120_000
    sizes = [batch.counts["total"] for batch in list(server.batches.all.values())[before + 1 :]]
    assert sizes == [50_000, 50_000, 20_000]
    print(
        f"killed with {taken_in:,} taken in and {read:,} read; {told['memory'] / 1024:.0f} MB, {little / 1024:.0f} few"
    )
    assert told["memory"] < little + 60 * 1024
