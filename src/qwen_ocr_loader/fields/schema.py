"""The fields asked for, as the template of names and descriptions that Qwen-OCR calls ``result_schema``.

Source: Alibaba Model Studio, Qwen-OCR API reference, ``ocr_options.task_config.result_schema`` (2026-01-16): a JSON
object of up to three layers; names are its keys; a value is empty or says what to look for and how to write it. That a
list holds one template for all its elements is in the task's own prompt (guide, 2026-02-04).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .model import is_model, template_of

LAYERS = 3
"""Objects that may lie within one another."""


def schema_of(fields: Any) -> dict[str, Any] | None:
    """The schema of whatever was given as ``fields``.

    Args:
        fields: ``"all"``, for every field that is printed, a template as in ``check_schema``, or a pydantic model.

    Returns:
        The template; None for ``"all"``.

    Raises:
        ValueError: None of these, or a template that is not well formed.
    """
    if is_model(fields):
        return check_schema(template_of(fields))
    if isinstance(fields, str):
        if fields == "all":
            return None
        raise ValueError(f'fields={fields!r}: write fields="all", or fields={{{fields!r}: ""}} for the one field')
    return check_schema(fields)


def check_schema(schema: Any) -> dict[str, Any]:
    """A copy of the template, once it is sure that the service takes it.

    Args:
        schema: Field names to a description (``""`` for none), to a further template, or to a list that holds the one
            description or template of all its elements: ``{"Date": "YYYY-MM-DD", "Items": [{"Name": "", "Sum": ""}]}``.

    Raises:
        ValueError: Empty, deeper than three layers, or with keys or values of another type. The message has the path
            and what to write there.
    """
    return _object(schema, "fields", 1)


def _object(given: Any, path: str, layer: int) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise ValueError(  # noqa: TRY004 - one class for whatever is wrong with a schema
            f'{path} is {given!r}; write a dict of names and descriptions, for example {{"Date": "YYYY-MM-DD"}}, '
            "or pass the class of a pydantic model (version 2)"
        )
    if not given:
        raise ValueError(f'{path} is empty; name at least one field, or write fields="all" for all that are printed')
    if layer > LAYERS:
        raise ValueError(
            f"{path} is in layer {layer} where {LAYERS} are allowed; write it as a description, or move it up"
        )
    return {_name(key, path): _value(value, f"{path}[{key!r}]", layer) for key, value in given.items()}


def _name(key: Any, path: str) -> str:
    if not isinstance(key, str) or not key.strip():
        raise ValueError(f"{path} has the name {key!r}; write a name that is printed on the page, as a string")
    return key


def _value(given: Any, path: str, layer: int) -> Any:
    """A description, an object one layer down, or a list with one of these."""
    if isinstance(given, str):
        return given
    if isinstance(given, Mapping):
        return _object(given, path, layer + 1)
    if isinstance(given, list):
        return [_element(given, path, layer)]
    raise ValueError(
        f'{path} is {given!r}; write what to look for there, "" for nothing in particular, a dict or a list'
    )


def _element(given: list[Any], path: str, layer: int) -> Any:
    if len(given) != 1 or isinstance(given[0], list):
        raise ValueError(
            f"{path} is a list of {len(given)}; write the one template of its elements, a string or a dict"
        )
    return _value(given[0], f"{path}[0]", layer)
