"""The official SDK, run against the tests' own DashScope, finds what it expects."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from dashscope_client import only_choice
from dashscope_faults import FAULTS
from dashscope_scenarios import (
    fault,
    ok,
    stream_fault,
)
from dashscope_server import DashScopeServer
from marked_pages import marked_png


def by_prompt(asked):
    """The witness says in its prompt what it wants to see."""
    kind, _, name = (asked.prompt or "").partition(" ")
    return {"fault": fault, "stream": stream_fault}.get(kind, lambda name: ok())(name)


@pytest.fixture(scope="module")
def witness(tmp_path_factory):
    """What the official SDK made of the server's replies, and the server."""
    if not importlib.util.find_spec("dashscope"):
        pytest.skip("the dashscope SDK is not installed")
    folder = tmp_path_factory.mktemp("witness")
    for number in (1, 2):
        (folder / f"page {number}.png").write_bytes(marked_png(number))
    script = Path(__file__).with_name("dashscope_witness.py")
    with DashScopeServer(by_prompt) as server:
        command = [sys.executable, str(script), server.base_url, *map(str, sorted(folder.glob("*.png")))]
        done = subprocess.run(
            command, cwd=folder, env={"HOME": str(folder)}, capture_output=True, text=True, timeout=100, check=False
        )
        assert done.returncode == 0, done.stderr
        yield json.loads((folder / "outcomes.json").read_text()), server


def content(outcome: dict) -> dict:
    assert (outcome["status_code"], outcome["code"]) == (200, ""), outcome
    return only_choice(outcome)["message"]["content"][0]


class TestWitness:
    def test_replies(self, witness):
        outcomes, _ = witness
        for name in ("prompt", "text_recognition", "multi_lan"):
            assert content(outcomes[name]) == {"text": "page 1\nsecond line of page 1"}
        assert content(outcomes["table_parsing"])["text"].startswith("```html")
        assert content(outcomes["document_parsing"])["text"].startswith("```latex")
        assert content(outcomes["formula_recognition"])["text"].startswith("$$")
        assert content(outcomes["fields"])["ocr_result"]["kv_result"] == {"Page": "1"}
        assert content(outcomes["schema"])["ocr_result"]["kv_result"] == {"Page": "1", "Seller": {"Name": "null"}}
        assert set(content(outcomes["advanced_recognition"])["ocr_result"]["words_info"][0]) == {
            "rotate_rect",
            "location",
            "text",
        }
        assert "location" not in content(outcomes["qwen3.5"])["ocr_result"]["words_info"][0]

    def test_parameters(self, witness):
        choice = only_choice(witness[0]["parameters"])
        assert (choice["finish_reason"], len(choice["logprobs"]["content"])) == ("length", 3)

    def test_streams(self, witness):
        outcomes, _ = witness
        pieces = [
            element["text"] for chunk in outcomes["stream"] for element in only_choice(chunk)["message"]["content"]
        ]
        assert "".join(pieces) == "page 1\nsecond line of page 1"
        assert only_choice(outcomes["stream"][-1])["finish_reason"] == "stop"
        last = only_choice(outcomes["stream-cumulative"][-1])["message"]["content"]
        assert last == [{"text": "page 1\nsecond line of page 1"}]
        assert outcomes["stream-fault"][-1]["code"] == "InternalError.Algo"

    def test_uploads(self, witness):
        outcomes, server = witness
        assert content(outcomes["file"])["text"].startswith("page 1\n")
        assert "page 2" in content(outcomes["two-files"])["text"]
        assert [path.rpartition("/")[2] for path in server.uploads.stored] == ["page 1.png", "page 1.png", "page 2.png"]
        assert len(server.uploads.certificates) == 2

    def test_faults(self, witness):
        outcomes, _ = witness
        for name, outcome in outcomes.items():
            wanted = FAULTS.get(name.removeprefix("fault-"))
            if wanted and wanted.shape == "json":
                assert (outcome["status_code"], outcome["code"]) == (wanted.status, wanted.code)
                assert outcome["message"] == wanted.message
        assert outcomes["fault-openai-shape"]["status_code"] == 404
        assert (outcomes["bad-range"]["status_code"], outcomes["bad-range"]["code"]) == (400, "InvalidParameter")

    def test_its_requests_were_good_but_for_the_one_meant_not_to_be(self, witness):
        agents = {exchange.request.headers["user-agent"].partition("/")[0] for exchange in witness[1].exchanges}
        (refused,) = witness[1].refused
        assert agents == {"dashscope"}
        assert "temperature" in refused.message
