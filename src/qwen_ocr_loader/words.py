"""Words with boxes, as Qwen-OCR and other models list them, become the page's text and lines."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from .layout import TextBox, compose
from .rects import RotatedRect, area_quad, scaled, text_quad
from .results import Line, scrub

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .geometry import Quad
    from .rects import Corners, Size

_BREAK = re.compile(r"\s*[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]\s*")


class Word(NamedTuple):
    """A line of print, and where it stands as far as that was said.

    Attributes:
        text: Without line breaks; never empty.
        location: Four corners in the reply's numbers (in ``words_info``: pixels), clockwise from the text's upper left;
            None where absent or malformed.
        rect: The same as a turned rectangle; None where absent or malformed.
    """

    text: str
    location: Corners | None
    rect: RotatedRect | None


def read_words(items: Iterable[Any], width: float, height: float, *, exact: bool) -> tuple[str, tuple[Line, ...]]:
    """The text of a page, and its lines, from ``words_info``.

    Args:
        items: Objects with ``text``, and ``location`` (8 numbers: corners; 4: left, top, right, bottom) or
            ``rotate_rect`` (``[cx, cy, width, height, angle]``) or both, in pixels; what has no text is left out.
        width, height: Of the image as sent, in pixels.
        exact: The boxes refer to that image. Otherwise (``enable_rotate``) they serve to find the reading order, in
            whatever frame they are, and no line gets one.
    """
    return place_words([word for word in map(_word, items) if word], (width, height), exact=exact)


def place_words(
    words: Sequence[Word], frame: Size, size: Size | None = None, *, exact: bool
) -> tuple[str, tuple[Line, ...]]:
    """The text of a page, and its lines, from words in any frame.

    Args:
        words: In the order in which they were listed.
        frame: Width and height of the whole picture, in the words' numbers.
        size: The same in pixels, which decide how lines are paired and ordered; None: as ``frame``.
        exact: As for ``read_words``.
    """
    frame = frame if exact else _frame(words, *frame)
    size = size if size and exact else frame
    text, lines = _joined(list(zip(words, _quads(words, frame, size), strict=True)), *size)
    return text, lines if exact else tuple(replace(line, quad=None) for line in lines)


def one_line(text: str) -> str:
    """What a model took for one line of print, without the breaks that it may have in it."""
    return _BREAK.sub(" ", scrub(text)).strip()


def _word(item: Any) -> Word | None:
    given = item.get("text") if isinstance(item, dict) else None
    text = one_line(str(given)) if given is not None else ""
    if not text:
        return None
    place, rect = _numbers(item.get("location")), _numbers(item.get("rotate_rect"))
    return Word(text, _corners(place), RotatedRect(*rect) if len(rect) == 5 else None)


def _numbers(given: Any) -> list[float]:
    """The numbers of a list; nothing at all where one of its elements is none."""
    if not isinstance(given, list | tuple):
        return []
    try:
        return [float(number) for number in given]
    except (TypeError, ValueError, OverflowError):
        return []


def _corners(place: Sequence[float]) -> Corners | None:
    match place:
        case left, top, right, bottom if left < right and top < bottom:
            return (left, top), (right, top), (right, bottom), (left, bottom)
        case ax, ay, bx, by, cx, cy, dx, dy:
            return (ax, ay), (bx, by), (cx, cy), (dx, dy)
    return None


def _frame(words: Sequence[Word], width: float, height: float) -> tuple[float, float]:
    """A frame that holds every box: where the image was turned by the service, they may reach beyond the one sent."""
    places = [corner for word in words for corner in word.location or (word.rect.corners if word.rect else ())]
    within = [corner for corner in places if all(0 <= value < 1e5 for value in corner)]
    return max([width, *(x for x, _ in within)]), max([height, *(y for _, y in within)])


def _quads(words: Sequence[Word], frame: Size, size: Size) -> list[Quad | None]:
    """Where each word stands: by its corners, else by its rectangle, else nowhere."""
    quads: list[Quad | None] = []
    doubtful: dict[int, RotatedRect] = {}
    for index, word in enumerate(words):
        quad = _located(word.text, scaled(word.location, frame, size), size) if word.location else None
        if quad is None and word.rect:
            if word.rect.is_doubtful:
                doubtful[index] = word.rect
            else:
                quad = _rect_quad(word.rect, frame, size)
        quads.append(quad)
    for index, quad in _settled(doubtful, [quad for quad in quads if quad], frame, size):
        quads[index] = quad
    return quads


def _located(text: str, corners: Corners, size: Size) -> Quad | None:
    """By its corners. A letter alone is taller than wide however it is turned: its first corner is believed."""
    return area_quad(corners, *size) if len(text.strip()) < 2 else text_quad(corners, *size, ordered=True)


def _rect_quad(rect: RotatedRect, frame: Size, size: Size) -> Quad | None:
    """Turned in the frame it was written in, then scaled: a grid of 0-1000 has no square cells."""
    return text_quad(scaled(rect.corners, frame, size), *size, ordered=False)


def _settled(
    doubtful: dict[int, RotatedRect], sure: list[Quad], frame: Size, size: Size
) -> Iterable[tuple[int, Quad | None]]:
    """Take each rectangle as given or with its sides exchanged, whichever leaves other lines alone; None if unclear."""
    given = {index: _rect_quad(rect, frame, size) for index, rect in doubtful.items()}
    swapped = {index: _rect_quad(rect.swapped, frame, size) for index, rect in doubtful.items()}
    for index in doubtful:
        one, other = given[index], swapped[index]
        if one is None or other is None:
            yield index, one or other
            continue
        hit = _crowding(one, sure, (quad for i, quad in given.items() if i != index))
        missed = _crowding(other, sure, (quad for i, quad in swapped.items() if i != index))
        unclear = hit == missed or min(hit, missed) > max(hit, missed) / 2
        yield index, None if unclear else one if hit < missed else other


def _crowding(quad: Quad, sure: Iterable[Quad], others: Iterable[Quad | None]) -> float:
    """How much of a line's box other lines cover."""
    bounds = quad.bounds
    return sum(bounds.shared(other.bounds) for quads in (sure, others) for other in quads if other)


def _joined(words: Sequence[tuple[Word, Quad | None]], width: float, height: float) -> tuple[str, tuple[Line, ...]]:
    """One text: words with boxes laid out by them, a word without any on a line of its own where it was listed."""
    texts: list[str] = []
    lines: list[Line] = []
    for placed, run in groupby(words, key=lambda pair: pair[1] is not None):
        if placed:
            boxes = [TextBox(word.text, quad) for word, quad in run if quad]
            text, found = compose(boxes, width, height, keep_order=True)
        else:
            text, found = as_lines("\n".join(word.text for word, _ in run))
        shift = sum(len(text) + 1 for text in texts)
        texts.append(text)
        lines += (replace(line, start=line.start + shift, end=line.end + shift) for line in found)
    return "\n".join(texts), tuple(lines)


def as_lines(text: str) -> tuple[str, tuple[Line, ...]]:
    """A text and its lines that are not blank, none with a box."""
    return text, tuple(
        Line(found[0], found.start(), found.end()) for found in re.finditer(r"[^\s](?:[^\n]*[^\s])?", text)
    )
