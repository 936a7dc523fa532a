"""Sentences of prevention, from what a look already knows; pure. Each names the exact change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from watchdog.model.moments import Moment
from watchdog.panels.pterodactyl import releases
from watchdog.panels.pterodactyl.settings import PterodactylSettings
from watchdog.panels.pterodactyl.traces import Evidence
from watchdog.panels.pterodactyl.view import PterodactylView

FUTURE: Final = 60.0
"""Seconds by which a heartbeat may be ahead of us."""
COPYTRUNCATE: Final = (
    "write copytruncate in place of the postrotate script in /etc/logrotate.d/wings: Wings keeps that file once it is there"
)


def advise(settings: PterodactylSettings, view: PterodactylView | None, evidence: Evidence, now: Moment) -> tuple[str, ...]:
    """Return sentences of advice about one target, sorted as they matter; ``view`` None = the panel could not be read."""
    return (
        *(_about_releases(settings, view) if view is not None else ()),
        *_about_sight(settings, evidence),
        *_about_the_log(evidence),
        *_about_the_guard(settings, evidence),
        *_about_hooks(settings, view),
        *_about_the_clock(evidence, now),
    )


def _about_releases(settings: PterodactylSettings, view: PterodactylView) -> Iterator[str]:
    if not view.version:
        yield (
            "no API of the panel tells its release: set panel_config to its config/app.php, or panel_version to your word; until then only "
            "the probe of the callback path tells the bug of 1.11.6"
        )
    for row in releases.panel_rows(view.version, flavour=settings.flavour):
        yield row.story
    for node in view.nodes:
        for row in releases.wings_rows(view.version, node.wings.version, settings.versions, flavour=settings.flavour):
            if node.wings.version and row.grade != "unknown":
                yield f"node {node.name}: {row.story}"


def _about_sight(settings: PterodactylSettings, evidence: Evidence) -> Iterator[str]:
    if settings.node is None:
        yield "no node is configured here: whether archives are there and whole is not judged; run an agent on each node, with node: {}"
        return
    if evidence.mismatch:
        yield evidence.mismatch
    if evidence.local is None:
        return
    if evidence.process_word:
        yield (
            f"whether Wings still works at a backup cannot be seen ({evidence.process_word}): a stuck backup is then repaired only after "
            "Wings was started anew or its log has named the end"
        )
    if evidence.local.write_limit:
        yield (
            f"Wings writes backups at {evidence.local.write_limit} MiB/s at most (system.backups.write_limit): "
            f"{evidence.local.write_limit * 60} MiB take a minute, so stuck_after must be longer than your largest server takes"
        )


def _about_the_log(evidence: Evidence) -> Iterator[str]:
    if evidence.local is None:
        return
    if evidence.log.deaf:
        yield evidence.log.error
    elif evidence.local.log_rotate:
        yield (
            "Wings 1.11 writes a rotation of its own (/etc/logrotate.d/wings) after which it logs nothing until it is started anew, and "
            f"its log is the only proof that an archive was finished: {COPYTRUNCATE}"
        )


def _about_the_guard(settings: PterodactylSettings, evidence: Evidence) -> Iterator[str]:
    if settings.node is None:
        return
    if not settings.guard.enabled:
        yield (
            "the guard of archives is off: what Wings deletes because the panel did not hear it is lost. Write guard: {enabled: true}; its "
            "hard links take no room until Wings deletes"
        )
    elif not settings.guard.directory.startswith("."):
        yield f"the guard's directory '{settings.guard.directory}' is not hidden: whoever lists the archives takes it for Wings' own"
    if evidence.filesystem_kind and not evidence.filesystem_local:
        yield (
            f"archives lie on '{evidence.filesystem_kind}': another machine may have one open and nobody here sees it, so repairs wait for "
            "the log's word"
        )


def _about_hooks(settings: PterodactylSettings, view: PterodactylView | None) -> Iterator[str]:
    if settings.prune_age == 0:
        yield "prune_age is 0: the panel never gives up a pending backup, so only we free its slot; set BACKUP_PRUNE_AGE=360 in its .env"
    if settings.disk == "auto":
        yield (
            "disk is auto: each repair asks the panel once for the backup's download address, which leaves a line in its activity log; if "
            "all backups lie on the nodes write disk: wings"
        )
    if settings.owner and settings.hooks.restart_queue is None:
        yield "there is no hook for a queue worker that died; write hooks: {restart_queue: {unit: pteroq}} on the panel's host"
    names = {server.name for server in view.servers} | {server.uuid for server in view.servers} if view is not None else set()
    if names and (nobody := sorted(set(settings.expect) - names)):
        yield f"expect names servers that the panel does not have: {', '.join(nobody)}"


def _about_the_clock(evidence: Evidence, now: Moment) -> Iterator[str]:
    process = evidence.process
    if process is not None and process.stepped:
        yield (
            "the clock of this host was set since Wings started: times of archives, log and processes do not fit each other, so repairs "
            "wait longer; let NTP run before Wings starts"
        )
    if evidence.heartbeat.at is not None and evidence.heartbeat.at > now.wall + FUTURE:
        yield "Wings' heartbeat is from the future: the clock of this host was set back"
