"""Pages as Markdown: what the layout says, spans that hold, and the option that asks for it."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from batch_work import batch_of
from draw_pdfs import Sheet, pdf, prose, text
from openai_server import OpenAIServer
from qwen_ocr_loader import FakeEngine, Line, PageResult, Quad, Reader, Table
from qwen_ocr_loader.cli import main
from qwen_ocr_loader.errors import UnsupportedTask
from qwen_ocr_loader.layout import TextBox, compose
from qwen_ocr_loader.markdown.page import as_markdown
from qwen_ocr_loader.render import markdown, records
from qwen_ocr_loader.results import Agreement
from qwen_ocr_loader.squashed import squashed
from qwen_ocr_loader.tables import to_html

LONG = "The mill stores water at flood and lets it out at ebb, so that it turns for twelve hours a day in all weathers."
SMALL = 0.02


def page(*rows: tuple[str, float, float], text_format="plain", tables=()) -> PageResult:
    """A page of lines ``(text, top, height)``, put into reading order as an engine does."""
    boxes = [
        TextBox(text, Quad.from_box(0.1, top, 0.1 + min(0.007 * len(text), 0.8), top + high))
        for text, top, high in rows
    ]
    text, lines = compose(boxes, 1000, 1000)
    return PageResult(0, 1000, 1000, "px", text, text_format, lines, tables=tuple(tables))


def letters(text: str) -> str:
    return squashed(text, "letters").text


def holds(result: PageResult) -> bool:
    return all(result.text[line.start : line.end] == line.text for line in result.lines)


def test_large_lines_over_prose_are_headings():
    shown = as_markdown(
        page(("Tidal mills", 0.05, 0.05), ("How they work", 0.15, 0.03), (LONG, 0.25, SMALL), (LONG, 0.35, SMALL))
    )
    assert shown.text.split("\n\n") == ["# Tidal mills", "## How they work", LONG, LONG]
    assert [line.text for line in shown.lines] == ["Tidal mills", "How they work", LONG, LONG]
    assert shown.text_format == "markdown"


def test_numbered_lines_and_capitals_before_a_paragraph_are_headings():
    shown = as_markdown(
        page(("2.1 Wheels", 0.1, SMALL), (LONG, 0.2, SMALL), ("REFERENCES", 0.3, SMALL), (LONG, 0.4, SMALL))
    )
    assert shown.text.split("\n\n") == ["### 2.1 Wheels", LONG, "## REFERENCES", LONG]


def test_a_receipt_has_no_headings():
    rows = [
        ("BAKERY", 0.05, 0.06),
        ("TOTAL", 0.2, 0.05),
        ("Bread 2.50", 0.3, SMALL),
        ("1. RYE", 0.4, SMALL),
        ("CASH", 0.5, 0.04),
    ]
    assert "#" not in as_markdown(page(*rows)).text


def test_bullets_become_items_and_lines_keep_their_breaks():
    shown = as_markdown(
        page(("To buy:", 0.1, SMALL), ("• Bread", 0.13, SMALL), ("▪ Milk", 0.16, SMALL), ("1) Salt", 0.19, SMALL))
    )
    assert shown.text == "To buy:\n- Bread\n- Milk\n1) Salt"
    assert [line.text for line in shown.lines] == ["To buy:", "- Bread", "- Milk", "1) Salt"]
    assert as_markdown(page(("Ann Lee", 0.1, SMALL), ("12 Hill Rd", 0.13, SMALL))).text == "Ann Lee  \n12 Hill Rd"


def test_only_what_would_be_markup_is_escaped():
    shown = as_markdown(page(("# 5 <b>x</b> a_b 3*4 $5", 0.1, SMALL)))
    assert shown.text == "\\# 5 \\<b>x\\</b> a_b 3*4 $5"
    assert holds(shown)


ROWS = (("Item", "Price"), ("Tea", "2"), ("Cake | pie", "2"))


def test_a_table_takes_the_place_of_its_lines_which_point_into_its_cells():
    cells = [
        Line(text, 0, 0, Quad.from_box(0.1 + 0.4 * x, 0.3 + 0.05 * y, 0.3 + 0.4 * x, 0.33 + 0.05 * y))
        for y, row in enumerate(ROWS)
        for x, text in enumerate(row)
    ]
    boxes = [TextBox(cell.text, cell.quad) for cell in cells]
    around = [
        TextBox(text, Quad.from_box(0.1, top, 0.5, top + 0.02)) for text, top in (("Before", 0.1), ("After", 0.7))
    ]
    note = TextBox("not in a cell", Quad.from_box(0.1, 0.46, 0.4, 0.48))
    text, lines = compose([*boxes, *around, note], 1000, 1000)
    table = Table(to_html(ROWS), ROWS, Quad.from_box(0.05, 0.28, 0.95, 0.5))
    shown = as_markdown(PageResult(0, 1000, 1000, "px", text, lines=lines, tables=(table,)))
    assert shown.text.split("\n\n") == [
        "Before",
        "| Item | Price |\n| --- | --- |\n| Tea | 2 |\n| Cake \\| pie | 2 |",
        "not in a cell",
        "After",
    ]
    assert len(shown.lines) == len(lines)
    assert len({line.start for line in shown.lines}) == len(lines)  # the two cells that say 2 are two places
    assert holds(shown)
    assert {line.quad for line in shown.lines} == {line.quad for line in lines}


def test_lines_in_latex_are_found_again_with_their_boxes():
    text = "\\section{Tides}\n\\textbf{High} water \\& low, caf\\'e."
    parts = ["\\section{Tides}", "\\textbf{High} water \\& low", "caf\\'e."]
    quads = [Quad.from_box(0.1, 0.1 * n, 0.5, 0.1 * n + 0.05) for n in range(1, 4)]
    lines = tuple(
        Line(part, text.index(part), text.index(part) + len(part), quad, grounded=True)
        for part, quad in zip(parts, quads, strict=True)
    )
    result = PageResult(0, 100, 100, "px", text, "latex", lines)
    shown = as_markdown(result)
    assert shown.text == "# Tides\n\n**High** water & low, café."
    assert [line.text for line in shown.lines] == ["Tides", "High** water & low", "café"]
    assert [line.quad for line in shown.lines] == quads


def test_a_witness_says_the_same_of_the_text_written_anew():
    text = "\\textbf{One} two\n\n\\textbf{Three} four"
    invented = Line("four", text.index("four"), len(text))
    at = text.index("\\textbf{Three}")
    left_out = Line("lost", at, at)
    agreement = Agreement("local", 0.5, (left_out,), (invented,), True)
    shown = as_markdown(PageResult(0, 1, 1, "px", text, "latex", agreement=agreement))
    assert shown.agreement is not None
    (four,), (lost,) = shown.agreement.invented, shown.agreement.left_out
    assert shown.text[four.start : four.end] == "four"
    assert shown.text[lost.start :].startswith("Three")
    assert shown.agreement.score == 0.5


def test_markdown_stays_itself():
    result = PageResult(0, 1, 1, "px", "# A\n\n- b", "markdown", (Line("b", 7, 8),))
    assert as_markdown(result) is result
    assert as_markdown(replace(result, text="", lines=(), text_format="plain")).text == ""


BOX = st.builds(
    lambda text, x, y, w, h: TextBox(text, Quad.from_box(x, y, min(x + w, 1), min(y + h, 1))),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30).filter(str.strip),
    *(st.floats(0, 0.9) for _ in range(2)),
    *(st.floats(0.01, 0.3) for _ in range(2)),
)


@given(st.lists(BOX, max_size=12), st.lists(st.lists(st.text(max_size=5), min_size=2, max_size=2), max_size=3))
def test_spans_hold_and_no_letter_or_line_is_lost(boxes, rows):
    text, lines = compose(boxes, 1000, 1000)
    table = Table("", tuple(map(tuple, rows)), Quad.from_box(0, 0, 0.5, 0.5))
    result = PageResult(0, 1000, 1000, "px", text, lines=lines, tables=(table,))
    shown = as_markdown(result)
    assert holds(shown)
    assert len(shown.lines) == len(lines)
    assert sorted(letters(line.text) for line in shown.lines) == sorted(letters(line.text) for line in lines)


@given(st.text(max_size=200), st.sampled_from(["plain", "latex", "html", "markdown"]), st.data())
def test_spans_hold_whatever_the_text(text, text_format, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pairs = list(zip(cuts[::2], cuts[1::2], strict=False))
    lines = tuple(Line(text[a:b], a, b, Quad.from_box(0, 0, 1, 1)) for a, b in pairs)
    assert holds(as_markdown(PageResult(0, 1, 1, "px", text, text_format, lines)))


PARTS = st.sampled_from(
    ["<tr>", "<tr><td>", "<td>", "</td>", "</tr>", "<caption>", "</caption>", "<tbody>", "<br>", ""]
)


@given(st.lists(st.tuples(PARTS, PARTS), min_size=1, max_size=12), st.sampled_from(["html", "markdown", "latex"]))
def test_lines_in_and_around_a_tables_cells_keep_their_boxes(parts, text_format):
    text, lines = "<table>", []
    for number, (first, second) in enumerate(parts):
        word = f"w{number:02}q"
        text += first + second
        quad = Quad.from_box(0, number / 20, 1, number / 20 + 0.01)
        lines.append(Line(word, len(text), len(text) + len(word), quad))
        text += word
    shown = as_markdown(PageResult(0, 1, 1, "px", f"{text}</table>", text_format, tuple(lines)))
    assert holds(shown)
    assert [(line.text, line.quad) for line in shown.lines] == [(line.text, line.quad) for line in lines]


def test_ten_thousand_lines_take_no_time():
    rows = [(f"line {n} of a list • of things", n / 10_001, 1 / 20_000) for n in range(10_000)]
    boxes = [TextBox(text, Quad.from_box(0.1, top, 0.9, top + high)) for text, top, high in rows]
    text, at, lines = "\n".join(box.text for box in boxes), 0, []
    for box in boxes:
        lines.append(Line(box.text, at, at + len(box.text), box.quad))
        at += len(box.text) + 1
    shown = as_markdown(PageResult(0, 100, 100, "px", text, lines=tuple(lines)))
    assert len(shown.lines) == 10_000


# --- the option ------------------------------------------------------------------------------------------------------

LATEX = PageResult(0, 1, 1, "px", "\\section{One}\nTwo \\textbf{three}.", "latex")


class Counting(FakeEngine):
    """Counts the pages it reads."""

    count = 0

    def read(self, scan, tasks):
        Counting.count += 1
        return super().read(scan, tasks)


@pytest.fixture
def scan(tmp_path):
    path = tmp_path / "scan.png"
    Image.new("L", (60, 40), 255).save(path)
    return path


def read(scan, **options):
    (result,) = Reader(engine=FakeEngine({0: LATEX}), **options).read(scan)
    return result


def test_text_stays_as_it_came_unless_asked_otherwise(scan):
    assert (read(scan).text, read(scan).text_format) == (LATEX.text, "latex")
    shown = read(scan, text_format="markdown")
    assert (shown.text, shown.text_format) == ("# One\n\nTwo **three**.", "markdown")


def test_what_is_cached_serves_both_formats(scan, tmp_path):
    Counting.count = 0
    for text_format, shown in ((None, LATEX.text), ("markdown", "# One\n\nTwo **three**."), (None, LATEX.text)):
        engine = Counting({0: LATEX})
        (result,) = Reader(engine=engine, cache=tmp_path / "cache", text_format=text_format).read(scan)
        assert result.text == shown
    assert Counting.count == 1


def test_the_id_is_another_in_another_format_and_the_old_one_without(scan):
    ids = {
        text_format: next(records(Reader(engine=FakeEngine({0: LATEX}), text_format=text_format), scan)).id
        for text_format in (None, "markdown")
    }
    assert ids[None] != ids["markdown"]
    (record,) = records(Reader(engine=FakeEngine({0: LATEX})), scan)
    assert record.id == ids[None]


def test_an_unknown_format_is_refused():
    with pytest.raises(ValueError, match="text_format='html': want 'markdown'"):
        Reader(text_format="html")


def test_rendering_as_markdown_translates(scan, capsys):
    assert markdown(LATEX) == "# One\n\nTwo **three**."
    assert main(["read", "-e", "fake", "--text-format", "markdown", "--format", "jsonl", str(scan)]) == 0
    assert '"text_format": "markdown"' in capsys.readouterr().out


def test_the_local_engine_says_who_reads_formulas(scan):
    with pytest.raises(UnsupportedTask, match="formula_recognition") as caught:
        list(Reader(engine="local", task="formula_recognition").read(scan))
    assert re.search("dashscope", str(caught.value))


def test_a_text_layer_is_written_in_markdown_too(tmp_path):
    path = tmp_path / "born.pdf"
    path.write_bytes(pdf(Sheet(text(40, 600, "Tidal mills", size=24) + prose(), box="0 0 400 640")))
    (result,) = Reader(engine="fake", text_format="markdown").read(path)
    assert (result.text_source, result.text_format) == ("text_layer", "markdown")
    assert result.text.startswith("# Tidal mills\n\n0 The quick brown fox")
    assert holds(result)


def test_a_batch_is_written_in_markdown_by_who_collects_it(tmp_path):
    (tmp_path / "text.pdf").write_bytes(pdf(Sheet(prose())))
    with OpenAIServer() as server:
        batch_of(server, tmp_path / "inbox.batch", text_format="markdown").submit(tmp_path / "text.pdf")
        for options, text_format in (({}, "markdown"), ({"text_format": None}, "plain")):
            (page,) = batch_of(server, tmp_path / "inbox.batch", **options).collect()
            assert page.result.text_format == text_format


def test_a_placeholder_has_the_format_of_the_others(tmp_path):
    path = tmp_path / "broken.png"
    path.write_bytes(Image.new("L", (40, 40)).tobytes())
    (result,) = Reader(engine="fake", text_format="markdown", on_error="placeholder").read(path)
    assert (result.text, result.text_format) == ("", "markdown")
