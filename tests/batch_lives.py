"""A batch in processes that are killed: each life goes on from the state file until one of them comes through.

Run by ``test_batch_crashes``, with its plan as JSON: it forks a life, has it killed at its n-th step, forks the next.
A *step* is a change to the state file or a request, and what is killed is killed just before it or just after.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
import traceback
from collections import deque
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx  # noqa: F401 - loaded once, before there are lives

from qwen_ocr_loader import Retry
from qwen_ocr_loader.batch import Batch
from qwen_ocr_loader.batch import job as batch_job
from qwen_ocr_loader.batch import parts as batch_parts
from qwen_ocr_loader.batch.lines import PartLimits
from qwen_ocr_loader.batch.parts import Pace
from qwen_ocr_loader.batch.state import State
from qwen_ocr_loader.batch.state_file import StateFile
from qwen_ocr_loader.engines import http
from qwen_ocr_loader.engines.openai import OpenAIEngine

batch_parts.LISTED_AFTER = 0.0  # this server lists a batch at once


LINK = "https://img.example.com/page-{:06}.png"


class Fate:
    """Counts steps, and kills the process at one of them."""

    def __init__(self, at: int | None) -> None:
        self._left = at

    def step(self) -> None:
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def around(self, kind: Any, name: str) -> None:
        """Have a step before and one after each call of a function."""
        whole = getattr(kind, name)

        def stepping(*given: Any, **named: Any) -> Any:
            self.step()
            result = whole(*given, **named)
            self.step()
            return result

        setattr(kind, name, stepping)


def live(plan: dict[str, Any], at: int | None) -> None:
    """Submit, if the last life did not come to its end, and collect; what is read goes to a file.

    With ``again`` in the plan, what failed goes into a new round in between.
    """
    fate = Fate(at)
    fate.around(StateFile, "commit")
    fate.around(State, "note")
    fate.around(http, "_send")
    retry = Retry(first=0, longest=0)
    engine = OpenAIEngine(model="qwen-vl-ocr-latest", base_url=plan["url"], api_key=plan["key"], retry=retry)
    batch_job.AT_ONCE = plan["at_once"]
    batch = Batch(
        plan["state"],
        engine=engine,
        links=True,
        pace=Pace(poll=0.0),
        limits=PartLimits(lines=plan["lines"]),
        task="text_recognition",
        on_error="skip",
    )
    first, count = plan["pages"]
    links = [LINK.format(number) for number in range(first, first + count)]
    batch.submit(links)
    if plan["again"]:
        deque(batch.collect(wait=True), maxlen=0)
        batch.submit(links, again=True)
    with Path(plan["result"]).open("w") as file:
        for page in batch.collect(wait=True):
            print(page.origin.name, page.result.text.splitlines()[0], sep="\t", file=file)
    os._exit(0)


def lives(plan: dict[str, Any], ats: list[int]) -> dict[str, Any]:
    """Live until one life comes through.

    Returns:
        How many pages had been taken in and how many lines read where each of the others was ``killed``, and the most
        ``memory`` in kilobytes that any of them needed.
    """
    killed, memory = [], 0
    for at in [*ats, None]:
        child = os.fork()
        if child == 0:
            try:
                live(plan, at)
            except BaseException:  # noqa: BLE001 - told here, as this process must not go on into its parent's work
                traceback.print_exc()
            os._exit(1)
        _, ended, needed = os.wait4(child, 0)
        memory = max(memory, needed.ru_maxrss)
        if os.waitstatus_to_exitcode(ended) == 0:
            return {"killed": killed, "memory": memory}
        assert os.waitstatus_to_exitcode(ended) == -signal.SIGKILL, "a life ended by itself"
        killed += [so_far(Path(plan["state"]))]
    raise AssertionError("unreachable")


def so_far(state: Path) -> list[int]:
    """Pages taken in and lines read, by what is in the file."""
    with closing(sqlite3.connect(state)) as db:
        try:
            return [db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("pages", "results")]
        except sqlite3.OperationalError:  # killed before there were tables
            return [0, 0]


if __name__ == "__main__":
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(lives(asked["plan"], asked["ats"])), flush=True)
