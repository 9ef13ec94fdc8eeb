"""What the numbers of a box count, by the family of the model that wrote them.

A model id does not say what is loaded under it, so this is read from how servers, hubs and files spell the family:
``Qwen/Qwen2.5-VL-7B-Instruct-AWQ``, ``qwen2.5vl:7b``, ``Qwen3-VL-8B-Instruct-Q4_K_M.gguf``.

Sources: Qwen2-VL's numbers are 0-1000, Qwen2.5-VL's are pixels of the resized image (QwenLM/Qwen3-VL issues 676, 721,
866, 940; 2025-02 to 2025-03), Qwen3-VL's are 0-1000 again (issues 1486, 1741, 1975; 2025-09 to 2026-01; Alibaba's page
says 0-999), and so are Qwen3.5's. Qwen-OCR: 28 pixels a side up to 2025-08-28, 32 from 2025-11-20, which is a
Qwen3-VL (Qwen-OCR API reference, 2026-01-16; the older ones' numbers are inferred from that). dots.ocr is built on
Qwen2-VL's image processor but writes pixels of the resized image (its README, 2025-07); DeepSeek-OCR writes 0-999
(its README, 2025-10).
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

Coordinates = Literal["relative_1000", "resized", "original"]
"""What the numbers of a box count: thousandths of the picture's width and height; pixels of the picture as the model
saw it, after resizing; or pixels of the picture as it was sent."""


class _Family(NamedTuple):
    name: re.Pattern[str]
    coordinates: Coordinates
    pixel_factor: int | None


def _family(name: str, coordinates: Coordinates, pixel_factor: int | None) -> _Family:
    """A family by its name; ``~`` stands for whatever separates its parts, or nothing."""
    return _Family(re.compile(r"(?<![a-z])" + name.replace("~", "[-_. ]?")), coordinates, pixel_factor)


_FAMILIES = (
    _family(r"qwen~vl~chat", "relative_1000", None),
    _family(r"qwen~2~vl", "relative_1000", 28),
    _family(r"qwen~2~5~(?:vl|omni)", "resized", 28),
    _family(r"qwen~3~(?:vl|omni)", "relative_1000", 32),
    _family(r"qwen~3[._]?[5-9](?!\d*b)", "relative_1000", 32),  # but not a Qwen3 of eight billion parameters, qwen3_8b
    _family(r"dots~ocr", "resized", 28),
    _family(r"deepseek~ocr", "relative_1000", None),
)
_OCR_28 = _family(r"qwen-vl-ocr", "resized", 28)
_OCR_32 = _family(r"qwen-vl-ocr", "relative_1000", 32)
_OCR_FIRST = re.compile(r"qwen-vl-ocr-(?:2024-?)?10-?28")
_DATED = re.compile(r"qwen-vl-ocr-(\d{4})-?(\d\d)-?(\d\d)")


def coordinates_of(model: str) -> Coordinates | None:
    """What the numbers of a model's boxes count; None where that is not known.

    It is not for the alias ``qwen-vl-ocr``, which stands for different snapshots in different regions, nor for
    ``qwen-vl-ocr-2024-10-28``, which is older than the models it would be judged by.
    """
    family = _family_of(model)
    return family.coordinates if family else None


def pixel_factor_of(model: str) -> int | None:
    """How many pixels a side of the square have that a model makes one token of; None where that is not known."""
    if _OCR_FIRST.search(model.lower()):
        return 28
    family = _family_of(model)
    return family.pixel_factor if family else None


def _family_of(model: str) -> _Family | None:
    """The family named last: what stands before it is a folder, an owner or a collection."""
    name = model.lower()
    if "qwen-vl-ocr" in name:
        return _qwen_ocr(name)
    found = [(match.start(), family) for family in _FAMILIES for match in family.name.finditer(name)]
    return max(found, key=lambda pair: pair[0])[1] if found else None


def _qwen_ocr(name: str) -> _Family | None:
    if "qwen-vl-ocr-latest" in name:
        return _OCR_32
    dated = _DATED.search(name)
    if not dated or dated.groups() < ("2025", "01", "01"):
        return None
    return _OCR_32 if dated.groups() >= ("2025", "11", "20") else _OCR_28
