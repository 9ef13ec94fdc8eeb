"""Pages with tables, drawn, and read without a fault: a picture, and a result whose lines stand where the text does."""

from __future__ import annotations

import math
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

from qwen_ocr_loader import Line, PageResult, Quad
from qwen_ocr_loader.images import PageImage


class Sheet:
    """Paper to write and rule on, in pixels."""

    def __init__(self, width: int = 1000, height: int = 1200) -> None:
        self.image = Image.new("RGB", (width, height), "white")
        self.pen = ImageDraw.Draw(self.image)
        self.texts: list[tuple[str, tuple[float, float, float, float]]] = []
        self.written: list[tuple[str, tuple[float, float], float]] = []  # text, left and top, points
        self.ruled: list[tuple[tuple[float, ...], int, int]] = []  # ends, width, gray level

    def write(self, left: float, top: float, text: str, points: float = 20) -> None:
        font = ImageFont.load_default(points)
        self.pen.text((left, top), text, "black", font)
        self.texts.append((text, self.pen.textbbox((left, top), text, font)))
        self.written.append((text, (left, top), points))

    def rule(self, *ends: float, width: int = 2, gray: int = 0) -> None:
        self.pen.line(ends, (gray, gray, gray), width)
        self.ruled.append((ends, width, gray))

    def rows(self, lefts, top: float, rows, step: float = 40, points: float = 20) -> float:
        """Rows of texts (None: nothing), each text at its column's left; returns where they end."""
        for row in rows:
            for left, text in zip(lefts, row, strict=True):
                for at, part in enumerate((text or "").split("\n")):
                    if part:
                        self.write(left, top + at * points * 1.25, part, points)
            top += step
        return top

    def grid(self, xs, ys, *, width: int = 2, gray: int = 0) -> None:
        for x in xs:
            self.rule(x, ys[0], x, ys[-1], width=width, gray=gray)
        for y in ys:
            self.rule(xs[0], y, xs[-1], y, width=width, gray=gray)

    def read(self, turn: float = 0.0) -> Read:
        """The picture, turned by so many degrees clockwise about its middle, and what is read on it."""
        turned = self.image.rotate(-turn, Image.Resampling.BICUBIC, fillcolor="white")
        width, height = turned.size
        text, lines = "", []
        for said, (left, top, right, bottom) in self.texts:
            corners = [
                self._turned(x, y, turn) for x, y in ((left, top), (right, top), (right, bottom), (left, bottom))
            ]
            lines.append(Line(said, len(text), len(text) + len(said), Quad.from_pixels(corners, width, height)))
            text += said + "\n"
        result = PageResult(0, float(width), float(height), "px", text, lines=tuple(lines))
        return Read(result, PageImage.from_pixels(turned))

    def _turned(self, x: float, y: float, degrees: float) -> tuple[float, float]:
        cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        dx, dy = x - self.image.width / 2, y - self.image.height / 2
        return self.image.width / 2 + cos * dx - sin * dy, self.image.height / 2 + sin * dx + cos * dy


class Read(NamedTuple):
    """What ``read_tables`` takes."""

    result: PageResult
    picture: PageImage


PRICES = [["Item", "Price", "Stock"], *[[f"Article {n}", f"{n}.50", f"{n * 7}"] for n in range(1, 7)]]
LEFTS = [110, 420, 720]


def ruled(*, top: int = 300, sheet: Sheet | None = None) -> Sheet:
    """Seven rows of three columns in a full grid, a sentence above and below."""
    sheet = sheet or Sheet()
    sheet.write(100, top - 60, "All prices of the autumn are listed here, in the order of the shelves.")
    sheet.rows(LEFTS, top + 8, PRICES)
    sheet.grid([100, 400, 700, 900], [top + 40 * n for n in range(8)])
    sheet.write(100, top + 320, "They hold until the end of the year, as far as goods are in stock.")
    return sheet


def booktabs(*, top: int = 300) -> Sheet:
    """Two column heads under a merged one, three level rules and no upright ones."""
    sheet = Sheet()
    sheet.write(100, top - 60, "The results of both years are given in the table that follows below.")
    sheet.rule(100, top, 900, top)
    sheet.write(560, top + 8, "Yield in tons")
    sheet.rule(420, top + 44, 880, top + 44, width=1)
    sheet.rows([110, 460, 740], top + 52, [["Field", "First year", "Second year"]])
    sheet.rule(100, top + 92, 900, top + 92)
    sheet.rows([110, 480, 760], top + 100, [[f"Hill {n}", f"{n}.{n}1", f"{n + 1}.{n}7"] for n in range(1, 7)], step=36)
    sheet.rule(100, top + 322, 900, top + 322)
    sheet.write(100, top + 350, "Nothing was sown on the other fields, which lay fallow all the time.")
    return sheet


def letter() -> Sheet:
    """Prose with a letterhead and a rule."""
    sheet = Sheet()
    sheet.write(600, 60, "Mill Lane 4, Ely")
    sheet.rule(100, 110, 900, 110)
    for n in range(20):
        sheet.write(100, 160 + 30 * n, "Dear reader, these lines run from one side of the page to the other, no more")
    sheet.rule(100, 1100, 900, 1100)
    sheet.write(100, 1110, "Bank: Ely Savings")
    return sheet


def receipt() -> Sheet:
    """Names left, amounts right, between dashes of rules, on a slip."""
    sheet = Sheet(480, 900)
    sheet.write(120, 30, "CORNER SHOP", 28)
    for n in range(9):
        sheet.write(30, 120 + 50 * n, f"Article {n}", 28)
        sheet.write(360, 120 + 50 * n, f"{n}.{n}5", 28)
    sheet.rule(20, 580, 460, 580)
    sheet.write(30, 600, "TOTAL", 28)
    sheet.write(350, 600, "42.10", 28)
    return sheet
