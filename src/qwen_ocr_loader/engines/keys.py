"""Where an API key comes from, and how it is kept out of sight."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ..errors import MissingKey

KEY_FILE = Path("~/.dashscope/api_key")


@dataclass(frozen=True, slots=True)
class Secret:
    """A key that does not show itself: not in a repr, not in a format, not in a pickle."""

    _value: str | None

    def __repr__(self) -> str:
        return "Secret('…')" if self._value else "Secret(None)"

    def __reduce__(self) -> tuple[type[Secret], tuple[None]]:
        return Secret, (None,)

    def reveal(self) -> str | None:
        """The key itself, for a header."""
        return self._value


def dashscope_key(given: Secret) -> str:
    """The key given, else that of ``DASHSCOPE_API_KEY``, ``DASHSCOPE_API_KEY_FILE_PATH`` or ``~/.dashscope/api_key``.

    The order is that of the vendor's SDK 2.0.2.

    Raises:
        MissingKey: None of them has one.
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
    return key


def _first_line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
