"""Small pages that carry their own number, so that a server can tell which page it was sent, however it was encoded."""

from __future__ import annotations

import io
from functools import lru_cache

from PIL import Image, ImageDraw

BITS = 16
SIGNATURE = 0b1010_0101_1100_0011


def marked_page(number: int, size: tuple[int, int] = (192, 256)) -> Image.Image:
    """A white page with two rows of 16 black or white cells at its top: a signature, and ``number`` (0-65535)."""
    image = Image.new("L", size, 255)
    pen = ImageDraw.Draw(image)
    for row, bits in enumerate((SIGNATURE, number)):
        for column in range(BITS):
            if bits >> (BITS - 1 - column) & 1:
                pen.rectangle(_cell(size, row, column), 0)
    return image


def marked_png(number: int, size: tuple[int, int] = (192, 256)) -> bytes:
    """``marked_page`` as a PNG file."""
    file = io.BytesIO()
    marked_page(number, size).save(file, "PNG")
    return file.getvalue()


@lru_cache(32)
def page_number(data: bytes) -> int | None:
    """The number of a marked page; None for any other picture."""
    with Image.open(io.BytesIO(data)) as image:
        image.draft("L", (8 * BITS, 8 * BITS))  # a JPEG decodes several times faster when it may stay small
        gray = image.convert("L")
    pixels, across = gray.tobytes(), gray.width
    cells = [[_middle(gray.size, row, column) for column in range(BITS)] for row in (0, 1)]
    rows = [[pixels[y * across + x] < 128 for x, y in row] for row in cells]
    signature, number = (sum(dark << (BITS - 1 - column) for column, dark in enumerate(row)) for row in rows)
    return number if signature == SIGNATURE else None


def _cell(size: tuple[int, int], row: int, column: int) -> tuple[float, float, float, float]:
    """Left, top, right, bottom in pixels; the two rows fill the top eighth of the page."""
    across, down = size[0] / BITS, size[1] / 16
    return column * across, row * down, (column + 1) * across - 1, (row + 1) * down - 1


def _middle(size: tuple[int, int], row: int, column: int) -> tuple[int, int]:
    left, top, right, bottom = _cell(size, row, column)
    return round((left + right) / 2), round((top + bottom) / 2)
