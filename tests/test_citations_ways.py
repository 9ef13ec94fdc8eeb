"""Ways of locating a chunk, from its own lines to no more than its page; none says that it is exact where it is not."""

import gc
import json
import os
from pathlib import Path

import pytest
from langchain_core.documents import Document
from langchain_text_splitters import RecursiveCharacterTextSplitter
from llama_index.core.schema import Document as LlamaDocument
from llama_index.core.schema import NodeWithScore

from citing import HEIGHT, LINES, SPLITTER, WIDTH, document, numbers, result_of
from qwen_ocr_loader.cache import open_cache, packed
from qwen_ocr_loader.citations import attach_boxes, locate, split_with_boxes

OPEN = Path("/proc/self/fd")  # what this process has open, where the system tells


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


def test_pdf_points():
    chunk = split_with_boxes(SPLITTER, [document(["a", "b"])])[0]
    top = locate(chunk).to_pdf_points("top-left")
    bottom = locate(chunk).to_pdf_points()
    assert [round(rect["x"]) for rect in top] == [round(0.1 * WIDTH)] * 2
    assert [round(rect["y"]) for rect in top] == [0, round(HEIGHT / 2)]
    assert [round(rect["y"] + rect["h"]) for rect in bottom] == [round(HEIGHT), round(HEIGHT / 2)]


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
