"""What must be done to keep the whole server paused, or to end that: the orders that stand against what the server shows. Pure.

Contract section 4, rules 1 to 5, and section 2, Seeing a restart. After a restart, or a time in which nobody watched, the lease is posted
again whatever the server shows; over an uncut connection Running is a person who pressed Resume. What somebody else paused for longer
than ours is left to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from watchdog.model.approvals import Holding
from watchdog.model.moments import Moment
from watchdog.panels.duplicati.leases import FOREVER, LEAST, Orders, Posted, named
from watchdog.panels.duplicati.releases import Capabilities
from watchdog.panels.duplicati.states import ServerState
from watchdog.panels.duplicati.witness import Pulse

OURS_WITHIN: Final = 10.0
"""Seconds by which an announced end may differ from the one in our record and still be ours; for when nothing else tells."""
ENDS_BY_ITSELF: Final = 1.5
"""Seconds within which a lease that is over ends without us: it was given in whole seconds, rounded up."""
RUN_OUT: Final = 2.0
"""Seconds before the end of a lease from which on Running means that it has run out."""
RESUMED: Final = "the server runs, over an uncut connection: somebody pressed Resume"
Send = Literal["pause", "renew", "resume"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long one lease may be, by how much an end may be off, in seconds; whether a person's Resume is undone."""

    lease: float
    tolerance: float
    enforce: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """All that the ruling depends on.

    ``held`` is our record of having paused it, None = we have not. ``respected`` are orders that a person ended in the server's own pages,
    ``in_force`` those that were seen to be kept. ``theirs`` is the pause of somebody else that was seen last, as ``named`` calls it.
    ``skew`` is how many seconds the server's clock is ahead of ours.
    """

    orders: Orders | None
    state: ServerState
    pulse: Pulse
    capabilities: Capabilities
    bounds: Bounds
    now: Moment
    posted: Posted | None = None
    held: Holding | None = None
    respected: frozenset[str] = frozenset()
    in_force: frozenset[str] = frozenset()
    theirs: str = ""
    skew: float = 0.0

    @property
    def watched(self) -> bool:
        """Whether no restart has been seen since we posted, and none can have been missed."""
        posted, since = self.posted, self.pulse.watched_since
        return posted is not None and since is not None and since.mono <= posted.at.mono and posted.life == self.pulse.restarts

    @property
    def ours(self) -> bool:
        """Whether the pause that the server shows is the one that we ordered."""
        end = self.state.pause_end
        if not self.state.paused or end is None:
            return False
        if self.posted is not None and abs(end - self.posted.end) < LEAST:
            return True
        told = self.held.expires_at if self.held is not None else None
        return not self.watched and told is not None and abs(end - self.skew - told) <= OURS_WITHIN

    @property
    def shown_left(self) -> float:
        """Return the seconds left of the pause that the server shows; infinite when it has no end."""
        if self.posted is not None and self.watched and self.ours:
            return self.posted.left(self.now)
        end = self.state.pause_end
        return float("inf") if end is None else end - self.skew - self.now.wall

    @property
    def longer(self) -> bool:
        """Whether somebody else's pause keeps the server paused for as long as ours would."""
        left = self.orders.left if self.orders is not None else 0.0
        wanted = float("inf") if left is None else left + self.bounds.tolerance
        return self.state.paused and not self.ours and self.shown_left >= wanted

    @property
    def believed(self) -> bool:
        """Whether somebody else's pause may be relied on after a time in which we did not watch it."""
        if self.theirs and self.theirs == named(self.state) and self.capabilities.obeys is not False:
            return True
        if self.posted is None and self.held is None:
            return self.capabilities.obeys is not False or self._saw_it_begin
        return self.state.pause_end is not None and self.capabilities.obeys is True

    @property
    def _saw_it_begin(self) -> bool:
        """Whether the pause began under our eyes, in this life of the server."""
        began, since = self.pulse.pause_since, self.pulse.watched_since
        return not self.pulse.restarts and began is not None and since is not None and began.mono > since.mono


@dataclass(frozen=True, slots=True)
class Ruling:
    """What stands against the pauses: ``kind`` of drift ("" = all is well), what to ``send`` against it, in how many seconds to look again.

    ``respects`` = these orders were ended by a person; ``keeps`` = they are kept right now.
    """

    kind: str = ""
    truth: str = ""
    send: Send | None = None
    again: float | None = None
    respects: frozenset[str] = frozenset()
    keeps: bool = False


def rule(scene: Scene) -> Ruling:
    """Return what must be done now, and when to look again."""
    orders, posted = scene.orders, scene.posted
    if posted is not None and scene.state.at.mono < posted.seen.mono:
        return Ruling(again=LEAST)  # read before our newest order took effect
    if orders is None:
        return _without(scene)
    if orders.names <= scene.respected and not scene.bounds.enforce:
        return _respected(scene, orders)
    if orders.ending:
        return Ruling(again=orders.left, keeps=scene.state.paused)
    if posted is None or not scene.watched:
        return _unsure(scene, orders)
    return _kept(scene, orders) if scene.state.paused else _ended(scene, orders, posted)


def _unsure(scene: Scene, orders: Orders) -> Ruling:
    """Judge what may be from before: nothing was posted in this life of ours and the server's."""
    posted = scene.posted
    if not scene.state.paused:
        known = scene.in_force | (posted.orders if posted is not None else frozenset())
        return Ruling("pause_lost" if orders.names & known else "pause_missing", _after(scene, "the server runs"), "pause")
    if scene.longer and scene.believed:
        return Ruling(again=orders.left, keeps=True)
    if posted is not None:
        kind = "pause_on_paper" if scene.capabilities.obeys is False else "pause_lost"
        return Ruling(kind, _after(scene, "the server shows a pause"), "pause")
    if scene.held is not None:
        return Ruling("pause_unwatched", _after(scene, "the server shows a pause"), "pause")
    return Ruling("pause_missing", "the server is paused by somebody else, and not for as long", "pause")


def _kept(scene: Scene, orders: Orders) -> Ruling:
    """Judge a pause in the life in which we posted it."""
    if began := _began_under(scene):
        return Ruling("pause_on_paper", began, "pause")
    lease, tolerance = scene.bounds.lease, scene.bounds.tolerance
    shown, left = scene.shown_left, float("inf") if orders.left is None else orders.left
    if scene.longer:
        return Ruling(again=orders.left, keeps=True)
    if shown > left + tolerance:
        return Ruling("pause_lease_due", "the lease is longer than the pause is by now", "renew", keeps=True)
    if shown < min(left, lease) - tolerance and shown <= lease / 2:
        whose = "the lease" if scene.ours else "the pause that somebody else ordered"
        return Ruling("pause_lease_due", f"{whose} ends before ours", "renew", keeps=True)
    half = shown - lease / 2 if shown < left - tolerance else left
    return Ruling(again=max(LEAST, min(half, left)), keeps=True)


def _ended(scene: Scene, orders: Orders, posted: Posted) -> Ruling:
    """Judge Running in the life in which we posted: the lease ran out, or somebody ended it."""
    if not orders.names <= (posted.orders | scene.in_force):
        return Ruling("pause_missing", "the server runs", "pause")
    fell = scene.pulse.fell
    by = fell.by if fell is not None and fell.at.mono >= posted.seen.mono else ""
    if by == "us":
        return Ruling("pause_missing", "the server runs: we had resumed it", "pause")
    if by == "restart":
        return Ruling("pause_lost", "the server runs: a restart lost the pause", "pause")
    if by in {"end", "clamp"} or posted.left(scene.now) <= RUN_OUT:
        return Ruling("pause_cut", "the server runs: its own timer ended the lease", "pause")
    if scene.bounds.enforce:
        return Ruling("pause_resumed_by_person", RESUMED, "pause", orders.left)
    return Ruling("pause_resumed_by_person", RESUMED, None, orders.left, orders.names)


def _respected(scene: Scene, orders: Orders) -> Ruling:
    if scene.state.paused:
        return Ruling(again=orders.left, respects=orders.names)
    return Ruling("pause_resumed_by_person", RESUMED, None, orders.left, orders.names)


def _without(scene: Scene) -> Ruling:  # noqa: PLR0911  # a ladder reads best as one
    """Judge a server of which no pause stands."""
    if not scene.state.paused:
        return (
            Ruling("pause_over", "the server runs, and our record says that we paused it", "resume") if scene.held is not None else Ruling()
        )
    if scene.ours and scene.held is not None:
        if 0 <= scene.shown_left <= ENDS_BY_ITSELF:
            return Ruling(again=scene.shown_left + 0.1)
        return Ruling("pause_outlived", "the server is still paused by us", "resume")
    endless = scene.state.pause_end is None
    if endless and scene.held is not None and not scene.watched and scene.theirs != FOREVER:
        # power lost while asleep: the server comes back paused for ever, and nobody asked (contract section 2, gap b)
        return Ruling("pause_outlived", "the server came back paused for ever", "resume")
    if endless:
        return Ruling("pause_unowned", "the server is paused until further notice")
    if scene.held is not None:
        return Ruling("pause_over", "the server is paused by somebody else, and our record says that we paused it", "resume")
    return Ruling()


def _began_under(scene: Scene) -> str:
    """Say which task began under the pause that the server shows; "" = none did."""
    active, posted = scene.state.active, scene.posted
    if active is None or posted is None or not scene.ours or active.id == posted.active:
        return ""
    return f"a run of job {active.backup or '?'} began under the pause"


def _after(scene: Scene, truth: str) -> str:
    if not scene.pulse.restarts:
        return truth if scene.held is None else f"{truth}; it was not watched for a while"
    return f"{truth} after a restart ({scene.pulse.why})" if scene.pulse.why else f"{truth} after a restart"
