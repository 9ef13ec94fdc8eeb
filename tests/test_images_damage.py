"""Damaged image files and bombs: each is refused in words, and none is taken for a page."""

import random
import struct
import warnings
import zlib
from contextlib import suppress

import pytest
from PIL import Image, ImageFile

import draw_images as draw
from image_files import _npy, _png, numbered, read, source
from qwen_ocr_loader.errors import DamagedSource, SourceError, SourceTooLarge, UnsupportedSource
from qwen_ocr_loader.images import open_image

CUT = ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "JPEG2000", "AVIF", "HEIF", "SGI"]


@pytest.mark.parametrize("part", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("kind", CUT)
def test_cut_off_files_are_damaged_not_half_gray(kind, part):
    data = draw.encoded(draw.noisy(draw.marked(150, 150)), kind)
    with pytest.raises(DamagedSource, match="cut off"), open_image(source(data[: int(len(data) * part)])) as file:
        file.page(0).image().pixels()


@pytest.mark.parametrize("kind", [*CUT, "ICO", "ICNS"])
def test_scrambled_files_end_in_a_page_or_our_error(kind):
    good = draw.encoded(draw.noisy(draw.marked(64, 64)), kind)
    chance = random.Random(7)
    for _ in range(25):
        data = bytearray(good)
        for _ in range(8):
            data[chance.randrange(len(data))] = chance.randrange(256)
        with suppress(SourceError), open_image(source(bytes(data)), max_pixels=1_000_000) as file:
            assert file.page(0).image().pixels().mode in ("L", "RGB")


def test_deep_gray_heic_is_read_only_where_that_is_safe():
    import pi_heif

    data = draw.encoded(Image.new("I;16", (64, 64), 40000), "HEIF")
    with open_image(source(data)) as file:
        if tuple(map(int, pi_heif.libheif_version().split("."))) >= (1, 23, 6):
            assert file.page(0).image().pixels().mode == "L"
        else:
            with pytest.raises(UnsupportedSource, match="libheif"):
                file.page(0)


def test_damage_names_file_and_page(tmp_path):
    path = tmp_path / "cut.png"
    path.write_bytes(draw.encoded(draw.noisy(draw.marked(150, 150)), "PNG")[:4000])
    with open_image(source(path)) as file, pytest.raises(DamagedSource) as caught:
        file.page(0).image()
    assert str(caught.value).startswith(f"{path}, page 1: ")


def _resized_tiff() -> bytes:
    data = bytearray(draw.encoded(draw.marked(), "TIFF"))
    for tag in (256, 257):
        at = data.index(struct.pack("<H", tag))
        data[at : at + 12] = struct.pack("<HHII", tag, 4, 1, 30000)
    return bytes(data)


def _resized_gif() -> bytes:
    return draw.encoded(draw.marked(), "GIF").replace(struct.pack("<HH", 60, 40), struct.pack("<HH", 65000, 65000))


def _icon(picture: bytes) -> bytes:
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, 0, 0, 0, 0, 1, 32, len(picture), 22) + picture


def _icns(picture: bytes) -> bytes:
    body = b"ic08" + struct.pack(">I", len(picture) + 8) + picture
    return b"icns" + struct.pack(">I", len(body) + 8) + body


BOMBS = {
    "png": lambda: _png(30000, 30000, 1, 0, b""),
    "bmp": lambda: b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 30000, 30000, 1, 24, 0, 0, 0, 0, 0, 0),
    "gif": _resized_gif,
    "tiff": _resized_tiff,
    "icon": lambda: _icon(_png(30000, 30000, 1, 0, b"")),
    "bitmap icon": lambda: _icon(struct.pack("<IiiHHIIiiII", 40, 30000, 30000, 1, 24, 0, 0, 0, 0, 0, 0)),
    "icns": lambda: _icns(_png(30000, 30000, 1, 0, b"")),
    "array": lambda: _npy((30000, 30000), b""),
}


@pytest.mark.parametrize("case", BOMBS)
def test_bombs_are_refused_by_their_header(case):
    with pytest.raises(SourceTooLarge, match="pixels"), open_image(source(BOMBS[case]())) as file:
        file.page(0)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "HEIF", "AVIF", "JPEG2000", "SGI", "TIFF", "GIF"])
def test_the_limit_is_the_caller_s(kind):
    data = draw.encoded(draw.marked(100, 100), kind)
    with open_image(source(data), max_pixels=10_000) as file:
        assert file.page(0).image().width == 100
    with (
        pytest.raises(SourceTooLarge, match="100 x 100 pixels where 9,999"),
        open_image(source(data), max_pixels=9_999) as file,
    ):
        file.page(0)


def test_handed_over_picture_is_limited_too():
    with open_image(source(draw.marked()), max_pixels=10) as file, pytest.raises(SourceTooLarge):
        file.page(0)


def test_too_many_frames_are_refused():
    data = bytearray(draw.frames(numbered(2), "PNG"))
    at = data.index(b"acTL")
    struct.pack_into(">I", data, at + 4, 4_000_000)
    struct.pack_into(">I", data, at + 12, zlib.crc32(bytes(data[at : at + 12])))
    with pytest.raises(SourceTooLarge, match="frames"):
        open_image(source(bytes(data)))


def test_pillow_is_left_as_it_was():
    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters)
    read(draw.encoded(draw.marked(), "HEIF"))
    read(draw.encoded(draw.marked(), "PNG"))
    assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters))
    assert not {"HEIF", "HEIC"} & set(Image.OPEN)


def test_pillow_s_own_limit_does_not_count(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert read(draw.encoded(draw.marked(), "PNG")).size == (60, 40)
