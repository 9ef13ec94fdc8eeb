"""Image files as pages: each frame becomes the plain 8-bit picture a person sees, decoded when it is asked for.

Pixels are gray ("L") or "RGB": turned as EXIF says, transparency over white, 16-bit and float scaled by their range,
CMYK, palette, Lab and YCbCr converted. Embedded colour profiles are ignored: they move tints, not letters. Pillow's
process-wide settings and plugins are left as they are.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .errors import DamagedSource, EmptySource, OCRError, SourceError, SourceTooLarge
from .forking import Lock
from .frames import MAX_FRAMES, decode, open_frames
from .pixels import check_area, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType
    from typing import Self

    from PIL.Image import Image

    from .frames import Frames
    from .geometry import Quad
    from .original import Source
    from .results import Unit

MAX_PIXELS = 178_956_970
"""Of one picture: where Pillow's own bomb check starts to refuse; A2 at 600 dpi has 139 million."""


@dataclass(frozen=True, slots=True, eq=False)
class PageImage:
    """A page's picture, as displayed.

    Attributes:
        width, height: In pixels.
        data: The encoded file, where it is exactly this picture and nothing else (one frame, no EXIF turn, 8-bit RGB or
            gray without transparency), so it can be sent as it is; ``b""`` otherwise.
        mime: Of ``data``; ``""`` without it.
    """

    width: int
    height: int
    data: bytes = field(default=b"", repr=False)
    mime: str = ""
    decoded: Image | None = field(default=None, repr=False)

    @classmethod
    def from_pixels(cls, image: Image) -> Self:
        """From a PIL image of any mode, as it stands (its EXIF turn is taken to be applied)."""
        image = plain(image)
        return cls(image.width, image.height, decoded=image)

    @classmethod
    def from_encoded(cls, data: bytes, mime: str, width: int, height: int) -> Self:
        """From a plain JPEG, PNG or WEBP of that size in pixels."""
        return cls(width, height, data, mime)

    def pixels(self) -> Image:
        """The picture in mode "L" or "RGB"; decoded anew at each call where there is ``data``. Not to be changed.

        Raises:
            DamagedSource: ``data`` is cut off or broken.
        """
        if self.decoded is not None:
            return self.decoded
        with _decoding(None, None):
            return decode(self.data, self.mime)

    def digest(self) -> str:
        """SHA-256 of the file, or of the pixels with their size and mode where there is none."""
        if self.data:
            return hashlib.sha256(self.data).hexdigest()
        picture = self.pixels()
        return hashlib.sha256(
            f"{picture.mode} {picture.width} {picture.height} ".encode() + picture.tobytes()
        ).hexdigest()

    def is_blank(self) -> bool:
        """Nothing is on it but paper: seen from afar (64 x 64), light and dark differ by less than a tenth.

        Raises:
            DamagedSource: As for ``pixels``.
        """
        tones = self.pixels().convert("L").resize((64, 64), reducing_gap=2.0).tobytes()
        return max(tones) - min(tones) < 0.1 * 255


@dataclass(frozen=True, slots=True)
class ImagePage:
    """One frame of an image file.

    Attributes:
        number: 0-based.
        label: As printed on it, as far as an image can know: ``"1"`` for the first.
        width, height: As displayed, in ``unit``.
    """

    file: ImageFile = field(repr=False)
    number: int
    label: str
    width: float
    height: float
    unit: Unit = "px"
    text_layer: None = None

    def rules(self) -> tuple[Quad, ...]:
        """None: they are among its pixels."""
        return ()

    def image(self) -> PageImage:
        """Decode it.

        Raises:
            DamagedSource: This frame is cut off or broken; others may still be read.
        """
        return self.file.image(self.number)


class ImageFile:
    """The frames of an image file as pages. Safe to use from several threads; closed as a context manager.

    Attributes:
        count: Frames of a TIFF, GIF, WEBP, APNG, AVIF or HEIC; 1 for the rest, as an icon's pictures are one in sizes.
        info: Empty: what a PDF's title and author are has no common place in images.
    """

    def __init__(self, source: Source, *, max_pixels: int = MAX_PIXELS) -> None:
        self.name = source.name
        self._mime = source.mime
        self.info: dict[str, str] = {}
        self._max_pixels = max_pixels
        self._lock = Lock()
        self._closed = False
        self._frames = self._open(source)
        self.count = self._frames.count

    def _open(self, source: Source) -> Frames:
        with _decoding(self.name, None):
            frames = open_frames(source, self._max_pixels)
            self._check(frames)
            return frames

    def _check(self, frames: Frames) -> None:
        if 0 < frames.count <= MAX_FRAMES:
            return
        frames.close()
        if not frames.count:
            raise EmptySource("there is no picture in it; check that it was saved completely.")
        raise SourceTooLarge(f"more than {MAX_FRAMES:,} frames; split it into several files.")

    def page(self, number: int) -> ImagePage:
        """The frame ``number`` (0-based), not yet decoded.

        Raises:
            IndexError: There is no such frame.
            SourceTooLarge: It has more than ``max_pixels``.
            DamagedSource: This frame's header is broken.
        """
        if not 0 <= number < self.count:
            raise IndexError(f"page {number} of {self.count}")
        with self._lock, _decoding(self.name, number):
            width, height = self._size(number)
        return ImagePage(self, number, str(number + 1), float(width), float(height))

    def image(self, number: int) -> PageImage:
        """The picture of frame ``number``; as ``ImagePage.image``."""
        with self._lock, _decoding(self.name, number):
            width, height = self._size(number)
            if data := self._frames.encoded(number):
                return PageImage.from_encoded(data, self._mime, width, height)
            return PageImage.from_pixels(self._frames.pixels(number))

    def _size(self, number: int) -> tuple[int, int]:
        if self._closed:
            raise SourceError("its pages are closed; read them before the file is.")
        width, height = self._frames.size(number)
        check_area((width, height), self._max_pixels)  # of a picture that was handed over; files are checked on the way
        return width, height

    def prepare(self, numbers: Sequence[int]) -> None:
        """Nothing is read ahead; see ``Pages.prepare``."""

    def close(self) -> None:
        """Release the file; pictures already made stay good."""
        with self._lock:
            self._closed = True
            self._frames.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_image(source: Source, *, max_pixels: int = MAX_PIXELS) -> ImageFile:
    """Open an image file; its header is read, its pixels are not.

    Args:
        source: Whose ``mime`` is an image's, or ``application/x-npy``.
        max_pixels: The largest frame, as width x height.

    Raises:
        UnsupportedSource: Not an image, or of a kind this Pillow was built without.
        DamagedSource: Broken at its beginning.
        SourceTooLarge: Over ``max_pixels`` (icons: here already), or over 10,000 frames.
    """
    return ImageFile(source, max_pixels=max_pixels)


@contextmanager
def _decoding(name: str | None, number: int | None) -> Iterator[None]:
    """Turn whatever a decoder throws at broken files into one of our errors, with the frame it happened in."""
    from PIL.Image import DecompressionBombError, DecompressionBombWarning

    try:
        yield
    except OCRError as error:
        error.source, error.page = error.source or name, number
        raise
    except (DecompressionBombError, DecompressionBombWarning, MemoryError) as error:
        message = f"too many pixels ({error}); scale it down first."
        raise SourceTooLarge(message, source=name, page=number) from error
    except Exception as error:  # Pillow's plugins raise nearly anything on broken files
        message = f"broken or cut off ({error or type(error).__name__}); save, scan or download it again."
        raise DamagedSource(message, source=name, page=number) from error
