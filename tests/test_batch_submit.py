"""Batches: what is checked before anything is sent, links, and cancelling."""

import json

import pytest
from PIL import Image

from batch_work import ALL, batch_of, eight_pages, heads, inbox, serving, state_file
from dashscope_scenarios import fault
from openai_batches import Plan
from openai_scenarios import before, troubles
from qwen_ocr_loader.batch import Batch
from qwen_ocr_loader.batch.lines import PartLimits
from qwen_ocr_loader.errors import (
    BatchError,
    BudgetReached,
    SourceError,
    SourceTooLarge,
    UnsupportedSource,
)
from qwen_ocr_loader.render import Records

server = pytest.fixture(serving)
state = pytest.fixture(state_file)
eight = pytest.fixture(eight_pages)


# --- before anything is sent -----------------------------------------------------------------------------------------


def test_more_than_max_cost_is_not_sent_and_may_be_allowed_later(server, state, eight):
    cost = float(batch_of(server, state).estimate(eight).cost.amount)
    with pytest.raises(BudgetReached, match="nothing is sent; raise it"):
        batch_of(server, state, max_cost=cost * 0.99).submit(eight)
    assert not server.exchanges
    batch_of(server, state, max_cost=cost * 1.01).submit(eight)
    assert heads(batch_of(server, state).collect(wait=True)) == ALL


def test_a_dry_run_goes_all_the_way_and_buys_nothing(server, state, tmp_path):
    folder = inbox(tmp_path / "inbox", 120)
    report = batch_of(server, state).submit(folder, dry_run=True)
    assert report.pages == 100
    assert not server.bought
    assert not server.files.records
    (batch,) = server.batches.all.values()
    assert batch.endpoint == "/v1/chat/ds-test"
    assert batch.status == "completed"
    assert batch_of(server, state).submit(folder).pages == 120


@pytest.mark.parametrize(
    ("engine", "said"),
    [("local", "has no Batch API"), ("openai", "does not serve qwen-vl-ocr-2025-11-20 in beijing")],
)
def test_an_engine_without_a_batch_api_is_refused_with_what_to_pass(state, engine, said):
    with pytest.raises(BatchError, match=f"{said}.*pass engine='openai:qwen-vl-ocr-latest'"):
        Batch(state, engine=engine).submit("x.png")
    assert not state.exists()
    with pytest.raises(ValueError, match="pages_per_call=2"):
        Batch(state, pages_per_call=2, task="document_parsing")
    with pytest.raises(TypeError, match="did you mean 'task'"):
        Batch(state, tasks="table_parsing")


def noisy(size):
    return Image.effect_noise(size, 30).convert("RGB")


def test_pages_over_a_line_are_scaled_or_refused_by_name(server, state, tmp_path):
    noisy((1400, 1800)).save(tmp_path / "large.png")
    limits = PartLimits(line=1_600_000)
    batch = batch_of(server, state, limits=limits)
    batch.submit(tmp_path / "large.png")
    (part,) = batch.status().parts
    assert 600_000 < part.size < 1_600_000 < (tmp_path / "large.png").stat().st_size
    assert len(list(batch.collect(wait=True))) == 1
    with pytest.raises(SourceTooLarge, match=r"large\.png, page 1: .*not be legible"):
        batch_of(server, tmp_path / "b", limits=PartLimits(line=200_000)).submit(tmp_path / "large.png")


def test_parts_stay_within_their_size(server, state, eight):
    batch = batch_of(server, state, limits=PartLimits(size=3_000))
    batch.submit(eight)
    sizes = [part.size for part in batch.status().parts]
    assert len(sizes) > 2
    assert max(sizes) <= 3_000
    assert heads(batch.collect(wait=True)) == ALL


# --- links -----------------------------------------------------------------------------------------------------------


def links(count):
    return [f"https://img.example.com/page-{number:06}.png" for number in range(count)]


def test_links_are_sent_as_they_are(server, state, tmp_path):
    (tmp_path / "urls.txt").write_text("# pages\n" + "\n".join(links(6)[2:]) + "\n\n")
    batch = batch_of(server, state, links=True, lines=4)
    report = batch.submit([*links(2), tmp_path / "urls.txt"])
    assert report.pages == 6
    pages = list(batch.collect(wait=True))
    assert heads(pages) == [f"page {number}" for number in range(6)]
    assert [page.origin.name for page in pages] == links(6)
    assert {image.url for asked in server.asked for image in asked.images} == set(links(6))
    (record,) = Records(batch.reader()).add(pages[3])
    assert (record.metadata["page_width"], record.metadata["page_height"]) == (0.0, 0.0)
    assert (record.metadata["file_name"], record.metadata["total_pages"]) == ("page-000003.png", 1)
    assert json.loads(record.metadata["ocr_lines"])


def test_a_signed_link_keeps_its_secrets_to_the_request(server, state):
    link = links(1)[0] + "?Signature=rosebud"
    batch = batch_of(server, state, links=True)
    batch.submit(link)
    assert server.batches.all
    assert b"rosebud" not in state.read_bytes()
    assert next(batch.collect(wait=True)).origin.name == links(1)[0]
    assert batch.submit(link).pages == 0


@pytest.mark.parametrize(
    ("given", "error"),
    [("no/such/file.txt", SourceError), (b"bytes", SourceError), (["https://a.example/1.png", 5], SourceError)],
)
def test_what_is_no_link_is_refused(server, state, given, error):
    with pytest.raises(error, match="URL"):
        batch_of(server, state, links=True).submit(given)


def test_a_line_of_a_list_that_is_no_link_is_that_page_s_failure(server, state, tmp_path):
    (tmp_path / "urls.txt").write_text("\n".join([*links(2), "page.png"]))
    batch = batch_of(server, state, links=True, on_error="skip")
    (failure,) = batch.submit(tmp_path / "urls.txt").failures
    assert isinstance(failure.error, UnsupportedSource)
    assert len(list(batch.collect(wait=True))) == 2


def test_the_cost_of_links_is_that_of_the_largest_pages(server, state):
    batch = batch_of(server, state, links=True)
    assert batch.estimate(links(10)).usage.image_tokens == 10 * 8194
    assert batch.submit(links(10)).cost == batch.estimate(links(10)).cost


# --- cancelling ------------------------------------------------------------------------------------------------------


def test_cancelling_keeps_what_was_read(server, state, eight):
    server.batches.plan = lambda number: Plan(portions=2)
    batch = batch_of(server, state, on_error="skip")
    batch.submit(eight)
    for _ in range(2):
        server.batches.advance()
    assert batch.cancel().cancelled
    assert len(list(batch.collect(wait=True))) == 4
    assert {failure.error.message.partition(";")[0] for failure in batch.report.failures} == {
        "the batch was cancelled before the page was read"
    }
    with pytest.raises(BatchError, match=r"was cancelled; submit with --again to go on, or give another: -s"):
        batch.submit(eight)
    assert server.bought.total() == 4


def test_what_was_not_sent_yet_is_never_sent_once_cancelled(server, state, eight):
    server.trouble = troubles({"batches.create": {n: before(fault("arrearage")) for n in range(9)}})
    batch = batch_of(server, state, on_error="skip")
    with pytest.raises(Exception, match="settle the account's bill"):
        batch.submit(eight)
    server.trouble = troubles({})
    batch.cancel()
    assert list(batch.collect()) == []
    assert len(batch.report.failures) == 8
    assert not server.batches.all
