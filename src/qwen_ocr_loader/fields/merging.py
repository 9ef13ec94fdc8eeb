"""One set of fields for the pages of a file.

The rule: the first page that has a value, and no problem with it, has it; else the first that has any. A later page
that says otherwise is a problem, which names both pages. Objects are merged name by name, lists put one after the other
in the order of the pages. Values count as the same where case, spaces, punctuation and width are all that differs;
amounts, where these are one number with its sign and no two currencies are named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from ..geometry import Quad
from ..results import Field, Place
from .amounts import currencies, readings
from .letters import plain
from .page_index import key_of
from .paths import Path, at


class _Part(NamedTuple):
    """A field's value, or what is in it, as one page has it."""

    value: Any
    path: Path
    field: Field
    places: Sequence[Place]

    def inner(self) -> dict[Any, _Part]:
        """Its elements, or what it has by name."""
        places: dict[Any, list[Place]] = {}
        for place in self.places:
            places.setdefault(next(iter(place.path[len(self.path) :]), None), []).append(place)
        steps = self.value.items() if isinstance(self.value, Mapping) else enumerate(self.value)
        return {step: _Part(value, (*self.path, step), self.field, places.get(step, ())) for step, value in steps}


class _Whole(NamedTuple):
    """A value merged of parts, where it stands, and where pages differ."""

    value: Any
    places: tuple[Place, ...] = ()
    problems: tuple[str, ...] = ()
    used: tuple[Field, ...] = ()


def merged_fields(pages: Sequence[Mapping[str, Field]]) -> dict[str, Field]:
    """The fields of a file, from those of its pages in order."""
    names = dict.fromkeys(name for page in pages for name in page)
    return {name: _merged([page[name] for page in pages if name in page]) for name in names}


def _merged(fields: Sequence[Field]) -> Field:
    given = [field for field in fields if field.value not in (None, [], {})]
    if len(given) < 2:
        return given[0] if given else fields[0]
    whole = _whole([_Part(field.value, (), field, field.places) for field in given], ())
    first = whole.used[0]
    several = any(field is not first for field in whole.used)
    told = [_told(problem, field, several=several) for field in whole.used for problem in field.problems]
    sure = [field.confidence for field in whole.used if field.confidence is not None]
    here = [place.quad for place in whole.places if place.page == first.page]
    return Field(
        whole.value,
        first.quad if not several or not here else Quad.around(here),
        min(sure, default=None),
        first.page,
        tuple(dict.fromkeys((*told, *whole.problems))),
        whole.places,
    )


def _told(problem: str, field: Field, *, several: bool) -> str:
    return f"page {field.page + 1}: {problem}" if several else problem


def _whole(parts: Sequence[_Part], path: Path) -> _Whole:
    """Parts merged; ``path`` is the way to them in the merged value."""
    given = [part for part in parts if part.value not in (None, [], {})] or parts[:1]
    if all(isinstance(part.value, Mapping) for part in given):
        return _object(given, path)
    if all(isinstance(part.value, list | tuple) for part in given):
        return _list(given, path)
    return _scalar(given, path)


def _object(parts: Sequence[_Part], path: Path) -> _Whole:
    given = [part.inner() for part in parts]
    names = dict.fromkeys(name for inner in given for name in inner)
    inner = {name: _whole([part[name] for part in given if name in part], (*path, name)) for name in names}
    return _Whole({name: whole.value for name, whole in inner.items()}, *_joined(list(inner.values())))


def _list(parts: Sequence[_Part], path: Path) -> _Whole:
    elements = [element for part in parts for element in part.inner().values()]
    inner = [_moved(element, (*path, i)) for i, element in enumerate(elements)]
    return _Whole([whole.value for whole in inner], *_joined(inner))


def _scalar(parts: Sequence[_Part], path: Path) -> _Whole:
    first = next((part for part in parts if not part.field.problems), parts[0])
    others = [part for part in parts if not _is_same(part.value, first.value)]
    problems = [
        at(path, f'page {first.field.page + 1} has "{first.value}", page {other.field.page + 1} "{other.value}"')
        for other in others
    ]
    return _moved(first, path)._replace(problems=tuple(problems))


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, Mapping | list) or isinstance(other, Mapping | list):
        return bool(one == other)
    return _is_same_text(str(one), str(other))


def _is_same_text(one: str, other: str) -> bool:
    alike = key_of(one) == key_of(other)
    amounts = readings(one), readings(other)
    if not all(amounts):
        return alike
    named = currencies(one), currencies(other)
    if not (named[0] <= named[1] or named[1] <= named[0]):
        return False
    if alike:  # one of them may be in doubt: "1,234" beside "$1,234"
        return not amounts[0].isdisjoint(amounts[1])
    # "007" and "7" may be no amounts, so the digits are to be the same too
    return amounts[0] == amounts[1] and len(amounts[0]) == 1 and _digits(one) == _digits(other)


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, plain(text)))


def _moved(part: _Part, path: Path) -> _Whole:
    """A part as it is, its places told from where it is now."""
    places = (replace(place, path=path + place.path[len(part.path) :]) for place in part.places)
    return _Whole(part.value, tuple(places), (), (part.field,))


def _joined(inner: Sequence[_Whole]) -> tuple[tuple[Place, ...], tuple[str, ...], tuple[Field, ...]]:
    used = {id(field): field for whole in inner for field in whole.used}
    return (
        tuple(place for whole in inner for place in whole.places),
        tuple(problem for whole in inner for problem in whole.problems),
        tuple(sorted(used.values(), key=lambda field: field.page)),
    )
