"""Anything a user hands over, expanded lazily into documents that can be opened one by one.

``find`` yields ``Found`` items without reading more than folder listings; ``Found.open`` reads, so one bad item fails
alone. ``remember`` makes what may be good for one pass only (iterators, file objects) good for another.
"""

from __future__ import annotations

import mimetypes
import os
from collections.abc import AsyncIterable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from .download import Download, without_secrets
from .errors import EmptySource, MissingDependency, OCRError, SourceError, SourceTooLarge, UnsupportedSource
from .forking import Lock
from .original import Source, from_bytes, from_path, from_pixels, pixels_name, unreadable

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO, TypeAlias

    from PIL.Image import Image

    Given: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Image | Source
    SourceLike: TypeAlias = Given | Iterable["SourceLike"] | Any  # Any: a LangChain Blob, which is not imported here

__all__ = ["Found", "Source", "find", "remember"]


@dataclass(frozen=True)
class Found:
    """A document that was found and not yet opened.

    Attributes:
        name: What ``Source.name`` will be.
        from_folder: It is a member of a folder, not named by the user: one of another kind may be passed over.
    """

    name: str
    opener: Callable[[], Source] = field(repr=False)
    from_folder: bool = False

    def open(self) -> Source:
        """Read or fetch what is needed to know what it is.

        Raises:
            UnsupportedSource: Neither an image nor a PDF.
            EmptySource: No bytes, or a folder with nothing in it.
            DownloadFailed, SourceTooLarge: From a URL.
            MissingDependency: fsspec, or what it needs for this kind of URL, is not installed.
            SourceError: Missing, or not to be read.
        """
        try:
            return self.opener()
        except OSError as error:
            raise unreadable(error, self.name) from error
        except ValueError as error:  # a NUL in a path, a closed file
            raise SourceError(f"cannot be read: {error}", source=self.name) from error
        except OCRError as error:
            error.source = error.source or self.name
            raise


def find(given: Any, *, glob: str = "**/*", fs: Any = None, download: Download | None = None) -> Iterator[Found]:
    """Expand what a user hands over, in order; a folder's files sorted by path, hidden ones left out.

    Args:
        given: A path, folder, http(s) URL, fsspec URL, bytes, binary file (read from where it stands, never closed),
            LangChain ``Blob``, PIL image, or an iterable of these, nested at will.
        glob: Which of a folder's files; ``**`` goes into folders, but not through links to folders.
        fs: An fsspec filesystem that paths belong to.
        download: How URLs are fetched.

    Yields:
        One item a document. Nothing here raises for a bad item: its ``Found.open`` does.
    """
    yield from _Finder(glob, fs, download or Download()).find(given)


class _Finder:
    """How to expand, for as long as one expansion lasts."""

    def __init__(self, glob: str, fs: Any, download: Download) -> None:
        self.glob, self.fs, self.download = glob, fs, download

    def find(self, given: Any) -> Iterator[Found]:
        """One branch for each kind of thing; the order matters, as a file object is also iterable."""
        match given:
            case Found():
                yield given
            case Source():
                yield Found(given.name, lambda: given)
            case str() | PurePath() | os.PathLike():
                yield from self._place(given)
            case bytes() | bytearray() | memoryview():
                yield _in_memory(bytes(given))
            case _ if hasattr(given, "as_bytes_io"):
                yield from self._blob(given)
            case _ if hasattr(given, "getbands"):
                yield _attempt(pixels_name(given), partial(from_pixels, given))
            case _ if hasattr(given, "read"):
                yield from _stream(given)
            case _ if isinstance(given, Iterable) and not isinstance(given, Mapping | AsyncIterable):
                yield from _not_an_array(given) or self._each(given)
            case _:
                yield _failing(type(given).__name__, UnsupportedSource(_WHAT_IS_TAKEN.format(type(given).__name__)))

    def _each(self, items: Iterable[Any]) -> Iterator[Found]:
        for item in items:
            yield from self.find(item)

    def _place(self, given: str | os.PathLike[str]) -> Iterator[Found]:
        text = os.fspath(given)
        scheme, separator, rest = text.partition("://")
        if isinstance(given, str) and separator and scheme.isascii() and scheme.replace("+", "").isalnum():
            yield from self._url(scheme.lower(), text, rest)
        elif self.fs is not None and not _is_local(self.fs):
            yield from self._remote(self.fs, text, text)
        else:
            yield from self._path(text)

    def _url(self, scheme: str, url: str, rest: str) -> Iterator[Found]:
        if scheme in ("http", "https"):
            yield Found(without_secrets(url), partial(_from_url, url, self.download))
        elif self.fs is not None and scheme in _protocols(self.fs) and not _is_local(self.fs):
            yield from self._remote(self.fs, self.fs._strip_protocol(url), without_secrets(url))  # noqa: SLF001
        elif scheme == "file":
            from urllib.request import url2pathname

            yield from self._path(url2pathname(rest.removeprefix("localhost")))
        else:
            yield from self._fsspec(url)

    def _path(self, text: str) -> Iterator[Found]:
        path = Path(os.path.expanduser(text))  # noqa: PTH111 - leaves alone what it cannot expand
        if text and os.path.isdir(path):  # noqa: PTH112 - False for names no file can have, where Path raises
            yield from self._folder(path, text)
        else:
            yield Found(text, partial(from_path, path, text))

    def _folder(self, folder: Path, name: str) -> Iterator[Found]:
        try:
            members = sorted(folder.glob(self.glob))
        except (ValueError, NotImplementedError) as error:
            yield _failing(name, SourceError(f"glob={self.glob!r} is not a pattern for files in a folder: {error}."))
            return
        members = [p for p in members if _may_be_file(p) and not _is_hidden(p.relative_to(folder))]
        for path in members:
            yield Found(str(path), partial(from_path, path, str(path)), from_folder=True)
        if not members:
            yield _failing(name, _nothing_in_folder(self.glob))

    def _fsspec(self, url: str) -> Iterator[Found]:
        name = without_secrets(url)
        try:
            from fsspec.core import url_to_fs

            fs, path = url_to_fs(url)  # type: ignore[no-untyped-call]
        except ImportError as error:
            yield _failing(name, MissingDependency(_FSSPEC_MISSING.format(name.partition("://")[0], error)))
        except Exception as error:  # noqa: BLE001 - each filesystem has errors of its own; this one fails alone
            yield _failing(name, _remote_failed(error))
        else:
            yield from self._remote(fs, path, name)

    def _remote(self, fs: Any, path: str, name: str) -> Iterator[Found]:
        try:
            members = _remote_files(fs, path, self.glob) if fs.isdir(path) else None
        except Exception as error:  # noqa: BLE001 - as above
            yield _failing(name, _remote_failed(error))
            return
        if members is None:
            yield Found(name, partial(_from_remote, fs, path, name, self.download.max_bytes))
            return
        for member in members:
            label = without_secrets(fs.unstrip_protocol(member)) if "://" in name else member
            opener = partial(_from_remote, fs, member, label, self.download.max_bytes)
            yield Found(label, opener, from_folder=True)
        if not members:
            yield _failing(name, _nothing_in_folder(self.glob))

    def _blob(self, blob: Any) -> Iterator[Found]:
        name, metadata = str(getattr(blob, "source", None) or ""), dict(blob.metadata or {})
        path = getattr(blob, "path", None)
        file_name = PurePath(str(path or name)).name
        if getattr(blob, "data", None) is not None or path is None:
            yield _attempt(name, lambda: from_bytes(blob.as_bytes(), name, file_name, metadata))
            return
        for found in self._place(str(path)):
            yield _relabelled(found, name, metadata) if not found.from_folder else found


def mime_of_name(name: str) -> str:
    """What kind of picture or PDF a file is by its name, which only its content tells for sure; ``""`` for others."""
    kind = mimetypes.guess_type(name)[0] or ""
    return kind if kind == "application/pdf" or kind.startswith("image/") else ""


def _may_be_file(path: Path) -> bool:
    """A file, or a link to a picture or PDF that leads nowhere, which is then said."""
    try:
        path.stat()
    except FileNotFoundError:
        return mime_of_name(path.name) != ""
    except OSError:  # links in a circle
        return False
    return path.is_file()


def _protocols(fs: Any) -> tuple[str, ...]:
    """The schemes of the URLs that an fsspec filesystem takes."""
    own = getattr(fs, "protocol", ())
    return (own,) if isinstance(own, str) else tuple(own)


def _from_url(url: str, download: Download) -> Source:
    fetched = download.fetch(url)
    return from_bytes(fetched.data, without_secrets(url), fetched.file_name, {})


def _from_remote(fs: Any, path: str, name: str, max_bytes: int) -> Source:
    try:
        with fs.open(path, "rb") as stream:
            data = stream.read(max_bytes + 1)
    except Exception as error:
        raise _remote_failed(error) from error
    if len(data) > max_bytes:
        raise SourceTooLarge(f"more than {max_bytes:,} bytes; raise the limit with Download(max_bytes=...).")
    return from_bytes(data, name, PurePath(path).name, {})


def _stream(file: Any) -> Iterator[Found]:
    name = getattr(file, "name", "")
    name = name if isinstance(name, str) and not name.startswith("<") else ""
    yield _attempt(name, lambda: from_bytes(_rest_of(file), name, PurePath(name).name, {}))


def _rest_of(file: Any) -> bytes:
    data = file.read()
    if isinstance(data, str):
        raise UnsupportedSource("the file is open as text; open it with mode 'rb'.")
    if not data:
        raise EmptySource(
            "nothing left to read in the file object; if it was written or read before, call seek(0) first."
        )
    return bytes(data)


def _in_memory(data: bytes) -> Found:
    return _attempt("", lambda: from_bytes(data, "", "", {}))


def _attempt(name: str, opener: Callable[[], Source]) -> Found:
    """Where nothing but the content can name it, read now and keep the outcome, good or bad."""
    if name:
        return Found(name, opener)
    try:
        source = opener()
    except Exception as error:  # noqa: BLE001 - kept, and raised by Found.open
        return _failing(getattr(error, "source", None) or "bytes", error)
    return Found(source.name, lambda: source)


def _failing(name: str, error: Exception) -> Found:
    def fail() -> Source:
        raise error

    return Found(name, fail)


def _relabelled(found: Found, name: str, metadata: Mapping[str, Any]) -> Found:
    def opener() -> Source:
        return replace(found.open(), name=name or found.name, metadata=metadata)

    return Found(name or found.name, opener)


def _not_an_array(given: Any) -> Iterator[Found] | None:
    if not hasattr(given, "__array_interface__"):
        return None
    hint = "an array is not a document by itself; hand over PIL.Image.fromarray(array)."
    return iter([_failing(type(given).__name__, UnsupportedSource(hint))])


def _is_hidden(path: PurePath) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _is_local(fs: Any) -> bool:
    return "file" in _protocols(fs)


def _remote_files(fs: Any, folder: str, glob: str) -> list[str]:
    root = folder.rstrip("/")
    rows = fs.glob(f"{root}/{glob}", detail=True)
    files = [path for path, row in rows.items() if row["type"] == "file"]
    top = fs._strip_protocol(root)  # noqa: SLF001 - fsspec's documented hook for implementations
    return sorted(path for path in files if not _is_hidden(PurePath(path.removeprefix(top).lstrip("/"))))


def _nothing_in_folder(glob: str) -> EmptySource:
    return EmptySource(f"no file in this folder matches glob={glob!r} (hidden files are left out).")


def _remote_failed(error: Exception) -> SourceError:
    return SourceError(
        f"the filesystem could not read it ({type(error).__name__}); check the path and your credentials."
    )


_WHAT_IS_TAKEN = (
    "a {} is not a document; hand over a path, folder, URL, bytes, binary file, Blob, PIL image, "
    "or an iterable of these."
)
_FSSPEC_MISSING = "{}:// needs fsspec and its filesystem: pip install fsspec, and what it asks for ({})."


# --- loading twice ---------------------------------------------------------------------------------------------------


def remember(given: Any) -> Any:
    """What can be gone through again and again, from what may be good for one pass only.

    A loader keeps this in place of what it was given; nothing is read yet. An iterator's items are kept as they come,
    so a stream of PIL images or bytes stays in memory. A seekable file is taken back to where it stood at this call,
    any other is read once. Lists and tuples are looked into; other iterables are taken to be good for many passes.
    """
    if isinstance(given, list | tuple):
        return tuple(remember(item) for item in given)
    if isinstance(given, str | bytes | os.PathLike) or hasattr(given, "as_bytes_io") or hasattr(given, "getbands"):
        return given
    if hasattr(given, "read"):
        return _KeptFile(given)
    return _KeptItems(given) if isinstance(given, Iterator) else given


class _KeptFile:
    """A file object that reads the same at every pass."""

    def __init__(self, file: Any) -> None:
        self.name = getattr(file, "name", "")
        self._file = file
        self._start = _position(file)
        self._data: bytes | None = None
        self._lock = Lock()

    def read(self) -> Any:
        with self._lock:
            if self._start is not None:
                self._file.seek(self._start)
                return self._file.read()
            if self._data is None:
                self._data = self._file.read()
            return self._data


def _position(file: Any) -> int | None:
    try:
        return int(file.tell()) if file.seekable() else None
    except (AttributeError, OSError, ValueError):  # not to be taken back; closed: reading it will say so
        return None


class _KeptItems:
    """An iterator that can be gone through again, also by two at once."""

    def __init__(self, items: Iterator[Any]) -> None:
        self._items = items
        self._kept: list[Any] = []
        self._lock = Lock()

    def __iter__(self) -> Iterator[Any]:
        at = 0
        while self._has(at):
            yield self._kept[at]
            at += 1

    def _has(self, at: int) -> bool:
        with self._lock:
            for item in self._items if at == len(self._kept) else ():
                self._kept.append(remember(item))
                break
            return at < len(self._kept)
