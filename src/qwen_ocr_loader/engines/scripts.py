"""Which lines PP-OCR could not read, and the scripts and languages they may be in.

PP-OCR leaves out the letters that it does not know: a Korean or Russian line comes out as its digits and full stops
alone, often with high confidence. So it is the ink without letters that tells, and not the confidence: on 50 documents
in Latin script, Chinese and Japanese at most 2 % of a page's lines, by length, have too few letters for their ink; on
Korean and Arabic ones 97 % and more.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from .ppocr import Seen
    from .recognition import Pixels

LATIN_WIDTH, CJK_WIDTH = 0.5, 1.0  # ink a character needs at most, in line heights
CJK = "\u2e80"  # and all above it
SHORTEST = 2.5  # line heights: a shorter line tells nothing
LOWEST = 12  # pixels: a lower line is too small to be read, whatever its script
UNREAD = 0.2  # of a line's ink
STROKES = 2.4  # for each line height of ink: print has 2.6 and more; blurred print, scribbles and drawings mostly less
BARS = 0.5  # of the columns with ink, those that are all ink: of a barcode's nearly all, of print's up to a sixth
OWN = 0.2  # of a line's letters: others may be those of names and brands in Latin script
DOUBTFUL = 0.8  # confidence
FOREIGN = 0.05  # of a page's lines, by length, unread: worth a look
LOOK_ALIKE = 0.4  # ... or unread or doubtful: Hebrew and Thai are mistaken for Latin letters, with little confidence

# Scripts as Tesseract's detection calls them, and its packs for them, the commonest language first.
SCRIPTS: Mapping[str, tuple[str, ...]] = {
    "Arabic": ("ara", "fas", "urd", "pus", "uig", "snd"),
    "Armenian": ("hye",),
    "Bengali": ("ben", "asm"),
    "Cyrillic": ("rus", "ukr", "bul", "srp", "bel", "mkd", "kaz", "mon", "kir", "tgk", "tat"),
    "Devanagari": ("hin", "mar", "nep", "san"),
    "Ethiopic": ("amh", "tir"),
    "Georgian": ("kat",),
    "Greek": ("ell",),
    "Gujarati": ("guj",),
    "Gurmukhi": ("pan",),
    "Hebrew": ("heb", "yid"),
    "Kannada": ("kan",),
    "Khmer": ("khm",),
    "Korean": ("kor",),
    "Lao": ("lao",),
    "Malayalam": ("mal",),
    "Myanmar": ("mya",),
    "Sinhala": ("sin",),
    "Tamil": ("tam",),
    "Telugu": ("tel",),
    "Thai": ("tha",),
}
EAST_ASIAN = frozenset({"Korean", "Hangul", "Japanese", "Hiragana", "Katakana"})  # all Korean, if PP-OCR cannot read it


class Telltale(NamedTuple):
    """A language PP-OCR writes with wrong letters, and how its text still tells it: letters it has and has not."""

    letters: re.Pattern[str]
    share: float  # of all letters
    foreign: re.Pattern[str] | None = None  # of a neighbour, where they are more than a misread one here and there


TELLTALES: Mapping[str, Telltale] = {
    "vie": Telltale(re.compile("[ươơđ]"), 0.02),
    "slk": Telltale(re.compile("[čšžľťňýáíúô]"), 0.06, re.compile("[řěůąęłćőűėųāēģķļðþæ]")),
    "ell": Telltale(re.compile("[α-ω]"), 0.5),
}
_LETTER = re.compile(r"[^\W\d_]")
_ENOUGH = 40  # letters on a page to tell a language by
_RARE = 5  # of a language's own letters at least
_STRAY = 0.01  # of all letters


def is_unread(seen: Seen) -> bool:
    """Whether a line has much more ink than the letters it was read as need, and the ink is that of print."""
    length, needed = _length(seen), _needed(seen.reading.text)
    if length < SHORTEST or needed >= length * (1 - UNREAD) or seen.crop.shape[0] < LOWEST:
        return False  # told without a look at the pixels, as nearly always
    marks = _marks(seen.crop)
    inked = marks.any(axis=0)
    ink = float(inked.sum() / len(seen.crop))
    if ink - needed <= max(LATIN_WIDTH, UNREAD * ink):
        return False
    bars = marks.all(axis=0).sum() > BARS * inked.sum()
    return not bars and _strokes(marks) >= STROKES * ink


class Foreign(NamedTuple):
    """Lines that PP-OCR could not read: ``at`` their indices, ``unread`` those without their letters among them."""

    at: list[int]
    unread: frozenset[int]
    lengths: list[float]

    def share(self, at: Iterable[int]) -> float:
        """Of all the page's lines, by length."""
        return sum(self.lengths[i] for i in at) / (sum(self.lengths) or 1.0)

    @property
    def blank(self) -> bool:
        """Most of them without their letters: another script, where doubtful letters are more often a poor picture."""
        return bool(self.unread) and self.share(self.unread) >= self.share(self.at) / 2


def foreign(lines: Sequence[Seen]) -> Foreign:
    """The lines to be read by somebody else; none where all is well."""
    unread = frozenset(i for i, seen in enumerate(lines) if is_unread(seen))
    doubtful = sorted({*unread, *(i for i, seen in enumerate(lines) if seen.reading.score < DOUBTFUL)})
    found = Foreign(doubtful, unread, [_length(seen) for seen in lines])
    if found.share(doubtful) >= LOOK_ALIKE:
        return found
    return found._replace(at=sorted(unread) if found.share(unread) >= FOREIGN else [])


def written_in(text: str, pack: str) -> bool:
    """Whether enough letters are of the script of one of ``SCRIPTS``' packs; of Latin script for any other pack."""
    script = next((script for script, packs in SCRIPTS.items() if pack in packs), "Latin")
    block = {"Korean": "HANGUL"}.get(script, script.upper())
    letters = [letter for letter in text if letter.isalpha()]
    own = sum(unicodedata.name(letter, "").startswith(block) for letter in letters)
    return own > 0 and own >= OWN * len(letters)


def telltale_language(text: str) -> str | None:
    """The pack for the language a text shows itself to be in, where PP-OCR writes that one with wrong letters."""
    text = text.lower()
    letters = len(_LETTER.findall(text))
    if letters < _ENOUGH or text.isascii():
        return None
    for pack, (own, share, neighbours) in TELLTALES.items():
        strays = len(neighbours.findall(text)) if neighbours else 0
        if len(own.findall(text)) >= max(_RARE, share * letters) and strays <= _STRAY * letters:
            return pack
    return None


def _length(seen: Seen) -> float:
    """In line heights."""
    height, width = seen.crop.shape[:2]
    return float(width / max(1, height))


def _needed(text: str) -> float:
    return sum(CJK_WIDTH if letter >= CJK else LATIN_WIDTH for letter in text if not letter.isspace())


def _marks(crop: Pixels) -> NDArray[np.bool_]:
    """The ink in the middle of the line's height, where rulings seldom are."""
    import numpy as np

    dark = crop.min(axis=2).astype(np.int16)
    height = dark.shape[0]
    middle = dark[height // 4 : max(height * 3 // 4, height // 4 + 1)]
    low, high = np.percentile(middle, [2, 98])
    if high - low < 30:  # an empty line
        return np.zeros(middle.shape, dtype=bool)
    marks: NDArray[np.bool_] = np.abs(middle - np.median(dark)) > (high - low) * 0.4
    return marks


def _strokes(marks: NDArray[np.bool_]) -> float:
    """How many a level line through the text meets, on average."""
    return float((marks[:, 1:] & ~marks[:, :-1]).sum(axis=1).mean())
