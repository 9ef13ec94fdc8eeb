"""A chunk, however it was split and wherever it was kept, is led back to its lines; or it is said that it is not."""

import gc
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from langchain_core.documents import Document
from langchain_text_splitters import CharacterTextSplitter, MarkdownHeaderTextSplitter, RecursiveCharacterTextSplitter
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.schema import Document as LlamaDocument
from llama_index.core.schema import NodeWithScore

from citing import HEIGHT, WIDTH, document, metadata_of, numbers, result_of, rich_document
from qwen_ocr_loader import FakeEngine, Reader
from qwen_ocr_loader.cache import open_cache, packed
from qwen_ocr_loader.citations import attach_boxes, locate, split_with_boxes, to_flat, to_rich
from qwen_ocr_loader.render import Records, records, text_hash
from qwen_ocr_loader.report import Origin, ReadPage

LINES = [
    f"{n}. {word} is due on day {n * 7 % 31} of the month"
    for n, word in enumerate(["Rent", "Water", "Heat", "Tax"] * 8)
]
OPEN = Path("/proc/self/fd")  # what this process has open, where the system tells
SPLITTER = RecursiveCharacterTextSplitter(chunk_size=200, chunk_overlap=30)


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


# --- ways of locating -------------------------------------------------------------------------------------------------


def whole_lines(doc, first, last, **more):
    """A chunk as a plain splitter leaves it: lines of a page, and the table of all the page."""
    text = "\n".join(LINES[first:last])
    return Document(page_content=text, metadata={**doc.metadata, **more})


def test_a_verified_offset():
    doc = document(LINES)
    chunk = whole_lines(doc, 3, 6, start_index=doc.page_content.index(LINES[3]))
    location = locate(chunk)
    assert (location.method, location.exact, numbers(location, len(LINES))) == ("offset", True, {3, 4, 5})


def test_an_offset_that_is_wrong_is_noticed():
    doc = document(LINES)
    location = locate(whole_lines(doc, 3, 6, start_index=5))
    assert (location.method, location.exact, numbers(location, len(LINES))) == ("anchors", True, {3, 4, 5})


def test_lines_known_again_by_their_hashes():
    location = locate(whole_lines(document(LINES), 3, 6))
    assert (location.method, location.exact, numbers(location, len(LINES))) == ("anchors", True, {3, 4, 5})


def test_a_parent_at_hand():
    doc = document(LINES)
    chunk = Document(page_content="Due on day 7 of the MONTH", metadata=dict(doc.metadata))
    location = locate(chunk, parents=[doc])
    assert (location.method, numbers(location, len(LINES))) == ("alignment", {1})
    assert locate(chunk).method == "page"


def test_a_short_chunk_could_be_a_line_in_other_letters():
    doc = document(["Total", "net", "total"])
    location = locate(Document(page_content="total", metadata=dict(doc.metadata)), parents=[doc])
    assert (location.method, location.exact, numbers(location, 3)) == ("alignment", False, {0, 2})


def test_the_cached_page(tmp_path):
    cache = open_cache(tmp_path)
    cache.put("k1", packed(result_of(LINES)))
    doc = document(LINES, page=4, ocr_key="k1")
    chunk = Document(page_content=LINES[3].upper(), metadata=dict(doc.metadata))
    location = locate(chunk, cache=tmp_path)
    assert (location.method, location.pages, numbers(location, len(LINES))) == ("cache", (4,), {3})
    assert location.regions[0].quad == result_of(LINES).lines[3].quad
    assert locate(chunk, cache=tmp_path / "another").method == "page"
    cache.close()


def test_rows_that_repeat_are_never_silently_wrong():
    doc = document(["0.00 0.00"] * 30)
    chunk = Document(page_content="\n".join(["0.00 0.00"] * 4), metadata={**doc.metadata, "start_index": 50})
    for location in (locate(chunk), locate(chunk, parents=[doc]), locate(attach_boxes([chunk], [doc])[0])):
        assert not location.exact
        assert numbers(location, 30) == set(range(30))


def test_all_chunks_of_a_page_tell_rows_that_repeat_apart():
    doc = document(["0.00 0.00"] * 30)
    for overlap in (0, 25):
        chunks = split_with_boxes(RecursiveCharacterTextSplitter(chunk_size=80, chunk_overlap=overlap), [doc])
        assert all(locate(chunk).exact for chunk in chunks)
        found = [sorted(numbers(locate(chunk), 30)) for chunk in chunks]
        assert [lines[0] for lines in found] == list(range(0, found[-1][0] + 1, found[1][0]))
        assert found[-1][-1] == 29


def test_a_place_in_doubt_stays_small_and_says_so():
    doc = document(["0.00 0.00"] * 400)
    (chunk,) = attach_boxes([Document(page_content="0.00 0.00\n0.00 0.00", metadata=dict(doc.metadata))], [doc])
    assert len(chunk.metadata["ocr_lines"]) < 4096
    location = locate(chunk)
    assert (location.method, location.exact, location.pages) == ("page", False, (0,))


@pytest.mark.parametrize(
    ("edit", "exact"),
    [
        (lambda text: f"  {text}\n\n", True),
        (lambda text: " ".join(text.split()), True),
        (str.lower, False),
        (lambda text: text.replace("due", "**due**"), False),
        (lambda text: "Die Miete ist am Monatsersten fällig.", False),
        (lambda text: text[: len(text) // 2], False),
        (lambda text: "passage: " + text, False),
    ],
    ids=["padded", "white space", "lower case", "markdown", "translated", "halved", "prefixed"],
)
@pytest.mark.parametrize("own", [True, False], ids=["its own lines", "the page's"])
def test_a_chunk_that_was_edited_degrades_honestly(edit, exact, own):
    doc = document(LINES)
    chunk = split_with_boxes(SPLITTER, [doc])[2] if own else SPLITTER.split_documents([doc])[2]
    wanted = numbers(locate(split_with_boxes(SPLITTER, [doc])[2]), len(LINES))
    edited = Document(page_content=edit(chunk.page_content), metadata=chunk.metadata)
    location = locate(edited)
    assert location.regions
    given = numbers(location, len(LINES))
    if location.exact:
        assert given == wanted
    if own:
        assert given <= wanted  # no worse than what it carries
        assert location.exact or not exact


def test_scored_nodes_and_dicts_are_given_their_lines_too():
    doc = document(LINES)
    node = NodeWithScore(node=LlamaDocument(text=LINES[3], metadata=doc.metadata), score=0.5)
    scored, kept = attach_boxes([node, {"text": LINES[4], "metadata": doc.metadata}], [doc])
    assert scored.score == 0.5
    assert [numbers(locate(chunk), len(LINES)) for chunk in (scored, kept)] == [{3}, {4}]
    assert locate(scored).method == locate(kept).method == "rows"
    assert "lines_of" in scored.node.excluded_llm_metadata_keys
    assert "lines_of" not in node.metadata


def test_neither_framework_is_imported():
    code = (
        "import sys, qwen_ocr_loader.citations; "
        "loaded = {m.partition('.')[0] for m in sys.modules}; "
        "print(*loaded & {'langchain_core', 'llama_index', 'numpy', 'PIL', 'pydantic'})"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() == []


def test_stores_dicts_and_scored_nodes_are_located_too():
    chunk = split_with_boxes(SPLITTER, [document(LINES)])[1]
    node = NodeWithScore(node=LlamaDocument(text=chunk.page_content, metadata=chunk.metadata), score=0.5)
    kept = {"document": chunk.page_content, "metadata": chunk.metadata}
    merged = {"text": chunk.page_content, **chunk.metadata}
    floats = {"text": chunk.page_content, "metadata": {**chunk.metadata, "page": 0.0}}
    wanted = locate(chunk)
    assert [locate(found) for found in (node, kept, merged, floats, (chunk, 0.3))] == [wanted] * 5


@pytest.mark.parametrize("table", ["[[0,5", "7", "[[1,2,3]]", '[["a"]]', None, 3])
def test_a_table_that_a_store_spoiled_leaves_the_page(table):
    location = locate(Document(page_content="Total", metadata={"page": 2, "ocr_lines": table}))
    assert (location.method, location.pages, location.exact) == ("page", (2,), False)


def test_documents_without_boxes_have_their_page():
    doc = Document(page_content="Total 5", metadata={"page": 2, "ocr_lines": "", "source": "a.pdf"})
    (chunk,) = split_with_boxes(SPLITTER, [doc])
    location = locate(chunk)
    assert (location.method, location.exact, location.pages, location.source) == ("page", False, (2,), "a.pdf")
    assert location.to_rects() == [{"page": 2, "x": 0.0, "y": 0.0, "w": 1.0, "h": 1.0}]


def test_a_whole_document_is_its_own_chunk():
    location = locate(document(["Total"]))
    assert (location.method, location.exact, len(location.regions)) == ("rows", True, 1)


def test_pages_read_together_are_all_named():
    chunk = Document(page_content="x", metadata={"page": 2, "page_last": 4, "ocr_lines": ""})
    assert locate(chunk).pages == (2, 3, 4)


def test_a_chunk_to_which_something_was_added_is_not_exact():
    first, second = split_with_boxes(SPLITTER, [document(LINES)])[:2]
    both = Document(page_content=f"{first.page_content}\n{second.page_content}", metadata=first.metadata)
    location = locate(both)
    assert (location.method, location.exact) == ("rows", False)
    assert location.regions == locate(first).regions


def test_a_chunk_with_a_line_that_has_no_box_is_exact_about_the_others():
    doc = document(LINES[:4])
    table = json.loads(doc.metadata["ocr_lines"])
    doc.metadata["ocr_lines"] = json.dumps(table[:2] + table[3:])
    (chunk,) = split_with_boxes(SPLITTER, [doc])
    assert (locate(chunk).exact, numbers(locate(chunk), 4)) == (True, {0, 1, 3})


# --- quotes -----------------------------------------------------------------------------------------------------------


def test_a_quote_narrows_to_its_lines_and_to_parts_of_them():
    chunk = split_with_boxes(SPLITTER, [document(LINES)])[0]
    quote = "DAY 0 of the month 1. water is"
    location = locate(chunk, quote)
    assert (location.quoted, location.exact) == (True, True)
    first, second = location.regions
    assert (first.text, second.text) == ("day 0 of the month", "1. Water is")
    assert first.quad.bounds.right == pytest.approx(0.9, abs=1e-3)
    assert second.quad.bounds.left == pytest.approx(0.1, abs=1e-3)
    assert first.quad.bounds.left > 0.4
    assert second.quad.bounds.right < 0.5


def test_a_quote_found_nowhere_says_so():
    chunk = split_with_boxes(SPLITTER, [document(LINES)])[0]
    location = locate(chunk, "The landlord is a patient man.")
    assert (location.quoted, location.exact) == (False, False)
    assert location.regions == locate(chunk).regions
    assert locate(chunk).quoted is None
    assert locate(chunk, "").quoted is False


def test_a_quote_that_stands_twice_has_both_places():
    chunk = split_with_boxes(SPLITTER, [document(["Total 5", "Net 4", "Total 5"])])[0]
    location = locate(chunk, "total 5")
    assert (location.quoted, location.exact, len(location.regions)) == (True, False, 2)


def test_a_quote_of_a_chunk_that_only_its_page_is_known_of():
    chunk = Document(page_content="Total 5", metadata={"page": 2, "ocr_lines": ""})
    location = locate(chunk, "Total")
    assert (location.quoted, location.method) == (False, "page")


# --- metadata ---------------------------------------------------------------------------------------------------------


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


def test_a_cache_that_was_opened_for_a_chunk_is_closed(tmp_path):
    cache = open_cache(tmp_path)
    cache.put("k1", packed(result_of(LINES)))
    chunk = Document(page_content=LINES[3].upper(), metadata=dict(document(LINES, ocr_key="k1").metadata))
    assert locate(chunk, cache=cache).method == "cache"
    assert files_open_in(tmp_path) or not OPEN.exists()  # one that is handed over is left open
    cache.close()
    gc.disable()
    try:
        assert locate(chunk, cache=tmp_path).method == "cache"
        assert files_open_in(tmp_path) == []
    finally:
        gc.enable()


def files_open_in(folder):
    return sorted(path for entry in OPEN.glob("*") if (path := os.path.realpath(entry)).startswith(str(folder)))


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


def test_pdf_points():
    chunk = split_with_boxes(SPLITTER, [document(["a", "b"])])[0]
    top = locate(chunk).to_pdf_points("top-left")
    bottom = locate(chunk).to_pdf_points()
    assert [round(rect["x"]) for rect in top] == [round(0.1 * WIDTH)] * 2
    assert [round(rect["y"]) for rect in top] == [0, round(HEIGHT / 2)]
    assert [round(rect["y"] + rect["h"]) for rect in bottom] == [round(HEIGHT), round(HEIGHT / 2)]
