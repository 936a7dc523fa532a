"""Looks at a Duplicati server for tests of the rules: what it says, what lies beside it, and a clock that a test turns."""

from dataclasses import dataclass, field, replace

from watchdog.model.archives import ArchiveFacts
from watchdog.model.moments import Moment
from watchdog.model.pauses import Pause, StandingPause
from watchdog.model.repairs import LedgerFacts
from watchdog.model.snapshots import Actual, Snapshot
from watchdog.panels.duplicati import drift, releases
from watchdog.panels.duplicati.settings import DuplicatiSettings
from watchdog.panels.duplicati.states import ServerState, Task
from watchdog.panels.duplicati.traces import Evidence
from watchdog.panels.duplicati.view import Backup, DuplicatiView, LastResult, Metadata, Notification, Progress, Schedule
from watchdog.panels.duplicati.witness import Pulse, Restart

TARGET = "nas"
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
START = 1_767_571_200.0 + 2 * HOUR  # Monday, 5 January 2026, 02:00 UTC
LOOK = 15.0


def job(ident="1", name="photos", **more):
    """Return a job that ran well an hour ago and is due again at 02:00 every day."""
    noted = Metadata(
        started=START - HOUR, finished=START - HOUR + 60, duration=60.0, newest=START - HOUR, versions=3, target_bytes=5000,
        target_files=7, source_bytes=100_000, source_files=100,
    )  # fmt: skip
    given = {
        "scheme": "file", "schedule": Schedule(START + 22 * HOUR, "1D", (), START - HOUR), "metadata": noted,
        "db_path": f"/config/{ident}.sqlite", "db_exists": True, "result": result(START - HOUR + 60), "last": result(START - HOUR + 60),
        "log_read": True,
    }  # fmt: skip
    return Backup(ident, name, **(given | more))


def result(ended, word="Success", ident=1, operation="Backup", **more):
    changed = {"added_files": 1, "modified_files": 0, "deleted_files": 0}
    return LastResult(ident, ended, operation, word, began=ended - 60, ended=ended, **(changed | more))


@dataclass
class Looks:
    """One server at which a test looks; what it holds is changed at will between two looks."""

    given: dict = field(default_factory=dict)
    now: float = START
    backups: list = field(default_factory=lambda: [job()])
    state: dict = field(default_factory=dict)
    progress: Progress | None = None
    notes: tuple[Notification, ...] = ()
    reports: dict = field(default_factory=dict)
    pulse: Pulse = field(default_factory=Pulse)
    version: str = "2.3.0.4"
    zone: str = "Etc/UTC"
    skew: float | None = 0.0
    evidence: Evidence = field(default_factory=Evidence)
    archives: ArchiveFacts | None = None
    archives_at: float | None = None
    pauses: tuple[StandingPause, ...] = ()
    memory: dict = field(default_factory=dict)

    @property
    def settings(self):
        return DuplicatiSettings(name=TARGET, url="http://127.0.0.1:8200", password_file="/run/password", **self.given)

    def moment(self, at=None):
        at = self.now if at is None else at
        return Moment(at, at - START + 10_000.0)

    def runs(self, ident="1", task=7):
        self.state["active"] = Task(task, ident)

    def ran(self, at, ident="1"):
        """Let its newest run have begun at ``at``, and have gone well."""
        self.note(ident, started=at, finished=at + 60, newest=at)
        self.change(ident, result=result(at + 60), last=result(at + 60))

    def rests(self):
        self.state.pop("active", None)
        self.progress = None

    def change(self, ident="1", **more):
        self.backups = [replace(each, **more) if each.id == ident else each for each in self.backups]

    def note(self, ident="1", **more):
        self.backups = [replace(each, metadata=replace(each.metadata, **more)) if each.id == ident else each for each in self.backups]

    def moves(self, mark, phase="Backup_ProcessingFiles", task=7, ident="1"):
        self.progress = Progress(task, ident, phase, 0.5, 1, 1, 2, 2, 0.0, False, mark)

    def restarted(self):
        self.pulse = replace(self.pulse, restart=Restart.CERTAIN, restart_at=self.moment(), restarts=self.pulse.restarts + 1)

    def view(self):
        planned = {each.id: self._next(each) for each in self.backups if each.schedule is not None and each.schedule.time is not None}
        state = ServerState(self.moment(), **({"paused": False, "proposed": planned} | self.state))
        told = releases.capabilities(self.version, releases.Signs())
        return DuplicatiView(
            at=self.moment(), version=self.version, capabilities=told, state=state, backups=tuple(self.backups), progress=self.progress,
            notifications=self.notes, zone=self.zone, clock_skew=self.skew, pulse=replace(self.pulse, state=state), reports=self.reports,
        )  # fmt: skip

    def _next(self, backup):
        return max(backup.schedule.time, self.now) if backup.schedule.time < self.now else backup.schedule.time

    def actual(self):
        if self.archives is None:
            return Actual()
        at = self.moment(self.archives_at)
        return Actual(archives=Snapshot("archives", self.archives, at, at, 30.0))

    def look(self, after=LOOK):
        """Look once, ``after`` seconds later."""
        self.now += after
        facts = LedgerFacts(memory=self.memory, pauses=self.pauses)
        judged = drift.detect(self.settings, self.actual(), self.view(), self.evidence, facts, self.moment())
        self.memory = dict(judged.memory)
        return judged

    def kinds(self, after=LOOK):
        return {each.kind for each in self.look(after).drifts}

    def the(self, kind, after=LOOK):
        """Look once and return the one drift of a kind, None = there is none."""
        found = [each for each in self.look(after).drifts if each.kind == kind]
        assert len(found) < 2, found
        return found[0] if found else None


def looks(**given):
    return Looks(given)


def paused(task="", left=None):
    """Return an order to leave all or one job alone."""
    return StandingPause(Pause(1, TARGET, task, "person", "because", "me", START, None, None, "boot", None, 1), left)
