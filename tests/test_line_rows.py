"""Line tables are read and written without loss, and made smaller where they must be."""

import json

import pytest

from citing import document, metadata_of, result_of
from qwen_ocr_loader import Quad
from qwen_ocr_loader.citations.line_rows import (
    Row,
    fewer_rows,
    read_table,
    sizes_of,
    solid_hash,
    write_rows,
    write_spans,
)
from qwen_ocr_loader.render import text_hash


def test_the_loader_s_table_is_written_as_it_was_read():
    metadata = document(["Total", "9.80"]).metadata
    table = read_table(metadata)
    assert write_rows(table.rows) == metadata["ocr_lines"]
    assert [row.stands_in("Total\n9.80\n") for row in table.rows] == [True, True]
    assert [row.stands_in("Total\n9.81\n") for row in table.rows] == [True, False]
    assert not table.rows[1].stands_in("Total")


def test_pages_of_lines_and_their_sizes():
    spans = [[4, 0, 6], [5, 8, 6, 100.0, 200.0]]
    metadata = {**metadata_of(result_of(["Total"], page=4)), "page_spans": json.dumps(spans)}
    rows = [[0, 5, 1, 0, 0, 9, 9], [8, 5, 1, 0, 0, 9, 9]]
    table = read_table({**metadata, "ocr_lines": json.dumps(rows)})
    assert [row.page for row in table.rows] == [4, 5]
    assert sizes_of(metadata, table.spans) == {4: (600.0, 800.0), 5: (100.0, 200.0)}
    assert json.loads(write_spans(table.spans)) == spans


def cell(text, said, box, page=0):
    start = text.index(said)
    return Row(start, len(said), text_hash(said), Quad.from_box(*box), page)


def test_cells_beside_each_other_become_one_row():
    text = "Bolt\t1\nNut\t2"
    cells = [
        cell(text, "Bolt", (0.1, 0.1, 0.3, 0.2)),
        cell(text, "1", (0.5, 0.1, 0.6, 0.2)),
        cell(text, "Nut", (0.1, 0.3, 0.3, 0.4)),
        cell(text, "2", (0.5, 0.3, 0.6, 0.4)),
    ]
    wide = fewer_rows(cells, text, len(write_rows(cells)) - 1)
    assert [text[row.start : row.end] for row in wide] == ["Bolt\t1", "Nut\t2"]
    assert all(row.stands_in(text) for row in wide)
    assert wide[0].quad.bounds == pytest.approx((0.1, 0.1, 0.6, 0.2))
    (block,) = fewer_rows(cells, text, 50)
    assert (text[block.start : block.end], block.quad.bounds) == (text, pytest.approx((0.1, 0.1, 0.6, 0.4)))


def test_what_stands_apart_stays_apart():
    text = "a b\nc d"
    said = [cell(text, "a", (0.1, 0.1, 0.2, 0.2)), cell(text, "c", (0.1, 0.3, 0.2, 0.4))]
    assert fewer_rows(said, text, 0) == said  # something is said between them
    pages = [cell("a c", "a", (0.1, 0.1, 0.2, 0.2)), cell("a c", "c", (0.3, 0.1, 0.4, 0.2), page=1)]
    assert fewer_rows(pages, "a c", 0) == pages
    columns = [cell("a c", "a", (0.1, 0.8, 0.2, 0.9)), cell("a c", "c", (0.6, 0.1, 0.7, 0.2))]
    assert fewer_rows(columns, "a c", 0) == columns


def test_a_chunk_s_table_knows_the_text_it_was_made_for():
    table = read_table({"ocr_lines": "", "lines_of": f"chunk:{solid_hash('a b')}"})
    assert (table.of, table.is_of("a\nb "), table.is_of("a c")) == ("chunk", True, False)
    assert not read_table({"ocr_lines": ""}).is_of("")
