"""A page's fields, once it is read: told where they stand, checked by the user's model, and kept for their file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from .model import is_model

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import BaseModel

    from ..results import Field, PageResult
    from .validation import Habits, Typed


class PageFields(NamedTuple):
    """What a page gives to the fields of its file.

    Attributes:
        unchecked: Its fields without the model's problems: a page lacks what another has.
        habits: How it writes amounts and dates; None without a model, which alone asks for it.
        typed: The model's instance for this page alone; None without a model, and where it does not take the fields.
    """

    unchecked: Mapping[str, Field]
    habits: Habits | None = None
    typed: BaseModel | None = None


@dataclass(slots=True)
class FileFields:
    """The fields of a file, merged over its pages as ``fields.merging`` says, and checked as a whole.

    Attributes:
        source: The file, as in ``metadata["source"]``.
        asked: The option ``fields``.
        pages: Of those read so far, in order.
    """

    source: str
    asked: Any
    pages: list[PageFields] = field(default_factory=list)

    @property
    def fields(self) -> Mapping[str, Field]:
        """As printed, with places and problems."""
        return of_file(self.pages, self.asked).fields

    @property
    def typed(self) -> BaseModel | None:
        """The model's instance; None where it does not take them: the fields have the problems."""
        return of_file(self.pages, self.asked).instance

    @property
    def values(self) -> Mapping[str, Any]:
        """What the model was given, typed as far as it can be read: also of a file that the model refuses."""
        return of_file(self.pages, self.asked).values


def completed(result: PageResult, asked: Any) -> tuple[PageResult, PageFields]:
    """A page as it is handed out, and what its file is told of it.

    Args:
        result: As the engine gave it.
        asked: The option ``fields``.
    """
    grounded = _grounded(result)
    if not is_model(asked):
        return grounded, PageFields(grounded.fields)
    from .validation import Habits, typed

    habits = Habits.of([line.text for line in result.lines] or [result.text])
    fields, instance, _ = typed(grounded.fields, asked, habits, result.page)
    return replace(grounded, fields=fields), PageFields(grounded.fields, habits, instance)


def _grounded(result: PageResult) -> PageResult:
    if not result.fields:
        return result
    from .grounding import ground

    return ground(result)


def of_file(pages: Sequence[PageFields], asked: Any) -> Typed:
    """The fields of some pages as one; those of one page are checked as they were."""
    from .merging import merged_fields
    from .validation import Habits, Typed, typed

    merged = merged_fields([page.unchecked for page in pages])
    if not is_model(asked):
        return Typed(merged, None, {name: found.value for name, found in merged.items()})
    return typed(merged, asked, Habits.agreed([page.habits or Habits() for page in pages]))
