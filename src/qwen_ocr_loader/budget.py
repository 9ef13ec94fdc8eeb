"""Keeps a run's cost under ``max_cost``: a page is reserved what it may cost, and settled at what it did."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from .engines import PaidEngine
from .errors import BudgetReached
from .forking import Lock
from .prices import Money

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .engines import Engine, Scan
    from .once import Bills
    from .tasks import Task


class Budget:
    """What is left of ``max_cost``; without one, everything goes and only the cost is told."""

    def __init__(self, engines: Sequence[Engine], tasks: Sequence[Task], max_cost: float | Decimal | None) -> None:
        self._engines = [engine for engine in engines if isinstance(engine, PaidEngine)]
        self._tasks = tasks
        self._left = None if max_cost is None else Decimal(str(max_cost))
        self._max_cost = max_cost
        self._lock = Lock()

    def reserve(self, scans: Sequence[Scan]) -> Decimal:
        """Set aside what pages read together may cost, should every engine be asked about them.

        Raises:
            BudgetReached: More than there is left, or nobody knows how much.
        """
        if self._left is None or not self._engines:
            return Decimal(0)
        expected = [self._ceiling(engine, scan) for engine in self._engines for scan in scans]
        if len({cost.currency for cost in expected}) > 1:
            raise BudgetReached("the engines bill in different currencies, so max_cost cannot be kept; leave it out")
        whole = sum((cost.amount for cost in expected), Decimal(0))
        with self._lock:
            if whole > self._left:
                raise BudgetReached(
                    f"the page may cost {Money(whole, expected[0].currency)}, and {self._left:f} is left of "
                    f"max_cost={self._max_cost}; raise max_cost"
                )
            self._left -= whole
        return whole

    def _ceiling(self, engine: PaidEngine, scan: Scan) -> Money:
        cost = engine.cost(engine.ceiling(scan, self._tasks))
        if cost is None:
            raise BudgetReached(_no_price(engine.name))
        return cost

    def settle(self, expected: Decimal, bills: Bills) -> list[Money]:
        """Give back what was set aside and take what it cost."""
        costs = [engine.cost(usage) for engine, usage in bills if isinstance(engine, PaidEngine) and usage.calls]
        known = [cost for cost in costs if cost]
        with self._lock:
            if self._left is None:
                return known
            self._left += expected - sum((cost.amount for cost in known), Decimal(0))
        return known


def _no_price(engine: str) -> str:
    model = engine.partition(":")[2] or engine
    return (
        f"no price is known for {engine}, so max_cost cannot be kept; leave it out, or tell the engine the price: "
        f"catalog=replace(lookup({model!r}), prices=(Price(Decimal('0.3'), Decimal('0.5'), 'CNY'),)), in and out for a "
        "million tokens; lookup is in qwen_ocr_loader.catalog, Price in qwen_ocr_loader.prices"
    )
