"""Sources become pages, one at a time: their size, label and own text now, their picture when it is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Literal, Protocol

from .errors import UnsupportedSource
from .images import open_image

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from .geometry import Quad
    from .images import PageImage
    from .page_text import TextLayerUse
    from .pdf import PDFDocument
    from .readahead import ReadAhead
    from .results import Unit
    from .source import Source
    from .textlayer import TextLayer

Rasterizer = Literal["pdfium", "pdf2image"]


class Page(Protocol):
    """A page as displayed: turned by EXIF or ``/Rotate``, cut to its visible box."""

    @property
    def number(self) -> int:
        """0-based."""

    @property
    def label(self) -> str:
        """As a viewer's page box shows it ("iv"); the 1-based number where the file has none."""

    @property
    def width(self) -> float:
        """In ``unit``."""

    @property
    def height(self) -> float:
        """In ``unit``."""

    @property
    def unit(self) -> Unit:
        """``"px"`` of an image, ``"pt"`` (1/72 inch) of a PDF's page."""

    @property
    def text_layer(self) -> TextLayer | None:
        """The page's own text and whether it can be trusted; None for images, and where it was not asked for."""

    def rules(self) -> tuple[Quad, ...]:
        """Ruling lines that are drawn on it, as thin quads (fractions 0-1 of the page as displayed); none of images.

        Raises:
            OCRError: The pages are closed.
        """

    def image(self) -> PageImage:
        """Render or decode it now; from any thread, until its ``Pages`` is closed.

        Raises:
            DamagedSource: This page cannot be drawn; others may.
            OCRError: The pages are closed.
        """


class Pages(Protocol):
    """An open file's pages; a context manager."""

    @property
    def count(self) -> int:
        """At least 1."""

    @property
    def info(self) -> Mapping[str, str]:
        """Of a PDF: title, author, producer, creator, creationdate, moddate (ISO 8601), or ``""``; else empty."""

    def page(self, number: int) -> Page:
        """Page ``number`` (0-based).

        Raises:
            IndexError: There is no such page.
            DamagedSource: It cannot be loaded; others may.
        """

    def prepare(self, numbers: Sequence[int]) -> None:
        """Say which pages will be asked for, in which order, so that the next ones may be read ahead."""

    def close(self) -> None:
        """Let go of the file; closing twice does nothing."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_pages(
    source: Source,
    *,
    password: str | None = None,
    text_layer: TextLayerUse = "auto",
    dpi: float = 200,
    rasterizer: Rasterizer = "pdfium",
) -> Pages:
    """Open a PDF or an image file; no page is read yet.

    Args:
        source: What to open.
        password: Of a PDF; not looked at where it opens without.
        text_layer: ``"auto"`` judges each PDF page's own text and takes its lines where sound, ``"only"`` takes them
            whatever they are, ``"never"`` does not look.
        dpi: Resolution PDF pages are rendered at, pixels a real inch.
        rasterizer: Who renders PDF pages. Text, labels and sizes come from PDFium either way.

    Raises:
        UnsupportedSource: Neither a PDF nor an image.
        EmptySource, EncryptedPDF, DamagedSource, SourceTooLarge: As their names say.
        MissingDependency: pdf2image or Poppler is asked for and not installed.
    """
    if source.mime == "application/pdf":
        return PDFPages(source, password, text_layer, dpi, rasterizer)
    if source.mime.startswith("image/") or source.mime == "application/x-npy":
        return open_image(source)
    from .filetypes import READABLE

    known = ", ".join(READABLE)
    raise UnsupportedSource(f"{source.mime or 'of unknown kind'}; give one of {known}", source=source.name)


@dataclass(frozen=True, slots=True)
class PDFPage:
    """One page of a PDF; holds nothing of PDFium's."""

    pages: PDFPages = field(repr=False)
    number: int
    label: str
    width: float
    height: float
    text_layer: TextLayer | None
    unit: Unit = "pt"

    def rules(self) -> tuple[Quad, ...]:
        """See ``Page.rules``."""
        return self.pages.rules(self.number)

    def image(self) -> PageImage:
        """Render it; see ``Page.image``."""
        return self.pages.image(self.number)


class PDFPages:
    """The pages of a PDF, read one by one; see ``Pages``."""

    def __init__(
        self, source: Source, password: str | None, text_layer: TextLayerUse, dpi: float, rasterizer: Rasterizer
    ) -> None:
        from .page_text import PageTexts
        from .pdf import PDFDocument

        if rasterizer == "pdf2image":
            from .poppler import check_poppler

            check_poppler()
        self._source, self._password, self._rasterizer = source, password, rasterizer
        self._text_layer, self._dpi = text_layer, dpi
        self._document: PDFDocument = PDFDocument(source, password)
        self._texts = PageTexts(self._document, source, text_layer)
        self._ahead: ReadAhead | None = None
        self.count = self._document.count
        self.info: Mapping[str, str] = self._document.info()

    def page(self, number: int) -> PDFPage:
        """What is known of page ``number`` (0-based) without drawing it."""
        if not 0 <= number < self.count:
            raise IndexError(f"page {number} of {self.count}")
        text = (self._ahead or self._texts).read(number)
        return PDFPage(self, number, text.label, text.width, text.height, text.layer)

    def prepare(self, numbers: Sequence[int], *, workers: int | None = None) -> None:
        """See ``Pages.prepare``.

        Args:
            numbers: 0-based.
            workers: How many processes read ahead; None for as many as pay.
        """
        path = self._source.path
        if path is None or self._text_layer == "never" or self._ahead:
            return
        from .readahead import LEAST_FORKED, ReadAhead

        if workers or (workers is None and len(numbers) > LEAST_FORKED):
            self._ahead = ReadAhead(self._texts, path, self._password, self._text_layer, numbers, workers)

    def rules(self, number: int) -> tuple[Quad, ...]:
        """Ruling lines of page ``number`` (0-based)."""
        from .pdf import frame_of
        from .tables.drawn import drawn_rules

        with self._document.page(number) as page:
            return drawn_rules(page, frame_of(page))

    def image(self, number: int) -> PageImage:
        """Draw page ``number`` (0-based)."""
        from . import pdf_render

        if self._rasterizer == "pdfium":
            return pdf_render.page_image(self._document, self._source, number, self._dpi, self._texts.units)
        from . import poppler

        resolution = pdf_render.page_resolution(self._document, number, self._dpi, self._texts.units)
        return poppler.page_image(self._source, number, resolution, self._password)

    def close(self) -> None:
        """Let go of the file."""
        if self._ahead:
            self._ahead.close()
        self._document.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@cache
def renderers() -> str:
    """What makes pictures of pages, with versions: the same ones make the same picture."""
    from importlib.metadata import version

    return ", ".join(f"{name} {version(name)}" for name in ("pypdfium2", "pillow"))
