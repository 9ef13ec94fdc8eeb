"""One check in progress: how the subject is made and used, the files it is given, and what it gives back."""

from __future__ import annotations

import pickle
import shutil
import tempfile
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..forking import cached_property
from .rule import NotApplicable, expect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence

    from .files import Files

Documents = list[Any]
"""LangChain's or LlamaIndex's Documents."""


class Content(NamedTuple):
    """What has to be the same whenever and however a file is loaded."""

    text: str
    metadata: dict[str, str]


class Session(ABC):
    """A loader or reader together with the file it is to load.

    Args:
        subject: The loader or reader.
        path: The file.
    """

    def __init__(self, subject: Any, path: Path) -> None:
        self.subject = subject
        self.path = path

    @abstractmethod
    def load(self) -> Documents:
        """All Documents."""

    @abstractmethod
    def lazy(self) -> Iterator[Any]:
        """Documents one by one: the subject's own iterator, so that closing it is closing that."""

    @abstractmethod
    async def aload(self) -> Documents:
        """All Documents, read asynchronously."""

    @abstractmethod
    def astream(self) -> AsyncIterator[Any]:
        """Documents one by one, asynchronously: the subject's own iterator."""

    def pickled(self) -> Session:
        """The same with a subject that went through ``pickle``."""
        return type(self)(pickle.loads(pickle.dumps(self.subject)), self.path)  # noqa: S301  # dumped here and now


class LoaderSession(Session):
    """A LangChain loader, which knows its file."""

    def load(self) -> Documents:
        """``load()``."""
        return list(self.subject.load())

    def lazy(self) -> Iterator[Any]:
        """``lazy_load()``."""
        return iter(self.subject.lazy_load())

    async def aload(self) -> Documents:
        """``aload()``."""
        return list(await self.subject.aload())

    def astream(self) -> AsyncIterator[Any]:
        """``alazy_load()``."""
        return aiter(self.subject.alazy_load())


class ParserSession(Session):
    """A LangChain blob parser, which is told the file, as a ``Blob``, with each call."""

    def load(self) -> Documents:
        """``parse(blob)``."""
        return list(self.subject.parse(self._blob()))

    def lazy(self) -> Iterator[Any]:
        """``lazy_parse(blob)``."""
        return iter(self.subject.lazy_parse(self._blob()))

    async def aload(self) -> Documents:
        """All of ``astream``."""
        return [document async for document in self.astream()]

    def astream(self) -> AsyncIterator[Any]:
        """``alazy_parse(blob)``, which LangChain does not ask for.

        Raises:
            NotApplicable: It has none.
        """
        if not hasattr(self.subject, "alazy_parse"):
            raise NotApplicable("has no asynchronous form; LangChain's blob parsers need none")
        return aiter(self.subject.alazy_parse(self._blob()))

    def _blob(self) -> Any:
        from langchain_core.documents.base import Blob

        return Blob.from_path(self.path)


class ReaderSession(Session):
    """A LlamaIndex reader, which is told the file with each call."""

    def load(self) -> Documents:
        """``load_data(path)``."""
        return list(self.subject.load_data(self.path))

    def lazy(self) -> Iterator[Any]:
        """``lazy_load_data(path)``.

        Raises:
            NotApplicable: It has none.
        """
        try:
            return iter(self.subject.lazy_load_data(self.path))
        except NotImplementedError:
            raise NotApplicable("has no lazy_load_data") from None

    async def aload(self) -> Documents:
        """``aload_data(path)``."""
        return list(await self.subject.aload_data(self.path))

    def astream(self) -> AsyncIterator[Any]:
        """LlamaIndex's readers have none.

        Raises:
            NotApplicable: Always.
        """
        raise NotApplicable("LlamaIndex has no async streams of Documents")


@dataclass(frozen=True)
class Trial:
    """What a rule is given.

    Attributes:
        start: Makes the subject, fresh, for a file.
        files: The files to try it with; the rules leave them as they are.
        folder: Where copies go.
        secret: What the caller has put into the subject and nothing may give away.
    """

    start: Callable[[Path], Session]
    files: Files
    folder: Path
    secret: str | None = None

    def session(self, path: Path | None = None) -> Session:
        """A fresh subject, with the good file or another."""
        return self.start(path or self.files.good)

    def file(self, name: str) -> Path:
        """One of the files; a copy of its own, which nothing else has ever opened.

        Raises:
            NotApplicable: There is none of the name.
        """
        path: Path | None = getattr(self.files, name)
        if path is None:
            raise NotApplicable(f"no {name!r} file was given")
        return Path(shutil.copy(path, tempfile.mkdtemp(dir=self.folder)))

    @cached_property
    def documents(self) -> Documents:
        """What a fresh subject gives for the good file.

        Raises:
            RuleBroken: It gives nothing.
        """
        documents = self.session().load()
        expect(documents, f"no Documents of {self.files.good.name}")
        return documents

    @cached_property
    def _steady(self) -> frozenset[str]:
        """Metadata keys that a second run gives the same values; that others do not has a rule of its own."""
        pairs = zip(self.documents, self.session().load(), strict=False)
        steady = [frozenset(key for key, _ in set(written(one)) & set(written(other))) for one, other in pairs]
        return frozenset.intersection(*steady) if steady else frozenset()

    def contents(self, documents: Iterable[Any]) -> list[Content]:
        """The Documents in terms that can be compared."""
        return [
            Content(text_of(document), {key: value for key, value in written(document) if key in self._steady})
            for document in documents
        ]

    def expect_same(self, documents: Sequence[Any], how: str) -> None:
        """Fail unless these Documents of the good file are what ``load()`` gives.

        Raises:
            RuleBroken: They are not; says in what.
        """
        was, now = self.contents(self.documents), self.contents(documents)
        expect(len(was) == len(now), f"{how}: {len(now)} Documents, load() gives {len(was)}")
        for number, (ours, theirs) in enumerate(zip(was, now, strict=True), 1):
            expect(ours.text == theirs.text, f"{how}: Document {number} has other text")
            expect(ours.metadata == theirs.metadata, f"{how}: Document {number} has other metadata")


def text_of(document: Any) -> str:
    """LangChain's ``page_content``, LlamaIndex's ``text``."""
    text: str = document.page_content if hasattr(document, "page_content") else document.text
    return text


def id_of(document: Any) -> str | None:
    """LangChain's ``id``, LlamaIndex's ``id_``."""
    found: str | None = document.id_ if hasattr(document, "id_") else document.id
    return found


def written(document: Any) -> list[tuple[str, str]]:
    """The metadata with its values spelled out, so that a NaN equals itself."""
    return [(str(key), repr(value)) for key, value in document.metadata.items()]


def marked(document: Any) -> bool:
    """Does the metadata say that something went wrong?"""
    return any("error" in str(key).lower() and value for key, value in document.metadata.items())
