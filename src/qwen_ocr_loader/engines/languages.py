"""Lines in a script or language that PP-OCR does not write are read again by Tesseract, in the language that fits."""

from __future__ import annotations

import logging
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

from ..errors import MissingDependency, ReplyUnreadable, did_you_mean
from . import tesseract
from .scripts import EAST_ASIAN, SCRIPTS, TELLTALES, Foreign, foreign, telltale_language

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from .ppocr import Pixels, Reading, Seen

SAMPLE = 4  # the longest lines: enough to tell a language by
ROUNDS = 3  # scripts on one page besides those of PP-OCR
CREDIBLE = (
    0.85  # mean confidence of a sample, where only that tells the language: strangers reach .80, the true one .86
)
ACCEPTED = 0.5  # confidence of a line
MOSTLY = 0.5  # of a page's lines, by length
FEW = 3  # lines: fewer may be a picture's
INSTALL = "pip install 'qwen-ocr-loader[tesseract]'"
COMMON = ("ara", "kor", "rus")  # packs to name where nothing can tell the script
logger = logging.getLogger("qwen_ocr_loader")

# Two-letter codes (ISO 639-1): of languages that PP-OCR reads as they are, and of those that Tesseract has packs for.
# fmt: off
AT_HOME = frozenset({
    "cs", "da", "de", "en", "es", "et", "fi", "fr", "hr", "hu", "id", "it", "ja", "la", "lt", "lv", "ms", "nl", "no",
    "pl", "pt", "ro", "sl", "sq", "sv", "sw", "tr", "zh",
})
CODES = {
    "am": "amh", "ar": "ara", "as": "asm", "be": "bel", "bg": "bul", "bn": "ben", "el": "ell", "fa": "fas",
    "gu": "guj", "he": "heb", "hi": "hin", "hy": "hye", "ka": "kat", "kk": "kaz", "km": "khm", "kn": "kan",
    "ko": "kor", "ky": "kir", "lo": "lao", "mk": "mkd", "ml": "mal", "mn": "mon", "mr": "mar", "my": "mya",
    "ne": "nep", "pa": "pan", "ps": "pus", "ru": "rus", "sa": "san", "sd": "snd", "si": "sin", "sk": "slk",
    "sr": "srp", "ta": "tam", "te": "tel", "tg": "tgk", "th": "tha", "ti": "tir", "tt": "tat", "ug": "uig",
    "uk": "ukr", "ur": "urd", "vi": "vie", "yi": "yid",
}
# fmt: on


class Reread(NamedTuple):
    """All lines of a page, and the packs some of them were read with."""

    readings: list[Reading]
    packs: tuple[str, ...] = ()


class Heard(NamedTuple):
    """A language that may be the one: its pack, and whether its lines stand upside down."""

    pack: str
    upside_down: bool


def packs_for(languages: Iterable[str]) -> tuple[str, ...]:
    """Tesseract's packs for languages, those left out that PP-OCR reads.

    Raises:
        ValueError: A language nobody here knows.
    """
    known = {*CODES.values(), *TELLTALES}
    found = []
    for language in languages:
        pack = CODES.get(language, language)
        if pack not in known and pack not in AT_HOME:
            raise ValueError(f"languages: there is no {language!r}{did_you_mean(language, {*CODES, *AT_HOME})}")
        found += [pack] if pack in known else []
    return tuple(found)


def reread(lines: Sequence[Seen], wanted: Sequence[str] = ()) -> Reread:
    """The lines as PP-OCR read them; those that it could not, and that Tesseract can, as Tesseract does.

    Args:
        lines: All that were found on a page.
        wanted: The packs to choose from, where the page's languages are known.

    Raises:
        MissingDependency: Most of the page is in a script that nothing installed reads; the message has the command.
        ReplyUnreadable: Most of the page cannot be read, and no other pack would help as far as can be told.
    """
    installed = tesseract.packs()
    if pack := _misspelt(lines, wanted):
        return _respelt(lines, pack, installed)
    found = foreign(lines)
    return _foreign(lines, found, wanted, installed) if found.at else Reread([seen.reading for seen in lines])


def _foreign(lines: Sequence[Seen], found: Foreign, wanted: Sequence[str], installed: Mapping[str, Path]) -> Reread:
    readings, used = [seen.reading for seen in lines], []
    left, untried = found.at, set(installed)
    for _ in range(ROUNDS):
        heard = _heard(_sample(lines, left), wanted, {pack: installed[pack] for pack in untried})
        if heard is None:
            break
        untried.discard(heard.pack)
        better = _read_by(heard, lines, left, installed)
        readings = [better.get(i, reading) for i, reading in enumerate(readings)]
        used += [heard.pack] if better else []
        left = [i for i in left if i not in better]
        if not left:
            break
    if left:
        _tell(lines, found, left, installed)
    return Reread(readings, tuple(used))


def _sample(lines: Sequence[Seen], at: Iterable[int]) -> list[Pixels]:
    return sorted((lines[i].crop for i in at), key=lambda crop: -crop.shape[1])[:SAMPLE]


def _heard(sample: Sequence[Pixels], wanted: Sequence[str], installed: Mapping[str, Path]) -> Heard | None:
    """The language that some lines are in, as far as packs are installed."""
    shown = _shown(sample, installed)
    upside_down = shown is not None and shown.upside_down
    sure = shown is not None and shown.sure and shown.name in SCRIPTS
    among = SCRIPTS[shown.name] if shown and sure else _each_script(installed)
    chosen = [pack for pack in (wanted or among) if pack in installed and (not sure or pack in among)]
    if not chosen:
        return None
    crops = [crop[::-1, ::-1] if upside_down else crop for crop in sample]
    trials = {pack: fmean(read.score for read in tesseract.recognise(crops, installed[pack])) for pack in chosen}
    best = max(trials, key=trials.__getitem__)
    return Heard(best, upside_down) if trials[best] >= (ACCEPTED if sure or wanted else CREDIBLE) else None


def _shown(sample: Sequence[Pixels], installed: Mapping[str, Path]) -> tesseract.Script | None:
    """What Tesseract's detection sees, where its pack is installed."""
    return tesseract.script(sample, installed[tesseract.DETECTION]) if tesseract.DETECTION in installed else None


def _each_script(installed: Mapping[str, Path]) -> list[str]:
    """The first installed pack of each script."""
    firsts = (next((pack for pack in packs if pack in installed), None) for packs in SCRIPTS.values())
    return [pack for pack in firsts if pack]


def _read_by(
    heard: Heard, lines: Sequence[Seen], at: Sequence[int], installed: Mapping[str, Path]
) -> dict[int, Reading]:
    """The lines that come out credibly in a language, by index."""
    import numpy as np

    crops = [lines[i].crop[::-1, ::-1] if heard.upside_down else lines[i].crop for i in at]
    together = [installed[pack] for pack in (heard.pack, *_companion(heard.pack)) if pack in installed]
    found = {}
    for i, read in zip(at, tesseract.recognise(crops, *together), strict=True):
        if read.text and read.score >= ACCEPTED:
            corners = np.roll(lines[i].corners, -2 if heard.upside_down else 0, axis=0)
            found[i] = lines[i].reading._replace(text=read.text, corners=corners, score=read.score)
    return found


def _companion(pack: str) -> tuple[str, ...]:
    """English, for the Latin words between those in another script; the Korean, Vietnamese and Slovak packs know them.

    It costs 1.1 to 2 times the time; word F1 of an Arabic page with names of programs rose from .861 to .887.
    """
    return () if pack in {"kor", "vie", "slk"} else ("eng",)


def _misspelt(lines: Sequence[Seen], wanted: Sequence[str]) -> str | None:
    """The pack for a page that PP-OCR reads well but for some letters of its language."""
    if wanted:
        return next((pack for pack in wanted if pack in TELLTALES), None)
    return telltale_language("".join(seen.reading.text for seen in lines))


def _respelt(lines: Sequence[Seen], pack: str, installed: Mapping[str, Path]) -> Reread:
    readings = [seen.reading for seen in lines]
    if pack not in installed:
        logger.warning("a page in %r is read with some letters wrong; type: %s", pack, _command([pack], installed))
        return Reread(readings)
    at = [i for i, reading in enumerate(readings) if any(map(str.isalpha, reading.text))]
    better = _read_by(Heard(pack, upside_down=False), lines, at, installed)
    return Reread([better.get(i, reading) for i, reading in enumerate(readings)], (pack,) if better else ())


def _tell(lines: Sequence[Seen], found: Foreign, left: Sequence[int], installed: Mapping[str, Path]) -> None:
    """Say what was not read: as an error where it is most of the page."""
    shown = _shown(_sample(lines, left), installed)
    needed = _needed(shown)
    if set(needed) & set(installed):
        needed = ()  # the pack is there, and could not read it
    command = _command(needed, installed)
    what = f"{len(left)} of {len(lines)} lines cannot be read: {_guess(shown, needed)}"
    mostly = (found.share if needed else found.unread) >= MOSTLY  # confidence alone does not tell noise from a script
    if not mostly or len(left) < max(FEW, len(found.at) / 2):
        logger.warning("%s; %s", what, f"type: {command}" if command else "they are left as they came out")
    elif command:
        raise MissingDependency(f"{what}; type: {command}")
    else:
        text = "\n".join(seen.reading.text for seen in lines)
        raise ReplyUnreadable(f"{what}; try engine='dashscope', or preprocess=('orient',)", text=text)


def _needed(shown: tesseract.Script | None) -> Sequence[str]:
    """Packs that would read what the detection sees. What PP-OCR cannot read is no Chinese or Japanese: Korean is."""
    if shown is None:
        return ()
    if shown.name in EAST_ASIAN:
        return SCRIPTS["Korean"]
    return SCRIPTS.get(shown.name, ())[:1] if shown.sure else ()


def _guess(shown: tesseract.Script | None, needed: Sequence[str]) -> str:
    if needed and shown:
        return f"they seem to be in {'Korean' if shown.name in EAST_ASIAN else shown.name} script"
    return "handwriting, noise, or a script that nothing installed reads"


def _command(needed: Sequence[str], installed: Mapping[str, Path]) -> str:
    """What to type so that such a page is read; empty where nothing is known to help."""
    if not installed:
        needed = ["osd", *(needed or COMMON)]
    system = [f"apt-get install {' '.join(f'tesseract-ocr-{pack}' for pack in needed)}"] if needed else []
    return " && ".join([*([] if installed else [INSTALL]), *system])
