"""Replies that are text: its format, what is taken off it, and which say nothing of their page."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answer_pages import FENCE, in_page
from qwen_ocr_loader.answers import read_answer, says_blank, unreadable
from qwen_ocr_loader.errors import ReplyUnreadable
from qwen_ocr_loader.markup import formula_text, sniff, unfenced
from qwen_ocr_loader.tasks import TASKS

# --- text ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Harbour dues\nNo. 7", "plain"),
        ("# 12 Quay Street\nGalway", "plain"),
        ("# Tides\n\n## High water\n\ntext", "markdown"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "markdown"),
        ("<table><tr><td>a</td></tr></table>", "html"),
        ("a < b and b > c <p", "plain"),
        ("\\begin{align}a&=b\\end{align}", "latex"),
        ("costs $5 and $6", "plain"),
        ("Rows: 1 - 2\n---\nmore", "plain"),
    ],
)
def test_plain_tasks_sniff_with_care(text: str, kind: str):
    for task in ("text_recognition", "multi_lan", None):
        answer = read_answer(task, text, None, 10, 10)
        assert (answer.text, answer.text_format) == (text, kind)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("# Tides\n\ntext", "markdown"),
        ("\\section{Tides}\ntext", "latex"),
        ("<p>Tides</p>\n<table><tr><td>a</td></tr></table>", "html"),
        ("Tides\n\n<table><tr><td>a</td></tr></table>", "markdown"),
        ("The height is\n$$h=1$$", "markdown"),
        ("$$h=1$$", "latex"),
        ("Tides", "plain"),
    ],
)
def test_document_formats(text: str, kind: str):
    assert sniff(text) == kind
    assert read_answer("document_parsing", text, None, 10, 10).text == text


def test_only_a_fence_round_everything_comes_off():
    listing = f"Run this:\n{FENCE}python\nprint(1)\n{FENCE}"
    assert read_answer(None, listing, None, 10, 10).text == listing
    two = f"{FENCE}\na\n{FENCE}\nand\n{FENCE}\nb\n{FENCE}"
    assert read_answer(None, two, None, 10, 10).text == two
    assert read_answer(None, f"{FENCE}markdown\n# A\n\n{listing}\n{FENCE}", None, 10, 10).text == f"# A\n\n{listing}"
    assert unfenced(f"{FENCE}text\na\n{FENCE}") == "a"


def test_lines_of_text_skip_blanks_and_keep_their_spans():
    answer = read_answer("text_recognition", "\n  one \n\n\ttwo  words\n", None, 10, 10)
    assert [line.text for line in in_page(answer).lines] == ["one", "two  words"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$$a=b$$", ("$$a=b$$", ("a=b",))),
        ("$$\na=b\n$$", ("$$a=b$$", ("a=b",))),
        ("\\[a=b\\]", ("$$a=b$$", ("a=b",))),
        ("a=b", ("$$a=b$$", ("a=b",))),
        ("$a=b$", ("$$a=b$$", ("a=b",))),
        (f"{FENCE}latex\n\\begin{{equation*}}a=b\\end{{equation*}}\n{FENCE}", ("$$a=b$$", ("a=b",))),
        ("$$a$$ $$b$$", ("$$a$$\n\n$$b$$", ("a", "b"))),
        ("Here: $$a$$", ("Here: $$a$$", ("a",))),
        ("\\begin{align}a&=b\\end{align}", ("$$\\begin{align}a&=b\\end{align}$$", ("\\begin{align}a&=b\\end{align}",))),
    ],
)
def test_formulas(text: str, expected: tuple):
    assert formula_text(text) == expected


@given(
    st.sampled_from(
        ["text_recognition", "multi_lan", "table_parsing", "document_parsing", "formula_recognition", None]
    ),
    st.text(),
)
def test_text_tasks_read_anything(task, text: str):
    try:
        answer = in_page(read_answer(task, text, None, 10, 10))
    except ReplyUnreadable:
        assert unreadable(text)
    else:
        answer.text.encode()
        assert "\0" not in answer.text


@given(
    st.sampled_from(["table_parsing", "document_parsing", "formula_recognition", "advanced_recognition", None]),
    st.lists(st.sampled_from([FENCE, "html", "\n", "<table>", "<tr>", "<td>", "</td>", "|", "---", "$$", "\\[", "\\]", "\\begin{tabular}{l}", "\\end{tabular}", "\\\\", "&", "{", "}", "[", '"text":', '"a"', "\\multirow", "\\multicolumn", "\ud800", "\0"]), max_size=30).map("".join),  # noqa: E501
)  # fmt: skip
def test_markup_garbage_is_read_or_unreadable(task, text: str):
    try:
        in_page(read_answer(task, text, None, 10, 10)).text.encode()
    except ReplyUnreadable as error:
        error.text.encode()


@pytest.mark.parametrize(
    "piece", ["\\[ ", "$", "<p>", "<td", "<table>", "<!--", "&nbsp", " ", "- ", "|", "|\n", "-", "\\begin{tabular}{l}", "{", '"', "\n", "[1,", "`"]  # noqa: E501
)  # fmt: skip
def test_a_long_reply_of_anything_is_read_in_a_moment(piece: str):
    text = "a" + piece * (20_000 // len(piece)) + "a"
    started = time.perf_counter()
    for task in (*TASKS, None):
        with suppress(ReplyUnreadable):
            read_answer(task, text, None, 10, 10)
    assert time.perf_counter() - started < 30


# --- replies that are none -------------------------------------------------------------------------------------------

NONE = [
    "![diagram](image.png)",
    "  ![](a.jpg)\n\n![b](c.png) ",
    '<img src="page.png">',
    f"{FENCE}markdown\n![page](image.png)\n{FENCE}",
    "I'm sorry, but I can't assist with that request.",
    "I’m sorry, I cannot read the text in this image. Please provide a clearer picture.",
    "Sorry, I am unable to process this document.",
    "I cannot view images directly.",
    "As an AI language model, I cannot see pictures.",
    "抱歉，我无法识别这张图片中的内容。",
    "很抱歉，我不能提供该信息的协助。",
    "对不起，无法处理您的图片。",
    "作为一个AI语言模型，我无法查看图片。",
    "Please output only the text content from the image without any additional descriptions or formatting.",
]
SOME = [
    "",
    "![logo](logo.png)\n\nHarbour Office\nGalway",
    "Dear Anna,\nI'm sorry, I can't come on Saturday.\nYours, Tom",
    "I'm sorry, I can't help you move.",
    "Chapter 3\nAs an AI researcher I have read many images of documents and I cannot complain.",
    "抱歉，我来晚了。",
    "对不起，本店不能刷卡",
    "As an air carrier we do not accept this ticket.",
    "Sorry\nWe do not process this document on Sundays.",
    "Exercise 4. Translate: \"I'm sorry, but I can't assist with that request.\"",
    "FAQ\n" + "I'm sorry, but I can't assist with that request. " + "More of the page. " * 60,
    "I'm sorry, but I can't read the document. " + "So began the letter, and it went on for pages. " * 20,
]


@pytest.mark.parametrize("text", NONE)
def test_no_reading(text: str):
    assert unreadable(text)
    for task in (*TASKS, None):
        with pytest.raises(ReplyUnreadable) as raised:
            read_answer(task, text, None, 10, 10)
        assert raised.value.text == text.strip()


@pytest.mark.parametrize("text", SOME)
def test_a_reading(text: str):
    assert unreadable(text) is None


def test_an_echo_of_ones_own_prompt():
    assert unreadable("List all the ships.", prompt="List all the  ships") == "it repeats the question"
    assert unreadable("List all the ships: Lantern, " + "Moran, " * 20, prompt="List all the ships") is None


@pytest.mark.parametrize(
    "text", ["There is no text in the image.", "The image does not contain any text.", "图片中没有文字。"]
)
def test_saying_that_a_page_is_blank_is_a_blank_page(text: str):
    assert says_blank(text)
    assert read_answer("text_recognition", text, None, 10, 10).text == ""
