"""Text with tables, split so that no row is cut and every part of a long table has its header."""

from __future__ import annotations

import json
import re
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from .html import html_tables
from .pipes import markdown_tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from .cells import FoundTable

_HEAD = re.compile(r"</thead\s*>(?:\s*<tbody[^<>]{0,400}>)?", re.IGNORECASE)
_CLOSING = re.compile(r"(?:\s*</(?:tbody|tfoot|table)\s*>)+\s*", re.IGNORECASE)
_TAG = re.compile(r"<(/?)(table|thead|tr|td|th)\b([^<>]{0,4000})>", re.IGNORECASE)
_SPAN = re.compile(r"""\browspan\s*=\s*["']?\s*(\d{1,5})""", re.IGNORECASE)


CUT_FROM = "cut_from"
"""The metadata key that says from where in its parent's text a chunk was taken: ``Cut.spans`` as JSON."""


class Cut(NamedTuple):
    """A chunk, and from where in the text that was split it was taken.

    Attributes:
        text: Of the chunk.
        spans: Rows ``(start in the chunk, start in the text, length)`` of a part of a table: its header, and its own
            rows; none where that is left to be found out.
    """

    text: str
    spans: tuple[tuple[int, int, int], ...] = ()


class TableSplitter:
    """A splitter of text that leaves everything but tables to another one.

    A Markdown or HTML table that fits stays whole. A longer one is split between rows, its header before each part's
    rows; rows that a merged cell holds together stay so. A row longer than ``chunk_size`` is a chunk of its own.
    LaTeX tables are the other splitter's.

    >>> chunks = split_with_boxes(TableSplitter(RecursiveCharacterTextSplitter(chunk_size=800), 800), docs)

    In such a chunk a repeated header is located where it is printed: at the head of the table. ``split_documents`` and
    ``split_with_boxes`` keep in mind from where each row was taken, as many may say the same; ``split_text`` cannot.

    Args:
        splitter: A LangChain ``TextSplitter``, a LlamaIndex ``SentenceSplitter``, or another object with
            ``split_text``, or a function of a text.
        chunk_size: Characters of a chunk of a table, as far as rows allow.
    """

    def __init__(self, splitter: Any, chunk_size: int = 1000) -> None:
        if chunk_size < 1:
            raise ValueError(f"chunk_size is {chunk_size}; give the characters of a chunk, at least 1")
        self._split = getattr(splitter, "split_text", splitter)
        if not callable(self._split):
            raise TypeError(f"a splitter has split_text, or is a function; {type(splitter).__name__} is neither")
        self._chunk_size = chunk_size

    def split_text(self, text: str) -> list[str]:
        """The chunks of a text, in order."""
        return [chunk.text for chunk in self.cut(text)]

    def cut(self, text: str) -> list[Cut]:
        """The chunks of a text, in order, with what is known of where they are from."""
        chunks: list[Cut] = []
        at = 0
        for start, end, parts in self._tables(text):
            chunks += self._prose(text[at:start])
            chunks += parts
            at = end
        return [*chunks, *self._prose(text[at:])]

    def split_documents(self, documents: Iterable[Any]) -> list[Any]:
        """The chunks of LangChain Documents, with their metadata; where that has lines, with ``cut_from`` for them."""
        return [
            type(document)(page_content=chunk.text, metadata=_with_cut(document.metadata, chunk))
            for document in documents
            for chunk in self.cut(document.page_content)
        ]

    def _prose(self, text: str) -> list[Cut]:
        return [Cut(chunk) for chunk in self._split(text)] if text.strip() else []

    def _tables(self, text: str) -> Iterator[tuple[int, int, list[Cut]]]:
        """Where each table starts and ends, and its chunks; one that lies within another is part of that."""
        found = [(table, _html_parts) for table in html_tables(text)]
        found += [(table, _pipe_parts) for table in markdown_tables(text)]
        last = 0
        for table, parts in sorted(found, key=lambda pair: pair[0].start):
            if table.start >= last:
                last = table.end
                yield table.start, table.end, self._packed(text, table, parts(text[table.start : table.end]))

    def _packed(self, text: str, table: FoundTable, parts: tuple[str, Sequence[str], str]) -> list[Cut]:
        whole = text[table.start : table.end].strip()
        head, rows, tail = parts
        if len(whole) <= self._chunk_size or len(rows) < 2:
            return [Cut(whole)]
        room, chunks = self._chunk_size - len(head) - len(tail), [""]
        for row in rows:
            if chunks[-1] and len(chunks[-1]) + len(row) > room:
                chunks.append("")
            chunks[-1] += row
        starts = accumulate(map(len, chunks), initial=table.start + len(head))
        return [_cut(head, chunk, tail, table.start, start) for chunk, start in zip(chunks, starts, strict=False)]


def _cut(head: str, rows: str, tail: str, head_at: int, rows_at: int) -> Cut:
    whole = head + rows + tail
    first = len(whole) - len(whole.lstrip())
    text = whole.strip()
    own = len(text[len(head) - first :][: len(rows)])
    return Cut(text, ((0, head_at + first, len(head) - first), (len(head) - first, rows_at, own)))


def _with_cut(metadata: Mapping[str, Any], chunk: Cut) -> dict[str, Any]:
    has_lines = "ocr_lines" in metadata or "lines" in metadata
    return {**metadata, CUT_FROM: json.dumps(chunk.spans)} if has_lines else dict(metadata)


def _pipe_parts(table: str) -> tuple[str, list[str], str]:
    """Header with its dashes, the rows, and nothing after them."""
    head, dashes, *rows = table.removesuffix("\n").split("\n")
    return f"{head}\n{dashes}\n", [f"{row}\n" for row in rows], ""


def _html_parts(table: str) -> tuple[str, list[str], str]:
    """Everything up to the end of the header's rows, groups of rows that may be parted, and the closing tags."""
    ends = _row_ends(table)
    if not ends:
        return table, [], ""
    head = _HEAD.search(table)
    start = head.end() if head and head.end() > ends[0] else ends[0]
    edges = [start, *(end for end in ends if end > start)]
    rows = [table[first:last] for first, last in pairwise(edges)]
    rest = table[edges[-1] :]
    if _CLOSING.fullmatch(rest):
        return table[:start], rows, rest
    return table[:start], [*rows, rest], "</table>"


def _row_ends(table: str) -> list[int]:
    """Where rows end that no merged cell joins to the next one, in the outermost table."""
    ends: list[int] = []
    depth = held = 0
    open_row = False
    for tag in _TAG.finditer(table):
        closing, name = bool(tag[1]), tag[2].lower()
        if name == "table":
            depth += -1 if closing else 1
        if depth > 1 or name in ("table", "thead"):
            continue
        if name == "tr" and open_row:
            held = max(held - 1, 0)
            if not held:
                ends.append(tag.end() if closing else tag.start())
        if name == "tr":
            open_row = not closing
        elif not closing and (span := _SPAN.search(tag[3])):
            held = max(held, int(span[1]))
    return ends
