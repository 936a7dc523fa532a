"""The rules about servers: what Wings says beside what Docker says, and what never ends (contract sections 5.1 and 6.2). Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from watchdog.model.drifts import Drift, Proposal, Scalar, Subject
from watchdog.model.parts import NOTHING_SAID, Part, joined, one, only, unsure
from watchdog.model.repairs import ObjectHistory
from watchdog.panels.pterodactyl import crashes, remedies
from watchdog.panels.pterodactyl.notes import ServerNote, rounded
from watchdog.panels.pterodactyl.scene import ELSEWHERE, Scene, server_subject
from watchdog.panels.pterodactyl.stock import canonical
from watchdog.panels.pterodactyl.view import INSTALLING, RESTORING, Server, WingsServer
from watchdog.panels.pterodactyl.wishes import wish_of

PULL: Final = 1200.0
"""Seconds that a start may take before its container is there: Wings gives an image 15 minutes (contract section 6.2)."""
STOP: Final = 900.0
"""Seconds that a stop may take: ten minutes, then SIGKILL (contract section 6.2)."""
NEEDS_WINGS: Final = "only a restart of Wings mends it: restart it yourself when nothing is in flight (it kills backups under way)"
UP: Final = ("running", "starting")


def about_servers(scene: Scene) -> Part:
    """Judge each server; remember since when it is as it is."""
    parts = [_about(scene, server, _remember(scene, server)) for server in scene.view.servers]
    return joined((*parts, only(*_unknown_containers(scene))))


def _remember(scene: Scene, server: Server) -> ServerNote:
    status = "transferring" if server.transferring else server.status
    wings = scene.view.wings_of(server)
    old = scene.notes.server(server.uuid)
    now = rounded(scene.wall)
    state = wings.state if wings is not None else (old.state if old is not None else "")
    since = min(old.since, scene.wall) if old is not None and old.status == status else scene.wall
    state_since = min(old.state_since, scene.wall) if old is not None and old.state == state else scene.wall
    runs = wings is not None and wings.state == "running" and (not scene.here(server) or scene.engine.standing(server.uuid) == "running")
    ran = now if runs else (old.ran_at if old is not None else None)
    note = ServerNote(status, since, state, state_since, ran if ran is None else min(ran, now))
    scene.notes.keep_server(server.uuid, note)
    crashes.remember(scene, server)
    return note


def _about(scene: Scene, server: Server, note: ServerNote) -> Part:  # noqa: PLR0911  # a ladder
    subject, node = server_subject(server), scene.view.node(server.node)
    lasting = [_install(scene, server, note), _restore(scene, server, note), _transfer(scene, server, note)]
    if node is None:
        return joined((only(*lasting), unsure(subject, "node_unknown", "the panel's two APIs do not agree yet on which node it is")))
    wings = node.wings.server(server.uuid)
    if node.wings.servers is None and node.uuid != scene.node and not scene.settings.node_tokens:
        return one(subject, *lasting)  # we hold no token of its Wings: it is judged by what the panel says
    if node.wings.servers is None:
        return joined((only(*lasting), unsure(subject, "wings_unread", node.wings.error or "its Wings has not been asked")))
    if scene.here(server) and scene.settling:
        return joined((only(*lasting), unsure(subject, "wings_settling", "Wings was started less than two minutes ago")))
    if wings is None:
        return one(subject, *lasting, _unknown_to_wings(scene, server))
    found = joined((one(subject, *lasting, _suspended(scene, server, wings)), crashes.out_of_memory(scene, server)))
    if server.conflicted or not scene.here(server):
        return found
    return joined((found, _beside_docker(scene, server, wings, note)))


def _beside_docker(scene: Scene, server: Server, wings: WingsServer, note: ServerNote) -> Part:
    subject, engine = server_subject(server), scene.engine
    if not engine.clear:
        if engine.reason == "unplaced" and wings.state == "offline":
            return NOTHING_SAID  # a node whose servers were never started has no container that could prove anything
        return unsure(subject, engine.reason, engine.message)
    drift = _ghost(scene, server, wings, note) or _unseen(scene, server, wings)
    return one(subject, drift) if drift is not None else crashes.crashed(scene, server, wings, note)


def _ghost(scene: Scene, server: Server, wings: WingsServer, note: ServerNote) -> Drift | None:
    """Report that Wings believes in a server whose container is gone or has ended; what heals it stands in section 6.2."""
    standing = scene.engine.standing(server.uuid)
    if wings.state == "offline" or standing not in ("missing", "exited"):
        return None
    age = scene.wall - note.state_since
    if (wings.state == "starting" and age < PULL) or (wings.state == "stopping" and age < STOP):
        return None
    proposal, hold, why = _heal(scene, server, wings, note, standing)
    evidence: dict[str, Scalar] = {"state": wings.state, "container": standing, "stop_type": stop_type(scene, server), "wish": why}
    truth = "its container is gone" if standing == "missing" else "its container has ended"
    return scene.drift("server_ghost", server_subject(server), truth, f"Wings says {wings.state}", evidence, proposal, hold)


def _heal(scene: Scene, server: Server, wings: WingsServer, note: ServerNote, standing: str) -> tuple[Proposal | None, str | None, str]:
    """Return what heals a stale state, or why nothing does, and why it is wanted so or so."""
    wish, stop = wish_of(scene.settings, server, note), stop_type(scene, server)
    if wings.state == "starting":
        return None, "its start hangs: look at Wings' log, an image may not be found", wish.why
    if _failed_before(scene, server):
        return None, NEEDS_WINGS, wish.why
    if wings.state == "running" and wish.want != "down":
        return _power(scene, remedies.RESTART, server, wings, standing, wish.word), None, wish.why
    if standing == "exited":
        return _power(scene, remedies.KILL, server, wings, standing, "known"), None, wish.why
    if wings.state == "running" and stop in ("command", "stop"):
        return _power(scene, remedies.STOP, server, wings, standing, "known"), None, wish.why
    return None, NEEDS_WINGS, wish.why


def _unseen(scene: Scene, server: Server, wings: WingsServer) -> Drift | None:
    """Report a container that runs while Wings says offline: a start adopts it and restarts nothing."""
    if wings.state != "offline" or scene.engine.standing(server.uuid) != "running":
        return None
    unwanted = scene.settings.wish(server.uuid, server.name) == "stopped"
    remedy = remedies.STOP if unwanted else remedies.START
    proposal = _power(scene, remedy, server, wings, "running", "known")
    evidence: dict[str, Scalar] = {"state": wings.state, "container": "running", "expect": "stopped" if unwanted else ""}
    return scene.drift("server_unseen", server_subject(server), "its container runs", "Wings says offline", evidence, proposal)


def _suspended(scene: Scene, server: Server, wings: WingsServer) -> Drift | None:
    """Report that panel and Wings do not agree on a suspension; a finished restore clears it in Wings (contract section 5.1)."""
    runs = wings.state in UP
    if server.suspended and (runs or not wings.suspended):
        truth = "Wings has it running" if runs else "Wings does not have it suspended"
        belief, stops = "the panel has suspended it", runs
    elif wings.suspended and not server.conflicted:
        truth, belief, stops = "Wings has it suspended", "the panel has not", False
    else:
        return None
    mine = scene.here(server) or (scene.settings.owner and scene.settings.node_tokens)
    proposal = remedies.sync_server(scene.settings.name, server.uuid, stops=stops) if mine else None
    evidence: dict[str, Scalar] = {"panel": server.suspended, "wings": wings.suspended, "state": wings.state}
    hold = None if mine else ELSEWHERE
    return scene.drift("server_suspended_running", server_subject(server), truth, belief, evidence, proposal, hold)


def _unknown_to_wings(scene: Scene, server: Server) -> Drift | None:
    if server.transferring or server.status == INSTALLING:
        return None
    node = scene.view.node(server.node)
    evidence: dict[str, Scalar] = {"node": node.name if node is not None else server.node, "status": server.status}
    hold = (
        "Wings failed to load it at its start: look at its log, mend the cause and restart Wings; never create it anew, that re-installs it"
    )
    truth = "its Wings does not know it"
    return scene.drift("server_unknown_to_wings", server_subject(server), truth, "the panel has it on that node", evidence, None, hold)


def _install(scene: Scene, server: Server, note: ServerNote) -> Drift | None:
    if server.status != INSTALLING or scene.wall - note.since < scene.settings.install_after:
        return None
    installer = scene.engine.installers.get(server.uuid)
    if scene.here(server) and (not scene.engine.clear or (installer is not None and installer.running)):
        return None  # it is at it, or that cannot be seen
    evidence: dict[str, Scalar] = {"installer": installer is not None, "seen": scene.here(server)}
    hold = "Wings' report of its end is lost, or it failed: a restart of Wings sets it back when nothing else is in flight"
    truth = "no installation runs for it" if scene.here(server) else "it has lasted too long"
    return scene.drift(
        "server_install_stuck", server_subject(server), truth, "the panel says that it is being installed", evidence, None, hold
    )


def _restore(scene: Scene, server: Server, note: ServerNote) -> Drift | None:
    if server.status != RESTORING or scene.wall - note.since < scene.settings.restore_after:
        return None
    hold = "look at Wings' log whether it still unpacks; if not, a restart of Wings sets it back when nothing else is in flight"
    belief = "the panel says that a backup is being restored"
    return scene.drift("server_restore_stuck", server_subject(server), "it has lasted too long", belief, {}, None, hold)


def _transfer(scene: Scene, server: Server, note: ServerNote) -> Drift | None:
    if not server.transferring or scene.wall - note.since < scene.settings.transfer_after:
        return None
    hold = "look at both nodes where its files are before you end the transfer in the panel: a wrong guess loses them"
    belief = "the panel says that it is being moved"
    return scene.drift("server_transfer_stuck", server_subject(server), "it has lasted too long", belief, {}, None, hold)


def _unknown_containers(scene: Scene) -> Iterator[Drift]:
    """Find containers of Wings' whose server the panel does not have on this node; its own list for the node is the authority."""
    if scene.view.remote is None or not scene.engine.clear:
        return
    known = {each.uuid for each in scene.view.remote} | {each.uuid for each in scene.view.servers if each.transferring}
    for uuid, container in sorted({**scene.engine.installers, **scene.engine.servers}.items()):
        if uuid in known or not canonical(uuid):
            continue
        server = scene.view.server(uuid)
        evidence: dict[str, Scalar] = {"container": container.name, "state": container.state, "elsewhere": server is not None}
        belief = "the panel has its server on another node" if server is not None else "the panel has no such server"
        hold = f"look at it, then stop and remove it yourself: docker stop {container.name}"
        subject = Subject("server", uuid, server.name if server is not None else "")
        yield scene.drift("container_unknown", subject, f"the container {container.name} is here", belief, evidence, None, hold)


def stop_type(scene: Scene, server: Server) -> str:
    """Return how Wings stops a server, "" = not known."""
    return next((each.stop for each in scene.view.remote or () if each.uuid == server.uuid), "")


def _power(scene: Scene, remedy: str, server: Server, wings: WingsServer, container: str, wish: str) -> Proposal:
    stop = stop_type(scene, server)
    return remedies.power(
        scene.settings.name, remedy, server.uuid, state=wings.state, container=container, stop_type=stop, wish=wish
    )  # fmt: skip


def _failed_before(scene: Scene, server: Server) -> bool:
    history = scene.facts.history.get(remedies.server_object(scene.settings.name, server.uuid), ObjectHistory())
    return history.unverified > 0
