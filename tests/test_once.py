"""Once: what is in the cache is not read again, and a cache's trouble costs no page."""

import zlib
from dataclasses import replace

import pytest
from PIL import Image

from once_reading import CACHES, DIGEST, TASKS, WAYS, Engine, caches, reads, scan
from qwen_ocr_loader import FakeEngine, Reader
from qwen_ocr_loader.cache import packed, page_key
from qwen_ocr_loader.cache.directory import DirectoryCache
from qwen_ocr_loader.cache.sqlite import SqliteCache
from qwen_ocr_loader.errors import ServiceFailed
from qwen_ocr_loader.geometry import Quad
from qwen_ocr_loader.once import PATIENCE, Once
from qwen_ocr_loader.results import Field, PageResult, Place, Usage

read = pytest.fixture(reads, params=WAYS)
cache = pytest.fixture(caches, params=CACHES)


class Broken:
    """A cache that raises wherever it is touched."""

    def __init__(self):
        self.touched = 0

    def get(self, *_):
        self.touched += 1
        raise RuntimeError("out of order")

    put = claim = release = clear = stats = close = get


# --- with a cache ----------------------------------------------------------------------------------------------------


def test_a_page_is_read_once(cache, read):
    engine = Engine()
    first = read(Once([engine], TASKS, cache))
    assert (first.cached, first.bills, first.error) == (False, ((engine, Usage(calls=1)),), None)
    second = read(Once([engine], TASKS, cache))
    assert (second.cached, second.bills, second.key) == (True, (), first.key)
    assert second.result == replace(first.result, usage=Usage())
    assert engine.calls == [0]
    assert first.key == page_key([DIGEST], engine, TASKS)
    assert read(Once([engine], TASKS, cache), digests=("e" * 64,)).cached is False


def test_a_picture_may_stand_elsewhere(cache, read):
    printed = Place((), "7", Quad.from_box(0, 0, 1, 1))
    kept = PageResult(0, 60, 80, "px", "x", fields={"Sum": Field("7", places=(printed,))})
    engine = Engine({0: kept})
    read(Once([engine], TASKS, cache))
    there = read(Once([engine], TASKS, cache), scan(5, "pt")).result
    assert (there.page, there.width, there.unit, there.fields["Sum"].page) == (5, 65, "pt", 5)
    assert [place.page for place in there.fields["Sum"].places] == [5]
    assert engine.calls == [0]


def test_known_without_reading(cache):
    once = Once([Engine()], TASKS, cache)
    assert once.known(None, DIGEST) is None
    once.read([scan()], [DIGEST])
    known = once.known(scan(3), DIGEST)
    assert known.cached
    assert known.result.page == 3
    assert known.result.usage == Usage()
    assert Once([Engine()], TASKS, cache, refresh=True).known(None, DIGEST) is None
    assert Once([Engine()], TASKS).known(None, DIGEST) is None


def test_notes(cache):
    once = Once([Engine()], TASKS, cache)
    assert once.digest_at("a file's page 7") is None
    once.note("a file's page 7", DIGEST)
    assert once.digest_at("a file's page 7") == DIGEST
    assert once.digest_at("a file's page 8") is None
    note = next(iter(_keys(cache)))
    for torn in (DIGEST[:30], "", "\x00" * 64, DIGEST + "d"):
        cache.put(note, torn.encode())
        assert once.digest_at("a file's page 7") is None
    cache.put(note, b"\xff" * 64)
    assert once.digest_at("a file's page 7") is None
    assert cache.stats().pages == 0
    nowhere = Once([Engine()], TASKS)
    nowhere.note("x", DIGEST)
    assert nowhere.digest_at("x") is None


def test_refreshing_reads_anew_once_a_run(cache, read):
    engine = Engine()
    read(Once([engine], TASKS, cache))
    once = Once([engine], TASKS, cache, refresh=True)
    assert not read(once).cached
    assert read(once).cached  # the same picture once more
    assert not read(Once([engine], TASKS, cache, refresh=True)).cached
    assert len(engine.calls) == 3
    assert read(Once([engine], TASKS, cache)).cached


def test_what_is_cut_off_is_handed_out_but_not_kept(cache, read):
    engine = Engine({0: PageResult(0, 1, 1, "px", "half a pa", truncated=True, usage=Usage(calls=2))})
    for _ in range(2):
        reading = read(Once([engine], TASKS, cache))
        assert reading.result.text == "half a pa"
        assert reading.bills == ((engine, Usage(calls=2)),)
    assert len(engine.calls) == 2
    assert cache.stats().pages == 0


def test_errors_are_not_kept(cache, read):
    engine = Engine({0: ServiceFailed("down", usage=Usage(calls=3))})
    for _ in range(2):
        reading = read(Once([engine], TASKS, cache))
        assert reading.result is None
        assert str(reading.error) == "down"
        assert reading.error.engine == "fake"
        assert reading.bills == ((engine, Usage(calls=3)),)
    assert len(engine.calls) == 2
    assert cache.stats().pages == 0


def test_what_is_torn_in_the_cache_is_read_again(cache, read):
    engine = Engine()
    key = read(Once([engine], TASKS, cache)).key
    for torn in (packed(PageResult(0, 1, 1, "px", "x"))[:20], zlib.compress(b"[" * 100_000)):
        cache.put(key, torn)
        assert not read(Once([engine], TASKS, cache)).cached
        assert read(Once([engine], TASKS, cache)).cached


# --- trouble with the cache ------------------------------------------------------------------------------------------


def test_a_broken_cache_costs_no_page_and_is_named_once(read, caplog):
    cache, engine = Broken(), Engine()
    once = Once([engine], TASKS, cache)
    for page in range(20):
        assert once.known(scan(page), DIGEST) is None
        assert once.digest_at("x") is None
        once.note("x", DIGEST)
        assert read(once, scan(page)).result.text == f"Page {page + 1}"
    assert engine.calls == list(range(20))
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage().startswith("the cache fails (RuntimeError: out of order); reading on")
    assert cache.touched <= PATIENCE + 20  # giving up a claim is tried to the last


def test_a_cache_that_cannot_be_closed_costs_no_page(tmp_path, caplog):
    class Stuck(SqliteCache):
        def close(self):
            super().close()
            raise OSError("the disk is gone")

    cache = Stuck(tmp_path)
    reader = Reader(engine=FakeEngine(), cache=cache)
    assert [page.text for page in reader.read(Image.new("L", (9, 9)))] == ["Page 1"]
    assert "the disk is gone" in caplog.text
    SqliteCache.close(cache)


def test_a_cache_that_only_reads_is_read_to_the_end(tmp_path, read, caplog):
    class Full(SqliteCache):
        def put(self, key, value):
            raise OSError(28, "No space left on device")

        def claim(self, key):
            self.put(key, b"")

    engine, kept = Engine(), SqliteCache(tmp_path)
    read(Once([engine], TASKS, kept))
    full = Full(tmp_path)
    once = Once([engine], TASKS, full)
    for _ in range(9):
        assert not read(once, digests=("e" * 64,)).cached
    assert read(once).cached
    assert len(caplog.records) == 1
    kept.close()
    full.close()


def test_a_page_that_cannot_be_kept_leaves_no_claim(tmp_path, read):
    class Full(SqliteCache):
        def put(self, key, value):
            raise OSError(28, "No space left on device")

    full = Full(tmp_path)
    assert read(Once([Engine()], TASKS, full)).result
    other = SqliteCache(tmp_path)
    assert other.claim(page_key([DIGEST], Engine(), TASKS))
    other.release(page_key([DIGEST], Engine(), TASKS))
    other.close()
    full.close()


def test_a_good_answer_ends_the_count_of_bad_ones(read):
    class Moody(Broken):
        def get(self, *_):
            self.touched += 1
            if self.touched % 3:
                raise RuntimeError("not now")

        put = claim = release = clear = stats = close = get

    cache = Moody()
    once = Once([Engine()], TASKS, cache)
    for _ in range(10):
        read(once)
    assert cache.touched >= 30


def _keys(cache):
    if isinstance(cache, DirectoryCache):
        return [path.stem for path in cache.folder.glob("??/*.page")]
    with cache._database() as database:
        return [row[0] for row in database.execute("SELECT key FROM pages")]
