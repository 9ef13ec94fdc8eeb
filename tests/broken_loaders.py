"""Loaders that each break the kit's rules in one way, and the rules they break."""

import asyncio
import datetime as dt
import itertools
import threading
import time
from contextlib import suppress

import pytest

from conforming import LEFT_OPEN, SECRET, GoodLoader

CASES = []


def breaks(*rules):
    def remember(kind):
        CASES.append(pytest.param(kind, set(rules), id=kind.__name__))
        return kind

    return remember


@breaks("loads_twice", "two_async_runs_at_once", "threads_can_share_it", "two_runs_interleave")
class IsUsedUp(GoodLoader):
    def lazy_load(self):
        path, self.path = self.path, None
        yield from GoodLoader(path).lazy_load() if path else ()


@breaks("lazy_gives_the_same", "two_runs_interleave", "two_objects_interleave")
class LazyLacksTheLast(GoodLoader):
    def lazy_load(self):
        for document in super().lazy_load():
            if document.page_content != "three":
                yield document

    def load(self):
        return list(GoodLoader.lazy_load(self))

    async def alazy_load(self):
        for document in await asyncio.to_thread(self.load):
            yield document


@breaks("first_document_comes_early")
class MakesAllFirst(GoodLoader):
    def lazy_load(self):
        yield from list(super().lazy_load())


@breaks("first_document_comes_early")
class ReadsAllFirst(GoodLoader):
    def lazy_load(self):
        for document in [document.model_dump() for document in super().lazy_load()]:
            yield self.document(document["page_content"], document["metadata"]["page"])


@breaks("making_it_reads_nothing")
class ReadsTextWhenMade(GoodLoader):
    def __init__(self, path):
        super().__init__(path)
        self.lines = path.read_text().splitlines()

    def lazy_load(self):
        if self.lines == ["BROKEN"]:
            raise ValueError(f"{self.path}: cannot be read")
        for number, text in enumerate(self.lines):
            time.sleep(0.0005)
            yield self.document("a word" if text == "SCAN" else text.partition("\0")[0], number)


@breaks(
    "making_it_reads_nothing",
    "it_pickles",
    "files_are_closed_at_the_end",
    "files_are_closed_after_a_break",
    "files_are_closed_after_an_error",
    "async_stream_can_be_left",
    "async_stream_can_be_closed",
    "async_run_can_be_cancelled",
)
class OpensWhenMade(GoodLoader):
    def __init__(self, path):
        super().__init__(path)
        self.file = path.open()


@breaks("two_runs_interleave")
class LocksItself(GoodLoader):
    def __init__(self, path):
        super().__init__(path)
        self.lock = threading.Lock()

    def lazy_load(self):
        with self.lock:
            yield from super().lazy_load()

    def __getstate__(self):
        return {"path": self.path}

    def __setstate__(self, state):
        self.__init__(**state)


@breaks("two_runs_interleave", "two_objects_interleave")
class LocksItsClass(GoodLoader):
    lock = threading.Lock()

    def lazy_load(self):
        with self.lock:
            yield from super().lazy_load()


@breaks("threads_can_share_it")
class IsForOneThread(GoodLoader):
    busy = 0

    def load(self):
        self.busy += 1
        time.sleep(0.05)
        if self.busy > 1:
            raise RuntimeError("not thread-safe")
        self.busy = 0
        return super().load()


@breaks("it_pickles")
class HoldsALock(GoodLoader):
    def __init__(self, path):
        super().__init__(path)
        self.lock = threading.Lock()


@breaks("metadata_is_flat")
class HasAList(GoodLoader, extra={"boxes": [1, 2]}):
    pass


@breaks("metadata_is_flat")
class HasADict(GoodLoader, extra={"box": {"x": 1}}):
    pass


@breaks("metadata_is_flat")
class HasNone(GoodLoader, extra={"title": None}):
    pass


@breaks("metadata_is_flat")
class HasNaN(GoodLoader, extra={"confidence": float("nan")}):
    pass


@breaks("metadata_is_flat", "metadata_is_json", "indexing_again_changes_nothing")
class HasADate(GoodLoader, extra={"read": dt.date(2026, 1, 2)}):
    pass


@breaks("metadata_is_json", "indexing_again_changes_nothing")
class HasANumberAsKey(GoodLoader, extra={1: 1}):
    pass


@breaks("metadata_has_the_same_keys")
class HasATitleOnItsFirstPage(GoodLoader):
    def metadata(self, number):
        return super().metadata(number) | ({} if number else {"title": "T"})


@breaks("metadata_names_the_source")
class NamesNoSource(GoodLoader):
    def metadata(self, number):
        return {"page": number}


@breaks("runs_give_the_same", "indexing_again_changes_nothing")
class HasTimings(GoodLoader):
    def metadata(self, number):
        return {**super().metadata(number), "took": time.perf_counter_ns()}


@breaks("ids_are_stable")
class MakesUpIds(GoodLoader):
    fresh = itertools.count()

    def id(self, number):
        return str(next(self.fresh))


@breaks("ids_are_stable")
class HasOneIdForAll(GoodLoader):
    def id(self, number):
        return str(self.path)


@breaks("text_is_clean")
class LetsNulThrough(GoodLoader):
    def document(self, text, number):
        return super().document(text + "\0" * (self.path.stem == "odd"), number)


@breaks("text_is_clean")
class LetsSurrogatesThrough(GoodLoader):
    def metadata(self, number):
        return {**super().metadata(number), "title": "\ud800" if self.path.stem == "odd" else ""}


@breaks("async_gives_the_same", "two_async_runs_at_once")
class AsyncLacksTheLast(GoodLoader):
    async def aload(self):
        return (await super().aload())[:-1]


@breaks("two_async_runs_at_once")
class AsyncIsForOneRun(GoodLoader):
    busy = 0

    async def aload(self):
        self.busy += 1
        await asyncio.sleep(0.01)
        if self.busy > 1:
            raise RuntimeError("already running")
        self.busy = 0
        return await super().aload()


@breaks("async_leaves_the_loop_free")
class BlocksTheLoop(GoodLoader):
    async def alazy_load(self):
        for document in self.lazy_load():
            yield document


@breaks("async_leaves_the_loop_free")
class BlocksTheLoopPageByPage(GoodLoader):
    async def alazy_load(self):
        for document in self.lazy_load():
            await asyncio.sleep(self.work())
            yield document

    def work(self):
        time.sleep(0.02)
        return 0


@breaks("async_run_can_be_cancelled")
class SwallowsCancelling(GoodLoader):
    async def aload(self):
        with suppress(asyncio.CancelledError):
            return await super().aload()
        return []


@breaks(
    "files_are_closed_after_a_break",
    "async_stream_can_be_left",
    "async_stream_can_be_closed",
    "async_run_can_be_cancelled",
)
class ClosesAtTheEndOnly(GoodLoader):
    def lazy_load(self):
        file = self.path.open()
        LEFT_OPEN.append(file)
        try:
            yield from super().lazy_load()
        except Exception:
            file.close()
            raise
        file.close()


@breaks("files_are_closed_after_an_error")
class LeavesBrokenFilesOpen(GoodLoader):
    def lazy_load(self):
        try:
            yield from super().lazy_load()
        except ValueError:
            LEFT_OPEN.append(self.path.open())
            raise


@breaks("broken_files_are_reported")
class GivesNothingForABrokenFile(GoodLoader):
    def lazy_load(self):
        with suppress(ValueError):
            yield from super().lazy_load()


@breaks("broken_files_are_reported")
class GivesABlankPageForABrokenFile(GoodLoader):
    def lazy_load(self):
        try:
            yield from super().lazy_load()
        except ValueError:
            yield self.document("", 0)


@breaks("broken_files_are_reported", "errors_are_no_content")
class WritesErrorsIntoTheText(GoodLoader):
    def lazy_load(self):
        try:
            yield from super().lazy_load()
        except ValueError as error:
            yield self.document(f"Error: {error}", 0)


@breaks("broken_files_are_reported")
class GivesNothingAsync(GoodLoader):
    async def aload(self):
        with suppress(ValueError):
            return await super().aload()
        return []


@breaks("errors_name_the_file")
class SaysOnlyThatSomethingFailed(GoodLoader):
    def lazy_load(self):
        try:
            yield from super().lazy_load()
        except ValueError:
            raise ValueError("unexpected end") from None


@breaks("blank_pages_are_no_errors")
class StopsAtABlankPage(GoodLoader):
    def document(self, text, number):
        if not text and self.path.stem == "blank":
            raise ValueError("nothing on this page")
        return super().document(text, number)


@breaks("blank_pages_are_no_errors")
class CountsOnlyFullPages(GoodLoader):
    def lazy_load(self):
        full = (document for document in super().lazy_load() if document.page_content)
        for number, document in enumerate(full):
            yield self.document(document.page_content, number)


@breaks("blank_pages_are_no_errors")
class MarksBlankPages(GoodLoader):
    def document(self, text, number):
        document = super().document(text, number)
        document.metadata["error"] = "" if text else "empty"
        return document


@breaks("scans_are_not_silently_empty")
class ReadsNoScans(GoodLoader):
    def document(self, text, number):
        return super().document(text.replace("a word", ""), number)


@breaks("secrets_stay_in")
class ShowsItsKey(GoodLoader):
    def __repr__(self):
        return f"ShowsItsKey({SECRET!r})"


@breaks("secrets_stay_in")
class ShowsItsKeyInErrors(GoodLoader):
    def lazy_load(self):
        try:
            yield from super().lazy_load()
        except ValueError as error:
            raise ValueError(f"{error} with {SECRET}") from None
