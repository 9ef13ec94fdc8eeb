"""What people filled into forms is in the text, where it stands."""

import io

import pikepdf
import pytest
from pikepdf import Name, String
from reportlab.pdfgen.canvas import Canvas

from draw_pdfs import Sheet, pdf, text
from qwen_ocr_loader import Reader


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


def test_their_boxes_cover_the_field():
    (page,) = Reader(engine="fake").read(form())
    box = next(line.quad.bounds for line in page.lines if line.text == "Ada Ellwood")
    assert (box.left * 400, box.right * 400) == pytest.approx((200, 200 + 0.75 * 18 * 11), abs=2)
    assert (box.top * 300, box.bottom * 300) == pytest.approx((300 - 263, 300 - 245), abs=2)


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
