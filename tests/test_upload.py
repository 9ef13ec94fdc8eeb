"""Uploads of large pictures: driven by hand with a clock of our own, and against a storage on loopback."""

import asyncio
import io
import json
import os
import pickle
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from PIL import Image

from dashscope_faults import FAULTS
from dashscope_scenarios import Dropped, Raw, Refused, in_turn, ok, truncated
from dashscope_server import DashScopeServer
from dashscope_uploads import REQUEST_ID, StoreFault, read_form
from http_server import Request
from marked_pages import marked_page
from qwen_ocr_loader import Scan
from qwen_ocr_loader.engines.dashscope import DashScopeEngine
from qwen_ocr_loader.engines.flows import Call, Pause, Reply, persistent
from qwen_ocr_loader.engines.http import adrive, drive
from qwen_ocr_loader.engines.upload import EARLY, KEPT, MOST_KEPT, UPLOAD_REGIONS, Fetch, Policy, Storage, Uploads
from qwen_ocr_loader.errors import (
    AccountProblem,
    EngineError,
    KeyRejected,
    RateLimited,
    RequestRejected,
    ServiceFailed,
)
from qwen_ocr_loader.images import PageImage
from qwen_ocr_loader.pace import Retry
from qwen_ocr_loader.prices import REGIONS
from qwen_ocr_loader.tasks import parse_tasks

KEY = "sk-test"
MODEL = "qwen-vl-ocr-2025-11-20"
OWNER = ("account", MODEL)
HEADERS = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json", "User-Agent": "qwen-ocr-loader/0"}
AT_ONCE = Retry(attempts=3, first=0)
both = pytest.mark.parametrize("how", ["sync", "async"])


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Later(NamedTuple):
    """A scenario, after a while."""

    seconds: float
    scenario: Refused

    async def play(self, exchange, asked):
        await asyncio.sleep(self.seconds)
        await self.scenario.play(exchange, asked)


@pytest.fixture
def server():
    with DashScopeServer() as running:
        yield running
        assert running.refused == [], "the server did not understand a request"


def storage_of(server=None, uploads=None, timeout=10.0, model=MODEL) -> Storage:
    base_url = server.base_url if server else "http://service/api/v1"
    return Storage(base_url, HEADERS, "account", model, uploads or Uploads(), timeout)


def store(storage, *pictures, how="sync", retry=None):
    """Store pictures at once; their addresses."""

    def flow(data):
        return (
            persistent(lambda: storage.store(data, "image/png"), retry) if retry else storage.store(data, "image/png")
        )

    async def everything():
        async with httpx.AsyncClient() as client:
            return await asyncio.gather(*(adrive(flow(data), client) for data in pictures))

    if how == "async":
        return asyncio.run(everything())
    with httpx.Client() as client, ThreadPoolExecutor(max(1, len(pictures))) as pool:
        return list(pool.map(lambda data: drive(flow(data), client), pictures))


def sent(server, method):
    return [exchange for exchange in server.exchanges if exchange.request.method == method]


def given(**more) -> dict:
    """A policy as it comes from the service."""
    return {
        "policy": "cG9saWN5",
        "signature": "c2ln",
        "upload_dir": "folder/of/today",
        "upload_host": "http://storage",
        "expire_in_seconds": 300,
        "max_file_size_mb": 100,
        "oss_access_key_id": "LTAI",
        "x_oss_object_acl": "private",
        "x_oss_forbid_overwrite": "true",
        **more,
    }


def policy_reply(**more) -> Reply:
    return Reply(200, {}, json.dumps({"request_id": "r", "data": given(**more)}).encode())


STORED = Reply(200, {}, b"")


def finish(flow, reply):
    """The result of a flow that ends with this reply."""
    with pytest.raises(StopIteration) as end:
        flow.send(reply)
    return end.value.value


# --- what is sent ----------------------------------------------------------------------------------------------------


def captured(data: Path, case: str, number: int) -> dict:
    path = data.parent / "reference" / "wire" / f"{case}{f'.{number}' if number > 1 else ''}.json"
    if not path.exists():
        pytest.skip(f"no capture {path.name}")
    return json.loads(path.read_text())


@pytest.mark.parametrize("case", ["ds_image_local_file_uri", "ds_image_local_plain_path"])
def test_requests_equal_the_sdks(case, data):
    asked, posted = captured(data, case, 1), captured(data, case, 2)["request"]
    flow = storage_of().store(b"picture", posted["multipart"][-2]["body"])
    call = next(flow)
    url = httpx.URL(call.url)
    assert (call.method, url.path, dict(url.params)) == tuple(
        asked["request"][key] for key in ("method", "path", "query")
    )
    assert call.headers["Authorization"] == asked["request"]["headers"]["Authorization"]
    assert "Content-Type" not in call.headers
    policy = asked["response"]["json"]["data"]
    call = flow.send(Reply(200, {}, json.dumps({"data": policy}).encode()))
    assert (call.method, call.url) == (posted["method"], policy["upload_host"])
    assert call.headers["Accept"] == posted["headers"]["Accept"]
    assert set(call.headers) == {"Accept", "Content-Type", "User-Agent"}, "the storage is told nothing else"
    ours = read_form(Request("POST", "/", {}, {"content-type": call.headers["Content-Type"]}, call.body))
    theirs = {part["disposition"]: part["body"] for part in posted["multipart"]}
    key = ours["key"].decode()
    folder, name = key.rsplit("/", 1)
    their_folder, their_name = theirs['form-data; name="key"'].rsplit("/", 1)
    assert folder == their_folder
    dispositions = [f'form-data; name="{field}"' for field in ours]
    dispositions[-1] += f'; filename="{name}"'
    assert dispositions == [text.replace(their_name, name) for text in theirs]
    same = [field for field in ours if field not in ("key", "file")]
    assert [ours[field].decode() for field in same] == [theirs[f'form-data; name="{field}"'] for field in same]
    assert ours["file"] == b"picture"
    assert finish(flow, STORED) == f"oss://{key}"


def test_any_bytes_arrive_as_they_are(server):
    pictures = [bytes(range(256)), b"\r\n--boundary\r\n", b"\r\n", b"--", b"x\r\n--"]
    addresses = store(storage_of(server), *pictures)
    assert [server.uploads.stored[address] for address in addresses] == pictures


@both
def test_no_two_pictures_get_one_name(server, how):
    addresses = store(storage_of(server), *(b"%d" % number for number in range(20)), how=how)
    assert len({address.rpartition("/")[2] for address in addresses}) == 20
    assert all(address.endswith(".png") for address in addresses)


@both
def test_the_key_goes_to_the_service_only(server, how):
    store(storage_of(server), b"picture", how=how)
    (asked,), (posted,) = sent(server, "GET"), sent(server, "POST")
    assert asked.request.headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in repr(posted.request.headers)
    assert KEY.encode() not in posted.request.body


def test_neither_key_nor_signature_is_shown():
    storage = storage_of()
    policy = storage.uploads.keep(OWNER, given(signature="very-secret"))
    assert KEY not in repr(storage)
    assert "very-secret" not in repr(policy)


def test_regions_with_a_storage():
    assert set(REGIONS) > UPLOAD_REGIONS
    assert "virginia" not in UPLOAD_REGIONS


# --- policies --------------------------------------------------------------------------------------------------------


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


# --- one upload of a picture -----------------------------------------------------------------------------------------


@both
def test_a_picture_is_uploaded_once(server, how):
    storage = storage_of(server)
    first, other = store(storage, b"picture", how=how) + store(storage, b"other", how=how)
    assert store(storage, b"picture", how=how) == [first]
    assert first != other
    assert len(sent(server, "POST")) == 2


def test_an_address_is_used_while_it_lives():
    clock = Clock()
    uploads = Uploads(clock)
    uploads.remember(OWNER, b"digest", "oss://a")
    clock.now += KEPT - 1
    assert uploads.address(OWNER, b"digest") == "oss://a"
    clock.now += 2
    assert uploads.address(OWNER, b"digest") is None
    assert KEPT < 48 * 3600


def test_no_more_addresses_are_kept_than_agreed():
    uploads = Uploads()
    for number in range(MOST_KEPT):
        uploads.remember(OWNER, b"%d" % number, f"oss://{number}")
    uploads.remember(OWNER, b"0", "oss://again")
    uploads.remember(OWNER, b"new", "oss://new")
    assert uploads.address(OWNER, b"0") == "oss://again", "not the oldest any more"
    assert uploads.address(OWNER, b"1") is None
    assert uploads.address(OWNER, b"2") == "oss://2"
    assert uploads.address(OWNER, b"new") == "oss://new"


def test_an_address_the_model_could_not_read_is_not_given_out_again():
    uploads = Uploads()
    uploads.remember(OWNER, b"1", "oss://1")
    uploads.remember(OWNER, b"2", "oss://2")
    uploads.forget(["oss://1", "data:image/png;base64,"])
    assert (uploads.address(OWNER, b"1"), uploads.address(OWNER, b"2")) == (None, "oss://2")


def test_what_was_not_stored_is_not_remembered(server):
    server.upload_script = lambda number: StoreFault(500, "InternalError") if number == 0 else None
    storage = storage_of(server)
    with pytest.raises(ServiceFailed):
        store(storage, b"x")
    (address,) = store(storage, b"x")
    assert server.uploads.stored[address] == b"x"


# --- what the storage says -------------------------------------------------------------------------------------------


@both
def test_a_policy_that_expired_at_the_storage_is_replaced_at_once(server, how):
    storage = storage_of(server)
    store(storage, b"before", how=how)
    server.uploads.expire()
    addresses = store(storage, *(b"%d" % number for number in range(5)), how=how)
    assert [server.uploads.stored[address] for address in addresses] == [b"%d" % number for number in range(5)]
    assert len(server.uploads.certificates) == 2, "the first who noticed fetched one for all"
    assert 1 + 1 + 5 <= len(sent(server, "POST")) <= 1 + 5 + 5


def test_a_late_refusal_does_not_drop_the_newer_policy():
    uploads = Uploads()
    old, new = uploads.keep(OWNER, given()), uploads.keep(OWNER, given())
    uploads.drop(OWNER, old)
    assert uploads.policy(OWNER, Fetch(10)) is new
    uploads.drop(OWNER, new)
    assert isinstance(uploads.policy(OWNER, Fetch(10)), Fetch)


def test_policies_that_always_expire_end_as_an_error(server):
    server.uploads.lifetime = -1
    with pytest.raises(ServiceFailed, match="Policy expired") as caught:
        store(storage_of(server), b"x")
    assert (caught.value.code, caught.value.status) == ("AccessDenied", 403)
    assert len(sent(server, "POST")) == 2


EXPIRED = "Invalid according to Policy: Policy expired."
MISMATCH = "The request signature we calculated does not match the signature you provided."
REFUSALS = {
    "signature": (StoreFault(403, "SignatureDoesNotMatch", MISMATCH), ServiceFailed, "not about your key"),
    "denied": (StoreFault(403, "AccessDenied", "No right & no <luck>"), ServiceFailed, "No right & no <luck>"),
    "access-key": (StoreFault(403, "InvalidAccessKeyId"), ServiceFailed, "not about your key"),
    "no-bucket": (StoreFault(404, "NoSuchBucket"), ServiceFailed, "not about your key"),
    "expired": (StoreFault(403, "AccessDenied", EXPIRED), ServiceFailed, "Policy expired"),
    "too-large": (StoreFault(400, "EntityTooLarge"), RequestRejected, "smaller image"),
    "413": (Raw(b"<html>too large</html>", 413, "text/html"), RequestRejected, "smaller image"),
    "malformed": (StoreFault(400, "MalformedPOSTRequest"), RequestRejected, "needs no storage"),
    "timeout": (StoreFault(400, "RequestTimeout"), ServiceFailed, "later"),
    "busy": (StoreFault(503, "ServiceUnavailable", retry_after="4"), ServiceFailed, "later"),
    "internal": (StoreFault(500, "InternalError"), ServiceFailed, "later"),
    "balancer": (Raw(b"<html>bad gateway</html>", 502, "text/html"), ServiceFailed, "bad gateway"),
    "too-often": (StoreFault(429, "QpsLimitExceeded", retry_after="4"), RateLimited, "concurrency"),
    "silent": (Raw(b"", 500), ServiceFailed, "no reason given"),
    "dropped": (Dropped(), ServiceFailed, "connection failed"),
    "reset": (Dropped(reset=True), ServiceFailed, "connection failed"),
}


@both
@pytest.mark.parametrize("name", REFUSALS)
def test_every_refusal_says_what_is_true(server, name, how):
    scenario, kind, words = REFUSALS[name]
    server.upload_script = lambda number: scenario
    with pytest.raises(EngineError) as caught:
        store(storage_of(server), b"x", how=how)
    error = caught.value
    assert isinstance(error, kind)
    assert words in str(error)
    assert ("lower dpi or max_pixels" in str(error)) is not error.retryable or error.status in (403, 404)
    assert "workspace" not in str(error), "the account's rights have nothing to do with it"
    assert "model" not in str(error)
    if isinstance(scenario, StoreFault):
        assert (error.code, error.status, error.request_id) == (scenario.code, scenario.status, REQUEST_ID)
        assert getattr(error, "retry_after", None) == (float(scenario.retry_after) if scenario.retry_after else None)
    elif isinstance(scenario, Raw):
        assert (error.code, error.status) == (None, scenario.status)


@both
@pytest.mark.parametrize(
    ("name", "posts", "policies"),
    [
        ("signature", 2, 2),  # a new policy may cure it, a third would not
        ("too-large", 1, 1),
        ("malformed", 1, 1),
        ("internal", 3, 1),  # the policy is not to blame
    ],
)
def test_how_often_is_tried(server, name, posts, policies, how):
    server.upload_script = lambda number: REFUSALS[name][0]
    with pytest.raises(EngineError):
        store(storage_of(server), b"x", how=how, retry=AT_ONCE)
    assert (len(sent(server, "POST")), len(server.uploads.certificates)) == (posts, policies)


def test_the_storages_retry_after_is_obeyed(server):
    server.upload_script = lambda number: StoreFault(503, "ServiceUnavailable", "", "0.3") if number == 0 else None
    store(storage_of(server), b"x", retry=AT_ONCE)
    first, second = sent(server, "POST")
    assert second.began - first.began >= 0.3


def test_the_policys_retry_after_is_obeyed_by_all_who_wait(server):
    server.policy_script = lambda number: Later(0.2, Refused(FAULTS["rate-quota"], "0.3")) if number == 0 else None
    store(storage_of(server), b"1", b"2", b"3", retry=AT_ONCE)
    first, second = sent(server, "GET")
    assert second.began - first.began >= 0.2 + 0.3


@both
def test_a_lost_answer_does_not_lose_the_picture(server, how):
    server.uploads.answers_lost = 1  # the same form is sent once more at once, and the storage has that file already
    (address,) = store(storage_of(server), b"x", how=how)
    assert server.uploads.stored == {address: b"x"}
    assert [exchange.status for exchange in sent(server, "POST")] == [None, 409]


def test_a_picture_larger_than_the_policy_allows_is_not_posted(server):
    server.uploads.max_size = 1 << 20
    with pytest.raises(RequestRejected, match=r"1\.5 MB, and the storage takes 1 MB; .* lower dpi or max_pixels"):
        store(storage_of(server), bytes(3 << 19))
    assert sent(server, "POST") == []
    store(storage_of(server), bytes(1 << 20))


def test_a_policy_without_a_size_limits_none():
    fields = given()
    del fields["max_file_size_mb"]
    assert Uploads().keep(OWNER, fields).largest == float("inf")


# --- processes -------------------------------------------------------------------------------------------------------


def test_pickled_uploads_are_empty():
    uploads = Uploads()
    uploads.keep(OWNER, given(signature="very-secret"))
    uploads.remember(OWNER, b"digest", "oss://very-secret")
    pickled = pickle.dumps(storage_of(uploads=uploads).uploads)
    assert b"very-secret" not in pickled
    copied = pickle.loads(pickled)
    assert copied.address(OWNER, b"digest") is None
    assert copied.policy(OWNER, mine := Fetch(10)) is mine


@contextmanager
def child():
    """The body runs in a forked process, whose failure is the test's."""
    if process := os.fork():
        yield False
        assert os.waitpid(process, 0)[1] == 0
        return
    status = 1
    try:
        signal.alarm(5)  # a deadlock
        yield True
        status = 0
    finally:
        os._exit(status)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_neither_waits_nor_hangs():
    uploads = Uploads()
    flow = storage_of(uploads=uploads).store(b"1", "image/png")
    assert next(flow).method == "GET"
    with uploads._lock, child() as forked:  # as another thread may hold it
        if forked:
            assert next(storage_of(uploads=uploads).store(b"2", "image/png")).method == "GET"
    assert isinstance(uploads.policy(OWNER, mine := Fetch(10)), Fetch)
    assert uploads.policy(OWNER, mine) is not mine, "the parent's own fetch goes on"
    assert flow.send(policy_reply()).method == "POST"
    assert isinstance(uploads.policy(OWNER, mine), Policy)


# --- from the page to its text ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def large() -> Scan:
    """A marked page of more bytes than are sent inline."""
    size = (3000, 2600)
    noise = Image.merge("RGB", [Image.effect_noise(size, 200) for _ in range(3)])
    noise.paste(marked_page(7, size).crop((0, 0, 3000, 330)), (0, 0))
    out = io.BytesIO()
    noise.save(out, "JPEG", quality=95)
    assert 7_500_000 < len(out.getvalue()) < 10_000_000
    return Scan(0, 3000.0, 2600.0, "px", PageImage.from_encoded(out.getvalue(), "image/jpeg", *size))


def read(engine, scan, task, how):
    tasks = parse_tasks(task)
    return engine.read(scan, tasks) if how == "sync" else asyncio.run(engine.aread(scan, tasks))


def engine_for(server, **settings) -> DashScopeEngine:
    standard = {"base_url": server.base_url, "api_key": KEY, "retry": AT_ONCE, "max_pixels": 8_388_608}
    return DashScopeEngine(**standard | settings)


@both
def test_tasks_and_second_tries_about_a_page_share_one_upload(server, large, how):
    server.script = in_turn(truncated(), ok())
    engine = engine_for(server)
    page = read(engine, large, ["text_recognition", "advanced_recognition"], how)
    assert page.text.startswith("page 7")
    assert len(server.generations) == 4
    assert len(server.uploads.stored) == 1
    assert len(server.uploads.certificates) == 1


@both
def test_a_page_is_read_though_its_policy_expires(server, large, how):
    engine = engine_for(server, retry=Retry(attempts=1))
    store(Storage(server.base_url, HEADERS, "", MODEL, Uploads(), 10), b"x")  # the server's first certificate
    server.upload_script = lambda number: server.uploads.expire() if number == 1 else None
    assert read(engine, large, "text_recognition", how).text.startswith("page 7")
    assert [exchange.status for exchange in sent(server, "POST")] == [200, 403, 200, 200]
