"""Pages that are easy to draw boxes wrongly on, each drawn line by line, so that the ink of one line can be told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from draw_images import encoded, skewed, with_orientation
from draw_pdfs import Sheet, pdf, text
from qwen_ocr_loader.page_pictures import page_image

FONTS = Path("/usr/share/fonts/truetype")
CJK, RTL = FONTS / "droid/DroidSansFallbackFull.ttf", FONTS / "dejavu/DejaVuSans.ttf"

Place = tuple[float, float, str]
HEBREW = ("הנמל נפתח באביב", "שלום עולם")
ENGLISH = ("The harbour opened in spring", "Forty boats came to the quay", "None of them left again")


@dataclass(frozen=True)
class Awkward:
    """A page.

    Attributes:
        lines: What is written on it.
        make: A file with only some of its lines, by index.
        font: What it needs, where that may not be installed.
    """

    name: str
    lines: tuple[str, ...]
    make: Callable[[Sequence[int]], bytes]
    font: Path | None = None

    @property
    def data(self) -> bytes:
        """The file with all of its lines."""
        return self.make(range(len(self.lines)))

    def ink(self, number: int) -> np.ndarray:
        """Where a line's dark pixels are, of the picture that ``page_image`` makes."""
        return np.asarray(page_image(self.make([number])).convert("L")) < 100


def on_pdf(name: str, entries: str, box: str = "0 0 400 300", matrix: str = "1 0 0 1", unit: float = 1.0) -> Awkward:
    """Three lines in a PDF; ``matrix`` turns each at its place, which lies within 60-340 x 60-240 or so."""
    places = [(70, 220, ENGLISH[0]), (80, 180, ENGLISH[1]), (75, 130, ENGLISH[2])]
    if not matrix.startswith("1"):
        places = [(60 + 50 * n, 60, words) for n, words in enumerate(ENGLISH)]

    def make(wanted: Sequence[int]) -> bytes:
        chosen = [places[n] for n in wanted]
        content = "".join(text(x * unit, y * unit, words, size=14 * unit, matrix=matrix) for x, y, words in chosen)
        return pdf(Sheet(content, box, entries))

    return Awkward(name, ENGLISH, make)


def on_image(
    name: str, places: Sequence[Place], finish: Callable[[Image.Image], bytes], *, font: Path | None = None
) -> Awkward:
    """Lines on a sheet of 900 x 520 pixels."""

    def make(wanted: Sequence[int]) -> bytes:
        sheet = Image.new("L", (900, 520), 255)
        letters = ImageFont.truetype(font, 34) if font else ImageFont.load_default(30)
        for x, y, words in (places[n] for n in wanted):
            ImageDraw.Draw(sheet).text((x, y), words, 0, letters)
        return finish(sheet)

    return Awkward(name, tuple(words for _, _, words in places), make, font)


def in_hebrew() -> Awkward:
    """A PDF whose text runs from right to left, its letters stored as they are seen, from left to right."""

    def make(wanted: Sequence[int]) -> bytes:
        from reportlab.pdfbase import pdfmetrics
        from reportlab.pdfbase.ttfonts import TTFont
        from reportlab.pdfgen.canvas import Canvas

        pdfmetrics.registerFont(TTFont("hebrew", RTL))
        file = BytesIO()
        canvas = Canvas(file, (400, 300))
        canvas.setFont("hebrew", 16)
        for n in wanted:
            canvas.drawRightString(350, 220 - 60 * n, HEBREW[n][::-1])
        canvas.save()
        return file.getvalue()

    return Awkward("RTL", HEBREW, make, RTL)


def as_png(image: Image.Image) -> bytes:
    return encoded(image, "PNG")


def shot(turn: Image.Transpose, orientation: int) -> Callable[[Image.Image], bytes]:
    """A camera held sideways: the pixels lie on their side, EXIF says how to look at them."""
    return lambda image: with_orientation(image.transpose(turn), orientation, "JPEG", quality=95)


ROWS = [(60.0, 60.0 + 110 * n, words) for n, words in enumerate(ENGLISH)]
COLUMNS = [
    (40.0, 80.0, "Left begins here"),
    (40.0, 150.0, "and ends here"),
    (500.0, 80.0, "Right is second"),
    (500.0, 150.0, "and the last"),
]
CHINESE = [(80.0, 80.0, "今天天气很好"), (80.0, 200.0, "我们去海边吃饭"), (80.0, 320.0, "明天下雨")]

PAGES = [
    on_pdf("rotated by 90", "/Rotate 90"),
    on_pdf("rotated by 180", "/Rotate 180"),
    on_pdf("cropped", "/CropBox[40 100 380 260]"),
    on_pdf("cropped and rotated by 270", "/CropBox[40 100 380 260]/Rotate 270"),
    on_pdf("a box off the origin, in a large unit", "/UserUnit 2", "-20 10 380 290"),
    on_pdf("lines that run upward", "", matrix="0 1 -1 0"),
    on_image("EXIF-turned to the right", ROWS, shot(Image.Transpose.ROTATE_90, 6)),
    on_image("EXIF-turned over", ROWS, shot(Image.Transpose.ROTATE_180, 3)),
    on_image("two columns", COLUMNS, as_png),
    on_image("CJK", CHINESE, as_png, font=CJK),
    in_hebrew(),
    on_image("skewed", ROWS, lambda image: as_png(skewed(image, 4))),
]
