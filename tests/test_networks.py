"""What runs the local engine's models: OpenVINO reads what onnxruntime reads, side by side too."""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from qwen_ocr_loader import LocalEngine, Reader
from qwen_ocr_loader.engines.models import model_files
from qwen_ocr_loader.engines.networks import network
from qwen_ocr_loader.errors import MissingDependency
from test_local_engine import FORK, NAMES, sheet

with_openvino = pytest.mark.skipif(find_spec("openvino") is None, reason="pip install 'qwen-ocr-loader[openvino]'")


@pytest.fixture(scope="module")
def sheets():
    return [sheet([f"{name} line {m}: 1,284.50" for m in range(n % 3 + 2)]) for n, name in enumerate(NAMES)]


@with_openvino
def test_both_read_the_same(sheets):
    texts = {
        runtime: [page.text for page in Reader(engine=LocalEngine(runtime=runtime)).read(sheets)]
        for runtime in ("onnxruntime", "openvino")
    }
    assert texts["openvino"] == texts["onnxruntime"]
    assert NAMES[0] in texts["openvino"][0]


@with_openvino
def test_pages_read_together_are_as_pages_read_one_by_one(sheets):
    """A request of OpenVINO's is one call's at a time: results must not be another call's, nor change afterwards."""
    together = Reader(engine=LocalEngine(runtime="openvino", workers=4, threads=2)).read(sheets * 3)
    alone = Reader(engine=LocalEngine(runtime="openvino", workers=1, threads=1)).read(sheets)
    assert [page.text for page in together] == [page.text for page in alone] * 3


@with_openvino
def test_both_find_the_alphabet_in_the_model():
    recogniser = model_files("small").recogniser
    noted = {network(recogniser, runtime).note("character") for runtime in ("onnxruntime", "openvino")}
    assert len(noted) == 1
    assert "字" in noted.pop()
    assert [network(recogniser, runtime).note("none") for runtime in ("onnxruntime", "openvino")] == ["", ""]


def test_what_is_read_may_differ_so_pages_are_kept_apart():
    settings = {LocalEngine(runtime=runtime).settings for runtime in ("onnxruntime", "openvino")}
    assert len(settings) == 2
    assert LocalEngine().settings in settings


def test_an_unknown_runtime_is_refused():
    with pytest.raises(ValueError, match="no runtime 'tensorrt'; there are onnxruntime, openvino"):
        LocalEngine(runtime="tensorrt")


def test_a_missing_openvino_says_what_to_install(monkeypatch, sheets):
    monkeypatch.setattr("qwen_ocr_loader.engines.networks.find_spec", lambda name: None)
    engine = LocalEngine(runtime="openvino", threads=3)  # other threads than elsewhere: nothing is loaded yet
    with pytest.raises(MissingDependency, match=r"pip install 'qwen-ocr-loader\[openvino\]'"):
        next(iter(Reader(engine=engine).read(sheets[0])))


@with_openvino
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_process_reads_with_models_of_its_own():
    code = FORK.replace("threads=2", "threads=2, runtime='openvino'")
    assert subprocess.run([sys.executable, "-c", code], timeout=120, check=False).returncode == 0
