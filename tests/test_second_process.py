"""A second process: forked where that is safe, and then nothing of its parent's is its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from qwen_ocr_loader import second_process
from qwen_ocr_loader.second_process import CLOSED, Forked, Spawned, may_fork, started

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells how many threads there are"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning"),  # the threads are pytest's
]


def echo(requests: int, answers: int) -> None:
    while said := os.read(requests, 99):
        os.write(answers, said.upper())


def opened() -> list[Path]:
    return sorted(Path("/proc/self/fd").iterdir())


def asked(process, words: bytes) -> bytes:
    os.write(process.requests, words)
    return os.read(process.answers, 99)


def test_it_answers_until_it_is_ended():
    process = Forked(echo)
    assert asked(process, b"one") == b"ONE"
    assert asked(process, b"two") == b"TWO"
    assert [process.end(), process.end()] == [-signal.SIGKILL] * 2
    assert process.requests == process.answers == CLOSED


@pytest.mark.parametrize(("serve", "code"), [(lambda *_: None, 0), (lambda *_: 1 / 0, 1)])
def test_one_that_has_ended_says_how(serve, code, capfd):
    process = Forked(serve)
    assert os.read(process.answers, 1) == b"", "its end of the pipe is closed"
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert process.end() == code
    assert capfd.readouterr().err == ""


def test_one_that_somebody_else_waited_for_is_not_looked_for_again(monkeypatch):
    """Its number may be another process's by now."""
    process = Forked(lambda *_: None)
    os.waitpid(process.pid, 0)
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("killed somebody"))
    assert process.end() is None


def test_nothing_is_left_open_where_it_cannot_be_started(monkeypatch):
    def refuse():
        raise BlockingIOError("no more processes")

    monkeypatch.setattr(os, "fork", refuse)
    before = opened()
    with pytest.raises(BlockingIOError):
        Forked(echo)
    assert opened() == before


SCRIPT = """
import atexit, os, signal, socket, sys
from qwen_ocr_loader.second_process import Forked, may_fork
assert may_fork()
atexit.register(print, "at exit", flush=True)
signal.signal(signal.SIGTERM, lambda *_: print("terminated", flush=True))
near, far = socket.socketpair()

def serve(requests, answers):
    os.read(requests, 1)
    os.write(answers, str(len(os.listdir("/proc/self/fd")) - 1).encode())  # less the one that lists them
    os.read(requests, 1)

process = Forked(serve)
os.write(process.requests, b"?")
assert os.read(process.answers, 9) == b"3", "pipes, and nowhere for errors"
near.close()
assert far.recv(1) == b"", "nobody else holds it open"
far.close()
os.kill(process.pid, signal.SIGINT)
os.kill(process.pid, signal.SIGTERM)
os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
print(process.end())
"""


def test_it_has_none_of_its_parents_files_and_does_none_of_its_parents_duties():
    command = [sys.executable, "-W", "error", "-c", SCRIPT]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.stdout.split("\n"), done.stderr) == ([str(-signal.SIGTERM), "at exit", ""], "")


WHETHER = """
import threading
from qwen_ocr_loader import second_process
print(second_process.may_fork())
waiting = threading.Event()
thread = threading.Thread(target=waiting.wait)
thread.start()
print(second_process.may_fork())
waiting.set()
thread.join()
second_process.LARGE = 1_000_000
print(second_process.may_fork())
"""


def test_a_process_of_one_thread_that_is_small_may_be_forked():
    done = subprocess.run([sys.executable, "-c", WHETHER], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.split() == ["True", "False", "False"]


@pytest.mark.parametrize(("fork", "kind"), [(True, Forked), (False, Spawned)])
def test_otherwise_a_fresh_python_is_started(monkeypatch, fork, kind):
    monkeypatch.setattr(second_process, "may_fork", lambda: fork)
    process = started(echo, "this")  # a module that prints and ends
    try:
        assert isinstance(process, kind)
    finally:
        process.end()


def test_where_linux_does_not_tell_nothing_is_forked(monkeypatch, tmp_path):
    monkeypatch.setattr(second_process, "OWN", tmp_path)
    assert not may_fork()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not may_fork()
