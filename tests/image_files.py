"""What the tests of image files share: files written by hand, opened, and looked at."""

import struct
import zlib

from PIL import Image

from qwen_ocr_loader.images import open_image
from qwen_ocr_loader.source import Source, find


def source(given) -> Source:
    return next(find(given)).open()


def read(given) -> Image.Image:
    with open_image(source(given)) as file:
        return file.page(0).image().pixels()


def is_marked(image: Image.Image, tolerance: int = 12) -> bool:
    """Whether it shows ``draw.marked()`` the right way up."""
    gray = image.convert("L")
    width, height = gray.size
    spots = {(4, 4): 0, (width - 5, 4): 60, (4, height - 5): 120, (width // 2, height // 2): 255}
    return all(abs(gray.getpixel(at) - value) <= tolerance for at, value in spots.items())


def numbered(count: int) -> list[Image.Image]:
    return [Image.new("L", (20 + number, 30), 10 * number) for number in range(count)]


def _png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def _npy(shape: tuple[int, ...], pixels: bytes, descr: str = "|u1") -> bytes:
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode().ljust(117) + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + pixels
