"""The viewer's one file: style, scripts, pages and their pictures, under a policy that lets nothing else in.

The policy (CSP, as a ``meta``) allows this very style and these very scripts by their hashes, pictures out of the file
itself, and nothing from anywhere else: no network, no inline handler, no form, no frame. It also asks for Trusted Types
and grants none, so that where these are known no text can become markup at all.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

SCRIPTS = ("pages.js", "side.js", "search.js", "viewer.js")
"""In the order in which they run."""


class Encoded(NamedTuple):
    """A picture as a file's bytes."""

    data: bytes
    mime: str


def frame(title: str) -> tuple[str, str]:
    """The file before its pages, and after them."""
    style, script = _shipped("viewer.css"), "\n".join(_shipped(name) for name in SCRIPTS)
    parts = {"policy": _policy(style, script), "style": style, "script": script, "title": escape(_readable(title))}
    before, after = _shipped("viewer.html").split("{{pages}}")
    for name, text in parts.items():
        before, after = (half.replace(f"{{{{{name}}}}}", text, 1) for half in (before, after))
    return before, after


def page_block(data: Any, picture: Encoded | None) -> str:
    """A page: what was read on it as JSON and its picture as base64, both in elements that no browser runs."""
    from .contents import as_script

    block = f'<script type="application/json" class="page">{as_script(data)}</script>'
    if picture is not None:
        block += f'<script type="text/plain" class="picture">{b64encode(picture.data).decode()}</script>'
    return block + "\n"


def _readable(name: str) -> str:
    """A file's name, also one that is not UTF-8."""
    return name.encode("utf-8", "replace").decode()


def _shipped(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {_hash(script)}",
            f"style-src {_hash(style)}",
            "img-src data: blob:",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ]
    )


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
