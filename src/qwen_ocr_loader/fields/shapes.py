"""What values look like: dates, amounts, telephone numbers and such, found within a text as they are printed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .dates import dates_in

if TYPE_CHECKING:
    from .labels import Kind

_MONEY = r"(?:[A-Z]{1,3}|Rs\.?|R\$|[$€£¥₹₩￥])"
_AMOUNT = re.compile(
    rf"(?<![\w.,/:-])(?:{_MONEY}(?:\s?(?=[$€£¥₹₩￥\d])))?[-(]?[$€£¥₹₩￥]?\s?"
    r"(?:\d{1,3}(?:[.,' ]\d{3})+(?:[.,]\d{1,2})?|\d+[.,]\d{1,2}|\d+|[.,]\d{2})\)?(?:-|\s?[€円元])?(?![\w%]|[.,/:-]\d)"
)
_DATE_AND_TIME = re.compile(r"(?<!\d)\d{1,2}([/.-])\d{1,2}\1(?:19|20)\d\d(?=[012]?\d:\d\d)")
_WHOLE_DATE = 8  # letters of one with its year
_DIGIT = re.compile(r"\d")
_CENTS = re.compile(r"[.,]\s?\d{2,3}(?!\d)")  # or thousands, where there are no cents
_PATTERNS: dict[Kind, re.Pattern[str]] = {
    "time": re.compile(r"(?<!\d)\d{1,2}[:：]\d{2}(?:[:：]\d{2})?(?:\s?[AaPp]\.?[Mm]\.?)?"),
    "count": re.compile(r"(?<![\d.,])\d+(?:[.,]\d{1,3})?(?![\d%]|[.,]\d)"),
    "phone": re.compile(r"(?<!\w)[+(]?\d(?:[\s()./-]{0,2}\d){5,14}(?!\d)"),
    "email": re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"),
    "site": re.compile(
        r"(?i)(?:https?://|www\.)[^\s/,;]+"
        r"|(?<![\w@.-])(?:[a-z0-9-]{1,63}\.){1,5}(?:com|net|org|de|fr|cn|io|co|eu|jp|it|es|my|in|uk)\b(?![\w@-])"
    ),
}
_ID_WORDS = 12  # a digit in each box
_CODE = 4  # characters of a code without digits
_NAME_WORDS = 10
_CODE_APART = re.compile(r"(?:[A-Za-z]{1,3}\.?)?\s+")
_NAMING = re.compile(r"[A-Z]{2} ?(?=(?:\D*\d){6})[A-Z\d ]+|\d{9,}")
_PERCENT = re.compile(r"[-+]?\d+(?:[.,]\d+)?\s?%")


def find(text: str, kind: Kind) -> tuple[int, int] | None:
    """Where the value of a kind stands in a text: dates as printed without the time, the last of several amounts."""
    if kind == "date":
        return _date(text)
    if kind == "amount":
        return amount(text)
    if kind in ("id", "name", "address", "text"):
        return _words(text, kind)
    found = _PATTERNS[kind].search(text)
    return found.span() if found else None


def _date(text: str) -> tuple[int, int] | None:
    if not _DIGIT.search(text):
        return None
    if run_together := _DATE_AND_TIME.search(text):
        return run_together.span()
    found = min(dates_in(text), key=lambda date: date.start, default=None)
    return (found.start, found.end) if found else None


def begins_with_date(text: str) -> bool:
    """Whether a whole date, with its year, stands at the beginning."""
    span = _date(text)
    return span is not None and span[0] == 0 and span[1] >= _WHOLE_DATE


def is_numeric_date(text: str) -> bool:
    """Whether a date is written in digits alone, as machines do."""
    return not any(map(str.isalpha, text))


def amount(text: str) -> tuple[int, int] | None:
    """The last amount in a text; one with cents before one without."""
    blanked = _PERCENT.sub(lambda percent: "%" * len(percent[0]), text)
    spans = [found.span() for found in _AMOUNT.finditer(blanked)]
    with_cents = [span for span in spans if _CENTS.search(text, *span)]
    chosen = (with_cents or spans)[-1:]
    return _without_code(text, *chosen[0]) if chosen else None


def has_cents(text: str) -> bool:
    """Whether there is an amount with cents, or thousands, in a text, as prices have them."""
    span = amount(text)
    return span is not None and _CENTS.search(text, *span) is not None and not find(text, "date")


def is_code(text: str) -> bool:
    """Whether a text is a number that names something, not an amount: ``GB 555 0142 77``, ``01234567890``."""
    return _NAMING.fullmatch(text.strip()) is not None and not has_cents(text)


def _without_code(text: str, start: int, end: int) -> tuple[int, int]:
    """Without blanks and letters that stand apart: ``RM 40.00`` is ``40.00``, but ``RM40.00`` is one word."""
    code = _CODE_APART.match(text, start, end)
    return (code.end() if code else start), end


def number(text: str) -> int | None:
    """An amount in hundredths, whatever parts its thousands; None where there is none."""
    span = amount(text)
    if span is None:
        return None
    printed = re.sub(r"[^\d.,]", "", text[slice(*span)])
    cents = re.search(r"[.,](\d{1,2})$", printed)
    whole = re.sub(r"\D", "", printed[: cents.start()] if cents else printed)
    return int(whole[:15] or "0") * 100 + (int(cents[1].ljust(2, "0")) if cents else 0)


def _words(text: str, kind: Kind) -> tuple[int, int] | None:
    """All of a text, if it can be such a value: a number has a digit or is short, a name more letters than digits."""
    digits, letters = sum(map(str.isdigit, text)), sum(map(str.isalpha, text))
    if kind == "id":
        fits = len(text.split()) <= _ID_WORDS and (digits > 0 or 0 < len(text) <= _CODE)
    elif kind == "name":
        fits = letters > digits and not text.startswith("(") and len(text.split()) <= _NAME_WORDS
    else:
        fits = digits + letters > 0
    return (0, len(text)) if fits else None
