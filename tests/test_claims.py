"""Claims: held, renewed, watched, and seen to be abandoned; the clock is passed in."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from claiming import Clock, renewing_threads, wait_until
from qwen_ocr_loader.cache.claims import LEASE, Claims, has_died

LINUX = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells when a process began")


def token_of(claims: Claims, key: str = "k") -> str:
    assert claims.take(key, lambda token: True)
    return claims.token(key)


@pytest.fixture
def sleeper():
    """Another process, alive."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.wait()
    process.stdin.close()


def test_what_is_held_is_alive_and_what_was_dropped_is_not():
    claims = Claims(lambda held: None)
    token = token_of(claims)
    assert not has_died(token)
    assert claims.drop("k") == token
    assert has_died(token)
    assert claims.drop("k") is None


def test_what_cannot_be_recorded_is_not_held():
    claims, seen = Claims(lambda held: None), []
    assert not claims.take("k", seen.append)
    with pytest.raises(KeyboardInterrupt):
        claims.take("k", lambda token: [seen.append(token), signal.raise_signal(signal.SIGINT)])
    assert all(map(has_died, seen))
    assert len(seen) == 2
    wait_until(lambda: not renewing_threads())


def test_a_failure_to_claim_leaves_anothers_claim_on_the_key_alone():
    claims = Claims(lambda held: None)
    token = token_of(claims)
    with pytest.raises(OSError, match="full"):
        claims.take("k", lambda token: (_ for _ in ()).throw(OSError("full")))
    assert claims.token("k") == token
    claims.drop("k")


def test_claims_are_renewed_while_there_are_any_by_a_thread_that_then_ends():
    renewed = []
    claims = Claims(renewed.append, lease=0.03)
    token = token_of(claims)
    token_of(claims, "other")
    wait_until(lambda: len(renewed) >= 3)
    assert renewed[-1].keys() == {"k", "other"}
    claims.drop("other")
    wait_until(lambda: renewed[-1] == {"k": token})
    assert len(renewing_threads()) == 1
    claims.drop("k")
    wait_until(lambda: not renewing_threads())


def test_a_renewal_that_fails_is_followed_by_the_next():
    tries = []

    def renew(held):
        tries.append(held)
        raise OSError("the network is away")

    claims = Claims(renew, lease=0.01)
    token_of(claims)
    wait_until(lambda: len(tries) >= 3)
    claims.drop("k")


def test_somebody_who_renews_is_never_given_up_and_somebody_who_does_not_is_after_a_lease():
    clock = Clock()
    claims = Claims(lambda held: None, clock=clock)
    for stamp in range(500):  # about 80 minutes
        assert not claims.is_abandoned("k", "elsewhere/1/2/token", stamp // 3)
        clock.now += 10.0
    waited = clock.now
    while not claims.is_abandoned("k", "elsewhere/1/2/token", "the last"):
        clock.now += 1.0
    assert LEASE <= clock.now - waited <= LEASE + 1


def test_a_new_holder_is_watched_anew():
    clock = Clock()
    claims = Claims(lambda held: None, clock=clock)
    for _ in range(8):
        claims.is_abandoned("k", "elsewhere/1/2/one", 0)
        clock.now += 10
    assert not claims.is_abandoned("k", "elsewhere/1/2/two", 0)
    claims.unwatch("k")
    assert not claims.is_abandoned("k", "elsewhere/1/2/two", 0)


@pytest.mark.parametrize("jump", [8 * 3600.0, -8 * 3600.0])
def test_a_closed_lid_or_a_clock_set_anew_ends_no_lease(jump):
    clock = Clock()
    claims = Claims(lambda held: None, clock=clock)
    assert not claims.is_abandoned("k", "elsewhere/1/2/token", 0)
    clock.now += jump  # everybody slept, the holder too
    assert not claims.is_abandoned("k", "elsewhere/1/2/token", 0)
    clock.now += 1
    assert not claims.is_abandoned("k", "elsewhere/1/2/token", 0)


def test_a_process_is_seen_to_have_ended_at_once(sleeper):
    mine = Claims(lambda held: None)
    machine = token_of(mine).split("/")[0]
    mine.drop("k")
    code = (
        "from qwen_ocr_loader.cache.claims import *; c = Claims(print); c.take('k', lambda token: print(token) or True)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(machine + "/")
    assert has_died(done.stdout.strip())


@LINUX
def test_a_killed_process_that_nobody_has_waited_for_has_ended_too():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    who = _token_of_process(process.pid)
    assert not has_died(who)
    process.kill()
    wait_until(lambda: has_died(who))
    assert process.returncode is None
    process.communicate()


@LINUX
def test_another_process_with_the_number_of_the_holder_is_not_the_holder(sleeper):
    who = _token_of_process(sleeper.pid)
    machine, pid, start, unique = who.split("/")
    assert has_died(f"{machine}/{pid}/{int(start) - 1}/{unique}")


def test_where_that_cannot_be_told_the_lease_decides(sleeper):
    clock = Clock()
    claims = Claims(lambda held: None, clock=clock)
    machine = token_of(claims).split("/")[0]
    claims.drop("k")
    who = f"{machine}/{sleeper.pid}//unique"
    looks = 0
    while not claims.is_abandoned("k", who, 0):
        clock.now += 10
        looks += 1
    assert looks == 9


@pytest.mark.parametrize("who", ["", "/", "x", "a/b/c/d", "a/1/2", "\ufffd\ufffd", "a/99999999999999999999/1/x"])
def test_nonsense_is_nobody_known_to_be_dead(who):
    assert not has_died(who)


def test_a_number_no_process_can_have_is_no_trouble():
    machine = token_of(claims := Claims(lambda held: None)).split("/")[0]
    claims.drop("k")
    assert has_died(f"{machine}/99999999999999999999/1/x") in (True, False)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork")
def test_a_forked_child_holds_nothing_and_is_not_locked_out():
    claims = Claims(lambda held: None)
    token = token_of(claims)
    with claims._lock:  # as a thread of the parent's might have it
        child = os.fork()
        if child == 0:
            alive = not has_died(token) and claims.token("k") is None and claims.take("k", lambda token: True)
            os._exit(0 if alive else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert claims.token("k") == token
    claims.drop("k")


def test_a_lease_is_some_time():
    for nothing in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="above 0"):
            Claims(lambda held: None, nothing)


def _token_of_process(pid: int) -> str:
    mine = Claims(lambda held: None)
    machine = token_of(mine).split("/")[0]
    mine.drop("k")
    start = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return f"{machine}/{pid}/{start}/unique"
