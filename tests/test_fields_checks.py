"""Numbers with check digits, dates, and sums; examples are the issuers' own, or computed."""

import sys
from datetime import date, timedelta
from decimal import Decimal

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic import Field as F

from qwen_ocr_loader import MissingDependency
from qwen_ocr_loader.fields.checks import (
    IBAN,
    BankCard,
    CreditCode,
    InvoiceDate,
    InvoiceNumber,
    ResidentID,
    VATNumber,
    adds_up,
)


@pytest.mark.parametrize(
    ("kind", "good", "compact"),
    [
        (ResidentID, "11010519491231002X", "11010519491231002X"),
        (CreditCode, "91110000600037341L", "91110000600037341L"),
        (BankCard, "4111 1111 1111 1111", "4111111111111111"),
        (IBAN, "DE89 3704 0044 0532 0130 00", "DE89370400440532013000"),
        (VATNumber, "DE 136 695 976", "136695976"),
        (VATNumber, "XX 12", "XX12"),
        (InvoiceNumber, "INV-2024/0017", "INV-2024/0017"),
        (InvoiceDate, date(2024, 3, 12), date(2024, 3, 12)),
    ],
)
def test_good_ones_pass_in_their_compact_form(kind, good, compact):
    assert TypeAdapter(kind).validate_python(good) == compact


@pytest.mark.parametrize(
    ("kind", "bad", "said"),
    [
        (ResidentID, "110105194912310021", "no resident identity number"),
        (CreditCode, "91110000600037341M", "no unified social credit code"),
        (BankCard, "4111 1111 1111 1112", "no card number"),
        (BankCard, "18", "has 2 digits"),
        (IBAN, "DE88 3704 0044 0532 0130 00", "no IBAN"),
        (VATNumber, "DE136695977", "no VAT number"),
        (VATNumber, "136695976", "country's two letters"),
        (InvoiceNumber, "see above", "no digit"),
        (InvoiceNumber, "Total: 12.00 €!", "letters that no number has"),
        (InvoiceDate, date.today() + timedelta(days=9), "in the future"),  # noqa: DTZ011
        (InvoiceDate, date(1930, 1, 1), "before 1970"),
    ],
)
def test_bad_ones_say_why(kind, bad, said):
    with pytest.raises(ValidationError, match=said):
        TypeAdapter(kind).validate_python(bad)


def test_without_stdnum_the_model_says_what_to_type(monkeypatch):
    monkeypatch.setitem(sys.modules, "stdnum.iban", None)
    with pytest.raises(MissingDependency, match=r"pip install 'qwen-ocr-loader\[checks\]'"):

        class Transfer(BaseModel):
            account: IBAN


class Item(BaseModel):
    amount: Decimal | None


class Bill(BaseModel):
    items: list[Item] = []
    tax: Decimal = Decimal(0)
    total: Decimal | None = F(alias="Total")

    sums = adds_up("total", "items[].amount", "tax")


@pytest.mark.parametrize("total", ["3.00", "2.99", None])
def test_sums_that_add_up_to_the_cent_pass(total):
    assert Bill(items=[{"amount": "1.50"}, {"amount": "1"}], tax="0.50", Total=total)


def test_a_missing_part_is_not_held_against_the_sum():
    assert Bill(items=[{"amount": None}], Total="9")


def test_sums_that_do_not_add_up_are_the_totals_problem():
    with pytest.raises(ValidationError) as caught:
        Bill(items=[{"amount": "1.50"}], Total="3.00")
    (error,) = caught.value.errors()
    assert error["loc"] == ("Total",)
    assert error["msg"] == "does not add up: items[].amount + tax is 1.50, not 3.00"
