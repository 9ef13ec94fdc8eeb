"""Files become pages: sizes, labels, pictures, errors, several readers at once."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from draw_pdfs import HELVETICA, Draft, Sheet, encrypted, packed, pdf, picture, prose, text
from qwen_ocr_loader.errors import (
    DamagedSource,
    EmptySource,
    EncryptedPDF,
    MissingDependency,
    OCRError,
    UnsupportedSource,
)
from qwen_ocr_loader.pages import open_pages
from qwen_ocr_loader.pdf_render import MAX_PIXELS, MAX_SIDE, image_size
from qwen_ocr_loader.source import Source

WORD = "Landmark"


def source(data: bytes, mime: str = "application/pdf") -> Source:
    return Source("a.pdf", mime, content=data)


def scan(width: int = 400, height: int = 600, mode: str = "L") -> Image.Image:
    image = Image.new(mode, (width, height), "white")
    ImageDraw.Draw(image).rectangle((50, 50, width // 2, 80), fill="black")
    return image


def jpeg_page(*, entries: str = "", page: Sheet | None = None, mode: str = "L", extra: str = "") -> tuple[bytes, bytes]:
    draft = Draft()
    number, jpeg = draft.jpeg(scan(mode=mode), entries=entries)
    page = page or Sheet(picture(0, 0, 400, 600) + extra)
    page.xobjects = {"Im0": number}
    return draft.sheet(page).bytes(), jpeg


def darkness_under(page) -> float:
    """Share of the page's dark pixels that lie within its text boxes."""
    image = page.image().pixels().point(lambda value: 255 * (value < 128))
    total = image.histogram()[255]
    assert total > 50, "nothing was drawn"
    cover = Image.new("L", image.size)
    for box in page.text_layer.boxes:
        ImageDraw.Draw(cover).polygon(box.quad.to_pixels(*image.size), fill=255)
    return Image.composite(image, Image.new("L", image.size), cover).histogram()[255] / total


@pytest.mark.parametrize("rotation", [0, 90, 180, 270, -90, 450])
@pytest.mark.parametrize("crop", ["", "/CropBox[30 70 330 570]", "/CropBox[-50 -50 300 900]"])
@pytest.mark.parametrize("box", ["0 0 400 600", "-100 20 400 600"])
def test_boxes_lie_on_the_ink_whatever_turn_and_crop(rotation, crop, box):
    content = text(60, 400, WORD, size=30) + text(100, 200, "upwards", size=20, matrix="0 1 -1 0")
    data = pdf(Sheet(content, box=box, entries=f"/Rotate {rotation}{crop}"))
    with open_pages(source(data), dpi=100) as pages:
        page = pages.page(0)
        assert [b.text for b in page.text_layer.boxes] == [WORD, "upwards"]
        assert darkness_under(page) > 0.97
        image = page.image()
        assert image.width / image.height == pytest.approx(page.width / page.height, rel=0.01)
        first, second = page.text_layer.boxes
        assert first.quad.angle(page.width, page.height) % 360 == pytest.approx(rotation % 360, abs=0.1)
        assert second.quad.angle(page.width, page.height) % 360 == pytest.approx((rotation - 90) % 360, abs=0.1)


@pytest.mark.parametrize("degrees", [30, -30, 135])
def test_slanted_text_gets_slanted_quads(degrees):
    import math

    turn = math.radians(degrees)
    matrix = f"{math.cos(turn):.4f} {math.sin(turn):.4f} {-math.sin(turn):.4f} {math.cos(turn):.4f}"
    with open_pages(source(pdf(Sheet(text(200, 300, "Slanted text", size=20, matrix=matrix))))) as pages:
        page = pages.page(0)
        (box,) = page.text_layer.boxes
        assert box.quad.angle(page.width, page.height) == pytest.approx(-degrees, abs=1)
        assert darkness_under(page) > 0.95


def test_text_outside_the_visible_box_is_dropped():
    data = pdf(Sheet(text(60, 400, "inside the box") + text(60, 20, "outside"), entries="/CropBox[0 100 400 600]"))
    with open_pages(source(data)) as pages:
        assert [b.text for b in pages.page(0).text_layer.boxes] == ["inside the box"]


@pytest.mark.parametrize("pack", [bytes, packed])
def test_user_unit_scales_real_sizes_not_fractions(pack):
    plain = Sheet(text(100, 300, WORD))
    large = Sheet(text(100, 300, WORD), box="0 0 400 601", entries="/UserUnit 2.5")
    with open_pages(source(pack(pdf(plain, large))), dpi=72) as pages:
        one, two = pages.page(0), pages.page(1)
        assert (one.width, one.height) == (400, 600)
        assert (two.width, two.height) == (1000, 1502.5)
        assert two.text_layer.boxes[0].quad[0].x == pytest.approx(one.text_layer.boxes[0].quad[0].x)
        assert two.image().width == 1000


def test_labels_are_those_of_the_viewer():
    draft = Draft().sheet(Sheet(prose())).sheet(Sheet(prose())).sheet(Sheet(prose()))
    draft.catalog = "/PageLabels<</Nums[0<</S/r>>2<</S/D/P(A-)>>]>>"
    with open_pages(source(draft.bytes())) as pages:
        assert [pages.page(n).label for n in range(3)] == ["i", "ii", "A-1"]
    with open_pages(source(pdf(Sheet(prose()), Sheet(prose())))) as pages:
        assert [pages.page(n).label for n in range(2)] == ["1", "2"]


def test_info_has_iso_dates_and_no_nul():
    draft = Draft().sheet(Sheet(prose()))
    number = draft.add(r"<</Title(A\000B)/Author(C)/CreationDate(D:20240131120501+01'30')/ModDate(D:2023)>>")
    draft.trailer = f"/Info {number} 0 R"
    with open_pages(source(draft.bytes())) as pages:
        assert pages.info == {
            "title": "AB",
            "author": "C",
            "producer": "",
            "creator": "",
            "creationdate": "2024-01-31T12:05:01+01:30",
            "moddate": "2023",
        }


def test_one_plain_jpeg_is_passed_through_untouched():
    data, jpeg = jpeg_page()
    with open_pages(source(data)) as pages:
        image = pages.page(0).image()
    assert image.data == jpeg
    assert (image.mime, image.width, image.height) == ("image/jpeg", 400, 600)


@pytest.mark.parametrize(
    ("entries", "page", "mode", "extra"),
    [
        ("/Decode[1 0]", None, "L", ""),
        ("/Mask[0 10]", None, "L", ""),
        ("", None, "CMYK", ""),
        ("", None, "L", text(100, 100, "over it")),
        ("", Sheet(picture(0, 0, 400, 600), entries="/Rotate 90"), "L", ""),
        ("", Sheet(picture(20, 20, 360, 560)), "L", ""),
        ("", Sheet("q 400 0 0 -600 0 600 cm /Im0 Do Q"), "L", ""),
        ("", Sheet("0 0 200 600 re W n " + picture(0, 0, 400, 600)), "L", ""),
        ("", Sheet(picture(0, 0, 400, 600), entries="/CropBox[0 0 200 600]"), "L", ""),
    ],
    ids=["inverted", "masked", "cmyk", "text", "turned", "margin", "mirrored", "clipped", "cropped"],
)
def test_any_other_jpeg_page_is_rendered(entries, page, mode, extra):
    data, _ = jpeg_page(entries=entries, page=page, mode=mode, extra=extra)
    with open_pages(source(data)) as pages:
        assert pages.page(0).image().data == b""


def test_inverted_jpeg_is_rendered_as_printed():
    data, _ = jpeg_page(entries="/Decode[1 0]")
    with open_pages(source(data)) as pages:
        assert pages.page(0).image().pixels().getpixel((5, 5)) == 0


def test_a_scan_is_not_rendered_above_its_own_resolution():
    data, _ = jpeg_page(page=Sheet(picture(0, 0, 400, 600), entries="/Rotate 90"))
    with open_pages(source(data), dpi=300) as pages:
        image = pages.page(0).image()
    assert (image.width, image.height) == (600, 400)


def test_pixels_are_capped_before_rendering():
    with open_pages(source(pdf(Sheet(text(100, 100, WORD), box="0 0 14400 14400")))) as pages:
        image = pages.page(0).image()
    assert image.width * image.height <= MAX_PIXELS * 1.001
    with open_pages(source(pdf(Sheet(text(100, 10, WORD), box="0 0 14400 50")))) as pages:
        assert pages.page(0).image().width == MAX_SIDE


def test_image_size_never_is_zero():
    assert image_size(10_000, 0.001, 200).height == 1


def test_form_values_are_drawn():
    draft = Draft()
    field = draft.add(
        "<</Type/Annot/Subtype/Widget/FT/Tx/T(name)/V(Filled)/F 4/Rect[50 300 350 360]/DA(/Helv 40 Tf 0 g)"
        "/MK<</BG[0 0 0]>>>>"
    )
    font = draft.add(HELVETICA)
    resources = f"/DR<</Font<</Helv {font} 0 R>>>>"
    draft.catalog = f"/AcroForm<</Fields[{field} 0 R]/NeedAppearances true{resources}>>"
    draft.sheet(Sheet(prose(2), entries=f"/Annots[{field} 0 R]"))
    with open_pages(source(draft.bytes()), dpi=72) as pages:
        shown = pages.page(0).image().pixels().crop((50, 240, 350, 300))
    assert shown.getextrema()[0] < 128


# --- errors ----------------------------------------------------------------------------------------------------------


def test_zero_pages_is_empty_even_after_a_password_failure():
    with pytest.raises(EncryptedPDF):
        open_pages(source(encrypted(pdf(Sheet(prose())), user="secret")))
    with pytest.raises(EmptySource, match="no pages"):
        open_pages(source(Draft().bytes()))


@pytest.mark.parametrize(("password", "wrong"), [(None, False), ("", False), ("nope", True)])
def test_missing_and_wrong_passwords_are_told_apart(password, wrong):
    with pytest.raises(EncryptedPDF, match="password=") as caught:
        open_pages(source(encrypted(pdf(Sheet(prose())), user="sécret")), password=password)
    assert caught.value.wrong is wrong
    assert caught.value.source == "a.pdf"


@pytest.mark.parametrize(
    ("user", "password"), [("sécret", "sécret"), ("", None), ("", "for another file"), ("u", "owner")]
)
def test_right_empty_and_needless_passwords_open(user, password):
    with open_pages(source(encrypted(pdf(Sheet(prose())), user=user)), password=password) as pages:
        assert pages.page(0).text_layer.sound


@pytest.mark.parametrize("from_path", [True, False])
@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", EmptySource),
        (b"%PDF-1.7 and nothing else", DamagedSource),
        (b"garbage" * 100, DamagedSource),
        (pdf(Sheet(prose()))[:300], DamagedSource),
    ],
    ids=["empty", "header", "garbage", "truncated"],
)
def test_broken_files_end_in_a_named_error(tmp_path, data, error, from_path):
    file = tmp_path / "broken.pdf"
    file.write_bytes(data)
    given = Source("broken", "application/pdf", path=file) if from_path else source(data)
    with pytest.raises(error):
        open_pages(given)


def test_a_page_that_cannot_be_loaded_leaves_the_others():
    draft = Draft().sheet(Sheet(prose()))
    draft.sheets.append(draft.add("(no page at all)"))
    draft.sheet(Sheet(prose(3)))
    with open_pages(source(draft.bytes())) as pages:
        assert pages.count == 3
        with pytest.raises(DamagedSource) as caught:
            pages.page(1)
        assert caught.value.page == 1
        assert len(pages.page(2).text_layer.boxes) == 3


def test_pages_that_are_not_there():
    with open_pages(source(pdf(Sheet(prose())))) as pages, pytest.raises(IndexError):
        pages.page(1)


def test_other_files_are_unsupported():
    with pytest.raises(UnsupportedSource, match="PDF"):
        open_pages(source(b"hello", "text/plain"))


def test_images_go_to_the_image_reader(tmp_path):
    file = tmp_path / "scan.png"
    scan().save(file)
    with open_pages(Source("scan.png", "image/png", path=file)) as pages:
        page = pages.page(0)
        assert (pages.count, page.width, page.unit, page.text_layer) == (1, 400, "px", None)


# --- life and threads ------------------------------------------------------------------------------------------------


def test_closing_lets_go_of_the_file_and_says_so(tmp_path):
    file = tmp_path / "a.pdf"
    file.write_bytes(pdf(Sheet(prose())))
    pages = open_pages(Source("a.pdf", "application/pdf", path=file))
    page = pages.page(0)
    pages.close()
    pages.close()
    assert str(file) not in _open_files()
    file.unlink()
    with pytest.raises(OCRError, match="closed"):
        page.image()
    with pytest.raises(OCRError, match="closed"):
        pages.page(0)


def test_forgotten_pages_are_closed_by_the_collector(tmp_path):
    file = tmp_path / "a.pdf"
    file.write_bytes(pdf(Sheet(prose())))
    open_pages(Source("a.pdf", "application/pdf", path=file)).page(0)
    assert str(file) not in _open_files()


def _open_files() -> set[str]:
    links = Path("/proc/self/fd")
    if not links.exists():
        pytest.skip("needs /proc")
    return {str(link.readlink()) for link in links.iterdir() if link.exists()}


def test_two_readers_interleave_in_one_thread():
    data = pdf(Sheet(prose(5)), Sheet(prose(6)))
    with open_pages(source(data)) as one, open_pages(source(data)) as two:
        counts = [len(pages.page(n).text_layer.boxes) for n in range(2) for pages in (one, two)]
    assert counts == [5, 5, 6, 6]


def test_several_threads_read_and_draw_at_once():
    data = pdf(*(Sheet(prose(n + 2)) for n in range(6)))
    results, errors = {}, []

    def work(name: int) -> None:
        try:
            with open_pages(source(data), dpi=50) as pages:
                for n in range(6):
                    page = pages.page(n)
                    results[name, n] = (len(page.text_layer.boxes), page.image().pixels().tobytes())
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not errors
    assert len(results) == 24
    assert all(results[name, n] == results[0, n] for name in range(4) for n in range(6))


def test_an_image_is_drawn_in_another_thread_while_pages_are_read():
    from concurrent.futures import ThreadPoolExecutor

    with (
        open_pages(source(pdf(*(Sheet(prose(n + 2)) for n in range(6)))), dpi=50) as pages,
        ThreadPoolExecutor(2) as pool,
    ):
        drawn = [pool.submit(pages.page(n).image) for n in range(6)]
        assert {future.result().width for future in drawn} == {278}


# --- the other rasterizer --------------------------------------------------------------------------------------------

poppler = pytest.mark.skipif(not shutil.which("pdftoppm"), reason="needs poppler-utils")


@poppler
@pytest.mark.parametrize("rotation", [0, 90])
def test_pdf2image_draws_the_visible_box_with_a_password(rotation):
    pytest.importorskip("pdf2image")
    data = pdf(Sheet(text(60, 400, WORD, size=30), entries=f"/CropBox[30 70 330 570]/Rotate {rotation}"))
    locked = encrypted(data, user="secret")
    with open_pages(source(locked), password="secret", rasterizer="pdf2image", dpi=100) as pages:
        page = pages.page(0)
        size = page.image()
        assert (size.width, size.height) == pytest.approx((417, 694) if rotation == 0 else (694, 417), abs=1)
        assert darkness_under(page) > 0.95


@poppler
def test_pdf2image_keeps_the_pixel_cap(tmp_path):
    pytest.importorskip("pdf2image")
    file = tmp_path / "huge.pdf"
    file.write_bytes(pdf(Sheet(text(100, 100, WORD), box="0 0 14400 14400")))
    with open_pages(Source("huge", "application/pdf", path=file), rasterizer="pdf2image") as pages:
        image = pages.page(0).image()
    assert (image.width, image.height) == pytest.approx((5000, 5000), abs=1)


def test_pdf2image_without_poppler_says_what_to_install(monkeypatch):
    pytest.importorskip("pdf2image")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingDependency, match="apt install poppler-utils"):
        open_pages(source(pdf(Sheet(prose()))), rasterizer="pdf2image")
