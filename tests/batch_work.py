"""What the tests of batches share: a server, a folder of marked pages, and a clock that nobody waits for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from marked_pages import marked_png
from openai_server import OpenAIServer
from qwen_ocr_loader import Retry
from qwen_ocr_loader.batch import Batch
from qwen_ocr_loader.batch.lines import PartLimits
from qwen_ocr_loader.batch.parts import Pace
from qwen_ocr_loader.engines.openai import OpenAIEngine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODEL = "qwen-vl-ocr-latest"
ALL = [f"page {number}" for number in range(8)]
"""What ``heads`` finds on the pages of ``eight_pages``."""


@dataclass
class FakeClock:
    """Time that passes only while somebody sleeps."""

    now: float = 1_795_000_000.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def inbox(folder: Path, pages: int) -> Path:
    """A folder with so many marked pages, one a file."""
    folder.mkdir(exist_ok=True)
    for number in range(pages):
        (folder / f"page-{number:04}.png").write_bytes(marked_png(number))
    return folder


def serving() -> Iterator[OpenAIServer]:
    """For ``pytest.fixture(serving)``: a server with batches."""
    with OpenAIServer() as running:
        yield running


def state_file(tmp_path: Path) -> Path:
    """For ``pytest.fixture(state_file)``: where a batch is remembered."""
    return tmp_path / "inbox.batch"


def eight_pages(tmp_path: Path) -> Path:
    """For ``pytest.fixture(eight_pages)``: a folder with eight pages."""
    return inbox(tmp_path / "inbox", 8)


def engine_of(server: OpenAIServer, **more: Any) -> OpenAIEngine:
    retry = more.pop("retry", Retry(first=0.01, longest=0.02))
    return OpenAIEngine(**{"model": MODEL, "base_url": server.base_url, "api_key": server.key, "retry": retry} | more)


def batch_of(server: OpenAIServer, state: Path, *, lines: int = 50_000, **more: Any) -> Batch:
    """A batch whose clock is not waited for; ``clock`` is a ``FakeClock``."""
    clock = more.pop("clock", None) or FakeClock()
    pace = more.pop("pace", Pace())
    engine = more.pop("engine", None) or engine_of(server)
    limits = more.pop("limits", PartLimits(lines=lines))
    return Batch(state, engine=engine, clock=clock, sleep=clock.sleep, pace=pace, limits=limits, **more)


def heads(pages: Any) -> list[str]:
    """What marks each page read: the first two words on it."""
    return [" ".join(page.result.text.split()[:2]) for page in pages]
