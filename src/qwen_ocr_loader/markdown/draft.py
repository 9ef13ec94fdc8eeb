"""Markdown while it is being put together: pieces in a list, and marks for what only its end decides."""

from __future__ import annotations

import re

_MARKS = re.compile(r"[\x00-\x08]")
_ATOM = re.compile(r"\x01(\d+)\x01")
_ATOM_LINE = re.compile(r"^([\x02\x03]*)\x01(\d+)\x01", re.MULTILINE)
_SIGNS = str.maketrans({"\x02": " ", "\x03": "> ", "\x04": "  "})

BREAK = "\x04\n"
"""A forced line break."""


def without_marks(text: str) -> str:
    """A text that has none of the characters a draft marks with."""
    return _MARKS.sub("", text)


class Draft:
    """What is written so far.

    Pieces that must come out as they are (formulas, listings, tables) are kept aside as atoms, so that tidying and
    indenting never touch them.

    Attributes:
        pieces: Joined, they are the text. Whoever opens something remembers where it begins.
        paragraphs: Breaks between paragraphs so far.
        ink: Pieces so far that print anything.
    """

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.paragraphs = 0
        self.ink = 0
        self._atoms: list[str] = []

    def put(self, text: str) -> None:
        """Write."""
        self.pieces.append(text)
        self.ink += not text.isspace() and text != BREAK

    def atom(self, text: str) -> None:
        """Write what must come out as it is."""
        self.put(f"\x01{len(self._atoms)}\x01")
        self._atoms.append(text)

    def paragraph(self) -> None:
        """End the paragraph."""
        self.pieces.append("\n\n")
        self.paragraphs += 1

    def block(self, text: str) -> None:
        """Write a block as it is, a paragraph of its own."""
        if text:
            self.paragraph()
            self.atom(text)
            self.paragraph()

    def placeholder(self) -> int:
        """Room for a piece that is decided on later; its index."""
        self.pieces.append("")
        return len(self.pieces) - 1

    def taken(self, start: int) -> str:
        """All that was written from there on, taken back and tidied; it may be written again."""
        text = "".join(self.pieces[start:])
        del self.pieces[start:]
        return _tidy(text)

    def line(self, start: int) -> str:
        """``taken`` as one line, its atoms in it."""
        return " ".join(self._restored(self.taken(start)).translate({4: None}).split())

    def raw(self, start: int) -> str:
        """All that was written from there on, taken back as it is."""
        text = self._restored("".join(self.pieces[start:]))
        del self.pieces[start:]
        return text

    def cell(self, start: int) -> str:
        """``taken`` as a table's cell: lines, but neither formulas of several lines nor signs."""
        text = _ATOM.sub(lambda atom: " ".join(self._atoms[int(atom[1])].split()), self.taken(start))
        return re.sub(r"\n+", "\n", text.translate({**_SIGNS, 4: None}))

    def whole(self) -> str:
        """The text."""
        text = self._restored(self.taken(0)).replace("\x03\n", ">\n")
        return text.translate(_SIGNS).strip("\n")

    def _restored(self, text: str) -> str:
        text = _ATOM_LINE.sub(lambda found: found[1] + self._of(found[2]).replace("\n", "\n" + found[1]), text)
        return _ATOM.sub(lambda found: self._of(found[1]), text)

    def _of(self, number: str) -> str:
        return self._atoms[int(number)]


def _tidy(text: str) -> str:
    """No white space at the ends of lines, no more than one empty line, no break before one."""
    text = re.sub(r" ?\n ?", "\n", re.sub(r"[ \t]+", " ", text))
    text = re.sub(r" ?\x04", "\x04", re.sub(r"\n\x02+(?=\n)", "\n", text))
    text = re.sub(r"(?:\x04\n[\x02\x03]*)+(?=\n|\Z)", "\n", text)
    text = re.sub(r"\n[\x02\x03]*(?=\n[\x02\x03]*\n)", "", text)
    return text.strip(" \t\n\x04")


def bulleted(marker: str, text: str) -> str:
    """An item of a list, its further lines under its text."""
    return f"{marker} " + text.replace("\n", "\n" + "\x02" * (len(marker) + 1))


def quoted(text: str) -> str:
    """A block quote."""
    return "\x03" + text.replace("\n", "\n\x03")
