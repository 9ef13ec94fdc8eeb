"""Engines by name: ours and anybody's come through the same entry-point group, ``qwen_ocr_loader.engines``."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ..errors import MissingDependency, did_you_mean
from .base import Asked, Engine, LineEngine, MultiPageEngine, PacedEngine, PaidEngine, Scan, aopened, refuse_unsupported

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from importlib.metadata import EntryPoint

__all__ = [
    "GROUP",
    "Asked",
    "Engine",
    "LineEngine",
    "MultiPageEngine",
    "PacedEngine",
    "PaidEngine",
    "Scan",
    "able_engines",
    "aopened",
    "engine_factories",
    "engine_factory",
    "installed",
    "make_engine",
    "make_engines",
    "refuse_unsupported",
]

GROUP = "qwen_ocr_loader.engines"
logger = logging.getLogger("qwen_ocr_loader")


OWN = {
    "dashscope": "qwen_ocr_loader.engines.dashscope:DashScopeEngine",
    "fake": "qwen_ocr_loader.engines.fake:FakeEngine",
    "local": "qwen_ocr_loader.engines.local:LocalEngine",
    "openai": "qwen_ocr_loader.engines.openai:OpenAIEngine",
}
"""Our entry points again: looking them up takes longer than reading a page, and nobody else's can stand for them."""


def engine_factories() -> Mapping[str, EntryPoint]:
    """Engine names to what makes them, as entry points (not loaded yet), sorted by name."""
    from importlib.metadata import EntryPoint, entry_points

    ours = [EntryPoint(name, value, GROUP) for name, value in OWN.items()]
    found = {point.name: point for point in (*entry_points(group=GROUP), *ours)}
    return {name: found[name] for name in sorted(found)}


def engine_factory(name: str) -> Any:
    """What makes the engine of that name, ``"auto"`` among them, called with its settings.

    Raises:
        ValueError: No engine of that name is installed.
        MissingDependency: A package that it is made of is not.
    """
    if name == "auto":
        name = _automatic()
    try:
        if name in OWN:
            module, _, attribute = OWN[name].partition(":")
            return getattr(import_module(module), attribute)
        known = engine_factories()
        if name not in known:
            raise ValueError(f"engine: there is no {name!r}{did_you_mean(name, ['auto', *known])}")
        return known[name].load()
    except ImportError as error:
        wanted = f"needs {error.name}; type: pip install {error.name}" if error.name else f"cannot be loaded: {error}"
        raise MissingDependency(f"engine {name!r} {wanted}") from error


def make_engine(spec: str | Engine) -> Engine:
    """The engine for ``"NAME"`` or ``"NAME:MODEL"``; an engine object is given back as it is.

    ``"auto"`` is ``dashscope`` where ``DASHSCOPE_API_KEY`` is set, else ``local``, and says so in a log line.

    Raises:
        ValueError: No engine of that name is installed.
        TypeError: Neither a name nor an engine.
        MissingDependency: What the engine needs is not installed.
    """
    if not isinstance(spec, str):
        if isinstance(spec, Engine):
            return spec
        raise TypeError(f"engine: want a name or an engine object, not {type(spec).__name__}")
    name, _, model = spec.partition(":")
    factory = engine_factory(name)
    engine: Engine = factory(model=model) if model else factory()
    return engine


def make_engines(specs: str | Engine | Sequence[str | Engine], rate_limit: object) -> tuple[Engine, ...]:
    """The engines of an option, one or several, keeping to a rate limit where they can.

    Args:
        specs: As for ``make_engine``.
        rate_limit: As in ``Options``; ``"published"`` leaves it to each engine.

    Raises:
        ValueError: As for ``make_engine``; ``MissingDependency`` and ``TypeError`` likewise.
    """
    several = [specs] if isinstance(specs, str) or not isinstance(specs, Sequence) else specs
    engines = tuple(make_engine(spec) for spec in several)
    if rate_limit == "published":
        return engines
    return tuple(engine.paced(rate_limit) if isinstance(engine, PacedEngine) else engine for engine in engines)


def installed(engine: Engine) -> Engine:
    """The engine, once it is sure that what it needs is there.

    Raises:
        MissingDependency: It is not; the message has the command.
    """
    missing = [package for package in getattr(engine, "requires", ()) if find_spec(package) is None]
    if missing:
        name = engine.name.partition(":")[0]
        raise MissingDependency(f"{name} needs {', '.join(missing)}; type: pip install 'qwen-ocr-loader[{name}]'")
    return engine


def able_engines(task: str) -> Iterator[str]:
    """Names of the installed engines that can do ``task``, the fake one left out."""
    for name, point in engine_factories().items():
        try:
            tasks = point.load().tasks
        except ImportError:
            continue  # an engine whose own package is broken cannot help
        if name != "fake" and task in tasks:
            yield name


def _automatic() -> str:
    """``dashscope`` where it has a key, else ``local``; said once for each choice."""
    chosen = "dashscope" if os.environ.get("DASHSCOPE_API_KEY") else "local"
    if chosen not in _said:
        _said.add(chosen)
        logger.info("engine='auto': using %r", chosen)
    return chosen


_said: set[str] = set()
