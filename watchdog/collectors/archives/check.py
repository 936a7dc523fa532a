"""The child that verifies one archive: ``python -m watchdog.collectors.archives.check JSON``.

It is handed one read-only descriptor, sets its own limits first thing and opens nothing itself. One JSON object on standard output is its
answer. A crash, a hang or a bomb costs this process only: the parent turns its fate into a verdict.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from dataclasses import asdict, dataclass

from watchdog.collectors.archives.findings import Finding, Notes, Promise
from watchdog.collectors.archives.format import HEAD_BYTES, MANGLED, Head, mangled, tell
from watchdog.collectors.archives.gzips import check_gzip
from watchdog.collectors.archives.source import Source
from watchdog.collectors.archives.tars import check_tar
from watchdog.collectors.archives.zips import check_zip

STRUCTURE = 1
_TEXTS = {
    "empty": "the file is empty",
    "html_page": "a saved web page, very likely an error page, instead of an archive",
    "json_text": "a JSON answer, very likely an error, instead of an archive",
    "text": "plain text instead of an archive",
}


@dataclass(frozen=True, slots=True)
class Order:
    """What the parent wants. ``memory`` is bytes of address space, ``cpu`` seconds, ``rate`` bytes a second (0 = unlimited).

    ``promise`` is what the file's name promises.
    """

    descriptor: int
    level: int
    memory: int
    cpu: int
    rate: float
    promise: Promise


def limit(order: Order) -> None:
    """Bound this process for good: memory, processor time, no core, no file grows, nothing more is opened, last in line for the CPU."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (order.memory, order.memory))
    resource.setrlimit(resource.RLIMIT_CPU, (order.cpu, order.cpu + 1))
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    os.nice(10)


def check(source: Source, level: int, promise: Promise) -> Finding:
    """Given an open file, return what can be proven up to ``level`` (0 = its head, 1 = its structure)."""
    head = tell(source.at(0, HEAD_BYTES))
    return _named(head, promise) or (Finding(head.format, 0) if level < STRUCTURE else _structure(source, head, promise))


def _structure(source: Source, head: Head, promise: Promise) -> Finding:
    match head.format:
        case "zip":
            return check_zip(source, head.start)
        case "gzip":
            return check_gzip(source, expect_tar=promise == "tar")
        case "tar":
            return check_tar(source)
        case _:
            return _unsupported(source, head)


def _named(head: Head, promise: Promise) -> Finding | None:
    """Say what the file is instead of a usable archive, as far as its head shows it."""
    if head.named in _TEXTS:
        damaged = promise or head.named == "empty"
        return _only(head, 0, head.named if damaged else "unknown_format", _TEXTS[head.named])
    if head.format == "unknown":
        return _only(head, 0, "unknown_format", "its first bytes are none of zip, tar, gzip, zstd, xz")
    if head.start and head.format != "zip":
        return _only(head, 0, "log_line_before", f"{head.start} bytes of text stand before the archive: cut them off to use it")
    return None


def _only(head: Head, level: int, reason: str, message: str) -> Finding:
    notes = Notes()
    notes.add(reason, message)
    return notes.finding(head.format, level)


def _unsupported(source: Source, head: Head) -> Finding:
    if mangled(source.at(0, 1 << 20)):
        return _only(head, 0, "crlf_mangled", MANGLED)
    return _only(head, 0, "unsupported_format", f"the structure of {head.format} cannot be checked by this version")


def main(argv: list[str]) -> int:
    """Do one order and print the finding, or the class of what went wrong."""
    order = Order(**json.loads(argv[0]))
    limit(order)
    try:
        source = Source(order.descriptor, os.fstat(order.descriptor).st_size, order.rate)
        finding = check(source, order.level, order.promise)
        answer = {**asdict(finding), "verdict": finding.verdict, "read_bytes": source.read_bytes}
    except MemoryError:
        answer = {"failed": "memory"}
    except OSError as error:
        answer = {"failed": "unreadable", "message": error.strerror or type(error).__name__}
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
