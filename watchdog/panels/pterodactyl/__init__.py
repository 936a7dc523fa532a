"""Pterodactyl: a panel for game servers whose nodes, Wings, delete a backup when nobody hears that it is done.

**The story of the bug.** (pterodactyl/panel issue 5088, kin 2962, 3334, 5384.) A backup spins for ever. Panel 1.11.6 looks each backup that
Wings reports up by a column that its table does not have: every report ends in 500. Wings tries for 30 seconds, then *deletes the archive*
and says so in one line. So most stuck records have no archive any more, and the few that have one must be told from those that must not be
touched:

- A, B, C, D: the report failed (1.11.6; a backup so small that its record was not written yet; a panel that was down; a proxy or a
  redirect in front). The archive is deleted, unless our guard holds it (J).
- E: Wings was ended while it packed: the archive is cut, and stays.
- F, H, I: Wings was ended between archive and report, could not delete the file, or the panel's database was restored from an older dump:
  the archive is whole, and only the record is behind.
- G: the checksum of a large archive on a slow disk: not stuck, still at work.
- K: the report came through and its answer was lost; Wings tried again, was told "already completed", and deleted a good backup.
- L: the packing failed, and so did the report of that: an archive that unpacks and lacks files.

And the trap: to report a backup as done while Wings can still report it itself makes Wings delete it.

**Versions known**: panel 1.11.5 to 1.11.9 (1.11.6 has the bug; up to 1.11.5 any node may complete any backup; 1.11.7 and 1.11.8 answer a
wrong node with 500, later ones with 403), Wings 1.11.11 and its older kin (1.11.9 and 1.11.10 leave files out of archives), and Pelican by
``flavour: pelican``. ``releases.py`` has the table; your rows go before it.

**What we repair**: ``complete_backup`` reports an archive that is proven whole, as Wings would have, under a hard link, and watches it
for two minutes after; ``fail_backup`` reports one that is proven away, cut or failed, which frees its slot at once; ``lock_backup`` locks
the newest verified backup that is about to be pushed out; ``power_restart``, ``power_start``, ``power_stop``, ``power_kill`` and
``sync_server`` bring a server's Wings and its container together again; ``restart_queue`` and ``restart_cron`` (typed hooks) revive
what runs the panel's schedules.

**What we refuse**: to report anything on 1.11.6, or while the callback path is not proven healthy; while Wings may still report it, or
where we cannot see whether it may (another pid namespace, a missing capability, NFS); a backup on S3, on another node, without the log's
word that it was finished (then a person decides); to delete an archive or a record (but our own old canaries, where ``canary.tidy`` says
so); to call an archive absent that we could not look for;
to restart Wings; every callback of installs, transfers and restores; to follow a redirect or an address in an answer.

=================  ===================================================================================================================
remedy             risk
=================  ===================================================================================================================
complete_backup    safe with the log's word that the archive was finished, by a Wings that packs every file; destructive = ask, when the
                   archive merely holds together
fail_backup        safe on proof: seen away or bad twice, or the log's word that it failed; destructive = ask, without any
lock_backup        safe: a lock keeps a backup, and can be taken off
power_start        safe where it adopts a container that runs; disruptive where we saw the server run and nobody stopped it; else ask
power_restart      disruptive where no container runs; destructive where one does: it ends a game
power_stop         safe where no container runs that it could end; destructive = ask, else
power_kill         likewise
sync_server        safe, but where it stops a suspended server that runs: disruptive
restart_queue      disruptive: a mail or a task under way may be done twice
restart_cron       disruptive: whatever else that unit runs is begun anew, too
=================  ===================================================================================================================
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from watchdog.model.clues import Clues, Found
from watchdog.model.engines import EngineRead
from watchdog.model.needs import ContainerNeed, Needs
from watchdog.model.panels import Panel, Ports, Probe
from watchdog.model.preflights import Check
from watchdog.model.rehearsals import Rehearsal, ThrowAway
from watchdog.model.transfers import Alive
from watchdog.panels.pterodactyl import client, compat, drift, find, metrics, preflight, probe, rehearsing, remedies, rights, sides, stock
from watchdog.panels.pterodactyl.settings import PterodactylSettings
from watchdog.panels.pterodactyl.target import PterodactylTarget


class PterodactylPanel:
    """Satisfies ``model.panels.Panel``."""

    name = remedies.PANEL_NAME
    settings = PterodactylSettings
    kinds = drift.KINDS
    remedies = remedies.REMEDIES
    metrics = metrics.METRICS
    rights = rights.RIGHTS
    borrowed = compat.BORROWED

    def needs(self, settings: PterodactylSettings) -> Needs:
        """Return what is to be watched: for a node on this host its archives, their disk, and Docker with the labels of its containers."""
        if settings.node is None:
            return Needs()
        return Needs(
            directories=stock.directories(settings),
            filesystems=stock.filesystems(settings),
            containers=(ContainerNeed(sides.LABELS),),
            docker=True,
        )

    def connect(self, settings: PterodactylSettings, ports: Ports) -> PterodactylTarget:
        """Build one connected target."""
        return PterodactylTarget(settings, ports)

    def probe(self, settings: PterodactylSettings, ports: Ports) -> tuple[Probe, ...]:
        """Try every permission without side effects."""
        return probe.probe(settings, ports)

    def find(self, clues: Clues) -> tuple[Found, ...]:
        """Recognise a panel or a node on this host."""
        return find.find(clues)

    def in_use(self, settings: PterodactylSettings, engine: EngineRead | None) -> tuple[Path, ...]:
        """Return the directories in which servers and archives live."""
        del engine
        return () if settings.node is None else (settings.node.volumes, settings.node.backups)

    def rehearse(self, settings: PterodactylSettings, archive: BinaryIO, scratch: Path, room: int, alive: Alive) -> Rehearsal:
        """Unpack a backup into a scratch directory and compare; see ``model.rehearsals``."""
        return rehearsing.rehearse(settings, archive, scratch, room, alive)

    def throw_away(self, settings: PterodactylSettings, archive: BinaryIO, engine: EngineRead | None) -> ThrowAway:
        """Say why Wings itself restores nothing for trial."""
        del settings, archive, engine
        why = "Wings restores only into the server itself and over the panel: there is no environment of its own to throw away"
        return ThrowAway((), (), (why,))

    def preflight(self, settings: PterodactylSettings, ports: Ports, to: str) -> tuple[Check, ...]:
        """Look at everything that speaks against an upgrade; see ``model.preflights``."""
        connected = client.connect(settings, ports.clock, ports.instruments)
        try:
            view = preflight.whole_view(connected, ports.clock)
        finally:
            connected.close()
        return preflight.checks(settings, view, to, ports.clock.now().wall)


PANEL: Panel = PterodactylPanel()
"""The one exported object."""
