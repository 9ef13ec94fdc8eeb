"""Policies of uploads: one is fetched for all who wait for it, used while it is good, and replaced."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from dashscope_client import MODEL
from dashscope_faults import FAULTS
from dashscope_reading import AT_ONCE, serving
from dashscope_scenarios import Dropped, Raw, Refused
from qwen_ocr_loader.engines.flows import Call, Pause, Reply
from qwen_ocr_loader.engines.http import adrive
from qwen_ocr_loader.engines.upload import EARLY, Fetch, Uploads
from qwen_ocr_loader.errors import AccountProblem, KeyRejected, RateLimited, ServiceFailed
from uploading import OWNER, STORED, Clock, both, finish, given, policy_reply, sent, storage_of, store

server = pytest.fixture(serving)


@pytest.mark.parametrize(
    ("lifetime", "good"),
    [(300, 300 - EARLY), (60, 30), (10, 5), ("300", 300 - EARLY)],
)
def test_a_policy_is_used_until_shortly_before_its_end(lifetime, good):
    clock = Clock()
    uploads = Uploads(clock)
    policy = uploads.keep(OWNER, given(expire_in_seconds=lifetime))
    clock.now += good - 0.1
    assert uploads.policy(OWNER, Fetch(10)) is policy
    clock.now += 0.2
    assert isinstance(uploads.policy(OWNER, Fetch(10)), Fetch)


@pytest.mark.parametrize("other", [("somebody else", MODEL), ("account", "qwen3.5-ocr")])
def test_policies_and_addresses_are_of_one_account_and_model(other):
    uploads = Uploads()
    uploads.keep(OWNER, given())
    uploads.remember(OWNER, b"digest", "oss://a")
    assert isinstance(uploads.policy(other, Fetch(10)), Fetch)
    assert uploads.address(other, b"digest") is None


@both
def test_pages_that_start_at_once_share_one_policy(server, how):
    server.uploads.latency = 0.2
    addresses = store(storage_of(server), *(b"%d" % number for number in range(30)), how=how)
    assert len(set(addresses)) == 30
    assert len(server.uploads.certificates) == 1


def test_threads_and_event_loops_share_one_policy(server):
    server.uploads.latency = 0.2
    storage = storage_of(server)
    with ThreadPoolExecutor(3) as pool:
        runs = [pool.submit(store, storage, b"%d1" % n, b"%d2" % n, how=("sync", "async")[n % 2]) for n in range(3)]
        assert len({address for run in runs for address in run.result()}) == 6
    assert len(server.uploads.certificates) == 1


def test_models_do_not_wait_for_each_other():
    uploads = Uploads()
    flows = [storage_of(uploads=uploads, model=model).store(b"x", "image/png") for model in (MODEL, "qwen3.5-ocr")]
    assert [type(next(flow)) for flow in flows] == [Call, Call]


def test_whoever_waits_goes_on_with_what_was_fetched():
    uploads = Uploads()
    first, second = (storage_of(uploads=uploads).store(data, "image/png") for data in (b"1", b"2"))
    assert next(first).method == "GET"
    assert isinstance(next(second), Pause)
    assert isinstance(second.send(None), Pause)
    assert first.send(policy_reply()).method == "POST"
    assert second.send(None).method == "POST"
    assert finish(first, STORED) != finish(second, STORED)


@pytest.mark.parametrize("stop", ["close", "cancel"])
def test_when_the_one_who_fetches_is_cancelled_the_next_takes_over(stop):
    uploads = Uploads()
    first, second, third = (storage_of(uploads=uploads).store(data, "image/png") for data in (b"1", b"2", b"3"))
    assert next(first).method == "GET"
    assert isinstance(next(second), Pause)
    if stop == "close":
        first.close()
    else:
        with pytest.raises(asyncio.CancelledError):
            first.throw(asyncio.CancelledError())
    assert second.send(None).method == "GET"
    assert isinstance(next(third), Pause), "one at a time, still"


def test_a_cancelled_task_hands_over(server):
    uploads = Uploads()
    server.policy_script = lambda number: Dropped(delay=30) if number == 0 else None

    async def run():
        async with httpx.AsyncClient() as client:
            flows = [storage_of(server, uploads).store(data, "image/png") for data in (b"1", b"2")]
            first = asyncio.create_task(adrive(flows[0], client))
            while not server.in_flight:
                await asyncio.sleep(0.01)
            second = asyncio.create_task(adrive(flows[1], client))
            await asyncio.sleep(0.1)
            assert server.in_flight == 1
            first.cancel()
            address = await asyncio.wait_for(second, 5)
            assert first.cancelled()
            return address

    assert server.uploads.stored[asyncio.run(run())] == b"2"


def test_an_abandoned_fetch_is_not_waited_for_longer_than_its_timeout():
    clock = Clock()
    uploads = Uploads(clock)
    first, second = (storage_of(uploads=uploads, timeout=7).store(data, "image/png") for data in (b"1", b"2"))
    assert next(first).timeout == 7
    assert isinstance(next(second), Pause)
    clock.now += 6.9
    assert isinstance(second.send(None), Pause)
    clock.now += 0.2
    assert second.send(None).method == "GET"
    assert first.send(policy_reply()).method == "POST", "one who comes late after all is welcome"


def test_a_failed_fetch_fails_those_who_wait_for_it_and_nobody_later():
    uploads = Uploads()
    first, second, third = (storage_of(uploads=uploads).store(data, "image/png") for data in (b"1", b"2", b"3"))
    next(first), next(second), next(third)
    with pytest.raises(RateLimited) as one:
        first.send(Reply(429, {"retry-after": "7"}, b'{"code":"Throttling.RateQuota","message":"slow"}'))
    one.value.page = 3
    with pytest.raises(RateLimited) as other:
        second.send(None)
    with pytest.raises(RateLimited) as last:
        third.send(None)
    assert len({id(one.value), id(other.value), id(last.value)}) == 3, "each may yet be told another page"
    assert (other.value.retry_after, other.value.code, other.value.page) == (7.0, "Throttling.RateQuota", None)
    assert next(storage_of(uploads=uploads).store(b"4", "image/png")).method == "GET"


@both
def test_many_pages_outlive_a_service_that_fails_at_first(server, how):
    server.policy_script = lambda number: Refused(FAULTS["html-503"]) if number == 0 else None
    addresses = store(storage_of(server), *(b"%d" % number for number in range(8)), how=how, retry=AT_ONCE)
    assert len(set(addresses)) == 8
    assert len(server.uploads.certificates) == 1
    assert len(sent(server, "GET")) == 2


@both
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("rate-quota", RateLimited),
        ("html-503", ServiceFailed),
        ("invalid-api-key", KeyRejected),
        ("arrearage", AccountProblem),
    ],
)
def test_faults_of_the_policy_are_as_those_of_a_generation(server, name, kind, how):
    server.policy_script = lambda number: Refused(FAULTS[name], "3")
    with pytest.raises(kind, match="large picture") as caught:
        store(storage_of(server), b"x", how=how)
    assert caught.value.status == FAULTS[name].status
    assert caught.value.code == (FAULTS[name].code or None)
    assert caught.value.request_id == server.exchanges[0].notes["request_id"]
    assert getattr(caught.value, "retry_after", 3.0) == 3.0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"<html>welcome to the hotel</html>",
        b'{"data": null}',
        b'{"data": {"policy": "p"}}',
        json.dumps({"data": given(expire_in_seconds="soon")}).encode(),
        json.dumps({"data": given(max_file_size_mb=[])}).replace("[]", "[1]").encode(),
    ],
)
def test_what_is_no_policy_is_a_failure_of_the_service(server, body):
    server.policy_script = lambda number: Raw(body)
    with pytest.raises(ServiceFailed, match="large picture"):
        store(storage_of(server), b"x")
