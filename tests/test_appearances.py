"""What stamps and signatures say is in a page's text, where it stands."""

import io

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, String

from draw_pdfs import Sheet, pdf, text
from qwen_ocr_loader import Reader

HELVETICA = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)


class Paper:
    """A contract of two lines, 400 x 600 points, to be stamped and signed."""

    def __init__(self, rotation=0):
        self.made = pikepdf.open(
            io.BytesIO(pdf(Sheet(text(50, 500, "Contract of sale") + text(50, 300, "Signed by the seller"))))
        )
        self.made.pages[0].Rotate = rotation
        self.kept, self.fields = [], []

    def drawn(self, content, size, **others):
        """A form XObject."""
        stream = self.made.make_stream(content.encode())
        stream.update(
            {"/Type": Name.XObject, "/Subtype": Name.Form, "/BBox": Array([0, 0, *size])}
            | {"/Resources": Dictionary(Font=Dictionary(F=HELVETICA), XObject=Dictionary(**others))}
        )
        return stream

    def annotate(self, subtype, rect, looks, **more):
        """An annotation that looks like a form XObject."""
        entries = {"Rect": Array(rect), "F": 4, "AP": Dictionary(N=looks), **more}
        note = Dictionary(Type=Name.Annot, Subtype=Name(f"/{subtype}"), **entries)
        self.kept.append(self.made.make_indirect(note))
        if subtype == "Widget":
            self.fields.append(self.kept[-1])

    def bytes(self):
        out = io.BytesIO()
        self.made.pages[0].Annots = Array(self.kept)
        if self.fields:
            self.made.Root.AcroForm = Dictionary(Fields=Array(self.fields))
        self.made.save(out)
        return out.getvalue()


def words(*lines):
    """Lines of text for a form XObject, 10 points high, from its bottom."""
    return " ".join(f"BT /F 10 Tf 2 {12 * up + 3} Td ({line}) Tj ET" for up, line in enumerate(reversed(lines)))


def signature(paper):
    """As signing programs nest it: the field's look is a form in a form in a form."""
    layer = paper.drawn(words("Digitally signed by Ada Ellwood", "Date: 2026.03.04"), (200, 30))
    blank = paper.drawn("% DSBlank", (100, 100))
    frame = paper.drawn("/n0 Do /n2 Do", (200, 30), n0=blank, n2=layer)
    return paper.drawn("/FRM Do", (200, 30), FRM=frame)


def read(paper):
    (page,) = Reader(engine="fake").read(paper.bytes())
    return page


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_stamp_and_a_signature_are_read_where_they_stand(rotation):
    paper = Paper(rotation)
    paper.annotate("Stamp", [200, 400, 320, 420], paper.drawn(words("APPROVED"), (120, 20)))
    paper.annotate("Widget", [200, 290, 400, 320], signature(paper), FT=Name.Sig, T=String("one"))
    page = read(paper)
    assert page.text_source == "text_layer"
    said = ["Contract of sale", "APPROVED", "Digitally signed by Ada Ellwood", "Date: 2026.03.04"]
    boxes = {line.text: line.quad.bounds for line in page.lines}
    assert boxes.keys() == {*said, "Signed by the seller"}
    for line in page.lines:
        assert page.text[line.start : line.end] == line.text
    if rotation == 0:
        assert [line for line in page.text.splitlines() if line][:2] == said[:2]
        approved = boxes["APPROVED"]
        assert 202 <= approved.left * 400 + 1 < approved.right * 400 < 320
        assert 600 - 420 <= approved.top * 600 < approved.bottom * 600 <= 600 - 400
        upper, lower = (boxes[said[at]] for at in (2, 3))
        assert 600 - 320 <= upper.top * 600 < lower.top * 600 < 600 - 290


def test_a_look_is_scaled_into_its_place():
    paper = Paper()
    paper.annotate("Stamp", [100, 400, 340, 440], paper.drawn(words("PAID"), (120, 20)))
    (box,) = (line.quad.bounds for line in read(paper).lines if line.text == "PAID")
    paper = Paper()
    paper.annotate("Stamp", [100, 400, 220, 420], paper.drawn(words("PAID"), (120, 20)))
    (half,) = (line.quad.bounds for line in read(paper).lines if line.text == "PAID")
    assert (box.right - box.left, box.bottom - box.top) == pytest.approx(
        (2 * (half.right - half.left), 2 * (half.bottom - half.top)), rel=0.02
    )


@pytest.mark.parametrize("flags", [2, 32])
def test_what_is_hidden_is_not_read(flags):
    paper = Paper()
    paper.annotate("Stamp", [200, 400, 320, 420], paper.drawn(words("hush"), (120, 20)), F=flags)
    paper.annotate(
        "Widget", [200, 200, 320, 220], paper.drawn(words("hush"), (120, 20)), FT=Name.Sig, T=String("t"), F=flags
    )
    paper.annotate("Stamp", [200, 370, 320, 390], paper.drawn(words("SEEN"), (120, 20)))
    page = read(paper)
    assert "SEEN" in page.text
    assert "hush" not in page.text


def test_other_annotations_and_the_page_are_not_read_twice():
    paper = Paper()
    paper.annotate("Text", [300, 500, 320, 520], paper.drawn(words("icon"), (20, 20)), Contents=String("a comment"))
    paper.annotate(
        "Widget", [50, 250, 250, 270], paper.drawn(words("Ada"), (200, 20)), FT=Name.Tx, T=String("t"), V=String("Ada")
    )
    paper.annotate("Stamp", [200, 400, 320, 420], paper.drawn(words("PAID"), (120, 20)))
    assert [line for line in read(paper).text.splitlines() if line] == [
        "Contract of sale", "PAID", "Signed by the seller", "Ada",
    ]  # fmt: skip


def test_a_field_not_yet_signed_says_nothing():
    paper = Paper()
    paper.annotate("Widget", [200, 290, 400, 320], paper.drawn("", (0, 0)), FT=Name.Sig, T=String("one"))
    assert [line.text for line in read(paper).lines] == ["Contract of sale", "Signed by the seller"]


def test_a_stamp_on_an_empty_page_is_its_text():
    paper = Paper()
    paper.made.pages[0].Contents = paper.made.make_stream(b"")
    paper.annotate("Stamp", [200, 400, 320, 420], paper.drawn(words("VOID"), (120, 20)))
    page = read(paper)
    assert (page.text, page.text_source) == ("VOID", "text_layer")


def test_letters_without_a_meaning_are_left_out():
    paper = Paper()
    look = paper.drawn(words("ABCDEFGHIJ"), (120, 20))
    codes = [Name(f"/g{number}") for number in range(65, 75)]
    look.Resources.Font.F = Dictionary(
        Type=Name.Font,
        Subtype=Name.Type3,
        FontBBox=Array([0, 0, 1, 1]),
        FontMatrix=Array([0.01, 0, 0, 0.01, 0, 0]),
        CharProcs=Dictionary({str(name): paper.made.make_stream(b"60 0 d0 0 0 50 70 re f") for name in codes}),
        Encoding=Dictionary(Type=Name.Encoding, Differences=Array([65, *codes])),
        FirstChar=65,
        LastChar=74,
        Widths=Array([60] * 10),
    )
    paper.annotate("Stamp", [200, 400, 320, 420], look)
    assert [line.text for line in read(paper).lines] == ["Contract of sale", "Signed by the seller"]
