"""A job's database is read without a lock, a file or a byte of ours beside it; the server's own never (contract section 4)."""

import os
import shutil
import sqlite3
from contextlib import closing

import pytest

from tests.support.duplicati_folder import RECORDINGS
from tests.support.duplicati_stage import stage
from watchdog.errors import Blind, MalformedAnswer, NotFound, Refused, Temporary
from watchdog.model.metrics import Silent
from watchdog.model.panels import Ports
from watchdog.panels.duplicati import PANEL
from watchdog.panels.duplicati.evidence import EvidenceReader
from watchdog.panels.duplicati.job_database import JobDatabaseReader
from watchdog.panels.duplicati.settings import DuplicatiSettings
from watchdog.runtime.clock import SystemClock
from watchdog.runtime.foreign_file import TooLarge, rows, state_of

RECORDED = RECORDINGS / "job" / "job.sqlite"
COUNT = "SELECT COUNT(*) FROM Remotevolume"


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "JOB.sqlite"
    shutil.copy(RECORDED, path)
    return path


def read(path):
    return JobDatabaseReader(path).read(lambda: True)


def names(path):
    return sorted(each.name for each in path.parent.iterdir())


def wal(path):
    """Open it as 2.3.0.4 has it: in WAL mode, with a change that is only in the log."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("UPDATE Remotevolume SET State = 'Deleted' WHERE ID = 1")
    connection.commit()
    return connection


def test_the_recorded_database_tells_its_volumes(database):
    before = (state_of(database), names(database))
    found = read(database)
    assert found.problem == "" and len(found.volumes) == 6 and all(each.uploaded for each in found.volumes)
    assert {each.name.split(".")[1] for each in found.volumes} == {"dblock", "dindex", "dlist"}
    assert (state_of(database), names(database)) == before and found.bytes == database.stat().st_size


def test_a_database_at_work_is_copied_away_with_its_log(database):
    with closing(wal(database)) as owner:
        before = (state_of(database), names(database))
        found = read(database)
        assert [each.state for each in found.volumes].count("Deleted") == 1 and found.problem == ""
        assert (state_of(database), names(database)) == before
        owner.execute("UPDATE Remotevolume SET State = 'Deleted' WHERE ID = 2")  # nobody holds a lock on it
        owner.commit()
        assert [each.state for each in read(database).volumes].count("Deleted") == 2


def test_a_database_is_read_again_only_when_it_changed(database):
    reader = JobDatabaseReader(database)
    first = reader.read(lambda: True)
    assert reader.read(lambda: True) is first
    with closing(sqlite3.connect(database)) as owner:
        owner.execute("DELETE FROM Remotevolume WHERE ID = 1")
        owner.commit()
    assert len(reader.read(lambda: True).volumes) == 5


def test_a_writer_is_waited_for(database):
    with closing(sqlite3.connect(database)) as owner:
        owner.execute("BEGIN IMMEDIATE")
        owner.execute("DELETE FROM Remotevolume")
        journal = database.with_name("JOB.sqlite-journal")
        assert journal.exists()
        assert read(database).problem == "busy"
        owner.rollback()
    assert read(database).problem == ""


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"", "empty"), (b"not a database at all", "no_database"), (b"SQLite format 3\0" + bytes(4000), "damaged"), (None, "absent")],
)
def test_what_is_no_database_is_told_apart(tmp_path, content, problem):
    path = tmp_path / "JOB.sqlite"
    if content is not None:
        path.write_bytes(content)
    assert read(path).problem == problem


def test_a_database_of_another_layout_is_damaged(tmp_path):
    path = tmp_path / "JOB.sqlite"
    with closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE Other (Name TEXT)")
        made.commit()
    assert read(path).problem == "damaged"


def test_the_servers_own_database_is_never_opened(tmp_path, database):
    own = tmp_path / "Duplicati-server.sqlite"
    shutil.copy(RECORDED, own)
    (tmp_path / "link.sqlite").symlink_to(own)
    os.link(own, tmp_path / "hard.sqlite")
    own.chmod(0)
    for name in ("Duplicati-server.sqlite", "link.sqlite", "hard.sqlite"):
        assert read(tmp_path / name).problem == "refused", name
    assert read(database).problem == ""


def test_no_link_is_followed_and_nothing_but_a_file_is_read(tmp_path, database):
    (tmp_path / "link").symlink_to(database)
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe"):
        assert read(tmp_path / name).problem == "unreadable", name
        with pytest.raises(Refused):
            state_of(tmp_path / name)


def test_bounds_hold(database):
    with pytest.raises(MalformedAnswer, match="more than 3 rows"):
        rows(database, "SELECT Name FROM Remotevolume", limit=3, most_copied=1 << 20)
    with closing(wal(database)), pytest.raises(TooLarge):
        rows(database, COUNT, limit=1, most_copied=1000)
    assert rows(database, COUNT, limit=1, most_copied=1000) == ((6,),)


def test_a_reading_that_takes_too_long_is_ended(database):
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n"
    with pytest.raises(Temporary):
        rows(database, endless, limit=1, most_copied=0, alive=lambda: False)


def test_what_is_not_there_or_cannot_be_seen_is_told(tmp_path):
    with pytest.raises(NotFound):
        rows(tmp_path / "none", COUNT, limit=1, most_copied=0)
    with pytest.raises((Blind, NotFound)):
        state_of(tmp_path / ("x" * 300))


# ---- all evidence ------------------------------------------------------------------------------------------------------------


def test_evidence_never_raises_and_tells_sources_apart(tmp_path, database):
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "photo").write_text("x")
    paths = [str(tmp_path / name) for name in ("empty", "full", "gone", "JOB.sqlite")]
    settings = DuplicatiSettings(
        name="nas", url="http://127.0.0.1:8200", password_file="/run/password", sources={"photos": paths},
        destinations={"photos": {"path": "/backups", "database": str(database)}, "films": {"path": "/backups", "database": "/no/such"}},
    )  # fmt: skip
    evidence = EvidenceReader(settings, SystemClock()).read()
    assert [seen.state for seen in evidence.sources["photos"]] == ["empty", "there", "absent", "there"]
    assert len(evidence.databases["photos"].volumes) == 6 and evidence.databases["films"].problem == "absent"


def test_doctor_tells_what_will_prove_a_destination(tmp_path):
    sealed, films = tmp_path / "sealed", tmp_path / "films"
    shutil.copytree(RECORDINGS / "2.3.0.4" / "destination-encrypted", sealed)
    shutil.copytree(sealed, films)
    (films / "duplicati-verification.json").unlink()
    (tmp_path / "empty").mkdir()
    with stage(tmp_path) as made:
        for name in ("docs", "films", "music", "photos"):
            made.world.add_job(name)
        told = made.settings.model_dump() | {"destinations": {
            "docs": {"path": str(sealed)}, "films": {"path": str(films)}, "music": {"path": str(tmp_path / "gone")},
            "photos": {"path": str(tmp_path / "empty")},
        }}  # fmt: skip
        lines = {each.name: each for each in PANEL.probe(DuplicatiSettings.model_validate(told), Ports(made.clock, Silent(), None))}
    found = {key: lines[f"destination of {key}"] for key in ("docs", "films", "music", "photos")}
    assert {key: each.ok for key, each in found.items()} == {"docs": True, "films": None, "music": False, "photos": None}
    assert "6 volumes, proven by its list" in found["docs"].message and "--upload-verification-file" in found["films"].message
