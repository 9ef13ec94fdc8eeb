"""Ready-made checks for the models of users: numbers with check digits, dates, and sums that must add up.

>>> class Invoice(BaseModel):
...     items: list[Item]
...     total: Decimal
...     iban: IBAN
...
...     sums = adds_up("total", "items[].amount")

What they refuse is a problem of the field. Numbers come out without the spaces and dashes they are printed with.
``ResidentID``, ``CreditCode``, ``BankCard``, ``IBAN`` and ``VATNumber`` need ``pip install 'qwen-ocr-loader[checks]'``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

from ..errors import MissingDependency
from .letters import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

__all__ = [
    "IBAN",
    "BankCard",
    "CreditCode",
    "InvoiceDate",
    "InvoiceNumber",
    "ResidentID",
    "VATNumber",
    "adds_up",
]

OLDEST = date(1970, 1, 1)
"""Dates of invoices before it are taken for misread."""


@dataclass(frozen=True)
class CheckDigits:
    """For ``Annotated[str, CheckDigits("iban", "IBAN")]``: a number that a module of python-stdnum validates.

    Attributes:
        module: Its name within ``stdnum``, for example ``"cn.ric"``.
        name: What the number is called where it is refused.

    Raises:
        MissingDependency: python-stdnum is not installed; told when the model's class is made.
    """

    module: str
    name: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Pydantic's hook: the check after the field's own type."""
        from pydantic_core import core_schema

        self._stdnum()
        return core_schema.no_info_after_validator_function(self.checked, handler(source))

    def checked(self, value: str) -> str:
        """The number in its compact form.

        Raises:
            ValueError: It cannot be one, and why.
        """
        from stdnum.exceptions import ValidationError

        try:
            number: str = self._stdnum().validate(plain(value).replace(" ", ""))
        except ValidationError as error:
            raise ValueError(f"no {self.name}: {str(error).rstrip('.')}") from error
        return number

    def _stdnum(self) -> Any:
        try:
            return import_module(f"stdnum.{self.module}")
        except ImportError as error:
            raise MissingDependency(
                f"checking a {self.name} needs python-stdnum; type: pip install 'qwen-ocr-loader[checks]'"
            ) from error


@dataclass(frozen=True)
class _BankCardDigits(CheckDigits):
    """Luhn's check, and as many digits as a card has (ISO/IEC 7812-1)."""

    def checked(self, value: str) -> str:
        number = super().checked(re.sub(r"[\s\-]", "", value))
        if not 12 <= len(number) <= 19:
            raise ValueError(f"no {self.name}: it has {len(number)} digits, where cards have 12 to 19")
        return number


@dataclass(frozen=True)
class _VATDigits(CheckDigits):
    """A number that begins with its country; those of countries whose rule is not known pass."""

    def checked(self, value: str) -> str:
        from stdnum import get_cc_module

        compact = re.sub(r"[\s.\-]", "", plain(value)).upper()
        country = re.match("[A-Z]{2}", compact)
        if not country:
            raise ValueError(f"no {self.name}: it begins with no country's two letters")
        module = get_cc_module(country[0].replace("EL", "GR").lower(), "vat")
        if module is None:
            return compact
        return CheckDigits(str(vars(module)["__name__"]).removeprefix("stdnum."), self.name).checked(compact)


@dataclass(frozen=True)
class _After:
    """What is run after the field's own type."""

    check: Callable[[Any], Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(self.check, handler(source))


def _invoice_number(value: str) -> str:
    number = plain(value).strip()
    if not any(letter.isdigit() for letter in number):
        raise ValueError("no invoice number: it has no digit")
    if len(number) > 40 or re.search(r"\s\s|[^\w\s/.\-#:]", number):
        raise ValueError("no invoice number: it has more than 40 letters, or letters that no number has")
    return number


def _invoice_date(day: date) -> date:
    if not OLDEST <= day <= date.today() + timedelta(days=1):  # noqa: DTZ011 - wherever it is tomorrow already
        raise ValueError(f"{day} is in the future, or before {OLDEST.year}")
    return day


ResidentID = Annotated[str, CheckDigits("cn.ric", "resident identity number")]
"""Of a Chinese resident identity card, 18 digits or 17 and X (GB 11643)."""
CreditCode = Annotated[str, CheckDigits("cn.uscc", "unified social credit code")]
"""Of a Chinese company, 18 letters (GB 32100)."""
BankCard = Annotated[str, _BankCardDigits("luhn", "card number")]
"""12 to 19 digits, the last one by Luhn's rule."""
IBAN = Annotated[str, CheckDigits("iban", "IBAN")]
"""Length and check digits of its country (ISO 13616)."""
VATNumber = Annotated[str, _VATDigits("eu.vat", "VAT number")]
"""With its country's two letters in front, by that country's rule."""
InvoiceNumber = Annotated[str, _After(_invoice_number)]
"""With a digit in it, and nothing that no number has."""
InvoiceDate = Annotated[date, _After(_invoice_date)]
"""From 1970 to tomorrow: it is tomorrow somewhere already."""


def adds_up(total: str, *parts: str, tolerance: Decimal | str = "0.01") -> Any:
    """A check for the body of a model: the parts must come to the total. Without one of them nothing is checked.

    Args:
        total: Name of the field with the sum.
        *parts: Names of what is added; ``"items[].amount"`` is the amount of every item.
        tolerance: By how much the sum may differ, for amounts that were rounded one by one.

    Returns:
        Pydantic's ``model_validator``; give it any name in the class. What does not add up is a problem of ``total``.
    """
    from pydantic import model_validator

    allowed = Decimal(tolerance)

    def check(model: Any) -> Any:
        wanted, amounts = getattr(model, total), [amount for part in parts for amount in _amounts(model, part)]
        if wanted is None or None in amounts:
            return model
        found = sum((Decimal(str(amount)) for amount in amounts), Decimal(0))
        if abs(found - Decimal(str(wanted))) > allowed:
            raise _refused(model, total, f"{' + '.join(parts)} is {found}, not {wanted}")
        return model

    return model_validator(mode="after")(check)


def _amounts(model: Any, part: str) -> Iterator[Any]:
    """What a path like ``items[].amount`` leads to."""
    values: Iterable[Any] = [model]
    for name in part.split("."):
        found = [getattr(value, name.removesuffix("[]")) if value is not None else None for value in values]
        values = [inner for value in found for inner in (value or ())] if name.endswith("[]") else found
    yield from values


def _refused(model: Any, total: str, said: str) -> Exception:
    """An error at the field with the sum, under the name that validation knows it by."""
    from pydantic import ValidationError
    from pydantic_core import InitErrorDetails, PydanticCustomError

    from .model import members

    key = next((key for key, name, _ in members(type(model)) if name == total), total)
    told = PydanticCustomError("adds_up", "{said}", {"said": f"does not add up: {said}"})
    details = InitErrorDetails(type=told, loc=(key,), input=getattr(model, total))
    return ValidationError.from_exception_data(type(model).__name__, [details])
