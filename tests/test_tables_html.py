"""HTML tables of every kind of disorder: nothing crashes, no finished cell's text is lost; replies give their rows."""

from __future__ import annotations

import json
import re
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_ocr_loader.answers import read_answer
from qwen_ocr_loader.tables import find_tables, html_tables

REPLIES = sorted((Path(__file__).parent / "replies" / "tables").glob("*.json"))


@pytest.mark.parametrize("path", REPLIES, ids=lambda path: path.stem)
def test_reply(path: Path):
    case = json.loads(path.read_text())
    answer = read_answer("table_parsing", case["reply"], None, 1000, 1000)
    assert [[list(row) for row in table.rows] for table in answer.tables] == [case["rows"]]
    assert answer.truncated == case["truncated"]


def test_there_are_replies():
    assert len(REPLIES) >= 10


spans = st.sampled_from(
    ["", "", "", " colspan=2", ' rowspan="2"', " colspan='3' rowspan=4", " rowspan=0", " colspan=x"]
)
INSIDE = ["", "", "\n", "<b>", "</i>", "<tbody>", "</tbody>", "<!-- a -->", "</p>", "<![x", "<>", "& "]
inside, junk = st.sampled_from(INSIDE), st.sampled_from([*INSIDE, "</td>"])


@st.composite
def markups(draw, depth=0, words=None):
    """A table's HTML with end tags missing, and the words that stand in its cells."""
    words = count() if words is None else words
    text, said = "<table>", []
    for _ in range(draw(st.integers(0, 3))):
        text += draw(st.sampled_from(["<tr>", "<TR >", "</tr><tr>"]))
        for _ in range(draw(st.integers(0, 3))):
            word = f"w{next(words)}w"
            tag = draw(st.sampled_from(["td", "th"]))
            text += f"<{tag}{draw(spans)}>{draw(inside)}{word} "
            said.append(word)
            if depth < 2 and draw(st.integers(0, 5)) == 0:
                inner, more = draw(markups(depth=depth + 1, words=words))
                text, said = text + inner, said + more
            text += draw(st.sampled_from(["</td>", "", "</th>"])) + draw(junk)
        text += draw(st.sampled_from(["</tr>", ""]))
    return text + "</table>", said


@given(markups())
def test_no_cell_is_lost(made):
    text, said = made
    tables = html_tables(text)
    assert all(len({len(row) for row in found.table.rows}) <= 1 for found in tables)
    read = " ".join(cell for found in tables for row in found.table.rows for cell in row)
    assert [word for word in said if word not in read] == []


@given(markups(), st.data())
def test_what_is_cut_off_keeps_its_whole_rows(made, data):
    text, _ = made
    cut = text[: data.draw(st.integers(0, len(text) - len("</table>")))]
    for found in html_tables(cut):
        assert not found.whole
        words = re.findall(r"w\d+w", " ".join(cell for row in found.table.rows for cell in row))
        assert all(word in cut for word in words)


@given(markups(), st.data())
def test_what_is_damaged_does_not_crash(made, data):
    text, _ = made
    at = data.draw(st.integers(0, len(text)))
    gone = data.draw(st.integers(0, 12))
    for found in find_tables(text[:at] + data.draw(st.text(max_size=6)) + text[at + gone :]):
        assert len({len(row) for row in found.table.rows}) <= 1


def test_a_cell_beyond_the_widest_table_is_kept():
    (found,) = html_tables("<table><tr><td colspan=1000>a</td><td>b</td></tr></table>")
    assert found.table.rows[0][-1] == "b"


# --- words outside cells ---------------------------------------------------------------------------------------------

OUTSIDE = {
    "a caption": ("<caption>Table 1: <b>Sales</b></caption><tr><td>1", "Table 1: Sales", ""),
    "a caption below": ("<tr><td>1</td></tr><caption>T</caption>", "T", ""),
    "a caption that never ends": ("<caption>T<tr><td>1", "T", ""),
    "another before the body": ("<caption>T<tbody>stray<tr><td>1", "T\nstray", ""),
    "of two lines": ("<caption>T<br>in EUR</caption><tr><td>1", "T\nin EUR", ""),
    "before and after": ("Some words<tr><td>1</td></tr>more words", "Some words", "more words"),
    "between cells": ("<tr><td>0</td> a <td>1</td> b </td> c <td>2</td>", "a\nb c", ""),
    "in a head and a foot": ("<thead>A<tr><td>1</td></tr></thead><tfoot>B</tfoot>", "A", "B"),
    "none": ("\n<thead>\n <tr> <td>1</td> </tr>\n</thead>&nbsp;", "", ""),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_words_outside_cells_stay(name: str):
    inside, above, below = OUTSIDE[name]
    (found,) = html_tables(f"<table>{inside}</table>")
    assert (found.above, found.below) == (above, below)
    assert "1" in found.table.rows[0]


def test_words_outside_cells_stay_in_what_is_cut_off_and_in_a_table_within_another():
    (cut,) = html_tables("<table><caption>T</caption><tr><td>1</td></tr>more<tr><td>2</td><td")
    assert (cut.above, cut.table.rows, cut.below, cut.whole) == ("T\nmore", (("1",),), "", False)
    (outer,) = html_tables("<table><tr><td><table><caption>T</caption><tr><td>1</td></tr>n</table></td></tr></table>")
    assert outer.table.rows == (("T\n1\nn",),)


def test_half_a_tag_at_the_end_is_none_of_the_words():
    for half in ("<", "</", "<t", "</tab", '<td class="a b'):
        (found,) = html_tables(f"<table><tr><td>1</td></tr>{half}")
        assert found.below == ("<" if half == "<" else "")


@pytest.mark.parametrize(
    ("inside", "cell"),
    [
        ("<style>p{}</style>x", "x"),
        ("<script>\nif (a<b) alert(1)\n</script>x", "x"),
        ("<style>p{}", "<style>p{}"),
        ("x<script>", "x<script>"),
        ("HTML has <title>", "HTML has <title>"),
        ("<iframe src=a>x", "x"),
        ("<textarea>x", "x"),
        ("<joe@example.com>", "<joe@example.com>"),
        ("a <n> b </n> <h7>", "a <n> b </n> <h7>"),
        ("<?php x ?>", "<?php x ?>"),
        ("<!-- no --><b title='<td>'>x</b>", "x"),
    ],
)
def test_an_element_that_prints_nothing_goes_where_it_ends_and_what_is_no_tag_is_print(inside: str, cell: str):
    text = f"<p>\n<table>\n<tr><td>{inside}</td><td>y</td></tr></table> end"
    (found,) = html_tables(text)
    assert found.table.rows == ((cell, "y"),)
    assert text[: found.start] + text[found.end :] == "<p>\n end"
