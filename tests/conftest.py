"""What all tests share."""

import os
from collections.abc import Iterator
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


@pytest.fixture(autouse=True, scope="session")
def _one_runtime() -> Iterator[None]:
    """What the local engine reads does not depend on the processor that the tests run on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(networks, "PROCESSOR", Path("no such file"))
        yield


@pytest.fixture
def data() -> Path:
    """The folder of evaluation documents; tests that want it skip where it is absent."""
    if not DATA.is_dir():
        pytest.skip(f"no evaluation documents in {DATA}")
    return DATA
