"""Ruling lines of a born-digital PDF page: the thin boxes and straight strokes among its paths."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

from ..pdf import pdfium, short
from ..pdf_objects import MAX_DEPTH, matrix_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..geometry import PageFrame, Quad, Transform

MAX_PATHS = 4_000
"""Paths of one page; what has more is a map or a drawing, and no table is looked for in it."""

_MAX_SEGMENTS = 400  # of one path: a grid drawn at one go has four a cell
_THIN = 3.0  # points: a filled box that is no thicker is a rule
_HAIR = 0.5  # points: as thick as a stroke is taken to be
_SHORTEST = 6.0

_Edges = tuple[float, float, float, float]  # left, bottom, right, top


def drawn_rules(page: Any, frame: PageFrame) -> tuple[Quad, ...]:
    """The rules of a loaded page as thin quads, for ``read_tables``; what is not level or upright is left out.

    Call with PDFium's lock held.
    """
    raw = pdfium()
    paths = []
    for path in _paths(page, "FPDFPage_GetObject", raw.FPDFPage_CountObjects(page), None, 0):
        paths.append(path)
        if len(paths) > MAX_PATHS:
            return ()
    edges = (edge for handle, matrix in paths for edge in _edges(handle, matrix))
    quads = (frame.quad(*edge) for edge in edges)
    return tuple(quad for quad in quads if quad)


def _paths(owner: Any, getter: str, count: int, matrix: Transform | None, depth: int) -> Iterator[tuple[Any, Any]]:
    """Path objects, those in form XObjects too, with what takes their space to the page's."""
    raw = pdfium()
    get, kind_of = short(getter, raw.FPDF_PAGEOBJECT), short("FPDFPageObj_GetType")
    for at in range(count):
        handle = get(owner, at)
        kind = kind_of(handle)
        if kind == raw.FPDF_PAGEOBJ_PATH:
            yield handle, matrix
        elif kind == raw.FPDF_PAGEOBJ_FORM and depth < MAX_DEPTH:
            own = matrix_of(handle)
            whole = own.then(matrix) if matrix else own
            yield from _paths(handle, "FPDFFormObj_GetObject", raw.FPDFFormObj_CountObjects(handle), whole, depth + 1)


def _edges(handle: Any, matrix: Transform | None) -> Iterator[_Edges]:
    """The rules one path draws: itself, where it is thin, else its straight strokes."""
    edges, size = (ctypes.c_float * 4)(), ctypes.sizeof(ctypes.c_float)
    short("FPDFPageObj_GetBounds")(handle, *(ctypes.byref(edges, size * at) for at in range(4)))
    left, bottom, right, top = edges
    if matrix:
        left, bottom, right, top = matrix.bounds(left, bottom, right, top)
    if max(right - left, top - bottom) < _SHORTEST:
        return
    if min(right - left, top - bottom) <= _THIN:
        yield _thick(left, bottom, right, top)
    elif _is_stroked(handle):
        yield from _strokes(handle, matrix)


def _thick(left: float, bottom: float, right: float, top: float) -> _Edges:
    """At least a hair thick, so that there is something to see."""
    across, up = max(_HAIR - (right - left), 0) / 2, max(_HAIR - (top - bottom), 0) / 2
    return left - across, bottom - up, right + across, top + up


def _is_stroked(handle: Any) -> bool:
    filled, stroked = ctypes.c_int(), ctypes.c_int()
    pdfium().FPDFPath_GetDrawMode(handle, ctypes.byref(filled), ctypes.byref(stroked))
    return bool(stroked.value)


def _strokes(handle: Any, matrix: Transform | None) -> Iterator[_Edges]:
    """A path's level and upright lines."""
    raw = pdfium()
    own = matrix_of(handle)
    whole = own.then(matrix) if matrix else own
    start = last = None
    for at in range(min(raw.FPDFPath_CountSegments(handle), _MAX_SEGMENTS)):
        segment = raw.FPDFPath_GetPathSegment(handle, at)
        kind, point = raw.FPDFPathSegment_GetType(segment), _point(segment, whole)
        if kind == raw.FPDF_SEGMENT_MOVETO:
            start = point
        elif kind == raw.FPDF_SEGMENT_LINETO and last:
            yield from _straight(last, point)
        if raw.FPDFPathSegment_GetClose(segment) and start:
            yield from _straight(point, start)
        last = point


def _point(segment: Any, matrix: Transform) -> tuple[float, float]:
    x, y = ctypes.c_float(), ctypes.c_float()
    pdfium().FPDFPathSegment_GetPoint(segment, ctypes.byref(x), ctypes.byref(y))
    left, bottom, _, _ = matrix.bounds(x.value, y.value, x.value, y.value)
    return left, bottom


def _straight(start: tuple[float, float], end: tuple[float, float]) -> Iterator[_Edges]:
    (ax, ay), (bx, by) = start, end
    across, up = abs(ax - bx), abs(ay - by)
    if min(across, up) <= _HAIR and max(across, up) >= _SHORTEST:
        yield _thick(min(ax, bx), min(ay, by), max(ax, bx), max(ay, by))
