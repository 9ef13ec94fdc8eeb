"""A citation shown on its page: the lines of a chunk, or of a quote from it, marked in a picture or in the PDF itself.

What is not exact is said so by its colour: yellow for the very lines, orange for lines that may be the ones, and an
orange frame round a page of which nothing more is known.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .citations import Location, locate
from .draw import Overlay
from .errors import OCRError, SourceError
from .page_pictures import LONGEST, Pictures, one_file
from .palette import ABOUT, MARK
from .pdf_marks import Mark, write_marked
from .target import draft_of

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Sequence

    from PIL.Image import Image

    from .cache import ByteStore, Cache
    from .citations.location import Region
    from .source import Source, SourceLike


def highlight(
    cited: Any,
    quote: str | None = None,
    *,
    source: SourceLike | None = None,
    page: int | None = None,
    password: str | None = None,
    longest: int = LONGEST,
    parents: Iterable[Any] | None = None,
    cache: str | Path | Cache | ByteStore | None = None,
) -> Image:
    """A picture of the page a chunk came from, its lines marked.

    Args:
        cited: A chunk of either framework, or a ``Location``.
        quote: Words from the chunk, to mark these only.
        source: The file; what the chunk's metadata calls its ``source`` where this is not said.
        page: Which, 0-based, where the chunk runs over several; the first of them where this is not said.
        password: Of an encrypted PDF.
        longest: Pixels of the picture's longer side.
        parents, cache: What ``locate`` may look into for a chunk that does not carry its own lines.

    Raises:
        SourceError: The file cannot be had, the chunk's page is not known, or it is not on that page.
        CacheFailed: The cache cannot be read.
    """
    location = _located(cited, quote, parents, cache)
    wanted = next(iter(location.pages), None) if page is None else page
    regions = [region for region in location.regions if region.page == wanted]
    if wanted is None or not regions:
        where = "its page is not known" if not location.regions else f"none of it is on page {(wanted or 0) + 1}"
        raise SourceError(f"{where}; look at locate(chunk).pages, or give a chunk with its metadata")
    with Pictures(password=password) as pictures:
        picture = pictures.page(_file(source, location), wanted, longest=longest)
    return _painted(picture, location, regions)


def annotate_pdf(
    source: SourceLike,
    cited: Any | Sequence[Any],
    into: str | os.PathLike[str],
    *,
    password: str | None = None,
    parents: Iterable[Any] | None = None,
    cache: str | Path | Cache | ByteStore | None = None,
) -> Path:
    """A copy of a PDF in which citations are marked, as ``/Highlight`` annotations that can be taken away again.

    Args:
        source: The PDF; it is not changed.
        cited: A chunk or ``Location``, or several, each one annotation a page.
        into: Where the copy goes; not where the PDF is.
        password: Of an encrypted PDF; the copy keeps it.
        parents, cache: What ``locate`` may look into for chunks that do not carry their own lines.

    Returns:
        Where the copy is.

    Raises:
        SourceError: It is no PDF, or a page is not in it.
        OCRError: The copy cannot be written.
        CacheFailed: The cache cannot be read.
    """
    file, target = one_file(source), Path(into)
    if file.path is not None and target.exists() and target.samefile(file.path):
        raise SourceError("the copy would overwrite it; give another path as into=", source=file.name)
    several = [cited] if _is_one(cited) else cited
    known = None if parents is None else list(parents)
    marks = [mark for one in several for mark in _marks(_located(one, None, known, cache))]
    try:
        with draft_of(target) as draft, draft.open("wb") as out:
            write_marked(file, marks, out, password)
    except OSError as error:
        raise OCRError(f"{target} cannot be written ({error.strerror}); give another path as into=") from error
    return target


def _is_one(cited: Any) -> bool:
    """Not a list of citations; LangChain's ``(Document, score)`` is one too."""
    if isinstance(cited, Location) or not isinstance(cited, list | tuple):
        return True
    return isinstance(cited, tuple) and len(cited) == 2 and isinstance(cited[1], int | float)


def _located(
    cited: Any,
    quote: str | None,
    parents: Iterable[Any] | None,
    cache: str | Path | Cache | ByteStore | None,
) -> Location:
    if not isinstance(cited, Location):
        return locate(cited, quote, parents=parents, cache=cache)
    if quote is not None:
        raise ValueError("a Location has its lines already; give the chunk with the quote, or locate(chunk, quote)")
    return cited


def _painted(picture: Image, location: Location, regions: list[Region]) -> Image:
    """The picture with the regions on it."""
    overlay = Overlay(_blank(picture, regions[0].page), picture)
    quads = [region.quad for region in regions]
    if location.method == "page":
        return overlay.frames(quads, ABOUT).image
    return overlay.marks(quads, MARK if location.exact else ABOUT).image


def _blank(picture: Image, page: int) -> Any:
    from .results import PageResult

    return PageResult(page, picture.width, picture.height, "px", "")


def _marks(location: Location) -> Iterator[Mark]:
    framed = location.method == "page"
    for page in location.pages:
        regions = [region for region in location.regions if region.page == page]
        note = " ".join(region.text for region in regions if region.text)
        color = MARK if location.exact else ABOUT
        yield Mark(page, [region.quad for region in regions], color, note, framed)


def _file(source: SourceLike | None, location: Location) -> Source:
    if source is None and not location.source:
        raise SourceError("the chunk's metadata do not say which file it is from; give it as source=")
    return one_file(location.source if source is None else source)
