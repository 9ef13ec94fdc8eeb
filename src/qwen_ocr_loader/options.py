"""Every option, once: name, default, check. Reader, loaders, readers and command line take the same."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, TypedDict, get_args

from .download import Download
from .errors import SourceError, did_you_mean
from .tasks import parse_tasks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .engines import Engine
    from .tasks import Task

TextLayerPolicy = Literal["auto", "never", "only"]
Rasterizer = Literal["pdfium", "pdf2image"]
Mode = Literal["page", "single"]
MetadataForm = Literal["flat", "rich"]
ErrorPolicy = Literal["raise", "skip", "placeholder"]

_CHOICES: Mapping[str, tuple[str, ...]] = {
    "text_layer": get_args(TextLayerPolicy),
    "rasterizer": get_args(Rasterizer),
    "mode": get_args(Mode),
    "metadata": get_args(MetadataForm),
    "on_error": get_args(ErrorPolicy),
}
_RANGE = re.compile(r"\s*(\d+)?\s*(-)?\s*(\d+)?\s*")


class OptionArgs(TypedDict, total=False):
    """The options as keyword arguments, for type checkers and editors; ``Options`` says what each means."""

    engine: str | Engine
    task: str | Sequence[str]
    pages: str | None
    password: str | None
    text_layer: TextLayerPolicy
    dpi: int
    rasterizer: Rasterizer
    mode: Mode
    pages_delimiter: str
    metadata: MetadataForm
    on_error: ErrorPolicy
    concurrency: int
    show_progress: bool
    glob: str
    fs: Any
    download: Download


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    r"""What to read, with what, and what comes out.

    Attributes:
        engine: ``"auto"``, ``"local"``, ``"fake"``, ``"NAME:MODEL"``, or an engine object.
        task: One of the seven tasks, or several, merged into one result a page.
        pages: ``"1,3-5,9-"``, 1-based, in that order; None for all.
        password: For encrypted PDFs.
        text_layer: ``"auto"`` takes a PDF page's own text where it is sound; ``"never"`` recognises every page;
            ``"only"`` takes whatever text there is and recognises nothing.
        dpi: Resolution PDF pages are rendered at; a full-page scan is never rendered above its own.
        rasterizer: ``"pdfium"``, or ``"pdf2image"`` (Poppler).
        mode: ``"page"`` gives a Document a page, ``"single"`` one a file, its pages joined by ``pages_delimiter``.
        pages_delimiter: Between pages in ``mode="single"``.
        metadata: ``"flat"`` (scalars only, for any vector store) or ``"rich"`` (lines, fields and tables as objects
        too).
        on_error: What a page or file that cannot be read does: ``"raise"``, ``"skip"``, or ``"placeholder"`` (an empty
            Document whose metadata says why). Every failure is in the report either way.
        concurrency: Pages in flight; results come in page order whatever finishes first.
        show_progress: A progress bar, one tick a page.
        glob: Which files of a folder; ``"**/*"`` goes into subfolders.
        fs: An fsspec filesystem that paths are looked up in; None for the local one.
        download: Limits for http(s) sources.

    Raises:
        TypeError: An unknown option; the message has the nearest one.
        ValueError: A value that no option takes.
    """

    engine: str | Engine = "auto"
    task: str | Sequence[str] = "advanced_recognition"
    pages: str | None = None
    password: str | None = field(default=None, repr=False)
    text_layer: TextLayerPolicy = "auto"
    dpi: int = 200
    rasterizer: Rasterizer = "pdfium"
    mode: Mode = "page"
    pages_delimiter: str = "\n\f"
    metadata: MetadataForm = "flat"
    on_error: ErrorPolicy = "raise"
    concurrency: int = 8
    show_progress: bool = False
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
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                raise ValueError(f"{name}={value!r}{did_you_mean(str(value), choices)}")
        for name, least in (("dpi", 18), ("concurrency", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise ValueError(f"{name}={value!r}: want a whole number of {least} or more")
        parse_tasks(self.task)
        if self.pages is not None:
            _ranges(self.pages)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """What is asked of the engine."""
        return parse_tasks(self.task)

    def page_numbers(self, count: int) -> Sequence[int]:
        """The 0-based pages wanted of a file with ``count``, in the order asked for.

        Raises:
            SourceError: The file has none of them.
        """
        if self.pages is None:
            return range(count)
        numbers = [n for first, last in _ranges(self.pages) for n in range(first - 1, min(last or count, count))]
        if not numbers:
            raise SourceError(f"there are {count} pages, so pages={self.pages!r} selects none")
        return numbers


def _ranges(pages: str) -> list[tuple[int, int | None]]:
    """``"1,3-5,9-"`` as [(1, 1), (3, 5), (9, None)]."""
    ranges = []
    for part in pages.split(","):
        match = _RANGE.fullmatch(part)
        first, dash, last = match.groups() if match else (None, None, None)
        start = int(first or 1)
        end = int(last) if last else (None if dash else start)
        if not (first or last) or start < 1 or (end is not None and end < start):
            raise ValueError(f"pages={pages!r}: {part!r} is not a page or a range; write it like '1,3-5,9-'")
        ranges.append((start, end))
    return ranges
