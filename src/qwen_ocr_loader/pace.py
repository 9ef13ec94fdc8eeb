"""How fast to ask, and when to ask again: policies as data. Clocks and sleeps belong to whoever asks."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from .forking import Lock

if TYPE_CHECKING:
    from collections.abc import Callable

SLOWER = 1.035  # than the limit: requests spaced to the millisecond do not arrive so
LEAST = 1.025  # of two starts whose first was late: nearer than planned, but never nearer than is allowed
_NOW = 1e-6  # seconds that no sleep is worth
_TOKEN_BURST = 6.0  # seconds' worth of tokens that may go at once: a page is many tokens


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a failed call is made again, and after how long.

    Attributes:
        attempts: Calls in all, the first included; 1 for no second try.
        first: Seconds before the second attempt; doubled for each one after.
        longest: Seconds at most between two attempts, unless the service itself asks for more.
        deadline: Seconds for all attempts and the waiting between them, from the first one's beginning: none is
            started that could not begin before, and a call still under way is ended then.

    Raises:
        ValueError: Fewer than one attempt, a negative time, or none at all.
    """

    attempts: int = 5
    first: float = 1.0
    longest: float = 30.0
    deadline: float = 900.0

    def __post_init__(self) -> None:
        if not (self.attempts >= 1 and self.first >= 0 and self.longest >= 0 and self.deadline > 0):
            raise ValueError(f"{self}: want attempts >= 1, no negative seconds and a deadline above 0")

    def wait(self, error: Exception, attempt: int, *, elapsed: float = 0.0, jitter: float = 0.0) -> float | None:
        """Seconds until the next attempt, or None where there is to be none.

        Args:
            error: What the attempt ended with; ``error.retryable`` decides, ``error.retry_after`` is obeyed.
            attempt: Its number, counted from 1.
            elapsed: Seconds since the first attempt began.
            jitter: 0-1; spreads the waiting of many callers over another quarter.
        """
        if attempt >= self.attempts or not getattr(error, "retryable", False):
            return None
        told = getattr(error, "retry_after", None)
        pause = min(self.longest, self.first * 2.0 ** (attempt - 1)) if told is None else max(0.0, float(told))
        pause *= 1 + 0.25 * jitter
        return pause if elapsed + pause < self.deadline else None


def retry_after(header: str | None, now: float) -> float | None:
    """Seconds to wait by a ``Retry-After`` header, given as seconds or as an HTTP date (RFC 9110, 10.2.3).

    Args:
        header: Its value, or None.
        now: Seconds since the epoch, to count from.
    """
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        from email.utils import parsedate_to_datetime

        try:
            seconds = parsedate_to_datetime(header).timestamp() - now
        except ValueError:
            return None
    return max(0.0, seconds) if seconds < float("inf") else None


@dataclass(frozen=True, slots=True)
class RateLimit:
    """What may be sent a minute.

    Attributes:
        requests: Calls; None for as many as come.
        tokens: Tokens in and out together; None for as many as come.

    Raises:
        ValueError: Zero or fewer.
    """

    requests: float | None = None
    tokens: float | None = None

    def __post_init__(self) -> None:
        for value in (self.requests, self.tokens):
            if value is not None and not value > 0:
                raise ValueError(f"{self}: want more than 0 a minute, or None for no limit")


@runtime_checkable
class Limiter(Protocol):
    """As much of LangChain's ``BaseRateLimiter`` as is needed."""

    def acquire(self, *, blocking: bool = True) -> bool: ...  # noqa: D102
    async def aacquire(self, *, blocking: bool = True) -> bool: ...  # noqa: D102


def checked_limit(given: object) -> Any:
    """A rate limit as an option may give it; a number is requests a minute.

    Raises:
        ValueError: None that can be.
    """
    if isinstance(given, int | float) and not isinstance(given, bool):
        return RateLimit(requests=given)
    if given is None or given == "published":
        return given
    if isinstance(given, RateLimit | Limiter) and not isinstance(given, type):
        return given
    raise ValueError(f"rate_limit={given!r}: want requests a minute, a RateLimit, a BaseRateLimiter or None")


class Gate:
    """Hands out times to start at, evenly spaced, and holds everybody back when one was told to wait.

    The generic cell rate algorithm (ITU-T I.371), for requests without a burst and for tokens with a small one. One
    gate serves threads and event loops alike, as it never waits itself.

    Args:
        limit: A minute.
        clock: Seconds, of any origin.
    """

    def __init__(self, limit: RateLimit, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        self._clock = clock
        self._lock = Lock()
        self._next_request = self._next_token = float("-inf")
        self._held_back = 0.0  # seconds that all cool-downs have moved the schedule by
        self._cool_until = float("-inf")
        self._closed_until = float("-inf")  # whoever comes late to its place keeps its distance, too

    def reserve(self, tokens: float = 0.0) -> float:
        """A place in the schedule for a request with so many tokens: to be handed to ``wait``."""
        with self._lock:
            limit = self.limit
            now = max(self._clock(), self._cool_until) - self._held_back
            place = max(now, self._next_request, self._next_token - _TOKEN_BURST)
            if limit.requests:
                self._next_request = place + 60.0 * SLOWER / limit.requests
            if limit.tokens:
                self._next_token = max(self._next_token, place) + 60.0 * SLOWER * tokens / limit.tokens
            return place

    def wait(self, place: float) -> float:
        """Seconds until that place's turn; 0 once it has come: start now, as the place is used up.

        To be asked again after waiting, as the others may have been held back meanwhile.
        """
        with self._lock:
            now = self._clock()
            seconds = max(place + self._held_back, self._cool_until, self._closed_until) - now
            if seconds > _NOW:
                return seconds
            if self.limit.requests:
                self._closed_until = now + 60.0 * LEAST / self.limit.requests
            return 0.0

    def cool_down(self, seconds: float) -> None:
        """Let nobody start for a while; places handed out already move back together, as far apart as they were."""
        with self._lock:
            now = self._clock()
            until = max(self._cool_until, now + max(0.0, seconds))
            self._held_back += until - max(now, self._cool_until)
            self._cool_until = until

    def settle(self, reserved: float, used: float) -> None:
        """Correct the count of tokens once it is known."""
        if tokens := self.limit.tokens:
            with self._lock:
                self._next_token += 60.0 * SLOWER * (used - reserved) / tokens


_GATES: dict[tuple[str, ...], Gate] = {}
_GATES_LOCK = Lock()


def shared_gate(account: tuple[str, ...], given: object) -> Gate:
    """The process's one gate for an account and model; the limit set last holds, and none is none to keep."""
    limit = given if isinstance(given, RateLimit) else RateLimit()
    with _GATES_LOCK:
        gate = _GATES.setdefault(account, Gate(limit))
        gate.limit = limit
        return gate


with suppress(AttributeError):  # Windows has no fork; a forked child paces itself
    os.register_at_fork(after_in_child=_GATES.clear)
