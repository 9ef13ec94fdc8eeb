"""Markup in, rows out."""

from __future__ import annotations

import csv
import io
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_ocr_loader import Table
from qwen_ocr_loader.errors import MissingDependency
from qwen_ocr_loader.tables import find_tables, html_tables, to_csv, to_html, to_markdown
from qwen_ocr_loader.tables.cells import MOST_LETTERS, MOST_PLACES, MOST_REPEATED


def rows(text: str) -> list[list[str]]:
    (found,) = find_tables(text)
    return [list(row) for row in found.table.rows]


HTML = {
    "plain": ("<table><tr><td>a</td><td>b</td></tr><tr><td>1</td><td>2</td></tr></table>", [["a", "b"], ["1", "2"]]),
    "head and body": (
        "<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>",
        [["a"], ["1"]],
    ),
    "columns": (
        "<table><tr><td colspan='2'>a</td></tr><tr><td>1</td><td>2</td></tr></table>",
        [["a", "a"], ["1", "2"]],
    ),
    "rows": ('<table><tr><td rowspan="2">a</td><td>b</td></tr><tr><td>c</td></tr></table>', [["a", "b"], ["a", "c"]]),
    "both": (
        "<table><tr><td rowspan=2 colspan=2>a<td>b<tr><td>c<tr><td>1<td>2<td>3</table>",
        [["a", "a", "b"], ["a", "a", "c"], ["1", "2", "3"]],
    ),
    "overlapping": (
        "<table><tr><td>a</td><td rowspan=2>b</td></tr><tr><td colspan=2>c</td></tr></table>",
        [["a", "b"], ["c", "b"]],
    ),
    "too many rows": ("<table><tr><td rowspan=9>a</td><td>b</td></tr></table>", [["a", "b"]]),
    "rowspan to the end": (
        "<table><tr><td rowspan=0>a</td><td>b</td></tr><tr><td>c</td></tr></table>",
        [["a", "b"], ["a", "c"]],
    ),
    "nonsense spans": ("<table><tr><td colspan='x' rowspan='-2'>a</td><td colspan=0>b</td></tr></table>", [["a", "b"]]),
    "ragged": ("<table><tr><td>a</td></tr><tr><td>1</td><td>2</td></tr></table>", [["a", ""], ["1", "2"]]),
    "no end tags but the last": ("<table><tr><td>a<td>b<tr><td>1<td>2</table>", [["a", "b"], ["1", "2"]]),
    "no table tag": ("<tr><td>a</td></tr><tr><td>1</td></tr></table>", [["a"], ["1"]]),
    "entities": ("<table><tr><td>A&amp;B &lt;5&nbsp;% &eacute;</td></tr></table>", [["A&B <5 % é"]]),
    "line breaks": ("<table><tr><td>one<br>two<br/>three\n   four</td></tr></table>", [["one\ntwo\nthree four"]]),
    "marks within": ("<table><tr><td>H<sub>2</sub>O <b>x</b></td></tr></table>", [["H2O x"]]),
    "upper case": ("<TABLE><TR><TD>a</TD></TR></TABLE>", [["a"]]),
    "nested": (
        "<table><tr><td>a<table><tr><td>x</td><td>y</td></tr><tr><td>z</td></tr></table>b</td><td>c</td></tr></table>",
        [["a\nx y\nz\nb", "c"]],
    ),
    "empty rows are none": ("<table><tr></tr><tr><td>a</td></tr></table>", [["a"]]),
    "indented": ("<table>\n  <tr>\n    <td>\n a  b\n</td>\n  </tr>\n</table>", [["a b"]]),
    "a marked section": ("<table><tr><td>a <![foo b</td></tr></table>", [["a <![foo b"]]),
}


@pytest.mark.parametrize("name", HTML)
def test_html(name: str):
    text, expected = HTML[name]
    assert rows(text) == expected
    assert find_tables(text)[0].whole


def test_several_tables_keep_their_html_and_order():
    text = "before <table><tr><td>a</td></tr></table>\nbetween\n<table border=1><tr><td>b</td></tr></table> after"
    first, second = find_tables(text)
    assert first.table.html == "<table><tr><td>a</td></tr></table>"
    assert second.table.html == "<table border=1><tr><td>b</td></tr></table>"
    assert text[second.start :].startswith("<table border")


def test_a_table_whose_end_is_missing_ends_where_the_next_begins():
    first, second = find_tables("<table><tr><td>a</td></tr>\n<table><tr><td>b</td></tr></table>")
    assert (first.table.rows, second.table.rows) == ((("a",),), (("b",),))
    assert first.table.html == "<table><tr><td>a</td></tr>"


@pytest.mark.parametrize(
    "tail", ["", "<tr>", "<tr><td>3", "<tr><td>3</td><td", "<tr><td>3</td><td>4</td>", "<tr><td>3<table><tr><td>x"]
)
def test_what_was_cut_off_has_its_whole_rows(tail: str):
    (found,) = find_tables("<table><tr><td>1</td><td>2</td></tr>" + tail)
    assert not found.whole
    assert found.table.rows == (("1", "2"),)


def test_a_table_cut_off_in_its_first_row_has_none():
    (found,) = find_tables("<table><tr><td>1</td><td>2")
    assert (found.table.rows, found.whole) == ((), False)


def test_spans_cannot_blow_up():
    row = "<tr><td colspan=99999 rowspan=65534>x</td></tr>"
    (few,), (many,) = html_tables(f"<table>{row * 40}</table>"), html_tables(f"<table>{row * 3000}</table>")
    assert few.table.rows[0][:1000] == ("x",) * 1000
    assert len(many.table.rows) == 3000
    assert sum(map(len, many.table.rows)) < MOST_REPEATED + MOST_PLACES


def test_a_long_merged_cell_stands_once_where_its_text_would_fill_megabytes():
    long, short = "word " * 200, "<td>a</td>"
    (found,) = html_tables(f"<table><tr><td colspan=1000 rowspan=0>{long}</td></tr>{'<tr>' * 49}</table>")
    (first, *others) = [cell for row in found.table.rows for cell in row]
    assert (first, set(others), len(others)) == (long.strip(), {""}, 49_999)
    (found,) = html_tables(f"<table><tr><td rowspan=0>{long}</td></tr>{f'<tr>{short}</tr>' * 900}</table>")
    assert {row[0] for row in found.table.rows} == {long.strip()}
    assert found.table.rows[1:] == ((long.strip(), "a"),) * 900


def test_all_merged_cells_of_a_table_share_what_they_may_repeat():
    row = f"<tr><td colspan=800>{'x' * 500}</td></tr>"
    (found,) = html_tables(f"<table>{row * 20}</table>")
    letters = sum(len(cell) for row in found.table.rows for cell in row)
    assert MOST_LETTERS / 2 < letters <= MOST_LETTERS + 20 * 500
    assert {row[0] for row in found.table.rows} == {"x" * 500}


def test_merged_cells_within_one_another_cannot_blow_up():
    (found,) = html_tables("<table><tr><td colspan=2>" * 22 + "x" + "</td></tr></table>" * 22)
    assert sum(map(len, found.table.rows[0])) < 3 * MOST_LETTERS


def test_one_long_row_does_not_lengthen_thousands_of_others():
    (found,) = html_tables("<table><tr>" + "<td>a" * 5000 + "<tr><td>b" * 5000 + "</table>")
    assert [len(row) for row in found.table.rows] == [5000] + [1] * 5000


@given(st.text(alphabet="<>/!-[]&;=\"' \ntabledhrcospn019", max_size=200))
def test_garbage_never_raises(text: str):
    for found in find_tables("<t" + text):
        assert len({len(row) for row in found.table.rows}) <= 1


cells = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=8)


@given(st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(cells, min_size=n, max_size=n), min_size=1, max_size=5)))
def test_rows_survive_html_markdown_and_csv(table: list[list[str]]):
    given_rows = tuple(map(tuple, table))
    assert html_tables(to_html(given_rows))[0].table.rows == given_rows
    assert [tuple(row) for row in csv.reader(io.StringIO(to_csv(given_rows)))] == list(given_rows)
    if not any("<" in cell or "`" in cell for row in table for cell in row):
        assert [tuple(row) for row in rows("\n" + to_markdown(given_rows))] == list(given_rows)


def test_markdown_of_rows():
    assert to_markdown((("a", "b|c"), ("1\n2", ""))) == "| a | b\\|c |\n| --- | --- |\n| 1<br>2 |  |"
    assert to_markdown(()) == ""


LATEX = {
    "plain": ("\\begin{tabular}{|l|r|}\n\\hline\na & b \\\\ \\hline\n1 & 2 \\\\\n\\hline\n\\end{tabular}", [["a", "b"], ["1", "2"]]),  # noqa: E501
    "escapes": ("\\begin{tabular}{ll} A \\& B & 5\\% \\\\ \\textbf{x} & \\$3 \\\\ \\end{tabular}", [["A & B", "5%"], ["x", "$3"]]),  # noqa: E501
    "multicolumn": ("\\begin{tabular}{ll}\\multicolumn{2}{c}{a}\\\\ 1 & 2\\end{tabular}", [["a", "a"], ["1", "2"]]),
    "multirow": ("\\begin{tabular}{ll}\\multirow{2}{*}{a} & b \\\\ \\cline{2-2} & c \\\\ d & e\\end{tabular}", [["a", "b"], ["a", "c"], ["d", "e"]]),  # noqa: E501
    "booktabs": ("\\begin{tabular}{@{}l@{}}\\toprule a \\\\[2pt] \\midrule b \\\\ \\bottomrule\\end{tabular}", [["a"], ["b"]]),  # noqa: E501
    "width": ("\\begin{tabularx}{\\textwidth}{XX} a & b \\\\ \\end{tabularx}", [["a", "b"]]),
    "an empty cell": ("\\begin{tabular}{ll} a & \\\\ & b \\\\ \\end{tabular}", [["a", ""], ["", "b"]]),
    "a row of empty cells": ("\\begin{tabular}{ll} a & b \\\\ & \\\\ \\end{tabular}", [["a", "b"], ["", ""]]),
}  # fmt: skip


@pytest.mark.parametrize("name", LATEX)
def test_latex(name: str):
    text, expected = LATEX[name]
    assert rows(text) == expected


def test_latex_cut_off_has_its_whole_rows_and_an_array_is_no_table():
    (found,) = find_tables("\\begin{tabular}{ll} a & b \\\\ 1 & 2")
    assert (found.table.rows, found.whole) == ((("a", "b"),), False)
    assert find_tables("\\begin{array}{ll} a & b \\end{array}") == ()


def test_markdown_tables():
    text = "Prices\n\n| Item | Price |\n|:---|---:|\n| Bolt \\| nut | 3<br>4 |\n| Pin | |\n\nmore | less\n"
    assert rows(text) == [["Item", "Price"], ["Bolt | nut", "3\n4"], ["Pin", ""]]
    assert rows("a | b\n--- | ---\n1 | 2") == [["a", "b"], ["1", "2"]]
    assert find_tables("either | or\n\n---\n\nnothing") == ()


def test_a_table_as_a_dataframe():
    pd = pytest.importorskip("pandas")
    table = Table("", (("Item", "Price"), ("Bolt", "0.20"), ("Nut", "")))
    frame = table.to_dataframe()
    assert list(frame.columns) == ["Item", "Price"]
    assert frame.to_numpy().tolist() == [["Bolt", "0.20"], ["Nut", ""]]
    assert isinstance(Table("", ()).to_dataframe(), pd.DataFrame)


RAGGED = f"<table><tr><td>Head</td></tr><tr>{'<td>c</td>' * 900}</tr>{'<tr><td>a</td></tr>' * 600}</table>"


def test_a_dataframe_of_rows_of_several_lengths_is_as_wide_as_the_longest():
    pytest.importorskip("pandas")
    (found,) = html_tables(RAGGED)
    assert {len(row) for row in found.table.rows} == {1, 900}
    frame = found.table.to_dataframe()
    assert list(frame.columns) == ["Head", *[""] * 899]
    assert frame.to_numpy().tolist() == [["c"] * 900, *[["a", *[""] * 899]] * 600]
    assert Table("", ((), ("a",))).to_dataframe().to_numpy().tolist() == [["a"]]


def test_a_header_in_markdown_is_as_long_as_the_longest_row():
    (found,) = html_tables(RAGGED)
    header, rule, longest, *others = found.table.to_markdown().split("\n")
    assert (header.count("|"), rule.count("---"), longest.count("c")) == (901, 900, 900)
    assert others == ["| a |"] * 600
    assert to_markdown(((), ("a",))) == "|  |\n| --- |\n| a |"
    assert to_markdown(((),)) == ""


def test_without_pandas_the_error_says_what_to_type(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingDependency, match="pip install pandas"):
        Table("", (("a",), ("1",))).to_dataframe()


# --- written and read again ------------------------------------------------------------------------------------------

CELLS = st.text(st.sampled_from("a |\\\n$<>b/r5\r\u2028-:"), max_size=14) | st.sampled_from(
    ["<br>", "\\<br>", "$|x|$", "$\\|x\\|$", "$$a|b$$", "a\\|b", "a\\\\|b", "c:\\", "x\\\ny"]
)


def as_read(cell: str) -> str:
    """A cell as it is read again: no white space at its lines' ends, and formulas' pipes by name or as signs."""
    lines = "\n".join(filter(None, (line.strip() for line in cell.splitlines())))
    return re.sub(r"\\([vV])ert ?", lambda bar: "|" if bar[1] == "v" else "\\|", lines)


@given(st.integers(1, 3).flatmap(lambda width: st.lists(st.tuples(*[CELLS] * width), min_size=1, max_size=4)))
def test_what_is_written_is_read_again(cells):
    written = to_markdown(tuple(cells))
    (found,) = find_tables(written)
    assert (found.start, found.end) == (0, len(written))
    assert [[*map(as_read, row)] for row in found.table.rows] == [[*map(as_read, row)] for row in cells]
    assert found.table.to_markdown() == written


def test_bars_of_a_norm_stay_a_norm():
    assert "$\\Vert x\\Vert$" in to_markdown((("$\\|x\\|$", "a"),))


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (r"10\,000", "10 000"),
        (r"a\;b~c\quad d\qquad{}", "a b c d {}"),
        (r"a\!b", "ab"),
        (r"$a\,b\;c~d$ and\,e", r"$a\,b\;c~d$ and e"),
        (r"$\{x\}\_1$ \& \{y\}", r"$\{x\}\_1$ & {y}"),
        (r"\textbf{$\text{a}$ b}", r"$\text{a}$ b"),
        (r"\quadrat", r"\quadrat"),
    ],
)
def test_spaces_of_latex_are_spaces_outside_formulas(cell: str, text: str):
    assert rows(rf"\begin{{tabular}}{{ll}}{cell} & x\\ \end{{tabular}}") == [[text, "x"]]
