"""Who reads a page beside the engine: the local engine, each page once, its readings kept like any others."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ..once import Once
from ..tasks import Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..cache import Cache
    from ..engines import Asked, Engine, Scan
    from ..once import Reading
    from ..results import PageResult

TASK = Task("advanced_recognition")
logger = logging.getLogger("qwen_ocr_loader")


class Witness:
    """Reads lines and where they stand.

    Args:
        engine: Gives a box for every line.
        cache: Where its readings are kept; None for nowhere.
        refresh: As in ``Options``.
    """

    def __init__(self, engine: Engine, cache: Cache | None, refresh: bool) -> None:
        self._engine = engine
        self._once = Once([engine], [TASK], cache, refresh)

    def is_wanted(self, result: PageResult | None) -> bool:
        """Whether there is something to bear witness to that it has not read itself."""
        return result is not None and result.engine.partition("+")[0] != self._engine.name

    def known(self, what: Asked, digest: str) -> PageResult | None:
        """What it read on that picture before."""
        known = self._once.known(what, digest)
        return known and known.result

    def read(self, scan: Scan, digests: Sequence[str]) -> PageResult | None:
        """Its reading; None, and a log line, where it cannot read the page: that is no fault of the engine's."""
        return self._told(self._once.read([scan], digests), scan)

    async def aread(self, scan: Scan, digests: Sequence[str]) -> PageResult | None:
        """``read`` without blocking the event loop."""
        return self._told(await self._once.aread([scan], digests), scan)

    def _told(self, reading: Reading, scan: Scan) -> PageResult | None:
        if reading.error is not None:
            logger.warning("no witness for page %d: %s", scan.page + 1, reading.error)
        return reading.result
