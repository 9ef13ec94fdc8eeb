"""Citations of what is broken, edited, repeated or huge: an answer, soon, and an honest one."""

import time
import unicodedata

import pytest
from langchain_core.documents import Document
from langchain_text_splitters import RecursiveCharacterTextSplitter

from citing import document, numbers
from qwen_ocr_loader.citations import attach_boxes, locate, split_with_boxes, to_rich
from qwen_ocr_loader.render import text_hash

LINES = [f"Clause {n}: the tenant pays {n * 7} euros for item {n * 3}." for n in range(30)]
SPLITTER = RecursiveCharacterTextSplitter(chunk_size=500, chunk_overlap=50)
MARK = text_hash("Total 5")
SPOILED = [
    {"ocr_lines": "[" * 100_000},
    {"ocr_lines": "[[0,7,1e400,0,0,1,1]]"},
    {"ocr_lines": f"[[0,7,{MARK},NaN,0,1,1]]"},
    {"ocr_lines": f"[[0,7,{MARK},0,0,99999,1]]"},
    {"ocr_lines": f"[[-7,7,{MARK},0,0,1,1]]"},
    {"ocr_lines": f"[[0,-7,{MARK},0,0,1,1]]"},
    {"lines": [5]},
    {"lines": [{"quad": [[0, 0]] * 4, "start": 0, "end": 7, "text": 5}]},
    {"lines": [{"quad": [[0, 9]] * 4, "start": 0, "end": 7, "text": "Total 5"}]},
    {"page_spans": "[[0]]"},
]


@pytest.mark.parametrize("spoiled", SPOILED, ids=range(len(SPOILED)))
def test_a_spoiled_table_leaves_the_page(spoiled):
    chunk = Document(page_content="Total 5", metadata={"page": 2, "ocr_lines": "", **spoiled})
    location = locate(chunk)
    assert (location.method, location.exact, location.pages) == ("page", False, (2,))
    assert locate(split_with_boxes(SPLITTER, [chunk])[0], "total").pages == (2,)


@pytest.mark.parametrize("numbers", ['"0","7"', "0.0,7.0"])
def test_numbers_in_other_forms_are_still_numbers(numbers):
    table = f"[[{numbers},{MARK},0,0,9999,9999]]"
    assert locate(Document(page_content="Total 5", metadata={"page": 2, "ocr_lines": table})).exact


@pytest.mark.parametrize("page", [float("nan"), float("inf"), -3, 10**400, "x", None])
def test_a_page_that_is_none_is_not_made_up(page):
    for other in ({}, {"page_last": 10**12}, {"start_index": float("inf")}):
        location = locate(Document.model_construct(page_content="Total 5", metadata={"page": page, **other}))
        assert location.pages in ((), (0,))
        assert not location.exact


def test_lines_of_a_page_that_a_store_has_dropped_are_those_of_its_number_or_none():
    doc = document(LINES, page=4)
    bare = {key: value for key, value in doc.metadata.items() if key != "page"}
    assert locate(Document(page_content=doc.page_content, metadata=bare)).pages == (4,)
    del bare["page_number"]
    location = locate(Document(page_content=doc.page_content, metadata=bare))
    assert (location.method, location.exact, location.pages) == ("none", False, ())


def test_fields_that_a_store_cut_short_stay_as_they_are():
    assert to_rich({"fields": '{"a": 1', "x": 1}) == {"fields": '{"a": 1', "x": 1}


@pytest.mark.parametrize("size", [50, 400, 2000])
def test_a_chunk_under_a_summary_written_for_it_keeps_its_lines(size):
    doc = document(LINES)
    summary = ("This part is from a lease and tells what somebody owes, and for what. " * 40)[:size]
    chunks = SPLITTER.split_documents([doc])
    made = [chunk.model_copy(update={"page_content": f"{summary}\n\n{chunk.page_content}"}) for chunk in chunks]
    for chunk, before, after in zip(chunks, made, attach_boxes(made, [doc]), strict=True):
        wanted = numbers(locate(chunk), len(LINES))
        for location in (locate(before), locate(after), locate(before, parents=[doc])):
            assert not location.exact
            assert wanted - numbers(location, len(LINES)) <= {min(wanted)}  # the line that the chunk's border cuts


@pytest.mark.parametrize("quote", ["Clause 1 … 7 euros", "clause 1: [...] for item 3", "Clause 1 (…) 7 ... item 3."])
def test_a_quote_with_words_left_out_is_its_parts(quote):
    (chunk,) = split_with_boxes(lambda text: [text], [document(["Clause 1: the tenant pays 7 euros", "for item 3."])])
    location = locate(chunk, quote)
    assert (location.quoted, location.exact) == (True, True)
    assert locate(chunk, "Clause 1 … the landlord").quoted is False


def test_accents_composed_or_not_are_the_same_letters():
    doc = document([unicodedata.normalize("NFD", "Zoë paid in Ångström")])
    (chunk,) = attach_boxes([Document(page_content="Zoë paid in Ångström", metadata=dict(doc.metadata))], [doc])
    assert locate(chunk).exact
    assert [region.text for region in locate(doc, "ÅNGSTRÖM").regions] == [unicodedata.normalize("NFD", "Ångström")]


def test_marks_at_a_border_are_of_the_line_they_are_on():
    """Lower case: found by letters, which marks are none of."""
    doc = document(["Net 12 is due", "- 5"])
    chunk = Document(page_content="net 12 is due\n-", metadata=dict(doc.metadata))
    assert numbers(locate(chunk, parents=[doc]), 2) == {0, 1}


# --- the same lines twice -------------------------------------------------------------------------------------------


def test_a_row_that_is_part_of_longer_rows_is_not_taken_for_the_line_that_says_no_more():
    cells = " ".join(["0.00"] * 7)
    doc = document([cells, f"12 {cells}", f"{cells} a"])
    for more in ({}, {"start_index": len(cells) + 4}):
        assert not locate(Document(page_content=cells, metadata={**doc.metadata, **more})).exact


def test_an_offset_that_may_be_right_is_not_overruled():
    doc = document([LINES[0], f"As before: {LINES[0]} And so on."])
    start = doc.page_content.rindex(LINES[0])
    chunk = Document(page_content=LINES[0], metadata={**doc.metadata, "start_index": start})
    location = locate(chunk)
    assert not location.exact or numbers(location, 2) == {1}


def test_lines_wrapped_in_another_way_are_another_place():
    doc = document(
        [
            "This agreement is made",
            "between Ann and Bee today",
            "x",
            "This agreement",
            "is made between",
            "Ann and Bee today",
        ]
    )
    text = "This agreement is made between Ann and Bee today"
    location = locate(Document(page_content=text, metadata=dict(doc.metadata)))
    assert (location.exact, numbers(location, 6)) == (False, {0, 1, 3, 4, 5})


def test_a_wrong_offset_is_not_borne_out_by_a_row_that_longer_rows_begin_with():
    cells = " ".join(["0.00"] * 7)
    doc = document([cells, cells, f"{cells} a"], gaps="\t")
    chunk = doc.page_content[64:104]
    first = doc.page_content.find(chunk)
    assert first < 64
    assert not locate(Document(page_content=chunk, metadata={**doc.metadata, "start_index": first})).exact


def test_places_that_overlap_are_two_places():
    """Small letters: the text of the page as it is has only one of them."""
    doc = document(["b net net", "Net 12"])
    location = locate(Document(page_content="net net", metadata=dict(doc.metadata)), parents=[doc])
    assert (location.exact, numbers(location, 2)) == (False, {0, 1})


# --- 10,000 lines -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", ["{} tenant pays {} euros", "0.00 0.00", "a"], ids=["all differ", "all alike", "short"])
def test_ten_thousand_lines_take_seconds(row):
    doc = document([row.format(n, n * 7) for n in range(10_000)])
    chunks = SPLITTER.split_documents([doc])[:40]
    edited = [
        chunk.model_copy(update={"page_content": f"See: {chunk.page_content}".replace("0.0", "0.o")})
        for chunk in chunks
    ]
    began = time.process_time()
    attach_boxes(chunks, [doc])
    attach_boxes(edited, [doc])
    locate(chunks[5])
    locate(edited[5], "pays 7 euros", parents=[doc])
    locate(doc, "0.00")
    assert time.process_time() - began < 8
