"""Draw the example documents: a receipt as a phone would scan it, and a report of which the last page is a scan.

    pip install pillow reportlab
    python examples/draw.py

Everything in them is invented. The results are kept in ``examples/documents``.
"""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont

FOLDER = Path(__file__).parent / "documents"

RECEIPT = [
    ("center", 40, "HARBOUR & PINE"),
    ("center", 24, "14 Quay Street, Westhaven"),
    ("center", 24, "Tel 0123 555 0142   VAT GB 555 0142 77"),
    ("rule", 0, ""),
    ("row", 26, "Receipt No|HP-2026-00417"),
    ("row", 26, "Date|17/10/2026  12:48"),
    ("row", 26, "Table|7"),
    ("rule", 0, ""),
    ("row", 28, "2 x Flat white|7.20"),
    ("row", 28, "1 x Smoked trout bagel|9.80"),
    ("row", 28, "1 x Apple & rosemary cake|4.50"),
    ("row", 28, "1 x Still water 0.5 l|2.10"),
    ("rule", 0, ""),
    ("row", 28, "Subtotal|23.60"),
    ("row", 28, "VAT 20 %|4.72"),
    ("row", 36, "TOTAL|28.32"),
    ("row", 28, "Card ****4417|28.32"),
    ("rule", 0, ""),
    ("center", 24, "Thank you - see you on the quay!"),
]

LEFT = """Harbour dredging resumed in March after the winter pause. Two barges worked the outer basin in daily shifts
and removed a little over forty thousand cubic metres of silt, most of it from the approach to berth three. Soundings
taken in June show a least depth of 8.4 metres along the whole quay, which is deeper than at any time since the survey
of 1998.

The disposal site was inspected twice. Neither visit found sediment outside the permitted area, and turbidity returned
to normal within two tides of each discharge. The permit for next season was granted in September on the same
conditions."""

RIGHT = """Traffic grew for the third year. The harbour office counted 1,204 arrivals, of which 311 were fishing
vessels, 642 pleasure craft and 251 coasters. The busiest day was the second of August, when 31 boats were rafted four
deep and two had to be sent on to the marina at Eastwick.

Revenue from dues rose to 486,000, eleven per cent above the budget. The largest single cost was the replacement of the
fuel pontoon, which came in at 92,500 and was completed nine days ahead of schedule in spite of the April gales."""


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    receipt().save(FOLDER / "receipt.jpg", quality=85)
    (FOLDER / "report.pdf").write_bytes(report())


def receipt() -> Image.Image:
    """Paper on a desk: a little turned, a little blurred, a little noisy."""
    paper = Image.new("L", (760, 1010), 250)
    draw, y = ImageDraw.Draw(paper), 50
    for kind, size, text in RECEIPT:
        font = ImageFont.load_default(size or 10)
        if kind == "rule":
            draw.line((50, y + 12, 710, y + 12), fill=90, width=2)
            y += 26
            continue
        if kind == "center":
            draw.text((380, y), text, font=font, fill=30, anchor="ma")
        else:
            left, right = text.split("|")
            draw.text((50, y), left, font=font, fill=30)
            draw.text((710, y), right, font=font, fill=30, anchor="ra")
        y += size + 18
    return _scanned(paper, turn=1.3, desk=176)


def report() -> bytes:
    """Three pages: a title page in two columns, a table, and a signed letter that was scanned in."""
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.utils import ImageReader
    from reportlab.pdfgen.canvas import Canvas

    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4, invariant=1)
    canvas.setTitle("Westhaven Harbour: the year in figures")
    canvas.setAuthor("Westhaven Harbour Office")
    _columns(canvas)
    canvas.showPage()
    _table(canvas)
    canvas.showPage()
    canvas.drawImage(ImageReader(_jpeg(_letter())), 0, 0, *A4)
    canvas.showPage()
    canvas.save()
    return out.getvalue()


def _columns(canvas) -> None:  # noqa: ANN001
    canvas.setFont("Helvetica-Bold", 22)
    canvas.drawString(56, 770, "Westhaven Harbour: the year in figures")
    canvas.setFont("Helvetica", 9)
    canvas.drawString(56, 752, "Harbour Office, annual report 2026")
    for x, text in ((56, LEFT), (306, RIGHT)):
        y = 715
        for paragraph in text.split("\n\n"):
            for line in _wrapped(canvas, paragraph.split(), 232):
                canvas.setFont("Times-Roman", 11)
                canvas.drawString(x, y, line)
                y -= 14
            y -= 8


def _wrapped(canvas, words: list[str], width: float) -> list[str]:  # noqa: ANN001
    lines = [""]
    for word in words:
        longer = f"{lines[-1]} {word}".strip()
        if canvas.stringWidth(longer, "Times-Roman", 11) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _table(canvas) -> None:  # noqa: ANN001
    rows = [
        ("Quarter", "Arrivals", "Dues", "Dredged m3"),
        ("Q1", "164", "61,200", "9,800"),
        ("Q2", "347", "128,900", "31,150"),
        ("Q3", "521", "219,400", "0"),
        ("Q4", "172", "76,500", "0"),
        ("Total", "1,204", "486,000", "40,950"),
    ]
    canvas.setFont("Helvetica-Bold", 14)
    canvas.drawString(56, 770, "Table 1. Arrivals, dues and dredging by quarter")
    for i, row in enumerate(rows):
        y = 730 - 26 * i
        canvas.setFont("Helvetica-Bold" if i in (0, len(rows) - 1) else "Helvetica", 11)
        canvas.drawString(64, y, row[0])
        for x, cell in zip((250, 370, 500), row[1:], strict=True):
            canvas.drawRightString(x, y, cell)
        canvas.line(56, y - 8, 510, y - 8)


def _letter() -> Image.Image:
    page = Image.new("L", (1240, 1754), 252)
    draw = ImageDraw.Draw(page)
    lines = [
        (150, "Westhaven Harbour Office"),
        (195, "14 Quay Street, Westhaven"),
        (330, "To the members of the Harbour Board"),
        (420, "Ladies and gentlemen,"),
        (490, "the accounts for 2026 have been examined and found to be in order."),
        (535, "The reserve fund stands at 212,750 and is held in full."),
        (580, "I recommend that the dues for 2027 remain unchanged."),
        (690, "Yours faithfully,"),
        (820, "Margaret Ellwood, Harbour Master"),
    ]
    for y, text in lines:
        draw.text((140, y), text, font=ImageFont.load_default(30), fill=25)
    draw.line([(150, 790), (190, 745), (215, 800), (260, 740), (300, 795), (420, 765)], fill=60, width=4, joint="curve")
    return _scanned(page, turn=-0.6, desk=252)


def _jpeg(image: Image.Image) -> io.BytesIO:
    out = io.BytesIO()
    image.save(out, "jpeg", quality=80)
    out.seek(0)
    return out


def _scanned(paper: Image.Image, turn: float, desk: int) -> Image.Image:
    turned = paper.rotate(turn, Image.Resampling.BICUBIC, expand=desk != 252, fillcolor=desk)
    blurred = turned.filter(ImageFilter.GaussianBlur(0.7))
    noise = Image.effect_noise(blurred.size, 14)
    return Image.blend(blurred, noise, 0.06)


if __name__ == "__main__":
    main()
