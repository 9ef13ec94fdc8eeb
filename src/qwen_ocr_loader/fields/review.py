"""What a person should look at, of the fields that were read: one item a problem."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..results import Field, PageResult
    from .paths import Path

_STEP = re.compile(r"\[(\d+)\]|\.?([^.\[\]:]+)")


class Item(NamedTuple):
    """Something to look at.

    Attributes:
        page: 1-based.
        field: Its name; ``""`` where it is the page as a whole.
        value: As printed: a text, or JSON of a list or an object; ``""`` where there is none.
        problem: What is wrong, or may be.
        box: Where to look, in ten-thousandths of the page from its top left: left, top, right, bottom, or the four
            corners of what is turned; empty where unknown.
    """

    page: int
    field: str
    value: str
    problem: str
    box: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return self._asdict()


def review(result: PageResult) -> Iterator[Item]:
    """The problems of a page's fields, and the page itself where a witness disagrees with the reading."""
    yield from review_page(result)
    yield from review_fields(result.fields)


def review_page(result: PageResult) -> Iterator[Item]:
    """The page itself, where a witness disagrees with the reading."""
    if result.agreement is not None and result.agreement.doubtful:
        said = f"{result.agreement.witness} read otherwise: agreement {result.agreement.score:.2f}"
        yield Item(result.page + 1, "", "", said, ())


def review_fields(fields: Mapping[str, Field]) -> Iterator[Item]:
    """The problems of fields: those of a page, or of a whole file (``report.files``)."""
    for name, field in fields.items():
        for problem in field.problems:
            yield Item(field.page + 1, name, _shown(field.value), problem, _box(field, problem))


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _box(field: Field, problem: str) -> tuple[int, ...]:
    """Of the value within the field that the problem begins with, where its place is known; else of the field."""
    path, colon, _ = problem.partition(": ")
    within = _path(path) if colon else ()
    quads = [place.quad for place in field.places if within and place.path[: len(within)] == within]
    quad = quads[0] if quads else field.quad
    return () if quad is None else quad.to_ints()


def _path(said: str) -> Path:
    """``[0].Sum`` as ``(0, "Sum")``."""
    return tuple(int(step[1]) if step[1] else step[2] for step in _STEP.finditer(said))
