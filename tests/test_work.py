"""No change makes a run do more work than is on record: calls, tokens, pages opened and drawn, bytes sent."""

from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def work(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return __import__("work")


@pytest.mark.parametrize(
    "run", ["scanned", "drawn", "with_text", "read_twice", "three_pages", "two_tasks", "single_document"]
)
def test_a_run_does_what_is_on_record(run, work):
    counted, record = work.count(getattr(work, run)), work.on_record()[run]
    assert counted.pop("bytes sent") == pytest.approx(record.pop("bytes sent"), rel=0.05)  # libjpeg's versions differ
    assert counted == record, "if that is meant: python benchmarks/work.py --write"


def test_every_run_is_on_record(work):
    assert list(work.on_record()) == [run.__name__ for run in work.RUNS]


def test_work_done_twice_shows(work):
    counted = work.count(lambda engine, folder: work.drawn(engine, folder) + work.drawn(engine, folder))
    assert {name: n / work.on_record()["drawn"][name] for name, n in counted.items()} == dict.fromkeys(counted, 2)
