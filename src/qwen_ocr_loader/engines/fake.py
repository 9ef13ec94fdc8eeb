"""An engine that says what it is told: for tests, examples and dry runs, yours and ours.

>>> engine = FakeEngine({0: "Invoice 17", 1: ServiceFailed("down for the day")})
>>> Reader(engine=engine, on_error="skip").read("two_pages.pdf")

Pages without a reply of their own are read as ``"Page 1"`` and so on, with a box.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

from ..geometry import Quad
from ..layout import TextBox, compose
from ..results import PageResult, Usage
from ..tasks import PROMPT, TASKS
from ..words import as_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..tasks import Ability, Task
    from .base import Scan

    Reply = str | PageResult | Exception


@dataclass(frozen=True)
class FakeEngine:
    """Reads nothing and answers at once, or after ``delay`` seconds.

    Attributes:
        replies: By 0-based page, or a function of the scan: a text (its lines get no boxes), a ``PageResult`` (taken as
            it is, but for page number and size), or an exception, which is raised. None for a page: the default reply.
        delay: Seconds each page takes.
        at_once: Pages it may be given at a time; None for as many as the reader allows.
        calls: The pages it was asked for, in the order asked; for assertions.
    """

    replies: Mapping[int, Reply] | Callable[[Scan], Reply | None] = field(default_factory=dict)
    delay: float = 0.0
    at_once: int | None = None
    calls: list[int] = field(default_factory=list, compare=False, repr=False)

    name: ClassVar[str] = "fake"
    remote: ClassVar[bool] = False
    tasks: ClassVar[frozenset[Ability]] = frozenset({*TASKS, PROMPT})

    @property
    def settings(self) -> str:
        """Its replies, as far as they have a repr."""
        return repr(self.replies)

    def read(self, scan: Scan, tasks: Sequence[Task]) -> PageResult:
        """The reply for this page, after ``delay``."""
        self.calls.append(scan.page)
        time.sleep(self.delay)
        return self._reply(scan, tasks)

    async def aread(self, scan: Scan, tasks: Sequence[Task]) -> PageResult:
        """The reply for this page, after ``delay``; the event loop is free meanwhile."""
        import asyncio

        self.calls.append(scan.page)
        await asyncio.sleep(self.delay)
        return self._reply(scan, tasks)

    def _reply(self, scan: Scan, tasks: Sequence[Task]) -> PageResult:
        reply = self.replies(scan) if callable(self.replies) else self.replies.get(scan.page)
        if isinstance(reply, Exception):
            raise reply
        if isinstance(reply, PageResult):
            return replace(reply, page=scan.page, width=scan.width, height=scan.height, unit=scan.unit)
        if reply is None:
            text, lines = compose([TextBox(f"Page {scan.page + 1}", _HEADING, 1.0)], scan.width, scan.height)
        else:
            text, lines = as_lines(reply)
        return scan.result(self, tasks, text, lines=lines, usage=Usage(calls=1))


_HEADING = Quad.from_box(0.1, 0.1, 0.4, 0.15)
