"""Recorded and hand-made replies: what each says about its page, in words with places and in fields."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answer_pages import FENCE, in_page
from conftest import ROOT
from qwen_ocr_loader.answers import Answer, read_answer
from qwen_ocr_loader.errors import ReplyUnreadable
from qwen_ocr_loader.keyvalues import read_fields
from qwen_ocr_loader.tasks import TASKS

REPLIES = sorted((Path(__file__).parent / "replies" / "dashscope").glob("*.json"))


def content(reply: dict) -> tuple[str, dict | None]:
    """Text and ocr_result of a reply's elements, joined as the engine does."""
    elements = reply["output"]["choices"][0]["message"]["content"]
    merged = {key: value for part in elements for key, value in (part.get("ocr_result") or {}).items()}
    return "".join(part.get("text") or "" for part in elements), merged or None


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
