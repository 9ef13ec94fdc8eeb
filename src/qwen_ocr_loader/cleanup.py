"""Waiting that a cancellation cannot cut short, for what must have ended before its user may go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable


async def ended(futures: Iterable[asyncio.Future[Any]]) -> None:
    """Wait until all are done, whatever became of them, however often the waiting task is cancelled meanwhile.

    Raises:
        asyncio.CancelledError: It was, once they are done.
    """
    import asyncio

    waited_for, cancelled = list(futures), None
    while pending := [future for future in waited_for if not future.done()]:
        try:
            await asyncio.wait(pending)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
