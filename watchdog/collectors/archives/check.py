"""The child that verifies one archive: ``python -m watchdog.collectors.archives.check JSON``.

It is handed one read-only descriptor, builds its own walls first thing (``confine``) and opens nothing itself. Lines of JSON on standard
output are its answer: what damage is known so far, then the finding. A crash, a hang or a bomb costs this process only: the parent turns
its fate into a verdict.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from watchdog.collectors.archives.c2ypt import Opener, check_sealed
from watchdog.collectors.archives.confine import confine
from watchdog.collectors.archives.findings import Finding, Notes, Promise
from watchdog.collectors.archives.format import HEAD_BYTES, Head, tell
from watchdog.collectors.archives.gzips import check_gzip
from watchdog.collectors.archives.meanings import Hosted, load
from watchdog.collectors.archives.source import Source
from watchdog.collectors.archives.talk import SILENT, Place, Talk
from watchdog.collectors.archives.tars import check_tar
from watchdog.collectors.archives.xzs import check_xz
from watchdog.collectors.archives.zip_end import ends_like_zip
from watchdog.collectors.archives.zips import check_zip, read_zip
from watchdog.collectors.archives.zstds import check_zstd
from watchdog.model.archives import Meaning

STRUCTURE, CONTENT, MEANING = 1, 2, 3
MEMORY = 256 << 20
PLACE_SECONDS = 5.0
_TEXTS = {
    "empty": "the file is empty",
    "html_page": "a saved web page, very likely an error page, instead of an archive",
    "json_text": "a JSON answer, very likely an error, instead of an archive",
    "text": "plain text instead of an archive",
    "zeros": "it begins with zeros: its first blocks were never written, or were lost",
}


@dataclass(frozen=True, slots=True)
class Order:
    """What the parent (its process id: ``parent``) wants.

    ``memory`` is bytes that the check may use, ``cpu`` seconds, ``rate`` bytes a second (0 = unlimited), ``promise`` what the file's name
    promises. ``resume`` is a place that an earlier child told, to go on from; ``places`` the seconds between two of them.
    ``meaning`` is the module of a panel's meaning, ``key`` a descriptor in which the key of an encrypted container stands.
    """

    descriptor: int
    level: int
    memory: int
    cpu: int
    rate: float
    promise: Promise
    parent: int = 0
    resume: Place | None = None
    places: float = PLACE_SECONDS
    meaning: str = ""
    key: int | None = None


@dataclass(frozen=True, slots=True)
class Aids:
    """What lets a check see more: a panel's meaning, and what opens encrypted containers by their key."""

    hosted: Hosted | None = None
    opener: Opener | None = None


UNAIDED = Aids()


def check(source: Source, level: int, promise: Promise, memory: int = MEMORY, talk: Talk = SILENT, aids: Aids = UNAIDED) -> Finding:
    """Given an open file, return what can be proven up to ``level`` (0 = its head, 1 = its structure, 2 = every byte, 3 = its meaning).

    ``memory``: bytes that a decoder may use. Without a meaning among the ``aids``, or for what is not whole, level 2 is the deepest.
    """
    head = _head(source, promise)
    finding = _named(head, promise)
    if finding is None:
        if level < STRUCTURE:
            return Finding(head.format, 0)
        bytes_level = min(level, CONTENT)
        if head.format == "c2ypt":
            finding = check_sealed(
                source, bytes_level, aids.opener, lambda plain, proven: _inside(plain, level, memory, talk, aids, proven)
            )
        elif level >= CONTENT and head.format == "zip":
            finding = read_zip(source, head.start, memory, talk, aids.hosted)
        else:
            finding = _stream(source, head, bytes_level, promise, memory, talk, aids.hosted)
        if level >= MEANING and aids.hosted is not None and head.format != "c2ypt":
            finding = _meant(finding, aids.hosted)
    return replace(finding, sha1=source.sha1()) if level >= CONTENT else finding


def _inside(plain: Source, level: int, memory: int, talk: Talk, aids: Aids, proven: bool) -> Finding:
    """Check what an encrypted container holds; only what is ``proven`` has a meaning. There is no place to go on from inside."""
    return check(plain, level, "archive", memory, Talk(talk.so_far), Aids(aids.hosted if proven else None))


def _meant(finding: Finding, hosted: Hosted) -> Finding:
    """Add to what was proven of the bytes what the panel's meaning says; damaged or unreadable bytes have none."""
    if finding.verdict != "good":
        return finding
    if not hosted.asked:
        told = f"there are no entries in this {finding.format} that a panel's meaning could be shown"
        return replace(finding, reasons=(*finding.reasons, "meaning_not_asked"), messages=(*finding.messages, told))
    meant = hosted.end()
    words: tuple[str, ...]
    texts: tuple[str, ...]
    if meant is None:
        words, texts = ("meaning_failed",), (f"every byte is right, but the panel's meaning failed: {hosted.failure}",)
    else:
        words, texts = tuple(word for word, _ in meant.bad), tuple(text for _, text in meant.bad)
    return replace(finding, level=MEANING, reasons=(*words, *finding.reasons), messages=(*texts, *finding.messages), meant=meant)


def _head(source: Source, promise: Promise) -> Head:
    """Tell the format by the first bytes, or by the last ones where those say nothing: a zip is read from its end."""
    first = source.at(0, HEAD_BYTES)
    head = tell(first)
    zeros = bool(first) and not any(first)
    if (zeros or (head.format == "unknown" and head.named is None)) and ends_like_zip(source, promised=promise == "archive"):
        return Head("zip")
    # a plain tar may be empty; a packed one always begins with something
    return Head("unknown", named="zeros") if zeros and promise == "tar" else head


def _stream(source: Source, head: Head, level: int, promise: Promise, memory: int, talk: Talk, hosted: Hosted | None) -> Finding:
    expect_tar = promise == "tar"
    match head.format:
        case "zip":
            return check_zip(source, head.start)
        case "gzip":
            return check_gzip(source, level, talk, expect_tar=expect_tar, hosted=hosted)
        case "tar":
            return check_tar(source, level, hosted)
        case "zstd":
            return check_zstd(source, level, memory, expect_tar=expect_tar, hosted=hosted)
        case _:
            return check_xz(source, level, memory, expect_tar=expect_tar, hosted=hosted)


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


def main(argv: list[str]) -> int:
    """Do one order; print what damage is known so far, then the finding, or the class of what went wrong."""
    order = Order(**json.loads(argv[0]))
    aids = aids_of(order)
    walls = confine(order.parent, order.memory, order.cpu)
    try:
        before = os.fstat(order.descriptor)
        digest = order.level >= CONTENT and order.resume is None
        source = Source(order.descriptor, before.st_size, order.rate, digest=digest)
        talk = Talk(lambda known: _say(known, so_far=True), _Places(order.places).tell, order.resume)
        finding = check(source, order.level, order.promise, order.memory, talk, aids)
        after = os.fstat(order.descriptor)
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            finding = Finding(finding.format, 0, ("changed",), ("it changed while it was read",))
        _say(finding, walls=walls, read_bytes=source.read_bytes)
    except MemoryError:
        _print({"failed": "memory"})
    except OSError as error:
        _print({"failed": "unreadable", "message": error.strerror or type(error).__name__})
    return 0


def aids_of(order: Order) -> Aids:
    """Import what only this order needs and read the key, before the walls stand."""

    def begin() -> Meaning:
        return load(order.meaning)()

    hosted = Hosted(begin) if order.meaning and order.level >= MEANING else None
    if order.key is None:
        return Aids(hosted)
    from watchdog.collectors.archives.sealed import Sealed  # noqa: PLC0415  # the library of ciphers costs memory

    with os.fdopen(order.key, "rb") as pipe:
        key = pipe.read()
    return Aids(hosted, lambda source, header: Sealed(source, header, key))


class _Places:
    """Tells the parent of places, one in a while: each costs it a write."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last = time.monotonic()

    def tell(self, make: Callable[[], Place | None]) -> None:
        if time.monotonic() - self._last >= self._seconds:
            place = make()
            if place is not None:
                _print({"place": place})
                self._last = time.monotonic()


def _say(finding: Finding, **more: Any) -> None:
    # what is only known so far says so first: see order.SO_FAR
    _print({**more, **asdict(finding), "verdict": finding.verdict})


def _print(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
