"""Uploads that fail: what the storage says, what is tried again, and what the error says."""

import asyncio
from typing import NamedTuple

import pytest

from dashscope_faults import FAULTS
from dashscope_reading import AT_ONCE, serving
from dashscope_scenarios import Dropped, Raw, Refused
from dashscope_uploads import REQUEST_ID, StoreFault
from qwen_ocr_loader.engines.upload import Fetch, Uploads
from qwen_ocr_loader.errors import EngineError, RateLimited, RequestRejected, ServiceFailed
from uploading import OWNER, both, given, sent, storage_of, store

server = pytest.fixture(serving)


class Later(NamedTuple):
    """A scenario, after a while."""

    seconds: float
    scenario: Refused

    async def play(self, exchange, asked):
        await asyncio.sleep(self.seconds)
        await self.scenario.play(exchange, asked)


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
