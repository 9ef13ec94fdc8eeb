"""Batches beside an event loop: whoever is cancelled lets the state file go."""

import asyncio
import threading

import pytest

from batch_work import batch_of, engine_of, inbox, serving, state_file
from qwen_ocr_loader.batch import Batch

server = pytest.fixture(serving)
state = pytest.fixture(state_file)


@pytest.fixture
def three(tmp_path):
    return inbox(tmp_path / "inbox", 3)


class Slow(Batch):
    """Its thread has opened the state file, and does not come back with it until it is told to."""

    def __init__(self, *given, **options):
        super().__init__(*given, **options)
        self.opened, self.told = threading.Event(), threading.Event()

    def _open(self, place):
        job = super()._open(place)
        self.opened.set()
        assert self.told.wait(10)
        return job


async def collected(batch, source):
    return [page async for page in batch.acollect(partial=True)]


CALLS = {
    "submit": lambda batch, source: batch.asubmit(source),
    "status": lambda batch, source: batch.astatus(),
    "cancel": lambda batch, source: batch.acancel(),
    "collect": collected,
}


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("call", CALLS)
async def test_a_call_cancelled_while_it_opens_the_state_file_lets_it_go(server, state, three, call, times):
    batch_of(server, state).submit(three)
    batch = Slow(state, engine=engine_of(server))
    task = asyncio.create_task(CALLS[call](batch, three))
    assert await asyncio.to_thread(batch.opened.wait, 10)
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0.01)
    assert not task.done()  # its thread is waited for
    batch.told.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert batch_of(server, state).submit(three).pages == 0


def test_a_loop_that_ends_in_the_middle_lets_it_go_too(server, state, three):
    batch = Slow(state, engine=engine_of(server))
    tasks = set()

    async def leave():
        tasks.add(asyncio.create_task(batch.asubmit(three)))
        assert await asyncio.to_thread(batch.opened.wait, 10)
        asyncio.get_running_loop().call_later(0.05, batch.told.set)

    asyncio.run(leave())
    assert [task.cancelled() for task in tasks] == [True]
    assert batch_of(server, state).submit(three).pages == 3
