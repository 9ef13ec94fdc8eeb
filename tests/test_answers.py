"""Recorded and hand-made replies: what each says about its page, and which say nothing."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import ROOT
from qwen_ocr_loader.answers import Answer, read_answer, says_blank, unreadable
from qwen_ocr_loader.errors import ReplyUnreadable
from qwen_ocr_loader.keyvalues import read_fields
from qwen_ocr_loader.markup import formula_text, sniff, unfenced
from qwen_ocr_loader.results import PageResult
from qwen_ocr_loader.tasks import TASKS

REPLIES = sorted((Path(__file__).parent / "replies" / "dashscope").glob("*.json"))
FENCE = "`" * 3


def content(reply: dict) -> tuple[str, dict | None]:
    """Text and ocr_result of a reply's elements, joined as the engine does."""
    elements = reply["output"]["choices"][0]["message"]["content"]
    merged = {key: value for part in elements for key, value in (part.get("ocr_result") or {}).items()}
    return "".join(part.get("text") or "" for part in elements), merged or None


def in_page(answer: Answer) -> PageResult:
    """As a page, which checks every span."""
    return PageResult(0, 1.0, 1.0, "px", answer.text, answer.text_format, answer.lines, answer.fields, answer.tables)


@pytest.mark.parametrize("path", REPLIES, ids=lambda path: path.stem)
def test_recorded_reply(path: Path):
    case = json.loads(path.read_text())
    assert case["source"]
    answer = read_answer(case["task"], *content(case["reply"]), *case["size"])
    in_page(answer)
    reads = case["reads"]
    if case["task"] == "advanced_recognition":  # where a paragraph begins is the layout's to say
        assert answer.text.split() == reads["text"].split()
    else:
        assert answer.text == reads["text"]
    assert answer.text_format == reads.get("text_format", "plain")
    assert [[list(row) for row in table.rows] for table in answer.tables] == reads.get("tables", [])
    assert list(answer.formulas) == reads.get("formulas", [])
    assert answer.truncated == reads.get("truncated", False)
    assert {name: field.value for name, field in answer.fields.items()} == reads.get("fields", {})
    assert [name for name, field in answer.fields.items() if field.problems] == reads.get("review", [])
    if "boxes" in reads:
        boxes = [line.quad and [round(edge, 4) for edge in line.quad.bounds] for line in answer.lines]
        assert boxes == [box and pytest.approx(box, abs=2e-4) for box in reads["boxes"]]


def test_there_are_recorded_replies():
    assert {json.loads(path.read_text())["task"] for path in REPLIES} == set(TASKS)


# --- words -----------------------------------------------------------------------------------------------------------


def words(*items: dict, exact: bool = True) -> Answer:
    return read_answer("advanced_recognition", "[]", {"words_info": list(items)}, 1000, 1000, exact=exact)


def test_location_is_believed_before_rotate_rect():
    answer = words(
        {"text": "a", "location": [100, 100, 200, 100, 200, 120, 100, 120], "rotate_rect": [700, 700, 9, 9, 0]}
    )
    assert answer.lines[0].quad
    assert answer.lines[0].quad.bounds == pytest.approx((0.1, 0.1, 0.2, 0.12))


def test_a_letter_alone_stands_upright_though_its_box_is_tall():
    answer = words({"text": "1", "location": [480, 160, 494, 160, 494, 190, 480, 190]})
    assert answer.lines[0].quad
    assert answer.lines[0].quad.top_left == pytest.approx((0.48, 0.16))


def test_a_location_that_is_no_box_leaves_the_rectangle():
    answer = words({"text": "level", "location": [100, 100, 100, 100], "rotate_rect": [150, 110, 100, 20, 0]})
    assert answer.lines[0].quad
    assert answer.lines[0].quad.bounds == pytest.approx((0.1, 0.1, 0.2, 0.12))


def test_without_an_exact_frame_no_line_has_a_box_but_the_order_is_theirs():
    left = {"text": "left", "location": [1100, 100, 1200, 120]}
    right = {"text": "right", "location": [1500, 100, 1600, 120]}
    below = {"text": "below", "location": [1100, 160, 1200, 180]}
    answer = words(below, right, left, exact=False)
    assert [line.text for line in answer.lines] == ["left", "right", "below"]
    assert [line.quad for line in answer.lines] == [None] * 3
    in_page(answer)


def test_a_rectangle_with_its_sides_exchanged_is_told_by_its_neighbours():
    level = [{"text": f"line {i} of print", "rotate_rect": [300, 100 + 30 * i, 20, 400, 90]} for i in range(9)]
    wrong = {"text": "Magnet", "rotate_rect": [300, 370, 400, 20, 90]}
    answer = words(*level, wrong)
    found = next(line for line in answer.lines if line.text == "Magnet")
    assert found.quad
    assert found.quad.bounds == pytest.approx((0.1, 0.36, 0.5, 0.38), abs=1e-6)


def test_a_doubtful_rectangle_without_neighbours_has_no_box():
    assert words({"text": "Magnet", "rotate_rect": [500, 500, 300, 20, 90]}).lines[0].quad is None


def test_lines_down_a_turned_page_stay_upright():
    answer = words(*({"text": f"line {i}", "rotate_rect": [900 - 30 * i, 500, 600, 20, 90]} for i in range(6)))
    assert all(line.quad and line.quad.bounds.height == pytest.approx(0.6) for line in answer.lines)


def test_a_word_without_a_box_stays_where_it_was_listed():
    answer = words(
        {"text": "one", "location": [100, 100, 200, 120]},
        {"text": "two\nhalves"},
        {"text": "three", "location": [100, 160, 200, 180]},
    )
    assert answer.text == "one\ntwo halves\nthree"
    assert [bool(line.quad) for line in answer.lines] == [True, False, True]


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.sampled_from(["text", "location", "a"]), inner),
    max_leaves=8,
)


@given(
    st.lists(
        st.fixed_dictionaries(
            {"text": junk},
            optional={
                "location": junk | st.lists(st.integers(-50, 1500), min_size=4, max_size=8),
                "rotate_rect": junk | st.lists(st.floats(-1000, 1500), min_size=5, max_size=5),
            },
        )
        | junk,
        max_size=8,
    ),
    st.booleans(),
)
def test_any_words_make_a_page(items: list, exact: bool):
    answer = read_answer("advanced_recognition", "", {"words_info": items}, 1000, 800, exact=exact)
    for line in in_page(answer).lines:
        assert line.text.strip()
        assert line.quad is None or (exact and all(0 <= v <= 1 for point in line.quad for v in point))


def test_lines_in_json_without_words_info_have_no_boxes():
    text = FENCE + 'json\n[{"rotate_rect": [1, 2, 3, 4, 0], "text": "Tide table"}, {"text": "High water"}]' + FENCE
    answer = read_answer("advanced_recognition", text, None, 1000, 1000)
    assert answer.text == "Tide table\nHigh water"
    assert [line.quad for line in answer.lines] == [None, None]


@pytest.mark.parametrize(
    "text", ['[{"pos_list": [{"rotate_rect": [7, 3, 5, 1, 90]}]}' + FENCE, "500,300,40,20,90\n500,400,40,20,89\n"]
)
def test_boxes_without_text_are_no_reading(text: str):
    with pytest.raises(ReplyUnreadable) as raised:
        read_answer("advanced_recognition", text, None, 1000, 1000)
    assert raised.value.text == text.strip()


def test_words_without_words_info_may_be_plain():
    assert read_answer("advanced_recognition", "Tide table\nHigh water", {}, 9, 9).text == "Tide table\nHigh water"
    assert read_answer("advanced_recognition", "[sic] he said", {}, 9, 9).text == "[sic] he said"


# --- fields ----------------------------------------------------------------------------------------------------------


def fields(text: str) -> Answer:
    return read_answer("key_information_extraction", text, None, 100, 100)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": "1"}',
        f'{FENCE}json\n{{"a": "1"}}\n{FENCE}',
        f'{FENCE}json{{"a": "1"}}{FENCE}',
        f'{FENCE}\n{{"a": "1"}}{FENCE}',
        f'{FENCE}json\n{FENCE}json\n{{"a": "1"}}\n{FENCE}\n{FENCE}',
        f'Sure! {FENCE}json\n{{"a": "1"}}\n{FENCE} I hope that helps {{really}}.',
        f'{FENCE}json\n{{"a": "1"}}',
        '[{"a": "1"}]',
        '[{"key": "a", "value": "1"}]',
    ],
)
def test_json_in_any_wrapping(text: str):
    answer = fields(text)
    assert {name: (field.value, field.problems) for name, field in answer.fields.items()} == {"a": ("1", ())}
    assert not answer.truncated


@pytest.mark.parametrize("text", ['{"a": "1", }', "{'a': '1'}", '{"a": "1"\n "b": "2"}', '{a: "1"}'])
def test_broken_json_is_repaired_and_says_so(text: str):
    answer = fields(text)
    assert answer.fields["a"].value == "1"
    assert "repaired" in answer.fields["a"].problems[0]


def test_json_cut_off_loses_what_was_unfinished():
    answer = fields(FENCE + 'json\n{"Vessel": "Lantern", "Dues": "12')
    assert {name: field.value for name, field in answer.fields.items()} == {"Vessel": "Lantern"}
    assert answer.truncated


@pytest.mark.parametrize("text", ["The invoice is from Galway.", "[1, 2]", "{{{{", "[" * 50_000])
def test_no_object_is_no_reading(text: str):
    with pytest.raises(ReplyUnreadable):
        fields(text)


def test_an_empty_reply_is_the_callers_to_judge():
    for task in (*TASKS, None):
        assert read_answer(task, "", None, 10, 10).text == ""


@pytest.mark.parametrize("value", ["EI?K7", "12?", "?23", "张?明", "2024-0?-11", "??"])
def test_illegible(value: str):
    assert read_fields({"a": value})["a"].problems == ("illegible character",)
    assert read_fields({"a": [{"b": value}]})["a"].problems == ("illegible character in [0].b",)


@pytest.mark.parametrize(
    "value", ["Any allergies?", "https://a.example/?q=1", "Why? Because.", "什么？", 12, None, "12"]
)
def test_legible(value: object):
    assert read_fields({"a": value})["a"].problems == ()


def test_rows_stay_aligned():
    found = read_fields([{"Item": "Rope", "Price": "1"}, {"Item": "Buoy"}])
    assert {name: field.value for name, field in found.items()} == {"Item": ["Rope", "Buoy"], "Price": ["1", None]}


def test_kv_result_as_a_string_is_read():
    answer = read_answer("key_information_extraction", "", {"kv_result": '{"a": "1"}'}, 10, 10)
    assert answer.fields["a"].value == "1"


@given(junk)
def test_any_kv_result_gives_fields_or_is_unreadable(pairs: object):
    try:
        in_page(read_answer("key_information_extraction", "x", {"kv_result": pairs}, 10, 10))
    except ReplyUnreadable as error:
        assert error.text  # noqa: PT017


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
    assert time.perf_counter() - started < 8


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


# --- the vendor's examples -------------------------------------------------------------------------------------------

CAPTURES = {
    "ds_task_advanced_recognition": lambda a: len(a.lines) == 2 and a.lines[0].text == "Audience" and all(x.quad for x in a.lines),  # noqa: E501
    "ds_qwen35_advanced_recognition": lambda a: len(a.lines) == 2 and all(x.quad for x in a.lines),
    "ds_task_key_information_extraction": lambda a: a.fields["organization_code"].value is None and len(a.fields) == 5,
    "ds_task_table_parsing": lambda a: a.text_format == "html" and a.tables[0].rows[0][1] == "Last load grade: 0%",
    "ds_task_document_parsing": lambda a: a.text_format == "latex" and a.text.startswith("\\documentclass"),
    "ds_task_formula_recognition": lambda a: a.text_format == "latex" and a.formulas[0].startswith("\\tilde"),
    "ds_task_text_recognition": lambda a: a.text_format == "plain" and a.lines[0].text == "Audience",
    "ds_task_multi_lan": lambda a: a.text_format == "plain" and a.lines,
}  # fmt: skip


@pytest.mark.parametrize("name", CAPTURES)
def test_documented_example(name: str):
    path = ROOT.parent / "shared" / "reference" / "wire" / f"{name}.json"
    if not path.is_file():
        pytest.skip("no captures beside the checkout")
    task = name.removeprefix("ds_task_").removeprefix("ds_qwen35_")
    answer = read_answer(task, *content(json.loads(path.read_text())["response"]["json"]), 1500, 700)
    in_page(answer)
    assert CAPTURES[name](answer)
