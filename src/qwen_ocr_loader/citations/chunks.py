"""A chunk as it comes: LangChain's Document, LlamaIndex's node, a store's dict; its text, its metadata, its offset."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

Chunk = TypeVar("Chunk")

TEXT_KEYS = ("page_content", "text", "document", "content")
"""What stores call the text of a record."""
HIDDEN = ("excluded_embed_metadata_keys", "excluded_llm_metadata_keys")
"""Where LlamaIndex's nodes name what neither an embedding model nor an LLM is shown."""
FOR_PROGRAMS = ("ocr_lines", "lines_of", "page_spans")


class Piece(NamedTuple):
    """What is read from a chunk.

    Attributes:
        text: Without metadata.
        metadata: As it stands.
        start: Where its splitter says that it starts in its parent's text, in code points; None where it says nothing.
        parent: Id of the node it was cut from; ``""`` where that is not said.
        id: Its own; ``""`` where it has none.
        inside: Id of the wider chunk whose part it is, as of LlamaIndex's ``HierarchicalNodeParser``.
    """

    text: str
    metadata: Mapping[str, Any]
    start: int | None = None
    parent: str = ""
    id: str = ""
    inside: str = ""


def piece(chunk: object) -> Piece:
    """Read a chunk, a Document, a node, a node with its score, or the dict a store gave back.

    Raises:
        TypeError: It has no text and metadata.
    """
    if isinstance(chunk, Mapping):
        return _from_dict(chunk)
    chunk = getattr(chunk, "node", chunk)  # LlamaIndex's NodeWithScore
    if isinstance(chunk, tuple) and chunk:
        chunk = chunk[0]  # LangChain's (Document, score)
    text, metadata = _text(chunk), getattr(chunk, "metadata", None)
    if text is None or not isinstance(metadata, Mapping):
        raise TypeError(
            f"want a Document, a node or a dict with text and metadata, not {type(chunk).__name__}; "
            'make one: {"text": ..., "metadata": {...}}'
        )
    start = _offset(metadata, getattr(chunk, "start_char_idx", None))
    return Piece(text, metadata, start, _related(chunk, "source_node"), identity(chunk), _related(chunk, "parent_node"))


def with_metadata(chunk: Chunk, metadata: dict[str, Any]) -> Chunk:
    """A copy of a chunk with other metadata; the chunk itself is left alone."""
    if isinstance(chunk, Mapping):
        return {**chunk, "metadata": metadata}  # type: ignore[return-value]
    if hasattr(chunk, "node"):
        scored: Chunk = chunk.model_copy(update={"node": with_metadata(chunk.node, metadata)})  # type: ignore[attr-defined]
        return scored
    hidden = {name: _with_ours(getattr(chunk, name)) for name in HIDDEN if hasattr(chunk, name)}
    copy: Chunk = chunk.model_copy(update={"metadata": metadata, **hidden})  # type: ignore[attr-defined]
    return copy


def _with_ours(keys: list[str]) -> list[str]:
    return [*keys, *(key for key in FOR_PROGRAMS if key not in keys)]


def by_depth(pieces: Sequence[Piece]) -> list[list[int]]:
    """The numbers of chunks that are not inside of each other, for each depth; in the order that they came in."""
    depth: dict[str, int] = {}
    levels: dict[int, list[int]] = {}
    for number, read in enumerate(pieces):
        deep = depth[read.inside] + 1 if read.inside in depth else 0
        if read.id:
            depth[read.id] = deep
        levels.setdefault(deep, []).append(number)
    return list(levels.values())


def identity(thing: object) -> str:
    """A parent's own id; ``""`` where it has none."""
    return str(getattr(thing, "node_id", None) or getattr(thing, "id", None) or "")


def _from_dict(data: Mapping[str, Any]) -> Piece:
    metadata = data.get("metadata", data)
    text = next((data[key] for key in TEXT_KEYS if isinstance(data.get(key), str)), None)
    if text is None or not isinstance(metadata, Mapping):
        raise TypeError(f'a dict wants "text" and "metadata"; this one has {", ".join(map(str, data)) or "nothing"}')
    return Piece(text, metadata, _offset(metadata, data.get("start_char_idx")))


def _text(chunk: object) -> str | None:
    for name in ("page_content", "text"):
        if isinstance(text := getattr(chunk, name, None), str):
            return text
    return None


def _offset(metadata: Mapping[str, Any], of_node: object) -> int | None:
    """Both frameworks say -1 or None where they did not find it; stores make floats of integers."""
    for start in (of_node, metadata.get("start_index")):
        if isinstance(start, int | float) and 0 <= start < math.inf:
            return int(start)
    return None


def _related(chunk: object, how: str) -> str:
    return str(getattr(getattr(chunk, how, None), "node_id", "") or "")
