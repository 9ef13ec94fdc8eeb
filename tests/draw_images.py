"""Pictures drawn for the tests: receipts, forms, noise, skew, in every format and mode the package reads."""

from __future__ import annotations

import io
import random
from typing import TYPE_CHECKING, Any, NamedTuple

from PIL import Image, ImageChops, ImageDraw, ImageFont

if TYPE_CHECKING:
    from collections.abc import Sequence

INK = {"top_left": 0, "top_right": 60, "bottom_left": 120}  # the corners of `marked`, gray on white


class Drawn(NamedTuple):
    """A picture and what is written on it: (text, (left, top, right, bottom) in pixels), in reading order."""

    image: Image.Image
    lines: list[tuple[str, tuple[float, float, float, float]]]


def write(lines: Sequence[tuple[float, float, str]], size: tuple[int, int], points: float = 28) -> Drawn:
    """Black text on white: each line's left, top and text, in pixels."""
    image = Image.new("L", size, 255)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(points)
    drawn = []
    for left, top, text in lines:
        pen.text((left, top), text, 0, font)
        drawn.append((text, pen.textbbox((left, top), text, font)))
    return Drawn(image, drawn)


def receipt(items: int = 6) -> Drawn:
    """A till receipt, 480 px wide: names left, amounts right, in rows."""
    rows = [(120.0, 30.0, "CORNER SHOP"), (60.0, 80.0, "Invoice 2024-0117")]
    for number in range(items):
        top = 150.0 + 50 * number
        rows += [(30.0, top, f"Article {number + 1}"), (360.0, top, f"{number + 3}.{number}5")]
    rows += [(30.0, 170.0 + 50 * items, "TOTAL"), (350.0, 170.0 + 50 * items, "42.10")]
    return write(rows, (480, 260 + 50 * items))


def form(fields: Sequence[tuple[str, str]] = (("Name", "Ada Lovelace"), ("Date", "1843-09-05"))) -> Drawn:
    """Labels and boxed values, 800 px wide."""
    drawn = write([row for at, f in enumerate(fields) for row in _field(at, *f)], (800, 120 + 90 * len(fields)))
    pen = ImageDraw.Draw(drawn.image)
    for at in range(len(fields)):
        pen.rectangle((290, 45 + 90 * at, 760, 110 + 90 * at), outline=0, width=2)
    return drawn


def _field(at: int, label: str, value: str) -> list[tuple[float, float, str]]:
    return [(40.0, 60.0 + 90 * at, f"{label}:"), (310.0, 60.0 + 90 * at, value)]


def noisy(image: Image.Image, amount: int = 40, seed: int = 1) -> Image.Image:
    """The same with grain of up to ``amount`` gray levels."""
    grain = Image.frombytes("L", image.size, random.Random(seed).randbytes(image.width * image.height))
    return ImageChops.subtract(image.convert("L"), grain.point(lambda value: value * amount // 255))


def skewed(image: Image.Image, degrees: float) -> Image.Image:
    """Turned a little counter-clockwise, on white, as a sheet laid crookedly on a scanner."""
    return image.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor="white")


def marked(width: int = 60, height: int = 40) -> Image.Image:
    """White, with a gray square in three corners (``INK``), so that every turn and mirroring of it looks different."""
    image = Image.new("L", (width, height), 255)
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 0, 11, 11), INK["top_left"])
    pen.rectangle((width - 12, 0, width - 1, 11), INK["top_right"])
    pen.rectangle((0, height - 12, 11, height - 1), INK["bottom_left"])
    return image


def coloured(width: int = 60, height: int = 40) -> Image.Image:
    """Left half red, right half blue, both saturated."""
    image = Image.new("RGB", (width, height), (220, 20, 30))
    image.paste((20, 30, 220), (width // 2, 0, width, height))
    return image


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The picture as a file of one of Pillow's formats, or ``"HEIF"``."""
    if kind == "HEIF":
        return _heif([image], **options)
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def frames(images: Sequence[Image.Image], kind: str, **options: Any) -> bytes:
    """Several pictures in one file."""
    if kind == "HEIF":
        return _heif(images, **options)
    return encoded(images[0], kind, save_all=True, append_images=list(images[1:]), **options)


def _heif(images: Sequence[Image.Image], **options: Any) -> bytes:
    import pillow_heif  # the reader's twin with an encoder

    file = pillow_heif.HeifFile()
    for image in images:
        added = file.add_frombytes(image.mode, image.size, image.tobytes())
        added.info["exif"] = image.info.get("exif")
    stream = io.BytesIO()
    file.save(stream, **options)
    return stream.getvalue()


def with_orientation(image: Image.Image, orientation: int, kind: str, **options: Any) -> bytes:
    """A file whose EXIF asks for a turn."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(image, kind, exif=exif, **options)


def dib(image: Image.Image) -> bytes:
    """A BMP without its file header, as the clipboard holds it."""
    return encoded(image, "BMP")[14:]
