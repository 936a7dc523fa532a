"""The part of docs/permissions.md that holds for this host and configuration: what is granted, what is missing, which feature needs it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from watchdog.app.rights import wanted
from watchdog.errors import WatchdogError
from watchdog.model.panels import Probe
from watchdog.model.rights import Capability, Reach, Right, effective
from watchdog.runtime.child import run as run_program
from watchdog.settings import SettingsBase

STATUS = Path("/proc/self/status")
SECONDS = 3.0


def probes(loaded: SettingsBase, status: Path = STATUS) -> Iterator[Probe]:
    """Yield one line for each feature that is switched on. What is missing fails nothing by itself: what is tried further down does."""
    try:
        have = effective(status.read_text(encoding="ascii", errors="replace"))
    except (OSError, ValueError) as error:
        yield Probe("capabilities", None, f"cannot be told: {error}")
        return
    named = ", ".join(sorted(each.name for each in have)) or "none that any feature needs"
    yield Probe("this process", True, f"user {os.geteuid()}, {named}; the service may be another: run this as its user")
    for who, right, reaches in wanted(loaded):
        missing = [*_lacking(right, have), *(word for reach in reaches if (word := _closed(reach, right, have)))]
        name = f"{who}: {right.feature}" if who else right.feature
        yield Probe(name, None if missing else True, f"missing: {', '.join(missing)}" if missing else _granted(right))


def _lacking(right: Right, have: frozenset[Capability]) -> Iterator[str]:
    yield from (each.name for each in right.capabilities if each not in have)


def _closed(reach: Reach, right: Right, have: frozenset[Capability]) -> str:
    """Say what is missing for one path, "" when nothing is. Asked in a child: a mount that hangs must not hold us up."""
    try:
        if _is(reach.path, "-r") and (not reach.write or _is(reach.path, "-w")):
            return ""
        if not _is(reach.path, "-e"):
            return f"'{reach.path}' is not there, or cannot be seen by this user"
    except WatchdogError as error:
        return f"'{reach.path}' cannot be looked at: {error}"
    able = [each.name for each in right.closed if each not in have]
    verb = "written" if reach.write else "read"
    return f"'{reach.path}' cannot be {verb} by this user" + (f": {' and '.join(able)}, or other permissions" if able else "")


def _is(path: Path, how: str) -> bool:
    return run_program(["test", how, str(path)], seconds=SECONDS).code == 0


def _granted(right: Right) -> str:
    """Say what this feature has, and what only the panel can tell."""
    able = ", ".join(each.name for each in right.capabilities)
    return "; ".join(filter(None, (f"has {able}" if able else "", f"in the panel: {right.panel}" if right.panel else "")))
