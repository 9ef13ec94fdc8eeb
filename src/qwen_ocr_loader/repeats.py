"""A model's loop, told from a page that repeats itself: same words again and again, up to where the reply ends.

Vision models fall into loops (QwenLM/Qwen3-VL#241, deepseek-ai/DeepSeek-OCR-2#28, zai-org/GLM-OCR#220). Real pages
repeat themselves too: ruled lines, empty cells, columns of zeros, sheets of labels. What tells them apart is how much a
page can hold: about 100 rows, some 250 characters to a row, and never 4,000 letters of the same words over and over.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_MARKUP = re.compile(r"</?[a-zA-Z][^<>]*>|&nbsp;|\\(?:hline|quad|hfill|dotfill|ldots)(?![a-zA-Z])")
_BLANK = re.compile(r"\s+")
_WIDE = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uff60]")  # as wide as two letters
_WORD = re.compile(r"[^\W\d_]{2}|[\u2e80-\u9fff\uac00-\ud7af]")
_FIGURE = re.compile(r"[^\W_]")
_ROW = re.compile(r"<tr\b", re.IGNORECASE)
_CELL = re.compile(r"</?t[dh]\b", re.IGNORECASE)
_CLOSERS = re.compile(r"(?:\s|```|</\w{1,10}>|[\]}\"]){1,200}\Z")
_DIGITS = str.maketrans("123456789", "000000000")

_SCALES = tuple(round(48 * 1.5**i) for i in range(16))  # characters of the tail, up to 21,000
_WINDOW = 2 * _SCALES[-1]
_PAUSE = 256  # characters between two looks at a growing text
_SHORTEST = 600  # characters: no loop is shorter
_LONGEST = 50_000  # characters: nothing that long is on a page


class Repeat(NamedTuple):
    """The same thing again and again at the end of a text.

    Attributes:
        start: Where it is read for the first time, in code points.
        unit: What is repeated; where only its numbers change, as it stands the first time.
        times: How often it stands there whole.
    """

    start: int
    unit: str
    times: int


def find_repeat(text: str, *, cut_off: bool = False) -> Repeat | None:
    """The loop at the end of a text, if it ends in one; closing brackets, tags and fences after it do not count.

    Args:
        text: A reply, whole or as far as it has come.
        cut_off: It is known to stop before the page does (the length limit). A third of the evidence is then enough.
    """
    ends = (len(text), len(_CLOSERS.sub("", text[-400:])) + max(len(text) - 400, 0))
    for end in dict.fromkeys(ends):
        if found := _at_end(text[:end], cut_off=cut_off):
            return found
    return None


def cut(text: str, repeat: Repeat) -> str:
    """The text up to where it begins to repeat itself: everything that was read, once."""
    return text[: repeat.start + len(repeat.unit)]


class RepeatWatch:
    """Watches a reply as it comes in; looks every few hundred characters, at a bounded tail."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._tail = ""
        self._seen = 0
        self._fresh = 0

    def feed(self, piece: str) -> Repeat | None:
        """Take the next piece of the reply; the loop in what has come so far, if it ends in one by now."""
        self._pieces.append(piece)
        self._fresh += len(piece)
        if self._fresh < _PAUSE:
            return None
        self._fresh = 0
        text = self._tail = (self._tail + "".join(self._pieces[self._seen :]))[-_LONGEST - _PAUSE :]
        self._seen = len(self._pieces)
        if _at_end(text, cut_off=False) is None:
            return None
        return _at_end("".join(self._pieces), cut_off=False)


def _at_end(text: str, *, cut_off: bool) -> Repeat | None:
    tail = text[-_WINDOW:]
    for strict, seen in ((1, tail), (3, tail.translate(_DIGITS))):
        for period in _periods(seen):
            whole = text if strict == 1 else text.translate(_DIGITS)
            length = period + _run(whole, period)
            unit = seen[-period:]
            if _is_loop(unit, length, strict=strict / 3 if cut_off else strict):
                start = _first_row(text, len(text) - length, period)
                unit = text[start : start + period]
                return Repeat(start, unit, (len(text) - start) // period)
    return None


def _periods(text: str) -> list[int]:
    """Lengths after which the end of the text comes again, the shortest first; each looked for at its own scale."""
    back = text[::-1]
    found: dict[int, None] = {}
    for scale in _SCALES:
        if len(back) <= scale:
            break
        period = back.find(back[:scale], 1, 2 * scale)
        if period > 0:
            found[period] = None
        elif scale > _SHORTEST and not found and back.find(back[: _SCALES[0]], 1) < 0:
            break  # nothing of the end comes again: the usual case
    return list(found)


def _run(text: str, period: int) -> int:
    """How many characters at the end of the text are the same as those one period before."""
    low, high = 0, len(text) - period
    while low < high:
        middle = (low + high + 1) // 2
        end = len(text) - period
        if text.endswith(text[end - middle : end]):
            low = middle
        else:
            high = middle - 1
    return low


def _first_row(text: str, start: int, period: int) -> int:
    """Where the repeated row, cell or word begins: what stood before may have ended in the same letters by chance."""
    first = text[start : start + period]
    for mark, after in (("\n", 1), ("<tr", 0), ("<td", 0), (" ", 1)):
        if mark in first:
            return start + first.index(mark) + after if text[start - 1 : start] != mark or not after else start
    return start


def _is_loop(unit: str, length: int, *, strict: float) -> bool:
    """Whether ``length`` characters of this unit are more than a page holds."""
    if length >= _LONGEST * strict:
        return True
    if mark := re.search(r"[<&\\]", unit):  # a unit may begin inside a tag
        unit = unit[mark.start() :] + unit[: mark.start()]
    times, shown, letters = length / len(unit), _shown(unit * 3) - _shown(unit * 2), _MARKUP.sub("", unit * 2)
    if _WORD.search(letters):
        return times >= (8 if shown < 800 else 5) and shown * times >= 4000 * strict
    if _FIGURE.search(letters):
        return times >= 8 and shown * times >= 8000 * strict
    return _is_endless_filler(unit, length, strict=strict)


def _is_endless_filler(unit: str, length: int, *, strict: float) -> bool:
    """Dots, dashes, blanks and empty cells: too long for one row, or too many rows."""
    rows = len(_ROW.findall(unit))
    if not rows and not _CELL.search(unit):
        rows = unit.count("\n")
    return length >= 3000 * strict and (not rows or rows * length / len(unit) >= 150 * strict)


def _shown(text: str) -> int:
    """Width of what would be seen of it, in letters: no markup, no runs of blanks."""
    seen = _BLANK.sub(" ", _MARKUP.sub("", text))
    return len(seen) + len(_WIDE.findall(seen))
