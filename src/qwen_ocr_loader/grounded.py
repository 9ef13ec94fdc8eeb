"""What a vision model's text says about a page: its words, and where they stand as far as the model says so.

Without Qwen-OCR's ``ocr_result`` everything is in the text, in whatever form the model was trained on: lists of lines
with boxes, Qwen's HTML and Markdown with places, or text alone. What its numbers count is known by the model's family
(``coordinates``) and checked against the boxes (``doubts``).
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from .answers import Answer, read_answer, unreadable
from .boxes import corners_of
from .doubts import believed
from .errors import ReplyUnreadable
from .markup import unfenced
from .qwenvl import (
    Block,
    Blocks,
    html_blocks,
    is_qwenvl_html,
    is_qwenvl_markdown,
    markdown_blocks,
    region_blocks,
)
from .rects import RotatedRect, area_quad
from .results import Line, scrub
from .spot_rows import spots_at_points, spots_in_marks, spots_in_rows, without_marks
from .spots import Spotted, spots_in_json
from .tasks import EXTRACTION
from .words import Word, one_line, place_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .boxes import Place
    from .geometry import Quad
    from .rects import Size
    from .tasks import TaskName

_THOUGHTS = re.compile(r"\s*<think>.*?</think>", re.DOTALL)
_END_MARKS = re.compile(r"(?:\s*<\|(?:im_end|endoftext|eot_id|end)\|>)+\s*\Z")
_UNKNOWN: Size = (1, 1)


def read_vision_answer(
    task: TaskName | None,
    text: str,
    frame: Size | None,
    *,
    size: Size | None = None,
    sure: bool = False,
) -> Answer:
    """Read a reply that is nothing but text.

    HTML with places becomes Markdown: headings, lists, formulas and tables keep their form, a paragraph is one line
    with the paragraph's box, and each row of a table has the table's. Pictures leave nothing behind. A reply that lists
    lines becomes plain text in reading order.

    Args:
        task: What was asked for; None for a free prompt.
        text: The reply's text.
        frame: Width and height of the whole picture in the reply's numbers: (1000, 1000), or its pixels. None where
            that is not known: boxes are left out, the text is kept.
        size: The picture's own width and height, which decide how lines are put in order; None: as ``frame``.
        sure: The user said what the numbers count: boxes that lie within the frame are believed in any case.

    Raises:
        ReplyUnreadable: The reply is no reading of a page. An empty one is: of a blank page.
    """
    said = _without_thoughts(_END_MARKS.sub("", scrub(text)))
    if task == EXTRACTION:
        return read_answer(task, said, None, 1, 1)
    if blocks := _blocks(said):
        return _page(blocks, frame, sure=sure)
    if (spotted := _spotted(task, said)) and not unreadable(said):
        return _lines(spotted, frame, size, sure=sure)
    return read_answer(task, without_marks(said), None, 1, 1)


def _without_thoughts(text: str) -> str:
    """Without what a thinking model said to itself, which some servers leave in.

    Raises:
        ReplyUnreadable: It is nothing else.
    """
    body = _THOUGHTS.sub("", text, count=1) if text.lstrip().startswith("<think>") else text
    if body.lstrip().startswith("<think>"):
        raise ReplyUnreadable("the model was still thinking when its reply ended; raise max_tokens=", text=text)
    head, end, rest = body.partition("</think>")  # some chat templates begin the thought in the question
    return rest.strip() if end and "<think>" not in head else body.strip()


def _blocks(text: str) -> Blocks | None:
    if is_qwenvl_html(text):
        return html_blocks(text)
    return markdown_blocks(text) if is_qwenvl_markdown(text) else None


def _spotted(task: TaskName | None, text: str) -> Spotted | None:
    """The lines of a reply that lists them. A page may have such a list printed on it, too: so with care."""
    asked_for = task == "advanced_recognition"
    found = spots_in_marks(text) or spots_in_json(text, whole=not asked_for and task is not None, labels=asked_for)
    if found or not asked_for:
        return found
    return spots_at_points(text) or spots_in_rows(unfenced(text))


# --- lines -----------------------------------------------------------------------------------------------------------


def _lines(spotted: Spotted, frame: Size | None, size: Size | None, *, sure: bool) -> Answer:
    if any(spot.is_block for spot in spotted.spots):
        regions = [region_blocks(spot.text, spot.place) for spot in spotted.spots]
        blocks = tuple(block for region in regions for block in region.blocks)
        return _page(Blocks(blocks, spotted.cut_off or any(region.cut_off for region in regions)), frame, sure=sure)
    spots = [spot for spot in spotted.spots if one_line(spot.text)]
    places, doubt = believed([spot.place for spot in spots], frame, sure=sure)
    exact = frame is not None and any(places)
    listed = places if exact else [spot.place for spot in spots]  # the order of the lines is in any numbers
    words = [_word(one_line(spot.text), place) for spot, place in zip(spots, listed, strict=True)]
    text, lines = place_words(words, frame or _UNKNOWN, size, exact=exact)
    return Answer(text, lines=lines, truncated=spotted.cut_off, doubt=doubt)


def _word(text: str, place: Place) -> Word:
    if isinstance(place, RotatedRect):
        return Word(text, None, place)
    return Word(text, place or None, None)


# --- blocks ----------------------------------------------------------------------------------------------------------

_ITEMS = ("- ", ". ")  # ends of marks
_ROW = re.compile(r"\S(?:[^\n]*\S)?")
_RULE = re.compile(r"\|(?: --- \|)+")  # between the head and the body of a table


def _page(page: Blocks, frame: Size | None, *, sure: bool) -> Answer:
    """Blocks one below the other, an empty line between them; items of a list follow each other."""
    places, doubt = believed([block.place for block in page.blocks], frame, sure=sure)
    quads = [area_quad(corners_of(place), *frame) if frame and place else None for place in places]
    text, lines = "", list[Line]()
    for block, before, quad in zip(page.blocks, (None, *page.blocks), quads, strict=False):
        listed = before is not None and before.mark[-2:] in _ITEMS and block.mark[-2:] in _ITEMS
        text += ("\n" if listed else "\n\n" if text else "") + block.mark
        lines += _rows(block, len(text), quad)
        text += block.text
    tables = (block.table and replace(block.table, quad=quad) for block, quad in zip(page.blocks, quads, strict=True))
    return Answer(
        text,
        "markdown" if any(block.mark or block.table or block.formulas for block in page.blocks) else "plain",
        tuple(lines),
        tables=tuple(table for table in tables if table),
        formulas=tuple(formula for block in page.blocks for formula in block.formulas),
        truncated=page.cut_off,
        doubt=doubt,
    )


def _rows(block: Block, start: int, quad: Quad | None) -> Sequence[Line]:
    """The rows of a block, each with the block's place; in a table not the rule below its head."""
    return [
        Line(row[0], start + row.start(), start + row.end(), quad)
        for row in _ROW.finditer(block.text)
        if not (block.table and _RULE.fullmatch(row[0]))
    ]
