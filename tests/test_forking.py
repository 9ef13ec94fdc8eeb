"""Locks and kept values in a forked child, whose parent's other threads do not exist in it."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from qwen_ocr_loader.forking import Lock, cached_property

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


def succeeds_forked(work) -> bool:
    """Whether a forked child has done the work within ten seconds."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = not work()
        finally:
            os._exit(code)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status == 0
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


class Slow:
    """An object whose value takes as long as the test wants."""

    def __init__(self, go_on=None):
        self.begun, self.go_on, self.times = threading.Event(), go_on, 0

    @cached_property
    def value(self):
        """A value."""
        self.times += 1
        self.begun.set()
        if self.go_on:
            self.go_on.wait(60)
        return self.times


def entered(lock) -> bool:
    with lock:
        return True


def test_a_child_forked_while_another_thread_holds_a_lock_can_take_it():
    lock, held, enough = Lock(), threading.Event(), threading.Event()

    def hold():
        with lock:
            held.set()
            enough.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(60)
    try:
        assert succeeds_forked(lambda: entered(lock))
    finally:
        enough.set()
        thread.join()
    assert entered(lock)


def test_a_child_forked_inside_a_lock_leaves_it_and_takes_it_again():
    lock, child = Lock(), -1
    try:
        with lock:
            child = os.fork()
        if child == 0:
            os._exit(not entered(lock))
    finally:
        if child == 0:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert entered(lock)


def test_a_lock_keeps_others_out_in_the_process_that_took_it():
    lock, order = Lock(), []

    def later():
        with lock:
            order.append("later")

    with lock:
        thread = threading.Thread(target=later)
        thread.start()
        time.sleep(0.05)
        order.append("first")
    thread.join()
    assert order == ["first", "later"]


def test_a_child_forked_while_another_thread_works_out_a_property_has_its_own_objects():
    go_on = threading.Event()
    slow = Slow(go_on)
    thread = threading.Thread(target=lambda: slow.value)
    thread.start()
    slow.begun.wait(60)
    try:
        assert succeeds_forked(lambda: Slow().value == 1)
        assert Slow().value == 1  # nor does a second object of this process wait for the first
    finally:
        go_on.set()
        thread.join()


def test_a_property_is_worked_out_once_for_each_object():
    one, two = Slow(), Slow()
    assert [one.value, one.value, two.value] == [1, 1, 1]
    assert (one.times, two.times) == (1, 1)
    assert Slow.value.__doc__ == "A value."
    two.__dict__["value"] = 5
    assert two.value == 5
    del two.value
    assert two.value == 2
