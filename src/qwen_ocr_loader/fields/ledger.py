"""What stands in columns on a receipt or an invoice: things bought, which are no fields, and words beside values.

Things bought stand under a row of headings (what, how many, how much), or, where there is none, are words with an
amount at the right end of their row; both end at the first sum: the row that says so, else the one whose amount is
that of all above it. Words are also a label, though no known one, where they stand in one column with known labels, row
for row, and what is beside them in one column with the values: the ``Card`` under a total, the ``Operator`` under a
date. An amount has such a label only from the first sum on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from .labels import known_concept
from .receipts import is_carried, is_of_all, is_sum, is_summary
from .rows import shares_column
from .shapes import amount, find, has_cents, number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .rows import Piece, Sheet

_SUMS = ("total", "subtotal", "tax", "service charge", "discount", "shipping", "tip", "rounding", "cash", "change")
_TAXED = ("tax", "subtotal", "total")
_COUNTED = ("quantity", "price", "total", "tax", "discount")
_MONEY_SIGN = re.compile(r"[$€£¥₹₩￥円元]")
_BESIDE_MONEY = re.compile(r"\W*(?:[A-Z]{1,3}|(?i:rs|kr|zł|kč|ft|euros?))?\W*")
_CURRENCY = re.compile(r"\s+\(?[A-Z]{2,3}\)?$")
_CURRENCY_ALONE = re.compile(
    r"RM|MYR|EUR|USD|GBP|CHF|JPY|CNY|RMB|INR|SGD|HKD|AUD|CAD|PLN|SEK|DKK|NOK|RUB|KRW|VND|Rs\.?"
)
COLON = 3  # of a label with one
_KNOWN = 2  # of a label that is one by its words
_ALIGNED = 0.9  # line heights between edges of one column
_COLUMNS = 3  # of a table that is known by its form alone
_ROWS = 2
_BOX = 1.4  # line heights between a label and the value in the box under it
_APART = 1.0  # line heights between words and what is beside them
_PITCH = 2.6  # line heights from row to row of a column
_PITCH_OF_SUMS = 5.0
_WIDEST_GAP = 6.0  # line heights between things bought
_MOST_WORDS = 5
_MOST_OF_VALUE = 8
_OPEN = 24  # columns looked at for one row: more than stand beside each other


class Entry(NamedTuple):
    """Words and what is printed beside them.

    Attributes:
        words: What may be a label.
        value: The next piece in their row.
        summed: They stand among the sums.
        known: They are a known label, or have one with its value in their row.
    """

    words: Piece
    value: Piece
    summed: bool
    known: bool


@dataclass(frozen=True, slots=True)
class Ledger:
    """What columns say about a page's pieces.

    Attributes:
        listed: Things bought and the headings above them.
        named: Words that are labels by where they stand, with their values.
    """

    listed: frozenset[Piece] = frozenset()
    named: tuple[Entry, ...] = ()


def ledger(sheet: Sheet) -> Ledger:
    """The columns of a page."""
    rows = sheet.rows()
    heading = next((i for i, row in enumerate(rows) if _is_heading(sheet, row, rows[i + 1 : i + 3])), None)
    sums = _first_sum(rows, heading)
    listed = frozenset((*_bought(rows, heading, sums), *_of_taxes(sheet, rows)))
    boxes = list(_boxes(rows, listed))
    boxed = {piece for entry in boxes for piece in entry[:2]}
    entries = [
        entry
        for i, row in enumerate(rows)
        for entry in _entries(row, listed | boxed, summed=sums is not None and i >= sums, is_sum=i == sums)
    ]
    return Ledger(listed, (*boxes, *_named(entries)))


def _first_sum(rows: Sequence[list[Piece]], heading: int | None) -> int | None:
    """The first row below the headings that says it is a sum, else the first that is one."""
    below = range(0 if heading is None else heading + 1, len(rows))
    said = next((i for i in below if _is_sum_row(rows[i], headed=heading is not None)), None)
    return _adding_up(rows, below) if said is None else said


def _adding_up(rows: Sequence[list[Piece]], below: range) -> int | None:
    """The first row whose amount is that of all amounts above it, two at least."""
    sums, count = 0, 0
    for i in below:
        worth = number(rows[i][-1].text) if len(rows[i]) > 1 and is_money(rows[i][-1].text) else None
        if worth is not None and count > 1 and worth == sums:
            return i
        sums, count = (sums + worth, count + 1) if worth is not None else (sums, count)
    return None


@lru_cache(maxsize=4096)
def is_money(text: str) -> bool:
    """Whether a text is an amount and no more than a currency or a code of tax: with cents, thousands or a sign."""
    span = amount(text)
    if span is None or not all(map(_BESIDE_MONEY.fullmatch, (text[: span[0]], text[span[1] :]))):
        return False
    return has_cents(text) or _MONEY_SIGN.search(text) is not None


def _is_heading(sheet: Sheet, row: Sequence[Piece], under: Sequence[Sequence[Piece]]) -> bool:
    """Whether a row names what was bought, and how many or how much of it; or heads columns with numbers in them."""
    if not _may_head(row):
        return False
    parts = headings_of(sheet, row)
    names = _names(parts)
    counted = names & set(_COUNTED)
    if len(parts) > 1 and counted and ("description" in names or len(counted) > 2):
        return True
    if len(parts) < _COLUMNS or any(map(str.isdigit, "".join(part.text for part in parts))):
        return False
    rows = sum(_is_of_table(below, parts) for below in under)
    return rows == _ROWS or (rows > 0 and "description" in names)


def _is_of_table(row: Sequence[Piece], headings: Sequence[Piece]) -> bool:
    """Whether a row has nothing but values, numbers among them, each under a heading of its own."""
    numbers = any(is_money(piece.text) or piece.text.isdigit() for piece in row[1:])
    if not numbers or len(row) < _COLUMNS or any(piece.label or piece.follows for piece in row):
        return False
    over = [[i for i, heading in enumerate(headings) if shares_column(piece, heading)] for piece in row]
    return all(len(found) == 1 for found in over) and len({found[0] for found in over}) == len(over)


def _names(parts: Sequence[Piece]) -> set[str]:
    known = ((part.text.casefold(), known_concept(part.text)) for part in parts)
    return {concept.name for said, concept in known if concept and said != "title"}


def _of_taxes(sheet: Sheet, rows: Sequence[list[Piece]]) -> Iterator[Piece]:
    """The pieces of summaries of taxes: headings of sums, and the rows of several amounts under them."""
    inside, headed = False, False
    for row in rows:
        money = sum(is_money(piece.text) for piece in row)
        below_heading, headed = headed, is_summary(row) or _heads_taxes(sheet, row)
        inside = headed or (inside and (money > 1 or (below_heading and not money)))
        if inside and (money > 1 or not any(piece.label == COLON for piece in row)):
            yield from row


def _heads_taxes(sheet: Sheet, row: Sequence[Piece]) -> bool:
    if not any(piece.label for piece in row) or any(is_money(piece.text) for piece in row):
        return False
    parts = headings_of(sheet, row)
    return len(parts) > 2 and len(_names(parts) & set(_TAXED)) > 1


def _boxes(rows: Sequence[list[Piece]], listed: frozenset[Piece]) -> Iterator[Entry]:
    """Labels in a row, with a value in the box under each; not the headings of a table, which has more rows."""
    for i, (row, under) in enumerate(pairwise(rows)):
        if not _stands_over(row, under) or {*row, *under} & listed:
            continue
        labels = sum(piece.label > 0 for piece in row)
        wordy = not any(piece.label == COLON or piece.follows or any(map(str.isdigit, piece.text)) for piece in row)
        alone = i + 2 >= len(rows) or not _stands_over(under, rows[i + 2])
        if wordy and alone and 2 * labels >= len(row) and not any(piece.label or piece.follows for piece in under):
            yield from (Entry(words, value, False, False) for words, value in zip(row, under, strict=True))


def _stands_over(row: Sequence[Piece], under: Sequence[Piece]) -> bool:
    """Whether the pieces of a row begin where those right under them do, one for one."""
    if len(row) != len(under) or len(row) < 2 or under[0].box.top - row[0].box.bottom > _BOX:
        return False
    return all(abs(one.box.left - other.box.left) < _ALIGNED for one, other in zip(row, under, strict=True))


def _may_head(row: Sequence[Piece]) -> bool:
    """Whether there is a label in a row, and neither a value nor an amount."""
    odd = any(piece.label == COLON or piece.follows or is_money(piece.text) for piece in row)
    return not odd and any(piece.label for piece in row)


def headings_of(sheet: Sheet, row: Sequence[Piece]) -> list[Piece]:
    """What may head columns in a row: the known labels that each piece is made of, else the piece as it is."""
    return [piece.part(*span) for piece in row for span in _parts(sheet, piece)]


def _parts(sheet: Sheet, piece: Piece) -> list[tuple[int, int]]:
    return sheet.vocabulary.known(piece.text) or [(0, len(piece.text))]


def _is_sum_row(row: Sequence[Piece], *, headed: bool) -> bool:
    """Whether an amount at the right end is the sum of others, or paid on them; under headings only words say so."""
    return is_money(row[-1].text) and any(_is_of_sum(piece, headed=headed) for piece in row[:-1])


def _is_of_sum(piece: Piece, *, headed: bool) -> bool:
    concept = known_concept(_CURRENCY.sub("", piece.text))
    if concept is not None and concept.name in _SUMS:
        return True
    return is_sum(piece.text) or is_carried(piece.text) or (not headed and piece.label > 0)


def _bought(rows: Sequence[list[Piece]], heading: int | None, sums: int | None) -> Iterator[Piece]:
    """The pieces of what was bought, and of its headings."""
    if heading is None:
        for row in rows[: sums or 0]:
            if is_money(row[-1].text) and not any(piece.label == COLON for piece in row):
                yield from row
        return
    last = rows[heading][0].box.bottom
    yield from rows[heading]
    for row in rows[heading + 1 : sums]:
        over = len(row) > 1 and is_of_all(row[0].text)
        if over or row[0].label == COLON or row[0].box.top - last > _WIDEST_GAP:
            return
        yield from row
        last = max(piece.box.bottom for piece in row)


def _entries(row: Sequence[Piece], listed: frozenset[Piece], *, summed: bool, is_sum: bool) -> Iterator[Entry]:
    """Words beside values in a row; the first sum is known to be one, whatever it is called."""
    free = [piece for piece in row if piece not in listed]
    beside = [pair for pair in pairwise(free) if _may_be_entry(*pair, summed=summed)]
    known = [pair for pair in beside if pair[0].label >= _KNOWN]
    for words, value in beside:
        mates = ((words, value) == pair or not {words, value} & set(pair) for pair in known)
        yield Entry(words, value, summed, is_sum or any(mates))


def _may_be_entry(words: Piece, value: Piece, *, summed: bool) -> bool:
    if value.box.left - words.box.right < _APART or value.label or words.follows or value.follows:
        return False
    plausible = words.label or _may_name(words.text, summed=summed)
    return (
        bool(plausible)
        and len(value.text.split()) <= _MOST_OF_VALUE
        and (summed or not is_money(value.text.split()[-1]))
    )


def _may_name(text: str, *, summed: bool) -> bool:
    """Whether words may be a label that is not known."""
    letters = sum(map(str.isalpha, text)) >= 2 and (text[0].isupper() or (summed and text[0].isalpha()))
    wordless = not text[0].isascii() and text[0].isalpha()
    if _CURRENCY_ALONE.fullmatch(text):
        return False
    ends = text[-1] in ".,;!?" and len(text.split()) > 1
    return (letters or wordless) and not ends and len(text.split()) <= _MOST_WORDS and find(text, "date") is None


@dataclass(slots=True)
class _Column:
    """Entries under each other."""

    entries: list[Entry] = field(default_factory=list)

    @property
    def is_of_labels(self) -> bool:
        """Whether its words are labels: half of them known ones; one, where most values are numbers or it has a sum."""
        known = sum(entry.known for entry in self.entries)
        numbers = sum(any(map(str.isdigit, entry.value.text)) for entry in self.entries)
        if any(entry.summed and entry.known for entry in self.entries):
            return True
        return 2 * known >= len(self.entries) or (known > 0 and 2 * numbers > len(self.entries))

    def takes(self, entry: Entry) -> bool:
        """Whether an entry goes on with the column."""
        words, value = self.entries[-1][:2]
        near = entry.words.middle - words.middle <= (_PITCH_OF_SUMS if entry.summed else _PITCH)
        aligned = abs(words.box.left - entry.words.box.left) < _ALIGNED
        edges = min(abs(value.box.left - entry.value.box.left), abs(value.box.right - entry.value.box.right))
        return near and aligned and edges < _ALIGNED


def _named(entries: Sequence[Entry]) -> Iterator[Entry]:
    """The entries whose words are labels, as known labels stand in their column."""
    columns: list[_Column] = []
    for entry in entries:
        column = next((found for found in columns[: -_OPEN - 1 : -1] if found.takes(entry)), None)
        if column is None:
            column = _Column()
            columns.append(column)
        column.entries.append(entry)
    return (entry for column in columns if column.is_of_labels for entry in column.entries)
