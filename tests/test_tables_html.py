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
