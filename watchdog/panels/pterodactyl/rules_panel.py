"""The rules about the panel: its callback path, its release, its cron, its queue worker (contract sections 3.6, 3.7, 4 and 5.4). Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from watchdog.model.drifts import Drift, Proposal, Scalar
from watchdog.model.hooks import Hook
from watchdog.model.parts import Part, joined, one, only, unsure
from watchdog.panels.pterodactyl import releases, remedies
from watchdog.panels.pterodactyl.recovery import OUTAGES
from watchdog.panels.pterodactyl.rules_backups import readable
from watchdog.panels.pterodactyl.scene import Scene
from watchdog.panels.pterodactyl.view import Schedule, Server
from watchdog.runtime.hooklines import hook_line

LOSS: Final = "every archive that is made now is deleted about 30 seconds after it is finished"
STORIES: Final = {
    "broken_by_1_11_6": f"the panel answers each report about a backup with an error of its own (#5088), so {LOSS}: upgrade it to 1.11.7",
    "database_down": f"the panel's database does not answer, so {LOSS}",
    "token_drift": f"the panel does not take this node's token, so {LOSS}: take the node's configuration anew from the panel",
    "wrong_url": f"the address of the panel in Wings' configuration (remote) redirects, so {LOSS}: correct it and restart Wings",
    "maintenance": f"the panel is in maintenance, so {LOSS}",
    "unreachable": f"the panel cannot be reached from this node, so {LOSS}",
}
PRUNE_TICK: Final = 2100.0
"""Seconds after the prune age in which the panel must have pruned a pending record: its tick of 30 minutes, and five more."""
READ_LATELY: Final = 1800.0
"""Seconds after which what was read of a schedule says nothing any more."""
MOST_NAMED: Final = 5
NO_HOOK: Final = "restart it yourself, or configure the hook"
NOT_HERE: Final = "it is not proven that the panel runs on this host: set place: local, or mend it there"


def about_the_panel(scene: Scene) -> Part:
    """Judge what there is one of."""
    return joined((_callback(scene), only(*_release(scene)), _cron(scene), _queue(scene)))


def _callback(scene: Scene) -> Part:
    """Report that Wings cannot tell the panel that a backup is done; the probe is better than any version string."""
    callback, subject = scene.view.callback, scene.panel()
    if callback.state == "healthy":
        return one(subject)
    if callback.state == "not_asked" and scene.settings.node is None:
        return one(subject)
    if callback.state not in OUTAGES:
        return unsure(subject, f"callback_{callback.state}", callback.message or "the callback path has not been probed yet")
    evidence: dict[str, Scalar] = {
        "state": callback.state, "version": scene.view.version or "unknown", "guard": scene.settings.guard.enabled,
    }  # fmt: skip
    guard = "" if scene.settings.guard.enabled else "; guard: {enabled: true} would keep what is deleted"
    truth = "the panel takes no report about a backup from this node"
    belief = callback.message or f"the probe says {callback.state}"
    return one(subject, scene.drift("callback_broken", subject, truth, belief, evidence, None, f"{STORIES[callback.state]}{guard}"))


def _release(scene: Scene) -> Iterator[Drift]:
    for row in releases.panel_rows(scene.view.version, flavour=scene.settings.flavour):
        evidence: dict[str, Scalar] = {"panel": scene.view.version, "source": scene.view.version_source, "row": row.name}
        yield scene.drift("version_broken", scene.panel(), row.story, f"the panel is {scene.view.version}", evidence, None, row.story)


def _cron(scene: Scene) -> Part:
    """Report that nothing runs the panel's schedule: schedules that are due stay due, pending records are never pruned."""
    if not scene.settings.watch.schedules and not scene.settings.prune_age:
        return Part()
    overdue = list(_late_schedules(scene))
    late = [f"{server.name}/{schedule.name}" for server, schedule in overdue]
    unpruned = list(_unpruned(scene))
    if not late and not unpruned:
        return Part()
    proposal, hold = _restart(scene, "cron", overdue)
    evidence: dict[str, Scalar] = {
        "schedules": _named(late), "unpruned": _named(unpruned), "late": len(late), "never_pruned": len(unpruned),
    }  # fmt: skip
    said = []
    if late:
        said.append(f"{len(late)} schedules are due and do not begin ({_named(late)})")
    if unpruned:
        said.append(f"{len(unpruned)} pending backups are older than the panel lets them become ({_named(unpruned)})")
    belief = "the panel believes that its schedule runs every minute"
    return only(scene.drift("cron_dead", scene.panel(), "; ".join(said), belief, evidence, proposal, hold))


def _late_schedules(scene: Scene) -> Iterator[tuple[Server, Schedule]]:
    """Find schedules that were due for minutes when they were read (contract section 5.4)."""
    for server, schedule, at in _schedules(scene):
        due = schedule.next_run_at
        if schedule.active and not schedule.processing and due is not None and at - due > scene.settings.thresholds.cron:
            yield server, schedule


def _unpruned(scene: Scene) -> Iterator[str]:
    limit = scene.settings.prune_age + PRUNE_TICK
    for server in scene.view.servers if scene.settings.prune_age else ():
        if readable(scene, server):
            at = server.backups_at or 0.0
            yield from (
                f"{server.name}/{each.name}" for each in server.backups or () if each.state == "pending" and at - each.created_at > limit
            )


def _queue(scene: Scene) -> Part:
    """Report that queued tasks are not taken: their schedule stays in processing and never runs again by itself."""
    found: list[tuple[Server, Schedule]] = []
    for server, schedule, at in _schedules(scene):
        if not schedule.processing or not schedule.queued:
            continue
        since = scene.notes.since("queued", f"{server.uuid}:{schedule.id}", f"{schedule.next_run_at}", at)
        if at - since > min(offset for _, offset in schedule.queued) + scene.settings.thresholds.queue:
            found.append((server, schedule))
    for server in scene.view.servers:
        if server.schedules_at is None and not server.conflicted:
            scene.notes.carry("queued", server.uuid)
    if not found:
        return Part()
    stuck = [f"{server.name}/{schedule.name}" for server, schedule in found]
    proposal, hold = _restart(scene, "queue", found)
    evidence: dict[str, Scalar] = {"schedules": _named(stuck), "count": len(stuck)}
    truth = f"no worker takes the tasks of {len(stuck)} schedules ({_named(stuck)})"
    belief = "the panel shows these schedules as being processed, and will not begin them again"
    return only(scene.drift("queue_dead", scene.panel(), truth, belief, evidence, proposal, hold))


def _schedules(scene: Scene) -> Iterator[tuple[Server, Schedule, float]]:
    """Yield the schedules of servers in their normal state that were read lately, with when."""
    for server in scene.view.servers:
        at = server.schedules_at
        if server.conflicted or at is None or scene.wall - at > READ_LATELY:
            continue
        yield from ((server, schedule, at) for schedule in server.schedules or ())


def _restart(scene: Scene, part: str, witnesses: list[tuple[Server, Schedule]]) -> tuple[Proposal | None, str | None]:
    """Return the proposal to restart what stands still, with one schedule that shows it; or the sentence that says why not."""
    if not witnesses:
        return None, "look whether BACKUP_PRUNE_AGE is what prune_age says (0 = the panel never prunes), and whether its cron runs"
    hooks = scene.settings.hooks
    hook: Hook | None = hooks.restart_queue if part == "queue" else hooks.restart_cron
    if not panel_here(scene):
        return None, NOT_HERE
    if hook is None:
        return None, f"{NO_HOOK} restart_{part}"
    build = remedies.restart_queue if part == "queue" else remedies.restart_cron
    server, schedule = min(witnesses, key=lambda each: (each[0].uuid, each[1].id))
    return build(scene.settings.name, hook_line(hook), server=server.uuid, schedule=schedule.id), None


def panel_here(scene: Scene) -> bool:
    """Whether the panel itself runs on this host: the operator's word, or its configuration that can be read here."""
    place = scene.settings.place
    return place == "local" or (place == "auto" and scene.view.version_source == "config")


def _named(names: list[str]) -> str:
    listed = ", ".join(sorted(names)[:MOST_NAMED])
    return f"{listed} and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else listed
