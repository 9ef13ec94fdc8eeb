"""Chunks come back from stores with the same boxes."""

import uuid

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_text_splitters import RecursiveCharacterTextSplitter

from citing import document, rich_document
from qwen_ocr_loader.citations import locate, split_with_boxes, to_flat

LINES = [f"Clause {n}: the {word} is borne by the buyer" for n, word in enumerate(["freight", "duty", "risk"] * 6)]
INFO = {"total_pages": 1, "file_name": "a.pdf", "mime_type": "application/pdf", "title": "", "needs_review": False}


class ByLetters(Embeddings):
    """Texts with the same letters in the same places are near each other."""

    def embed_documents(self, texts):
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text):
        return [float(sum(map(ord, text[part::16])) % 997) + 1 for part in range(16)]


@pytest.fixture
def chunks():
    splitter = RecursiveCharacterTextSplitter(chunk_size=120, chunk_overlap=20)
    doc = document(LINES, **INFO)
    made = split_with_boxes(splitter, [doc])
    assert len(made) > 5
    return made


def check(found, chunks):
    """Each chunk that was kept is located where it was before."""
    wanted = {chunk.page_content: locate(chunk) for chunk in chunks}
    texts = [getattr(chunk, "page_content", None) or chunk.text for chunk in found]
    assert sorted(texts) == sorted(wanted)
    for text, chunk in zip(texts, found, strict=True):
        assert locate(chunk) == wanted[text]
        assert wanted[text].exact


def test_langchain_chroma(chunks):
    from langchain_chroma import Chroma

    store = Chroma(f"c{uuid.uuid4().hex}", ByLetters())
    store.add_documents(chunks)
    check(store.similarity_search(LINES[4], k=len(chunks)), chunks)


def test_langchain_in_memory(chunks, tmp_path):
    from langchain_core.vectorstores import InMemoryVectorStore

    store = InMemoryVectorStore(ByLetters())
    store.add_documents(chunks)
    store.dump(str(tmp_path / "store.json"))
    loaded = InMemoryVectorStore.load(str(tmp_path / "store.json"), ByLetters())
    check(loaded.similarity_search(LINES[4], k=len(chunks)), chunks)


@pytest.mark.filterwarnings("ignore:.langchain-community. is being sunset:DeprecationWarning")
def test_faiss(chunks):
    import faiss
    from langchain_community.docstore.in_memory import InMemoryDocstore
    from langchain_community.vectorstores import FAISS

    store = FAISS(ByLetters(), faiss.IndexFlatL2(16), InMemoryDocstore(), {})
    store.add_documents(chunks)
    again = FAISS.deserialize_from_bytes(store.serialize_to_bytes(), ByLetters(), allow_dangerous_deserialization=True)
    check(again.similarity_search(LINES[4], k=len(chunks)), chunks)


def test_qdrant(chunks):
    from langchain_qdrant import QdrantVectorStore
    from qdrant_client import QdrantClient, models

    client = QdrantClient(":memory:")
    client.create_collection("c", models.VectorParams(size=16, distance=models.Distance.COSINE))
    store = QdrantVectorStore(client, "c", ByLetters())
    store.add_documents(chunks)
    check(store.similarity_search(LINES[4], k=len(chunks)), chunks)
    client.close()


def test_lancedb(chunks, tmp_path):
    import lancedb

    embedded = ByLetters().embed_documents([chunk.page_content for chunk in chunks])
    rows = [
        {"vector": vector, "text": chunk.page_content, "metadata": chunk.metadata}
        for vector, chunk in zip(embedded, chunks, strict=True)
    ]
    table = lancedb.connect(tmp_path).create_table("c", rows[:3])
    table.add(rows[3:])
    found = table.search(ByLetters().embed_query(LINES[4])).limit(len(chunks)).to_list()
    wanted = {chunk.page_content: locate(chunk) for chunk in chunks}
    assert {row["text"]: locate(row) for row in found} == wanted


def nodes_of(chunks):
    from llama_index.core.schema import TextNode

    return [TextNode(text=chunk.page_content, metadata=chunk.metadata) for chunk in chunks]


def queried(store, nodes):
    from llama_index.core.vector_stores.types import VectorStoreQuery

    for node in nodes:
        node.embedding = ByLetters().embed_query(node.text)
    store.add(nodes)
    return store.query(VectorStoreQuery(ByLetters().embed_query(LINES[4]), similarity_top_k=len(nodes)))


def test_llama_index_simple_store(chunks, tmp_path):
    from llama_index.core import StorageContext, VectorStoreIndex, load_index_from_storage
    from llama_index.core.embeddings import MockEmbedding

    index = VectorStoreIndex(nodes_of(chunks), embed_model=MockEmbedding(embed_dim=16))
    index.storage_context.persist(str(tmp_path))
    loaded = load_index_from_storage(
        StorageContext.from_defaults(persist_dir=str(tmp_path)), embed_model=MockEmbedding(embed_dim=16)
    )
    check([found.node for found in loaded.as_retriever(similarity_top_k=len(chunks)).retrieve(LINES[4])], chunks)


def test_llama_index_chroma(chunks):
    import chromadb
    from llama_index.vector_stores.chroma import ChromaVectorStore

    collection = chromadb.EphemeralClient().create_collection(f"c{uuid.uuid4().hex}")
    store = ChromaVectorStore(chroma_collection=collection)
    check(queried(store, nodes_of(chunks)).nodes, chunks)


def test_rich_metadata_made_flat_goes_into_a_store_that_takes_scalars_only(chunks):
    from langchain_chroma import Chroma

    store = Chroma(f"c{uuid.uuid4().hex}", ByLetters())
    splitter = RecursiveCharacterTextSplitter(chunk_size=120, chunk_overlap=0)
    rich = split_with_boxes(splitter, [rich_document(LINES)])
    kept = [Document(page_content=chunk.page_content, metadata=to_flat(chunk.metadata)) for chunk in rich]
    store.add_documents(kept)
    check(store.similarity_search(LINES[4], k=len(kept)), kept)
