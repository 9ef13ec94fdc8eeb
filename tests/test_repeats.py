"""Loops and pages that repeat themselves: the one is found, the other left alone."""

from __future__ import annotations

import json
import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qwen_ocr_loader.repeats import RepeatWatch, cut, find_repeat
from text_boxes import WORDS as FEW_WORDS

WORDS = (*FEW_WORDS, "stone", "garden", "letter", "north")


def prose(count: int, seed: int = 1) -> str:
    rng = random.Random(seed)
    return " ".join(rng.choice(WORDS) + str(rng.randrange(90)) * rng.randrange(2) for _ in range(count))


def empty_grid(rows: int, columns: int, indent: str = "") -> str:
    row = f"{indent}<tr>\n" + f"{indent}{indent}<td></td>\n" * columns + f"{indent}</tr>\n"
    return "<table>\n" + row * rows + "</table>"


LABEL = "Mr. J. Halloran\n12 Quay Street\nGalway H91 X0V3\n\n"
LOOPS = {
    "one line": "Invoice 7781\n" + "Total amount due upon receipt of goods\n" * 150,
    "a line cut in the middle": prose(60) + "\nlife? He had written: two co" * 200 + "\nlife? He ha",
    "a phrase without breaks": prose(60) + " and the harbour was quiet" * 200,
    "one word": prose(30) + " the" * 1200,
    "one Chinese character": "发票号码 12345678\n" + "的" * 2500,
    "a Chinese line": "第一章 总则\n" + "本合同一式两份，双方各执一份。\n" * 150,
    "a Korean syllable": "서울특별시\n" + "곧 " * 1600,
    "a paragraph": prose(40) + "\n" + (prose(90, seed=2) + "\n") * 9,
    "the whole page": (prose(400, seed=3) + "\n\n") * 6,
    "table rows with words": "<table>" + "<tr><td>Benzoyl chloride</td><td>98-88-4</td></tr>\n" * 220,
    "section numbers": "6.3 Scope\n" + "6.3.1. 2 2 6.3.2 6.3.3. " * 450,
    "cells without rows": "<table><tr><td>Name</td>" + "<td></td>" * 500,
    "empty rows": "<table>" + "<tr><td></td><td></td><td></td></tr>" * 300,
    "dots without end": "Contents\nIntroduction " + "." * 4000,
    "nothing but spaces": "Signature" + "&nbsp;" * 900,
    "JSON": '```json\n{"items": [' + '{"name": "Bolt M8", "price": "0.35"}, ' * 180,
    "a counter": "Parts\n" + "".join(f"Item {n} of the assembly drawing\n" for n in range(100, 700)),
    "closed at last": prose(30) + "<table>" + "<tr><td>Live Load</td><td>Not tested</td></tr>" * 300 + "</table>\n```",
    "LaTeX": "\\begin{tabular}{ll}\n" + "Alpha beta & Gamma delta \\\\\n" * 250,
}
PAGES = {
    "equal rows of zeros": "Account\tJan\tFeb\n" + "Reserve\n" + "0.00\t0.00\t0.00\t0.00\t0.00\t0.00\t0.00\t0.00\n" * 60,  # noqa: E501
    "a column of zeros": "Balance\n" + "0.00\n" * 240,
    "equal rows of words": "<table>" + "<tr><td>Live Load</td><td>N/A</td><td>0.00</td></tr>\n" * 60 + "</table>",
    "not applicable": empty_grid(3, 2) + ("<tr>\n" + "    <td>N/A</td>\n" * 8 + "</tr>\n") * 45 + "</table>",
    "an attendance sheet": "<h1>March</h1>" + empty_grid(40, 31),
    "an indented empty ledger": empty_grid(50, 12, "    "),
    "the ledger, still coming": empty_grid(60, 8)[: -len("</table>")],
    "ruled lines": "Notes:\n" + ("_" * 90 + "\n") * 45,
    "one long line to fill in": "Name: " + "_" * 600,
    "dot leaders": "\n".join(f"{name} {'. ' * 40}{n}" for n, name in enumerate(WORDS * 3)) + "\nIndex " + ". " * 60,
    "a rule of dashes": "Subtotal 12.00\n" + "-" * 400,
    "blank lines": prose(80) + "\n" * 300,
    "hard blanks": "Date:" + "&nbsp;" * 120,
    "a receipt": "CAFE NERO\n" + "1 X FLAT WHITE 3.40\n" * 25 + "TOTAL 85.00",
    "a receipt, still coming": "CAFE NERO\n" + "1 X FLAT WHITE 3.40\n" * 40,
    "a sheet of labels": LABEL * 33,
    "small labels": "Halloran\nGalway\n" * 80,
    "a watermark": "CONFIDENTIAL " * 120,
    "a refrain": (prose(30) + "\nRow, row, row your boat,\nGently down the stream.\n") * 3 + "Row, row, row your boat,\n" * 6,  # noqa: E501
    "lines written as a punishment": "I must not talk in class.\n" * 60,
    "a slip in four parts": (prose(70, seed=5) + "\n") * 4,
    "an answer sheet": "".join(f"{n} A B C D E\n" for n in range(1, 121)),
    "a random number table": "\n".join(" ".join(f"{random.Random(n * 99 + i).randrange(10**5):05}" for i in range(10)) for n in range(60)),  # noqa: E501
    "a price list": "\n".join(f"{n:04} Hex bolt zinc plated {n % 89:02}.50" for n in range(1, 90)),
    "an ASCII table": "+--------+--------+--------+\n|        |        |        |\n" * 55,
    "Markdown cells": "| a | b | c |\n|---|---|---|\n" + "|   |   |   |\n" * 70,
    "a checkbox list": "☐ yes ☐ no\n" * 60,
    "short": "ab" * 3,
    "nothing": "",
}  # fmt: skip


@pytest.mark.parametrize("name", LOOPS)
def test_finds_a_loop_and_keeps_what_was_read_once(name: str):
    text = LOOPS[name]
    repeat = find_repeat(text)
    assert repeat, name
    once = cut(text, repeat)
    assert text.startswith(once)
    assert text[repeat.start :].startswith(repeat.unit)
    assert find_repeat(once) is None
    assert len(once) < len(text) / 2


@pytest.mark.parametrize("name", PAGES)
def test_leaves_a_page_alone_whole_and_while_it_comes(name: str):
    text = PAGES[name]
    assert find_repeat(text) is None
    watch = RepeatWatch()
    assert not any(watch.feed(text[i : i + 7]) for i in range(0, len(text), 7))


@pytest.mark.parametrize("name", LOOPS)
def test_watch_ends_a_looping_stream_before_it_ends_itself(name: str):
    text = LOOPS[name]
    watch = RepeatWatch()
    seen = 0
    for i in range(0, len(text), 5):
        seen = i + 5
        if repeat := watch.feed(text[i : i + 5]):
            assert repeat == find_repeat(text[:seen])
            assert text.startswith(cut(text[:seen], repeat))
            return
    assert name == "closed at last"  # only the end is looked at


def test_knowing_that_a_reply_was_cut_off_makes_less_repetition_enough():
    text = prose(100) + "\n" + "Terms and conditions apply.\n" * 60
    assert find_repeat(text) is None
    assert find_repeat(text, cut_off=True)
    assert find_repeat(prose(100) + LABEL * 10, cut_off=True) is None


def test_cut_keeps_the_page_before_the_loop():
    page = "Invoice 7781\nLantern, brass\n"
    text = page + "Total amount due upon receipt of goods\n" * 150
    repeat = find_repeat(text)
    assert repeat
    assert cut(text, repeat).strip() == page + "Total amount due upon receipt of goods"
    assert repeat.times >= 149


def test_a_watch_is_cheap_on_the_longest_reply():
    text = prose(16_000, seed=9)
    assert len(text) > 100_000
    watch, started = RepeatWatch(), time.perf_counter()
    assert not any(watch.feed(text[i : i + 3]) for i in range(0, len(text), 3))
    assert time.perf_counter() - started < 30


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300), st.text(min_size=1, max_size=80), st.integers(0, 79))
def test_any_unit_is_found_once_no_page_could_hold_it(before: str, unit: str, rest: int):
    text = before + unit * (60_000 // len(unit)) + unit[: rest % len(unit)]
    repeat = find_repeat(text)
    assert repeat
    assert repeat.start <= len(before) + 2 * len(unit)
    assert text.startswith(cut(text, repeat))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=60), st.integers(8, 20))
def test_words_are_found_after_four_thousand_letters(words: list[str], least: int):
    unit = " ".join(words) + "\n"
    times = max(least, 4000 // (len(unit) - 1) + 2)
    repeat = find_repeat(prose(50) + "\n" + unit * times)
    assert repeat
    assert repeat.times >= times - 1


@pytest.mark.data
def test_no_alarm_on_real_pages(data):
    truths = sorted((data / "dev" / "gt").glob("*.json"))
    assert truths
    for path in truths:
        truth = json.loads(path.read_text())
        texts = [truth["text"] or "", *truth["tables"], *truth["formulas"]]
        assert [text for text in texts if find_repeat(str(text), cut_off=True)] == [], path.name
