"""Splitters of all kinds, each asked in its own way; one that knows where its chunks start is made to say."""

from __future__ import annotations

import copy
import inspect
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from ..tables.splitting import CUT_FROM, TableSplitter
from .chunks import piece

if TYPE_CHECKING:
    from collections.abc import Mapping

TAKES_DOCUMENTS = frozenset({"docs", "documents", "nodes"})


class Split(NamedTuple):
    """The chunks of one Document, in order, and where the splitter says that each starts in its text."""

    chunks: list[Any]
    hints: list[int | None]


def split(splitter: Any, doc: Any) -> Split:
    """Split one Document.

    Raises:
        TypeError: The splitter is of no kind that is known.
    """
    if isinstance(splitter, TableSplitter):
        cuts = splitter.cut(piece(doc).text)
        return Split([_chunk(doc, cut.text, {CUT_FROM: json.dumps(cut.spans)}) for cut in cuts], [None] * len(cuts))
    if hasattr(splitter, "split_documents"):
        return _hinted(splitter, doc)
    if hasattr(splitter, "get_nodes_from_documents"):
        made = splitter.get_nodes_from_documents([doc])
    elif hasattr(splitter, "split_text"):
        made = splitter.split_text(piece(doc).text)
    elif callable(splitter):
        made = splitter([doc] if _takes_documents(splitter) else piece(doc).text)
    else:
        raise TypeError(
            f"a splitter has split_documents, get_nodes_from_documents or split_text, or is a function; "
            f"{type(splitter).__name__} is neither"
        )
    chunks = [_chunk(doc, part) if isinstance(part, str) else part for part in made]
    return Split(chunks, [None] * len(chunks))


def _hinted(splitter: Any, doc: Any) -> Split:
    """LangChain's own splitters say where chunks start if asked to; rightly, where they count in characters."""
    asked = getattr(splitter, "_add_start_index", None)
    if asked is None or getattr(splitter, "_length_function", None) is not len:
        chunks = list(splitter.split_documents([doc]))
        return Split(chunks, [None] * len(chunks))
    telling = copy.copy(splitter)
    telling._add_start_index = True  # noqa: SLF001  # its constructor's add_start_index, on a copy
    chunks = list(telling.split_documents([doc]))
    hints = [piece(chunk).start for chunk in chunks]
    if not asked:
        for chunk in chunks:
            chunk.metadata.pop("start_index", None)
    return Split(chunks, hints)


def _takes_documents(function: Any) -> bool:
    try:
        first = next(iter(inspect.signature(function).parameters), "")
    except ValueError:  # built in
        return False
    return first in TAKES_DOCUMENTS


def _chunk(doc: Any, text: str, said: Mapping[str, Any] | None = None) -> Any:
    """A chunk of the kind that the Document is, without an id of its own; ``said`` is added to its metadata."""
    metadata = {**piece(doc).metadata, **(said or {})}
    if isinstance(doc, dict):
        return {"text": text, "metadata": metadata}
    if hasattr(doc, "page_content"):
        return type(doc)(page_content=text, metadata=metadata)
    hidden = {name: list(getattr(doc, name)) for name in ("excluded_embed_metadata_keys", "excluded_llm_metadata_keys")}
    return type(doc)(text=text, metadata=metadata, **hidden)
