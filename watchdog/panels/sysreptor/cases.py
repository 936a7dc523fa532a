"""What the rules are given: one target with all that may be known of it, and what a rule gives back. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from watchdog.model.docker import DockerFacts
from watchdog.model.drifts import Drift, Proposal, Scalar, Subject
from watchdog.model.host import HostFacts
from watchdog.model.moments import Moment
from watchdog.model.places import Place
from watchdog.model.repairs import LedgerFacts
from watchdog.panels.sysreptor.history import Run
from watchdog.panels.sysreptor.notes import Notes
from watchdog.panels.sysreptor.remedies import PART_SUFFIX
from watchdog.panels.sysreptor.settings import SysreptorSettings
from watchdog.panels.sysreptor.shelf import Backup, Shelf
from watchdog.panels.sysreptor.traces import Evidence
from watchdog.panels.sysreptor.view import MICROSECONDS, PANEL_NAME, SysreptorView

NOBODY_WRITES: Final = 5.0
"""After so many times ``backups.stable_after`` a file of a backup that has ended lies where it belongs."""


@dataclass(frozen=True, slots=True)
class Case:
    """All that the rules may know of one target.

    ``runs`` are the panel's log, newest first, None = it could not be read or nobody asked. ``docker`` and ``host`` are None when missing,
    failed or old.
    """

    settings: SysreptorSettings
    view: SysreptorView
    evidence: Evidence
    shelf: Shelf
    runs: tuple[Run, ...] | None
    docker: DockerFacts | None
    host: HostFacts | None
    place: Place
    facts: LedgerFacts
    notes: Notes
    now: Moment

    @property
    def wall(self) -> float:
        """Return UNIX seconds."""
        return self.now.wall

    @property
    def grace(self) -> float:
        """Seconds after a backup's end in which its file may still be under way to us."""
        return NOBODY_WRITES * self.settings.backups.stable_after

    def subject(self, kind: str) -> Subject:
        """Return a subject there is one of: backups, log, licence, release, tasks, room."""
        return Subject(kind, self.settings.name, self.settings.name)

    def drift(
        self, kind: str, subject: Subject, truth: str, belief: str, evidence: dict[str, Scalar], proposal: Proposal | None, hold: str | None
    ) -> Drift:  # fmt: skip
        """Return one drift of this target."""
        return Drift(kind, PANEL_NAME, self.settings.name, subject, truth, belief, evidence, proposal, hold)

    @property
    def longest(self) -> float:
        """Return how many seconds a backup may take before it counts as hung."""
        timeouts = self.settings.run.timeouts
        known = max((seconds for each in self.shelf.of("good") if (seconds := lasted(each)) is not None), default=0.0)
        return max(timeouts.first_total, timeouts.total_factor * known)

    def busy(self) -> str:
        """Return what says that a backup is being made right now, "" = nothing does."""
        if self.evidence.processes:
            return f"'manage.py backup' runs in {self.settings.run.container}"
        for run in self.runs or ():
            if run.finished is None and not self.ended(run) and self.shelf.newest_good_after(run.started.at) is None:
                return "the panel's log has a backup that began and may still go on"
        return ""

    def ended(self, run: Run) -> bool:
        """Whether a run without an end is not at work any more: too old, one of ours that is over, a command where none runs."""
        age = self.wall - run.started.at
        if age >= self.longest:
            return True
        if age < self.grace:
            return False
        return self.ours_over(run) or (run.started.by == "" and self._no_command_runs())

    def ours_over(self, run: Run) -> bool:
        """Whether a run was one of ours and nobody writes its part any more."""
        if run.started.id not in self.notes.own or not self.shelf.clear:
            return False
        timeouts = self.settings.run.timeouts
        quiet = max(timeouts.between, timeouts.no_progress) + self.grace
        parts = [each for each in self.shelf.parts if each.path.endswith(PART_SUFFIX)]
        return not any(not each.stable or self.wall - each.identity.mtime_ns / 1e9 < quiet for each in parts)

    def _no_command_runs(self) -> bool:
        """Whether no ``manage.py backup`` runs: none in the panel's container, and no other container of its image (``run --rm``)."""
        if self.evidence.processes is None or self.evidence.processes or self.docker is None:
            return False
        app = self.docker.by_name(self.settings.run.container)
        if app is None:
            return False
        return not any(each.image_id == app.image_id and each.id != app.id and each.running for each in self.docker.containers)


def lasted(backup: Backup) -> float | None:
    """Return how many seconds a backup took by its stats.json, None = it does not say."""
    started, finished = backup.number("started_us"), backup.number("finished_us")
    return None if started is None or finished is None else max(0.0, (finished - started) / MICROSECONDS)
