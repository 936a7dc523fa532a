"""How a container came to its end: by a hand, by itself, by us, or nobody saw it (house rule 13). Pure.

A stop is told by Docker as ``kill``, ``die``, ``stop``; an end by itself as ``die`` alone. A crash of dockerd, a reboot and what happened
while nobody listened tell nothing: then the end was not witnessed, and is never undone by us alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from watchdog.model.docker import Container, ContainerEvent, DockerFacts

How = Literal["hand", "itself", "ours", "unseen"]
SAME: Final = 2.0
"""Seconds between the time in the state and that of its event."""
HAND: Final = 600.0
"""Seconds before an end within which a signal counts as its cause: who sends one may wait long for it."""
AFTER: Final = 30.0
"""Seconds after an end within which ``stop`` and ``restart`` are told of it."""
LISTENED: Final = 60.0
"""Seconds before an end for which we must have listened, so that no signal can have escaped us."""
ONE_KILL: Final = 5.0
"""Seconds within which Docker tells of one kill several times."""
OUR_ACT: Final = 900.0
"""Seconds that a remedy of ours may take."""
TOUCHES: Final = frozenset({"kill", "stop", "restart", "pause", "unpause", "update"})
DEPLOYS: Final = frozenset({"create", "destroy", "rename"})


@dataclass(frozen=True, slots=True)
class End:
    """One end: how it came, and the sentence that says so."""

    how: How
    why: str


def end_of(  # noqa: PLR0911  # a ladder
    container: Container, docker: DockerFacts, events: Sequence[ContainerEvent], ours_at: float | None
) -> End:
    """Given an exited container and its own events (oldest first), say how it ended.

    ``ours_at`` (UNIX seconds) is when we last set out to restart it.
    """
    at = container.finished_at
    if at is None:
        return End("unseen", "Docker does not say when it ended")
    died = next((event for event in reversed(events) if event.action == "die" and abs(event.at - at) <= SAME), None)
    hand = _hand(events, container.started_at or 0.0, at)
    if died is not None and hand and ours_at is not None and _by_us(container, at, ours_at):
        return End("ours", "we stopped it to start it anew, and it has not come up since")
    if hand:
        return End("hand", hand)
    if died is None:
        return End("unseen", "its end was not witnessed")
    if not _listened(docker, container.started_at or 0.0, at):
        return End("unseen", "we have not listened to Docker for long enough before its end")
    restarted = docker.engine_started_at
    if restarted is not None and -SAME <= restarted - at <= LISTENED:
        return End("unseen", "Docker itself was about to be restarted then")
    return End("itself", "its first process ended, and nobody had sent a signal")


def deaths(events: Sequence[ContainerEvent], since: float) -> tuple[ContainerEvent, ...]:
    """Return the ends since ``since`` (UNIX seconds) that no signal preceded."""
    return tuple(
        event
        for index, event in enumerate(events)
        if event.action == "die" and event.at >= since and not _signalled(events[:index])
    )  # fmt: skip


def kills_for_memory(events: Sequence[ContainerEvent], since: float) -> int:
    """Return how often the kernel killed for want of memory since then; of one run, what is told within five seconds is one."""
    count, last = 0, float("-inf")
    for event in events:
        if event.action == "start":
            last = float("-inf")
        elif event.action == "oom" and event.at >= since and event.at - last > ONE_KILL:
            count, last = count + 1, event.at
    return count


def _signalled(before: Sequence[ContainerEvent]) -> bool:
    """Whether the newest thing that was told before an end, health and programs run inside apart, is a signal."""
    newest = next((e.action for e in reversed(before) if not e.action.startswith(("health_status", "exec_"))), "")
    return newest in ("kill", "stop")


def _hand(events: Sequence[ContainerEvent], began: float, at: float) -> str:
    for event in events:
        if event.action == "kill" and max(began - SAME, at - HAND) <= event.at <= at + SAME:
            return "somebody stopped it: a signal was sent before it ended"
        if event.action in ("stop", "restart") and at - SAME <= event.at <= at + AFTER:
            return f"somebody stopped it: Docker told of a {event.action}"
    return ""


def _by_us(container: Container, at: float, ours_at: float) -> bool:
    return (container.started_at or 0.0) < ours_at <= at + SAME <= ours_at + OUR_ACT


def _listened(docker: DockerFacts, began: float, at: float) -> bool:
    stream = docker.stream
    if not stream.connected or stream.connected_at is None:
        return False
    earliest = max(began, at - LISTENED)
    return stream.connected_at <= earliest + SAME and docker.events_since is not None and docker.events_since <= at
