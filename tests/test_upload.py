"""Uploads of large pictures: what is sent, and that no picture is sent twice."""

import asyncio
import io
import json
import os
import pickle
import signal
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from PIL import Image

from dashscope_client import MODEL
from dashscope_reading import AT_ONCE, KEY, serving
from dashscope_scenarios import in_turn, ok, truncated
from dashscope_uploads import StoreFault, read_form
from http_server import Request
from marked_pages import marked_page
from qwen_ocr_loader import Scan
from qwen_ocr_loader.engines.dashscope import DashScopeEngine
from qwen_ocr_loader.engines.flows import Reply
from qwen_ocr_loader.engines.upload import KEPT, MOST_KEPT, UPLOAD_REGIONS, Fetch, Policy, Storage, Uploads
from qwen_ocr_loader.errors import ServiceFailed
from qwen_ocr_loader.images import PageImage
from qwen_ocr_loader.pace import Retry
from qwen_ocr_loader.prices import REGIONS
from qwen_ocr_loader.tasks import parse_tasks
from uploading import HEADERS, OWNER, STORED, Clock, both, finish, given, policy_reply, sent, storage_of, store

server = pytest.fixture(serving)


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
