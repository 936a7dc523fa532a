"""What had a drift and is out of sight now: not known, rather than mended (house rule 3). Pure.

After a start of ours nothing has been read yet, and what was wrong would look mended for as long as that takes. For each kind of drift this
module says what must have been read for its absence to mean something.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from watchdog.model.drifts import Drift, Subject, UnknownSubject
from watchdog.panels.pterodactyl.notes import Reported
from watchdog.panels.pterodactyl.rules_archives import whole_records
from watchdog.panels.pterodactyl.rules_backups import readable
from watchdog.panels.pterodactyl.scene import Scene

Blind = tuple[str, str]
"""A short stable word and a sentence; two empty texts = it can be seen."""
SEEN: Final[Blind] = ("", "")
_UNREAD: Final = "it had a drift, and what shows it has not been read yet"


def reported(drifts: Iterable[Drift]) -> Iterator[Reported]:
    """Yield what is to be remembered of the drifts of this look."""
    for drift in drifts:
        server = drift.evidence.get("server") if drift.subject.kind == "backup" else ""
        yield Reported(drift.kind, drift.subject.kind, drift.subject.id, server if isinstance(server, str) else "")


def lost(scene: Scene, drifts: Iterable[Drift], unknown: Iterable[Subject]) -> Iterator[tuple[Reported, UnknownSubject | None]]:
    """Yield what was reported before, is not found now, and cannot be judged; None where a rule has said so by itself."""
    found = {(each.kind, str(each.subject)) for each in drifts}
    said = {str(each) for each in unknown}
    for each in scene.notes.reported():
        subject = Subject(each.kind, each.id)
        if (each.what, str(subject)) in found:
            continue
        reason, message = BLINDS.get(each.what, _nothing)(scene, each)
        if str(subject) in said:
            yield each, None
        elif reason:
            yield each, UnknownSubject(subject, reason, message)


def _nothing(scene: Scene, each: Reported) -> Blind:
    del scene, each
    return SEEN


def _record(scene: Scene, each: Reported) -> Blind:
    server = scene.view.server(each.server)
    if server is not None and not readable(scene, server):
        return "record_unreadable", "it had a drift, and the panel does not show the backups of its server now"
    return SEEN


def _file(scene: Scene, each: Reported) -> Blind:
    server = scene.view.server(each.server)
    blind = _record(scene, each)
    if blind != SEEN or server is None or not scene.here(server):
        return blind
    return (scene.stock.reason, scene.stock.message) if not scene.stock.clear else SEEN


def _bytes(scene: Scene, each: Reported) -> Blind:
    blind, file = _file(scene, each), scene.stock.files.get(each.id)
    if blind != SEEN or file is None:
        return blind
    known = file.verification.state == "result" and file.verification.identity == file.identity
    return SEEN if known else ("not_verified", "its archive was bad, and has not been verified again yet")


def _archive(scene: Scene, each: Reported) -> Blind:
    del each
    if not scene.stock.clear:
        return scene.stock.reason, scene.stock.message
    return SEEN if whole_records(scene) else ("record_unreadable", "it had a drift, and not all records can be read now")


def _ways(scene: Scene, each: Reported) -> Blind:
    node = scene.view.node(each.id)
    unread = node is not None and (node.wings.reachable is None or (node.panel_reaches is None and node.panel_reaches_at is None))
    return ("way_untried", _UNREAD) if unread or not scene.view.nodes else SEEN


def _docker(scene: Scene, each: Reported) -> Blind:
    node = scene.view.node(each.id)
    return ("wings_unread", _UNREAD) if (node is not None and node.wings.docker is None) or not scene.view.nodes else SEEN


def _release(scene: Scene, each: Reported) -> Blind:
    node = scene.view.node(each.id)
    if each.kind == "panel":
        return SEEN if scene.view.version else ("version_unread", _UNREAD)
    return ("version_unread", _UNREAD) if (node is not None and not node.wings.version) or not scene.view.nodes else SEEN


def _console(scene: Scene, each: Reported) -> Blind:
    tried = any(known.node == each.id for known in scene.view.websockets)
    gone = bool(scene.view.nodes) and scene.view.node(each.id) is None
    return SEEN if tried or gone or not scene.settings.watch.websocket else ("websocket_unknown", _UNREAD)


def _schedules(scene: Scene, each: Reported) -> Blind:
    del each
    unread = any(server.schedules_at is None and not server.conflicted for server in scene.view.servers)
    return ("schedules_unread", _UNREAD) if unread and scene.settings.watch.schedules else SEEN


def _container(scene: Scene, each: Reported) -> Blind:
    server = scene.view.server(each.id)
    here = server is None or scene.here(server)
    return (scene.engine.reason, scene.engine.message) if here and not scene.engine.clear else SEEN


def _stranger(scene: Scene, each: Reported) -> Blind:
    return ("remote_unread", _UNREAD) if scene.view.remote is None else _container(scene, each)


def _folder(scene: Scene, each: Reported) -> Blind:
    del each
    return ("remote_unread", _UNREAD) if scene.view.remote is None or scene.evidence.volumes is None else SEEN


def _canary(scene: Scene, each: Reported) -> Blind:
    del each
    return ("canary_unread", _UNREAD) if scene.settings.canary.enabled and scene.evidence.canary is None else SEEN


BLINDS: Final[Mapping[str, Callable[[Scene, Reported], Blind]]] = {
    "backup_stuck": _record, "backup_missing": _file, "backup_mismatch": _bytes, "backup_broken": _bytes, "backup_untrusted": _record,
    "archive_orphan": _archive, "archive_stranded": _archive, "websocket_broken": _console, "version_broken": _release,
    "node_unreachable": _ways, "node_without_docker": _docker, "cron_dead": _schedules, "queue_dead": _schedules,
    "server_ghost": _container, "server_unseen": _container, "server_crash_loop": _container, "server_oom": _container,
    "server_install_stuck": _container, "container_unknown": _stranger, "volume_unknown": _folder, "canary_failed": _canary,
}  # fmt: skip
"""For each kind, what says that its absence means nothing now. Of the others their own rules say it."""
