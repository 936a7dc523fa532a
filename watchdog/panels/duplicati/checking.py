"""Whether a pause of a Duplicati server is what it seems: ledger, server and what it stored agree, and it would survive a restart. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from watchdog.model.moments import Moment
from watchdog.model.pauses import PauseSays, StandingPause
from watchdog.model.repairs import LedgerFacts
from watchdog.panels.duplicati import rules_pause, tasks_pause
from watchdog.panels.duplicati.leases import Posted
from watchdog.panels.duplicati.releases import Capabilities
from watchdog.panels.duplicati.ruling import Scene, rule
from watchdog.panels.duplicati.settings import DuplicatiSettings
from watchdog.panels.duplicati.startup_delay import seconds
from watchdog.panels.duplicati.task_ruling import rule_task
from watchdog.panels.duplicati.view import DuplicatiView

AGREE_WITHIN = 2.0
"""Seconds by which the stored end may differ from the shown one."""
Line = tuple[bool, str]


def check_pauses(settings: DuplicatiSettings, view: DuplicatiView, posted: Posted | None, told: LedgerFacts, now: Moment) -> PauseSays:
    """Compare the newest look with the pauses that stand (``told.pauses``); say what holds and what does not."""
    lines: list[Line] = []
    if any(not each.pause.task for each in told.pauses):
        scene = rules_pause.scene_of(settings, view, told, posted, now)
        lines += [*_server(scene), *_stored(scene, view), *_restart(view)]
    for each in told.pauses:
        if each.pause.task:
            lines += _job(view, told, each, now)
    return PauseSays(tuple(text for well, text in lines if well), tuple(text for well, text in lines if not well))


def _server(scene: Scene) -> Iterator[Line]:
    ruling = rule(scene)
    orders = scene.orders
    if orders is not None and orders.names <= scene.respected and not scene.bounds.enforce:
        yield False, "somebody pressed Resume in the server's own pages: that is respected; order the pause anew to have it again"
    elif ruling.kind and ruling.kind != "pause_lease_due":
        yield False, f"{ruling.truth} ({ruling.kind})"
    elif not scene.state.paused:
        yield False, "the server runs"
    else:
        yield True, "the server shows the pause" if scene.ours else "the server shows a pause of somebody else's that lasts as long"
    if scene.state.paused and scene.ours and scene.state.pause_end is not None:
        yield True, f"if this program is gone, the server goes on by itself at {_shown(scene.state.pause_end)}: the lease is renewed before"
    if scene.state.paused and scene.state.active is not None:
        stands = scene.capabilities.stops_active
        yield stands is True, "a run that had begun " + ("stands still" if stands else "goes on to its end on this release")


def _shown(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _stored(scene: Scene, view: DuplicatiView) -> Iterator[Line]:
    stored, shown = view.stored_pause, scene.state
    if stored.kind == "absent" or not shown.paused:
        return
    if stored.kind == "indefinite":
        yield shown.pause_end is None, "the server has stored a pause without an end"
    elif stored.kind == "until" and stored.until is not None and shown.pause_end is not None:
        agrees = abs(stored.until - shown.pause_end) <= AGREE_WITHIN
        yield agrees, "the server has stored the same end" if agrees else "the server has stored another end than it shows"
    else:
        yield False, "the server shows a pause and has not stored it"


def _restart(view: DuplicatiView) -> Iterator[Line]:
    """Say what a restart of the server would do to the pause."""
    able = view.capabilities
    if not able.mendable:
        yield False, rules_pause.TOO_OLD
    elif able.persists and able.obeys:
        yield True, "this release keeps it over a restart of the server"
    else:
        yield _covered(able, view), _told(able, view)


def _covered(able: Capabilities, view: DuplicatiView) -> bool:
    return bool(able.honours_delay) and seconds(view.startup_delay) > 0


def _told(able: Capabilities, view: DuplicatiView) -> str:
    if able.obeys is False:
        return "after a restart of the server this release shows the pause and runs jobs all the same, until we have posted it again"
    if not able.persists and able.persists is not None:
        if _covered(able, view):
            return f"this release forgets it at a restart; its startup delay of {view.startup_delay} gives us the time to post it again"
        way_out = "; `startup_delay: 2m` in its settings here closes that gap" if able.honours_delay else ""
        return f"this release forgets it at a restart: a job that is due starts before we can post it again{way_out}"
    return "it is not known whether this release keeps it over a restart of the server"


def _job(view: DuplicatiView, told: LedgerFacts, each: StandingPause, now: Moment) -> Iterator[Line]:
    job = view.backup(each.pause.task)
    if job is None:
        yield False, f"the server has no job '{each.pause.task}'"
        return
    scene = tasks_pause.scene_of(view, told, job.id, job.schedule, now.wall + (view.clock_skew or 0.0))
    ruling = rule_task(scene)
    if ruling.kind:
        yield False, f"job '{job.name}': {ruling.truth}"
    else:
        yield True, f"job '{job.name}' is not due before the end; that stands in its stored schedule and survives a restart"
    if view.state.busy_with(job.id):
        yield False, f"job '{job.name}' runs or waits in the queue already: no release takes that back"
