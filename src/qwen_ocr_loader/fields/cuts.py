"""Where a printed line is label and where it is value: ``Tel: 1234 Fax: 5678`` is two of each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .labels import CJK, head, phrase, words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .labels import Vocabulary

COLONS = (":", "：")
Cut = tuple[int, int, int, bool]
"""Start, end, how sure it is a label (0 none, 1 looks like one, 2 known, 3 with a colon), follows a label or colon."""

_COLON = re.compile(r"[:：]+(?!//)")
_LEADING_MARK = re.compile(r"(?:[xX]|_+[xX]_*|[☑☒✓✔✗✘■])\s+(?=[^\W\d_])")
_NUMBERED = re.compile(
    r"[^\W\d_][^\d:：,]{0,40}?(?:\b(?:No|NO|no|Nos|Nr|Number|NUMBER)\b|\b[nN]\.?[°º]|\bn(?=\.)|#)\.?(?=\s+\S*\d)"
)
_VALUE_START = re.compile(r"[\s.]*[^\w\s]{0,3}\d(?!\S*%)|\s*[$€£¥₹]")
_BY = re.compile(r"(?:[^\W\d_]+\s){1,3}(?:by|By|BY)\b(?=\s+[^\W\d_a-z])")
_CAPITALS = re.compile(r"(?:[^\W\d_a-z]{2,}[^\w\s]*\s+)+(?=[^\W_]*[\da-z])")
_MOST_WORDS = 8  # of a label with its value in the same line; one that a colon ends may be a sentence
_HOUSE_NUMBER = re.compile(r"(?i)\s*no\.?\s?[:：]\s?\d+[\w/-]*\s?[,&]")
_ITEM = re.compile(r"\(\w{1,2}\)(?=\s+\w)")
_FEWEST = 4  # letters of a value that is run together with its label
_LAST_WORD = re.compile(r"[^\W\d_][^\s\d]*$")


def cut(text: str, vocabulary: Vocabulary) -> Iterator[Cut]:
    """A line's labels, values and ticks in their order; colons and blanks belong to none."""
    at, follows = 0, False
    mark = _LEADING_MARK.match(text)
    if mark and len(text.split()) < _MOST_WORDS:
        yield 0, len(mark[0].rstrip()), 0, False
        at = mark.end()
    for colon in _COLON.finditer(text, at):
        if _is_clock(text, colon) or _is_of_address(text, colon) or _HOUSE_NUMBER.match(text, at):
            continue
        if not text[at : colon.start()].strip():
            at, follows = colon.end(), True
            continue
        start = _label_start(text, at, colon.start(), vocabulary) if follows else at
        if start is None or (colon.end() < len(text) and len(text[start : colon.start()].split()) > _MOST_WORDS):
            continue
        yield from _trimmed(text, at, start, 0, follows)
        yield from _trimmed(text, start, colon.start(), 3, False)
        at, follows = colon.end(), True
    if follows:
        yield from _trimmed(text, at, len(text), 0, True)
    else:
        yield from _without_colon(text, at, vocabulary)


def _is_clock(text: str, colon: re.Match[str]) -> bool:
    """Between the digits of a time or a ratio."""
    return text[max(colon.start() - 1, 0)].isdigit() and text[colon.end() : colon.end() + 2].isdigit()


def _is_of_address(text: str, colon: re.Match[str]) -> bool:
    """Within the address of a page on the web."""
    return "//" in text[text.rfind(" ", 0, colon.start()) + 1 : colon.start()]


def _label_start(text: str, at: int, colon: int, vocabulary: Vocabulary) -> int | None:
    """Where the label begins that ends at a colon and follows a value; None where the colon belongs to the value."""
    starts = [at + word.start for word in words(text[at:colon])]
    if not starts:
        return None
    known = (start for start in starts[-4:] if phrase(text[start:colon]) in vocabulary)
    last = _LAST_WORD.search(text, at, colon)
    return next(known, last.start() if last else None)


def _without_colon(text: str, at: int, vocabulary: Vocabulary) -> Iterator[Cut]:
    end = _label_end(text, at, vocabulary)
    if end:
        yield from _trimmed(text, at, end, 2, False)
        yield from _trimmed(text, end, len(text), 0, True)
        return
    sure = _sureness(text[at:], vocabulary)
    item = _ITEM.match(text, at)
    if item and not sure:
        yield item.start(), item.end(), 0, False
        at = item.end()
    yield from _trimmed(text, at, len(text), sure, False)


def _sureness(text: str, vocabulary: Vocabulary) -> int:
    if not vocabulary.is_label(text):
        return 0
    return 2 if phrase(head(text)) in vocabulary or phrase(text) in vocabulary else 1


def _label_end(text: str, at: int, vocabulary: Vocabulary) -> int:
    """Where a label ends that its value follows without a colon; 0 where no value does."""
    numbered = _NUMBERED.match(text, at) or _BY.match(text, at)
    if numbered:
        return numbered.end()
    known = at + vocabulary.prefix(text[at:])
    if at < known < len(text) and _is_before_value(text, known) and phrase(text[at:known]) != ("no",):
        return known + text.startswith(".", known)
    capitals = _CAPITALS.match(text, at) if known < len(text) else None
    if capitals and not text.isupper() and vocabulary.is_label(text[at : capitals.end()].strip()):
        return capitals.end()
    return 0


def _is_before_value(text: str, known: int) -> bool:
    """Whether what follows the words of a label is its value, not more label."""
    run_together = CJK.match(text[known - 1]) and CJK.match(text[known]) and len(text) - known >= _FEWEST
    return bool(run_together or _VALUE_START.match(text, known))


def _trimmed(text: str, start: int, end: int, label: int, follows: bool) -> Iterator[Cut]:
    """A span without the blanks and rules around it; none where nothing else is left."""
    inner = text[start:end]
    stripped = inner.strip(" \t\u3000_")
    if stripped:
        first = start + inner.index(stripped)
        yield first, first + len(stripped), label, follows
