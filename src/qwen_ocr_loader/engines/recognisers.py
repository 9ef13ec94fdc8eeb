"""RapidOCR's recognisers of other scripts: used where their files are, fetched where that is asked for.

``rapidocr`` brings the multilingual PP-OCRv6 alone; the others (PP-OCRv5, Apache-2.0, 8-17 MB each) it publishes with
their check sums. None is ever fetched unasked.
"""

from __future__ import annotations

import logging
import os
import re
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..download import Download
from ..errors import DownloadFailed, EngineError
from ..forking import Lock
from .recognition import LineRecogniser

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .recognition import Pixels, Recognised

# By RapidOCR's names for them: the languages they read, as Tesseract's packs are called.
RECOGNISERS: Mapping[str, tuple[str, ...]] = {
    "korean": ("kor",),
    "eslav": ("rus", "ukr", "bel"),
    "cyrillic": ("bul", "srp", "mkd", "kaz", "mon", "kir", "tgk", "tat"),
    "arabic": ("ara", "fas", "urd", "pus", "uig", "snd"),
    "el": ("ell",),
    "th": ("tha",),
    "devanagari": ("hin", "mar", "nep", "san"),
    "ta": ("tam",),
    "te": ("tel",),
}
VERSION = "PP-OCRv5"
LIMITS = Download(timeout=300.0, max_bytes=100_000_000)
LEFTWARD = frozenset({"arabic"})  # read as printed, from left to right
_RIGHTWARD_RUN = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z :*./%+,-]*[0-9A-Za-z%])?")
_MIRRORED = str.maketrans("()[]{}<>«»", ")(][}{><»«")
logger = logging.getLogger("qwen_ocr_loader")


class Published(NamedTuple):
    """Where RapidOCR publishes a model, and its SHA-256."""

    url: str
    digest: str


class Recogniser(LineRecogniser):
    """One script's."""

    def __init__(self, path: Path, threads: int) -> None:
        super().__init__(path, threads)
        self._leftward = path.name.partition("_")[0] in LEFTWARD

    def recognise(self, crops: Sequence[Pixels]) -> list[Recognised]:
        """The reading of each crop, in the order given and in the order in which it is read aloud."""
        found = super().recognise(crops)
        return [read._replace(text=in_reading_order(read.text)) for read in found] if self._leftward else found


def for_languages(packs: Iterable[str]) -> list[str]:
    """The recognisers that read any of some languages."""
    asked = set(packs)
    return [name for name, languages in RECOGNISERS.items() if asked & set(languages)]


def present(folder: str | None = None) -> dict[str, Path]:
    """The recognisers whose files lie in a folder, or in that of ``rapidocr``, by name."""
    paths = ((name, where / _file_name(name)) for where in _folders(folder)[::-1] for name in RECOGNISERS)
    return {name: path for name, path in paths if path.is_file()}


def fetch(names: Iterable[str], folder: str | None = None) -> None:
    """Download the recognisers that are not there yet, into a folder, or into that of ``rapidocr``.

    Raises:
        EngineError: One cannot be had from where RapidOCR publishes it, is another than published, or cannot be kept.
    """
    with _fetching:
        for name in names:
            if name not in present(folder):
                _download(published(name), _folders(folder)[0] / _file_name(name))


def shared(path: Path, threads: int) -> Recogniser:
    """The process's one recogniser of a file, loaded at first use.

    Raises:
        EngineError: It is no recogniser.
    """
    return _loaded(path, threads, os.getpid())


@cache
def _loaded(path: Path, threads: int, _process: int) -> Recogniser:
    """For one process: a forked one has none of the threads that its copy of a pool waits for."""
    try:
        return Recogniser(path, threads)
    except Exception as error:  # onnxruntime's own classes, or no alphabet in it
        raise EngineError(f"{path} is no recogniser of PP-OCR; delete it ({error})", engine="local") from error


def published(name: str) -> Published:
    """Where a recogniser is to be had, as the installed ``rapidocr`` says."""
    import yaml

    listed = yaml.safe_load((_rapidocr() / "default_models.yaml").read_text(encoding="utf-8"))
    model = listed["onnxruntime"][VERSION]["rec"][Path(_file_name(name)).stem]
    return Published(model["model_dir"], model["SHA256"])


def in_reading_order(printed: str) -> str:
    """A line of Arabic from the order of print to that of reading: Latin words and numbers run the other way."""
    aloud = printed[::-1].translate(_MIRRORED)
    return _RIGHTWARD_RUN.sub(lambda run: run[0][::-1], aloud)


_fetching = Lock()


def _file_name(name: str) -> str:
    return f"{name}_{VERSION}_rec_mobile.onnx"


def _folders(folder: str | None) -> list[Path]:
    return [*([Path(folder).expanduser()] if folder else []), _rapidocr() / "models"]


def _rapidocr() -> Path:
    spec = find_spec("rapidocr")
    return Path(spec.origin).parent if spec and spec.origin else Path("rapidocr")


def _download(model: Published, target: Path) -> None:
    """Whole and as published, or not at all: what is half written has another name."""
    logger.warning("fetching %s from %s", target.name, model.url)
    by_hand = f"download {model.url} yourself into a folder, and name that with recognisers="
    try:
        data = LIMITS.fetch(model.url).data
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(".part")
        part.write_bytes(data)
    except (DownloadFailed, OSError) as error:
        raise EngineError(f"cannot fetch {target.name}: {error}; {by_hand}", engine="local") from error
    if sha256(data).hexdigest() != model.digest:
        part.unlink()
        raise EngineError(f"{model.url} is not the file that was published; {by_hand}", engine="local")
    part.replace(target)
