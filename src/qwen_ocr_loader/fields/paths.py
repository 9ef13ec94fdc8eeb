"""The way from a field to a value within it."""

from __future__ import annotations

Path = tuple[str | int, ...]
"""Keys of objects, and 0-based places in lists."""


def where(path: Path) -> str:
    """As people write it: ``[0].Sum``."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def at(path: Path, problem: str) -> str:
    """A problem with the way to it in front; alone where it is the field's own."""
    return f"{where(path)}: {problem}" if path else problem
