"""Replies as they come when something goes wrong: each recorded one spoilt in 200 ways, the same ones every time."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from openai_replies import REPLIES, check_page, recorded
from qwen_ocr_loader.errors import ReplyUnreadable

FENCE = "`" * 3
HUGE = ("1e308", "-1e308", "99999999999999999999", "1e400", "-4000", "NaN", "Infinity", "0", "1900", "null", '"12"')


def cut(text: str, dice: random.Random) -> str:
    return text[: dice.randrange(len(text) + 1)]


def cut_in_front(text: str, dice: random.Random) -> str:
    return text[dice.randrange(len(text) + 1) :]


def doubled_fence(text: str, dice: random.Random) -> str:
    return f"{FENCE}{dice.choice(['json', 'html', ''])}\n{text}{dice.choice([chr(10), ''])}{FENCE}"


def trailing_prose(text: str, dice: random.Random) -> str:
    return text + dice.choice(["\n\nI hope that helps!", " Note: [1] is {unclear}.", "\n(10,20) and <p>", "\n" + text])


def leading_prose(text: str, dice: random.Random) -> str:
    return dice.choice(["Sure! Here it is:\n", "The [first] {reading}: ", "识别结果如下：\n\n", "<think>well"]) + text


def wrong_quotes(text: str, dice: random.Random) -> str:
    return text.replace('"', dice.choice(["'", "“", "", '\\"', '""']), dice.choice([-1, 1, 3]))


def dropped_bracket(text: str, dice: random.Random) -> str:
    return without(text, r"[\[\](){}<>|]", dice)


def dropped_letter(text: str, dice: random.Random) -> str:
    return without(text, r"\S", dice)


def without(text: str, pattern: str, dice: random.Random) -> str:
    places = [found.start() for found in re.finditer(pattern, text)]
    at = dice.choice(places) if places else 0
    return text[:at] + text[at + 1 :]


def doubled_commas(text: str, dice: random.Random) -> str:
    return text.replace(",", ",,", dice.choice([-1, 1]))


def swapped_numbers(text: str, dice: random.Random) -> str:
    numbers = list(re.finditer(r"\d+", text))
    if len(numbers) < 2:
        return text
    one, other = sorted(dice.sample(numbers, 2), key=lambda found: found.start())
    return text[: one.start()] + other[0] + text[one.end() : other.start()] + one[0] + text[other.end() :]


def huge_number(text: str, dice: random.Random) -> str:
    numbers = list(re.finditer(r"-?\d+", text))
    for number in reversed(dice.sample(numbers, min(len(numbers), dice.choice([1, 1, 5, 50])))):
        if number.end() <= len(text):
            text = text[: number.start()] + dice.choice(HUGE) + text[number.end() :]
    return text


def repeated_piece(text: str, dice: random.Random) -> str:
    start = dice.randrange(len(text) + 1)
    end = min(start + dice.randrange(1, 60), len(text))
    return text[:start] + text[start:end] * dice.choice([2, 40]) + text[end:]


def strange_letters(text: str, dice: random.Random) -> str:
    at = dice.randrange(len(text) + 1)
    return text[:at] + dice.choice(["\0", "\ud800", "\u2028", "\x1c", "\x85", "\r\n", "，", "<![", "&#0;"]) + text[at:]


MUTATIONS: tuple[Callable[[str, random.Random], str], ...] = (
    cut,
    cut_in_front,
    doubled_fence,
    trailing_prose,
    leading_prose,
    wrong_quotes,
    dropped_bracket,
    dropped_letter,
    doubled_commas,
    swapped_numbers,
    huge_number,
    repeated_piece,
    strange_letters,
)


@pytest.mark.parametrize("path", REPLIES, ids=lambda path: path.stem)
def test_a_spoilt_reply_is_read_or_unreadable(path: Path):
    case, dice, read = recorded(path), random.Random(path.stem), 0
    for number in range(200):
        text = MUTATIONS[number % len(MUTATIONS)](case.text, dice)
        if number >= 100:
            text = dice.choice(MUTATIONS)(text, dice)
        try:
            check_page(case.read(text))
        except ReplyUnreadable:
            continue
        except Exception as error:
            error.add_note(f"reply {number}: {text!r}")
            raise
        read += 1
    assert read >= 60 or "unreadable" in case.reads


def test_the_mutations_change_the_replies():
    text = "\n".join(recorded(path).text for path in REPLIES)
    for mutation in MUTATIONS:
        assert any(mutation(text, random.Random(seed)) != text for seed in range(5)), mutation.__name__
