"""The options as they hold on a cluster: what cannot be shared by processes is refused, what must be shared is."""

from __future__ import annotations

import hashlib
import logging
import pickle
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from ..engines import PacedEngine, make_engines
from ..engines.local import LocalEngine
from ..options import Options
from ..pace import RateLimit
from ..reader import Reader
from .limiter import ClusterLimiter
from .objects import shared_cache

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..engines import Engine

TOKENS_A_CALL = 6000
"""What a call is taken for where tokens are limited: an A4 page at 200 dpi is some 3,800, its text up to 2,000."""

_REFUSED = {
    "mode": ("page", "a row is a page, wherever it was read; join the rows of a file by source, in the order of page"),
    "metadata": ("flat", "columns are scalars; citations.to_rich makes objects of them"),
    "on_error": ("placeholder", "a page that cannot be read is a row whose error says why"),
    "max_cost": (None, "processes do not know what others spend; ask Reader(...).estimate() first"),
    "show_progress": (False, "Ray shows its own"),
    "on_page": (None, "every row says what was spent on it"),
}
logger = logging.getLogger("qwen_ocr_loader")


def cluster_options(given: Mapping[str, Any]) -> Options:
    """Options from keyword arguments, ready to be sent to other processes; from its own they come out the same.

    Engines are made, those on this machine with one thread each, those behind a network with one rate limit for all
    processes; the cache is opened.

    Raises:
        TypeError: An unknown option.
        ValueError: A value that no option takes, or none on a cluster.
        MissingKey: There is a limit to keep, and no key to keep it for.
    """
    for name, (allowed, instead) in _REFUSED.items():
        if given.get(name, allowed) != allowed:
            raise ValueError(f"{name}={given[name]!r} is not for Ray: {instead}")
    options = Options.of({**given, "on_error": "placeholder", "fs": _as_fsspec(given.get("fs"))})
    engines = [_shared(engine) for engine in make_engines(options.engine, options.rate_limit)]
    cache = None if options.cache is None else shared_cache(options.cache)
    return replace(options, engine=engines[0] if len(engines) == 1 else engines, cache=cache, rate_limit="published")


def as_arguments(options: Options) -> dict[str, Any]:
    """Options as keyword arguments."""
    return {option.name: getattr(options, option.name) for option in fields(options)}


def reader_for(options: Options, pages: str | None) -> Reader:
    """A reader of some pages."""
    return Reader(**{**as_arguments(options), "pages": pages})


def is_remote(options: Options) -> bool:
    """Whether reading a page is mostly waiting for a network."""
    return any(engine.remote for engine in reader_for(options, None).engines)


def _as_fsspec(fs: Any) -> Any:
    """A file system as fsspec's, where it is one of pyarrow's."""
    from pyarrow.fs import FileSystem

    if not isinstance(fs, FileSystem):
        return fs
    from fsspec.implementations.arrow import ArrowFSWrapper

    return ArrowFSWrapper(fs)  # type: ignore[no-untyped-call]


def _shared(engine: Engine) -> Engine:
    """The engine as one of many: it leaves the other cores, and its part of the account, to the others."""
    if isinstance(engine, LocalEngine) and engine.threads is None:
        return replace(engine, threads=1)
    limit = getattr(engine, "limit", None)
    requests = _requests(limit) if isinstance(limit, RateLimit) else None
    if requests is None or not isinstance(engine, PacedEngine):
        return engine
    account = hashlib.sha256("\n".join(getattr(engine, "account", [engine.name])).encode()).hexdigest()
    return engine.paced(ClusterLimiter(requests, account[:16]))


def _requests(limit: RateLimit) -> float | None:
    """The limit in requests a minute; None where there is none."""
    limits = [limit.requests, limit.tokens and limit.tokens / TOKENS_A_CALL]
    return min((one for one in limits if one), default=None)


def check_keys(options: Options) -> None:
    """An engine's key stays in its process; look now whether its copies will find one.

    Raises:
        MissingKey: They will not.
    """
    for engine in options.engines:
        getattr(pickle.loads(pickle.dumps(engine)), "account", None)  # noqa: S301 - ours, a moment ago


def warn_of_paying_twice(options: Options) -> None:
    """A Dataset is read anew for every use of it."""
    if options.cache is None and is_remote(options):
        logger.warning("without cache= every pass over this Dataset, and every worker that dies, pays for pages again")
