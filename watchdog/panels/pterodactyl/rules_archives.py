"""The rules about archives and volumes on the local node that the panel does not know, or not here (contract section 5.2). Pure.

Only with a complete record set: one server that answers 409 may have the record of any archive. Nothing is deleted or moved.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from watchdog.model.archives import ArchiveFile
from watchdog.model.drifts import Drift, Scalar, Subject
from watchdog.model.parts import NOTHING_SAID, Part, joined, only, unsure
from watchdog.panels.pterodactyl.rules_backups import readable
from watchdog.panels.pterodactyl.scene import Scene
from watchdog.panels.pterodactyl.stock import canonical
from watchdog.panels.pterodactyl.view import Backup, Server

FRESH: Final = 300.0
"""Seconds by which an archive must be older than the oldest list of records: a record may be younger than that list."""


def about_archives(scene: Scene) -> Part:
    """Judge each archive on the node, and each folder of a server's files."""
    if not scene.node:
        return NOTHING_SAID
    subject = Subject("node", scene.node, node_name(scene))
    if not scene.stock.clear:
        return unsure(subject, scene.stock.reason, scene.stock.message)
    records = {backup.uuid: (server, backup) for server in scene.view.servers for backup in server.backups or ()}
    parts = [only(*_stranded(scene, records)), only(*_volumes(scene))]
    if whole_records(scene):
        parts.append(only(*_orphans(scene, records)))
    return joined(parts)


def whole_records(scene: Scene) -> bool:
    """Whether the records of every server are known now: only then an archive without one has none."""
    return scene.view.complete and all(readable(scene, server) for server in scene.view.servers)


def node_name(scene: Scene) -> str:
    """Return what the panel calls the local node."""
    node = scene.view.node(scene.node)
    return node.name if node is not None else ""


def _orphans(scene: Scene, records: dict[str, tuple[Server, Backup]]) -> Iterator[Drift]:
    held = {each.uuid for each in scene.evidence.kept or ()}
    since = scene.view.records_since
    for uuid, file in sorted(scene.stock.files.items()):
        written = file.identity.mtime_ns / 1e9
        old = scene.wall - written > scene.settings.orphan_after and since is not None and written < since - FRESH
        if uuid in records or uuid in held or not old:
            continue
        story = scene.evidence.log.of(uuid)
        evidence: dict[str, Scalar] = {"path": file.path, "bytes": file.identity.size, "server": story.server, "verdict": _verdict(file)}
        hold = "the panel deletes no archive when it deletes a server: look whether somebody still needs it, then remove it yourself"
        truth = "an archive lies there"
        yield scene.drift("archive_orphan", Subject("archive", uuid), truth, "the panel has no such backup", evidence, None, hold)


def _stranded(scene: Scene, records: dict[str, tuple[Server, Backup]]) -> Iterator[Drift]:
    for uuid, file in sorted(scene.stock.files.items()):
        server, backup = records.get(uuid, (None, None))
        if server is None or backup is None or not server.node or server.node == scene.node or backup.state == "pending":
            continue
        if server.transferring:
            continue
        node = scene.view.node(server.node)
        evidence: dict[str, Scalar] = {
            "path": file.path, "bytes": file.identity.size, "server": server.uuid, "server_name": server.name,
            "server_node": node.name if node is not None else server.node, "verdict": _verdict(file), "record": backup.state,
        }  # fmt: skip
        hold = "archives do not move with their server: move the file to the other node yourself, or a restore fails"
        belief = f"its server is on {evidence['server_node']}"
        subject = Subject("archive", uuid, backup.name)
        yield scene.drift("archive_stranded", subject, "its archive still lies on this node", belief, evidence, None, hold)


def _volumes(scene: Scene) -> Iterator[Drift]:
    """Find folders of servers that do not belong here; what is on its way here is not judged."""
    remote, volumes = scene.view.remote, scene.evidence.volumes
    if remote is None or volumes is None or scene.settling:
        return
    here = {each.uuid for each in remote} | {each.uuid for each in scene.view.servers if each.node in (scene.node, "") or each.transferring}
    for uuid in sorted(each for each in volumes if canonical(each) and each not in here):
        server = scene.view.server(uuid)
        node = scene.view.node(server.node) if server is not None else None
        evidence: dict[str, Scalar] = {"server_node": node.name if node is not None else "", "known": server is not None}
        hold = "look whether somebody still needs these files, then remove them yourself"
        belief = "the panel has the server on another node" if server is not None else "the panel has no such server"
        subject = Subject("server", uuid, server.name if server is not None else "")
        yield scene.drift("volume_unknown", subject, "files of the server lie on this node", belief, evidence, None, hold)


def _verdict(file: ArchiveFile) -> str:
    found = file.verification
    return (found.verdict or "") if found.state == "result" and found.identity == file.identity else ""
