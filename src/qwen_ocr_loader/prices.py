"""Where Qwen-OCR is served and what tokens cost there: regions, prices with their date and source, money."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal

RegionName = Literal["beijing", "singapore", "virginia"]
Currency = Literal["CNY", "USD"]


@dataclass(frozen=True, slots=True)
class Region:
    """Where a service runs. Keys are good in one region only.

    Attributes:
        name: ``"beijing"``, ``"singapore"`` or ``"virginia"``.
        native_url: Base of the DashScope protocol, without a slash at its end.
        compatible_url: Base of the OpenAI-compatible protocol.
        currency: What it bills in.
    """

    name: RegionName
    native_url: str
    compatible_url: str
    currency: Currency


def _region(name: RegionName, host: str, currency: Currency) -> Region:
    return Region(name, f"https://{host}/api/v1", f"https://{host}/compatible-mode/v1", currency)


# Hosts: Alibaba Cloud Model Studio, "Text extraction (Qwen-OCR)", 2026-02-04. The SDK's own table sends Virginia to
# Singapore's host; the page is believed.
REGIONS: dict[str, Region] = {
    "beijing": _region("beijing", "dashscope.aliyuncs.com", "CNY"),
    "singapore": _region("singapore", "dashscope-intl.aliyuncs.com", "USD"),
    "virginia": _region("virginia", "dashscope-us.aliyuncs.com", "USD"),
}


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in one currency. Adds up with ``+``; amounts in different currencies do not."""

    amount: Decimal
    currency: Currency

    def __add__(self, other: Money) -> Money:
        if self.currency != other.currency:
            raise ValueError(f"{self} and {other} cannot be added; keep one total for each currency")
        return Money(self.amount + other.amount, self.currency)

    def __str__(self) -> str:
        return f"{self.amount.normalize():f} {self.currency}"


@dataclass(frozen=True, slots=True)
class Price:
    """What tokens cost.

    Attributes:
        input, output: For ``per`` tokens.
        currency: ``"CNY"`` or ``"USD"``.
        region: Where it holds; None for everywhere.
        per: Tokens the amounts are for.
        as_of: When ``source`` said so; None where unknown.
        source: Who said so.
    """

    input: Decimal
    output: Decimal
    currency: Currency
    region: RegionName | None = None
    per: int = 1_000_000
    as_of: date | None = None
    source: str = "given by the caller"

    def of(self, input_tokens: int, output_tokens: int) -> Money:
        """What that many tokens cost."""
        return Money((input_tokens * self.input + output_tokens * self.output) / self.per, self.currency)

    def halved(self) -> Price:
        """At half the price, as in the Batch API."""
        return replace(self, input=self.input / 2, output=self.output / 2)
