"""Every option, once: name, default, check. Reader, loaders, readers and command line take the same."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal, TypedDict, get_args

from .download import Download
from .errors import SourceError, did_you_mean
from .fields.schema import schema_of
from .pace import checked_limit
from .preprocess.steps import in_order
from .tasks import EXTRACTION, PROMPT, TEXT_TASKS, Task, parse_tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from decimal import Decimal
    from pathlib import Path

    from pydantic import BaseModel

    from .cache import ByteStore, Cache
    from .engines import Engine
    from .pace import Limiter, RateLimit
    from .preprocess.steps import Step
    from .report import PageEvent

TextLayerPolicy = Literal["auto", "never", "only"]
Rasterizer = Literal["pdfium", "pdf2image"]
Mode = Literal["page", "single"]
MetadataForm = Literal["flat", "rich"]
TextForm = Literal["markdown"]
ErrorPolicy = Literal["raise", "skip", "placeholder"]

DEFAULT_TASK = "advanced_recognition"

_CHOICES: Mapping[str, tuple[str, ...]] = {
    "text_layer": get_args(TextLayerPolicy),
    "rasterizer": get_args(Rasterizer),
    "mode": get_args(Mode),
    "metadata": get_args(MetadataForm),
    "on_error": get_args(ErrorPolicy),
}
_OPTIONAL = {"witness": ("local", "nobody"), "text_format": ("markdown", "the text as it came")}
"""Option to the one value it takes besides None, and to what None stands for."""
_RANGE = re.compile(r"\s*(?:(\d+)|(\d+)?\s*-\s*(\d+)?)\s*")


class OptionArgs(TypedDict, total=False):
    """The options as keyword arguments, for type checkers and editors; ``Options`` says what each means."""

    engine: str | Engine | Sequence[str | Engine]
    task: str | Sequence[str]
    prompt: str | None
    fields: Literal["all"] | Mapping[str, Any] | type[BaseModel] | None
    witness: Literal["local"] | None
    pages: str | None
    password: str | None
    text_layer: TextLayerPolicy
    text_format: TextForm | None
    dpi: int
    rasterizer: Rasterizer
    preprocess: Step | Sequence[Step]
    mode: Mode
    pages_delimiter: str
    metadata: MetadataForm
    on_error: ErrorPolicy
    concurrency: int
    pages_per_call: int
    rate_limit: RateLimit | Limiter | float | Literal["published"] | None
    cache: str | Path | Cache | ByteStore | None
    refresh: bool
    max_cost: float | Decimal | None
    show_progress: bool
    on_page: Callable[[PageEvent], None] | None
    glob: str
    fs: Any
    download: Download


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    r"""What to read, with what, and what comes out.

    Attributes:
        engine: ``"auto"``, ``"local"``, ``"fake"``, ``"NAME:MODEL"``, or an engine object; or a list of these: each
            page is read by the first that can, and the metadata key ``ocr_instead`` says why it was not the first.
        task: One of the seven tasks, or several, merged into one result a page.
        prompt: A free prompt to a model, instead of a task's own. With a ``task`` other than the default one, both are
            sent, which models before qwen3.5-ocr answer by the task alone.
        fields: ``"all"``, a schema (names to descriptions, nested up to 3 levels), or a pydantic model (its aliases and
            descriptions are the schema, and it validates): adds key_information_extraction, and the keys ``fields``,
            ``needs_review`` and ``field.<name>`` to the metadata.
        witness: ``"local"``: the local engine (or the page's own sound text) reads every page beside the engine. Its
            lines give boxes to replies that have none, and it says how far it bears the reply out: the metadata keys
            ``agreement`` and ``needs_review``.
        pages: ``"1,3-5,9-"``, 1-based, in that order; None for all. Those that a file does not have are left out.
        password: For encrypted PDFs.
        text_layer: ``"auto"`` takes a PDF page's own text where it is sound; ``"never"`` recognises every page;
            ``"only"`` takes whatever text there is and recognises nothing.
        text_format: ``"markdown"`` writes every page in Markdown, whoever read it and in whatever format; None leaves
            the text as it came. What is in the cache serves both.
        dpi: Resolution PDF pages are rendered at; a full-page scan is never rendered above its own.
        rasterizer: ``"pdfium"``, or ``"pdf2image"`` (Poppler).
        preprocess: What is done to a page's picture before any engine gets it: ``"orient"`` (a page that lies on its
            side or its head is turned), ``"deskew"``, ``"denoise"``, ``"equalize"``, or several of these. Boxes refer
            to the page as delivered all the same. Takes the packages of ``[local]``, about half a second a page.
        mode: ``"page"`` gives a Document a page, ``"single"`` one a file, its pages joined by ``pages_delimiter``.
        pages_delimiter: Between pages in ``mode="single"``.
        metadata: ``"flat"`` (scalars only, for any vector store) or ``"rich"`` (lines, fields and tables as objects
        too).
        on_error: What a page or file that cannot be read does: ``"raise"``, ``"skip"``, or ``"placeholder"`` (an empty
            Document whose metadata says why). Every failure is in the report either way.
        concurrency: Pages in flight; results come in page order whatever finishes first.
        pages_per_call: Pages of a file sent as one message, where a prompt or fields span pages. The reading counts as
            one of the first; the metadata key ``page_last`` says where it ends. Its lines have no boxes.
        rate_limit: Requests a minute, ``RateLimit(requests=..., tokens=...)`` a minute, a LangChain
            ``BaseRateLimiter``, or None for none; ``"published"`` leaves it to the engine, which keeps to what its
            vendor publishes. All loaders of a process that ask the same model with the same key share it.
        cache: A folder, a cache, or a LangChain ``BaseStore[str, bytes]``: no page is paid for twice, and a run that
            was killed goes on where it stopped. None for no cache.
        refresh: Read anew what is in the cache, and replace it there.
        max_cost: In the engine's currency. A page is not sent if it could take the run's cost above this; pages that
            cost nothing are still read.
        show_progress: A progress bar, one tick a page.
        on_page: Called with a ``PageEvent`` for every page that is done, or has failed, in order; for tracing.
        glob: Which files of a folder; ``"**/*"`` goes into subfolders.
        fs: An fsspec filesystem that paths are looked up in; None for the local one.
        download: Limits for http(s) sources.

    Raises:
        TypeError: An unknown option; the message has the nearest one.
        ValueError: A value that no option takes.
    """

    engine: str | Engine | Sequence[str | Engine] = "auto"
    task: str | Sequence[str] = DEFAULT_TASK
    prompt: str | None = None
    fields: Literal["all"] | Mapping[str, Any] | type[BaseModel] | None = None
    witness: Literal["local"] | None = None
    pages: str | None = None
    password: str | None = field(default=None, repr=False)
    text_layer: TextLayerPolicy = "auto"
    text_format: TextForm | None = None
    dpi: int = 200
    rasterizer: Rasterizer = "pdfium"
    preprocess: Step | Sequence[Step] = ()
    mode: Mode = "page"
    pages_delimiter: str = "\n\f"
    metadata: MetadataForm = "flat"
    on_error: ErrorPolicy = "raise"
    concurrency: int = 8
    pages_per_call: int = 1
    rate_limit: RateLimit | Limiter | float | Literal["published"] | None = "published"
    cache: str | Path | Cache | ByteStore | None = None
    refresh: bool = False
    max_cost: float | Decimal | None = None
    show_progress: bool = False
    on_page: Callable[[PageEvent], None] | None = None
    glob: str = "**/*"
    fs: Any = None
    download: Download = field(default_factory=Download)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Options:
        """Options from keyword arguments."""
        known = {option.name for option in fields(cls)}
        for name in given:
            if name not in known:
                raise TypeError(f"there is no option {name!r}{did_you_mean(name, known)}")
        return cls(**given)

    def __post_init__(self) -> None:
        self._check_choices()
        for name, least in (("dpi", 18), ("concurrency", 1), ("pages_per_call", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise ValueError(f"{name}={value!r}: want a whole number of {least} or more")
        if self.max_cost is not None and not _is_amount(self.max_cost):
            raise ValueError(f"max_cost={self.max_cost!r}: want an amount of 0 or more, as a number")
        checked_limit(self.rate_limit)
        in_order(self.preprocess)
        if not self.engines:
            raise ValueError("engine=[]: name at least one")
        self._check_tasks({task.name for task in self.tasks})
        if self.pages is not None:
            if not isinstance(self.pages, str):
                raise ValueError(f"pages={self.pages!r}: write it as a text, like '1,3-5,9-'")
            _ranges(self.pages)

    def _check_choices(self) -> None:
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                raise ValueError(f"{name}={value!r}{did_you_mean(str(value), choices)}")
        for name, (only, none) in _OPTIONAL.items():
            if getattr(self, name) not in (None, only):
                raise ValueError(f"{name}={getattr(self, name)!r}: want {only!r}, or None for {none}")

    def _check_tasks(self, names: set[str]) -> None:
        if self.pages_per_call > 1 and DEFAULT_TASK in names:
            raise ValueError(
                f"pages_per_call={self.pages_per_call}: boxes need a page of their own; pass prompt=, "
                "or a task other than advanced_recognition"
            )
        if self.pages_per_call > 1 and self.witness is not None:
            raise ValueError(f"pages_per_call={self.pages_per_call}: leave out witness=, which reads page by page")
        if self.text_layer == "only" and (self.prompt is not None or names - TEXT_TASKS):
            raise ValueError(f"text_layer='only' recognises nothing, so it leaves nobody to do {', '.join(names)}")

    @property
    def steps(self) -> tuple[Step, ...]:
        """``preprocess`` as a list, in the order in which it is done."""
        return in_order(self.preprocess)

    @property
    def engines(self) -> Sequence[str | Engine]:
        """``engine`` as a list, also where it is one."""
        if isinstance(self.engine, str) or not isinstance(self.engine, Sequence):
            return [self.engine]
        return self.engine

    @property
    def tasks(self) -> tuple[Task, ...]:
        """What is asked of the engine, the prompt and the schema of the fields in it.

        Raises:
            ValueError: An unknown task, or a schema the service would not take.
        """
        tasks = parse_tasks(self.task)
        if self.prompt is not None:
            free = self.task == DEFAULT_TASK
            tasks = (
                (Task(PROMPT, prompt=self.prompt),) if free else tuple(replace(t, prompt=self.prompt) for t in tasks)
            )
        if self.fields is not None:
            others = tuple(task for task in tasks if task.name != EXTRACTION)
            tasks = (*others, Task(EXTRACTION, schema_of(self.fields)))
        return tasks

    def page_numbers(self, count: int) -> Sequence[int]:
        """The 0-based pages wanted of a file with ``count``, in the order asked for.

        Raises:
            SourceError: The file has none of them.
        """
        if self.pages is None:
            return range(count)
        numbers = [n for first, last in _ranges(self.pages) for n in range(first - 1, min(last or count, count))]
        if not numbers:
            raise SourceError(f"there are {count} pages, so pages={self.pages!r} selects none; give some of 1-{count}")
        return numbers


def _is_amount(value: Any) -> bool:
    from decimal import Decimal

    number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    return number and 0 <= value < float("inf")


def _ranges(pages: str) -> list[tuple[int, int | None]]:
    """``"1,3-5,9-"`` as [(1, 1), (3, 5), (9, None)]."""
    ranges = []
    for part in pages.split(","):
        match = _RANGE.fullmatch(part)
        single, first, last = match.groups() if match else (None, None, None)
        start = int(single or first or 1)
        end = start if single else int(last) if last else None
        if not (single or first or last) or start < 1 or (end is not None and end < start):
            raise ValueError(f"pages={pages!r}: {part!r} is not a page or a range; write it like '1,3-5,9-'")
        ranges.append((start, end))
    return ranges
