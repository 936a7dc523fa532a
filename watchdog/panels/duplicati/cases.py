"""What the rules are given: one server with all that may be known of it, and what a rule gives back. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from watchdog.model.drifts import Drift, Proposal, Scalar, Subject
from watchdog.model.moments import Moment
from watchdog.model.repairs import LedgerFacts
from watchdog.model.snapshots import Actual
from watchdog.panels.duplicati.leases import Posted
from watchdog.panels.duplicati.notes import Notes
from watchdog.panels.duplicati.remedies import PANEL_NAME
from watchdog.panels.duplicati.settings import DuplicatiSettings
from watchdog.panels.duplicati.traces import Evidence
from watchdog.panels.duplicati.view import Backup, DuplicatiView


@dataclass(frozen=True, slots=True)
class Case:
    """All that the rules may know of one server. ``notes`` is this look's memory, ``posted`` the newest pause that this process sent."""

    settings: DuplicatiSettings
    actual: Actual
    view: DuplicatiView
    evidence: Evidence
    facts: LedgerFacts
    notes: Notes
    now: Moment
    posted: Posted | None = None

    @property
    def wall(self) -> float:
        """Return UNIX seconds of ours."""
        return self.now.wall

    @property
    def server_wall(self) -> float:
        """Return UNIX seconds as the server has them, as far as its clock is known."""
        return self.now.wall + (self.view.clock_skew or 0.0)

    @property
    def server(self) -> Subject:
        """Return the server as a subject."""
        return Subject("server", self.settings.name, self.settings.name)

    def backup(self, backup: Backup) -> Subject:
        """Return a job as a subject."""
        return Subject("backup", backup.id, backup.name)

    def destination(self, backup: Backup) -> Subject:
        """Return a job's destination as a subject."""
        return Subject("destination", backup.id, backup.name)

    def drift(
        self, kind: str, subject: Subject, truth: str, belief: str, evidence: dict[str, Scalar] | None = None,
        proposal: Proposal | None = None, hold: str | None = None,
    ) -> Drift:  # fmt: skip
        """Return one drift of this target."""
        return Drift(kind, PANEL_NAME, self.settings.name, subject, truth, belief, evidence or {}, proposal, hold)
