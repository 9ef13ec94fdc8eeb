"""Poppler's pdftoppm through pdf2image, one page at a time: the other rasterizer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import DamagedSource, MissingDependency
from .images import PageImage

if TYPE_CHECKING:
    from .source import Source

TIMEOUT = 120.0
"""Seconds for one page."""

_HINT = (
    'rasterizer="pdf2image" needs {missing}: pip install "qwen-ocr-loader[pdf2image]", and Poppler itself '
    '(apt install poppler-utils, brew install poppler); or leave it out: rasterizer="pdfium" needs neither'
)


def check_poppler() -> None:
    """See that pdf2image and Poppler's programs are there.

    Raises:
        MissingDependency: One of them is not.
    """
    import shutil

    _pdf2image()
    if not (shutil.which("pdftoppm") and shutil.which("pdfinfo")):
        raise MissingDependency(_HINT.format(missing="Poppler's programs pdftoppm and pdfinfo"))


def page_image(source: Source, number: int, resolution: float, password: str | None) -> PageImage:
    """Draw page ``number`` (0-based), cut to its visible box, gray, at ``resolution`` pixels in 72 of its units.

    Raises:
        DamagedSource: Poppler cannot draw it.
        MissingDependency: pdf2image or Poppler is not installed.
    """
    library = _pdf2image()
    wanted: dict[str, Any] = {
        "first_page": number + 1,
        "last_page": number + 1,
        "dpi": resolution,
        "grayscale": True,
        "use_cropbox": True,
        "timeout": TIMEOUT,
        "userpw": password or None,
    }
    try:
        images = _convert(library, source, wanted)
    except library.exceptions.PDFInfoNotInstalledError as error:
        raise MissingDependency(_HINT.format(missing="Poppler's programs pdftoppm and pdfinfo")) from error
    except (library.exceptions.PDFPageCountError, library.exceptions.PDFPopplerTimeoutError, OSError) as error:
        raise _failed(source, number, str(error)) from error
    if not images:
        raise _failed(source, number, "no picture came back")
    return PageImage.from_pixels(images[0])


def _convert(library: Any, source: Source, wanted: dict[str, Any]) -> Any:
    if source.path is not None:
        return library.convert_from_path(source.path, **wanted)
    return library.convert_from_bytes(source.data, **wanted)


def _failed(source: Source, number: int, why: str) -> DamagedSource:
    return DamagedSource(
        f'Poppler cannot draw the page ({why.strip()}); try rasterizer="pdfium"', source=source.name, page=number
    )


def _pdf2image() -> Any:
    try:
        import pdf2image
    except ImportError as error:
        raise MissingDependency(_HINT.format(missing="the package pdf2image")) from error
    return pdf2image
