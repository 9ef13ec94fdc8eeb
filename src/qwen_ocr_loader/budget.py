"""Keeps a run's cost under ``max_cost``: a page is reserved what it may cost, and settled at what it did."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from .engines import PaidEngine
from .errors import BudgetReached

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .engines import Engine, Scan
    from .prices import Money
    from .results import Usage
    from .tasks import Task


class Budget:
    """What is left of ``max_cost``; without one, everything goes and only the cost is told."""

    def __init__(self, engine: Engine, tasks: Sequence[Task], max_cost: float | Decimal | None) -> None:
        self._engine = engine if isinstance(engine, PaidEngine) else None
        self._tasks = tasks
        self._left = None if max_cost is None else Decimal(str(max_cost))
        self._max_cost = max_cost

    def reserve(self, scan: Scan) -> Decimal:
        """Set aside what a page may cost.

        Raises:
            BudgetReached: More than there is left, or nobody knows how much.
        """
        if self._left is None or self._engine is None:
            return Decimal(0)
        expected = self._engine.cost(self._engine.ceiling(scan, self._tasks))
        if expected is None:
            raise BudgetReached(
                f"no price is known for {self._engine.name}, so max_cost cannot be kept; "
                "give the engine a catalog= with prices"
            )
        if expected.amount > self._left:
            raise BudgetReached(
                f"the page may cost {expected}, and {self._left:f} is left of max_cost={self._max_cost}; raise max_cost"
            )
        self._left -= expected.amount
        return expected.amount

    def settle(self, expected: Decimal, usage: Usage) -> Money | None:
        """Give back what was set aside and take what it cost."""
        cost = self._engine.cost(usage) if self._engine and usage.calls else None
        if self._left is not None:
            self._left += expected - (cost.amount if cost else 0)
        return cost
