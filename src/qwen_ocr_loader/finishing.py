"""What is made of a page once it is read: borne out by its witness, its fields placed and checked, in the format asked.

What is kept of a page stays the engine's own; all of this is done again, at no cost, whenever the page is handed out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .errors import EngineError
from .fields.completion import PageFields, completed

if TYPE_CHECKING:
    from .options import Options
    from .results import PageResult


class Finished(NamedTuple):
    """A page as it is handed out.

    Attributes:
        result: What is on it.
        part: What it gives to the fields of its file.
    """

    result: PageResult
    part: PageFields


def takes_time(options: Options) -> bool:
    """Whether so much is to be done that an event loop should not wait for it."""
    return options.witness is not None or options.fields is not None or options.text_format is not None


def finished(result: PageResult, seen: PageResult | None, options: Options) -> Finished:
    """Finish a page.

    Args:
        result: As the engine read it, on the page as delivered.
        seen: What a witness read on it; None without one.
        options: Say what is wanted.

    Raises:
        EngineError: A fault of ours, with what was read: one page's oddities are not the others' failure.
    """
    result = result.scrubbed()
    try:
        return _finished(result, seen and seen.scrubbed(), options)
    except Exception as cause:
        said = f"{type(cause).__name__}: {cause}"
        error = EngineError(f"the page was read, not put in order ({said}); leave out fields=, witness=, text_format=")
        error.partial = result
        raise error from cause


def _finished(result: PageResult, seen: PageResult | None, options: Options) -> Finished:
    if seen is not None:
        from .witness.comparison import witnessed

        result = witnessed(result, seen)
    result, part = completed(result, options.fields)
    if options.text_format == "markdown":
        from .markdown.page import as_markdown

        result = as_markdown(result)
    return Finished(result, part)
