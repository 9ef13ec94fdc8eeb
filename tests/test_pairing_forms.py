"""Labels and their values by geometry, on forms that we set ourselves."""

import pytest

from printed_pages import Row, mirrored, printed, values
from qwen_ocr_loader.fields.pairing import pair_fields


def test_what_stands_before_a_colon_of_its_own_is_a_label():
    assert values(pair_fields(printed(("Batch", (30, ": A-7"))), None)) == {"Batch": "A-7"}


def test_arabic_labels_stand_right_of_their_values():
    rows = [("الاسم:", (40, "ليلى حداد")), ("المدينة:", (40, "دمشق"))]
    assert values(pair_fields(mirrored(printed(*rows)), None)) == {"الاسم": "ليلى حداد", "المدينة": "دمشق"}


FORM: tuple[Row, ...] = (
    ("1 Name (as shown on your passport)", (60, "Date of birth")),
    ("Ada Quist", (60, "3 May 1990")),
    ("2 Address (street and number)", (60, "Exemption code")),
    ("12 Fern Lane", (60, "used by the agency")),
    ("Old Town", (60, "B7")),
)


def test_boxes_of_a_form_have_their_label_at_the_top():
    found = pair_fields(printed(*FORM, leading=24), {"Name": "", "Address": "", "birth_date": "", "ExemptionCode": ""})
    assert values(found) == {
        "Name": "Ada Quist",
        "Address": "12 Fern Lane Old Town",
        "birth_date": "3 May 1990",
        "ExemptionCode": "B7",
    }


def test_a_number_written_into_boxes_is_read_on_over_their_dash():
    digits = tuple((10 + 4 * i, digit) for i, digit in enumerate("123 45"))
    rows = [("Social security number",), tuple(cell for cell in digits if cell[1] != " ")]
    assert pair_fields(printed(*rows), {"SSN": ""})["SSN"].value == "1 2 3 4 5"


def test_captions_stand_under_what_was_written():
    rows = [("(A) Tove Lind",), ("NAME OF OWNER",), ("Botany",), ("DEPARTMENT",)]
    assert values(pair_fields(printed(*rows, leading=22), None)) == {
        "NAME OF OWNER": "Tove Lind",
        "DEPARTMENT": "Botany",
    }


def test_a_value_goes_on_in_the_lines_below_it():
    rows = [("TO:", (30, "Fern & Sons")), ((30, "12 Harbour Street"),), ((30, "Port Vale"),), ("RE:", (30, "Boats"))]
    assert values(pair_fields(printed(*rows, leading=24), None)) == {
        "TO": "Fern & Sons 12 Harbour Street Port Vale",
        "RE": "Boats",
    }


def test_pairs_in_one_line_and_colons_that_are_none():
    rows = [
        ("Ref: A7 Date: 3 May 2031 Time: 12:40:05",),
        ("See https://example.org/a:b",),
        ("Open 9:30",),
        ("Case No. 475-B",),
    ]
    assert values(pair_fields(printed(*rows), None)) == {
        "Ref": "A7",
        "Date": "3 May 2031",
        "Time": "12:40:05",
        "Case No.": "475-B",
    }


def test_ticks_name_what_stands_beside_them():
    rows = [("x", (14, "Addition"), (50, "Deletion")), ("☑ Urgent",), ("X Other:", (40, "see annex"))]
    assert values(pair_fields(printed(*rows), None)) == {"Addition": "x", "Urgent": "☑", "Other": "see annex"}


def test_a_label_printed_again_has_the_list_of_its_values():
    rows = [("Name:", (30, "Ada")), ("Phone:", (30, "555-0100")), ("Name:", (30, "Bo")), ("Phone:", (30, "555-0101"))]
    field = pair_fields(printed(*rows), None)["Name"]
    assert field.value == ["Ada", "Bo"]
    assert [(place.path, place.text) for place in field.places] == [((0,), "Ada"), ((1,), "Bo")]
    assert pair_fields(printed(*rows), {"Name": [""]})["Name"].value == ["Ada", "Bo"]


def test_groups_are_read_in_their_own_blocks():
    rows = [
        ("Seller", (60, "Buyer")),
        ("Name: Fern Ltd", (60, "Name: Ada Quist")),
        ("Tax ID: 7001", (60, "Tax ID: 7002")),
    ]
    schema = {side: {"Name": "", "Tax ID": ""} for side in ("Seller", "Buyer", "Carrier")}
    found = pair_fields(printed(*rows), schema)
    assert values(found) == {
        "Seller": {"Name": "Fern Ltd", "Tax ID": "7001"},
        "Buyer": {"Name": "Ada Quist", "Tax ID": "7002"},
        "Carrier": None,
    }
    assert {place.path for place in found["Buyer"].places} == {("Name",), ("Tax ID",)}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        # A sum that no word calls one: its amount is that of all above it.
        ([("Hleb", (60, "62.00")), ("Maslo", (60, "148.50")), ("Skupaj", (60, "210.50"))], {"Skupaj": "210.50"}),
        # Codes begin as labels do, and labels lose the blank behind them.
        ([("Receipt No", (60, "INV2031-7"))], {"Receipt No": "INV2031-7"}),
        ([("TEL03-11112222",)], {"TEL": "03-11112222"}),
        # What is whole does not go on.
        ([("Date", (40, "3 May 2031")), ((40, "Westhaven"),)], {"Date": "3 May 2031"}),
        ([("Date", (40, "03/05/2031"), (58, "A3"))], {"Date": "03/05/2031"}),
        ([("Tel:", (30, "0123 555 0142")), ((30, "ada@fern.example"),)], {"Tel": "0123 555 0142"}),
        ([("Amount", (40, "12.00")), ((40, "6.50"),)], {"Amount": "12.00"}),
        # Dates and amounts have digits; a title heads the page and no value.
        ([("Date", (40, "Tine"))], {}),
        ([("TAX INVOICE", (60, "Westhaven"))], {}),
        # A currency between words and amount is no label.
        (
            [("Total", (60, "RM"), (66, "9.00")), ("Visa", (60, "RM"), (66, "9.00"))],
            {"Total": "RM 9.00", "Visa": "RM 9.00"},
        ),
        # How many there are is no thing bought.
        (
            [("Item", (40, "Qty"), (70, "Amount")), ("Rope", (40, "1"), (70, "9.00")), ("Total quantity", (40, "1"))],
            {"Total quantity": "1"},
        ),
    ],
)
def test_values_end_where_they_are_whole_and_labels_where_their_words_do(rows, expected):
    assert values(pair_fields(printed(*rows, leading=24), None)) == expected


def test_a_currency_in_a_column_of_its_own_is_no_label():
    rows = [("Total", (45, "RM"), (75, "9.00")), ("Visa", (45, "RM"), (75, "9.00"))]
    assert "RM" not in pair_fields(printed(*rows), None)
