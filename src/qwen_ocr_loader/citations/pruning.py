"""A chunk is given its own lines: those of its parent that its text is made of, at their places in the chunk's text."""

from __future__ import annotations

import json
from bisect import bisect_left
from typing import TYPE_CHECKING, Any

from ..forking import cached_property
from ..render import text_hash
from ..tables.splitting import CUT_FROM
from ..writing import part_of_line
from .alignment import Stretch, Text
from .chunks import Piece, identity, piece
from .families import Placed, place
from .line_rows import (
    DOUBTFUL,
    OWN,
    Row,
    Sizes,
    Span,
    Table,
    fewer_rows,
    read_table,
    rich_lines,
    sizes_of,
    solid_hash,
    write_rows,
    write_spans,
)

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

MOST = 4095  # bytes of all metadata of a chunk of 500 letters, written as JSON
ROOM = 3000  # of its line table
ROOM_A_LETTER = 6  # for longer chunks
BESIDE = 64  # letters: how far before and after a chunk found by its letters there are lines of marks only


class Parent:
    """A Document that chunks were cut from: its text and its lines."""

    def __init__(self, text: str, metadata: Mapping[str, Any], table: Table | None = None, name: str = "") -> None:
        self.metadata = metadata
        self.name = name
        self.text = Text(text)
        self.table = table or read_table(metadata)

    @classmethod
    def of(cls, document: object) -> Parent:
        """From either framework's Document, or a dict."""
        read = piece(document)
        return cls(read.text, read.metadata, name=identity(document))

    @cached_property
    def sizes(self) -> Sizes:
        """Of its pages."""
        return sizes_of(self.metadata, self.table.spans)

    def place(self, pieces: Sequence[Piece], hints: Sequence[int | None]) -> list[Placed]:
        """Where chunks of it stand, given in their order."""
        likenesses, cuts = {}, {}
        choices = []
        for number, (text, spans) in enumerate((read.text, spans_of(read.metadata)) for read in pieces):
            if spans and (cut := self._as_cut(text, spans)):
                cuts[number] = cut
                choices.append([cut.within(spans[-1][1], cut.end)])
                continue
            choices.append(self.text.stretches(text))
            if not choices[-1] and (like := self.text.words_like(text)):
                likenesses[number] = like
                choices[-1] = [like.stretch]
        placed = place(choices, self.text.at("letters").places, hints)
        return [
            Placed((cuts[n],), sure=True)
            if n in cuts
            else where._replace(sure=where.sure and (n not in likenesses or likenesses[n].whole))
            for n, where in enumerate(placed)
        ]

    def _as_cut(self, text: str, spans: Sequence[tuple[int, int, int]]) -> Stretch | None:
        """Where a chunk stands that was put together from these parts of the text; None where they say otherwise."""
        ours, theirs = list[int](), list[int]()
        for here, there, size in spans:
            if text[here : here + size] != self.text.text[there : there + size] or (theirs and there <= theirs[-1]):
                return None
            inked = [at for at in range(size) if not text[here + at].isspace()]
            ours += [here + at for at in inked]
            theirs += [there + at for at in inked]
        return Stretch(ours, theirs) if ours else None

    def rows_in(self, chunk: str, stretch: Stretch) -> list[Row]:
        """The lines that a chunk standing there is made of, at their places in the chunk."""
        found: list[Row] = []
        for row in self._near(stretch):
            part = stretch.within(row.start, row.end)
            here = self._row_in(chunk, row, part) if part.chunk else self._marks_in(chunk, row, stretch, found)
            found += [here] if here else []
        return found

    def spans_in(self, stretch: Stretch, rows: Sequence[Row]) -> list[Span]:
        """The pages that a chunk standing there is of, and where each begins in the chunk."""
        found = []
        for span in self.table.spans:
            if span.start >= stretch.end or span.start + span.length <= stretch.start:
                continue
            part = stretch.within(span.start, span.start + span.length)
            if part.chunk:
                starts = [part.chunk[0], *(row.start for row in rows if row.page == span.page)]
                found.append(span._replace(start=min(starts), length=part.chunk[-1] + 1 - min(starts)))
        return found

    def _near(self, stretch: Stretch) -> Sequence[Row]:
        """Lines that may be in a chunk standing there, or just before it or after."""
        first = bisect_left(self._starts, stretch.start - self._longest - BESIDE)
        return self.table.rows[first : bisect_left(self._starts, stretch.end + BESIDE)]

    @cached_property
    def _starts(self) -> list[int]:
        return [row.start for row in self.table.rows]

    @cached_property
    def _longest(self) -> int:
        return max((row.length for row in self.table.rows), default=0)

    def _marks_in(self, chunk: str, row: Row, stretch: Stretch, before: Sequence[Row]) -> Row | None:
        """A line without letters, where the chunk was found by its letters: its neighbours say where it is."""
        text = self.text.text
        marks = text[row.start : row.end]
        first, last = min(row.start, stretch.end), max(row.end, stretch.start)
        if _says_something(marks) or _says_something(text[stretch.end : last] + text[first : stretch.start]):
            return None
        at = bisect_left(stretch.parent, row.start)
        start = max(stretch.chunk[at - 1] + 1 if at else 0, before[-1].end if before else 0)
        end = stretch.chunk[at] if at < len(stretch.chunk) else len(chunk)
        start = chunk.find(marks, start, end)
        return None if start < 0 else row._replace(start=start)

    def _row_in(self, chunk: str, row: Row, part: Stretch) -> Row:
        text = self.text.text
        first, last = part.start, part.end
        start, end = part.chunk[0], part.chunk[-1] + 1
        while first > row.start and start > 0 and chunk[start - 1] == text[first - 1]:
            first, start = first - 1, start - 1
        while last < row.end and end < len(chunk) and chunk[end] == text[last]:
            last, end = last + 1, end + 1
        cut = _says_something(text[row.start : first]) or _says_something(text[last : row.end])
        quad = row.quad
        if cut:
            line = text[row.start : row.end]
            quad = part_of_line(quad, line, first - row.start, last - row.start, self.sizes.get(row.page))
        return Row(start, end - start, text_hash(chunk[start:end]), quad, row.page, cut or row.cut)


def pruned(chunk: Piece, parent: Parent, placed: Placed) -> dict[str, Any]:
    """The metadata of a chunk: its parent's where it has none of that name, and its own lines only."""
    found = [parent.rows_in(chunk.text, stretch) for stretch in placed.stretches]
    spans = [parent.spans_in(s, rows) for s, rows in zip(placed.stretches, found, strict=True)]
    metadata = {**parent.metadata, **chunk.metadata}
    metadata.pop(CUT_FROM, None)
    sure = placed.sure and parent.table.of != DOUBTFUL
    rows = sorted(dict.fromkeys(row for rows in found for row in rows), key=lambda row: row.start)
    room = max(ROOM, ROOM_A_LETTER * len(chunk.text))
    if len(write_rows(rows)) > room:
        rows = fewer_rows(rows, chunk.text, room)
    if not sure and (len(write_rows(rows)) > room or len({row.page for row in rows}) > 1):  # too much, or no one page
        spans = [[Span(page, 0, len(chunk.text)) for page in sorted({row.page for row in rows})]]
        rows = []
    metadata |= {"ocr_lines": write_rows(rows), "lines_of": f"{OWN}:{solid_hash(chunk.text)}" if sure else DOUBTFUL}
    if parent.table.spans:
        metadata |= _of_pages(spans[0] if spans else parent.table.spans, parent.table.spans, metadata)
    if isinstance(metadata.get("fields"), str):
        rest = _size({**metadata, "fields": ""})
        most = MOST + ROOM_A_LETTER * max(len(chunk.text) - 500, 0)
        metadata["fields"] = _fewer_fields(metadata["fields"], chunk.text, most - rest)
    if isinstance(metadata.get("lines"), list):
        metadata["lines"] = rich_lines(rows, chunk.text)
    return metadata


def _of_pages(spans: Sequence[Span], everywhere: Sequence[Span], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What a chunk says of its pages, and their keys in the cache; where they are too many, only first and last."""
    pages, keys = {span.page for span in spans}, str(metadata.get("ocr_key") or "").split(",")
    if len(keys) == len(everywhere):
        keys = [key for key, span in zip(keys, everywhere, strict=True) if span.page in pages]
    written, found_by = write_spans(spans), ",".join(keys)
    if len(written) > ROOM:  # of a chunk that stands nowhere
        return {"page_spans": "", "ocr_key": "", "page_last": max(pages)}
    return {"page_spans": written, "ocr_key": found_by if len(written) + len(found_by) <= ROOM else ""}


def _fewer_fields(written: str, text: str, room: int) -> str:
    """As many fields as there are bytes for, those whose value the text has before the others."""
    if _size(written) <= room:
        return written
    try:
        fields = json.loads(written)
        first = sorted(fields, key=lambda name: str(fields[name]["value"]) not in text)
    except (ValueError, TypeError, LookupError):  # what a store has made of it
        return ""
    kept: set[str] = set()
    for name in first:
        if _size(_of(fields, {*kept, name})) <= room:
            kept.add(name)
    return _of(fields, kept) if kept else ""


def _of(fields: Mapping[str, Any], names: Container[str]) -> str:
    """Some of the fields, as ``render`` writes them."""
    some = {name: field for name, field in fields.items() if name in names}
    return json.dumps(some, ensure_ascii=False, separators=(",", ":"))


def _size(value: object) -> int:
    """In bytes of JSON."""
    return len(json.dumps(value, ensure_ascii=False, default=str).encode())


class Parents:
    """The Documents that chunks may have been cut from."""

    def __init__(self, parents: Iterable[Parent]) -> None:
        self._all = list(parents)
        self._by_name = {parent.name: parent for parent in self._all if parent.name}
        self._by_mark: dict[object, list[Parent]] = {}
        for parent in self._all:
            self._by_mark.setdefault(mark_of(parent.metadata), []).append(parent)

    def of(self, chunk: Piece) -> Parent | None:
        """The one that a chunk was cut from: by id, by the metadata they share, or else the one its text stands in."""
        if chunk.parent in self._by_name:
            return self._by_name[chunk.parent]
        alike = self._by_mark.get(mark_of(chunk.metadata), [])
        if len(alike) == 1:
            return alike[0]
        holders = [parent for parent in alike or self._all if parent.text.stretches(chunk.text)]
        return holders[0] if holders and (alike or len(holders) == 1) else None


def spans_of(metadata: Mapping[str, Any]) -> list[tuple[int, int, int]]:
    """What the splitter of tables says of a chunk; nothing where it, or what a store made of it, says nothing."""
    try:
        return [(int(here), int(there), int(size)) for here, there, size in json.loads(metadata.get(CUT_FROM) or "[]")]
    except (ValueError, TypeError):
        return []


def mark_of(metadata: Mapping[str, Any]) -> tuple[object, ...]:
    """What tells one Document's metadata from another's, and is handed on to chunks."""
    return tuple(str(metadata.get(key)) for key in ("source", "page", "ocr_key", "ocr_lines"))


def _says_something(text: str) -> bool:
    return any(letter.isalnum() for letter in text)
