"""What the tests of caches share: both kinds on one folder, workers, and looks at what a cache leaves."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from cache_worker import key
from qwen_ocr_loader.cache.directory import DirectoryCache
from qwen_ocr_loader.cache.sqlite import FILE_NAME, SqliteCache
from qwen_ocr_loader.errors import CacheFailed

WORKER = str(Path(__file__).with_name("cache_worker.py"))
KINDS = {"sqlite": SqliteCache, "directory": DirectoryCache}
K, OTHER = key(1), key(2)


def kinds(request):
    """For ``pytest.fixture(kinds, params=KINDS)``: each kind in turn."""
    return request.param


def makes(kind, tmp_path):
    """For ``pytest.fixture(makes)``: makes caches on one folder, closed in the end."""
    made = []

    def make(**settings):
        made.append(KINDS[kind](tmp_path / "cache", **settings))
        return made[-1]

    yield make
    for cache in made:
        cache.close()


def start(*words):
    return subprocess.Popen(
        [sys.executable, WORKER, *map(str, words)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def end(process):
    process.kill()
    process.communicate()


def run(code, *words, env=()):
    paths = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": paths, **dict(env)},
    )


def raised(use, *args):
    with pytest.raises(CacheFailed) as caught:
        use(*args)
    return str(caught.value)


def until(over):
    number = 0
    while not over.is_set():
        yield (number := number + 1)


def open_files(folder):
    if not Path("/proc/self/fd").exists():
        pytest.skip("open files cannot be seen here")
    found = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            found.append(str(link.readlink()))
        except OSError:
            continue
    return [name for name in found if name.startswith(str(folder))]


def stamp_of(cache):
    """What a renewal of the claim on K changes."""
    if isinstance(cache, DirectoryCache):
        return cache._file(K, "claim").stat().st_mtime_ns
    database = sqlite3.connect(cache.folder / FILE_NAME)
    (renewed,) = database.execute("SELECT renewed FROM claims WHERE key = ?", (K,)).fetchone()
    database.close()
    return renewed


def leftovers(cache):
    """Claims and unfinished files."""
    if isinstance(cache, DirectoryCache):
        return [path.name for path in cache.folder.rglob("*") if path.is_file() and path.suffix != ".page"]
    with cache._database() as database:
        return database.execute("SELECT * FROM claims").fetchall()
