"""One function per remedy. Each re-reads its precondition right before it sends, calls the fence last, marks every step, proves the end.

Run twice they have one effect: the second run finds the world mended and sends nothing. A status code proves nothing here (contract
section 3), so after each send the panel's detail and Docker are polled. Never sent: DELETE of an instance, kill, anything multi_*, a
forced removal.
"""

from __future__ import annotations

from typing import Final

from watchdog.errors import DeadlinePassed, NotFound, Refused, ServerFault, Unknown, Unreachable
from watchdog.model.hooks import Hook
from watchdog.model.repairs import Outcome
from watchdog.panels.mcsmanager.answers import inspected
from watchdog.panels.mcsmanager.hands import Hands
from watchdog.panels.mcsmanager.remedies import DELAYED_KILL_GUARD, start_of
from watchdog.panels.mcsmanager.sends import link_line, open_line, remove_line, stop_line
from watchdog.panels.mcsmanager.sight import LIVE, Candidate, identify
from watchdog.panels.mcsmanager.view import Daemon, Instance, SeenContainer, Status
from watchdog.runtime.hands import POLL
from watchdog.runtime.hooklines import hook_line

ENGINE_SECONDS: Final = 10.0
REASONS_TO_FAIL = (ServerFault, Unreachable, DeadlinePassed, Unknown)
"""After these a sent request may or may not have had its effect: look, do not send again."""


def open_instance(hands: Hands) -> Outcome:
    """Start a stopped instance through the panel (contract section 3, B)."""
    refusal = _not_to_be_opened(hands)
    if refusal:
        return refusal
    hands.act.step("checked")
    return _open(hands)


def stop_container_then_open(hands: Hands) -> Outcome:
    """End an orphan gracefully, wait until it is gone, start the instance (contract section 3, D)."""
    if hands.engine_read is None or hands.engine_act is None:
        return hands.gave_up("no Docker engine may be acted on from here: configure collectors.docker")
    now = hands.client.detail(hands.daemon, hands.instance).instance
    if now.status is not Status.STOPPED:
        return hands.done(f"the panel says {now.status.word}: nothing to stop")
    container = _inspect(hands)
    if container and container.state in LIVE:
        if identify(now, container) not in ("label", "mount"):
            return hands.gave_up("neither its label nor its image and mount say that the container is the instance's")
        hands.act.step("checked")
        hands.act.fence()
        grace = hands.settings.stop_grace
        hands.sent.append(stop_line(container.id, grace))
        hands.engine_act.stop(container.id, grace, hands.seconds(grace + ENGINE_SECONDS))
        hands.act.step("stopped")
    if not hands.wait_for(lambda: _inspect(hands) is None, 60.0):
        return hands.later(60.0, "the container has ended but has not gone; it is a leftover now")
    refusal = _not_to_be_opened(hands)
    return refusal or _open(hands)


def remove_leftover(hands: Hands) -> Outcome:  # noqa: PLR0911  # a ladder of guards
    """Remove a dead container that has the instance's name, without force; start the instance if that was planned."""
    if hands.engine_read is None or hands.engine_act is None:
        return hands.gave_up("no Docker engine may be acted on from here: configure collectors.docker")
    now = hands.client.detail(hands.daemon, hands.instance).instance
    if now.status is not Status.STOPPED:
        return hands.done(f"the panel says {now.status.word}: nothing is in its way")
    container = _inspect(hands)
    if container:
        if container.state not in ("created", "exited"):
            return hands.later(30.0, f"Docker says '{container.state}': not a leftover now")
        if identify(now, container) not in ("label", "mount"):
            return hands.gave_up("neither its label nor its image and mount say that the container is the instance's")
        hands.act.step("checked")
        hands.act.fence()
        hands.sent.append(remove_line(container.id))
        hands.engine_act.remove(container.id, hands.seconds(ENGINE_SECONDS))
        hands.act.step("removed")
        if not hands.wait_for(lambda: _inspect(hands) is None, 20.0):
            return hands.later(30.0, "the container is still there after its removal")
    if hands.repair.proposal.parameters.get("start") is not True:
        return hands.done("nothing holds the instance's name any more; starting it is up to you")
    refusal = _not_to_be_opened(hands)
    return refusal or _open(hands)


def relink_daemon(hands: Hands) -> Outcome:
    """Let the panel connect anew; only after three reads that say offline, for a live connection would be dropped (contract section 6)."""
    for number in range(3):
        if number:
            hands.act.sleep(2 * POLL)
        listed = _service(hands)
        if listed is None:
            return hands.gave_up("the panel does not know this daemon any more")
        if listed.available:
            return hands.done("the panel has it online again")
    hands.act.step("checked")
    hands.act.fence()
    hands.sent.append(link_line(hands.settings, hands.daemon))
    hands.client.link(hands.daemon, hands.seconds(hands.settings.timeout))
    hands.act.step("sent")
    if hands.wait_for(lambda: (found := _service(hands)) is not None and found.available, 30.0):
        return hands.done("the panel has it online again")
    return hands.later(hands.settings.relink_after, "still offline: the daemon does not run or cannot be reached")


def restart_daemon(hands: Hands, hook: Hook | None) -> Outcome:  # noqa: PLR0911  # a ladder of guards
    """Restart the daemon by its hook while Docker is well, and prove by the fall of its process time that it did restart."""
    if hook is None or hook_line(hook) != hands.parameter("hook"):
        return hands.gave_up("the hook was changed or removed since this was planned")
    before = hands.client.daemon(hands.daemon)
    if before is None or not before.available or before.instances is None:
        return hands.later(30.0, "the daemon is offline or does not list its instances")
    facts = hands.repair.proposal.facts
    if facts.get("spares_instances") is True and not before.spares_instances:
        return hands.gave_up("its soft shutdown was switched off since this was planned: a restart would kill game servers now")
    if before.containers is None or (facts.get("local") is True and not hands.act.actual().gate.open):
        return hands.later(30.0, "its Docker is not well; a restart now could lose running game servers")
    seen_cpu = facts.get("process_cpu")
    if isinstance(seen_cpu, int) and before.process_cpu is not None and before.process_cpu < seen_cpu:
        return hands.done("the daemon has been restarted already")
    if not _still_ill(hands.repair.drift_keys, before):
        return hands.done("what it was to mend is gone")
    if reason := _occupied(hands):
        return hands.later(60.0, reason)
    hands.act.step("checked")
    hands.act.fence()
    hands.sent.append(hook_line(hook))
    hands.hooks.run(hook, hands.seconds(120.0))
    hands.act.step("restarted")
    back = hands.wait_for(lambda: _restarted(hands, before), 90.0)
    return hands.done("the daemon restarted and is back") if back else hands.later(60.0, "the hook ended, but the daemon is not back yet")


def _occupied(hands: Hands) -> str:
    """Read once more, right before the hook, what a restart would break into; "" = nothing. A start that was stuck already may end."""
    stuck = str(hands.repair.proposal.facts.get("starting", "")).split()
    for item in hands.client.instances(hands.daemon):
        if item.status is Status.BUSY:
            return f"'{item.nickname}' is being installed or updated"
        if item.status is Status.STARTING and start_of(item) not in stuck:
            return f"'{item.nickname}' has begun to start since this was planned"
    return ""


def _not_to_be_opened(hands: Hands) -> Outcome | None:
    """Re-read everything an open depends on; None = it may be opened."""
    now = hands.client.detail(hands.daemon, hands.instance).instance
    match now.status:
        case Status.RUNNING:
            return hands.done("it runs already")
        case Status.STARTING:
            return _prove(hands, "it is starting already")
        case Status.STOPPING | Status.BUSY:
            return hands.later(30.0, f"the panel says {now.status.word}")
    try:
        seen = hands.client.containers(hands.daemon)
    except REASONS_TO_FAIL as error:
        return hands.later(30.0, f"the daemon's Docker does not answer ({type(error).__name__})")
    if any(identify(now, _candidate(item)) for item in seen):
        return hands.gave_up("a container with its label or name runs: opening it would only answer 409")
    return None


def _open(hands: Hands) -> Outcome:
    hands.act.fence()
    hands.sent.append(open_line(hands.settings, hands.daemon, hands.instance))
    try:
        said = hands.client.open(hands.daemon, hands.instance, hands.seconds(hands.settings.timeout))
        hint = "" if said else "the panel's answer was empty"  # a timeout of the daemon is answered 200 {} (head-hang-open.json)
    except REASONS_TO_FAIL as error:
        hint = f"the panel answered {type(error).__name__}"
    hands.act.step("sent")
    return _prove(hands, hint)


def _prove(hands: Hands, hint: str) -> Outcome:
    """Poll until it runs on both sides. Stopped again = the start failed: nothing is opened for eight seconds (the delayed kill)."""
    last: list[Instance] = []

    def settled() -> bool:
        try:
            now = hands.client.detail(hands.daemon, hands.instance).instance
            last[:] = [now]
            running = now.status is Status.RUNNING and any(
                identify(now, _candidate(item)) for item in hands.client.containers(hands.daemon)
            )
        except REASONS_TO_FAIL:
            return False
        return running or now.status is Status.STOPPED

    ended = hands.wait_for(settled, 60.0)
    tail = f" ({hint})" if hint else ""
    if ended and last and last[0].status is Status.RUNNING:
        return hands.done("it runs, and Docker has its container")
    if ended:
        return hands.later(DELAYED_KILL_GUARD + 2.0, f"the start failed{tail}")
    return hands.later(60.0, f"it has not come up within the time{tail}")


def _inspect(hands: Hands) -> Candidate | None:
    """Return the container as the engine has it now; None = it is gone. Raises what the engine raises."""
    if hands.engine_read is None:
        raise Refused("there is no engine to look at")
    try:
        return inspected(hands.engine_read.inspect(hands.parameter("container"), hands.seconds(ENGINE_SECONDS)))
    except NotFound:
        return None


def _service(hands: Hands) -> Daemon | None:
    return next((item for item in hands.client.services() if item.uuid == hands.daemon), None)


def _restarted(hands: Hands, before: Daemon) -> bool:
    try:
        now = hands.client.daemon(hands.daemon)
    except REASONS_TO_FAIL:
        return False
    if now is None or not now.available or now.instances is None or now.process_cpu is None:
        return False
    return before.process_cpu is None or now.process_cpu < before.process_cpu


def _still_ill(drift_keys: tuple[str, ...], daemon: Daemon) -> bool:
    """Whether one of the drifts still shows in the panel's own answers. A dead stream cannot be seen there: its process time says more."""
    for key in drift_keys:
        kind, uuid = key.split("/")[2], key.rsplit("/", 1)[-1]
        item = next((each for each in daemon.instances or () if each.uuid == uuid), None)
        if item is not None and _ill(kind, item, any(identify(item, _candidate(each)) for each in daemon.containers or ())):
            return True
    return False


def _ill(kind: str, item: Instance, contained: bool) -> bool:
    match kind:
        case "ghost_running":
            return item.status in (Status.RUNNING, Status.STOPPING) and not contained
        case "orphan":
            return item.status is Status.STOPPED and contained
        case "stuck_starting":
            return item.status is Status.STARTING
        case "dead_stream":
            return item.status is Status.RUNNING and contained
    return False


def _candidate(item: SeenContainer) -> Candidate:
    return Candidate(item.id, item.name, item.state, item.image, item.instance, item.sources)
