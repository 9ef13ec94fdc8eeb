"""Hand-made replies of the service with fields and tables: values, boxes, problems and rows as the files say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dashscope_reading import engine_for, serving
from dashscope_scenarios import Raw
from qwen_ocr_loader import Reader
from qwen_ocr_loader.tasks import Task
from structured_replies import RecordedFields, parsed, picture

REPLIES = Path(__file__).parent / "replies"
FIELDS = {path.stem: path for path in sorted((REPLIES / "fields").glob("*.json"))}
TABLES = {path.stem: path for path in sorted((REPLIES / "tables").glob("*.json"))}


def recorded(name: str) -> RecordedFields:
    return RecordedFields(json.loads(FIELDS[name].read_text()))


@pytest.fixture
def server():
    yield from serving()


def test_there_are_enough_of_them():
    assert len(FIELDS) >= 15
    assert len(FIELDS) + len(TABLES) >= 30


@pytest.mark.parametrize("name", FIELDS)
def test_fields_stand_where_the_file_says(name):
    case = recorded(name)
    assert case.told(case.parsed()) == case.data["reads"]


@pytest.mark.parametrize("name", TABLES)
def test_tables_have_the_rows_that_the_file_says(name):
    case = json.loads(TABLES[name].read_text())
    page = parsed(Task("table_parsing"), said(case["reply"]), (800, 600))
    assert [[list(row) for row in table.rows] for table in page.tables] == [case["rows"]]
    assert page.truncated == case["truncated"]


@pytest.mark.parametrize("name", ["list_of_objects", "cut_off_json", "turned_page", "full_width_digits"])
@pytest.mark.parametrize("how", ["sync", "async"])
async def test_the_same_over_the_network(name, how, server):
    case = recorded(name)
    server.script = lambda asked: Raw(json.dumps(case.body(asked.task)).encode())
    fields = case.data["schema"] or "all"
    reader = Reader(engine=engine_for(server, stream=False), task="advanced_recognition", fields=fields)
    scan = picture(*case.size)
    pages = [page async for page in reader.aread(scan)] if how == "async" else list(reader.read(scan))
    assert [case.told(page) for page in pages] == [case.data["reads"]]


def test_a_table_cut_off_over_the_network_keeps_its_whole_rows(server):
    case = json.loads(TABLES["cut_off_in_a_row"].read_text())
    server.script = Raw(json.dumps(said(case["reply"])).encode())
    reader = Reader(engine=engine_for(server, stream=False), task="table_parsing")
    (page,) = reader.read(picture(800, 600))
    assert [[list(row) for row in table.rows] for table in page.tables] == [case["rows"]]
    assert page.truncated


def said(text: str) -> dict:
    """A reply's body that has only a text."""
    message = {"role": "assistant", "content": [{"text": text}]}
    usage = {"input_tokens": 812, "output_tokens": 96, "total_tokens": 908}
    choices = [{"finish_reason": "stop", "message": message}]
    return {"output": {"choices": choices}, "usage": usage, "request_id": "00000000-0000-0000-0000-000000000000"}
