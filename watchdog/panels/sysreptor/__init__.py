"""SysReptor: reports of penetration tests, whose panel streams backups to whoever asks and keeps none.

**The story of the bug.** (Syslifters/sysreptor issue 404, kin 414.) "Restore backup not working": the backup was there, and it was cut. The
panel has no place, no schedule and no proof of backups; it streams a zip and logs a start and an end. The HTTP status 200 goes out with the
first byte, the log's ``backup_finished`` is written before the archive's end, and a restore drops every table before it reads what is left:

- A: the command never flushed its output file, the end was missing (until 2025.12).
- B, B2: the web server recycles its workers, and cut every long download: after 300 s until 2025.12, after 30 s until 2025.108.
- C, D: files of S3 storages, then the stream itself, were gathered in memory, until it ran out (until 2025.12, until 2025.64).
- E: the log had one row per backup, written at its start: the panel "had" backups that had failed (until 2025.64).
- Still so: without a Professional licence the command leaves an empty file; a terminal in between turns every LF into CRLF; a file that
  cannot be read becomes an empty entry, and the backup still finishes.

**Versions known**: 2025.12 to 2026.61. Finished rows mean something from 2025.69 on, ``stats.json`` ties a file to its rows from 2026.18
on. ``releases.py`` has what was broken from when to when.

**What we repair**: ``run_backup`` makes one, by the command in the container or by download: streamed into a marked part, proven to its
meaning, and only then named; ``quarantine`` renames what is no backup, with the reason; ``poke_healthcheck`` begins periodic tasks that
nobody begins; ``remove_part`` removes an old part of our own.

**What we refuse**: to delete or rename the last good backup, or anything that is not ours; to believe a status code, an exit code or a row;
to call a backup missing while a directory, a file or the log is out of sight; a terminal; a key in an argv; to try again at once after
memory ran out; to write to a bucket, or to call an object in it good that nobody has read; to begin beside another run, without room,
outside the window; to restore into anything that people use.

=================  ===================================================================================================================
remedy             risk
=================  ===================================================================================================================
run_backup         disruptive: it takes memory, disk and database of the panel, and leaves rows in its log that nobody can delete;
                   destructive = ask, after ``run.attempts`` that led to no good backup
quarantine         disruptive: somebody's file gets another name; destructive where it may be the last that is any good
poke_healthcheck   safe: the panel's own compose file does it every 30 seconds
remove_part        safe for a part that bears our mark, destructive for any other
=================  ===================================================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from watchdog.model.clues import Clues, Found
from watchdog.model.drifts import Scalar
from watchdog.model.engines import EngineBuild, EngineRead
from watchdog.model.needs import Needs
from watchdog.model.panels import Panel, Ports, Probe
from watchdog.model.rehearsals import Rehearsal, Say, ThrowAway
from watchdog.model.transfers import Alive
from watchdog.panels.sysreptor import drift, find, metrics, probe, rehearsing, remedies, restoring, rights, shelf, throwaway
from watchdog.panels.sysreptor.settings import SysreptorSettings
from watchdog.panels.sysreptor.target import SysreptorTarget
from watchdog.panels.sysreptor.view import PANEL_NAME


class SysreptorPanel:
    """Satisfies ``model.panels.Panel``."""

    name = PANEL_NAME
    settings = SysreptorSettings
    kinds = drift.KINDS
    remedies = remedies.REMEDIES
    metrics = metrics.METRICS
    rights = rights.RIGHTS

    def needs(self, settings: SysreptorSettings) -> Needs:
        """Return what is to be watched: the directories of backups and their disk; Docker where the panel is in a container."""
        return Needs(directories=shelf.directories(settings), filesystems=shelf.filesystems(settings), docker=bool(settings.run.container))

    def connect(self, settings: SysreptorSettings, ports: Ports) -> SysreptorTarget:
        """Build one connected target."""
        return SysreptorTarget(settings, ports)

    def probe(self, settings: SysreptorSettings, ports: Ports) -> tuple[Probe, ...]:
        """Try every permission without side effects."""
        return probe.probe(settings, ports)

    def find(self, clues: Clues) -> tuple[Found, ...]:
        """Recognise a panel on this host."""
        return find.find(clues)

    def rehearse(self, settings: SysreptorSettings, archive: BinaryIO, scratch: Path, room: int, alive: Alive) -> Rehearsal:
        """Load the content of a backup into a scratch database and hold every file to its row; see ``model.rehearsals``."""
        del settings
        return rehearsing.rehearse(archive, scratch, room, alive)

    def in_use(self, settings: SysreptorSettings, engine: EngineRead | None) -> tuple[Path, ...]:
        """Return the directories in which people's files lie."""
        return throwaway.in_use(settings, engine)

    def throw_away(self, settings: SysreptorSettings, archive: BinaryIO, engine: EngineRead | None) -> ThrowAway:
        """Plan a restore by the panel itself; runs nothing."""
        return throwaway.plan(settings, archive, engine)

    def restore(
        self, settings: SysreptorSettings, archive: BinaryIO, facts: Mapping[str, Scalar], build: EngineBuild, say: Say, alive: Alive
    ) -> Rehearsal:  # fmt: skip
        """Let the panel itself restore it, in an environment of its own that is removed afterwards."""
        return restoring.restore(settings, archive, facts, build, say, alive)


PANEL: Panel = SysreptorPanel()
"""The one exported object."""
