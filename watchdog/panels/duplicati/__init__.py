"""Duplicati: a backup server that forgets its pause when it is started anew.

**The story of the bug.** (duplicati issues 5760, 6634.) Somebody pauses the server for the length of a migration; the host reboots; the
pause is gone, and the nightly job reads half a database. Up to 2.1.0.2, and in the stable 2.1.0.4 and 2.1.0.5, the pause lives in memory
only. From 2.1.1 to 2.2.0.2 it is stored, shown after a restart, and not obeyed: the page says Paused, and jobs run. And in every release
up to today a timed pause of more than 24 hours ends silently after 24, whatever end was announced. None of this leaves a trace: counters
begin anew and soon look as before, a run that was cut off by a restart stands nowhere, and nothing in the interface tells an uptime.

- ``pause_lost``, ``pause_cut``, ``pause_on_paper``, ``pause_outlived`` and their kin: the pause you ordered here against what the server
  does. A restart is seen by the end of our own idle connection (``witness.py``), and the rest of the pause is posted again, in leases
  of at most twelve hours: if we die, the server goes on by itself.
- ``pause_resumed_by_person``: somebody pressed Resume in the server's own page. That is respected, and recorded.
- ``backup_overdue``, ``backup_run_cut``, ``backup_stuck``, ``backup_failed``, ``backup_stale``, ``job_database_missing``: a silent job, and
  what the server does not say of it.
- ``destination_volume_missing`` and its kin: the destination's files against what the job believes it has uploaded.

**Versions known**: 2.1.0.2 to 2.3.1.0, each by itself in a table (``releases.py``; numbers are never compared: 2.1.0.3 has what 2.1.0.5
lacks), another one by what its answers show. 2.0.x is named as too old.

**What we repair**: ``pause``, ``renew`` and ``resume`` carry out what a person ordered; ``move_schedule`` and ``put_schedule_back`` hold
one job by its next slot, which every release obeys; ``set_startup_delay`` closes the gap at a start; ``run`` starts a missed job within the
run window; ``repair_database`` and ``abort``, where a person says so.

**What we refuse**: to pause without an end (it would outlive us), to delete a schedule, to put back a job with a value of all stars below
2.2.1 (those releases store the stars as the passphrase), to fight a person's Resume unless told to, to open the server's own database (that
can end the whole server), to hold a websocket or a long poll (they turn a clean stop into a kill).

==================  ====================================================================================================================
remedy              risk
==================  ====================================================================================================================
pause, renew        safe: ordered by a person; a lease that ends by itself
resume              safe: ordered by a person, once
move_schedule       safe where the release is known and nothing but the slot differs; destructive = ask, else
put_schedule_back   likewise
set_startup_delay   safe: a setting that is put back on release
run                 disruptive on a known release with its source there; destructive = ask, where the source may be gone
repair_database     destructive = ask: it rewrites what the job knows of its destination
abort               destructive = ask: it leaves a partial upload
==================  ====================================================================================================================
"""

from __future__ import annotations

from watchdog.model.clues import Clues, Found
from watchdog.model.needs import Needs
from watchdog.model.panels import Panel, Ports, Probe
from watchdog.panels.duplicati import compat, destinations, drift, find, metrics, probe, rights
from watchdog.panels.duplicati.remedies import BACKUP_REMEDIES, PANEL_NAME
from watchdog.panels.duplicati.remedies_pause import PAUSE_REMEDIES
from watchdog.panels.duplicati.settings import DuplicatiSettings
from watchdog.panels.duplicati.target import DuplicatiTarget


class DuplicatiPanel:
    """Satisfies ``model.panels.Panel``."""

    name = PANEL_NAME
    settings = DuplicatiSettings
    kinds = drift.KINDS
    remedies = (*PAUSE_REMEDIES, *BACKUP_REMEDIES)
    metrics = metrics.METRICS
    rights = rights.RIGHTS
    borrowed = compat.BORROWED

    def needs(self, settings: DuplicatiSettings) -> Needs:
        """Return what is to be watched: the destinations that this host can see."""
        return Needs(directories=destinations.needs(settings))

    def connect(self, settings: DuplicatiSettings, ports: Ports) -> DuplicatiTarget:
        """Build one connected target."""
        return DuplicatiTarget(settings, ports)

    def probe(self, settings: DuplicatiSettings, ports: Ports) -> tuple[Probe, ...]:
        """Try every permission without side effects."""
        return probe.probe(settings, ports)

    def find(self, clues: Clues) -> tuple[Found, ...]:
        """Recognise a server on this host."""
        return find.find(clues)


PANEL: Panel = DuplicatiPanel()
"""The one exported object."""
