"""Pydantic models as templates, and filled with what is printed."""

from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Literal, Optional

import pytest
from pydantic import AliasChoices, AliasPath, BaseModel, BeforeValidator, RootModel, model_validator
from pydantic import Field as F

from qwen_ocr_loader import Field, Reader
from qwen_ocr_loader.fields.schema import schema_of
from qwen_ocr_loader.fields.validation import MISSING, Habits, typed


class Currency(Enum):
    EUR = "EUR"
    USD = "USD"


class Item(BaseModel):
    name: str = F(alias="Name")
    amount: Decimal = F(validation_alias=AliasChoices("Sum", "Amount"), description="with tax")


class Invoice(BaseModel):
    day: date | None = F(None, alias="Invoice Date")
    total: Decimal
    paid: bool = False
    copies: Optional[int] = None  # noqa: UP045
    currency: Currency = Currency.EUR
    kind: Literal["invoice", "credit note"] = "invoice"
    items: list[Item] = F(default=[], alias="Items")
    notes: Annotated[list[str], F(description="at the foot")] = []


class Node(BaseModel):
    inner: "Node | None" = None


class Deep(BaseModel):
    a: list[Item]


class Deeper(BaseModel):
    b: Deep


class Deepest(BaseModel):
    c: Deeper


def test_a_model_is_a_template():
    assert schema_of(Invoice) == {
        "Invoice Date": "a date, as printed",
        "total": "a number, as printed",
        "paid": "yes or no",
        "copies": "a number, as printed",
        "currency": "one of: EUR, USD",
        "kind": "one of: invoice, credit note",
        "Items": [{"Name": "", "Sum": "with tax"}],
        "notes": ["at the foot"],
    }
    assert schema_of(Deeper)["b"]["a"] == [{"Name": "", "Sum": "with tax"}]


class Twice(BaseModel):
    a: str = F(alias="x")
    b: str = F(alias="x")


class ByPath(BaseModel):
    a: str = F(validation_alias=AliasPath("x", 0))


class Lists(BaseModel):
    a: list[list[str]]


class Either(BaseModel):
    a: Item | Deep


class Mixed(BaseModel):
    a: list[tuple[Decimal, str] | None]


class Items(RootModel[list[Item]]):
    pass


class OfItems(BaseModel):
    a: Items


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (Deepest, r"fields\['c'\]\['b'\]\['a'\]\[0\] is in layer 4"),
        (Node, r"fields\['inner'\] is Node within itself"),
        (Twice, "two fields named 'x'"),
        (ByPath, "a path as its alias"),
        (Lists, r"fields\['a'\] is a list of lists"),
        (Either, "one of several"),
        (Mixed, r"fields\['a'\]\[0\] is a tuple of several types; make it a model"),
        (Items, "fields is Items, a RootModel.*; pass a BaseModel that has it as one of its fields"),
        (OfItems, r"fields\['a'\] is Items, a RootModel.*; write the type of that value there"),
        (int, "class of a pydantic model"),
    ],
)
def test_what_no_template_can_say_is_refused(model, said):
    with pytest.raises(ValueError, match=said):
        Reader(fields=model)


def filled(values, model=Invoice, habits=Habits()):
    found = typed({name: Field(value) for name, value in values.items()}, model, habits)
    return found.instance, {name: field.problems for name, field in found.fields.items() if field.problems}


def test_printed_values_become_typed_ones():
    invoice, problems = filled(
        {
            "Invoice Date": "2024年3月12日",
            "total": "1.234,50 €",
            "paid": "☑",
            "copies": "３",
            "currency": "eur",
            "Items": [{"Name": "Scone", "Sum": "¥1,200"}, {"Name": 7, "Sum": 12.5}],
            "notes": "thank you",
            "unasked": "is left out",
        }
    )
    assert problems == {}
    assert invoice == Invoice.model_validate(
        {
            "Invoice Date": date(2024, 3, 12),
            "total": "1234.50",
            "paid": True,
            "copies": 3,
            "Items": [{"Name": "Scone", "Sum": 1200}, {"Name": "7", "Sum": "12.5"}],
            "notes": ["thank you"],
        }
    )


class Sizes(BaseModel):
    pair: tuple[Decimal, Decimal]
    more: tuple[int, ...] = ()
    words: tuple = ()


def test_a_tuple_of_one_type_is_a_list():
    assert schema_of(Sizes) == {"pair": ["a number, as printed"], "more": ["a number, as printed"], "words": [""]}
    sizes, problems = filled({"pair": ["1.5", "1,200.50"], "more": ["1,200"], "words": ["a"]}, Sizes)
    assert problems == {}
    assert sizes == Sizes(pair=(Decimal("1.5"), Decimal("1200.50")), more=(1200,), words=("a",))


def test_values_stay_as_printed():
    found = typed({"total": Field("RM 12.50")}, Invoice, Habits())
    assert found.fields["total"].value == "RM 12.50"
    assert found.instance.total == Decimal("12.50")


@pytest.mark.parametrize(
    ("values", "problems"),
    [
        ({"total": "1,234"}, {"total": ('ambiguous amount "1,234": thousands or decimals?',)}),
        (
            {"total": "1", "Invoice Date": "01/02/2024"},
            {"Invoice Date": ('ambiguous date "01/02/2024": day or month first?',)},
        ),
        ({"total": "1", "paid": "maybe"}, {"paid": ('neither yes nor no: "maybe"',)}),
        ({"total": "1", "copies": "2.5"}, {"copies": ('no whole number: "2.5"',)}),
        ({"total": "1", "Items": [{"Name": "a", "Sum": "x"}]}, {"Items": ('[0].Sum: no amount: "x"',)}),
        ({"total": "1", "Items": [{"Name": "a", "Sum": "1"}, {"Sum": "2"}]}, {"Items": (f"[1].Name: {MISSING}",)}),
        ({}, {"total": (MISSING,)}),
        ({"total": None}, {"total": (MISSING,)}),
        ({"total": ["1"]}, {"total": ("Decimal input should be an integer, float, string or Decimal object",)}),
    ],
)
def test_what_does_not_fit_is_a_problem_of_its_field(values, problems):
    instance, found = filled(values)
    assert instance is None
    assert found == problems


def test_the_document_settles_what_is_ambiguous():
    habits = Habits.of(["Total 12,50", "Due 28/02/2024"])
    invoice, problems = filled({"total": "1.234", "Invoice Date": "01/02/2024"}, habits=habits)
    assert (invoice.total, invoice.day, problems) == (1234, date(2024, 2, 1), {})
    assert Habits.agreed([Habits(",", True), Habits(None, False), Habits()]) == Habits(",", None)


class Own(BaseModel):
    size: Annotated[int, BeforeValidator(len)]
    text: str | int = ""
    number: int | Decimal = 0

    @model_validator(mode="after")
    def checked(self):
        if self.size == 3:
            raise ValueError("size is odd")
        if self.size == 4:
            raise RuntimeError("a bug")
        return self


def test_a_reader_of_the_users_own_gets_what_is_printed():
    own, _ = filled({"size": "1,234", "text": "12", "number": "2.50"}, Own)
    assert own == Own.model_construct(size=5, text="12", number=Decimal("2.50"))


def test_what_is_said_of_the_whole_lands_at_the_field_it_names():
    assert filled({"size": "abc"}, Own) == (None, {"size": ("size is odd",)})


def test_a_broken_validator_costs_no_page():
    instance, problems = filled({"size": "abcd"}, Own)
    assert instance is None
    assert problems["size"] == ("the model failed, RuntimeError: a bug",)
