"""A page is read once: found among those paid for, or read by the first engine that can, while nobody else does.

The reading is one generator: it yields an ``Ask`` where an engine is to be asked and a ``Pause`` where it waits for
somebody else's reading of the same page. Two short drivers run it, one blocking, one not.
"""

from __future__ import annotations

import hashlib
import inspect
import logging
import re
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing, nullcontext
from copy import copy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from .cache import NOTE, packed, page_key, unpacked
from .cleanup import ended
from .engines import Engine, MultiPageEngine
from .errors import (
    AccountProblem,
    CacheFailed,
    EngineError,
    KeyRejected,
    MissingDependency,
    MissingKey,
    OCRError,
    ReplyTruncated,
    ServiceFailed,
    UnsupportedTask,
)
from .outages import Outages
from .results import PageResult, Usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .cache import Cache
    from .engines import Asked, Scan
    from .tasks import Task

T = TypeVar("T")

HOPELESS = (MissingKey, KeyRejected, AccountProblem, MissingDependency)
"""Errors of an engine that every later page of the run would meet as well."""
FIRST_LOOK, LONGEST_LOOK = 0.05, 1.0  # seconds between two looks for what somebody else is reading
PATIENCE = 3  # failures of a cache in a row after which it is left alone
_DIGEST = re.compile(rb"[0-9a-f]{64}")
logger = logging.getLogger("qwen_ocr_loader")


class Ask(NamedTuple):
    """A step: the engine is to be asked about the page."""

    engine: Engine


class Pause(NamedTuple):
    """A step: seconds to wait."""

    seconds: float


Bills = tuple[tuple[Engine, Usage], ...]
"""What each engine was paid for a page, failed tries included."""


class Reading(NamedTuple):
    """What became of a page.

    Attributes:
        result: What is on it; None where no engine could read it.
        error: Why not; the first engine's.
        key: Of the result in the cache; ``""`` without one.
        cached: It was found there.
        bills: What was spent on it now.
        instead: The class of the error for which the first engine could not read it, where another one did.
    """

    result: PageResult | None
    error: OCRError | None = None
    key: str = ""
    cached: bool = False
    bills: Bills = ()
    instead: str = ""


Steps = Generator[Ask | Pause, PageResult | None, Reading]
Advanced = tuple[Ask | Pause | None, Reading | None]


class Lenient:
    """A cache whose failures cost money at most, and no pages: said once, and after three in a row it is left alone.

    Args:
        cache: May raise anything, as it may be a user's own.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._in_a_row = 0
        self._said = False

    def get(self, key: str) -> bytes | None:
        """As the cache's; None where that fails."""
        return self._tried(lambda: self._cache.get(key), None)

    def put(self, key: str, value: bytes) -> bool:
        """Whether the cache has kept it."""

        def kept() -> bool:
            self._cache.put(key, value)
            return True

        return self._tried(kept, False)

    def claim(self, key: str) -> bool:
        """As the cache's; True where that fails, as then nobody can be waited for."""
        return self._tried(lambda: self._cache.claim(key), True)

    def release(self, key: str) -> None:
        """As the cache's; tried to the last, as others may be waiting."""
        self._tried(lambda: self._cache.release(key), None, always=True)

    def close(self) -> None:
        """As the cache's."""
        self._tried(self._cache.close, None, always=True)

    def _tried(self, use: Callable[[], T], otherwise: T, *, always: bool = False) -> T:
        if self._in_a_row >= PATIENCE and not always:
            return otherwise
        try:
            done = use()
        except Exception as error:  # noqa: BLE001 - a user's own store may raise anything
            self._in_a_row += 1
            if not self._said:
                self._said = True
                logger.warning("%s; reading on, though a page may be paid for again", _said_by(error))
            return otherwise
        self._in_a_row = 0
        return done


@dataclass(frozen=True, slots=True)
class Once:
    """Reads pages, each once.

    Attributes:
        engines: In the order in which they are asked; at least one.
        tasks: What is asked of them.
        cache: Where finished pages are kept; None for nowhere.
        refresh: Read anew what is in the cache, once, and replace it there.
        outages: Of the engines, as far as they are known.
    """

    engines: Sequence[Engine]
    tasks: Sequence[Task]
    cache: Cache | None = None
    refresh: bool = False
    outages: Outages = field(default_factory=Outages, repr=False, compare=False)
    _kept_in: Lenient | None = field(init=False, repr=False, compare=False)
    _given_up: dict[int, OCRError] = field(init=False, repr=False, compare=False, default_factory=dict)
    _rooms: dict[tuple[int, object], Any] = field(init=False, repr=False, compare=False, default_factory=dict)
    _fresh: set[str] = field(init=False, repr=False, compare=False, default_factory=set)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_kept_in", self.cache and Lenient(self.cache))

    def close(self) -> None:
        """Let go of the cache, which opens again by itself."""
        if self._kept_in is not None:
            self._kept_in.close()

    def known(self, scan: Scan | Asked | None, digest: str) -> Reading | None:
        """The first engine's reading, if it is in the cache.

        Args:
            scan: The page the picture stands for.
            digest: Of the picture.
        """
        return self._kept(page_key([digest], self.engines[0], self.tasks), scan)

    def digest_at(self, place: str) -> str | None:
        """The digest of the picture made of a place before: it need not be made again to be found."""
        value = self._kept_in and self._kept_in.get(_note(place))
        return value.decode() if value and _DIGEST.fullmatch(value) else None

    def note(self, place: str, digest: str) -> None:
        """Remember what picture a place gives."""
        if self._kept_in:
            self._kept_in.put(_note(place), digest.encode())

    def read(
        self, scans: Sequence[Scan], digests: Sequence[str], sleep: Callable[[float], None] = time.sleep
    ) -> Reading:
        """Read pages that belong together, blocking."""
        with closing(self.steps(scans, digests)) as steps:
            step, done = advanced(steps)
            while step is not None:
                try:
                    answer = self._performed(step, scans, sleep)
                except Exception as error:  # noqa: BLE001 - the steps decide what an engine's failure means
                    step, done = advanced(steps, error=error)
                else:
                    step, done = advanced(steps, answer)
        assert done is not None
        return done

    async def aread(self, scans: Sequence[Scan], digests: Sequence[str]) -> Reading:
        """``read`` without blocking the event loop."""
        steps = self.steps(scans, digests)
        try:
            step, done = await self._beside_loop(advanced, steps)
            while step is not None:
                try:
                    answer = await self._aperformed(step, scans)
                except Exception as error:  # noqa: BLE001 - as in read
                    step, done = await self._beside_loop(advanced, steps, None, error)
                else:
                    step, done = await self._beside_loop(advanced, steps, answer)
        finally:
            if inspect.getgeneratorstate(steps) != inspect.GEN_CLOSED:  # cancelled: a claim may have to be given up
                await self._beside_loop(steps.close)
        assert done is not None
        return done

    def _performed(self, step: Ask | Pause, scans: Sequence[Scan], sleep: Callable[[float], None]) -> PageResult | None:
        if isinstance(step, Ask):
            with self._room_for(step.engine, threading.Semaphore):
                return _asked(step.engine, scans, self.tasks)
        sleep(step.seconds)
        return None

    async def _aperformed(self, step: Ask | Pause, scans: Sequence[Scan]) -> PageResult | None:
        import asyncio

        if isinstance(step, Ask):
            async with self._room_for(step.engine, asyncio.Semaphore):
                return await _aasked(step.engine, scans, self.tasks)
        await asyncio.sleep(step.seconds)
        return None

    def _room_for(self, engine: Engine, kind: Callable[[int], Any]) -> Any:
        """A context with no more pages in it than the engine wants at once, whatever the others take."""
        if engine.at_once is None:
            return nullcontext()
        return self._rooms.setdefault((id(engine), kind), kind(engine.at_once))

    async def _beside_loop(self, work: Callable[..., T], *args: Any) -> T:
        """The work, in a thread where it looks into a cache; a cancellation waits until that is done."""
        if self.cache is None:
            return work(*args)
        import asyncio

        under_way = asyncio.get_running_loop().run_in_executor(None, work, *args)
        await ended([under_way])
        return under_way.result()

    def steps(self, scans: Sequence[Scan], digests: Sequence[str]) -> Steps:
        """Ask one engine after the other until one has read the page, and all of it."""
        failures: list[OCRError] = []
        bills: Bills = ()
        cut_off: Reading | None = None
        for engine in self.engines:
            try:
                reading = yield from self._by(engine, scans, digests)
            except Exception as error:  # noqa: BLE001 - whatever an engine raises is this page's failure, not its neighbours'
                failures.append(self._ours(error, engine))
                if spent := getattr(error, "usage", None):
                    bills += ((engine, spent),)
                continue
            bills += reading.bills
            reading = reading._replace(instead=type(failures[0]).__name__ if failures else "")
            if not (reading.result and reading.result.truncated):
                return reading._replace(bills=bills)
            cut_off = cut_off or reading
            failures.append(ReplyTruncated("the reply is cut off", engine=engine.name, text=reading.result.text))
        return cut_off._replace(bills=bills) if cut_off else Reading(None, _first_of(failures), bills=bills)

    def _ours(self, error: Exception, engine: Engine) -> OCRError:
        """The error as one of ours; an engine that will fare no better with the next page is asked no more."""
        if isinstance(error, HOPELESS):
            if id(engine) not in self._given_up and engine is not self.engines[-1]:
                logger.warning("%s reads no page of this run, the next engine does: %s", engine.name, error)
            given_up = self._given_up[id(engine)] = copy(error)
            given_up.usage = None
        if isinstance(error, OCRError):
            if isinstance(error, EngineError) and error.engine is None:
                error.engine = engine.name
            return error
        ours = EngineError(f"{type(error).__name__}: {error}", engine=engine.name)
        ours.__cause__ = error
        return ours

    def _by(self, engine: Engine, scans: Sequence[Scan], digests: Sequence[str]) -> Steps:
        """One engine's reading, from the cache where it is there, into the cache where it is not."""
        if self._kept_in is None:
            result = yield from self._answer(self._ask(engine))
            return Reading(result, bills=((engine, result.usage),))
        key, seconds = page_key(digests, engine, self.tasks), FIRST_LOOK
        while (kept := self._kept(key, scans[0])) is None:
            ask = self._ask(engine)
            if self._kept_in.claim(key):
                return (yield from self._claimed(self._kept_in, key, ask, scans[0]))
            yield Pause(seconds)
            seconds = min(LONGEST_LOOK, 1.5 * seconds)
        return kept

    def _claimed(self, cache: Lenient, key: str, ask: Ask, scan: Scan) -> Steps:
        done = False
        try:
            if kept := self._kept(key, scan):  # whoever had claimed it before was done just then
                return kept
            result = yield from self._answer(ask)
            if not result.truncated and (done := cache.put(key, packed(result))):
                self._fresh.add(key)
        finally:
            if not done:
                cache.release(key)
        return Reading(result, key=key, bills=((ask.engine, result.usage),))

    def _ask(self, engine: Engine) -> Ask:
        """The step, unless the engine has given up on this run, or its service is down and another one can be asked."""
        if given_up := self._given_up.get(id(engine)):
            raise copy(given_up)
        if engine is not self.engines[-1]:
            self.outages.check(engine)
        return Ask(engine)

    def _answer(self, ask: Ask) -> Generator[Ask, PageResult | None, PageResult]:
        """What the engine says; whether its service is there is remembered."""
        self.outages.begin(ask.engine)
        try:
            result = yield ask
        except ServiceFailed as error:
            self.outages.failed(ask.engine, error)
            raise
        self.outages.worked(ask.engine)
        assert result is not None
        return result

    def _kept(self, key: str, scan: Scan | Asked | None) -> Reading | None:
        if self._kept_in is None or (self.refresh and key not in self._fresh):
            return None
        result = unpacked(self._kept_in.get(key))
        if result is None:
            return None
        return Reading(replace(_at(result, scan), usage=Usage()), key=key, cached=True)


def advanced(steps: Steps, answer: PageResult | None = None, error: Exception | None = None) -> Advanced:
    """The next step, or None and what has become of the page."""
    try:
        return (steps.send(answer) if error is None else steps.throw(error)), None
    except StopIteration as end:
        return None, end.value


def _asked(engine: Engine, scans: Sequence[Scan], tasks: Sequence[Task]) -> PageResult:
    if len(scans) == 1:
        return engine.read(scans[0], tasks)
    return _together(engine).read_together(scans, tasks)


async def _aasked(engine: Engine, scans: Sequence[Scan], tasks: Sequence[Task]) -> PageResult:
    if len(scans) == 1:
        return await engine.aread(scans[0], tasks)
    return await _together(engine).aread_together(scans, tasks)


def _together(engine: Engine) -> MultiPageEngine:
    if not isinstance(engine, MultiPageEngine):
        raise UnsupportedTask(f"{engine.name} reads one page at a time; leave pages_per_call at 1", engine=engine.name)
    return engine


def _note(place: str) -> str:
    return NOTE + hashlib.sha256(place.encode("utf-8", "surrogatepass")).hexdigest()


def _said_by(error: Exception) -> CacheFailed:
    if isinstance(error, CacheFailed):
        return error
    return CacheFailed(f"the cache fails ({type(error).__name__}: {error})")


def _at(result: PageResult, scan: Scan | Asked | None) -> PageResult:
    """A kept result as that of a page: the same picture may stand elsewhere, in another file and unit."""
    if scan is None:
        return result
    fields = {
        name: replace(value, page=scan.page, places=tuple(replace(place, page=scan.page) for place in value.places))
        for name, value in result.fields.items()
    }
    return replace(result, page=scan.page, width=scan.width, height=scan.height, unit=scan.unit, fields=fields)


def _first_of(failures: Sequence[OCRError]) -> OCRError:
    """The first engine's error, with what the others said."""
    first, *others = failures
    if not others:
        return first
    error = copy(first)
    error.__cause__, error.__traceback__ = first.__cause__, first.__traceback__
    error.message += "".join(
        f"; then {getattr(other, 'engine', None) or 'another engine'}: {other.message}" for other in others
    )
    return error
