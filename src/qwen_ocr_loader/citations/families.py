"""The chunks of one text, in their order, lay claim to places in it: who can stand where, so that all of it is covered.

A chunk whose text repeats could stand in several places; its neighbours often leave it only one.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .alignment import Stretch


class Placed(NamedTuple):
    """Where a chunk can stand.

    Attributes:
        stretches: In order; none where it stands nowhere.
        sure: There is one, and no doubt about it.
    """

    stretches: tuple[Stretch, ...]
    sure: bool


Choices = list[list["Stretch"]]


def place(choices: Choices, content: Sequence[int], hints: Sequence[int | None]) -> list[Placed]:
    """Where each chunk of a text stands.

    They are taken in runs of as many as can stand in order. Of a run it is taken that nothing is left out between its
    chunks (they may overlap); where that cannot be, only that they are in order.

    Args:
        choices: For each chunk, the places where its letters stand, in order.
        content: Where the text's letters are.
        hints: Where the splitter says that each starts; believed where these places cover the text, too.
    """
    runs = _runs([stretches for stretches in choices if stretches])
    left = iter([stretches for run in runs for stretches in _tiled(run, content) or _ordered(run)])
    possible = [next(left) if stretches else [] for stretches in choices]
    told = _told(possible, content, hints)
    return [
        Placed((said,), sure=True) if said else Placed(tuple(stretches), sure=len(stretches) == 1)
        for stretches, said in zip(possible, told, strict=True)
    ]


def _runs(choices: Choices) -> Iterator[Choices]:
    """The chunks, divided where one cannot stand after those before it."""
    run: Choices = []
    reached: list[Stretch] = []
    for stretches in choices:
        follows = _followers(reached, stretches, None)
        if run and not follows:
            yield run
            run, follows = [], []
        run.append(stretches)
        reached = follows or stretches
    if run:
        yield run


def _tiled(choices: Choices, content: Sequence[int]) -> Choices | None:
    """The places from which the text can be covered without a gap; None where it cannot be."""
    if not choices or not content:
        return None
    firsts = [stretch for stretch in choices[0] if not _between(content, 0, stretch.start)]
    forward = _reached(firsts, choices[1:], content)
    if not forward:
        return None
    lasts = [stretch for stretch in forward[-1] if not _between(content, stretch.end, content[-1] + 1)]
    return _led_back(lasts, forward, content)


def _ordered(run: Choices) -> Choices:
    """The places that keep the chunks in order."""
    forward = _reached(run[0], run[1:], None)
    return _led_back(forward[-1], forward, None) or run


def _reached(firsts: list[Stretch], others: Choices, content: Sequence[int] | None) -> Choices:
    """The places of each chunk that follow on a possible place of the one before; nothing where one has none."""
    steps = [firsts]
    for stretches in others:
        steps.append(_followers(steps[-1], stretches, content))
    return steps if all(steps) else []


def _followers(before: list[Stretch], stretches: list[Stretch], content: Sequence[int] | None) -> list[Stretch]:
    """Those that neither begin nor end before one of those places; no letter between where ``content`` is given."""
    starts, ends = [stretch.start for stretch in before], [stretch.end for stretch in before]
    nearest = [min(bisect_right(starts, s.start), bisect_right(ends, s.end)) - 1 for s in stretches]
    return [s for s, at in zip(stretches, nearest, strict=True) if at >= 0 and _meets(before[at], s, content)]


def _led_back(lasts: list[Stretch], forward: Choices, content: Sequence[int] | None) -> Choices | None:
    """Of the places reached, those from which the last chunk's can be reached."""
    steps = [lasts]
    for stretches in forward[-2::-1]:
        steps.append(_leaders(stretches, steps[-1], content))
    return steps[::-1] if all(steps) else None


def _leaders(stretches: list[Stretch], after: list[Stretch], content: Sequence[int] | None) -> list[Stretch]:
    """``_followers``, looked at from the other end."""
    starts, ends = [stretch.start for stretch in after], [stretch.end for stretch in after]
    nearest = [max(bisect_left(starts, s.start), bisect_left(ends, s.end)) for s in stretches]
    return [s for s, at in zip(stretches, nearest, strict=True) if at < len(after) and _meets(s, after[at], content)]


def _meets(before: Stretch, after: Stretch, content: Sequence[int] | None) -> bool:
    return content is None or not _between(content, before.end, after.start)


def _between(content: Sequence[int], start: int, end: int) -> bool:
    """Whether a letter stands there."""
    return bisect_left(content, start) < bisect_left(content, end)


def _told(possible: Choices, content: Sequence[int], hints: Sequence[int | None]) -> list[Stretch | None]:
    """For each chunk the place that its splitter says, where all say one and these places cover the text."""
    said = [_at(stretches, hint) for stretches, hint in zip(possible, hints, strict=True)]
    chosen = [[stretch] for stretch in said if stretch]
    if len(chosen) == len(said) and _tiled(chosen, content):
        return said
    return [None] * len(said)


def _at(stretches: Sequence[Stretch], hint: int | None) -> Stretch | None:
    return next((stretch for stretch in stretches if stretch.start == hint), None)
