"""The pages read last, in memory: for whoever comes back to a page soon, and has no folder to keep it in."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from ..forking import Lock

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

KEPT = 128


class RecentPages:
    """Keeps ``KEPT`` values, the last ones.

    A LangChain ``BaseStore[str, bytes]`` in all but name; a copy made by pickling is empty.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._lock = Lock()

    def __reduce__(self) -> tuple[type[RecentPages], tuple[()]]:
        return RecentPages, ()

    def mget(self, keys: Sequence[str]) -> list[bytes | None]:
        """What is kept under the keys."""
        with self._lock:
            return [self._kept.get(key) for key in keys]

    def mset(self, key_value_pairs: Sequence[tuple[str, bytes]]) -> None:
        """Keep these, and forget the oldest."""
        with self._lock:
            self._kept.update(key_value_pairs)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)

    def mdelete(self, keys: Sequence[str]) -> None:
        """Forget these."""
        with self._lock:
            for key in keys:
                self._kept.pop(key, None)

    def yield_keys(self, *, prefix: str | None = None) -> Iterator[str]:
        """The keys that are kept."""
        with self._lock:
            keys = list(self._kept)
        yield from (key for key in keys if key.startswith(prefix or ""))
