"""What runs the local engine's models: which it is, and that OpenVINO reads what onnxruntime does, side by side too."""

import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from qwen_ocr_loader import LocalEngine, Reader
from qwen_ocr_loader.engines import networks
from qwen_ocr_loader.engines.models import model_files
from qwen_ocr_loader.engines.networks import chosen, network
from qwen_ocr_loader.engines.recognition import LineRecogniser
from qwen_ocr_loader.errors import EngineError, MissingDependency
from test_local_engine import FORK, NAMES, sheet

RUNTIMES = ("onnxruntime", "openvino")
with_openvino = pytest.mark.skipif(find_spec("openvino") is None, reason="pip install 'qwen-ocr-loader[openvino]'")


@pytest.fixture(scope="module")
def sheets():
    return [sheet([f"{name} line {m}: 1,284.50" for m in range(n % 3 + 2)]) for n, name in enumerate(NAMES)]


@with_openvino
def test_both_read_the_same(sheets):
    texts = {
        runtime: [page.text for page in Reader(engine=LocalEngine(runtime=runtime)).read(sheets)]
        for runtime in RUNTIMES
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
    noted = {network(recogniser, runtime).note("character") for runtime in RUNTIMES}
    assert len(noted) == 1
    assert "字" in noted.pop()
    assert [network(recogniser, runtime).note("none") for runtime in RUNTIMES] == ["", ""]


def test_what_is_read_may_differ_so_pages_are_kept_apart():
    settings = {LocalEngine(runtime=runtime).settings for runtime in RUNTIMES}
    assert len(settings) == 2
    assert LocalEngine().settings in settings


@with_openvino
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_line_is_read_alike_whatever_lines_are_read_with_it(runtime):
    """Lines of a width are read one after the other, by several threads, and given back in their own order."""
    chance = np.random.default_rng(3)
    crops = [
        np.asarray(sheet([NAMES[n % len(NAMES)]]).resize((int(width), 48)).convert("RGB"))
        for n, width in enumerate(chance.integers(20, 1500, 30))
    ]
    recogniser = LineRecogniser(model_files("small").recogniser, 3, runtime=runtime)
    assert recogniser.recognise(crops) == [recogniser.recognise([crop])[0] for crop in crops]
    assert recogniser.recognise([]) == []


@with_openvino
@pytest.mark.parametrize(("runtime", "most", "wider"), [("onnxruntime", 251, 1.0), ("openvino", 24, 1.25)])
def test_a_picture_is_padded_to_one_of_few_widths(runtime, most, wider):
    fitting = network(model_files("small").recogniser, runtime).fitting
    padded = {width: fitting(width) for width in range(1, 2001)}
    assert all(width <= wide < max(wider * width, width + 32) for width, wide in padded.items())
    assert len(set(padded.values())) <= most
    assert all(fitting(wide) == wide for wide in padded.values())


@pytest.mark.parametrize(
    ("processor", "runtime"),
    [
        ("flags\t: fpu avx512f avx512_bf16 avx512vbmi", "openvino"),
        ("flags\t: fpu amx_bf16 amx_tile", "openvino"),
        ("flags\t: fpu avx2 avx512f", "onnxruntime"),
        ("Features\t: fp asimd bf16", "onnxruntime"),
        (None, "onnxruntime"),
    ],
)
def test_openvino_is_chosen_where_the_processor_has_bfloat16(monkeypatch, tmp_path, processor, runtime):
    about = tmp_path / "cpuinfo"
    if processor is not None:
        about.write_text(f"processor\t: 0\n{processor}\n")
    monkeypatch.setattr("qwen_ocr_loader.engines.networks.PROCESSOR", about)
    monkeypatch.setattr("qwen_ocr_loader.engines.networks.find_spec", lambda name: name)
    assert chosen("auto") == runtime
    assert LocalEngine().settings == LocalEngine(runtime=runtime).settings
    monkeypatch.setattr("qwen_ocr_loader.engines.networks.find_spec", lambda name: None)
    assert chosen("auto") == "onnxruntime"
    assert chosen("openvino") == "openvino"


def broken() -> None:
    raise ImportError("libtbb.so.12: cannot open shared object file")


def test_a_broken_openvino_that_nobody_asked_for_is_done_without(monkeypatch, caplog, tmp_path, sheets):
    about = tmp_path / "cpuinfo"
    about.write_text("flags : avx512_bf16")
    monkeypatch.setattr(networks, "PROCESSOR", about)
    monkeypatch.setattr(networks, "_given_up", [])
    monkeypatch.setattr(networks, "find_spec", lambda name: name)
    monkeypatch.setattr(networks, "_openvino", broken)
    expected = [page.text for page in Reader(engine=LocalEngine(runtime="onnxruntime")).read(sheets)]
    engine = LocalEngine(threads=5)  # other threads than elsewhere: nothing is loaded yet
    assert engine.settings == LocalEngine(runtime="openvino").settings
    assert [page.text for page in Reader(engine=engine).read(sheets)] == expected
    (told,) = [record.message for record in caplog.records if "openvino" in record.message]
    assert told == (
        "openvino is installed but cannot be used, so onnxruntime reads, more slowly: libtbb.so.12: cannot open shared "
        "object file. For an end to this message: LocalEngine(runtime='onnxruntime'), or pip uninstall openvino"
    )
    assert engine.settings == LocalEngine(runtime="onnxruntime").settings
    with pytest.raises(MissingDependency):
        next(Reader(engine=LocalEngine(runtime="openvino", threads=5)).read(sheets[0]))


def test_models_that_are_missing_are_not_laid_at_openvinos_door(monkeypatch, caplog, tmp_path, sheets):
    about = tmp_path / "cpuinfo"
    about.write_text("flags : avx512_bf16")
    monkeypatch.setattr(networks, "PROCESSOR", about)
    monkeypatch.setattr(networks, "find_spec", lambda name: name)
    engine = LocalEngine(models=str(tmp_path))
    with pytest.raises(EngineError, match=r"want one file \*det\*.onnx in it, found 0"):
        next(Reader(engine=engine).read(sheets[0]))
    monkeypatch.setattr("qwen_ocr_loader.engines.models.find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match="rapidocr"):
        next(Reader(engine=LocalEngine(threads=6)).read(sheets[0]))
    assert not [record for record in caplog.records if "openvino" in record.message]


@with_openvino
def test_loading_openvino_sends_nothing_to_its_makers(tmp_path):
    """Its import tells them that it was imported, where ``openvino_telemetry`` is installed."""
    (tmp_path / "openvino_telemetry.py").write_text("raise SystemExit('it was going to send something')")
    code = (
        "from qwen_ocr_loader.engines.models import model_files\n"
        "from qwen_ocr_loader.engines.networks import network\n"
        "network(model_files('small').detector, 'openvino')\n"
        "import openvino, sys\n"
        "assert openvino.convert_model\n"
        "assert 'openvino_telemetry' not in sys.modules\n"
        "print('loaded', flush=True)\n"
        "import openvino_telemetry"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "loaded\n", done.stderr
    assert done.stderr.strip() == "it was going to send something", "by the last line: it could have been heard"


@with_openvino
def test_the_first_pictures_may_come_together():
    """OpenVINO's first two arrays wait for each other for good, where two threads make them at the same time."""
    code = (
        "import sys, threading, time\n"
        "import numpy as np\n"
        "from qwen_ocr_loader.engines.models import model_files\n"
        "from qwen_ocr_loader.engines.networks import network\n"
        "recogniser, go = network(model_files('small').recogniser, 'openvino', calls=4), []\n"
        "def first():\n"
        "    picture = np.zeros((1, 3, 48, 64), np.float32)\n"
        "    while not go:\n"
        "        time.sleep(0)\n"
        "    recogniser(picture, np.sum)\n"
        "sys.setswitchinterval(1e-5)\n"
        "threads = [threading.Thread(target=first, daemon=True) for _ in range(4)]\n"
        "for thread in threads:\n"
        "    thread.start()\n"
        "go.append(True)\n"
        "for thread in threads:\n"
        "    thread.join(30)\n"
        "sys.exit(any(thread.is_alive() for thread in threads))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=120, check=False).returncode == 0


def test_an_unknown_runtime_is_refused():
    with pytest.raises(ValueError, match="no runtime 'tensorrt'; there are auto, onnxruntime, openvino"):
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
