"""Draw nine receipts as they lie in an accountant's folder: four languages, and what goes wrong with paper.

    pip install pillow reportlab          # fonts: DejaVu Sans and Droid Sans Fallback, as Debian packages them
    python examples/draw_receipts.py

Everything in them is invented. The results are kept in ``examples/receipts``. A row of ``a|b`` has its last
part at the right edge; ``#`` makes a line large and ``*`` bold, ``=`` sets it in the middle, ``-`` is a rule.
"""

from __future__ import annotations

import random
from functools import cache
from itertools import groupby
from pathlib import Path
from time import gmtime

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

FOLDER = Path(__file__).parent / "receipts"
FONTS = Path("/usr/share/fonts/truetype")
FACES = {
    "plain": "dejavu/DejaVuSans.ttf",
    "bold": "dejavu/DejaVuSans-Bold.ttf",
    "chinese": "droid/DroidSansFallbackFull.ttf",
}
WIDTH, MARGIN, STEP = 640, 44, 42
UNDATED = {"creationDate": gmtime(0), "modDate": gmtime(0)}  # the same file whenever it is drawn

BAKERY = """
# Harbour Bakery Ltd
= 3 Quay Street, Westhaven
= VAT GB 555 0142 77
-
Receipt No|HB-20417
Date|14/09/2026  08:12
-
2 x Flat white|7.20
1 x Cheese scone|3.80
1 x Rye loaf, large|5.45
1 x Apple turnover|3.15
-
* TOTAL|19.60
incl. VAT 20 %|3.27
Card ****4417|19.60
-
= Thank you
"""

EISENWAREN = """
# Eisenwaren Brandt GmbH
= Hafenstraße 12, 24103 Kiel
= USt-IdNr. DE136695976
-
Beleg-Nr.|88213
Datum|03.09.2026  16:40
-
Artikel|Betrag
Schäkel A4, 10 mm|12,90
Tauwerk 14 mm, 25 m|1.048,75
Spannschraube M12|31,80
Knotenbuch|19,95
-
* Gesamtbetrag EUR|1.113,40
enthaltene MwSt 19 %|177,77
EC-Karte|1.113,40
-
= Vielen Dank für Ihren Einkauf
"""

LIBRAIRIE = """
# Librairie du Vieux Port SARL
= 8 rue des Carmes, 13002 Marseille
= SIRET 732 829 320 00074
-
Facture n°|LV-3091
Date|21/08/2026
-
Désignation|Montant
Atlas des côtes bretonnes|38,00 €
Carnet de bord|14,50 €
Crayons, boîte de 12|9,90 €
-
* Total TTC|62,40 €
dont TVA|3,25 €
Carte bancaire|62,40 €
-
= Merci de votre visite
"""

TEA = """
# 海风茶业有限公司
= 厦门市思明区鹭江道18号
-
小票号|2026090317
日期|2026年9月3日
-
品名|金额
铁观音 250克|128.00
茉莉花茶 100克|46.50
白瓷茶杯|72.00
-
* 合计|246.50
税额|28.36
微信支付|246.50
-
= 谢谢惠顾
"""

CHANDLERY = """
# Bollard Chandlery Ltd
= 2 Rope Walk, Westhaven
-
Invoice No|BC-70931
Date|24 Sep 2026
-
Item|Amount
Mooring line 18 mm|96.00
Fenders, blue|174.00
Boat hook|21.50
-
* TOTAL|219.50
incl. VAT|36.58
Paid by card|219.50
"""

FUEL = """
# Mill Creek Fuel Company
= Lock Road 1, Eastwick
-
Receipt No|004418
Date|29/09/2026
-
Diesel 61.20 litres|102.82
Engine oil, 5 litres|41.30
Coffee|2.60
-
* TOTAL|146.72
incl. VAT|24.45
Cash|150.00
Change|3.28
"""

FERRY = """
# Eastwick Ferries plc
= Pier 4, Eastwick
-
Ticket No|EF-55102
Date|17/10/2026
-
Item|Amount
Van, single|64.00
Passengers, 3|37.50
Cabin, day|28.00
-
* TOTAL|129.50
incl. VAT|0.00
Card|129.50
"""

DINER = """
# The Swing Bridge Inn Ltd
= 1 Bridge Lane, Mill Creek
-
Bill No|7716
Date|30/10/2026  21:05
-
3 x Fish pie|43.50
1 x Nut roast|13.25
2 x Ginger beer|7.80
1 x Pot of tea|3.40
-
* TOTAL|67.95
incl. VAT|11.33
Card|67.95
"""

HOTEL = (
    """
# Hotel Lantern Ltd
= 40 Promenade, Westhaven
-
Invoice No|HL-2026-311
Date|2 November 2026
-
Description|Amount
Room 12, 26 October|94.00
Room 12, 27 October|94.00
Breakfast, 2 persons|27.00
Laundry|16.40
-
Carried forward|231.40
= page 1 of 2
""",
    """
= Hotel Lantern Ltd, invoice HL-2026-311, page 2 of 2
-
Description|Amount
Room 12, 28 October|94.00
Supper|38.60
-
* TOTAL|364.00
incl. VAT|60.67
Card|364.00
""",
)


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    _scanned(_paper(BAKERY), turn=0.8).save(FOLDER / "01_bakery.jpg", quality=70)
    _scanned(_paper(EISENWAREN), turn=-0.6).save(FOLDER / "02_eisenwaren.jpg", quality=70)
    _scanned(_paper(LIBRAIRIE), turn=0.4).save(FOLDER / "03_librairie.jpg", quality=70)
    _scanned(_paper(TEA), turn=-0.5).save(FOLDER / "04_tea.jpg", quality=70)
    _scanned(_paper(CHANDLERY), turn=0.7).save(FOLDER / "05_chandlery_wrong_sum.jpg", quality=70)
    _scanned(_smudged(_paper(FUEL)), turn=-0.4).save(FOLDER / "06_fuel_smudged.jpg", quality=70)
    sideways = _scanned(_paper(FERRY), turn=0.5).transpose(Image.Transpose.ROTATE_90)
    sideways.save(FOLDER / "07_ferry_turned.jpg", quality=70)
    _photographed(_paper(DINER)).save(FOLDER / "08_inn_photo.jpg", quality=70)
    first, second = (_paper(page) for page in HOTEL)
    first.save(FOLDER / "09_hotel_two_pages.pdf", save_all=True, append_images=[second], resolution=110, **UNDATED)


@cache
def _font(size: int, *, bold: bool = False, chinese: bool = False) -> ImageFont.FreeTypeFont:
    face = "chinese" if chinese else "bold" if bold else "plain"
    return ImageFont.truetype(FONTS / FACES[face], size)


def _paper(text: str) -> Image.Image:
    rows = text.strip().splitlines()
    paper = Image.new("L", (WIDTH, STEP * len(rows) + 110), 250)
    draw = ImageDraw.Draw(paper)
    for i, row in enumerate(rows):
        _row(draw, 50 + STEP * i, row)
    return paper


def _row(draw: ImageDraw.ImageDraw, y: int, row: str) -> None:
    if row == "-":
        draw.line((MARGIN, y + 14, WIDTH - MARGIN, y + 14), fill=110, width=2)
        return
    sign = row[0] if row[0] in "#=*" else ""
    left, _, right = row.removeprefix(sign).strip().partition("|")
    size, bold = {"#": 30, "*": 27, "=": 19}.get(sign, 22), sign in ("#", "*")
    if sign in ("#", "="):
        _text(draw, (WIDTH - _length(left, size, bold)) / 2, y, left, size, bold)
        return
    _text(draw, MARGIN, y, left, size, bold)
    _text(draw, WIDTH - MARGIN - _length(right, size, bold), y, right, size, bold)


def _text(draw: ImageDraw.ImageDraw, x: float, y: float, text: str, size: int, bold: bool) -> None:
    for letters, font in _runs(text, size, bold):
        draw.text((x, y + size), letters, font=font, fill=35, anchor="ls")
        x += font.getlength(letters)


def _length(text: str, size: int, bold: bool) -> float:
    return sum(font.getlength(letters) for letters, font in _runs(text, size, bold))


def _runs(text: str, size: int, bold: bool) -> list[tuple[str, ImageFont.FreeTypeFont]]:
    """The text in runs of one font each: the Chinese one has no figures."""
    runs = groupby(text, key=lambda letter: letter >= "\u2e80")
    return [("".join(run), _font(size, bold=bold, chinese=chinese)) for chinese, run in runs]


def _smudged(paper: Image.Image) -> Image.Image:
    """A wet thumb on the sum: the first two figures of the total are gone."""
    row = FUEL.strip().splitlines().index("* TOTAL|146.72")
    x, y = WIDTH - MARGIN - 82, 50 + STEP * row + 14
    blot = Image.new("L", paper.size, 0)
    ImageDraw.Draw(blot).ellipse((x - 30, y - 20, x + 20, y + 20), fill=255)
    smear = paper.filter(ImageFilter.GaussianBlur(11)).point(lambda v: v - 60)
    return Image.composite(smear, paper, blot.filter(ImageFilter.GaussianBlur(5)))


def _scanned(paper: Image.Image, turn: float, grain: float = 0.05) -> Image.Image:
    """A little turned, a little blurred, a little noisy."""
    turned = paper.rotate(turn, Image.Resampling.BICUBIC, fillcolor=250).filter(ImageFilter.GaussianBlur(0.6))
    noise = Image.frombytes("L", turned.size, random.Random(7).randbytes(turned.width * turned.height))
    return Image.blend(turned, noise.filter(ImageFilter.GaussianBlur(0.5)), grain)


def _photographed(paper: Image.Image) -> Image.Image:
    """On a dark table, at an angle, in uneven light, with the grain of a bad camera."""
    table = Image.new("L", (paper.width + 220, paper.height + 180), 86)
    table.paste(paper, (120, 90))
    table = table.rotate(-4, Image.Resampling.BICUBIC, fillcolor=86)
    light = Image.radial_gradient("L").resize(table.size).point(lambda v: 255 - v * 0.45)
    return _scanned(ImageChops.multiply(table, light), turn=0, grain=0.12)


if __name__ == "__main__":
    main()
