"""What may be done to a page's picture before it is recognised, by name and in order."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal, get_args

from ..errors import MissingDependency, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

Step = Literal["orient", "deskew", "denoise", "equalize"]

STEPS: tuple[Step, ...] = get_args(Step)
INSTALL = "pip install 'qwen-ocr-loader[local]'"
_LOOKING = ("cv2", "rapidocr", "onnxruntime")  # the lines of a page are looked for
_NEEDS = {"orient": _LOOKING, "deskew": _LOOKING, "denoise": ("cv2",), "equalize": ("cv2",)}


def in_order(given: str | Sequence[str]) -> tuple[Step, ...]:
    """The steps named, each once, in the order in which they are done.

    Args:
        given: One name or several.

    Raises:
        ValueError: It is no list, or there is no such step; the message has the nearest one.
    """
    if not isinstance(given, str | list | tuple | set | frozenset):
        raise ValueError(f"preprocess={given!r}: want a list of names, () for nothing")  # noqa: TRY004 - as below
    names = [given] if isinstance(given, str) else list(given)
    for name in names:
        if name not in STEPS:
            raise ValueError(f"preprocess={name!r}{did_you_mean(str(name), STEPS)}")
    return tuple(step for step in STEPS if step in names)


def refuse_missing(steps: Sequence[Step]) -> None:
    """Raise ``MissingDependency`` for the first step that cannot be done here, before anything is spent."""
    for step in steps:
        missing = [name for name in _NEEDS[step] if find_spec(name) is None]
        if missing:
            raise MissingDependency(f"preprocess={step!r} needs {', '.join(missing)}; type: {INSTALL}")
