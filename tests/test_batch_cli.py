"""``qwen-ocr batch``: what a user types from submitting to collecting."""

import json
import time
from pathlib import Path

import pytest

from batch_work import MODEL, inbox
from dashscope_scenarios import by_page, fault, in_turn, ok
from draw_pdfs import Sheet, pdf, prose
from openai_batches import Plan
from openai_server import OpenAIServer
from qwen_ocr_loader.batch import Batch
from qwen_ocr_loader.batch.state import State
from qwen_ocr_loader.cli import main
from qwen_ocr_loader.errors import AccountProblem, BatchError, BudgetReached, DamagedSource, MissingKey


@pytest.fixture
def server(monkeypatch):
    with OpenAIServer() as running:
        monkeypatch.setenv("DASHSCOPE_API_KEY", running.key)
        yield running


@pytest.fixture
def submitted(server, tmp_path):
    """The arguments that submit three pages, and those that name the state file."""
    state = ["-s", str(tmp_path / "three.batch")]
    return ["batch", "submit", str(inbox(tmp_path / "inbox", 3)), "--base-url", server.base_url, *state], state


def an_hour_later(state):
    """As if the service had been asked last long ago."""
    with State(Path(state)) as opened:
        opened._db.execute("UPDATE parts SET looked = ?", (time.time() - 3600,))


def test_from_submit_to_collect(server, submitted, tmp_path, capsys):
    submit, state = submitted
    assert main(submit) == 0
    said = capsys.readouterr()
    assert "3 pages taken in, 0 with sound text of their own" in said.err
    assert "likely to cost 0.00" in said.err
    assert said.err.splitlines()[-1] == f"qwen-ocr batch collect --wait -s {state[1]}"
    rows = [line.rsplit(maxsplit=1) for line in said.out.splitlines()]
    assert ["pages", "3"] in [[name.strip(), value] for name, value in rows]
    assert main(["batch", "collect", *state]) == BatchError.exit_code
    assert "3 of 3 requests are still being read; type: qwen-ocr batch collect --wait" in capsys.readouterr().err
    server.batches.finish()
    an_hour_later(state[1])
    assert main(["batch", "status", *state]) == 0
    assert "3 requests, ended, to be collected" in capsys.readouterr().out
    out = tmp_path / "pages.jsonl"
    assert main(["batch", "collect", *state, "-f", "jsonl", "-o", str(out)]) == 0
    pages = [json.loads(line) for line in out.read_text().splitlines()]
    assert [page["text"].split()[1] for page in pages] == ["0", "1", "2"]
    assert pages[0]["engine"] == f"openai:{MODEL}"
    assert "cost 0.00" in capsys.readouterr().err
    assert main(["batch", "collect", *state, "--format", "text"]) == 0
    assert capsys.readouterr().out.count("\f") == 2


def test_submitting_again_sends_only_what_is_new(server, submitted, capsys):
    submit, _ = submitted
    main(submit)
    assert main(submit) == 0
    assert "0 pages taken in" in capsys.readouterr().err.splitlines()[-2]
    assert len(server.batches.all) == 1


def test_a_dry_run_leaves_no_state(server, submitted, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("qwen_ocr_loader.cli_batch.POLL", 0.01)
    submit, _ = submitted
    assert main([*submit, "--dry-run"]) == 0
    assert "3 pages went there and came back" in capsys.readouterr().err
    assert not server.bought
    assert [path.name for path in tmp_path.iterdir()] == ["inbox"]


def test_what_costs_too_much_is_not_sent(server, submitted, capsys):
    submit, _ = submitted
    assert main([*submit, "--max-cost", "0.000001"]) == BudgetReached.exit_code
    assert "nothing is sent; raise it" in capsys.readouterr().err
    assert not server.exchanges


def test_a_bad_file_is_named_and_the_others_are_sent(server, submitted, tmp_path, capsys):
    (tmp_path / "inbox" / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n cut")
    submit, _ = submitted
    assert main(submit) == DamagedSource.exit_code
    assert "bad.png" in capsys.readouterr().err
    (batch,) = server.batches.all.values()
    server.batches.finish()
    assert batch.counts["total"] == 3


def test_links_come_from_a_file(server, submitted, tmp_path, capsys):
    links = tmp_path / "urls.txt"
    links.write_text("\n".join(f"https://img.example.com/page-{n:06}.png" for n in range(4)))
    state = str(tmp_path / "links.batch")
    assert main(["batch", "submit", "--links", str(links), "--base-url", server.base_url, "-s", state]) == 0
    server.batches.finish()
    an_hour_later(state)
    capsys.readouterr()
    assert main(["batch", "collect", "-s", state, "-f", "json"]) == 0
    files = json.loads(capsys.readouterr().out)
    assert [file["source"] for file in files] == links.read_text().splitlines()


def test_cancelling_says_what_can_still_be_had(server, submitted, capsys):
    submit, state = submitted
    main(submit)
    assert main(["batch", "cancel", *state]) == 0
    assert "cancelled; what was read until then: qwen-ocr batch collect" in capsys.readouterr().err


def test_cancelling_what_is_collected_changes_nothing(server, submitted, capsys):
    submit, state = submitted
    main(submit)
    server.batches.finish()
    an_hour_later(state[1])
    main(["batch", "collect", *state])
    assert main(["batch", "cancel", *state]) == 0
    assert "nothing to cancel: all is collected" in capsys.readouterr().err
    assert main(submit) == 0


def test_what_failed_is_asked_once_more(server, submitted, capsys):
    submit, state = submitted
    server.batches.script = by_page({1: in_turn(fault("arrearage"), ok())})
    main(submit)
    server.batches.finish()
    an_hour_later(state[1])
    assert main(["batch", "collect", *state]) == AccountProblem.exit_code
    assert f"asked once more by: qwen-ocr batch submit FILE... --again -s {state[1]}" in capsys.readouterr().err
    assert main([*submit, "--again"]) == 0
    assert "1 pages taken in" in capsys.readouterr().err
    server.batches.finish()
    an_hour_later(state[1])
    assert main(["batch", "collect", *state]) == 0
    assert capsys.readouterr().out.count("\f") == 2


def test_what_is_asked_again_has_the_window_given_last(server, submitted, capsys):
    submit, state = submitted
    server.batches.plan = lambda number: Plan(end="expired", done=0.5) if number < 2 else Plan()
    assert main([*submit, "--window", "72h"]) == 0
    for given in ([], ["--window", "7d"], []):
        server.batches.finish()
        an_hour_later(state[1])
        assert main(["batch", "collect", "--partial", *state, *given]) == 0
    assert [batch.completion_window for batch in server.batches.all.values()] == ["72h", "72h", "7d"]
    assert capsys.readouterr().out.count("\f") >= 2


def test_how_old_it_is_what_is_told(server, submitted, capsys):
    submit, state = submitted
    main(submit)
    looked = time.time() - 40
    with State(Path(state[1])) as opened:
        opened._db.execute("UPDATE parts SET looked = ?", (looked,))
    capsys.readouterr()
    assert main(["batch", "status", *state]) == 0
    at = time.strftime("%H:%M:%S", time.localtime(looked))
    assert f"3 requests, validating, 0 read as of {at}" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["status", "collect", "cancel"])
def test_without_a_state_file_it_says_how_to_make_one(server, tmp_path, command, capsys):
    assert main(["batch", command, "-s", str(tmp_path / "none.batch")]) == BatchError.exit_code
    assert f"type: qwen-ocr batch submit FILE... -s {tmp_path / 'none.batch'}" in capsys.readouterr().err
    assert main(["batch", command, "-s", str(tmp_path)]) == BatchError.exit_code
    assert "is a folder; name the state file" in capsys.readouterr().err


def test_without_a_key_it_says_so_once_and_leaves_nothing_behind(server, submitted, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("DASHSCOPE_API_KEY")
    monkeypatch.setattr("qwen_ocr_loader.engines.keys.KEY_FILE", str(tmp_path / "none"))
    submit, _ = submitted
    place = submit.index("--base-url")
    assert main(submit[:place] + submit[place + 2 :]) == MissingKey.exit_code
    said = capsys.readouterr().err
    assert said.count("set DASHSCOPE_API_KEY") == 1
    assert "OPENAI_BASE_URL" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["inbox"]


def test_what_is_left_out_the_second_time_is_as_it_was(server, submitted, tmp_path, capsys):
    submit, state = submitted
    first = [*submit, "-t", "table_parsing", "-e", "openai:qwen-vl-ocr", "--dpi", "150", "--text-layer", "never"]
    assert main(first) == 0
    more = inbox(tmp_path / "more", 4)
    assert main(["batch", "submit", str(more), *state]) == 0
    assert "4 pages taken in" in capsys.readouterr().err
    assert main(["batch", "submit", str(more), *state, "-e", "openai:qwen-vl-ocr"]) == BatchError.exit_code
    assert "which has another base_url; leave it out" in capsys.readouterr().err


def test_a_dry_run_says_what_all_of_it_will_cost(server, submitted, capsys, monkeypatch):
    monkeypatch.setattr("qwen_ocr_loader.cli_batch.POLL", 0.01)
    submit, _ = submitted
    main([*submit, "--dry-run"])
    said = capsys.readouterr().err.splitlines()[0]
    main(submit)
    cost = capsys.readouterr().err.splitlines()[0].split("is likely to cost ")[1]
    assert said == f"dry run of the first of 3 pages; all are likely to cost {cost}"
    assert cost.endswith("CNY")


def test_pages_with_text_of_their_own_cost_nothing(server, tmp_path, capsys):
    (tmp_path / "text.pdf").write_bytes(pdf(Sheet(prose())))
    state = str(tmp_path / "text.batch")
    assert main(["batch", "submit", str(tmp_path / "text.pdf"), "--base-url", server.base_url, "-s", state]) == 0
    said = capsys.readouterr()
    assert "is likely to cost nothing" in said.err
    assert said.out.splitlines()[4].split()[-1] == "nothing"


@pytest.mark.parametrize("place", [["--region", "singapore", "-e", "openai:qwen-vl-ocr"], ["-e", "openai"]])
def test_where_there_is_no_batch_api_is_said_before_anything_is_sent(server, submitted, place, capsys):
    submit, state = submitted
    assert main([*submit, *place]) == BatchError.exit_code
    assert "it serves qwen-vl-ocr and qwen-vl-ocr-latest in beijing" in capsys.readouterr().err
    assert not server.exchanges
    assert not Path(state[1]).exists()


def test_a_server_of_ones_own_has_to_be_named(submitted, capsys, monkeypatch):
    submit, _ = submitted
    monkeypatch.setenv("OPENAI_BASE_URL", "http://me:secret@127.0.0.1:9/v1")
    place = submit.index("--base-url")
    assert main(submit[:place] + submit[place + 2 :]) == BatchError.exit_code
    said = capsys.readouterr().err
    assert "OPENAI_BASE_URL names http://127.0.0.1:9/v1" in said
    assert "secret" not in said


def test_ctrl_c_ends_the_wait_without_a_traceback(server, submitted, capsys, monkeypatch):
    submit, state = submitted
    main(submit)

    def pressed(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr("qwen_ocr_loader.cli_batch._batch", lambda asked, **options: Batch(state[1], sleep=pressed))
    assert main(["batch", "collect", *state, "--wait"]) == 130
    assert capsys.readouterr().err.endswith("interrupted\n")


def test_a_wrong_value_is_a_usage_error(submitted, capsys):
    submit, _ = submitted
    unknown = ["batch", "submit", "x.png", "-e", "opnai"]
    short = ["batch", "collect", "--window", "5h"]
    for wrong, said in (
        ([*submit, "--pages", "x"], "write it like"),
        (unknown, "did you mean 'openai'"),
        (short, "window='5h': want 24h to 336h"),
    ):
        with pytest.raises(SystemExit) as exit_:
            main(wrong)
        assert exit_.value.code == 2
        assert said in capsys.readouterr().err
