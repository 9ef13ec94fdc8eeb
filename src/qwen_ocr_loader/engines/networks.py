"""What runs a network on the processor: onnxruntime, or OpenVINO, which is quicker where the processor has bfloat16."""

from __future__ import annotations

import importlib
import logging
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ..errors import MissingDependency
from ..forking import Lock

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    Batch = NDArray[np.float32]

T = TypeVar("T")

AUTO = "auto"
RUNTIMES = ("onnxruntime", "openvino")
PROCESSOR = Path("/proc/cpuinfo")
INSTALL_OPENVINO = "pip install 'qwen-ocr-loader[openvino]'"
KEPT = 1000  # steps of the network for a width of picture: what OpenVINO has worked out for them is used again
NARROW, MEDIUM = 256, 512  # pixels
_importing = Lock()
_given_up: list[BaseException] = []
logger = logging.getLogger("qwen_ocr_loader")


class Network(Protocol):
    """A loaded model with one input and one output; safe to share between threads."""

    def fitting(self, width: int) -> int:
        """The width a picture of a line should be padded to, in pixels: this or more."""

    def __call__(self, batch: Batch, taken: Callable[[Batch], T]) -> T:
        """What ``taken`` makes of the output for an input of batch x 3 x height x width.

        The output itself is another call's thereafter: what is kept of it has to be a copy.
        """

    def note(self, key: str) -> str:
        """What the model's file says of itself under this key; ``""`` where it says nothing."""


def network(
    path: Path, runtime: str, *, threads: int = 1, calls: int = 1, largest: tuple[int, int] | None = None
) -> Network:
    """Load a model.

    Args:
        path: Of an ONNX file.
        runtime: One of ``RUNTIMES``.
        threads: Of one call.
        calls: To be made at the same time at most; more wait, or share the threads.
        largest: Height and width of a picture that most are smaller than; None where that is not known.

    Raises:
        ImportError: The runtime is not installed.
    """
    if runtime == "onnxruntime":
        return _OnnxRuntime(path, threads)
    return _OpenVINO(path, threads, calls, largest)


def chosen(runtime: str) -> str:
    """One of ``RUNTIMES``; for ``"auto"`` OpenVINO where it is installed and the processor computes in bfloat16.

    In float32 it takes a tenth longer than onnxruntime. Only Linux tells at once what the processor can.

    Args:
        runtime: One of ``RUNTIMES`` or ``"auto"``.
    """
    if runtime != AUTO:
        return runtime
    pays = not _given_up and _has_bfloat16(PROCESSOR) and find_spec("openvino") is not None
    return "openvino" if pays else "onnxruntime"


def give_up_openvino(error: BaseException) -> None:
    """Have ``"auto"`` choose onnxruntime in this process from now on, and say why."""
    _given_up.append(error)
    logger.warning(
        "openvino is installed but cannot be used, so onnxruntime reads, more slowly: %s. "
        "For an end to this message: LocalEngine(runtime='onnxruntime'), or pip uninstall openvino",
        error,
    )


@cache
def _has_bfloat16(processor: Path) -> bool:
    try:
        about = processor.read_text()
    except OSError:
        return False
    return "avx512_bf16" in about or "amx_bf16" in about


def refuse_absent(runtime: str) -> None:
    """Say what to install for a runtime that is not here.

    Raises:
        MissingDependency: OpenVINO is not installed.
    """
    if runtime == "openvino" and find_spec("openvino") is None:
        raise MissingDependency(f"runtime='openvino' needs openvino; type: {INSTALL_OPENVINO}", engine="local")


class _OnnxRuntime:
    """Threads do not spin while they wait, so other work keeps its cores.

    Memory is kept for the next call, which makes lines a tenth faster and detection a sixth.
    """

    def __init__(self, path: Path, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = threads
        options.enable_cpu_mem_arena = True
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def fitting(self, width: int) -> int:
        """Up to 8 pixels, which PP-OCR's recognisers turn into one step of the text."""
        return _rounded(width, 8)

    def __call__(self, batch: Batch, taken: Callable[[Batch], T]) -> T:
        return taken(self._session.run(None, {self._input: batch})[0])

    def note(self, key: str) -> str:
        noted: str = self._session.get_modelmeta().custom_metadata_map.get(key, "")
        return noted


class _OpenVINO:
    """Computes in bfloat16 where the processor can, which is its own default."""

    def __init__(self, path: Path, threads: int, calls: int, largest: tuple[int, int] | None) -> None:
        openvino = _openvino()
        properties = openvino.properties
        core = openvino.Core()
        core.set_property("CPU", {"CPU_RUNTIME_CACHE_CAPACITY": str(KEPT)})
        self._model = core.read_model(str(path))
        settings: dict[Any, Any] = {
            properties.inference_num_threads: threads * calls,
            properties.num_streams: calls,
            properties.hint.enable_cpu_pinning: False,  # two processes would take the same core
        }
        compiled = core.compile_model(self._model, "CPU", settings)
        requests = [compiled.create_infer_request() for _ in range(calls)]
        if largest:
            _laid_out(requests, largest)
        self._idle: SimpleQueue[Any] = SimpleQueue()  # a request is one call's at a time
        for request in requests:
            self._idle.put(request)

    def fitting(self, width: int) -> int:
        """Few widths: each new one takes time and 4 MB, and each other than the last a little time."""
        return _rounded(width, 32 if width <= NARROW else 64 if width <= MEDIUM else 128)

    def __call__(self, batch: Batch, taken: Callable[[Batch], T]) -> T:
        request = self._idle.get()
        try:
            return taken(request.infer({0: batch})[0])
        finally:
            self._idle.put(request)

    def note(self, key: str) -> str:
        place = ["framework", key]  # where OpenVINO puts what an ONNX file says
        return str(self._model.get_rt_info(place).value) if self._model.has_rt_info(place) else ""


def _openvino() -> Any:
    """The package, without the message its import sends to its makers: whoever reads documents here tells nobody.

    Where ``openvino_telemetry`` is absent openvino does without, as seen in 2026.4 (``tools/ovc/telemetry_utils.py``).
    And with its first array made, by one thread: where two make it at the same time, they wait for each other for good.
    """
    import numpy as np

    with _importing:
        known = "openvino" in sys.modules or "openvino_telemetry" in sys.modules
        if not known:
            sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
        try:
            openvino = importlib.import_module("openvino")
        finally:
            if not known:
                del sys.modules["openvino_telemetry"]
        openvino.Tensor(np.zeros(1, np.float32)).data.fill(0)
        return openvino


def _laid_out(requests: list[Any], largest: tuple[int, int]) -> None:
    """Have memory taken for the largest picture first: as pictures get larger bit by bit, twice as much is taken."""
    import numpy as np

    blank = np.zeros((1, 3, *largest), np.float32)
    for request in requests:
        request.start_async({0: blank})
    for request in requests:
        request.wait()


def _rounded(width: int, step: int) -> int:
    """Up to a multiple of the step."""
    return -(-width // step) * step
