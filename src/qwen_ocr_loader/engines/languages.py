"""Lines in a script or language that PP-OCR does not write are read again by whoever is installed for it."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

from ..errors import UnknownScript, did_you_mean
from .ppocr import LEGIBLE
from .recognisers import RECOGNISERS, for_languages, shared
from .scripts import EAST_ASIAN, SCRIPTS, TELLTALES, foreign, telltale_language, written_in
from .tesseract import DETECTION, Script, recognise, script_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from .ppocr import Reading, Seen
    from .recognition import Pixels, Recognised
    from .scripts import Foreign

SAMPLE = 4  # the longest lines: enough to tell a language by
ROUNDS = 3  # scripts on one page besides those of PP-OCR
CREDIBLE = 0.85  # mean confidence of a sample, where that alone tells the language: strangers .80, the true one .86
ACCEPTED = 0.5  # confidence of a line
MOSTLY = 0.5  # of a page's lines, by length
FEW = 3  # lines: fewer may be a picture's
INSTALL = "pip install 'qwen-ocr-loader[tesseract]'"
COMMON = ("ara", "kor", "rus")  # packs to name where nothing can tell the script

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


class Others(NamedTuple):
    """Who is here for what PP-OCRv6 does not write.

    Attributes:
        installed: Tesseract's packs and RapidOCR's recognisers, by name.
        wanted: The packs of the languages that pages are said to be in; tried first.
        threads: For RapidOCR's recognisers.
    """

    installed: Mapping[str, Path]
    wanted: tuple[str, ...] = ()
    threads: int = 1

    def here(self, names: Iterable[str]) -> list[str]:
        """Those that are installed."""
        return [name for name in names if name in self.installed]

    def recognise(self, crops: Sequence[Pixels], *names: str) -> list[Recognised]:
        """The reading of each level line by one recogniser, or one pack or several together."""
        paths = [self.installed[name] for name in names if name in self.installed]
        if names[0] in RECOGNISERS:
            return shared(paths[0], self.threads).recognise(crops)
        return recognise(crops, *paths)

    def shown(self, crops: Sequence[Pixels]) -> Script | None:
        """What Tesseract's detection sees, where its pack is installed."""
        pack = self.installed.get(DETECTION)
        return script_of(crops, pack) if pack and crops else None

    def called(self, name: str) -> str:
        """As in the engine's name."""
        stem = self.installed[name].stem
        return stem.partition("_rec")[0] if name in RECOGNISERS else f"tesseract:{stem}"


class Reread(NamedTuple):
    """All lines of a page, who has read some of them again, and what is to be said about those nobody could read."""

    readings: list[Reading]
    by: tuple[str, ...] = ()
    complaint: str = ""


class Heard(NamedTuple):
    """Who can read some lines, and whether they stand upside down."""

    name: str
    upside_down: bool = False


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


def reread(lines: Sequence[Seen], others: Others) -> Reread:
    """The lines as PP-OCR read them; those that it could not, as somebody reads them who can.

    Args:
        lines: All that were found on a page.
        others: Who there is, and what to expect.

    Raises:
        UnknownScript: Most of the page cannot be read by anything installed; the message has the command that helps.
    """
    if pack := telltale_language("".join(seen.reading.text for seen in lines)):
        return _respelt(lines, pack, others)
    found = foreign(lines)
    if telltales := [pack for pack in others.wanted if pack in TELLTALES and not found.blank]:
        return _respelt(lines, telltales[0], others)
    return _foreign(lines, found, others) if found.at else Reread([seen.reading for seen in lines])


# --- scripts that PP-OCR does not know ---------------------------------------------------------------------------


def _foreign(lines: Sequence[Seen], found: Foreign, others: Others) -> Reread:
    readings, by = [seen.reading for seen in lines], []
    left = found.at
    for _ in range(ROUNDS):
        heard = _heard(lines, found, left, others) if left else None
        if heard is None or heard.name in by:
            break
        better = _read_by(heard, lines, left, others)
        readings = [better.get(i, reading) for i, reading in enumerate(readings)]
        by += [heard.name] if better else []
        left = [i for i in left if i not in better]
    complaint = _complaint(lines, found, left, others) if left else ""
    doubted = found.unread.intersection(left) if complaint else ()
    for i in doubted:  # what was read of such a line is not to be relied on
        readings[i] = readings[i]._replace(score=min(readings[i].score, LEGIBLE))
    return Reread(readings, tuple(map(others.called, by)), complaint)


def _sample(lines: Sequence[Seen], at: Iterable[int]) -> list[Pixels]:
    return sorted((lines[i].crop for i in at), key=lambda crop: -crop.shape[1])[:SAMPLE]


def _heard(lines: Sequence[Seen], found: Foreign, at: Sequence[int], others: Others) -> Heard | None:
    """Who reads some lines best, as far as anybody is installed; lines of doubtful Latin letters are left alone."""
    crops = _sample(lines, at)
    shown = others.shown(crops)
    turned = shown is not None and shown.upside_down
    script = _script(shown)
    if not (script or found.blank or others.wanted):
        return None
    upright = [crop[::-1, ::-1] if turned else crop for crop in crops]
    for names, bar in _groups(script, others, ACCEPTED if script and found.blank else CREDIBLE):
        trials = {name: _fluency(name, others.recognise(upright, name)) for name in names}
        best = max(trials, key=lambda name: trials[name], default=None)
        if best and trials[best] >= bar:
            return Heard(best, turned)
    return None


def _script(shown: Script | None) -> str | None:
    return shown.name if shown and shown.sure and shown.name in SCRIPTS else None


def _groups(script: str | None, others: Others, bar: float) -> Iterator[tuple[list[str], float]]:
    """Names to try together, and the confidence that will do: who is asked for, then RapidOCR's, then Tesseract's.

    Args:
        script: That the lines are in; None where that is not known, for the first installed pack of each.
        others: Who there is.
        bar: For those who were not asked for.
    """
    firsts = (next((pack for pack in packs if pack in others.installed), None) for packs in SCRIPTS.values())
    packs = SCRIPTS[script] if script else [pack for pack in firsts if pack]
    wanted = [pack for pack in others.wanted if not script or pack in packs]
    yield others.here(for_languages(wanted)), ACCEPTED
    yield others.here(wanted), ACCEPTED
    yield others.here(for_languages(packs) if script else RECOGNISERS), bar
    yield others.here(packs), bar


def _fluency(name: str, readings: Sequence[Recognised]) -> float:
    """Mean confidence of what comes out in the letters it should."""
    return fmean(read.score if written_in(read.text, _pack(name)) else 0.0 for read in readings)


def _pack(name: str) -> str:
    """Itself, or one that a recogniser stands for: of the same script."""
    return RECOGNISERS[name][0] if name in RECOGNISERS else name


def _read_by(heard: Heard, lines: Sequence[Seen], at: Sequence[int], others: Others) -> dict[int, Reading]:
    """The lines that come out credibly in a language's letters, by index."""
    import numpy as np

    crops = [lines[i].crop[::-1, ::-1] if heard.upside_down else lines[i].crop for i in at]
    found = {}
    for i, read in zip(at, others.recognise(crops, heard.name, *_companion(heard.name)), strict=True):
        if read.score >= ACCEPTED and written_in(read.text, _pack(heard.name)):
            corners = np.roll(lines[i].corners, -2 if heard.upside_down else 0, axis=0)
            found[i] = lines[i].reading._replace(text=read.text, corners=corners, score=read.score)
    return found


def _companion(name: str) -> tuple[str, ...]:
    """English, for the Latin words between those in another script; the Korean, Vietnamese and Slovak packs know them.

    It costs 1.1 to 2 times the time; word F1 of an Arabic page with names of programs rose from .861 to .887.
    """
    return () if name in {"kor", "vie", "slk"} else ("eng",)


# --- languages that PP-OCR writes with wrong letters -------------------------------------------------------------


def _respelt(lines: Sequence[Seen], pack: str, others: Others) -> Reread:
    """The lines of a page that PP-OCR reads well but for some letters of its language."""
    readings = [seen.reading for seen in lines]
    names = others.here([*for_languages([pack]), pack])
    if not names:
        command = _command([pack], others)
        return Reread(readings, complaint=f"read with some letters wrong, as it is in {pack!r}; type: {command}")
    at = [i for i, reading in enumerate(readings) if written_in(reading.text, pack)]
    better = _read_by(Heard(names[0]), lines, at, others)
    by = (others.called(names[0]),) if better else ()
    return Reread([better.get(i, reading) for i, reading in enumerate(readings)], by)


# --- what nobody reads -------------------------------------------------------------------------------------------


def _complaint(lines: Sequence[Seen], found: Foreign, left: Sequence[int], others: Others) -> str:
    """What to say of the lines that are left, if anything.

    Raises:
        UnknownScript: They are most of the page.
    """
    unread = sorted(found.unread.intersection(left))
    shown = others.shown(_sample(lines, unread or left))
    script = _script(shown) or ("Korean" if unread and shown and shown.name in EAST_ASIAN else None)
    needed = _needed(script, others) if script or found.blank else ()
    if not needed and not found.blank:
        return _doubt(lines, left, others)
    at = left if needed else unread
    raises = needed or (len(at) >= FEW and shown is None)  # what the detection does not know may be drawings
    what = f"in {script} script" if needed and script else "in a script that nothing installed reads, or no print"
    command = _command(needed, others)
    said = f"{len(at)} of {len(lines)} lines cannot be read: they seem to be {what}"
    said += f"; type: {command}" if command else "; try engine='dashscope', or preprocess=('orient',)"
    if raises and found.share(at) >= MOSTLY:
        raise UnknownScript(said, text="\n".join(seen.reading.text for seen in lines))
    return said


def _doubt(lines: Sequence[Seen], left: Sequence[int], others: Others) -> str:
    """Of doubtful lines that are not known to be in any other script: to be said where that cannot be told."""
    if DETECTION in others.installed or len(left) < FEW:
        return ""
    said = f"{len(left)} of {len(lines)} lines are doubtful: a poor picture, or a script that nothing installed reads"
    return f"{said}; to tell which, type: {_command((), others)}"


def _needed(script: str | None, others: Others) -> Sequence[str]:
    """Packs that would help; none where they are here and did not."""
    if script and not others.here([*for_languages(SCRIPTS[script]), *SCRIPTS[script]]):
        return [pack for pack in others.wanted if pack in SCRIPTS[script]] or SCRIPTS[script][:1]
    return [pack for pack in others.wanted if not script and not others.here([*for_languages([pack]), pack])]


def _command(needed: Sequence[str], others: Others) -> str:
    """What to type so that such a page is read; empty where nothing is known to help."""
    tesseracts = set(others.installed) - set(RECOGNISERS)
    if not needed and not tesseracts:
        needed = COMMON
    asked = [*([] if DETECTION in tesseracts else [DETECTION]), *needed]
    system = [f"apt-get install {' '.join(f'tesseract-ocr-{pack}' for pack in asked)}"] if asked else []
    return " && ".join([*([] if tesseracts else [INSTALL]), *system])
