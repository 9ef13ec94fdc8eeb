"""Words that forms, receipts and invoices print beside a value: how to look in the table of ``phrases``.

A *concept* is what a schema asks for, whatever it is called and wherever it is printed: ``invoice number`` is also
``Rechnungs-Nr.`` and ``发票号码``. Its *phrases* are its names, best first; its *kind* says what its value looks like.
Words are compared without case, accents, punctuation and plural s, with one slip of the reading in longer ones.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

from .phrases import FILLERS, NOUNS, TABLE, TITLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Kind = Literal["text", "name", "date", "time", "amount", "count", "id", "phone", "email", "site", "address"]
Phrase = tuple[str, ...]


class Concept(NamedTuple):
    """What a value is called, and what it looks like."""

    name: str
    kind: Kind
    phrases: tuple[Phrase, ...]


class Word(NamedTuple):
    """A word of a text, folded, and where it stands there: ``text[start:end]``."""

    folded: str
    start: int
    end: int


_WORD = re.compile(r"\d+(?:[.,]\d+)?\s?%|[^\W\d_ºª]+|\d+|#")
RATE = re.compile(r"[\s.]{0,2}[@(]?\s?\d{1,3}(?:[.,]\d{1,2})?\s?%\)?")
"""The rate of a tax or discount: part of a label's print, but not of its name."""
_TITLE_CJK = re.compile("(?:发票|收据|小票|清单|送货单|领収書|領収書|請求書|納品書|注文書)$")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_MISREAD = re.compile(r"(?<=[A-Za-z])[01](?=[A-Za-z])")
_NUMBERING = re.compile(r"\W*(?:\(?[A-Za-z0-9]{1,2}[).]+\s*|\d{1,2}\s+(?=[^\W\d]))?")
_COUNTED = re.compile(r"\W*\w{1,2}[).]")
_HEAD = re.compile(r"[^,;:：?（]*?(?=\s+\(|[（,;:：?]|\.\s|$)")
_SENTENCE_END = re.compile(r"[^\W\d_]{5,}\.$")
_SHORT = dict.fromkeys(("nr", "num", "#", "n", "nos", "number", "nummer", "numero"), "no") | {"amt": "amount"}
_LONGEST_PREFIX = 60  # characters
_LONGEST_LABEL = 140  # characters, with what is explained in it
_LONGEST = 8  # words of a label, letters of one in Chinese or Japanese
_LONG_WORD = 6  # letters, from which on one slip is forgiven


@lru_cache(maxsize=4096)
def words(text: str) -> tuple[Word, ...]:
    """The words and numbers of a text, folded; spans are those of ``text``. ``InvoiceNo`` is two words."""
    repaired = _MISREAD.sub(_letter, text)
    return tuple(Word(_folded(repaired[start:end]), start, end) for start, end in _spans(repaired))


@lru_cache(maxsize=4096)
def phrase(text: str) -> Phrase:
    """A text as words to compare, without fillers: ``"No. of the Invoice:"`` is ``("no", "invoice")``."""
    return _phrase(words(text))


def _phrase(found: Sequence[Word]) -> Phrase:
    said = tuple(word.folded for word in found)
    return tuple(word for word in said if word not in FILLERS) or said


def head(text: str) -> str:
    """A label without its number, its rate and what is explained in it: ``"5 Address (of home)"`` is ``"Address"``."""
    text = RATE.sub("", text)
    start = _NUMBERING.match(text)
    found = _HEAD.match(text, start.end() if start else 0)
    return (found[0].strip() if found else "") or text.strip()


def _letter(digit: re.Match[str]) -> str:
    """The letter that a digit amid letters was: ``INV0ICE``."""
    letter = "o" if digit[0] == "0" else "l"
    return letter if digit.string[digit.start() - 1].islower() else letter.upper()


def _spans(text: str) -> Iterator[tuple[int, int]]:
    for found in _WORD.finditer(text):
        if found[0].endswith("%"):  # "VAT 7 %" is the tax, whatever its rate
            continue
        start = found.start()
        for hump in _CAMEL.finditer(found[0]) if _is_mixed(found[0]) else ():
            yield start, found.start() + hump.start()
            start = found.start() + hump.start()
        yield start, found.end()


def _is_mixed(word: str) -> bool:
    """Whether it may be two words: ``InvoiceNo`` is, ``MwSt`` is one."""
    return not (word[1:].islower() or word.isupper() or _plain(word) in _known_words())


@lru_cache(maxsize=4096)
def _folded(word: str) -> str:
    """As words are compared; one that is nearly a word of the table is taken for it."""
    plain = _plain(word)
    if len(plain) < _LONG_WORD or plain in _known_words():
        return plain
    return next((_misspelt()[slip] for slip in _slips(plain) if slip in _misspelt()), plain)


def _plain(word: str) -> str:
    decomposed = unicodedata.normalize("NFKD", word).casefold()
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    plain = plain[:-1] if len(plain) > 3 and plain.endswith("s") and not plain.endswith("ss") else plain
    return _SHORT.get(plain, plain)


def _slips(word: str) -> Iterator[str]:
    """The word with one letter blotted out, never the first: words that differ in one letter share one of these."""
    return (f"{word[:i]}*{word[i + 1 :]}" for i in range(1, len(word)))


@cache
def _known_words() -> frozenset[str]:
    printed = (word for _, phrases in _entries() for text in phrases for word in text.split())
    return frozenset(_plain(word) for word in (*printed, *NOUNS))


@cache
def _misspelt() -> dict[str, str]:
    return {slip: word for word in sorted(_known_words()) if len(word) >= _LONG_WORD for slip in _slips(word)}


@cache
def _entries() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The table's paragraphs: ``"name (kind)"`` and the phrases as they are written there."""
    paragraphs = (entry.split(":", 1) for entry in re.split(r"\n(?=\S)", TABLE.strip()))
    return tuple((title, tuple(text.strip() for text in phrases.split(";"))) for title, phrases in paragraphs)


@cache
def concepts() -> tuple[Concept, ...]:
    """All that the table knows."""
    return tuple(_concept(title, phrases) for title, phrases in _entries())


def _concept(title: str, phrases: Iterable[str]) -> Concept:
    name, kind = title.rstrip(")").split(" (")
    return Concept(name, cast("Kind", kind), tuple(dict.fromkeys(phrase(text) for text in phrases)))


class Vocabulary:
    """Phrases that labels are made of: the table's, and whatever else is asked for."""

    def __init__(self, more: Iterable[Phrase] = ()) -> None:
        known = [text for concept in concepts() for text in concept.phrases]
        asked = [text for text in more if text]
        self._phrases = frozenset((*known, *asked))
        self._asked = tuple(frozenset(text) for text in asked if len(text) > 1)

    def __contains__(self, given: Phrase) -> bool:
        return given in self._phrases

    def prefix(self, text: str) -> int:
        """How far the longest known phrase reaches that the text starts with; 0 where it starts with none."""
        found = words(text[:_LONGEST_PREFIX])[:_LONGEST]
        for size in range(len(found), 0, -1):
            if found[size - 1].folded in FILLERS:  # the country of a tax number is none of its label
                continue
            if _phrase(found[:size]) in self._phrases:
                return found[size - 1].end
        return self._run_together(text, found[0]) if found and CJK.match(found[0].folded) else 0

    def known(self, text: str) -> list[tuple[int, int]]:
        """Spans of the known phrases that a text is made of, as when headings were read as one; empty if of more."""
        spans, at = [], 0
        while at < len(text):
            size = self.prefix(text[at:])
            if not size:
                return []
            spans.append((at, at + size))
            at += size + len(text[at + size :]) - len(text[at + size :].lstrip(" /|.()"))
        return spans

    def _run_together(self, text: str, first: Word) -> int:
        """The same in a script without spaces: ``地址北京市`` starts with ``地址``."""
        sizes = range(min(first.end - first.start, _LONGEST), 1, -1)
        ends = (first.start + size for size in sizes)
        return next((end for end in ends if (_plain(text[first.start : end]),) in self._phrases), 0)

    def is_label(self, text: str) -> bool:
        """Whether a text without a colon may be a label: known, or short and about what labels are about."""
        if len(text) > _LONGEST_LABEL:
            return False
        name = head(text)
        found = phrase(name)
        whole = phrase(text)
        if len(whole) > 1 and whole in self._phrases:  # "incl. VAT", which no sentence begins with
            return True
        if not found or name[0].islower() or (text[0] in "([" and text.startswith(name, 1)):
            return False
        if found in self._phrases:
            return True
        if len(text.split()) <= _LONGEST + 1 and any(asked <= set(whole) for asked in self._asked):
            return True
        counted = _COUNTED.match(text) is not None
        odd = _SENTENCE_END.search(text) or (any(word.isdigit() for word in found) and not counted)
        odd = odd or (text[0].isdigit() and not counted)  # the number of a house
        return not odd and len(text.split()) <= _LONGEST and (found[0] in NOUNS or found[-1] in NOUNS)


@lru_cache(maxsize=4096)
def is_title(text: str) -> bool:
    """Whether a text is what a page is headed by: ``ORDER CONFIRMATION``, ``Statement of account``."""
    said = [word.folded for word in words(text)]
    return any(word in _titles() for word in (*said[:1], *said[-1:])) or _TITLE_CJK.search(text) is not None


@cache
def _titles() -> frozenset[str]:
    return frozenset(map(_plain, TITLES))


@lru_cache(maxsize=4096)
def known_concept(text: str) -> Concept | None:
    """The concept of the table that a printed label names; None where it names none."""
    return _by_phrase().get(phrase(text)) or _by_phrase().get(phrase(head(text)))


@cache
def _by_phrase() -> dict[Phrase, Concept]:
    return {said: concept for concept in reversed(concepts()) for said in concept.phrases}


@lru_cache(maxsize=256)
def concept_of(name: str, description: str = "") -> Concept:
    """What a schema's key asks for: a concept of the table by any of its phrases, or one of its own.

    The key's own words come first among the phrases. What it is described as counts where the table lacks the key.
    """
    asked = phrase(name)
    for words_for_it in (asked, phrase(description)):
        for concept in concepts():
            if words_for_it in concept.phrases:
                return concept._replace(phrases=tuple(dict.fromkeys((asked, *concept.phrases))))
    return Concept(name, _kind(asked), (asked,) if asked else ())


_KINDS: tuple[tuple[Kind, str], ...] = (
    ("date", "date datum fecha data dob 日期"),
    ("email", "email mail"),
    ("site", "website url web"),
    ("phone", "phone telephone tel fax mobile"),
    ("address", "address adresse anschrift direccion"),
    ("amount", "amount price total sum cost fee tax balance subtotal betrag preis 金额"),
    ("id", "no number id code ssn ein"),
    ("name", "name"),
)


def _kind(asked: Phrase) -> Kind:
    return next((kind for kind, signs in _KINDS if set(signs.split()) & set(asked)), "text")


def likeness(label: str, concept: Concept) -> float:
    """How well a printed label fits what is asked for, 0-1; 1 for the concept's first phrase to the letter."""
    printed, found = phrase(head(label)), phrase(label)
    if not printed or not concept.phrases:
        return 0.0
    known = next((said for said in (printed, found) if said in concept.phrases), None)
    if known:
        return 1.0 - 0.2 * concept.phrases.index(known) / len(concept.phrases)
    asked = concept.phrases[0]
    if not set(asked) <= set(found):
        return 0.0
    size = len(printed) if set(asked) <= set(printed) else len(found)
    return 0.75 * 2 * len(asked) / (len(asked) + size)
