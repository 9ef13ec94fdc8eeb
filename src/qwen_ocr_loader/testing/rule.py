"""A rule of the kit: a name, what it asks for, why that matters, and how it is checked."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .trial import Trial


class RuleBroken(AssertionError):
    """A rule found what it forbids; the message says what it saw."""


class NotApplicable(Exception):
    """A rule has nothing to say about this loader; the message says why."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a loader or reader is held to.

    Attributes:
        name: As in reports, ``skip`` and ``only``.
        says: One sentence: what holds of a loader that keeps it.
        why: What goes wrong for users of one that does not.
        check: Raises ``RuleBroken`` or ``NotApplicable``, or passes; any other exception is the loader's, and fails it.
    """

    name: str
    says: str
    why: str
    check: Callable[[Trial], None]

    @classmethod
    def of(cls, check: Callable[[Trial], None]) -> Rule:
        """The rule that a function is: its name, its docstring's first line, and the rest of it."""
        says, _, why = (inspect.getdoc(check) or "").partition("\n\n")
        return cls(check.__name__, says, " ".join(why.split()), check)


def rules(checks: Iterable[Callable[[Trial], None]]) -> tuple[Rule, ...]:
    """A rule for each function."""
    return tuple(map(Rule.of, checks))


def broken(message: str) -> NoReturn:
    """Raise ``RuleBroken``."""
    raise RuleBroken(message)


def expect(holds: object, message: str) -> None:
    """Raise ``RuleBroken`` unless it holds."""
    if not holds:
        broken(message)
