"""LlamaIndex's door to citations: ``AttachBoxes``, a step of an ``IngestionPipeline``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import MissingDependency
from . import attach_boxes

try:
    from llama_index.core.schema import BaseNode, RelatedNodeInfo, TransformComponent
    from pydantic import PrivateAttr, SerializeAsAny
except ImportError as error:
    raise MissingDependency(
        "AttachBoxes needs llama-index-core; type: pip install 'qwen-ocr-loader[llama-index]'"
    ) from error

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["AttachBoxes"]

BULKY = frozenset({"ocr_lines", "lines", "tables", "page_spans"})
"""Keys that relationships copy from the page, and nobody reads there."""


class AttachBoxes(TransformComponent):
    """Leave each node its own lines: a node parser with this around it, or this after a node parser.

    >>> IngestionPipeline(transformations=[AttachBoxes(SentenceSplitter(chunk_size=512)), embed_model])
    >>> IngestionPipeline(transformations=[SentenceSplitter(), AttachBoxes(documents=docs)])

    Nodes are found again by ``qwen_ocr_loader.citations.locate``. What their relationships copied of the page's line
    table is left out there, which makes stored nodes a good deal smaller.

    Args:
        splitter: Any node parser, or another step that makes nodes of Documents.
        documents: The Documents that nodes were cut from, where it is not this step that cuts them.

    Raises:
        TypeError: Neither is given.
    """

    splitter: SerializeAsAny[TransformComponent] | None = None
    _documents: list[BaseNode] | None = PrivateAttr(default=None)

    def __init__(
        self, splitter: TransformComponent | None = None, *, documents: Iterable[BaseNode] | None = None, **kwargs: Any
    ) -> None:
        if splitter is None and documents is None:
            raise TypeError("want a splitter, AttachBoxes(SentenceSplitter()), or AttachBoxes(documents=docs)")
        super().__init__(**{"splitter": splitter, **kwargs})
        self._documents = None if documents is None else list(documents)

    @classmethod
    def class_name(cls) -> str:
        """As written by ``to_dict()``."""
        return "AttachBoxes"

    def __call__(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[BaseNode]:
        """The nodes, cut here or before, with their own lines; those given are left alone."""
        made = nodes if self.splitter is None else self.splitter(nodes, **kwargs)
        return self._attached(made, nodes)

    async def acall(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[BaseNode]:
        """The same, with the splitter's own way of doing it asynchronously."""
        made = nodes if self.splitter is None else await self.splitter.acall(nodes, **kwargs)
        return self._attached(made, nodes)

    def _attached(self, made: Sequence[BaseNode], nodes: Sequence[BaseNode]) -> list[BaseNode]:
        parents = nodes if self._documents is None else self._documents
        return [_lighter(node) for node in attach_boxes(made, parents)]


def _lighter(node: BaseNode) -> BaseNode:
    related = {
        kind: [_bare(info) for info in infos] if isinstance(infos, list) else _bare(infos)
        for kind, infos in node.relationships.items()
    }
    return node.model_copy(update={"relationships": related})


def _bare(info: RelatedNodeInfo) -> RelatedNodeInfo:
    kept = {key: value for key, value in info.metadata.items() if key not in BULKY}
    return info.model_copy(update={"metadata": kept})
