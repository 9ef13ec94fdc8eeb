"""One document as it was handed over: bytes with a name, what they are (told by content), and their sha256."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from io import BufferedReader, BytesIO
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from .errors import DamagedSource, EmptySource, SourceError, UnsupportedSource
from .filetypes import HEAD, READABLE, mime_of
from .forking import cached_property

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PIL.Image import Image

PIXELS = "image/x-pixels"  # a PIL image that says nothing about the file it came from


@dataclass(frozen=True)
class Source:
    """One document: an image file or a PDF.

    Attributes:
        name: What ``metadata["source"]`` says: the path as given, the URL without secrets, or ``"bytes:"`` and the
            first 16 digits of the sha256.
        mime: Told by the first bytes, never by the suffix: ``application/pdf``, ``image/...``, ``application/x-npy``.
        file_name: ``""`` where unknown.
        path: The local file, where there is one.
        metadata: Keys that came with a ``Blob``.
        pixels: The PIL image that was handed over, else None.
        content: The bytes, where they are in memory; ``data`` has them in any case.
    """

    name: str
    mime: str
    file_name: str = ""
    path: Path | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    pixels: Image | None = field(default=None, repr=False)
    content: bytes = field(default=b"", repr=False)

    @property
    def data(self) -> bytes:
        """The file's bytes. A path is read anew each time; a PIL image is written as PNG."""
        if self.pixels is not None:
            return _as_png(self.pixels)
        if self.path is None:
            return self.content
        with self.open_binary() as stream:
            return stream.read()

    @property
    def size(self) -> int:
        """In bytes: of the file, or of a PIL image's pixels."""
        if self.pixels is not None:
            return self.pixels.width * self.pixels.height * len(self.pixels.getbands())
        if self.path is None:
            return len(self.content)
        with self.open_binary() as stream:
            return stream.seek(0, os.SEEK_END)

    @cached_property
    def sha256(self) -> str:
        """Of the content, as hex: the file's bytes, or a PIL image's mode, size, palette and pixels."""
        if self.pixels is not None:
            return _pixels_sha256(self.pixels)
        import hashlib

        with self.open_binary() as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def open_binary(self) -> BytesIO | BufferedReader:
        """A new stream over the bytes, at their start. The caller closes it.

        Raises:
            SourceError: The file is gone or may not be read.
        """
        if self.path is None:
            return BytesIO(self.data if self.pixels is not None else self.content)
        try:
            return self.path.open("rb")
        except OSError as error:
            raise unreadable(error, self.name) from error


def from_path(path: Path, name: str) -> Source:
    """A local file; what its first bytes say it is. An ``OSError`` comes as it is."""
    if not name or not (path.exists() or path.is_symlink()):
        raise SourceError(
            "no such file or folder, nor a URL (these start with http:// or https://); check the spelling. "
            f"A relative path counts from {Path.cwd()}."
        )
    if not path.is_file():  # a pipe, as in `qwen-ocr read <(curl ...)`: it can be read once only
        return from_bytes(path.read_bytes(), name, path.name, {})
    with path.open("rb") as stream:
        head = stream.read(HEAD)
    return Source(name, _known_mime(head), path.name, path)


def from_bytes(data: bytes, name: str, file_name: str, metadata: Mapping[str, Any]) -> Source:
    """Bytes in memory. Without a name they are called after their sha256."""
    import hashlib

    name = name or f"bytes:{hashlib.sha256(data).hexdigest()[:16]}"
    try:
        return Source(name, _known_mime(data[:HEAD]), file_name, None, metadata, content=data)
    except SourceError as error:
        error.source = name
        raise


def from_pixels(image: Any) -> Source:
    """A PIL image, loaded; with the name of the file it was opened from, if any."""
    try:
        image.load()
    except (OSError, ValueError, SyntaxError) as error:
        raise DamagedSource(f"the PIL image cannot be loaded ({error}); give the path of its file") from error
    mime = getattr(image, "get_format_mimetype", lambda: None)() or PIXELS
    name = pixels_name(image)
    source = Source(name, mime, PurePath(name).name, pixels=image)
    return source if name else Source(f"image:{source.sha256[:16]}", mime, pixels=image)


def _known_mime(head: bytes) -> str:
    mime = mime_of(head)
    if mime:
        return mime
    if not head:
        raise EmptySource("no bytes in it; check that it was saved or uploaded completely.")
    raise UnsupportedSource(
        f"neither an image nor a PDF: it starts with {head[:8]!r}. Readable are {', '.join(READABLE)}; "
        "print or export anything else to PDF first."
    )


def pixels_name(image: Any) -> str:
    """The file a PIL image was opened from; ``""`` where Pillow does not know."""
    name = getattr(image, "filename", "")
    return os.fsdecode(name) if isinstance(name, str | bytes | os.PathLike) else ""


def _pixels_sha256(image: Image) -> str:
    import hashlib

    palette = image.getpalette("RGBA") if image.mode in ("P", "PA") else None
    described = repr((image.mode, image.size, palette, image.info.get("transparency"), image.getexif().get(0x0112)))
    digest = hashlib.sha256(described.encode())
    for top in range(0, image.height, 512):
        digest.update(image.crop((0, top, image.width, min(top + 512, image.height))).tobytes())
    return digest.hexdigest()


def _as_png(image: Image) -> bytes:
    from .pixels import plain

    stream = BytesIO()
    plain(image).save(stream, "PNG")
    return stream.getvalue()


def unreadable(error: OSError, name: str) -> SourceError:
    """What the operating system said, as our error."""
    return SourceError(f"cannot be read ({error.strerror or error}); check the path and its permissions.", source=name)
