"""Page images within a service's limits."""

import base64
import io
import math
import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

import draw_images as draw
from qwen_ocr_loader.catalog import lookup
from qwen_ocr_loader.errors import DamagedSource, SourceTooLarge
from qwen_ocr_loader.fit import Limits, fitted, limits_of
from qwen_ocr_loader.geometry import Box, Quad
from qwen_ocr_loader.images import PageImage

QWEN = Limits()


def noise(width, height, mode="L", seed=3):
    bands = [random.Random(seed + at).randbytes(width * height) for at in range(len(mode))]
    return Image.merge(mode, [Image.frombytes("L", (width, height), band) for band in bands])


def as_file(image, kind, **options):
    data = draw.encoded(image, kind, **options)
    return PageImage.from_encoded(data, f"image/{kind.lower()}", image.width, image.height)


def seen(encoded):
    """The picture a service would decode."""
    image = Image.open(io.BytesIO(encoded.data))
    image.load()
    assert image.size == (encoded.width, encoded.height)
    assert Image.MIME[image.format] == encoded.mime
    return image


def assert_within(encoded, limits):
    assert len(encoded.data) <= limits.max_raw
    if limits.max_base64 is not None:
        assert len(encoded.data_url()) <= limits.max_base64
    assert limits.accepts(encoded.mime, encoded.width, encoded.height)
    assert min(encoded.width, encoded.height) >= limits.shortest_side
    assert max(encoded.width, encoded.height) <= limits.max_aspect * min(encoded.width, encoded.height)
    assert max(encoded.width, encoded.height) <= limits.longest_side
    assert encoded.width * encoded.height <= limits.max_pixels
    assert 0 < encoded.scale <= 1


def page(width=1654, height=2339):
    """A densely printed page at 200 dpi."""
    rows = [(80.0, 60.0 + 36 * at, "The quick brown fox jumps over the lazy dog 0123456789 " * 2) for at in range(60)]
    return draw.write(rows, (width, height), 26).image


# --- untouched -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_files_within_the_limits_pass_untouched(kind, mode):
    image = as_file(draw.receipt().image.convert(mode), kind)
    encoded = fitted(image)
    assert encoded.data is image.data
    assert (encoded.mime, encoded.width, encoded.height) == (image.mime, image.width, image.height)
    assert (encoded.scale, encoded.changed, encoded.page_box) == (1.0, "", Box(0, 0, 1, 1))
    assert QWEN.passes(image)


def test_a_file_is_sent_up_to_the_last_byte_of_the_limit():
    image = as_file(noise(200, 200), "PNG")
    for limits in (replace(QWEN, max_raw=len(image.data)), _base64_for(image)):
        assert fitted(image, limits).data is image.data
    for limits in (
        replace(QWEN, max_raw=len(image.data) - 1),
        replace(_base64_for(image), max_base64=len(_url(image)) - 1),
    ):
        assert fitted(image, limits).data != image.data


def _url(image):
    return f"data:{image.mime};base64,{base64.b64encode(image.data).decode()}"


def _base64_for(image):
    return replace(QWEN, max_base64=len(_url(image)))


def test_data_url():
    image = as_file(draw.marked(), "PNG")
    assert fitted(image).data_url() == _url(image)


# --- formats ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "kept"), [((3839, 300), True), ((3840, 300), False), ((2160, 2160), False)])
def test_from_4k_on_only_jpeg_and_png(size, kept):
    for width, height in (size, size[::-1]):
        encoded = fitted(as_file(Image.new("L", (width, height), 200), "WEBP"))
        assert (encoded.mime == "image/webp") is kept
        assert_within(encoded, QWEN)
    assert fitted(as_file(Image.new("L", size, 200), "PNG")).changed == ""


def test_a_format_the_service_does_not_take_is_converted():
    limits = replace(QWEN, formats=("image/jpeg", "image/png"))
    encoded = fitted(as_file(draw.coloured(), "WEBP", lossless=True), limits)
    assert_within(encoded, limits)
    assert encoded.mime == "image/png"
    assert seen(encoded).tobytes() == draw.coloured().tobytes()


def test_clean_print_becomes_png_and_keeps_every_pixel():
    image = page()
    encoded = fitted(PageImage.from_pixels(image))
    assert (encoded.mime, encoded.changed) == ("image/png", "as PNG")
    assert seen(encoded).mode == "L"
    assert seen(encoded).tobytes() == image.tobytes()
    assert len(encoded.data) < len(draw.encoded(image, "JPEG", quality=90))


def test_black_and_white_is_one_bit():
    image = page().point(lambda value: 255 * (value > 128))
    encoded = fitted(PageImage.from_pixels(image))
    assert seen(encoded).mode == "1"
    assert seen(encoded).convert("L").tobytes() == image.tobytes()
    grey = ImageChops.subtract(image, Image.new("L", image.size, 1))  # two values, but not those two
    assert seen(fitted(PageImage.from_pixels(grey))).tobytes() == grey.tobytes()


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_grain_becomes_jpeg_of_the_same_mode(mode):
    image = draw.noisy(page(900, 900)).convert(mode)
    encoded = fitted(PageImage.from_pixels(image))
    assert (encoded.mime, encoded.changed) == ("image/jpeg", "as JPEG 90")
    assert seen(encoded).mode == mode


def test_red_print_stays_red():
    image = Image.new("RGB", (400, 400), "white")
    image.paste((200, 0, 0), (100, 100, 101, 300))
    grain = noise(400, 400, "RGB").point(lambda value: value // 8)
    encoded = fitted(PageImage.from_pixels(ImageChops.subtract(image, grain)))
    assert encoded.mime == "image/jpeg"
    red, green, _ = seen(encoded).getpixel((100, 200))
    assert red - green > 120


def test_the_same_picture_gives_the_same_bytes():
    for image in (page(600, 800), draw.noisy(page(600, 800))):
        assert fitted(PageImage.from_pixels(image)) == fitted(PageImage.from_pixels(image.copy()))


# --- size in bytes ---------------------------------------------------------------------------------------------------


def small(max_raw, legible=160_000, side=300):
    """Limits for little pictures."""
    return replace(QWEN, max_raw=max_raw, legible_pixels=legible, legible_side=side)


def _jpeg_size(image, quality):
    return len(draw.encoded(image, "JPEG", quality=quality, subsampling=2 if quality == 75 else 0))


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("quality", [90, 85, 75])
def test_the_best_quality_that_fits(mode, quality):
    image = noise(500, 500, mode)
    encoded = fitted(PageImage.from_pixels(image), small(_jpeg_size(image, quality)))
    assert encoded.changed == f"as JPEG {quality}"
    assert encoded.scale == 1


def test_then_smaller_pictures():
    image = noise(600, 600)
    limits = small(_jpeg_size(image, 75) * 2 // 3)
    encoded = fitted(PageImage.from_pixels(image), limits)
    assert_within(encoded, limits)
    assert encoded.changed.startswith("as JPEG 75, scaled to 0.")
    assert encoded.width * encoded.height >= 0.99 * limits.legible_pixels
    assert encoded.width == math.floor(600 * encoded.scale)
    assert encoded.page_box == Box(0, 0, 1, 1)


@pytest.mark.parametrize("limits", [small(10_000), small(120_000, legible=10**6), small(120_000, side=1000)])
def test_never_illegible(limits):
    with pytest.raises(SourceTooLarge, match=r"500 x 600 pixels is over .* bytes.*cut it into parts"):
        fitted(PageImage.from_pixels(noise(500, 600)), limits)
    fitted(PageImage.from_pixels(noise(500, 600)), small(120_000))


def test_uploads_have_more_room():
    image = PageImage.from_encoded(bytes(8_500_000), "image/jpeg", 4000, 5000)
    model = lookup("qwen-vl-ocr-2025-11-20")
    assert not limits_of(model).passes(image)
    assert limits_of(model, upload=True).passes(image)
    assert limits_of(lookup("qwen3.5-ocr"), upload=True).max_raw == 20_000_000
    assert limits_of(model).legible_pixels == 8_388_608
    assert limits_of(model, max_pixels=2_000_000).legible_pixels == 2_000_000


# --- size in pixels --------------------------------------------------------------------------------------------------


def test_over_8k_is_scaled_to_more_than_the_model_looks_at():
    encoded = fitted(PageImage.from_pixels(Image.new("L", (5000, 8000), 200)))
    assert_within(encoded, QWEN)
    assert encoded.width * encoded.height > 0.999 * QWEN.max_pixels
    assert encoded.changed == "as PNG, scaled to 0.911"


def test_a_service_that_takes_too_few_pixels_says_so():
    with pytest.raises(SourceTooLarge, match="over 1,000,000 pixels"):
        fitted(PageImage.from_pixels(Image.new("L", (2000, 1000))), replace(QWEN, max_pixels=1_000_000))


def test_a_strip_is_cut_not_thinned():
    with pytest.raises(SourceTooLarge, match=r"strip over 200:1 needs.*cut it into parts"):
        fitted(PageImage.from_pixels(Image.new("L", (100_000, 20))))


@pytest.mark.parametrize("size", [(1, 1), (10, 10), (10, 500), (3000, 1), (1, 3000), (2201, 11), (9, 2000)])
def test_thin_pictures_get_white_margins(size):
    image = Image.new("L", size, 0)
    encoded = fitted(as_file(image, "PNG"))
    assert_within(encoded, QWEN)
    assert encoded.changed.endswith("white margins")
    assert encoded.scale == 1
    sent, box = seen(encoded).convert("L"), encoded.page_box
    ink = ImageChops.invert(sent).point(lambda value: 255 * (value > 128)).getbbox()
    assert ink == tuple(round(v * s) for v, s in zip(box, sent.size * 2, strict=True))
    assert (ink[2] - ink[0], ink[3] - ink[1]) == size
    assert abs(ink[0] - (sent.width - ink[2])) <= 1  # in the middle
    assert abs(ink[1] - (sent.height - ink[3])) <= 1
    assert Quad.from_box(*box).within(box) == Quad.from_box(0, 0, 1, 1)


def test_rounding_does_not_make_a_strip_too_long():
    limits = replace(QWEN, longest_side=5079, legible_pixels=100)
    encoded = fitted(PageImage.from_pixels(Image.new("L", (9999, 50))), limits)
    assert_within(encoded, limits)
    assert (encoded.width, encoded.height) == (5079, 26)
    assert encoded.page_box.height == 25 / 26


@pytest.mark.parametrize("size", [(11, 11), (2200, 11), (11, 2200)])
def test_the_thinnest_that_is_accepted_passes(size):
    assert fitted(as_file(Image.new("L", size, 0), "PNG")).changed == ""


# --- any picture -----------------------------------------------------------------------------------------------------

any_side = st.one_of(st.integers(1, 30), st.integers(31, 1200))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(any_side, any_side, st.sampled_from(["L", "RGB"]), st.booleans(), st.integers(20_000, 400_000))
def test_whatever_it_is_it_fits_or_says_why(width, height, mode, grainy, max_raw):
    assume(width * height < 700_000)
    image = noise(width, height, mode) if grainy else Image.new(mode, (width, height), "white")
    limits = replace(QWEN, max_raw=max_raw, legible_pixels=50_000, legible_side=100, max_pixels=500_000)
    try:
        encoded = fitted(PageImage.from_pixels(image), limits)
    except SourceTooLarge:
        assert grainy or width * height > limits.max_pixels
        return
    assert_within(encoded, limits)
    assert encoded.scale == 1 or width * height * encoded.scale**2 >= 49_999
    assert seen(encoded).convert(mode).mode == mode
    _assert_page_box(encoded, width, height)


def _assert_page_box(encoded, width, height):
    """The page lies in it at its scale, to a pixel; it is all of it but for margins."""
    box = encoded.page_box
    for extent, side, sent in ((box.width, width, encoded.width), (box.height, height, encoded.height)):
        assert extent * sent == pytest.approx(max(1, side * encoded.scale), abs=1 + side * encoded.scale * 0.02)
    assert 0 <= box.left < box.right <= 1
    assert 0 <= box.top < box.bottom <= 1


fractions = st.floats(0, 1)


@given(st.lists(fractions, min_size=8, max_size=8), st.integers(1, 400), st.integers(1, 400))
def test_quads_come_back_from_the_frame(numbers, width, height):
    box = fitted(PageImage.from_pixels(Image.new("L", (width, height), 0))).page_box
    on_page = list(zip(numbers[::2], numbers[1::2], strict=True))
    sent = [(box.left + x * box.width, box.top + y * box.height) for x, y in on_page]
    back = Quad.from_pixels(sent, 1, 1).within(box)
    assert [value for point in back for value in point] == pytest.approx(numbers, abs=1e-9)


def test_what_is_read_in_the_margin_lies_on_the_pages_edge():
    assert Quad.from_box(0, 0, 1, 1).within(Box(0.25, 0.4, 0.75, 0.6)) == Quad.from_box(0, 0, 1, 1)
    assert Quad.from_box(0.5, 0.5, 0.75, 0.6).within(Box(0.25, 0.4, 0.75, 0.6)).bounds == pytest.approx(
        (0.5, 0.5, 1, 1)
    )


# --- the rest --------------------------------------------------------------------------------------------------------


def test_broken_files_that_must_be_decoded_say_so():
    whole = as_file(noise(300, 300), "PNG")
    cut = PageImage.from_encoded(whole.data[:2000], "image/png", 300, 300)
    with pytest.raises(DamagedSource):
        fitted(cut, replace(QWEN, max_raw=1000))


def test_no_page_content_in_the_repr():
    assert "data" not in repr(fitted(PageImage.from_pixels(draw.marked())))
