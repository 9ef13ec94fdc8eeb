"""Rules on asynchronous use: the same Documents, a free event loop, and nothing left behind whenever it is left."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from .rule import broken, expect, rules
from .watch import complaints, left_open

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .trial import Session, Trial

TRIES = 3
STOP = 0.015
"""Seconds: an event loop that is late by less may have waited for another thread to give up Python's lock."""
MOST = 0.8
"""Of the time, in stops. A loader that blocks stops the loop for all of it."""
SETTLED = 2.0
"""Seconds that what was left is given to end."""


def async_gives_the_same(trial: Trial) -> None:
    """The asynchronous form gives the Documents that the plain one gives.

    A pipeline should not change its results because somebody wrote `await`.
    """
    trial.expect_same(asyncio.run(trial.session().aload()), "asynchronously")


def two_async_runs_at_once(trial: Trial) -> None:
    """Two asynchronous runs of the same object can be under way at once.

    `asyncio.gather` over requests is what servers do; state kept on the object mixes them up.
    """

    async def both() -> tuple[list[Any], list[Any]]:
        session = trial.session()
        return await asyncio.gather(session.aload(), session.aload())

    for documents in asyncio.run(both()):
        trial.expect_same(documents, "one of two at once")


def async_leaves_the_loop_free(trial: Trial) -> None:
    """The event loop goes on while a long file is read.

    A loader that blocks inside `async def` stops every other request of the server until it is done.
    """
    path = trial.file("long" if trial.files.long else "good")
    shares = []
    for _ in range(TRIES):
        shares.append(asyncio.run(_stopped(trial.session(path).aload)))
        if shares[-1] < MOST:
            return
    broken(f"the event loop stands still for {min(shares):.0%} of the time")


async def _stopped(load: Callable[[], Awaitable[Any]]) -> float:
    """For which share of the time of the call the loop did nothing else."""
    beats = [time.perf_counter()]

    async def beat() -> None:
        while True:
            await asyncio.sleep(0.001)
            beats.append(time.perf_counter())

    heart = asyncio.create_task(beat())
    await load()
    heart.cancel()
    beats.append(time.perf_counter())
    gaps = [after - before for before, after in pairwise(beats)]
    return sum(gap for gap in gaps if gap > STOP) / (beats[-1] - beats[0])


def async_stream_can_be_left(trial: Trial) -> None:
    """An `async for` that is left by `break` leaves no task, no open file and no warning.

    That is how one takes the first page; what is left running goes on reading, and may go on paying.
    """
    _leave(trial, _break)


def async_stream_can_be_closed(trial: Trial) -> None:
    """`aclose()` ends a stream at once, and leaves no task, no open file and no warning.

    `contextlib.aclosing` is the tidy way to leave early, and has to work.
    """
    _leave(trial, _aclose)


def async_run_can_be_cancelled(trial: Trial) -> None:
    """A cancelled run ends with CancelledError, and leaves no task, no open file and no warning.

    Timeouts and clients that hang up are cancellations; one that is swallowed makes a server that cannot stop.
    """
    _leave(trial, _cancel)


async def _break(session: Session) -> None:
    async for _ in session.astream():
        break


async def _aclose(session: Session) -> None:
    stream: Any = session.astream()
    await anext(stream)
    await stream.aclose()


async def _cancel(session: Session) -> None:
    task = asyncio.create_task(session.aload())
    await asyncio.sleep(0.002)  # so that it has begun
    if not task.cancel():
        task.result()  # it was quicker; raises what it raised
        return
    await asyncio.wait([task])
    if not task.cancelled():
        broken(f"a cancelled run ended with {task.exception() or f'{len(task.result())} Documents'!r}")


def _leave(trial: Trial, leave: Callable[[Session], Awaitable[None]]) -> None:
    path = trial.file("long" if trial.files.long else "good")
    with complaints() as heard:
        left = asyncio.run(_left_behind(trial.session(path), leave, heard))
        opened = left_open(path)
    expect(not left, f"left running: {', '.join(left)}")
    expect(not opened, f"the file {opened}")
    expect(not heard, "; ".join(heard))


async def _left_behind(session: Session, leave: Callable[[Session], Awaitable[None]], heard: list[str]) -> list[str]:
    """Names of tasks that do not end by themselves."""
    asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(context["message"]))
    await leave(session)
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if not others:
        return []
    _, running = await asyncio.wait(others, timeout=SETTLED)
    return sorted(str(task.get_coro()) for task in running)


AWAITED = rules(
    [
        async_gives_the_same,
        two_async_runs_at_once,
        async_leaves_the_loop_free,
        async_run_can_be_cancelled,
    ]
)
STREAMED = rules([async_stream_can_be_left, async_stream_can_be_closed])
