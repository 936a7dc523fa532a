"""Resident memory of the real program: after its start and after 50 scrapes, against a bare interpreter with the same libraries loaded."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.request import urlopen

from benchmarks import Ratio
from watchdog.demo.world import demo_world

LIBRARIES = (
    "fastapi, uvicorn, sqlalchemy, docker, requests, pyroute2, apscheduler.schedulers.background, prometheus_client, pydantic, structlog"
)
SCRAPES = 50
MIB = 1 << 20


def run() -> list[Ratio]:
    reference = _of_libraries()
    with tempfile.TemporaryDirectory(prefix="pw-") as folder, demo_world(Path(folder), "127.0.0.1:0") as world:
        started, scraped, seconds = measure(world.config)
    what = "a bare interpreter that has imported the same libraries"
    return [
        Ratio("resident after the first looks", started / MIB, what, reference / MIB, "MiB"),
        Ratio(f"resident after {SCRAPES} scrapes", scraped / MIB, what, reference / MIB, "MiB"),
        Ratio("from exec to the first answer", seconds, "importing the same libraries", _import_seconds()),
    ]


def measure(config: Path, **environment: str) -> tuple[int, int, float]:
    """Start the program on ``config``; return its resident bytes when ready and after the scrapes, and the seconds to its first answer."""
    began = time.monotonic()
    with config.with_suffix(".log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "watchdog", "run", "-c", str(config)], stderr=log, stdout=log, env={**os.environ, **environment}
        )
        try:
            url = _address(config.parent, process)
            seconds = time.monotonic() - began
            while _status(f"{url}/-/ready") != 200:
                time.sleep(0.1)
            time.sleep(2.0)  # second looks
            started = resident(process.pid)
            for _ in range(SCRAPES):
                _status(f"{url}/metrics")
            return started, resident(process.pid), seconds
        finally:
            process.terminate()
            process.wait(30)


def resident(pid: int) -> int:
    """Return VmRSS of a process in bytes."""
    return int(re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())[1]) << 10


def _address(folder: Path, process: subprocess.Popen[bytes]) -> str:
    """Return where the program listens, by its sockets in /proc: its log is quiet."""
    while process.poll() is None:
        inodes = {str(each.readlink()) for each in Path(f"/proc/{process.pid}/fd").iterdir() if each.is_symlink()}
        for row in Path(f"/proc/{process.pid}/net/tcp").read_text().splitlines()[1:]:
            fields = row.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                return f"http://127.0.0.1:{int(fields[1].rpartition(':')[2], 16)}"
        time.sleep(0.02)
    raise RuntimeError(f"the program ended with {process.returncode}: see {folder}")


def _status(url: str) -> int:
    try:
        with urlopen(url, timeout=30) as answer:
            answer.read()
            return answer.status
    except OSError as error:
        return getattr(error, "code", 0)


def _of_libraries() -> int:
    script = f"import {LIBRARIES}; print(open('/proc/self/status').read())"
    status = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) << 10


def _import_seconds() -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", f"import {LIBRARIES}"], check=True)
    return time.monotonic() - began
