"""Engines by name: ours and anybody's come through the same entry-point group, ``qwen_ocr_loader.engines``."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Sequence
from importlib import import_module
from importlib.util import find_spec
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any

from ..errors import MissingDependency, did_you_mean
from .base import Asked, Engine, LineEngine, MultiPageEngine, PacedEngine, PaidEngine, Scan, aopened, refuse_unsupported

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
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
    "install_command",
    "installed",
    "load_trouble",
    "make_engine",
    "make_engines",
    "missing_packages",
    "refuse_unsupported",
    "tasks_of",
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
        raise MissingDependency(f"engine {name!r} cannot be loaded: {load_trouble(error)}") from error


def make_engine(spec: str | Engine) -> Engine:
    """The engine for ``"NAME"`` or ``"NAME:MODEL"``; an engine object is given back as it is.

    ``"auto"`` is ``dashscope`` where ``DASHSCOPE_API_KEY`` is set, else ``local``, and says so in a log line.

    Raises:
        ValueError: No engine of that name is installed, or it has no models to choose from.
        TypeError: Neither a name nor an engine.
        MissingDependency: What the engine needs is not installed.
    """
    if not isinstance(spec, str):
        if isinstance(spec, Engine):
            return spec
        raise TypeError(f"engine: want a name or an engine object, not {type(spec).__name__}")
    name, _, model = spec.partition(":")
    factory = engine_factory(name)
    if model and not _has_models(factory):
        raise ValueError(f"engine={spec!r}: {name!r} has no models to choose from; type: engine={name!r}")
    engine: Engine = factory(model=model) if model else factory()
    return engine


def _has_models(factory: Any) -> bool:
    settings = signature(factory).parameters.values()
    return any(setting.name == "model" or setting.kind is Parameter.VAR_KEYWORD for setting in settings)


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
    if missing := missing_packages(engine):
        name = engine.name.partition(":")[0]
        raise MissingDependency(f"{name} needs {', '.join(missing)}; type: {install_command(name, missing)}")
    return engine


def missing_packages(engine: Any) -> list[str]:
    """What an engine, or what makes one, says that it ``requires``, and that is not here."""
    return [package for package in _declared(engine, "requires") or () if not _is_here(package)]


def install_command(name: str, packages: Iterable[str]) -> str:
    """What to type for packages that the engine of that name needs: for ours there is an extra."""
    return f"pip install 'qwen-ocr-loader[{name}]'" if name in OWN else f"pip install {' '.join(packages)}"


def load_trouble(error: BaseException) -> str:
    """What went wrong as an engine was loaded, and what to type where a package is not here."""
    package = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if package and not _is_here(package):
        return f"it needs {package}; type: pip install {package}"
    return str(error) if isinstance(error, ImportError) else f"{type(error).__name__}: {error}"


def tasks_of(point: EntryPoint) -> frozenset[str] | None:
    """The tasks of the engine an entry point makes; None where it cannot be loaded, or tells them only once made."""
    try:
        tasks = _declared(point.load(), "tasks")
        return None if tasks is None else frozenset(tasks)
    except (Exception, SystemExit):  # noqa: BLE001 - it is anybody's module
        return None


def _declared(engine: Any, name: str) -> Collection[str] | None:
    """What an engine, or what makes one, lists under that name; None where a class has a property there, or nothing."""
    listed = getattr(engine, name, None)
    return listed if isinstance(listed, Collection) and not isinstance(listed, str) else None


def _is_here(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except (ImportError, ValueError):  # of "a.b" without a; of no name at all
        return False


def able_engines(task: str) -> Iterator[str]:
    """Names of the installed engines that can do ``task``, the fake one left out."""
    for name, point in engine_factories().items():
        if name != "fake" and task in (tasks_of(point) or ()):
            yield name


def _automatic() -> str:
    """``dashscope`` where it has a key, else ``local``; said once for each choice."""
    chosen = "dashscope" if os.environ.get("DASHSCOPE_API_KEY") else "local"
    if chosen not in _said:
        _said.add(chosen)
        logger.info("engine='auto': using %r", chosen)
    return chosen


_said: set[str] = set()
