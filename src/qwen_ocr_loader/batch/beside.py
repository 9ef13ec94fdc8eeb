"""Blocking work beside an event loop: never left behind by a caller that is cancelled."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from ..engines.http import adrive
from ..errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from ..engines.flows import Flow

T = TypeVar("T")


async def in_thread(work: Callable[..., T], *given: Any, **named: Any) -> T:
    """What ``work`` returns; where the caller is cancelled, it is first waited for, as no thread can be stopped."""
    # A future and no task: a loop that is ended cancels all its tasks, and the thread would go on unseen.
    working = asyncio.get_running_loop().run_in_executor(None, partial(copy_context().run, work, *given, **named))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        while not working.done():
            with suppress(asyncio.CancelledError):  # told again and again, as anyio does
                await asyncio.wait([working])
        raise


async def adrive_beside(flow: Flow[T], client: httpx.AsyncClient) -> T:
    """``adrive`` for a flow that works on files between its calls: each of its steps is made in a thread."""
    move: Callable[[], Any] = partial(next, flow)
    try:
        while True:
            step, end = await in_thread(_moved, move)
            if end is not None:
                result: T = end.value
                return result
            try:
                reply = await adrive(_alone(step), client)
            except EngineError as error:
                move = partial(flow.throw, error)
            else:
                move = partial(flow.send, reply)
    finally:
        flow.close()


def _moved(move: Callable[[], Any]) -> tuple[Any, StopIteration | None]:
    """A flow's next step; its end as a value, as no thread can hand it on as an exception."""
    try:
        return move(), None
    except StopIteration as end:
        return None, end


def _alone(step: Any) -> Flow[Any]:
    return (yield step)
