"""Pages as files, put in place by renaming: for file systems that several machines share."""

from __future__ import annotations

import errno
import os
import time
import uuid
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .claims import LEASE, Claims, has_died
from .contract import NOTE, CacheStats, failed_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SHARD = 2  # hex digits, the last of a key, that name a folder: 256 of them
_UNFINISHED = "unfinished"
_ABANDONED = 3600.0  # seconds after which nobody is still writing a file
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EXDEV})


class _Claim(NamedTuple):
    """A claim's file as it was found."""

    who: str
    renewed: int


class DirectoryCache:
    """A file a page, put in place by renaming: for file systems that several machines share.

    Args:
        folder: Where the files are.
        lease: Seconds a claim holds without being renewed, where its process cannot be seen to have ended.
        clock: Seconds, of any origin, by which others' claims are watched.
    """

    _link = staticmethod(os.link)

    def __init__(
        self, folder: str | Path, *, lease: float = LEASE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.folder = Path(folder).expanduser().absolute()
        self._claims = Claims(self._renew, lease, clock)
        self._is_swept = False

    def __reduce__(self) -> tuple[Callable[..., DirectoryCache], tuple[Path]]:
        return partial(type(self), lease=self._claims.lease), (self.folder,)

    def __repr__(self) -> str:
        return f"DirectoryCache({str(self.folder)!r})"

    def get(self, key: str) -> bytes | None:
        """What was put under a key."""
        with self._ours():
            for _ in range(3):
                try:
                    value = self._file(key, "page").read_bytes()
                except FileNotFoundError:
                    return None
                except OSError as error:
                    if error.errno != errno.ESTALE:  # a network's file, replaced while it was read
                        raise
                else:
                    self._claims.unwatch(key)
                    return value
        return None

    def put(self, key: str, value: bytes) -> None:
        """Keep a value and give up the claim on its key."""
        with self._ours(writing=True):
            self._placed(self._file(key, "page"), value)
        self.release(key)

    def claim(self, key: str) -> bool:
        """Whether the key is ours to read now."""
        with self._ours(writing=True):
            return self._claims.take(key, partial(self._recorded, key))

    def release(self, key: str) -> None:
        """Give up a claim without a result."""
        if token := self._claims.drop(key):
            path = self._file(key, "claim")
            with self._ours(writing=True):
                found = _read(path)
                if found and found.who == token:
                    path.unlink(missing_ok=True)

    def clear(self) -> int:
        """Forget all pages, and the claims of processes that are no more."""
        pages = 0
        with self._ours():
            for path in self._files("page"):
                pages += not path.name.startswith(NOTE)
                path.unlink(missing_ok=True)
            for path in (*self._files("claim"), *self._files("taking")):
                found = _read(path)
                if found and has_died(found.who):
                    path.unlink(missing_ok=True)
            for path in (self.folder / _UNFINISHED).glob("*.tmp"):
                path.unlink(missing_ok=True)
        return pages

    def stats(self) -> CacheStats:
        """What is in it."""
        sizes = []
        with self._ours():
            for path in self._files("page"):
                with suppress(FileNotFoundError):  # cleared meanwhile
                    if not path.name.startswith(NOTE):
                        sizes.append(path.stat().st_size)
        return CacheStats(len(sizes), sum(sizes))

    def close(self) -> None:
        """Nothing is open between two calls."""

    # --- claims -------------------------------------------------------------------------------------------------------

    def _recorded(self, key: str, token: str) -> bool:
        """Whether the claim is ours: new, or in place of one that nobody keeps up."""
        path = self._file(key, "claim")
        found = _read(path)
        if found is None:
            return self._created(path, token)
        return self._claims.is_abandoned(key, *found) and self._succeeded(path, found, token)

    def _succeeded(self, path: Path, found: _Claim, token: str) -> bool:
        """Put our claim in place of an abandoned one; a second file lets one of several takers do so at a time."""
        taking = path.with_suffix(".taking")
        if not self._created(taking, token):
            other = _read(taking)
            if other and self._claims.is_abandoned(str(taking), *other):
                taking.unlink(missing_ok=True)
            return False
        try:
            if _read(path) != found:
                return False
            self._placed(path, token.encode())
        finally:
            taking.unlink(missing_ok=True)
        return True

    def _created(self, path: Path, token: str) -> bool:
        """Whether a file of that name is ours: of all who try to link theirs to it, one can."""
        unfinished = self._unfinished(token.encode(), path.parent)
        try:
            self._link(unfinished, path)
        except FileExistsError:
            return _has_two_names(unfinished)
        except FileNotFoundError:  # somebody clears the cache: to be tried again
            return False
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            return _created_without_links(path, token)
        finally:
            unfinished.unlink(missing_ok=True)
        return True

    def _renew(self, held: dict[str, str]) -> None:
        for key, token in held.items():
            path = self._file(key, "claim")
            found = _read(path)
            if found and found.who == token:
                with suppress(FileNotFoundError):
                    os.utime(path)

    # --- files --------------------------------------------------------------------------------------------------------

    def _placed(self, path: Path, value: bytes) -> None:
        """The file, whole or not at all. Not forced to disk: what a power cut tears is noticed by its check sum."""
        for last in (False, True):
            unfinished = self._unfinished(value, path.parent)
            try:
                unfinished.replace(path)
            except FileNotFoundError:  # somebody clears the cache
                if last:
                    raise
            else:
                return
            finally:
                unfinished.unlink(missing_ok=True)

    def _unfinished(self, value: bytes, *folders: Path) -> Path:
        """A new file that is not yet in its place."""
        path = self.folder / _UNFINISHED / f"{uuid.uuid4().hex}.tmp"
        for folder in (path.parent, *folders):
            folder.mkdir(parents=True, exist_ok=True)
        try:
            path.write_bytes(value)
            self._sweep(path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path

    def _sweep(self, newest: Path) -> None:
        """Delete what killed processes left unfinished long ago, by the file system's own clock; once is enough."""
        if self._is_swept:
            return
        self._is_swept = True
        now = newest.stat().st_mtime
        for path in newest.parent.glob("*.tmp"):
            with suppress(FileNotFoundError):
                if now - path.stat().st_mtime > _ABANDONED:
                    path.unlink()

    def _file(self, key: str, kind: str) -> Path:
        return self.folder / key[-_SHARD:] / f"{key}.{kind}"

    def _files(self, kind: str) -> Iterator[Path]:
        yield from self.folder.glob(f"{'?' * _SHARD}/*.{kind}")

    @contextmanager
    def _ours(self, *, writing: bool = False) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            is_read = writing and os.access(self.folder, os.R_OK | os.X_OK)
            raise failed_at(self.folder, error, is_read=is_read) from error


def _read(path: Path) -> _Claim | None:
    """What a claim's file says now: opening it makes a network file system ask its server."""
    try:
        with path.open("rb") as file:
            return _Claim(file.read().decode("ascii", "replace"), os.fstat(file.fileno()).st_mtime_ns)
    except FileNotFoundError:
        return None


def _created_without_links(path: Path, token: str) -> bool:
    """As ``_created``, where a killed process may leave an empty claim: nobody's, so that it holds for a lease."""
    try:
        file = path.open("xb")
    except FileExistsError:
        return False
    try:
        with file:
            file.write(token.encode())
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return True


def _has_two_names(path: Path) -> bool:
    """Whether it was linked after all: NFS says "exists" when the answer to the first try was lost."""
    try:
        return path.stat().st_nlink == 2
    except FileNotFoundError:
        return False
