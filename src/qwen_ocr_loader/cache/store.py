"""Pages in any LangChain byte store: what it keeps, and for how long, is its own business."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from ..forking import Lock
from .contract import NOTE, CacheStats

if TYPE_CHECKING:
    from .contract import ByteStore


class StoreCache:
    """A LangChain ``BaseStore[str, bytes]`` as a cache; claims hold within this process, as such stores have none.

    Args:
        store: Whatever it raises is passed on.
    """

    PREFIX = "qwen-ocr/"  # with a slash, as to LangChain's LocalFileStore a prefix is a folder

    def __init__(self, store: ByteStore) -> None:
        self.store = store

    def __reduce__(self) -> tuple[type[StoreCache], tuple[ByteStore]]:
        return StoreCache, (self.store,)

    def __repr__(self) -> str:
        return f"StoreCache({type(self.store).__name__})"

    def get(self, key: str) -> bytes | None:
        """What was put under a key."""
        return self.store.mget([self.PREFIX + key])[0]

    def put(self, key: str, value: bytes) -> None:
        """Keep a value and give up the claim on its key."""
        self.store.mset([(self.PREFIX + key, value)])
        self.release(key)

    def claim(self, key: str) -> bool:
        """Whether the key is ours to read now."""
        claim = id(self.store), key
        with _LOCK:
            free = claim not in _CLAIMED
            _CLAIMED.add(claim)
        return free

    def release(self, key: str) -> None:
        """Give up a claim without a result."""
        with _LOCK:
            _CLAIMED.discard((id(self.store), key))

    def clear(self) -> int:
        """Forget everything of ours."""
        keys = list(self.store.yield_keys(prefix=self.PREFIX))
        self.store.mdelete(keys)
        return len(keys) - sum(map(self._is_note, keys))

    def stats(self) -> CacheStats:
        """What is in it; reads all of it."""
        keys = [key for key in self.store.yield_keys(prefix=self.PREFIX) if not self._is_note(key)]
        return CacheStats(len(keys), sum(len(self.store.mget([key])[0] or b"") for key in keys))

    def close(self) -> None:
        """The store is its owner's to close."""

    def _is_note(self, key: str) -> bool:
        return key.startswith(self.PREFIX + NOTE)


_LOCK = Lock()
_CLAIMED: set[tuple[int, str]] = set()
"""For all caches of a store in this process, not for one of them."""


with suppress(AttributeError):  # Windows has no fork
    os.register_at_fork(after_in_child=_CLAIMED.clear)
