"""What a piece of code leaves behind: open files, warnings, errors nobody caught, and threads that never end."""

from __future__ import annotations

import gc
import os
import sys
import threading
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")


class Aside(Generic[T]):
    """A call made at once in a daemon thread, so that one that never returns holds up nobody."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._results: list[T] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._results.append(self._call())
        except BaseException as error:  # noqa: BLE001  # raised again where the result is asked for
            self._error = error

    def done(self, seconds: float) -> bool:
        """Is it done within so many seconds?"""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def result(self) -> T:
        """What it returned; raises what it raised. Only where it is done."""
        error, self._error = self._error, None  # an error kept here would keep its frames, and their open files
        if error is not None:
            raise error
        return self._results[0]


@contextmanager
def fresh_heap() -> Iterator[None]:
    """Only what is made in this block is seen by the garbage collector: that is quick, and hears of nothing older."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def complaints() -> Iterator[list[str]]:
    """Collects leaks that Python itself notices: unclosed resources, coroutines never awaited, errors in ``__del__``.

    The list is complete when the block has been left. It changes the process's warning filters and its
    ``sys.unraisablehook`` meanwhile.
    """
    heard: list[str] = []
    hook = sys.unraisablehook
    sys.unraisablehook = lambda event: heard.append(f"{event.err_msg or 'ignored'}: {event.exc_value!r}")
    try:
        with fresh_heap(), warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", ResourceWarning)
            warnings.simplefilter("always", RuntimeWarning)
            yield heard
            gc.collect()
        heard += [f"{warning.category.__name__}: {warning.message}" for warning in warned]
    finally:
        sys.unraisablehook = hook


def left_open(path: Path) -> str:
    """Whether this process holds the file open, in words; empty where it does not, or where nobody can tell."""
    if not _is_open(path):
        return ""
    gc.collect()
    return "is still open" if _is_open(path) else "stays open until the garbage collector comes by"


def _is_open(path: Path) -> bool:
    descriptors = Path("/dev/fd")
    return _among(descriptors, path) if descriptors.is_dir() else not _can_be_moved(path)


def _among(descriptors: Path, path: Path) -> bool:
    wanted = path.stat()
    for number in os.listdir(descriptors):  # noqa: PTH208  # as ints: they are no paths to follow
        with suppress(OSError):  # the descriptor of this very listing
            if os.path.samestat(os.fstat(int(number)), wanted):
                return True
    return False


def _can_be_moved(path: Path) -> bool:
    """Windows does not move a file that is open."""
    try:
        path.rename(path.with_name("moved")).rename(path)
    except PermissionError:
        return False
    return True


def close(iterator: Any) -> None:
    """Close a generator; other iterators have nothing to close."""
    if hasattr(iterator, "close"):
        iterator.close()
