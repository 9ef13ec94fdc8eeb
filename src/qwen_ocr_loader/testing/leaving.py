"""Rules on open files: closed after the last Document, after leaving early, and after an error."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from .rule import expect, rules
from .watch import complaints, left_open

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .trial import Session, Trial


def files_are_closed_at_the_end(trial: Trial) -> None:
    """After the last Document the file is closed.

    Ingestion of a folder otherwise ends at "too many open files", and Windows lets nobody move or delete what was read.
    """
    _closed(trial, trial.file("good"), _load)


def files_are_closed_after_a_break(trial: Trial) -> None:
    """When a `for` over the lazy form is left by `break`, the file is closed.

    Taking the first page of each file is what previews and type checks do.
    """
    _closed(trial, trial.file("good"), _break)


def files_are_closed_after_an_error(trial: Trial) -> None:
    """When a file cannot be read, it is closed all the same.

    Upload handlers delete the file they refuse, and long runs skip many.
    """
    _closed(trial, trial.file("broken"), _fail)


def _load(session: Session) -> None:
    session.load()


def _break(session: Session) -> None:
    for _ in session.lazy():
        break


def _fail(session: Session) -> None:
    with suppress(Exception):
        session.load()


def _closed(trial: Trial, path: Path, use: Callable[[Session], None]) -> None:
    session = trial.session(path)
    with complaints() as heard:
        use(session)
        opened = left_open(path)
    expect(not opened, f"the file {opened}")
    expect(not heard, "; ".join(heard))


LEAVING = rules([files_are_closed_at_the_end, files_are_closed_after_a_break, files_are_closed_after_an_error])
