"""Plain receipts, invoices, forms and notes in several languages, typed as they are printed, and what a person reads.

Each of ``papers/*.txt`` has three parts with ``=====`` between them: the page as typewriter text, a letter a cell (two,
where it is as wide as it is high), in which two blanks or more part what an engine reads as lines of their own; its
labels and values, ``=>`` between them; and a schema's names with the values that answer them.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from printed_pages import Row, printed

if TYPE_CHECKING:
    from qwen_ocr_loader import PageResult

_CELL = 1.5  # hundredths of the page's width


@dataclass(frozen=True)
class Paper:
    """A page and what it says."""

    name: str
    typed: str
    pairs: list[tuple[str, str]]
    asked: dict[str, str]

    def page(self, turn: float = 0.0, *, merged: bool = False) -> PageResult:
        """The page as lines with boxes.

        Args:
            turn: Degrees about its middle.
            merged: Read what stands two blanks apart as one line, as engines do with close print.
        """
        return printed(*(_row(row, 3 if merged else 2) for row in self.typed.splitlines()), turn=turn)


def papers() -> list[Paper]:
    """All of them."""
    return [_paper(path) for path in sorted((Path(__file__).parent / "papers").glob("*.txt"))]


def _paper(path: Path) -> Paper:
    typed, pairs, asked = path.read_text(encoding="utf-8").split("=====\n")
    return Paper(path.stem, typed, _said(pairs), dict(_said(asked)))


def _said(text: str) -> list[tuple[str, str]]:
    lines = (line.partition(" => ") for line in text.splitlines())
    return [(label, value) for label, _, value in lines]


def _row(typed: str, blanks: int) -> Row:
    runs = re.finditer(rf"\S(?:.*?\S)??(?=\s{{{blanks},}}|\s*$)", typed)
    return tuple((_CELL * _cells(typed[: run.start()]), re.sub(r"\s+", " ", run[0])) for run in runs)


def _cells(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
