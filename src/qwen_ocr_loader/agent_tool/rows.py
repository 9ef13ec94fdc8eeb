"""A page's text as the rows that an agent is shown: nothing of it lost, and none that could pass for one of ours."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..geometry import Quad
    from ..results import PageResult

_CONTROLS = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")  # all that could begin a new row; tabs stay
_NAME_CHARS = 200


class Row(NamedTuple):
    """What an agent is shown in a row, or in several where one has no room for it.

    Attributes:
        start: Where it is in what a page has to show: its text, and behind that the fields that stand below it.
        label: Its number, or a field's name, and the box.
        text: The document's own.
    """

    start: int
    label: str
    text: str

    def after(self, begin: int) -> Row | None:
        """What of it is from there on; None where there is nothing, or it was shown whole."""
        done = max(0, begin - self.start)
        return Row(self.start + done, self.label, self.text[done:]) if not done or done < len(self.text) else None


class Piece(NamedTuple):
    """A line of a page's text, or what stands between two."""

    start: int
    end: int
    quad: Quad | None


def line_rows(result: PageResult) -> Iterator[Row]:
    """A row for each piece of the text."""
    for number, piece in enumerate(pieces(result), start=1):
        yield Row(piece.start, f"{number} [{box(piece.quad)}] ", result.text[piece.start : piece.end])


def field_rows(result: PageResult, room: int) -> tuple[list[Row], list[Row]]:
    """The fields that stand above the text, in so many characters; and those without room there, which stand below."""
    above: list[Row] = []
    below: list[Row] = []
    at = len(result.text) + 1
    for name, found in result.fields.items():
        value = found.value if isinstance(found.value, str) else json.dumps(found.value, ensure_ascii=False)
        label = f"field {name if len(name) <= _NAME_CHARS else name[:_NAME_CHARS] + '…'} [{box(found.quad)}] "
        if (size := len(label) + len(value) + 1) <= room:
            above.append(Row(0, label, value))
            room -= size
        else:
            below.append(Row(at, label, value))
            at += len(value) + 1
    return above, below


def pieces(result: PageResult) -> Iterator[Piece]:
    """The text without gaps, but for white space, in its order."""
    at = 0
    for line in sorted(result.lines, key=lambda line: line.start):
        yield from _between(result.text, at, line.start)
        if line.end > max(at, line.start):
            yield Piece(max(at, line.start), line.end, line.quad)
        at = max(at, line.end)
    yield from _between(result.text, at, len(result.text))


def _between(text: str, start: int, end: int) -> Iterator[Piece]:
    for row in text[start:end].splitlines(keepends=True):
        if row.strip():
            yield Piece(start, start + len(row.rstrip()), None)
        start += len(row)


def heading(result: PageResult, count: int, begin: int) -> str:
    """The row above a page's own: which page of how many, and what is to be known of it."""
    about = [f"page {result.page + 1} of {count}"]
    about += [f"from {begin} on"] if begin else []
    about += ["no text on it"] if not result.text.strip() else []
    about += ["there is more on it than could be read"] if result.truncated else []
    return f"--- {', '.join(about)} ---"


def box(quad: Quad | None) -> str:
    """Left, top, right, bottom in thousandths of the page (0-999); nothing where there is none."""
    if quad is None:
        return ""
    return ",".join(str(max(0, min(999, round(side)))) for side in quad.bounds.scaled(999, 999))


def in_one_row(text: str) -> str:
    """As many characters, none of which begins a new row."""
    return _CONTROLS.sub(" ", text)
