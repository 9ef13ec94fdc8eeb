"""The ways into an image file: one class each for Pillow's formats, HEIF, and a picture that is already there.

Each gives ``count``, and for a 0-based number the size as displayed, the pixels, and the file's own bytes where these
are exactly that picture. None is safe for two threads at once (``images.ImageFile`` holds the lock), and none changes
Pillow for the rest of the process: ``Image.open`` would apply its global pixel limit and whatever plugin is registered.
"""

from __future__ import annotations

import ast
import re
import struct
from io import BytesIO
from typing import TYPE_CHECKING, Any

from .errors import UnsupportedSource
from .pixels import check_area, plain, upright

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO, Protocol

    from PIL.Image import Image

    from .original import Source

    class Frames(Protocol):
        """The pictures of one file; ``number`` is 0-based, sizes are in pixels as displayed."""

        count: int

        def size(self, number: int) -> tuple[int, int]:
            """Width and height by the header."""

        def pixels(self, number: int) -> Image:
            """Decoded, "L" or "RGB", upright."""

        def encoded(self, number: int) -> bytes:
            """The whole file, where it is exactly this picture and nothing else; else ``b""``."""

        def close(self) -> None:
            """Release the file."""


MAX_FRAMES = 10_000

_ORIENTATION = 0x0112
_PHOTOMETRIC = 262
_PLUGINS = {
    "image/png": "Png",
    "image/jpeg": "Jpeg",
    "image/webp": "WebP",
    "image/bmp": "Bmp",
    "image/gif": "Gif",
    "image/tiff": "Tiff",
    "image/avif": "Avif",
    "image/jp2": "Jpeg2K",
    "image/j2c": "Jpeg2K",
    "image/icns": "Icns",
    "image/sgi": "Sgi",
}


def open_frames(source: Source, max_pixels: int) -> Frames:
    """Read an image's header.

    Raises:
        UnsupportedSource: No decoder for this kind.
        SourceTooLarge: Its first picture is over ``max_pixels``.
        Exception: Whatever a decoder says of a broken file.
    """
    if source.pixels is not None:
        return _OnePicture(source.pixels)
    stream = source.open_binary()
    try:
        return _frames(stream, source.mime, max_pixels)
    except BaseException:
        stream.close()
        raise


def _frames(stream: BinaryIO, mime: str, max_pixels: int) -> Frames:
    match mime:
        case "image/heic" | "image/heif":
            return _HeifFrames(stream, max_pixels)
        case "image/x-icon":
            return _OnePicture(_largest_icon(stream, max_pixels), stream)
        case "application/x-npy":
            return _OnePicture(_from_npy(stream, max_pixels), stream)
        case "image/icns":
            _check_icns(stream, max_pixels)
    return _PillowFrames(stream, mime, max_pixels)


def decode(data: bytes, mime: str) -> Image:
    """The pixels of a plain file, "L" or "RGB"."""
    image = _plugin(mime)(BytesIO(data), "")
    image.load()
    return plain(image)


def _plugin(mime: str) -> Callable[[BinaryIO, str], Any]:
    """Pillow's class for a format. JPEG's own, so a camera's MPO is its first picture and not a depth map besides."""
    from importlib import import_module

    name = _PLUGINS.get(mime)
    if name is None:
        raise UnsupportedSource(f"{mime} is no image; pages of it have to be read otherwise.")
    module = import_module(f"PIL.{name}ImagePlugin")
    if not getattr(module, "SUPPORTED", True):
        raise UnsupportedSource(f"this Pillow is built without {name.upper()}: pip install --upgrade pillow.")
    plugin: Callable[[BinaryIO, str], Any] = getattr(module, f"{name}ImageFile")
    return plugin


class _PillowFrames:
    """A file that one of Pillow's plugins reads, frame by frame."""

    def __init__(self, stream: BinaryIO, mime: str, max_pixels: int) -> None:
        self._stream, self._mime, self._max_pixels = stream, mime, max_pixels
        self._image: Any = None
        directories = len(tiff_directories(stream)) if mime == "image/tiff" else 0
        self.count = directories or getattr(self._at(0), "n_frames", 1)

    def _at(self, number: int) -> Any:
        """Pillow's image with its header at a frame, not decoded, and small enough to be."""
        image, self._image = self._image or self._reopened(), None  # dropped where it fails: it stands in mid-frame
        # A GIF's frame is painted on those before it, and may be larger; a TIFF's broken frame must not bar the next.
        for frame in range(image.tell() + 1, number) if self._mime == "image/gif" else ():
            image.seek(frame)
            check_area(image.size, self._max_pixels)
        image.seek(number)
        check_area(image.size, self._max_pixels)
        self._image = image
        return image

    def _reopened(self) -> Any:
        self._stream.seek(0)
        is_dib = self._mime == "image/bmp" and self._stream.read(2) != b"BM"
        self._stream.seek(0)
        if not is_dib:
            return _plugin(self._mime)(self._stream, "")
        from PIL.BmpImagePlugin import DibImageFile

        return DibImageFile(self._stream)

    def size(self, number: int) -> tuple[int, int]:
        image = self._at(number)
        width, height = image.size
        return (height, width) if self._orientation(image) >= 5 else (width, height)

    def pixels(self, number: int) -> Image:
        image = self._at(number)
        orientation, self._image = self._orientation(image), None
        white_is_zero = self._mime == "image/tiff" and image.tag_v2.get(_PHOTOMETRIC) == 0
        image.load()
        picture = upright(plain(image, white_is_zero=white_is_zero), orientation)
        if self.count == 1:
            return picture
        self._image = image
        return picture.copy() if picture is image else picture

    def encoded(self, number: int) -> bytes:
        image = self._at(number)
        if self.count > 1 or not _is_plain(image, self._mime) or self._orientation(image) != 1:
            return b""
        self._stream.seek(0)
        data, self._image = self._stream.read(), None
        return data if _is_whole(data, self._mime) else b""

    def _orientation(self, image: Any) -> int:
        """1-8, as in EXIF or XMP; 1 for TIFF, which Pillow turns itself."""
        if self._mime == "image/tiff":
            return 1
        if self._mime == "image/png" and not self._has_late_exif():
            from PIL.Image import Image

            return _orientation(
                Image.getexif(image)
            )  # the plugin's own decodes the pixels to look for EXIF behind them
        return _orientation(image.getexif())

    def _has_late_exif(self) -> bool:
        position = self._stream.tell()
        self._stream.seek(max(0, self._stream.seek(0, 2) - 65536))
        found = b"eXIf" in self._stream.read()
        self._stream.seek(position)
        return found

    def close(self) -> None:
        self._image = None
        self._stream.close()


class _HeifFrames:
    """HEIC and HEIF through pi_heif's own interface: its Pillow plugin would be registered for the whole process."""

    def __init__(self, stream: BinaryIO, max_pixels: int) -> None:
        import pi_heif

        self._file: Any = pi_heif.open_heif(stream)  # type: ignore[attr-defined]
        self._max_pixels, self._stream = max_pixels, stream
        self.count = len(self._file)

    def size(self, number: int) -> tuple[int, int]:
        picture = self._file[number]
        check_area(picture.size, self._max_pixels)
        if picture.mode.startswith("I;16"):
            _check_libheif()
        return int(picture.size[0]), int(picture.size[1])

    def pixels(self, number: int) -> Image:
        """Turned by libheif as the container says; EXIF only repeats that (ISO/IEC 23008-12, annex A)."""
        self.size(number)
        return plain(self._file[number].to_pillow())

    def encoded(self, number: int) -> bytes:  # noqa: ARG002 - a container, never a plain picture
        return b""

    def close(self) -> None:
        self._file = None
        self._stream.close()


def _check_libheif() -> None:
    """Refuse deep gray where a file that lies about its depth would make libheif write past its memory.

    Seen with libheif 1.23.0 (pi_heif 1.4.0, November 2026), gone in 1.23.6; colour and 8-bit gray are not touched.
    """
    import pi_heif

    version = pi_heif.libheif_version()  # type: ignore[attr-defined]
    if tuple(int(part) for part in version.split(".")[:3]) < (1, 23, 6):
        raise UnsupportedSource(
            f"gray HEIC of more than 8 bits is not safe with libheif {version}; save it as PNG, or try "
            "pip install --upgrade pi-heif."
        )


class _OnePicture:
    """A PIL image that is there already: handed over (with the frame it stands at), an icon's largest, an array's."""

    count = 1

    def __init__(self, image: Image, stream: BinaryIO | None = None) -> None:
        self._image, self._stream = image, stream

    def _orientation(self) -> int:
        return 1 if getattr(self._image, "format", "") == "TIFF" else _orientation(self._image.getexif())

    def size(self, number: int) -> tuple[int, int]:  # noqa: ARG002
        width, height = self._image.size
        return (height, width) if self._orientation() >= 5 else (width, height)

    def pixels(self, number: int) -> Image:  # noqa: ARG002
        self._image.load()
        picture = upright(plain(self._image), self._orientation())
        return picture.copy() if picture is self._image else picture

    def encoded(self, number: int) -> bytes:  # noqa: ARG002
        return b""

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()


def _orientation(exif: Any) -> int:
    value = exif.get(_ORIENTATION, 1)
    return value if value in range(1, 9) else 1


def _is_plain(image: Any, mime: str) -> bool:
    """8-bit gray or RGB without transparency, and no second picture in the same file."""
    if mime not in ("image/jpeg", "image/png", "image/webp") or image.mode not in ("L", "RGB"):
        return False
    if mime == "image/png" and (not image.tile or image.tile[0].args != image.mode):  # "RGB;16B": 16 bits a sample
        return False
    return "transparency" not in image.info and "mp" not in image.info


def _is_whole(data: bytes, mime: str) -> bool:
    """Whether the file goes on to its end mark; one that does not is decoded, which says what is wrong with it."""
    if mime == "image/webp":
        return len(data) >= 8 + int.from_bytes(data[4:8], "little")
    return data.endswith(b"\xff\xd9" if mime == "image/jpeg" else b"IEND\xaeB`\x82")


def tiff_directories(stream: BinaryIO) -> list[int]:
    """Where each frame's directory starts (TIFF 6.0, section 2; BigTIFF has 8-byte offsets), a cut-off one included.

    Pillow loses a broken chain's whole file, or its tail without a word; so the frames are counted here.
    """
    head = stream.read(16)
    order = "<" if head[:2] == b"II" else ">"
    big = head[2:4] in (b"+\0", b"\0+")
    count_format, offset_format, entry = (f"{order}Q", f"{order}Q", 20) if big else (f"{order}H", f"{order}I", 12)
    (offset,) = struct.unpack_from(offset_format, head, 8 if big else 4)
    offsets: dict[int, None] = {}
    while offset and offset not in offsets and len(offsets) <= MAX_FRAMES:
        offsets[offset] = None
        offset = _next_directory(stream, offset, count_format, offset_format, entry)
    return list(offsets)


def _next_directory(stream: BinaryIO, offset: int, count_format: str, offset_format: str, entry: int) -> int:
    try:
        stream.seek(offset)
        (entries,) = struct.unpack(count_format, stream.read(struct.calcsize(count_format)))
        stream.seek(entries * entry, 1)
        (following,) = struct.unpack(offset_format, stream.read(struct.calcsize(offset_format)))
    except (struct.error, OSError, OverflowError):  # cut off here: this frame will say so when it is read
        return 0
    return int(following)


def _largest_icon(stream: BinaryIO, max_pixels: int) -> Image:
    """The largest picture of an ICO, the deepest of several: a whole PNG, or a DIB with a mask that Pillow applies."""
    from PIL.IcoImagePlugin import IcoFile

    icon = IcoFile(stream)
    best = max(range(len(icon.entry)), key=lambda at: (icon.entry[at].square, icon.entry[at].bpp))
    stream.seek(icon.entry[best].offset)
    head = stream.read(24)
    if not head.startswith(b"\x89PNG"):
        check_area(struct.unpack_from("<ii", head, 4), max_pixels)
        return icon.frame(best)
    check_area(struct.unpack_from(">II", head, 16), max_pixels)
    stream.seek(icon.entry[best].offset)
    return _plugin("image/png")(BytesIO(stream.read(icon.entry[best].size)), "")  # type: ignore[no-any-return]


def _check_icns(stream: BinaryIO, max_pixels: int) -> None:
    """The PNGs and JPEG 2000s inside say their real size; the icon's directory only says what it ought to be."""
    data = stream.read()
    for header in re.finditer(
        rb"\x89PNG\r\n\x1a\n....IHDR(?P<w>.{4})(?P<h>.{4})|ihdr(?P<h2>.{4})(?P<w2>.{4})", data, re.DOTALL
    ):
        width, height = header["w"] or header["w2"], header["h"] or header["h2"]
        check_area((int.from_bytes(width, "big"), int.from_bytes(height, "big")), max_pixels)


def _from_npy(stream: BinaryIO, max_pixels: int) -> Image:
    """Pixels as numpy.save writes them (numpy.lib.format, versions 1 to 3): 8 bits, (height, width[, 1, 3 or 4])."""
    from PIL import Image

    major = stream.read(8)[6]
    (length,) = struct.unpack("<H" if major == 1 else "<I", stream.read(2 if major == 1 else 4))
    header = ast.literal_eval(stream.read(length).decode())
    shape = header["shape"]
    mode = {1: "L", 3: "RGB", 4: "RGBA"}.get(shape[2] if len(shape) == 3 else 1)
    if header["descr"] not in ("|u1", "|b1") or header["fortran_order"] or len(shape) not in (2, 3) or mode is None:
        raise UnsupportedSource(
            f"an array {header['descr']} {shape} is no picture; give (height, width[, 3]) of uint8."
        )
    height, width = shape[:2]
    check_area((width, height), max_pixels)
    image = Image.frombytes(mode, (width, height), stream.read(width * height * len(mode)))
    return image if header["descr"] == "|u1" else image.point(lambda value: value * 255)
