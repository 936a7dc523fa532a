"""How the backups of each directory stand against what is expected of them: age, size, number, room, copies."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from watchdog.model.archives import ArchiveFile, VolumeSet
from watchdog.model.backups import BackupCopy, BackupSource, Room
from watchdog.model.needs import BackupPlan
from watchdog.runtime.cron import parse_cron, zone_or_host
from watchdog.runtime.manifests import END


@dataclass(frozen=True, slots=True)
class Stored:
    """One look at one directory: the files, the Duplicati sets, whether nothing was left out of it, and what is ``free`` by path."""

    files: Sequence[ArchiveFile]
    sets: Sequence[VolumeSet]
    whole: bool
    free: Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class _Good:
    """One good backup: when it was made, its bytes, and what proves another to be the same."""

    at: float
    size: int
    proof: tuple[str, ...] | None


def judge(plans: Mapping[str, BackupPlan], stored: Mapping[str, Stored], now: float) -> tuple[BackupSource, ...]:
    """Given one look at all directories, return how those with a plan stand at UNIX time ``now``."""
    return tuple(_source(name, plan, stored, now) for name, plan in plans.items() if name in stored)


def _source(name: str, plan: BackupPlan, all_stored: Mapping[str, Stored], now: float) -> BackupSource:
    stored = all_stored[name]
    good = _good(stored)
    newest = good[-1] if good else None
    sizes = [one.size for one in good[-plan.trend - 1 : -1]]
    median = statistics.median(sizes) if sizes else None
    due = due_at(plan, now)
    # a set that is being read again is neither good nor late: it is not known
    known = stored.whole and not any(one.verdict is None for one in _duplicati(stored))
    return BackupSource(
        name,
        sum(one.dlists for one in _duplicati(stored)) if good and _duplicati(stored) else len(good),
        newest.at if newest else None,
        newest.size if newest else None,
        median,
        newest.size / median - 1.0 if newest and median else None,
        round(max(newest.size, median or 0)) if newest else None,
        due,
        None if due is None or not known else newest is None or newest.at < due,
        plan.keep,
        plan.shrink,
        plan.growth,
        plan.room,
        tuple(Room(path, found) for path, found in stored.free.items()),
        tuple(_copy(copy, newest, good, all_stored.get(copy)) for copy in plan.copies),
    )


def _good(stored: Stored) -> list[_Good]:
    """Return what is good, the newest last. Volumes of Duplicati count as the sets that they make; one set that is not good spoils all."""
    duplicati = _duplicati(stored)
    if duplicati:
        if any(one.verdict != "good" or one.newest_at is None for one in duplicati):
            return []
        at = min(one.newest_at or 0.0 for one in duplicati)
        return [_Good(at, sum(one.bytes for one in duplicati), tuple(sorted(f"{one.prefix} {one.newest_at}" for one in duplicati)))]
    in_parts = {f"{one.path.rstrip('/')}/{one.prefix}" for one in stored.sets}
    found = [_Good(one.newest_at or 0.0, one.bytes, None) for one in stored.sets if one.verdict == "good"] + [
        _Good(
            file.identity.mtime_ns / 1e9, file.identity.size,
            (file.verification.sha1, str(file.identity.size)) if file.verification.sha1 else None,
        )
        for file in stored.files
        if file.verification.verdict == "good" and in_parts.isdisjoint({file.path.rpartition(".")[0], file.path.removesuffix(END)})
    ]  # fmt: skip
    return sorted(found, key=lambda one: one.at)


def _duplicati(stored: Stored) -> list[VolumeSet]:
    return [one for one in stored.sets if one.kind == "duplicati"]


def _copy(name: str, newest: _Good | None, good: Sequence[_Good], there: Stored | None) -> BackupCopy:
    if there is None:
        return BackupCopy(name)
    held = {one.proof for one in _good(there) if one.proof is not None}
    newest_held = max((one.at for one in good if one.proof in held), default=None)
    if newest is None or newest.proof is None:
        return BackupCopy(name, None, newest_held)
    if newest.proof in held:
        return BackupCopy(name, holds=True, newest_at=newest_held)
    # one that is not read yet may be it
    pending = any(file.verification.verdict is None and file.identity.size == newest.size for file in there.files)
    pending = pending or any(one.verdict is None for one in there.sets)
    return BackupCopy(name, None if pending or not there.whole else False, newest_held)


def due_at(plan: BackupPlan, now: float) -> float | None:
    """Return since when, at UNIX time ``now``, a good archive should be there; None when nothing is expected by time."""
    if plan.every is not None:
        return now - plan.every - plan.grace
    if not plan.schedule:
        return None
    return parse_cron(plan.schedule).last(now - plan.grace, zone_or_host(plan.zone))
