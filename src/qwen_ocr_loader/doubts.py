"""Which boxes of a reply to believe.

Whether its numbers are pixels or thousandths a reply does not say. That the frame assumed for them is wrong shows in
boxes that do not fit it, and sometimes in that all of them would be in one corner. Then none is drawn: the text is
right, and boxes in the wrong place are worse than none.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from .boxes import corners_of
from .rects import lies_within, reach

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .boxes import Place
    from .rects import Size

_SLACK = 0.03  # of the frame's width and height: what a box may reach beyond it by rounding and guessing
_FEW = 0.05  # of all boxes: so many may be wrong without a reason to doubt the others
_GRID = 1000.0
_EVIDENCE = 5  # boxes from which on their being all in a corner is no accident


def believed(places: Sequence[Place], frame: Size | None, *, sure: bool = False) -> tuple[list[Place], str]:
    """The places to believe, None instead of the others, and why.

    A box that reaches beyond the frame, or is none, is not believed. None is where more than one of them and more than
    a twentieth, or more than half, are not: the frame is wrong then, and those that fit it by chance stand elsewhere.

    Args:
        places: In the reply's numbers.
        frame: Of the whole picture, in the same numbers; None where that is not known.
        sure: Somebody said what the frame is: boxes within it are believed, even if they are all in a corner of it.

    Returns:
        As many places as were given; and an empty text, or what is wrong with the others and what to pass.
    """
    given = [place for place in places if place is not None]
    nowhere: list[Place] = [None] * len(places)
    if not given:
        return nowhere, ""
    if frame is None:
        return nowhere, "it is not known what the numbers of the boxes count; pass coordinates="
    wrong = [place is not None and not (place and lies_within(corners_of(place), frame, _SLACK)) for place in places]
    if sum(wrong) > max(1.0, _FEW * len(given)) or 2 * sum(wrong) > len(given):
        return nowhere, f"{sum(wrong)} of {len(given)} boxes do not fit the picture{_advice(given, frame)}"
    if why := _whole_is_wrong([place for place in given if place], frame, sure=sure):
        return nowhere, why
    kept: list[Place] = [None if bad else place for place, bad in zip(places, wrong, strict=True)]
    return kept, f"{sum(wrong)} of {len(given)} boxes does not fit the picture" if any(wrong) else ""


def _reach(places: Sequence[Place]) -> Size:
    return reach(tuple(corner for place in places for corner in corners_of(place)))


def _advice(places: Sequence[Place], frame: Size) -> str:
    right, bottom = _reach(places)
    largest = max(right, bottom)
    if frame == (_GRID, _GRID) and _GRID < largest < 1e5:
        return f": they reach {largest:.0f}, as pixels may; pass coordinates='resized' or 'original'"
    if max(frame) < largest < 1e5:
        return f" of {frame[0]:.0f} x {frame[1]:.0f}: they reach {right:.0f}, {bottom:.0f}; pass another coordinates="
    return ""


def _whole_is_wrong(places: Sequence[Place], frame: Size, *, sure: bool) -> str:
    """Why no box is believed though each one might be right."""
    right, bottom = _reach(places)
    if max(right, bottom) <= 1.5 < min(frame):
        return "the numbers of the boxes are fractions; ask for numbers from 0 to 1000 and coordinates='relative_1000'"
    commonest = Counter(places).most_common(1)[0][1] if places else 0
    if commonest >= _EVIDENCE - 1 and 2 * commonest > len(places):
        return f"{commonest} of {len(places)} boxes are one and the same"
    if sure or len(places) < _EVIDENCE or frame == (_GRID, _GRID):
        return ""
    # Thousandths reach far to the right and down on most pages. Pixels may do the same, but seldom end there.
    like_a_grid = all(0.75 * _GRID <= far <= (1 + _SLACK) * _GRID for far in (right, bottom))
    if like_a_grid and right < 0.6 * frame[0] and bottom < 0.6 * frame[1]:
        return (
            f"all boxes are in a corner of the picture of {frame[0]:.0f} x {frame[1]:.0f} and none reaches beyond 1000;"
            " pass coordinates='relative_1000', or coordinates= as it is now to have them believed"
        )
    return ""
