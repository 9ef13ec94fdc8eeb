"""A page's result as a notebook shows it: a small drawing of its boxes beside its first lines, nothing that runs."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from .palette import FIELD, TABLE, step

if TYPE_CHECKING:
    from .geometry import Quad
    from .results import PageResult

_WIDTH = 220  # pixels of the drawing
_LINES = 12
_LENGTH = 600  # characters of text where there are no lines
_FIELDS = 12
_SHAPES = 1000


def card(page: PageResult) -> str:
    """HTML without scripts, links or pictures; whatever comes from the document is escaped."""
    said = [f"<b>Page {page.page + 1}</b>", escape(page.engine), f"{len(page.lines)} lines"]
    if page.confidence is not None:
        said.append(f"confidence {page.confidence:.2f}")
    if page.agreement is not None:
        said.append(f"{escape(page.agreement.witness)} agrees on {page.agreement.score:.0%}")
    if page.truncated:
        said.append("cut off")
    if page.needs_review:
        said.append("⚠ to be looked at")
    head = f'<div style="opacity:.75;margin-bottom:6px">{" · ".join(filter(None, said))}</div>'
    body = f'<div style="flex:1;min-width:0;overflow-wrap:anywhere">{_fields(page)}{_text(page)}</div>'
    return f'<div style="max-width:760px">{head}<div style="display:flex;gap:16px">{_drawing(page)}{body}</div></div>'


def _drawing(page: PageResult) -> str:
    """The boxes on a white sheet; nothing where no line has one."""
    boxes = [(line.quad, step(line.confidence).color) for line in page.lines]
    boxes += [(table.quad, TABLE) for table in page.tables]
    boxes += [(field.quad, FIELD) for field in page.fields.values()]
    if not page.width or not page.height:
        return ""
    height = min(_WIDTH * page.height / page.width, 3.0 * _WIDTH)
    shapes = "".join(_polygon(quad, color, _WIDTH, height) for quad, color in boxes[-_SHAPES:] if quad is not None)
    return shapes and (
        f'<svg width="{_WIDTH}" height="{height:.0f}" viewBox="0 0 {_WIDTH} {height:.1f}" '
        f'style="flex:none;background:#fff;border:1px solid #ccc">{shapes}</svg>'
    )


def _polygon(quad: Quad, color: str, width: float, height: float) -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in quad.to_pixels(width, height))
    return f'<polygon points="{points}" fill="{color}" fill-opacity=".25" stroke="{color}" stroke-width=".7"/>'


def _fields(page: PageResult) -> str:
    rows = [
        f'<tr><td style="text-align:left;opacity:.75">{escape(_short(name))}</td>'
        f'<td style="text-align:left" dir="auto">{escape(_short(str(field.value)))}'
        f"{' ⚠' * bool(field.problems)}</td></tr>"
        for name, field in list(page.fields.items())[:_FIELDS]
    ]
    return f"<table>{''.join(rows)}</table>{_more(len(page.fields) - _FIELDS, 'fields')}" if rows else ""


def _text(page: PageResult) -> str:
    if page.lines:
        rows = "".join(f'<div dir="auto">{escape(_short(line.text))}</div>' for line in page.lines[:_LINES])
        return rows + _more(len(page.lines) - _LINES, "lines")
    return f'<div dir="auto" style="white-space:pre-wrap">{escape(page.text[:_LENGTH])}</div>' + _more(
        len(page.text) - _LENGTH, "characters"
    )


def _short(text: str) -> str:
    return text if len(text) <= _LENGTH else f"{text[:_LENGTH]}…"


def _more(count: int, of_what: str) -> str:
    return f'<div style="opacity:.75">… and {count:,} more {of_what}</div>' if count > 0 else ""
