"""A Ray cluster of one machine, in a process of its own: it reads documents, and says in JSON what came of it.

``read(PATHS, ENGINE, ...)`` starts it. What it uses of Ray is not deprecated: such a warning is an error in it.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable

STORE = 100_000_000  # bytes for objects: rows are small


def read(paths, *, seconds=400, **errand) -> dict[str, Any]:
    """What ``main`` says, and ``stderr``; its keyword arguments are ``errand``."""
    done = subprocess.run(_command(paths, errand), capture_output=True, text=True, check=False, timeout=seconds)
    assert done.returncode == 0, done.stderr[-5000:]
    return {**json.loads(done.stdout.splitlines()[-1]), "stderr": done.stderr}


def read_until(enough: Callable[[], bool], paths, **errand) -> None:
    """Read, and kill all processes of the cluster as soon as ``enough`` says so, which is before it has ended."""
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with (
        tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as place,
        subprocess.Popen(_command(paths, errand), env={**os.environ, "RAY_PLACE": place}, **silent) as driver,
    ):
        while not enough():
            assert driver.poll() is None, "it ended too soon"
            time.sleep(0.05)
        for pid in [driver.pid, *_descendants(driver.pid)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _command(paths, errand) -> list[str]:
    return [sys.executable, __file__, json.dumps({"paths": list(map(str, paths)), **errand})]


def main(
    paths: list[str],
    *,
    engine: str | dict[str, Any] = "fake",
    cpus: int = 2,
    kill_after: int | None = None,
    out: str | None = None,
    passes: int = 1,
    flat: bool = False,
    **arguments: Any,
) -> dict[str, Any]:
    """Read.

    Args:
        paths: What to read.
        engine: By name, or what ``DashScopeEngine`` takes.
        cpus: Of the cluster.
        kill_after: Calls at the engine's server after which one of two actors is killed, while both have calls open.
        out: A folder the rows are written to, as Parquet.
        passes: Over the same Dataset; the rows are the last one's.
        flat: Read once more in a Dataset of its own, with ``flat_map`` and the engine that needs nothing.
        **arguments: Of ``read_documents``.

    Returns:
        ``rows`` and ``flat``; ``began`` and ``ended``, by ``time.monotonic``, which processes share; ``killed``,
        process numbers.
    """
    from qwen_ocr_loader import DashScopeEngine
    from qwen_ocr_loader.ray import read_documents

    began = time.monotonic()
    ray = start(cpus)
    chosen = engine if isinstance(engine, str) else DashScopeEngine(**engine)
    killed = list[int]()
    if kill_after is not None:
        server = str(engine["base_url"]).removesuffix("/api/v1")
        threading.Thread(target=_kill, args=(server, kill_after, arguments["concurrency"], killed), daemon=True).start()
    pages = read_documents(paths, engine=chosen, **arguments)
    rows = []
    for _ in range(passes):
        if out is None:
            rows = pages.take_all()
        else:
            pages.write_parquet(out)
    ended = time.monotonic()
    flatly = _flatly(ray, paths) if flat else []
    ray.shutdown()
    return {"rows": rows, "flat": flatly, "began": began, "ended": ended, "killed": killed}


def start(cpus: int) -> Any:
    import ray
    import ray.data

    ray.init(
        num_cpus=cpus,
        include_dashboard=False,
        logging_level="WARNING",
        object_store_memory=STORE,
        _temp_dir=os.environ["RAY_PLACE"],
    )
    context = ray.data.DataContext.get_current()  # warns of itself
    context.enable_progress_bars = False
    warnings.simplefilter("error", DeprecationWarning)
    return ray


def _flatly(ray: Any, paths: list[str]) -> list[dict[str, Any]]:
    from qwen_ocr_loader.ray import ReadPages

    sources = ray.data.from_items([{"source": path} for path in paths])
    return sources.flat_map(ReadPages(engine="fake", pages="2-3"), num_cpus=0.5).take_all()


def _kill(server: str, calls: int, at_once: int, killed: list[int]) -> None:
    """Kill a reading actor of this cluster once the server was asked so often, and no actor is between two batches."""
    while True:
        told = httpx.get(f"{server}/tally", trust_env=False).json()
        if len(told["bought"]) >= calls and told["in_flight"] > at_once:
            break
        time.sleep(0.02)
    readers = [pid for pid in _descendants(os.getpid()) if b"ReadPages" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    os.kill(readers[0], signal.SIGKILL)
    killed.append(readers[0])


def _descendants(of: int) -> list[int]:
    parents = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(place.name)] = int((place / "stat").read_bytes().rpartition(b")")[2].split()[1])
        except OSError:  # it has ended
            continue
    found = [of]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found[1:]


def prepare() -> None:
    """The environment of all processes of the cluster."""
    os.environ["RAY_AUTH_MODE"] = "disabled"
    os.environ["DASHSCOPE_API_KEY"] = "sk-test"  # for all processes: a key in code stays where it is
    if "RAY_PLACE" not in os.environ:
        os.environ["RAY_PLACE"] = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # sockets have short names only
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    atexit.register(shutil.rmtree, os.environ["RAY_PLACE"], ignore_errors=True)


if __name__ == "__main__":
    prepare()
    print(json.dumps(main(**json.loads(sys.argv[1]))))
