"""Pages of text boxes, drawn here: lines and justified paragraphs, and what is read of them."""

from __future__ import annotations

import random

from qwen_ocr_loader.geometry import Quad
from qwen_ocr_loader.layout import TextBox, compose

WIDTH, HEIGHT = 1000.0, 1400.0
SIZE, PITCH = 16.0, 20.0  # of a line, and from one line to the next
WORDS = [
    "harbour",
    "lantern",
    "winter",
    "market",
    "quiet",
    "river",
    "seven",
    "bridges",
    "boats",
    "wait",
    "rain",
    "under",
]


def box(text: str, x: float, y: float, width: float | None = None, size: float = SIZE) -> TextBox:
    width = len(text) * size * 0.5 if width is None else width
    return TextBox(text, Quad.from_box(x / WIDTH, y / HEIGHT, (x + width) / WIDTH, (y + size) / HEIGHT), confidence=0.9)


def prose(name: str, x: float, y: float, width: float, count: int, *, pitch: float = PITCH) -> list[TextBox]:
    """A justified paragraph whose lines begin with a word that tells them apart."""
    rng = random.Random(name)
    lines = []
    for i in range(count):
        words = [f"{name}{i}"]
        while len(" ".join(words)) * SIZE * 0.5 < width - 60:
            words.append(rng.choice(WORDS))
        text = " ".join(words) + ("." if i == count - 1 else "")
        full = width if i < count - 1 else width * 0.6
        lines.append(box(text, x, y + i * pitch, full))
    return lines


def read(boxes: list[TextBox], **options: bool | str) -> tuple[list[str], str]:
    """The first words in the order read, and the text, from a page handed over in disorder."""
    shuffled = list(boxes)
    random.Random(7).shuffle(shuffled)
    text, lines = compose(shuffled, WIDTH, HEIGHT, **options)
    assert [text[line.start : line.end] for line in lines] == [line.text for line in lines]
    return [line.text for line in lines], text
