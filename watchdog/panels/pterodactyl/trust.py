"""Which Wings made an archive, as far as it was witnessed, and whether archives of that one may be trusted. Pure."""

from __future__ import annotations

from watchdog.panels.pterodactyl import releases
from watchdog.panels.pterodactyl.scene import Scene
from watchdog.panels.pterodactyl.view import Backup


def untrusted(scene: Scene, node: str, backup: Backup) -> bool:
    """Whether the Wings that made an archive is one that leaves files out, or nobody knows which one it was."""
    version = made_by(scene, node, backup.created_at)[0]
    return not version or bool(releases.lossy(version))


def made_by(scene: Scene, node: str, at: float) -> tuple[str, bool]:
    """Return which Wings a node had at a moment, "" = unknown, and whether that was witnessed and is not only its first known one."""
    known = scene.view.node(node)
    now = known.wings.version if known is not None else ""
    process = scene.evidence.process
    if now and node == scene.node and process is not None and process.began <= at:
        return now, True
    spans = scene.notes.spans(node)
    found = next((version for version, since, until in spans if since <= at < until), "")
    return (found, True) if found else ((spans[0][0] if spans else now), False)
