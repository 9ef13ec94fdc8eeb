"""The picture of any page of any source, for people."""

import io

import pytest
from PIL import Image

from draw_images import coloured, encoded, frames, marked, with_orientation
from draw_pdfs import Sheet, encrypted, pdf
from qwen_ocr_loader import Reader
from qwen_ocr_loader.errors import EncryptedPDF, SourceError
from qwen_ocr_loader.page_pictures import Pictures, page_image

RED = "1 0 0 rg 0 0 100 50 re f\n"


def test_a_pdfs_page_is_in_colour_and_as_it_is_displayed():
    page = pdf(Sheet(RED, "0 0 200 100", "/Rotate 90"))
    image = page_image(page, longest=200)
    assert image.size == (100, 200)
    assert image.getpixel((25, 50)) == (255, 0, 0)  # the lower left has come up
    assert image.getpixel((75, 150)) == (255, 255, 255)


def test_dpi_counts_real_inches():
    assert page_image(pdf(Sheet("", "0 0 144 72")), dpi=100).size == (200, 100)
    assert page_image(pdf(Sheet("", "0 0 144 72", "/UserUnit 2")), dpi=100).size == (400, 200)


def test_an_image_is_turned_as_exif_says_and_made_no_larger_than_asked():
    turned = with_orientation(marked(60, 40), 6, "PNG")
    assert page_image(turned).size == (40, 60)
    assert page_image(turned, longest=30).size == (20, 30)
    assert page_image(encoded(coloured(), "PNG")).getpixel((2, 2)) == (220, 20, 30)


def test_each_frame_is_a_page():
    file = frames([Image.new("L", (30, 20), 10 * n) for n in range(1, 4)], "TIFF")
    assert [page_image(file, n).getpixel((1, 1)) for n in range(3)] == [10, 20, 30]
    with pytest.raises(SourceError, match="no page 4; the last is page 3"):
        page_image(file, 3)


def test_a_password_opens_what_is_locked():
    locked = encrypted(pdf(Sheet(RED, "0 0 200 100")), user="open")
    assert page_image(locked, password="open", longest=200).getpixel((25, 75)) == (255, 0, 0)
    with pytest.raises(EncryptedPDF):
        page_image(locked)


def test_one_file_is_wanted(tmp_path):
    with pytest.raises(SourceError, match="2 files"):
        page_image([b"%PDF-", b"%PDF-"])
    with pytest.raises(SourceError, match="no such file"):
        page_image(tmp_path / "none.pdf")


def test_what_can_be_read_once_is_read_once():
    """A pipe is read for its text, and its pictures come from the same bytes."""
    stream = io.BytesIO(frames([Image.new("L", (30, 20), 10 * n) for n in range(1, 4)], "TIFF"))
    with Pictures() as pictures:
        pages = Reader(engine="fake").pages(pictures.watch(stream))
        assert [pictures.of(page).getpixel((1, 1)) for page in pages] == [10, 20, 30]


def test_pages_of_several_files_in_any_order(tmp_path):
    for number, name in enumerate(("a.png", "b.png"), 1):
        Image.new("L", (30, 20), 10 * number).save(tmp_path / name)
    read = list(Reader(engine="fake").pages(tmp_path))
    with Pictures() as pictures:
        assert [pictures.of(page).getpixel((1, 1)) for page in (*read, *reversed(read))] == [10, 20, 20, 10]
