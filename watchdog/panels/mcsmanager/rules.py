"""One pure rule per drift of an instance (contract section 3): from a ``Case`` and a ``Patient`` to a drift, or to None."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from watchdog.model.drifts import Drift, Proposal, Scalar, Subject
from watchdog.model.memory import decode
from watchdog.panels.mcsmanager import memory as memories
from watchdog.panels.mcsmanager import remedies
from watchdog.panels.mcsmanager.cases import Case, Patient
from watchdog.panels.mcsmanager.memory import InstanceMemory
from watchdog.panels.mcsmanager.view import Instance, Status
from watchdog.panels.mcsmanager.wishes import SEEN_LATE, Deeds, Wish, Witnessed, wish_for
from watchdog.runtime.hooklines import hook_line

LOOP_STARTS: Final = 3
"""So many starts or deaths within about ten minutes are a loop (contract section 3)."""
LOOP_SECONDS: Final = 600.0
PULL_SECONDS: Final = 1800.0
"""The daemon gives up on an image pull after 20 to 30 minutes (contract section 3, A)."""
STARTS: Final = frozenset({"instance_start", "instance_restart"})
"""What the panel logs when somebody, also we, had an instance started; only when the daemon said 200 (contract section 6)."""
ENDS: Final = frozenset({"instance_stop", "instance_restart", "instance_kill"})
OUR_STARTS: Final = ("open_instance", "stop_container_then_open", "remove_leftover")
OUR_ENDS: Final = ("stop_container_then_open",)
LOGGED_WITHIN: Final = 120.0
"""Seconds after we set out to start something in which the panel logs it, if it does: the time of a remedy, and of a stop before it."""
ELSEWHERE = "it runs on another host: the agent there mends it, or set owner: true on this one"


def restart_loop(case: Case, patient: Patient) -> Drift | None:
    """Find what starts and dies again and again: never opened or restarted by us, each start makes a new container.

    What a person or we asked for is no loop: logged starts do not count as starts, nor the ends of logged stops as deaths.
    """
    deaths = [e for e in patient.events if e.action == "die" and case.now - e.at <= LOOP_SECONDS]
    starts = patient.memory.rise
    if len(deaths) < LOOP_STARTS and starts < LOOP_STARTS:
        return None
    starts -= _asked(case, patient, STARTS, OUR_STARTS, patient.memory.older_at)
    if len(deaths) - _asked(case, patient, ENDS, OUR_ENDS, case.now - LOOP_SECONDS) < LOOP_STARTS and starts < LOOP_STARTS:
        return None
    ooms = [e for e in patient.events if e.action == "oom" and case.now - e.at <= LOOP_SECONDS]
    evidence: dict[str, Scalar] = {"auto_restart": patient.instance.auto_restart, "out_of_memory": bool(ooms)}
    if deaths:
        evidence["exit_code"] = deaths[-1].exit_code
    why = "it runs out of memory" if ooms else "it ends soon after each start"
    hold = f"{why}; starting it again would only feed the loop: read its log, then switch its automatic restart off or give it more memory"
    if case.view.operations is None:
        hold += ". The panel's operation log cannot be read: if you restarted it yourself that often, it is no loop"
    return _drift(
        case, "restart_loop", patient, f"it died or was started at least {LOOP_STARTS} times within ten minutes", evidence, None, hold
    )


def stuck_starting(case: Case, patient: Patient) -> Drift | None:
    """State A: Starting for too long, counted from when its Docker answered again (until then it heals itself)."""
    if patient.instance.status is not Status.STARTING:
        return None
    # not from before a gap: the wall clock may have been set forward, and nobody watched it start
    age = case.now - max(patient.memory.since, case.memory.back_at or 0.0, case.memory.watched_since)
    if age < case.settings.stuck_starting_after:
        return None
    images = case.daemon.images
    if images is not None and patient.instance.image and patient.instance.image not in images and age < PULL_SECONDS:
        return _drift(case, "stuck_starting", patient, "its image is not there yet", {}, None, "its image is probably still being pulled")
    proposal, hold = _restart(case, patient)
    return _drift(case, "stuck_starting", patient, patient.truth.phrase, {}, proposal, hold)


def ghost_running(case: Case, patient: Patient) -> Drift | None:
    """State C: believed Running or Stopping and no living container. No call of the panel mends it, only a restart of the daemon."""
    if patient.instance.status not in (Status.RUNNING, Status.STOPPING) or patient.truth.live:
        return None
    if patient.truth.leftover and patient.truth.leftover.state == "removing":
        return None
    proposal, hold = _restart(case, patient)
    return _drift(case, "ghost_running", patient, patient.truth.phrase, {}, proposal, hold)


def dead_stream(case: Case, patient: Patient) -> Drift | None:
    """State C2: Running, and so is the container, but Docker restarted under it and the daemon did not: its console is dead."""
    live, docker = patient.truth.live, case.sight.docker
    if patient.instance.status is not Status.RUNNING or live is None or live.state != "running" or docker is None:
        return None
    restarted = docker.engine_started_at
    if restarted is None or live.started_at is None or live.started_at >= restarted:
        return None
    if case.memory.watched_since >= restarted or _daemon_began_after(case, restarted):
        return None  # we did not see the daemon live through it, so nothing says that its streams are from before
    evidence: dict[str, Scalar] = {"engine_started_at": restarted}
    proposal, hold = _restart(case, patient)
    truth = f"container {live.name} runs, and Docker restarted under it after the daemon had attached"
    return _drift(case, "dead_stream", patient, truth, evidence, proposal, hold)


def paused(case: Case, patient: Patient) -> Drift | None:
    """Report a paused container: a stop would hang in Stopping for ten minutes (head-stop-while-paused.json)."""
    live = patient.truth.live
    if live is None or live.state != "paused":
        return None
    return _drift(case, "paused", patient, patient.truth.phrase, {}, None, f"somebody paused it: 'docker unpause {live.name}' lets it run")


def orphan(case: Case, patient: Patient) -> Drift | None:
    """State D: believed Stopped while its container runs; open answers 409."""
    live = patient.truth.live
    if patient.instance.status is not Status.STOPPED or live is None or live.state == "paused":
        return None
    evidence: dict[str, Scalar] = {"container": live.id[:12], "identified": live.identified}
    if live.identified == "label" and case.daemon.spares_instances and case.hook is not None:
        restart, reason = _restart(case, patient)
        return _drift(case, "orphan", patient, patient.truth.phrase, evidence, restart, reason)
    proposal, hold = None, ""
    if not case.ours or case.sight.place != "local":
        hold = ELSEWHERE if not case.ours else "its container is on another host, where we have no Docker to stop it"
    elif live.identified == "name":
        hold = "only its name says that the container is the instance's; look at it, and stop it yourself if it is"
    elif case.settings.wish(patient.instance.uuid, patient.instance.nickname) == "stopped":
        hold = "you expect it stopped, and mending would start it: stop its container yourself"
    elif patient.instance.end_time is not None and patient.instance.end_time <= case.now:
        hold = "its time has expired: once stopped it could not be started again"
    else:
        proposal = remedies.stop_container_then_open(case.settings.name, case.daemon, patient.instance, live.id)
    return _drift(case, "orphan", patient, patient.truth.phrase, evidence, proposal, hold or None)


def leftover(case: Case, patient: Patient) -> Drift | None:
    """Believed Stopped, and a dead container or a stranger has its name: open answers 409 until it is gone. Seen by our engine only."""
    if patient.instance.status is not Status.STOPPED or patient.truth.live:
        return None
    dead, stranger = patient.truth.leftover, patient.truth.stranger
    if stranger is not None and dead is None:
        evidence: dict[str, Scalar] = {"container": stranger.id[:12], "state": stranger.state}
        hold = f"the container {stranger.name} has the instance's name and is not its own: rename or remove it yourself"
        return _drift(case, "leftover", patient, f"a foreign container is called {stranger.name}", evidence, None, hold)
    if dead is None:
        return None
    evidence = {"container": dead.id[:12], "state": dead.state, "identified": dead.identified}
    proposal, hold = None, ""
    if not case.ours:
        hold = ELSEWHERE
    elif dead.state not in ("created", "exited"):
        hold = f"Docker says '{dead.state}': it may still go by itself; look at it if it stays"
    elif dead.identified == "name":
        hold = "only its name says that the container is the instance's; look at it, and remove it yourself if it is"
    else:
        start = wish_of(case, patient).want == "known"
        proposal = remedies.remove_leftover(case.settings.name, case.daemon, patient.instance, dead.id, start=start)
    return _drift(case, "leftover", patient, patient.truth.phrase, evidence, proposal, hold or None)


def failed_autostart(case: Case, patient: Patient) -> Drift | None:  # noqa: PLR0911  # a ladder of reasons
    """State B: wanted running, believed Stopped, no container, and nothing ever tries again."""
    if patient.instance.status is not Status.STOPPED or patient.truth.live or patient.truth.leftover or patient.truth.stranger:
        return None
    wish = wish_of(case, patient)
    if wish.want == "no":
        return None
    evidence: dict[str, Scalar] = {"wish": wish.want, "why": wish.why, "auto_start": patient.instance.auto_start}
    if case.now < _autostart_over(case, patient):
        if wish.cause_at is not None:
            return None
        # said at once, so that an old installation's findings belong to its baseline and not to the next half hour
        hold = "the daemon may still be at its autostart, one instance after the other"
        return _drift(case, "failed_autostart", patient, patient.truth.phrase, evidence, None, hold)
    if not case.ours:
        return _drift(case, "failed_autostart", patient, patient.truth.phrase, evidence, None, ELSEWHERE)
    key = ("open_instance", remedies.instance_object(case.settings.name, patient.instance))
    rest = case.facts.last_remedy_at.get(key, 0.0) + remedies.DELAYED_KILL_GUARD - case.now
    if 0 < rest <= remedies.DELAYED_KILL_GUARD:
        hold = "a failed start leaves a delayed kill behind: waiting eight seconds before the next"
        return _drift(case, "failed_autostart", patient, patient.truth.phrase, evidence, None, hold)
    proposal = remedies.open_instance(case.settings.name, case.daemon, patient.instance, wish.want, wish.cause_at)
    return _drift(case, "failed_autostart", patient, patient.truth.phrase, evidence, proposal)


def stopping_too_long(case: Case, patient: Patient) -> Drift | None:
    """Report what has been stopping for too long and still lives: a kill would lose what the game has not saved."""
    if patient.instance.status is not Status.STOPPING or patient.truth.live is None:
        return None
    if case.now - patient.memory.since < case.settings.stopping_after:
        return None
    # the command's own text is left out: a person may have written a secret into it
    hold = "it does not end on its stop command: look at its console; killing it may lose what it has not saved"
    return _drift(case, "stopping_too_long", patient, patient.truth.phrase, {}, None, hold)


RULES: Final[tuple[Callable[[Case, Patient], Drift | None], ...]] = (
    restart_loop, stuck_starting, ghost_running, paused, dead_stream, orphan, leftover, failed_autostart, stopping_too_long,
)  # fmt: skip
"""In this order; the first that speaks has said what is the matter with an instance, so it never has two remedies at once."""


def _asked(case: Case, patient: Patient, types: frozenset[str], remedy_names: tuple[str, ...], since: float) -> int:
    """Count what somebody asked for since then: what the panel logged, and what we did and it did not log (it logs no failed start)."""
    since -= SEEN_LATE  # the panel's clock need not be ours
    uuid = patient.instance.uuid
    logged = [entry.at for entry in case.view.operations or () if entry.instance == uuid and entry.type in types and entry.at >= since]
    acted_on = remedies.instance_object(case.settings.name, patient.instance)
    ours = [at for name in remedy_names if since <= (at := case.facts.last_remedy_at.get((name, acted_on), 0.0)) <= case.now]
    return len(logged) + sum(1 for at in ours if not any(at - SEEN_LATE <= each <= at + LOGGED_WITHIN for each in logged))


def wish_of(case: Case, patient: Patient) -> Wish:
    """Return what is known of the wish for an instance."""
    name, last = case.settings.name, case.facts.last_remedy_at
    ours = Deeds(
        last.get(("stop_container_then_open", remedies.instance_object(name, patient.instance))),
        last.get(("restart_daemon", remedies.daemon_object(name, case.daemon.uuid))),
    )
    seen = Witnessed(case.view, case.sight, patient.events)
    return wish_for(patient.instance, seen, case.memory, patient.memory, case.settings, case.now, ours)


def _autostart_over(case: Case, patient: Patient) -> float:
    """When the daemon's own autostart must have come to this instance: from 10.10 on one every five seconds (contract section 2)."""
    if case.settings.wish(patient.instance.uuid, patient.instance.nickname) == "running" and not patient.instance.auto_start:
        return 0.0
    booted = case.memory.booted_at or 0.0
    begun = max(booted, case.memory.back_at or 0.0) if booted else (case.memory.back_at or 0.0)
    if patient.instance.started == 0:
        begun = max(begun, case.memory.first_seen)
    waiting = sum(1 for item in case.daemon.instances or () if item.auto_start)
    pending = patient.instance.started == 0 and (case.daemon.numbers or (0, 0, 0)) >= (4, 10, 0)
    return begun + case.settings.autostart_grace + (5.5 * waiting if pending else 0.0)


def _daemon_began_after(case: Case, moment: float) -> bool:
    key = ("restart_daemon", remedies.daemon_object(case.settings.name, case.daemon.uuid))
    return max(case.memory.booted_at or 0.0, case.facts.last_remedy_at.get(key, 0.0)) > moment


def _restart(case: Case, patient: Patient) -> tuple[Proposal | None, str | None]:
    """Return the proposal to restart the daemon, or the sentence that says why not."""
    if not case.ours:
        return None, ELSEWHERE
    hook = case.hook
    if hook is None:
        return None, "only a restart of the daemon mends it: restart it yourself, or configure the hook restart_daemon"
    busy = [item.nickname for item in case.daemon.instances or () if item.status is Status.BUSY]
    if busy:
        return None, f"'{busy[0]}' is being installed or updated: the daemon is not restarted under it"
    starting = [i for i in case.daemon.instances or () if i.status is Status.STARTING and i.uuid != patient.instance.uuid]
    if starting and not _all_stuck(case, starting):
        return None, f"'{starting[0].nickname}' is just starting: the daemon is not restarted under it"
    living = sum(1 for item in case.daemon.containers or () if item.instance)
    if not case.daemon.labels_containers:
        names = {item.container_name for item in case.daemon.instances or ()}
        living = sum(1 for item in case.daemon.containers or () if item.name in names)
    return remedies.restart_daemon(case.settings.name, case.daemon, hook_line(hook), living, local=case.sight.place == "local"), None


def _all_stuck(case: Case, starting: list[Instance]) -> bool:
    for item in starting:
        own = decode(InstanceMemory, case.facts.memory.get(memories.instance_key(case.daemon.uuid, item.uuid)))
        if own is None or own.status != Status.STARTING or case.now - own.since < case.settings.stuck_starting_after:
            return False
    return True


def _drift(
    case: Case, kind: str, patient: Patient, truth: str, evidence: dict[str, Scalar], proposal: Proposal | None, hold: str | None = None
) -> Drift:  # fmt: skip
    instance = patient.instance
    whole: dict[str, Scalar] = {"daemon": case.daemon.name, "version": case.daemon.version, "status": instance.status.word, **evidence}
    subject = Subject("instance", instance.uuid, instance.nickname)
    belief = f"the panel says {instance.status.word}"
    return Drift(kind, remedies.PANEL_NAME, case.settings.name, subject, truth, belief, whole, proposal, hold)
