"""The metadata of chunks: small, and of their own lines, fields and pages."""

import json

from langchain_core.documents import Document
from langchain_text_splitters import RecursiveCharacterTextSplitter

from citing import LINES, SPLITTER, document, metadata_of, result_of, rich_document
from qwen_ocr_loader import Reader
from qwen_ocr_loader.citations import attach_boxes, locate, split_with_boxes, to_flat, to_rich
from qwen_ocr_loader.render import Records
from qwen_ocr_loader.report import Origin, ReadPage


def test_metadata_stays_small():
    lines = ["1", "99", "0.5"] * 120
    for doc in (document(LINES * 3), document(lines), document(lines, gaps="\t")):
        for chunk in split_with_boxes(RecursiveCharacterTextSplitter(chunk_size=500, chunk_overlap=50), [doc]):
            assert len(json.dumps(chunk.metadata).encode()) < 4096
            assert {region.text for region in locate(chunk).regions}


def test_a_chunk_of_a_long_file_names_its_own_pages_and_their_keys():
    (record,) = long = whole_file(["The tenant pays the rent", "it?", "The owner pays the taxes"] * 60)
    chunks = split_with_boxes(RecursiveCharacterTextSplitter(chunk_size=60, chunk_overlap=0), long)
    keys = record.metadata["ocr_key"].split(",")
    for chunk in chunks:
        pages = [page for page, *_ in json.loads(chunk.metadata["page_spans"])]
        assert chunk.metadata["ocr_key"].split(",") == [keys[page] for page in pages]
    stray = attach_boxes([Document(page_content="nowhere", metadata=dict(record.metadata))], [record])[0]
    assert (stray.metadata["page_spans"], stray.metadata["ocr_key"]) == ("", "")
    assert locate(stray).pages == tuple(range(180))
    assert max(len(json.dumps(chunk.metadata).encode()) for chunk in [*chunks, stray]) < 4096


def test_keys_without_a_page_of_their_own_cost_a_chunk_its_keys_not_its_pages():
    (record,) = whole_file(["The tenant pays the rent", "The owner pays the taxes"] * 40)
    keys = ",".join(f"{number:064}" for number in range(79))  # of an earlier version, which named each key once
    old = Document(page_content=record.page_content, metadata={**record.metadata, "ocr_key": keys})
    (chunk, *_) = split_with_boxes(RecursiveCharacterTextSplitter(chunk_size=60, chunk_overlap=0), [old])
    assert [page for page, *_ in json.loads(chunk.metadata["page_spans"])] == [0, 1]
    assert chunk.metadata["ocr_key"] == ""


def whole_file(pages):
    """A file of pages as one Document, each page with a key of its own."""
    origin = Origin("a.pdf", total_pages=len(pages))
    made = Records(Reader(engine="fake", mode="single"))
    for number, said in enumerate(pages):
        result = result_of([said], page=number)
        assert not list(made.add(ReadPage(result, origin, str(number), key=f"{number:064}")))
    return [Document(page_content=record.text, metadata=record.metadata) for record in made.finish()]


def test_a_chunk_keeps_the_fields_there_is_room_for_its_own_first():
    fields = {f"Name {n}": {"value": f"value {n}", "page": 0, "box": [n, n, n, n]} for n in range(100)}
    lines = [f"Name {n}: value {n}" for n in range(100)]
    doc = document(lines, fields=json.dumps(fields))
    chunks = split_with_boxes(RecursiveCharacterTextSplitter(chunk_size=500, chunk_overlap=0), [doc])
    for chunk in chunks:
        assert len(json.dumps(chunk.metadata).encode()) < 4096
        kept = json.loads(chunk.metadata["fields"])
        own = {f"Name {line.split()[-1]}" for line in chunk.page_content.splitlines()}
        assert len(kept) > len(own) - 10
        assert own <= set(kept) or set(kept) <= own
        assert all(kept[name] == fields[name] for name in kept)
    few = document(LINES, fields=json.dumps({"Total": {"value": "9"}}))
    (chunk, *_) = split_with_boxes(SPLITTER, [few])
    assert chunk.metadata["fields"] == few.metadata["fields"]
    spoiled = document(LINES, fields="x" * 5000)
    assert {chunk.metadata["fields"] for chunk in split_with_boxes(SPLITTER, [spoiled])} == {""}


def test_rich_lines_are_pruned_with_their_confidence_and_exact_boxes():
    doc = rich_document(LINES)
    for chunk in split_with_boxes(SPLITTER, [doc]):
        for line in chunk.metadata["lines"]:
            assert chunk.page_content[line["start"] : line["end"]] == line["text"]
        assert [line["quad"] for line in chunk.metadata["lines"]] == [r.quad for r in locate(chunk).regions]
        assert locate(chunk).exact


def test_flat_chunks_become_rich_and_back():
    for chunk in split_with_boxes(SPLITTER, [document(LINES, pageless=True)]):
        rich = to_rich(chunk.metadata, chunk.page_content)
        assert [line["text"] for line in rich["lines"]] == [region.text for region in locate(chunk).regions]
        assert to_flat(rich) == chunk.metadata


def test_code_points_count_not_bytes_or_surrogate_pairs():
    lines = ["👩‍🚀👩‍🚀 launch", "x" * 30, "🧾 Total 合计 5", "é e\u0301 سعر"]
    chunks = split_with_boxes(RecursiveCharacterTextSplitter(chunk_size=40, chunk_overlap=0), [document(lines)])
    assert [r.text for chunk in chunks for r in locate(chunk).regions] == lines


def test_nul_stripped_text_still_fits():
    from dataclasses import replace

    raw = result_of(["a\x00b total", "net 5"])
    result = raw.scrubbed()
    (chunk,) = split_with_boxes(SPLITTER, [Document(page_content=result.text, metadata=metadata_of(result))])
    assert [region.text for region in locate(chunk).regions] == ["ab total", "net 5"]
    cleaned = Document(page_content=result.text, metadata=metadata_of(replace(result, page=3)))
    assert locate(cleaned).pages == (3,)
