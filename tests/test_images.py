"""Image files as pages."""

import io
import random
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from PIL import Image, ImageFile

import draw_images as draw
from qwen_ocr_loader.errors import DamagedSource, SourceError, SourceTooLarge, UnsupportedSource
from qwen_ocr_loader.images import PageImage, open_image
from qwen_ocr_loader.pixels import upright
from qwen_ocr_loader.source import Source, find


def source(given) -> Source:
    return next(find(given)).open()


def read(given, number=0) -> Image.Image:
    with open_image(source(given)) as file:
        return file.page(number).image().pixels()


def is_marked(image: Image.Image, tolerance: int = 12) -> bool:
    """Whether it shows ``draw.marked()`` the right way up."""
    gray = image.convert("L")
    width, height = gray.size
    spots = {(4, 4): 0, (width - 5, 4): 60, (4, height - 5): 120, (width // 2, height // 2): 255}
    return all(abs(gray.getpixel(at) - value) <= tolerance for at, value in spots.items())


FORMATS = {
    "png": ("PNG", {}),
    "jpeg": ("JPEG", {"quality": 95}),
    "progressive jpeg": ("JPEG", {"quality": 95, "progressive": True}),
    "webp": ("WEBP", {"quality": 95}),
    "lossless webp": ("WEBP", {"lossless": True}),
    "bmp": ("BMP", {}),
    "dib": ("DIB", {}),
    "gif": ("GIF", {}),
    "tiff": ("TIFF", {}),
    "bigtiff": ("TIFF", {"big_tiff": True}),
    "lzw tiff": ("TIFF", {"compression": "tiff_lzw"}),
    "jpeg tiff": ("TIFF", {"compression": "jpeg", "quality": 95}),
    "jpeg 2000": ("JPEG2000", {}),
    "jpeg 2000 codestream": ("JPEG2000", {"no_jp2": True}),
    "avif": ("AVIF", {"quality": 90}),
    "heic": ("HEIF", {"quality": 90}),
    "sgi": ("SGI", {}),
    "ico": ("ICO", {"sizes": [(60, 40)]}),
    "bitmap ico": ("ICO", {"sizes": [(60, 40)], "bitmap_format": "bmp"}),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format(name):
    kind, options = FORMATS[name]
    with open_image(source(draw.encoded(draw.marked(), kind, **options))) as file:
        page = file.page(0)
        assert (file.count, page.number, page.label, page.unit, page.text_layer) == (1, 0, "1", "px", None)
        assert (page.width, page.height) == (60.0, 40.0)
        image = page.image()
    assert (image.width, image.height) == image.pixels().size == (60, 40)
    assert image.pixels().mode in ("L", "RGB")
    assert is_marked(image.pixels())


def test_icns_gives_its_largest_picture():
    data = draw.encoded(draw.marked(256, 256), "ICNS", sizes=[(32, 32), (256, 256)])
    with open_image(source(data)) as file:
        assert file.count == 1
        assert max(file.page(0).width, file.page(0).image().pixels().width) >= 256


def test_ico_gives_its_largest_picture():
    image = read(draw.encoded(draw.marked(128, 128), "ICO", sizes=[(16, 16), (128, 128), (48, 48)]))
    assert image.size == (128, 128)


MODES = [
    ("PNG", "1"),
    ("PNG", "L"),
    ("PNG", "LA"),
    ("PNG", "P"),
    ("PNG", "RGB"),
    ("PNG", "RGBA"),
    ("PNG", "I;16"),
    ("JPEG", "L"),
    ("JPEG", "RGB"),
    ("JPEG", "CMYK"),
    ("TIFF", "1"),
    ("TIFF", "L"),
    ("TIFF", "LA"),
    ("TIFF", "P"),
    ("TIFF", "RGB"),
    ("TIFF", "RGBA"),
    ("TIFF", "CMYK"),
    ("TIFF", "YCbCr"),
    ("TIFF", "I;16"),
    ("TIFF", "I"),
    ("TIFF", "F"),
    ("WEBP", "RGBA"),
    ("GIF", "P"),
    ("JPEG2000", "LA"),
    ("JPEG2000", "I;16"),
    ("SGI", "RGBA"),
    ("BMP", "1"),
    ("BMP", "P"),
]


@pytest.mark.parametrize(("kind", "mode"), MODES)
def test_every_mode(kind, mode):
    gray = draw.marked()
    image = gray.convert("RGB").convert(mode) if mode in ("CMYK", "YCbCr", "RGBA") else gray.convert(mode)
    if mode == "I;16":
        image = gray.convert("I").point(lambda value: value * 257).convert("I;16")
    elif mode == "F":
        image = gray.convert("F").point(lambda value: value * (1 / 255) + 0.0)
    seen = read(draw.encoded(image, kind))
    assert seen.mode in ("L", "RGB")
    assert is_marked(seen, tolerance=255 if mode == "1" else 12)  # dithered
    assert seen.getpixel((4, 4)) in (0, (0, 0, 0)) or kind in ("JPEG", "WEBP")


def test_adobe_cmyk_jpeg_is_not_a_negative():
    """Adobe writes CMYK inverted and says so in an APP14 marker, as Pillow does when it writes one."""
    data = draw.encoded(draw.coloured().convert("CMYK"), "JPEG", quality=95)
    assert b"Adobe" in data[:200]
    red, green, blue = read(data).getpixel((10, 20))
    assert red > 200 > 60 > max(green, blue)


def test_sixteen_bit_gray_tiff_with_white_as_zero():
    image = Image.new("I;16", (4, 2), 0)
    image.putpixel((1, 1), 65535)
    data = bytearray(draw.encoded(image, "TIFF"))
    at = data.index(struct.pack("<HHI", 262, 3, 1))
    data[at + 8 : at + 10] = b"\0\0"
    seen = read(bytes(data))
    assert (seen.getpixel((0, 0)), seen.getpixel((1, 1))) == (255, 0)


def test_transparent_palette_gif_is_on_white():
    image = Image.new("P", (20, 10), 1)
    image.putpalette([0, 0, 0, 200, 0, 0])
    image.paste(0, (0, 0, 10, 10))
    seen = read(draw.encoded(image, "GIF", transparency=0))
    assert seen.getpixel((2, 2)) == (255, 255, 255)
    assert seen.getpixel((15, 5)) == (200, 0, 0)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_exif_orientation(kind, orientation):
    undo = {5: 5, 6: 8, 7: 7, 8: 6}.get(orientation, orientation)
    stored = upright(draw.marked(), undo)
    if kind == "HEIF":
        stored.info["exif"] = _exif(orientation)
        data = draw.encoded(stored, kind, quality=95)
    else:
        data = draw.with_orientation(stored, orientation, kind, **({"quality": 95} if kind != "TIFF" else {}))
    with open_image(source(data)) as file:
        page = file.page(0)
        assert (page.width, page.height) == (60, 40)
        image = page.image()
        assert (image.width, image.height) == (60, 40)
        assert is_marked(image.pixels())
        if orientation != 1:
            assert image.data == b""


def _exif(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def test_exif_behind_a_png_s_pixels():
    data = draw.encoded(draw.marked().transpose(Image.Transpose.ROTATE_90), "PNG")
    body = b"eXIf" + _exif(6).removeprefix(b"Exif\0\0")
    late = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    with open_image(source(data[:-12] + late + data[-12:])) as file:
        assert (file.page(0).width, file.page(0).height) == (60, 40)
        assert is_marked(file.page(0).image().pixels())


@pytest.mark.parametrize(("kind", "options"), [("JPEG", {}), ("PNG", {}), ("WEBP", {})])
def test_plain_files_are_passed_on_untouched(kind, options):
    data = draw.encoded(draw.coloured(), kind, **options)
    with open_image(source(data)) as file:
        image = file.page(0).image()
    assert image.data == data
    assert image.mime == f"image/{kind.lower()}"


def _png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def _png_rgb16() -> bytes:
    return _png(4, 4, 16, 2, (b"\0" + b"\xff\xff\0\0\x80\x80" * 4) * 4)


PASSED_BY = {
    "16 bits": lambda: draw.encoded(Image.new("I;16", (8, 8), 300), "PNG"),
    "16-bit colour": _png_rgb16,
    "palette": lambda: draw.encoded(draw.marked().convert("P"), "PNG"),
    "alpha": lambda: draw.encoded(draw.marked().convert("RGBA"), "PNG"),
    "transparent colour": lambda: draw.encoded(draw.coloured(), "PNG", transparency=(1, 2, 3)),
    "cmyk": lambda: draw.encoded(draw.coloured().convert("CMYK"), "JPEG"),
    "second picture": lambda: draw.frames([draw.coloured(), draw.coloured()], "MPO"),
    "tiff": lambda: draw.encoded(draw.coloured(), "TIFF"),
    "bytes after the end": lambda: draw.encoded(draw.coloured(), "JPEG") + b"trailer",
}


@pytest.mark.parametrize("case", PASSED_BY)
def test_other_files_are_decoded(case):
    with open_image(source(PASSED_BY[case]())) as file:
        assert file.count == 1
        image = file.page(0).image()
    assert (image.data, image.mime) == (b"", "")
    assert image.pixels().mode in ("L", "RGB")


# --- several frames ---------------------------------------------------------------------------------------------------


def numbered(count: int) -> list[Image.Image]:
    return [Image.new("L", (20 + number, 30), 10 * number) for number in range(count)]


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


# --- damage and bombs -------------------------------------------------------------------------------------------------


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


def _npy(shape: tuple[int, ...], pixels: bytes, descr: str = "|u1") -> bytes:
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode().ljust(117) + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + pixels


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


# --- what is handed over as pixels ------------------------------------------------------------------------------------


def test_pil_image_is_not_encoded_and_not_changed():
    image = draw.marked()
    with open_image(source(image)) as file:
        seen = file.page(0).image()
    assert seen.data == b""
    assert seen.pixels().tobytes() == image.tobytes()
    seen.pixels().putpixel((0, 0), 77)
    assert image.getpixel((0, 0)) == 0


def test_opened_pil_image_is_turned_as_its_exif_says():
    stored = draw.marked().transpose(Image.Transpose.ROTATE_90)
    with Image.open(io.BytesIO(draw.with_orientation(stored, 6, "PNG"))) as opened:
        assert is_marked(read(opened))


@pytest.mark.parametrize(("shape", "mode"), [((4, 6), "L"), ((4, 6, 1), "L"), ((4, 6, 3), "RGB"), ((4, 6, 4), "RGB")])
def test_numpy_dump(shape, mode):
    size = shape[0] * shape[1] * (shape[2] if len(shape) == 3 else 1)
    seen = read(_npy(shape, bytes([200]) * size))
    assert (seen.mode, seen.size) == (mode, (6, 4))


@pytest.mark.parametrize("dump", [_npy((4, 6), bytes(24), "<f8"), _npy((24,), bytes(24)), _npy((4, 6, 2), bytes(48))])
def test_numpy_dump_of_something_else(dump):
    with pytest.raises(UnsupportedSource, match="array"):
        open_image(source(dump))


def test_page_image_from_pixels_and_from_a_file():
    made = PageImage.from_pixels(draw.coloured().convert("RGBA"))
    assert (made.width, made.height, made.data, made.pixels().mode) == (60, 40, b"", "RGB")
    data = draw.encoded(draw.coloured(), "JPEG")
    kept = PageImage.from_encoded(data, "image/jpeg", 60, 40)
    assert kept.pixels().size == (60, 40)
    with pytest.raises(DamagedSource):
        PageImage.from_encoded(data[:300], "image/jpeg", 60, 40).pixels()


def test_a_pdf_is_no_image():
    with pytest.raises(UnsupportedSource):
        open_image(source(b"%PDF-1.7\n"))


def test_file_is_closed(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(draw.encoded(draw.marked(), "PNG"))
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        with open_image(source(path)) as file:
            file.page(0).image()
        with pytest.raises(DamagedSource):
            open_image(source(_cut(path)))


def _cut(path):
    cut = path.with_name("cut.png")
    cut.write_bytes(path.read_bytes()[:20])
    return cut
