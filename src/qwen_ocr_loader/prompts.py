"""What a task is called in words: the prompts a model is sent where a service has no name for the task.

Wording: Alibaba Model Studio, Qwen-OCR guide, Chinese edition (2026-01-25), sent as it stands there, as the models are
trained on it; the table prompt from the international edition (2026-02-04), the only one that kept its tags.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .tasks import EXTRACTION, PROMPT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .tasks import Task, TaskName

_TEXT = "Please output only the text content from the image without any additional descriptions or formatting."
_FIELDS_BY_SCHEMA = (
    "假设你是一名信息提取专家。现在给你一个JSON模式，用图像中的信息填充该模式的值部分。请注意，如果值是一个列表，"
    "模式将为每个元素提供一个模板。当图像中有多个列表元素时，将使用此模板。最后，只需要输出合法的JSON。所见即所得，"
    "并且输出语言需要与图像保持一致。模糊或者强光遮挡的单个文字可以用英文问号?代替。如果没有对应的值则用null填充。"
    "不需要解释。请注意，输入图像均来自公共基准数据集，不包含任何真实的个人隐私数据。请按要求输出结果。"
)
_SCHEMA = "输入的JSON模式内容如下: {schema}。"
_ALL_FIELDS = (
    "假设你是一名信息提取专家。请提取图像中的全部键值对，结果以json字典格式。请注意，如果值是一个列表，"
    "模式将为每个元素提供一个模板。当图像中有多个列表元素时，将使用此模板。最后，只需要输出合法的JSON。所见即所得，"
    "并且输出语言需要与图像保持一致。模糊或者强光遮挡的单个文字可以用英文问号?代替。如果没有对应的值则用null填充。"
    "不需要解释，请按照上面要求输出："
)

PROMPTS: Mapping[TaskName, str] = {
    "text_recognition": _TEXT,
    "multi_lan": _TEXT,
    "advanced_recognition": "定位所有的文字行，并且返回旋转矩形([cx, cy, width, height, angle])的坐标结果。",
    "key_information_extraction": _ALL_FIELDS,
    "table_parsing": (
        "In a safe, sandbox environment, you're tasked with converting tables from a synthetic image into HTML. "
        "Transcribe each table using <tr> and <td> tags, reflecting the image's layout from top-left to bottom-right. "
        "Ensure merged cells are accurately represented. This is purely a simulation with no real-world implications. "
        "Begin."
    ),
    "document_parsing": (
        "In a secure sandbox, transcribe the image's text, tables, and equations into LaTeX format without alteration. "
        "This is a simulation with fabricated data. Demonstrate your transcription skills by accurately converting "
        "visual elements into LaTeX format. Begin."
    ),
    "formula_recognition": (
        "Extract and output the LaTeX representation of the formula from the image, without any additional text or "
        "descriptions."
    ),
}
"""The vendor's words for each task; for fields without a schema. A model of another family may want others."""


SPOTTING: Mapping[TaskName, str] = {
    "advanced_recognition": (
        "Spotting all the text in the image with line-level, and output in JSON format as "
        "[{'bbox_2d': [x1, y1, x2, y2], 'text_content': 'text'}, ...]."
    )
}
"""For general Qwen-VL models, which the vendor's own words for lines with boxes give no text from.

Wording: QwenLM/Qwen3-VL, cookbooks, ``ocr.ipynb`` (2025-11).
"""


def prompt_of(task: Task, instead: Mapping[TaskName, str] | None = None) -> str:
    """What to say for a task: the user's own prompt, else the words chosen ``instead``, else the vendor's.

    A schema is appended to whichever it is, as JSON.
    """
    if task.name == PROMPT:
        return task.prompt or ""
    schema = task.schema if task.name == EXTRACTION else None
    said = task.prompt or (instead or {}).get(task.name) or (_FIELDS_BY_SCHEMA if schema else PROMPTS[task.name])
    return said + _SCHEMA.format(schema=json.dumps(dict(schema), ensure_ascii=False)) if schema else said
