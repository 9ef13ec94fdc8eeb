"""Rules on loading: when anything is read, and that it may be done again, alternately, in threads and elsewhere."""

from __future__ import annotations

import gc
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from .rule import NotApplicable, broken, expect, rules
from .watch import Aside, close, fresh_heap, left_open

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .trial import Trial

PATIENCE = 2.0
"""Seconds, besides ten times what the first Document took, that another run may take for its own first."""
THREADS = 4
TRIES = 4
EARLY = 0.75
"""Of the time for all Documents: when the first one has to be there. One that waits for all comes at 0.95 and later."""


def loads_twice(trial: Trial) -> None:
    """Loading the same object again gives the same Documents.

    A stored iterator is empty the second time, and an indexing run with clean-up then deletes what the first one added.
    """
    session = trial.session()
    trial.expect_same(session.load(), "first time")
    trial.expect_same(session.load(), "second time")


def lazy_gives_the_same(trial: Trial) -> None:
    """The lazy form gives the Documents that the plain one gives.

    Frameworks choose between the two on their own; `index()` takes the lazy one.
    """
    trial.expect_same(list(trial.session().lazy()), "lazily")


def first_document_comes_early(trial: Trial) -> None:
    """The lazy form gives its first Document before it has read all of a long file.

    Otherwise a thousand pages are held in memory, and whoever needs only the first waits for all of them.
    """
    path = trial.file("long" if trial.files.long else "good")
    shares = []
    for _ in range(TRIES):
        with fresh_heap():
            shares.append(_first_share(trial.session(path).lazy()))
        if shares[-1] < EARLY:
            return
    broken(f"the first Document comes after {min(shares):.0%} of the time that all of them take")


def _first_share(documents: Iterator[Any]) -> float:
    """When the first Document came, as a share of the time until the last.

    Raises:
        NotApplicable: There is only one.
        RuleBroken: All of them were there with the first.
    """
    started = time.perf_counter()
    first = next(documents, None)
    came = time.perf_counter() - started
    before = _alive(type(first))
    started = time.perf_counter()
    rest = list(documents)
    others_took = time.perf_counter() - started
    if not rest:
        raise NotApplicable("gives one Document for the whole file")
    made = _alive(type(first)) - before
    expect(made > 0, f"all {len(rest) + 1} Documents are made before the first is given")
    return came / (came + others_took)


def _alive(kind: type) -> int:
    return sum(type(thing) is kind for thing in gc.get_objects())


def making_it_reads_nothing(trial: Trial) -> None:
    """Nothing is read before the first Document is asked for.

    Loaders are made in configuration, in tests and in the parent of worker processes, where reading is waste, and a
    file opened then is still open in the workers.
    """
    path = trial.file("good")
    broken_file = trial.file("broken")
    session = trial.session(path)
    expect(not left_open(path), "the file is open before anything was asked for")
    shutil.copyfile(broken_file, path)
    try:
        documents = session.load()
    except Exception:  # noqa: BLE001  # as it should: the file is broken now
        return
    texts = [content.text for content in trial.contents(documents)]
    was = [content.text for content in trial.contents(trial.documents)]
    expect(texts != was, "gives the text of a file that was replaced before anything was asked for")


def two_runs_interleave(trial: Trial) -> None:
    """Two runs of the same object can be taken turn by turn.

    State kept on the object, or a lock held from one Document to the next, mixes them up or stops them for good.
    """
    session = trial.session()
    _interleave(trial, session.lazy(), session.lazy())


def two_objects_interleave(trial: Trial) -> None:
    """Runs of two objects can be taken turn by turn.

    A lock of the whole class, held while the caller has the Document, stops every other loader in the process for good.
    """
    _interleave(trial, trial.session().lazy(), trial.session().lazy())


def _interleave(trial: Trial, one: Iterator[Any], other: Iterator[Any]) -> None:
    started = time.monotonic()
    ours = [next(one)]
    theirs = [_next_meanwhile(other, one, PATIENCE + 10 * (time.monotonic() - started))]
    ended = object()
    while (document := next(one, ended)) is not ended:
        ours.append(document)
        theirs += [document for document in [next(other, ended)] if document is not ended]
    trial.expect_same(ours, "the first of two")
    trial.expect_same([*theirs, *other], "the second of two")


def _next_meanwhile(other: Iterator[Any], one: Iterator[Any], seconds: float) -> Any:
    """The first Document of ``other`` while ``one`` waits; where it never comes, both are closed, to free any lock."""
    given_up = threading.Event()

    def first() -> Any:
        document = next(other)
        if given_up.is_set():
            close(other)  # in the thread that may own the lock
        return document

    aside = Aside(first)
    if not aside.done(seconds):
        given_up.set()
        close(one)
        aside.done(seconds)
        broken("the second gives nothing while the first is between two Documents")
    return aside.result()


def threads_can_share_it(trial: Trial) -> None:
    """Four threads can load the same object at once.

    Servers and executors do so; libraries that are not thread-safe mix up pages or crash.
    """
    session = trial.session()
    with ThreadPoolExecutor(THREADS) as pool:
        runs = [pool.submit(session.load) for _ in range(THREADS)]
    for run in runs:
        trial.expect_same(run.result(), "in a thread")


def it_pickles(trial: Trial) -> None:
    """It survives pickle, and then loads the same.

    That is how `SimpleDirectoryReader(num_workers=...)`, Ray, Spark and multiprocessing move it to their workers.
    """
    trial.expect_same(trial.session().pickled().load(), "after pickle")


LOADING = rules(
    [
        loads_twice,
        lazy_gives_the_same,
        first_document_comes_early,
        making_it_reads_nothing,
        two_runs_interleave,
        two_objects_interleave,
        threads_can_share_it,
        it_pickles,
    ]
)
