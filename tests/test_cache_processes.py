"""Caches, used by many and in trouble: nothing is torn, and trouble says what to type."""

import os
import random
import sqlite3
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cache_kinds import KINDS, OTHER, K, end, kinds, leftovers, makes, raised, run, start
from cache_worker import is_whole, key, value
from claiming import Clock, renewing_threads, wait_until
from qwen_ocr_loader.cache import CacheStats
from qwen_ocr_loader.cache.sqlite import FILE_NAME, VERSION, SqliteCache
from qwen_ocr_loader.errors import CacheFailed

kind = pytest.fixture(kinds, params=KINDS)
make = pytest.fixture(makes)


# --- several processes -----------------------------------------------------------------------------------------------


def test_four_processes_make_each_of_300_once(kind, make, tmp_path):
    log = tmp_path / "log"
    workers = [start(kind, tmp_path / "cache", "read", 300, log) for _ in range(4)]
    assert [worker.wait(60) for worker in workers] == [0] * 4
    for worker in workers:
        worker.communicate()
    begun = [line.split()[1] for line in log.read_text().splitlines()]
    assert sorted(begun) == [key(number) for number in range(300)]
    assert make().stats().pages == 300
    assert not leftovers(make())


def test_killed_at_any_moment(kind, make, tmp_path):
    """What a killed process was making is made by another, at once; nothing else is made twice; nothing is torn."""
    log, killed, dice = tmp_path / "log", set(), random.Random(5)
    words = (kind, tmp_path / "cache", "read", 250, log, 0.02)
    workers = [start(*words) for _ in range(4)]
    started = time.monotonic()
    while any(worker.poll() is None for worker in workers) and len(killed) < 8:
        time.sleep(dice.uniform(0.05, 0.2))
        number = dice.randrange(4)
        if workers[number].poll() is None:
            workers[number].kill()
            killed.add(workers[number].pid)
            workers[number].communicate()
            workers[number] = start(*words)
    for worker in workers:
        assert worker.wait(30) == 0
        worker.communicate()
    assert time.monotonic() - started < 30  # a third of a lease
    begun = defaultdict(list)
    for line in log.read_text().splitlines():
        begun[line.split()[1]].append(int(line.split()[2]))
    assert len(begun) == 250
    assert all(set(makers[:-1]) <= killed for makers in begun.values())
    cache = make()
    assert all(cache.get(one) == value(one) for one in begun)
    assert len(killed) >= 4


def test_a_killed_holder_is_succeeded_at_once_even_unburied(kind, make, tmp_path):
    holder = start(kind, tmp_path / "cache", "hold", K)
    assert holder.stdout.readline() == "True\n"
    cache = make(clock=lambda: 0.0)
    assert not cache.claim(K)
    holder.kill()
    wait_until(lambda: cache.claim(K))
    assert holder.returncode is None
    end(holder)
    cache.put(K, b"x")


def test_a_stopped_holder_keeps_its_claim_for_a_lease(kind, make, tmp_path):
    holder, clock = start(kind, tmp_path / "cache", "hold", K), Clock()
    holder.stdout.readline()
    cache, looks = make(clock=clock), 0
    while not cache.claim(K):  # it is renewed every 30 s, which this does not take
        clock.now += 10
        looks += 1
    assert looks == 9
    end(holder)
    cache.release(K)


def test_eight_processes_open_a_new_one_at_the_same_moment(kind, make, tmp_path):
    workers = [start(kind, tmp_path / "cache", "open", key(number)) for number in range(8)]
    for worker in workers:
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    assert [worker.wait(60) for worker in workers] == [0] * 8
    for worker in workers:
        worker.communicate()
    assert make().stats().pages == 8


def test_eight_threads_open_a_new_one_at_the_same_moment(kind, tmp_path):
    """Many times, as it takes luck to meet another in the middle of it."""
    for number in range(30):
        gate, caches = threading.Barrier(8), [KINDS[kind](tmp_path / str(number)) for _ in range(8)]

        def put(cache, gate=gate):
            gate.wait()
            cache.put(K, b"x")

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(put, caches)) == [None] * 8
        for cache in caches:
            cache.close()


def test_no_read_of_a_large_value_is_torn(kind, make, tmp_path):
    cache, writer = make(), start(kind, tmp_path / "cache", "rewrite", K, 5_000_000)
    assert writer.stdout.readline() == "ready\n"
    wait_until(lambda: cache.get(K))
    ends, sizes = time.monotonic() + 1.5, defaultdict(int)
    while time.monotonic() < ends:
        found = cache.get(K)
        assert is_whole(found)
        sizes[len(found)] += 1
    end(writer)
    assert len(sizes) == 2  # it was rewritten meanwhile
    assert is_whole(cache.get(K))


def test_clear_forgets_no_living_claim_and_disturbs_nobody(kind, make, tmp_path):
    cache, mine = make(), key(1000)
    assert cache.claim(mine)
    worker = start(kind, tmp_path / "cache", "read", 60, tmp_path / "log", 0.005)
    while worker.poll() is None:
        cache.clear()
        time.sleep(0.01)
    assert worker.returncode == 0
    worker.communicate()
    assert not make().claim(mine)
    cache.release(mine)


def test_clear_forgets_the_claims_of_the_dead(kind, make, tmp_path):
    holder = start(kind, tmp_path / "cache", "hold", K)
    holder.stdout.readline()
    end(holder)
    cache = make()
    cache.clear()
    assert not leftovers(cache)


# --- trouble ---------------------------------------------------------------------------------------------------------


def _every_use(cache):
    uses = (
        lambda: cache.get(K),
        lambda: cache.put(K, b"x"),
        lambda: cache.claim(K),
        cache.stats,
        cache.clear,
    )
    for use in uses:
        with pytest.raises(CacheFailed) as caught:
            use()
        yield str(caught.value)
    cache.release(K)
    cache.close()
    wait_until(lambda: not renewing_threads())


def test_a_folder_that_is_a_file(kind, tmp_path):
    (tmp_path / "file").write_text("x")
    cache = KINDS[kind](tmp_path / "file")
    messages = list(_every_use(cache)) if kind == "sqlite" else [raised(cache.put, K, b"x")]
    assert all("give another folder: cache=FOLDER" in message and str(tmp_path) in message for message in messages)


def test_a_file_that_is_no_database(tmp_path):
    (tmp_path / FILE_NAME).write_bytes(b"my diary, not to be overwritten\n" * 99)
    for message in _every_use(SqliteCache(tmp_path)):
        assert "not a database" in message
        assert "cache=FOLDER" in message
    assert (tmp_path / FILE_NAME).read_bytes().startswith(b"my diary")


def test_a_database_of_something_else(tmp_path):
    with sqlite3.connect(tmp_path / FILE_NAME) as database:
        database.execute("CREATE TABLE pages (number INTEGER)")
    database.close()
    assert all("of something else" in message for message in _every_use(SqliteCache(tmp_path)))


def test_a_database_of_a_newer_version(tmp_path):
    cache = SqliteCache(tmp_path)
    cache.put(K, b"x")
    cache.close()
    with sqlite3.connect(tmp_path / FILE_NAME) as database:
        database.execute(f"PRAGMA user_version = {VERSION + 1}")
    database.close()
    for message in _every_use(cache):
        assert "pip install -U qwen-ocr-loader" in message
    with sqlite3.connect(tmp_path / FILE_NAME) as database:
        assert database.execute("SELECT value FROM pages").fetchall() == [(b"x",)]
    database.close()


def test_a_cut_off_database_is_an_error_not_an_empty_cache(tmp_path):
    cache = SqliteCache(tmp_path)
    for number in range(50):
        cache.put(key(number), value(key(number)))
    cache.close()
    whole = (tmp_path / FILE_NAME).read_bytes()
    (tmp_path / FILE_NAME).write_bytes(whole[: len(whole) // 2])
    assert "cache=FOLDER" in raised(lambda: [cache.get(key(number)) for number in range(50)])
    cache.close()


def test_a_database_that_broke_and_was_deleted_is_made_anew(tmp_path):
    cache = SqliteCache(tmp_path)
    for number in range(40):
        cache.put(key(number), value(key(number), 100_000))  # more than SQLite keeps in memory
    cache._opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with (tmp_path / FILE_NAME).open("r+b") as file:
        file.write(b"\1" * 4_000_000)
    assert "cache=FOLDER" in raised(lambda: [cache.get(key(number)) for number in range(40)])
    for path in tmp_path.iterdir():
        path.unlink()
    cache.put(K, b"y")
    other = SqliteCache(tmp_path)
    assert other.get(K) == b"y"
    other.close()
    cache.close()


def test_a_folder_deleted_meanwhile_is_made_again(make):
    import shutil

    cache = make()
    cache.put(K, b"x")
    cache.close()
    shutil.rmtree(cache.folder)
    assert cache.get(K) is None
    assert cache.claim(K)
    cache.put(K, b"y")
    assert cache.get(K) == b"y"


CODE_AS_NOBODY = """
import os, sys
from cache_worker import KINDS, key
from qwen_ocr_loader.errors import CacheFailed
KINDS[sys.argv[1]](sys.argv[2] + "-warm").claim(key(1))  # nobody may be unable to import more modules
if os.geteuid() == 0:
    os.seteuid(65534)
cache = KINDS[sys.argv[1]](sys.argv[2])
for kept in sys.argv[3:]:
    print(cache.get(key(int(kept))), cache.get(key(99)), cache.stats())
for use in (lambda: cache.put(key(1), b"x"), lambda: cache.claim(key(1))):
    try:
        use()
    except CacheFailed as error:
        print(error)
"""


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="no such permissions here")
def test_a_folder_that_may_not_be_written(make, kind):
    import tempfile

    with tempfile.TemporaryDirectory(dir="/tmp") as name:  # pytest's own folders are closed to other users
        folder = Path(name) / "cache"
        folder.mkdir()
        folder.chmod(0o555)
        Path(name).chmod(0o755)
        done = run(CODE_AS_NOBODY, kind, folder)
        assert done.stdout.count("give another folder: cache=FOLDER") == 2, done.stderr
        folder.chmod(0o755)


@pytest.mark.parametrize("in_use", [False, True])
@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="no such permissions here")
def test_what_is_in_a_folder_that_may_only_be_read_is_found(kind, in_use):
    import tempfile

    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name) / "caché 100%20?#"
        cache = KINDS[kind](folder)
        cache.put(key(7), b"paid for")
        if not in_use:
            cache.close()
        for path in (*folder.iterdir(), folder, Path(name)):
            path.chmod(0o555 if path.is_dir() else 0o444)
        done = run(CODE_AS_NOBODY, kind, folder, 7)
        assert done.stdout.splitlines()[0] == "b'paid for' None CacheStats(pages=1, bytes=8)", done.stderr
        assert done.stdout.count("give another folder: cache=FOLDER") == 2, done.stderr
        assert done.stdout.count("nothing new is kept: make it writable, or") == 2
        cache.close()
        for path in (Path(name), folder, *folder.iterdir()):
            path.chmod(0o755 if path.is_dir() else 0o644)


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="no such permissions here")
def test_a_log_that_cannot_be_read_is_not_passed_over(tmp_path):
    """Left by a process that was killed, and copied without the index of it: SQLite has to write to read it."""
    import shutil
    import tempfile

    cache = SqliteCache(tmp_path / "cache")
    cache.put(key(7), b"paid for")
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name) / "cache"
        folder.mkdir()
        for suffix in ("", "-wal"):
            shutil.copy(tmp_path / "cache" / f"{FILE_NAME}{suffix}", folder)
        for path in (*folder.iterdir(), folder, Path(name)):
            path.chmod(0o555 if path.is_dir() else 0o444)
        done = run(CODE_AS_NOBODY, "sqlite", folder)
        assert done.stdout.count("give another folder: cache=FOLDER") == 2, done.stderr
        assert "is found" not in done.stdout
        for path in (Path(name), folder):
            path.chmod(0o755)
    cache.close()


CODE_FULL = """
import resource, signal, sys
from cache_worker import KINDS, key, value
from qwen_ocr_loader.errors import CacheFailed
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
cache = KINDS[sys.argv[1]](sys.argv[2])
cache.put(key(0), value(key(0)))
assert cache.claim(key(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))  # as a disk that is full
try:
    cache.put(key(1), value(key(1), 5_000_000))
except CacheFailed as error:
    print(error)
assert cache.get(key(0)) == value(key(0))
assert cache.get(key(1)) is None
assert cache.claim(key(2))  # small things still go
cache.release(key(1))
assert cache.claim(key(1))
"""


def test_a_full_disk(kind, make, tmp_path):
    done = run(CODE_FULL, kind, tmp_path / "cache")
    assert done.returncode == 0, done.stderr
    assert "make room on that disk, or delete the cache" in done.stdout or "disk I/O error" in done.stdout
    cache = make()
    assert cache.get(key(0)) == value(key(0))
    assert cache.stats().pages == 1


def test_an_interrupt_in_the_middle_of_a_change_leaves_no_lock(tmp_path):
    cache, other = SqliteCache(tmp_path), SqliteCache(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        _interrupted_change(cache)
    other.put(K, b"x")
    assert other.stats().pages == 1
    cache._opened.execute("BEGIN IMMEDIATE")  # as if interrupted before anything could be done about it
    cache.put(OTHER, b"y")
    other.put(K, b"z")
    assert other.stats() == CacheStats(2, 2)
    cache.close()
    other.close()


def _interrupted_change(cache):
    with cache._writing() as database:
        database.execute("INSERT INTO pages VALUES ('k', x'00', 0)")
        raise KeyboardInterrupt
