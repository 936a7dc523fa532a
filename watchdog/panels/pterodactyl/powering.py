"""Power and sync of a server, by the table of contract section 6.2: what heals depends on Wings' state, the container, and the stop type.

Everything is read again right before the send: Wings' own word, Docker's word, and the panel's state of the server. The panel's route goes
before Wings' own, which is for a panel that is down. Both only accept; so the end is looked for, and the next looks prove it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from watchdog.errors import DeadlinePassed, MalformedAnswer, NotFound, ServerFault, Throttled, Unreachable
from watchdog.model.repairs import Outcome
from watchdog.panels.pterodactyl import remedies
from watchdog.panels.pterodactyl.hands import Hands
from watchdog.panels.pterodactyl.sends import power_line, sync_line, wings_line
from watchdog.panels.pterodactyl.view import RESTORING, Server, WingsServer
from watchdog.runtime import shapes

Container = Literal["running", "exited", "missing"]
REST: Final = 60.0
"""Seconds to the next try when something is in the way."""
HEAL: Final = 60.0
"""Seconds after which a state that did not change is called stale (section 6.2). A start that pulls an image takes longer than that."""
ENGINE_SECONDS: Final = 10.0
UP: Final = frozenset({"running", "starting"})
_DOWN: Final = (Unreachable, ServerFault, DeadlinePassed)
"""The panel is down: then, and only then, Wings itself is told."""
_LOST: Final = (Unreachable, DeadlinePassed, MalformedAnswer, ServerFault, Throttled)
"""After these the signal may or may not have been taken: look, do not send it again."""
_LIVE: Final = frozenset({"running", "paused", "restarting", "removing"})


HEALS: Final[Mapping[tuple[str, bool, Container], str]] = {
    (remedies.START, True, "running"): "Wings finds the container running and takes it over",
    (remedies.START, True, "missing"): "Wings makes a new container and starts it",
    (remedies.START, True, "exited"): "Wings makes a new container and starts it",
    (remedies.RESTART, False, "missing"): "Wings makes a new container and starts it",
    (remedies.RESTART, False, "exited"): "Wings makes a new container and starts it",
    (remedies.STOP, False, "missing"): "Wings finds no container and says offline",
    (remedies.KILL, False, "exited"): "the container has ended: only Wings' state is mended",
}
"""By remedy, whether Wings says offline, and the container: what the signal does where it heals. Anything else is not sent."""
STOPS: Final = frozenset({"command", "stop"})
"""The stop types with which a stop of a missing container heals."""
NEVER: Final[Mapping[tuple[str, Container], str]] = {
    (remedies.START, "missing"): "a start does nothing while Wings holds the server for running",
    (remedies.START, "exited"): "a start does nothing while Wings holds the server for running",
    (remedies.STOP, "exited"): "a stop may leave it stopping for ever: an ended container wants a kill",
    (remedies.STOP, "missing"): "with this stop type only a restart of Wings helps, when nothing is in flight there",
    (remedies.KILL, "missing"): "a kill of a missing container changes nothing",
    **{(remedy, "running"): "a container runs: this would end it" for remedy in (remedies.RESTART, remedies.STOP, remedies.KILL)},
}


@dataclass(frozen=True, slots=True)
class Sides:
    """One server from all sides, a moment ago. ``listed`` None = the panel is down; ``node`` is the local node's uuid."""

    node: str
    listed: Server | None
    told: WingsServer
    container: Container


@dataclass(frozen=True, slots=True)
class Effect:
    """What a signal would do: ``heals``, nothing to do any more (``over``), not now (``wait``) or not by this (``never``)."""

    word: Literal["heals", "over", "wait", "never"]
    message: str


def power(hands: Hands) -> Outcome:
    """Send the one signal of the proposal, where the table says that it heals."""
    sides = _sides(hands)
    if isinstance(sides, Outcome):
        return sides
    remedy, facts = hands.repair.proposal.remedy, hands.repair.proposal.facts
    effect = effect_of(remedy, sides.told.state, sides.container, str(facts.get("stop_type", "none")))
    if effect.word == "wait":
        return hands.later(REST, effect.message)
    if effect.word != "heals":
        return hands.done(effect.message) if effect.word == "over" else hands.gave_up(effect.message)
    hands.act.step("checked")
    return _sent(hands, sides, remedy)


def _sent(hands: Hands, sides: Sides, remedy: str) -> Outcome:
    """Send it, and look for a minute whether it heals."""
    lost = _send(hands, sides, remedies.POWER[remedy])
    hands.act.step("sent")
    if hands.wait_for(lambda: _healed(hands, remedy), HEAL):
        return hands.done("Wings and Docker agree again")
    if lost:
        return hands.later(REST, f"{lost}, and nothing has changed")
    if remedy in {remedies.STOP, remedies.KILL}:
        return hands.gave_up("Wings keeps its state: only a restart of Wings helps, when nothing is in flight there")
    return hands.done("Wings took it and is at work; the next looks tell")


def effect_of(remedy: str, state: str, container: Container, stop_type: str) -> Effect:
    """Return what a signal does, by Wings' ``state``, the container and the egg's ``stop_type`` (the table of section 6.2). Pure."""
    heals = HEALS.get((remedy, state == "offline", container))
    if heals is not None and (remedy != remedies.STOP or stop_type in STOPS):
        return Effect("heals", heals)
    if (state in UP) == (container == "running") and state != "stopping":
        return Effect("over", "Wings and Docker agree already")
    if state == "stopping" and container == "running":
        return Effect("wait", "it is stopping")
    return Effect("never", NEVER.get((remedy, container), "this does not mend it"))


def sync(hands: Hands) -> Outcome:
    """Let Wings read one server anew from the panel."""
    listed = hands.client.server(hands.server)
    if listed.status == RESTORING or listed.transferring:
        return hands.later(REST, "a restore or a transfer is under way")
    if not _apart(hands, listed):
        return hands.done("Wings has it as the panel does")
    hands.act.step("checked")
    hands.act.fence()
    hands.sent.append(sync_line(hands.server))
    try:
        hands.client.wings_sync(hands.server, hands.seconds(hands.settings.wings_timeout))
        lost = ""
    except _LOST as error:
        lost = f"the answer was lost ({type(error).__name__})"
    hands.act.step("sent")
    if hands.wait_for(lambda: not _apart(hands, listed), HEAL):
        return hands.done("Wings has it as the panel does")
    return hands.later(REST, lost or "Wings took it, but still has it otherwise")


def _apart(hands: Hands, listed: Server) -> bool:
    """Whether Wings has the server otherwise than the panel: not suspended where it should be, running though it is, or the reverse."""
    told = hands.client.wings(listed.node).server(hands.server)
    if told is None:
        return True
    return told.suspended != listed.suspended or (listed.suspended and told.state != "offline")


def _sides(hands: Hands) -> Sides | Outcome:  # noqa: PLR0911  # a ladder of guards
    """Read the server from all sides, now, or say why nothing may be done. A panel that is down is no reason: Wings can be told."""
    local = hands.look().local
    if local is None:
        return hands.later(REST, "place_unproven: no Wings configuration on this host can be read")
    try:
        listed = hands.client.server(hands.server)
    except _DOWN:
        listed = None
    if listed is not None and listed.node != local.uuid:
        return hands.gave_up("elsewhere: the server is on another node now")
    if listed is not None and listed.conflicted:
        return hands.later(REST, f"the panel lets nobody act on it now: {listed.status or 'it is moved, or its node is under maintenance'}")
    wings = hands.client.wings(local.uuid)
    if wings.servers is None:
        return hands.later(REST, f"Wings cannot be asked: {wings.error}")
    told = wings.server(hands.server)
    if told is None:
        return hands.gave_up("Wings does not know this server")
    if told.suspended:
        return hands.later(REST, "Wings has it suspended")
    if not hands.act.actual().gate.open:
        return hands.later(REST, "Docker is not well")
    return Sides(local.uuid, listed, told, _container(hands))


def _container(hands: Hands) -> Container:
    """Return what Docker says of the server's container, which has its uuid for a name. Raises what the engine raises."""
    engine = hands.ports.engine_read
    if engine is None:
        raise Unreachable("no Docker engine is configured: set collectors.docker")
    try:
        whole = shapes.mapping(engine.inspect(hands.server, hands.seconds(ENGINE_SECONDS)), "inspect")
    except NotFound:
        return "missing"
    status = shapes.text(shapes.mapping(shapes.member(whole, "State", "inspect"), "inspect.State"), "Status", "inspect.State")
    return "running" if status in _LIVE else "exited"


def _send(hands: Hands, sides: Sides, signal: str) -> str:
    """Send one signal by the panel, or by Wings when the panel is down; return why its answer was lost, "" = it was taken."""
    hands.act.fence()
    send: Callable[[str, str, float], None]
    if sides.listed is not None:
        send, line, most = hands.client.power, power_line(hands.settings, hands.server, signal), hands.settings.timeout
    else:
        send, line, most = hands.client.wings_power, wings_line(hands.server, signal), hands.settings.wings_timeout
    hands.sent.append(line)
    try:
        send(hands.server, signal, hands.seconds(most))
    except _LOST as error:
        return f"the answer was lost ({type(error).__name__})"
    return ""


def _healed(hands: Hands, remedy: str) -> bool:
    local = hands.look().local
    told = hands.client.wings(local.uuid).server(hands.server) if local is not None else None
    if told is None:
        return False
    try:
        container = _container(hands)
    except _LOST:
        return False
    up = told.state in UP and container == "running"
    wanted: Mapping[str, bool] = {remedies.STOP: told.state == "offline", remedies.KILL: told.state == "offline"}
    return wanted.get(remedy, up)
