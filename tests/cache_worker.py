"""A process that uses a cache; what a test tells it to do is in its arguments.

python cache_worker.py sqlite|directory FOLDER read KEYS LOG [SECONDS]
python cache_worker.py sqlite|directory FOLDER hold KEY
python cache_worker.py sqlite|directory FOLDER open KEY
python cache_worker.py sqlite|directory FOLDER rewrite KEY BYTES
"""

from __future__ import annotations

import os
import random
import sys
import time
import zlib
from pathlib import Path

from qwen_ocr_loader.cache.directory import DirectoryCache
from qwen_ocr_loader.cache.sqlite import SqliteCache

KINDS = {"sqlite": SqliteCache, "directory": DirectoryCache}


def key(number: int) -> str:
    return f"{number:064x}"


def value(key: str, size: int = 10_000) -> bytes:
    """Bytes that tell whether they are whole: a check sum and what it is of."""
    body = (key.encode() * (size // len(key) + 1))[:size]
    return zlib.crc32(body).to_bytes(4, "big") + body


def is_whole(value: bytes) -> bool:
    return zlib.crc32(value[4:]).to_bytes(4, "big") == value[:4]


def note(log: Path, *words: object) -> None:
    with log.open("ab", 0) as file:  # one write to the end: lines of several processes do not mix
        file.write((" ".join(map(str, words)) + "\n").encode())


def read(cache, keys: int, log: Path, seconds: float) -> None:
    """Have all keys' values, making those that nobody else makes."""
    left = [key(number) for number in range(keys)]
    random.shuffle(left)
    while left:
        one = left.pop(0)
        if (found := cache.get(one)) is not None:
            assert is_whole(found)
        elif not cache.claim(one):
            left.append(one)
            time.sleep(0.001)
        elif cache.get(one) is not None:
            cache.release(one)
        else:
            note(log, "begun", one, os.getpid())
            time.sleep(seconds)
            cache.put(one, value(one))


def main(kind: str, folder: str, role: str, *more: str) -> None:
    cache = KINDS[kind](folder)
    match role, more:
        case "read", (keys, log, *seconds):
            read(cache, int(keys), Path(log), float(seconds[0]) if seconds else 0.0)
        case "hold", (one,):
            print(cache.claim(one), flush=True)
            sys.stdin.read()
        case "open", (one,):
            print("ready", flush=True)
            sys.stdin.readline()
            cache.put(one, value(one))
            assert cache.get(one) == value(one)
        case "rewrite", (one, size):
            print("ready", flush=True)
            while True:
                cache.put(one, value(one, int(size)))
                size = str(int(size) ^ 1)
    cache.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
