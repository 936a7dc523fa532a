"""A job that really writes: its destination is judged through runs, a kill in the middle of an upload, damage and the next run."""

import pytest

from tests.support.duplicati_destinations import facts_of
from tests.support.duplicati_stage import stage
from watchdog.model.repairs import LedgerFacts
from watchdog.model.snapshots import Actual, Snapshot
from watchdog.panels.duplicati import destinations, drift
from watchdog.panels.duplicati.cases import Case
from watchdog.panels.duplicati.evidence import EvidenceReader
from watchdog.panels.duplicati.notes import Notes
from watchdog.panels.duplicati.settings import DuplicatiSettings

SCENES = (("2.1.0.5", "", True), ("2.2.0.1", "fixture", False), ("2.3.0.4", "fixture", True), ("2.3.0.4", "", False))
"""Release, passphrase, and whether we are told where the job's database is."""


class Folder:
    """One job that writes into a folder of this host, and how we look at both."""

    def __init__(self, made, passphrase, database):
        self.made, self.clock, self.memory = made, made.clock, {}
        self.job = made.world.add_job("photos", seconds=30.0, passphrase=passphrase)
        given = {"path": str(self.job.destination)} | ({"database": str(self.job.db_path)} if database else {})
        told = made.settings.model_dump(exclude={"destinations"}) | {"destinations": {"photos": given}}
        self.settings = DuplicatiSettings.model_validate(told)
        self.reader = EvidenceReader(self.settings, self.clock)

    def change(self, text):
        (next(iter((self.made.directory / "server" / "source").iterdir())) / "new.txt").write_text(text)

    def run(self, seconds=60.0):
        self.made.world.run(self.job)
        self.clock.advance(seconds)
        self.made.world.catch_up()

    def look(self):
        """Look at everything, as a pass does; return what is said of the destination and how well it is proven."""
        view = self.made.life.target.view()
        self.clock.advance(30)
        at = self.clock.now()
        facts = facts_of(self.job.destination, destinations.name_of(self.settings, "photos"), at=at.wall)
        actual = Actual(archives=Snapshot("archives", facts, at, at, 30.0))
        evidence = self.reader.read()
        judged = drift.detect(self.settings, actual, view, evidence, LedgerFacts(memory=self.memory), at)
        self.memory = dict(judged.memory)
        case = Case(self.settings, actual, view, evidence, LedgerFacts(), Notes(self.memory), at)
        stored = destinations.look(case, view.backups[0])
        said = {each.kind.removeprefix("destination_"): each.evidence.get("names", "") for each in judged.drifts
                if each.subject.kind == "destination" and each.kind != "running_while_idle"}  # fmt: skip
        return said, stored.by_list, stored.by_database


@pytest.fixture(params=SCENES, ids=lambda each: f"{each[0]}{'-sealed' if each[1] else ''}{'-database' if each[2] else ''}")
def folder(request, tmp_path):
    release, passphrase, database = request.param
    with stage(tmp_path, release) as made:
        found = Folder(made, passphrase, database)
        found.database = True if database else None
        yield found


def test_runs_damage_a_cut_upload_and_the_next_run(folder):
    folder.run()
    folder.look()
    assert folder.look() == ({}, True, folder.database)
    folder.change("two")
    folder.run()
    folder.look()
    assert folder.look() == ({}, True, folder.database)

    block = max(folder.job.destination.glob("*dblock*"), key=lambda path: path.stat().st_mtime_ns)
    kept = block.stat(), block.read_bytes()
    block.unlink()
    assert folder.look()[0] == {"volume_missing": block.name}
    block.write_bytes(kept[1][:-7])
    assert folder.look()[0] == {"volume_short": block.name}
    block.write_bytes(kept[1])
    assert folder.look() == ({}, True, folder.database)

    folder.change("three")
    folder.run(seconds=10.0)
    folder.made.fake.kill()
    folder.made.fake.start()
    folder.look()
    said, _, _ = folder.look()
    assert set(said) == {"upload_cut"} and "dblock" in said["upload_cut"]

    folder.run()
    folder.look()
    assert folder.look() == ({}, True, folder.database)


def test_while_a_job_is_at_work_nothing_is_said(folder):
    folder.run()
    folder.look()
    folder.job.seconds = 600.0
    folder.run(seconds=5.0)
    next(folder.job.destination.glob("*dblock*")).unlink()
    assert folder.look() == ({}, None, None)
