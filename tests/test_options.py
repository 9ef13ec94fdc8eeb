"""Options: one definition, checked when given."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from qwen_ocr_loader import Options, Reader, SourceError
from qwen_ocr_loader.options import OptionArgs


def test_keyword_arguments_and_options_are_the_same_list():
    assert list(OptionArgs.__annotations__) == list(Options.__dataclass_fields__)
    for name, annotation in OptionArgs.__annotations__.items():
        assert annotation.__forward_arg__ == Options.__annotations__[name], name


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"pags": "1"}, "no option 'pags'; did you mean 'pages'"),
        ({"enginee": "local"}, "did you mean 'engine'"),
        ({"cashe": "x"}, "did you mean 'cache'"),
    ],
)
def test_an_unknown_option_is_an_error_that_names_the_nearest(wrong, message):
    with pytest.raises(TypeError, match=message):
        Reader(**wrong)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"text_layer": "autoo"}, "did you mean 'auto'"),
        ({"mode": "pages"}, "did you mean 'page'"),
        ({"task": "table_parse"}, "did you mean 'table_parsing'"),
        ({"task": []}, "name at least one"),
        ({"dpi": 0}, "dpi=0"),
        ({"concurrency": 0}, "concurrency=0"),
        ({"pages": "0"}, "not a page"),
        ({"pages": "5-3"}, "'5-3' is not a page"),
        ({"pages": "1,,2"}, "write it like"),
        ({"pages": "-"}, "write it like"),
        ({"on_error": "ignore"}, "on_error='ignore'"),
        ({"preprocess": None}, r"preprocess=None: want a list of names, \(\) for nothing"),
        ({"preprocess": iter(["orient"])}, "want a list of names"),
        ({"fields": BaseModel}, "pass the class of a pydantic model"),
    ],
)
def test_a_wrong_value_is_an_error_that_says_what_to_write(wrong, message):
    with pytest.raises(ValueError, match=message):
        Options.of(wrong)


@pytest.mark.parametrize(
    ("pages", "count", "numbers"),
    [
        (None, 3, [0, 1, 2]),
        ("1", 3, [0]),
        ("3,1", 3, [2, 0]),
        ("1,3-5,9-", 10, [0, 2, 3, 4, 8, 9]),
        ("-2", 5, [0, 1]),
        (" 2 - 3 ", 5, [1, 2]),
        ("2-99", 4, [1, 2, 3]),
        ("1,9", 4, [0]),
    ],
)
def test_page_ranges_are_one_based_and_keep_their_order(pages, count, numbers):
    assert list(Options(pages=pages).page_numbers(count)) == numbers


def test_a_selection_beyond_the_end_says_so():
    with pytest.raises(SourceError, match="3 pages, so pages='7-9' selects none"):
        Options(pages="7-9").page_numbers(3)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=8), st.integers(1, 50))
def test_page_numbers_stay_within_the_file(asked, count):
    options = Options(pages=",".join(map(str, asked)))
    wanted = [n - 1 for n in asked if n <= count]
    if wanted:
        assert list(options.page_numbers(count)) == wanted
    else:
        with pytest.raises(SourceError):
            options.page_numbers(count)


def test_the_password_is_not_shown():
    assert "hush" not in repr(Options(password="hush"))
