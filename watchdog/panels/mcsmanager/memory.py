"""What is remembered from look to look (``Judgement.memory``): since when a status stands, boots and outages seen, counts of starts.

Pure. One JSON list per daemon (``d:UUID``) and per instance (``i:DAEMON:UUID``); a value that cannot be read is as good as none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from watchdog.model.drifts import Scalar
from watchdog.panels.mcsmanager.view import Daemon, Instance, Status

BUCKET: Final = 300.0
"""Seconds between two marks of the start count: a rise is measured over one to two buckets (contract section 3, restart loop: 10 min)."""
GAP: Final = 600.0
"""Seconds without a look after which a restart of the daemon may have been missed."""
BACK: Final = 5.0
"""Seconds by which the wall clock must lie behind a stamp of ours to have been set back."""


@dataclass(frozen=True, slots=True)
class InstanceMemory:
    """One instance over time. Times are UNIX seconds; ``marks`` are two start counts and when they were noted, the older first.

    ``running_at`` is when the panel last said running, ``alive_at`` when it last said running or starting. ``owed_at`` is the boot or
    outage that left it behind although it is wanted running, ``owed_seen`` the last look that knew so (``wishes.still_owed``).
    """

    status: int
    since: float
    started: int
    first_seen: float
    running_at: float | None = None
    older_mark: int = 0
    older_at: float = 0.0
    newer_mark: int = 0
    newer_at: float = 0.0
    alive_at: float | None = None
    owed_at: float | None = None
    owed_seen: float | None = None

    @property
    def rise(self) -> int:
        """Return how often it was started since the older mark."""
        return self.started - self.older_mark


@dataclass(frozen=True, slots=True)
class DaemonMemory:
    """One daemon over time. Times are UNIX seconds, None = not seen.

    ``booted_at`` is when we saw that it had restarted, ``booted_after`` the last look before that showed it at work
    (``up_at``): it did so in between. ``gone_at`` and ``back_at`` are the newest outage of its Docker, ``gone_at`` None when its beginning
    was not witnessed; while one lasts ``away`` is true.
    ``engine`` is the id of our engine once the place was proven by shared containers. ``watched_since`` is since when we have looked
    without a gap of ten minutes: before it something may have been missed.
    """

    first_seen: float
    booted_at: float | None = None
    away: bool = False
    gone_at: float | None = None
    back_at: float | None = None
    offline_since: float | None = None
    cpu: int | None = None
    engine: str = ""
    watched_since: float = 0.0
    seen_at: float = 0.0
    booted_after: float | None = None
    up_at: float | None = None


def daemon_key(daemon: str) -> str:
    """Return the key of a daemon's memory."""
    return f"d:{daemon}"


def instance_key(daemon: str, uuid: str) -> str:
    """Return the key of an instance's memory."""
    return f"i:{daemon}:{uuid}"


def instances_of(memory: Mapping[str, Scalar], daemon: str) -> tuple[str, ...]:
    """Return the uuids of all instances remembered behind a daemon, sorted."""
    prefix = f"i:{daemon}:"
    return tuple(sorted(key.removeprefix(prefix) for key in memory if key.startswith(prefix)))


def remember_instance(old: InstanceMemory | None, instance: Instance, now: float) -> InstanceMemory:
    """Given the old memory and the instance as it is, return the new memory."""
    if old is not None and max(old.since, old.running_at or 0.0, old.newer_at) > now + BACK:
        old = replace(_counted_anew(old, instance, now), since=now, first_seen=min(old.first_seen, now), running_at=None, alive_at=None)
    elif old is not None and now - old.newer_at > GAP:
        old = _counted_anew(old, instance, now)  # spread over hours that nobody watched, starts are no loop
    same = old is not None and old.status == instance.status and old.started == instance.started
    running = now if instance.status is Status.RUNNING else (old.running_at if old else None)
    alive = now if instance.status in (Status.RUNNING, Status.STARTING) else (old.alive_at if old else None)
    if old is None or instance.started < old.started:  # new to us, or the daemon restarted and counts anew
        first = old.first_seen if old else now
        return InstanceMemory(instance.status, now, instance.started, first, running, instance.started, now, instance.started, now, alive)
    moved = replace(
        old, status=int(instance.status), since=old.since if same else now, started=instance.started, running_at=running, alive_at=alive
    )
    if now - old.newer_at >= BUCKET:
        return replace(moved, older_mark=old.newer_mark, older_at=old.newer_at, newer_mark=instance.started, newer_at=now)
    return moved


def remember_daemon(old: DaemonMemory | None, daemon: Daemon, *, fell: bool, away: bool | None, now: float) -> DaemonMemory:
    """Given the old memory and the daemon as it is, return the new memory.

    ``fell`` says that an instance's start count fell; ``away`` whether its Docker is away (None = cannot be told, as while it is offline).
    """
    memory = old or DaemonMemory(first_seen=now)
    if memory.seen_at > now + BACK:
        memory = _set_back(memory, now)
    gap = now - memory.seen_at > GAP
    memory = replace(memory, seen_at=now, watched_since=now if gap else memory.watched_since)
    cpu = daemon.process_cpu
    booted = fell or (cpu is not None and memory.cpu is not None and cpu < memory.cpu)
    memory = replace(
        memory,
        booted_at=now if booted else memory.booted_at,
        booted_after=memory.up_at if booted else memory.booted_after,
        up_at=now if daemon.instances is not None and (cpu is not None or memory.cpu is None) else memory.up_at,
        cpu=memory.cpu if cpu is None else cpu,
        offline_since=None if daemon.available else (memory.offline_since or now),
    )
    if away is True and not memory.away:
        return replace(memory, away=True, gone_at=now)
    if away is False and memory.away:
        # over a gap nobody saw how long it was away, nor what ran and ended since: an end without a beginning
        return replace(memory, away=False, back_at=now, gone_at=None if gap else memory.gone_at)
    return memory


def note_engine_start(memory: DaemonMemory, engine_started_at: float | None) -> DaemonMemory:
    """Count a restart of the engine that fell between two looks as an outage that began and ended then."""
    if memory.away or engine_started_at is None or engine_started_at <= max(memory.first_seen, memory.back_at or 0.0):
        return memory  # an outage that we watch has its own beginning and end
    return replace(memory, gone_at=engine_started_at, back_at=engine_started_at)


def _counted_anew(old: InstanceMemory, instance: Instance, now: float) -> InstanceMemory:
    return replace(old, older_mark=instance.started, older_at=now, newer_mark=instance.started, newer_at=now)


def _set_back(memory: DaemonMemory, now: float) -> DaemonMemory:
    """Forget every boot and outage: the wall clock was set back, and a stop that is logged now would seem to lie before them."""
    return replace(
        memory,
        first_seen=min(memory.first_seen, now),
        booted_at=None,
        booted_after=None,
        up_at=None if memory.up_at is None else now,
        gone_at=None,
        back_at=None,
        offline_since=None if memory.offline_since is None else now,
        watched_since=now,
        seen_at=now,
    )
