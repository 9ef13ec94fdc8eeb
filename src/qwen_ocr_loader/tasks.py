"""The seven things that may be asked of an engine, by the names Qwen-OCR gives them.

Source: Alibaba Model Studio, Qwen-OCR API reference, ``ocr_options.task`` (2026-01-16).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from .errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TaskName = Literal[
    "text_recognition",
    "multi_lan",
    "advanced_recognition",
    "key_information_extraction",
    "table_parsing",
    "document_parsing",
    "formula_recognition",
]
TASKS: tuple[TaskName, ...] = get_args(TaskName)
TEXT_TASKS: frozenset[str] = frozenset({"text_recognition", "multi_lan", "advanced_recognition"})
"""Tasks that a sound text layer answers as well as an engine does."""
EXTRACTION: Final = "key_information_extraction"
TABLES: Final = "table_parsing"
DOCUMENT: Final = "document_parsing"
STRUCTURE_TASKS: frozenset[TaskName] = frozenset({EXTRACTION, TABLES, DOCUMENT})
"""Tasks that can be done by looking at a page's lines, whoever has read them."""
PROMPT: Final = "prompt"
"""The name of a task that is nothing but a prompt of the user's own."""
Ability = TaskName | Literal["prompt"]
"""What an engine may be able to do: the tasks, and free prompts."""


@dataclass(frozen=True, slots=True)
class Task:
    """One thing asked of an engine about one page.

    Attributes:
        name: One of ``TASKS``:

            - ``text_recognition``: the text;
            - ``multi_lan``: the text, in languages besides Chinese and English;
            - ``advanced_recognition``: lines and where they stand;
            - ``key_information_extraction``: named fields;
            - ``table_parsing``: tables;
            - ``document_parsing``: text, tables and formulas with their structure;
            - ``formula_recognition``: formulas as LaTeX;

            or ``"prompt"``: whatever the prompt says.
        schema: For key_information_extraction: the fields wanted, names to descriptions, nested up to 3 levels; None
            for all there are.
        prompt: The user's own words, sent instead of a task's.
    """

    name: Ability
    schema: Mapping[str, Any] | None = None
    prompt: str | None = None


def parse_tasks(given: str | Iterable[str]) -> tuple[Task, ...]:
    """Tasks from one name, or several, each once and in the order given.

    Raises:
        ValueError: An unknown name (the message has the nearest one), or none at all.
    """
    names = [given] if isinstance(given, str) else list(given)
    if not names:
        raise ValueError(f"task: name at least one of {', '.join(TASKS)}")
    for name in names:
        if name not in TASKS:
            raise ValueError(f"task: there is no {name!r}{did_you_mean(name, TASKS)}")
    return tuple(Task(name) for name in dict.fromkeys(names) if name in TASKS)
