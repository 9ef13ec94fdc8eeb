"""Draw a harbour office's inbox, for the notebooks to read: seven scans and a PDF, all of it invented.

>>> from draw import inbox
>>> inbox()
PosixPath('inbox')

Two of the documents are those of ``examples/draw.py``; the others are a letter, a form, a two-column bulletin that was
scanned into a PDF, a two-page fax, a shop's receipt and a notice somebody photographed. ``dossier`` makes one PDF of
pages of each kind: some with text of their own, a scan, and one that lies sideways in the file.
"""

from __future__ import annotations

import ctypes
import random
import shutil
from pathlib import Path

import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

EXAMPLES = Path(__file__).parent.parent / "examples" / "documents"

LETTER = """Tidewater Mutual Marine Insurance
9 Customs Row, Eastwick

3 November 2026

Westhaven Harbour Office
14 Quay Street, Westhaven

Claim TM-88213, damage to the fuel pontoon

Dear Mrs Ellwood,

our surveyor visited the pontoon on 28 October. He found that the
outer pile had been struck by a coaster while turning, and that the
hinge plates were bent beyond repair.

We accept the claim and will pay 18,400 for the new hinge plates.
The excess of 1,250 remains with the harbour. Please send us the
invoice of the shipyard before the end of January.

Yours sincerely,

Tobias Renner
Head of Claims"""

FORM = [
    ("Name of vessel", "Sea Thistle"),
    ("Owner", "Aoife Brannigan"),
    ("Home port", "Kilmore Haven"),
    ("Length over all", "11.35 m"),
    ("Draught", "1.90 m"),
    ("Berth wanted", "C-14, visitors' pontoon"),
    ("From", "2 May 2027"),
    ("Until", "30 September 2027"),
    ("Shore power", "yes, 16 A"),
]

BULLETIN = (
    """The lock gate at Mill Creek was lifted out on the ninth of April for the first time since 1987. Divers found that the
lower hinge had worn to half its thickness. The smithy of Jonas Petrak forged a new one in eleven days, and the gate
has closed without a leak ever since.

The swing bridge keeps its summer hours until the end of October. It opens on the hour from seven in the morning, and
on request at night; skippers call the bridge on channel 12 and wait at the blue dolphin.""",
    """Four otters have settled under the old ice house. Boats are asked to keep below three knots between the two red
buoys, and dogs should stay on the lead along the towpath. A camera was put up by the school, which counts them
every evening.

The winter storage yard has room for sixty boats, nine more than last year. Places are given out by draw on the first
Saturday of September; owners who help with the crane on two days pay half the fee.""",
)

FAX = (
    """FAX   from Norhaug Shipyard   page 1 of 2

To: Harbour Office, Westhaven
Ref: slipway, crane test

The test of the slipway crane took place
on 6 October. It lifted 22 tonnes without
fault; the wire of the auxiliary hoist must
be replaced before the next season.""",
    """FAX   from Norhaug Shipyard   page 2 of 2

The new wire costs 640 and can be fitted
in the week of 12 January 2027.

The certificate is valid until October 2028.

Ingrid Solheim, inspector""",
)

SHOP = [
    "BOLLARD CHANDLERY|",
    "2 Rope Walk, Westhaven|",
    "Invoice|BC-70931",
    "Date|04/10/2026",
    "40 m mooring line 18 mm|96.00",
    "6 x fender, blue|174.00",
    "1 x boat hook|21.50",
    "TOTAL|291.50",
    "Paid by card|291.50",
]

NOTICE = """FUEL PONTOON

Diesel and petrol
Monday to Friday  8.00 - 18.00
Saturday  9.00 - 16.00
Sunday and holidays  10.00 - 13.00

No smoking. Engines off.
Emergency: call 0123 555 0199"""

LEDGER = """Berth ledger, first week of August
Saturday 1 August||
Visitor, one night, up to 10 m|C-02|18.00
Visitor, one night, up to 10 m|C-05|18.00
Shore power, one night|C-05|4.50
Sunday 2 August||
Visitor, one night, up to 10 m|C-02|18.00
Visitor, one night, up to 14 m|D-01|26.00
Shore power, one night|D-01|4.50
Crane, one lift|yard|75.00
Monday 3 August||
Visitor, one night, up to 10 m|C-02|18.00
Shore power, one night|C-02|4.50
Rafted, one night, no power|D-03|12.00"""


def dossier(path: str | Path = "dossier.pdf") -> Path:
    """The annual report, and a ledger that was typed on sheets turned sideways: ``/Rotate`` sets it upright."""
    document = pypdfium2.PdfDocument(EXAMPLES / "report.pdf")
    page = document.new_page(595, 842)
    for i, row in enumerate(LEDGER.splitlines()):
        size = 20 if i == 0 else 15 if row.endswith("|") else 14
        for x, text in zip((90, 500, 640), row.split("|"), strict=False):
            _type_sideways(document, page, text, x, 90 + 32 * i, size)
    page.gen_content()
    page.set_rotation(90)
    document.save(path)
    return Path(path)


def inbox(folder: str | Path = "inbox") -> Path:
    """Draw everything into a new folder, which takes the place of an older one."""
    folder = Path(folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for example in ("receipt.jpg", "report.pdf"):
        shutil.copy(EXAMPLES / example, folder)
    _scanned(_typed(LETTER, 27), turn=0.5).save(folder / "letter.png")
    _scanned(_form(), turn=-0.8).save(folder / "berth_form.jpg", quality=80)
    _scanned(_bulletin(), turn=0.3).save(folder / "bulletin.pdf", resolution=150)
    first, second = (_typed(page, 34, height=900).point(lambda v: 255 * (v > 140)).convert("1") for page in FAX)
    first.save(folder / "fax.tiff", save_all=True, append_images=[second], compression="group4", dpi=(150, 150))
    _scanned(_shop_receipt(), turn=-1.5).save(folder / "chandlery.jpg", quality=75)
    _photographed(_typed(NOTICE, 54, width=1100, height=960)).save(folder / "notice_photo.jpg", quality=75)
    return folder


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _type_sideways(document: pypdfium2.PdfDocument, page: pypdfium2.PdfPage, text: str, x: float, y: float, size: int):
    """Where the page, turned upright, has (x, y) from its top left corner; the text runs up the sheet."""
    written = pdfium.FPDFPageObj_NewTextObj(document, b"Helvetica-Bold" if size > 14 else b"Helvetica", size)
    letters = f"{text}\0".encode("utf-16-le")
    pdfium.FPDFText_SetText(written, ctypes.cast(letters, ctypes.POINTER(ctypes.c_ushort)))
    pdfium.FPDFPageObj_Transform(written, 0, 1, -1, 0, y, x)
    pdfium.FPDFPage_InsertObject(page, written)


def _typed(text: str, size: int, *, width: int = 1100, height: int = 1300) -> Image.Image:
    page = Image.new("L", (width, height), 250)
    ImageDraw.Draw(page).multiline_text((110, 110), text, font=_font(size), fill=30, spacing=size * 0.55)
    return page


def _form() -> Image.Image:
    page = Image.new("L", (1100, 1150), 250)
    draw = ImageDraw.Draw(page)
    draw.text((80, 70), "Application for a summer berth", font=_font(42), fill=20)
    draw.text((80, 135), "Westhaven Harbour Office, form 7", font=_font(24), fill=60)
    for i, (label, value) in enumerate(FORM):
        y = 220 + 90 * i
        draw.rectangle((80, y, 1020, y + 66), outline=120, width=2)
        draw.line((400, y, 400, y + 66), fill=120, width=2)
        draw.text((100, y + 20), label, font=_font(24), fill=40)
        draw.text((425, y + 17), value, font=_font(28), fill=20)
    return page


def _bulletin() -> Image.Image:
    page = Image.new("L", (1240, 1050), 250)
    draw = ImageDraw.Draw(page)
    draw.text((90, 70), "Westhaven Bulletin", font=_font(46), fill=20)
    draw.text((90, 135), "News from the water, autumn 2026", font=_font(24), fill=60)
    for x, text in zip((90, 660), BULLETIN, strict=True):
        paragraphs = (_wrapped(draw, paragraph, 24, 490) for paragraph in text.split("\n\n"))
        draw.multiline_text((x, 220), "\n\n".join(paragraphs), font=_font(24), fill=30, spacing=12)
    return page


def _wrapped(draw: ImageDraw.ImageDraw, text: str, size: int, width: int) -> str:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if draw.textlength(longer, font=_font(size)) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return "\n".join(lines)


def _shop_receipt() -> Image.Image:
    page = Image.new("L", (700, 720), 250)
    draw = ImageDraw.Draw(page)
    for i, row in enumerate(SHOP):
        left, right = row.split("|")
        size = 34 if i == 0 else 26
        draw.text((60, 60 + 66 * i), left, font=_font(size), fill=35)
        draw.text((640, 60 + 66 * i), right, font=_font(size), fill=35, anchor="ra")
    return page


def _scanned(page: Image.Image, turn: float) -> Image.Image:
    """A little turned, a little blurred, a little noisy."""
    page = page.rotate(turn, Image.Resampling.BICUBIC, fillcolor=250).filter(ImageFilter.GaussianBlur(0.6))
    grain = Image.frombytes("L", page.size, random.Random(7).randbytes(page.width * page.height))
    return Image.blend(page, grain.filter(ImageFilter.GaussianBlur(0.5)), 0.05)


def _photographed(page: Image.Image) -> Image.Image:
    """Held at an angle, in uneven light, on a dark table."""
    table = Image.new("L", (page.width + 360, page.height + 360), 92)
    table.paste(page, (180, 180))
    table = table.rotate(5, Image.Resampling.BICUBIC, fillcolor=92)
    light = Image.radial_gradient("L").resize(table.size).point(lambda v: 255 - v * 0.45)
    return _scanned(ImageChops.multiply(table, light), turn=0)
