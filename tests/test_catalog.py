"""Models, their tokens and what they cost, against the vendor's published figures."""

import math
import pickle
import re
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from qwen_ocr_loader import DashScopeEngine, OpenAIEngine
from qwen_ocr_loader.batch.pages import HalfPrice
from qwen_ocr_loader.catalog import MODELS, calibrated, cost, estimated_usage, image_tokens, lookup, resized
from qwen_ocr_loader.prices import REGIONS, Money, Price
from qwen_ocr_loader.results import Usage
from qwen_ocr_loader.tasks import TASKS

NOVEMBER = lookup("qwen-vl-ocr-2025-11-20")
AUGUST = lookup("qwen-vl-ocr-2025-08-28")
MILLION = Usage(1, 1_000_000, 1_000_000)
sides = st.integers(1, 20_000)


# --- tokens ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("width", "height", "factor", "tokens"),
    [
        (689, 487, 28, 427),  # the guide's train ticket
        (689, 487, 32, 332),  # the same in the API reference
        (1500, 1734, 28, 3350),
        (1500, 1734, 32, 2540),
        (6000, 3000, 28, 8194),
        (6000, 3000, 32, 8194),
    ],
)
def test_tokens_of_the_vendors_examples(width, height, factor, tokens):
    assert image_tokens(width, height, factor) == tokens
    assert image_tokens(width, height, AUGUST if factor == 28 else NOVEMBER) == tokens


@pytest.mark.parametrize(("side", "becomes"), [(42, 56), (70, 56), (98, 112), (126, 112)])
def test_halves_round_to_the_even_multiple(side, becomes):
    assert resized(side, 560, 28, 1, 10**7) == (becomes, 560)


@given(sides, sides, st.sampled_from([28, 32]), st.integers(3, 100), st.integers(400, 30_000))
def test_resized_keeps_to_multiples_limits_and_shape(width, height, factor, least, most):
    assume(max(width, height) <= 200 * min(width, height))  # what the service accepts
    square = factor * factor
    wide, high = resized(width, height, factor, least * square, most * square)
    assert wide % factor == high % factor == 0
    assert wide * high <= most * square
    assert wide * high >= least * square or round(width / factor) * round(height / factor) > most
    if min(wide, high) > 10 * factor:
        assert wide / high == pytest.approx(width / height, rel=0.25)


@given(sides, sides, st.sampled_from([28, 32]))
def test_a_resized_image_stays_as_it_is(width, height, factor):
    least, most = 4 * factor * factor, 8192 * factor * factor
    once = resized(width, height, factor, least, most)
    if min(once):
        assert resized(*once, factor, least, most) == once


def test_pixel_limits_as_sent_count():
    assert image_tokens(6000, 3000, NOVEMBER, max_pixels=1024 * 100) <= 102
    assert image_tokens(10, 10, NOVEMBER, min_pixels=1024 * 100) >= 102
    assert image_tokens(6000, 3000, NOVEMBER, max_pixels=30_720_000) == 188 * 94 + 2


# --- models ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "region", "factor", "longest"),
    [
        ("qwen-vl-ocr", "beijing", 28, 4096),
        ("qwen-vl-ocr", "singapore", 32, 4096),
        ("qwen-vl-ocr", "virginia", 32, 4096),
        ("qwen-vl-ocr-latest", "beijing", 32, 8192),
        ("qwen-vl-ocr-2025-11-20", "singapore", 32, 8192),
        ("qwen-vl-ocr-2025-08-28", "beijing", 28, 4096),
        ("qwen-vl-ocr-2025-04-13", "beijing", 28, 4096),
        ("qwen-vl-ocr-2024-10-28", "beijing", 28, 4096),
        ("qwen3.5-ocr", "beijing", 32, 32_768),
    ],
)
def test_models_as_published(name, region, factor, longest):
    model = lookup(name, region)
    assert (model.name, model.pixel_factor, model.max_output, model.known) == (name, factor, longest, True)
    pixels = (3072, 8_388_608, 30_720_000) if factor == 32 else (3136, 6_422_528, 23_520_000)
    assert (model.min_pixels, model.max_pixels, model.largest_max_pixels) == pixels


def test_every_name_is_found_and_travels():
    for name in MODELS:
        for region in REGIONS:
            model = lookup(name, region)
            assert model.known
            assert pickle.loads(pickle.dumps(model)) == model
            assert hash(model) == hash(replace(model))


def test_what_models_can_do():
    assert [name for name in MODELS if not lookup(name).built_in_tasks] == ["qwen-vl-ocr-2024-10-28"]
    assert [name for name in MODELS if not lookup(name).logprobs] == ["qwen-vl-ocr-2024-10-28"]
    assert [name for name in MODELS if lookup(name).prompt_beside_task] == ["qwen3.5-ocr"]
    assert [name for name in MODELS if lookup(name).batch_regions] == ["qwen-vl-ocr", "qwen-vl-ocr-latest"]
    assert {name: lookup(name).requests_per_minute for name in MODELS[:3]} == {
        "qwen-vl-ocr": 600,
        "qwen3.5-ocr": None,
        "qwen-vl-ocr-latest": 1200,
    }


def test_short_snapshot_names():
    assert lookup("qwen-vl-ocr-1120") == replace(NOVEMBER, name="qwen-vl-ocr-1120")
    assert lookup("qwen-vl-ocr-1028").pixel_factor == 28


@pytest.mark.parametrize(
    ("name", "factor", "longest"),
    [
        ("qwen-vl-ocr-2027-01-31", 32, 8192),
        ("qwen-vl-ocr-2025-06-01", 28, 4096),
        ("qwen4-ocr", 32, 32_768),
        ("qwen-vl-ocr-2025-11-20-preview", 32, 32_768),
    ],
)
def test_unknown_models_are_guessed_and_say_so(name, factor, longest):
    model = lookup(name, "singapore")
    assert (model.name, model.pixel_factor, model.max_output, model.known) == (name, factor, longest, False)
    assert model.price("singapore") is None
    assert model.requests_per_minute is None
    model.check_max_tokens(1_000_000)  # a guess refuses nothing
    model.check_pixels(1, 100_000_000)


@pytest.mark.parametrize(("name", "region", "says"), [("", "beijing", "name one"), ("x", "singapur", "'singapore'")])
def test_lookup_says_what_to_write(name, region, says):
    with pytest.raises(ValueError, match=says):
        lookup(name, region)


def test_regions():
    assert {name: (region.native_url, region.currency) for name, region in REGIONS.items()} == {
        "beijing": ("https://dashscope.aliyuncs.com/api/v1", "CNY"),
        "singapore": ("https://dashscope-intl.aliyuncs.com/api/v1", "USD"),
        "virginia": ("https://dashscope-us.aliyuncs.com/api/v1", "USD"),
    }
    assert REGIONS["singapore"].compatible_url == "https://dashscope-intl.aliyuncs.com/compatible-mode/v1"


# --- limits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_longest_output(name):
    model = lookup(name)
    model.check_max_tokens(1)
    model.check_max_tokens(model.max_output)
    with pytest.raises(ValueError, match=f"at most {model.max_output}"):
        model.check_max_tokens(model.max_output + 1)
    with pytest.raises(ValueError, match="at least 1"):
        model.check_max_tokens(0)
    replace(model, max_output=model.max_output + 1).check_max_tokens(model.max_output + 1)


def test_what_the_error_about_max_tokens_says_to_type_is_taken():
    more = {"max_tokens": 9000}
    with pytest.raises(ValueError, match="at most 8192") as caught:
        DashScopeEngine(parameters=more)
    said = re.search(r"pass catalog=(.*)$", str(caught.value))
    assert DashScopeEngine(parameters=more, catalog=eval(said[1])).parameters == more


@pytest.mark.parametrize("name", MODELS)
def test_pixel_ranges(name):
    model = lookup(name)
    model.check_pixels()
    model.check_pixels(model.min_pixels, model.largest_max_pixels)
    for wrong in ({"min_pixels": model.min_pixels - 1}, {"max_pixels": model.largest_max_pixels + 1}):
        with pytest.raises(ValueError, match=rf"takes {model.min_pixels} to {model.largest_max_pixels}"):
            model.check_pixels(**wrong)
    with pytest.raises(ValueError, match="the smaller first"):
        model.check_pixels(min_pixels=model.max_pixels + 1)


# --- calibration -----------------------------------------------------------------------------------------------------


def test_an_answer_tells_which_snapshot_an_alias_is():
    alias = lookup("qwen-vl-ocr")
    assert calibrated(alias, 689, 487, 427) is alias
    moved = calibrated(alias, 689, 487, 332)
    assert (moved.pixel_factor, moved.max_pixels, moved.min_pixels) == (32, 8_388_608, 3072)
    assert (moved.name, moved.prices, moved.max_output) == (alias.name, alias.prices, alias.max_output)
    back = calibrated(NOVEMBER, 689, 487, 427)
    assert (back.pixel_factor, back.max_pixels, back.min_pixels) == (28, 6_422_528, 3136)
    assert calibrated(alias, 689, 487, 400) is alias  # turned or cropped on the way: nothing is proved


@given(sides, sides, st.sampled_from([28, 32]), st.sampled_from([28, 32]))
def test_calibration_finds_what_was_used(width, height, assumed, used):
    model = calibrated(AUGUST if assumed == 28 else NOVEMBER, width, height, image_tokens(width, height, used))
    assert image_tokens(width, height, model) == image_tokens(width, height, used)


def test_calibration_knows_the_limits_sent():
    tokens = image_tokens(6000, 3000, 32, max_pixels=1_000_000)
    assert calibrated(AUGUST, 6000, 3000, tokens, max_pixels=1_000_000).pixel_factor == 32


# --- money -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "region", "amount"),
    [
        ("qwen-vl-ocr", "beijing", "0.8 CNY"),
        ("qwen-vl-ocr-latest", "beijing", "0.8 CNY"),
        ("qwen-vl-ocr-2025-11-20", "beijing", "0.8 CNY"),
        ("qwen-vl-ocr-2025-08-28", "beijing", "10 CNY"),
        ("qwen-vl-ocr", "singapore", "0.23 USD"),
        ("qwen-vl-ocr-2025-11-20", "virginia", "0.23 USD"),
        ("qwen3.5-ocr", "beijing", "None"),
        ("qwen-vl-ocr-latest", "singapore", "None"),
    ],
)
def test_prices_of_a_million_in_and_out(name, region, amount):
    assert str(cost(MILLION, lookup(name, region), region)) == amount


def test_cost_is_exact():
    assert cost(Usage(3, 10, 1), NOVEMBER, "beijing") == Money(Decimal("0.0000035"), "CNY")


def test_batch_is_half_where_it_is_served():
    assert str(cost(MILLION, lookup("qwen-vl-ocr"), "beijing", batch=True)) == "0.4 CNY"
    assert cost(MILLION, NOVEMBER, "beijing", batch=True) is None
    assert cost(MILLION, lookup("qwen-vl-ocr", "singapore"), "singapore", batch=True) is None


@pytest.mark.parametrize(
    ("model", "region", "at_once", "later"),
    [
        ("qwen-vl-ocr", "beijing", "0.8 CNY", "0.4 CNY"),
        ("qwen-vl-ocr", "singapore", "0.23 USD", "None"),
        ("qwen3.5-ocr", "beijing", "None", "None"),
    ],
)
def test_engines_and_batches_cost_what_the_catalogue_says(model, region, at_once, later):
    engine = OpenAIEngine(api_key="sk-x", model=model, region=region)
    assert str(engine.cost(MILLION)) == at_once
    assert str(HalfPrice(engine).price_of(MILLION)) == later
    assert HalfPrice(engine).price_of(Usage()) is None


def test_published_prices_are_dated_and_in_the_regions_currency():
    for name in MODELS:
        for region in REGIONS:
            if price := lookup(name, region).price(region):
                assert price.currency == REGIONS[region].currency
                assert price.as_of
                assert date(2026, 1, 1) <= price.as_of <= date(2026, 12, 31)
                assert price.source.startswith("https://")


def test_own_prices():
    model = replace(lookup("qwen3.5-ocr"), prices=(Price(Decimal("0.5"), Decimal(2), "CNY"),))
    assert str(cost(MILLION, model, "beijing")) == "2.5 CNY"
    assert str(cost(MILLION, model, "singapore")) == "2.5 CNY"


def test_money_adds_up_in_one_currency():
    assert Money(Decimal("0.10"), "USD") + Money(Decimal("0.2"), "USD") == Money(Decimal("0.3"), "USD")
    assert str(Money(Decimal(100), "USD")) == "100 USD"
    with pytest.raises(ValueError, match="one total for each"):
        Money(Decimal(1), "USD") + Money(Decimal(1), "CNY")


# --- estimates -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "width", "height", "went_in", "came_out"),
    [
        ("document_parsing", 1500, 1734, 3416, 845),  # the guide's example answers: input_tokens and output_tokens
        ("multi_lan", 6000, 3000, 8229, 38),
    ],
)
def test_estimates_of_the_vendors_examples(task, width, height, went_in, came_out):
    estimated = estimated_usage(width, height, AUGUST, task)
    assert estimated[0] == went_in
    assert estimated[1] >= came_out


@given(sides, sides, st.sampled_from(TASKS), st.text(max_size=300))
def test_estimates_stay_within_the_model(width, height, task, prompt):
    went_in, came_out = estimated_usage(width, height, NOVEMBER, task, prompt=prompt)
    bare = estimated_usage(width, height, NOVEMBER, task)[0]
    assert bare > image_tokens(width, height, NOVEMBER)
    assert went_in == bare + math.ceil(len(prompt.encode()) / 3)
    assert 100 < came_out <= NOVEMBER.max_output
