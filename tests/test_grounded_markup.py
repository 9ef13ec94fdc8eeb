"""HTML and Markdown of vision models: paragraphs, tables and what is around them, each at its place."""

from __future__ import annotations

import json

import pytest

from openai_replies import check_page
from qwen_ocr_loader.answers import Answer
from qwen_ocr_loader.grounded import read_vision_answer
from spotting import THOUSAND, boxes, spotted


def parsed(text: str, frame: tuple[float, float] | None = THOUSAND) -> Answer:
    answer = read_vision_answer("document_parsing", text, frame)
    check_page(answer)
    return answer


def test_html_is_read_in_the_order_given_without_its_inline_tags():
    first = '<p data-bbox="100 800 900 900">One <b>bold</b> <span data-bbox="1 2 3 4">word</span>.</p>'
    answer = parsed(first + '\n<p data-bbox="100,100,900,200">Two</p>')
    assert answer.text == "One bold word.\n\nTwo"
    assert boxes(answer) == {"One bold word.": (0.1, 0.8, 0.9, 0.9), "Two": (0.1, 0.1, 0.9, 0.2)}
    assert answer.text_format == "plain"


def test_a_tall_paragraph_is_not_text_down_the_page():
    quad = parsed('<p data-bbox="100 100 300 900">A narrow column</p>').lines[0].quad
    assert quad
    assert quad.is_upright


def test_the_place_of_the_whole_page_is_no_paragraphs():
    answer = parsed('<html><body data-bbox="0 0 1000 1000"><p>Text</p><p data-bbox="1 1 99 99">a</p></body></html>')
    assert boxes(answer)["Text"] is None


def test_numbered_items_keep_their_numbers():
    items = "<ol><li>rope</li><li>buoy</li></ol><ul><li>bell</li></ul>"
    answer = parsed(f'<div data-bbox="100 100 900 200">{items}</div><p>end</p>')
    assert answer.text == "1. rope\n2. buoy\n- bell\n\nend"
    assert list(boxes(answer)) == ["rope", "buoy", "bell", "end"]


def test_what_is_in_a_table_without_cells_is_kept():
    answer = parsed('<table data-bbox="100 100 900 200">High 12:04 &amp; low</table>')
    assert boxes(answer) == {"High 12:04 & low": (0.1, 0.1, 0.9, 0.2)}
    assert answer.tables == ()


CAPTIONED = "<table><caption>Tides of May</caption><tr><td>High</td><td>12:04</td></tr><p>Local time</p></table>"


@pytest.mark.parametrize(
    "read",
    [
        lambda table: parsed(f'<div data-bbox="100 100 900 200">{table}</div>'),
        lambda table: parsed(f"<!-- Table (100, 100, 900, 200) -->\n{table}"),
        lambda table: spotted(json.dumps([{"bbox_2d": [100, 100, 900, 200], "text": table}])),
    ],
    ids=["html", "markdown", "region"],
)
def test_what_is_in_a_table_outside_its_cells_is_kept_around_it(read):
    answer = read(CAPTIONED)
    assert answer.text == "Tides of May\n\n| High | 12:04 |\n| --- | --- |\n\nLocal time"
    assert [table.rows for table in answer.tables] == [(("High", "12:04"),)]
    assert {line.text for line in answer.lines if line.quad} == {"Tides of May", "| High | 12:04 |", "Local time"}


def test_a_region_is_cut_into_its_tables_and_what_is_between():
    latex = r"\begin{table}\caption{Tides of May}\begin{tabular}{l}High\\\end{tabular}\end{table}"
    regions = [latex, "Low water\n<table><tr><td>Ebb</td></tr></table>", "Slack"]
    answer = spotted(json.dumps([{"bbox_2d": [100, 100, 900, 200], "text": text} for text in regions]))
    pieces = ["Tides of May", "| High |\n| --- |", "Low water", "| Ebb |\n| --- |", "Slack"]
    assert answer.text == "\n\n".join(pieces)
    assert (len(answer.tables), answer.truncated) == (2, False)
    cut = spotted(json.dumps([{"bbox_2d": [100, 100, 900, 200], "text": "<table><tr><td>Ebb</td></tr>"}]))
    assert cut.truncated


def test_html_without_a_known_frame_has_no_places_but_says_why():
    answer = parsed('<p data-bbox="100 100 900 200">Two</p>', None)
    assert boxes(answer) == {"Two": None}
    assert "coordinates=" in answer.doubt


def test_html_without_places_stays_html():
    text = "<p>Two</p><table><tr><td>a</td></tr></table>"
    assert (parsed(text).text, parsed(text).text_format) == (text, "html")


def test_a_comment_that_is_not_about_a_place_stays():
    text = "# Tides\n\n<!-- page 3 -->\n\nHigh water"
    assert parsed(text).text == text


def test_a_table_far_from_its_comment_has_no_place():
    found = parsed("<!-- Table (100, 100, 900, 200) -->\nmore\n\n<table><tr><td>a</td><td>b</td></tr></table>")
    assert [table.quad for table in found.tables] == [None]
    assert found.text == "more\n\n| a | b |\n| --- | --- |"
