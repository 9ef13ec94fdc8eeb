"""UserUnit, the size of a PDF page's unit, which PDFium does not tell: read from the file itself.

A page larger than 200 inches says ``/UserUnit 10`` (PDF 32000-1, 7.7.3.3): its unit is 10/72 inch. Only real sizes
(points, dots per inch) depend on it, so this looks no further than page dictionaries that lie open or in a deflated
object stream among the first ones; in encrypted object streams it is not found.
"""

from __future__ import annotations

import ctypes
import re
import zlib
from typing import TYPE_CHECKING, Any

from .pdf import pdfium, whole_file

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterator

    from .source import Source

_MAX_INFLATED = 2_000_000  # bytes of object streams looked through

_UNIT = re.compile(rb"/UserUnit\s+(\d*\.?\d+)")
_MEDIA_BOX = re.compile(rb"/MediaBox\s*\[\s*([^\]]*?)\s*\]")
_STREAM = re.compile(rb"[^>]{0,500}(?:>>[^>]{0,500})??>>\s*stream\r?\n")
_BRACKET = re.compile(rb"<<|>>")
_REACH = 4096  # bytes of a page dictionary on either side of its UserUnit

_Box = tuple[int, ...]


class UserUnits:
    """The units of a PDF's pages, told by their MediaBox; pages that share one are taken to share the unit."""

    def __init__(self, source: Source) -> None:
        self._units: dict[_Box | None, float] = {}
        with whole_file(source) as data:
            for part in _dictionaries(data):
                self._note(part)

    def of(self, page: Any) -> float:
        """Real points (1/72 inch) in one unit of a loaded page; 1 for nearly every PDF. Call with the lock held."""
        if not self._units:
            return 1.0
        edges = [ctypes.c_float() for _ in range(4)]
        pdfium().FPDFPage_GetMediaBox(page, *map(ctypes.byref, edges))
        return self._units.get(tuple(round(edge.value) for edge in edges), self._units.get(None, 1.0))

    def _note(self, data: bytes | mmap.mmap) -> None:
        for found in _UNIT.finditer(data) if data.find(b"/UserUnit") >= 0 else ():
            box = _MEDIA_BOX.search(_dictionary_around(data, found.start()))
            self._units[_numbers(box[1]) if box else None] = float(found[1]) or 1.0


def _dictionaries(data: bytes | mmap.mmap) -> Iterator[bytes | mmap.mmap]:
    """Where page dictionaries can stand: the file itself, and its object streams, inflated."""
    yield data
    room, at = _MAX_INFLATED, data.find(b"/ObjStm")
    while at >= 0 and room > 0:
        if start := _STREAM.match(data, at):
            inflated = _inflated(data[start.end() : data.find(b"endstream", start.end())], room)
            room -= len(inflated)
            if b"/UserUnit" in inflated:
                yield inflated
        at = data.find(b"/ObjStm", at + 7)


def _inflated(data: bytes, room: int) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, room)
    except zlib.error:  # encrypted, or not deflated
        return b""


def _dictionary_around(data: bytes | mmap.mmap, at: int) -> bytes:
    """The dictionary that position ``at`` lies in, as far as ``_REACH`` goes."""
    before, after = data[max(0, at - _REACH) : at], data[at : at + _REACH]
    return before[_opening(before) :] + after[: _closing(after)]


def _opening(before: bytes) -> int:
    depth = 0
    for bracket in reversed(list(_BRACKET.finditer(before))):
        depth += 1 if bracket[0] == b">>" else -1
        if depth < 0:
            return bracket.end()
    return 0


def _closing(after: bytes) -> int:
    depth = 0
    for bracket in _BRACKET.finditer(after):
        depth += 1 if bracket[0] == b"<<" else -1
        if depth < 0:
            return bracket.start()
    return len(after)


def _numbers(text: bytes) -> _Box | None:
    try:
        return tuple(round(float(number)) for number in text.split())
    except ValueError:  # a reference to a number elsewhere
        return None
