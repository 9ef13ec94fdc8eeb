"""LangChain's loader and blob parser."""

import asyncio
import inspect
import io
import pickle

import numpy as np
import pytest
from langchain_core.document_loaders import BaseLoader
from langchain_core.documents.base import Blob
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.indexing import InMemoryRecordManager, index
from langchain_core.vectorstores import InMemoryVectorStore
from PIL import Image

from qwen_ocr_loader.langchain import QwenOCRBlobParser, QwenOCRLoader
from together import Together


@pytest.fixture
def tiff(tmp_path):
    frames = [Image.new("L", (60, 40), 200 + n) for n in range(3)]
    frames[0].save(tmp_path / "three.tiff", save_all=True, append_images=frames[1:])
    return tmp_path / "three.tiff"


def test_one_document_a_page(tiff):
    docs = QwenOCRLoader(tiff, engine="fake").load()
    assert [doc.page_content for doc in docs] == ["Page 1", "Page 2", "Page 3"]
    assert [doc.metadata["page"] for doc in docs] == [0, 1, 2]
    assert len({doc.id for doc in docs}) == 3


def test_load_is_langchains_own_and_lazy_load_is_lazy(tiff):
    assert QwenOCRLoader.load is BaseLoader.load
    assert QwenOCRLoader.aload is BaseLoader.aload
    assert inspect.isgenerator(QwenOCRLoader(tiff, engine="fake").lazy_load())


def test_the_constructor_does_no_io():
    QwenOCRLoader("/nowhere/at/all.pdf", engine="local")


@pytest.mark.parametrize(
    "give",
    [
        lambda path: path,
        lambda path: path.read_bytes(),
        lambda path: path.open("rb"),
        lambda path: io.BytesIO(path.read_bytes()),
        lambda path: iter([path]),
        lambda path: (p for p in [path]),
        Blob.from_path,
    ],
    ids=["path", "bytes", "file", "buffer", "iterator", "generator", "blob"],
)
def test_every_source_loads_twice(tiff, give):
    source = give(tiff)
    loader = QwenOCRLoader(source, engine="fake")
    first, second = loader.load(), loader.load()
    assert len(first) == 3
    assert first == second
    if hasattr(source, "close") and not inspect.isgenerator(source):
        source.close()


async def test_async_gives_the_same_and_overlaps(tiff):
    loader = QwenOCRLoader(tiff, engine=Together(3))
    docs = await loader.aload()
    assert docs == loader.load()


async def test_two_loaders_interleave_async(tiff):
    loaders = [QwenOCRLoader(tiff, engine="fake") for _ in range(2)]
    a, b = await asyncio.gather(*(loader.aload() for loader in loaders))
    assert a == b


def test_a_blob_keeps_its_own_metadata(tiff):
    blob = Blob.from_data(tiff.read_bytes(), metadata={"source": "s3://bucket/three.tiff", "case": 17})
    docs = QwenOCRBlobParser(engine="fake").parse(blob)
    assert docs[0].metadata["case"] == 17
    assert docs[0].metadata["source"] == "s3://bucket/three.tiff"


async def test_the_parser_has_an_async_twin(tiff):
    blob = Blob.from_path(tiff)
    parser = QwenOCRBlobParser(engine="fake")
    assert [doc async for doc in parser.alazy_parse(blob)] == parser.parse(blob)


def test_arrays_of_other_loaders_images_parser_are_read():
    out = io.BytesIO()
    np.save(out, np.full((20, 30, 3), 255, np.uint8))
    blob = Blob.from_data(out.getvalue(), mime_type="application/x-npy")
    (doc,) = QwenOCRBlobParser(engine="fake").parse(blob)
    assert (doc.metadata["page_width"], doc.metadata["page_height"]) == (30, 20)


def test_loaders_pickle(tiff):
    loader = pickle.loads(pickle.dumps(QwenOCRLoader(tiff, engine="fake")))
    assert len(loader.load()) == 3


def test_a_second_ingestion_is_a_no_op(tiff):
    records = InMemoryRecordManager("test")
    records.create_schema()
    store = InMemoryVectorStore(DeterministicFakeEmbedding(size=8))
    added = [
        index(
            QwenOCRLoader(tiff, engine="fake"),
            records,
            store,
            cleanup="full",
            source_id_key="source",
            key_encoder="blake2b",
        )
        for _ in range(2)
    ]
    assert added[0]["num_added"] == 3
    assert added[1] == {"num_added": 0, "num_updated": 0, "num_skipped": 3, "num_deleted": 0}


def test_the_flat_form_survives_chroma(tiff):
    chroma = pytest.importorskip("langchain_chroma")
    docs = QwenOCRLoader(tiff, engine="fake").load()
    store = chroma.Chroma("pages", DeterministicFakeEmbedding(size=8))
    store.add_documents(docs)
    found = store.similarity_search("Page 2", k=3)
    assert {doc.page_content: doc.metadata for doc in found} == {doc.page_content: doc.metadata for doc in docs}
