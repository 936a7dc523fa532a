"""Whether a backup is to be made by us now, and if not, why not. Pure.

What is held here is said in plans; the remedy asks all of it again, of the panel and the disk, right before it begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from watchdog.model.drifts import Proposal, Scalar
from watchdog.panels.sysreptor import remedies
from watchdog.panels.sysreptor.cases import Case, lasted
from watchdog.panels.sysreptor.releases import broken_in
from watchdog.panels.sysreptor.room import lacking, out_of_memory_at
from watchdog.panels.sysreptor.view import Preflight

REFUSALS: Final = {
    Preflight.NO_LICENCE: "the panel has no Professional licence (any more): no backup is made without one",
    Preflight.KEY_MISSING: "the panel has no BACKUP_KEY of 20 characters or more in its environment",
    Preflight.KEY_WRONG: "backup_key_file holds another key than the panel's BACKUP_KEY",
    Preflight.TOKEN_WRONG: "the panel does not take the token in token_file",
    Preflight.FORBIDDEN: "the token's user may not make backups: it must be a system user, or have admin permissions on",
    Preflight.REFUSED: "the panel would refuse to make a backup",
}
CONCERN_COMMANDS: Final = frozenset({Preflight.NO_LICENCE})
"""What the command in the container refuses as well: it asks for no token and no key (contract section 1.1)."""
_WHEN: Final = "%Y-%m-%d %H:%M UTC"


def run(case: Case, kind: str) -> tuple[Proposal | None, str | None]:
    """Return the proposal to make a backup for a drift of ``kind``, or None and the reason."""
    hold = next(_holds(case), None)
    if hold is not None:
        return None, hold
    newest = case.shelf.newest_good
    last = case.evidence.last_run
    seconds = lasted(newest) if newest is not None else None
    proposal = remedies.run_backup(
        case.settings,
        method=case.settings.run.method,
        expected_bytes=newest.bytes if newest is not None else case.settings.run.expected_size,
        peak_memory=last.peak_memory if last is not None else None,
        last_seconds=seconds if seconds is not None else (last.seconds if last is not None else None),
        last_good=newest.file.path if newest is not None else "",
        reason=kind,
    )
    return replace(proposal, facts={**proposal.facts, **_past(case)}), None


def _past(case: Case) -> dict[str, Scalar]:
    """Return what earlier runs of ours mean for the next: which rows they left open, and whether a person is to be asked."""
    dead = [run.started.id for run in case.runs or () if run.finished is None and case.ours_over(run)]
    history = case.facts.history.get(remedies.panel_object(case.settings.name))
    attempts = history.attempts if history is not None else 0
    return {"dead_runs": " ".join(dead), "failed": attempts, "ask": attempts >= case.settings.run.attempts}


def _holds(case: Case) -> Iterator[str]:
    for reason in REASONS:
        found = reason(case)
        if found:
            yield found


def _no_method(case: Case) -> str:
    if case.settings.run.method == "none":
        return "backups are made elsewhere: look why none came, or let us make them (run: {method: exec})"
    return ""


def _refused(case: Case) -> str:
    word = case.view.preflight
    concerned = case.settings.run.method == "api" or word in CONCERN_COMMANDS
    if word in REFUSALS and concerned:
        return REFUSALS[word]
    if case.view.licence is not None and not case.view.licence.professional:
        return REFUSALS[Preflight.NO_LICENCE]
    return ""


def _elsewhere(case: Case) -> str:
    run = case.settings.run
    if run.method == "exec" and (case.docker is None or case.docker.by_name(run.container) is None):
        return f"our engine shows no container {run.container}, in which the backup would be made"
    if not case.place.proven:
        return "it is not proven that the panel runs on this host: set place: local, or owner: true on one agent only"
    return ""


def _at_work(case: Case) -> str:
    found = case.busy()
    return f"{found}: wait for its end" if found else ""


def _starved(case: Case) -> str:
    at = out_of_memory_at(case)
    if at is None or case.wall - at >= case.settings.run.after_oom:
        return ""
    until = datetime.fromtimestamp(at + case.settings.run.after_oom, UTC).strftime(_WHEN)
    return f"the last one ran out of memory: none before {until}, and give the host or the container more"


def _no_room(case: Case) -> str:
    found = lacking(case)
    return f"{found[0].message}: make room first" if found else ""


def _broken(case: Case) -> str:
    method = case.settings.run.method
    found = broken_in(case.view.numbers, (method,)) if method != "none" else ()
    if method == "api" and found:
        return f"{case.view.version}: {found[0].story}; use run: {{method: exec}} or update to {found[0].fixed[0]}.{found[0].fixed[1]}"
    return ""


def _shut(case: Case) -> str:
    run = case.settings.run
    if run.window == "always" or run.window.window.closes_at(case.wall) is not None:
        return ""
    opens = run.window.window.opens_at(case.wall)
    when = datetime.fromtimestamp(opens, UTC).strftime(_WHEN) if opens is not None else "not in the next month"
    return f"the window for backups is shut; it opens: {when}"


REASONS: Final[tuple[Callable[[Case], str], ...]] = (
    _no_method, _refused, _elsewhere, _at_work, _starved, _no_room, _broken, _shut,
)  # fmt: skip
