"""LlamaIndex's door: ``QwenOCRReader``, and ``ocr_document`` for agents, thin over ``Reader``."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, Unpack

from .agent_tool import DESCRIPTION, NAME, Answer, DocumentTool, Question, Refused, ToolArgs
from .download import Download
from .engine_settings import engine_from_dict, engine_to_dict, settings_from_dict, settings_to_dict
from .errors import MissingDependency
from .fields.model import is_model
from .pace import RateLimit
from .reader import Reader
from .render import arecords, batch_records, excluded, records

try:
    from llama_index.core.readers.base import BasePydanticReader
    from llama_index.core.schema import Document
    from llama_index.core.tools import FunctionTool, ToolMetadata, ToolOutput
    from pydantic import PrivateAttr, model_serializer
except ImportError as error:
    raise MissingDependency(
        "the LlamaIndex reader needs llama-index-core; type: pip install 'qwen-ocr-loader[llama-index]'"
    ) from error

from .citations.llama_index import AttachBoxes

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Iterable, Mapping

    from fsspec import AbstractFileSystem

    from .batch import Batch
    from .options import OptionArgs
    from .render import Record
    from .report import Report
    from .source import SourceLike

__all__ = ["AttachBoxes", "QwenOCRReader", "batch_documents", "ocr_document"]

SUFFIXES = (
    *(".pdf", ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".dib", ".gif", ".tif", ".tiff"),
    *(".heic", ".heif", ".heics", ".heifs", ".avif", ".jp2", ".j2k", ".j2c", ".jpx", ".jpf"),
    *(".ico", ".icns", ".sgi", ".rgb"),
)
NEVER_WRITTEN = frozenset({"password", "fs", "on_page"})
"""Options that stay out of ``to_dict()``: a secret, and what lives in this process only."""
WRITTEN_AS: Mapping[str, tuple[type, ...]] = {
    "cache": (str, Path, NoneType),
    "rate_limit": (str, int, float, RateLimit, NoneType),
}
"""Options that stay out of ``to_dict()`` where they are objects of another kind."""


class QwenOCRReader(BasePydanticReader):
    """Read images and PDFs as Documents: one a page, in page order, with a box for every line.

    >>> QwenOCRReader(engine="local").load_data("scan.pdf")
    >>> SimpleDirectoryReader("inbox", file_extractor=QwenOCRReader.file_extractor()).load_data()

    Metadata keys other than ``source``, ``file_name``, ``page_label`` and ``field.*`` are hidden from embedding models
    and LLMs, so they take no room in a chunk. ``to_dict()`` and ``repr`` hold neither passwords nor keys, a download's
    headers among them; ``from_dict`` makes the reader again, its engine with all its settings but the key. It pickles.

    Args:
        **options: As described in ``qwen_ocr_loader.Options``.

    Raises:
        TypeError: An unknown option; the message has the nearest one.
        ValueError: A value no option takes.
    """

    _given: dict[str, Any] = PrivateAttr()
    _reader: Reader = PrivateAttr()
    _last: Reader = PrivateAttr()

    def __init__(self, **options: Unpack[OptionArgs]) -> None:
        super().__init__()
        given: dict[str, Any] = dict(options)
        if isinstance(given.get("download"), dict):  # as to_dict() wrote it
            given["download"] = Download(**settings_from_dict(given["download"]))
        if isinstance(given.get("rate_limit"), dict):
            given["rate_limit"] = RateLimit(**given["rate_limit"])
        if "engine" in given:
            given["engine"] = _engine(given["engine"])
        given.pop("is_remote", None)
        self._given = given
        self._reader = self._last = Reader(**given)
        self.is_remote = self._reader.engine.remote

    @classmethod
    def class_name(cls) -> str:
        """As written by ``to_dict()``."""
        return "QwenOCRReader"

    @classmethod
    def file_extractor(cls, **options: Unpack[OptionArgs]) -> dict[str, QwenOCRReader]:
        """One reader for every suffix it reads, for ``SimpleDirectoryReader(file_extractor=...)``."""
        return dict.fromkeys(SUFFIXES, cls(**options))

    @property
    def report(self) -> Report:
        """What the last run did: pages, failures, usage."""
        return self._last.report

    def lazy_load_data(
        self, file: SourceLike, extra_info: Mapping[str, Any] | None = None, fs: AbstractFileSystem | None = None
    ) -> Generator[Document]:
        """Yield the Documents one by one.

        Args:
            file: A path, folder, http(s) or fsspec URL, bytes, binary file, PIL image, or an iterable of these.
            extra_info: Metadata for every Document; its ``file_*`` keys win over ours, ours over its others.
            fs: The fsspec filesystem that the path is in.

        Raises:
            OCRError: A page or file cannot be read, under ``on_error="raise"``.
        """
        for record in records(self._reader_for(fs), file):
            yield _document(record, extra_info or {})

    def load_data(
        self, file: SourceLike, extra_info: Mapping[str, Any] | None = None, fs: AbstractFileSystem | None = None
    ) -> list[Document]:
        """All Documents; arguments as for ``lazy_load_data``."""
        return list(self.lazy_load_data(file, extra_info, fs))

    async def astream_data(
        self, file: SourceLike, extra_info: Mapping[str, Any] | None = None, fs: AbstractFileSystem | None = None
    ) -> AsyncGenerator[Document]:
        """``lazy_load_data`` as an async generator, with up to ``concurrency`` pages in flight."""
        async with arecords(self._reader_for(fs), file) as made:
            async for record in made:
                yield _document(record, extra_info or {})

    async def aload_data(
        self, file: SourceLike, extra_info: Mapping[str, Any] | None = None, fs: AbstractFileSystem | None = None
    ) -> list[Document]:
        """All Documents, read with pages in flight together; arguments as for ``lazy_load_data``."""
        return [document async for document in self.astream_data(file, extra_info, fs)]

    async def alazy_load_data(
        self, file: SourceLike, extra_info: Mapping[str, Any] | None = None, fs: AbstractFileSystem | None = None
    ) -> Iterable[Document]:
        """Awaitable, as LlamaIndex wants it; ``astream_data`` gives Documents as they are read."""
        return await self.aload_data(file, extra_info, fs)

    def _reader_for(self, fs: AbstractFileSystem | None) -> Reader:
        self._last = self._reader if fs is None else Reader(**{**self._given, "fs": fs})
        return self._last

    @model_serializer(mode="plain")
    def custom_model_dump(self) -> dict[str, Any]:  # type: ignore[override]  # a plain serializer takes no handler
        """The options that were given, in JSON's terms, for ``from_dict``; ``engine_settings`` says how an engine is.

        Raises:
            ValueError: An engine object that is installed under no name, or a pydantic model as ``fields``: JSON has no
                word for a class; pickling keeps both.
        """
        objects = {name for name, kinds in WRITTEN_AS.items() if not isinstance(self._given.get(name), kinds)}
        here_only = NEVER_WRITTEN | objects
        written = {name: _plain(value) for name, value in self._given.items() if name not in here_only}
        return {**written, "class_name": self.class_name()}

    def __getstate__(self) -> dict[str, Any]:
        return {"given": self._given}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state["given"])  # type: ignore[misc]


def batch_documents(batch: Batch, *, wait: bool = False) -> Generator[Document]:
    """Yield the Documents of a batch's pages, as ``QwenOCRReader`` makes them.

    Args:
        batch: Submitted.
        wait: Until all of it is read.

    Raises:
        BatchError: It is not done, and nobody waits.
        OCRError: A page could not be read, under ``on_error="raise"``.
    """
    for record in batch_records(batch, wait=wait):
        yield _document(record, {})


def ocr_document(**settings: Unpack[ToolArgs]) -> FunctionTool:
    """A tool for agents, ``ocr_document(file, pages="", start=0)``: a document's text with a box for every line.

    >>> agent = FunctionAgent(tools=[ocr_document(root="inbox", engine="local")], llm=llm)

    An answer is bounded and says which call gives the rest. Its ``raw_output`` is the Documents of the pages, as
    ``QwenOCRReader`` makes them: ``highlight(document, quote)`` shows what the agent cites. What cannot be read comes
    back as text that says what to do, with ``is_error``.

    Args:
        **settings: As described in ``DocumentTool`` and ``Options``: ``root="."``, the folder whose files may be read,
            None for any; ``urls=False``; ``max_pages=5`` and ``max_chars=12_000`` an answer; ``engine`` and the others.
            Pages read last are kept in memory, so that going on costs nothing; ``cache=`` keeps more.

    Raises:
        TypeError: An unknown setting, or one that is not for tools.
        ValueError: A value that no setting takes.
    """
    calls = _Calls(DocumentTool.of(settings))
    about = ToolMetadata(DESCRIPTION, NAME, Question)
    return FunctionTool(calls.read, about, calls.aread, callback=_as_it_is, async_callback=_aas_it_is)


class _Calls:
    """``DocumentTool`` with LlamaIndex's outputs."""

    def __init__(self, tool: DocumentTool) -> None:
        self._tool = tool

    def read(self, *args: Any, **asked: Any) -> ToolOutput:
        asked = _by_name(args) | asked
        try:
            return _output(asked, self._tool.read(asked))
        except Refused as refused:
            return _refusal(asked, refused)

    async def aread(self, *args: Any, **asked: Any) -> ToolOutput:
        asked = _by_name(args) | asked
        try:
            return _output(asked, await self._tool.aread(asked))
        except Refused as refused:
            return _refusal(asked, refused)


def _by_name(args: Iterable[Any]) -> dict[str, Any]:
    return dict(zip(Question.model_fields, args, strict=False))


def _output(asked: dict[str, Any], answer: Answer) -> ToolOutput:
    documents = [_document(record, {}) for record in answer.records]
    return ToolOutput(NAME, answer.text, raw_input={"args": (), "kwargs": asked}, raw_output=documents)


def _refusal(asked: dict[str, Any], refused: Refused) -> ToolOutput:
    said = str(refused)
    return ToolOutput(NAME, said, raw_input={"args": (), "kwargs": asked}, raw_output=said, is_error=True)


def _as_it_is(output: ToolOutput) -> ToolOutput:
    """FunctionTool takes a finished output from its callback only: of what a function gives it keeps the text."""
    return output


async def _aas_it_is(output: ToolOutput) -> ToolOutput:
    return output


def _plain(value: Any) -> Any:
    if hasattr(value, "aread"):
        return engine_to_dict(value)
    if isinstance(value, Download | RateLimit):
        return settings_to_dict(value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Decimal):
        return float(value)  # an amount of money, and far from what a float cannot hold
    if is_model(value):
        raise ValueError(f"fields={value.__name__} is a class, which to_dict() cannot write; pickle the reader instead")
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value


def _engine(written: Any) -> Any:
    """As given, or made again from what ``_plain`` made of it."""
    if isinstance(written, list | tuple):
        return [_engine(item) for item in written]
    return engine_from_dict(written) if isinstance(written, dict) else written


def _document(record: Record, extra_info: Mapping[str, Any]) -> Document:
    of_the_file = {key: value for key, value in extra_info.items() if key.startswith("file_")}
    ours = {key: value for key, value in record.metadata.items() if value != "" or key not in extra_info}
    metadata = {**extra_info, **ours, **of_the_file}
    hidden = excluded(metadata)
    return Document(
        text=record.text,
        metadata=metadata,
        id_=record.id,
        excluded_embed_metadata_keys=hidden,
        excluded_llm_metadata_keys=list(hidden),
    )
