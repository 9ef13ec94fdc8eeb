"""Sampling parameters: which there are, and what each may be; nothing is sent that was not asked for.

Ranges: Alibaba Model Studio, Qwen-OCR API reference (2026-01-16).
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from ..errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..catalog import Model


def _number(low: float, high: float, *, open_low: bool = False) -> Callable[[Any], str | None]:
    def check(value: Any) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return "want a number"
        outside = value < low or value > high or (open_low and value == low)
        return f"want {'more than ' if open_low else ''}{low:g} to {high:g}" if outside else None

    return check


def _whole(low: int, high: int) -> Callable[[Any], str | None]:
    def check(value: Any) -> str | None:
        whole = isinstance(value, int) and not isinstance(value, bool)
        return None if whole and low <= value <= high else f"want a whole number from {low} to {high}"

    return check


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "want True or False"


def _stop(value: Any) -> str | None:
    texts = isinstance(value, str) or (isinstance(value, list | tuple) and all(isinstance(v, str | int) for v in value))
    return None if texts else "want a text, or a list of texts or token ids"


_CHECKS: Mapping[str, Callable[[Any], str | None]] = {
    "max_tokens": _whole(1, 2**31 - 1),
    "temperature": _number(0, 2),
    "top_p": _number(0, 1, open_low=True),
    "top_k": _whole(0, 2**31 - 1),
    "repetition_penalty": _number(0, 100, open_low=True),
    "presence_penalty": _number(-2, 2),
    "seed": _whole(0, 2**31 - 1),
    "stop": _stop,
    "logprobs": _flag,
    "top_logprobs": _whole(0, 5),
}


def checked_parameters(given: Mapping[str, Any], model: Model) -> dict[str, Any]:
    """The parameters as given, once each is known to be one and in its range.

    Raises:
        ValueError: Unknown (the message has the nearest), or out of range, ``max_tokens`` by the model.
    """
    for name, value in given.items():
        if name not in _CHECKS:
            raise ValueError(f"parameters: there is no {name!r}{did_you_mean(name, _CHECKS)}")
        if wrong := _CHECKS[name](value):
            raise ValueError(f"parameters: {name}={value!r}: {wrong}")
    if "max_tokens" in given:
        model.check_max_tokens(given["max_tokens"])
    if given.get("top_logprobs") and not given.get("logprobs"):
        raise ValueError("parameters: top_logprobs needs logprobs=True")
    if "temperature" in given and "top_p" in given:
        warnings.warn("set temperature or top_p, not both: each undoes the other's effect", stacklevel=3)
    return dict(given)
