"""What an agent may read: files under one folder, all links followed, and URLs where they are allowed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os

_NAMES_CHARS = 600  # of a folder's listing


class Refused(Exception):
    """There is no answer; the message is for the agent, and says what it can do."""


@dataclass(frozen=True)
class Reach:
    """Where files are looked for.

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

    def place(self, file: str) -> str | Path:
        """Where a file is that an agent names.

        Raises:
            Refused: It is out of reach, or no file.
        """
        scheme, separator, _ = file.partition("://")
        if separator and scheme.lower() in ("http", "https") and self.urls:
            return file
        if separator:
            what = "of URLs, only http:// and https:// are" if self.urls else "URLs are not"
            raise Refused(f"{what} allowed here; give the path of a file instead.")
        return self._path(file)

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
