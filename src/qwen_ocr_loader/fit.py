"""A page's picture becomes a file that a service accepts: untouched where it can be, never silently illegible.

The ladder: the file as it is; PNG where that is smaller (clean print), else JPEG at quality 90, 85, 75; then smaller
pictures, down to what the model itself would look at; then ``SourceTooLarge``. Sides the service calls too short or
strips it calls too long get white margins, never stretching. The same picture gives the same bytes with one Pillow.
"""

from __future__ import annotations

import base64
import io
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .catalog import resized
from .errors import SourceTooLarge
from .geometry import Box

if TYPE_CHECKING:
    from PIL.Image import Image

    from .catalog import Model
    from .images import PageImage

_QUALITIES = (90, 85, 75)
_BANDS, _BAND = 8, 8  # looked at, of as many rows, to tell clean print from a photo; JPEG's blocks are 8 x 8
_BAND_WIDTH = 1024
_CLEARLY = 0.8  # PNG takes four times as long, so it has to be worth it
_WHOLE = Box(0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a service accepts as one image; by default Qwen-OCR by base64 ("Text extraction (Qwen-OCR)", 2026-02-04).

    Attributes:
        max_base64: Characters of the whole ``data:`` URL; None where the file is not sent as one.
        max_raw: Bytes of the file.
        shortest_side: Pixels that both sides must have ("greater than 10").
        longest_side: Pixels a side may have; JPEG ends there.
        max_aspect: Longer side over shorter.
        formats: Media types accepted below 4K, 3840 x 2160.
        large_formats: Media types accepted from 4K on.
        max_pixels: As width x height; 8K, 7680 x 4320. No strict limit is published; no model looks at more.
        legible_pixels: What the model reduces images to by itself, so that as many pixels lose nothing; never fewer.
        legible_side: Pixels the shorter side keeps when only the file's size asks for fewer.
        grid: A model's own resizing, done beforehand so that it leaves the picture alone and the pixels it counts are
            those that were sent: the multiple its sides have, and the least and most pixels it looks at. None for none.
    """

    max_base64: int | None = 10 * 1024 * 1024
    max_raw: int = 7_000_000
    shortest_side: int = 11
    longest_side: int = 65_500
    max_aspect: float = 200.0
    formats: tuple[str, ...] = ("image/jpeg", "image/png", "image/webp", "image/bmp", "image/tiff", "image/heic")
    large_formats: tuple[str, ...] = ("image/jpeg", "image/png")
    max_pixels: int = 7680 * 4320
    legible_pixels: int = 8192 * 32 * 32
    legible_side: int = 1000
    grid: tuple[int, int, int] | None = None

    def room(self, mime: str) -> int:
        """Bytes a file of that media type may have."""
        if self.max_base64 is None:
            return self.max_raw
        return max(0, min(self.max_raw, (self.max_base64 - len(_data_prefix(mime))) // 4 * 3))

    def accepts(self, mime: str, width: int, height: int) -> bool:
        """Whether a media type may be sent at that size in pixels."""
        large = max(width, height) >= 3840 or min(width, height) >= 2160
        return mime in (self.large_formats if large else self.formats)

    def frame(self, width: int, height: int) -> tuple[int, int]:
        """The picture's size in pixels, or with the margins that make it long and wide enough."""
        least = max(self.shortest_side, math.ceil(max(width, height) / self.max_aspect))
        return max(width, least), max(height, least)

    def shrink(self, width: int, height: int) -> float:
        """The scale, at most 1, that brings a size in pixels under ``max_pixels`` and ``longest_side``."""
        return min(1.0, math.sqrt(self.max_pixels / (width * height)), self.longest_side / max(width, height))

    def on_grid(self, width: int, height: int) -> tuple[int, int]:
        """The size in pixels a picture is stretched to, where the model would do so itself."""
        return resized(width, height, *self.grid) if self.grid else (width, height)

    def passes(self, image: PageImage) -> bool:
        """Whether the file is sent as it is."""
        size = image.width, image.height
        return (
            0 < len(image.data) <= self.room(image.mime)
            and self.accepts(image.mime, *size)
            and self.frame(*size) == size
            and self.shrink(*size) == 1
            and self.on_grid(*size) == size
        )


def limits_of(model: Model, *, upload: bool = False, max_pixels: int | None = None) -> Limits:
    """What a Qwen-OCR model accepts.

    Args:
        model: From ``catalog.lookup``.
        upload: The file is uploaded and sent as a URL, instead of as base64.
        max_pixels: As sent to the model; its default where not.
    """
    legible = model.max_pixels if max_pixels is None else max_pixels
    if upload:
        return Limits(max_base64=None, max_raw=model.largest_file, legible_pixels=legible)
    return Limits(legible_pixels=legible)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A file to send.

    Attributes:
        data: The file.
        mime: Its media type.
        width, height: Of the picture in it, in pixels, margins included.
        scale: Of the page in it: its pixels over the page image's, at most 1.
        changed: What was done to the page image, for a log line; ``""`` where it goes untouched.
        page_box: Where the page lies in the picture, as fractions; ``Quad.within`` leads back to the page.
    """

    data: bytes = field(repr=False)
    mime: str
    width: int
    height: int
    scale: float = 1.0
    changed: str = ""
    page_box: Box = _WHOLE

    def data_url(self) -> str:
        """The file as a ``data:`` URL."""
        return _data_prefix(self.mime) + base64.b64encode(self.data).decode("ascii")


def _data_prefix(mime: str) -> str:
    return f"data:{mime};base64,"


def fitted(image: PageImage, limits: Limits | None = None) -> Encoded:
    """The page image as a file within the limits; the very bytes it came in where they are within already.

    Args:
        image: The page.
        limits: What the service accepts, JPEG and PNG always being among it; Qwen-OCR's by base64 where None.

    Raises:
        SourceTooLarge: It would have to be made illegible.
        DamagedSource: It cannot be decoded, and has to be.
    """
    limits = limits or Limits()
    if limits.passes(image):
        return Encoded(image.data, image.mime, image.width, image.height)
    size = image.width, image.height
    seen = _seen(size, limits)
    scale = limits.shrink(*limits.frame(*size))
    if scale < seen:
        margins = (
            "" if limits.frame(*size) == size else f", with the margins a strip over {limits.max_aspect:g}:1 needs"
        )
        raise _too_large(size, f"over {limits.max_pixels:,} pixels or {limits.longest_side:,} a side{margins}")
    least = max(seen, min(1.0, limits.legible_side / min(size)))
    return _encode(image.pixels(), scale, least, limits)


def _seen(size: tuple[int, int], limits: Limits) -> float:
    """The smallest scale at which the model still sees all it would have seen; a strip in margins keeps its size."""
    if limits.frame(*size) != size:
        return 1.0
    return min(1.0, math.sqrt(limits.legible_pixels / (size[0] * size[1])))


def _encode(picture: Image, scale: float, least: float, limits: Limits) -> Encoded:
    """The first file of the ladder that fits."""
    laid, box = _laid(picture, scale, limits)
    data, mime, how = _first_file(laid, limits)
    while len(data) > limits.room(mime) and scale > least:
        scale = max(least, scale * min(0.95, math.sqrt(limits.room(mime) / len(data))))
        laid, box = _laid(picture, scale, limits)
        data = _jpeg(laid, _QUALITIES[-1])
    if len(data) > limits.room(mime):
        raise _too_large(picture.size, f"over {limits.room(mime):,} bytes even at JPEG quality {_QUALITIES[-1]}")
    changes = (how, f"scaled to {scale:.3f}" if scale < 1 else "", "white margins" if box != _WHOLE else "")
    return Encoded(data, mime, *laid.size, scale, ", ".join(filter(None, changes)), box)


def _laid(picture: Image, scale: float, limits: Limits) -> tuple[Image, Box]:
    """The picture at a scale, on white where a side is too short, on the grid, and where it lies there as fractions."""
    width, height = (max(1, math.floor(side * scale)) if scale < 1 else side for side in picture.size)
    frame = limits.frame(width, height)
    if frame == (width, height):
        return _resized(picture, limits.on_grid(width, height)), _WHOLE
    sheet, box = _on_white(_resized(picture, (width, height)), frame)
    return _resized(sheet, limits.on_grid(*frame)), box


def _on_white(picture: Image, frame: tuple[int, int]) -> tuple[Image, Box]:
    import PIL.Image

    width, height = frame
    left, top = (width - picture.width) // 2, (height - picture.height) // 2
    sheet = PIL.Image.new(picture.mode, frame, "white")
    sheet.paste(picture, (left, top))
    return sheet, Box(left / width, top / height, (left + picture.width) / width, (top + picture.height) / height)


def _resized(picture: Image, size: tuple[int, int]) -> Image:
    from PIL.Image import Resampling

    return picture if picture.size == size else picture.resize(size, Resampling.LANCZOS)


def _first_file(picture: Image, limits: Limits) -> tuple[bytes, str, str]:
    """PNG where it is worth it, else the best JPEG that fits, else the smallest; its media type; what it is."""
    if _is_clean(picture, limits):
        data = _png(picture)
        if len(data) <= limits.room("image/png"):
            return data, "image/png", "as PNG"
    for quality in _QUALITIES:
        data = _jpeg(picture, quality)
        if len(data) <= limits.room("image/jpeg"):
            break
    return data, "image/jpeg", f"as JPEG {quality}"


def _is_clean(picture: Image, limits: Limits) -> bool:
    """Whether PNG promises to be clearly smaller than JPEG, and to fit, by a few bands across the picture."""
    sample = _bands(picture)
    png = len(_png(sample))
    area = picture.width * picture.height / (sample.width * sample.height)
    fits = png * area <= limits.room("image/png")
    return fits and png <= _CLEARLY * len(_jpeg(sample, _QUALITIES[0]))


def _bands(picture: Image) -> Image:
    """Bands across the middle of the picture, one under the other; all of a small one."""
    import PIL.Image

    width, height = min(_BAND_WIDTH, picture.width), picture.height
    if height <= _BANDS * _BAND:
        return picture
    left = (picture.width - width) // 2
    sample = PIL.Image.new(picture.mode, (width, _BANDS * _BAND))
    for number in range(_BANDS):
        top = (height - _BAND) * number // (_BANDS - 1)
        sample.paste(picture.crop((left, top, left + width, top + _BAND)), (0, number * _BAND))
    return sample


def _png(picture: Image) -> bytes:
    """Of one bit where black and white is all there is."""
    from PIL.Image import Dither

    if picture.mode == "L" and {value for _, value in picture.getcolors(2) or [(0, 1)]} <= {0, 255}:
        picture = picture.convert("1", dither=Dither.NONE)
    stream = io.BytesIO()
    picture.save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def _jpeg(picture: Image, quality: int) -> bytes:
    """Colour at full resolution but for the last resort: halving it smears red print."""
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality, subsampling=2 if quality == _QUALITIES[-1] else 0)
    return stream.getvalue()


def _too_large(size: tuple[int, int], why: str) -> SourceTooLarge:
    return SourceTooLarge(
        f"a picture of {size[0]:,} x {size[1]:,} pixels is {why}, and smaller it would not be legible; cut it into "
        "parts, render it at a lower dpi, or give the engine a smaller max_pixels if a coarse reading will do."
    )
