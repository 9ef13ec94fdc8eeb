"""A cache in Redis: a server of keys and values as a byte store that pickles, which Redis's own clients do not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import MissingDependency
from ..forking import cached_property

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class RedisStore:
    """A Redis server as a LangChain ``BaseStore[str, bytes]``: a key a page, kept for as long as the server keeps it.

    Args:
        url: Such as ``"redis://host:6379/0"``; it may hold a password, so no repr shows it.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def __getstate__(self) -> dict[str, Any]:
        return {"_url": self._url}  # without its connections

    @cached_property
    def _server(self) -> Any:
        """The client; it connects at first use."""
        try:
            import redis
        except ImportError as error:
            raise MissingDependency("a cache at redis:// needs redis; type: pip install redis") from error
        return redis.Redis.from_url(self._url)

    def mget(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values, None for a key that is not there."""
        values: list[bytes | None] = self._server.mget(list(keys))
        return values

    def mset(self, key_value_pairs: Sequence[tuple[str, bytes]]) -> None:
        """Keep values."""
        self._server.mset(dict(key_value_pairs))

    def mdelete(self, keys: Sequence[str]) -> None:
        """Forget keys; those that are not there do not matter."""
        if keys:
            self._server.delete(*keys)

    def yield_keys(self, *, prefix: str | None = None) -> Iterator[str]:
        """The keys, in no order."""
        for key in self._server.scan_iter(match=_literally(prefix or "") + "*"):
            yield key.decode()


def _literally(text: str) -> str:
    """A pattern of Redis's for this text and no other."""
    return "".join(f"\\{letter}" if letter in "*?[]\\" else letter for letter in text)
