"""What a run gives and tells: pages with their files, and a report of everything that did not end as a page."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from .results import PageResult, Usage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .errors import OCRError
    from .prices import Money


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


class ReadPage(NamedTuple):
    """A page that was read, or the placeholder of one that was not.

    Attributes:
        result: What is on it; empty for a placeholder.
        origin: The file it is from.
        label: As printed in the PDF's page labels, else the 1-based number.
        error: Why it is a placeholder; None otherwise.
        last: The 0-based page the reading ends with, where several were read together; None for one page.
    """

    result: PageResult
    origin: Origin
    label: str
    error: OCRError | None = None
    last: int | None = None


class Failure(NamedTuple):
    """A page or file that was not read: ``page`` is 0-based, None for a whole file."""

    source: str
    page: int | None
    error: OCRError


@dataclass(slots=True)
class Report:
    """What a run did; it grows while the run goes on.

    Attributes:
        pages: Pages read.
        from_text_layer: Those of them taken from a PDF's own text.
        failures: What could not be read, and why.
        skipped: Files of a folder that are neither images nor PDFs.
        usage: Calls and tokens, all together, failed tries that were billed included.
        cost: What they cost, by the catalogue's dated prices; None where nothing was paid or no price is known.
        seconds: From the first page asked for to the last one given.
    """

    pages: int = 0
    from_text_layer: int = 0
    failures: list[Failure] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    usage: Usage = Usage()
    cost: Money | None = None
    seconds: float = 0.0

    def spend(self, usage: Usage, cost: Money | None) -> None:
        """Add what a page or a failed try was billed."""
        self.usage += usage
        if cost is not None:
            self.cost = cost if self.cost is None else self.cost + cost
