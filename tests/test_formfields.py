"""What people filled into forms is in the text, where it stands."""

import io

import pikepdf
import pytest
from pikepdf import Name, String
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from draw_pdfs import Sheet, pdf, text
from qwen_ocr_loader import Reader
from qwen_ocr_loader.pages import open_pages
from qwen_ocr_loader.source import find


def form(rotation: int = 0) -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(400, 300), invariant=1)
    canvas.setPageRotation(rotation)
    for y, label in ((250, "Name of the applicant"), (210, "Country of residence"), (170, "I have read the terms")):
        canvas.drawString(30, y, label)
    fields = canvas.acroForm
    fields.textfield(name="name", value="Ada Ellwood", x=200, y=245, width=160, height=18, borderWidth=0)
    fields.choice(name="country", value="Norway", options=["Norway", "Chile"], x=200, y=205, width=160, height=18)
    fields.checkbox(name="terms", checked=True, x=200, y=165, size=14)
    fields.checkbox(name="offers", checked=False, x=240, y=165, size=14)
    fields.textfield(name="secret", value="hush", x=200, y=120, width=160, height=18, fieldFlags="password")
    fields.textfield(name="empty", value="", x=200, y=90, width=160, height=18)
    canvas.showPage()
    canvas.save()
    return out.getvalue()


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_values_stand_in_the_row_of_their_label(rotation):
    (page,) = Reader(engine="fake").read(form(rotation))
    assert page.text_source == "text_layer"
    if rotation == 0:
        rows = [line for line in page.text.split("\n") if line]
        assert rows == [
            "Name of the applicant\tAda Ellwood",
            "Country of residence\tNorway",
            "I have read the terms\t☒",
        ]
    assert {line.text for line in page.lines} >= {"Ada Ellwood", "Norway", "☒"}
    assert "hush" not in page.text


@pytest.mark.parametrize("drawn_by", ["its maker", "PDFium"])
def test_their_boxes_cover_the_words(drawn_by):
    data = form()
    if drawn_by == "PDFium":
        out = io.BytesIO()
        with pikepdf.open(io.BytesIO(data)) as made:
            for field in made.pages[0].Annots:
                if field.get("/FT") == "/Tx":
                    del field.AP
            made.save(out)
        data = out.getvalue()
    (page,) = Reader(engine="fake").read(data)
    box = next(line.quad.bounds for line in page.lines if line.text == "Ada Ellwood")
    right = 200 + stringWidth("Ada Ellwood", "Helvetica", 12)
    assert (box.left * 400, box.right * 400) == pytest.approx((200, right), abs=3)
    assert 300 - 263 - 1 <= box.top * 300 < box.bottom * 300 <= 300 - 245 + 1


def annotated(*annotations: pikepdf.Dictionary, fields: bool = False) -> bytes:
    """A page of two labels, with annotations."""
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf(Sheet(text(50, 500, "Name:") + text(50, 450, "Country:"))))) as made:
        kept = [made.make_indirect(annotation) for annotation in annotations]
        made.pages[0].Annots = pikepdf.Array(kept)
        if fields:
            made.Root.AcroForm = pikepdf.Dictionary(Fields=pikepdf.Array(kept))
        made.save(out)
    return out.getvalue()


def annotation(subtype: str, rect: list[int], **more: object) -> pikepdf.Dictionary:
    return pikepdf.Dictionary(Type=Name.Annot, Subtype=Name(f"/{subtype}"), Rect=rect, **{"F": 4, **more})


def test_what_a_typewriter_wrote_is_read_line_by_line():
    words = annotation("FreeText", [150, 470, 350, 514], Contents=String("Ada Ellwood\rof  Norway\n\n"))
    hidden = annotation("FreeText", [150, 400, 350, 420], Contents=String("hush"), F=2)
    note = annotation("Text", [150, 350, 350, 370], Contents=String("a comment, not on the page"))
    (page,) = Reader(engine="fake").read(annotated(words, hidden, note))
    assert [line.text for line in page.lines] == ["Name:", "Ada Ellwood", "of Norway", "Country:"]
    boxes = {line.text: line.quad.bounds for line in page.lines}
    assert [boxes["Ada Ellwood"].top * 600, boxes["of Norway"].bottom * 600] == pytest.approx([600 - 514, 600 - 470])
    assert boxes["Ada Ellwood"].bottom == pytest.approx(boxes["of Norway"].top)


FONT = pikepdf.Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)


def drawing(content: str, subtype: str, *, size: tuple[int, int] = (200, 44), **more: object) -> bytes:
    """The page of two labels with an annotation beside the first that draws text in 12 points."""
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(annotated(annotation(subtype, [150, 470, 350, 514], **more), fields=True))) as made:
        look = made.make_stream(f"BT /F 12 Tf {content} ET".encode())
        look.update({"/Type": Name.XObject, "/Subtype": Name.Form, "/BBox": pikepdf.Array([0, 0, *size])})
        look.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F=FONT))
        made.pages[0].Annots[0].AP = pikepdf.Dictionary(N=look)
        made.save(out)
    return out.getvalue()


TYPED = {"FT": Name.Tx, "T": String("t")}
LONG = "Ada Ellwood of Norway, to be reached by letter"
WRAPPED = "2 30 Td (Ada Ellwood of Norway,) Tj 0 -14 Td (to be reached by letter) Tj"


@pytest.mark.parametrize("subtype", ["FreeText", "Widget"])
def test_what_is_drawn_in_lines_is_read_in_lines_each_with_its_box(subtype):
    more = {"Contents": String(LONG)} if subtype == "FreeText" else {**TYPED, "V": String(LONG), "Ff": 1 << 12}
    (page,) = Reader(engine="fake").read(drawing(WRAPPED, subtype, **more))
    written = ["Ada Ellwood of Norway,", "to be reached by letter"]
    assert [line.text for line in page.lines] == ["Name:", *written, "Country:"]
    for line, baseline in zip(page.lines[1:3], (500, 486), strict=True):
        box = line.quad.bounds
        right = 152 + stringWidth(line.text, "Helvetica", 12)
        assert (box.left * 400, box.right * 400) == pytest.approx((152, right), abs=2)
        assert box.top * 600 < 600 - baseline - 5
        assert 600 - baseline - 1 < box.bottom * 600 < 600 - baseline + 5


def test_a_comb_is_as_wide_as_its_field():
    content = " ".join(f"1 0 0 1 {40 * at + 16} 18 Tm ({digit}) Tj" for at, digit in enumerate("90210"))
    (page,) = Reader(engine="fake").read(drawing(content, "Widget", V=String("90210"), **TYPED))
    assert [line.text for line in page.lines] == ["Name:", "90210", "Country:"]
    box = page.lines[1].quad.bounds
    assert (box.left * 400, box.right * 400) == pytest.approx((150, 350), abs=1)


def test_a_field_of_several_lines_that_draws_nothing_has_a_box_for_each():
    value = {"V": String("Ada Ellwood\rNorway"), "Ff": 1 << 12}
    (page,) = Reader(engine="fake").read(drawing("", "Widget", **TYPED, **value))
    boxes = {line.text: line.quad.bounds for line in page.lines}
    assert list(boxes) == ["Name:", "Ada Ellwood", "Norway", "Country:"]
    assert [boxes["Ada Ellwood"].top * 600, boxes["Norway"].bottom * 600] == pytest.approx([600 - 514, 600 - 470])


def test_a_field_off_the_page_leaves_a_blank_page_blank():
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf(Sheet("")))) as made:
        field = made.make_indirect(annotation("Widget", [-300, 470, -200, 490], V=String("Ada"), **TYPED))
        made.pages[0].Annots = pikepdf.Array([field])
        made.Root.AcroForm = pikepdf.Dictionary(Fields=pikepdf.Array([field]))
        made.save(out)
    with open_pages(next(find(out.getvalue())).open()) as pages:
        layer = pages.page(0).text_layer
    assert (layer.sound, layer.reason, layer.boxes) == (True, "blank", ())


def test_a_field_of_one_line_has_one_box():
    (page,) = Reader(engine="fake").read(drawing("2 20 Td (Ada) Tj", "Widget", V=String("Ada\nEllwood"), **TYPED))
    assert [line.text for line in page.lines] == ["Name:", "Ada Ellwood", "Country:"]


@pytest.mark.parametrize("content", ["2 20 Td (Ada Ellwoo) Tj", "2 20 Td (Something else) Tj", ""])
def test_a_field_that_draws_something_else_says_what_it_holds(content):
    (page,) = Reader(engine="fake").read(drawing(content, "Widget", V=String("Ada Ellwood"), **TYPED))
    assert [line.text for line in page.lines] == ["Name:", "Ada Ellwood", "Country:"]


@pytest.mark.parametrize(
    ("options", "chosen", "flags", "shown"),
    [
        ([["de", "Germany"], ["no", "Norway"]], "no", 1 << 17, "Norway"),
        (["Red", "Green", "Blue"], ["Red", "Blue"], 1 << 21, "Red, Blue"),
        (["Red", "Green"], "Violet", 3 << 17, "Violet"),  # typed into it
    ],
    ids=["label", "several", "typed"],
)
def test_a_choice_gives_what_it_shows(options, chosen, flags, shown):
    choice = annotation("Widget", [150, 445, 350, 465], FT=Name.Ch, T=String("c"), Ff=flags, Opt=options, V=chosen)
    (page,) = Reader(engine="fake").read(annotated(choice, fields=True))
    assert page.text.endswith(f"Country:\t{shown}")
