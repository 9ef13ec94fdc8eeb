"""Settings as JSON, without their secrets, and back: an engine by its name, whatever differs from its defaults beside.

A field that stays out of a dataclass's repr, as a key does, stays out of here too. What JSON has no word for is an
object with one key: ``$tuple``, ``$items`` (of a mapping whose keys are no texts), ``$decimal``, ``$date``, or the name
of a dataclass of this package, ``$catalog.Model``. Nothing else is ever made from what is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date
from decimal import Decimal
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .engines import engine_factories, engine_factory
from .engines.address import Address

if TYPE_CHECKING:
    from .engines import Engine

PACKAGE = __name__.rpartition(".")[0]


def engine_to_dict(engine: Engine) -> dict[str, Any]:
    """``{"name": "dashscope", "settings": {"region": "singapore"}}``, for ``engine_from_dict``.

    Raises:
        ValueError: It is installed under no name, is no dataclass, or has a setting that JSON cannot hold.
    """
    name = _installed_name(engine)
    if name is None or not is_dataclass(engine):
        raise ValueError(
            f"engine={engine.name!r} cannot be written: only dataclasses with an entry point can; pickle it instead, "
            "or pass the engine by name"
        )
    return {"name": name, "settings": settings_to_dict(engine)}


def engine_from_dict(written: Mapping[str, Any]) -> Engine:
    """The engine again; a cloud engine takes its key from where it is now.

    Raises:
        ValueError: No engine of that name is installed, or what is written is no engine's.
        TypeError: It has no such setting.
        MissingDependency: What the engine needs is not installed.
    """
    match written:
        case {"name": str(name), "settings": Mapping() as settings}:
            pass
        case _:
            raise ValueError('engine: want {"name": ..., "settings": {...}}, as to_dict() writes it')
    engine: Engine = engine_factory(name)(**settings_from_dict(settings))
    return engine


def settings_to_dict(settings: Any) -> dict[str, Any]:
    """The fields of a dataclass that are no secrets and not what they are by default, in JSON's terms.

    Raises:
        ValueError: One cannot be said in JSON.
    """
    shown = [field for field in fields(settings) if field.init and field.repr]
    given = {field.name: getattr(settings, field.name) for field in shown if not _is_default(field, settings)}
    return {name: _written(value, name) for name, value in given.items()}


def settings_from_dict(written: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword arguments that make the dataclass again.

    Raises:
        ValueError: Something in it was not written by ``settings_to_dict``.
    """
    return {name: _read(value) for name, value in written.items()}


def _installed_name(engine: Engine) -> str | None:
    for name, point in engine_factories().items():
        try:
            if point.load() is type(engine):
                return name
        except Exception:  # noqa: BLE001, S112 - of another engine, and somebody else's code: this one's is there
            continue
    return None


def _is_default(field: Any, settings: Any) -> bool:
    default = field.default if field.default_factory is MISSING else field.default_factory()
    return default is not MISSING and bool(getattr(settings, field.name) == default)


def _written(value: Any, name: str) -> Any:
    match value:
        case Address():
            return value.shown
        case None | bool() | int() | float() | str():
            return value
        case list():
            return [_written(item, name) for item in value]
        case Mapping() if all(isinstance(key, str) and not key.startswith("$") for key in value):
            return {key: _written(item, name) for key, item in value.items()}
    tag, said = _tagged(value, name)
    return {f"${tag}": said}


def _tagged(value: Any, name: str) -> tuple[str, Any]:
    match value:
        case Decimal():
            return "decimal", str(value)
        case date():
            return "date", value.isoformat()
        case tuple():
            return "tuple", [_written(item, name) for item in value]
        case Mapping():
            return "items", [[_written(key, name), _written(item, name)] for key, item in value.items()]
    package, _, module = type(value).__module__.partition(".")
    if not is_dataclass(value) or package != PACKAGE:
        raise ValueError(f"{name}= cannot be written: JSON has no {type(value).__name__}; pickle it instead")
    return f"{module}.{type(value).__name__}", settings_to_dict(value)


def _read(value: Any) -> Any:
    if isinstance(value, list):
        return [_read(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    tags = [key for key in value if key.startswith("$")]
    return _made(tags[0][1:], value[tags[0]]) if tags else {key: _read(item) for key, item in value.items()}


def _made(tag: str, said: Any) -> Any:
    match tag:
        case "decimal":
            return Decimal(said)
        case "date":
            return date.fromisoformat(said)
        case "tuple":
            return tuple(_read(said))
        case "items":
            return {_read(key): _read(item) for key, item in said}
    return _class(tag)(**settings_from_dict(said))


def _class(name: str) -> Any:
    """A dataclass of this package by its name in it."""
    module, _, kind = name.rpartition(".")
    try:
        found = getattr(import_module(f"{PACKAGE}.{module}"), kind)
    except (ImportError, AttributeError):
        found = None
    if not isinstance(found, type) or not is_dataclass(found) or found.__module__ != f"{PACKAGE}.{module}":
        raise ValueError(f"there are no settings of class {name!r}; write them with to_dict() of this version")
    return found
