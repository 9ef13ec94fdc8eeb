"""What is known of each Qwen-OCR model: how it sees pixels, how much it writes, what that costs and where.

Sources, all of Alibaba Cloud Model Studio: [guide] "Text extraction (Qwen-OCR)", 2026-02-04; [zh] its Chinese edition
as of 2026-01-25; [api] "Qwen-OCR API reference", 2026-01-16, and later for qwen3.5-ocr; [limits] "Rate limits", 2026.
Where they contradict each other the comment says what is believed. Nothing here is final: an engine takes a ``Model``
of the caller's own, made with ``dataclasses.replace``.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, get_args

from .errors import did_you_mean
from .prices import REGIONS, Price, RegionName

if TYPE_CHECKING:
    from .prices import Money
    from .results import Usage
    from .tasks import TaskName


@dataclass(frozen=True, slots=True)
class Model:
    """What is known of a model, in one region.

    Attributes:
        name: As sent.
        snapshot: The snapshot it stands for; its own name where it is one; ``""`` where that changes without notice.
        pixel_factor: A token is a square with this many pixels a side. Of the alias ``qwen-vl-ocr`` this is a guess;
            ``calibrated`` tells.
        min_pixels: What smaller images are enlarged to; the default and the least that may be asked for.
        max_pixels: What larger images are reduced to by default.
        largest_max_pixels: The most that may be asked for as ``max_pixels``.
        max_output: The most that may be asked for as ``max_tokens``.
        context: Tokens in and out together; None where not published.
        requests_per_minute, tokens_per_minute: Of an account, all its keys together; None where not published.
        prices: By region; empty where no price is known.
        regions: Where it is served.
        batch_regions: Where the Batch API serves it, at half the price.
        built_in_tasks: Takes ``ocr_options``.
        prompt_beside_task: Follows a prompt together with ``ocr_options``; the others ignore it then.
        logprobs: Takes ``logprobs`` and ``top_logprobs``.
        largest_file: Bytes of an image sent as a URL or uploaded.
        known: False where all of this is guessed from a relative.
    """

    name: str
    snapshot: str
    pixel_factor: int
    min_pixels: int
    max_pixels: int
    largest_max_pixels: int
    max_output: int
    context: int | None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    prices: tuple[Price, ...] = ()
    regions: tuple[RegionName, ...] = ("beijing",)
    batch_regions: tuple[RegionName, ...] = ()
    built_in_tasks: bool = True
    prompt_beside_task: bool = False
    logprobs: bool = True
    largest_file: int = 10_000_000
    known: bool = True

    def price(self, region: str, *, batch: bool = False) -> Price | None:
        """The price in a region; None where none is known, or where there is no such way of calling."""
        found = next((p for p in self.prices if p.region in (region, None)), None)
        if found is None or not batch:
            return found
        return found.halved() if region in self.batch_regions else None

    def check_max_tokens(self, max_tokens: int) -> None:
        """Refuse a ``max_tokens`` the service would refuse.

        Raises:
            ValueError: Below 1, or over ``max_output`` of a known model.
        """
        if max_tokens < 1:
            raise ValueError(f"max_tokens={max_tokens}: at least 1")
        if self.known and max_tokens > self.max_output:
            raise ValueError(
                f"max_tokens={max_tokens}: {self.name} writes at most {self.max_output}; if your account may ask for "
                f"more, pass catalog=replace(lookup({self.name!r}), max_output={max_tokens})"
            )

    def check_pixels(self, min_pixels: int | None = None, max_pixels: int | None = None) -> None:
        """Refuse ``min_pixels`` and ``max_pixels`` outside what the model takes ([api], image part).

        Raises:
            ValueError: Out of range, or the one above the other.
        """
        least = self.min_pixels if min_pixels is None else min_pixels
        most = self.max_pixels if max_pixels is None else max_pixels
        if least > most:
            raise ValueError(f"min_pixels={least} is more than max_pixels={most}; give both, the smaller first")
        for name, value in (("min_pixels", min_pixels), ("max_pixels", max_pixels)):
            if value is not None and self.known and not self.min_pixels <= value <= self.largest_max_pixels:
                raise ValueError(f"{name}={value}: {self.name} takes {self.min_pixels} to {self.largest_max_pixels}")


# --- prices ----------------------------------------------------------------------------------------------------------

_ZH = "https://help.aliyun.com/zh/model-studio/qwen-vl-ocr"
_GUIDE = "https://www.alibabacloud.com/help/en/model-studio/qwen-vl-ocr"
# [zh] 0.0003 and 0.0005 CNY a thousand for -latest and 2025-11-20. [guide] has the alias at the same ($0.043, $0.072),
# where [zh] still had 0.005; third-party lists of 2026 agree with the lower.
_NEW_CNY = Price(Decimal("0.3"), Decimal("0.5"), "CNY", "beijing", as_of=date(2026, 1, 25), source=_ZH)
_OLD_CNY = Price(Decimal(5), Decimal(5), "CNY", "beijing", as_of=date(2026, 1, 25), source=_ZH)
# [guide]; [zh] has the alias in Singapore at seventeen times that in CNY, from when it was an older snapshot.
_USD = tuple(
    Price(Decimal("0.07"), Decimal("0.16"), "USD", where, as_of=date(2026, 2, 4), source=_GUIDE)
    for where in ("singapore", "virginia")
)

# --- models ----------------------------------------------------------------------------------------------------------
# Pixels: [api]. Output and context: [guide], its table and the note under it. Requests and tokens a minute: [limits].

_AUGUST = Model(
    "qwen-vl-ocr-2025-08-28",
    snapshot="qwen-vl-ocr-2025-08-28",
    pixel_factor=28,
    min_pixels=4 * 28 * 28,
    max_pixels=8192 * 28 * 28,
    largest_max_pixels=30_000 * 28 * 28,
    max_output=4096,
    context=34_096,
    requests_per_minute=600,
    tokens_per_minute=6_000_000,
    prices=(_OLD_CNY,),
)
_APRIL = replace(_AUGUST, name="qwen-vl-ocr-2025-04-13", snapshot="qwen-vl-ocr-2025-04-13")
_FIRST = replace(
    _AUGUST, name="qwen-vl-ocr-2024-10-28", snapshot="qwen-vl-ocr-2024-10-28", built_in_tasks=False, logprobs=False
)
_NOVEMBER = Model(
    "qwen-vl-ocr-2025-11-20",
    snapshot="qwen-vl-ocr-2025-11-20",
    pixel_factor=32,
    min_pixels=3 * 32 * 32,
    max_pixels=8192 * 32 * 32,
    largest_max_pixels=30_000 * 32 * 32,
    max_output=8192,
    context=38_192,
    requests_per_minute=1200,
    tokens_per_minute=6_000_000,
    prices=(_NEW_CNY, *_USD),
    regions=("beijing", "singapore", "virginia"),
)
_LATEST = replace(
    _NOVEMBER,
    name="qwen-vl-ocr-latest",
    snapshot="",
    prices=(_NEW_CNY,),
    regions=("beijing",),
    batch_regions=("beijing",),
)
# Served since 2026-06-16. The vendor's price, context and request limits were not found; a third party's list has 0.5
# and 2 CNY a million and 65,536, which is not enough to count somebody's money with.
_SUMMER = replace(
    _NOVEMBER,
    name="qwen3.5-ocr",
    snapshot="",
    max_output=32_768,
    context=None,
    requests_per_minute=None,
    tokens_per_minute=None,
    prices=(),
    regions=("beijing",),
    prompt_beside_task=True,
    largest_file=20_000_000,
)
# The alias. In Singapore and Virginia it is 2025-11-20 ([guide], [zh]). In Beijing both say 2025-08-28, at the price of
# 2025-11-20, and a later, undated edition of [zh] says 2025-11-20: taken for the older, which counts more tokens, until
# an answer calibrates it. Longest output: the note under the table ("4096, more on request") and [api] are believed
# before the table's 8,192.
_STABLE = replace(
    _AUGUST, name="qwen-vl-ocr", prices=(replace(_NEW_CNY, as_of=date(2026, 2, 4)),), batch_regions=("beijing",)
)
_STABLE_ABROAD = replace(
    _NOVEMBER,
    name="qwen-vl-ocr",
    max_output=4096,
    requests_per_minute=600,
    prices=_USD,
    regions=("singapore", "virginia"),
)

_PINNED = {model.name: model for model in (_SUMMER, _LATEST, _NOVEMBER, _AUGUST, _APRIL, _FIRST)}
MODELS: tuple[str, ...] = ("qwen-vl-ocr", *_PINNED)
"""The names that are known, in any region."""


def lookup(model: str, region: str = "beijing") -> Model:
    """What is known of a model where it is called.

    Of a name that is not known everything is guessed from its nearest relative, ``known`` is False, and prices and
    rate limits are left out.

    Args:
        model: As sent, for example ``"qwen-vl-ocr-2025-11-20"``; also the short ``"qwen-vl-ocr-1120"``.
        region: ``"beijing"``, ``"singapore"`` or ``"virginia"``; the alias ``"qwen-vl-ocr"`` differs between them.

    Raises:
        ValueError: No name, or an unknown region.
    """
    if region not in REGIONS:
        raise ValueError(f"region: there is no {region!r}{did_you_mean(region, REGIONS)}")
    if not model:
        raise ValueError(f"model: name one, for example {_NOVEMBER.name!r}")
    if model == "qwen-vl-ocr":
        return _STABLE if region == "beijing" else _STABLE_ABROAD
    return _PINNED.get(model) or _short_name(model) or _guess(model)


def _short_name(model: str) -> Model | None:
    """The vendor's pages call ``qwen-vl-ocr-2025-11-20`` also ``qwen-vl-ocr-1120``."""
    found = next((m for m in _PINNED.values() if _without_year(m.name) == model), None)
    return replace(found, name=model) if found else None


def _without_year(name: str) -> str:
    return re.sub(r"-20\d\d-(\d\d)-(\d\d)$", r"-\1\2", name)


def _guess(model: str) -> Model:
    """From 2025-11-20 for a dated qwen-vl-ocr (the older generation before it), from the newest for anything else."""
    dated = re.fullmatch(r"qwen-vl-ocr-(20\d\d-\d\d-\d\d)", model)
    relative = _SUMMER if not dated else _NOVEMBER if dated[1] >= "2025-11-20" else _AUGUST
    return replace(
        relative,
        name=model,
        snapshot="",
        context=None,
        requests_per_minute=None,
        tokens_per_minute=None,
        prices=(),
        regions=get_args(RegionName),
        batch_regions=(),
        known=False,
    )


# --- pixels and tokens -----------------------------------------------------------------------------------------------


def resized(width: int, height: int, factor: int, min_pixels: int, max_pixels: int) -> tuple[int, int]:
    """The size, in pixels, at which a model looks at an image: the vendor's ``smart_resize`` ([guide], sample code).

    Python's ``round`` is part of it: halves go to the even multiple. A side can come out as 0 for strips far beyond the
    200:1 that the service accepts. Sides become multiples of ``factor``, the area comes between the two limits.
    """
    wide, high = round(width / factor) * factor, round(height / factor) * factor
    if high * wide > max_pixels:
        beta = math.sqrt((height * width) / max_pixels)
        return math.floor(width / beta / factor) * factor, math.floor(height / beta / factor) * factor
    if high * wide < min_pixels:
        beta = math.sqrt(min_pixels / (height * width))
        return math.ceil(width * beta / factor) * factor, math.ceil(height * beta / factor) * factor
    return wide, high


def image_tokens(
    width: int, height: int, model: Model | int, min_pixels: int | None = None, max_pixels: int | None = None
) -> int:
    """Tokens an image is billed as: its resized area over the factor squared, and one each for its begin and end marks.

    ``model`` may be just a pixel factor, 28 or 32. Sizes are pixels of the image as sent; ``min_pixels`` and
    ``max_pixels`` as sent too, the model's defaults where not.
    """
    known = model if isinstance(model, Model) else _at_factor(_NOVEMBER, model)
    factor = known.pixel_factor
    least = known.min_pixels if min_pixels is None else min_pixels
    wide, high = resized(width, height, factor, least, known.max_pixels if max_pixels is None else max_pixels)
    return wide * high // (factor * factor) + 2


def _at_factor(model: Model, factor: int) -> Model:
    """The model with another pixel factor and the pixel ranges that belong to it."""
    if factor == model.pixel_factor:
        return model
    square = factor * factor
    return replace(
        model,
        pixel_factor=factor,
        min_pixels=(4 if factor == 28 else 3) * square,
        max_pixels=8192 * square,
        largest_max_pixels=30_000 * square,
    )


def calibrated(
    model: Model,
    width: int,
    height: int,
    tokens: int,
    *,
    min_pixels: int | None = None,
    max_pixels: int | None = None,
) -> Model:
    """The model with the pixel factor that a real answer proves: an alias does not say what it stands for.

    ``tokens`` is the answer's ``usage.image_tokens``, the rest belongs to the one image that was sent. What was assumed
    stays where it fits, and where nothing does.
    """
    for candidate in (model, *(_at_factor(model, factor) for factor in (28, 32))):
        if image_tokens(width, height, candidate, min_pixels, max_pixels) == tokens:
            return candidate
    return model


# --- money -----------------------------------------------------------------------------------------------------------

# Text tokens that came with each task in the vendor's example answers (``input_tokens - image_tokens``, [guide]);
# key_information_extraction's were counted with a schema of three described fields.
_PROMPT_TOKENS: dict[TaskName, int] = {
    "text_recognition": 35,
    "multi_lan": 35,
    "advanced_recognition": 33,
    "formula_recognition": 39,
    "document_parsing": 66,
    "table_parsing": 85,
    "key_information_extraction": 211,
}
# How much longer a task's answer is than the page's bare text: tags, LaTeX, a rectangle for every line; or shorter.
_LENGTH: dict[TaskName, float] = {
    "text_recognition": 1.0,
    "multi_lan": 1.0,
    "advanced_recognition": 4.0,
    "formula_recognition": 0.5,
    "document_parsing": 1.5,
    "table_parsing": 2.0,
    "key_information_extraction": 0.5,
}
_TEXT_AT_LEAST = 300
_PIXELS_PER_TEXT_TOKEN = 2000


def cost(usage: Usage, model: Model, region: str, *, batch: bool = False) -> Money | None:
    """What the tokens cost; None where no price is known, never a guess.

    Args:
        usage: Of one call or of many.
        model: From ``lookup``, or the caller's own with ``prices``.
        region: Where it was called.
        batch: Through the Batch API.
    """
    price = model.price(region, batch=batch)
    return price.of(usage.input_tokens, usage.output_tokens) if price else None


def estimated_usage(
    width: int,
    height: int,
    model: Model,
    task: TaskName,
    *,
    prompt: str = "",
    min_pixels: int | None = None,
    max_pixels: int | None = None,
) -> tuple[int, int]:
    """Tokens in and out that a page is likely to need, before it is sent: rather too many than too few.

    What goes in is exact but for the prompt. What comes out is a guess, never above the model's longest: 300 tokens and
    one for every 2,000 pixels the model looks at, times what the task adds. The text of 48 of 53 real pages (papers,
    forms, receipts, tables; a token taken as 3.2 letters or 1.3 Chinese characters) is shorter than that.

    Sizes are pixels of the image as sent. ``task`` is ``"text_recognition"`` for a free prompt; ``prompt`` is whatever
    is sent besides the task's own text: a free prompt, or the schema as JSON.
    """
    seen = image_tokens(width, height, model, min_pixels, max_pixels)
    written = _TEXT_AT_LEAST + seen * model.pixel_factor**2 / _PIXELS_PER_TEXT_TOKEN
    prompt_tokens = _PROMPT_TOKENS[task] + math.ceil(len(prompt.encode()) / 3)
    return seen + prompt_tokens, min(model.max_output, math.ceil(written * _LENGTH[task]))
