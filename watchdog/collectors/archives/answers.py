"""What a verifying child says, line by line, and what is made of a child that says nothing."""

from __future__ import annotations

import json
import signal
import stat
from dataclasses import dataclass, replace

from watchdog.collectors.archives import meanings
from watchdog.collectors.archives.findings import salvage_of
from watchdog.collectors.archives.talk import Place
from watchdog.errors import MalformedAnswer
from watchdog.model.archives import ArchiveVerdict, Salvage
from watchdog.model.drifts import Scalar

SO_FAR = b'{"so_far"'
"""How a line begins that is not the last word."""
Row = tuple[str, ...]
TOLD = b'{"told"'
"""How a line begins that tells rows of facts."""
WORLD_READABLE = "world_readable"
PLACE = b'{"place"'
"""How a line begins that tells a place to go on from."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What is known after one child: its finding, or what befell it as an unverifiable one.

    ``walls`` are the words of ``confine`` for what held the child, ``told`` rows of facts beside the verdict (``volume_check``); the rest
    as in a finding.
    """

    format: str | None
    level: int
    verdict: ArchiveVerdict
    reasons: tuple[str, ...] = ()
    message: str = ""
    read_bytes: int = 0
    entries: int | None = None
    salvage: Salvage | None = None
    sha1: str | None = None
    walls: tuple[str, ...] = ()
    told: tuple[Row, ...] = ()
    facts: tuple[tuple[str, Scalar], ...] = ()
    remarks: tuple[tuple[str, str], ...] = ()


def place(line: bytes) -> Place | None:
    """Read a place to go on from; None when it is of another shape."""
    try:
        match json.loads(line):
            case {"place": dict() as place}:
                return place
    except ValueError:
        pass
    return None


def rows(line: bytes) -> list[Row]:
    """Read rows of facts. Raises MalformedAnswer."""
    try:
        match json.loads(line):
            case {"told": list() as rows}:
                return [tuple(map(str, row)) for row in rows if isinstance(row, list)]
    except ValueError:
        pass
    raise MalformedAnswer("it tells rows in another shape than agreed")


def despite(known: Finished, befell: Finished) -> Finished:
    """Return the damage that a child had already proven when something befell it."""
    return replace(known, message=f"{known.message}; what survives could not be found out: {befell.message}")


def understand(line: bytes) -> Finished:
    """Read a finding, or what went wrong; what is neither is unverifiable too."""
    try:
        match json.loads(line):
            case {"failed": str() as reason, **rest}:
                return befell(
                    reason if reason in ("memory", "unreadable") else "no_answer", str(rest.get("message", _TEXTS.get(reason, "")))
                )
            case {
                "format": str() as format_, "level": int() as level, "verdict": "good" | "bad" | "unverifiable" as verdict,
                "reasons": list() as reasons, "messages": list() as messages, **rest,
            }:  # fmt: skip
                meant = rest.get("meant")
                meant = meant if isinstance(meant, dict) else {}
                return Finished(
                    format_, level, verdict, tuple(map(str, reasons)), "; ".join(map(str, messages)), _number(rest.get("read_bytes")) or 0,
                    _number(rest.get("entries")), salvage_of(rest.get("salvage")), _text(rest.get("sha1")),
                    _texts(rest.get("walls")), facts=meanings.facts(meant.get("facts")), remarks=meanings.said(meant.get("remarks")),
                )  # fmt: skip
    except ValueError:
        pass
    return befell("no_answer", "the verifying child answered in another shape than agreed")


def _texts(told: object) -> tuple[str, ...]:
    return tuple(map(str, told)) if isinstance(told, list) else ()


def _number(told: object) -> int | None:
    return told if isinstance(told, int) else None


def _text(told: object) -> str | None:
    return told if isinstance(told, str) else None


_TEXTS = {"memory": "it needs more memory than archives.memory allows"}


def fate(code: int | None, told: str, seconds: int) -> Finished:
    """Return what befell a child that ended with ``code`` (negative = by a signal) and no answer; it could use ``seconds``."""
    if "MemoryError" in told:
        return befell("memory", _TEXTS["memory"])
    if code is None:
        return befell("hung", "the verifying child cannot even be killed: it hangs in the kernel")
    if code == -signal.SIGXCPU:
        return befell("hung", f"it used more than {seconds} s of processor time")
    if code == -signal.SIGKILL:
        return befell("crashed", "the verifying child was killed from outside, very likely for lack of memory")
    if code < 0:
        return befell("crashed", f"the verifying child ended by {_name(-code)}")
    return befell("no_answer", f"the verifying child ended with code {code} and no answer: {told}")


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def befell(reason: str, message: str) -> Finished:
    """Return what befell a child as a finding."""
    return Finished(None, 0, "unverifiable", (reason,), message)


def by_mode(mode: int, format_: str | None) -> tuple[tuple[str, str], ...]:
    """Return what is to be remarked about a file's permission bits (contracts/sysreptor.md 3, L0)."""
    if mode & stat.S_IROTH and format_ not in (None, "unknown", "c2ypt"):
        return ((WORLD_READABLE, "every user of this host may read it, and it is not encrypted"),)
    return ()
