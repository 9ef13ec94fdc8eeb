"""The viewer: one HTML file, no network, that shows pages with what was read on them.

>>> view("scan.pdf", "scan.html")
>>> with open("scan.html", "w") as file, Pictures() as pictures:
...     write_view(reader.pages("scan.pdf"), file, pictures)
"""

from __future__ import annotations

from contextlib import closing
from io import BytesIO
from itertools import chain
from pathlib import PurePath
from typing import TYPE_CHECKING, TextIO, Unpack

from ..errors import OCRError
from ..page_pictures import Pictures
from ..reader import Reader
from ..target import Target
from .contents import contents
from .html import Encoded, frame, page_block

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from PIL.Image import Image

    from ..options import OptionArgs
    from ..report import ReadPage, Report
    from ..source import SourceLike

__all__ = ["view", "write_view"]

_QUALITY = 70  # of WebP: print stays sharp; 90-160 kB a page
_EFFORT = 2  # of its encoder, 0-6: a third of the default's time for 3 % more bytes


def view(source: SourceLike, into: str | os.PathLike[str], **options: Unpack[OptionArgs]) -> Report:
    """Read ``source`` and write a page to look at it in a browser.

    Args:
        source: What ``Reader.read`` takes.
        into: The HTML file, not one of those read; what is there is replaced once all of the new is written.
        **options: Of the ``Reader``. A page that fails is shown with what went wrong, under
            ``on_error="placeholder"``.

    Returns:
        The reader's report.

    Raises:
        OCRError: A page or file cannot be read, under ``on_error="raise"``.
        SourceError: ``into`` is one of the files to be read.
        OSError: The file cannot be written.
    """
    reader = Reader(**options)
    asked, target = reader.options, Target(into, "give another path as into=")
    target.refuse(source, asked.glob)
    with Pictures(password=asked.password) as pictures:
        given = target.watch(pictures.watch(source, glob=asked.glob, fs=asked.fs, download=asked.download))
        with target.open() as out, closing(reader.pages(given)) as pages:
            write_view(pages, out, pictures)
    return reader.report


def write_view(pages: Iterable[ReadPage], out: TextIO, pictures: Pictures | None = None, title: str = "") -> int:
    """Write the viewer's file, page by page as they come; one page at a time is held in memory.

    Args:
        pages: As ``reader.pages`` gives them.
        out: A text file, in UTF-8.
        pictures: Where the pages' pictures come from; without it, blank sheets with boxes.
        title: The name of the first file where it is not given.

    Returns:
        How many pages were written.
    """
    pages = iter(pages)
    first = next(pages, None)
    name = first.origin.file_name or PurePath(first.origin.name).name if first else ""
    before, after = frame(title or name or "qwen-ocr")
    out.write(before)
    count = 0
    for page in pages if first is None else chain([first], pages):
        out.write(_block(page, pictures))
        count += 1
    out.write(after)
    return count


def _block(page: ReadPage, pictures: Pictures | None) -> str:
    data, picture = contents(page), None
    try:
        image = pictures.of(page) if pictures is not None else None
    except OCRError as error:
        data["note"] = data["note"] or f"There is no picture of it: {error.message}"
    else:
        if image is not None:
            picture = _encoded(image)
            data["picture"] = picture.mime
            if not page.result.width:  # a placeholder: nothing was read, not even its size
                data["width"], data["height"] = image.size
    return page_block(data, picture)


def _encoded(image: Image) -> Encoded:
    stream = BytesIO()
    image.save(stream, "WEBP", quality=_QUALITY, method=_EFFORT)
    return Encoded(stream.getvalue(), "image/webp")
