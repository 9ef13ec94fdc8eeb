"""A user's pydantic model as the template of the fields it wants."""

from __future__ import annotations

import collections.abc
import types
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypeGuard, Union, get_args, get_origin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

_LISTS = (list, tuple, set, frozenset, collections.abc.Sequence, collections.abc.Iterable)
_HINTS = ((bool, "yes or no"), (date, "a date, as printed"), (int | float | Decimal, "a number, as printed"))
"""What is said of a type where the user describes nothing; never how to write it: values are wanted as printed."""


class Shape(NamedTuple):
    """What a field's annotation comes to, without ``Optional``, ``Annotated`` and aliases of types.

    Attributes:
        kind: ``"model"`` (``inner`` is the class), ``"list"`` (``inner`` annotates its elements), ``"tuple"`` of
            several types or ``"union"`` (``inner`` is a tuple of annotations) or ``"leaf"`` (``inner`` is the type).
        inner: See ``kind``.
        optional: None is allowed.
        metadata: Of ``Annotated``.
    """

    kind: Literal["model", "list", "tuple", "union", "leaf"]
    inner: Any
    optional: bool = False
    metadata: tuple[Any, ...] = ()


def is_model(given: Any) -> TypeGuard[type[BaseModel]]:
    """Whether it is the class of a pydantic model (version 2); pydantic is not imported for it.

    ``BaseModel`` itself, whose only base is ``object``, is none: it has no fields.
    """
    derived = isinstance(given, type) and given.__base__ is not object
    return derived and hasattr(given, "model_fields") and hasattr(given, "model_validate")


def template_of(model: type[BaseModel]) -> dict[str, Any]:
    """Names to descriptions: aliases are the names, a field's description, or else a hint at its type, the value.

    Raises:
        ValueError: A model within itself, a ``RootModel``, a list of lists, a tuple of several types, a choice of
            models, or two fields of one name; the message has the path.
    """
    return _object(model, "fields", ())


def members(model: type[BaseModel]) -> Iterator[tuple[str, str, FieldInfo]]:
    """Of each field its key on the page, its name in the class, and what pydantic knows of it."""
    if not getattr(model, "__pydantic_complete__", True):
        model.model_rebuild()
    for name, info in model.model_fields.items():
        yield _key(name, info, model), name, info


def shape_of(annotation: Any, metadata: tuple[Any, ...] = ()) -> Shape:
    """What an annotation comes to."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return shape_of(inner[0], metadata + inner[1:])
    if hasattr(annotation, "__value__") or hasattr(annotation, "__supertype__"):  # type X = ..., NewType
        return shape_of(getattr(annotation, "__value__", None) or annotation.__supertype__, metadata)
    if origin in (Union, types.UnionType):
        return _union([kind for kind in inner if kind is not type(None)], metadata, optional=type(None) in inner)
    if (origin or annotation) in _LISTS:
        return _list(inner, metadata)
    if is_model(annotation):
        return Shape("model", annotation, metadata=metadata)
    return Shape("leaf", annotation, metadata=metadata)


def _list(inner: tuple[Any, ...], metadata: tuple[Any, ...]) -> Shape:
    if any(kind not in (inner[0], ...) for kind in inner):
        return Shape("tuple", inner, metadata=metadata)
    return Shape("list", inner[0] if inner else str, metadata=metadata)


def _union(kinds: list[Any], metadata: tuple[Any, ...], *, optional: bool) -> Shape:
    if len(kinds) == 1:
        return shape_of(kinds[0], metadata)._replace(optional=optional)
    return Shape("union", tuple(kinds), optional, metadata)


def _key(name: str, info: FieldInfo, model: type[BaseModel]) -> str:
    """What validation takes the field by."""
    alias = info.validation_alias or info.alias or name
    choices = [alias] if isinstance(alias, str) else getattr(alias, "choices", ())
    key = next((choice for choice in choices if isinstance(choice, str)), None)
    if key is None:
        raise ValueError(f"fields: {model.__name__}.{name} has a path as its alias; write a plain string there")
    return key


def _object(model: type[BaseModel], path: str, above: tuple[type, ...]) -> dict[str, Any]:
    if model in above:
        raise ValueError(f"{path} is {model.__name__} within itself; write it as a description, or leave it out")
    if getattr(model, "__pydantic_root_model__", False):
        instead = "write the type of that value there" if above else "pass a BaseModel that has it as one of its fields"
        raise ValueError(f"{path} is {model.__name__}, a RootModel, whose value has no name to look for; {instead}")
    template: dict[str, Any] = {}
    for key, name, info in members(model):
        if key in template:
            raise ValueError(f"{path} has two fields named {key!r}; give {model.__name__}.{name} another alias")
        shape = shape_of(info.annotation, tuple(info.metadata))
        template[key] = _template(shape, info.description or "", f"{path}[{key!r}]", (*above, model))
    return template


def _template(shape: Shape, said: str, path: str, above: tuple[type, ...]) -> Any:
    match shape.kind:
        case "model":
            return _object(shape.inner, path, above)
        case "list":
            element = shape_of(shape.inner)
            if element.kind == "list":
                raise ValueError(f"{path} is a list of lists; make its elements a model, or a description")
            return [_template(element, said, f"{path}[0]", above)]
        case "tuple":
            raise ValueError(f"{path} is a tuple of several types; make it a model, with a name for each of them")
        case "union" if any(shape_of(kind).kind != "leaf" for kind in shape.inner):
            raise ValueError(f"{path} may be one of several; choose one model or list, as the page is asked only once")
    return said or _hint(shape)


def _hint(shape: Shape) -> str:
    if shape.kind == "union" or not isinstance(shape.inner, type):
        values = get_args(shape.inner) if get_origin(shape.inner) is Literal else ()
    else:
        values = tuple(member.value for member in shape.inner) if issubclass(shape.inner, Enum) else ()
    if values:
        return f"one of: {', '.join(map(str, values))}"
    if not isinstance(shape.inner, type):
        return ""
    return next((hint for kind, hint in _HINTS if issubclass(shape.inner, kind)), "")
