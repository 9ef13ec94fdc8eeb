"""Key-value replies become fields: an object, a list of objects, or JSON somewhere in a text, broken or whole."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from .markup import unfenced, without_closing
from .results import Field, scrub

_DEEPEST = 20  # levels; the service allows 3
# The prompt has the model write "?" for a letter it cannot read. A question or an address ends or goes on otherwise.
_ILLEGIBLE = re.compile(r"\?(?=[^\W_])|^\?|\?\?|\d\?|[\-./]\?(?!\S)")
_ADDRESS = re.compile(r"\w+://\S+|\bwww\.\S+")
_STARTS = re.compile(r"[{\[]")


class Reading(NamedTuple):
    """JSON found in a text.

    Attributes:
        value: A dict or list.
        repaired: It was not valid as it stood.
        cut_off: It ends before its brackets are closed.
    """

    value: Any
    repaired: bool = False
    cut_off: bool = False


def read_json(text: str) -> Reading | None:
    """The JSON object or list in a text, with or without fences and words round it; None where there is none."""
    body = unfenced(text).strip()
    start = _STARTS.search(body)
    if not start:
        return None
    body = body[start.start() :]
    try:
        return Reading(json.JSONDecoder(strict=False).raw_decode(body)[0])
    except (ValueError, RecursionError):
        return _repaired(body)


def _repaired(body: str) -> Reading | None:
    """Broken JSON made whole. What it was cut off in the middle of is dropped, as it may be half a number."""
    from json_repair import repair_json

    end, depth = _bracket_end(body)
    if depth > _DEEPEST:
        return None
    body = _whole_members(body) if depth else without_closing(body[:end])
    try:
        value = repair_json(body, return_objects=True, skip_json_loads=True)
    except (ValueError, RecursionError):
        return None
    return Reading(value, repaired=True, cut_off=depth > 0) if isinstance(value, dict | list) and value else None


def _bracket_end(body: str) -> tuple[int, int]:
    """Where the outermost bracket closes, or the text ends; and how many are open there."""
    depth = 0
    for token in re.finditer(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', body, re.DOTALL):
        if token[0][0] == '"':
            continue
        depth += 1 if token[0] in "{[" else -1
        if depth == 0:
            return token.end(), 0
    return len(body), depth


def _whole_members(body: str) -> str:
    """Up to the last comma or opening bracket that stands outside a string."""
    last = 1
    for token in re.finditer(r'"(?:[^"\\]|\\.)*"?|[,{\[]', body, re.DOTALL):
        if token[0][0] != '"':
            last = token.start() if token[0] == "," else token.end()
    return body[:last]


def read_fields(given: Any) -> dict[str, Field]:
    """Fields from ``kv_result``: an object, or a list of objects.

    Objects of a list are one set of fields where their keys differ. Where a key comes again, they are rows: each field
    is then a list with one element a row, None where the row lacks it. ``{"key": …, "value": …}`` objects are pairs.
    """
    return {scrub(str(name)): read_field(value) for name, value in _members(given).items()}


def read_field(value: Any, problems: tuple[str, ...] = ()) -> Field:
    """A field: ``"null"`` becomes None, and illegible characters a problem."""
    found: list[str] = []
    cleaned = _cleaned(value, "", found)
    return Field(cleaned, problems=(*problems, *found))


def _members(given: Any) -> dict[Any, Any]:
    if isinstance(given, Mapping):
        return dict(given)
    rows = [row for row in given if isinstance(row, Mapping)] if isinstance(given, list | tuple) else []
    if rows and all(set(row) == {"key", "value"} for row in rows):
        rows = [{row["key"] if isinstance(row["key"], str) else str(row["key"]): row["value"]} for row in rows]
    names = list(dict.fromkeys(name for row in rows for name in row))
    if sum(map(len, rows)) == len(names):
        return {name: value for row in rows for name, value in row.items()}
    return {name: [row.get(name) for row in rows] for name in names}


def _cleaned(value: Any, path: str, problems: list[str], depth: int = 0) -> Any:
    """The value with NULs, lone surrogates and ``"null"`` gone; what is illegible in it goes to ``problems``."""
    if depth > _DEEPEST:
        problems.append(f"nested deeper than {_DEEPEST} levels{_where(path)}")
        return None
    if isinstance(value, Mapping):
        members = ((scrub(str(name)), inner) for name, inner in value.items())
        return {name: _cleaned(inner, f"{path}.{name}".lstrip("."), problems, depth + 1) for name, inner in members}
    if isinstance(value, list | tuple):
        return [_cleaned(inner, f"{path}[{i}]", problems, depth + 1) for i, inner in enumerate(value)]
    return _scalar(value, path, problems)


def _scalar(value: Any, path: str, problems: list[str]) -> Any:
    if not isinstance(value, str):
        return None if isinstance(value, float) and not math.isfinite(value) else value
    text = scrub(value).strip()
    if text.lower() in ("", "null"):
        return None
    if _ILLEGIBLE.search(_ADDRESS.sub("", text)):
        problems.append(f"illegible character{_where(path)}")
    return text


def _where(path: str) -> str:
    return f" in {path}" if path else ""


def as_text(fields: Mapping[str, Any]) -> str:
    """Fields as ``name: value`` lines, in the order given, what is nested indented below; no value, just the name."""
    return "\n".join(_outline({name: getattr(field, "value", field) for name, field in fields.items()}, ""))


def _outline(value: Any, indent: str) -> list[str]:
    members = value.items() if isinstance(value, Mapping) else (("-", inner) for inner in value)
    lines = []
    for name, inner in members:
        label = f"{indent}{name}" if name == "-" else f"{indent}{name}:"
        if isinstance(inner, Mapping | list) and inner:
            lines += [label, *_outline(inner, indent + "  ")]
        else:
            lines.append(f"{label} {_printed(inner)}".rstrip())
    return lines


def _printed(value: Any) -> str:
    if value is None or value in ({}, []):
        return ""
    return value.replace("\n", " ") if isinstance(value, str) else json.dumps(value)
