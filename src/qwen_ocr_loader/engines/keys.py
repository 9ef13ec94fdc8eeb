"""Where an API key comes from, and how it is kept out of sight."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from unicodedata import name as name_of
from urllib.parse import quote, quote_plus

from ..errors import MissingKey

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY_FILE = "~/.dashscope/api_key"
KEY_VARIABLES = ("DASHSCOPE_API_KEY", "OPENAI_API_KEY")
FILE_VARIABLE = "DASHSCOPE_API_KEY_FILE_PATH"
SHORTEST = 6  # characters; what is shorter ("EMPTY", for servers that want any key) is no secret, but part of words


class Secret:
    """A key that does not show itself: not in a repr, not in a format, not in a pickle."""

    __slots__ = ("_value",)

    def __init__(self, value: str | None) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "Secret('…')" if self._value else "Secret(None)"

    def __reduce__(self) -> tuple[type[Secret], tuple[None]]:
        return Secret, (None,)

    def __getstate__(self) -> None:
        return None

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

    The order is that of the vendor's SDK 2.0.2. Of a file its first line counts that is not blank.

    Raises:
        MissingKey: None of them has one, what is there cannot be one, or a file cannot be read.
    """
    for origin, text in _dashscope_places(given):
        if key := text.strip():
            return _checked(key, origin, "dashscope")
    raise MissingKey(
        "there is no key: set DASHSCOPE_API_KEY, or pass DashScopeEngine(api_key=...); "
        "a key passed in code does not travel to other processes",
        engine="dashscope",
    )


def openai_key(given: Secret) -> str | None:
    """The key given, else that of ``OPENAI_API_KEY``; None where there is none, as many self-hosted servers need none.

    Raises:
        MissingKey: What is there cannot be one.
    """
    for origin, text in (("api_key=", given.reveal()), ("OPENAI_API_KEY", os.environ.get("OPENAI_API_KEY"))):
        if key := (text or "").strip():
            return _checked(key, origin, "openai")
    return None


def concealed(text: str, given: Secret) -> str:
    """A text as it may be shown: a service may repeat the key it was sent, as it is or quoted for a URL."""
    keys = [given.reveal() or "", *(os.environ.get(name, "") for name in KEY_VARIABLES), *_keys_in_files()]
    for key in {key.strip() for key in keys}:
        for spelling in (key, quote(key, safe=""), quote_plus(key)):
            text = text.replace(spelling, "…") if len(key) >= SHORTEST else text
    return text


def _dashscope_places(given: Secret) -> Iterator[tuple[str, str]]:
    """Where a key may be, for messages, and what is there."""
    yield "api_key=", given.reveal() or ""
    yield "DASHSCOPE_API_KEY", os.environ.get("DASHSCOPE_API_KEY", "")
    if named := os.environ.get(FILE_VARIABLE):
        origin = f"{named} (named by {FILE_VARIABLE})"
        try:
            key = _first_line(named)
        except OSError as error:
            raise MissingKey(f"{origin} cannot be read: {error.strerror}", engine="dashscope") from error
        if not key:
            raise MissingKey(f"{origin} is empty; put the key into it", engine="dashscope")
        yield origin, key
    try:
        yield KEY_FILE, _first_line(KEY_FILE)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise MissingKey(f"{KEY_FILE} cannot be read: {error.strerror}", engine="dashscope") from error


def _first_line(file: str) -> str:
    """The first line that is not blank; in UTF-8, or in what Windows' editors and shells write."""
    data = Path(os.path.expanduser(file)).read_bytes()  # noqa: PTH111 - pathlib's raises where there is no home
    text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", "replace")
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _keys_in_files() -> Iterator[str]:
    for file in filter(None, (os.environ.get(FILE_VARIABLE), KEY_FILE)):
        try:
            yield _first_line(file)
        except OSError:  # what cannot be read was not sent
            continue


def _checked(key: str, origin: str, engine: str) -> str:
    """The key, where a header can hold it; it is not shown, as most of it may be right."""
    for number, character in enumerate(key, 1):
        if not "!" <= character <= "~":
            what = f"U+{ord(character):04X} {name_of(character, 'CONTROL CHARACTER')}"
            raise MissingKey(
                f"character {number} of the key in {origin} is {what}, which no key has; copy the key again",
                engine=engine,
            )
    return key
