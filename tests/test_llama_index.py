"""LlamaIndex's reader."""

import asyncio
import pickle

import fsspec
import pytest
from llama_index.core import SimpleDirectoryReader
from llama_index.core.embeddings import MockEmbedding
from llama_index.core.ingestion import DocstoreStrategy, IngestionPipeline
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.readers.base import BasePydanticReader, BaseReader
from llama_index.core.schema import NodeRelationship
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.core.vector_stores import SimpleVectorStore
from llama_index.core.vector_stores.utils import node_to_metadata_dict
from PIL import Image
from pydantic import BaseModel

from qwen_ocr_loader import FakeEngine, Line, PageResult, Quad
from qwen_ocr_loader.langchain import QwenOCRLoader
from qwen_ocr_loader.llama_index import QwenOCRReader
from together import Together


class Bill(BaseModel):
    total: str


@pytest.fixture
def tiff(tmp_path):
    frames = [Image.new("L", (60, 40), 200 + n) for n in range(3)]
    frames[0].save(tmp_path / "three.tiff", save_all=True, append_images=frames[1:])
    return tmp_path / "three.tiff"


def test_class():
    assert BaseReader.__name__ in [base.__name__ for base in QwenOCRReader.__mro__]
    assert issubclass(QwenOCRReader, BasePydanticReader)
    assert QwenOCRReader.class_name() == "QwenOCRReader"


def test_one_document_a_page(tiff):
    docs = QwenOCRReader(engine="fake").load_data(tiff)
    assert [doc.text for doc in docs] == ["Page 1", "Page 2", "Page 3"]


def test_both_frameworks_get_the_same(tiff):
    theirs = QwenOCRLoader(tiff, engine="fake").load()
    ours = QwenOCRReader(engine="fake").load_data(tiff)
    assert [(d.id_, d.text, d.metadata) for d in ours] == [(d.id, d.page_content, d.metadata) for d in theirs]


async def test_async_forms_agree_and_overlap(tiff):
    reader = QwenOCRReader(engine=Together(3))
    docs = await reader.aload_data(tiff)
    assert docs == list(await reader.alazy_load_data(tiff))
    assert docs == [doc async for doc in reader.astream_data(tiff)]
    assert docs == list(reader.lazy_load_data(tiff))


def test_extra_info_is_kept_and_file_keys_win(tiff):
    given = {"file_name": "renamed.tiff", "file_path": "/in/box", "page": 99, "case": 17, "title": "My scan"}
    doc = QwenOCRReader(engine="fake").load_data(tiff, extra_info=given)[1]
    assert doc.metadata["file_name"] == "renamed.tiff"
    assert doc.metadata["file_path"] == "/in/box"
    assert doc.metadata["case"] == 17
    assert doc.metadata["title"] == "My scan"  # the file has none of its own
    assert doc.metadata["page"] == 1
    assert given["page"] == 99


def test_programs_keys_are_hidden_from_models(tiff):
    doc = QwenOCRReader(engine="fake").load_data(tiff)[0]
    shown = set(doc.metadata) - set(doc.excluded_embed_metadata_keys)
    assert shown == {"source", "file_name", "page_label"}
    assert doc.excluded_llm_metadata_keys == doc.excluded_embed_metadata_keys
    assert doc.excluded_llm_metadata_keys is not doc.excluded_embed_metadata_keys
    assert NodeRelationship.SOURCE not in doc.relationships


def test_hundreds_of_boxes_leave_room_for_small_chunks(tiff):
    box, text = Quad.from_box(0, 0, 1, 1), "\n".join(["word"] * 500)
    lines = tuple(Line("word", 5 * i, 5 * i + 4, box) for i in range(500))
    engine = FakeEngine({0: PageResult(0, 1, 1, "px", text, lines=lines)})
    nodes = SentenceSplitter(chunk_size=128, chunk_overlap=0)(QwenOCRReader(engine=engine).load_data(tiff))
    assert len(nodes) > 3
    assert node_to_metadata_dict(nodes[0], remove_text=True, flat_metadata=True)


def test_nothing_secret_is_written(tiff):
    reader = QwenOCRReader(engine="fake", password="hush", pages="2-", task=("multi_lan",))
    written = reader.to_dict()
    assert written == {"engine": "fake", "pages": "2-", "task": ["multi_lan"], "class_name": "QwenOCRReader"}
    assert "hush" not in reader.to_json() + repr(reader) + str(reader)
    again = QwenOCRReader.from_dict(written)
    assert again.to_dict() == written
    assert again.load_data(tiff) == reader.load_data(tiff)


def test_a_model_as_fields_is_pickled_not_written():
    reader = QwenOCRReader(engine="fake", fields=Bill)
    with pytest.raises(ValueError, match="fields=Bill is a class"):
        reader.to_dict()
    assert repr(pickle.loads(pickle.dumps(reader))) == repr(reader)


def test_it_pickles_with_its_options(tiff):
    reader = pickle.loads(pickle.dumps(QwenOCRReader(engine="fake", pages="2")))
    assert [doc.metadata["page"] for doc in reader.load_data(tiff)] == [1]


def test_an_unknown_option_names_the_nearest():
    with pytest.raises(TypeError, match="did you mean 'engine'"):
        QwenOCRReader(engin="fake")


def test_under_simple_directory_reader(tiff, tmp_path):
    Image.new("L", (20, 20)).save(tmp_path / "PHOTO.PNG")
    docs = SimpleDirectoryReader(tmp_path, file_extractor=QwenOCRReader.file_extractor(engine="fake")).load_data()
    assert len(docs) == 4
    assert {doc.metadata["file_name"] for doc in docs} == {"three.tiff", "PHOTO.PNG"}
    assert all("file_size" in doc.metadata for doc in docs)


def test_under_simple_directory_reader_with_worker_processes(tiff, tmp_path):
    Image.new("L", (20, 20)).save(tmp_path / "a.png")
    reader = SimpleDirectoryReader(tmp_path, file_extractor=QwenOCRReader.file_extractor(engine="fake"))
    assert len(reader.load_data(num_workers=2)) == 4


async def test_under_simple_directory_reader_async(tmp_path):
    for n in range(12):
        Image.new("L", (20 + n, 20)).save(tmp_path / f"{n:02}.png")
    reader = SimpleDirectoryReader(tmp_path, file_extractor=QwenOCRReader.file_extractor(engine="fake"))
    docs = await reader.aload_data()
    assert [doc.metadata["page_width"] for doc in docs] == [20.0 + n for n in range(12)]


def test_with_an_fsspec_filesystem(tiff):
    memory = fsspec.filesystem("memory")
    memory.pipe("/box/three.tiff", tiff.read_bytes())
    assert len(QwenOCRReader(engine="fake").load_data("/box/three.tiff", fs=memory)) == 3
    docs = SimpleDirectoryReader(
        "/box", fs=memory, file_extractor=QwenOCRReader.file_extractor(engine="fake")
    ).load_data()
    assert len(docs) == 3


def test_a_second_ingestion_is_a_no_op(tiff):
    pipeline = IngestionPipeline(
        transformations=[SentenceSplitter(), MockEmbedding(4)],
        docstore=SimpleDocumentStore(),
        vector_store=SimpleVectorStore(),
        docstore_strategy=DocstoreStrategy.UPSERTS,
    )
    counts = [len(pipeline.run(documents=QwenOCRReader(engine="fake").load_data(tiff))) for _ in range(3)]
    assert counts == [3, 0, 0]


def test_inside_a_running_loop(tiff):
    async def notebook():
        return QwenOCRReader(engine="fake").load_data(tiff)

    assert len(asyncio.run(notebook())) == 3
