"""A second process, with a pipe to it and a pipe from it.

Where this process is small and has a single thread, on Linux, it is forked: the copy is at work in 2 ms. A fork of
several threads can find locks that nobody will open, and one of a large process copies what this one goes on changing:
then, and on other systems, a fresh Python is started, which takes 100 ms and more.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    Serve = Callable[[int, int], None]

OWN = Path("/proc/self")
LARGE = 400_000_000  # bytes in memory
CLOSED = -1


class Process(Protocol):
    """One that works for this process until it is ended, or its requests end.

    Attributes:
        pid: Its number.
        requests, answers: This process's ends of the pipes; ``CLOSED`` once it was ended.
    """

    pid: int
    requests: int
    answers: int

    def end(self) -> int | None:
        """End it, whatever it is at, and wait until it has ended. Ending it twice does nothing.

        Returns:
            Its exit code, or minus the signal that ended it; None where somebody else has asked for it.
        """


def started(serve: Serve, module: str) -> Process:
    """Start a process.

    Args:
        serve: What it does, with the pipe of requests and that of answers, until the first one ends.
        module: One that does that, with its input and output as pipes, where run as ``python -m``.

    Raises:
        OSError: It cannot be started.
    """
    return Forked(serve) if may_fork() else Spawned(module)


def may_fork() -> bool:
    """Whether this process has one thread, and memory that is soon copied, as Linux tells."""
    if sys.platform != "linux":
        return False
    try:
        pages = int((OWN / "statm").read_text().split()[1])
        return len([*(OWN / "task").iterdir()]) == 1 and pages * os.sysconf("SC_PAGE_SIZE") < LARGE
    except (OSError, ValueError, IndexError):
        return False


class Spawned:
    """A fresh Python; see ``Process``."""

    def __init__(self, module: str) -> None:
        import subprocess

        # -P and the parent's own path: it imports what the parent imports, and nothing out of the current folder.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        command = [sys.executable, "-P", "-m", module]
        pipe, silent = subprocess.PIPE, subprocess.DEVNULL
        self._process = subprocess.Popen(  # noqa: S603
            command, bufsize=0, stdin=pipe, stdout=pipe, stderr=silent, env=environment
        )
        assert self._process.stdin
        assert self._process.stdout
        self.pid = self._process.pid
        self.requests, self.answers = self._process.stdin.fileno(), self._process.stdout.fileno()

    def end(self) -> int | None:
        """See ``Process``."""
        if self.requests != CLOSED:
            self.requests = self.answers = CLOSED
            self._process.kill()  # it holds nothing that would have to be put away
            self._process.communicate()
        return self._process.returncode


class Forked:
    """A copy of this process; see ``Process``."""

    def __init__(self, serve: Serve) -> None:
        theirs, self.requests = os.pipe()
        self.answers, back = os.pipe()
        try:
            self.pid = os.fork()
        except OSError:
            for pipe in (theirs, self.requests, self.answers, back):
                os.close(pipe)
            raise
        if self.pid == 0:
            _be(serve, theirs, back)
        os.close(theirs)
        os.close(back)
        self._code: int | None = None

    def end(self) -> int | None:
        """See ``Process``."""
        if self.requests != CLOSED:
            with suppress(ChildProcessError):  # somebody else has waited for it
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if not pid:
                    os.kill(self.pid, signal.SIGKILL)
                    _, status = os.waitpid(self.pid, 0)
                self._code = os.waitstatus_to_exitcode(status)
            os.close(self.requests)
            os.close(self.answers)
            self.requests = self.answers = CLOSED
        return self._code


def _be(serve: Serve, requests: int, answers: int) -> NoReturn:
    """Be the forked process: nothing of its parent's is ended, closed for it or heard by it."""
    code = 1
    try:
        gc.freeze()  # what the parent had is not for this one to clear away
        for number in signal.valid_signals():
            with suppress(OSError, ValueError):  # two of them cannot be set, and some are the C library's
                signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this one
        for pipe, place in ((requests, 0), (answers, 1), (os.open(os.devnull, os.O_WRONLY), 2)):
            os.dup2(pipe, place)
        for opened in [int(entry.name) for entry in (OWN / "fd").iterdir()]:
            if opened > 2:  # the three above
                with suppress(OSError):
                    os.close(opened)
        serve(0, 1)
        code = 0
    finally:
        os._exit(code)
