"""Joined text, on pages drawn here: which lines are one paragraph, and how they are joined."""

from __future__ import annotations

import pytest

from qwen_ocr_loader.layout import TextBox
from text_boxes import PITCH, WIDTH, box, prose, read


def lines_of(texts: list[str], x: float = 50, width: float = 400) -> list[TextBox]:
    """Ragged lines: each ends where its text does."""
    return [box(text, x, 100 + PITCH * i, min(len(text) * 8.0, width)) for i, text in enumerate(texts)]


def test_a_paragraph_is_one_line_of_text() -> None:
    page = lines_of(
        [
            "The boats wait for rain under the seven bridges",
            "and the market opens late in the long winter",
            "of the year.",
        ]
    )
    assert read(page)[1] == " ".join(line.text for line in page)


def test_an_indent_starts_a_paragraph() -> None:
    page = [*prose("a", 50, 100, 400, 5), *prose("b", 50, 100 + 5 * PITCH, 400, 5)]
    page[5] = box(page[5].text, 74, 100 + 5 * PITCH, 376)
    text = read(page)[1]
    assert [part.split()[0] for part in text.split("\n\n")] == ["a0", "b0"]
    assert "\n" not in text.replace("\n\n", "")


def test_hanging_indents_part_entries() -> None:
    entry = [
        "Abel, Winter harbours of the northern river,",
        "a long history of boats and bridges and of",
        "the people there.",
    ]
    other = [
        "Baker, Lanterns and the market of the town,",
        "in seven volumes with a long index and with",
        "maps of rivers.",
    ]
    page = lines_of([*entry, *other])
    page = [
        b if i in (0, 3) else box(b.text, 74, 100 + PITCH * i, (b.quad.bounds.width) * WIDTH)
        for i, b in enumerate(page)
    ]
    assert read(page)[1].split("\n\n") == [" ".join(entry), " ".join(other)]


def test_list_items_stay_on_their_own_lines() -> None:
    page = lines_of(["• bread", "• lanterns", "• seven boats"])
    assert read(page)[1] == "• bread\n• lanterns\n• seven boats"


def test_an_address_stays_in_lines() -> None:
    page = lines_of(["Harbour Office", "12 Quay Street", "Oslo"])
    assert read(page)[1] == "Harbour Office\n12 Quay Street\nOslo"


def test_chinese_lines_join_without_a_space() -> None:
    texts = ["福建具有茶之乡茶之祖等诸多美誉为推进", "现代茶产业中央财政连续三年注入资金总", "额达两亿元。"]
    page = [box(text, 50, 100 + PITCH * i, 16.0 * len(text)) for i, text in enumerate(texts)]
    assert read(page)[1] == "".join(texts)


def test_a_sentence_goes_on_in_the_next_column() -> None:
    left, right = prose("a", 50, 100, 430, 15), prose("b", 510, 100, 430, 15)
    left[-1] = box(left[-2].text.replace("a13", "a14"), 50, 100 + 14 * PITCH, 430)
    assert f"{left[-1].text} {right[0].text}" in read([*left, *right])[1]


def test_hyphens_are_kept_as_printed() -> None:
    page = lines_of(["The boats wait for rain under the seven brid-", "ges and the market opens late in the winter."])
    assert read(page)[1] == f"{page[0].text} {page[1].text}"


def test_broken_words_are_made_whole_on_request() -> None:
    page = lines_of(["The boats wait for rain under the seven brid-", "ges and the market opens late in the winter."])
    texts, text = read(page, hyphens="join")
    assert text == "The boats wait for rain under the seven bridges and the market opens late in the winter."
    assert texts[0] == "The boats wait for rain under the seven brid"


@pytest.mark.parametrize("end", ["1914-", "COVID-", "a-"])
def test_other_hyphens_are_left_alone(end: str) -> None:
    after = (
        "1918 and the market opens late in winter." if end[0] in "1C" else "theory of the market in the late winter."
    )
    page = lines_of([f"The boats wait for rain under the bridges {end}", after])
    assert end in read(page, hyphens="join")[1]
