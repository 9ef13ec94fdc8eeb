"""Batches: what their state file remembers, and what it refuses."""

import sqlite3
from dataclasses import replace

import pytest

from batch_work import ALL, FakeClock, batch_of, eight_pages, engine_of, heads, serving, state_file
from marked_pages import marked_png
from qwen_ocr_loader import Retry
from qwen_ocr_loader.batch import Batch
from qwen_ocr_loader.batch.state import State
from qwen_ocr_loader.errors import (
    BatchError,
    DamagedSource,
    KeyRejected,
)

server = pytest.fixture(serving)
state = pytest.fixture(state_file)
eight = pytest.fixture(eight_pages)


def test_submitting_again_takes_in_only_what_is_new(server, state, eight):
    batch = batch_of(server, state)
    batch.submit(eight)
    (eight / "page-9999.png").write_bytes(marked_png(9999))
    assert batch.submit([eight, eight]).pages == 10  # the new one, and the copies of all
    assert batch.submit([eight, eight]).pages == 0
    assert server.batches.all
    assert heads(batch.collect(wait=True)) == [*ALL, "page 9999", *ALL, "page 9999"]


def test_a_bad_file_stops_the_submission_before_anything_is_sent(server, state, eight):
    bad = eight / "page-0004.png"
    good = bad.read_bytes()
    bad.write_bytes(good[:60])
    with pytest.raises(DamagedSource, match=r"page-0004\.png"):
        batch_of(server, state).submit(eight)
    assert not server.exchanges
    with pytest.raises(BatchError, match="call it again with the same source"):
        list(batch_of(server, state).collect())
    bad.write_bytes(good)
    batch_of(server, state).submit(eight)
    assert heads(batch_of(server, state).collect(wait=True)) == ALL


def test_a_bad_file_that_is_skipped_is_told_at_both_ends(server, state, eight):
    (eight / "page-0004.png").write_bytes(b"\x89PNG\r\n\x1a\n cut")
    batch = batch_of(server, state, on_error="skip")
    assert [failure.source[-13:] for failure in batch.submit(eight).failures] == ["page-0004.png"]
    assert heads(batch.collect(wait=True)) == ALL[:4] + ALL[5:]
    assert [type(failure.error) for failure in batch.report.failures] == [DamagedSource]


def test_one_process_at_a_time_and_the_others_may_look(server, state, eight):
    server.batches.polls_a_step = None
    batch = batch_of(server, state)
    batch.submit(eight)
    pages = batch.collect(partial=True)
    waiting = batch_of(server, state)
    with waiting._opened():
        with pytest.raises(BatchError, match=r"another process is working on .*; wait for it to end, or look"):
            next(pages)
        assert batch.status().counts.asked == 8
    assert list(batch.collect(partial=True)) == []


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"task": "table_parsing"}, "made with task='advanced_recognition', not with task='table_parsing'"),
        ({"dpi": 300}, "made with dpi=200, not with dpi=300"),
        ({"fields": {"Total": ""}}, "made with fields=None"),
        ({"links": True}, "made with links=False"),
    ],
)
def test_a_state_file_of_other_settings_is_refused(server, state, eight, option, said):
    batch_of(server, state).submit(eight)
    with pytest.raises(BatchError, match=f"{said}.*; leave it out, or give another state file: -s OTHER.batch"):
        batch_of(server, state, **option).submit(eight)
    with pytest.raises(BatchError, match="made with engine openai:qwen-vl-ocr-latest"):
        batch_of(server, state, engine=engine_of(server, model="qwen-vl-ocr")).status()


def test_a_file_of_another_version_or_kind_is_refused(server, state):
    with State(state) as made:
        made._db.execute("PRAGMA user_version = 7")
    with pytest.raises(BatchError, match="is of format 7 and this version writes 2"):
        batch_of(server, state).status()
    state.write_bytes(b"no database at all, but long enough to be looked at" * 30)
    with pytest.raises(BatchError, match=r"give another state file: -s OTHER\.batch"):
        batch_of(server, state).status()
    state.unlink()
    sqlite3.connect(state).execute("CREATE TABLE theirs (a)").connection.close()
    with pytest.raises(BatchError, match="is a database of something else"):
        batch_of(server, state).status()
    state.unlink()
    with pytest.raises(BatchError, match=r"there is no .*; type: qwen-ocr batch submit FILE"):
        batch_of(server, state).status()
    assert not state.exists()


def test_the_state_file_knows_the_options_and_never_the_key(server, state, eight, monkeypatch):
    batch_of(server, state, task="text_recognition", mode="single", password="rosebud").submit(eight)
    stored = b"".join(path.read_bytes() for path in state.parent.rglob("inbox.batch*") if path.is_file())
    assert server.key.encode() not in stored
    assert b"rosebud" not in stored
    monkeypatch.setenv("DASHSCOPE_API_KEY", server.key)
    clock = FakeClock()
    clock.now += 60
    again = Batch(state, clock=clock, sleep=clock.sleep)
    assert heads(again.collect(wait=True)) == ALL
    assert again.reader().options.mode == "single"
    assert again.reader().engine == replace(engine_of(server), api_key=None, retry=Retry())


def test_a_page_that_failed_is_not_forgotten_when_other_files_are_submitted(server, state, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n cut")
    (tmp_path / "good.png").write_bytes(marked_png(0))
    batch = batch_of(server, state, on_error="placeholder")
    batch.submit(tmp_path / "bad.png")
    batch.submit(tmp_path / "good.png")
    named = [page.origin.name for page in batch.collect(wait=True)]
    assert named == [str(tmp_path / "bad.png"), str(tmp_path / "good.png")]
    assert [failure.source for failure in batch.report.failures] == [str(tmp_path / "bad.png")]
    (tmp_path / "bad.png").write_bytes(marked_png(1))
    batch.submit(tmp_path / "bad.png")
    assert heads(batch.collect(wait=True)) == ["page 0", "page 1"]
    assert not batch.report.failures


def test_a_file_is_the_same_from_another_folder(server, state, eight, monkeypatch):
    batch = batch_of(server, state)
    monkeypatch.chdir(eight.parent)
    batch.submit("inbox")
    monkeypatch.chdir(eight)
    assert batch.submit("../inbox/").pages == 0
    assert batch.submit(["page-0003.png", eight / "page-0004.png"]).pages == 0
    assert heads(batch.collect(wait=True)) == ALL
    assert set(server.bought.values()) == {1}


def test_a_password_in_the_address_is_not_kept(server, state, eight):
    engine = engine_of(server, base_url=server.base_url.replace("//", "//me:opensesame@"))
    with pytest.raises(KeyRejected):  # it is sent instead of the key
        batch_of(server, state, engine=engine).submit(eight)
    kept = b"".join(path.read_bytes() for path in state.parent.glob("inbox.batch*") if path.is_file())
    assert b"opensesame" not in kept
    with pytest.raises(BatchError, match="which has another base_url"):
        Batch(state).status()
    assert batch_of(server, state, engine=engine).status().counts.asked == 8
