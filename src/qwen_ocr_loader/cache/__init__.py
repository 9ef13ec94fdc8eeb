"""Pages already paid for: what was read once is not read, nor bought, again; not by another process either.

A key is a hex digest of everything that decides a reading; under it is the result, as bytes.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..results import PageResult
from .contract import NOTE, ByteStore, Cache, CacheStats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..engines import Engine
    from ..tasks import Task

__all__ = [
    "FORMAT",
    "NOTE",
    "ByteStore",
    "Cache",
    "CacheStats",
    "open_cache",
    "packed",
    "page_key",
    "unpacked",
]

FORMAT = 1
"""Of what is kept; a new one leaves older pages alone, and unread."""


def open_cache(given: str | Path | Cache | ByteStore) -> Cache:
    """The cache that an option names: a folder for a ``SqliteCache``, a cache, or a LangChain byte store.

    Raises:
        TypeError: None of these.
        ValueError: An empty name.
    """
    if isinstance(given, str | Path):
        if not str(given):
            raise ValueError('cache="": want a folder, for example cache="~/.cache/qwen-ocr"')
        from .sqlite import SqliteCache

        return SqliteCache(given)
    if not isinstance(given, type):
        if isinstance(given, Cache):
            return given
        if isinstance(given, ByteStore):
            from .store import StoreCache

            return StoreCache(given)
    what = f"the class {given.__name__}" if isinstance(given, type) else type(given).__name__
    raise TypeError(f"cache: want a folder, a cache or a LangChain BaseStore, not {what}")


def page_key(digests: Sequence[str], engine: Engine, tasks: Sequence[Task]) -> str:
    """What a reading is known by: the pictures, the engine with all that changes what it reads, and what was asked.

    Args:
        digests: Of the pictures, ``PageImage.digest()``, several where they are read together.
        engine: Who is to read them.
        tasks: What is asked.
    """
    made_of = [
        FORMAT,
        list(digests),
        [engine.name, str(engine.settings)],
        [[task.name, task.schema, task.prompt] for task in tasks],  # a schema in its order: it is sent so
    ]
    return hashlib.sha256(json.dumps(made_of, default=_plain).encode()).hexdigest()


def packed(result: PageResult) -> bytes:
    """A result as it is kept: JSON, deflated, with a check sum."""
    text = json.dumps(result.to_dict(), ensure_ascii=False, separators=(",", ":"))
    return zlib.compress(text.encode("utf-8", "surrogatepass"), 6)


def unpacked(value: bytes | None) -> PageResult | None:
    """The result kept; None where there is none, or where the store gave back something torn."""
    if value is None:
        return None
    try:
        return PageResult.from_dict(json.loads(zlib.decompress(value).decode("utf-8", "surrogatepass")))
    except (zlib.error, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


def _plain(value: object) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a schema holds {value!r}, which is neither text, list nor mapping")
