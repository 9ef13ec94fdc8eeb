"""When to try again: a policy as data and one pure function. Clocks and sleeps belong to whoever asks."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parsedate_to_datetime


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a failed call is made again, and after how long.

    Attributes:
        attempts: Calls in all, the first included; 1 for no second try.
        first: Seconds before the second attempt; doubled for each one after.
        longest: Seconds at most between two attempts, unless the service itself asks for more.
        deadline: Seconds from the first attempt on after which none is started any more.

    Raises:
        ValueError: Fewer than one attempt, or a negative time.
    """

    attempts: int = 5
    first: float = 1.0
    longest: float = 30.0
    deadline: float = 900.0

    def __post_init__(self) -> None:
        if self.attempts < 1 or min(self.first, self.longest, self.deadline) < 0:
            raise ValueError(f"{self}: want attempts >= 1 and no negative seconds")

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
        return pause if elapsed + pause <= self.deadline else None


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
        try:
            seconds = parsedate_to_datetime(header).timestamp() - now
        except ValueError:
            return None
    return max(0.0, seconds) if seconds < float("inf") else None
