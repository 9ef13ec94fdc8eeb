"""From a prepared picture back to the page as delivered: what was read on the one stands on the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..geometry import Quad, Transform
    from ..results import Agreement, Field, Line, PageResult


@dataclass(frozen=True, slots=True)
class WayBack:
    """Leads from a picture that was turned to the page that was delivered.

    Attributes:
        width, height: Of the page as delivered, in its unit.
        transform: From fractions of the prepared picture to fractions of that page.
    """

    width: float
    height: float
    transform: Transform

    def result(self, result: PageResult) -> PageResult:
        """What was read on the prepared picture, with its size and all of its quads as those of the delivered page."""
        return replace(
            result,
            width=self.width,
            height=self.height,
            lines=tuple(map(self._line, result.lines)),
            fields={name: self._field(found) for name, found in result.fields.items()},
            tables=tuple(replace(table, quad=self._quad(table.quad)) for table in result.tables),
            agreement=result.agreement and self._agreement(result.agreement),
        )

    def _quad(self, quad: Quad | None) -> Quad | None:
        return None if quad is None else self.transform.quad(quad)

    def _line(self, line: Line) -> Line:
        return replace(line, quad=self._quad(line.quad))

    def _field(self, found: Field) -> Field:
        places = tuple(replace(place, quad=self.transform.quad(place.quad)) for place in found.places)
        return replace(found, quad=self._quad(found.quad), places=places)

    def _agreement(self, agreement: Agreement) -> Agreement:
        return replace(agreement, left_out=tuple(map(self._line, agreement.left_out)))
