"""Sampling parameters: which there are, and what each may be; nothing is sent that was not asked for.

Ranges: Alibaba Model Studio, Qwen-OCR API reference (2026-01-16). NaN is in no range.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from ..catalog import MODELS, lookup
from ..errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..catalog import Model


def _number(low: float, high: float, *, without: float | None = None) -> Callable[[Any], str | None]:
    """A number from low to high, ``without`` one of the two."""

    def check(value: Any) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return "want a number"
        if low <= value <= high and value != without:
            return None
        least, most = "more than " * (without == low), ", less than that" * (without == high)
        return f"want {least}{low:g} to {high:g}{most}"

    return check


def _whole(low: int, high: int) -> Callable[[Any], str | None]:
    def check(value: Any) -> str | None:
        whole = isinstance(value, int) and not isinstance(value, bool)
        return None if whole and low <= value <= high else f"want a whole number from {low} to {high}"

    return check


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "want True or False"


def _stop(value: Any) -> str | None:
    many = [value] if isinstance(value, str) else value if isinstance(value, list | tuple) else []
    texts = all(isinstance(one, str) and one for one in many)
    tokens = all(isinstance(one, int) and not isinstance(one, bool) for one in many)
    return None if many and (texts or tokens) else "want a text, or a list of texts or of token ids, not empty"


_CHECKS: Mapping[str, Callable[[Any], str | None]] = {
    "max_tokens": _whole(1, 2**31 - 1),
    "temperature": _number(0, 2, without=2),
    "top_p": _number(0, 1, without=0),
    "top_k": _whole(0, 2**31 - 1),
    "repetition_penalty": _number(0, 100, without=0),
    "presence_penalty": _number(-2, 2),
    "seed": _whole(0, 2**31 - 1),
    "stop": _stop,
    "logprobs": _flag,
    "top_logprobs": _whole(0, 5),
}

SAMPLING: tuple[str, ...] = tuple(_CHECKS)
"""Names of all parameters."""


def checked_parameters(given: Mapping[str, Any], model: Model) -> dict[str, Any]:
    """The parameters as given, once each is known to be one and in its range.

    Raises:
        ValueError: Unknown (the message has the nearest), out of range (``max_tokens`` by the model), or nothing that
            the model takes (``logprobs``).
    """
    for name, value in given.items():
        if name not in _CHECKS:
            raise ValueError(f"parameters: there is no {name!r}{did_you_mean(name, _CHECKS)}")
        if wrong := _CHECKS[name](value):
            raise ValueError(f"parameters: {name}={value!r}: {wrong}")
    if "max_tokens" in given:
        model.check_max_tokens(given["max_tokens"])
    if not model.logprobs and (given.get("logprobs") or given.get("top_logprobs")):
        able = ", ".join(name for name in MODELS if lookup(name).logprobs)
        raise ValueError(f"parameters: {model.name} gives no logprobs; leave it out, or take a model that does: {able}")
    if given.get("top_logprobs") and not given.get("logprobs"):
        raise ValueError("parameters: top_logprobs needs logprobs=True")
    if "temperature" in given and "top_p" in given:
        warnings.warn("set temperature or top_p, not both: each undoes the other's effect", stacklevel=3)
    return dict(given)
