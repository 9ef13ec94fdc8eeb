"""The ways to find where a chunk stands, from the surest on, and which of them did."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..cache import open_cache, unpacked
from ..render import text_hash
from .anchors import Anchors, Found
from .line_rows import DOUBTFUL, Row, Span, Table, page_of, read_table, sizes_of, whole
from .pruning import Parent, Parents, spans_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..cache import ByteStore, Cache
    from ..results import PageResult
    from .chunks import Piece
    from .location import Method


MOST_PAGES = 10_000  # of one record


class Finding(NamedTuple):
    """What one way found.

    Attributes:
        method: Which.
        rows: Lines at their places in the chunk.
        sure: They are all of the chunk's lines, and no others.
    """

    method: Method
    rows: tuple[Row, ...]
    sure: bool


class Search:
    """One chunk, and what there is to find its lines with."""

    def __init__(self, chunk: Piece, parents: Parents, cache: str | Path | Cache | ByteStore | None) -> None:
        self.chunk = chunk
        self.table = read_table(chunk.metadata)
        self.sizes = sizes_of(chunk.metadata, self.table.spans)
        self._anchors = Anchors(chunk.text, self.table.rows, self.sizes)
        self._parents, self._cache = parents, cache

    def best(self) -> Finding | None:
        """The first finding that is sure, or else the first one; None where no way finds a line."""
        first = None
        for finding in self._findings():
            if finding.rows and finding.sure:
                return finding
            first = first or (finding if finding.rows else None)
        return first

    def pages(self) -> list[int]:
        """The pages that the chunk's metadata names."""
        if self.table.spans:
            return list(dict.fromkeys(span.page for span in self.table.spans))
        page = page_of(self.chunk.metadata)
        if page is None:
            return []
        last = whole(self.chunk.metadata.get("page_last"))
        return list(range(page, last + 1)) if page < last < page + MOST_PAGES else [page]

    def _findings(self) -> Iterator[Finding]:
        """From the cheapest on: a generator, so that what costs more is not done in vain."""
        rows = self.table.rows
        if self._all_stand():
            unchanged = self.table.is_of(self.chunk.text) or self._anchors.says_only(rows)
            yield Finding("rows", rows, unchanged and self.table.of != DOUBTFUL)
        said = self._offset()
        if said and said.verified:
            yield Finding("offset", said.rows, said.sure and self.table.of != DOUBTFUL)
        if parent := self._parents.of(self.chunk):
            yield self._aligned("alignment", parent)
        if found := self._anchors.search():
            agreed = (said is None or said.rows == found.rows) and not spans_of(self.chunk.metadata)
            yield Finding("anchors", found.rows, found.sure and agreed and self.table.of != DOUBTFUL)
        if parent := self._cached():
            yield self._aligned("cache", parent)
        if self.table.of:  # its own lines, but its text was changed
            yield Finding("rows", self.table.rows, sure=False)
        elif said:
            yield Finding("offset", said.rows, sure=False)

    def _all_stand(self) -> bool:
        """Whether the table is that of this very text: a chunk's own, or that of a record which was not split."""
        begins = self.table.of != "" or not self.chunk.start
        return begins and all(row.stands_in(self.chunk.text) for row in self.table.rows)

    def _offset(self) -> Found | None:
        return None if self.chunk.start is None else self._anchors.offset(self.chunk.start)

    def _aligned(self, method: Method, parent: Parent) -> Finding:
        (placed,) = parent.place([self.chunk], [None])
        rows = dict.fromkeys(row for stretch in placed.stretches for row in parent.rows_in(self.chunk.text, stretch))
        self.sizes = {**parent.sizes, **self.sizes}
        return Finding(method, tuple(rows), placed.sure and parent.table.of != DOUBTFUL)

    def _cached(self) -> Parent | None:
        """The pages that the chunk's metadata names, as they are in the cache; None where one is not there."""
        keys = [key for key in str(self.chunk.metadata.get("ocr_key") or "").split(",") if key]
        if self._cache is None or not keys:
            return None
        cache = open_cache(self._cache)
        try:
            results = [result for key in keys if (result := unpacked(cache.get(key)))]
        finally:
            if isinstance(self._cache, str | Path):
                cache.close()
        if len(results) < len(keys):
            return None
        pages = self.pages() if len(self.pages()) == len(keys) else [result.page for result in results]
        return _joined([replace(result.scrubbed(), page=page) for result, page in zip(results, pages, strict=True)])


def _joined(results: Sequence[PageResult]) -> Parent:
    """Pages as the text of one parent; what stands between them does not count."""
    rows, spans, text = [], [], ""
    for result in results:
        spans.append(Span(result.page, len(text), len(result.text), result.width, result.height))
        rows += [
            Row(len(text) + line.start, len(line.text), text_hash(line.text), line.quad, result.page)
            for line in result.lines
            if line.quad is not None
        ]
        text += result.text + "\n\f"
    return Parent(text, {}, Table(tuple(sorted(rows, key=lambda row: row.start)), tuple(spans)))
