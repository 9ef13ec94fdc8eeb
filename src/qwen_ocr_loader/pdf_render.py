"""A PDF page as a picture: rendered gray by PDFium, or its JPEG untouched where the page is nothing else.

Gray, always: engines read gray as well as colour, it renders and encodes in 0.6-0.9 of the time and a third of the
memory, and what would be lost (text told from its ground by hue alone, at equal lightness) is unreadable in print, too.
"""

from __future__ import annotations

import ctypes
import math
import re
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

from .errors import DamagedSource
from .images import PageImage
from .pdf import frame_of, pdfium, whole_file
from .pdf_objects import cover, matrix_of, page_objects

if TYPE_CHECKING:
    from .geometry import PageFrame
    from .pdf import PDFDocument
    from .pdf_objects import PageObjects, Picture
    from .source import Source
    from .user_units import UserUnits

MAX_PIXELS = 25_000_000
MAX_SIDE = 10_000
"""Of a rendered page; a larger one gets a lower resolution."""

_FULL_PAGE = 0.80
_OVERLAID = 20  # paths drawn over a scan (rules, a stamp) that still leave it a scan
_LEAST_DPI = 72.0
_EDGE = 0.005  # of the page: how far a full-page JPEG may miss its edges
_HEAD = 65536  # bytes before a stream that its dictionary is looked for in
# What makes a decoded JPEG differ from the printed picture: masks, remapped samples, parameters of the decoder.
_ALTERED = re.compile(rb"/(S?Mask|ImageMask|Decode|D|DecodeParms|DP|Matte|Alternates|OC)\b")
_PLAIN_MODES = {"L", "RGB"}


class Size(NamedTuple):
    """In pixels."""

    width: int
    height: int


def image_size(width: float, height: float, dpi: float) -> Size:
    """Pixels of a page ``width`` x ``height`` points at ``dpi``, or as many as the limits leave."""
    scale = dpi / 72
    scale = min(scale, math.sqrt(MAX_PIXELS / (width * height)), MAX_SIDE / max(width, height))
    return Size(max(1, int(width * scale + 0.5)), max(1, int(height * scale + 0.5)))


def page_resolution(document: PDFDocument, number: int, dpi: float, units: UserUnits) -> float:
    """Pixels in 72 of the page's own units, as ``page_image`` draws it: Poppler, too, knows no UserUnit."""
    with document.page(number) as page:
        return _size(page, page_objects(page), dpi, units).width * 72 / frame_of(page).width


def page_image(document: PDFDocument, source: Source, number: int, dpi: float, units: UserUnits) -> PageImage:
    """Draw page ``number`` (0-based); the pixels are copied out before the lock is let go.

    Args:
        document: Where from.
        source: Of the document; its bytes tell whether a JPEG is printed as it is.
        number: 0-based.
        dpi: At most; a page that is all picture is not drawn above the picture's own resolution.
        units: How large the page's unit is.

    Raises:
        DamagedSource: The page cannot be loaded or drawn.
    """
    with document.page(number) as page:
        objects = page_objects(page)
        jpeg = _lone_jpeg(page, frame_of(page), objects)
        if jpeg and _is_printed_as_is(document, source, jpeg) and (size := _plain_size(jpeg)):
            return PageImage.from_encoded(jpeg, "image/jpeg", *size)
        size = _size(page, objects, dpi, units)
        return PageImage.from_pixels(_draw(document, page, number, size))


def _size(page: Any, objects: PageObjects, dpi: float, units: UserUnits) -> Size:
    frame, unit = frame_of(page), units.of(page)
    return image_size(frame.width * unit, frame.height * unit, min(dpi, native_dpi(objects, frame) / unit))


def native_dpi(objects: PageObjects, frame: PageFrame) -> float:
    """Resolution of a page that is all picture: its finest picture's, in pixels an inch; infinite for other pages."""
    pictures = objects.pictures
    drawn = objects.paths > _OVERLAID or (objects.texts and objects.hidden_share() < 1)
    if not pictures or drawn or cover(pictures, frame) < _FULL_PAGE:
        return math.inf
    return max(_LEAST_DPI, *(_picture_dpi(picture) for picture in pictures))


def _picture_dpi(picture: Picture) -> float:
    size = _pixel_size(picture.handle)
    long, short = sorted((picture.right - picture.left, picture.top - picture.bottom), reverse=True)
    if short <= 0:
        return 0.0
    return 72 * max(max(size) / long, min(size) / short)


def _pixel_size(handle: Any) -> Size:
    width, height = ctypes.c_uint(), ctypes.c_uint()
    pdfium().FPDFImageObj_GetImagePixelSize(handle, ctypes.byref(width), ctypes.byref(height))
    return Size(width.value, height.value)


def _draw(document: PDFDocument, page: Any, number: int, size: Size) -> Any:
    """A PIL image in mode "L"."""
    from PIL import Image

    raw = pdfium()
    bitmap = raw.FPDFBitmap_CreateEx(*size, raw.FPDFBitmap_Gray, None, 0)
    if not bitmap:
        raise DamagedSource(
            f"no memory for {size.width} x {size.height} pixels; lower dpi=", source=document.name, page=number
        )
    try:
        raw.FPDFBitmap_FillRect(bitmap, 0, 0, *size, 0xFFFFFFFF)
        raw.FPDF_RenderPageBitmap(bitmap, page, 0, 0, *size, 0, raw.FPDF_ANNOT | raw.FPDF_GRAYSCALE)
        document.draw_form(page, bitmap, *size)
        stride = raw.FPDFBitmap_GetStride(bitmap)
        pixels = ctypes.string_at(raw.FPDFBitmap_GetBuffer(bitmap), stride * size.height)
    finally:
        raw.FPDFBitmap_Destroy(bitmap)
    return Image.frombytes("L", size, pixels, "raw", "L", stride, 1)


# --- a page that is one JPEG -----------------------------------------------------------------------------------------


def _lone_jpeg(page: Any, frame: PageFrame, objects: PageObjects) -> bytes | None:
    """The bytes of the JPEG that is all there is on the page, upright and from edge to edge; None for other pages."""
    raw = pdfium()
    if objects.total != 1 or len(objects.pictures) != 1 or frame.rotation or raw.FPDFPage_GetAnnotCount(page):
        return None
    picture = objects.pictures[0]
    clipped = raw.FPDFClipPath_CountPaths(raw.FPDFPageObj_GetClipPath(picture.handle)) > 0
    if clipped or raw.FPDFPageObj_HasTransparency(picture.handle) or not _fills(picture, frame):
        return None
    if not _is_jpeg(picture.handle) or not _has_plain_colors(picture.handle, page):
        return None
    size = raw.FPDFImageObj_GetImageDataRaw(picture.handle, None, 0)
    buffer = ctypes.create_string_buffer(size)
    raw.FPDFImageObj_GetImageDataRaw(picture.handle, buffer, size)
    return buffer.raw


def _fills(picture: Picture, frame: PageFrame) -> bool:
    """Upright, not mirrored, its edges the page's."""
    a, b, c, d, _, _ = matrix_of(picture.handle)
    slack_x, slack_y = _EDGE * frame.width, _EDGE * frame.height
    return (
        a > 0 < d
        and abs(b) + abs(c) < 1e-3 * (a + d)
        and abs(picture.left - frame.left) <= slack_x >= abs(picture.right - frame.right)
        and abs(picture.bottom - frame.bottom) <= slack_y >= abs(picture.top - frame.top)
    )


def _is_jpeg(handle: Any) -> bool:
    raw = pdfium()
    name = ctypes.create_string_buffer(32)
    return (
        raw.FPDFImageObj_GetImageFilterCount(handle) == 1
        and raw.FPDFImageObj_GetImageFilter(handle, 0, name, len(name)) > 0
        and name.value == b"DCTDecode"
    )


def _has_plain_colors(handle: Any, page: Any) -> bool:
    """Gray or RGB, as the device's own or by a profile (which moves tints, not letters)."""
    raw = pdfium()
    about = raw.FPDF_IMAGEOBJ_METADATA()
    raw.FPDFImageObj_GetImageMetadata(handle, page, ctypes.byref(about))
    spaces = (raw.FPDF_COLORSPACE_DEVICEGRAY, raw.FPDF_COLORSPACE_DEVICERGB, raw.FPDF_COLORSPACE_ICCBASED)
    return about.colorspace in spaces and about.bits_per_pixel in (8, 24)


def _is_printed_as_is(document: PDFDocument, source: Source, jpeg: bytes) -> bool:
    """Nothing in the image's dictionary changes its pixels.

    PDFium does not show that dictionary. A stream's stands in the open right before it (PDF 32000-1, 7.3.8), so it is
    read from the file; where the stream is not found (an encrypted PDF), the answer is no.
    """
    with whole_file(source) as data:
        at = data.find(jpeg, document.found_at)  # the next page's usually stands behind: no searching all of the file
        at = data.find(jpeg) if at < 0 else at
        if at < 0:
            return False
        document.found_at = at
        head = data[max(0, at - _HEAD) : at]
    start = head.rfind(b" obj")
    return start >= 0 and not _ALTERED.search(head, start)


def _plain_size(jpeg: bytes) -> Size | None:
    """Its size, where it is an 8-bit gray or RGB JPEG within the limits that no reader would turn by its EXIF."""
    from PIL import Image

    try:
        with Image.open(BytesIO(jpeg), formats=["JPEG"]) as image:
            size = Size(*image.size)
            turned = image.getexif().get(0x0112, 1) != 1
            if (
                image.mode in _PLAIN_MODES
                and not turned
                and max(size) <= MAX_SIDE
                and size.width * size.height <= MAX_PIXELS
            ):
                return size
    except (OSError, SyntaxError, ValueError):  # not as plain as it looked: PDFium may still draw it
        return None
    return None
