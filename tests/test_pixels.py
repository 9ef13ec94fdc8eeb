"""Any kind of pixels to plain ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import draw_images as draw
from qwen_ocr_loader.errors import SourceTooLarge
from qwen_ocr_loader.pixels import check_area, plain, upright


@pytest.mark.parametrize("mode", ["1", "L", "LA", "La", "I", "I;16", "F"])
def test_gray_modes_stay_gray(mode):
    image = draw.marked().convert("L" if mode == "La" else mode if mode != "La" else "LA")
    image = image.convert("LA").convert("La") if mode == "La" else image
    seen = plain(image)
    assert seen.mode == "L"
    assert seen.getpixel((5, 5)) == 0
    assert seen.getpixel((30, 20)) == 255


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV", "P", "PA", "RGBa", "LAB"])
def test_colour_modes_keep_their_colours(mode):
    seen = plain(_in_mode(draw.coloured(), mode))
    assert seen.mode == "RGB"
    for at, wanted in (((10, 20), (220, 20, 30)), ((50, 20), (20, 30, 220))):
        assert all(abs(a - b) <= 6 for a, b in zip(seen.getpixel(at), wanted, strict=True)), (at, seen.getpixel(at))


def _in_mode(image, mode):
    if mode == "LAB":
        from PIL import ImageCms

        srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        return ImageCms.profileToProfile(image, srgb, lab, outputMode="LAB")
    if mode in ("P", "PA"):
        return image.convert("P", palette=Image.Palette.ADAPTIVE).convert(mode)
    return image.convert("RGBA").convert("RGBa") if mode == "RGBa" else image.convert(mode)


def test_gray_palette_is_gray():
    image = draw.marked().convert("P")
    assert plain(image).mode == "L"
    assert plain(image).getpixel((55, 5)) == draw.INK["top_right"]


@pytest.mark.parametrize(("deep", "colour", "white"), [("RGBA", (0, 0, 0, 0), (255,) * 3), ("LA", (0, 0), 255)])
def test_transparent_is_white_paper(deep, colour, white):
    image = Image.new(deep, (20, 1200), colour)
    image.paste(Image.new(deep, (20, 600), (*colour[:-1], 255)), (0, 600))
    seen = plain(image)
    assert seen.getpixel((5, 10)) == white
    assert seen.getpixel((5, 1199)) == ((0, 0, 0) if deep == "RGBA" else 0)


def test_half_transparent_is_mixed_with_white():
    assert plain(Image.new("LA", (4, 4), (0, 128))).getpixel((1, 1)) == pytest.approx(127, abs=1)


@pytest.mark.parametrize("mode", ["P", "L", "RGB", "1"])
def test_transparent_colour_of_a_gif_or_png(mode):
    image = Image.new(mode, (8, 8), 0)
    image.info["transparency"] = (0, 0, 0) if mode == "RGB" else 0
    assert plain(image).getpixel((2, 2)) in (255, (255, 255, 255))


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_deep_gray_by_the_depth_it_uses(bits):
    top = (1 << bits) - 1
    image = Image.new("I;16", (4, 1))
    for x, value in enumerate((0, top // 4, top // 2, top)):
        image.putpixel((x, 0), value)
    seen = plain(image)
    assert [seen.getpixel((x, 0)) for x in range(4)] == pytest.approx([0, 64, 127, 255], abs=2)


@given(st.lists(st.integers(0, 65535), min_size=2, max_size=20))
def test_deep_gray_keeps_its_order(values):
    image = Image.new("I;16", (len(values), 1))
    for x, value in enumerate(values):
        image.putpixel((x, 0), value)
    seen = [plain(image).getpixel((x, 0)) for x in range(len(values))]
    by_value = [gray for _, gray in sorted(zip(values, seen, strict=True))]
    assert by_value == sorted(by_value)


@pytest.mark.parametrize(("values", "wanted"), [((0.0, 0.5, 1.0), (0, 128, 255)), ((-1.0, 0.0, 1.0), (0, 128, 255))])
def test_float_gray(values, wanted):
    image = Image.new("F", (3, 1))
    image.putdata(values)
    assert [plain(image).getpixel((x, 0)) for x in range(3)] == pytest.approx(wanted, abs=1)


def test_noise_of_a_blank_deep_page_stays_faint():
    image = Image.new("I;16", (50, 50), 65000)
    image.putpixel((3, 3), 64000)
    assert plain(image).getextrema()[0] > 240


def test_white_is_zero():
    image = Image.new("I;16", (2, 1), 0)
    image.putpixel((1, 0), 65535)
    assert [plain(image, white_is_zero=True).getpixel((x, 0)) for x in (0, 1)] == [255, 0]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright_undoes_each_orientation(orientation):
    undo = {5: 5, 6: 8, 7: 7, 8: 6}.get(orientation, orientation)
    stored = upright(draw.marked(), undo)
    assert upright(stored, orientation).tobytes() == draw.marked().tobytes()
    assert orientation == 1 or stored.tobytes() != draw.marked().tobytes()


def test_area_is_checked_with_numbers_in_the_message():
    check_area((10, 10), 100)
    with pytest.raises(SourceTooLarge, match="11 x 10 pixels where 100"):
        check_area((11, 10), 100)
