"""What a page's lines hold besides their text: fields, tables, headings and lists; for engines that read lines only."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..tasks import DOCUMENT, EXTRACTION, TABLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..geometry import Quad
    from ..images import PageImage
    from ..results import PageResult
    from ..tasks import Task


def structured(
    result: PageResult,
    tasks: Sequence[Task],
    picture: PageImage | None = None,
    rules: Sequence[Quad] | None = None,
) -> PageResult:
    """The page with what its tasks ask for besides lines; the text stays whole, and is Markdown for document_parsing.

    Args:
        result: A page with lines, recognised or from its text layer.
        tasks: What was asked for.
        picture: The page as displayed, where there is one: ruling lines are looked for in it.
        rules: The page's ruling lines as thin quads, where they are known.
    """
    names = {task.name for task in tasks}
    if names & {TABLES, DOCUMENT}:
        from ..tables.local import read_tables

        result = replace(result, tables=read_tables(result, picture, rules=rules))
    for task in tasks:
        if task.name == EXTRACTION:
            from ..fields.pairing import pair_fields

            result = replace(result, fields=pair_fields(result, task.schema))
    if DOCUMENT in names:
        from ..markdown.page import as_markdown

        return as_markdown(result)
    return result
