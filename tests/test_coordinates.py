"""Model ids as servers, hubs and files spell them, and what their numbers count."""

from __future__ import annotations

import pytest

from qwen_ocr_loader.catalog import MODELS, lookup
from qwen_ocr_loader.coordinates import coordinates_of, pixel_factor_of

THOUSANDTHS_28 = [
    "Qwen/Qwen2-VL-7B-Instruct",
    "qwen2-vl:7b",
    "qwen2vl",
    "qwen2-vl-72b-instruct",
    "prithivMLmods/Qwen2-VL-OCR-2B-Instruct",
    "bartowski/Qwen2-VL-7B-Instruct-GGUF:Q4_K_M",
]
RESIZED_28 = [
    "Qwen/Qwen2.5-VL-7B-Instruct",
    "Qwen/Qwen2.5-VL-72B-Instruct-AWQ",
    "qwen2.5vl:7b",
    "qwen2.5-vl-32b-instruct",
    "qwen2_5_vl",
    "qwen25vl",
    "Qwen2.5-VL-3B-Instruct-Q4_K_M.gguf",
    "/models/qwen3-vl-and-others/Qwen2.5-VL-7B-Instruct",
    "unsloth/Qwen2.5-VL-7B-Instruct-unsloth-bnb-4bit",
    "Qwen/Qwen2.5-Omni-7B",
    "qwen-vl-ocr-2025-08-28",
    "qwen-vl-ocr-2025-04-13",
    "rednote-hilab/dots.ocr",
    "dots_ocr",
]
THOUSANDTHS_32 = [
    "Qwen/Qwen3-VL-8B-Instruct",
    "qwen3-vl:235b-cloud",
    "qwen3-vl-8b-instruct-awq",
    "qwen3-vl-plus",
    "qwen3-vl-flash-2025-10-15",
    "Qwen3VL-8B-Instruct-Q8_0.gguf",
    "Qwen3_VL",
    "qwen/qwen3-vl-30b-a3b-thinking",
    "Qwen/Qwen3-Omni-30B-A3B-Instruct",
    "qwen3.5-ocr",
    "qwen3.5-plus",
    "Qwen/Qwen3.5-0.8B",
    "qwen3.6-35b-a3b",
    "qwen-vl-ocr-latest",
    "qwen-vl-ocr-2025-11-20",
    "qwen-vl-ocr-2026-03-01",
]
UNKNOWN = [
    "",
    "gpt-4o",
    "allenai/olmOCR-7B-0825",
    "qwen-vl-ocr",
    "qwen-vl-max",
    "qwen3-8b",
    "qwen3_8b",
    "qwen3-max",
    "Qwen/Qwen2-7B-Instruct",
    "Qwen/Qwen2.5-7B-Instruct",
    "my-qwen",
    "deepseek-chat",
]


@pytest.mark.parametrize("model", THOUSANDTHS_28)
def test_qwen2_vl(model: str):
    assert (coordinates_of(model), pixel_factor_of(model)) == ("relative_1000", 28)


@pytest.mark.parametrize("model", RESIZED_28)
def test_qwen2_5_vl(model: str):
    assert (coordinates_of(model), pixel_factor_of(model)) == ("resized", 28)


@pytest.mark.parametrize("model", THOUSANDTHS_32)
def test_qwen3_vl(model: str):
    assert (coordinates_of(model), pixel_factor_of(model)) == ("relative_1000", 32)


@pytest.mark.parametrize("model", UNKNOWN)
def test_nobody_knows(model: str):
    assert (coordinates_of(model), pixel_factor_of(model)) == (None, None)


@pytest.mark.parametrize("model", ["deepseek-ai/DeepSeek-OCR", "deepseek-ocr:3b", "Qwen/Qwen-VL-Chat"])
def test_thousandths_of_pictures_cut_in_another_way(model: str):
    assert (coordinates_of(model), pixel_factor_of(model)) == ("relative_1000", None)


@pytest.mark.parametrize("model", ["qwen-vl-ocr-2024-10-28", "qwen-vl-ocr-1028"])
def test_the_first_qwen_ocr_is_older_than_what_it_would_be_judged_by(model: str):
    assert (coordinates_of(model), pixel_factor_of(model)) == (None, 28)


def test_the_catalogue_says_the_same():
    for name in MODELS:
        assert pixel_factor_of(name) in (None, lookup(name).pixel_factor)
    assert coordinates_of(lookup("qwen-vl-ocr", "beijing").snapshot) == "resized"
    assert coordinates_of(lookup("qwen-vl-ocr", "singapore").snapshot) == "relative_1000"


def test_case_does_not_matter():
    for model in (*THOUSANDTHS_28, *RESIZED_28, *THOUSANDTHS_32):
        assert coordinates_of(model.upper()) == coordinates_of(model) == coordinates_of(f" {model} ")
