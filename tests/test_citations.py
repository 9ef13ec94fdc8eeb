"""A chunk, however it was split, is led back to the lines of its own page."""

import json
import subprocess
import sys

import pytest
from langchain_core.documents import Document
from langchain_text_splitters import CharacterTextSplitter, MarkdownHeaderTextSplitter, RecursiveCharacterTextSplitter
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.schema import Document as LlamaDocument

from citing import LINES, SPLITTER, document, numbers, result_of
from qwen_ocr_loader import FakeEngine, Reader
from qwen_ocr_loader.citations import attach_boxes, locate, split_with_boxes
from qwen_ocr_loader.render import records, text_hash


def rows(chunk):
    return json.loads(chunk.metadata["ocr_lines"])


def test_each_chunk_has_its_own_lines_at_their_places():
    chunks = split_with_boxes(SPLITTER, [document(LINES)])
    assert len(chunks) > 5
    for chunk in chunks:
        for start, length, mark, *box in rows(chunk):
            assert text_hash(chunk.page_content[start : start + length]) == mark & 0xFFFFFF
            assert len(box) == 4
        assert chunk.metadata["lines_of"].startswith("chunk:")
        assert locate(chunk).exact
        assert locate(chunk).method == "rows"
    assert {n for chunk in chunks for n in numbers(locate(chunk), len(LINES))} == set(range(len(LINES)))


def test_the_documents_and_the_splitter_are_left_alone():
    doc = document(LINES)
    before = doc.model_dump()
    chunks = split_with_boxes(SPLITTER, iter([doc]))
    assert doc.model_dump() == before
    assert "start_index" not in chunks[1].metadata
    assert "start_index" not in SPLITTER.split_documents([doc])[1].metadata


def test_a_line_that_a_border_cuts_keeps_its_part_of_the_box():
    (first, second) = split_with_boxes(lambda text: [text[:4], text[4:]], [document(["abcdefgh"], gaps="")])
    regions = [locate(first).regions[0], locate(second).regions[0]]
    assert [region.text for region in regions] == ["abcd", "efgh"]
    assert not any(region.whole for region in regions)
    assert rows(first)[0][2] == text_hash("abcd") | 1 << 24
    left, right = (region.quad.bounds for region in regions)
    assert left.left == pytest.approx(0.1, abs=1e-4)
    assert left.right == right.left == pytest.approx(0.5, abs=0.06)
    assert right.right == pytest.approx(0.9, abs=1e-4)


def test_the_parts_of_a_line_that_is_cut_twice_are_parts_of_parts():
    half = split_with_boxes(lambda text: [text[:4], text[4:]], [document(["aaaaaaaa"], gaps="")])
    quarters = split_with_boxes(lambda text: [text[:2], text[2:]], half)
    edges = [locate(chunk).regions[0].quad.bounds for chunk in quarters]
    assert [round(edge.left, 2) for edge in edges] == [0.1, 0.3, 0.5, 0.7]
    assert all(row[2] >> 24 == 1 for chunk in quarters for row in rows(chunk))


@pytest.mark.parametrize(
    "splitter",
    [
        SentenceSplitter(chunk_size=60, chunk_overlap=5),
        str.splitlines,
        lambda docs: list(SPLITTER.split_documents(docs)),
        MarkdownHeaderTextSplitter([("#", "h1")]),
        CharacterTextSplitter("\n", chunk_size=150, chunk_overlap=0),
    ],
    ids=["node parser", "function of a text", "function of documents", "splitter of a text", "splitter of documents"],
)
def test_any_splitter_will_do(splitter):
    doc = document(LINES)
    if isinstance(splitter, SentenceSplitter):
        doc = LlamaDocument(
            text=doc.page_content, metadata=doc.metadata, excluded_embed_metadata_keys=list(doc.metadata)
        )
        doc.excluded_llm_metadata_keys = doc.excluded_embed_metadata_keys
    chunks = split_with_boxes(splitter, [doc])
    assert all(locate(chunk).exact for chunk in chunks)
    assert {n for chunk in chunks for n in numbers(locate(chunk), len(LINES))} == set(range(len(LINES)))
    assert all(chunk.metadata["source"] == "a.pdf" for chunk in chunks)


def test_what_is_no_splitter_is_refused():
    with pytest.raises(TypeError, match="split_documents"):
        split_with_boxes(7, [document(LINES)])
    with pytest.raises(TypeError, match="want a Document"):
        locate(7)
    with pytest.raises(TypeError, match='a dict wants "text"'):
        locate({"body": "x"})


def test_chunks_find_the_page_they_were_cut_from():
    docs = [document(LINES[:10], page=0), document(LINES[10:20], page=1), document(LINES[:10], page=2)]
    chunks = attach_boxes(SPLITTER.split_documents(docs), docs)
    assert {page for chunk in chunks for page in locate(chunk).pages} == {0, 1, 2}
    assert all(locate(chunk).pages == (chunk.metadata["page"],) for chunk in chunks)
    assert all(locate(chunk).exact for chunk in chunks)


def test_chunks_without_metadata_find_their_page_by_their_text():
    docs = [document(LINES[:10], page=0), document(LINES[10:20], page=1)]
    bare = [Document(page_content=LINES[12]), Document(page_content="said nowhere at all, in no line")]
    found, lost = attach_boxes(bare, docs)
    assert (locate(found).pages, locate(found).exact) == ((1,), True)
    assert lost is bare[1]
    assert (locate(lost).method, locate(lost).regions) == ("none", ())


def test_a_chunk_over_a_page_break_has_regions_on_both_pages(tmp_path):
    from PIL import Image

    frames = [Image.new("L", (60, 40), 200 + n) for n in range(3)]
    frames[0].save(tmp_path / "three.tiff", save_all=True, append_images=frames[1:])
    engine = FakeEngine({n: result_of(LINES[n * 5 : n * 5 + 5]) for n in range(3)})
    (record,) = records(Reader(engine=engine, mode="single"), tmp_path / "three.tiff")
    doc = Document(page_content=record.text, metadata=record.metadata)
    across = RecursiveCharacterTextSplitter(chunk_size=300, chunk_overlap=0, separators=["\n"])
    chunks = split_with_boxes(across, [doc])
    found = [locate(chunk) for chunk in chunks]
    assert all(location.exact for location in found)
    assert [location.pages for location in found if len(location.pages) > 1] == [(0, 1), (1, 2)]
    lines = [(region.page, region.text) for location in found for region in location.regions if region.whole]
    assert [text for _, text in lines] == LINES[:15]
    assert [page for page, _ in lines] == [0] * 5 + [1] * 5 + [2] * 5
    for chunk in chunks:
        for page, start, length, *_ in json.loads(chunk.metadata["page_spans"]):
            assert 0 <= start < start + length <= len(chunk.page_content)
            assert page in locate(chunk).pages
    again = split_with_boxes(lambda text: text.split("\n"), chunks)
    assert {page for chunk in again for page in locate(chunk).pages} == {0, 1, 2}
    plain = across.split_documents([doc])
    assert [locate(chunk).pages for chunk in plain] == [location.pages for location in found]


def test_neither_framework_is_imported():
    code = (
        "import sys, qwen_ocr_loader.citations; "
        "loaded = {m.partition('.')[0] for m in sys.modules}; "
        "print(*loaded & {'langchain_core', 'llama_index', 'numpy', 'PIL', 'pydantic'})"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() == []
