"""What reading a page was billed is told however it ends."""

import pytest

from qwen_ocr_loader.engines.bill import Bill
from qwen_ocr_loader.engines.keys import Secret
from qwen_ocr_loader.errors import KeyRejected, ReplyTruncated, ReplyUnreadable, ServiceFailed
from qwen_ocr_loader.results import PageResult, Usage

ONE, TWO = Usage(1, 100, 10, 90), Usage(1, 200, 20, 180)
KEY = "sk-1234567"


class Engine:
    def __init__(self, api_key=None):
        self.api_key = api_key


def page(text: str, task: str, usage: Usage) -> PageResult:
    return PageResult(0, 10, 10, "px", text, engine="e", tasks=(task,), usage=usage)


def test_the_result_has_all_that_was_billed_also_for_replies_of_no_use():
    bill = Bill()
    with bill.charging(Engine()):
        bill.usage += ONE
        bill.usage += TWO
        bill.results += [page("a", "text_recognition", TWO)]
        bill.usage += ONE
        bill.results += [page("b", "multi_lan", ONE)]
    assert bill.result().usage == ONE + TWO + ONE
    assert bill.result().tasks == ("text_recognition", "multi_lan")


def test_an_error_has_what_was_billed_and_read_before_it():
    bill, error = Bill(), ReplyTruncated("cut off", text="half", usage=TWO)

    def read():
        with bill.charging(Engine()):
            bill.usage += ONE
            bill.results += [page("a", "text_recognition", ONE)]
            bill.usage += TWO
            raise error

    with pytest.raises(ReplyTruncated) as caught:
        read()
    assert caught.value is error
    assert error.usage == ONE + TWO
    assert (error.partial.text, error.partial.usage) == ("a", ONE + TWO)
    assert (error.message, error.text) == ("cut off", "half")


def test_an_error_before_anything_came_was_billed_nothing():
    with pytest.raises(ServiceFailed) as caught, Bill().charging(Engine()):
        raise ServiceFailed("down")
    assert caught.value.usage == Usage()
    assert caught.value.partial is None


def test_bills_do_not_share_their_pages():
    first, second = Bill(), Bill()
    first.results += [page("a", "multi_lan", ONE)]
    assert second.results == []


@pytest.mark.parametrize("given", [KEY, Secret(KEY), f" {KEY}\n"])
def test_the_key_is_kept_out_of_an_error_its_causes_and_what_it_replaced(given):
    deepest, middle = ValueError("no error of ours"), KeyRejected(f"no {KEY}", code=KEY, request_id=f"r-{KEY}")
    error = ReplyUnreadable(f"odd: {KEY}", text=f"a {KEY} b", code="c", status=400)
    deepest.__context__ = error  # a circle, as re-raising can make one

    def read():
        try:
            try:
                raise deepest
            except ValueError as cause:
                raise middle from cause
        except KeyRejected:
            raise error  # noqa: B904 - what it replaces is printed too

    with pytest.raises(ReplyUnreadable), Bill().charging(Engine(given)):
        read()
    assert error.__context__ is middle
    for one in (error, middle):
        assert KEY not in f"{one!r} {one} {one.args} {vars(one)}"
    assert (str(error), error.text, error.code, error.status) == ("odd: …", "a … b", "c", 400)
    assert (str(middle), middle.code, middle.request_id) == ("no …", "…", "r-…")


def test_what_is_no_error_of_an_engine_passes_as_it_is():
    with pytest.raises(ZeroDivisionError), Bill().charging(Engine()):
        raise ZeroDivisionError
