"""A user's pydantic model filled with what is printed: amounts, dates and ticks as their types want them.

Printed values are read only where there is one way to: ``1,234`` and ``01/02/2024`` need other evidence in the same
document (a decimal comma elsewhere, a date with a day above 12). Where there is none, and wherever the model refuses a
value, that is a problem of the field; nothing is guessed, and no page is lost for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args, get_origin

from ..results import Field
from .amounts import decimal_mark, read_amount
from .dates import day_first, read_date, read_moment
from .letters import plain
from .model import Shape, members, shape_of
from .paths import Path, at
from .ticks import read_tick

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pydantic import BaseModel, ValidationError
    from pydantic.fields import FieldInfo

MISSING = "not on the page, and the model needs it"


class Typed(NamedTuple):
    """Fields as a model takes them.

    Attributes:
        fields: With the problems the model has with them; one it needs and lacks is added, without a value.
        instance: Of the model; None where it does not take them.
        values: What the model was given, by its keys: amounts, dates and ticks read as its types want them, None where
            they cannot be; what it has a default for is left out where nothing is printed.
    """

    fields: Mapping[str, Field]
    instance: BaseModel | None
    values: Mapping[str, Any] = MappingProxyType({})


class Habits(NamedTuple):
    """How a document writes.

    Attributes:
        mark: Before decimals.
        day_first: Days stand before months.
    """

    mark: str | None = None
    day_first: bool | None = None

    @classmethod
    def of(cls, texts: Sequence[str]) -> Habits:
        """As far as the texts leave no doubt."""
        return cls(decimal_mark(texts), day_first(texts))

    @classmethod
    def agreed(cls, pages: Sequence[Habits]) -> Habits:
        """Of a document, from its pages'; what differs among them tells nothing."""
        marks, orders = {page.mark for page in pages} - {None}, {page.day_first for page in pages} - {None}
        return cls(marks.pop() if len(marks) == 1 else None, orders.pop() if len(orders) == 1 else None)


def typed(fields: Mapping[str, Field], model: type[BaseModel], habits: Habits, page: int = 0) -> Typed:
    """Fill the model with the fields.

    Args:
        fields: As printed, by the keys of the model's template.
        model: A pydantic model.
        habits: Of the document.
        page: 0-based; of fields that are missing.
    """
    from pydantic import ValidationError

    filling = _Filling(habits)
    data = filling.members(model, {name: field.value for name, field in fields.items()}, ())
    instance, problems = None, dict(filling.problems)
    try:
        instance = model.model_validate(data)
    except ValidationError as error:
        told = dict(_problems(error, data, model))
        problems |= {path: said for path, said in told.items() if not _is_within(path, filling.problems)}
    except Exception as error:  # noqa: BLE001 - a validator of the user's own; it must not cost the page
        problems |= {(key,): f"the model failed, {type(error).__name__}: {error}" for key, _, _ in members(model)}
    return Typed(_with_problems(fields, problems, page), None if problems else instance, data)


def _with_problems(fields: Mapping[str, Field], problems: Mapping[Path, str], page: int) -> dict[str, Field]:
    marked = dict(fields)
    for (name, *rest), problem in problems.items():
        field = marked.get(str(name), Field(None, page=page))
        problems_of_it = dict.fromkeys((*field.problems, at(tuple(rest), problem)))
        marked[str(name)] = replace(field, problems=tuple(problems_of_it))
    return marked


def _is_within(path: Path, known: Iterable[Path]) -> bool:
    return any(path[: len(above)] == above for above in known)


class _Filling:
    """Printed values on their way into a model; what cannot be read is in ``problems``, and None."""

    def __init__(self, habits: Habits) -> None:
        self._habits = habits
        self.problems: dict[Path, str] = {}

    def members(self, model: type[BaseModel], values: Mapping[str, Any], path: Path) -> dict[str, Any]:
        """The model's own keys; one without a value is left to the model's default, where it has one."""
        data = {}
        for key, _, info in members(model):
            shape = shape_of(info.annotation, tuple(info.metadata))
            value = values.get(key)
            if value is not None:
                data[key] = self._value(shape, value, (*path, key))
            elif info.is_required() and (empty := _empty(shape)) is not _NOTHING:
                data[key] = empty
        return data

    def _value(self, shape: Shape, value: Any, path: Path) -> Any:
        if value is None or any(type(how).__name__ in _OWN_READING for how in shape.metadata):
            return value
        match shape.kind:
            case "model" if isinstance(value, Mapping):
                return self.members(shape.inner, value, path)
            case "list":
                elements = value if isinstance(value, list | tuple) else [value]
                inner = shape_of(shape.inner)
                return [self._value(inner, element, (*path, i)) for i, element in enumerate(elements)]
            case "union" if not isinstance(value, list | tuple | Mapping):
                return self._either(shape.inner, value, path)
            case "leaf" if not isinstance(value, list | tuple | Mapping):
                return self._leaf(shape.inner, value, path)
        return value

    def _leaf(self, kind: Any, value: Any, path: Path) -> Any:
        try:
            return self._read(kind, value)
        except ValueError as error:
            self.problems[path] = str(error)
            return None

    def _either(self, kinds: Iterable[Any], value: Any, path: Path) -> Any:
        """As the first type that takes it; text is text wherever that is allowed."""
        types = [shape_of(kind).inner for kind in kinds]
        if str in types:
            return value
        said = ""
        for kind in types:
            try:
                return self._read(kind, value)
            except ValueError as error:
                said = said or str(error)
        self.problems[path] = said
        return None

    def _read(self, kind: Any, value: Any) -> Any:
        """A printed value as a type wants it.

        Raises:
            ValueError: It is none of these, or may be two.
        """
        if get_origin(kind) is Literal:
            return _choice(get_args(kind), value)
        if not isinstance(kind, type) or type(value) is kind:
            return value
        if issubclass(kind, Enum):
            return _choice([member.value for member in kind], value)
        read = next((read for family, read in self._readers if issubclass(kind, family)), None)
        return value if read is None else read(kind, str(value))

    @property
    def _readers(self) -> tuple[tuple[Any, Callable[[Any, str], Any]], ...]:
        """What reads each family of types; a family stands before those that it belongs to."""
        return (
            (str, lambda _, text: text),
            (bool, lambda _, text: read_tick(text)),
            (datetime, lambda _, text: read_moment(text, self._habits.day_first)),
            (date, lambda _, text: read_date(text, self._habits.day_first)),
            (int | float | Decimal, self._number),
        )

    def _number(self, kind: Any, text: str) -> Any:
        whole = issubclass(kind, int)
        number = read_amount(text, self._habits.mark, whole=whole)
        if whole and number != number.to_integral_value():
            raise ValueError(f'no whole number: "{text}"')
        return number if issubclass(kind, Decimal) else kind(number)


_NOTHING = object()
_OWN_READING = ("BeforeValidator", "WrapValidator", "PlainValidator")
"""What a user reads a field with: it is given what is printed."""


def _empty(shape: Shape) -> Any:
    """What stands for no value in a field that must be given one."""
    if shape.optional:
        return None
    return [] if shape.kind == "list" else _NOTHING


def _choice(values: Iterable[Any], printed: Any) -> Any:
    """The value that is printed, but for case, spaces and width; else what is printed, for the model to refuse."""
    wanted = _loosely(printed)
    return next((value for value in values if _loosely(value) == wanted), printed)


def _loosely(value: Any) -> str:
    return "".join(plain(str(value)).casefold().split())


def _problems(error: ValidationError, data: Any, model: type[BaseModel]) -> Iterable[tuple[Path, str]]:
    """What the model says, at the paths of the values it says it of."""
    for told in error.errors(include_url=False, include_context=False, include_input=False):
        said = MISSING if told["type"] == "missing" else told["msg"].removeprefix("Value error, ")
        path = _followed(told["loc"], data)
        if path:
            yield path, said
        else:
            yield from (((key,), said) for key in _named(said, members(model)))


def _followed(loc: Iterable[str | int], data: Any) -> Path:
    """As far as it leads into the data: pydantic goes on with the names of types that it tried."""
    path: Path = ()
    for step in loc:
        if isinstance(data, Mapping) and isinstance(step, str):
            data = data.get(step)
        elif isinstance(data, list) and isinstance(step, int):
            data = data[step] if step < len(data) else None
        else:
            break
        path = (*path, step)
    return path


def _named(said: str, known: Iterable[tuple[str, str, FieldInfo]]) -> list[str]:
    """The fields a message about the whole speaks of; all of them, where it names none."""
    fields = [(key, name) for key, name, _ in known]
    return [key for key, name in fields if key in said or name in said] or [key for key, _ in fields]
