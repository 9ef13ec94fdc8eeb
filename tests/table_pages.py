"""Pages with a table or two, each drawn as a picture and as a PDF with text of its own, and what is in their cells."""

from __future__ import annotations

from typing import NamedTuple

import draw_pdfs
from drawn_tables import Read, Sheet
from qwen_ocr_loader.layout import compose
from qwen_ocr_loader.pages import open_pages
from qwen_ocr_loader.pdf import PDFDocument, frame_of
from qwen_ocr_loader.results import PageResult
from qwen_ocr_loader.source import find
from qwen_ocr_loader.tables import drawn
from qwen_ocr_loader.tables.local import read_tables

POINTS = 0.6  # a pixel of a sheet on the PDF's page

Rows = list[list[str]]


class Drawn(NamedTuple):
    """A page, and the rows of its tables from the top left on."""

    sheet: Sheet
    tables: list[Rows]


def in_picture(page: Drawn) -> list[Rows]:
    """What is found in the picture."""
    read: Read = page.sheet.read()
    return [[list(row) for row in table.rows] for table in read_tables(read.result, read.picture)]


def in_pdf(page: Drawn) -> list[Rows]:
    """What is found on the PDF's page."""
    (found,) = find(as_pdf(page.sheet))
    source = found.open()
    with open_pages(source) as pages, PDFDocument(source) as document, document.page(0) as handle:
        read = pages.page(0)
        words, lines = compose(read.text_layer.boxes, read.width, read.height, keep_order=True)
        result = PageResult(0, read.width, read.height, "pt", words, lines=lines, text_source="text_layer")
        tables = read_tables(result, rules=drawn.drawn_rules(handle, frame_of(handle)))
    return [[list(row) for row in table.rows] for table in tables]


def as_pdf(sheet: Sheet) -> bytes:
    """The sheet in Helvetica, its rules as strokes."""
    width, height = (POINTS * side for side in sheet.image.size)
    parts = [
        draw_pdfs.text(POINTS * left, height - POINTS * (top + 0.95 * points), said, size=POINTS * points)
        for said, (left, top), points in sheet.written
    ]
    parts += [
        f"{gray / 255:.3f} G {POINTS * thick} w {POINTS * a} {height - POINTS * b} m "
        f"{POINTS * c} {height - POINTS * d} l S\n"
        for (a, b, c, d), thick, gray in sheet.ruled
    ]
    return draw_pdfs.pdf(draw_pdfs.Sheet("".join(parts), f"0 0 {width:g} {height:g}"))


# --- the pages -------------------------------------------------------------------------------------------------------

PROSE = "Words of the page that belong to no table run across the whole of it, as these words do."
YEARS = [["Field", "First year", "Second"], *[[f"Hill {n}", f"{n}.{n}1", f"{n + 1}.{n}7"] for n in range(1, 7)]]
XS = [100, 380, 640, 900]
LEFTS = [x + 12 for x in XS[:3]]


def _sheet(*, above: str = PROSE, below: str = PROSE) -> Sheet:
    sheet = Sheet()
    sheet.write(100, 160, above)
    sheet.write(100, 900, below)
    return sheet


def three_rules(*, gray: int = 0, bottom: bool = True) -> Drawn:
    """No upright rules, and three level ones; or two, where the bottom one is left out."""
    sheet = _sheet()
    sheet.rows(LEFTS, 300, YEARS)
    for y in (292, 332, 572)[: 3 if bottom else 2]:
        sheet.rule(100, y, 900, y, gray=gray)
    return Drawn(sheet, [YEARS])


def grid(*, gray: int = 0, bottom: bool = True, width: int = 2) -> Drawn:
    """Ruled all round; or with no bottom rule."""
    sheet = _sheet()
    sheet.rows(LEFTS, 300, YEARS)
    for x in XS:
        sheet.rule(x, 292, x, 572, gray=gray, width=width)
    for y in range(292, 573 if bottom else 572, 40):
        sheet.rule(100, y, 900, y, gray=gray, width=width)
    return Drawn(sheet, [YEARS])


def level_rules(*, gray: int = 200) -> Drawn:
    """A light rule under every row, none upright."""
    sheet = _sheet()
    sheet.rows(LEFTS, 300, YEARS)
    for y in range(332, 573, 40):
        sheet.rule(100, y, 900, y, gray=gray, width=1)
    return Drawn(sheet, [YEARS])


def captioned(*, ruled: str, above: bool) -> Drawn:
    """A caption right above or below, its lines as near as rows are."""
    drawn = {"grid": grid, "three": three_rules}[ruled]()
    caption = "Table 3: Yield of the six fields on the hill in two years, in tons a hectare"
    drawn.sheet.write(100, 262 if above else 580, caption)
    return drawn


def merged() -> Drawn:
    """A head over two columns, and a stub over two rows."""
    sheet = _sheet()
    ys = [300, 340, 380, 420, 460, 500, 540]
    xs = [100, 300, 500, 700, 900]
    for at, y in enumerate(ys):
        sheet.rule(300 if at in (3, 5) else 500 if at == 1 else 100, y, 900, y)
    for at, x in enumerate(xs):
        sheet.rule(x, 340 if at == 3 else 300, x, 540)
    said = {
        (110, 328): "Region",
        (310, 328): "Crop",
        (600, 308): "Tons",
        (510, 348): "2023",
        (710, 348): "2024",
        (110, 408): "North",
        (310, 388): "Rye",
        (510, 388): "1.5",
        (710, 388): "2.5",
        (310, 428): "Oats",
        (510, 428): "3.5",
        (710, 428): "4.5",
        (110, 488): "South",
        (310, 468): "Rye",
        (510, 468): "5.5",
        (710, 468): "6.5",
        (310, 508): "Oats",
        (510, 508): "7.5",
        (710, 508): "8.5",
    }
    for (left, top), text in said.items():
        sheet.write(left, top, text)
    rows = [
        ["Region", "Crop", "Tons", "Tons"],
        ["Region", "Crop", "2023", "2024"],
        ["North", "Rye", "1.5", "2.5"],
        ["North", "Oats", "3.5", "4.5"],
        ["South", "Rye", "5.5", "6.5"],
        ["South", "Oats", "7.5", "8.5"],
    ]
    return Drawn(sheet, [rows])


def several_lines(*, ruled: str) -> Drawn:
    """Cells of two and three lines of text."""
    sheet = _sheet()
    rows = [
        ["Part", "What it does", "Weight"],
        ["Pump", "Lifts the water\nfrom the well", "12.5 kg"],
        ["Valve", "Keeps it from\nrunning back into\nthe well", "0.8 kg"],
        ["Tank", "Holds enough for a day", "40 kg"],
    ]
    ys = [292, 332, 400, 490, 530]
    for y, row in zip(ys, rows, strict=False):
        sheet.rows(LEFTS, y + 8, [row])
    for y in ys if ruled != "three" else (292, 332, 530):
        sheet.rule(100, y, 900, y)
    for x in XS if ruled == "grid" else ():
        sheet.rule(x, 292, x, 530)
    return Drawn(sheet, [[[cell.replace("\n", " ") for cell in row] for row in rows]])


def empty_cells(*, ruled: str) -> Drawn:
    """Some cells have nothing in them; in the grid, a whole row and the corner too."""
    rows = [list(row) for row in YEARS]
    rows[2][1] = rows[3][2] = rows[5][1] = ""
    if ruled == "grid":
        rows[0][0], rows[4] = "", ["", "", ""]
    drawn = {"grid": grid, "three": three_rules}[ruled]()
    sheet = _sheet()
    for ends, width, gray in drawn.sheet.ruled:
        sheet.rule(*ends, width=width, gray=gray)
    sheet.rows(LEFTS, 300, rows)
    return Drawn(sheet, [rows])


def side_by_side(*, ruled: str) -> Drawn:
    """Two tables, the one as high as the other, or nearly."""
    sheet = _sheet()
    left = [["Month", "Rain"], *[[f"Month {n}", f"{n * 7} mm"] for n in range(1, 6)]]
    right = [["Town", "Souls"], *[[f"Town {n}", f"{n * 913}"] for n in range(1, 6)]]
    for xs, rows in (([100, 290, 470], left), ([530, 720, 900], right)):
        sheet.rows([x + 12 for x in xs[:2]], 300, rows)
        for y in range(292, 533, 40) if ruled == "grid" else (292, 332, 532):
            sheet.rule(xs[0], y, xs[-1], y)
        for x in xs if ruled == "grid" else ():
            sheet.rule(x, 292, x, 532)
    return Drawn(sheet, [left, right])


def leftward(*, ruled: str) -> Drawn:
    """Of a script that runs from right to left: the first column is the rightmost."""
    sheet = _sheet(
        above="מילים של הדף שאינן שייכות לשום טבלה נמצאות כאן", below="ועוד מילים של הדף נמצאות כאן בסוף הדף"
    )
    rows = [["שדה", "שנה ראשונה", "שנה שנייה"], *[[f"גבעה {n}", f"{n}.{n}1", f"{n + 1}.{n}7"] for n in range(1, 7)]]
    for at, row in enumerate(rows):
        for left, text in zip(reversed(LEFTS), row, strict=True):
            sheet.write(left + 40, 300 + 40 * at, text)
    for y in range(292, 573, 40) if ruled == "grid" else (292, 332, 572):
        sheet.rule(100, y, 900, y)
    for x in XS if ruled == "grid" else ():
        sheet.rule(x, 292, x, 572)
    return Drawn(sheet, [rows])
