"""What reading a page was billed, however it ends: on the result or on the error, with what was read before."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ..errors import EngineError
from ..results import PageResult, Usage, merged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .dashscope import DashScopeEngine


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
    def charging(self, engine: DashScopeEngine) -> Iterator[None]:
        """Tell an error what was billed before it, give it what was read, and keep the key out of it."""
        try:
            yield
        except EngineError as error:
            error.usage = self.usage
            error.partial = self.result() if self.results else None
            error.message = engine.without_key(error.message)
            raise
