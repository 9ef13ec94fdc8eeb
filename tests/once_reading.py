"""What the tests of reading once share: an engine with a name of its own, pages, and both kinds of cache."""

import asyncio
from dataclasses import dataclass

from PIL import Image

from claiming import renewing_threads, wait_until
from qwen_ocr_loader import FakeEngine
from qwen_ocr_loader.cache.directory import DirectoryCache
from qwen_ocr_loader.cache.sqlite import SqliteCache
from qwen_ocr_loader.engines import Scan
from qwen_ocr_loader.images import PageImage
from qwen_ocr_loader.tasks import Task

TASKS = (Task("text_recognition"),)
DIGEST = "d" * 64
WAYS = ["blocking", "async"]
CACHES = [SqliteCache, DirectoryCache]


def scan(page: int = 0, unit: str = "px") -> Scan:
    return Scan(page, 60 + page, 80, unit, PageImage.from_pixels(Image.new("L", (60, 80), 255)))


@dataclass(frozen=True)
class Engine(FakeEngine):
    """A fake with a name of its own."""

    called: str = "fake"

    @property
    def name(self):
        return self.called

    @property
    def settings(self):
        return ""


def reads(request):
    """For ``pytest.fixture(reads, params=WAYS)``: read a page, one way or the other."""
    if request.param == "blocking":
        return lambda once, *scans, digests=(DIGEST,): once.read(scans or [scan()], digests)
    return lambda once, *scans, digests=(DIGEST,): asyncio.run(once.aread(scans or [scan()], digests))


def caches(request, tmp_path):
    """For ``pytest.fixture(caches, params=CACHES)``: each kind, which in the end has no claim left in it."""
    cache = request.param(tmp_path / "cache")
    yield cache
    cache.close()
    wait_until(lambda: not renewing_threads())  # no claim was left behind
