"""What was rehearsed: notes held to the archives beside them, and how each directory stands against ``rehearse_every``.

Archives are deleted in their time, and a rehearsal of one was a rehearsal all the same: each directory's newest good one and newest one are
remembered beyond the archive, in the ledger where there is one.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from watchdog.collectors.archives.notes import SUFFIX, UNFINISHED, UNREADABLE, Note
from watchdog.model.archives import Identity, Verification
from watchdog.model.needs import DirectoryNeed
from watchdog.model.rehearsals import LEVELS, Rehearsal, RehearsalState, Rehearsed

_AHEAD = 86_400.0
"""Seconds that another host's clock may be ahead; a later time would never grow old."""
_TEXTS = {
    UNREADABLE: "the note of a rehearsal beside it cannot be read by us",
    "malformed": "what lies beside it as the note of a rehearsal is none",
    "other": "the note of a rehearsal beside it is of another file, or of this one before it changed",
}


class Memory(Protocol):
    """Keeps one text for each directory over restarts."""

    def remembered(self, directory: str) -> str | None: ...

    def remember(self, directory: str, text: str) -> None: ...


def noted(path: str, done: Rehearsal, found: Verification, at: float, seconds: float) -> dict[str, Any]:
    """Return what a note says of a rehearsal that is ``done``, of the file that was ``found`` so before; ``at`` is UNIX seconds."""
    verdict = "bad" if not done.good else "good" if found.verdict == "good" and not done.cut else "unverifiable"
    return {
        "path": path, "kind": done.kind, "verdict": verdict, "level": LEVELS[done.kind] if verdict == "good" else found.level,
        "at": at, "seconds": round(seconds, 3), "steps": [asdict(step) for step in done.steps], "facts": dict(done.facts),
        "identity": asdict(found.identity) if found.identity else None, "sha1": found.sha1,
    }  # fmt: skip


def write_note(archive: Path, told: dict[str, Any]) -> None:
    """Leave the note beside the archive, for whoever may read that: the program that runs may be another user than who rehearses.

    Raises OSError.
    """
    note, fresh = archive.with_name(archive.name + SUFFIX), archive.with_name(archive.name + UNFINISHED)
    facts = archive.stat()
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as file:
        with suppress(PermissionError):
            os.fchown(file.fileno(), facts.st_uid, facts.st_gid)
        os.fchmod(file.fileno(), 0o600 | facts.st_mode & 0o044)
        json.dump(told, file, indent=2)
    fresh.rename(note)


def held(note: Note | str | None, identity: Identity, sha1: str | None, now: float) -> tuple[Rehearsed | None, tuple[tuple[str, str], ...]]:
    """Given the note beside the file of ``identity`` and ``sha1`` (None = not read yet), return what was rehearsed, and remarks.

    Only a rehearsal of these very bytes counts. ``now`` is UNIX seconds.
    """
    if note is None:
        return None, ()
    if isinstance(note, str) or note.at > now + _AHEAD:
        word = note if isinstance(note, str) else "malformed"
        return None, ((f"rehearsal_{word}", _TEXTS[word]),)
    rehearsed = Identity(note.device, note.inode, note.size, note.mtime_ns)
    if rehearsed != identity or (note.sha1 and sha1 and note.sha1 != sha1):
        return None, (("rehearsal_of_another", _TEXTS["other"]),)
    return Rehearsed(note.at, note.kind, note.verdict, LEVELS[note.kind] if note.verdict == "good" else 0, note.failed), ()


def judge(
    needs: Iterable[DirectoryNeed], found: Mapping[str, Iterable[Rehearsed]], whole: frozenset[str] | set[str], memory: Memory, now: float
) -> tuple[RehearsalState, ...]:
    """Return how each directory stands at UNIX time ``now`` of which a rehearsal is known or wanted.

    ``found`` are those of its archives there, ``whole`` the directories that were seen whole: elsewhere absence proves nothing.
    """
    states = []
    for need in needs:
        before = _remembered(memory.remembered(need.name))
        # one that could not tell proves nothing either way: as if it had not been
        told = [one for one in (*before, *found.get(need.name, ())) if one.verdict != "unverifiable"]
        newest = max(told, key=lambda one: one.at, default=None)
        good = max((one for one in told if one.verdict == "good"), key=lambda one: one.at, default=None)
        kept = tuple(dict.fromkeys(one for one in (good, newest) if one is not None))
        if kept and kept != before:
            memory.remember(need.name, json.dumps([asdict(one) for one in kept]))
        if newest is not None or need.rehearse_every is not None:
            states.append(RehearsalState(need.name, newest, good, need.rehearse_every, _overdue(need, good, now, need.name in whole)))
    return tuple(states)


def _overdue(need: DirectoryNeed, good: Rehearsed | None, now: float, whole: bool) -> bool | None:
    if need.rehearse_every is None:
        return None
    if good is not None and now <= good.at + need.rehearse_every:
        return False
    return True if whole else None


def _remembered(text: str | None) -> tuple[Rehearsed, ...]:
    kept = []
    try:
        for told in json.loads(text or "[]"):
            match told:
                case {
                    "at": int() | float() as at, "kind": "content" | "full" as kind, "verdict": "good" | "bad" as verdict,
                    "level": int() as level, "failed": list() as failed,
                } if math.isfinite(at):  # fmt: skip
                    kept.append(Rehearsed(float(at), kind, verdict, level, tuple(map(str, failed))))
    except (ValueError, TypeError):
        return ()
    return tuple(kept)
