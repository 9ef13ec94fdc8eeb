"""What one reply of a Qwen-OCR model says about one page: text, lines, fields, tables and formulas.

Sources: Alibaba Model Studio, Qwen-OCR API reference (2026-01-16) and guide (2026-02-04). ``ocr_result`` has
``words_info`` for advanced_recognition and ``kv_result`` for key_information_extraction; all else is in the text, in
fences or not, and often in another format than the guide says. Where the service gives ``processed_text`` (repeats
removed), that is the text to hand over here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from .errors import ReplyUnreadable
from .keyvalues import as_text, read_fields, read_json
from .markup import formula_text, formulas, sniff, unfenced, unwrapped
from .results import Field, Line, Table, TextFormat, scrub
from .tables import find_tables, html_tables
from .words import as_lines, read_words

if TYPE_CHECKING:
    from .tasks import TaskName


@dataclass(frozen=True, slots=True)
class Answer:
    """What one reply says about one page.

    Attributes:
        text: The page in reading order; for fields, ``name: value`` lines.
        text_format: As found, not as asked for.
        lines: ``text[line.start:line.end] == line.text``. Lines of print: none for fields, HTML and LaTeX, whose lines
            are not the page's. Boxes from ``words_info``, or from the text where that says what its numbers count.
        fields, tables, formulas: As in ``PageResult``.
        truncated: Its JSON or HTML stops in the middle; what was unfinished is not in it.
        doubt: Why boxes that were given have been left out; ``""`` where none were.
    """

    text: str
    text_format: TextFormat = "plain"
    lines: tuple[Line, ...] = ()
    fields: Mapping[str, Field] = field(default_factory=dict)
    tables: tuple[Table, ...] = ()
    formulas: tuple[str, ...] = ()
    truncated: bool = False
    doubt: str = ""


def read_answer(
    task: TaskName | None,
    text: str,
    ocr_result: Mapping[str, Any] | None,
    width: int,
    height: int,
    *,
    exact: bool = True,
) -> Answer:
    """Read a reply.

    Args:
        task: What was asked for; None for a free prompt.
        text: The reply's text, all its pieces joined; may be empty.
        ocr_result: The reply's ``ocr_result`` (of several content elements, merged), or None.
        width, height: Of the image as it was sent, in pixels: the frame of ``words_info``.
        exact: The boxes are in that frame; False with ``enable_rotate``, where the frame is not documented. No line has
            a box then.

    Raises:
        ReplyUnreadable: The reply is no reading of a page. An empty one is: of a blank page.
    """
    text, found = scrub(text).strip(), ocr_result if isinstance(ocr_result, Mapping) else {}
    if task == "advanced_recognition" and isinstance(words := found.get("words_info"), list):
        return Answer(*_composed(words, width, height, exact=exact))
    if task == "key_information_extraction" and (pairs := found.get("kv_result")):
        return _fields(pairs, text)
    if reason := unreadable(text):
        raise ReplyUnreadable(
            f"the reply is not a reading of the page: {reason}; try another model or task=", text=text
        )
    if says_blank(text):
        return Answer("")
    return _READERS.get(task, _plain)(text)


def _composed(words: list[Any], width: int, height: int, *, exact: bool) -> tuple[str, TextFormat, tuple[Line, ...]]:
    text, lines = read_words(words, width, height, exact=exact)
    return text, "plain", lines


# --- by task ---------------------------------------------------------------------------------------------------------


def _plain(text: str) -> Answer:
    """The text, or whatever else a free prompt brought; only a fence round all of it is taken off."""
    body = unfenced(text).strip()
    return _in_format(body, sniff(body, structured=False))


def _in_format(body: str, text_format: TextFormat) -> Answer:
    lines = as_lines(body)[1] if text_format in ("plain", "markdown") else ()
    return Answer(body, text_format, lines)


def _words_as_text(text: str) -> Answer:
    """advanced_recognition without ``words_info``: the text has the lines, as JSON or plainly, but no boxes to trust.

    Chat prompts are answered in 0-1000 by newer models and in pixels by older ones, so boxes in it are left alone.
    """
    body = unfenced(text).strip()
    if _ONLY_BOXES.fullmatch(body):
        raise _no_words(text)
    if body[:1] not in ("[", "{") or (reading := read_json(body)) is None:
        return _plain(text)
    words = list(_texts(reading.value))
    if not words and _BOX_KEY.search(body):
        raise _no_words(text)
    if not words:
        return _plain(text)
    return Answer(*_composed([{"text": word} for word in words], 1, 1, exact=False), truncated=reading.cut_off)


def _no_words(text: str) -> ReplyUnreadable:
    return ReplyUnreadable("the reply has boxes without any text; try task='text_recognition'", text=text)


def _texts(value: Any) -> list[str]:
    """The strings under ``text`` (or what models call it) in nested JSON, in order."""
    if isinstance(value, Mapping):
        own = [value[key] for key in _TEXT_KEYS if isinstance(value.get(key), str)][:1]
        return own + [text for inner in value.values() if not isinstance(inner, str) for text in _texts(inner)]
    return [text for inner in value for text in _texts(inner)] if isinstance(value, list) else []


def _fields(pairs: Any, text: str = "") -> Answer:
    """Fields from ``kv_result``; from the text where that is a string, as some replies have it."""
    fields = read_fields(pairs)
    if not fields:
        return _fields_in_text(pairs if isinstance(pairs, str) else text)
    return Answer(as_text(fields), fields=fields)


def _fields_in_text(text: str) -> Answer:
    if not text:
        return Answer("")
    reading = read_json(text)
    fields = read_fields(reading.value) if reading else {}
    if reading is None or (reading.value and not fields) or (reading.repaired and not fields):
        raise ReplyUnreadable("the reply has no JSON object with the fields asked for; try the page again", text=text)
    if reading.repaired:
        why = "the reply was cut off" if reading.cut_off else "the reply's JSON was broken and has been repaired"
        fields = {name: replace(value, problems=(*value.problems, why)) for name, value in fields.items()}
    return Answer(as_text(fields), fields=fields, truncated=reading.cut_off)


def _tables(text: str) -> Answer:
    """Tables, kept in HTML, which alone has merged cells; ``tables.to_markdown`` is shorter."""
    body = unwrapped(text)
    found = html_tables(body) or find_tables(body)
    answer = _in_format(body, sniff(body))
    cut_off = any(not table.whole for table in found)
    return replace(answer, tables=tuple(table.table for table in found), truncated=cut_off)


def _document(text: str) -> Answer:
    """A page with its structure; text stays whole, tables and display formulas are found in it besides."""
    body = unwrapped(text)
    found = find_tables(body)
    return replace(
        _in_format(body, sniff(body)),
        tables=tuple(table.table for table in found),
        formulas=formulas(body),
        truncated=any(not table.whole for table in found),
    )


def _formulas(text: str) -> Answer:
    body, found = formula_text(text)
    return Answer(body, "latex" if found else "plain", formulas=found)


_READERS: dict[TaskName | None, Callable[[str], Answer]] = {
    "advanced_recognition": _words_as_text,
    "key_information_extraction": _fields_in_text,
    "table_parsing": _tables,
    "document_parsing": _document,
    "formula_recognition": _formulas,
}
_TEXT_KEYS = ("text", "text_content", "content", "transcription")
_BOX_KEY = re.compile(r'"(?:pos_list|rotate_rect|location|bbox(?:_2d)?)"')
_ONLY_BOXES = re.compile(r"(?:-?\d+(?:\.\d+)?(?:\s*,\s*-?\d+(?:\.\d+)?){4}\s*)+")  # cx,cy,width,height,angle


# --- replies that are none -------------------------------------------------------------------------------------------

_PLACEHOLDER = re.compile(r"(?:\s*(?:!\[[^\]\n]*\]\([^)\n]*\)|<img\b[^<>]*>|\[(?:image|图片)\]))+\s*", re.IGNORECASE)
_DOING = (
    r"(?:assist|help|process|read|view|see|recogni[sz]e|extract|transcribe|provide|access|fulfill?|comply|identify"
    r"|analy[sz]e|do)"
)
_REFUSALS = re.compile(
    rf"""(?:i['’]m\ sorry|i\ am\ sorry|sorry|i\ apologi[sz]e)[\s,.;:—-]+(?:but\ )?
        (?:i\ (?:can['’]?t|cannot|can\ not|could\ not|couldn['’]t|am\ (?:not\ able|unable)\ to)
        |i['’]m\ (?:not\ able|unable)\ to)\ {_DOING}\b
        (?=.*\b(?:this|that|your|image|images|picture|document|text|request|content)\b)
    |(?:i\ (?:can['’]?t|cannot|am\ unable\ to)|i['’]m\ unable\ to)\ {_DOING}\b(?=.*\b(?:image|images|picture)\b)
    |as\ an\ ai\b(?=.*\b(?:can['’]?t|cannot|unable|not\ able|don['’]t|do\ not)\b)
    |(?:很|非常)?(?:抱歉|对不起|不好意思)[，,。！\s]*(?:但是?)?我?(?:目前|暂时)?(?:无法|不能|没有办法|没办法|不支持)
        (?=.*(?:识别|查看|处理|提供|读取|提取|协助|帮助|满足|完成|回答|看到|访问|图))
    |(?:作为|身为)一?[个名]?(?:AI|人工智能|语言模型|大模型)(?=.*(?:无法|不能|不会))""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_BLANK_PAGE = re.compile(
    r"(?:the|this) (?:image|picture|page|document) (?:does not contain|doesn['’]t contain|contains no|has no)(?: any)?"
    r"(?: visible| readable)* text(?: content)?\.?"
    r"|there is no (?:visible |readable )*text (?:content )?(?:in|on|visible in) (?:the|this) (?:image|picture|page)\.?"
    r"|no (?:visible |readable )*text (?:found|detected|in the image)\.?"
    r"|(?:图片|图像|图)中(?:没有|未包含|不包含|不含|无)(?:任何)?(?:可识别的?|可见的?)?(?:文字|文本)(?:内容)?[。.]?",
    re.IGNORECASE,
)
_ECHOES = (  # how the prompts begin that the service uses by itself; Qwen-OCR guide (2026-02-04)
    "please output only the text content from the image without any additional descriptions or formatting",
    "extract and output the latex representation of the formula from the image",
)


def unreadable(text: str, prompt: str | None = None) -> str | None:
    """Why a reply is no reading of a page, or None where it may be one.

    Only a reply that is nothing else counts: a page may print such sentences among others.

    Args:
        text: The reply's text.
        prompt: What was asked, to know it again.
    """
    body = unfenced(text).strip()
    if not body:
        return None
    if _PLACEHOLDER.fullmatch(body):
        return "it only says that there is a picture"
    if len(body) <= 600 and body.count("\n") <= 4 and _REFUSALS.match(body):
        return "the model refuses"
    asked = filter(None, [*_ECHOES, prompt and _spoken(prompt)])
    said = _spoken(body)
    if any(said == echo or (said.startswith(echo) and len(said) < len(echo) + 60) for echo in asked):
        return "it repeats the question"
    return None


def _spoken(text: str) -> str:
    return re.sub(r"[\s.。!]+", " ", text).strip().lower()


def says_blank(text: str) -> bool:
    """Whether a reply says, instead of being empty, that there is no text on the page."""
    return bool(_BLANK_PAGE.fullmatch(unfenced(text).strip()))
