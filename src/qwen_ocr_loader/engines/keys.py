"""Where an API key comes from, and how it is kept out of sight."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ..errors import MissingKey

_KEY = re.compile(r"[!-~]+")  # what a header takes, without spaces
KEY_FILE = Path("~/.dashscope/api_key")


class Secret:
    """A key that does not show itself: not in a repr, not in a format, not in a pickle."""

    __slots__ = ("_value",)

    def __init__(self, value: str | None) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "Secret('…')" if self._value else "Secret(None)"

    def __reduce__(self) -> tuple[type[Secret], tuple[None]]:
        return Secret, (None,)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def reveal(self) -> str | None:
        """The key itself, for a header."""
        return self._value


def dashscope_key(given: Secret) -> str:
    """The key given, else that of ``DASHSCOPE_API_KEY``, ``DASHSCOPE_API_KEY_FILE_PATH`` or ``~/.dashscope/api_key``.

    The order is that of the vendor's SDK 2.0.2.

    Raises:
        MissingKey: None of them has one, or what is there cannot be one.
    """
    named = os.environ.get("DASHSCOPE_API_KEY_FILE_PATH")
    key = (given.reveal() or os.environ.get("DASHSCOPE_API_KEY") or "").strip()
    key = key or (_first_line(Path(named)) if named else "") or _first_line(KEY_FILE.expanduser())
    if not key:
        raise MissingKey(
            "there is no key: set DASHSCOPE_API_KEY, or pass DashScopeEngine(api_key=...); "
            "a key passed in code does not travel to other processes",
            engine="dashscope",
        )
    if not _KEY.fullmatch(key):  # not shown, as most of it may be the key
        raise MissingKey("the key has characters in it that no key has; copy it again", engine="dashscope")
    return key


def _first_line(path: Path) -> str:
    try:
        lines = path.read_bytes().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return lines[0].strip() if lines else ""
