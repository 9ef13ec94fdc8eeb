"""What a receipt or an invoice prints without saying what it is: who issued it, where they are, when, how much.

The issuer is the top-most line with a legal form (Sdn Bhd, GmbH, 有限公司), else the first that is no heading, number
or address. The address is the run of lines under it, from the first that reads like a street up to the first that is a
number, a heading or a label. The date is the first; one in digits, as a till writes it, comes before others. The total
is the amount at the right end of the row whose words say most surely that it is the one to pay; that what was paid less
the change is as much speaks for it.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from .labels import words
from .shapes import amount, find, has_cents, is_numeric_date, number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .labels import Kind
    from .rows import Piece, Sheet


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FORM = re.compile(
    r"(?i)\b(?:sdn\.?\s*bhd|s/b|sb\b|bhd|berhad|ltd|limited|llc|llp|inc|corp|corporation|company|co\.|plc|pte|pty|gmbh|ag|kg"
    r"|ohg|e\.\s?k|ug|s\.?a\.?r\.?l|sas|s\.a\.|s\.?l\.?u?|s\.?r\.?l|s\.?p\.?a|ltda|oy|ab|aps|b\.v|n\.v|k\.?k)(?![\w-])"
    r"|有限公司|股份|株式会社|合同会社|有限会社"
)
_TRADE = re.compile(
    r"(?i)\b(?:enterprise|trading|restaurant|restoran|hardware|store|mart|supermarket|market|cafe|bistro|bakery|pharmacy"
    r"|farmasi|hotel|shop|kedai|syarikat|perniagaan|stationer|motor|book|kitchen|food|house|centre|center|services?|salon"
    r"|clinic|klinik|supply|supplies|industries|group|holdings|pasaraya|ristorante|trattoria|pizzeria|boulangerie"
    r"|apotheke|bäckerei|metzgerei|gasthaus|librairie|farmacia|panadería|supermercado|tienda|mercado|loja|padaria"
    r"|negozio|electrical|electronics|auto|station|petrol|fashion|boutique|gallery|studio|bar|grill|pub)\w*"
    r"|商店|超市|餐厅|飯店|饭店|酒店|药房|商场|便利店|書店|书店|食堂|薬局|店$"
)
_HEADING = re.compile(
    r"(?i)^\W*(?:simplified|full|cash|tax|retail|sales|proforma|original|duplicate|copy|customer|official|guest)*\W*"
    r"(?:tax\s*)?(?:invoices?|receipt|bill|check|cash sales?|rechnung|quittung|facture|ticket|factura|recibo|fattura"
    r"|scontrino|ricevuta)"
    r"(?:\b|\W|/)|^\W*(?:copy\b|re-?print|welcome|thank|tq\b|merci|danke|gracias|bienvenue)|^\W*(?:发票|收据|小票|领収書|領収書|レシート|欢迎)"
)
_REGISTRATION = re.compile(r"\s?[(\[](?=[^)\]]{0,12}\d{3})[\w\s./-]*[)\]]?.*$|\s\d{5,}.*$")
_STREET = re.compile(
    r"(?i)\b(?:jalan|jln|jl\.|lorong|lrg|persiaran|lebuh|taman|tmn|lot|kampung|kg\.|bandar|batu|kawasan|seksyen|wisma|plaza"
    r"|menara|kompleks|level|floor|ground|unit|block|blok|suite|building|road|rd|street|st|avenue|ave|lane|drive|boulevard|blvd"
    r"|highway|square|p\.?\s?o\.?\s?box|rue|place|quai|chemin|via|viale|piazza|corso|calle|avenida|plaza|paseo|carrera|rua"
    r"|travessa|platz|allee|weg|gasse)\b|\w(?:straße|strasse|str\.|platz|allee|weg|gasse)(?!\w)|[路街道巷弄号號]|[市区區县省]|丁目|番地|〒"
)
_HOUSE = re.compile(
    r"(?i)^\W*(?:no\W{0,2}\s?|lot\s|unit\s|blk\s|#\s?)?[a-z]?-?\d+[\w/-]*(?:\s?[,&]|\s+[^\W\d])|^\W*(?:no|lot|unit)\W{0,2}\s?\w"
)
_POSTCODE = re.compile(r"(?<![\d-])\d{5,6}(?:-\d{4})?(?![\d-])|\b[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}\b|〒\s?\d{3}")
_STOP = re.compile(
    r"(?i)\b(?:tel|telephone|phone|fax|gst|sst|vat|tax|reg|roc|email|e-mail|www|invoice|receipt|date|cashier|bill|hotline"
    r"|careline|mobile|hp|attn|time|site|outlet|table|order|company\s?no|co\.?\s?no|ust|steuer|siret|tva|nif|cif|cnpj|p\.?\s?iva)\b"
    r"|@|电话|電話|税号|日期|发票|登録番号"
)
_HEADER_ROWS = 14  # rows of print in which the issuer is looked for
_KNOWN = 2  # of a piece that is a known label, without a colon
_LEADING = 1.6  # line heights between lines of an address

_PAYABLE = (
    (("rounded",), 5.0),
    (
        (
            "grand",
            "payable",
            "due",
            "net",
            "nett",
            "geral",
            "gesamtbetrag",
            "gesamtsumme",
            "endbetrag",
            "zahlen",
            "zahlbetrag",
            "rechnungsbetrag",
        ),
        3.0,
    ),
    (
        (
            "ttc",
            "complessivo",
            "应付金额",
            "实付金额",
            "价税合计",
            "合計",
            "総合計",
            "お会計",
            "ご請求金額",
            "税込合計",
            "实付",
        ),
        3.0,
    ),
    (("inclusive", "incl", "including"), 1.0),
)
_TOTAL = _set(
    """
    total totale gesamt gesamtbetrag gesamtsumme summe endbetrag montant importe payable due zahlbetrag
    rechnungsbetrag
    """
)
_TOTAL_CJK = re.compile("总计|合计|总额|总金额|价税合计|应付|实付|合計|総額|総合計|会計|請求金額|小写")
_OTHER_SUMS = _set(
    """
    b4 ex pcs unit sub subtotal qty quantity item count gst sst tax vat mwst tva iva discount disc saving save point
    change cash excl excluding exclusive before tender tendered pax menge artikel zwischensumme ht imponible imponibile
    untaxed paid service
    """
)
_SUMS = _set(
    """
    total subtotal zwischensumme imponibile 小计 小計
    """
)
_CARRIED = _set("carried brought forward ubertrag reporter riporto 承前 次页 転記")
_PHONE = re.compile(r"(?=(?:\D*\d){8})(?!.*\d{4}-\d\d-\d\d)[+(]?\d[\d ]*[-() ][\d\s()-]*")
_PAID = _set("cash tendered paid received bar gegeben efectivo contanti 现金 お預り")
_CHANGE = _set("change ruckgeld rendu cambio troco resto 找零 お釣り おつり")
_NO_FIRM = -5.0
_FIRM = 3.0  # and more: there is a legal form
_FIRM_WORDS = 6
_CARRIED_WORDS = 3
_MOST_ADDRESS_LINES = 7
_SUMMARY = re.compile(r"(?i)\b(?:gst|tax|sst|vat|mwst)\s+(?:summ\w+|analysis|code)")


def issuer(sheet: Sheet) -> list[Piece]:
    """The firm whose receipt it is, without its registration number; nothing where no line reads like a firm."""
    rows = _header(sheet)
    scored = [(_firm_likeness(sheet, row) - 0.3 * i, -i) for i, row in enumerate(rows)]
    best, place = max(scored, default=(_NO_FIRM, 0))
    if best <= _NO_FIRM:
        return []
    name = rows[-place]
    if best < _FIRM and (elsewhere := _firm_anywhere(sheet)):
        return elsewhere
    if _is_only_form(sheet.text(name)) and place < 0 and _firm_likeness(sheet, rows[-place - 1]) > 0:
        name = [*rows[-place - 1], *name]
    return _without_registration(name)


def _header(sheet: Sheet) -> list[list[Piece]]:
    """The rows above the first price, each up to its first wide gap, without those that head columns."""
    rows = sheet.rows()[:_HEADER_ROWS]
    priced = next((i for i, row in enumerate(rows) if has_cents(row[-1].text)), len(rows))
    return [_run(row) for row in rows[:priced] if sum(piece.label == _KNOWN for piece in row) < 2]


def _firm_anywhere(sheet: Sheet) -> list[Piece]:
    """A short line with a legal form, and nothing else, as in the small print of an invoice."""
    for row in sheet.rows():
        for piece in row:
            if len(piece.text.split()) <= _FIRM_WORDS and _firm_likeness(sheet, [piece]) >= _FIRM:
                return _without_registration([piece])
    return []


def _run(row: Sequence[Piece]) -> list[Piece]:
    """The row up to its first wide gap."""
    run = list(row[:1])
    for piece in row[1:]:
        if piece.box.left - run[-1].box.right > 1.5:
            break
        run.append(piece)
    return run


def _firm_likeness(sheet: Sheet, run: Sequence[Piece]) -> float:
    text = sheet.text(run)
    letters, digits = sum(map(str.isalpha, text)), sum(map(str.isdigit, _REGISTRATION.sub("", text)))
    labelled = any(piece.label == 3 or piece.follows for piece in run)
    if labelled or letters < 3 or letters <= digits or _HEADING.search(text) or _STOP.search(text):
        return -10.0
    if _FORM.search(text):
        return 6.0
    trade = _TRADE.search(text) is not None
    if (
        _POSTCODE.search(text)
        or (_STREET.search(text) and (digits or not trade))
        or (_HOUSE.search(text) and not trade)
    ):
        return -10.0
    return 2.0 + 0.2 * trade + 0.5 * (run[0].box.height > 1.25) - text.islower()


def _is_only_form(text: str) -> bool:
    """Whether there is little but a legal form: ``(M) SDN BHD``, the end of a name that starts in the line above."""
    rest = _FORM.sub("", text)
    return _FORM.search(text) is not None and sum(map(str.isalpha, rest)) < 3


def _without_registration(name: Sequence[Piece]) -> list[Piece]:
    last = name[-1]
    number = _REGISTRATION.search(last.text)
    kept = last.part(0, number.start()) if number and number.start() > 2 else last
    return [*name[:-1], kept]


def address(sheet: Sheet, firm: Sequence[Piece]) -> list[Piece]:
    """The lines of the issuer's address, those below its name first."""
    rows = [_run(row) for row in sheet.rows()[: _HEADER_ROWS + 6]]
    under = firm[0].middle if firm else -1e9
    for above in (False, True):
        for i, row in enumerate(rows):
            if (row[0].middle <= under) is above and _is_address_start(sheet, row):
                return _address_from(sheet, rows[i:])
    return []


def _is_address_start(sheet: Sheet, run: Sequence[Piece]) -> bool:
    text = sheet.text(run)
    if _ends_address(sheet, run) or _FORM.search(text) or sum(map(str.isalpha, text)) < 3:
        return False
    return bool(_HOUSE.search(text) or _STREET.search(text) or _POSTCODE.search(text))


def _ends_address(sheet: Sheet, run: Sequence[Piece]) -> bool:
    text = sheet.text(run)
    numbers = sum(map(str.isalpha, text)) < 3 and not _POSTCODE.search(text)
    return bool(
        numbers
        or _STOP.search(text)
        or _HEADING.search(text)
        or find(text, "date")
        or any(piece.label == 3 for piece in run)
    )


def _address_from(sheet: Sheet, rows: Sequence[list[Piece]]) -> list[Piece]:
    lines = list(rows[0])
    for above, row in pairwise(rows[:_MOST_ADDRESS_LINES]):
        if row[0].box.top - above[0].box.bottom > _LEADING or _ends_address(sheet, row):
            break
        lines += row
    return lines


def date(sheet: Sheet) -> list[Piece]:
    """The first date in digits, else the first date."""
    dates = [piece.part(*span) for row in sheet.rows() for piece in row if (span := find(piece.text, "date"))]
    return sorted(dates, key=lambda piece: not is_numeric_date(piece.text))[:1]


def contact(sheet: Sheet, kind: Kind) -> list[Piece]:
    """The first address on the net, or the first line that is a telephone number and nothing else."""
    for piece in sheet.pieces:
        span = find(piece.text, kind)
        if span and (kind != "phone" or _PHONE.fullmatch(piece.text.strip())):
            return [piece.part(*span)]
    return []


def total(sheet: Sheet) -> list[Piece]:
    """The amount to pay."""
    sums = [(label, piece) for label in _sum_labels(sheet) for piece in amount_right(sheet, label)]
    paid = _paid_less_change(sheet)
    scored = [
        (_payable(label) + 4.0 * (number(piece.text) == paid) + has_cents(piece.text), piece) for label, piece in sums
    ]
    best = max((score for score, _ in scored), default=0.0)
    return [piece for score, piece in scored if score == best][-1:]


def _sum_labels(sheet: Sheet) -> Iterator[Piece]:
    """Labels of totals, down to the summary of taxes."""
    for row in sheet.rows():
        if is_summary(row):
            return
        yield from (piece for piece in row if _is_total(piece.text))


def is_summary(row: Sequence[Piece]) -> bool:
    """Whether a row heads the summary of the taxes in a bill."""
    return _SUMMARY.search(" ".join(piece.text for piece in row)) is not None


def _is_total(text: str) -> bool:
    found = {word.folded for word in words(text)}
    if {"inclusive", "incl", "including"} & found:
        found -= {"gst", "sst", "tax", "vat", "mwst", "tva", "iva"}
    return bool(found & _TOTAL and not found & _OTHER_SUMS) or bool(_TOTAL_CJK.search(text))


def is_sum(text: str) -> bool:
    """Whether a text is the label of a total, a subtotal or a count of items."""
    found = {word.folded for word in words(text)}
    return _is_total(text) or bool(found & _SUMS)


def is_of_all(text: str) -> bool:
    """Whether a text says that it is about all items: their sum, or how many they are."""
    return bool({word.folded for word in words(text)} & (_TOTAL | _SUMS))


def is_carried(text: str) -> bool:
    """Whether a text is the label of a sum that goes over to the next page, or comes from the last."""
    found = {word.folded for word in words(text)}
    return len(found) <= _CARRIED_WORDS and bool(found & _CARRIED)


def _payable(label: Piece) -> float:
    """How surely a label of a total is that of the sum to pay."""
    found = {word.folded for word in words(label.text)}
    return 1.0 + sum(weight for signs, weight in _PAYABLE if any(sign in found for sign in signs))


def amount_right(sheet: Sheet, label: Piece) -> list[Piece]:
    """The right-most amount in a label's row; none where there is none."""
    for slack in (0.5, 0.9):
        for piece in reversed(sheet.right(label, slack)):
            if span := amount(piece.text):
                return [piece.part(*span)]
    return []


def _paid_less_change(sheet: Sheet) -> int | None:
    """What was handed over less what came back, in hundredths, where both are printed."""
    paid, change = (_labelled_amount(sheet, names) for names in (_PAID, _CHANGE))
    return paid - change if paid is not None and change is not None else None


def _labelled_amount(sheet: Sheet, names: frozenset[str]) -> int | None:
    for piece in sheet.pieces:
        found = {word.folded for word in words(piece.text)}
        if found & names and len(found) <= 3 and (value := amount_right(sheet, piece)):
            return number(value[0].text)
    return None
