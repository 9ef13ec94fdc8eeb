"""Pixels of any kind become the plain picture a person sees: gray ("L") or "RGB", 8 bits, opaque, upright."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, cast

from .errors import SourceTooLarge

if TYPE_CHECKING:
    from PIL.Image import Image

_STRIP = 512  # rows flattened at a time, so that a large page is not held three times
_DEPTHS = (1, 8, 10, 12, 14, 16, 24, 32)  # bits a sample may really have, whatever it is stored in


def plain(image: Image, *, white_is_zero: bool = False) -> Image:
    """The picture in mode "L" (where it has no colour by its mode or palette) or "RGB".

    Transparency is laid over white; 16-bit, integer and float samples are scaled by the range they use, not clipped.

    Args:
        image: In any of Pillow's modes. Returned as it is where it is plain already.
        white_is_zero: 16-bit and float samples run the other way (TIFF's PhotometricInterpretation 0; Pillow turns only
            those of 8 bits and less).
    """
    if image.mode.startswith("I") or image.mode == "F":
        return _narrowed(image, white_is_zero=white_is_zero)
    if image.has_transparency_data:
        return _over_white(image)
    if image.mode in ("L", "RGB"):
        return image
    return image.convert("L" if image.mode == "1" or _has_gray_palette(image) else "RGB")


def upright(image: Image, orientation: int) -> Image:
    """Apply an EXIF orientation, 1-8 (CIPA DC-008, tag 0x0112): turn a stored picture to how it is meant to be seen."""
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    return image.transpose(turns[orientation]) if orientation in turns else image


def check_area(size: tuple[int, int], max_pixels: int) -> None:
    """Refuse a picture by what its header says, before memory is spent on it.

    Raises:
        SourceTooLarge: It has more than ``max_pixels``.
    """
    width, height = size
    if abs(width * height) > max_pixels:
        raise SourceTooLarge(
            f"{width:,} x {height:,} pixels where {max_pixels:,} in all are allowed (small files can fill the memory); "
            "scale it down, or raise max_pixels if you trust it."
        )


def _has_gray_palette(image: Image) -> bool:
    palette = (image.getpalette("RGB") if image.mode == "P" else None) or [0, 1, 2]
    return palette[0::3] == palette[1::3] == palette[2::3]


def _over_white(image: Image) -> Image:
    import PIL.Image

    deep, flat = ("LA", "L") if image.mode in ("1", "L", "LA", "La") else ("RGBA", "RGB")
    white = PIL.Image.new(flat, image.size, "white")
    for top in range(0, image.height, _STRIP):
        strip = image.crop((0, top, image.width, min(top + _STRIP, image.height))).convert(deep)
        white.paste(strip.convert(flat), (0, top), strip.getchannel("A"))
    return white


def _narrowed(image: Image, *, white_is_zero: bool) -> Image:
    """16-bit, 32-bit and float gray to 8 bits."""
    from PIL.ImageOps import invert

    image = image if image.mode == "F" else image.convert("I")
    low, high = cast("tuple[float, float]", image.getextrema())
    black, span = _range(low, high, is_float=image.mode == "F")
    scale = 255 / span
    gray = image.convert("F").point(lambda value: value * scale + (0.5 - black * scale)).convert("L")
    return invert(gray) if white_is_zero else gray


def _range(low: float, high: float, *, is_float: bool) -> tuple[float, float]:
    """Black and the distance to white: those of the smallest usual depth that holds the samples.

    The samples' own least and greatest would do for most pages, and turn the noise of a blank one into contrast.
    """
    if not (isfinite(low) and isfinite(high)):
        raise ValueError("samples that are not numbers")
    if low < 0:
        return low, max(high - low, 1.0)
    if is_float and high <= 1:
        return 0.0, 1.0
    return 0.0, float(next((1 << bits) - 1 for bits in _DEPTHS if high < 1 << bits or bits == 32))
