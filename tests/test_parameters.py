"""Sampling parameters are checked before anything is sent: which there are, what each may be, what the model takes."""

import json

import pytest

from qwen_ocr_loader.catalog import MODELS, lookup
from qwen_ocr_loader.engines.dashscope import DashScopeEngine
from qwen_ocr_loader.engines.parameters import checked_parameters

NEWEST = lookup("qwen-vl-ocr-2025-11-20")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"max_tokenz": 1}, "did you mean 'max_tokens'"),
        ({"max_tokens": 0}, "max_tokens=0"),
        ({"max_tokens": 10**6}, "max_tokens"),
        ({"temperature": 3}, "want 0 to 2"),
        ({"top_p": 0}, "more than 0"),
        ({"presence_penalty": -3}, "want -2 to 2"),
        ({"seed": True}, "whole number"),
        ({"logprobs": 1}, "True or False"),
        ({"top_logprobs": 2}, "needs logprobs"),
        ({"stop": 1.5}, "list of texts"),
    ],
)
def test_parameters_are_checked_before_anything_is_sent(wrong, message):
    with pytest.raises(ValueError, match=message):
        DashScopeEngine(parameters=wrong)


def test_temperature_and_top_p_together_are_warned_about():
    with pytest.warns(UserWarning, match="not both"):
        DashScopeEngine(parameters={"temperature": 0.1, "top_p": 0.1})


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("max_tokens", [1, 8192], [0, -1, 8193, 1.5, "9", True, None]),
        ("temperature", [0, 0.01, 1.999], [-0.1, 2, 2.1, True, "0", None, float("nan"), float("inf")]),
        ("top_p", [0.001, 1, 1.0], [0, -1, 1.1, False, float("nan")]),
        ("top_k", [0, 1, 101], [-1, 0.5, True]),
        ("repetition_penalty", [0.5, 1, 1.1], [0, -1, True, float("nan"), float("inf")]),
        ("presence_penalty", [-2, 0, 2.0], [-2.1, 2.1, False, float("nan")]),
        ("seed", [0, 2**31 - 1], [-1, 2**31, 7.0, True]),
        (
            "stop",
            ["END", ["END"], ("a", "b"), [104307], [1, 2]],
            ["", [], (), [""], ["a", 1], [True], 7, None],
        ),
        ("logprobs", [True, False], [0, 1, "true", None]),
    ],
)
def test_ranges(name, good, bad):
    for value in good:
        sent = checked_parameters({name: value}, NEWEST)
        assert sent == {name: value}
        json.dumps(sent, allow_nan=False)
    for value in bad:
        with pytest.raises(ValueError, match=name):
            checked_parameters({name: value}, NEWEST)


def test_how_many_logprobs():
    for many in range(6):
        assert checked_parameters({"logprobs": True, "top_logprobs": many}, NEWEST)["top_logprobs"] == many
    for wrong in (-1, 6, True, 1.0):
        with pytest.raises(ValueError, match="want a whole number from 0 to 5"):
            checked_parameters({"logprobs": True, "top_logprobs": wrong}, NEWEST)


@pytest.mark.parametrize("wanted", [{"logprobs": True}, {"logprobs": True, "top_logprobs": 2}, {"top_logprobs": 2}])
def test_a_model_without_logprobs_says_which_have_them(wanted):
    with pytest.raises(ValueError, match="qwen-vl-ocr-2024-10-28 gives no logprobs") as caught:
        DashScopeEngine(model="qwen-vl-ocr-2024-10-28", parameters=wanted)
    named = str(caught.value).partition("does: ")[2].split(", ")
    assert named == [name for name in MODELS if name != "qwen-vl-ocr-2024-10-28"]
    for name in named:
        assert checked_parameters({"logprobs": True}, lookup(name)) == {"logprobs": True}


def test_a_model_without_logprobs_may_be_told_so():
    assert checked_parameters({"logprobs": False}, lookup("qwen-vl-ocr-2024-10-28")) == {"logprobs": False}


def test_what_is_given_is_not_changed():
    given = {"max_tokens": 5, "stop": ["a"]}
    sent = checked_parameters(given, NEWEST)
    assert sent == given
    assert sent is not given
