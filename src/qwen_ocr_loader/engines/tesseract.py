"""Tesseract, for lines in scripts that PP-OCR does not know: one line's picture in, its text and confidence out.

``tesserocr``'s wheels hold Tesseract itself; its language packs (``traineddata``) come from the system's packages. A
line is read in some 25 ms; Tesseract's own search for lines is not used, as PP-OCR's finds more (dense Korean page:
word F1 .91 against .85).
"""

from __future__ import annotations

import os
from collections import defaultdict
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import EngineError
from .recognition import LINE_HEIGHT, Recognised

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from PIL.Image import Image

    from .recognition import Pixels

FOLDERS = (
    "/usr/share/tesseract-ocr/5/tessdata",  # Debian, Ubuntu
    "/usr/share/tesseract-ocr/4.00/tessdata",
    "/usr/share/tessdata",  # Arch, Alpine
    "/usr/share/tesseract/tessdata",  # Fedora
    "/opt/homebrew/share/tessdata",
    "/usr/local/share/tessdata",
    "C:/Program Files/Tesseract-OCR/tessdata",
)
DETECTION = "osd"  # the pack that tells scripts
SURE = 2.0  # Tesseract's script confidence: true ones had 2.3-37, Korean, which it takes for Japanese, under 1
DIRECTIONS = dict.fromkeys(map(ord, "\u200e\u200f"))  # marks that Tesseract puts round words of the other direction
SHEET_MARGIN = 16  # pixels round each line that is shown to the detection


class Script(NamedTuple):
    """What Tesseract's detection says of some lines: a name as in ``SCRIPTS``, and whether they stand upside down."""

    name: str
    sure: bool
    upside_down: bool


def packs() -> Mapping[str, Path]:
    """The installed language packs by name; none without ``tesserocr``."""
    if find_spec("tesserocr") is None:
        return {}
    for folder in (os.environ.get("TESSDATA_PREFIX"), *FOLDERS):
        found = sorted(Path(folder).glob("*.traineddata")) if folder else []
        if found:
            return {path.stem: path for path in found}
    return {}


def identity(installed: Mapping[str, Path]) -> str:
    """Tesseract's and the packs' versions: what it reads depends on them."""
    from hashlib import sha256

    if not installed:
        return ""
    sizes = " ".join(f"{name}:{path.stat().st_size}" for name, path in sorted(installed.items()))
    return f"tesserocr-{_version()}-{sha256(sizes.encode()).hexdigest()[:8]}"


@cache
def _version() -> str:
    from importlib.metadata import version

    return version("tesserocr")


def recognise(crops: Sequence[Pixels], *together: Path) -> list[Recognised]:
    """The reading of each level line (height x width x 3, BGR), in the order given, with one pack or several together.

    Raises:
        EngineError: A pack cannot be loaded.
    """
    with _reader(together) as reader:
        return [_recognised(reader, crop) for crop in crops]


def script_of(crops: Sequence[Pixels], pack: Path) -> Script | None:
    """The script of some lines; None where there is too little to tell.

    Raises:
        EngineError: The pack cannot be loaded.
    """
    with _reader((pack,)) as reader:
        reader.SetImage(_sheet([_picture(crop) for crop in crops]))
        found = reader.DetectOrientationScript()
        reader.Clear()
    if not found:
        return None
    upside_down = found["orient_deg"] == 180 and found["orient_conf"] > SURE
    return Script(found["script_name"], found["script_conf"] > SURE, upside_down)


def _recognised(reader: Any, crop: Pixels) -> Recognised:
    """A short line in which Tesseract finds no words is taken as it is, without its search for words."""
    import tesserocr

    reader.SetImage(_picture(crop))
    for mode in (tesserocr.PSM.SINGLE_LINE, tesserocr.PSM.RAW_LINE):
        reader.SetPageSegMode(mode)
        if text := " ".join(reader.GetUTF8Text().translate(DIRECTIONS).split()):
            return Recognised(text, max(0, reader.MeanTextConf()) / 100)
    return Recognised("", 0.0)


def _picture(crop: Pixels) -> Image:
    """The line at the height PP-OCR reads it at: Tesseract, too, reads best there (of 32, 40, 48 and 64 pixels)."""
    import cv2
    from PIL import Image

    height, width = crop.shape[:2]
    size = (max(8, round(width * LINE_HEIGHT / height)), LINE_HEIGHT)
    return Image.fromarray(cv2.cvtColor(cv2.resize(crop, size, interpolation=cv2.INTER_CUBIC), cv2.COLOR_BGR2RGB))


def _sheet(lines: Sequence[Image]) -> Image:
    """The lines below each other on white, as the detection wants a page."""
    from PIL import Image

    pitch = LINE_HEIGHT + 2 * SHEET_MARGIN
    sheet = Image.new("RGB", (max(line.width for line in lines) + 2 * pitch, pitch * len(lines)), "white")
    for i, line in enumerate(lines):
        sheet.paste(line, (pitch, i * pitch + SHEET_MARGIN))
    return sheet


# Readers nobody uses now, by their packs: one serves one thread at a time.
_idle: defaultdict[tuple[Path, ...], list[Any]] = defaultdict(list)


@contextmanager
def _reader(together: tuple[Path, ...]) -> Iterator[Any]:
    try:
        reader = _idle[together].pop()
    except IndexError:
        reader = _loaded(together)
    yield reader
    _idle[together].append(reader)


def _loaded(together: tuple[Path, ...]) -> Any:
    import tesserocr

    folder, names = together[0].parent, "+".join(pack.stem for pack in together)
    detects = names == DETECTION
    mode = tesserocr.PSM.OSD_ONLY if detects else tesserocr.PSM.SINGLE_LINE
    kind = tesserocr.OEM.DEFAULT if detects else tesserocr.OEM.LSTM_ONLY
    try:
        reader = tesserocr.PyTessBaseAPI(path=f"{folder}{os.sep}", lang=names, psm=mode, oem=kind)
    except RuntimeError as error:
        raise EngineError(f"Tesseract cannot load {names} of {folder}; install its packages again ({error})") from error
    reader.SetVariable("debug_file", os.devnull)
    return reader
