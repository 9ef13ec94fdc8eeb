"""What the viewer is told of a page: plain JSON, its offsets in UTF-16 units, as a browser counts."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from ..draw import disputed

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..geometry import Quad
    from ..report import ReadPage
    from ..results import PageResult


def contents(page: ReadPage) -> dict[str, Any]:
    """A page as the viewer's ``Page`` takes it; quads are 4 or 8 fractions 0-1, see ``Quad.to_numbers``."""
    result = page.result
    units = _utf16(result.text)
    return {
        "title": _title(page),
        "source": page.origin.file_name or page.origin.name,
        "about": _about(result),
        "note": _note(page),
        "width": result.width or 210,
        "height": result.height or 297,
        "text": result.text,
        "lines": [
            {
                "start": units(line.start),
                "end": units(line.end),
                "confidence": _rate(line.confidence),
                "quad": _numbers(line.quad),
                "grounded": line.grounded,
            }
            for line in result.lines
        ],
        "fields": [
            {
                "name": name,
                "value": _finite(field.value),
                "confidence": _rate(field.confidence),
                "quad": _numbers(field.quad),
                "places": [_numbers(place.quad) for place in field.places if place.page == result.page],
                "problems": list(field.problems),
            }
            for name, field in result.fields.items()
        ],
        "tables": [{"rows": table.rows, "quad": _numbers(table.quad)} for table in result.tables],
        "formulas": result.formulas,
        "doubts": [{"name": what, "value": words, "quad": _numbers(quad)} for what, words, quad in disputed(result)],
    }


def as_script(data: Any) -> str:
    """JSON, good for UTF-8, that cannot end the ``<script>`` it stands in, nor begin a comment or another one."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), default=str)
    text = text.encode("utf-8", "backslashreplace").decode()  # of a file's name: JSON writes half a pair in this way
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")


def _title(page: ReadPage) -> str:
    """Its number, or those of the pages read together; the printed one, too, where it is another."""
    first, last = page.result.page + 1, (page.result.page if page.last is None else page.last) + 1
    if last > first:
        return f"Pages {first} to {last}"
    return f"Page {first}" + (f" ({page.label})" if page.label not in ("", str(first)) else "")


def _about(result: PageResult) -> str:
    """Who read it, in a few words."""
    parts = [result.engine, f"{len(result.lines)} lines"]
    if result.text_source == "text_layer":
        parts[0] = "the PDF's own text"
    if result.confidence is not None:
        parts.append(f"confidence {result.confidence:.2f}")
    if result.agreement is not None:
        parts.append(f"{result.agreement.witness} agrees on {result.agreement.score:.0%} of the words")
    if result.needs_review:
        parts.append("to be looked at")
    return " · ".join(filter(None, parts))


def _note(page: ReadPage) -> str:
    """What is wrong with it."""
    if page.error is not None:
        return f"Not read: {page.error.message}"
    return "The reply was cut off: there is more on this page." if page.result.truncated else ""


def _utf16(text: str) -> Callable[[int], int]:
    """From an index of the text in code points to one in UTF-16 units."""
    if max(text, default="") <= "\uffff":
        return lambda index: index
    places = [0]
    for letter in text:
        places.append(places[-1] + 1 + (letter > "\uffff"))
    return places.__getitem__


def _rate(confidence: float | None) -> float | None:
    return None if confidence is None or not math.isfinite(confidence) else round(confidence, 4)


def _numbers(quad: Quad | None) -> list[float] | None:
    """A ten-thousandth of a percent is less than a pixel at any zoom."""
    return None if quad is None else [round(number, 6) for number in quad.to_numbers()]


def _finite(value: Any) -> Any:
    """A field's value without what JSON in a browser does not know."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {str(key): _finite(part) for key, part in value.items()}
    return [_finite(part) for part in value] if isinstance(value, list | tuple) else value
