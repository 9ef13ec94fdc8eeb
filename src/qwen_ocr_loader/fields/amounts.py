"""Printed amounts as numbers, where there is one way to read them."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from .letters import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_CODES = """
    AED AUD BGN BHD BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP HKD HUF IDR ILS INR IQD ISK JOD JPY KRW KWD LYD MAD MXN
    MYR NOK NZD OMR PEN PHP PKR PLN QAR RMB RON RSD RUB SAR SEK SGD THB TND TRY TWD UAH USD VND ZAR
    DM FF FR HK KR KČ LEI NT РУБ RM RP RS S US ZŁ
"""
_LONGEST = 60  # letters of a text that is an amount
_THREE_PLACES = {"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"}
_CODE = rf"(?<![^\W\d_])(?:{'|'.join(_CODES.split())})\b\.?"
_SIGN = rf"(?:[$£€¥₩₫₹₽₺₪฿₱¢¤]|[元圆圓円원]|人民币|{_CODE}|(?<=\d)\s*%)"
_BEFORE, _AFTER = re.compile(rf"\s*{_SIGN}\s*", re.IGNORECASE), re.compile(rf"\s*{_SIGN}\s*\Z", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\d.,])(?<!\w[-/:])\d+(?:[.,]\d+|['’\s]\d{3}(?!\d))*(?!\d|[-/:]\d)")
_SPACES = re.compile(r"(?<=\d)['’\s](?=\d{3}(?!\d))")
_ROUND = re.compile(r"(?<=\d)[.,][-–—]+\Z")  # "12,-"


class Printed(NamedTuple):
    """A number found in a text: ``text[start:end]``, and what it may mean."""

    start: int
    end: int
    values: frozenset[Decimal]


def amounts_in(text: str) -> Iterator[Printed]:
    """Every number of a text, without its sign."""
    for found in _NUMBER.finditer(plain(text)):
        if values := _values(found[0]):
            yield Printed(*found.span(), values)


def readings(text: str) -> frozenset[Decimal]:
    """What an amount may mean: one number, or two where its only mark may part thousands or decimals; else nothing.

    Signs and codes of currencies and ``%`` are left out; ``(1)``, ``-1`` and ``1-`` are negative. Where a currency is
    named, three digits after the mark are thousands, unless it is one of those with a thousand parts.
    """
    if len(text) > _LONGEST:
        return frozenset()
    negative, number, codes = _taken_apart(text)
    if not _NUMBER.fullmatch(number):
        return frozenset()
    values = _values(number)
    if len(values) > 1 and codes and not _THREE_PLACES & codes:
        values = frozenset({max(values)})
    return frozenset(-value for value in values) if negative else values


def currencies(text: str) -> frozenset[str]:
    """The signs and codes of currencies beside an amount, ``%`` among them; codes in capitals."""
    return _taken_apart(text)[2] if len(text) <= _LONGEST else frozenset()


def decimal_mark(texts: Iterable[str]) -> str | None:
    """The mark before the decimals in numbers that leave no doubt; None where there are none, or both."""
    marks = set()
    for text in texts:
        for found in _NUMBER.finditer(plain(text)):
            number = found[0]
            if re.search(r"(?<!\d)\d{1,3}(?:([.,])\d{3})*(?!\1)[.,]\d\d\Z", number) and len(_values(number)) == 1:
                marks.add(number[-3])
    return marks.pop() if len(marks) == 1 else None


def read_amount(text: str, mark: str | None = None, *, whole: bool = False) -> Decimal:
    """The number that is printed.

    Args:
        text: As printed.
        mark: Before decimals elsewhere in the document, which settles ``1,234``; None where unknown.
        whole: It is known to have no decimals, which settles it too.

    Raises:
        ValueError: It is no amount, or may be two; the message is for the person who looks at it.
    """
    values = readings(text)
    if not values:
        raise ValueError(f'no amount: "{text}"')
    if whole:
        values = frozenset(value for value in values if value == value.to_integral_value()) or values
    if len(values) > 1 and mark:
        pick = min if mark in plain(text) else max
        values = frozenset({pick(values, key=abs)})
    if len(values) > 1:
        raise ValueError(f'ambiguous amount "{text}": thousands or decimals?')
    return next(iter(values))


def _taken_apart(text: str) -> tuple[bool, str, frozenset[str]]:
    """Whether there is a minus, the number, and what is said of the currency."""
    number, codes = _without_currency(plain(text).strip())
    negative, number = _without_minus(number)
    number, more = _without_currency(number)
    return negative, _ROUND.sub("", number), frozenset(codes + more)


def _without_currency(text: str) -> tuple[str, list[str]]:
    codes = []
    while found := _BEFORE.match(text) or _AFTER.search(text):
        codes.append(found[0].strip().strip(".").upper())
        text = text[: found.start()] + text[found.end() :]
    return text.strip(), codes


def _without_minus(text: str) -> tuple[bool, str]:
    for pattern in (r"\((.*)\)", r"[-−–]\s*(.*)", r"(.*\d)\s*[-−–]"):
        if found := re.fullmatch(pattern, text):
            return True, found[1].strip()
    return False, text.removeprefix("+").strip()


def _values(number: str) -> frozenset[Decimal]:
    """Readings of digits with marks among them."""
    number = _SPACES.sub("", number)
    marks = [letter for letter in number if letter in ".,"]
    if not marks:
        return frozenset({Decimal(number)})
    last = marks[-1]
    whole, _, decimals = number.rpartition(last)
    other = {mark for mark in marks if mark != last}
    if other:
        fits = marks.count(last) == 1 and _is_grouped(whole, other.pop())
        return frozenset({Decimal(whole.replace(marks[0], "") + "." + decimals)} if fits else ())
    grouped = {Decimal(number.replace(last, ""))} if _is_grouped(number, last) else set()
    return frozenset(grouped | ({Decimal(f"{whole}.{decimals}")} if len(marks) == 1 else set()))


def _is_grouped(number: str, mark: str) -> bool:
    """In threes from the right, or as in India in twos before the last three."""
    first, *groups = number.split(mark)
    if not groups or not 1 <= len(first) <= 3 or first.startswith("0") or len(groups[-1]) != 3:
        return False
    sizes = {len(group) for group in groups[:-1]}
    return sizes <= {3} or (sizes == {2} and len(first) < 3)
