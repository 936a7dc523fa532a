"""What a rehearsal left that was killed: found by our label and our names, removed unless the program that built it still lives.

The owner's label is BOOT:PID-NAMESPACE:PID:STARTTIME (proc(5), field 22): a number of a process alone is used again.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from watchdog.errors import WatchdogError
from watchdog.model.engines import OUR_LABEL, OUR_PREFIX, OWNER_LABEL, EngineBuild
from watchdog.runtime.clock import boot_id

_STARTED = 19
"""Where ``starttime`` stands in /proc/PID/stat behind the name in brackets."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """One container or network of ours. ``alive``: whether its builder lives; None = it cannot be told from here."""

    id: str
    name: str
    network: bool
    rehearsal: str
    alive: bool | None


def owner(pid: int = 0) -> str:
    """Return the label that names the process ``pid`` (0 = this one)."""
    return f"{boot_id()}:{_namespace()}:{pid or os.getpid()}:{_started(pid or os.getpid())}"


def lives(label: str) -> bool | None:
    """Return whether the process of an owner's label lives; None when another namespace of processes hides it, or it is no such label."""
    boot, _, rest = label.partition(":")
    namespace, _, process = rest.partition(":")
    pid, _, started = process.partition(":")
    if not pid.isdigit() or not boot:
        return None
    if boot != boot_id():
        return False
    if namespace != _namespace():
        return None
    return bool(started) and _started(int(pid)) == started


def leftovers(build: EngineBuild, seconds: float) -> tuple[Leftover, ...]:
    """Return what bears our label and a name of ours, containers first. Raises what the engine raises."""
    found = []
    for row in build.list(seconds):
        names = row.get("Names")
        for name in names if isinstance(names, list) else ():
            found += _ours(row, str(name).lstrip("/"), network=False)
    for row in build.networks(seconds):
        found += _ours(row, str(row.get("Name")), network=True)
    return tuple(found)


def sweep(build: EngineBuild, found: tuple[Leftover, ...], seconds: float) -> tuple[str, ...]:
    """Remove them, each however the others went; return what could not be, in words."""
    left = []
    for each in sorted(found, key=lambda one: one.network):  # a network goes when nothing is connected to it any more
        try:
            (build.discard_network if each.network else build.discard)(each.id, seconds)
        except WatchdogError as error:
            left.append(f"{each.name}: {error}")
    return tuple(left)


def _ours(row: object, name: str, *, network: bool) -> list[Leftover]:
    labels = row.get("Labels") if isinstance(row, dict) else None
    if not isinstance(row, dict) or not isinstance(labels, dict) or not labels.get(OUR_LABEL) or not name.startswith(OUR_PREFIX):
        return []
    alive = lives(str(labels.get(OWNER_LABEL) or ""))
    return [Leftover(str(row.get("Id")), name, network, str(labels[OUR_LABEL]), alive)]


def _namespace() -> str:
    try:
        return Path("/proc/self/ns/pid").readlink().name.strip("pid:[]")
    except OSError:
        return ""


def _started(pid: int) -> str:
    """Return when a process began, in ticks since the boot; "" = there is none, or nobody has yet taken note of its end."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return "" if told[0] in {"Z", "X"} else told[_STARTED]
    except (OSError, IndexError):
        return ""
