"""Printed signs and words for yes and no."""

from __future__ import annotations

from .letters import plain

TICKED = frozenset("☑☒✓✔✗✘✕✖■●◉⦿√")
EMPTY = frozenset("☐□○◯◻")
_YES = """
    yes y true on checked ticked selected x [x] (x) × 是 有 對 对 はい 有り 예 네 да oui ja si sí sim نعم
"""
_NO = """
    no n false off unchecked [] () 否 无 無 不是 いいえ 無し 아니요 нет non nein não nao لا
"""
YES, NO = TICKED.union(_YES.split()), EMPTY.union(_NO.split())


def is_tick(text: str) -> bool:
    """Whether it says no more than yes or no."""
    return _said(text) in YES | NO


def read_tick(text: str) -> bool:
    """Yes or no.

    Raises:
        ValueError: Neither; the message is for the person who looks at it.
    """
    said = _said(text)
    if said not in YES | NO:
        raise ValueError(f'neither yes nor no: "{text}"')
    return said in YES


def _said(text: str) -> str:
    return "".join(plain(text).casefold().split()).rstrip(".")
