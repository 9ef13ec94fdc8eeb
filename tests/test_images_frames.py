"""Image files of several frames: each is a page, and one that is broken fails alone."""

import io
import random
import struct
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

import draw_images as draw
from image_files import is_marked, numbered, source
from qwen_ocr_loader.errors import DamagedSource, SourceError
from qwen_ocr_loader.images import open_image


@pytest.mark.parametrize("kind", ["TIFF", "GIF", "WEBP", "PNG", "AVIF", "HEIF"])
def test_frames_are_pages_in_any_order(kind):
    images = [Image.new("RGB", (32, 32), (80 * number, 0, 0)) for number in range(3)]
    options = {"WEBP": {"lossless": True}, "GIF": {"optimize": False}}.get(kind, {})
    with open_image(source(draw.frames(images, kind, **options))) as file:
        assert file.count == 3
        for number in (2, 0, 1, 1, 2):
            page = file.page(number)
            assert page.label == str(number + 1)
            assert page.image().pixels().convert("RGB").getpixel((9, 9))[0] == pytest.approx(80 * number, abs=6)


def test_pictures_stay_good_when_the_file_moves_on():
    with open_image(source(draw.frames(numbered(3), "TIFF"))) as file:
        first, second = file.page(0).image(), file.page(1).image()
    assert first.pixels().size == (20, 30)
    assert second.pixels().getpixel((0, 0)) == 10
    assert first.pixels().getpixel((0, 0)) == 0


@pytest.mark.parametrize(
    "given", [draw.frames(numbered(2), "TIFF"), draw.marked(), draw.encoded(draw.marked(), "HEIF")]
)
def test_closed_file(given):
    with open_image(source(given)) as file:
        page = file.page(0)
    with pytest.raises(SourceError, match="closed") as caught:
        page.image()
    assert type(caught.value) is SourceError


def test_no_such_page():
    with open_image(source(draw.encoded(draw.marked(), "PNG"))) as file, pytest.raises(IndexError):
        file.page(1)


def test_broken_frame_in_the_middle_fails_alone():
    data = bytearray(draw.frames([draw.noisy(draw.marked(200, 200))] * 3, "TIFF", compression="tiff_adobe_deflate"))
    with Image.open(io.BytesIO(bytes(data))) as file:
        file.seek(1)
        offset, length = file.tag_v2[273][0], file.tag_v2[279][0]
    data[offset : offset + length] = bytes(length)
    with open_image(source(bytes(data))) as file:
        assert file.count == 3
        assert file.page(0).image().pixels().size == (200, 200)
        with pytest.raises(DamagedSource) as caught:
            file.page(1).image()
        assert caught.value.page == 1
        assert is_marked(file.page(2).image().pixels(), tolerance=60)


def outcome(file, number) -> str:
    """What became of a page, in one word; a failure names the page it happened on."""
    try:
        file.page(number).image().pixels()
    except SourceError as error:
        return f"{type(error).__name__} {error.page}"
    return "read"


def test_cut_off_tiff_loses_no_page_silently():
    data = draw.frames([draw.noisy(draw.marked(90, 90))] * 3, "TIFF")
    with open_image(source(data[: len(data) * 3 // 5])) as file:
        assert [outcome(file, number) for number in range(file.count)] == ["read", "DamagedSource 1", "DamagedSource 2"]


def test_tiff_directories_in_a_circle_end():
    data = bytearray(draw.frames(numbered(2), "TIFF"))
    first = struct.unpack_from("<I", data, 4)[0]
    entries = struct.unpack_from("<H", data, first)[0]
    struct.pack_into("<I", data, first + 2 + 12 * entries, first)
    with open_image(source(bytes(data))) as file:
        assert file.count == 1


def test_one_file_in_many_threads():
    with open_image(source(draw.frames(numbered(12), "TIFF"))) as file, ThreadPoolExecutor(4) as pool:
        numbers = [random.Random(3).randrange(12) for _ in range(60)]
        images = list(pool.map(lambda number: file.page(number).image().pixels(), numbers))
    assert [image.size[0] - 20 for image in images] == numbers
    assert [image.getpixel((3, 3)) // 10 for image in images] == numbers
