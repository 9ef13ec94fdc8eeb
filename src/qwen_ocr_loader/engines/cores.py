"""How many processor cores this process may use: what the scheduler and a container's limit leave of them."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

GROUPS = Path("/sys/fs/cgroup")
OWN_GROUPS = Path("/proc/self/cgroup")


def cores() -> int:
    """At least 1; a limit of 1.5 cores counts as 2."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min(allowed, quota())))


def quota(groups: Path = GROUPS, own: Path = OWN_GROUPS) -> float:
    """The smallest CPU limit of this process's control groups and those around them, in cores; infinite without one.

    Args:
        groups: Where the groups are mounted, version 1 or 2.
        own: Which of them are this process's, as Linux writes it: ``0::/path``, or ``4:cpu,cpuacct:/path`` a line.
    """
    limits = (limit for folder in _folders(groups, own) for limit in (_version_2(folder), _version_1(folder)))
    return min((limit for limit in limits if limit > 0), default=math.inf)


def _folders(groups: Path, own: Path) -> Iterator[Path]:
    """Of each group and all around it. Within a container the path may be the host's: then only the root is there."""
    for line in _text(own).splitlines():
        number, kinds, path = [*line.split(":", 2), "", ""][:3]
        if number == "0" or "cpu" in kinds.split(","):
            root, inner = groups / kinds, Path(path.lstrip("/"))
            yield from (root / folder for folder in (inner, *inner.parents))


def _version_2(folder: Path) -> float:
    """``cpu.max``: ``max 100000``, or microseconds of each period."""
    return _ratio(*_text(folder / "cpu.max").split()[:2])


def _version_1(folder: Path) -> float:
    return _ratio(_text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us"))


def _ratio(used: str = "", period: str = "") -> float:
    """0 for no limit."""
    try:
        return max(0.0, int(used) / int(period))
    except (ValueError, ZeroDivisionError):
        return 0.0


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
