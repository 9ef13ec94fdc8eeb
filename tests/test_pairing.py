"""Fields by geometry, on receipts and invoices that we set ourselves."""

import time

import pytest

from printed_pages import Row, page, printed, values
from qwen_ocr_loader import PageResult
from qwen_ocr_loader.fields.pairing import pair_fields
from qwen_ocr_loader.geometry import Quad
from qwen_ocr_loader.results import Field, Line

RECEIPT: tuple[Row, ...] = (
    ((25, "SIMPLIFIED TAX INVOICE"),),
    ((20, "KUALA PADU TRADING SDN BHD"),),
    ((35, "(912345-X)"),),
    ((25, "NO. 7, JALAN MAWAR 3/1,"),),
    ((25, "TAMAN SRI PADU,"),),
    ((25, "43210 BANDAR LAMA, SELANGOR."),),
    ((20, "TEL:03-11112222 FAX:03-33334444"),),
    ((20, "GST ID: 000123456789"),),
    ("INV NO: P0042/17", (60, "DATE: 09/11/201818:20:11")),
    ("QTY ITEM", (55, "PRICE"), (80, "AMOUNT")),
    ("2", (20, "PAINT BRUSH 2IN"), (55, "4.50"), (80, "9.00")),
    ("1", (20, "WALL FILLER"), (55, "12.35"), (80, "12.35")),
    ((20, "(WHITE, 1KG)"),),
    ("TOTAL QTY", (80, "3")),
    ("SUB TOTAL", (80, "21.35")),
    ("GST 6%", (80, "1.28")),
    ("TOTAL", (80, "22.63")),
    ("ROUNDING ADJ", (80, "0.02")),
    ("NET TOTAL", (80, "RM22.65")),
    ("CASH", (80, "50.00")),
    ("CHANGE", (80, "27.35")),
    ("GST SUMMARY", (50, "AMOUNT"), (80, "TAX")),
    ("TOTAL", (50, "21.35"), (80, "1.28")),
)
SHOP = {"company": "", "date": "", "address": "", "total": ""}
READ = {
    "company": "KUALA PADU TRADING SDN BHD",
    "date": "09/11/2018",
    "address": "NO. 7, JALAN MAWAR 3/1, TAMAN SRI PADU, 43210 BANDAR LAMA, SELANGOR.",
    "total": "RM22.65",
}


@pytest.mark.parametrize("turn", [0, 4, -6, 90, 180])
def test_a_receipt_says_who_when_where_and_how_much(turn):
    assert values(pair_fields(printed(*RECEIPT, turn=turn), SHOP)) == READ


@pytest.mark.parametrize("lost", range(len(RECEIPT)))
def test_a_lost_row_costs_no_field_but_its_own(lost):
    rows = [row for i, row in enumerate(RECEIPT) if i != lost]
    found = values(pair_fields(printed(*rows), SHOP))
    hurt = {1: "company", 3: "address", 4: "address", 5: "address", 8: "date", 18: "total"}
    assert {name for name in READ if found[name] != READ[name]} == {hurt[lost]} if lost in hurt else found == READ


def test_labels_of_a_receipt_by_other_names():
    schema = {"invoice_number": "", "phone": "", "fax": "", "Tax": "", "subtotal": "", "change": "", "gst_id": ""}
    assert values(pair_fields(printed(*RECEIPT), schema)) == {
        "invoice_number": "P0042/17",
        "phone": "03-11112222",
        "fax": "03-33334444",
        "Tax": "1.28",
        "subtotal": "21.35",
        "change": "27.35",
        "gst_id": "000123456789",
    }


def test_a_key_may_be_explained_by_its_description():
    found = pair_fields(printed(*RECEIPT), {"paid": "total", "no": "invoice number", "day": "YYYY-MM-DD"})
    assert values(found) == {"paid": "50.00", "no": "P0042/17", "day": None}


@pytest.mark.parametrize(
    ("rows", "amount"),
    [
        ([("TOTAL", (80, "12.00")), ("TOTAL", (80, "3"))], "12.00"),
        ([("Net total", (80, "9.98")), ("Rounded total", (80, "10.00")), ("Net total", (80, "9.98"))], "10.00"),
        ([("Total", (80, "10.60")), ("GST SUMMARY",), ("Total", (80, "10.00"))], "10.60"),
        (
            [
                ("Net total", (80, "20.00")),
                ("Grand total", (80, "21.00")),
                ("Cash", (80, "50.00")),
                ("Change", (80, "30.00")),
            ],
            "20.00",
        ),
        (
            [("Total excl. GST", (80, "9.00")), ("Total (incl. GST)", (80, "RM 9.54")), ("Total items", (80, "99.00"))],
            "9.54",
        ),
    ],
)
def test_the_total_is_the_sum_to_pay(rows, amount):
    assert pair_fields(printed(*rows), {"total": ""})["total"].value == amount


def test_a_firm_is_named_without_its_number_and_with_all_its_words():
    assert pair_fields(printed(("FERN (M) SDN BHD (12345-X)",)), SHOP)["company"].value == "FERN (M) SDN BHD"
    split = printed(("FERN &", (20, "COMPANY")), ("12, HARBOUR ROAD",), leading=24)
    assert pair_fields(split, SHOP)["company"].value == "FERN & COMPANY"


def test_a_slip_of_the_reading_in_a_label():
    assert pair_fields(printed(("Telephonc: 555-0100",)), {"phone": ""})["phone"].value == "555-0100"


def test_contacts_need_no_label():
    rows = [("FERN LTD",), ("No. 2031-05-03 1",), ("01-36870",), ("+44 20 7946 0000",), ("mail ada@fern.example",)]
    found = pair_fields(printed(*rows, ("see www.fern.example/shop",)), {"phone": "", "email": "", "website": ""})
    assert values(found) == {"phone": "+44 20 7946 0000", "email": "ada@fern.example", "website": "www.fern.example"}


def test_items_stand_under_their_headings():
    field = pair_fields(printed(*RECEIPT), {"items": [{"name": "", "qty": "", "amount": ""}]})["items"]
    assert field.value == [
        {"name": "PAINT BRUSH 2IN", "qty": "2", "amount": "9.00"},
        {"name": "WALL FILLER (WHITE, 1KG)", "qty": "1", "amount": "12.35"},
    ]
    assert [place.text for place in field.places if place.path == (1, "name")] == ["WALL FILLER", "(WHITE, 1KG)"]


@pytest.mark.parametrize("label", ["incl. VAT", "incl. VAT 20 %", "VAT included", "enthaltene MwSt 19 %", "dont TVA"])
def test_the_tax_within_a_total(label):
    lines = printed(("Total", (70, "19.60")), (label, (70, "3.27")), ("Card", (70, "19.60")))
    assert values(pair_fields(lines, {"tax": "", "total": ""})) == {"tax": "3.27", "total": "19.60"}


def test_sums_carried_over_a_page_break_are_no_items_and_headings_no_firm():
    first = printed(
        ("Lantern Inns Ltd",),
        ("Description", (70, "Amount")),
        ("Supper", (70, "27.00")),
        ("Carried forward", (70, "27.00")),
        ((30, "page 1 of 2"),),
    )
    second = printed(
        ((10, "Lantern Inns Ltd, invoice 7, page 2 of 2"),),
        ("Description", (70, "Amount")),
        ("Brought forward", (70, "27.00")),
        ("Laundry", (70, "16.40")),
        ("TOTAL", (70, "43.40")),
    )
    schema = {"company": "", "items": [{"description": "", "amount": ""}], "total": ""}
    supper, laundry = {"description": "Supper", "amount": "27.00"}, {"description": "Laundry", "amount": "16.40"}
    assert values(pair_fields(first, schema)) == {"company": "Lantern Inns Ltd", "items": [supper], "total": None}
    assert values(pair_fields(second, schema)) == {"company": None, "items": [laundry], "total": "43.40"}


def test_without_headings_what_was_carried_over_is_no_item():
    lines = printed(("Übertrag", (70, "27,00")), ("Seife", (70, "2,50")), ("Summe", (70, "29,50")))
    found = pair_fields(lines, {"items": [{"description": "", "amount": ""}]})
    assert found["items"].value == [{"description": "Seife", "amount": "2,50"}]


def test_items_without_headings_are_words_and_an_amount():
    rows = [("NOODLE HALL",), ("1 Fried rice", (80, "25,000")), ("Tea", (80, "8.000")), ("Total", (80, "33,000"))]
    found = pair_fields(printed(*rows), {"menu": [{"name": "", "price": ""}], "total": ""})
    assert found["menu"].value == [{"name": "1 Fried rice", "price": "25,000"}, {"name": "Tea", "price": "8.000"}]
    assert found["total"].value == "33,000"


LABELLED = {
    "de": (
        ("Rechnungs-Nr.: 2031-7", (60, "Datum: 03.05.2031")),
        ("MwSt 7%", (70, "0,33")),
        ("Gesamtbetrag", (70, "5,00")),
    ),
    "fr": (("Facture n° 2031-7", (60, "Date : 03.05.2031")), ("TVA 7%", (70, "0,33")), ("Total à payer", (70, "5,00"))),
    "es": (
        ("Factura n.º: 2031-7", (60, "Fecha: 03.05.2031")),
        ("IVA 7%", (70, "0,33")),
        ("Total a pagar", (70, "5,00")),
    ),
    "pt": (("Fatura: 2031-7", (60, "Data: 03.05.2031")), ("Imposto", (70, "0,33")), ("Valor total", (70, "5,00"))),
    "it": (("Fattura n. 2031-7", (60, "Data: 03.05.2031")), ("IVA 7%", (70, "0,33")), ("Totale", (70, "5,00"))),
    "zh": (("发票号码：2031-7", (60, "开票日期：03.05.2031")), ("税额", (70, "0,33")), ("价税合计", (70, "5,00"))),
    "ja": (("請求書番号：2031-7", (60, "発行日：03.05.2031")), ("消費税", (70, "0,33")), ("ご請求金額", (70, "5,00"))),
}


@pytest.mark.parametrize("language", LABELLED)
def test_labels_in_the_language_of_the_page(language):
    found = pair_fields(printed(*LABELLED[language]), {"invoice number": "", "date": "", "tax": "", "total": ""})
    assert values(found) == {"invoice number": "2031-7", "date": "03.05.2031", "tax": "0,33", "total": "5,00"}


def test_a_key_in_one_language_finds_a_label_in_another():
    rows = [("Name: Ada Quist",), ("Total", (70, "12.00"))]
    assert values(pair_fields(printed(*rows), {"姓名": "", "Gesamtbetrag": ""})) == {
        "姓名": "Ada Quist",
        "Gesamtbetrag": "12.00",
    }


def test_what_is_not_printed_is_none():
    schema = {"IBAN": "", "Seller": {"Phone": ""}, "lines": [{"code": "", "weight": ""}], "total": "", "": ""}
    found = pair_fields(printed(("Dear reader,",), ("this is a letter without any fields",)), schema)
    assert list(found) == list(schema)
    assert set(values(found).values()) == {None}
    assert pair_fields(page(()), SHOP) == dict.fromkeys(SHOP, Field(None))
    assert pair_fields(page(()), None) == {}


def test_a_field_stands_where_its_text_is():
    result = printed(("Total: 12.00", (60, "Date: 3 May 2031")), confidence=0.8)
    field = pair_fields(result, {"date": ""})["date"]
    (place,) = field.places
    assert (field.confidence, field.quad, place.text, place.path) == (0.8, place.quad, "3 May 2031", ())
    whole = result.lines[1].quad
    assert whole is not None
    assert whole.bounds.left < place.quad.bounds.left < place.quad.bounds.right == pytest.approx(whole.bounds.right)


def test_lines_without_a_place_and_broken_places_are_left_out():
    nowhere, broken = Quad.from_box(0.1, 0.1, 0.2, float("nan")), Quad.from_box(0.5, 0.5, 0.5, 0.5)
    lines = [Line("Name:", 0, 5), Line("Ada", 6, 9, nowhere), Line("Total: 3.00", 10, 21, broken)]
    assert values(pair_fields(page(lines), {"Name": "", "total": ""})) == {"Name": None, "total": "3.00"}


def crowded(count: int, *, stacked: bool) -> PageResult:
    lines, at = [], 0
    for i in range(count):
        text = ("Total: 5.00", "Name", "12/03/2031", "some words that go on", ":")[i % 5]
        x, y = (0.1, 0.1) if stacked else (0.1 + i % 10 * 0.08, i // 10 / count * 10)
        lines.append(Line(text, at, at + len(text), Quad.from_box(x, y, x + 0.07, y + 0.01), 0.9))
        at += len(text) + 1
    return page(lines)


@pytest.mark.parametrize("stacked", [False, True])
def test_the_time_grows_with_the_lines_not_their_square(stacked):
    schema = {**SHOP, "items": [{"name": "", "price": ""}], "Seller": {"Name": ""}}
    seconds = []
    for count in (500, 5000):
        result = crowded(count, stacked=stacked)
        started = time.process_time()
        pair_fields(result, schema)
        pair_fields(result, None)
        seconds.append(time.process_time() - started)
    assert seconds[1] < 40 * seconds[0] + 0.2


@pytest.mark.parametrize(
    "text", ["a1" * 5000, " " * 10000 + ":", ": " * 4000, "a." * 5000, "(" * 9000, "1," * 5000, "x@" * 4000]
)
def test_a_long_line_of_nonsense_takes_no_time(text):
    started = time.process_time()
    pair_fields(
        page([Line(text, 0, len(text), Quad.from_box(0.1, 0.1, 0.9, 0.12))]),
        {**SHOP, "email": "", "web": "", "phone": ""},
    )
    assert time.process_time() - started < 2


def test_a_tax_and_the_number_of_who_pays_it_are_told_apart():
    english = printed(("VAT 20 %", (60, "4.72")), ("VAT GB 555 0142 77",))
    assert values(pair_fields(english, {"vat number": "", "tax": ""})) == {
        "vat number": "GB 555 0142 77",
        "tax": "4.72",
    }
    italian = printed(("P. IVA 01234567890",), ("IVA 22%", (60, "5.10")))
    assert values(pair_fields(italian, {"iva": "", "partita iva": ""})) == {"iva": "5.10", "partita iva": "01234567890"}
