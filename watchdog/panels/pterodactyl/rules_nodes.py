"""The rules about nodes: the ways to and from them, their heartbeat, their Docker, their release, their console. Pure.

Contract sections 2.4, 4 and 5.3.
"""

from __future__ import annotations

from collections.abc import Iterator

from watchdog.model.drifts import Drift, Scalar
from watchdog.model.parts import Part, joined, one, only, unsure
from watchdog.panels.pterodactyl import releases
from watchdog.panels.pterodactyl.scene import Scene, node_subject
from watchdog.panels.pterodactyl.view import Node, Websocket

WAYS = {"no_credentials", "unreachable", "refused", "origin"}
ADVICE = {
    "no_credentials": "the panel gives no credentials for the console: look at its log",
    "unreachable": "nobody can connect to Wings' websocket: look at its address, port and certificate as browsers have them",
    "refused": "Wings refuses the panel's credentials: the node's token differs, or the clocks do",
    "origin": "Wings lets no browser in that comes from this panel's address: correct remote or allowed_origins in its configuration",
}


def about_nodes(scene: Scene) -> Part:
    """Judge every node by what the panel and its Wings say, and the local one by its heartbeat, too."""
    return joined(_about(scene, node) for node in scene.view.nodes)


def _about(scene: Scene, node: Node) -> Part:
    subject = node_subject(node)
    cut = list(cut_ways(scene, node))
    if node.maintenance and cut:
        return unsure(subject, "maintenance", f"it is under maintenance, and {cut[0][1]}")
    drifts = [_unreachable(scene, node, cut), _without_docker(scene, node), *_release(scene, node)]
    found = joined((one(subject, *drifts), *(_console(scene, node, each) for each in scene.view.websockets if each.node == node.uuid)))
    return joined((found, _heartbeat(scene, node))) if node.uuid == scene.node else found


def cut_ways(scene: Scene, node: Node) -> Iterator[tuple[str, str]]:
    """Yield (word, sentence) of each of the three ways that is known to be cut."""
    if node.wings.reachable is False:
        yield "us_to_wings", f"Wings does not answer us ({node.wings.error or 'no connection'})"
    if node.panel_reaches is False:
        yield "panel_to_wings", "the panel does not reach its Wings"
    if node.uuid == scene.node and scene.view.callback.state == "unreachable":
        yield "wings_to_panel", "the panel cannot be reached from it"


def _unreachable(scene: Scene, node: Node, cut: list[tuple[str, str]]) -> Drift | None:
    if not cut:
        return None
    evidence: dict[str, Scalar] = {
        "cut": " ".join(word for word, _ in cut), "address": node.address, "local": node.local, "error": node.wings.error,
        "wings_answers_us": node.wings.reachable, "panel_reaches": node.panel_reaches,
    }  # fmt: skip
    hold = "look whether its Wings runs, and at the network between them; a restart of Wings would kill what is under way"
    truth = "; ".join(sentence for _, sentence in cut)
    return scene.drift("node_unreachable", node_subject(node), truth, "the panel has servers there", evidence, None, hold)


def _without_docker(scene: Scene, node: Node) -> Drift | None:
    if node.wings.docker is not False:
        return None
    hold = "look at Docker on the node: until it answers nothing there can be started or stopped"
    evidence: dict[str, Scalar] = {"wings": node.wings.version, "local": node.local}
    truth = "its Wings answers, and Docker does not answer Wings"
    return scene.drift("node_without_docker", node_subject(node), truth, "the panel shows the node as well", evidence, None, hold)


def _release(scene: Scene, node: Node) -> Iterator[Drift]:
    rows = releases.wings_rows(scene.view.version, node.wings.version, scene.settings.versions, flavour=scene.settings.flavour)
    wrong = [row for row in rows if row.grade in ("broken", "wrong")]
    if node.wings.version and wrong:
        evidence: dict[str, Scalar] = {
            "wings": node.wings.version, "panel": scene.view.version or "unknown", "row": " ".join(row.name for row in wrong),
        }  # fmt: skip
        truth = "; ".join(row.story for row in wrong)
        hold = "upgrade it when nothing is in flight: panel-watchdog preflight says whether that is so"
        belief = f"panel {scene.view.version or 'of an unknown release'} works with it"
        yield scene.drift("version_broken", node_subject(node), truth, belief, evidence, None, hold)


def _heartbeat(scene: Scene, node: Node) -> Part:
    """Report that Wings writes its states no more: it hangs or is dead, whatever its port says."""
    subject, beat = node_subject(node), scene.evidence.heartbeat
    if beat.at is None:
        return unsure(subject, "heartbeat_unread", beat.error or "the heartbeat of Wings has not been read")
    if scene.settling or scene.wall - beat.at <= scene.settings.thresholds.heartbeat:
        return one(subject)
    process = scene.evidence.process
    evidence: dict[str, Scalar] = {"process": process is not None, "answers": node.wings.reachable}
    lives = "its process is there" if process is not None else "its process is not in sight"
    truth = f"Wings has not written its states for more than {scene.settings.thresholds.heartbeat:.0f} s; {lives}"
    hold = "look at Wings' log; restart it when nothing is in flight: a restart kills backups, installations and transfers under way"
    return only(scene.drift("heartbeat_stale", subject, truth, "Wings writes them every 60 s", evidence, None, hold))


def _console(scene: Scene, node: Node, tried: Websocket) -> Part:
    subject = node_subject(node)
    if tried.state == "works":
        return one(subject)
    if tried.state not in WAYS:
        return unsure(subject, "websocket_unknown", tried.message or "the way to the console could not be tried")
    server = scene.view.server(tried.server)
    evidence: dict[str, Scalar] = {"state": tried.state, "server": server.name if server is not None else tried.server}
    truth = f"the console of {evidence['server']} cannot be opened: {tried.message or tried.state}"
    return only(scene.drift("websocket_broken", subject, truth, "the panel offers the console", evidence, None, ADVICE[tried.state]))
