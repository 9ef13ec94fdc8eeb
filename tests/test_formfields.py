"""What people filled into forms is in the text, where it stands."""

import io

import pytest
from reportlab.pdfgen.canvas import Canvas

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
