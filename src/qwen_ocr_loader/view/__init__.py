"""The viewer: one HTML file, no network, that shows pages with what was read on them.

>>> view("scan.pdf", "scan.html")
>>> with open("scan.html", "w") as file, Pictures() as pictures:
...     write_view(reader.pages("scan.pdf"), file, pictures)
"""

from __future__ import annotations

import os
from contextlib import closing, contextmanager
from io import BytesIO
from itertools import chain
from pathlib import Path, PurePath
from stat import S_ISREG
from typing import TYPE_CHECKING, Any, TextIO, Unpack

from ..errors import OCRError, SourceError
from ..page_pictures import Pictures
from ..reader import Reader
from ..source import Found, find
from .contents import contents
from .html import Encoded, frame, page_block

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from PIL.Image import Image

    from ..options import OptionArgs
    from ..report import ReadPage, Report
    from ..source import SourceLike

    FileId = tuple[int, int]

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


# --- where it is written ---------------------------------------------------------------------------------------------


class Target:
    """Where text is written: in the place of no file that is read, and whole or not at all.

    Args:
        path: A file, there or not, a link to one, a device or a pipe.
        otherwise: What to do where it is one of those read, for the message.
    """

    def __init__(self, path: str | os.PathLike[str], otherwise: str) -> None:
        self._path, self._otherwise = Path(path), otherwise
        self._file = file_id(path)

    def refuse(self, given: Any, glob: str) -> None:
        """Look before anything is read.

        Raises:
            SourceError: The target is one of the files given, or one in a folder given that can be read.
        """
        for found, file in files_of(given, glob) if self._file else ():
            self._check(found, file)

    def watch(self, found: Iterable[Found]) -> Iterator[Found]:
        """What is found, looked at as it comes: an iterator cannot be looked through before."""
        for one in found:
            self._check(one, file_id(one.name))
            yield one

    @contextmanager
    def open(self) -> Iterator[TextIO]:
        """A file for text, there once all of it is written; what is no regular file stays, and is written to.

        Raises:
            OSError: It cannot be written.
        """
        if self._path.exists() and not self._path.is_file():
            with _opened(self._path) as file:
                yield file
            return
        target = Path(os.path.realpath(self._path))  # a link stays one
        draft = target.with_name(f".{target.name}.part")  # what is there stays until all of the new is written
        try:
            with _opened(draft) as file:
                yield file
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)

    def _check(self, found: Found, file: FileId | None) -> None:
        if file is not None and file == self._file and _is_read(found):
            raise SourceError(f"the output would overwrite it; {self._otherwise}", source=found.name)


def files_of(given: Any, glob: str) -> Iterator[tuple[Found, FileId]]:
    """The local files among what is handed over; nothing is opened, and iterators are left alone."""
    if isinstance(given, list | tuple):
        for one in given:
            yield from files_of(one, glob)
    elif hasattr(given, "fileno"):
        if file := _open_file_id(given):
            yield Found(str(getattr(given, "name", "")), lambda: given), file
    elif isinstance(given, str | os.PathLike) and _is_local(os.fspath(given)):
        for found in find(given, glob=glob):
            if file := file_id(found.name):
                yield found, file


def file_id(path: str | os.PathLike[str]) -> FileId | None:
    """What tells a regular file from others, whatever it is called; None where there is none."""
    try:
        return _id_of(os.stat(os.path.expanduser(path)))  # noqa: PTH111, PTH116 - any text at all may be asked about
    except (OSError, ValueError):
        return None


def _open_file_id(file: Any) -> FileId | None:
    try:
        return _id_of(os.fstat(file.fileno()))
    except (OSError, ValueError):  # in memory, or closed: reading it will say so
        return None


def _id_of(known: os.stat_result) -> FileId | None:
    return (known.st_dev, known.st_ino) if S_ISREG(known.st_mode) else None


def _is_local(place: str) -> bool:
    return "://" not in place or place.lower().startswith("file://")


def _is_read(found: Found) -> bool:
    """Named, or in a folder and of a kind that can be read: an earlier output is not."""
    try:
        return not found.from_folder or bool(found.open())
    except OCRError:
        return False


def _opened(path: Path) -> TextIO:
    """In UTF-8; a file's name that is none is escaped, in the way that JSON does it too."""
    return path.open("w", encoding="utf-8", errors="backslashreplace")
