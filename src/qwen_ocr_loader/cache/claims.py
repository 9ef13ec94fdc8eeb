"""Who is reading what: claims on keys, kept up for as long as their holder lives, and how to tell that it does not.

A claim is abandoned when its process is known to be gone, or when whoever wants the key has watched it for a lease and
nothing renewed it. Nobody's wall clock is compared with anybody else's: neither clocks that differ nor a closed laptop
lid make a claim look old.
"""

from __future__ import annotations

import logging
import os
import platform
import threading
import time
import uuid
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..forking import Lock, Renewed

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

LEASE = 90.0
"""Seconds a claim holds without being renewed: what a page waits for, whose reader's machine has died."""
logger = logging.getLogger("qwen_ocr_loader")


class Claims(Renewed):
    """The claims held here, renewed in the background for as long as there are any; and the others', watched.

    Args:
        renew: Marks claims, key to token, as kept up.
        lease: Seconds a claim holds without being renewed; it is renewed three times in that time.
        clock: Seconds, of any origin, by which the others' claims are watched.
    """

    def __init__(
        self,
        renew: Callable[[dict[str, str]], None],
        lease: float = LEASE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not lease > 0:
            raise ValueError(f"lease={lease!r}: want a number of seconds above 0")
        self._renew, self._clock, self.lease = renew, clock, lease
        super().__init__()

    def start(self) -> None:
        """Hold nothing; a forked child starts so, as what is held is its parent's."""
        self._lock = Lock()
        self._held: dict[str, str] = {}
        self._watched: dict[str, _Sighting] = {}
        self._wake: threading.Event | None = None

    def take(self, key: str, write: Callable[[str], bool]) -> bool:
        """Hold a key, if it is to be had.

        Args:
            key: What to claim.
            write: Given a token, records the claim where others see it; False where somebody else has it.
        """
        token = f"{_machine()}/{os.getpid()}/{_started(os.getpid())}/{uuid.uuid4().hex}"
        _LIVE.add(token)  # before others can see it
        taken = False
        try:
            if taken := write(token):
                self._hold(key, token)
        except BaseException:  # an interrupt too: what may have been recorded is nobody's then
            if self.token(key) == token:
                self.drop(key)
            taken = False
            raise
        finally:
            if not taken:
                _LIVE.discard(token)
        return taken

    def token(self, key: str) -> str | None:
        """The claim's token, if the key is held."""
        return self._held.get(key)

    def _hold(self, key: str, token: str) -> None:
        with self._lock:
            self._watched.pop(key, None)
            self._held[key] = token
            if self._wake is None:
                self._wake = threading.Event()
                threading.Thread(target=self._keep, args=(self._wake,), name="qwen-ocr-claims", daemon=True).start()

    def drop(self, key: str) -> str | None:
        """Hold a key no more; the claim's token, if it was held."""
        with self._lock:
            token = self._held.pop(key, None)
            if not self._held and self._wake is not None:
                self._wake.set()
                self._wake = None
        _LIVE.discard(token or "")
        return token

    def is_abandoned(self, key: str, who: str, stamp: Hashable) -> bool:
        """Whether nobody keeps somebody else's claim up any more; to be asked again and again.

        Args:
            key: What is claimed.
            who: The claim's token.
            stamp: What every renewal changes.
        """
        if has_died(who):
            return True
        now = self._clock()
        with self._lock:
            seen = self._watched.get(key)
            if seen is None or seen[:2] != (who, stamp):
                seen = _Sighting(who, stamp, 0.0, now)
            between = min(now - seen.at, self.lease / 6)  # longer than that, everybody may have slept
            self._watched[key] = seen = _Sighting(who, stamp, seen.seconds + between, now)
        return seen.seconds >= self.lease

    def unwatch(self, key: str) -> None:
        """Forget what was seen of others' claims on a key."""
        if self._watched:
            self._watched.pop(key, None)

    def _keep(self, ended: threading.Event) -> None:
        while not ended.wait(self.lease / 3):
            with self._lock:
                held = dict(self._held)
            try:
                self._renew(held)
            except Exception as error:  # noqa: BLE001 - a renewal missed is made up for by the next
                logger.debug("claims were not renewed: %s", error)


class _Sighting(NamedTuple):
    """What was seen of somebody else's claim: for how many seconds it has not changed, when it was looked at last."""

    who: str
    stamp: Hashable
    seconds: float
    at: float


def has_died(who: str) -> bool:
    """Whether a claim's holder is certainly no more: a process of this machine that has ended, or a call of our own."""
    machine, _, rest = who.partition("/")
    pid, _, rest = rest.partition("/")
    started = rest.partition("/")[0]
    if machine != _machine() or not pid.isdecimal():
        return False
    if int(pid) == os.getpid() and started == _started(os.getpid()):
        return who not in _LIVE
    now = _started(int(pid))
    return now != started if now and started else not _exists(int(pid))


@lru_cache(1)
def _machine() -> str:
    """This boot of this machine, and the container on it: where a process number says who is meant."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot}-{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return platform.node().replace("/", "-")


@lru_cache(2)
def _started_here(pid: int) -> str:
    return _stat(pid) or ""


def _started(pid: int) -> str:
    """When a process of this machine began, as Linux counts; ``""`` where unknown, ``"ended"`` for a zombie."""
    return _started_here(pid) if pid == os.getpid() else _stat(pid) or ""


def _stat(pid: int) -> str | None:
    """From proc(5): field 3 is the state, field 22 the start; the name between them may hold anything but ``)``."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return "ended" if fields[0] in b"ZX" else fields[19].decode()


def _exists(pid: int) -> bool:
    if os.name != "posix":  # there, "signal 0" is Ctrl-C
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


_LIVE: set[str] = set()
"""Tokens of the claims this process holds."""
