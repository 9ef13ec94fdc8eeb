"""Long tables split between rows, their header before each part; citations find header and rows where they stand."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.documents import Document
from langchain_text_splitters import RecursiveCharacterTextSplitter

from citing import document, numbers
from qwen_ocr_loader.citations import attach_boxes, locate, split_with_boxes
from qwen_ocr_loader.tables import TableSplitter, find_tables, to_html, to_markdown

ROWS = (("Item", "Price"), *((f"Article {n}", f"{n * 3}.{n % 10}0") for n in range(60)))


def whole(text: str) -> list[str]:
    return [text.strip()]


@pytest.mark.parametrize("write", [to_markdown, to_html])
def test_every_part_has_the_header_and_no_row_is_cut(write):
    before, *parts, after = TableSplitter(whole, 400).split_text(f"Before.\n\n{write(ROWS)}\n\nAfter.")
    assert (before, after) == ("Before.", "After.")
    assert len(parts) > 3
    assert max(map(len, parts)) <= 400
    tables = [find_tables(part)[0].table for part in parts]
    assert {table.rows[0] for table in tables} == {ROWS[0]}
    assert tuple(row for table in tables for row in table.rows[1:]) == ROWS[1:]


def test_a_table_that_fits_stays_whole_and_prose_is_the_other_splitters():
    table = to_markdown(ROWS[:4])
    prose = "This is a sentence of prose. " * 20
    splitter = TableSplitter(RecursiveCharacterTextSplitter(chunk_size=100, chunk_overlap=0), 400)
    chunks = splitter.split_text(f"{prose}\n\n{table}\n\n{prose}")
    assert chunks.count(table) == 1
    assert all(len(chunk) <= 100 for chunk in chunks if chunk != table)
    assert "".join(chunks).count("sentence") == 40


def test_a_head_of_several_rows_is_repeated_as_one():
    head = "<table><thead><tr><th rowspan=2>a</th><th>b</th></tr><tr><th>c</th></tr></thead><tbody>"
    body = "".join(f"<tr><td>{n}</td><td>{n}</td></tr>" for n in range(20))
    parts = TableSplitter(whole, 250).split_text(f"{head}{body}</tbody></table>")
    assert len(parts) > 1
    assert all(part.startswith(head) and part.endswith("</tbody></table>") for part in parts)
    assert re.findall(r"<tr><td>(\d+)", "".join(parts)) == [str(n) for n in range(20)]


def test_rows_that_a_merged_cell_joins_stay_together():
    rows = "".join(f'<tr><td rowspan="2">g{n}</td><td>x</td></tr><tr><td>y</td></tr>' for n in range(10))
    parts = TableSplitter(whole, 120).split_text(f"<table><tr><td>Group</td><td>Value</td></tr>{rows}</table>")
    assert len(parts) > 1
    for part in parts:
        values = [row[1] for row in find_tables(part)[0].table.rows[1:]]
        assert values == ["x", "y"] * (len(values) // 2)


def test_what_is_cut_off_is_split_too_and_said_once():
    text = to_html(ROWS).removesuffix("</table>") + "<tr><td>half a r"
    parts = TableSplitter(whole, 400).split_text(text)
    assert sum("half a r" in part for part in parts) == 1
    assert all(part.startswith("<table><tr><td>Item</td>") for part in parts)


def test_documents_keep_their_metadata():
    made = TableSplitter(whole, 400).split_documents([Document(page_content=to_markdown(ROWS), metadata={"page": 3})])
    assert len(made) > 3
    assert all(chunk.metadata == {"page": 3} for chunk in made)


def test_each_part_is_located_at_the_header_and_its_rows():
    lines = ["Prices of the year", *to_markdown(ROWS).splitlines(), "Everything without tax."]
    chunks = split_with_boxes(TableSplitter(whole, 400), [document(lines)])
    seen = []
    for chunk in chunks[1:-1]:
        location = locate(chunk)
        found = sorted(numbers(location, len(lines)))
        assert location.exact
        assert found[:2] == [1, 2]
        assert [lines[n] for n in found] == chunk.page_content.splitlines()
        seen += found[2:]
    assert seen == list(range(3, len(lines) - 1))


@pytest.mark.parametrize(("splitter", "size"), [(None, 100), (3, 100)])
def test_what_is_no_splitter(splitter, size):
    with pytest.raises(TypeError, match="split_text"):
        TableSplitter(splitter, size)


def test_a_chunk_has_a_size():
    with pytest.raises(ValueError, match="at least 1"):
        TableSplitter(whole, 0)


@given(st.text(alphabet='<>/|-: \nabtrdheol=2"', max_size=200), st.integers(1, 60))
def test_no_letter_is_lost_whatever_the_text(text: str, size: int):
    chunks = TableSplitter(lambda part: [part], size).split_text(text)
    kept = "".join(chunks)
    assert all(kept.count(letter) >= text.count(letter) for letter in "abe2")


REPEATED = (("Item", "Price"), *((f"Article {n % 3}", "1.00") for n in range(40)), *[("same", "2.00")] * 20)


@pytest.mark.parametrize("how", ["split_with_boxes", "attach_boxes", "parents"])
def test_rows_that_say_the_same_are_told_apart(how: str):
    lines = ["Prices of the year", *to_markdown(REPEATED).splitlines(), "Everything without tax."]
    parent, splitter = document(lines), TableSplitter(whole, 150)
    chunks = splitter.split_documents([parent]) if how != "split_with_boxes" else split_with_boxes(splitter, [parent])
    if how == "attach_boxes":
        chunks = attach_boxes(chunks, [parent])
    seen = []
    for chunk in chunks[1:-1]:
        location = locate(chunk, parents=[parent] if how == "parents" else None)
        assert location.exact
        seen += sorted(numbers(location, len(lines)))[2:]
        assert how == "parents" or "cut_from" not in chunk.metadata
    assert seen == list(range(3, len(lines) - 1))


def test_a_part_that_nobody_placed_is_not_called_exact():
    lines = ["Prices of the year", *to_markdown(REPEATED).splitlines(), "Everything without tax."]
    parts = TableSplitter(whole, 150).split_documents([document(lines)])[1:-1]
    assert len(parts) > 5
    assert not any(locate(part).exact for part in parts[1:])


def test_what_a_store_made_of_the_parts_places_is_no_failure():
    lines = to_markdown(REPEATED).splitlines()
    parent = document(lines)
    for spoiled in ("[[1", "x", 7, "[[0, 9, 9]]", "[[0,-5,3]]"):
        chunk = Document(page_content="\n".join(lines[:5]), metadata={**parent.metadata, "cut_from": spoiled})
        assert locate(chunk, parents=[parent]).regions


def test_llama_index_documents_are_split_too():
    from llama_index.core.schema import Document as Node

    parent = document(["Prices", *to_markdown(REPEATED).splitlines()])
    made = split_with_boxes(TableSplitter(whole, 150), [Node(text=parent.page_content, metadata=parent.metadata)])
    assert all(locate(node).exact for node in made)
    assert len(made) > 5
