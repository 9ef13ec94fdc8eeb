"""Clients are shared by those who use them at once, and closed with the last; nothing stays open."""

import asyncio
import gc
import os
import pickle
import threading
import warnings

import pytest

from http_flows import HOWS, get, once, run
from http_server import LocalServer
from qwen_ocr_loader.engines.flows import Call
from qwen_ocr_loader.engines.http import Connections, adrive, drive


def test_users_at_once_share_a_client_and_the_last_closes_it():
    connections = Connections()
    with connections.open() as first:
        with connections.open() as second:
            assert second is first
        assert not first.is_closed
    assert first.is_closed
    with connections.open() as third:
        assert third is not first
        assert not third.is_closed


def test_an_error_in_a_user_closes_it_too():
    connections = Connections()
    with pytest.raises(ZeroDivisionError), connections.open() as client:
        raise ZeroDivisionError
    assert client.is_closed


def test_threads_share_it():
    connections, together, seen = Connections(), threading.Barrier(8), []

    def use():
        with connections.open() as client:
            seen.append(client)
            together.wait(5)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert len(set(map(id, seen))) == 1
    assert seen[0].is_closed


def test_each_event_loop_has_its_own():
    connections, seen = Connections(), []

    async def use():
        async with connections.aopen() as first:
            async with connections.aopen() as second:
                assert second is first
            assert not first.is_closed
            seen.append(first)

    for _ in range(2):
        asyncio.run(use())
    assert seen[0] is not seen[1]
    assert all(client.is_closed for client in seen)


def test_connections_pickle_as_none():
    connections = Connections()
    with connections.open() as client, pickle.loads(pickle.dumps(connections)).open() as other:
        assert other is not client


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_has_a_client_of_its_own():
    async def answer(exchange):
        await exchange.send(200, str(exchange.number))

    connections = Connections()
    with LocalServer(answer) as server, connections.open() as client:
        assert drive(once(get(server)), client).body == b"0"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the server's thread; the child does not need it
            child = os.fork()
        if not child:
            code = 1
            try:
                with connections.open() as own:
                    code = 0 if own is not client and drive(once(get(server)), own).status == 200 else 2
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        assert drive(once(get(server)), client).body == b"2"
        parents, childs, again = (exchange.writer.get_extra_info("peername") for exchange in server.exchanges)
    assert parents == again != childs


async def test_cancelling_closes_the_connection_and_leaves_the_client():
    async def answer(exchange):
        if exchange.number == 0:
            await asyncio.sleep(30)
        await exchange.send(200, b"ok")

    with LocalServer(answer) as server:
        async with Connections().aopen() as client:
            task = asyncio.create_task(adrive(once(get(server)), client))
            while not server.in_flight:
                await asyncio.sleep(0.005)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await adrive(once(get(server)), client)).body == b"ok"
        assert [exchange.outcome for exchange in server.exchanges] == ["gone", "sent"]
    gc.collect()


@HOWS
def test_proxies_of_the_environment_are_used_but_not_for_servers_of_this_machine(how, monkeypatch):
    async def answer(exchange):
        await exchange.send(200, b"server")

    async def relay(exchange):
        await exchange.send(200, b"proxy")

    with LocalServer(answer) as server, LocalServer(relay) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        assert run(how, once(Call("GET", "http://service.invalid/x"))).body == b"proxy"
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        assert run(how, once(get(server))).body == b"server"
