"""What a cache is: bytes by key, kept whole or not at all, and claims, so that nobody does what another is doing.

Whoever is about to read a page *claims* its key first; others wait for the result, or take over where the claim is not
kept up.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from ..errors import CacheFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NOTE = "at-"
"""What the keys of notes begin with: small things kept beside the pages, and not counted as such."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NOT_WRITABLE = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


def failed_at(place: object, error: Exception, *, is_read: bool = False) -> CacheFailed:
    """Because of an error of the file system or of SQLite; ``is_read``: what is in it can be had all the same."""
    number = getattr(error, "errno", None)
    full = number in _FULL or "disk is full" in str(error)
    advice = "make room on that disk, or delete the cache" if full else "give another folder: cache=FOLDER"
    if is_read and (number in _NOT_WRITABLE or "readonly" in str(error)):
        advice = f"what is in it is found, and nothing new is kept: make it writable, or {advice}"
    return CacheFailed(f"the cache {place} fails ({getattr(error, 'strerror', None) or error}); {advice}")


class CacheStats(NamedTuple):
    """What is in a cache: finished pages, and their size in bytes."""

    pages: int
    bytes: int


@runtime_checkable
class Cache(Protocol):
    """Where finished pages are kept. Safe to use from threads and from processes; pickles as its settings.

    Raises:
        CacheFailed: Each method, where the place cannot be read or written.
    """

    def get(self, key: str) -> bytes | None:
        """What was put under a key."""
        ...

    def put(self, key: str, value: bytes) -> None:
        """Keep a value, whole or not at all, and give up the claim on its key."""
        ...

    def claim(self, key: str) -> bool:
        """Whether the key is ours to read now; False while somebody else is at it."""
        ...

    def release(self, key: str) -> None:
        """Give up a claim without a result."""
        ...

    def clear(self) -> int:
        """Forget all that is kept; how many pages that were. Who is reading what is not forgotten."""
        ...

    def stats(self) -> CacheStats:
        """What is in it."""
        ...

    def close(self) -> None:
        """Let go of files; the next use opens them again. Claims are kept up."""
        ...


@runtime_checkable
class ByteStore(Protocol):
    """As much of LangChain's ``BaseStore[str, bytes]`` as is needed."""

    def mget(self, keys: Sequence[str]) -> list[bytes | None]: ...  # noqa: D102
    def mset(self, key_value_pairs: Sequence[tuple[str, bytes]]) -> None: ...  # noqa: D102
    def mdelete(self, keys: Sequence[str]) -> None: ...  # noqa: D102
    def yield_keys(self, *, prefix: str | None = None) -> Iterator[str]: ...  # noqa: D102
