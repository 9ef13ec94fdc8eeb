"""What a run tells whoever watches it: ``on_page``, and the report, whatever goes wrong."""

from decimal import Decimal

import pytest
from PIL import Image

from qwen_ocr_loader import FakeEngine, Reader
from qwen_ocr_loader.cache.sqlite import SqliteCache
from qwen_ocr_loader.errors import RequestRejected
from qwen_ocr_loader.prices import Money
from qwen_ocr_loader.results import PageResult, Usage


class Paid(FakeEngine):
    """An engine whose calls cost a cent each, in a currency of its own."""

    currency = "USD"

    def estimate(self, scan, tasks):
        return Usage(1)

    ceiling = estimate

    def cost(self, usage):
        return Money(Decimal(usage.calls) / 100, self.currency)


class Chinese(Paid):
    currency = "CNY"


REFUSED = {0: RequestRejected("moderated", usage=Usage(1))}
PAID = {0: PageResult(0, 1, 1, "px", "a page", engine="fake", usage=Usage(1))}


@pytest.fixture
def picture():
    return Image.new("L", (9, 9), 200)


def watched(picture, *engines, **options):
    events = []
    reader = Reader(engine=list(engines), on_page=events.append, **options)
    list(reader.read(picture))
    return reader, events


@pytest.mark.parametrize(
    ("second", "cost"), [(Paid, Money(Decimal("0.02"), "USD")), (Chinese, None)], ids=["one currency", "two"]
)
def test_a_page_paid_for_twice_is_told_with_both_bills(picture, second, cost):
    reader, (event,) = watched(picture, Paid(REFUSED), second(PAID))
    assert (event.page, event.engine, event.usage, event.cost, event.error) == (0, "fake", Usage(2), cost, None)
    assert sum(money.amount for money in reader.report.costs.values()) == Decimal("0.02")


def test_what_a_witness_takes_is_the_pages_time(picture, monkeypatch):
    class Slow(FakeEngine):
        name = "slow"

    slow = Slow(delay=0.2)
    monkeypatch.setattr(Reader, "witness", property(lambda _: slow))
    reader = Reader(engine=FakeEngine({0: "without boxes"}), witness="local", on_page=(events := []).append)
    list(reader.read(picture))
    assert [event.seconds >= 0.2 for event in events] == [True]


def test_a_failed_page_and_one_from_the_cache(picture, tmp_path):
    _, (failed,) = watched(picture, Paid(REFUSED), on_error="skip")
    assert (failed.engine, failed.cost, type(failed.error)) == ("", Money(Decimal("0.01"), "USD"), RequestRejected)
    watched(picture, Paid(PAID), cache=tmp_path)
    _, (kept,) = watched(picture, Paid(PAID), cache=tmp_path)
    assert (kept.cached, kept.usage, kept.cost, kept.engine) == (True, Usage(), None, "fake")


@pytest.mark.parametrize("concurrency", [1, 4])
def test_the_cache_is_closed_whatever_an_engine_raises(tmp_path, concurrency):
    class Strange(Paid):
        def cost(self, usage):
            raise ZeroDivisionError("no price")

    class Cache(SqliteCache):
        closed = 0

        def close(self):
            self.closed += 1
            super().close()

    frames = [Image.new("L", (9, 9), level) for level in (200, 210, 220)]
    cache = Cache(tmp_path)
    reader = Reader(engine=Strange(PAID), cache=cache, concurrency=concurrency)
    with pytest.raises(ZeroDivisionError):
        list(reader.read(frames))
    assert cache.closed
    assert reader.report.seconds > 0
