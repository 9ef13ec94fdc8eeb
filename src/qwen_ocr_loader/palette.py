"""What colours mean in every picture of a page: how sure a line is, in steps that the colour-blind tell apart, too.

The colours are those of Okabe and Ito (2008, "Color Universal Design"): blue to vermilion, never red against green. The
viewer's ``view/viewer.css`` has the same ones, and draws the lower two steps dashed as well.
"""

from __future__ import annotations

from typing import NamedTuple


class Step(NamedTuple):
    """A range of confidence.

    Attributes:
        name: What the legend calls it.
        least: The lowest confidence in it, 0-1.
        color: ``#rrggbb``.
    """

    name: str
    least: float
    color: str


STEPS = (
    Step("sure", 0.95, "#0072b2"),
    Step("likely", 0.85, "#2ba3d4"),
    Step("doubtful", 0.70, "#e69f00"),
    Step("unsure", 0.0, "#d55e00"),
)
"""From the surest down."""

UNRATED = Step("not rated", 0.0, "#767b84")
"""A line whose engine gave no confidence."""

FIELD, TABLE, MARK, ABOUT, DOUBT = "#b0338f", "#009e73", "#ffd400", "#f08c3a", "#c1121f"
"""A field's value, a table, a citation's lines, lines only about where it came from; words a witness disputes."""


def step(confidence: float | None) -> Step:
    """The step a confidence (0-1) is in."""
    if confidence is None:
        return UNRATED
    return next((one for one in STEPS if confidence >= one.least), STEPS[-1])
