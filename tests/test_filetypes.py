"""The kind of a file, by its content."""

import pytest

import draw_images as draw
from qwen_ocr_loader.filetypes import HEAD, mime_of

KINDS = [
    ("PNG", {}, "image/png"),
    ("JPEG", {}, "image/jpeg"),
    ("WEBP", {}, "image/webp"),
    ("BMP", {}, "image/bmp"),
    ("DIB", {}, "image/bmp"),
    ("GIF", {}, "image/gif"),
    ("TIFF", {}, "image/tiff"),
    ("TIFF", {"big_tiff": True}, "image/tiff"),
    ("JPEG2000", {}, "image/jp2"),
    ("JPEG2000", {"no_jp2": True}, "image/j2c"),
    ("ICO", {}, "image/x-icon"),
    ("ICNS", {}, "image/icns"),
    ("SGI", {}, "image/sgi"),
    ("AVIF", {}, "image/avif"),
    ("HEIF", {}, "image/heic"),
    ("PDF", {}, "application/pdf"),
]


@pytest.mark.parametrize(("kind", "options", "mime"), KINDS)
def test_told_by_content(kind, options, mime):
    assert mime_of(draw.encoded(draw.marked(), kind, **options)[:HEAD]) == mime


@pytest.mark.parametrize("head", [b"MM\0*\0\0\0\x08", b"MM\0+\0\x08\0\0\0\0\0\0"])
def test_big_endian_tiff(head):
    assert mime_of(head) == "image/tiff"


@pytest.mark.parametrize(
    ("brands", "mime"),
    [
        (b"heic\0\0\0\0mif1heic", "image/heic"),
        (b"mif1\0\0\0\0mif1heix", "image/heic"),
        (b"mif1\0\0\0\0mif1avif", "image/avif"),
        (b"mif1\0\0\0\0mif1miaf", "image/heif"),
        (b"isom\0\0\2\0isommp41", ""),
    ],
)
def test_iso_media_by_all_its_brands(brands, mime):
    box = (8 + len(brands)).to_bytes(4, "big") + b"ftyp" + brands
    assert mime_of(box + b"heic beyond the box") == mime


@pytest.mark.parametrize("junk", [b"", b"\xef\xbb\xbf", b"\r\n\r\n", b"junk" * 50, bytes(1019)])
def test_pdf_after_junk(junk):
    assert mime_of(junk + b"%PDF-1.7\n") == "application/pdf"


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"hello",
        b"PK\3\4docx",
        b"<html>",
        bytes(2000) + b"%PDF-1.7",
        b'print("%PDF-1.4")',
        b"\0\1\0\0\0\x0c" + bytes(40),  # a TrueType font
        b"\0\0\1\0" + bytes(40),  # an icon of no pictures
        b"RIFF\0\0\0\0WAVEfmt ",
        b"\x28\0\0\0 is what a DIB starts with, too",
        b"BM is no bitmap, only a word",
    ],
)
def test_anything_else_is_unknown(head):
    assert mime_of(head[:HEAD]) == ""
