"""What must hold right before a backup is begun, re-read now: in order, each with its refusal. Only harmless questions are sent."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from watchdog.errors import NotFound, WatchdogError
from watchdog.model.repairs import Outcome
from watchdog.panels.sysreptor import naming
from watchdog.panels.sysreptor.evidence import backups_in
from watchdog.panels.sysreptor.hands import Hands
from watchdog.panels.sysreptor.releases import KEY_BY_STDIN_SINCE
from watchdog.panels.sysreptor.remedies import PART_SUFFIX
from watchdog.panels.sysreptor.view import LogRow, LogType, Preflight
from watchdog.runtime.partfile import free_bytes, translated, writer_lives

Check = Callable[[Hands], Outcome | None]

BLIND_WAIT: Final = 120.0
ROOM_WAIT: Final = 3600.0
SAME_RUN: Final = 300.0
"""Seconds between a part of ours and the row in the panel's log that its run caused."""
ENGINE_SECONDS: Final = 15.0


def refusal(hands: Hands) -> Outcome | None:
    """Return why no backup is begun now, or None."""
    return next((found for check in CHECKS if (found := check(hands)) is not None), None)


def _as_planned(hands: Hands) -> Outcome | None:
    run = hands.settings.run
    here = {
        "method": run.method,
        "from": run.container if run.method == "exec" else hands.settings.url or "",
        "directory": str(hands.directory),
    }
    if run.method == "none" or any(hands.parameter(name) != value for name, value in here.items()):
        return hands.gave_up("how backups are made was changed in the configuration since this was planned")
    if hands.ports.archives is None:
        return hands.gave_up("nothing here can prove a backup, and an unproven one is none")
    if run.encrypt and hands.settings.aes_key_file is None:
        return hands.gave_up("encrypted backups need an aes_key_file: without it none can be proven")
    return None


def _made_already(hands: Hands) -> Outcome | None:
    """Find a backup of ours that is newer than the last good one was when this was planned: the work is done."""
    last_good = Path(str(hands.repair.proposal.facts.get("last_good") or ""))
    with translated(hands.directory):
        since = naming.began(last_good.name) or _mtime(last_good)
        since = hands.now - hands.settings.backups.max_age if since is None else since
        bad = _known_bad(hands)
        pattern = hands.settings.backups.pattern.rpartition("/")[2]
        for entry in naming.listed(hands.directory):
            began = naming.began(entry.name)
            if began is not None and began > since and entry.path not in bad and fnmatchcase(entry.name, pattern):
                return hands.done(f"a proven backup is there already: {entry.name}")
    return None


def _window(hands: Hands) -> Outcome | None:
    window = hands.settings.run.window
    if window == "always" or window.window.closes_at(hands.now) is not None:
        return None
    opens = window.window.opens_at(hands.now)
    if opens is None:
        return hands.gave_up(f"the run window '{window.cron}' never opens")
    return hands.later(opens - hands.now, f"outside the run window '{window.cron}' ({window.zone})")


def _allowed(hands: Hands) -> Outcome | None:
    """Ask the panel whether it would make one. A ``no`` is a person's to change: no loop of attempts (contract section 4, D8)."""
    found = hands.client.preflight(hands.seconds(hands.settings.timeout))
    by_command = hands.settings.run.method == "exec"
    match found:
        case Preflight.READY:
            return None
        case Preflight.NO_LICENCE:
            return hands.gave_up("the panel has no Professional licence now: it makes no backup at all, by web or by command")
        case Preflight.UNKNOWN:
            return hands.later(BLIND_WAIT, "the panel did not say whether it would make a backup")
        case _ if by_command:
            return None  # the command needs neither token nor backup key; without a licence it ends with 1 and no byte
        case _:
            return hands.gave_up(f"the panel refuses a backup by its API: {found.value}")


def _alone(hands: Hands) -> Outcome | None:
    """Make sure that no backup runs in the container: ending our side of one does not end it (contract section 1.1)."""
    engine, container = hands.ports.engine_read, hands.settings.run.container
    by_command = hands.settings.run.method == "exec"
    if by_command and (engine is None or hands.ports.engine_act is None):
        return hands.gave_up("no Docker engine may be acted on from here: configure collectors.docker, or run: {method: api}")
    if by_command and not hands.act.actual().gate.open:
        return hands.later(BLIND_WAIT, "Docker is not well")
    if not container:
        return None  # the configuration says that the panel lives in no container here
    try:
        found = backups_in(engine.top(container, hands.seconds(ENGINE_SECONDS))) if engine is not None else ()
    except WatchdogError as error:
        # by the API the panel may live without a container here
        blind = by_command or not isinstance(error, NotFound)
        return hands.later(BLIND_WAIT, f"what runs in '{container}' cannot be seen: {error}") if blind else None
    if found:
        pids = ", ".join(str(each.pid) for each in found)
        return hands.later(600.0, f"'manage.py backup' runs in '{container}' already (host pid {pids}): wait, or end it")
    return None


def _no_other(hands: Hands) -> Outcome | None:
    """Look for a backup that the panel's log says was begun and not ended, unless it is known to be dead."""
    rows = hands.look().log
    if rows is None:
        return None  # nobody configured the log, or it cannot be read: the process and the lease are what is left to go by
    dead = str(hands.repair.proposal.facts.get("dead_runs") or "").split()
    open_row = unfinished(tuple(row for row in rows if row.id not in dead), hands.now, hands.longest)
    # the command line's would have been seen in the container
    seen_inside = hands.ports.engine_read is not None and bool(hands.settings.run.container)
    if open_row is None or (open_row.by == "" and seen_inside) or _dead_run_of_ours(hands, open_row):
        return None
    left = open_row.at + hands.longest - hands.now
    return hands.later(
        min(left, 900.0), f"a backup that '{open_row.by or 'the command line'}' began {hands.now - open_row.at:.0f} s ago has not ended"
    )


def _room(hands: Hands) -> Outcome | None:
    """Check each file system by itself: the archive, its copy in a restore, and the files (contract section 3)."""
    volumes = hands.settings.run.volume_size is not None  # they lie beside the whole
    need = (hands.settings.run.disk_factor + volumes) * hands.expected_bytes
    with translated(hands.directory):
        free = free_bytes(hands.directory)
    if free < need:
        return hands.later(ROOM_WAIT, f"{free >> 20} MiB are free in {hands.directory}, {int(need) >> 20} MiB are needed")
    host = hands.act.actual().host
    for each in host.facts.filesystems if host is not None and host.facts is not None else ():
        if each.name.startswith(f"{hands.settings.name}:") and not each.error and each.free_bytes < hands.expected_bytes:
            return hands.later(
                ROOM_WAIT, f"{each.free_bytes >> 20} MiB are free on {each.path}, a restore needs {hands.expected_bytes >> 20} MiB"
            )
    return None


def _memory(hands: Hands) -> Outcome | None:
    run = hands.settings.run
    need = max(run.memory_least, int(run.memory_factor * hands.fact("peak_memory")))
    host, use = hands.act.actual().host, hands.cgroup()
    available = host.facts.memory_available_bytes if host is not None and host.facts is not None else None
    if available is not None and available < need:
        return hands.later(ROOM_WAIT, f"{available >> 20} MiB of memory are available, {need >> 20} MiB are needed")
    if use is not None and use.memory_limit_bytes and use.memory_bytes is not None and use.memory_limit_bytes - use.memory_bytes < need:
        left = use.memory_limit_bytes - use.memory_bytes
        return hands.later(ROOM_WAIT, f"'{run.container}' has {left >> 20} MiB below its memory limit, {need >> 20} MiB are needed")
    return None


def _key_by_input(hands: Hands) -> Outcome | None:
    run = hands.settings.run
    numbers = hands.look().numbers if run.encrypt and run.method == "exec" else None
    if numbers is None or numbers >= KEY_BY_STDIN_SINCE:
        return None
    return hands.gave_up(
        "this release takes a key only as a word of its command, which everybody on the host can read: use run: {method: api}"
    )


CHECKS: Final[tuple[Check, ...]] = (_as_planned, _made_already, _window, _alone, _allowed, _key_by_input, _no_other, _room, _memory)


def unfinished(rows: tuple[LogRow, ...], now: float, longest: float) -> LogRow | None:
    """Given the log, newest first, return the newest backup that was begun within ``longest`` seconds and has not ended."""
    for row in rows:
        if now - row.at > longest or row.type in {LogType.FINISHED, LogType.RESTORE}:
            return None
        if row.type is LogType.STARTED:
            return row
    return None


def _dead_run_of_ours(hands: Hands, row: LogRow) -> bool:
    with translated(hands.directory):
        for entry in naming.listed(hands.directory, PART_SUFFIX):
            began = naming.began(entry.name)
            if began is not None and abs(row.at - began) <= SAME_RUN and not writer_lives(Path(entry.path)):
                return True
    return False


def _known_bad(hands: Hands) -> frozenset[str]:
    snapshot = hands.act.actual().archives
    files = snapshot.facts.files if snapshot is not None and snapshot.facts is not None else ()
    return frozenset(each.path for each in files if each.verification.verdict == "bad")


def _mtime(path: Path) -> float | None:
    return path.stat().st_mtime if path.name and path.exists() else None
