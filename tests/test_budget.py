"""A run's cost stays under max_cost: pages are reserved what they may cost, and settled at what they did."""

import asyncio
import time
from dataclasses import dataclass, field
from decimal import Decimal
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dashscope_reading import engine_for, frames, scan_of, serving
from dashscope_scenarios import loop
from marked_pages import marked_page
from qwen_ocr_loader import FakeEngine, PageResult, Reader, Usage
from qwen_ocr_loader.budget import Budget
from qwen_ocr_loader.engines import PaidEngine
from qwen_ocr_loader.errors import BudgetReached, ReplyTruncated, ServiceFailed
from qwen_ocr_loader.prices import Money, Price
from qwen_ocr_loader.tasks import parse_tasks

CENT = Price(Decimal(10_000), Decimal(10_000), "CNY")  # a token costs a cent
TASKS = parse_tasks("text_recognition")
SCAN = scan_of(Image.new("L", (8, 8), 255))


@dataclass(frozen=True)
class PaidFake(FakeEngine):
    """Every page may cost ``most`` tokens and costs what ``spent`` says: a number of tokens, or an error."""

    most: int = 10
    spent: dict[int, int | Exception] = field(default_factory=dict)
    price: Price | None = CENT
    owed: list[int] = field(default_factory=list, compare=False)

    name: ClassVar[str] = "paid:model-x"

    def estimate(self, scan, tasks):
        return Usage(1, self.most // 2, 0)

    def ceiling(self, scan, tasks):
        return Usage(1, self.most, 0)

    def cost(self, usage):
        return self.price.of(usage.input_tokens, usage.output_tokens) if self.price else None

    def _reply(self, scan, tasks):
        self.owed.append(scan.page)
        spent = self.spent.get(scan.page, 1)
        if isinstance(spent, Exception):
            raise spent
        return scan.result(self, tasks, f"page {scan.page}", usage=Usage(1, spent, 0))


def cents(amount: int) -> Decimal:
    return Decimal(amount) / 100


@pytest.fixture
def server():
    yield from serving()


@pytest.fixture
def twenty(tmp_path):
    return frames(tmp_path, 20)


# --- the budget itself -----------------------------------------------------------------------------------------------


def test_it_is_a_paid_engine():
    assert isinstance(PaidFake(), PaidEngine)
    assert not isinstance(FakeEngine(), PaidEngine)


@given(
    st.integers(0, 100),
    st.integers(1, 30),
    st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=40),
)
def test_pages_in_flight_and_paid_never_come_to_more_than_max_cost(limit, most, steps):
    """Any order of beginning and ending pages, each of which costs what it may at most, or less."""
    engine = PaidFake(most=most)
    budget = Budget([engine], TASKS, cents(limit))
    flying, paid = [], 0
    for begin, cost in steps:
        if begin:
            try:
                flying.append(budget.reserve([SCAN]))
            except BudgetReached:
                assert paid + most * (len(flying) + 1) > limit, "refused although it would have been within"
        elif flying:
            real = min(cost, most)
            told = budget.settle(flying.pop(0), ((engine, Usage(1, real, 0)),))
            assert told == [Money(cents(real), "CNY")]
            paid += real
        assert paid + most * len(flying) <= limit


def test_a_page_that_was_not_billed_gives_all_of_it_back():
    engine = PaidFake(most=10)
    budget = Budget([engine], TASKS, 0.1)
    for bills in ((), ((engine, Usage()),)) * 3:
        assert budget.settle(budget.reserve([SCAN]), bills) == []


def test_the_message_says_what_is_left():
    engine = PaidFake(most=10)
    budget = Budget([engine], TASKS, 0.15)
    budget.settle(budget.reserve([SCAN]), ((engine, Usage(1, 7, 0)),))
    with pytest.raises(BudgetReached, match=r"may cost 0\.1 CNY, and 0\.08 is left of max_cost=0\.15; raise max_cost"):
        budget.reserve([SCAN])


@pytest.mark.parametrize("limit", [0.1, Decimal("0.1"), 1])
def test_what_just_fits_is_sent(limit):
    assert Budget([PaidFake(most=10)], TASKS, limit).reserve([SCAN]) == Decimal("0.1")


def test_without_a_limit_or_a_bill_all_goes():
    fake, unpriced, paid = FakeEngine(), PaidFake(price=None), PaidFake()
    free, unknown = Budget([fake], TASKS, 0), Budget([unpriced], TASKS, None)
    assert free.reserve([SCAN]) == unknown.reserve(SCAN) == 0
    assert free.settle(Decimal(0), ((fake, Usage(1, 5, 5)),)) == []
    assert unknown.settle(Decimal(0), ((unpriced, Usage(1, 5, 5)),)) == []
    assert Budget([paid], TASKS, None).settle(Decimal(0), ((paid, Usage(1, 5, 5)),)) == [Money(cents(10), "CNY")]


def test_of_several_engines_each_may_have_to_be_paid():
    engines = [PaidFake(most=10), PaidFake(most=30)]
    budget = Budget(engines, TASKS, 1)
    assert budget.reserve([SCAN]) == Decimal("0.4")
    bills = tuple((engine, Usage(1, 5, 0)) for engine in engines)
    assert budget.settle(Decimal("0.4"), bills) == [Money(cents(5), "CNY")] * 2


def test_without_a_price_it_says_what_to_type():
    with pytest.raises(BudgetReached) as caught:
        Budget([PaidFake(price=None)], TASKS, 1).reserve([SCAN])
    said = str(caught.value)
    assert "no price is known for paid:model-x" in said
    from dataclasses import replace

    from qwen_ocr_loader.catalog import lookup

    typed = said.partition("catalog=")[2].partition(", in and out")[0]
    model = eval(typed, {"replace": replace, "lookup": lookup, "Price": Price, "Decimal": Decimal})
    assert model.name == "model-x"
    assert model.price("beijing").of(1_000_000, 1_000_000) == Money(Decimal("0.8"), "CNY")


# --- a run under it --------------------------------------------------------------------------------------------------


def run(engine, source, how="sync", **options) -> tuple[list[PageResult], Reader]:
    reader = Reader(engine=engine, task="text_recognition", on_error="skip", **options)

    async def aread():
        return [page async for page in reader.aread(source)]

    return (list(reader.read(source)) if how == "sync" else asyncio.run(aread())), reader


@pytest.mark.parametrize("how", ["sync", "async"])
@pytest.mark.parametrize("concurrency", [1, 4, 20])
def test_however_many_pages_are_in_flight_the_limit_holds(twenty, concurrency, how):
    engine = PaidFake(most=10, spent=dict.fromkeys(range(20), 10), delay=0.005)
    pages, reader = run(engine, twenty, how, concurrency=concurrency, max_cost=cents(55))
    assert len(pages) == 5
    assert reader.report.cost == Money(cents(50), "CNY")
    assert {type(failure.error) for failure in reader.report.failures} == {BudgetReached}
    assert len(reader.report.failures) == 15
    assert len(engine.owed) == 5, "what is over the limit is not even asked for"


def test_what_a_page_did_not_need_is_there_for_the_next(twenty):
    pages, reader = run(PaidFake(most=10), twenty, concurrency=1, max_cost=cents(15))
    assert len(pages) == 6  # five at a cent, and the sixth's ten still fit
    assert reader.report.cost == Money(cents(6), "CNY")


@pytest.mark.parametrize("how", ["sync", "async"])
def test_an_errors_bill_is_charged(twenty, how):
    spent = {n: ReplyTruncated("cut off", usage=Usage(2, 9, 0)) for n in range(20)}
    pages, reader = run(PaidFake(most=10, spent=spent), twenty, how, concurrency=1, max_cost=cents(30))
    assert pages == []
    assert reader.report.cost == Money(cents(27), "CNY")
    kinds = [type(failure.error) for failure in reader.report.failures]
    assert kinds == [ReplyTruncated] * 3 + [BudgetReached] * 17
    assert reader.report.usage == Usage(6, 27, 0)


def test_an_error_nobody_billed_costs_nothing(twenty):
    spent = {n: ServiceFailed("down") for n in range(19)}
    pages, reader = run(PaidFake(most=10, spent=spent), twenty, concurrency=1, max_cost=cents(10))
    assert [page.text for page in pages] == ["page 19"]
    assert reader.report.cost == Money(cents(1), "CNY")


def test_a_slow_first_page_does_not_free_what_it_holds(twenty):
    class SlowFirst(PaidFake):
        def read(self, scan, tasks):
            time.sleep(0.1 if scan.page == 0 else 0)
            return super().read(scan, tasks)

    engine = SlowFirst(most=10, spent=dict.fromkeys(range(20), 10))
    pages, reader = run(engine, twenty, concurrency=3, max_cost=cents(35))
    assert len(pages) == 3
    assert reader.report.cost == Money(cents(30), "CNY")


# --- the DashScope engine under it -----------------------------------------------------------------------------------


@pytest.mark.parametrize("concurrency", [1, 8])
def test_max_cost_stops_before_the_page_that_could_exceed_it(server, tmp_path, concurrency):
    engine, tasks = engine_for(server), parse_tasks("text_recognition")
    scan = scan_of(marked_page(0, (64, 64)))
    most = engine.cost(engine.ceiling(scan, tasks)).amount
    real = engine.cost(engine.read(scan, tasks).usage).amount
    limit = most + 4 * real
    options = {"task": "text_recognition", "on_error": "skip", "concurrency": concurrency}
    reader = Reader(engine=engine, max_cost=float(limit), **options)
    done = list(reader.read(frames(tmp_path, 40)))
    assert 4 <= len(done) < 40
    assert {type(f.error) for f in reader.report.failures} == {BudgetReached}
    assert reader.report.cost.amount <= limit
    assert server.billed == len(done) + 1


def test_max_cost_holds_against_loops(server, tmp_path):
    server.script = loop()
    engine = engine_for(server)
    limit = 3 * engine.cost(engine.ceiling(scan_of(marked_page(0, (64, 64))), parse_tasks("text_recognition"))).amount
    options = {"task": "text_recognition", "on_error": "skip", "concurrency": 8}
    reader = Reader(engine=engine, max_cost=float(limit), **options)
    assert list(reader.read(frames(tmp_path, 20))) == []
    assert reader.report.cost.amount <= limit


def test_an_estimate_reserves_nothing(server, tmp_path):
    report = Reader(engine=engine_for(server), max_cost=0.0001).estimate(frames(tmp_path, 5))
    assert (report.pages, report.failures) == (5, [])


def test_max_cost_needs_a_price(server):
    reader = Reader(engine=engine_for(server, model="qwen3.5-ocr"), max_cost=1)
    with pytest.raises(BudgetReached, match="no price is known"):
        list(reader.read(marked_page(1)))
