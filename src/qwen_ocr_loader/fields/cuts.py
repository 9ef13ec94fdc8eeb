"""Where a printed line is label and where it is value: ``Tel: 1234 Fax: 5678`` is two of each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .labels import CJK, RATE, head, is_title, known_concept, phrase, words
from .shapes import begins_with_date

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
_CODE_START = re.compile(r"[\s.]+(?=[A-Z\d][A-Z\d ./-]*$)(?:[A-Z]{1,3} |[A-Z]{1,8}[-/]?)\d")
_INNER = re.compile(r"(?<=\d)[\d).,/-]{0,12}\s+(?=[^\W\d_a-z])")
_SHORT_NUMBER = re.compile(r"\s*\d{1,6}\s+(?=\d)")
_BY = re.compile(r"(?:[^\W\d_]+\s){1,3}(?:by|By|BY)\b(?=\s+[^\W\d_a-z])")
_CAPITALS = re.compile(r"(?:[^\W\d_a-z]{2,}[^\w\s]*\s+)+(?=[^\W_]*[\da-z])")
_MOST_WORDS = 8  # of a label with its value in the same line; one that a colon ends may be a sentence
_HOUSE_NUMBER = re.compile(r"(?i)\s*no\.?\s?[:：]\s?\d+[\w/-]*\s?[,&]")
_PREMISES = re.compile(r"(?i)(?:unit|lot|blk|block|level|floor|suite)\s+\w{0,2}\d")
_ITEM = re.compile(r"\(\w{1,2}\)(?=\s+\w)")
_LONGEST_VALUE = 300  # characters looked through for another label
_NEVER_SECOND = ("address", "company", "description", "name", "quantity", "price")
_BRIEF = 4  # letters of an abbreviation that may also begin a code: ``INV2031``
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
        yield from _values(text, at, start, follows, vocabulary)
        yield from _trimmed(text, start, colon.start(), 3, False)
        at, follows = colon.end(), True
    if follows:
        yield from _values(text, at, len(text), follows, vocabulary)
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
        yield from _values(text, end, len(text), True, vocabulary)
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
    if _PREMISES.match(text, at):
        return 0
    numbered = _NUMBERED.match(text, at) or _BY.match(text, at)
    if numbered:
        return numbered.end()
    known = at + vocabulary.prefix(text[at:])
    if known == at:
        return _capitals_end(text, at, vocabulary)
    rate = RATE.match(text, known)
    known = rate.end() if rate else known
    if known < len(text) and _is_before_value(text, at, known) and phrase(text[at:known]) != ("no",):
        return known + text.startswith(".", known)
    return _capitals_end(text, at, vocabulary) if known < len(text) else 0


def _capitals_end(text: str, at: int, vocabulary: Vocabulary) -> int:
    """Where a label in capitals ends before what is not."""
    capitals = _CAPITALS.match(text, at)
    if capitals and not text.isupper() and vocabulary.is_label(text[at : capitals.end()].strip()):
        return capitals.end()
    return 0


def _values(text: str, start: int, end: int, follows: bool, vocabulary: Vocabulary) -> Iterator[Cut]:
    """A value, and the known labels with values of their own that follow its digits: ``0123 VAT GB 77``."""
    for inner in _INNER.finditer(text, start, min(end, start + _LONGEST_VALUE)) if follows else ():
        at = inner.end()
        known = at + vocabulary.prefix(text[at : at + _LONGEST_VALUE])
        if at < known < end and _is_before_value(text[:end], at, known) and _may_be_second(text[at:known]):
            known += text.startswith(".", known)
            yield from _trimmed(text, start, at, 0, follows)
            yield from _trimmed(text, at, known, 2, False)
            yield from _values(text, known, end, True, vocabulary)
            return
    if follows and (number := _SHORT_NUMBER.match(text, start, end)) and begins_with_date(text[number.end() : end]):
        yield from _trimmed(text, start, number.end(), 0, True)
        start, follows = number.end(), False
    yield from _trimmed(text, start, end, 0, follows)


def _may_be_second(label: str) -> bool:
    """Whether a label is one that stands behind another's value, not a word of an address or a thing bought."""
    concept = known_concept(label)
    return concept is not None and concept.name not in _NEVER_SECOND


def _is_before_value(text: str, at: int, known: int) -> bool:
    """Whether what follows the words of a label is its value, not more label nor the rest of a code."""
    if text[known].isdigit() or text[known] in "-/_":
        return _is_run_together(text, at, known)
    if _CODE_START.match(text, known):
        return True
    run_together = CJK.match(text[known - 1]) and CJK.match(text[known]) and len(text) - known >= _FEWEST
    run_together = run_together and not is_title(text)
    return bool(run_together or _VALUE_START.match(text, known))


def _is_run_together(text: str, at: int, known: int) -> bool:
    """Whether a label and its value lost the blank between them, ``TEL03-1234``; not in ``HP-2026-00417``."""
    label = text[at:known]
    concept = known_concept(label)
    brief = len(label) <= _BRIEF and (concept is None or concept.kind == "id")
    if text[known].isdigit():
        return not brief
    return concept is not None and concept.kind == "phone" and len(label) > 2 and text[known + 1 : known + 2].isdigit()


def _trimmed(text: str, start: int, end: int, label: int, follows: bool) -> Iterator[Cut]:
    """A span without the blanks and rules around it; none where nothing else is left."""
    inner = text[start:end]
    stripped = inner.strip(" \t\u3000_")
    if stripped:
        first = start + inner.index(stripped)
        yield first, first + len(stripped), label, follows
