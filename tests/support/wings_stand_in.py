"""A process like Wings in /proc: started under the name ``wings``, it has a log open, and archives while it is told to.

Usage: wings THIS_FILE --config CONFIG LOG; then lines on stdin: ``open PATH``, ``close PATH``, ``ask`` (it answers each with a
line). Needs the standard library only. ``running`` starts one, from a test.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def main(log: str) -> None:
    """Keep files open as told, until stdin ends."""
    kept = {"log": open(log, "ab")}  # noqa: SIM115, PTH123  (open for as long as it lives)
    print("up", flush=True)
    for line in sys.stdin:
        verb, _, path = line.strip().partition(" ")
        if verb == "open":
            kept[path] = open(path, "rb")  # noqa: SIM115, PTH123
        elif verb == "close":
            kept.pop(path).close()
        print("done", flush=True)


class StandIn:
    """The other end of one."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.pid = process.pid

    def tell(self, verb: str, path: Path) -> None:
        """Tell it to ``open`` or ``close`` a file, and wait until it has."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{verb} {path}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n"


@contextmanager
def running(
    config: Path, log: Path, *before: str, name: str = "wings", words: tuple[str, ...] = (), environment: dict[str, str] | None = None
) -> Iterator[StandIn]:
    """Run one; ``before`` are words of a program that it is started by, ``words`` some that it is given."""
    program = log.parent / "bin" / name
    program.parent.mkdir(exist_ok=True)
    if not program.is_symlink():
        program.symlink_to(Path(sys.executable).resolve())
    command = [*before, str(program), "-E", "-s", __file__, *words, "--config", str(config), str(log)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        yield StandIn(process)
    finally:
        with suppress(OSError):
            process.communicate(timeout=60)
        process.kill()
        process.wait()


if __name__ == "__main__":
    main(sys.argv[-1])
