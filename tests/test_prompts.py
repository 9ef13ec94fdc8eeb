"""The words a task is carried by."""

import json

import pytest

from qwen_ocr_loader.prompts import PROMPTS, prompt_of
from qwen_ocr_loader.tasks import TASKS, Task

SCHEMA = {"发票号码": "数字 {only}", "items": [{"name": ""}]}


def test_every_task_has_words():
    assert set(PROMPTS) == set(TASKS)


@pytest.mark.parametrize("name", TASKS)
def test_the_vendors_words_unless_others_are_given(name):
    assert prompt_of(Task(name)) == PROMPTS[name]
    assert prompt_of(Task(name), {name: "qwenvl markdown"}) == "qwenvl markdown"
    assert prompt_of(Task(name, prompt="my own"), {name: "qwenvl markdown"}) == "my own"


def test_a_schema_is_appended_as_json():
    said = prompt_of(Task("key_information_extraction", schema=SCHEMA))
    head, _, tail = said.partition("输入的JSON模式内容如下: ")
    assert json.loads(tail.removesuffix("。")) == SCHEMA
    assert "公共基准数据集" in head  # the wording that belongs to a schema
    assert prompt_of(Task("key_information_extraction", schema=SCHEMA, prompt="Fill in. ")).startswith("Fill in. 输入")


def test_a_free_prompt_is_sent_as_it_is():
    assert prompt_of(Task("prompt", prompt="Which year?"), {"text_recognition": "no"}) == "Which year?"
