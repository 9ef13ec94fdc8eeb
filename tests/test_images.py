"""Image files as pages: every format and mode, the right way up; and pictures handed over as pixels."""

import io
import struct
import warnings
import zlib

import pytest
from PIL import Image

import draw_images as draw
from image_files import _npy, _png, is_marked, read, source
from qwen_ocr_loader.errors import DamagedSource, UnsupportedSource
from qwen_ocr_loader.images import PageImage, open_image
from qwen_ocr_loader.pixels import upright

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
    if mode == "1":  # dithered
        assert seen.convert("L").tobytes() == image.convert("L").tobytes()
    else:
        assert is_marked(seen)
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
