"""The tests' own batches: how they go, what they refuse, how they end, and what goes wrong on the way."""

import itertools
import json
import time
import tracemalloc
from dataclasses import replace

import httpx
import pytest

from dashscope_client import data_url
from dashscope_scenarios import Dropped, Raw, by_page, fault, in_turn, ok, slow, stream_fault, truncated
from marked_pages import marked_png
from openai_batches import Plan
from openai_client import LINK, call, chat, ended, look, page_lines, request_line, results, submit, upload
from openai_lines import Limits
from openai_scenarios import after, before, cut_short, late, troubles
from openai_server import OpenAIServer

ALL = {f"page {number}" for number in range(8)}


@pytest.fixture
def server():
    with OpenAIServer() as running:
        yield running


# --- the life of a batch ---------------------------------------------------------------------------------------------


def test_a_batch_moves_as_it_is_asked_for(server):
    batch = submit(server, page_lines(8), metadata={"ds_name": "ocr"})
    seen = list(itertools.islice(iter(lambda: look(server, batch)["status"], None), 5))
    assert seen == ["validating", "in_progress", "finalizing", "completed", "completed"]
    done = look(server, batch)
    assert done["request_counts"] == {"total": 8, "completed": 8, "failed": 0}
    assert (done["error_file_id"], done["metadata"]) == (None, {"ds_name": "ocr"})
    found = results(server, done["output_file_id"])
    assert set(found) == ALL != list(found)
    text = found["page 3"]["response"]["body"]["choices"][0]["message"]["content"]
    assert text == "page 3\nsecond line of page 3"
    assert [asked.custom_id for asked in server.asked] == list(found)
    assert server.bought == server.bought_ids == dict.fromkeys(ALL, 1)
    assert server.billed == 8


def test_order_is_nobodys(server):
    found = list(results(server, ended(server, submit(server, page_lines(30)))["output_file_id"]))
    assert found != sorted(found, key=lambda name: int(name.split()[1]))


def test_the_switch_moves_it_where_polls_do_not(server):
    server.batches.polls_a_step = None
    batch = submit(server, page_lines(1))
    assert {look(server, batch)["status"] for _ in range(3)} == {"validating"}
    server.batches.advance(batch["id"])
    assert look(server, batch)["status"] == "in_progress"
    server.batches.polls_a_step = 3
    batch = submit(server, page_lines(1))
    seen = [look(server, batch)["status"] for _ in range(10)]
    assert seen == [*["validating"] * 3, *["in_progress"] * 3, *["finalizing"] * 3, "completed"]


def test_work_in_portions_is_seen_to_grow(server):
    server.batches.plan = lambda number: Plan(portions=4)
    batch = submit(server, page_lines(8))
    counts = [look(server, batch)["request_counts"]["completed"] for _ in range(7)]
    assert counts == [0, 0, 2, 4, 6, 8, 8]


def test_a_cancelled_batch_keeps_what_was_done(server):
    server.batches.plan = lambda number: Plan(portions=4)
    early, late, done = (submit(server, page_lines(8)) for _ in range(3))
    assert call(server, "POST", f"/batches/{early['id']}/cancel").json()["status"] == "cancelling"
    for _ in range(3):
        server.batches.advance()
    assert call(server, "POST", f"/batches/{late['id']}/cancel").json()["status"] == "cancelling"
    early, late, done = (ended(server, batch) for batch in (early, late, done))
    assert [batch["status"] for batch in (early, late, done)] == ["cancelled", "cancelled", "completed"]
    assert [len(results(server, batch["output_file_id"])) for batch in (early, late, done)] == [0, 4, 8]
    assert call(server, "POST", f"/batches/{done['id']}/cancel").status_code == 400


@pytest.mark.parametrize("place", ["error file", "nowhere"])
def test_an_expired_batch_has_results_in_part(server, place):
    server.batches.plan = lambda number: Plan(end="expired", done=0.5, unfinished_in=place)
    batch = ended(server, submit(server, page_lines(8)))
    good, bad = results(server, batch["output_file_id"]), results(server, batch["error_file_id"])
    assert (batch["status"], batch["request_counts"]) == ("expired", {"total": 8, "completed": 4, "failed": 0})
    assert (len(good), len(bad)) == (4, 4 if place == "error file" else 0)
    assert {line["error"]["code"] for line in bad.values()} <= {"batch_expired"}
    assert server.billed == 4
    assert set(good) | set(bad) == (ALL if bad else set(good))


def test_a_failed_batch_says_why(server):
    server.batches.plan = lambda number: Plan(end="failed")
    batch = ended(server, submit(server, page_lines(2)))
    assert (batch["status"], batch["output_file_id"]) == ("failed", None)
    assert batch["errors"]["data"][0]["code"] == "system_error"


# --- lines -----------------------------------------------------------------------------------------------------------

FAILING = by_page({2: fault("image-undecodable"), 5: fault("algo")})


def test_failed_lines_stand_in_the_error_file(server):
    server.batches.script = FAILING
    batch = ended(server, submit(server, page_lines(8)))
    bad = results(server, batch["error_file_id"])
    assert batch["request_counts"] == {"total": 8, "completed": 6, "failed": 2}
    assert {name: line["response"]["status_code"] for name, line in bad.items()} == {"page 2": 400, "page 5": 500}
    assert (bad["page 5"]["error"]["code"], bad["page 5"]["response"]["body"]) == ("InternalError.Algo", None)
    assert (len(results(server, batch["output_file_id"])), server.billed) == (6, 6)


def test_failed_lines_may_stand_among_the_good_ones_uncounted(server):
    server.batches.script, server.batches.plan = FAILING, lambda number: Plan(failures_in="output file")
    batch = ended(server, submit(server, page_lines(8)))
    found = results(server, batch["output_file_id"])
    assert (batch["request_counts"]["failed"], batch["error_file_id"], len(found)) == (0, None, 8)
    statuses = {name: line["response"]["status_code"] for name, line in found.items()}
    assert {name for name, status in statuses.items() if status != 200} == {"page 2", "page 5"}
    assert found["page 2"]["response"]["body"]["error"]["code"] == "invalid_parameter_error"
    assert server.billed == 6


def test_lines_may_be_lost_broken_or_cut_off(server):
    server.batches.script = by_page({1: Dropped(), 2: Raw(b'{"id": "x", "custom'), 3: truncated(2)})
    batch = ended(server, submit(server, page_lines(4)))
    lines = call(server, "GET", f"/files/{batch['output_file_id']}/content").text.splitlines()
    assert '{"id": "x", "custom' in lines
    good = {line["custom_id"]: line for line in map(json.loads, (line for line in lines if line.endswith("}")))}
    assert set(good) == {"page 0", "page 3"}
    assert good["page 3"]["response"]["body"]["choices"][0]["finish_reason"] == "length"


def test_scripts_for_streams_serve_lines_too(server):
    server.batches.script = by_page({0: stream_fault("algo"), 1: slow(60)})
    batch = ended(server, submit(server, page_lines(2)))
    assert set(results(server, batch["error_file_id"])) == {"page 0"}


def test_lines_submitted_again_are_second_attempts(server):
    server.batches.script = in_turn(by_page({1: fault("algo")}), ok())
    first = ended(server, submit(server, page_lines(3)))
    assert set(results(server, first["error_file_id"])) == {"page 1"}
    again = ended(server, submit(server, request_line("page 1", chat("https://img.example.com/page-000001.png"))))
    assert set(results(server, again["output_file_id"])) == {"page 1"}
    assert server.bought_ids == {"page 0": 1, "page 1": 1, "page 2": 1}


def test_bodies_are_held_to_the_rules_of_live_requests(server):
    bodies = {
        "options": chat(LINK, ocr_options={"task": "table_parsing"}),
        "stream": chat(LINK, stream=True),
        "good": chat(LINK),
    }
    batch = ended(server, submit(server, b"".join(request_line(name, sent) for name, sent in bodies.items())))
    assert set(results(server, batch["error_file_id"])) == {"options", "stream"}
    assert set(results(server, batch["output_file_id"])) == {"good"}


# --- what is no batch ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "code", "line"),
    [
        (b"", "empty_file", None),
        (b"{\n", "invalid_json_line", 1),
        (page_lines(1) + b"\xff\n", "invalid_json_line", 2),
        (page_lines(1) + b"\n", "invalid_json_line", 2),
        (request_line("a") * 2, "duplicate_custom_id", 2),
        (request_line(""), "invalid_custom_id", 1),
        (request_line("a", {"messages": []}), "invalid_body", 1),
        (request_line("a", url="/v1/embeddings"), "mismatched_url", 1),
        (request_line("a", chat(LINK, model="batch-test-model")), "mismatched_test_url", 1),
        (request_line("a") + request_line("b", chat(LINK, model="qwen-vl-ocr")), "mismatched_model", 2),
        (request_line("a", chat(LINK, model="qwen-vl-ocr-2025-11-20")), "model_not_found", 1),
        (request_line("a", chat(LINK, model="qwen3.5-ocr")), "model_not_found", 1),
        (page_lines(11), "too_many_lines", None),
        (request_line("a", chat(LINK, "x" * 2000)), "line_too_long", None),
        (request_line("a", chat(LINK, "x" * 3000)), "file_too_large", None),
        (b'{"custom_id": "a"}\n', "invalid_line", 1),
    ],
)
def test_input_that_breaks_a_rule_fails_the_whole_batch(server, lines, code, line):
    server.batches.limits = Limits(10, 3000, 2000)
    batch = ended(server, submit(server, lines))
    assert batch["status"] == "failed"
    assert [(error["code"], error["line"]) for error in batch["errors"]["data"]] == [(code, line)]
    assert server.billed == 0


def test_the_real_limits_are_the_documented_ones(server):
    assert server.batches.limits == Limits(50_000, 500_000_000, 6_000_000)
    assert server.batches.test_limits == replace(server.batches.limits, lines=100, bytes=1_000_000)


@pytest.mark.parametrize(
    "given",
    [
        {"completion_window": "12h"},
        {"completion_window": "15d"},
        {"completion_window": 24},
        {"endpoint": "/v1/embeddings"},
        {"metadata": {"ds_name": "x" * 101}},
        {"metadata": {"name": "x"}},
        {"output_expires_after": {}},
    ],
)
def test_batches_that_are_not_right_are_refused(server, given):
    sent = {"input_file_id": upload(server, page_lines(1)).json()["id"], "endpoint": "/v1/chat/completions"}
    response = call(server, "POST", "/batches", json={**sent, "completion_window": "24h", **given})
    assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_parameter_error")
    assert not server.batches.all


def test_a_batch_needs_a_file_and_a_name(server):
    given = {"input_file_id": "file-batch-x", "endpoint": "/v1/chat/completions", "completion_window": "1d"}
    assert call(server, "POST", "/batches", json=given).status_code == 404
    assert call(server, "GET", "/batches/batch_x").status_code == 404


def test_the_test_model_looks_at_nothing(server):
    line = request_line("dry", chat(LINK, model="batch-test-model"), "/v1/chat/ds-test")
    batch = ended(server, submit(server, line, endpoint="/v1/chat/ds-test"))
    assert set(results(server, batch["output_file_id"])) == {"dry"}
    assert (server.billed, server.asked) == (0, [])
    wrong = ended(server, submit(server, page_lines(1), endpoint="/v1/chat/ds-test"))
    assert wrong["errors"]["data"][0]["code"] == "mismatched_url"
    server.batches.test_limits = Limits(lines=0)
    assert ended(server, submit(server, line, endpoint="/v1/chat/ds-test"))["status"] == "failed"


def test_lists_are_filtered_and_paged(server):
    first = submit(server, page_lines(1), metadata={"ds_name": "ocr inbox"})
    second = submit(server, page_lines(1), metadata={"ds_name": "other"})
    server.batches.advance(first["id"])

    def listed(**query):
        return [batch["id"] for batch in call(server, "GET", "/batches", params=query).json()["data"]]

    assert listed() == [second["id"], first["id"]]
    assert listed(ds_name="inbox") == [first["id"]]
    assert listed(status="completed,validating") == [second["id"]]
    assert listed(input_file_ids=f"file-batch-x,{first['input_file_id']}") == [first["id"]]
    assert listed(after=second["id"]) == [first["id"]]
    assert listed(create_after="20200101000000") == listed()
    assert listed(create_before="20200101000000") == []
    whole = call(server, "GET", "/batches", params={"limit": 1}).json()
    assert (whole["has_more"], whole["first_id"], whole["last_id"]) == (True, second["id"], second["id"])
    for wrong in ({"limit": 0}, {"limit": 101}, {"create_after": "yesterday"}, {"order": "asc"}):
        assert call(server, "GET", "/batches", params=wrong).status_code == 400


# --- trouble ---------------------------------------------------------------------------------------------------------


def test_what_was_done_may_go_unanswered(server):
    server.trouble = troubles({"files.create": {0: after(Dropped())}, "batches.create": {0: after(fault("html-503"))}})
    with pytest.raises(httpx.RemoteProtocolError):
        upload(server, page_lines(1))
    (kept,) = call(server, "GET", "/files").json()["data"]
    given = {"input_file_id": kept["id"], "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    assert call(server, "POST", "/batches", json=given).status_code == 503
    assert len(call(server, "GET", "/batches").json()["data"]) == 1


def test_what_was_not_done_may_fail_too(server):
    gone = {
        "files.create": {0: before(fault("rate-quota", retry_after="7"))},
        "batches.create": {0: before(Dropped(reset=True))},
    }
    server.trouble = troubles(gone)
    refused = upload(server, page_lines(1))
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "7")
    with pytest.raises(httpx.ReadError):
        submit(server, page_lines(1))
    assert (len(server.files.records), len(server.batches.all)) == (1, 0)


def test_answers_and_files_break_off(server):
    batch = ended(server, submit(server, page_lines(50)))
    server.trouble = troubles({"files.content": {0: cut_short(0.5)}, "batches.retrieve": {1: cut_short(0.9)}})
    for path in (f"/files/{batch['output_file_id']}/content", f"/batches/{batch['id']}"):
        with pytest.raises(httpx.RemoteProtocolError):
            call(server, "GET", path)
        assert call(server, "GET", path).status_code == 200


def test_any_endpoint_may_be_late(server):
    server.trouble = troubles({"batches.list": {0: late(0.2)}})
    began = time.monotonic()
    assert call(server, "GET", "/batches").json()["data"] == []
    assert time.monotonic() - began >= 0.2


def test_a_full_batch_takes_seconds(server, tmp_path):
    path = tmp_path / "requests.jsonl"
    with path.open("wb") as file:
        for number in range(50_000):
            file.write(request_line(f"page {number}", chat(f"https://img.example.com/page-{number:06d}.png")))
    began = time.monotonic()
    with path.open("rb") as file:
        sent = call(server, "POST", "/files", data={"purpose": "batch"}, files={"file": ("a.jsonl", file)}).json()
    given = {"input_file_id": sent["id"], "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    batch = call(server, "POST", "/batches", json=given).json()
    batch = ended(server, batch)
    with server.files.content(batch["output_file_id"]).open("rb") as lines:
        assert sum(1 for _ in lines) == 50_000
    assert set(server.bought.values()) == {1}
    assert (server.billed, len(server.bought_ids), len(server.asked)) == (50_000, 50_000, 1000)
    assert time.monotonic() - began < 30  # about 4 on an idle core


def test_memory_does_not_grow_with_a_batch(server, tmp_path):
    path, prompt = tmp_path / "requests.jsonl", "x" * 5000
    path.write_bytes(page_lines(4000, text=prompt))
    with path.open("rb") as file:
        tracemalloc.start()
        sent = call(server, "POST", "/files", data={"purpose": "batch"}, files={"file": ("a.jsonl", file)}).json()
        given = {"input_file_id": sent["id"], "endpoint": "/v1/chat/completions", "completion_window": "24h"}
        batch = ended(server, call(server, "POST", "/batches", json=given).json())
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert batch["request_counts"]["completed"] == 4000
    assert sent["bytes"] > 20_000_000
    assert most < 12_000_000  # the thousand lines that are remembered, half of it


def test_remembered_lines_do_not_keep_their_pictures(server):
    ended(server, submit(server, request_line("inline", chat(data_url(marked_png(5))))))
    (asked,) = server.asked
    (image,) = asked.images
    assert (image.number, image.identity, image.data, len(image.url) < 50) == (5, "page 5", b"", True)
    assert server.bought == {"page 5": 1}
