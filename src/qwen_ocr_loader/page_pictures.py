"""The picture of any page of any source, in colour, for people: what overlays, citations and the viewer draw on.

Engines get gray pictures (see ``pdf_render``); a person wants the stamp in its red.
"""

from __future__ import annotations

import ctypes
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from .errors import DamagedSource, SourceError
from .pages import open_pages
from .pdf import PDFDocument, frame_of, pdfium
from .pdf_render import image_size
from .source import Found, find
from .user_units import UserUnits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image

    from .download import Download
    from .pages import Pages
    from .pdf_render import Size
    from .report import ReadPage
    from .source import Source, SourceLike

LONGEST = 1800
"""Pixels of the longer side, where nothing else is asked for: sharp at a screen's width, 100-200 kB as WebP."""


def page_image(
    source: SourceLike,
    page: int = 0,
    *,
    password: str | None = None,
    dpi: float | None = None,
    longest: int = LONGEST,
) -> Image:
    """A page as a person sees it: turned as EXIF or ``/Rotate`` says, cut to its visible box, in colour.

    Args:
        source: One file: a path, URL, bytes, binary file, ``Blob`` or PIL image.
        page: 0-based.
        password: Of an encrypted PDF.
        dpi: Of a PDF's page, in pixels a real inch, instead of ``longest``. Images keep their own pixels.
        longest: Pixels of the longer side; of an image, at most.

    Returns:
        A PIL image in mode "RGB" or "L".

    Raises:
        SourceError: The source is no single file, has no such page, or cannot be read.
    """
    with Pictures(password=password) as pictures:
        return pictures.page(one_file(source), page, dpi=dpi, longest=longest)


def one_file(given: SourceLike) -> Source:
    """The one file that is given, opened.

    Raises:
        SourceError: There are none, or several; or it cannot be read.
    """
    found = list(find(given))
    if len(found) != 1:
        raise SourceError(f"{len(found)} files; give the one whose page is wanted")
    return found[0].open()


class Pictures:
    """Pictures of the pages of several files, of which the one asked for last stays open; a context manager.

    A source that can be read only once (standard input, a file object) or that costs to read again (a URL) is looked up
    among those that ``watch`` has seen.

    Args:
        password: Of encrypted PDFs.
    """

    def __init__(self, *, password: str | None = None) -> None:
        self._password = password
        self._seen: dict[str, Source] = {}
        self._open: tuple[Source, PDFDocument | Pages] | None = None

    def watch(
        self, given: Any, *, glob: str = "**/*", fs: Any = None, download: Download | None = None
    ) -> Iterator[Found]:
        """What ``find`` finds, each remembered by its name when it is opened; hand this to a reader."""
        for found in find(given, glob=glob, fs=fs, download=download):
            yield Found(found.name, partial(self._opened, found), found.from_folder)

    def of(self, page: ReadPage, *, dpi: float | None = None, longest: int = LONGEST) -> Image:
        """The picture of a page that was read; raises what ``page_image`` raises."""
        name = page.origin.name
        source = self._seen.get(name)
        if source is None:
            source = self._seen[name] = one_file(name)
        return self.page(source, page.result.page, dpi=dpi, longest=longest)

    def page(self, source: Source, number: int, *, dpi: float | None = None, longest: int = LONGEST) -> Image:
        """See ``page_image``."""
        file = self._file(source)
        if not 0 <= number < file.count:
            raise SourceError(
                f"there is no page {number + 1}; the last is page {file.count}", source=source.name, page=number
            )
        if isinstance(file, PDFDocument):
            return _drawn(file, source, number, dpi, longest)
        return _within(file.page(number).image().pixels(), longest)

    def close(self) -> None:
        """Let go of the file that is open. Closing twice does nothing."""
        if self._open:
            self._open[1].close()
        self._open = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _opened(self, found: Found) -> Source:
        source = found.open()
        self._seen[source.name] = source
        return source

    def _file(self, source: Source) -> PDFDocument | Pages:
        if self._open and self._open[0] is source:
            return self._open[1]
        self.close()
        is_pdf = source.mime == "application/pdf"
        file = PDFDocument(source, self._password) if is_pdf else open_pages(source)
        self._open = source, file
        return file


def _within(image: Image, longest: int) -> Image:
    """The picture, no larger than that."""
    scale = longest / max(image.size)
    if scale >= 1:
        return image
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.resize(size, reducing_gap=2.0)


def _drawn(document: PDFDocument, source: Source, number: int, dpi: float | None, longest: int) -> Image:
    """A PDF's page, rendered in colour by PDFium."""
    from PIL import Image

    units = UserUnits(source) if dpi else None
    with document.page(number) as page:
        frame = frame_of(page)
        unit = units.of(page) if units else 1.0
        across, down = frame.width * unit, frame.height * unit
        size = image_size(across, down, dpi or 72 * longest / max(across, down))
        pixels, stride = _rendered(document, page, size)
    return Image.frombytes("RGB", size, pixels, "raw", "BGR", stride, 1)


def _rendered(document: PDFDocument, page: Any, size: Size) -> tuple[bytes, int]:
    """Rows of blue, green, red, and how many bytes a row has; called with the lock held."""
    raw = pdfium()
    bitmap = raw.FPDFBitmap_CreateEx(*size, raw.FPDFBitmap_BGR, None, 0)
    if not bitmap:
        raise DamagedSource(f"no memory for {size.width} x {size.height} pixels; lower dpi=", source=document.name)
    try:
        raw.FPDFBitmap_FillRect(bitmap, 0, 0, *size, 0xFFFFFFFF)
        raw.FPDF_RenderPageBitmap(bitmap, page, 0, 0, *size, 0, raw.FPDF_ANNOT)
        document.draw_form(page, bitmap, *size)
        stride = raw.FPDFBitmap_GetStride(bitmap)
        return ctypes.string_at(raw.FPDFBitmap_GetBuffer(bitmap), stride * size.height), stride
    finally:
        raw.FPDFBitmap_Destroy(bitmap)
