"""May a PDF page's own text be trusted? A verdict from PDFium alone, about a millisecond a page.

The rule and its thresholds were measured on 109 pages, and then, frozen, on 53 others (right on 51: one page with a
Type 3 font re-read for nothing, one picture full of words missed). It rather reads a page again than trusts bad text.
Added since, untested on those: text in fonts without a mapping table is taken where it holds everyday words, or letters
as often as a language does.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import repeat
from typing import TYPE_CHECKING, Any

from .layout import arranged, lines_of
from .pdf import short
from .pdf_objects import cover, page_objects
from .textlines import text_boxes
from .textpage import TextPage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .geometry import Box, PageFrame
    from .layout import TextBox
    from .pdf_objects import PageObjects, Picture
    from .results import Line

_QUICK_SAMPLE, _SAMPLE = 64, 512  # characters asked for a mapping error; the second only where the first has one
_MAX_UNMAPPED = 0.10
_MAX_STRANGE = 0.05
_MAX_HIDDEN = 0.50
_OCR_COVER = 0.25  # invisible text over less picture than this is no OCR layer
_PAGE_COVER = 0.80  # a picture that is the page
_FEW, _SOME = 16, 400  # characters: of a page that is all drawing, and of one that is all picture
_DRAWING = 20  # paths
_WORD = re.compile(r"[^\W\d_]+")
_LEAST_EVERYDAY, _EVERYDAY_SHARE = 3, 0.05  # prose has 0.3 and more, a table of contents 0.1, a cipher none
_EVERYDAY = frozenset(  # in the languages such PDFs are mostly in
    "the of and to in is for that with on are this by an der die das und ist von mit den nicht für ein eine zu "  # noqa: SIM905
    "le la les des et en est du une pour dans el los las de que por con una il che di per non "
    "het een van niet os as do da em para".split()
)
_LEAST_LETTERS, _LIKE_LANGUAGE = 100, 0.92  # of 32,000 ciphers of 100 letters none came above 0.905
# Percent in prose of the larger languages in Latin script, roughly: its shape is what matters.
# fmt: off
_LETTERS = {
    "e": 14, "a": 8.5, "n": 7.6, "s": 7.4, "i": 6.8, "t": 6.8, "r": 6.7, "o": 6.1, "d": 4.5, "l": 4.5, "u": 4.1,
    "c": 3.2, "h": 3, "m": 2.8, "g": 1.9, "p": 1.9, "b": 1.6, "f": 1.4, "v": 1.2, "w": 1.1, "y": 0.8, "k": 0.6,
    "q": 0.6, "z": 0.5, "j": 0.4, "x": 0.2,
}
# fmt: on
_STRANGE = re.compile("[\x00\x01\x03-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd\ue000-\uf8ff]")


@dataclass(frozen=True, slots=True)
class TextLayer:
    """A page's own text.

    Attributes:
        sound: It can stand for the page; otherwise the page should be recognised.
        reason: ``"sound"``, ``"blank"`` (nothing is on the page: sound, without boxes), ``"no text"``, ``"garbled"``,
            ``"hidden"`` (somebody's OCR), ``"under a picture"``, ``"picture page"``, ``"sparse"``.
        boxes: Its lines, in PDFium's order, where sound or asked for whatever it is; quads are fractions of the
            displayed page.
        arrangement: The text in reading order, and each box's number, start and end in it; None where nobody has
            worked that out yet.
    """

    sound: bool
    reason: str
    boxes: tuple[TextBox, ...] = ()
    arrangement: tuple[str, Sequence[tuple[int, int, int]]] | None = field(default=None, repr=False, compare=False)

    def composed(self, width: float, height: float) -> tuple[str, tuple[Line, ...]]:
        """The text and its lines in reading order, on a page of this size as displayed."""
        text, spans = self.arrangement or arranged(self.boxes, width, height, keep_order=True)
        return text, lines_of(self.boxes, text, spans)

    def with_values(self, values: Sequence[Sequence[TextBox]], stamps: Sequence[TextBox] = ()) -> TextLayer:
        """With what was filled into the page's form fields, or stamped on it, which is as sound as its own text.

        Where the text is not sound the page is drawn and recognised, values and all.

        Args:
            values: The lines of each field; at least one.
            stamps: Lines of stamps and signatures.
        """
        if not (values or stamps) or not (self.sound or self.boxes):
            return self
        boxes = list(self.boxes)
        bounds = [box.quad.bounds for box in boxes]

        def insert(at: int, lines: Sequence[TextBox]) -> None:
            boxes[at:at] = lines
            bounds[at:at] = [line.quad.bounds for line in lines]

        for lines in values:
            at = _after_its_row(lines[0].quad.bounds, bounds)
            insert(len(boxes) if at is None else at, lines)
        for stamp in stamps:
            box = stamp.quad.bounds
            at = _after_its_row(box, bounds)
            insert(_after_what_is_above(box, bounds) if at is None else at, [stamp])
        return TextLayer(self.sound, "sound" if self.sound else self.reason, tuple(boxes))


def _after_its_row(value: Box, lines: Sequence[Box]) -> int | None:
    """The place after the nearest line to the left of a value; None where there is none."""
    middle = (value.top + value.bottom) / 2
    row = [
        (seen.right, n) for n, seen in enumerate(lines) if seen.top < middle < seen.bottom and seen.left < value.left
    ]
    return max(row)[1] + 1 if row else None


def _after_what_is_above(value: Box, lines: Sequence[Box]) -> int:
    above = [(_gap(line, value), -n) for n, line in enumerate(lines) if line.bottom < value.bottom]
    return 1 - min(above)[1] if above else 0


def _gap(one: Box, other: Box) -> float:
    """How far two boxes are apart, squared."""
    across = max(one.left - other.right, other.left - one.right, 0.0)
    down = max(one.top - other.bottom, other.top - one.bottom, 0.0)
    return across * across + down * down


def read_text_layer(page: Any, frame: PageFrame, *, anyway: bool = False) -> TextLayer:
    """Judge a loaded page's text, and take its lines where it is sound (``anyway``: whatever it is).

    Call with the lock held.
    """
    text = TextPage(page)
    try:
        reason = _verdict(text, page, frame)
        sound = reason in ("sound", "blank")
        boxes = text_boxes(text, frame) if reason == "sound" or anyway else ()
        return TextLayer(sound, reason, boxes)
    finally:
        text.close()


def _verdict(text: TextPage, page: Any, frame: PageFrame) -> str:
    """The first rule that applies. What figures are made of is looked at only where it could matter."""
    if not text.text or text.text.isspace():
        objects = page_objects(page)
        return "no text" if objects.pictures or objects.paths else "blank"
    if is_garbled(text):
        return "garbled"
    printed, objects = _printed(text.text), page_objects(page, depth=0)
    if printed >= _FEW and cover([*objects.pictures, *objects.closed], frame) < _OCR_COVER:
        return "sound"
    if objects.closed:
        objects = page_objects(page)
    if objects.pictures and (reason := _picture_verdict(printed, objects, frame)):
        return reason
    return "sparse" if printed < _FEW and (objects.pictures or objects.paths > _DRAWING) else "sound"


def _printed(text: str) -> int:
    """How many characters are no white space, where that is less than ``_SOME``; more is as good as any."""
    start = sum(map(len, text[: 2 * _SOME].split()))
    return start if start >= _SOME or len(text) <= 2 * _SOME else sum(map(len, text.split()))


def _picture_verdict(printed: int, objects: PageObjects, frame: PageFrame) -> str:
    covered = cover(objects.pictures, frame)
    if covered >= _OCR_COVER and objects.hidden_share() >= _MAX_HIDDEN:
        return "hidden"
    if covered > _PAGE_COVER and any(_buries(picture, objects, frame) for picture in objects.pictures):
        return "under a picture"
    return "picture page" if covered >= _PAGE_COVER and printed < _SOME else ""


def _buries(picture: Picture, objects: PageObjects, frame: PageFrame) -> bool:
    """It fills the page and was painted after half of the text or more."""
    texts = len(objects.texts)
    return texts > 0 and picture.texts_before * 2 >= texts and cover([picture], frame) > _PAGE_COVER


def is_garbled(text: TextPage) -> bool:
    """Whether its characters are not those that are seen: a font does not tell, or tells nonsense."""
    if _unmapped(text, _QUICK_SAMPLE) and _unmapped(text, _SAMPLE) > _MAX_UNMAPPED and not _reads_well(text):
        return True
    return len(_STRANGE.findall(text.text)) > _MAX_STRANGE * len(text.text)


def _unmapped(text: TextPage, sample: int) -> float:
    """Share of sampled characters that PDFium could not map to Unicode."""
    asked = range(0, text.count, text.count // sample + 1)
    failed = list(map(short("FPDFText_HasUnicodeMapError"), repeat(text.handle), asked))
    return failed.count(1) / len(asked)


def _reads_well(text: TextPage) -> bool:
    """What PDFium could not map reads like a language all the same: a font without a table, rightly guessed."""
    fails, handle = short("FPDFText_HasUnicodeMapError"), text.handle
    unmapped = [word[0] for word in _WORD.finditer(text.text) if fails(handle, text.index(word.start())) == 1]
    everyday = sum(word.lower() in _EVERYDAY for word in unmapped)
    if everyday >= _LEAST_EVERYDAY and everyday > _EVERYDAY_SHARE * len(unmapped):
        return True
    return _likeness("".join(unmapped).lower()) > _LIKE_LANGUAGE  # a page of titles and names


def _likeness(letters: str) -> float:
    """How far they are as frequent as in a language: a cosine, 0-1; 0 where they are too few to tell."""
    counts = Counter(letters)
    if len(letters) < _LEAST_LETTERS:
        return 0.0
    alike = sum(counts[letter] * share for letter, share in _LETTERS.items())
    return alike / math.hypot(*counts.values()) / math.hypot(*_LETTERS.values())
