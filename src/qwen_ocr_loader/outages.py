"""Engines whose service is down: after a few pages the next engine is asked at once, and a page a minute tries again.

Waiting through every retry of every page would take a long run hours; giving the engine up for good would leave the
run to the second best after a hiccup of half a minute.
"""

from __future__ import annotations

import time
from copy import copy
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from .engines import Engine
    from .errors import ServiceFailed

PAGES = 3
"""In a row, for which a service has to fail."""
REST = 60.0
"""Seconds between two pages that try it again."""


class _Outage(NamedTuple):
    """For how many pages in a row a service failed, how it did last, and until when nobody is to try."""

    pages: int
    error: ServiceFailed
    until: float


class Outages:
    """What a run knows of its engines' services.

    Args:
        clock: Seconds, of any origin.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._by_engine: dict[int, _Outage] = {}

    def check(self, engine: Engine) -> None:
        """Do nothing where the engine may be asked.

        Raises:
            ServiceFailed: As it did last.
        """
        outage = self._by_engine.get(id(engine))
        if outage and outage.pages >= PAGES and self._clock() < outage.until:
            raise copy(outage.error)

    def begin(self, engine: Engine) -> None:
        """It is being asked: of a service that is down, by this page alone."""
        if outage := self._by_engine.get(id(engine)):
            self._by_engine[id(engine)] = outage._replace(until=self._clock() + REST)

    def failed(self, engine: Engine, error: ServiceFailed) -> None:
        """It failed for one more page."""
        before = self._by_engine.get(id(engine))
        pages = before.pages + 1 if before else 1
        error = copy(error)
        error.usage = None  # that was another page's
        error.message += f" (not asked for this page, as it had just failed for {pages} others)"
        self._by_engine[id(engine)] = _Outage(pages, error, self._clock() + REST)

    def worked(self, engine: Engine) -> None:
        """It read a page."""
        self._by_engine.pop(id(engine), None)
