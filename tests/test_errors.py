"""Errors: the tree in the docstring is the tree in the code, and every class says its consequences."""

import pickle
import re

import pytest

from qwen_ocr_loader import errors
from qwen_ocr_loader.errors import OCRError

CLASSES = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, OCRError)]


def test_the_docstring_draws_every_class_under_its_parent():
    drawn = re.findall(r"^([│├└─ ]*)(\w+)(?=\s{2,}|$)", errors.__doc__, flags=re.MULTILINE)
    stack, tree = [], {}
    for prefix, name in drawn:
        if name not in {kind.__name__ for kind in CLASSES}:
            continue
        depth = len(prefix) // 4
        stack[depth:] = [name]
        tree[name] = stack[depth - 1] if depth else None
    assert tree == {kind.__name__: None if kind is OCRError else kind.__bases__[0].__name__ for kind in CLASSES}


def test_exit_codes_are_distinct_and_only_passing_troubles_are_retryable():
    codes = [kind.exit_code for kind in CLASSES]
    assert len(set(codes)) == len(codes)
    assert 0 not in codes
    assert {kind.__name__ for kind in CLASSES if kind.retryable} == {"RateLimited", "ServiceFailed"}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_errors_survive_pickling_with_all_they_know(kind):
    error = kind("no luck", source="a.pdf", page=2)
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is kind
    assert str(back) == "a.pdf, page 3: no luck"
    assert vars(back) == vars(error)


def test_a_missing_dependency_is_an_import_error():
    assert issubclass(errors.MissingDependency, ImportError)
