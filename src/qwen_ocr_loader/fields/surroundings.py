"""What is printed round a place on a page: before it on its line, left of it in its row, above it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, NamedTuple

from ..forking import cached_property

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..geometry import Box
    from ..results import Line
    from .page_index import Span

_REACH = 6.0  # line heights that a label may stand above its value
_CLOSEST = 4  # lines in a row between a label and its value, and as many above
_MOST = 200  # lines looked at on either side of a line's middle
_BEHIND = 40  # letters behind a mark that may be its label


class Label(NamedTuple):
    """A text that may be a place's label, and how likely one is there, 0-1."""

    text: str
    weight: float


class Surroundings:
    """Lines by where they stand.

    Args:
        lines: In reading order; those without a box have only themselves and the line before.
    """

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines
        self._boxes: list[Box | None] = [line.quad.bounds if line.quad else None for line in lines]
        self._known: dict[int, tuple[Label, ...]] = {}

    def labels(self, span: Span, *, behind: bool = False) -> Iterator[Label]:
        """What may be the label of what stands there.

        Args:
            span: The place.
            behind: Also look behind it, as the labels of boxes to be ticked stand there.
        """
        text = self._lines[span.line].text
        if before := text[: span.first].strip(" :：-.\t"):
            yield Label(before, 1.0)
        if behind and (after := text[span.last :].strip()[:_BEHIND]):
            yield Label(after, 1.0)
        if span.line not in self._known:
            self._known[span.line] = tuple(self._beside(span.line))
        yield from self._known[span.line]
        if behind:
            yield from (Label(self._lines[line].text[:_BEHIND], 0.9) for line in self._right_of(span.line)[:1])

    def height(self, line: int) -> float:
        """Where down the page a line stands: by its middle, or by its turn where it has no box."""
        box = self._boxes[line]
        return (box.top + box.bottom) / 2 if box else line / max(len(self._lines), 1)

    def is_same_row(self, one: int, other: int) -> bool:
        """Whether two lines stand beside each other."""
        if one == other:
            return True
        ours, theirs = self._boxes[one], self._boxes[other]
        return ours is not None and theirs is not None and _beside(ours, theirs)

    def _beside(self, line: int) -> Iterator[Label]:
        ours = self._boxes[line]
        if ours is None:
            if line:
                yield Label(self._lines[line - 1].text, 0.7)
            return
        left = [n for n in self._near(ours, 0.0) if self._is_left(n, ours)]
        for rank, n in enumerate(sorted(left, key=lambda n: -self._box(n).right)[:_CLOSEST]):
            yield Label(self._lines[n].text, 0.95 - 0.1 * rank)
        above = [n for n in self._near(ours, _REACH) if self._is_above(n, ours)]
        for rank, n in enumerate(sorted(above, key=lambda n: -self._box(n).bottom)[:_CLOSEST]):
            yield Label(self._lines[n].text, 0.75 - 0.1 * rank)

    def _right_of(self, line: int) -> list[int]:
        ours = self._boxes[line]
        if ours is None:
            return []
        right = [n for n in self._near(ours, 0.0) if _beside(self._box(n), ours) and self._box(n).left >= ours.right]
        return sorted(right, key=lambda n: self._box(n).left)

    def _is_left(self, line: int, ours: Box) -> bool:
        box = self._box(line)
        return _beside(box, ours) and box.right <= ours.left + 0.2 * ours.width

    def _is_above(self, line: int, ours: Box) -> bool:
        box = self._box(line)
        return box.bottom <= ours.top + 0.3 * ours.height and min(box.right, ours.right) > max(box.left, ours.left)

    def _box(self, line: int) -> Box:
        box = self._boxes[line]
        assert box is not None
        return box

    @cached_property
    def _by_middle(self) -> list[tuple[float, int]]:
        return sorted((self.height(n), n) for n, box in enumerate(self._boxes) if box)

    def _near(self, box: Box, reach: float) -> list[int]:
        """Lines whose middle is no further from the box than half its height, and ``reach`` heights above it."""
        heights = self._by_middle
        low = bisect_left(heights, (box.top - (reach + 0.5) * box.height, -1))
        high = bisect_right(heights, (box.bottom + 0.5 * box.height, len(self._lines)))
        middle = bisect_left(heights, ((box.top + box.bottom) / 2, -1))
        return [n for _, n in heights[max(low, middle - _MOST) : min(high, middle + _MOST)]]


def _beside(one: Box, other: Box) -> bool:
    shared = min(one.bottom, other.bottom) - max(one.top, other.top)
    return 2 * shared >= min(one.height, other.height) > 0
