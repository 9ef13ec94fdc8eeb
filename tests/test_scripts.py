"""Lines without their letters: told by their ink, whatever the confidence; languages told by letters of their own."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drawn_languages import LANGUAGES
from qwen_ocr_loader.engines.ppocr import Reading, Seen
from qwen_ocr_loader.engines.scripts import foreign, is_unread, telltale_language, written_in


def line(text: str, score: float = 0.99, *, length: int = 20, marks: int | None = None) -> Seen:
    """A line 40 pixels high, ``length`` times as long, its first ``marks`` heights full of slanted strokes."""
    crop = np.full((40, 40 * length, 3), 255, np.uint8)
    rows, columns = np.indices(crop.shape[:2])
    strokes = (rows + columns) % 13 < 3
    strokes[:, 40 * (length if marks is None else marks) :] = False
    crop[8:32][strokes[8:32]] = 0
    return Seen(Reading(text, np.zeros((4, 2), np.float32), score), crop, np.zeros((4, 2), np.float32))


def test_ink_without_letters_is_unread_however_sure_the_recogniser_is():
    assert is_unread(line("2026 14", 0.99))
    assert is_unread(line("", 0.0))


def test_ink_with_its_letters_is_read():
    assert not is_unread(line("forty letters and the spaces between them", 0.6))
    assert not is_unread(line("十" * 17))


def test_ink_that_is_no_print_is_not_unread():
    bars, small = line("", 0.0), line("", 0.0)
    bars.crop[:] = bars.crop[20]
    blots = small._replace(crop=np.repeat(np.repeat(small.crop[10:20, :200], 4, axis=0), 4, axis=1))
    assert is_unread(line("", 0.0))
    assert not is_unread(bars)
    assert not is_unread(small._replace(crop=small.crop[::4, ::4]))
    assert not is_unread(blots)


@given(st.text(max_size=60), st.sampled_from(["rus", "kor", "ara", "vie"]))
def test_what_is_written_in_a_script_has_letters_of_it(text, pack):
    block = {"rus": "CYRILLIC", "kor": "HANGUL", "ara": "ARABIC", "vie": "LATIN"}[pack]
    assert not written_in(text, pack) or any(unicodedata.name(letter, "").startswith(block) for letter in text)


def test_a_name_in_latin_letters_does_not_change_the_script_of_a_line():
    assert written_in("программа Microsoft Excel", "rus")
    assert not written_in("2026 gb 14 aA LW dygild", "ara")
    assert not written_in("2026-1187", "rus")


def test_an_empty_line_is_not_unread():
    assert not is_unread(line("I  I", marks=0))


def test_leaders_and_gaps_need_no_letters():
    assert not is_unread(line("Total", marks=2))


def test_one_odd_line_does_not_make_a_page_foreign():
    good = [line("forty letters and the spaces between them")] * 30
    assert foreign([*good, line("")]).at == []
    assert foreign([*good, line(""), line("")]).at == [30, 31]


def test_a_page_of_doubtful_lines_is_looked_at_as_a_whole():
    found = foreign([line("forty letters and the spaces between them", 0.6)] * 3 + [line("")])
    assert found.at == [0, 1, 2, 3]
    assert found.unread == {3}
    assert (found.share(found.unread), found.share(found.at), found.blank) == (0.25, 1.0, False)


def test_a_blank_page_is_not_foreign():
    assert foreign([]).at == []


@pytest.mark.parametrize("code", ["vi", "sk", "el"])
def test_a_language_shows_itself_by_its_letters(code):
    assert telltale_language(LANGUAGES[code].text) == LANGUAGES[code].pack


@pytest.mark.parametrize("code", ["de", "es", "fr", "it", "ja", "pt", "ru", "ko", "ar"])
def test_other_languages_are_not_mistaken_for_those(code):
    assert telltale_language(LANGUAGES[code].text) is None


@pytest.mark.parametrize(
    "text",
    [
        "Všichni lidé rodí se svobodní a sobě rovní co do důstojnosti a práv. Jsou nadáni rozumem a svědomím.",
        "Vsa ljudska bitja se rodijo svobodna in imajo enako dostojanstvo in enake pravice, če že kaj štejemo.",
        "Minden emberi lény szabadon születik és egyenlő méltósága és joga van. Az emberek ésszel bírnak.",
        "Hver maður er borinn frjáls og jafn öðrum að virðingu og réttindum. Menn eru gæddir vitsmunum.",
    ],
    ids=["cs", "sl", "hu", "is"],
)
def test_neighbours_of_slovak_are_told_from_it(text):
    assert telltale_language(text) is None


@given(st.text(max_size=300))
def test_no_text_breaks_the_telling(text):
    assert telltale_language(text) in {None, "vie", "slk", "ell"}
