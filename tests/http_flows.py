"""Flows of one call, and both ways of driving them."""

import asyncio

import pytest

from qwen_ocr_loader.engines.flows import Call
from qwen_ocr_loader.engines.http import Connections, adrive, drive

HOWS = pytest.mark.parametrize("how", ["sync", "async"])


def once(call):
    """A flow of one call."""
    return (yield call)


def run(how, *flows):
    """Drive flows one after the other with one client; the result of the last."""

    async def on_a_loop():
        async with Connections().aopen() as client:
            return [await adrive(flow, client) for flow in flows][-1]

    if how == "async":
        return asyncio.run(on_a_loop())
    with Connections().open() as client:
        return [drive(flow, client) for flow in flows][-1]


def get(server, **more) -> Call:
    return Call("GET", server.url + "/x", **{"timeout": 5.0, **more})
