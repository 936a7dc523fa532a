"""Memory and disk: who ran out of memory, and whether the next backup has room (contract section 3). Pure.

Docker's own flag misses an exec'd process and a child, and sticks to the container afterwards; exit code 137 alone proves nothing. What
counts is the collector's number of processes that the kernel ended, by container name, which outlives the container.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from watchdog.model.docker import ContainerEvent, DockerFacts
from watchdog.model.drifts import Scalar, Subject
from watchdog.model.host import Filesystem
from watchdog.model.parts import Part, joined, one, unsure
from watchdog.panels.sysreptor.cases import Case
from watchdog.panels.sysreptor.notes import OomNote
from watchdog.panels.sysreptor.shelf import filesystems

CAUSED_WITHIN: Final = 30.0
"""Seconds after the kernel ended a process in which Docker tells what ended with it."""
HEARD_WITHIN: Final = 120.0
"""Seconds between a kill and when we first counted it."""
SEEN_WITHIN: Final = 600.0
"""Seconds by which the last sight of a backup at work may lie before its end."""
KILLED: Final = 137


@dataclass(frozen=True, slots=True)
class Lack:
    """One thing that there is too little of; bytes."""

    name: str
    free: int
    needed: int
    message: str


def watch_memory(case: Case) -> None:
    """Compare the counts of the kernel's kills with those of the last look, and remember what is new."""
    docker, notes = case.docker, case.notes
    notes.keep_busy(case.wall if case.busy() else notes.busy_at)
    if docker is None or not docker.counted:
        notes.keep_all_ooms()
        return
    for name in container_names(case, docker):
        notes.keep_oom(name, _watched(case, docker, name))
    notes.keep_looked()


def out_of_memory_at(case: Case) -> float | None:
    """Return when a backup last ran out of memory, in UNIX seconds, if none has been good since; None = none did."""
    found = [note.at for note in _notes(case).values() if note.at and note.backup is not False]
    newest = max(found, default=None)
    return newest if newest is not None and case.shelf.newest_good_after(newest) is None else None


def about_memory(case: Case) -> Part:
    """Report each container whose backup ran out of memory, until a good backup has been made after it."""
    return joined(_about(case, name, note) for name, note in sorted(_notes(case).items()))


def about_room(case: Case) -> Part:
    """Report when the next backup would not have room enough."""
    subject = case.subject("room")
    if case.host is None:
        return unsure(subject, "host_stale", "what we know of disks and memory is missing or old")
    lacks = lacking(case)
    if not lacks:
        blind = next((each for each in _filesystems(case) if each.error is not None), None)
        if blind is None:
            return one(subject)
        return unsure(subject, "filesystem_unreadable", f"the space at {blind.path} cannot be asked for ({blind.error})")
    evidence: dict[str, Scalar] = {"lacks": " ".join(each.name for each in lacks), "expected_bytes": expected_bytes(case)}
    hold = "make room before the next backup: a full disk or a full memory ends it half way"
    return one(subject, case.drift("no_room", subject, "; ".join(each.message for each in lacks), "", evidence, None, hold))


def lacking(case: Case) -> tuple[Lack, ...]:
    """Return what there is too little of, as far as it is known."""
    run = case.settings.run
    found = [lack for each in _filesystems(case) if (lack := _lack(case, each)) is not None]
    available = case.host.memory_available_bytes if case.host is not None else None
    needed = needed_memory(case)
    if run.method == "exec" and available is not None and available < needed:
        found.append(Lack("memory", available, needed, f"this host has too little memory left: a backup needs {_size(needed)}"))
    return tuple(found)


def expected_bytes(case: Case) -> int:
    """Return the size to be expected of the next backup."""
    newest = case.shelf.newest_good
    return newest.bytes if newest is not None else case.settings.run.expected_size


def needed_memory(case: Case) -> int:
    """Return the bytes of memory that the next backup should find."""
    run, last = case.settings.run, case.evidence.last_run
    peak = last.peak_memory if last is not None and last.peak_memory is not None else 0
    return max(run.memory_least, int(peak * run.memory_factor))


def container_names(case: Case, docker: DockerFacts) -> tuple[str, ...]:
    """Return the panel's container and those that ``docker compose run`` makes beside it, also of the past."""
    if not case.settings.run.container:
        return ()  # the panel is in no container of our engine
    own = re.escape(case.settings.run.container)
    pattern = re.compile(rf"{own}|{own}-run-\w+")
    names = {name for kind, name in docker.tallies if kind == "oom"} | {each.name for each in docker.containers}
    return tuple(sorted(name for name in names if pattern.fullmatch(name)))


def _watched(case: Case, docker: DockerFacts, name: str) -> OomNote:
    kills, before = int(docker.tallies.get(("oom", name), 0)), case.notes.oom(name)
    if before is None:
        # what was counted before we ever looked is no news; what came with a container that is new to us is
        before = OomNote(0 if case.notes.looked else kills)
    if kills > before.kills:
        heard = _heard(docker, name, case.wall)
        at = heard.at if heard is not None else case.wall
        return OomNote(kills, at, _victim(docker, heard), _of_a_backup(case, name, at))
    if before.at and (heard := _heard(docker, name, before.at)) is not None:
        # what ended with it may be told a look later, and the kill itself after its count
        return replace(before, kills=kills, at=heard.at, victim=_victim(docker, heard))
    return replace(before, kills=kills)


def _heard(docker: DockerFacts, name: str, near: float) -> ContainerEvent | None:
    """Return the newest event of a kill in that container, if there is one within minutes of ``near``."""
    found = [event for event in docker.events if event.name == name and event.action == "oom" and abs(event.at - near) <= HEARD_WITHIN]
    return found[-1] if found else None


def _victim(docker: DockerFacts, oom: ContainerEvent | None) -> str:
    if oom is None:
        return "a process"
    after = [e for e in docker.events if e.container_id == oom.container_id and 0 <= e.at - oom.at <= CAUSED_WITHIN]
    if any(e.action == "die" and e.exit_code == KILLED for e in after):
        gone = any(e.action == "destroy" for e in after)
        return "its main process" + (", and the container is gone" if gone else "")
    if any(e.action == "exec_die" and e.exit_code == KILLED for e in after):
        return "a process that was started in it by exec"
    return "a child process, and the container lives"


def _of_a_backup(case: Case, name: str, at: float) -> bool | None:
    """Whether a backup was at work when the kernel ended a process; None = nobody could tell."""
    if name != case.settings.run.container:
        return True  # containers of 'compose run' are made for one command
    if abs(at - case.notes.busy_at) <= SEEN_WITHIN:
        return True
    if case.runs is None:
        return None
    return any(
        run.started.at - CAUSED_WITHIN <= at
        and (run.finished is None or at <= run.finished.at + CAUSED_WITHIN)
        and at - run.started.at < case.longest
        for run in case.runs
    )


def _notes(case: Case) -> dict[str, OomNote]:
    names = [key.removeprefix("oom:") for key in case.notes.after if key.startswith("oom:")]
    return {name: note for name in names if (note := case.notes.kept_oom(name)) is not None}


def _about(case: Case, name: str, note: OomNote) -> Part:
    subject = Subject("container", name, name)
    if case.docker is None or not case.docker.counted:
        return unsure(subject, "docker_stale", "our picture of Docker is missing, failed or old")
    if not note.at or note.backup is False or case.shelf.newest_good_after(note.at) is not None:
        return one(subject)
    what = "while a backup was made" if note.backup else "and whether a backup was being made cannot be told"
    evidence: dict[str, Scalar] = {"victim": note.victim, "kills": note.kills}
    hold = "give the container or the host more memory, or fewer BACKUP_FILE_PREFETCH_WORKERS; it is not tried again at once"
    truth = f"the kernel ended {note.victim} of {name} for want of memory, {what}"
    return one(subject, case.drift("backup_out_of_memory", subject, truth, "", evidence, None, hold))


def _lack(case: Case, filesystem: Filesystem) -> Lack | None:
    """Return what one file system lacks: the target has to take backup, copy and files, any other only what a restore writes there."""
    target = filesystem.name == f"{case.settings.name}:backups"
    needed = int(expected_bytes(case) * (case.settings.run.disk_factor if target else 1.0))
    if filesystem.error is not None or filesystem.free_bytes >= needed:
        return None
    what = "a backup, its copy in a restore and the files need" if target else "a restore writes there, and needs"
    return Lack(
        "disk" if target else "restore_disk",
        filesystem.free_bytes,
        needed,
        f"the disk at {filesystem.path} is too full: {what} {_size(needed)}",
    )


def _filesystems(case: Case) -> tuple[Filesystem, ...]:
    names = [need.name for need in filesystems(case.settings)]
    known = {each.name: each for each in (case.host.filesystems if case.host is not None else ())}
    return tuple(known[name] for name in names if name in known)


def _size(count: int) -> str:
    return f"{count / (1 << 30):.1f} GiB"
