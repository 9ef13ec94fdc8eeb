"""What a run gives and tells: pages with their files, and a report of everything that did not end as a page."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from .results import PageResult, Usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import BaseModel

    from .errors import OCRError
    from .fields.completion import FileFields, PageFields
    from .pages import Pages
    from .prices import Money
    from .source import Source


@dataclass(frozen=True, slots=True)
class Origin:
    """What is the same for every page of a file.

    Attributes:
        name: The path, URL or label it was handed over as; ``metadata["source"]``.
        file_name: Last part of the path or URL; ``""`` where there is none.
        mime_type: Told by the content.
        sha256: Of the content, in hex.
        total_pages: Of the file, whatever was selected of it.
        info: Of a PDF: title, author, producer, creator, creationdate, moddate; ``""`` where absent.
        metadata: Keys it was handed over with (a Blob's own).
    """

    name: str
    file_name: str = ""
    mime_type: str = ""
    sha256: str = ""
    total_pages: int = 0
    info: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def of(cls, source: Source, pages: Pages) -> Origin:
        """Of a file that is open."""
        about = source.name, source.file_name, source.mime, source.sha256
        return cls(*about, pages.count, dict(pages.info), dict(source.metadata))


class PageEvent(NamedTuple):
    """A page that is done, as ``on_page`` is told.

    Attributes:
        source: The file, as in ``metadata["source"]``.
        page: 0-based; None for a file that could not be opened.
        engine: Who read it; ``""`` where nobody did.
        cached: It was read before.
        usage: Calls and tokens spent on it now.
        cost: What they cost; None where nothing was paid, no price is known, or it was paid in several currencies.
        seconds: From when it was handed to the engine to when it was done, a witness's time included; 0 where none was
            asked.
        error: Why it failed; None where it did not.
    """

    source: str
    page: int | None
    engine: str
    cached: bool
    usage: Usage
    cost: Money | None
    seconds: float
    error: OCRError | None


class ReadPage(NamedTuple):
    """A page that was read, or the placeholder of one that was not.

    Attributes:
        result: What is on it; empty for a placeholder.
        origin: The file it is from.
        label: As printed in the PDF's page labels, else the 1-based number.
        error: Why it is a placeholder; None otherwise.
        last: The 0-based page the reading ends with, where several were read together; None for one page.
        key: Of the result in the cache; ``""`` without one.
        instead: The class of the error for which another engine than the first read it; ``""`` otherwise.
        part: What it gives to the fields of its file; None for a placeholder.
    """

    result: PageResult
    origin: Origin
    label: str
    error: OCRError | None = None
    last: int | None = None
    key: str = ""
    instead: str = ""
    part: PageFields | None = None

    @property
    def typed(self) -> BaseModel | None:
        """The fields of this page as an instance of the model given as ``fields``; None where they are no such."""
        return None if self.part is None else self.part.typed


class Failure(NamedTuple):
    """A page or file that was not read: ``page`` is 0-based, None for a whole file."""

    source: str
    page: int | None
    error: OCRError

    def to_dict(self) -> dict[str, Any]:
        """File, page, class of the error, and what it says."""
        return {
            "source": self.source,
            "page": self.page,
            "error": type(self.error).__name__,
            "message": self.error.message,
            "exit_code": self.error.exit_code,
        }


@dataclass(slots=True)
class Report:
    """What a run did; it grows while the run goes on.

    Attributes:
        pages: Pages read.
        from_text_layer: Those of them taken from a PDF's own text.
        from_cache: Those of them read, and paid for, before.
        failures: What could not be read, and why.
        skipped: Files of a folder that are neither images nor PDFs.
        cut_off: Pages read whose reply stops in the middle of a table or of its JSON, though the service called it
            whole: file and 0-based page. They are handed out, and not kept in the cache.
        usage: Calls and tokens, all together, failed tries that were billed included.
        files: With a pydantic model as ``fields``: those of each file, merged over its pages, and its instance.
        costs: What they cost, by the catalogue's dated prices, by currency; empty where nothing was paid or no price is
            known.
        seconds: From the first page asked for to the last one given.
    """

    pages: int = 0
    from_text_layer: int = 0
    from_cache: int = 0
    failures: list[Failure] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    cut_off: list[tuple[str, int]] = field(default_factory=list)
    usage: Usage = Usage()
    files: list[FileFields] = field(default_factory=list)
    costs: dict[str, Money] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def cost(self) -> Money | None:
        """What was paid, where it was in one currency."""
        return next(iter(self.costs.values())) if len(self.costs) == 1 else None

    def keep(self, part: PageFields, source: str, asked: Any, *, first: bool) -> None:
        """Note what a page gives to the fields of its file; ``first`` where the file's pages begin with it."""
        from .fields.completion import FileFields

        if first or not self.files:
            self.files.append(FileFields(source, asked))
        self.files[-1].pages.append(part)

    def spend(self, usage: Usage, costs: Iterable[Money]) -> None:
        """Add what a page or a failed try was billed."""
        self.usage += usage
        for cost in costs:
            before = self.costs.get(cost.currency)
            self.costs[cost.currency] = cost if before is None else before + cost

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {
            "pages": self.pages,
            "from_text_layer": self.from_text_layer,
            "from_cache": self.from_cache,
            "failures": [failure.to_dict() for failure in self.failures],
            "skipped": list(self.skipped),
            "cut_off": [{"source": source, "page": page} for source, page in self.cut_off],
            "usage": asdict(self.usage),
            "cost": {currency: str(cost.amount) for currency, cost in self.costs.items()},
            "seconds": round(self.seconds, 3),
        }

    def to_json(self) -> str:
        """``to_dict`` as JSON, for a log or a file."""
        return json.dumps(self.to_dict(), ensure_ascii=False)
