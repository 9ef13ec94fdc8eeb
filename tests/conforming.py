"""A loader and a reader that keep every rule of the kit, small enough to be broken in one place at a time."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from langchain_core.documents import Document
from llama_index.core.readers.base import BasePydanticReader
from llama_index.core.schema import Document as LlamaDocument

from qwen_ocr_loader.testing import Files

SECRET = "sk-0123456789"
LEFT_OPEN = []
"""Files that broken loaders do not close."""


def files(folder: Path) -> Files:
    """Text files whose lines are pages."""
    contents = {
        "good": ["one", "two", "three"],
        "long": [f"page {number}" for number in range(60)],
        "blank": ["one", "", "three"],
        "scan": ["SCAN"],
        "odd": ["a\0b \\ud800"],
        "broken": ["BROKEN"],
    }
    for name, pages in contents.items():
        (folder / f"{name}.txt").write_text("".join(f"{page}\n" for page in pages))
    return Files(**{name: folder / f"{name}.txt" for name in contents})


def pages_of(file: Any, name: str) -> Iterator[str]:
    for line in file:
        if line == "BROKEN\n":
            raise ValueError(f"{name}: cannot be read")
        time.sleep(0.0005)
        yield line.rstrip("\n").replace("SCAN", "a word").replace("\0", "").replace("\\ud800", "")


class GoodLoader:
    """Keeps all rules for loaders."""

    extra: ClassVar[dict[Any, Any]] = {}

    def __init_subclass__(cls, extra=()):
        cls.extra = {**cls.extra, **dict(extra)}

    def __init__(self, path):
        self.path = path

    def __repr__(self):
        return "GoodLoader()"

    def lazy_load(self):
        with self.path.open() as file:
            for number, text in enumerate(pages_of(file, self.path.name)):
                yield self.document(text, number)

    def document(self, text, number):
        return Document(text, metadata=self.metadata(number), id=self.id(number))

    def metadata(self, number):
        return {"source": str(self.path), "page": number, **self.extra}

    def id(self, number):
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.path}/{number}"))

    def load(self):
        return list(self.lazy_load())

    async def alazy_load(self):
        documents = self.lazy_load()
        while document := await asyncio.to_thread(next, documents, None):
            yield document

    async def aload(self):
        return [document async for document in self.alazy_load()]


class GoodReader(BasePydanticReader):
    """Keeps all rules for readers."""

    tidy: bool = True

    @classmethod
    def class_name(cls):
        return "GoodReader"

    def lazy_load_data(self, file, extra_info=None, fs=None):
        with fs.open(str(file), "r") if fs else Path(file).open() as opened:
            for number, text in enumerate(pages_of(opened, Path(file).name)):
                yield self.document(text, file, number, extra_info or {})

    def document(self, text, file, number, extra_info):
        return LlamaDocument(
            text=text,
            metadata={"source": str(file), "page": number, **extra_info},
            id_=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{file}/{number}")),
        )

    def load_data(self, file, extra_info=None, fs=None):
        return list(self.lazy_load_data(file, extra_info, fs))

    async def aload_data(self, *args, **kwargs):
        return await asyncio.to_thread(self.load_data, *args, **kwargs)
