"""What the text of vision models says: recorded replies, forms of lists, and what is no list."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replies import REPLIES, check_page, recorded
from qwen_ocr_loader.answers import read_answer
from qwen_ocr_loader.errors import ReplyUnreadable
from qwen_ocr_loader.grounded import read_vision_answer
from qwen_ocr_loader.tasks import TASKS
from spotting import SPOTTING, THOUSAND, boxes, spotted

FENCE = "`" * 3


def rounded(quad) -> list[float] | None:
    return quad and [round(edge, 4) for edge in quad.bounds]


@pytest.mark.parametrize("path", REPLIES, ids=lambda path: path.stem)
def test_recorded_reply(path: Path):
    case = recorded(path)
    assert case.source
    reads = case.reads
    if "unreadable" in reads:
        with pytest.raises(ReplyUnreadable, match=reads["unreadable"]):
            case.read()
        return
    answer = case.read()
    check_page(answer)
    assert answer.text == reads["text"]
    assert answer.text_format == reads["text_format"]
    assert [[line.text, rounded(line.quad)] for line in answer.lines] == reads["lines"]
    tables = [{"rows": [list(row) for row in t.rows], "html": t.html, "box": rounded(t.quad)} for t in answer.tables]
    assert tables == reads.get("tables", [])
    assert list(answer.formulas) == reads.get("formulas", [])
    assert {name: field.value for name, field in answer.fields.items()} == reads.get("fields", {})
    assert answer.truncated == reads.get("truncated", False)
    assert answer.doubt == reads.get("doubt", "")


def test_there_are_recorded_replies_of_every_task_and_family():
    cases = [recorded(path) for path in REPLIES]
    assert {case.task for case in cases} == {*TASKS, None}
    for family in (
        "qwen2-vl",
        "qwen2.5-vl",
        "qwen3-vl",
        "qwen3.5-ocr",
        "qwen-vl-ocr-2025-08-28",
        "qwen-vl-ocr-2025-11-20",
    ):
        assert any(family in case.model.lower() for case in cases), family


# --- the same as ocr_result ------------------------------------------------------------------------------------------


WIDTH, HEIGHT = 1240, 1754
PAGE = [
    ("Harbour dues", (100, 90, 520, 140)),
    ("Vessel", (100, 200, 260, 235)),
    ("Lantern", (600, 200, 800, 235)),
    ("The ferry leaves at noon and comes", (100, 300, 1100, 340)),
    ("back in the evening.", (100, 345, 620, 385)),
    ("Paid", (100, 1600, 200, 1640)),
]
DUMPS = {
    "list": lambda items: json.dumps([{"bbox_2d": box, "text_content": text} for text, box in items]),
    "location": lambda items: json.dumps([{"location": corners(box), "text": text} for text, box in items]),
    "rects": lambda items: json.dumps([{"rotate_rect": rect(box), "text": text} for text, box in items]),
    "rows": lambda items: "\n".join(",".join(map(str, rect(box))) + "," + text for text, box in items),
    "marks": lambda items: "".join(
        f"<|object_ref_start|>{t}<|object_ref_end|><|box_start|>({a},{b}),({c},{d})<|box_end|>" for t, (a, b, c, d) in items  # noqa: E501
    ),
}  # fmt: skip


def corners(box):
    left, top, right, bottom = box
    return [left, top, right, top, right, bottom, left, bottom]


def rect(box):
    left, top, right, bottom = box
    return [*(round(v, 3) for v in ((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)), 0]


def in_thousandths(box):
    return [round(value * 1000 / side, 2) for value, side in zip(box, (WIDTH, HEIGHT) * 2, strict=True)]


@pytest.mark.parametrize("form", DUMPS)
@pytest.mark.parametrize("pixels", [True, False], ids=["pixels", "thousandths"])
def test_the_same_lines_as_from_words_info(form: str, pixels: bool):
    words = [{"location": corners(box), "text": text} for text, box in PAGE]
    native = read_answer(SPOTTING, "", {"words_info": words}, WIDTH, HEIGHT)
    said = DUMPS[form]([(text, box if pixels else in_thousandths(box)) for text, box in PAGE])
    answer = spotted(said, (WIDTH, HEIGHT) if pixels else THOUSAND, size=(WIDTH, HEIGHT))
    assert answer.text == native.text
    for ours, theirs in zip(answer.lines, native.lines, strict=True):
        assert (ours.text, ours.start, ours.end) == (theirs.text, theirs.start, theirs.end)
        assert ours.quad
        assert theirs.quad
        assert ours.quad.bounds == pytest.approx(theirs.quad.bounds, abs=1e-4)
    assert not answer.doubt


@pytest.mark.parametrize("task", [*TASKS, None])
def test_the_same_from_text_alone(task):
    text = {
        "key_information_extraction": '{"Vessel": "Lantern"}',
        "table_parsing": "<table><tr><td>High</td></tr></table>",
        "formula_recognition": "$$h=1$$",
    }.get(task, "Harbour dues\n\nVessel Lantern")
    assert read_vision_answer(task, text, THOUSAND) == read_answer(task, text, None, 1, 1)


# --- spellings -------------------------------------------------------------------------------------------------------

UPRIGHT = (0.1, 0.2, 0.5, 0.24)


@pytest.mark.parametrize(
    "box",
    [
        '"bbox_2d": [100, 200, 500, 240]',
        '"bbox": [[100, 200], [500, 240]]',
        '"bbox": [[100, 200, 500, 240]]',
        '"bbox": [100, 200, 500, 240, 0.98]',
        '"Bounding Box": {"x1": 100, "y1": 200, "x2": 500, "y2": 240}',
        '"boundingBox": {"left": 100, "top": 200, "width": 400, "height": 40}',
        '"box": "100, 200, 500, 240"',
        '"box": "(100,200),(500,240)"',
        '"box": ["100", "200", "500", "240"]',
        '"location": [100, 200, 500, 200, 500, 240, 100, 240]',
        '"quad": [[100, 200], [500, 200], [500, 240], [100, 240]]',
        '"polygon": [{"x": 100, "y": 200}, {"x": 500, "y": 200}, {"x": 500, "y": 240}, {"x": 100, "y": 240}]',
        '"points": [100, 200, 300, 200, 500, 200, 500, 240, 300, 240, 100, 240]',
        '"quad": {"top_left": [100, 200], "top_right": [500, 200], "bottom_right": [500, 240], "bottom_left": [100, 240]}',  # noqa: E501
        '"quad": {"x1": 100, "y1": 200, "x2": 500, "y2": 200, "x3": 500, "y3": 240, "x4": 100, "y4": 240}',
        '"rotate_rect": [300, 220, 400, 40, 0]',
        '"rotate_rect": [300, 220, 40, 400, -90]',
        '"rotate_rect": [300, 220, 400, 40]',
        '"rotate_rect": {"cx": 300, "cy": 220, "width": 400, "height": 40, "angle": 0}',
        '"pos_list": [{"rotate_rect": [300, 220, 400, 40, 0]}]',
        '"pos_list": [{"bbox": [100, 200, 300, 240]}, {"bbox": [300, 200, 500, 240]}]',
        '"rotate_rect": [1, 2], "bbox": [100, 200, 500, 240]',
    ],
)
@pytest.mark.parametrize("text", ['"text": "Tide, table"', '"text_content": "Tide, table"', '"content": "Tide, table"'])
def test_spellings_of_a_box(box: str, text: str):
    for item in (f"{{{box}, {text}}}", f"{{{text}, {box}}}"):
        for reply in (f"[{item}]", item, f'{{"lines": [{item}]}}', f"{FENCE}json\n[{item}]{FENCE} I hope that helps."):
            assert boxes(spotted(reply)) == {"Tide, table": pytest.approx(UPRIGHT)}


@pytest.mark.parametrize(
    "reply",
    [
        '[[[100, 200, 500, 240], "Tide table"]]',
        '["Tide table", [100, 200, 500, 240]]',
        '[[[[100, 200], [500, 200], [500, 240], [100, 240]], ["Tide table", 0.99]]]',
        '[[100, 200, 500, 240, "Tide table"]]',
        '{"Tide table": [100, 200, 500, 240]}',
        "100,200,500,240,Tide table",
        "100 200 500 240 Tide table",
        "100\t200\t500\t240\tTide table",
        "[100, 200, 500, 240] Tide table",
        "(100, 200, 500, 240): Tide table",
        'x1,y1,x2,y2,text\n100,200,500,240,"Tide table"',
        "Tide table,100,200,500,240",
        "Tide table [100, 200, 500, 240]",
        "Tide table | 100 | 200 | 500 | 240",
        "300,220,400,40,0,Tide table",
        "cx,cy,width,height,angle,text\n300,220,400,40,0,Tide table",
        "Tide table,300,220,40,400,-90",
        "100,200,500,200,500,240,100,240,Tide table",
        f"{FENCE}csv\n300,220,400,40,0,Tide table\n{FENCE}",
        "<ref>Tide table</ref><box>(100,200),(500,240)</box>",
        "<ref>Tide table</ref><box>[[100, 200, 500, 240]]</box>",
        "<ref>Tide table</ref><quad>(100,200),(500,200),(500,240),(100,240)</quad>",
        "Tide table<box>(100,200),(500,240)</box>",
        "<|box_start|>(100,200),(500,240)<|box_end|>Tide table",
        "<|quad_start|>(100,200),(500,200),(500,240),(100,240)<|quad_end|>Tide table",
        "<|object_ref_start|>Tide table<|object_ref_end|><|box_start|><100><200><500><240><|box_end|>",
        "Tide table(100,200),(500,240)",
        "<|ref|>Tide table<|/ref|><|det|>[[100, 200, 500, 240]]<|/det|>",
    ],
)
def test_forms_of_a_list(reply: str):
    assert boxes(spotted(reply)) == {"Tide table": pytest.approx(UPRIGHT)}


def test_rows_keep_commas_quotes_and_numbers_of_the_text():
    answer = spotted('300,100,400,40,0,12,50 EUR, paid\n300,200,400,40,0,"say ""noon"", he said"\n300,300,400,40,0,7')
    assert list(boxes(answer)) == ["12,50 EUR, paid", 'say "noon", he said', "7"]


def test_a_rectangle_is_turned_before_it_is_scaled():
    answer = spotted("500,500,400,100,45,Across the page", size=(1000, 2000))
    quad = answer.lines[0].quad
    assert quad
    side = (200 + 50) / 2**0.5 / 1000
    assert quad.bounds == pytest.approx((0.5 - side, 0.5 - side, 0.5 + side, 0.5 + side), abs=1e-6)


def test_one_text_at_several_places():
    answer = spotted("<ref>Paid</ref><box>(100,100),(200,140)(100,500),(200,540)</box><ref>Due</ref>")
    assert [(line.text, bool(line.quad)) for line in answer.lines] == [("Paid", True), ("Paid", True), ("Due", False)]


def test_words_inside_a_line_are_not_said_twice():
    word = {"text": "Tide", "bbox": [100, 200, 200, 240]}
    line = {"text": "Tide table", "bbox": [100, 200, 500, 240], "words": [word]}
    assert list(boxes(spotted(json.dumps({"lines": [line, {"note": {"text": "Galway"}}]})))) == ["Tide table", "Galway"]


def test_marks_before_and_after_words_that_could_belong_to_either_say_nothing():
    answer = spotted("Lines:\n<box>(100,200),(500,240)</box>Tide table\n<box>(100,300),(500,340)</box>High water")
    assert boxes(answer) == {"Lines:": None, "Tide table": None, "High water": None}


# --- what is no list -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["text_recognition", "multi_lan", "document_parsing", None])
@pytest.mark.parametrize(
    "text",
    [
        "1,2,3,4,5,total\n1,2,3,4,5,sum",
        "Route (10,20),(30,40) to the pier",
        'He wrote {"text": "a", "bbox": [1, 2, 3, 4]} on the board, and then much more about other things.',
        "[1] Smith, <ref>1999</ref>, p. 100, 200",
        "see [1, 2, 3, 4, 5]",
        "a < b </think c",
    ],
)
def test_a_page_that_looks_like_a_list_is_left_alone(task, text: str):
    assert read_vision_answer(task, text, (3000, 2000)).text == text


def test_fields_in_json_are_not_lines():
    text = '[{"text": "Lantern", "position": "Berth 7", "location": "Galway"}]'
    assert read_vision_answer(None, text, THOUSAND).text == text


def test_a_prompt_that_asked_for_more_than_lines_gets_its_json():
    text = '[{"text": "Rope", "bbox": [100, 200, 500, 240], "amount": 12.5}]'
    assert read_vision_answer(None, text, THOUSAND).text == text
    assert list(boxes(spotted(text))) == ["Rope"]
    lines = '{"page": {"no": 3, "lines": [{"text": "Rope", "bbox": [100, 200, 500, 240], "score": 0.9}]}}'
    assert list(boxes(read_vision_answer(None, lines, THOUSAND))) == ["Rope"]


@pytest.mark.parametrize("text", ["500,300,40,20,90\n500,400,40,20,89", '[{"bbox_2d": [100, 200, 500, 240]}]'])
def test_boxes_without_text_are_no_reading(text: str):
    with pytest.raises(ReplyUnreadable, match="without any text"):
        spotted(text)


def test_words_said_about_names_are_kept():
    said = "The ship called <ref>Lantern</ref><box>(100,200),(500,240)</box> lies at berth 7."
    assert read_vision_answer(None, said, THOUSAND).text == "The ship called Lantern lies at berth 7."


def test_thoughts_are_not_the_page():
    assert spotted("<think>100,200,500,240,no</think>100,200,500,240,yes").text == "yes"
    assert spotted("hm, perhaps\n</think>\n\nyes").text == "yes"
    with pytest.raises(ReplyUnreadable, match="max_tokens"):
        spotted("<think>perhaps")


@pytest.mark.parametrize("text", ["I'm sorry, but I can't assist with that request.", "![diagram](image.png)"])
def test_refusals_are_no_reading(text: str):
    with pytest.raises(ReplyUnreadable):
        read_vision_answer(None, text, THOUSAND)


# --- anything --------------------------------------------------------------------------------------------------------

junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=8)
        | st.dictionaries(
            st.sampled_from(["text", "bbox", "location", "rotate_rect", "pos_list", "x1", "x", "label"]), inner
        )
    ),
    max_leaves=10,
)
frames = st.sampled_from([None, THOUSAND, (1204.0, 1596.0), (1.0, 1.0)])


@given(junk, frames, st.sampled_from([*TASKS, None]), st.booleans())
def test_any_json_is_read_or_unreadable(value, frame, task, sure: bool):
    with suppress(ReplyUnreadable):
        check_page(read_vision_answer(task, json.dumps(value), frame, sure=sure))


PIECES = ["<p data-bbox='1 2 30 40'>", "<p>", "</p>", "<table data-bbox=", "<table>", "</table>", "<td>", "<caption>", "<li>", "<h1>", "<br>", "<div class='formula' data-bbox='1 2 3 4'>", "<style>", "<title>", "</html>", "<![", "&amp", "<!-- Table (1, 2, 30, 40) -->", "<!-- Image (", "<box>", "</box>", "<ref>", "</ref>", "<|box_start|>", "<|box_end|>", "<|ref|>", "<|/ref|>", "<|det|>", "<|/det|>", "(10,20),(300,400)", "text", "10,20,300,400", "\n", "{", "}", "[", "]", '"text":', '"bbox":', ",", FENCE, "<think>", "</think>", "\\begin{tabular}{l}", "\ud800", "\0"]  # noqa: E501  # fmt: skip


@given(st.sampled_from([*TASKS, None]), st.lists(st.sampled_from(PIECES), max_size=25).map("".join), frames)
def test_any_text_is_read_or_unreadable(task, text: str, frame):
    with suppress(ReplyUnreadable):
        check_page(read_vision_answer(task, text, frame))


@pytest.mark.parametrize("piece", [*PIECES, "1 ", "1,", "x ", "x y w h ", "a(1,2),", '{"a":1}\n', "}\n", "} ", "[ ", "<p ", "<!-- a (1 ", '<p data-bbox="1 2 3 4">a '])  # noqa: E501  # fmt: skip
def test_a_long_reply_of_anything_is_read_in_a_moment(piece: str):
    text = "a" + piece * (20_000 // len(piece)) + "a" + "\n" + piece * (90 // len(piece)) + "!"
    started = time.perf_counter()
    for task in (SPOTTING, "document_parsing", None):
        with suppress(ReplyUnreadable):
            read_vision_answer(task, text, THOUSAND)
    assert time.perf_counter() - started < 30
