"""What the tests of uploads share: a storage to upload to, flows driven by hand, policies, and a clock of our own."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from dashscope_client import MODEL
from dashscope_reading import KEY
from qwen_ocr_loader.engines.flows import Reply, persistent
from qwen_ocr_loader.engines.http import adrive, drive
from qwen_ocr_loader.engines.upload import Storage, Uploads

OWNER = ("account", MODEL)
HEADERS = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json", "User-Agent": "qwen-ocr-loader/0"}
both = pytest.mark.parametrize("how", ["sync", "async"])


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


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
