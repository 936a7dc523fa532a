"""A Duplicati destination of many small volumes, verified as `panel-watchdog verify FOLDER` does, against tools that people would use.

Processor time of all processes, ours included, the best of a few rounds. `unzip -t` is asked volume by volume, as it takes one archive; it
proves no checksum of the list. `sha256sum` reads all of them in one process and knows nothing of zips.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import Ratio
from tests.support.duplicati_folder import filelist, lay, listed, pair
from watchdog.collectors.archives.folder_single import Asked, verify_folder

PAIRS = 1000
ROUNDS = 3


def run() -> list[Ratio]:
    with tempfile.TemporaryDirectory(prefix="pw-") as folder:
        return list(_ratios(Path(folder) / "destination"))


def _ratios(folder: Path) -> Iterator[Ratio]:
    made = filelist()
    for number in range(PAIRS):
        made |= pair(number)
    lay(folder, listed(made))
    paths = sorted(str(path) for path in folder.iterdir() if path.suffix == ".zip")
    what = f"{len(paths)} small volumes"
    ours = min(_ours(folder) for _ in range(ROUNDS))
    for tool, argvs in (("unzip -t of each", [["unzip", "-tqq", path] for path in paths]), ("sha256sum of all", [["sha256sum", *paths]])):
        if shutil.which(argvs[0][0]) is None:
            print(f"volumes: no '{argvs[0][0]}' here, no ratio against it", file=sys.stderr)
            continue
        yield Ratio(what, ours, tool, min(_tool(argvs) for _ in range(ROUNDS)))


def _spent() -> float:
    uses = (resource.getrusage(resource.RUSAGE_CHILDREN), resource.getrusage(resource.RUSAGE_SELF))
    return sum(use.ru_utime + use.ru_stime for use in uses)


def _ours(folder: Path) -> float:
    before, began = _spent(), time.monotonic()
    found = verify_folder(str(folder), Asked(2, 256 << 20, threading.Event(), lambda *_: None, lambda: time.monotonic() - began))
    if found.finished.verdict != "good":
        raise RuntimeError(f"{folder}: {found}")
    return _spent() - before


def _tool(argvs: list[list[str]]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for argv in argvs:
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
