"""Does anybody want a stopped instance to run? Known, learned with evidence, or unknown (house rule 13). Pure.

Autostart is the panel's own word for it: "start this at my boot". It says nothing about an instance that ran and was stopped afterwards,
and a stop need not be recorded (a stop typed into the game, a stop while the log was off), so a stop that nobody witnessed makes the wish
unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from watchdog.model.docker import ContainerEvent
from watchdog.panels.mcsmanager.memory import GAP, DaemonMemory, InstanceMemory
from watchdog.panels.mcsmanager.settings import McsmanagerSettings
from watchdog.panels.mcsmanager.sight import Sight
from watchdog.panels.mcsmanager.view import Instance, McsmanagerView, Operation

Want = Literal["known", "unknown", "no"]
STOPS = frozenset({"instance_stop", "instance_kill", "instance_delete"})
CHANGES = frozenset({"instance_create", "instance_config_change"})
RAN_SHORTLY_BEFORE = 120.0
"""Seconds before an outage within which an instance must have been seen running, to have been running when it began."""
RESTARTED_WITHIN = 300.0
"""Seconds after we set out to restart a daemon within which its boot is seen: the remedy's deadline and a late look."""
SEEN_LATE = 30.0
"""Seconds by which a boot may lie before the look that saw it."""
LOG_FULL = 180
"""So many entries of the operation log, and it may have lost older ones: 200 is the most it gives (contract section 6)."""
LOG_KEPT = 29 * 86400.0
"""Seconds after which the panel prunes its log, a day early (30 days, contract section 6)."""
DEAF_AT_START = 60.0
"""Seconds after the boot, or the engine's start, that we may have been deaf: too short for a game server to start, run and end."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is known of the wish, and the sentence that says why. ``cause_at`` is the boot or outage behind it (UNIX seconds)."""

    want: Want
    why: str
    cause_at: float | None = None


@dataclass(frozen=True, slots=True)
class Deeds:
    """When we last set out (UNIX seconds, None = never) to stop the instance's container, and to restart its daemon."""

    ended: float | None = None
    restarted: float | None = None


@dataclass(frozen=True, slots=True)
class Witnessed:
    """What can tell of starts and stops: the panel's log, our engine, and the events of the instance's containers, oldest first."""

    view: McsmanagerView
    sight: Sight
    events: tuple[ContainerEvent, ...] = ()


def wish_for(
    instance: Instance, seen: Witnessed, daemon: DaemonMemory, own: InstanceMemory, settings: McsmanagerSettings, now: float,
    ours: Deeds = Deeds()
) -> Wish:  # fmt: skip
    """Given a stopped instance, say whether it is wanted running. What ended by ``ours`` is never forgotten without a word."""
    said = settings.wish(instance.uuid, instance.nickname)
    if said in ("stopped", "any"):
        return Wish("no", f"configured: expect {said}")
    if instance.end_time is not None and instance.end_time <= now:
        return Wish("no", "its time has expired: every start fails")
    owed = own.owed_at if still_owed(instance, seen, own, now) else None
    if said == "running":
        return _by_configuration(instance, seen, daemon, own, settings, now, owed)
    wish = Wish("no", "autostart is off and nothing else says that it should run")
    if instance.auto_start:
        wish = _by_autostart(instance, seen, daemon, own, settings, now)
        if wish.want != "known" and owed is not None:
            wish = Wish("known", "a boot or an outage left it behind; nobody has started or stopped it since", owed)
    since = now - settings.autostart_window
    if wish.want == "no" and ours.ended is not None and _owed(instance, seen.view, own, since, ours.ended):
        return Wish("unknown", "we set out to stop its container and start it anew, and it has not been seen running since")
    if (
        wish.want == "no"
        and ours.restarted is not None
        and since <= ours.restarted
        and _lost(instance, seen.view, daemon, own, ours.restarted)
    ):
        return Wish("unknown", "the panel said that it ran or started until we restarted its daemon, which does not start it by itself")
    return wish


def _by_configuration(
    instance: Instance, seen: Witnessed, daemon: DaemonMemory, own: InstanceMemory, settings: McsmanagerSettings, now: float,
    owed: float | None
) -> Wish:  # fmt: skip
    after = own.since - RAN_SHORTLY_BEFORE
    stop = _newest(seen.view, instance, STOPS, after)
    hidden = _stopped(stop) if stop else _hidden(seen.view, after, now)
    if hidden and (stop or owed is None):
        return Wish("unknown", hidden)
    return Wish("known", "configured: expect running", _outage_end(daemon, settings, now) or owed)


def still_owed(instance: Instance, seen: Witnessed, own: InstanceMemory, now: float) -> bool:
    """Whether what was known of the wish in the last look holds: we looked on, and neither the log nor our engine tells of a start or stop.

    What witnessed it at first is not kept for long: events for an hour, and the log's two hundred entries may be our own starts of others.
    """
    if own.owed_at is None or own.owed_seen is None or not 0 <= now - own.owed_seen <= GAP or (own.running_at or 0.0) >= own.owed_at:
        return False
    since = own.owed_seen - SEEN_LATE
    if _hidden(seen.view, since, now) or _newest(seen.view, instance, STOPS | CHANGES, after=since):
        return False
    return _started_since(seen, own.owed_seen, own.owed_seen) is False


def _outage_end(daemon: DaemonMemory, settings: McsmanagerSettings, now: float) -> float | None:
    """Return when the newest boot or outage ended, if that is recent enough to be the cause; None = nothing explains it."""
    ends = [at for at in (daemon.booted_at, daemon.back_at) if at and now - at <= settings.autostart_window]
    return max(ends, default=None)


def _by_autostart(
    instance: Instance, seen: Witnessed, daemon: DaemonMemory, own: InstanceMemory, settings: McsmanagerSettings, now: float
) -> Wish:
    # the earliest that it can have been: what happened while nobody looked must not count as fresh
    earliest = daemon.booted_at if daemon.booted_after is None else daemon.booted_after
    booted = daemon.booted_at if daemon.booted_at and earliest and now - earliest <= settings.autostart_window else None
    returned = daemon.back_at if daemon.back_at and now - daemon.back_at <= settings.autostart_window else None
    if booted is not None and (own.running_at or 0.0) < booted:
        return _after_boot(instance, seen, own, booted, daemon.booted_after, now)
    if returned is not None and daemon.gone_at is not None and (own.running_at or 0.0) < returned:
        return _after_outage(instance, seen, own, daemon.gone_at, returned, now)
    if instance.started == 0:
        return Wish("unknown", "the daemon never started it since its boot, which we did not witness")
    return Wish("no", "it was started since the daemon's boot and has ended since; nothing says that it should run")


def _after_boot(  # noqa: PLR0911  # a ladder
    instance: Instance, seen: Witnessed, own: InstanceMemory, booted: float, after: float | None, now: float
) -> Wish:
    view = seen.view
    # ``after`` is the last look before the boot: of what our own engine told nothing is older. The panel's log may go by another clock
    since = booted - SEEN_LATE if after is None else after
    earliest = min(booted - SEEN_LATE, since)
    stop = _newest(view, instance, STOPS, after=earliest)
    if stop:
        return Wish("no", _stopped(stop), booted)
    if own.first_seen > booted or _newest(view, instance, CHANGES, after=earliest):
        return Wish("unknown", "it was created or changed after the daemon's boot", booted)
    if instance.started == 0:
        return Wish("known", "autostart is on and the daemon has not started it since its boot", booted)
    started = _started_since(seen, booted, since)
    if started is False:
        if hidden := _hidden(view, earliest, now):
            return Wish("unknown", hidden, booted)
        return Wish("known", "autostart is on, its start failed and no container was started since the daemon's boot", booted)
    if started is True:
        return Wish("no", "it ran since the daemon's boot and has ended since", booted)
    return Wish("unknown", "autostart is on, but whether it ran since the daemon's boot was not witnessed", booted)


def _after_outage(instance: Instance, seen: Witnessed, own: InstanceMemory, gone: float, returned: float, now: float) -> Wish:
    view = seen.view
    if own.running_at is None or own.running_at < gone - RAN_SHORTLY_BEFORE:
        if instance.started == 0:
            return Wish("unknown", "the daemon never started it since its boot, which we did not witness", returned)
        return Wish("no", "it was not seen running before Docker went away", returned)
    stop = _newest(view, instance, STOPS, after=own.running_at - RAN_SHORTLY_BEFORE)
    if stop:
        return Wish("no", _stopped(stop), returned)
    if view.operations is None:
        return Wish(
            "unknown", "it ran until Docker went away, but this panel has no operation log to tell whether a person stopped it", returned
        )
    hidden = _hidden(view, own.running_at - RAN_SHORTLY_BEFORE, now)
    if hidden or own.since < gone or _stayed(seen.sight, gone):
        # a stop typed into the console is in no log
        return Wish("unknown", hidden or "it ended, but not because Docker went away; why was not witnessed", returned)
    return Wish("known", "it ran until Docker went away, and no stop is on record", returned)


def _started_since(seen: Witnessed, booted: float, earliest: float) -> bool | None:
    """Whether a container of it was started since the boot, which was at ``booted`` or, at the earliest, at ``earliest``.

    None = that cannot be told: we did not hear everything (no engine, the stream dropped, or what was heard is not kept for so long), or it
    was started in between.
    """
    docker = seen.sight.docker
    if docker is None:
        return None
    starts = [event.at for event in seen.events if event.action == "start" and event.at >= earliest]
    if starts:
        return True if starts[-1] >= booted else None
    stream, begun = docker.stream, max(earliest, docker.engine_started_at or 0.0)
    listened = stream.connected and stream.connected_at is not None and stream.connected_at <= begun + DEAF_AT_START
    kept = docker.events_since is not None and docker.events_since <= begun + DEAF_AT_START
    return False if listened and kept else None


def _newest(view: McsmanagerView, instance: Instance, types: frozenset[str], after: float) -> Operation | None:
    found = [entry for entry in view.operations or () if entry.instance == instance.uuid and entry.type in types and entry.at >= after]
    return found[-1] if found else None


def _hidden(view: McsmanagerView, after: float, now: float) -> str:
    """Say why a stop since ``after`` may have escaped us, "" = it cannot, or the panel never had a log (up to 10.6)."""
    if view.operations is None:
        return "" if view.operations_error == "NotFound" else "the panel's operation log, where a stop would stand, cannot be read now"
    cut = len(view.operations) >= LOG_FULL and view.operations[0].at > after
    return "the panel's operation log does not reach back to when it ended" if cut or now - after > LOG_KEPT else ""


def _stayed(sight: Sight, gone: float) -> bool:
    """Whether our engine lived on while the daemon could not reach it: then no game server ended of it."""
    docker = sight.docker
    if docker is None or (docker.engine_started_at or 0.0) > gone - RAN_SHORTLY_BEFORE:
        return False
    return docker.stream.connected and docker.stream.connected_at is not None and docker.stream.connected_at <= gone - RAN_SHORTLY_BEFORE


def _owed(instance: Instance, view: McsmanagerView, own: InstanceMemory, since: float, ended: float) -> bool:
    """Whether we stopped it lately, only to start it anew, and nobody asked for a stop or saw it run since."""
    return since <= ended and (own.running_at or 0.0) < ended and _newest(view, instance, STOPS, after=ended) is None


def _lost(instance: Instance, view: McsmanagerView, daemon: DaemonMemory, own: InstanceMemory, restarted: float) -> bool:
    """Whether the panel believed it alive until our restart of the daemon, which ended that belief, and nobody asked for a stop.

    A ghost without autostart ends so: the restart mends the panel's word, and the game would stay away unnoticed.
    """
    alive, booted = own.alive_at, daemon.booted_at
    if alive is None or booted is None or not restarted <= booted <= restarted + RESTARTED_WITHIN or alive >= booted:
        return False
    return alive >= restarted - RAN_SHORTLY_BEFORE and _newest(view, instance, STOPS, after=alive - SEEN_LATE) is None


def _stopped(entry: Operation) -> str:
    who = f" by {entry.operator}" if entry.operator else ""
    return f"a person asked for it: {entry.type}{who} is in the panel's operation log"
