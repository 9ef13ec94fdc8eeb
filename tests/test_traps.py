"""Replies of one awkward token over and over: nothing that reads them takes the square of their length.

What is written in Python is held to the calls it makes for twice the length. Patterns make no calls: where one of them
went back and forth again, these tests would take minutes.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from qwen_ocr_loader import Field, Line, PageResult, Quad, Table
from qwen_ocr_loader.fields.completion import completed
from qwen_ocr_loader.fields.merging import merged_fields
from qwen_ocr_loader.markdown.mixed import to_markdown
from qwen_ocr_loader.markdown.page import as_markdown
from qwen_ocr_loader.markup import formulas, sniff, unwrapped
from qwen_ocr_loader.results import Place
from qwen_ocr_loader.tables import TableSplitter, find_tables
from qwen_ocr_loader.witness.comparison import witnessed
from qwen_ocr_loader.writing import part_of_line

if TYPE_CHECKING:
    from collections.abc import Callable

LONG = 60_000
BOX = Quad.from_box(0.1, 0.1, 0.9, 0.2)
TOKENS = [
    *("<td>", "<table>", "<table", "</", '<a href="', '<td a="', "<!--", "<![", "<td rowspan=1000 colspan=1000>x<tr>"),
    *("\\begin{tabular}", "\\begin{tabular}{l}a&", "\\begin{equation}", "\\multicolumn{2}", "\\\\[", "\\[", "\\("),
    *("{", "}", "$", "$$a", "|", "|\n", "a|b\n-|-\n", "\\", "\\|", "![", "[a](", "`", "*", "_a", "\\textbf{", "&", "~"),
]


def calls(work: Callable[[], object]) -> int:
    """How many functions are called for it."""
    count = 0

    def note(_frame: object, event: str, _arg: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def page(texts: list[str], **more: object) -> PageResult:
    lines, text = [], ""
    for said in texts:
        lines.append(Line(said, len(text), len(text) + len(said), BOX, 0.99))
        text += said + "\n"
    return PageResult(0, 1000, 1400, "px", text, lines=tuple(lines), **more)


def bare(text: str) -> PageResult:
    return PageResult(0, 1000, 1400, "px", text)


@pytest.mark.parametrize("token", TOKENS)
def test_every_reader_of_markup_comes_to_an_end(token: str):
    text = (token * (LONG // len(token) + 1))[:LONG]
    for given in (text, "<table>" + text, "a|b\n-|-\n|" + text, "\\begin{tabular}{l}" + text):
        assert len(find_tables(given)) <= LONG
        assert TableSplitter(lambda part: [part], 1000).split_text(given)
    for text_format in ("plain", "markdown", "latex", "html"):
        assert isinstance(to_markdown(text, text_format), str)
    assert Table("", ((text, text),)).to_markdown().count("\n") == 1
    assert sniff(unwrapped(text)) in ("plain", "markdown", "latex", "html")
    assert len(formulas(text)) <= LONG


def same_word(n: int) -> object:
    return witnessed(bare("foo " * n), page(["foo"] * n))


def single_letters(n: int) -> object:
    return witnessed(bare("1 2 3 " * n), page(["1 2 3 " * (n // 20)] * 20))


def one_line(n: int) -> object:
    words = " ".join(f"w{number * 7919 % 10_007}x" for number in range(n))
    return witnessed(bare(words), page([words.replace("9x", "9y")]))


def left_out(n: int) -> object:
    ours = [f"said {number * 7919 % 10_007}" for number in range(n)]
    return as_markdown(witnessed(bare("\n".join(ours)), page([f"unsaid {line}ly" for line in ours])))


def many_fields(n: int) -> object:
    return completed(page(["foo bar"], fields={f"f{at}": Field(f"v{at}") for at in range(n)}), "all")


def long_list(n: int) -> object:
    places = tuple(Place((at, "a"), "x", BOX) for at in range(n))
    return merged_fields([{"f": Field([{"a": "x"}] * n, places=places)}] * 2)


def one_long_line(n: int) -> object:
    text = "abc " * n
    return [part_of_line(BOX, text, at, at + 3) for at in range(0, len(text), 4)]


@pytest.mark.parametrize("work", [same_word, single_letters, one_line, left_out, many_fields, long_list, one_long_line])
def test_twice_as_much_takes_about_twice_the_calls(work: Callable[[int], object]):
    work(50)  # what is loaded and kept the first time
    assert calls(lambda: work(800)) < 3 * calls(lambda: work(400))
