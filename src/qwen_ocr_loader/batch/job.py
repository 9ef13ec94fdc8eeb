"""A batch while a process works on it: its state file held, its flows at hand."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import BatchError
from ..progress import Progress
from .lines import PartFiles, PartWriter
from .pages import BatchRun
from .parts import UNREAD, Parts
from .service import Service
from .settings import asker
from .trial import Trial

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..engines.flows import Flow
    from ..jobs import Job
    from ..prices import Money
    from ..report import Report
    from ..source import SourceLike
    from .batch import Batch
    from .pages import HalfPrice
    from .settings import Settings
    from .state import Counts, Part, State

AT_ONCE = 64  # pages fetched from the state file together


@dataclass(frozen=True, slots=True)
class Status:
    """How far a batch is.

    Attributes:
        counts: Pages taken in, and of their lines (a task asked about a page each) those ``asked`` and not answered
            yet, ``done`` and ``failed`` for good.
        parts: The batches of the service, and what is still to become one.
        expected: What all of it is likely to cost; None where no price is known.
        cancelled: Nothing more is sent.
    """

    counts: Counts
    parts: tuple[Part, ...]
    expected: Money | None
    cancelled: bool

    @property
    def finished(self) -> bool:
        """Whether ``collect`` has nothing to wait for."""
        return not self.counts.asked

    @property
    def as_of(self) -> float | None:
        """When the service was asked last about what is running, in seconds since the epoch; None if nothing is."""
        return min((part.looked for part in self.parts if part.state == "running"), default=None)


class BatchJob:
    """A batch being worked on by this process."""

    def __init__(self, state: State, settings: Settings, batch: Batch) -> None:
        self.state, self._settings = state, settings
        self._engine = asker(settings.engine)
        self._pace, self._limits = batch.pace, batch.limits
        self._files = PartFiles(state.path.with_name(f"{state.path.name}-files"))
        self.run = BatchRun(settings.reader(), self._engine, state)
        self.parts = Parts(self._engine, self.run.tasks, state, self._files, self._pace, batch.clock, self._tell)
        self._progress, self._told = Progress(shown=settings.options.show_progress), 0
        self._after = 0

    def close(self) -> None:
        """Let others work on it."""
        self._progress.__exit__(None, None, None)
        self.state.close()

    def submit(self, source: SourceLike, tell: Callable[[str], None] | None, *, again: bool = False) -> Flow[Report]:
        """Take in, tell and compare the cost, send."""
        if self.state["cancelled"]:
            self._check_cancelled(again=again)
        with self.state.change():
            self.state["taking"], self.state["cancelled"] = True, False
            self.parts.keep_window()
            if self.state["settings"] is None:
                self.state["settings"], self.state["name"] = self._settings.kept(), f"qwen-ocr-{uuid.uuid4().hex[:16]}"
        with PartWriter(self.state, self._files, self._limits) as writer:
            yield from self.run.take_in(source, writer, links=bool(self._settings.links), again=again)
        expected = self.state.expected()
        if tell:
            pages = f"{self.run.report.pages:,} pages taken in, {self.run.report.from_text_layer:,} with sound text"
            cost = self.run.half_price.said(expected)
            tell(f"{pages} of their own; all of {self.state.path} is likely to cost {cost}")
        self.run.half_price.check(expected, self._settings.options.max_cost)
        self._release()
        yield from self.parts.send()
        return self.run.report

    def _check_cancelled(self, *, again: bool) -> None:
        """Refuse to go on with what was cancelled, unless the pages it did not read are to be asked anew."""
        if not again:
            raise BatchError("the batch was cancelled; submit with --again to go on, or give another: -s OTHER.batch")
        if self.state.parts(*UNREAD):
            raise BatchError(
                "the batch was cancelled, and what was read until then is not collected; type: "
                f"qwen-ocr batch collect --wait -s {self.state.path}, then submit with --again"
            )

    def _release(self) -> None:
        """All that is taken in may be sent from now on, by whatever process."""
        with self.state.change():
            self.state["taking"] = False
            for part in self.state.parts("filling"):
                self.state.note(part, state="ready" if part.lines else "closed")
        for part in self.state.parts("closed"):
            self._files.remove(self._files.path(part))

    def trial(self, source: SourceLike) -> Flow[Report]:
        """The dry run."""
        trial = Trial(self.run, Service(self._engine), self._pace, f"qwen-ocr-trial-{uuid.uuid4().hex[:16]}")
        return trial.flow(source, links=bool(self._settings.links))

    def status(self) -> Flow[Status]:
        """Ask the service, if it was not asked just now."""
        yield from self.parts.look()
        return status_of(self.state, self.run.half_price)

    def cancel(self) -> Flow[Status]:
        """Stop."""
        yield from self.parts.cancel()
        return status_of(self.state, self.run.half_price)

    def check(self, *, finished: bool, wait: bool, partial: bool) -> None:
        """Refuse to pass a part off as the whole.

        Raises:
            BatchError: There is more to come, and nobody said that the rest is enough.
        """
        if partial:
            return
        if self.state["taking"] and not self.state["cancelled"]:
            raise BatchError("submit was broken off before all pages were sent; call it again with the same source")
        if not finished and not wait:
            counts = self.state.counts()
            raise BatchError(
                f"{counts.asked:,} of {counts.asked + counts.done + counts.failed:,} requests are still being read; "
                f"type: qwen-ocr batch collect --wait -s {self.state.path}, or --partial for what is there"
            )

    def ready(self, *, partial: bool) -> list[Job]:
        """The next pages that can be delivered; none where that is all for now."""
        while True:
            before = self._after
            jobs, self._after = self.run.ready(before, AT_ONCE, partial=partial)
            if jobs or self._after == before:
                return jobs

    def _tell(self) -> None:
        counts, running = self.state.counts(), self.state.parts("running")
        read = counts.done + counts.failed + sum(part.completed for part in running)
        if not self._told:
            self._progress.expect(counts.asked + counts.done + counts.failed)
        self._progress.tick(read - self._told)
        self._told = read


def status_of(state: State, price: HalfPrice) -> Status:
    """What the state file says."""
    return Status(
        state.counts(), tuple(state.parts()), price.price_of(state.expected()), cancelled=bool(state["cancelled"])
    )
