"""Caches, used by one: real files; nothing is made twice, and claims are given back."""

import os
import pickle
import random
import threading
import time
from collections import defaultdict

import pytest

from cache_kinds import KINDS, OTHER, K, kinds, leftovers, makes, open_files, stamp_of, until
from cache_worker import key, value
from claiming import Clock, renewing_threads, wait_until
from qwen_ocr_loader.cache import CacheStats
from qwen_ocr_loader.cache.directory import DirectoryCache
from qwen_ocr_loader.cache.sqlite import SqliteCache

kind = pytest.fixture(kinds, params=KINDS)
make = pytest.fixture(makes)


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
        assert not open_files(tmp_path)
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
    renewed = stamp_of(cache)
    wait_until(lambda: stamp_of(cache) != renewed)
    wait_until(lambda: not open_files(tmp_path))
    cache.release(K)
    cache.close()
    assert not open_files(tmp_path)


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
        stamp = stamp_of(holder)
        for _ in range(5):
            assert not other.claim(K)
            clock.now += 14.9
        wait_until(lambda before=stamp: stamp_of(holder) != before)
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
    stamp = stamp_of(holder)
    holder._renew({K: holder._claims.token(K)})
    assert stamp_of(holder) == stamp
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
    busy = threading.Thread(target=lambda: [cache.put(key(2 + number % 7), b"x") for number in until(over)])
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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_over_a_fork_with_one_that_cannot_be_closed(tmp_path):
    class Stuck(SqliteCache):
        def close(self):
            super().close()
            raise OSError("the disk is gone")

    stuck, fine = Stuck(tmp_path / "stuck"), SqliteCache(tmp_path / "fine")
    stuck.put(K, b"kept")
    assert fine.claim(K)
    _fork_once(fine, key(10), key(110))
    got = []
    reading = threading.Thread(target=lambda: got.append(stuck.get(K)), daemon=True)  # for ever, were it left locked
    reading.start()
    reading.join(10)
    assert got == [b"kept"]
    fine.release(K)
    fine.close()
    SqliteCache.close(stuck)


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
    assert not leftovers(first)


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
