"""Which text layers are trusted, and what their lines are."""

from __future__ import annotations

import pytest
from PIL import Image

from draw_pdfs import Draft, Sheet, pdf, picture, prose, text
from qwen_ocr_loader import textlayer
from qwen_ocr_loader.pages import open_pages
from qwen_ocr_loader.pdf_objects import MAX_DEPTH
from test_pages import darkness_under, source

# Type 3: every code is drawn, none says which letter it is.
MUTE_FONT = (
    "<</Type/Font/Subtype/Type3/FontBBox[0 0 1000 1000]/FontMatrix[.001 0 0 .001 0 0]/FirstChar 32/LastChar 122"
    "/Widths[{widths}]/CharProcs<</g {glyph} 0 R>>/Encoding<</Type/Encoding/Differences[{names}]>>>>"
)


def layer(data: bytes, **options):
    with open_pages(source(data), **options) as pages:
        return pages.page(0).text_layer


def lines(content: str, **options) -> list[str]:
    return [box.text for box in layer(pdf(Sheet(content, **options))).boxes]


def with_picture(content: str, *, size: tuple[int, int] = (400, 600), form: bool = False) -> bytes:
    draft = Draft()
    number, _ = draft.jpeg(Image.new("L", size, "white"))
    if form:
        number = draft.stream(
            f"/Type/XObject/Subtype/Form/BBox[0 0 1 1]/Resources<</XObject<</Im0 {number} 0 R>>>>", b"/Im0 Do"
        )
    return draft.sheet(Sheet(content, xobjects={"Im0": number})).bytes()


SCAN = picture(0, 0, 400, 600)
HIDDEN = "".join(text(40, 560 - 16 * n, f"{n} words somebody recognised", mode=3) for n in range(20))
LONG = prose(30)  # over 400 characters


@pytest.mark.parametrize("form", [False, True], ids=["directly", "in a form XObject"])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (SCAN, "no text"),
        (SCAN + HIDDEN, "hidden"),
        (LONG + SCAN, "under a picture"),
        (SCAN + LONG, "sound"),
        (SCAN + prose(2), "picture page"),
        (picture(40, 40, 100, 100) + text(40, 500, "Fig. 1"), "sparse"),
        (picture(40, 40, 100, 100) + prose(10), "sound"),
        (picture(40, 40, 100, 100) + HIDDEN, "sound"),
    ],
    ids=["scan", "ocr layer", "buried", "over a picture", "few words", "label", "illustrated", "no scan"],
)
def test_verdicts_on_pages_with_pictures(content, reason, form):
    found = layer(with_picture(content, form=form))
    assert (found.reason, found.sound) == (reason, reason == "sound")
    assert bool(found.boxes) is found.sound


@pytest.mark.parametrize(
    ("content", "opened"),
    [
        (picture(40, 40, 100, 100) + prose(10), False),
        (SCAN + LONG, True),
        (picture(40, 40, 9, 9) + text(40, 500, "A"), True),
    ],
    ids=["small", "large", "hardly any text"],
)
def test_figures_are_looked_into_only_where_they_may_matter(monkeypatch, content, opened):
    depths = []
    walk = textlayer.page_objects
    monkeypatch.setattr(
        textlayer, "page_objects", lambda page, depth=MAX_DEPTH: depths.append(depth) or walk(page, depth)
    )
    layer(with_picture(content, form=True))
    assert depths == ([0, MAX_DEPTH] if opened else [0])


def test_blank_pages_are_sound_and_empty():
    for content in ("", text(40, 40, "   ")):
        found = layer(pdf(Sheet(content)))
        assert (found.sound, found.reason, found.boxes) == (True, "blank", ())


def test_drawings_without_text_are_not_blank():
    assert layer(pdf(Sheet("10 10 100 100 re S\n"))).reason == "no text"


def test_a_drawing_with_a_word_is_sparse_and_prose_with_rules_is_sound():
    rules = "10 10 100 100 re S\n" * 25
    assert layer(pdf(Sheet(rules + text(40, 40, "A-A")))).reason == "sparse"
    assert layer(pdf(Sheet(rules + prose()))).reason == "sound"


def garbled(letters: str) -> bytes:
    draft = Draft()
    glyph = draft.stream("", b"500 0 d0 0 0 400 700 re f")
    names = "32 " + "/g" * 91
    font = MUTE_FONT.format(widths="500 " * 91, glyph=glyph, names=names)
    return draft.sheet(Sheet(text(40, 300, letters), font=font)).bytes()


def test_a_font_that_says_not_which_letters_it_draws_is_garbled():
    found = layer(garbled("nobody knows what this says"))
    assert (found.sound, found.reason, found.boxes) == (False, "garbled", ())


def test_a_font_without_a_table_whose_letters_are_rightly_guessed_is_sound():
    found = layer(garbled("this is the only way to the top of that hill, and it is for all of us"))
    assert (found.sound, found.reason) == (True, "sound")


def test_a_page_of_titles_in_a_font_without_a_table_is_known_by_its_letters():
    titles = "Harbour Opening Hours Coastal Pilots Registered Vessels Sailing Instructions Storm Signals Dredging "
    titles += "Areas Customs Inspection Lighthouse Stations Tide Tables Mooring Charges Index"
    assert layer(garbled(titles)).reason == "sound"
    shifted = "".join(chr((ord(letter) - 97 + 3) % 26 + 97) if letter.isalpha() else " " for letter in titles.lower())
    assert layer(garbled(shifted)).reason == "garbled"
    assert layer(garbled(titles[:99])).reason == "garbled"  # too little to tell


def test_only_takes_whatever_there_is_and_never_does_not_look():
    data = with_picture(SCAN + HIDDEN)
    found = layer(data, text_layer="only")
    assert (found.sound, len(found.boxes)) == (False, 20)
    assert layer(data, text_layer="never") is None


def test_mixed_files_are_judged_page_by_page():
    draft = Draft()
    number, _ = draft.jpeg(Image.new("L", (400, 600), "white"))
    draft.sheet(Sheet(SCAN, xobjects={"Im0": number})).sheet(Sheet(LONG)).sheet(
        Sheet(SCAN + HIDDEN, xobjects={"Im0": number})
    )
    with open_pages(source(draft.bytes())) as pages:
        assert [pages.page(n).text_layer.sound for n in range(3)] == [False, True, False]


def test_exact_text_line_by_line():
    content = text(40, 500, "First line (with brackets)") + text(40, 480, r"Second \ line.") + text(40, 460, "   ")
    assert lines(content) == ["First line (with brackets)", r"Second \ line."]


def test_wide_gaps_cut_a_line_into_its_cells():
    row = text(40, 500, "Total due") + text(200, 500, "12.50") + text(330, 500, "EUR")
    assert lines(row) == ["Total due", "12.50", "EUR"]


def test_cells_of_turned_text_are_cut_as_well():
    row = "".join(text(100, y, word, matrix="0 1 -1 0") for y, word in ((40, "Total"), (200, "12.50"), (330, "EUR")))
    assert lines(row) == ["Total", "12.50", "EUR"]


def test_words_of_one_line_stay_together():
    row = text(40, 500, "These") + text(76, 500, "are") + text(99, 500, "one") + text(125, 500, "line")
    assert lines(row) == ["These are one line"]


def test_raised_signs_do_not_cut_a_line():
    row = text(40, 500, "Ada Lovelace") + text(113, 504, "1", size=7) + text(118, 500, ", London")
    assert "".join(lines(row)).replace(" ", "") == "AdaLovelace1,London"
    assert len(lines(row)) <= 3


def test_hyphens_at_line_ends_are_kept_and_lines_stay_lines():
    assert lines(text(40, 500, "a long hyphen-") + text(40, 486, "ated word")) == ["a long hyphen-", "ated word"]


@pytest.mark.parametrize("left", [40, 41.8, 51.9])
def test_doubly_printed_text_is_taken_once(left):
    assert lines(text(left, 500, "Bold") + text(left + 0.3, 500, "Bold")) == ["Bold"]
    apart = [text(left + shift, 500 - 20 * n, f"Line {n}") for shift in (0, 0.3) for n in range(4)]
    assert lines("".join(apart)) == [f"Line {n}" for n in range(4)]


def test_small_print_that_repeats_is_not_printed_twice():
    rows = "".join(
        text(50, 900 - 1.4 * n, "yes", size=1.2) + text(70, 900 - 1.4 * n, f"no {n}", size=1.2) for n in range(40)
    )
    assert sorted(lines(rows, box="0 0 1000 1000")) == sorted([*["yes"] * 40, *(f"no {n}" for n in range(40))])
    inches = "".join(text(0.5, 9 - 0.2 * n, "0.00", size=0.14) for n in range(20))
    assert lines(inches, box="0 0 8.5 11", entries="/UserUnit 72") == ["0.00"] * 20


LOG = "A line that runs off the edge of the sheet because the program never wrapped it and goes on and on"


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("turned", [False, True], ids=["across", "up"])
def test_of_a_line_that_runs_off_the_page_what_is_on_it_is_kept(rotation, turned):
    matrix = "0 1 -1 0" if turned else "1 0 0 1"
    data = pdf(Sheet(text(30, 30, 4 * LOG, matrix=matrix) + prose(3), entries=f"/Rotate {rotation}"))
    (box,) = [box for box in layer(data).boxes if box.text.startswith("A line")]
    width = (600 if turned else 400) - 30
    assert LOG.startswith(box.text) or box.text.startswith(LOG)
    assert len(box.text) == pytest.approx(width / 5.6, rel=0.15)  # letters of Helvetica at 12 points
    bounds = box.quad.bounds
    assert max(bounds.width, bounds.height) == pytest.approx(width / (600 if turned else 400), abs=0.03)


def test_what_is_off_the_page_stays_out():
    outside = text(-300, 300, "Printer's marks") + text(30, 700, "above it")
    assert lines(prose(2) + outside) == lines(prose(2))


def test_boxes_are_as_high_as_lines_not_as_ink():
    (box,) = layer(pdf(Sheet(text(100, 300, "none", size=20)))).boxes
    _, top, _, bottom = box.quad.bounds
    assert 20 <= (bottom - top) * 600 <= 30


MAPPED = (
    "<</Type/Font/Subtype/Type0/BaseFont/Helvetica/Encoding/Identity-H/ToUnicode {cmap} 0 R/DescendantFonts["
    "<</Type/Font/Subtype/CIDFontType2/BaseFont/Helvetica/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)"
    "/Supplement 0>>/DW 600/FontDescriptor<</Type/FontDescriptor/FontName/Helvetica/Flags 4/FontBBox[0 -200 1000 900]"
    "/ItalicAngle 0/Ascent 900/Descent -200/CapHeight 700/StemV 80>>>>]>>"
)


def mapped(*meanings: str) -> bytes:
    """A page whose glyphs 1, 2, ... mean these strings."""
    draft = Draft()
    pairs = "".join(f"<{n:04x}><{m.encode('utf-16-be', 'surrogatepass').hex()}>\n" for n, m in enumerate(meanings, 1))
    cmap = (
        "/CIDInit/ProcSet findresource begin 12 dict begin begincmap /CMapName/X def /CMapType 2 def "
        f"1 begincodespacerange <0000><ffff> endcodespacerange {len(meanings)} beginbfchar\n{pairs}endbfchar "
        "endcmap end end"
    )
    codes = "".join(f"{n:04x}" for n in range(1, len(meanings) + 1))
    font = MAPPED.format(cmap=draft.stream("", cmap.encode()))
    content = f"BT /F1 20 Tf 40 300 Td <{codes}> Tj ET BT /F1 20 Tf 40 200 Td <{codes}> Tj ET"
    return draft.sheet(Sheet(content, font=font)).bytes()


@pytest.mark.parametrize(
    ("meanings", "expected"),
    [
        ("日本語", "日本語"),
        ("a😀bcd", "a😀bcd"),
        (("ef", "fi", "cient"), "efficient"),
        (("a", "\ud800", "bcdefgh"), "abcdefgh"),
    ],
    ids=["cjk", "beyond the BMP", "ligature", "lone surrogate"],
)
def test_letters_of_all_kinds(meanings, expected):
    boxes = layer(mapped(*meanings), text_layer="only").boxes
    assert [box.text for box in boxes] == [expected, expected]
    assert boxes[1].quad[0].y > boxes[0].quad[0].y


def test_right_to_left_text_comes_in_reading_order():
    # A PDF places glyphs as they are seen: from left to right, so the last letter first.
    boxes = layer(mapped(*reversed("שלום עולם")), text_layer="only").boxes
    assert boxes[0].text == "שלום עולם"


@pytest.mark.parametrize("rotation", [0, 270])
def test_a_page_of_prose_is_covered(rotation):
    with open_pages(source(pdf(Sheet(prose(), entries=f"/Rotate {rotation}")))) as pages:
        assert darkness_under(pages.page(0)) > 0.99


def test_the_objects_of_a_page_of_print_are_looked_through_once(monkeypatch):
    looked, page_objects = [], textlayer.page_objects

    def counted(page, **given):
        looked.append(given)
        return page_objects(page, **given)

    monkeypatch.setattr(textlayer, "page_objects", counted)
    content = "".join(f"{n % 400} {n % 600} 5 5 re f\n" for n in range(6_000))
    assert layer(pdf(Sheet(content + prose()))).sound
    assert looked == [{"depth": 0}]
