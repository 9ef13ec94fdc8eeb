"""What a file is, told by its first bytes (RFC 9110 media types); suffixes lie.

Signatures: the formats' own specifications; ISO base media brands: https://mp4ra.org/registered-types/brands.
"""

from __future__ import annotations

import re
import struct

HEAD = 2048
"""How many of a file's first bytes are enough."""

READABLE = (
    "PDF", "PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "HEIC", "AVIF", "JPEG 2000", "ICO", "ICNS", "SGI", "NPY",
)  # fmt: skip

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"II+\0\x08\0\0\0", "image/tiff"),  # BigTIFF: offsets of 8 bytes
    (b"MM\0+\0\x08\0\0", "image/tiff"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "image/jp2"),
    (b"\xff\x4f\xff\x51", "image/j2c"),
    (b"icns", "image/icns"),
    (b"\x93NUMPY", "application/x-npy"),  # what LangChain's PDF parsers hand to an images_parser
)
_HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_HEIF = {b"mif1", b"mif2", b"msf1", b"miaf"}
_AVIF = {b"avif", b"avis"}

# PDF readers take up to 1024 bytes before the header (Adobe's implementation note 13 to PDF 1.7); a quotation mark
# just before it means a text about PDF.
_PDF = rb"(?<![\"'`(\\])%PDF-\d"


def mime_of(head: bytes) -> str:
    """The media type of a file by its first ``HEAD`` bytes; ``""`` where it is none that is read here."""
    for signature, mime in _SIGNATURES:
        if head.startswith(signature):
            return mime
    for test in (_iso_media, _webp, _bitmap, _icon, _sgi, _pdf):
        if mime := test(head):
            return mime
    return ""


def _iso_media(head: bytes) -> str:
    if head[4:8] != b"ftyp":
        return ""
    length = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, length, 4))}
    if brands & _AVIF:
        return "image/avif"
    if brands & _HEIC:
        return "image/heic"
    return "image/heif" if brands & _HEIF else ""


def _webp(head: bytes) -> str:
    return "image/webp" if head[:4] == b"RIFF" and head[8:12] == b"WEBP" else ""


def _bitmap(head: bytes) -> str:
    """A BMP file, or a DIB: the same without its file header, so size, planes and bits of its info header must fit."""
    if head[:2] == b"BM" and len(head) > 18 and head[15:18] == b"\0\0\0":
        return "image/bmp"
    if len(head) < 16 or int.from_bytes(head[:4], "little") not in (40, 52, 56, 64, 108, 124):
        return ""
    planes, bits = struct.unpack_from("<HH", head, 12)
    return "image/bmp" if planes == 1 and bits in (1, 4, 8, 16, 24, 32) else ""


def _icon(head: bytes) -> str:
    if head[:4] != b"\0\0\1\0" or len(head) < 22:
        return ""
    (count,) = struct.unpack_from("<H", head, 4)
    (offset,) = struct.unpack_from("<I", head, 18)
    return "image/x-icon" if count and offset >= 6 + 16 * count else ""


def _sgi(head: bytes) -> str:
    if head[:2] != b"\x01\xda" or len(head) < 6:
        return ""
    return "image/sgi" if head[2] in (0, 1) and head[3] in (1, 2) and head[4:6] in (b"\0\1", b"\0\2", b"\0\3") else ""


def _pdf(head: bytes) -> str:
    return "application/pdf" if re.search(_PDF, head[: 1024 + len("%PDF-1")]) else ""
