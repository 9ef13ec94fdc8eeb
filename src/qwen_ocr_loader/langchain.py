"""LangChain's door: ``QwenOCRLoader``, ``QwenOCRBlobParser`` and ``ocr_document`` for agents, thin over ``Reader``."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Unpack

from .errors import MissingDependency
from .reader import Reader
from .render import arecords, batch_records, records
from .source import remember

try:
    from langchain_core.document_loaders import BaseBlobParser, BaseLoader
    from langchain_core.documents import Document
except ImportError as error:
    raise MissingDependency(
        "the LangChain loader needs langchain-core; type: pip install 'qwen-ocr-loader[langchain]'"
    ) from error

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Iterator

    from langchain_core.documents.base import Blob
    from langchain_core.tools import BaseTool

    from .agent_tool import Answer, DocumentTool, ToolArgs
    from .batch import Batch
    from .options import OptionArgs
    from .render import Record
    from .report import Report
    from .source import SourceLike

__all__ = ["QwenOCRBlobParser", "QwenOCRLoader", "batch_documents", "ocr_document"]


class QwenOCRLoader(BaseLoader):
    """Load images and PDFs as Documents: one a page, in page order, with a box for every line.

    Setup:
        .. code-block:: bash

            pip install 'qwen-ocr-loader[langchain,local]'

    Instantiate:
        .. code-block:: python

            from qwen_ocr_loader.langchain import QwenOCRLoader

            loader = QwenOCRLoader("contract.pdf")

    Lazy load:
        .. code-block:: python

            for doc in loader.lazy_load():
                print(doc.metadata["page_number"], doc.page_content[:80])

    Async load, with pages in flight together:
        .. code-block:: python

            async for doc in loader.alazy_load():
                ...

    Args:
        source: A path, folder, http(s) or fsspec URL, bytes, binary file, LangChain ``Blob``, PIL image, or an iterable
            of these. Nothing is opened before the first Document is asked for; an iterator is remembered, so that the
            loader can be loaded twice.
        **options: As described in ``qwen_ocr_loader.Options``.

    Attributes:
        reader: The ``Reader`` behind it.

    Raises:
        TypeError: An unknown option; the message has the nearest one.
        ValueError: A value no option takes.
    """

    def __init__(self, source: SourceLike, **options: Unpack[OptionArgs]) -> None:
        self.source = remember(source)
        self.reader = Reader(**options)

    @property
    def report(self) -> Report:
        """What the last run did: pages, failures, usage."""
        return self.reader.report

    def lazy_load(self) -> Generator[Document]:
        """Yield the Documents one by one.

        Raises:
            OCRError: A page or file cannot be read, under ``on_error="raise"``.
        """
        for record in records(self.reader, self.source):
            yield _document(record)

    async def alazy_load(self) -> AsyncGenerator[Document]:
        """Yield the Documents one by one, with up to ``concurrency`` pages in flight; the event loop stays free."""
        async with arecords(self.reader, self.source) as made:
            async for record in made:
                yield _document(record)


class QwenOCRBlobParser(BaseBlobParser):
    """``QwenOCRLoader`` as a blob parser, for ``GenericLoader`` and as ``images_parser`` of other loaders.

    Args:
        **options: As described in ``qwen_ocr_loader.Options``.

    Raises:
        TypeError: An unknown option; the message has the nearest one.
        ValueError: A value no option takes.
    """

    def __init__(self, **options: Unpack[OptionArgs]) -> None:
        self.reader = Reader(**options)

    @property
    def report(self) -> Report:
        """What the last run did: pages, failures, usage."""
        return self.reader.report

    def lazy_parse(self, blob: Blob) -> Generator[Document]:
        """Yield the blob's Documents; the blob's own metadata is kept.

        Raises:
            OCRError: A page cannot be read, under ``on_error="raise"``.
        """
        for record in records(self.reader, blob):
            yield _document(record)

    async def alazy_parse(self, blob: Blob) -> AsyncGenerator[Document]:
        """``lazy_parse`` with up to ``concurrency`` pages in flight."""
        async with arecords(self.reader, blob) as made:
            async for record in made:
                yield _document(record)


def batch_documents(batch: Batch, *, wait: bool = False) -> Generator[Document]:
    """Yield the Documents of a batch's pages, as ``QwenOCRLoader`` makes them.

    Args:
        batch: Submitted.
        wait: Until all of it is read.

    Raises:
        BatchError: It is not done, and nobody waits.
        OCRError: A page could not be read, under ``on_error="raise"``.
    """
    for record in batch_records(batch, wait=wait):
        yield _document(record)


class _Calls:
    """``DocumentTool`` with LangChain's outputs and errors."""

    def __init__(self, tool: DocumentTool) -> None:
        self._tool = tool

    def read(self, file: str, pages: str = "", start: int = 0) -> tuple[str, list[Document]]:
        with _tool_errors():
            return _output(self._tool.read({"file": file, "pages": pages, "start": start}))

    async def aread(self, file: str, pages: str = "", start: int = 0) -> tuple[str, list[Document]]:
        with _tool_errors():
            return _output(await self._tool.aread({"file": file, "pages": pages, "start": start}))


@contextmanager
def _tool_errors() -> Iterator[None]:
    from langchain_core.tools import ToolException

    from .agent_tool import Refused

    try:
        yield
    except Refused as refused:
        raise ToolException(str(refused)) from refused


def _output(answer: Answer) -> tuple[str, list[Document]]:
    return answer.text, [_document(record) for record in answer.records]


def ocr_document(**settings: Unpack[ToolArgs]) -> BaseTool:
    """A tool for agents, ``ocr_document(file, pages="", start=0)``: a document's text with a box for every line.

    >>> agent = create_agent(model, tools=[ocr_document(root="inbox", engine="local")])

    An answer is bounded and says which call gives the rest. Its artifact is the Documents of the pages, as
    ``QwenOCRLoader`` makes them: ``highlight(document, quote)`` shows what the agent cites. What cannot be read comes
    back as text that says what to do, with ``status="error"``.

    Args:
        **settings: As described in ``DocumentTool`` and ``Options``: ``root="."``, the folder whose files may be read,
            None for any; ``urls=False``; ``max_pages=5`` and ``max_chars=12_000`` an answer; ``engine`` and the others.
            Pages read last are kept in memory, so that going on costs nothing; ``cache=`` keeps more.

    Raises:
        TypeError: An unknown setting, or one that is not for tools.
        ValueError: A value that no setting takes.
    """
    from langchain_core.tools import StructuredTool  # here, as it doubles the time that importing a loader takes

    from .agent_tool import DESCRIPTION, NAME, DocumentTool, Question, explained

    calls = _Calls(DocumentTool.of(settings))
    return StructuredTool(
        name=NAME,
        description=DESCRIPTION,
        args_schema=Question,
        func=calls.read,
        coroutine=calls.aread,
        response_format="content_and_artifact",
        handle_tool_error=True,
        handle_validation_error=explained,
    )


def _document(record: Record) -> Document:
    return Document(page_content=record.text, metadata=record.metadata, id=record.id)
