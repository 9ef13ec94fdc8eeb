"""Text layers of a long PDF, read ahead in other processes.

PDFium runs one call at a time in a process, so a second core is of use only to a second process. A worker is one with
two pipes (``second_process.py``): it opens the same file, is given chunks of page numbers and sends back their texts
in reading order. This process reads too: the page it is asked for, and others while it would have to wait.
Pages are claimed in the order they will be asked for and never more than ``WINDOW`` ahead, so memory does not grow with
the file. A worker that cannot start, dies, or finds another file is done without.
"""

from __future__ import annotations

import logging
import marshal
import math
import os
import select
import sys
import weakref
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .forking import Lock
from .geometry import Quad
from .layout import TextBox, arranged
from .page_text import PageText, PageTexts
from .second_process import may_fork, started
from .textlayer import TextLayer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .page_text import TextLayerUse
    from .second_process import Process

LEAST_PAGES, LEAST_FORKED = 80, 40
"""A file with fewer pages wanted is read by the time a worker has started, or is hardly sooner with one."""
WINDOW = 96
"""Pages that are read ahead at most: while the user of a page takes long, the workers wait."""
CHUNK = 4
"""Pages a worker is given at a time; one chunk waits while another is read."""
MOST_WORKERS = 3
"""Each takes some 10 MB; handing out a page that one of them has read takes a fifteenth of reading it."""

_logger = logging.getLogger("qwen_ocr_loader")

_Row = tuple[Any, ...]  # what marshal takes: numbers, strings, lists, tuples


def usable_workers(pages: int) -> int:
    """How many workers pay for so many pages, by the cores that are idle at this moment; 0 where none does or can."""
    if os.name != "posix" or pages < (LEAST_FORKED if may_fork() else _least_spawned()):
        return 0  # on Windows a pipe cannot be asked whether it has something
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(min(cores - _running(), MOST_WORKERS), 0)


def _least_spawned() -> float:
    """Infinitely many for an application that embeds Python, which cannot be started as one."""
    python = Path(sys.executable or "").name.lower().startswith("python")
    return LEAST_PAGES if python and not getattr(sys, "frozen", False) else math.inf


def _running() -> int:
    """How many threads run on this machine, this one included: on cores that others keep busy a worker costs time."""
    try:
        return int(Path("/proc/loadavg").read_text().split()[3].partition("/")[0])
    except OSError:  # not Linux
        return 1


class ReadAhead:
    """``PageTexts`` whose next pages may already have been read.

    Workers start after the first page, which nothing delays, and once there is an idle core.

    Args:
        texts: Reads a page in this process.
        path: Of the PDF.
        password: Its password.
        use: What ``texts`` does with a text layer.
        numbers: The pages that will be asked for, 0-based, in that order. Others may be asked for as well.
        workers: How many processes; None for as many as pay.
    """

    def __init__(
        self,
        texts: PageTexts,
        path: Path,
        password: str | None,
        use: TextLayerUse,
        numbers: Iterable[int],
        workers: int | None = None,
    ) -> None:
        self._texts, self._errand = texts, (os.fspath(path), password, use, _identity(path))
        self._unclaimed = deque(dict.fromkeys(numbers))
        self._ready: dict[int, PageText | None] = {}  # None: to be read here, where its error belongs
        self._claimed_by: dict[int, _Worker] = {}
        self._wanted, self._workers = workers, list[_Worker]()
        self._lock = Lock()
        self._reading = self._started = False

    def read(self, number: int) -> PageText:
        """See ``PageTexts.read``."""
        with self._lock:
            text = self._taken(number)
        return text or self._texts.read(number)

    def close(self) -> None:
        """End the workers. Closing twice does nothing."""
        with self._lock:
            while self._workers:
                self._workers.pop().close()
            self._claimed_by.clear()
            self._unclaimed.clear()
            self._ready.clear()

    def _taken(self, number: int) -> PageText | None:
        """The page from what was read ahead; None where it is to be read here and now."""
        self._settle(0)
        while number in self._claimed_by:
            self._settle(0 if self._read_one() else None)
        if number not in self._ready and number in self._unclaimed:
            self._unclaimed.remove(number)
        return self._ready.pop(number, None)

    def _read_one(self) -> bool:
        """Use the time until a worker has finished: read the next unclaimed page; False where the window is full."""
        if not self._unclaimed or self._ahead() >= WINDOW:
            return False
        number = self._unclaimed.popleft()
        self._ready[number] = _attempt(self._texts, number)
        return True

    def _ahead(self) -> int:
        return len(self._ready) + len(self._claimed_by)

    def _settle(self, timeout: float | None) -> None:
        """Take what the workers have sent (waiting for the first of it, where ``timeout`` is None); give them more."""
        if not self._workers:
            self._start()
            return
        for worker in _heard(self._workers, timeout):
            self._receive(worker)
        for worker in self._workers:
            while worker.greeted and worker.queued < 2 and self._unclaimed and self._ahead() + CHUNK <= WINDOW:
                self._give(worker)

    def _start(self) -> None:
        """Start the workers, once in a file's time, at the second page or later."""
        if not self._reading or self._started:
            self._reading = True
            return
        wanted = usable_workers(len(self._unclaimed)) if self._wanted is None else self._wanted
        self._started = wanted > 0
        try:
            self._workers += (_Worker(self._errand) for _ in range(wanted))
        except OSError as error:
            _logger.debug("no worker reads ahead: %s", error)

    def _give(self, worker: _Worker) -> None:
        share = len(self._unclaimed) // (2 * (1 + len(self._workers)))  # less towards the end: all are to end together
        chunk = [self._unclaimed.popleft() for _ in range(max(1, min(CHUNK, share)))]
        self._claimed_by.update(dict.fromkeys(chunk, worker))
        worker.give(chunk)

    def _receive(self, worker: _Worker) -> None:
        """Keep a chunk a worker has read; a worker that has none is over, and its pages go back in front."""
        try:
            rows = worker.receive()
        except (OSError, EOFError) as error:
            code = self._lose(worker)
            _logger.debug("a worker stopped reading ahead (exit code %s): %s", code, error)
            return
        except BaseException:  # Ctrl-C in the middle of an answer
            self._lose(worker)
            raise
        for number, row in rows:
            del self._claimed_by[number]
            self._ready[number] = _unpacked(row) if row else None

    def _lose(self, worker: _Worker) -> int | None:
        self._workers.remove(worker)
        lost = [number for number, owner in self._claimed_by.items() if owner is worker]
        self._unclaimed.extendleft(reversed(lost))
        for number in lost:
            del self._claimed_by[number]
        return worker.close()


def _heard(workers: Sequence[_Worker], timeout: float | None) -> list[_Worker]:
    """Those that have sent something, or ended; ``poll`` takes pipes of any number, which ``select`` does not."""
    poll = select.poll()
    for worker in workers:
        poll.register(worker.fileno(), select.POLLIN)
    heard = {pipe for pipe, _ in poll.poll(timeout)}
    return [worker for worker in workers if worker.fileno() in heard]


class _Worker:
    """A process that reads pages, as its parent sees it."""

    def __init__(self, errand: tuple[Any, ...]) -> None:
        self._process = started(serve_quietly, __name__)
        self._end = weakref.finalize(self, _end, self._process, os.getpid())
        self.greeted, self.queued = False, 0
        self._send(errand)

    def fileno(self) -> int:
        """The pipe its answers come through."""
        return self._process.answers

    def give(self, chunk: Sequence[int]) -> None:
        self.queued += 1
        self._send(chunk)

    def receive(self) -> list[tuple[int, _Row | None]]:
        """The pages of the next chunk; none with the greeting."""
        rows: list[tuple[int, _Row | None]] = _received(self.fileno())
        self.queued -= self.greeted
        self.greeted = True
        return rows

    def close(self) -> int | None:
        """End it, whatever it is at, and wait until it has ended."""
        return self._end()

    def _send(self, message: Any) -> None:
        try:
            _send(self._process.requests, message)
        except BrokenPipeError:  # it has died: its other pipe has ended, and ``receive`` will say so
            _logger.debug("a worker hung up")


def _end(process: Process, parent: int) -> int | None:
    return process.end() if os.getpid() == parent else None  # not where a fork of the parent comes to its end


def _identity(path: Path) -> tuple[int, ...]:
    """Tells whether another process found the same file under the path."""
    about = path.stat()
    return about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns


def _attempt(texts: PageTexts, number: int) -> PageText | None:
    """A page read ahead of its turn; None where it cannot be read, which is said in its turn."""
    from .errors import OCRError

    try:
        return texts.read(number)
    except OCRError:
        return None


# --- what goes through the pipe --------------------------------------------------------------------------------------


def _send(pipe: int, message: Any) -> None:
    data = marshal.dumps(message)
    data = len(data).to_bytes(8) + data
    while data:
        data = data[os.write(pipe, data) :]


def _received(pipe: int) -> Any:
    """The next message, and not a byte more: ``poll`` does not see what lies in a buffer.

    Raises:
        EOFError: The other side has ended.
    """
    return marshal.loads(_exactly(pipe, int.from_bytes(_exactly(pipe, 8))))  # noqa: S302 - from our own process


def _exactly(pipe: int, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        part = os.read(pipe, size - len(data))
        if not part:
            raise EOFError("its pipe has ended")
        data += part
    return bytes(data)


def _packed(text: PageText) -> _Row:
    layer = text.layer
    if layer is None:
        return text.label, text.width, text.height, None
    boxes = [(box.text, box.quad.to_numbers()) for box in layer.boxes]
    words, spans = arranged(layer.boxes, text.width, text.height, keep_order=True)  # here, where a core is idle
    return text.label, text.width, text.height, (layer.sound, layer.reason, boxes, (words, [*map(tuple, spans)]))


def _unpacked(row: _Row) -> PageText:
    label, width, height, layer = row
    if layer is None:
        return PageText(label, width, height, None)
    sound, reason, boxes, arrangement = layer
    boxes = tuple([TextBox(words, Quad.from_numbers(at)) for words, at in boxes])
    return PageText(label, width, height, TextLayer(sound, reason, boxes, arrangement))


# --- the worker ------------------------------------------------------------------------------------------------------


def serve(requests: int, answers: int) -> None:
    """Read the pages asked for through one pipe and answer through the other, until the first one ends."""
    from .pdf import PDFDocument
    from .source import Source

    path, password, use, identity = _received(requests)
    source = Source(path, "application/pdf", path=Path(path))
    with PDFDocument(source, password) as document:
        texts = PageTexts(document, source, use)
        if _identity(Path(path)) != identity:
            raise SystemExit("the file has changed")
        rows: list[tuple[int, _Row | None]] = []
        while True:
            _send(answers, rows)
            found = [(number, _attempt(texts, number)) for number in _received(requests)]
            rows = [(number, text and _packed(text)) for number, text in found]


def serve_quietly(requests: int, answers: int) -> None:
    """``serve``, until it has read enough, or whom it reads for is gone."""
    with suppress(EOFError, BrokenPipeError):
        serve(requests, answers)


def main() -> None:
    """Be a worker."""
    import gc
    import signal

    gc.freeze()  # the modules need no looking through while pages are read

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one, which ends it
    serve_quietly(sys.stdin.fileno(), sys.stdout.fileno())


if __name__ == "__main__":
    main()
