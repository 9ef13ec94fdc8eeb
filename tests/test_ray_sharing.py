"""What the processes of a Ray cluster share, run here without one: a schedule, and a cache of objects."""

import asyncio
import pickle
import threading
from itertools import pairwise

import fakeredis
import pytest

from dashscope_reading import engine_for, serving
from qwen_ocr_loader.cache.store import StoreCache
from ray_reading import filled, read

ray = pytest.importorskip("ray", reason="pip install 'qwen-ocr-loader[ray]'")


from qwen_ocr_loader.ray import ClusterLimiter, ObjectStore, RedisStore  # noqa: E402
from qwen_ocr_loader.ray.limiter import Schedule, Translation  # noqa: E402

server = pytest.fixture(serving)
folder = pytest.fixture(filled)


# --- the schedule ----------------------------------------------------------------------------------------------------


def test_starts_are_spaced_whoever_asks_and_however_many():
    now = 100.0
    schedule = Schedule(lambda: now)
    starts = [start for asked in (1, 5, 2, 30) for start in schedule.lease(asked, 600).starts]
    assert starts[0] == 100
    assert starts == sorted(starts)
    assert all(0.1 < later - earlier < 0.11 for earlier, later in pairwise(starts))
    now = 200.0
    assert schedule.lease(1, 600).starts == [200]


def test_the_limit_told_last_holds():
    schedule = Schedule(lambda: 0.0)
    schedule.lease(1, 60)
    schedule.lease(1, 6000)
    first, second = schedule.lease(2, 6000).starts
    assert second - first < 0.011


def test_another_clock_is_read_by_the_quickest_message():
    translation, schedule = Translation(), Schedule(lambda: 0.0)
    lease = schedule.lease(1, 60)
    assert translation.starts(lease, 50.3) == [50.3]
    assert translation.starts(lease, 50.1) == [50.1]
    assert translation.starts(lease, 58.0) == [50.1]  # late, as the machine was busy
    assert translation.starts(Schedule(lambda: 7.0).lease(1, 60), 60.0) == [60.0]  # a new one, with a clock of its own


def test_a_limiter_pickles_and_has_no_turns_that_need_no_waiting():
    limiter = pickle.loads(pickle.dumps(ClusterLimiter(600, "me")))
    assert (limiter.requests, limiter.account) == (600, "me")
    assert limiter.acquire(blocking=False) is False
    assert asyncio.run(limiter.aacquire(blocking=False)) is False
    with pytest.raises(ValueError, match="more than 0"):
        ClusterLimiter(0, "me")


# --- the cache -------------------------------------------------------------------------------------------------------


@pytest.fixture
def redis_url():
    """A Redis server's, in this process."""
    with fakeredis.TcpFakeServer(("127.0.0.1", 0)) as redis:
        threading.Thread(target=redis.serve_forever, daemon=True).start()
        yield f"redis://127.0.0.1:{redis.server_address[1]}/0"
        redis.shutdown()


@pytest.fixture(params=["objects", "redis"])
def store(request):
    if request.param == "objects":
        return ObjectStore("memory://ray-store/cache/")
    return RedisStore(request.getfixturevalue("redis_url"))


@pytest.mark.parametrize("kind", ["objects", "redis", "folder"])
def test_a_cache_for_all_machines_buys_nothing_twice(kind, server, folder, tmp_path, request):
    cache = {"objects": "memory://ray-cache/pages", "folder": str(tmp_path / "cache")}.get(kind)
    cache = cache or request.getfixturevalue("redis_url")
    options = {"engine": engine_for(server), "task": "text_recognition", "cache": cache}
    first = read(folder / "pages.tiff", **options)
    billed = server.billed
    again = read(folder / "pages.tiff", **options)
    assert billed == server.billed == 5
    assert [row["calls"] for row in first] == [1] * 5
    assert [row["calls"] for row in again] == [0] * 5
    assert [row["text"] for row in first] == [row["text"] for row in again]


def test_such_a_store_is_a_byte_store_and_pickles(store):
    store.mset([("a/zero", b"0")])  # it has its connections now
    store.mdelete(["a/zero"])
    store = pickle.loads(pickle.dumps(store))
    store.mset([("a/one", b"1"), ("b/two", b"2")])
    assert store.mget(["b/two", "a/one", "none"]) == [b"2", b"1", None]
    assert sorted(store.yield_keys(prefix="a/")) == ["a/one"]
    store.mdelete(["a/one", "none"])
    store.mdelete([])
    assert list(store.yield_keys()) == ["b/two"]
    cache = StoreCache(store)
    cache.put("key", b"value")
    assert (cache.get("key"), cache.stats().pages, cache.clear()) == (b"value", 1, 1)
