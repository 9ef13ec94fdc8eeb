"""A reply beside a witness's reading: boxes lent, words left out, words invented."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qwen_ocr_loader import Line, PageResult, Quad
from qwen_ocr_loader.witness.comparison import witnessed
from qwen_ocr_loader.witness.wording import wording

LETTER = [
    "Harbour Office, Northport",
    "Dear Ms Keane, the ferry of 14 March 2025",
    "carried 1,284 passengers and 96 vehicles.",
    "The fare of 12.50 was paid by card.",
    "No damage was reported on the crossing.",
    "Yours sincerely, T. Aldous",
]


def witness(lines, *, confidence=0.99, width=600.0, height=800.0):
    """A page with these lines, one below the other."""
    text, made = "\n".join(lines), []
    at = 0
    for number, said in enumerate(lines):
        quad = Quad.from_box(0.1, (number + 1) / (len(lines) + 2), 0.9, (number + 1.8) / (len(lines) + 2))
        made.append(Line(said, at, at + len(said), quad, confidence))
        at += len(said) + 1
    return PageResult(0, width, height, "px", text, lines=tuple(made), engine="local:test")


def reply(text, text_format="plain", lines=()):
    return PageResult(0, 600.0, 800.0, "px", text, text_format=text_format, lines=lines, engine="model")


def said(lines):
    return [line.text for line in lines]


def box_of(result, word):
    """The quad of the line that a word of the text stands on."""
    at = result.text.index(word)
    return next((line.quad for line in result.lines if line.start <= at < line.end), None)


def test_the_same_text_agrees_and_gets_every_box():
    seen = witness(LETTER)
    result = witnessed(reply("\n".join(LETTER)), seen)
    assert result.agreement.score == 1.0
    assert not result.agreement.doubtful
    assert not result.needs_review
    assert result.agreement.witness == "local:test"
    assert [line.quad for line in result.lines] == [line.quad for line in seen.lines]
    assert all(line.grounded and line.confidence == 0.99 for line in result.lines)


def test_paragraphs_become_a_line_for_each_line_of_print():
    seen = witness(LETTER)
    result = witnessed(reply(" ".join(LETTER)), seen)
    assert [line.quad for line in result.lines] == [line.quad for line in seen.lines]
    assert result.lines[2].text == "carried 1,284 passengers and 96 vehicles"


def test_another_order_of_columns_does_not_matter():
    result = witnessed(reply("\n".join(reversed(LETTER))), seen := witness(LETTER))
    assert result.agreement.score == 1.0
    assert [line.quad for line in result.lines] == [line.quad for line in reversed(seen.lines)]


def test_what_is_left_out_is_listed_with_its_box():
    result = witnessed(reply("\n".join(LETTER[:3] + LETTER[4:])), seen := witness(LETTER))
    (line,) = result.agreement.left_out
    assert line.text == "The fare of 12.50 was paid by card"
    assert line.start == line.end == result.text.index("\nNo damage") - 1  # before the full stop, after the last letter
    assert line.quad.bounds.top == pytest.approx(seen.lines[3].quad.bounds.top)
    assert line.confidence == 0.99
    assert result.agreement.doubtful
    assert result.needs_review


def test_what_is_invented_is_listed_with_its_place():
    text = "\n".join([*LETTER[:3], "A further sum of 900.00 is due at once.", *LETTER[3:]])
    result = witnessed(reply(text), witness(LETTER))
    (line,) = result.agreement.invented
    assert line.text == "A further sum of 900.00 is due at once"
    assert result.text[line.start : line.end] == line.text
    assert line.quad is None
    assert result.agreement.doubtful
    assert box_of(result, "further") is None


@pytest.mark.parametrize("changed", ["12.58", "72.50", "125.0", "112.50", "12.5"])
def test_a_number_must_be_the_same_to_the_digit(changed):
    result = witnessed(reply("\n".join(LETTER).replace("12.50", changed)), witness(LETTER))
    found = said(result.agreement.invented) + said(result.agreement.left_out)
    assert any(changed in text or "12.50" in text for text in found) is (changed != "125.0")  # marks do not count


def test_a_word_that_an_engine_misreads_is_not_invented():
    misread = [line.replace("passengers", "passenqers").replace("fare", "farc") for line in LETTER]
    result = witnessed(reply("\n".join(LETTER)), witness(misread))
    assert result.agreement.score == 1.0
    assert box_of(result, "passengers") is not None


def test_strokes_rings_and_accents_are_not_told_apart():
    result = witnessed(reply("INVOICE 1001 café"), witness(["lNV0ICE IOOl cafe"]))
    assert result.agreement.score == 1.0


def test_a_loop_is_borne_out_once():
    result = witnessed(reply("\n".join([*LETTER, *LETTER[2:5], *LETTER[2:5]])), witness(LETTER))
    assert sum(len(wording(line.text).words) for line in result.agreement.invented) == 2 * sum(
        len(wording(line).words) for line in LETTER[2:5]
    )
    assert result.agreement.doubtful


def test_a_witness_that_is_not_sure_proves_nothing_missing():
    result = witnessed(reply("\n".join(LETTER[:3])), witness(LETTER, confidence=0.6))
    assert result.agreement.left_out == ()
    assert result.agreement.score == 1.0


def test_boxes_that_were_stated_stay():
    seen, text = witness(LETTER), "\n".join(LETTER)
    stated = Line(LETTER[0], 0, len(LETTER[0]), Quad.from_box(0.0, 0.0, 0.2, 0.2), 0.5)
    bare = Line(LETTER[1], len(LETTER[0]) + 1, len(LETTER[0]) + 1 + len(LETTER[1]))
    result = witnessed(reply(text, lines=(stated, bare)), seen)
    assert result.lines[0] == stated
    assert result.lines[1].quad == seen.lines[1].quad
    assert result.lines[1].grounded
    assert len(result.lines) == len(LETTER)


def test_lines_that_stand_nowhere_keep_their_text_without_a_box():
    text = f"{LETTER[0]}\nhandwritten note"
    start = text.index("handwritten")
    bare = Line("handwritten note", start, len(text))
    result = witnessed(reply(text, lines=(bare,)), witness(LETTER[:1]))
    assert bare in result.lines
    assert said(result.agreement.invented) == ["handwritten note"]


def test_tables_in_html_are_grounded_cell_by_cell():
    html = "<table><tr><td>Crossing</td><td>Fare</td></tr><tr><td>North&nbsp;port</td><td>12.50</td></tr></table>"
    result = witnessed(reply(html, "html"), witness(["Crossing Fare", "North port 12.50"]))
    assert result.agreement.score == 1.0
    assert [line.text for line in result.lines] == ["Crossing", "Fare", "North&nbsp;port", "12.50"]
    assert result.lines[0].quad.bounds.right < result.lines[1].quad.bounds.left + 0.05


def test_markup_and_formulas_are_no_words():
    latex = r"\section{Harbour dues} The due is $\alpha_{7} x^{22}$ for \textbf{each} ship."
    result = witnessed(reply(latex, "latex"), witness(["Harbour dues", "The due is", "for each ship."]))
    assert result.agreement.score == 1.0
    assert result.agreement.invented == ()


def test_chinese_is_compared_letter_by_letter():
    lines = ["北港航运有限公司", "票价十二元五角", "二〇二五年三月十四日"]
    seen = witness(lines)
    assert witnessed(reply("".join(lines)), seen).agreement.score == 1.0
    result = witnessed(reply(lines[0] + lines[2]), seen)
    assert said(result.agreement.left_out) == [lines[1]]
    assert witnessed(reply("".join(lines).replace("角", "甬")), seen).agreement.score == 1.0  # one letter misread


def test_equal_rows_go_down_the_page():
    rows = ["A 0.00 yes", "B 0.00 yes", "C 0.00 no", "D 0.00 yes"]
    seen = witness([cell for row in rows for cell in row.split()])
    result = witnessed(reply("\n".join(rows)), seen)
    assert [line.text for line in result.lines] == [line.text for line in seen.lines]
    assert [line.quad for line in result.lines] == [line.quad for line in seen.lines]


def test_empty_readings():
    nothing = reply("")
    assert witnessed(nothing, replace(nothing, engine="w")).agreement.score == 1.0
    assert witnessed(nothing, witness(LETTER)).agreement.score == 0.0
    assert witnessed(reply("words only here"), nothing).agreement.score == 0.0


def test_a_result_with_agreement_survives_json():
    result = witnessed(reply("\n".join(LETTER[:4]) + " and more words of its own"), witness(LETTER))
    assert PageResult.from_dict(result.to_dict()) == result


WORDS = ["0.00", "yes", "no", "ferry", "Total", "1", "the", "港", "运", "\u202e", "<td>", "$x$", "\\frac", "12.50", "é"]
texts = st.lists(st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join), max_size=12)


@given(texts, texts, st.sampled_from(["plain", "markdown", "html", "latex"]))
@settings(max_examples=300, deadline=None)
def test_whatever_the_two_say_spans_hold_and_nothing_is_used_twice(ours, theirs, text_format):
    seen = witness(theirs)
    result = witnessed(reply("\n".join(ours), text_format), seen)
    spans = [(line.start, line.end) for line in result.lines]
    assert all(first[1] <= second[0] for first, second in pairwise(spans))
    assert 0.0 <= result.agreement.score <= 1.0
    for line in result.agreement.invented:
        assert result.text[line.start : line.end] == line.text
    for line in result.agreement.left_out:
        assert line.text in seen.text
        assert 0 <= line.start == line.end <= len(result.text)


@given(texts)
@settings(max_examples=200, deadline=None)
def test_a_reading_agrees_with_itself(lines):
    result = witnessed(reply("\n".join(lines)), witness(lines))
    assert result.agreement.left_out == ()
    assert result.agreement.invented == ()


@pytest.mark.parametrize("rows", [["0.00 0.00 yes"] * 3000, [f"row {n} of {n * 7}" for n in range(3000)]])
def test_pages_of_thousands_of_lines(rows):
    seen = witness(rows)
    result = witnessed(reply("\n".join(rows), lines=seen.lines[:2]), seen)
    assert result.agreement.score == 1.0
    assert [line.quad for line in result.lines] == [line.quad for line in seen.lines]
