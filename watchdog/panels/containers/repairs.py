"""One function per remedy. Each re-reads its precondition right before it sends, calls the fence last, marks every step, proves the end.

Run twice they have one effect: a restart is bound to one run of the container (its StartedAt) and a start to one end (its FinishedAt), so
the second run finds another and sends nothing. The answer's status proves nothing (docker-autoheal issue 119: a stop of 240 s was a
failure to a client of 30 s): after each send the state is read until it tells. Never sent: kill, remove, unpause, anything with force.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from watchdog.errors import DeadlinePassed, NotFound, Refused, ServerFault, Unknown, Unreachable
from watchdog.model.repairs import Outcome
from watchdog.panels.containers.answers import Inspected
from watchdog.panels.containers.hands import Hands, same
from watchdog.panels.containers.sends import restart_line, start_line
from watchdog.panels.containers.wards import SHARED
from watchdog.runtime.hands import POLL

MARGIN: Final = 30.0
"""Seconds beyond the stop timeout within which a restart is answered."""
START_SECONDS: Final = 30.0
SETTLED: Final = 5.0
"""Seconds within which an answered restart shows in the state."""
STAYS: Final = 3
"""So many looks in a row must find a started container alive."""
UNCERTAIN: Final = (ServerFault, Unreachable, DeadlinePassed, Unknown, Refused, NotFound)
"""After these a sent request may or may not have had its effect: look, do not send again."""


def restart_container(hands: Hands) -> Outcome:
    """Restart what is unhealthy or cut off, gracefully; then, in order, those that share its network or must follow it."""
    now = hands.inspect(hands.parameter("container"))
    began = hands.stamp("began")
    refusal = _not_to_be_restarted(hands, now, began)
    if refusal is not None or now is None:
        return refusal or hands.done("it has gone")
    hands.act.step("checked")
    restarted = _restart(hands, now, hands.stamp("grace"))
    if restarted.trouble or restarted.now is None:
        return hands.later(30.0, restarted.trouble)
    hands.act.step("restarted")
    left = _dependents(hands, restarted.now)
    return hands.later(30.0, left) if left else hands.done("it was started anew, and those that depend on it after it")


def start_container(hands: Hands) -> Outcome:  # noqa: PLR0911  # a ladder of guards
    """Start what has ended although it should run."""
    now = hands.inspect(hands.parameter("container"))
    if now is None:
        return hands.done("it has gone: nothing is left to start")
    if now.state in ("running", "restarting", "paused"):
        return hands.done(f"Docker says {now.state}: nothing is to be started")
    if not same(now.ended_at, hands.stamp("ended")):
        return hands.done("it has run and ended again since this was planned: that end is judged anew")
    if now.state != "exited":
        return hands.gave_up(f"Docker says {now.state}: it cannot be started")
    if reason := _without_network(hands, now):
        return hands.later(30.0, reason)
    hands.act.step("checked")
    hands.act.fence()
    hands.sent.append(start_line(now.id))
    hint = ""
    try:
        hands.engine.start(now.id, hands.seconds(START_SECONDS))
    except UNCERTAIN as error:
        hint = f"{type(error).__name__}: {error}"
    hands.act.step("started")
    for _ in range(STAYS):
        hands.act.sleep(POLL)
        after = _look(hands, now)
        if after is None or after.state != "running":
            return hands.later(0.0, f"it did not stay up{_tail(hint, after)}")
    return hands.done("it runs")


def _not_to_be_restarted(hands: Hands, now: Inspected | None, began: float | None) -> Outcome | None:  # noqa: PLR0911  # a ladder
    if now is None:
        return hands.done("it has gone: nothing is left to restart")
    if now.state == "paused":
        return hands.gave_up("somebody has paused it: it is left alone")
    if now.state != "running":
        return hands.done(f"Docker says {now.state}: it is not restarted, its end is judged anew")
    if not same(now.started_at, began):
        # a life of ours that was ended in between may have left those that depend on it behind: they are drifts of their own
        return hands.done("it has been started anew since this was planned")
    if hands.parameter("reason") == "unhealthy" and now.health != "unhealthy":
        return hands.done(f"its health check says {now.health or 'nothing'} now")
    if reason := _without_network(hands, now):
        return hands.later(30.0, reason)
    return None


def _without_network(hands: Hands, now: Inspected) -> str:
    """Say why its start would fail for want of another one's network, "" = it would not."""
    if not now.network_mode.startswith(SHARED):
        return ""
    provider = hands.inspect(now.network_mode.removeprefix(SHARED))
    if provider is None:
        return "the container whose network it shares has gone: it cannot be started, only made anew"
    return "" if provider.state == "running" else f"'{provider.name}', whose network it shares, does not run"


@dataclass(frozen=True, slots=True)
class _Restarted:
    """How one restart ended: the container as it is now (None = gone), what the engine said of a failure, and whether it runs anew."""

    now: Inspected | None
    hint: str
    anew: bool

    @property
    def trouble(self) -> str:
        """Return what is wrong, in a few words; "" = nothing."""
        if self.anew:
            return ""
        if self.now is None:
            return "it has gone"
        if self.now.state == "running":
            return f"it runs on as before{_tail(self.hint, None)}"
        return f"it did not come up again: Docker says {self.now.state}{_tail(self.hint, self.now)}"


def _restart(hands: Hands, before: Inspected, grace: float | None) -> _Restarted:
    """Send one graceful restart and wait until the container runs anew."""
    patience = (before.stop_seconds if grace is None else grace) + MARGIN
    if hands.act.remaining() < patience:
        raise DeadlinePassed(f"a graceful stop of '{before.name}' may take {patience - MARGIN:.0f} s: there is no time left for it")
    hands.act.fence()
    hands.sent.append(restart_line(before.id, grace))
    hint = ""
    try:
        hands.engine.restart(before.id, grace, hands.seconds(patience))
    except UNCERTAIN as error:
        hint = f"{type(error).__name__}: {error}"
    hands.act.step("sent")
    last: list[Inspected | None] = [before]

    def anew() -> bool:
        now = last[0] = _look(hands, before)
        return now is None or (now.state == "running" and not same(now.started_at, before.started_at))

    # an answer means that it is over; without one Docker may still be waiting for the stop
    ended = hands.wait_for(anew, patience if hint else SETTLED)
    return _Restarted(last[0], hint, ended and last[0] is not None)


def _dependents(hands: Hands, provider: Inspected) -> str:
    """Restart those that were to follow, one after the other; return what is left to do, "" = nothing."""
    wanted = hands.parameter("dependents").split()
    if wanted and provider.health is not None:
        hands.wait_for(lambda: (now := _look(hands, provider)) is None or now.health != "starting", hands.settings.healthy_wait)
    left = []
    for container in wanted:
        now = hands.inspect(container)
        if now is None or now.state != "running" or (now.started_at or 0.0) > (provider.started_at or 0.0):
            continue  # gone, stopped or paused by somebody, or started anew already: it is left alone
        restarted = _restart(hands, now, None)
        if restarted.trouble:
            left.append(f"'{now.name}': {restarted.trouble}")
        hands.act.step("dependent")
    return f"it was started anew, but not all that depend on it: {', '.join(left)}" if left else ""


def _look(hands: Hands, before: Inspected) -> Inspected | None:
    """Look once while waiting; from an engine that does not answer just now, what was known before stands."""
    try:
        return hands.inspect(before.id)
    except UNCERTAIN:
        return before


def _tail(hint: str, after: Inspected | None) -> str:
    said = (after.checkup.error if after else "") or hint  # Docker's own word is whole, the answer's is cut
    code = f", exit code {after.exit_code}" if after is not None and after.state == "exited" else ""
    return f"{code}{f' ({said[:200]})' if said else ''}"
