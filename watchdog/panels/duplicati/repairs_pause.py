"""The remedies of the whole server's pause: pause (and renew), resume. One function each; run twice they have one effect.

Each makes the ruling anew from a fresh reading and sends only if that still asks for it. What was sent is judged by reading again, never by
its status: orders answer 200 with an empty body, and a fault may come after the effect (contract section 2).
"""

from __future__ import annotations

from typing import Final

from watchdog.errors import DeadlinePassed, Refused, ServerFault, Unknown, Unreachable
from watchdog.model.moments import Moment
from watchdog.model.repairs import Outcome
from watchdog.panels.duplicati import sends_pause
from watchdog.panels.duplicati.hands import Hands
from watchdog.panels.duplicati.leases import Orders, Posted, lease_of, orders_of
from watchdog.panels.duplicati.remedies import server_object
from watchdog.panels.duplicati.remedies_pause import RESUME
from watchdog.panels.duplicati.rules_pause import HELD, scene_of
from watchdog.panels.duplicati.ruling import Scene, rule
from watchdog.panels.duplicati.states import ServerState

MAY_HAVE_WORKED: Final = (ServerFault, Unreachable, DeadlinePassed, Unknown, Refused)
"""After these an order may or may not have had its effect: look, do not send again."""
SOON: Final = 1.0


def pause(hands: Hands) -> Outcome:
    """Let the server pause for what is left of the orders, if a fresh look still asks for it; note what it announced."""
    scene = _scene(hands)
    ruling = rule(scene)
    if ruling.send not in {"pause", "renew"}:
        return hands.done(f"nothing to send: {ruling.truth or 'the pause is there'}")
    hands.act.step("checked")
    orders = orders_of(hands.standing(), frozenset() if hands.settings.enforce else scene.respected)
    seconds = None if orders is None else lease_of(orders.left, hands.settings.lease)
    if orders is None or seconds is None:
        return hands.done("nothing to send: the pause is over")
    life, at = hands.client.pulse().restarts, hands.clock.now()
    hands.act.hold(HELD, server_object(hands.settings.name), RESUME, {}, at.wall + seconds)
    hands.act.step("held")
    hands.act.fence()
    hint = _post(hands, seconds)
    hands.act.step("sent")
    state = hands.client.state(hands.seconds(hands.settings.timeout))
    if not _took(scene, state, at.wall + seconds):
        return hands.later(SOON, f"the server does not show the pause{hint}")
    hands.posts.note(_posted(orders, life, at, seconds, state))
    return hands.done(_said(scene, seconds, state))


def resume(hands: Hands) -> Outcome:
    """Let the server go on if a fresh look still shows our pause and no order of ours; give the record of it back."""
    scene = _scene(hands)
    ruling = rule(scene)
    if ruling.send != "resume":
        return hands.done(f"nothing to send: {ruling.truth or 'there is nothing to end'}")
    if ruling.kind == "pause_over":
        _give_back(hands)
        return hands.done(f"nothing sent, only our record is given back: {ruling.truth}")
    hands.act.step("checked")
    hands.act.fence()
    hands.sent.append(sends_pause.resume_line(hands.settings))
    hint = ""
    try:
        hands.client.resume(hands.seconds(hands.settings.timeout))
    except MAY_HAVE_WORKED as error:
        hint = f" (it answered {type(error).__name__})"
    hands.act.step("sent")
    state = hands.client.state(hands.seconds(hands.settings.timeout))
    if state.paused:
        return hands.later(SOON, f"the server is still paused{hint}")
    _give_back(hands)
    return hands.done("the server goes on")


def _scene(hands: Hands) -> Scene:
    view, facts = hands.fresh()
    return scene_of(hands.settings, view, facts, hands.posts.newest, hands.clock.now())


def _post(hands: Hands, seconds: int) -> str:
    """Send the pause; return what to add when it does not show."""
    transfers = hands.settings.transfers and hands.view.capabilities.transfers
    hands.sent.append(sends_pause.pause_line(hands.settings, seconds, transfers=transfers))
    try:
        hands.client.pause(seconds, transfers=transfers, seconds=hands.seconds(hands.settings.timeout))
    except MAY_HAVE_WORKED as error:
        return f" (it answered {type(error).__name__})"
    return ""


def _took(scene: Scene, after: ServerState, wanted: float) -> bool:
    """Whether a pause that we sent is there: timed, and another one than before. ``wanted`` is its end on our clock (UNIX seconds).

    A restored pause may have the very end that we ordered: then the server must have counted the event, too.
    """
    before = scene.state
    if not after.paused or after.pause_end is None:
        return False
    if not before.paused or after.pause_end != before.pause_end:
        return True
    counted = after.last_event - before.last_event >= (scene.capabilities.events or 1)
    return counted and abs(after.pause_end - scene.skew - wanted) <= scene.bounds.tolerance


def _posted(orders: Orders, life: int, at: Moment, seconds: int, state: ServerState) -> Posted:
    active = None if state.active is None else state.active.id
    return Posted(orders.names, life, at, state.at, seconds, state.pause_end or 0.0, active)


def _said(scene: Scene, seconds: int, state: ServerState) -> str:
    parts = [f"the server is paused for {seconds} s"]
    if scene.state.paused and not scene.ours:
        parts.append("in place of a pause of somebody else's")
    if state.active is not None:
        stands = scene.capabilities.stops_active
        parts.append("a run that had begun goes on to its end" if stands is False else "a run that had begun stands still")
    return "; ".join(parts)


def _give_back(hands: Hands) -> None:
    for each in hands.told.holdings:
        if each.what == HELD and each.object == server_object(hands.settings.name):
            hands.act.release(each.id)
