"""Where output is written: in the place of no file that is read, through links, into pipes, and whole or not at all."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Any, TextIO

from .errors import OCRError, SourceError
from .source import Found, find

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    FileId = tuple[int, int]


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
        with draft_of(self._path) as draft, _opened(draft) as file:
            yield file

    def _check(self, found: Found, file: FileId | None) -> None:
        if file is not None and file == self._file and _is_read(found):
            raise SourceError(f"the output would overwrite it; {self._otherwise}", source=found.name)


@contextmanager
def draft_of(path: Path) -> Iterator[Path]:
    """What to write to: it takes the place of the file, or of what a link leads to, once all of it is written.

    Where writing fails, what was there stays. What is no regular file, a device or a pipe, is written to itself.
    """
    if path.exists() and not path.is_file():
        yield path
        return
    target = Path(os.path.realpath(path))
    draft = target.with_name(f".part-{target.name}")  # its suffix may say what is written
    try:
        yield draft
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


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
