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
    *("<b>", "<ul><li>", "<a href='", "<!--", "<![", "<pre>", "<", "\\begin{table}\\begin{verbatim}", "| a |\n|---|\n"),
]


@pytest.mark.parametrize("piece", NASTY)
@pytest.mark.parametrize("text_format", ["plain", "latex", "html", "markdown"])
def test_time_grows_with_the_length_only(piece, text_format):
    started = time.process_time()
    to_markdown(piece * (60_000 // len(piece)), text_format)
    assert time.process_time() - started < 5  # what is quadratic takes minutes
