"""Pictures in requests: their limits, and how many tokens they are.

Sources: Alibaba Model Studio, Qwen-OCR guide (2026-02-04), "image limits" and its ``smart_resize``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import math
import re
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from PIL import Image

from dashscope_faults import FAULTS, Refusal, refuse, refuse_parameter
from marked_pages import page_number

FORMATS = {
    "BMP": "bmp",
    "JPEG": "jpeg",
    "MPO": "jpeg",
    "PNG": "png",
    "TIFF": "tiff",
    "WEBP": "webp",
}  # and HEIC, which Pillow cannot check
MAX_DATA_URI = 10_485_760


def smart_resize(width: int, height: int, factor: int, least: int, most: int) -> tuple[int, int]:
    """Width and height the model sees, as the vendor's guide computes them."""
    across, down = round(width / factor) * factor, round(height / factor) * factor
    if across * down > most:
        beta = math.sqrt(width * height / most)
        return math.floor(width / beta / factor) * factor, math.floor(height / beta / factor) * factor
    if across * down < least:
        beta = math.sqrt(least / (width * height))
        return math.ceil(width * beta / factor) * factor, math.ceil(height * beta / factor) * factor
    return across, down


@dataclass(frozen=True)
class SentImage:
    """A picture of a request. ``data`` is empty behind an unknown URL."""

    url: str = field(repr=False)
    width: int
    height: int
    data: bytes = field(repr=False)
    tokens: int
    rotate: bool

    @cached_property
    def number(self) -> int | None:
        """Which of the ``marked_pages`` it is."""
        return page_number(self.data) if self.data else None

    @cached_property
    def identity(self) -> str:
        """The same for the same page, however it was encoded, where it is marked; for the same bytes where not."""
        if self.number is not None:
            return f"page {self.number}"
        return hashlib.sha256(self.data or self.url.encode()).hexdigest()


@lru_cache(32)  # a page that is tried again is decoded once
def measure(data: bytes) -> tuple[int, int]:
    """Width and height of a picture that can be decoded, has a permitted format and keeps to the limits."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            kind, (width, height) = image.format, image.size
            image.draft("L", (1, 1))  # a JPEG decodes several times faster when it may stay small
            image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise Refusal(FAULTS["image-undecodable"]) from error
    if kind not in FORMATS:
        raise Refusal(FAULTS["invalid-image-format"])
    if width * height > 3840 * 2160 and FORMATS[kind] not in {"jpeg", "png"}:
        raise refuse("invalid-image-format", "Above 4K only JPEG and PNG are supported.")
    if min(width, height) <= 10:
        raise refuse_parameter(f"width and height must be larger than 10, got {width}x{height}")
    if max(width, height) > 200 * min(width, height):
        raise Refusal(FAULTS["image-aspect"])
    return width, height


def decode_data_url(url: str) -> bytes:
    """The picture in a data URL, which says its format truly."""
    if len(url) > MAX_DATA_URI:
        raise Refusal(FAULTS["data-uri-too-large"])
    match = re.match(r"data:image/(\w+);base64,", url)
    if not match:
        raise Refusal(FAULTS["url-error"])
    try:
        data = base64.b64decode(url[match.end() :], validate=True)
        with Image.open(io.BytesIO(data)) as image:
            kind = FORMATS.get(image.format or "", "another format")
    except (binascii.Error, OSError) as error:
        raise Refusal(FAULTS["image-undecodable"]) from error
    if kind in FORMATS.values() and kind != match[1]:
        raise refuse_parameter(f"the data URL says image/{match[1]}, the picture is {kind}")
    return data
