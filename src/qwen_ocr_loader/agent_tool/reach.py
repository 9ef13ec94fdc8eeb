"""What an agent may read: files under one folder, all links followed, and URLs where they are allowed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from stat import S_ISREG

from ..original import Source, from_bytes, unreadable

_NAMES_CHARS = 600  # of a folder's listing
_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)  # no waiting at a pipe


class Refused(Exception):
    """There is no answer; the message is for the agent, and says what it can do."""


@dataclass(frozen=True)
class Reach:
    """Where files are looked for.

    A file under a root is read once, into memory, and opened without following a link: one that is swapped in after its
    path was resolved is refused. Where the system cannot open relative to a folder (Windows), nobody else may write to
    the root meanwhile. A hard link is a file like any other.

    Attributes:
        root: The folder, links resolved; None for anywhere.
        urls: Whether a file may be an http(s) URL.
    """

    root: Path | None
    urls: bool

    @classmethod
    def under(cls, root: str | os.PathLike[str] | None, *, urls: bool) -> Reach:
        """Under that folder.

        Raises:
            ValueError: It is no folder.
        """
        return cls(None if root is None else _folder(root), urls)

    def place(self, file: str) -> str | Path | Source:
        """What an agent names: a URL, a file, or the content of one under the root.

        Raises:
            Refused: It is out of reach, or no file.
            SourceError: It may not be read, or is neither an image nor a PDF.
        """
        scheme, separator, _ = file.partition("://")
        if separator and scheme.lower() in ("http", "https") and self.urls:
            return file
        if separator:
            what = "of URLs, only http:// and https:// are" if self.urls else "URLs are not"
            raise Refused(f"{what} allowed here; give the path of a file instead.")
        path = self._path(file)
        return path if self.root is None else from_bytes(_content(self.root, path), str(path), path.name, {})

    def _path(self, file: str) -> Path:
        """The file itself, never a folder or a pipe, all links followed and still under the root."""
        name = repr(file[:200])
        try:
            path = (self.root or Path.cwd()).joinpath(file).resolve()
            if self.root is not None and not path.is_relative_to(self.root):
                raise Refused(f"{name} is outside the folder that may be read; give a path relative to it.")
            if path.is_file():
                return path
            folder = path if path.is_dir() else path.parent
            what = "is a folder" if folder == path else "is not there" if not path.exists() else "is no regular file"
            raise Refused(f"{name} {what}. {_listing(folder, self.root)}")
        except (OSError, ValueError, RuntimeError) as error:  # a NUL, a loop of links, a name too long
            raise Refused(f"{name} is no path of a file; give the path of a document.") from error


def _content(root: Path, path: Path) -> bytes:
    """The bytes of a regular file under the root."""
    try:
        descriptor = _descriptor(root, path)
        if not S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise Refused(f"{path.name[:200]!r} is no regular file; give the path of a document.")
        with os.fdopen(descriptor, "rb") as stream:
            return stream.read()
    except OSError as error:
        raise unreadable(error, str(path)) from error


def _descriptor(root: Path, path: Path) -> int:
    """Of the file, opened folder by folder from the root, none of them a link."""
    if os.open not in os.supports_dir_fd:
        return os.open(path, _READ)
    descriptor = os.open(root, _READ)
    for name in path.relative_to(root).parts:
        above = descriptor
        try:
            descriptor = os.open(name, _READ | os.O_NOFOLLOW, dir_fd=above)
        finally:
            os.close(above)
    return descriptor


def _folder(root: str | os.PathLike[str]) -> Path:
    folder = Path(root).expanduser().resolve()
    if not folder.is_dir():
        raise ValueError(f"root={str(root)!r} is not a folder; give the one whose files may be read, or None for all")
    return folder


def _listing(folder: Path, root: Path | None) -> str:
    """Some of the names in a folder."""
    try:
        names = sorted(path.name + "/" * path.is_dir() for path in islice(folder.iterdir(), 1_000))
    except OSError:
        return "Its folder is not there either; ask the user for the path."
    shown = ", ".join(repr(name) for name in names if not name.startswith("."))
    where = "The folder" if root in (None, folder) else f"The folder {folder.relative_to(root).as_posix()!r}"
    return f"{where} has {shown[:_NAMES_CHARS] or 'no files'}."
