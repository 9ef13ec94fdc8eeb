"""Long answers of an agent's tool: each is within its bound, and nothing is lost between two of them."""

import re
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from agent_inbox import ROW, document_rows, inboxes, said
from qwen_ocr_loader import FakeEngine, Field, PageResult
from qwen_ocr_loader.agent_tool import DocumentTool
from qwen_ocr_loader.cache.recent import RecentPages
from qwen_ocr_loader.errors import ServiceFailed

inbox = pytest.fixture(inboxes)


def follow(tool, file, pages="", limit=50):
    """All answers, as an agent gets them that does as it is told."""
    start, answers = 0, []
    for _ in range(limit):
        answers.append(tool.read({"file": file, "pages": pages, "start": start}))
        left = re.search(r'pages="([^"]*)"(?:, start=(\d+))?\.$', answers[-1].text)
        if not left:
            return answers
        pages, start = left[1], int(left[2] or 0)
    raise AssertionError("it never ends")


# --- how much, and how to go on ---


def test_no_more_pages_than_allowed_and_what_to_call_next(inbox):
    answers = follow(DocumentTool.of({"root": inbox, "max_pages": 3}), "book.pdf")
    assert [len(answer.records) for answer in answers] == [3, 3, 1]
    assert answers[0].text.endswith(
        'Left out: page 4 and 3 pages after it. To go on, call ocr_document with the same file, pages="4-7".'
    )


def test_only_the_pages_of_an_answer_are_read(inbox):
    engine = FakeEngine()
    said(inbox, engine=engine, max_pages=1)
    assert engine.calls == [0]


@pytest.mark.parametrize("lines", [400, 5_000])
def test_going_on_gives_every_line_once_within_the_bound(inbox, lines):
    long = "\n".join(f"line {n}" for n in range(lines))
    engine = FakeEngine({0: long, 1: "x" * 9_999, 2: "last"})
    tool = DocumentTool.of({"root": inbox, "engine": engine, "max_chars": 4_000})
    began = time.monotonic()
    answers = follow(tool, "three.tiff", "1-3,1", limit=200)
    assert time.monotonic() - began < 60
    assert max(len(answer.text) for answer in answers) <= 4_000
    texts = [row[3] for answer in answers for row in document_rows(answer.text)]
    whole = "".join(texts)
    assert whole == long.replace("\n", "") + "x" * 9_999 + "last" + long.replace("\n", "")
    assert texts[:lines] == long.split("\n")
    assert sorted(engine.calls) == [0, 1, 2]  # going on does not read again


def test_recent_pages_are_few_and_need_no_folder():
    pages = RecentPages()
    pages.mset([(f"key{n}", b"x") for n in range(1000)])
    assert len(list(pages.yield_keys(prefix="key"))) < 200
    assert pages.mget(["key0", "key999"]) == [None, b"x"]
    pages.mdelete(["key999", "gone"])
    assert pages.mget(["key999"]) == [None]


def test_a_long_way_of_naming_pages_stays_short_enough_to_be_asked_again(inbox):
    answer = said(inbox, "book.pdf", ",".join(["1-", "7"] * 40), max_pages=1)
    assert len(re.search('pages="(.*?)"', answer.text)[1]) <= 200


# --- fields that are many or long ---

FIELD = re.compile(r"field (.*?) \[[\d,]*\] (.*)")


def with_fields(inbox, values, text="The body", **settings):
    page = PageResult(0, 1, 1, "px", text, fields={name: Field(value) for name, value in values.items()})
    schema = dict.fromkeys(values, "") or "all"
    return DocumentTool.of({"root": inbox, "engine": FakeEngine({0: page}), "fields": schema, **settings})


def told(answers):
    """The fields and the text of all answers, their parts put together again."""
    values, text = {}, ""
    for row in [row for answer in answers for row in answer.text.split("\n")]:
        if found := FIELD.fullmatch(row):
            values[found[1]] = values.get(found[1], "") + found[2]
        elif found := ROW.fullmatch(row):
            text += found[3]
    return values, text


@pytest.mark.parametrize(
    "values",
    [
        {f"name {n}": "v" * 500 for n in range(30)},
        {"n": "w" * 5_000 + "END"},
        {f"long {n}": "v" * 500 for n in range(21)} | {f"short {n}": "w" for n in range(60)},
        {f"empty {n}": "" for n in range(900)} | {"n": "w" * 40_000},
    ],
)
def test_every_field_is_reached_and_the_first_answer_has_a_line(inbox, values):
    answers = follow(with_fields(inbox, values), "three.tiff", "1")
    assert told(answers) == (values, "The body")
    assert "1 [] The body" in answers[0].text
    assert max(len(answer.text) for answer in answers) <= 12_000


def test_fields_below_the_lines_are_announced_and_can_be_had_alone(inbox):
    tool = with_fields(inbox, {"a": "1", "b": "w" * 9_000, "c": "2"}, "x\n" * 5_000)
    text = tool.read({"file": "three.tiff"}).text
    found = re.search(r'--- 1 of 3 fields stand below .* pages="(1)", start=(\d+) ---\n1 \[\] x\n', text)
    assert told([tool.read({"file": "three.tiff", "pages": "1"})])[0] == {"a": "1", "c": "2"}
    alone = tool.read({"file": "three.tiff", "pages": found[1], "start": int(found[2])})
    assert told([alone]) == ({"b": "w" * 9_000}, "")
    assert alone.text.endswith("Nothing of what was asked for is left out.")


def test_a_long_name_is_seen_to_be_cut(inbox):
    assert f"field {'n' * 200}… [] 1\n" in with_fields(inbox, {"n" * 5_000: "1"}).read({"file": "three.tiff"}).text


def test_a_page_of_which_no_line_has_room_is_left_to_the_next_answer(inbox):
    fields = {"f": Field("v" * 900)}
    pages = {0: "x" * 1_900, 1: PageResult(1, 1, 1, "px", "y" * 900, fields=fields), 2: "last"}
    tool = DocumentTool.of({"root": inbox, "engine": FakeEngine(pages), "fields": {"f": ""}, "max_chars": 4_000})
    first, second = follow(tool, "three.tiff")
    assert "page 2 of 3" not in first.text
    assert len(first.records) == 1
    assert "Left out: page 2 and 1 page after it. To go on" in first.text
    assert told([second]) == ({"f": "v" * 900}, "y" * 900 + "last")


def test_where_failures_take_all_the_room_the_other_pages_can_still_be_asked_for(inbox):
    frames = [Image.new("L", (60, 40), 200 + n) for n in range(7)]
    frames[0].save(inbox / "seven.tiff", save_all=True, append_images=frames[1:])
    engine = FakeEngine(dict.fromkeys(range(6), ServiceFailed("down " * 200)))
    tool = DocumentTool.of({"root": inbox, "engine": engine, "max_pages": 7, "max_chars": 4_000})
    answers = follow(tool, "seven.tiff")
    assert [record.metadata["page"] for answer in answers for record in answer.records] == [6]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.lists(st.one_of(st.integers(0, 40), st.integers(200, 6_000)), max_size=40),
    lines=st.lists(st.one_of(st.integers(1, 80), st.integers(500, 3_000)), max_size=12),
    most=st.integers(4_000, 9_000),
)
def test_whatever_the_sizes_nothing_is_lost_and_the_bound_holds(inbox, sizes, lines, most):
    values = {f"f{n}": (f"{n}:" + "v" * size)[:size] for n, size in enumerate(sizes)}
    text = "\n".join("x" * size for size in lines)
    answers = follow(with_fields(inbox, values, text, max_chars=most), "three.tiff", "1", limit=200)
    assert told(answers) == (values, text.replace("\n", ""))
    assert max(len(answer.text) for answer in answers) <= most
