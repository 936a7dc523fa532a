"""Whether a running program stays as large as it is: what the kernel says of it, look by look, and the slope of the second half.

How to use it::

    looks = [taken(pid, at=0.0), ...]       # one each few seconds
    print(table(looks, every=60.0))
    assert grown(looks) == {}               # what grew in the second half, and by how much
"""

from __future__ import annotations

import os
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

MIB = 1 << 20
_TICKS = os.sysconf("SC_CLK_TCK")
_POINTS = 60
"""The slope is that of so many medians: each pair of them is looked at."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a process. ``at`` is seconds since the first, ``cpu`` seconds of CPU since its start, ``rss`` bytes."""

    at: float
    rss: int
    threads: int
    descriptors: int
    cpu: float
    children: int = 0
    scrape: float = 0.0
    page: int = 0


ALLOWED: Mapping[str, float] = {"rss": 2.0 * MIB, "threads": 1.0, "descriptors": 1.0}
"""By how much each may seem to grow over the second half: less is noise."""


def taken(pid: int, at: float, scrape: float = 0.0, page: int = 0) -> Look:
    """Look at a process in ``/proc``."""
    folder = Path(f"/proc/{pid}")
    status = (folder / "status").read_text()
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    return Look(
        at,
        int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) << 10,
        int(re.search(r"Threads:\s+(\d+)", status)[1]),
        len(list((folder / "fd").iterdir())),
        (int(fields[11]) + int(fields[12])) / _TICKS,
        len((folder / "task" / str(pid) / "children").read_text().split()),
        scrape,
        page,
    )


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return Theil and Sen's: the median of the slopes of all pairs, which a few wild points do not move."""
    return statistics.median((y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2) if x2 > x1)


def grown(looks: Sequence[Look], allowed: Mapping[str, float] = ALLOWED) -> dict[str, float]:
    """Return what grew in the second half of ``looks``, and by how much over that half; nothing where all is flat."""
    half = [look for look in looks if look.at >= looks[-1].at / 2]
    size = max(1, len(half) // _POINTS)
    found = {}
    for name, limit in allowed.items():
        medians = [_middle(half[start : start + size], name) for start in range(0, len(half), size)]
        growth = slope(medians) * (half[-1].at - half[0].at)
        if growth > limit:
            found[name] = growth
    return found


def _middle(some: Sequence[Look], name: str) -> tuple[float, float]:
    return statistics.median(each.at for each in some), statistics.median(getattr(each, name) for each in some)


def table(looks: Sequence[Look], every: float) -> str:
    """Return the looks as a table with a line for each ``every`` seconds: medians, and the greatest number of descriptors and threads."""
    lines = [
        f"{'minute':>6} {'RSS MiB':>8} {'threads':>8} {'most':>5} {'fds':>5} {'most':>5} {'CPU %':>6} {'scrape ms':>10} {'page kB':>8}"
    ]
    rows: dict[int, list[Look]] = {}
    for look in looks:
        rows.setdefault(int(look.at // every), []).append(look)
    before = looks[0]
    for number, some in sorted(rows.items()):
        last = some[-1]
        spent = 100.0 * (last.cpu - before.cpu) / (last.at - before.at) if last.at > before.at else 0.0
        lines.append(
            f"{number * every / 60:6.0f} {_median(some, lambda each: each.rss) / MIB:8.1f} {_median(some, lambda each: each.threads):8.0f}"
            f" {max(each.threads for each in some):5d} {_median(some, lambda each: each.descriptors):5.0f}"
            f" {max(each.descriptors for each in some):5d} {spent:6.1f} {_median(some, lambda each: each.scrape) * 1e3:10.1f}"
            f" {_median(some, lambda each: each.page) / 1e3:8.0f}"
        )
        before = last
    return "\n".join(lines)


def _median(some: Sequence[Look], of: Callable[[Look], float]) -> float:
    return statistics.median(map(of, some))
