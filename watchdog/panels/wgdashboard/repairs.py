"""One function per remedy. Each re-reads its precondition right before it sends, calls the fence last, marks every step, looks at the end.

Run twice they have one effect: the second run finds another life of the panel, or the world mended, and sends nothing. Never sent: a HUP, a
signal to the worker, a toggle of a tunnel (contract sections 3.3 and 3.5).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from watchdog.errors import DeadlinePassed, ServerFault, Stopping, Temporary, Unknown, Unreachable, WatchdogError
from watchdog.model.drifts import Scalar
from watchdog.model.hooks import ContainerHook, ExecHook, Hook
from watchdog.model.repairs import Outcome, Risk
from watchdog.panels.wgdashboard import remedies
from watchdog.panels.wgdashboard.hands import Hands
from watchdog.panels.wgdashboard.sends import reread_line
from watchdog.panels.wgdashboard.traces import Evidence
from watchdog.panels.wgdashboard.view import LONGER_THRESHOLD_SINCE, Access, WgdashboardView, parse_version
from watchdog.runtime.hooklines import hook_line

REASONS_TO_FAIL = (ServerFault, Unreachable, DeadlinePassed, Unknown)
"""After these a sent request may or may not have had its effect: look, do not send again."""
HOOK_SECONDS: Final = 120.0
BACK_SECONDS: Final = 60.0
"""Seconds for the panel to answer after its restart: 2 to 6 s were seen, and more while it raises tunnels."""
REREAD_SECONDS: Final = 40.0
"""Seconds for a re-read: 0.2 s on an idle machine, 6 s on a busy one were seen."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """The panel as it is right now: view, evidence, and the dangers of a restart as ``dangers`` finds them now."""

    view: WgdashboardView
    evidence: Evidence
    dangers: dict[str, Scalar]


def restart_panel(hands: Hands, hook: Hook | None, look: Callable[[], Fresh]) -> Outcome:
    """Restart the panel by its hook, once, if it is still the same life of it and still ill; wait until it answers."""
    if hook is None or hook_line(hook) != hands.parameter("hook"):
        return hands.gave_up("the hook was changed or removed since this was planned")
    if isinstance(hook, ContainerHook | ExecHook) and not hands.act.actual().gate.open:
        return hands.later(30.0, "Docker is not well, and the hook needs it")
    now = look()
    if reason := _mended(hands, now):
        return hands.done(reason)
    if hands.repair.risk is not Risk.DESTRUCTIVE and remedies.restart_risk({**now.dangers, "again": False}) is not Risk.SAFE:
        return hands.later(60.0, f"it has become dangerous since this was planned: {_danger(now.dangers)}")
    hands.act.step("checked")
    hands.act.fence()
    hands.sent.append(hook_line(hook))
    try:
        hands.hooks.run(hook, hands.seconds(HOOK_SECONDS))
        hint = ""
    except Stopping:
        raise
    except Temporary as error:
        hint = f"; the hook said: {error}"  # it may have done its work all the same
    hands.act.step("restarted")
    if hands.wait_for(lambda: _another_life(hands), BACK_SECONDS):
        return hands.done("the panel restarted and answers; its first pass comes ten seconds later")
    return hands.later(60.0, f"the hook ended, and the panel has not been seen to restart{hint}")


def reread(hands: Hands) -> Outcome:  # noqa: PLR0911  # a ladder of guards
    """Let the panel read its folder anew while the configuration's file is gone and it still knows the name (contract section 3.4)."""
    name, path = hands.parameter("configuration"), hands.parameter("path")
    evidence = hands.evidence()
    if evidence.files is None or evidence.ini is None:
        return hands.later(30.0, "neither its files nor its ini can be seen now")
    if name in evidence.files:
        return hands.done("the configuration's file is there again")
    if evidence.ini.wg_directory != path:
        return hands.gave_up("the panel's folder of configurations was changed since this was planned")
    if not evidence.files:
        return hands.later(60.0, "its whole folder is empty now: is it mounted? The panel would forget everything")
    if evidence.process is not None and evidence.process.respawned and hands.repair.risk is not Risk.DESTRUCTIVE:
        return hands.gave_up("the worker is not the master's first any more: it would save old settings over the ini")
    if hands.client.configuration(name, hands.seconds(hands.settings.timeout)).unknown:
        return hands.done("the panel has forgotten the configuration already")
    version = parse_version(hands.client.version())
    if version is None or version < LONGER_THRESHOLD_SINCE:
        return hands.gave_up("a re-read could kill the thread of this version")
    hands.act.step("checked")
    hands.act.fence()
    hands.sent.append(reread_line(hands.settings, path))
    hint = ""
    try:
        hands.client.reread(path, hands.seconds(REREAD_SECONDS))
    except REASONS_TO_FAIL as error:
        hint = f" (the panel answered {type(error).__name__})"
    hands.act.step("sent")
    if hands.wait_for(lambda: _forgotten(hands, name), REREAD_SECONDS):
        return hands.done("the panel has read its folder anew and has forgotten the configuration without a file")
    return hands.later(120.0, f"the panel still knows the configuration{hint}")


def _mended(hands: Hands, now: Fresh) -> str:
    """Say why a restart is not needed any more; "" = it is."""
    facts = hands.repair.proposal.facts
    life = remedies.life_of(now.view, now.evidence)
    if facts.get("master") and life["master"] and life["master"] != facts["master"]:
        return "the panel has been restarted already"
    if life["session_lost"] is not None and life["session_lost"] != facts.get("session_lost"):
        return "the panel has been restarted already: it has forgotten our session"
    kinds = {key.split("/", 3)[2] for key in hands.repair.drift_keys}
    stale = "stale_worker" in kinds and now.view.access is Access.FEATURE_OFF
    witness = now.view.configuration(str(facts.get("witness", "")))
    if stale or "thread_dead" not in kinds:
        return "" if stale else "the worker accepts the key again"
    if witness is not None and not witness.error and not witness.unknown and remedies.sample_of(witness) != facts.get("shows"):
        return "its thread samples again"
    return ""


def _danger(dangers: dict[str, Scalar]) -> str:
    if dangers.get("tunnels_end") is not False:
        return "tunnels may end with the panel"
    return f"it would bring up {dangers.get('raises') or 'what somebody may have taken down'}"


def _another_life(hands: Hands) -> bool:
    """Whether the panel answers, and is another one than the one that was to be restarted."""
    facts, evidence = hands.repair.proposal.facts, hands.evidence()
    try:
        hands.client.version()
        if evidence.process is not None and facts.get("master"):
            process = evidence.process
            return f"{process.master} {process.master_began:.2f}" != facts["master"]
        hands.client.configuration(str(facts.get("witness", "")), hands.seconds(hands.settings.timeout))
    except Stopping:
        raise
    except WatchdogError:
        return False
    lost = hands.client.session_lost
    return lost is not None and round(lost.mono, 3) != facts.get("session_lost")


def _forgotten(hands: Hands, name: str) -> bool:
    try:
        return hands.client.configuration(name, hands.seconds(hands.settings.timeout)).unknown
    except REASONS_TO_FAIL:
        return False
