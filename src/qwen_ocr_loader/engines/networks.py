"""What runs a network on the processor: onnxruntime, or OpenVINO, which is quicker where the processor has bfloat16."""

from __future__ import annotations

from importlib.util import find_spec
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import MissingDependency

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    Batch = NDArray[np.float32]

RUNTIMES = ("onnxruntime", "openvino")
INSTALL_OPENVINO = "pip install 'qwen-ocr-loader[openvino]'"
KEPT = 200  # steps of the network for a width of picture: what OpenVINO has worked out for them is used again


class Network(Protocol):
    """A loaded model with one input and one output; safe to share between threads."""

    @property
    def step(self) -> int:
        """Widths of pictures should be multiples of this, in pixels."""

    def __call__(self, batch: Batch) -> Batch:
        """The output for an input of batch x 3 x height x width."""

    def note(self, key: str) -> str:
        """What the model's file says of itself under this key; ``""`` where it says nothing."""


def network(path: Path, runtime: str, *, threads: int = 1, calls: int = 1) -> Network:
    """Load a model.

    Args:
        path: Of an ONNX file.
        runtime: One of ``RUNTIMES``.
        threads: Of one call.
        calls: To be made at the same time at most; more wait, or share the threads.

    Raises:
        ImportError: The runtime is not installed.
    """
    return _OnnxRuntime(path, threads) if runtime == "onnxruntime" else _OpenVINO(path, threads, calls)


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

    step = 8  # pixels of a line that PP-OCR's recognisers turn into one

    def __init__(self, path: Path, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = threads
        options.enable_cpu_mem_arena = True
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def __call__(self, batch: Batch) -> Batch:
        output: Batch = self._session.run(None, {self._input: batch})[0]
        return output

    def note(self, key: str) -> str:
        noted: str = self._session.get_modelmeta().custom_metadata_map.get(key, "")
        return noted


class _OpenVINO:
    """Computes in bfloat16 where the processor can, which is its own default."""

    step = 32  # each new width of a picture costs time once

    def __init__(self, path: Path, threads: int, calls: int) -> None:
        import openvino
        from openvino import properties

        core = openvino.Core()
        core.set_property("CPU", {"CPU_RUNTIME_CACHE_CAPACITY": str(KEPT)})
        self._model = core.read_model(str(path))
        settings: dict[Any, Any] = {properties.inference_num_threads: threads * calls, properties.num_streams: calls}
        compiled = core.compile_model(self._model, "CPU", settings)
        self._idle: SimpleQueue[Any] = SimpleQueue()  # a request is one call's at a time
        for _ in range(calls):
            self._idle.put(compiled.create_infer_request())

    def __call__(self, batch: Batch) -> Batch:
        request = self._idle.get()
        try:
            output: Batch = request.infer({0: batch})[0].copy()
        finally:
            self._idle.put(request)
        return output

    def note(self, key: str) -> str:
        place = ["framework", key]  # where OpenVINO puts what an ONNX file says
        return str(self._model.get_rt_info(place).value) if self._model.has_rt_info(place) else ""
