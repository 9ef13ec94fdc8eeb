"""Caches: real files, real processes; nothing is made twice, nothing is torn, and trouble says what to type."""

import os
import pickle
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_classic.storage import LocalFileStore
from langchain_core.stores import InMemoryByteStore

from cache_worker import is_whole, key, value
from qwen_ocr_loader import DashScopeEngine, FakeEngine
from qwen_ocr_loader.cache import CacheStats, open_cache, packed, page_key, unpacked
from qwen_ocr_loader.cache.contract import Cache
from qwen_ocr_loader.cache.directory import DirectoryCache
from qwen_ocr_loader.cache.sqlite import FILE_NAME, VERSION, SqliteCache
from qwen_ocr_loader.cache.store import StoreCache
from qwen_ocr_loader.errors import CacheFailed
from qwen_ocr_loader.geometry import Quad
from qwen_ocr_loader.results import Agreement, Field, Line, PageResult, Table, Usage
from qwen_ocr_loader.tasks import Task
from test_claims import Clock, renewing_threads, wait_until

WORKER = str(Path(__file__).with_name("cache_worker.py"))
KINDS = {"sqlite": SqliteCache, "directory": DirectoryCache}
K, OTHER = key(1), key(2)


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def make(kind, tmp_path):
    """Caches on one folder, closed in the end."""
    made = []

    def make(**settings):
        made.append(KINDS[kind](tmp_path / "cache", **settings))
        return made[-1]

    yield make
    for cache in made:
        cache.close()


def start(*words):
    return subprocess.Popen(
        [sys.executable, WORKER, *map(str, words)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def end(process):
    process.kill()
    process.communicate()


# --- one user --------------------------------------------------------------------------------------------------------


def test_what_is_put_is_there_until_it_is_cleared(make):
    cache = make()
    assert cache.get(K) is None
    assert cache.stats() == CacheStats(0, 0)
    cache.put(K, b"one")
    cache.put(K, b"two!")
    cache.put(OTHER, b"")
    assert cache.get(K) == b"two!"
    assert cache.get(OTHER) == b""
    assert cache.stats() == CacheStats(2, 4)
    assert cache.clear() == 2
    assert cache.get(K) is None
    assert cache.clear() == 0


def test_notes_are_kept_and_cleared_but_are_no_pages(make):
    cache = make()
    cache.put("at-" + K, b"a note")
    cache.put(K, b"page")
    assert cache.get("at-" + K) == b"a note"
    assert cache.stats() == CacheStats(1, 4)
    assert cache.clear() == 1
    assert cache.get("at-" + K) is None


def test_a_key_is_claimed_once(make):
    first, second = make(), make()
    assert first.claim(K)
    assert not first.claim(K)
    assert not second.claim(K)
    assert second.claim(OTHER)
    second.release(K)  # is not its own
    assert not second.claim(K)
    first.release(K)
    assert second.claim(K)
    second.put(K, b"x")
    assert first.claim(K)
    first.release(K)
    second.release(OTHER)


def test_put_by_somebody_else_leaves_the_claim(make):
    first, second = make(), make()
    assert first.claim(K)
    second.put(K, b"x")
    assert not second.claim(K)
    first.release(K)


def test_claims_of_this_process_that_were_lost_are_taken_over_at_once(make):
    first, second = make(), make()
    assert first.claim(K)
    first._claims.drop(K)  # as an interrupt in the middle would
    assert second.claim(K)
    first.release(K)
    assert not first.claim(K)
    second.release(K)


def test_it_can_be_closed_and_used_again_and_leaves_no_file_open(make, tmp_path):
    cache = make()
    cache.put(K, b"x")
    for _ in range(2):
        cache.close()
        assert not _open_files(tmp_path)
        assert cache.get(K) == b"x"
    assert cache.claim(OTHER)
    cache.close()
    assert not make().claim(OTHER)
    cache.release(OTHER)
    wait_until(lambda: not renewing_threads())


def test_renewing_opens_no_file_for_long(make, tmp_path):
    cache = make(lease=0.03)
    assert cache.claim(K)
    cache.close()
    renewed = _stamp(cache)
    wait_until(lambda: _stamp(cache) != renewed)
    wait_until(lambda: not _open_files(tmp_path))
    cache.release(K)
    cache.close()
    assert not _open_files(tmp_path)


def test_it_pickles_as_its_settings(make, kind):
    cache = make(lease=17.0)
    assert cache.claim(K)
    cache.put(OTHER, b"x")
    copy = pickle.loads(pickle.dumps(cache))
    assert copy.folder == cache.folder
    assert copy._claims.lease == 17.0
    assert repr(copy) == repr(cache)
    assert copy.get(OTHER) == b"x"
    assert not copy.claim(K)
    copy.close()
    cache.release(K)


def test_a_folder_stays_what_it_was_when_the_working_directory_changes(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cache = KINDS[kind]("here")
    monkeypatch.chdir("/")
    assert cache.folder == tmp_path / "here"


def test_threads_share_one(make):
    cache, made = make(), defaultdict(int)

    def work(seed):
        left = [key(number) for number in range(60)]
        random.Random(seed).shuffle(left)
        while left:
            one = left.pop()
            if cache.get(one) is not None:
                continue
            if not cache.claim(one):
                left.insert(0, one)
            elif cache.get(one) is None:
                made[one] += 1
                cache.put(one, value(one))
            else:
                cache.release(one)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert set(made.values()) == {1}
    assert len(made) == 60


# --- the others' claims ----------------------------------------------------------------------------------------------


def test_a_claim_kept_up_by_another_is_never_taken(make):
    clock = Clock()
    holder, other = make(lease=0.05), make(clock=clock)
    assert holder.claim(K)
    for _ in range(3):
        stamp = _stamp(holder)
        for _ in range(5):
            assert not other.claim(K)
            clock.now += 14.9
        wait_until(lambda before=stamp: _stamp(holder) != before)
    assert not other.claim(K)
    holder.release(K)
    assert other.claim(K)
    other.release(K)


def test_a_claim_not_kept_up_is_taken_by_one_and_its_late_holder_does_no_harm(make):
    clock = Clock()
    holder, others = make(), [make(clock=clock) for _ in range(3)]
    assert holder.claim(K)
    for _ in range(6):
        assert [other.claim(K) for other in others] == [False] * 3
        clock.now += 15
    assert [other.claim(K) for other in others] == [True, False, False]
    stamp = _stamp(holder)
    holder._renew({K: holder._claims.token(K)})
    assert _stamp(holder) == stamp
    holder.release(K)
    assert not holder.claim(K)
    others[0].put(K, b"x")
    assert holder.claim(K)
    holder.release(K)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork")
def test_over_a_fork(make):
    """The child works on files of its own, in the middle of what the parent's threads do, and harms nothing."""
    cache, over = make(), threading.Event()
    assert cache.claim(K)
    busy = threading.Thread(target=lambda: [cache.put(key(2 + number % 7), b"x") for number in _until(over)])
    busy.start()
    try:
        for number in range(10, 20):
            _fork_once(cache, key(number), key(100 + number))
    finally:
        over.set()
        busy.join()
    assert not make().claim(K)
    cache.release(K)


def _fork_once(cache, claimed, put):
    if (child := os.fork()) == 0:
        fine = False
        try:
            cache.put(put, b"child")
            cache.release(K)  # is the parent's
            fine = not cache.claim(K) and cache.claim(claimed) and cache.get(put) == b"child"
        finally:
            os._exit(0 if fine else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert cache.claim(claimed)  # the child is no more
    assert cache.get(put) == b"child"
    cache.release(claimed)


@pytest.mark.parametrize("abandoned", [False, True])
def test_of_ten_who_want_a_key_at_the_same_moment_one_gets_it(make, abandoned):
    caches = [make() for _ in range(10)]
    for number in range(30):
        one, gate, won = key(number), threading.Barrier(10), []
        if abandoned:
            assert caches[0].claim(one)
            caches[0]._claims.drop(one)  # as if interrupted

        def take(cache, one=one, gate=gate, won=won):
            gate.wait()
            won.extend([cache] * cache.claim(one))

        threads = [threading.Thread(target=take, args=(cache,)) for cache in caches]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1 or (abandoned and not won and caches[0].claim(one))
        (won or caches)[0].release(one)


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
    assert not _leftovers(make())


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
    assert not _leftovers(cache)


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
    assert not renewing_threads()


def test_a_folder_that_is_a_file(kind, tmp_path):
    (tmp_path / "file").write_text("x")
    cache = KINDS[kind](tmp_path / "file")
    messages = list(_every_use(cache)) if kind == "sqlite" else [_raised(cache.put, K, b"x")]
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
    assert "cache=FOLDER" in _raised(lambda: [cache.get(key(number)) for number in range(50)])
    cache.close()


def test_a_database_that_broke_and_was_deleted_is_made_anew(tmp_path):
    cache = SqliteCache(tmp_path)
    for number in range(40):
        cache.put(key(number), value(key(number), 100_000))  # more than SQLite keeps in memory
    cache._opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with (tmp_path / FILE_NAME).open("r+b") as file:
        file.write(b"\1" * 4_000_000)
    assert "cache=FOLDER" in _raised(lambda: [cache.get(key(number)) for number in range(40)])
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
        done = _run(CODE_AS_NOBODY, kind, folder)
        assert done.stdout.count("give another folder: cache=FOLDER") == 2, done.stderr
        folder.chmod(0o755)


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
    done = _run(CODE_FULL, kind, tmp_path / "cache")
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


# --- the directory's own ---------------------------------------------------------------------------------------------


class WithoutLinks(DirectoryCache):
    """On a file system that has no hard links, as many a network's."""

    @staticmethod
    def _link(old, new):
        raise PermissionError(1, "Operation not permitted")


def test_without_hard_links(tmp_path):
    clock = Clock()
    first, second = WithoutLinks(tmp_path), WithoutLinks(tmp_path, clock=clock)
    assert first.claim(K)
    assert not second.claim(K)
    first.put(K, b"x")
    assert second.claim(K)
    second.release(K)
    (tmp_path / K[-2:] / f"{K}.claim").touch()  # of a process killed before it could write its name
    for _ in range(6):
        assert not second.claim(K)
        clock.now += 15
    assert second.claim(K)
    second.release(K)
    assert not _leftovers(first)


def test_unfinished_files_go_when_they_are_old_or_the_cache_is_cleared(tmp_path):
    cache = DirectoryCache(tmp_path)
    cache.put(K, b"x")
    old, new = tmp_path / "unfinished" / "a.tmp", tmp_path / "unfinished" / "b.tmp"
    old.touch()
    os.utime(old, (time.time() - 4000,) * 2)
    new.touch()
    cache.put(K, b"y")
    assert old.exists()  # once a run is enough
    DirectoryCache(tmp_path).put(K, b"z")
    assert not old.exists()
    assert new.exists()
    cache.clear()
    assert not new.exists()


def test_a_taker_killed_while_it_takes_over_is_succeeded_itself(tmp_path):
    clock = Clock()
    holder = DirectoryCache(tmp_path)
    assert holder.claim(K)
    dead = holder._claims.token(K)
    holder._claims.drop(K)
    (tmp_path / K[-2:] / f"{K}.taking").write_text(dead)
    cache = DirectoryCache(tmp_path, clock=clock)
    assert not cache.claim(K)
    assert cache.claim(K)
    cache.release(K)


def test_file_times_of_a_machine_whose_clock_is_wrong_do_not_matter(tmp_path):
    holder = DirectoryCache(tmp_path)
    assert holder.claim(K)
    for wrong in (0, 2**31):
        os.utime(tmp_path / K[-2:] / f"{K}.claim", (wrong, wrong))
        assert not DirectoryCache(tmp_path).claim(K)
    holder.release(K)


def test_a_file_cleared_away_before_it_is_in_its_place_is_written_again(tmp_path):
    class Cleared(DirectoryCache):
        cleared = 0

        def _unfinished(self, value, *folders):
            path = super()._unfinished(value, *folders)
            if self.cleared < 1:
                self.cleared += 1
                self.clear()
            return path

    cache = Cleared(tmp_path)
    cache.put(K, b"x")
    assert cache.get(K) == b"x"
    cache.cleared = 0
    assert not cache.claim(OTHER)  # to be tried again
    assert cache.claim(OTHER)
    cache.release(OTHER)


# --- LangChain's stores ----------------------------------------------------------------------------------------------


@pytest.fixture(params=["memory", "files"])
def store(request, tmp_path):
    return InMemoryByteStore() if request.param == "memory" else LocalFileStore(tmp_path / "store")


def test_a_langchain_store(store):
    store.mset([("somebody-elses", b"!")])
    cache = open_cache(store)
    assert isinstance(cache, StoreCache)
    assert cache.get(K) is None
    assert cache.claim(K)
    assert not open_cache(store).claim(K)
    cache.put(K, b"four")
    cache.put("at-" + K, b"a note")
    assert cache.get(K) == b"four"
    assert cache.claim(K)
    cache.release(K)
    assert cache.stats() == CacheStats(1, 4)
    assert cache.clear() == 1
    assert cache.stats() == CacheStats(0, 0)
    assert cache.get("at-" + K) is None
    assert store.mget(["somebody-elses"]) == [b"!"]
    cache.close()


def test_claims_on_one_store_are_none_on_another():
    one, other = InMemoryByteStore(), InMemoryByteStore()
    assert StoreCache(one).claim(K)
    assert StoreCache(other).claim(K)
    StoreCache(one).release(K)
    StoreCache(other).release(K)


def test_a_store_pickles_with_its_cache(tmp_path):
    cache = StoreCache(LocalFileStore(tmp_path))
    cache.put(K, b"x")
    assert pickle.loads(pickle.dumps(cache)).get(K) == b"x"


def test_what_a_store_gives_back_torn_is_absent(tmp_path):
    store, whole = LocalFileStore(tmp_path), packed(RESULT)
    cache = StoreCache(store)
    cache.put(K, whole)
    assert unpacked(cache.get(K)) == RESULT
    (file,) = (path for path in tmp_path.rglob("*") if path.is_file())
    for size in range(0, len(whole), 7):
        file.write_bytes(whole[:size])
        assert unpacked(cache.get(K)) is None


# --- what an option names --------------------------------------------------------------------------------------------


def test_an_option_names_a_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert repr(open_cache("~/.cache/qwen-ocr")) == f"SqliteCache('{tmp_path}/.cache/qwen-ocr')"
    assert open_cache(tmp_path).folder == tmp_path
    mine = DirectoryCache(tmp_path)
    assert open_cache(mine) is mine
    assert not list(tmp_path.iterdir())  # nothing is made before it is used
    for cache in (mine, open_cache(tmp_path), open_cache(InMemoryByteStore())):
        assert isinstance(cache, Cache)


@pytest.mark.parametrize(("nonsense", "named"), [(3, "int"), (SqliteCache, "the class SqliteCache"), (b"x", "bytes")])
def test_other_things_are_refused(nonsense, named):
    with pytest.raises(TypeError, match=f"want a folder, a cache or a LangChain BaseStore, not {named}"):
        open_cache(nonsense)
    with pytest.raises(ValueError, match="want a folder"):
        open_cache("")


# --- keys ------------------------------------------------------------------------------------------------------------

SCHEMA = {"Date": "YYYY-MM-DD", "Items": [{"Name": "", "Sum": ""}]}
DIFFERENT = {
    "plain": (["a"], FakeEngine(), [Task("text_recognition")]),
    "picture": (["b"], FakeEngine(), [Task("text_recognition")]),
    "pictures": (["a", "b"], FakeEngine(), [Task("text_recognition")]),
    "their order": (["b", "a"], FakeEngine(), [Task("text_recognition")]),
    "settings": (["a"], FakeEngine({0: "x"}), [Task("text_recognition")]),
    "engine": (["a"], DashScopeEngine(), [Task("text_recognition")]),
    "model": (["a"], DashScopeEngine(model="qwen-vl-ocr"), [Task("text_recognition")]),
    "parameter": (["a"], DashScopeEngine(parameters={"temperature": 0.5}), [Task("text_recognition")]),
    "pixels": (["a"], DashScopeEngine(max_pixels=1_000_000), [Task("text_recognition")]),
    "task": (["a"], FakeEngine(), [Task("multi_lan")]),
    "tasks": (["a"], FakeEngine(), [Task("text_recognition"), Task("multi_lan")]),
    "order of tasks": (["a"], FakeEngine(), [Task("multi_lan"), Task("text_recognition")]),
    "prompt": (["a"], FakeEngine(), [Task("text_recognition", prompt="Read")]),
    "schema": (["a"], FakeEngine(), [Task("key_information_extraction", SCHEMA)]),
    "no schema": (["a"], FakeEngine(), [Task("key_information_extraction")]),
    "description": (["a"], FakeEngine(), [Task("key_information_extraction", {**SCHEMA, "Date": ""})]),
    "order of fields": (["a"], FakeEngine(), [Task("key_information_extraction", dict(reversed(SCHEMA.items())))]),
}


def test_everything_that_changes_a_reading_changes_the_key(monkeypatch):
    keys = {name: page_key(*made_of) for name, made_of in DIFFERENT.items()}
    assert len(set(keys.values())) == len(keys)
    monkeypatch.setattr("qwen_ocr_loader.cache.FORMAT", 999)
    assert not set(keys.values()) & {page_key(*made_of) for made_of in DIFFERENT.values()}


def test_nothing_else_does():
    from types import MappingProxyType

    task = Task("key_information_extraction", SCHEMA)
    frozen = Task("key_information_extraction", MappingProxyType(SCHEMA))
    engines = [DashScopeEngine(), DashScopeEngine(api_key="sk-secret"), DashScopeEngine(timeout=5, rate_limit=3)]
    assert len({page_key(["a"], engine, [task]) for engine in engines}) == 1
    assert page_key(("a",), engines[0], (frozen,)) == page_key(["a"], engines[0], [task])


def test_keys_are_the_same_in_every_process():
    code = "from test_cache import *; print(*[page_key(*made_of) for made_of in DIFFERENT.values()])"
    seen = {_run(code, env={"PYTHONHASHSEED": seed}).stdout for seed in ("1", "2")}
    assert seen == {" ".join(page_key(*made_of) for made_of in DIFFERENT.values()) + "\n"}


# --- values ----------------------------------------------------------------------------------------------------------

TEXT = st.text(st.characters(codec=None), max_size=12)  # lone surrogates and NULs too
NUMBER = st.floats(0, 1)
QUADS = st.none() | st.builds(Quad.from_box, NUMBER, NUMBER, NUMBER, NUMBER)
VALUES = st.recursive(
    st.none() | TEXT, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2)
)
FIELDS = st.builds(Field, VALUES, QUADS, st.none() | NUMBER, st.integers(0, 9), st.lists(TEXT, max_size=2).map(tuple))
LINES = st.builds(Line, TEXT, st.integers(0, 9), st.integers(9, 18), QUADS, st.none() | NUMBER, st.booleans())
SOME_LINES = st.lists(LINES, max_size=2).map(tuple)
AGREEMENTS = st.builds(Agreement, TEXT, NUMBER, SOME_LINES, SOME_LINES, st.booleans())
TABLES = st.builds(Table, TEXT, st.lists(st.lists(TEXT, max_size=2).map(tuple), max_size=2).map(tuple), QUADS)


@st.composite
def results(draw):
    words = draw(st.lists(TEXT, max_size=4))
    text, lines = "", []
    for word in words:
        lines.append(Line(word, len(text), len(text) + len(word), draw(QUADS), draw(st.none() | NUMBER)))
        text += word + "\n"
    return PageResult(
        *(
            draw(st.integers(0, 999)),
            draw(st.floats(0, 1e5)),
            draw(st.floats(0, 1e5)),
            draw(st.sampled_from(["px", "pt"])),
        ),
        *(text, draw(st.sampled_from(["plain", "markdown", "latex", "html"])), tuple(lines)),
        draw(st.dictionaries(TEXT, FIELDS, max_size=2)),
        draw(st.lists(TABLES, max_size=2).map(tuple)),
        *(draw(st.lists(TEXT, max_size=2).map(tuple)), draw(TEXT), draw(st.lists(TEXT, max_size=2).map(tuple))),
        draw(st.sampled_from(["ocr", "text_layer"])),
        draw(st.booleans()),
        agreement=draw(st.none() | AGREEMENTS),
        usage=Usage(*(draw(st.integers(0, 9999)) for _ in range(4))),
    )


RESULT = PageResult(
    3, 100.0, 200.0, "pt", "Straße 7\n合計", lines=(Line("Straße 7", 0, 8, Quad.from_box(0, 0, 1, 1), 0.9),)
)


@given(results())
def test_a_result_comes_back_as_it_was(result):
    assert unpacked(packed(result)) == result


@given(st.binary(max_size=60))
def test_anything_else_is_no_result(data):
    assert unpacked(data) is None


def test_neither_is_anything_cut_off_or_changed_or_of_another_shape():
    import json
    import zlib

    whole = packed(RESULT)
    assert unpacked(whole) == RESULT
    assert unpacked(None) is None
    assert all(unpacked(whole[:size]) is None for size in range(len(whole)))
    changed = [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(len(whole))]
    assert all(unpacked(data) in (None, RESULT) for data in changed)  # of a header's few bits some mean nothing
    for other in (
        None,
        [],
        {},
        "x",
        3,
        {"page": 1},
        {**RESULT.to_dict(), "new": 1},
        {**RESULT.to_dict(), "lines": [3]},
    ):
        assert unpacked(zlib.compress(json.dumps(other).encode())) is None


# --- what the tests look at ------------------------------------------------------------------------------------------


def _run(code, *words, env=()):
    paths = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": paths, **dict(env)},
    )


def _raised(use, *args):
    with pytest.raises(CacheFailed) as caught:
        use(*args)
    return str(caught.value)


def _until(over):
    number = 0
    while not over.is_set():
        yield (number := number + 1)


def _open_files(folder):
    if not Path("/proc/self/fd").exists():
        pytest.skip("open files cannot be seen here")
    found = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            found.append(str(link.readlink()))
        except OSError:
            continue
    return [name for name in found if name.startswith(str(folder))]


def _stamp(cache):
    """What a renewal of the claim on K changes."""
    if isinstance(cache, DirectoryCache):
        return cache._file(K, "claim").stat().st_mtime_ns
    database = sqlite3.connect(cache.folder / FILE_NAME)
    (renewed,) = database.execute("SELECT renewed FROM claims WHERE key = ?", (K,)).fetchone()
    database.close()
    return renewed


def _leftovers(cache):
    """Claims and unfinished files."""
    if isinstance(cache, DirectoryCache):
        return [path.name for path in cache.folder.rglob("*") if path.is_file() and path.suffix != ".page"]
    with cache._database() as database:
        return database.execute("SELECT * FROM claims").fetchall()
