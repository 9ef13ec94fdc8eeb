"""Batches: asked once more, by itself where the service failed, and by whoever has put in order what was wrong."""

import pytest

from batch_work import ALL, FakeClock, batch_of, eight_pages, engine_of, heads, inbox, serving, state_file
from dashscope_scenarios import by_page, by_request, fault, in_turn, ok, truncated
from openai_batches import Plan
from openai_scenarios import before, troubles
from qwen_ocr_loader import Retry
from qwen_ocr_loader.batch import Batch, Pace
from qwen_ocr_loader.batch.service import passing
from qwen_ocr_loader.batch.state import State
from qwen_ocr_loader.errors import AccountProblem, BatchError, ReplyTruncated

server = pytest.fixture(serving)
state = pytest.fixture(state_file)
eight = pytest.fixture(eight_pages)


def sizes(server):
    """Lines of each batch made so far."""
    return [batch.counts["total"] for batch in server.batches.all.values()]


def windows(server):
    """Time the service was given for each batch made so far."""
    return [batch.completion_window for batch in server.batches.all.values()]


def messages(batch):
    return {failure.error.message for failure in batch.report.failures}


# --- a batch that failed as a whole ----------------------------------------------------------------------------------


def failing(*numbers):
    """Those batches fail for the service's own trouble."""
    return lambda number: Plan(end="failed") if number in numbers else Plan()


def test_a_batch_that_failed_as_a_whole_is_made_once_more(server, state, eight):
    server.batches.plan = failing(0)
    batch = batch_of(server, state, lines=5)
    batch.submit(eight)
    assert heads(batch.collect(wait=True)) == ALL
    assert sizes(server) == [5, 3, 5]
    assert server.bought == dict.fromkeys(ALL, 1)


def test_and_no_more_than_once(server, state, eight):
    server.batches.plan = failing(*range(9))
    batch = batch_of(server, state, on_error="skip")
    batch.submit(eight)
    assert list(batch.collect(wait=True)) == []
    assert sizes(server) == [8, 8]
    assert messages(batch) == {
        "the batch failed: internal error (system_error); to ask once more, submit it with --again"
    }


def test_not_where_retry_allows_no_second_try(server, state, eight):
    server.batches.plan = failing(0)
    batch = batch_of(server, state, on_error="skip", engine=engine_of(server, retry=Retry(attempts=1)))
    batch.submit(eight)
    assert list(batch.collect(wait=True)) == []
    assert sizes(server) == [8]


def test_a_page_asked_again_gets_its_other_batch_too(server, state, eight):
    server.batches.plan = failing(1)
    server.batches.script = by_page({3: in_turn(fault("internal"), ok()), 5: in_turn(truncated(), ok())})
    batch = batch_of(server, state)
    batch.submit(eight)
    assert heads(batch.collect(wait=True)) == ALL
    assert sizes(server) == [8, 2, 2]


def test_a_batch_that_was_refused_for_what_is_in_it_is_not_made_again(server, state, eight):
    server.batches.limits = server.batches.limits.__class__(lines=5)
    batch = batch_of(server, state, on_error="skip")
    batch.submit(eight)
    assert list(batch.collect(wait=True)) == []
    assert len(server.batches.all) == 1
    assert messages(batch) == {
        "the batch failed: The file has more than 5 lines (too_many_lines); to ask once more, submit it with --again"
    }


@pytest.mark.parametrize(
    ("code", "passes"),
    [
        ("system_error", True),
        ("InternalError.Timeout", True),
        ("Throttling.RateQuota", True),
        ("mismatched_model", False),
        ("Arrearage", False),
        ("invalid_json_line", False),
        ("model_not_found", False),
        ("", False),
    ],
)
def test_what_may_have_passed(code, passes):
    failed = {"status": "failed", "errors": {"data": [{"code": code, "message": "so it is", "line": None}]}}
    assert passing(failed) == passes
    assert not passing({**failed, "request_counts": {"completed": 1}})
    assert not passing({**failed, "status": "completed"})
    failed["errors"]["data"].append({"code": "mismatched_model", "message": "no", "line": 2})
    assert not passing(failed)
    assert passing({"status": "failed", "errors": None})


# --- the time it has -------------------------------------------------------------------------------------------------


def expiring(*numbers):
    """Those batches run out of time when half of their lines are read."""
    return lambda number: Plan(end="expired", done=0.5) if number in numbers else Plan()


def test_what_is_asked_again_has_as_much_time_as_was_given_at_first(server, state, eight, tmp_path):
    server.batches.plan = expiring(0)
    batch_of(server, state, pace=Pace("72h")).submit(eight)
    assert heads(batch_of(server, state).collect(wait=True)) == ALL
    assert windows(server) == ["72h", "72h"]
    batch_of(server, state).submit(inbox(tmp_path / "more", 2))
    assert windows(server) == ["72h", "72h", "72h"]


async def test_async_it_has_as_much_time_too(server, state, eight):
    server.batches.plan = expiring(0)
    await Batch(state, engine=engine_of(server), pace=Pace("72h", poll=0.01)).asubmit(eight)
    later = Batch(state, engine=engine_of(server), pace=Pace(poll=0.01))
    assert heads([page async for page in later.acollect(wait=True)]) == ALL
    assert windows(server) == ["72h", "72h"]


def test_a_window_given_later_counts_from_then_on(server, state, eight):
    server.batches.plan = expiring(0, 1)
    clock = FakeClock()
    batch_of(server, state, pace=Pace("72h"), clock=clock).submit(eight)
    server.batches.finish()
    clock.now += 60
    assert len(list(batch_of(server, state, pace=Pace("7d"), clock=clock).collect(partial=True))) == 4
    assert windows(server) == ["72h", "7d"]
    assert heads(batch_of(server, state, clock=clock).collect(wait=True)) == ALL
    assert windows(server) == ["72h", "7d", "7d"]


def test_a_new_round_may_have_another_window(server, state, eight):
    server.batches.script = by_page({2: in_turn(fault("arrearage"), ok())})
    batch = batch_of(server, state, on_error="skip")
    batch.submit(eight)
    assert len(list(batch.collect(wait=True))) == 7
    batch_of(server, state, pace=Pace("336h")).submit(eight, again=True)
    assert windows(server) == ["24h", "336h"]


def test_a_state_file_made_before_windows_were_kept_gives_a_day(server, state, eight):
    server.batches.plan = expiring(0)
    batch_of(server, state, pace=Pace("72h")).submit(eight)
    with State(state) as made:
        assert made["window"] == "72h"
        made._db.execute("DELETE FROM job WHERE name = 'window'")
    assert heads(batch_of(server, state).collect(wait=True)) == ALL
    assert windows(server) == ["72h", "24h"]


@pytest.mark.parametrize("window", ["", "23h", "337h", "15d", "2w"])
def test_a_window_the_service_would_refuse_is_refused(window):
    with pytest.raises(ValueError, match="want 24h to 336h, or 1d to 14d"):
        Pace(window)


# --- a new round -----------------------------------------------------------------------------------------------------


def test_pages_that_failed_for_good_go_into_a_new_round(server, state, eight):
    unpaid = {number: in_turn(fault("arrearage"), ok()) for number in (2, 5)}
    server.batches.script = by_page(unpaid)
    batch = batch_of(server, state, on_error="skip", lines=5)
    batch.submit(eight)
    assert len(list(batch.collect(wait=True))) == 6
    assert {type(failure.error) for failure in batch.report.failures} == {AccountProblem}
    assert batch.submit(eight).pages == 0
    report = batch.submit(eight, again=True)
    assert (report.pages, report.usage.calls) == (2, 2)
    assert batch.submit(eight, again=True).pages == 0  # under way already
    assert heads(batch.collect(wait=True)) == ALL
    assert not batch.report.failures
    assert batch.submit(eight, again=True).pages == 0
    assert sizes(server) == [5, 3, 2]
    assert server.bought == dict.fromkeys(ALL, 1)


def test_of_a_page_only_the_task_that_failed_is_asked_anew(server, state, tmp_path):
    one = inbox(tmp_path / "one", 1)
    server.batches.script = by_request({0: fault("moderation")})
    batch = batch_of(server, state, task=["text_recognition", "table_parsing"], on_error="skip")
    batch.submit(one)
    assert list(batch.collect(wait=True)) == []
    batch.submit(one, again=True)
    (page,) = batch.collect(wait=True)
    assert page.error is None
    assert page.result.usage.calls == 2
    assert sizes(server) == [2, 1]


def test_a_new_round_has_all_its_tries_and_second_chances(server, state, eight):
    server.batches.script = by_page({1: in_turn(truncated(), truncated(), truncated(), ok())})
    batch = batch_of(server, state, on_error="skip", engine=engine_of(server, retry=Retry(attempts=2, first=0)))
    batch.submit(eight)
    assert len(list(batch.collect(wait=True))) == 7
    assert [type(failure.error) for failure in batch.report.failures] == [ReplyTruncated]
    batch.submit(eight, again=True)
    pages = list(batch.collect(wait=True))
    assert heads(pages) == ALL
    assert pages[1].result.usage.calls == 4  # all that was billed
    assert sizes(server) == [8, 1, 1, 1]


def test_a_batch_that_failed_for_good_goes_on_in_its_state_file(server, state, eight):
    server.batches.plan = failing(0, 1)
    batch = batch_of(server, state, on_error="skip")
    batch.submit(eight)
    assert list(batch.collect(wait=True)) == []
    batch.submit(eight, again=True)
    assert heads(batch.collect(wait=True)) == ALL
    assert server.bought == dict.fromkeys(ALL, 1)


def test_links_go_into_a_new_round_too(server, state):
    links = [f"https://img.example.com/page-{number:06}.png" for number in range(3)]
    server.batches.script = by_page({1: in_turn(fault("arrearage"), ok())})
    batch = batch_of(server, state, links=True, on_error="skip")
    batch.submit(links)
    assert len(list(batch.collect(wait=True))) == 2
    assert batch.submit(links, again=True).pages == 1
    assert [page.origin.name for page in batch.collect(wait=True)] == links
    assert sizes(server) == [3, 1]


async def test_async_it_is_the_same(server, state, eight):
    server.batches.script = by_page({2: in_turn(fault("arrearage"), ok())})
    batch = Batch(state, engine=engine_of(server), on_error="skip", pace=Pace(poll=0.01))
    await batch.asubmit(eight)
    assert len([page async for page in batch.acollect(wait=True)]) == 7
    assert (await batch.asubmit(eight, again=True)).pages == 1
    assert heads([page async for page in batch.acollect(wait=True)]) == ALL


def test_a_page_that_cannot_be_opened_any_more_stays_as_it_had_failed(server, state, eight):
    server.batches.script = by_page({2: fault("moderation")})
    batch = batch_of(server, state, on_error="skip")
    batch.submit(eight)
    assert len(list(batch.collect(wait=True))) == 7
    (eight / "page-0002.png").unlink()
    assert batch.submit(eight, again=True).pages == 0
    assert len(list(batch.collect(wait=True))) == 7


# --- after cancelling ------------------------------------------------------------------------------------------------


def test_what_was_cancelled_may_be_asked_for_after_all(server, state, eight):
    server.batches.plan = lambda number: Plan(portions=2)
    batch = batch_of(server, state, on_error="skip")
    batch.submit(eight)
    for _ in range(2):
        server.batches.advance()
    batch.cancel()
    with pytest.raises(BatchError, match=r"type: qwen-ocr batch collect --wait -s .*, then submit with --again"):
        batch.submit(eight, again=True)
    assert len(list(batch.collect(wait=True))) == 4
    assert batch.submit(eight, again=True).pages == 4
    assert not batch.status().cancelled
    assert heads(batch.collect(wait=True)) == ALL
    assert server.bought == dict.fromkeys(ALL, 1)


def test_cancelling_when_all_is_collected_does_not_bar_the_state_file(server, state, eight, tmp_path):
    batch = batch_of(server, state)
    batch.submit(eight)
    assert heads(batch.collect(wait=True)) == ALL
    assert not batch.cancel().cancelled
    assert batch.submit(inbox(tmp_path / "more", 2)).pages == 2
    assert len(list(batch.collect(wait=True))) == 10


def test_cancelling_what_was_never_sent_still_does(server, state, eight):
    server.trouble = troubles({"batches.create": {0: before(fault("arrearage"))}})
    batch = batch_of(server, state, on_error="skip")
    with pytest.raises(AccountProblem):
        batch.submit(eight)
    assert batch.cancel().cancelled


# --- what is told ----------------------------------------------------------------------------------------------------


def test_status_knows_how_old_it_is(server, state, eight):
    server.batches.polls_a_step = None
    clock = FakeClock()
    batch = batch_of(server, state, clock=clock)
    batch.submit(eight)
    sent = clock.now
    clock.now += 40
    assert batch.status().as_of == sent
    clock.now += 40
    assert batch.status().as_of == clock.now
    server.batches.finish()
    assert len(list(batch.collect(wait=True))) == 8
    assert batch.status().as_of is None


@pytest.mark.parametrize("poll", [-1, float("nan"), float("inf")])
def test_a_poll_that_is_no_time_to_wait_is_refused(poll):
    with pytest.raises(ValueError, match="want seconds, 0 or more"):
        Pace(poll=poll)
