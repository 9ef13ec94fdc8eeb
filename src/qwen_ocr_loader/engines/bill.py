"""What reading a page was billed, however it ends: on the result or on the error, with what was read before."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from ..errors import EngineError
from ..results import PageResult, Usage, merged
from .keys import Secret, concealed

if TYPE_CHECKING:
    from collections.abc import Iterator


class Keyed(Protocol):
    """An engine with a key that services may repeat."""

    @property
    def api_key(self) -> str | Secret | None: ...  # noqa: D102


@dataclass(slots=True)
class Bill:
    """Grows while a page is read.

    Attributes:
        usage: Of every reply that came, those included that were of no use.
        results: Of the tasks done so far.
    """

    usage: Usage = Usage()
    results: list[PageResult] = field(default_factory=list)

    def result(self) -> PageResult:
        """All tasks' readings as one, with all they were billed."""
        return replace(merged(self.results), usage=self.usage)

    @contextmanager
    def charging(self, engine: Keyed) -> Iterator[None]:
        """Tell an error what was billed before it, give it what was read, and keep the engine's key out of it."""
        try:
            yield
        except EngineError as error:
            error.usage = self.usage
            error.partial = self.result() if self.results else None
            for told in _chain(error):
                _conceal(told, engine.api_key if isinstance(engine.api_key, Secret) else Secret(engine.api_key))
            raise


def _chain(error: BaseException) -> Iterator[EngineError]:
    """An error, its causes and what it replaced: a traceback prints them all."""
    seen, waiting = set[int](), [error]
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        waiting += [other for other in (one.__cause__, one.__context__) if other is not None]
        if isinstance(one, EngineError):
            yield one


def _conceal(error: EngineError, key: Secret) -> None:
    for name, value in vars(error).items():
        if isinstance(value, str):
            setattr(error, name, concealed(value, key))
    error.args = (error.message,)
