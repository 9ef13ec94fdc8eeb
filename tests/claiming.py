"""What the tests of claims share: a clock that is set by hand, and a look at the threads that renew claims."""

import threading
import time


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def renewing_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "qwen-ocr-claims"]


def wait_until(true, seconds=10.0):
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.002)
