"""Replies of document models, written by hand in their dialects, against the Markdown expected of them."""

import json
import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from qwen_ocr_loader.answers import read_answer
from qwen_ocr_loader.markdown.mixed import to_markdown

FOLDER = Path(__file__).parent / "replies" / "markdown"
FORMATS = {".tex": "latex", ".html": "html", ".txt": "markdown"}
SAMPLES = sorted(path for path in FOLDER.iterdir() if path.suffix in FORMATS)
RECORDED = sorted((FOLDER.parent / "dashscope").glob("document_*.json"))
every_sample = pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name)


def expected(sample: Path) -> str:
    return sample.with_name(f"{sample.name}.md").read_text(encoding="utf-8")


@every_sample
def test_a_reply_becomes_the_markdown_expected(sample):
    text = sample.read_text(encoding="utf-8")
    assert to_markdown(text, FORMATS[sample.suffix]) + "\n" == expected(sample)


def test_there_are_enough_samples():
    assert len(SAMPLES) >= 30


@every_sample
def test_clean_markdown_comes_back_as_it_is(sample):
    clean = expected(sample).strip("\n")
    assert to_markdown(clean, "markdown") == clean


@every_sample
def test_nothing_in_a_reply_can_run_once_it_is_shown(sample):
    shown = MarkdownIt("commonmark").enable("table").render(expected(sample))
    assert not re.search(r"<(?!/?(?:br|sub|sup|[a-z]+[1-6]?\b))|<script|<style|onerror|href=\"javascript", shown)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_recorded_documents_become_markdown_without_a_command_left(path):
    (choice,) = json.loads(path.read_text(encoding="utf-8"))["reply"]["output"]["choices"]
    answer = read_answer("document_parsing", choice["message"]["content"][0]["text"], None, 1000, 1000)
    shown = to_markdown(answer.text, answer.text_format)
    outside = re.sub(r"\$\$.*?\$\$|\$[^$\n]+\$", "", shown, flags=re.DOTALL)
    assert not re.search(r"\\[a-zA-Z]{2,}|<table|```latex", outside)
    assert all(formula in shown for formula in answer.formulas if "begin" not in formula)


@pytest.mark.parametrize(
    ("said", "shown", "formulas"),
    [
        ("$$a = \\frac{1}{2}$$", "$$a = \\frac{1}{2}$$", ("a = \\frac{1}{2}",)),
        ("```latex\n\\[ x^2 \\]\n```", "$$x^2$$", ("x^2",)),
        ("\\frac{a}{b}", "$$\\frac{a}{b}$$", ("\\frac{a}{b}",)),
    ],
)
def test_a_formula_stands_between_dollars_and_is_listed(said, shown, formulas):
    answer = read_answer("formula_recognition", said, None, 100, 100)
    assert (to_markdown(answer.text, answer.text_format), answer.formulas) == (shown, formulas)


def test_print_keeps_its_line_breaks_and_escapes_only_what_markdown_would_take_for_markup():
    said = "Total *\n# of items 3\n<b>5 < 6</b>\n* one\n\nJ. *Smith* snake_case 4*5*6 &amp; \\(x_1\\)\n---\n[1]: note"
    assert to_markdown(said, "plain").split("\n") == [
        "Total *  ",
        "\\# of items 3  ",
        "\\<b>5 < 6\\</b>",
        "* one",
        "",
        "J. \\*Smith* snake_case 4\\*5*6 \\&amp; $x_1$  ",
        "\\---  ",
        "\\[1]: note",
    ]


PIPES = "| A |\n| --- |\n| 1 |"
IN_TABLE = "<tr><th>A</th></tr><tr><td>1</td></tr>"


@pytest.mark.parametrize("text_format", ["html", "markdown", "latex"])
def test_a_caption_stands_over_its_table_and_other_words_around_it(text_format):
    said = f"Before\n\n<table><caption>Table 1: Sales<br>in EUR</caption>{IN_TABLE}Source: us</table>\n\nAfter"
    parts = ["Before", "Table 1: Sales  \nin EUR", PIPES, "Source: us", "After"]
    assert to_markdown(said, text_format) == "\n\n".join(parts)


def test_words_around_a_table_are_no_markup():
    said = f"<table><caption># 5 &lt;b></caption>{IN_TABLE}&gt; *a*</table>"
    assert to_markdown(said, "html") == f"\\# 5 \\<b>\n\n{PIPES}\n\n\\> \\*a*"


def test_a_tag_printed_in_a_table_in_latex_is_none_in_markdown():
    said = "<table><caption>A &lt;b></caption><tr><td>&lt;script>x</td><td>**b** $a<b$ 5\\%</td></tr></table>"
    shown = "A \\<b>\n\n| \\<script>x | **b** $a<b$ 5\\% |\n| --- | --- |"
    assert to_markdown(said, "latex") == shown


def test_a_table_cut_off_has_its_caption():
    assert to_markdown(f"<table><caption>T</caption>{IN_TABLE}<tr><td>2", "html") == f"T\n\n{PIPES}"
    assert to_markdown("<table><caption>T</caption><tr><td>2", "html") == "T"
    assert to_markdown("<table><caption>T</caption></table> after", "html") == "T\n\nafter"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            "<p>first</p><p>HTML uses <title> for the title.</p><p>second</p>",
            "first\n\nHTML uses \\<title> for the title.\n\nsecond",
        ),
        ("<p>a <title> b</p><head><title>T</title></head><p>c</p>", "a \\<title> b\n\nc"),
        ("a <style> b <b>c</b>", "a \\<style> b **c**"),
        ("a <template>b", "a \\<template>b"),
        ("a <iframe src=x> b", "a b"),
        ("a <script src='x'> b </style> c", "a b c"),
        ("a <textarea> b <plaintext> c <b>d</b>", "a b c **d**"),
        ("a <script>if (x<y) {}</script> b <svg><title>t</title><text>u</text></svg> c", "a b c"),
        ("a <svg>b <title>c</svg> d</title> e", "a e"),
        (
            "<p>Mail <joe@example.com></p><p>of <John Doe> </joe></p>",
            "Mail \\<joe@example.com>\n\nof \\<John Doe> \\</joe>",
        ),
        ("Mail <joe@example.com", "Mail \\<joe@example.com"),
        ("<!DOCTYPE html><?xml version='1'?><p>run <?php x ?></p><sp", "run \\<?php x ?>"),
        ("<math><mi>x</mi></math> <CENTER>y</CENTER>", "x\n\ny"),
    ],
)
def test_html_that_never_closes_hides_nothing_and_what_is_no_tag_is_print(said, shown):
    assert to_markdown(said, "html") == shown


def test_a_small_reply_with_merged_cells_stays_small():
    said = f"<table><tr><td colspan=1000 rowspan=0>{'word ' * 200}</td></tr>{'<tr>' * 49}</table>"
    assert len(to_markdown(said, "html")) < 200_000


# --- whatever comes --------------------------------------------------------------------------------------------------

WORD = st.integers(0, 10**6).map("w{}q".format)
MARKS = st.sampled_from(
    [
        *("{", "}", " ", "\n", "\n\n", "&", "$", "$$", "\\\\", "~", "<", "`", "#", "*", "|", "-", "\\", "[", "]"),
        *(
            "\\textbf{",
            "\\emph{",
            "\\section{",
            "\\footnote{",
            "\\title{",
            "\\item ",
            "\\item[",
            "\\mystery{",
            "{\\bf ",
        ),
        *("\\begin{itemize}", "\\end{itemize}", "\\begin{enumerate}", "\\end{enumerate}", "\\begin{quote}"),
        *("\\begin{tabular}{ll}", "\\end{tabular}", "\\begin{table}", "\\end{table}", "\\end{quote}", "\\hline"),
        *("\\begin{equation}", "\\end{equation}", "\\[", "\\]", "\\(", "\\)", "\\begin{verbatim}", "\\end{verbatim}"),
        *("\\caption{", "\\texttt{", "\\underline{", "\\textsuperscript{", "\\ss", "\\begin{abstract}"),
        *("<b>", "</b>", "<li>", "<ul>", "</ul>", "<pre>", "</pre>", "<a href='x'>", "</a>", "<h1>", "<p>", "&amp;"),
    ]
)
SOUP = st.lists(st.one_of(WORD, MARKS), max_size=60)


@given(SOUP)
def test_latex_never_loses_a_word(soup):
    text = " ".join(soup)
    shown = to_markdown(text, "latex")
    assert [word for word in re.findall(r"w\d+q", text) if word not in shown] == []


@given(SOUP)
def test_mixtures_never_lose_a_word(soup):
    text = " ".join(soup)
    shown = to_markdown(text, "markdown")
    assert [word for word in re.findall(r"w\d+q", text) if word not in shown] == []


@given(SOUP)
def test_html_never_loses_a_word(soup):
    text = " ".join(soup)
    shown = to_markdown(text, "html")
    assert [word for word in re.findall(r"w\d+q", text) if word not in shown] == []


@given(st.text(), st.sampled_from(["plain", "latex", "html", "markdown"]))
def test_no_text_is_too_odd(text, text_format):
    assert "\x01" not in to_markdown(text, text_format)


TABLE_MARKS = st.sampled_from(
    [
        *("<tr>", "</tr>", "<td>", "</td>", "<th colspan=2>", "<caption>", "</caption>", "<thead>", "</tbody>", "<br>"),
        *("<p>", "<b>", "</b>", "<title>", "<style>", "<iframe>", "<svg>", "<textarea>", "<!--", "<", "</table"),
    ]
)


@given(st.lists(st.one_of(WORD, TABLE_MARKS), max_size=30), st.sampled_from(["html", "markdown"]))
def test_a_table_never_loses_a_word(soup, text_format):
    text = f"<table>{' '.join(soup)}</table>"
    shown = to_markdown(text, text_format)
    assert [word for word in re.findall(r"w\d+q", text) if word not in shown] == []


LINE = st.lists(WORD, min_size=1, max_size=6).map(" ".join)
BLOCK = st.one_of(
    LINE,
    LINE.map("## {}".format),
    LINE.map("**{}** and *more*".format),
    st.lists(LINE, min_size=1, max_size=4).map(lambda lines: "\n".join(f"- {line}" for line in lines)),
    st.lists(LINE, min_size=1, max_size=4).map(
        lambda lines: "| a | b |\n| --- | --- |\n| " + " | ".join(lines[:1] * 2) + " |"
    ),
    LINE.map("$$\n\\begin{{aligned}}\n{} &= \\frac{{1}}{{2}}\n\\end{{aligned}}\n$$".format),
    LINE.map("costs $5, $x_1$ and `{} <b> \\textbf{{x}}`".format),
    LINE.map("```python\n<b>{}</b> \\begin{{tabular}}\n```".format),
)


@given(st.lists(BLOCK, max_size=8).map("\n\n".join))
def test_markdown_that_is_clean_stays(text):
    assert to_markdown(text, "markdown") == text


NASTY = [
    *(
        "{",
        "$",
        "\\[",
        "\\begin{itemize}\\item ",
        "\\begin{equation}",
        "\\textbf{",
        "\\href{",
        "\\footnote{",
        "\\section{",
    ),
    *(
        "\\begin{tabular}{l} a &",
        "\\verb|",
        "\\texttt{a",
        "\\multicolumn{2}{c}{",
        "\\begin{quote}",
        "`",
        "```\n",
        "*a",
        "    ",
    ),
    *(
        "<b>",
        "<ul><li>",
        "<a href='",
        "<!--",
        "<![",
        "<pre>",
        "<",
        "<title>",
        "<svg><a b='<'>",
        "\\begin{table}\\begin{verbatim}",
        "| a |\n|---|\n",
    ),
]


@pytest.mark.parametrize("piece", NASTY)
@pytest.mark.parametrize("text_format", ["plain", "latex", "html", "markdown"])
def test_time_grows_with_the_length_only(piece, text_format):
    started = time.process_time()
    to_markdown(piece * (60_000 // len(piece)), text_format)
    assert time.process_time() - started < 5  # what is quadratic takes minutes
