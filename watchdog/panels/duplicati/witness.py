"""Whether a server was started anew between two readings, and who ended a pause. Pure.

Contract section 2, Seeing a restart. The counters of a server do not show its restart: measured, a pause was lost, a job ran, and every
counter had grown. The witness is our own idle connection: the server ends it the moment that it stops or is killed. So a reading that came
over another connection than the one before, or after a refusal, is a restart *suspected*; a counter or a new task's id that fell is a
restart *certain*; and Running after Paused without either is somebody who pressed Resume. Behind a proxy the connection proves nothing:
there ``/health`` not answering is the suspicion.

``Pulse`` is all that the readings told so far; ``heard``, ``silent`` and ``sent`` each return the next one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, Literal

from watchdog.model.moments import Moment
from watchdog.panels.duplicati.states import ServerState, Task

BOOTING: Final = 30.0
"""Seconds after a refused connection in which a 5xx means that the server is starting."""
CLAMP: Final = 86400.0
"""Seconds after which a server of 2.1.1 and later ends any timed pause, counted from the order or from its own start."""
UNSEEN: Final = 150.0
"""Seconds without a reading after which, behind a proxy, a restart may have come and gone: we slept, or were held up."""
SLACK: Final = 5.0
"""Seconds by which an end may be seen early or late."""
FallBy = Literal["restart", "person", "us", "end", "clamp"]


class Restart(str, Enum):
    """What two readings tell of a restart between them."""

    NONE = "none"
    SUSPECTED = "suspected"
    CERTAIN = "certain"


@dataclass(frozen=True, slots=True)
class Fall:
    """A pause that is over: Paused at one reading, Running at the next (``at``).

    ``by``: a restart lost it, a ``person`` pressed Resume (nothing else explains it), we did (``us``), its announced ``end`` came, or it
    was the ``clamp``, the silent end after 24 hours. ``announced`` is the end it had (UNIX seconds of the server, None = none), ``since``
    when it was first seen as it was.
    """

    at: Moment
    by: FallBy
    announced: float | None
    since: Moment


@dataclass(frozen=True, slots=True)
class Pulse:
    """All that the readings so far told; of this life of ours only.

    ``state``: the newest reading, None = there was none yet. ``silent_since``: since when the server does not answer, None = it does;
    ``silence`` is a word for the newest failure. ``refused_at``: when a connection was last refused or ended. ``suspicion``: why a restart
    is suspected that no reading has followed yet ("" = it is not).
    ``restart``, ``restart_at``, ``why``: the newest restart, seen by the reading of ``restart_at``; ``restarts`` counts them.
    ``cut``: what was under way at the last reading before a restart and was not at the next (``cut_at``); it may have ended well.
    ``watched_since``: the first reading of this unbroken watch: whatever happened before it, nobody saw.
    ``pause_since``: since when the present pause stands as it is. ``fell``: the newest end of a pause.
    ``sent_at``: when we last ordered a resume that no reading has followed yet. ``highest``: the highest id of a task in this life of the
    server. ``hidden``: the connection proves nothing, as behind a proxy.
    """

    state: ServerState | None = None
    silent_since: Moment | None = None
    silence: str = ""
    refused_at: Moment | None = None
    suspicion: str = ""
    restart: Restart = Restart.NONE
    restart_at: Moment | None = None
    why: str = ""
    restarts: int = 0
    cut: Task | None = None
    cut_at: Moment | None = None
    watched_since: Moment | None = None
    pause_since: Moment | None = None
    fell: Fall | None = None
    sent_at: Moment | None = None
    highest: int = 0
    hidden: bool = False

    def booting(self, now: Moment) -> bool:
        """Whether a 5xx means that the server is starting."""
        return self.refused_at is not None and now.since(self.refused_at) <= BOOTING


def heard(pulse: Pulse, state: ServerState, *, behind_proxy: bool | None = None, skew: float = 0.0) -> Pulse:
    """Return the pulse after a reading; ``skew`` is how many seconds the server's clock is ahead of ours.

    ``behind_proxy`` is the operator's word, None = told by the reading.
    """
    before = pulse.state
    hidden = (pulse.hidden or not state.direct) if behind_proxy is None else behind_proxy
    ordered = pulse.sent_at is not None and state.paused and state.at.since(pulse.sent_at) <= BOOTING
    told = replace(
        pulse, state=state, silent_since=None, silence="", suspicion="", sent_at=pulse.sent_at if ordered else None, hidden=hidden
    )  # fmt: skip
    if before is None:
        since = state.at if state.paused else None
        return replace(told, watched_since=state.at, pause_since=since, highest=max(_ids(state), default=0))
    slept = hidden and state.at.since(before.at) > UNSEEN
    suspicion = pulse.suspicion or ("nobody watched for a while" if slept else "")
    restart, why = compare(before, state, pulse.highest, suspicion=suspicion, hidden=hidden)
    told = _paused(told, pulse, before, state, restart, skew)
    if restart is Restart.NONE:
        return replace(told, highest=max(pulse.highest, *_ids(state), 0))
    if restart is Restart.CERTAIN and behind_proxy is None and before.connection == state.connection and not pulse.suspicion:
        hidden = True  # the connection outlived a restart: it is not the server that is at its end
    if before.active is not None and state.active != before.active:
        told = replace(told, cut=before.active, cut_at=state.at)
    return replace(
        told, restart=restart, restart_at=state.at, why=why, restarts=pulse.restarts + 1, hidden=hidden, highest=max(_ids(state), default=0)
    )


def compare(before: ServerState, after: ServerState, highest: int, *, suspicion: str = "", hidden: bool = False) -> tuple[Restart, str]:
    """Return what two readings, one right after the other, tell of a restart between them, and why in a few words.

    ``highest`` is the highest id of a task seen before. ``suspicion`` is what was noticed in between, "" = nothing. ``hidden`` = that
    another connection was used proves nothing.
    """
    for name, was, now in (
        ("LastEventID", before.last_event, after.last_event),
        ("LastDataUpdateID", before.last_data, after.last_data),
        ("LastNotificationUpdateID", before.last_notification, after.last_notification),
    ):
        if now < was:
            return Restart.CERTAIN, f"{name} fell"
    # a task that waited may run after a later one that jumped the queue: only a new one with a low id tells. And as active task and queue
    # are read one after the other, one in between is in neither: over the same connection it is no proof
    lower = any(each < highest for each in _ids(after) - _ids(before))
    other = after.connection != before.connection
    if lower and (suspicion or other):
        return Restart.CERTAIN, "a new task has a lower id"
    if suspicion:
        return Restart.SUSPECTED, suspicion
    if other and not hidden:
        return Restart.SUSPECTED, "the connection had ended"
    return (Restart.SUSPECTED, "a new task has a lower id") if lower and hidden else (Restart.NONE, "")


def silent(
    pulse: Pulse, at: Moment, *, kind: str, refused: bool, severed: bool = False, proxied: bool = False, why: str = ""
) -> Pulse:  # fmt: skip
    """Return the pulse after an exchange that failed, or a connection whose end was noticed.

    ``kind`` is a short word for the failure. ``refused`` = it was refused, reset or ended, or a proxy found nobody: a restart is suspected,
    and the server may be starting. Else it only did not answer, or not well. ``severed`` = we ended the connection ourselves, after a
    time-out: what happened until the next reading nobody saw. ``proxied`` = it was a proxy that answered: Kestrel sends no 502, 503, 504.
    """
    heard_of = (why or "the connection was refused") if refused else "it was out of sight: an exchange took too long" if severed else ""
    return replace(
        pulse, silent_since=pulse.silent_since or at, silence=kind, suspicion=pulse.suspicion or heard_of,
        refused_at=at if refused else pulse.refused_at, hidden=pulse.hidden or proxied,
    )  # fmt: skip


def sent(pulse: Pulse, at: Moment) -> Pulse:
    """Return the pulse after we ordered a resume: the next end of a pause is ours."""
    return replace(pulse, sent_at=at)


def news(before: Pulse, after: Pulse) -> str:
    """Return why a pass should look now, "" = it need not: a restart, an answer after silence, another state, another task."""
    if after.state is None or after.silent_since is not None:
        return ""
    if after.restarts != before.restarts:
        return "restart"
    if before.silent_since is not None:
        return "answers"
    if before.state is None:
        return ""
    if before.state.paused != after.state.paused or (after.state.paused and before.state.pause_end != after.state.pause_end):
        return "state"
    return "task" if before.state.active != after.state.active else ""


def _paused(told: Pulse, pulse: Pulse, before: ServerState, state: ServerState, restart: Restart, skew: float) -> Pulse:
    """Follow the pause from one reading to the next."""
    if not state.paused:
        if not before.paused:
            return told
        since = pulse.pause_since or before.at
        fall = Fall(state.at, _ended_by(pulse, before, state, restart, since, skew), before.pause_end, since)
        return replace(told, pause_since=None, fell=fall)
    same = before.paused and before.pause_end == state.pause_end and restart is Restart.NONE
    return told if same and pulse.pause_since is not None else replace(told, pause_since=state.at)


def _ended_by(pulse: Pulse, before: ServerState, state: ServerState, restart: Restart, since: Moment, skew: float) -> FallBy:
    if restart is not Restart.NONE:
        return "restart"
    if pulse.sent_at is not None:
        return "us"
    if before.pause_end is not None and before.pause_end - skew <= state.at.wall + SLACK:
        return "end"
    clamped = since.mono + CLAMP
    if before.pause_end is not None and before.at.mono - SLACK <= clamped <= state.at.mono + SLACK:
        return "clamp"
    return "person"


def _ids(state: ServerState) -> frozenset[int]:
    active = (state.active.id,) if state.active is not None else ()
    return frozenset((*active, *(task.id for task in state.queue)))
