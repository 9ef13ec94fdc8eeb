"""A cache in an object store: any file system that fsspec knows, as a byte store, for machines that share no disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..cache import open_cache
from ..cache.directory import DirectoryCache
from ..errors import MissingDependency
from ..forking import cached_property
from .redis_store import RedisStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..cache import ByteStore, Cache

REDIS = ("redis://", "rediss://", "unix://")
"""What URLs of Redis servers begin with."""


class ObjectStore:
    """A file system of fsspec as a LangChain ``BaseStore[str, bytes]``: an object a key.

    Args:
        url: Such as ``"s3://bucket/cache"``.
        storage_options: As fsspec takes them for this kind of URL; they may hold secrets, so no repr shows them.
    """

    def __init__(self, url: str, **storage_options: Any) -> None:
        self.url, self._storage_options = url, storage_options

    def __getstate__(self) -> dict[str, Any]:
        return {"url": self.url, "_storage_options": self._storage_options}  # without its connections

    @cached_property
    def _place(self) -> tuple[Any, str]:
        """The file system, and the folder in it; opened at first use."""
        try:
            from fsspec.core import url_to_fs

            fs, folder = url_to_fs(self.url, **self._storage_options)  # type: ignore[no-untyped-call]
        except ImportError as error:
            kind = self.url.partition("://")[0]
            raise MissingDependency(
                f"a cache at {kind}:// needs fsspec and what it asks for: pip install fsspec ({error})"
            ) from error
        return fs, folder.rstrip("/")

    def mget(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values, None for a key that is not there."""
        return [self._read(self._file(key)) for key in keys]

    def mset(self, key_value_pairs: Sequence[tuple[str, bytes]]) -> None:
        """Keep values; an object store puts each in place whole."""
        fs, _ = self._place
        for key, value in key_value_pairs:
            path = self._file(key)
            fs.makedirs(path.rpartition("/")[0], exist_ok=True)
            fs.pipe_file(path, value)

    def mdelete(self, keys: Sequence[str]) -> None:
        """Forget keys; those that are not there do not matter."""
        fs, _ = self._place
        for path in filter(fs.exists, map(self._file, keys)):
            fs.rm_file(path)

    def yield_keys(self, *, prefix: str | None = None) -> Iterator[str]:
        """The keys, in no order."""
        fs, folder = self._place
        for path in fs.find(folder):
            key = path.removeprefix(f"{folder}/")
            if key.startswith(prefix or ""):
                yield key

    def _read(self, path: str) -> bytes | None:
        fs, _ = self._place
        try:
            value: bytes = fs.cat_file(path)
        except FileNotFoundError:
            return None
        return value

    def _file(self, key: str) -> str:
        return f"{self._place[1]}/{key}"


def shared_cache(given: str | Path | Cache | ByteStore) -> Cache:
    """As ``open_cache``, for several machines: a folder is a ``DirectoryCache``, a URL a place in Redis or a store.

    Raises:
        TypeError: None of these.
        ValueError: An empty name.
    """
    if isinstance(given, str) and given.startswith(REDIS):
        return open_cache(RedisStore(given))
    if isinstance(given, str) and "://" in given:
        return open_cache(ObjectStore(given))
    if isinstance(given, str | Path) and str(given):
        return DirectoryCache(given)
    return open_cache(given)
