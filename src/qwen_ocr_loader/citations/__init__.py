"""From a chunk back to its lines on the page: any splitter, either framework, out of any store.

>>> chunks = split_with_boxes(RecursiveCharacterTextSplitter(chunk_size=500), docs)
>>> location = locate(store.similarity_search("Who pays?")[0], quote="The buyer pays the freight.")
>>> location.to_rects(), location.method, location.exact

Both frameworks' splitters copy a page's whole line table to each of its chunks. ``split_with_boxes`` and
``attach_boxes`` leave each chunk its own lines, at their places in the chunk's text, so that it needs neither page nor
cache to be located. A line that a chunk's border cuts keeps the part of its box that its letters take up: the row's
hash is the part's, with bit 24 set. ``lines_of`` in the metadata says whose the rows are. Other keys stay as they were.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..geometry import Quad
from .chunks import Chunk, by_depth, piece, with_metadata
from .locating import Search
from .location import Location, Region
from .metadata_forms import to_flat, to_rich
from .pruning import Parent, Parents, pruned
from .quotes import narrowed
from .splitting import split

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from ..cache import ByteStore, Cache
    from .line_rows import Row

__all__ = ["Location", "Region", "attach_boxes", "locate", "split_with_boxes", "to_flat", "to_rich"]

_PAGE = Quad.from_box(0.0, 0.0, 1.0, 1.0)


def __getattr__(name: str) -> Any:
    """``highlight`` may be asked for here too; it stands on this package, and draws."""
    if name == "highlight":
        return import_module("qwen_ocr_loader.highlight").highlight
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def split_with_boxes(splitter: Any, docs: Iterable[Any]) -> list[Any]:
    """Split Documents, and leave each chunk its own lines.

    Args:
        splitter: A LangChain ``TextSplitter`` or another object with ``split_documents`` or ``split_text``, a
            LlamaIndex node parser, or a function: of a text, or, where its parameter is called ``docs``, ``documents``
            or ``nodes``, of a list of Documents.
        docs: Documents of either framework, from this package, or chunks to be split again; an iterator will do.

    Returns:
        The chunks, in order.

    Raises:
        TypeError: The splitter is none of these.
    """
    chunks: list[Any] = []
    for doc in docs:
        made, hints = split(splitter, doc)
        chunks += _attached(made, Parent.of(doc), hints)
    return chunks


def attach_boxes(chunks: Iterable[Chunk], parents: Iterable[Any]) -> list[Chunk]:
    """Leave each chunk its own lines, wherever it was split; copies are changed, not the chunks.

    A chunk whose text repeats in its parent is told from the others by its neighbours, so give all chunks of a parent
    at once, in order. One that stands nowhere in its parent is left no lines, and is located by its page; one of none
    of these parents comes back as it is.

    Args:
        chunks: Of either framework, or dicts.
        parents: The Documents they were cut from.
    """
    made, known = list(chunks), Parents(Parent.of(parent) for parent in parents)
    pieces = [piece(chunk) for chunk in made]
    families: dict[Parent, list[int]] = {}
    for number, read in enumerate(pieces):
        if parent := known.of(read):
            families.setdefault(parent, []).append(number)
    for parent, numbers in families.items():
        attached = _attached([made[n] for n in numbers], parent, [pieces[n].start for n in numbers])
        for number, chunk in zip(numbers, attached, strict=True):
            made[number] = chunk
    return made


def locate(
    chunk: Any,
    quote: str | None = None,
    *,
    parents: Iterable[Any] | None = None,
    cache: str | Path | Cache | ByteStore | None = None,
) -> Location:
    """Where a chunk stands, or a quote from it; ``Location.method`` says how that was found, ``exact`` how sure it is.

    Args:
        chunk: A LangChain Document, a LlamaIndex node (or one with its score), or a dict of text and metadata.
        quote: What a model cites from it: narrows the regions to the lines, and parts of lines, that say it. White
            space, case, punctuation and hyphens at line ends do not count.
        parents: The Documents it may have been cut from, if at hand.
        cache: The one its pages are in, if at hand: as the option of that name.

    Raises:
        TypeError: The chunk has no text and metadata.
        CacheFailed: The cache cannot be read.
    """
    read = piece(chunk)
    search = Search(read, Parents(Parent.of(parent) for parent in parents or ()), cache)
    found = search.best()
    about: dict[str, Any] = {
        "source": str(read.metadata.get("source") or ""),
        "sizes": search.sizes,
        "unit": str(read.metadata.get("page_unit") or ""),
    }
    if found is None:
        unsaid = None if quote is None else False
        regions = tuple(Region(page, _PAGE, whole=False) for page in search.pages())
        return Location(regions, "page" if regions else "none", exact=False, quoted=unsaid, **about)
    if quote is None:
        return Location(_regions(read.text, found.rows), found.method, found.sure, **about)
    said = narrowed(read.text, found.rows, quote, search.sizes)
    regions = _regions(read.text, said.rows or found.rows)
    return Location(regions, found.method, found.sure and said.sure, quoted=bool(said.rows), **about)


def _attached(chunks: Sequence[Chunk], parent: Parent, hints: Sequence[int | None]) -> list[Chunk]:
    """All chunks of one parent."""
    pieces = [piece(chunk) for chunk in chunks]
    made = list(chunks)
    for numbers in by_depth(pieces):
        placed = parent.place([pieces[n] for n in numbers], [hints[n] for n in numbers])
        for n, where in zip(numbers, placed, strict=True):
            made[n] = with_metadata(chunks[n], pruned(pieces[n], parent, where))
    return made


def _regions(text: str, rows: Iterable[Row]) -> tuple[Region, ...]:
    return tuple(Region(row.page, row.quad, text[row.start : row.end], whole=not row.cut) for row in rows)
