"""A page on its way, from its scan to its result, and several of them as one."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from .errors import OCRError, ReplyTruncated
from .results import PageResult, Usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .engines import Scan
    from .fields.completion import PageFields
    from .once import Bills, Reading
    from .preprocess.way_back import WayBack
    from .prices import Money
    from .report import Origin


class Job(NamedTuple):
    """A page on its way: with a scan while an engine is still to read it, then with a result or an error."""

    origin: Origin
    page: int | None
    label: str = ""
    scan: Scan | None = None
    more: tuple[Scan, ...] = ()  # pages to be read together with it
    result: PageResult | None = None
    error: OCRError | None = None
    expected: Decimal = Decimal(0)  # what it may cost
    seen: PageResult | None = None  # what a witness read on it
    part: PageFields | None = None  # what it gives to the fields of its file, once its result is finished
    digests: tuple[str, ...] = ()  # of its pictures, where there is a cache
    back: WayBack | None = None  # from its scan, where that was turned, to the page as delivered
    key: str = ""  # of its result in the cache
    cached: bool = False
    instead: str = ""  # the error for which another engine than the first read it
    bills: Bills = ()
    costs: tuple[Money, ...] = ()
    seconds: float = 0.0

    def with_reading(self, reading: Reading) -> Job:
        """The job, read."""
        return self._replace(
            scan=None,
            result=self.delivered(reading.result),
            error=reading.error,
            key="" if self.back else reading.key,  # what is kept stands on the turned picture
            cached=reading.cached,
            instead=reading.instead,
            bills=reading.bills,
        )

    def delivered(self, result: PageResult | None) -> PageResult | None:
        """What was read on its scan, as it stands on the page that was delivered."""
        return self.back.result(result) if self.back and result else result

    @property
    def usage(self) -> Usage:
        """What was spent on it."""
        return sum((usage for _, usage in self.bills), Usage())

    @property
    def scans(self) -> tuple[Scan, ...]:
        """What an engine is still to read."""
        return (self.scan, *self.more) if self.scan else self.more

    @property
    def size(self) -> int:
        """Pages it stands for."""
        return 1 + len(self.more)

    @property
    def last(self) -> int | None:
        """The 0-based page it ends with, where it stands for several."""
        return self.more[-1].page if self.more else None

    def placeholder(self, error: OCRError) -> PageResult:
        """An empty page; with what was read and paid for before the error, if anything was, and marked as cut off."""
        partial = getattr(error, "partial", None)
        if isinstance(partial, PageResult):
            return replace(self.delivered(partial) or partial, truncated=True)
        text = error.text if isinstance(error, ReplyTruncated) else ""
        return PageResult(self.page or 0, 0, 0, "px", text, truncated=bool(text))


def after(group: Sequence[Job]) -> int | None:
    """The page that comes next in the file."""
    last = group[-1].page
    return None if last is None else last + 1


def together(group: Sequence[Job]) -> Job:
    """Several pages as one job, the first's."""
    first, *others = group
    scans = tuple(scan for job in others for scan in job.scans)
    digests = tuple(digest for job in group for digest in job.digests)
    return first._replace(more=scans, digests=digests)
