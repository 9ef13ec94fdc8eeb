"""What all tests share."""

import os
from pathlib import Path

import pytest

from qwen_ocr_loader.engines import networks

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("QWEN_OCR_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees this machine's keys or proxies."""
    for name in list(os.environ):
        if name.startswith("DASHSCOPE_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _one_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the local engine reads does not depend on the processor that the tests run on."""
    monkeypatch.setattr(networks, "PROCESSOR", Path("no such file"))


@pytest.fixture
def data() -> Path:
    """The folder of evaluation documents; tests that want it skip where it is absent."""
    if not DATA.is_dir():
        pytest.skip(f"no evaluation documents in {DATA}")
    return DATA
