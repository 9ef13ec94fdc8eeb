"""The engine contract: a page's pixels in, a ``PageResult`` out."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self, runtime_checkable

from ..errors import UnsupportedTask
from ..results import PageResult
from ..tasks import PROMPT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ..fit import Encoded
    from ..geometry import Quad
    from ..images import PageImage
    from ..prices import Money
    from ..results import Unit, Usage
    from ..tasks import Ability, Task


class Named(Protocol):
    """Whoever reads a page."""

    @property
    def name(self) -> str: ...  # noqa: D102


class Scan(NamedTuple):
    """A page as an engine gets it.

    Attributes:
        page: 0-based.
        width, height: Of the page as displayed, in ``unit``; they go into the result unchanged.
        unit: ``"px"`` or ``"pt"``.
        image: The whole page's pixels as displayed; a fraction of the image is a fraction of the page.
    """

    page: int
    width: float
    height: float
    unit: Unit
    image: PageImage

    def result(self, engine: Named, tasks: Sequence[Task], text: str, **more: Any) -> PageResult:
        """What the engine read on it; ``more`` are further attributes of ``PageResult``."""
        return _result(self, engine, tasks, text, **more)


class Asked(NamedTuple):
    """What must be remembered of a page that was asked about until the reply comes: a ``Scan`` without its pixels.

    Attributes:
        page, width, height, unit: As in ``Scan``.
        sent_width, sent_height: Of the picture that was sent, in pixels; 0 where only its address was.
        box: Where the page lies in that picture (left, top, right, bottom), as fractions of it.
        blank: Nothing is on the page, so that an empty reply is the truth.
    """

    page: int
    width: float
    height: float
    unit: Unit
    sent_width: int
    sent_height: int
    box: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    blank: bool = False

    @classmethod
    def about(cls, scan: Scan, sent: Encoded, *, blank: bool = False) -> Self:
        """Of a page and the picture made of it."""
        return cls(*scan[:4], sent.width, sent.height, sent.page_box, blank)

    def result(self, engine: Named, tasks: Sequence[Task], text: str, **more: Any) -> PageResult:
        """As ``Scan.result``."""
        return _result(self, engine, tasks, text, **more)


def _result(page: Scan | Asked, engine: Named, tasks: Sequence[Task], text: str, **more: Any) -> PageResult:
    asked = tuple(task.name for task in tasks)
    return PageResult(page.page, page.width, page.height, page.unit, text, engine=engine.name, tasks=asked, **more)


@runtime_checkable
class Engine(Protocol):
    """Reads one page at a time.

    An engine holds settings only, so that it pickles and can be shared between threads; clients and models open at
    first use. It keeps no order: concurrency, cache and error policy are the run's (``run.py``). Its quads are
    fractions of the scan's image, None where it knows none; ``text[line.start:line.end] == line.text`` for its lines.

    Attributes:
        name: For metadata, for example ``"local:PP-OCRv6-small"``.
        tasks: The tasks it can do.
        at_once: Pages worth having in flight; ``None`` for as many as the reader allows.
        remote: It waits for a network; ``aread`` does so without blocking and ends at once when it is cancelled.
        settings: Everything that can change what it reads, as one string; never a key. Part of cache keys, and of ids
            where ``choices_of`` finds nothing else.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def tasks(self) -> frozenset[Ability]: ...  # noqa: D102
    @property
    def at_once(self) -> int | None: ...  # noqa: D102
    @property
    def remote(self) -> bool: ...  # noqa: D102
    @property
    def settings(self) -> str: ...  # noqa: D102

    def read(self, scan: Scan, tasks: Sequence[Task]) -> PageResult:
        """Read the page.

        Raises:
            EngineError: It could not; ``retryable`` says whether the same call may succeed later.
        """
        ...

    async def aread(self, scan: Scan, tasks: Sequence[Task]) -> PageResult:
        """``read`` without blocking the event loop."""
        ...


@runtime_checkable
class PaidEngine(Engine, Protocol):
    """An engine whose calls cost money."""

    def estimate(self, scan: Scan, tasks: Sequence[Task]) -> Usage:
        """Calls and tokens the page is likely to need, rather too many than too few."""
        ...

    def ceiling(self, scan: Scan, tasks: Sequence[Task]) -> Usage:
        """Calls and tokens the page can need at most, passing trouble apart."""
        ...

    def cost(self, usage: Usage) -> Money | None:
        """What calls and tokens cost; None where no price is known."""
        ...


@runtime_checkable
class MultiPageEngine(Engine, Protocol):
    """An engine that can be asked about several pages in one message."""

    def read_together(self, scans: Sequence[Scan], tasks: Sequence[Task]) -> PageResult:
        """One result for all the pages, as one of the first."""
        ...

    async def aread_together(self, scans: Sequence[Scan], tasks: Sequence[Task]) -> PageResult:
        """``read_together`` without blocking the event loop."""
        ...


@runtime_checkable
class LineEngine(Engine, Protocol):
    """An engine that reads lines, and finds fields, tables and headings in them.

    It need not recognise the lines of a page that has sound text of its own.
    """

    def structured(
        self,
        result: PageResult,
        tasks: Sequence[Task],
        picture: PageImage | None = None,
        rules: Sequence[Quad] | None = None,
    ) -> PageResult:
        """The page with what its tasks ask for besides lines.

        Args:
            result: A page with lines, recognised or its own.
            tasks: What was asked for; all of them are among ``tasks``.
            picture: The page as displayed, where there is one.
            rules: Its ruling lines as thin quads, where they are known.
        """
        ...


@runtime_checkable
class PacedEngine(Engine, Protocol):
    """An engine that can keep to a rate limit."""

    def paced(self, rate_limit: Any) -> Self:
        """The same engine with another rate limit: requests a minute, a ``RateLimit``, a limiter, or None."""
        ...


def choices_of(engine: Engine) -> str:
    """What an engine's user chose of its ``settings`` (its ``choices``, if it has any): alike on every machine."""
    return str(getattr(engine, "choices", engine.settings))


def aopened(engine: Engine) -> AbstractAsyncContextManager[object]:
    """What an engine keeps open on an event loop for the pages of a run (its ``aopened()``), if anything."""
    keep: Callable[[], AbstractAsyncContextManager[object]] = getattr(engine, "aopened", nullcontext)
    return keep()


def refuse_unsupported(engine: Engine, tasks: Sequence[Task], able: Callable[[str], Iterable[str]]) -> None:
    """Raise ``UnsupportedTask`` for the first task the engine cannot do, before anything is spent.

    Args:
        engine: The engine that was asked.
        tasks: What it was asked for.
        able: Names of the engines that can do a task.
    """
    for task in tasks:
        needed: set[Ability] = {task.name} if task.prompt is None else {task.name, PROMPT}
        for ability in sorted(needed - engine.tasks):
            what = "a prompt" if ability == PROMPT else f"task={ability!r}"
            others = ", ".join(f"engine={name!r}" for name in able(ability)) or "none that is installed"
            raise UnsupportedTask(f"{engine.name} cannot do {what}; engines that can: {others}", engine=engine.name)
