"""Printed dates as dates, where there is one way to read them."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from typing import TYPE_CHECKING, NamedTuple

from .letters import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MONTHS = (
    "jan gen ene янв",
    "feb fév fev febr févr фев",
    "mar mär mrz mars marz marc мар",
    "apr avr abr апр",
    "may mai mag maj mayo maggio май мая",
    "jun juin giu juni июн",
    "jul juil lug juli июл",
    "aug aoû aou ago авг",
    "sep set sept сен",
    "oct okt ott out окт",
    "nov ноя",
    "dec déc dez dic дек",
)
"""How months begin, in English, French, German, Spanish, Italian, Portuguese, Dutch and Russian."""
_NUMBERS = {start: month for month, starts in enumerate(_MONTHS, 1) for start in starts.split()}
_NAME = r"(?P<name>[^\W\d_]{3,12})"
_DAY, _YEAR = r"(?P<d>\d{1,2})(?:st|nd|rd|th|er|º|ª)?", r"(?P<y>\d{4}|['’]?\d\d)"
_BETWEEN = r"[\s.,/\-]{1,4}"
_GAP = r"[\s.,/\-]{0,4}(?:de\s{1,3}|of\s{1,3})?"
_PATTERNS = tuple(
    re.compile(rf"(?<![\d.,])(?:{pattern})(?![\d])", re.IGNORECASE)
    for pattern in (
        r"(?P<y>\d{4})\s{0,3}[-/.年년]\s{0,3}(?P<m>\d{1,2})\s{0,3}[-/.月월]\s{0,3}(?P<d>\d{1,2})\s{0,3}[日일]?",
        r"(?P<y>(?:19|20)\d\d)(?P<m>0[1-9]|1[0-2])(?P<d>0[1-9]|[12]\d|3[01])",
        r"(?P<a>\d{1,2})\s{0,3}(?P<by>[-/.])\s{0,3}(?P<b>\d{1,2})\s{0,3}(?P=by)\s{0,3}(?P<y>\d{4}|\d\d)",
        rf"{_DAY}{_GAP}{_NAME}{_GAP}{_YEAR}",
        rf"{_NAME}{_GAP}{_DAY}{_BETWEEN}{_YEAR}",
    )
)
_LONGEST = 200  # letters of a text that is a date, its weekday and time included
_TIME = re.compile(
    r"(?<!\d)(?P<h>[01]?\d|2[0-3])(?:[:h时]|\s*时\s*)(?P<m>[0-5]\d)(?:[:分](?P<s>[0-5]\d)(?:\.\d+)?秒?)?\s*"
    r"(?P<half>[ap]\.?m\b\.?)?",
    re.IGNORECASE,
)


class Printed(NamedTuple):
    """A date found in a text: ``text[start:end]``, and what it may mean; it is ``day_first`` if that tells."""

    start: int
    end: int
    days: frozenset[date]
    day_first: bool | None = None


def dates_in(text: str) -> Iterator[Printed]:
    """Every date of a text, none of them twice. Two-digit years stand last, and are 1969 to 2068."""
    said, taken = plain(text), 0
    found = [(match, number) for number, pattern in enumerate(_PATTERNS) for match in pattern.finditer(said)]
    for match, _ in sorted(found, key=lambda one: (one[0].start(), one[1])):
        if match.start() >= taken and (days := _days(match)):
            taken = match.end()
            yield Printed(*match.span(), frozenset(days.values()), _order(days))


def day_first(texts: Iterable[str]) -> bool | None:
    """Whether dates that leave no doubt have the day before the month; None where there are none, or both."""
    orders = {printed.day_first for text in texts for printed in dates_in(text)} - {None}
    return orders.pop() if len(orders) == 1 else None


def read_date(text: str, first: bool | None = None) -> date:
    """The date that is printed, whatever weekday and time of day stand beside it.

    Args:
        text: As printed.
        first: Whether days stand before months elsewhere in the document; None where unknown.

    Raises:
        ValueError: It is no date, or may be two; the message is for the person who looks at it.
    """
    found = list(dates_in(text)) if len(text) <= _LONGEST else []
    if len(found) != 1:
        raise ValueError(f'{"several dates" if found else "no date"}: "{text}"')
    rest = _TIME.sub(" ", plain(text)[: found[0].start] + " " + plain(text)[found[0].end :])
    if re.search(r"\d", rest):
        raise ValueError(f'no date: "{text}"')
    days = found[0].days
    if len(days) > 1 and first is not None:
        days = frozenset(_by_order(days, plain(text)[found[0].start :], day_leads=first))
    if len(days) > 1:
        raise ValueError(f'ambiguous date "{text}": day or month first?')
    return next(iter(days))


def read_moment(text: str, first: bool | None = None) -> datetime:
    """The date and the time of day that are printed; midnight where there is none.

    Raises:
        ValueError: As ``read_date``.
    """
    day, found = read_date(text, first), _TIME.search(plain(text))
    if not found:
        return datetime.combine(day, time())
    hour, half = int(found["h"]), (found["half"] or " ")[0].lower()
    if half != " " and hour <= 12:
        hour = hour % 12 + 12 * (half == "p")
    return datetime.combine(day, time(hour, int(found["m"]), int(found["s"] or 0)))


def _by_order(days: Iterable[date], text: str, *, day_leads: bool) -> Iterator[date]:
    leading = int(re.match(r"\d+", text)[0])  # type: ignore[index]  # a date that may be two starts with digits
    return (day for day in days if (day.day if day_leads else day.month) == leading)


def _days(match: re.Match[str]) -> dict[str, date]:
    """The days that are possible, by which stands first: ``"day"``, ``"month"``, or neither tells."""
    parts = match.groupdict()
    year = _year(parts["y"])
    if "a" not in parts:
        month = int(parts["m"]) if "m" in parts else _month(parts["name"])
        return _possible({"": (year, month, int(parts["d"]))})
    a, b = int(parts["a"]), int(parts["b"])
    orders = {"day": (year, b, a)} if parts["by"] == "." else {"day": (year, b, a), "month": (year, a, b)}
    return _possible(orders)


def _possible(orders: dict[str, tuple[int, int, int]]) -> dict[str, date]:
    days = {}
    for order, (year, month, day) in orders.items():
        try:
            days[order] = date(year, month, day)
        except ValueError:
            continue  # there is no such day
    return days


def _order(days: dict[str, date]) -> bool | None:
    return "day" in days if len(days) == 1 and "" not in days else None


def _year(said: str) -> int:
    year = int(said.strip("'’"))
    return year if year > 99 else year + (2000 if year <= 68 else 1900)


def _month(name: str) -> int:
    """0, which is no month, for other words."""
    name = name.casefold()
    return next((_NUMBERS[name[:size]] for size in (4, 3) if name[:size] in _NUMBERS), 0)
