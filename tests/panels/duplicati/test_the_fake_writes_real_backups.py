"""The fake's jobs: real volumes, their list, a real job database; what a kill leaves, what fails, and what a repair can mend."""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
import zipfile

import pytest

from tests.support.duplicati_fake import AT, RECORDINGS, VERSIONS, settled, stage
from watchdog.panels.duplicati.fake import PASSPHRASE, RELEASES
from watchdog.panels.duplicati.fake.job_schema import SCHEMA

PROFILES = [name for name, release in RELEASES.items() if not release.too_old]


def ran(server, clock, caller, job):
    """Run a job to its end; return the task."""
    task = server.world.run(job)
    settled(caller, clock)
    return task


def listed(job):
    """Return the rows of the list of volumes."""
    path = job.destination / "duplicati-verification.json"
    return json.loads(path.read_bytes().decode("utf-8-sig"))


def sha256(content):
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


@pytest.mark.parametrize("version", PROFILES)
@pytest.mark.parametrize("passphrase", ["", PASSPHRASE])
def test_list_database_and_folder_agree(version, passphrase, tmp_path):
    with stage(tmp_path, version) as (server, caller, clock):
        job = server.world.add_job("photos", passphrase=passphrase)
        ran(server, clock, caller, job)
        (server.world.folder / "source" / "job-1" / "new.txt").write_text("new\n", encoding="ascii")
        ran(server, clock, caller, job)
        found = {path.name: path.read_bytes() for path in job.destination.iterdir() if not path.name.endswith(".json")}
        assert len(found) == 6
        assert {row["Name"]: (row["Size"], row["Hash"]) for row in listed(job)} == {
            name: (len(content), sha256(content)) for name, content in found.items()
        }
        assert ("ArchiveTime" in listed(job)[0]) == (version == "2.3.0.4")
        with sqlite3.connect(job.db_path) as database:
            rows = database.execute("SELECT Name, Size, Hash, State FROM Remotevolume").fetchall()
        database.close()
        assert {row[0]: row[1:] for row in rows} == {name: (len(content), sha256(content), "Verified") for name, content in found.items()}
        assert all(content.startswith(b"AES\x02" if passphrase else b"PK") for content in found.values())


def test_a_volume_has_what_the_recorded_ones_have(tmp_path):
    recorded = sorted((RECORDINGS / "job" / "destination").glob("*.zip"))
    with stage(tmp_path, "2.3.0.4") as (server, caller, clock):
        job = server.world.add_job("photos")
        ran(server, clock, caller, job)
        for kind in ("dlist", "dindex"):
            mine, theirs = (next(path for path in paths if f".{kind}." in path.name) for paths in (job.destination.iterdir(), recorded))
            with zipfile.ZipFile(mine) as one, zipfile.ZipFile(theirs) as other:
                assert shape(one) == shape(other)
        dindex = next(job.destination.glob("*.dindex.zip"))
        with zipfile.ZipFile(dindex) as archive:
            name = next(each for each in archive.namelist() if each.startswith("vol/"))
            about = json.loads(archive.read(name))
        volume = (job.destination / name.removeprefix("vol/")).read_bytes()
        assert (about["volumesize"], about["volumehash"]) == (len(volume), sha256(volume))


def shape(archive):
    """Return what stands in a volume: names without digits, and the members of its JSON."""
    told = {}
    for name in archive.namelist():
        value = json.loads(archive.read(name).decode("utf-8-sig"))
        told[name.partition("/")[0]] = sorted(value) if isinstance(value, dict) else isinstance(value, list)
    return told


def test_the_schema_is_the_recorded_one():
    real = RECORDINGS / "job" / "job.sqlite"
    theirs = {tuple(row) for row in tables(sqlite3.connect(f"file:{real}?immutable=1", uri=True))}
    made = sqlite3.connect(":memory:")
    made.executescript(SCHEMA)
    assert {tuple(row) for row in tables(made)} == theirs


def tables(connection):
    """Return (table, column, type, not null) of a database, and close it."""
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")]
    rows = [(name, *row[1:4]) for name in names for row in connection.execute(f'PRAGMA table_info("{name}")')]
    connection.close()
    return rows


@pytest.mark.parametrize("version", VERSIONS)
def test_an_unchanged_source_makes_no_new_version(version, tmp_path):
    with stage(tmp_path, version) as (server, caller, clock):
        job = server.world.add_job("photos")
        ran(server, clock, caller, job)
        before, names = dict(job.metadata), sorted(path.name for path in job.destination.iterdir())
        clock.advance(3600.0)
        ran(server, clock, caller.login(), job)
        assert sorted(path.name for path in job.destination.iterdir()) == names
        assert (job.metadata["LastBackupDate"], job.metadata["BackupListCount"]) == (before["LastBackupDate"], "1")
        assert job.metadata["LastBackupFinished"] > before["LastBackupFinished"]


@pytest.mark.parametrize("version", PROFILES)
@pytest.mark.parametrize("first", [True, False])
def test_a_kill_in_an_upload_leaves_half_a_volume_and_no_trace_in_the_api(version, first, tmp_path):
    with stage(tmp_path, version) as (server, caller, clock):
        job = server.world.add_job("photos", seconds=60.0)
        if not first:
            ran(server, clock, caller, job)
            (server.world.folder / "source" / "job-1" / "new.txt").write_text("new\n", encoding="ascii")
        before, names = dict(job.metadata), {path.name for path in job.destination.iterdir()}
        server.world.run(job)
        clock.advance(20.0)
        server.restart(killed=True)
        (left,) = {path.name for path in job.destination.iterdir()} - names
        assert ".dblock." in left
        assert not zipfile.is_zipfile(job.destination / left)
        assert (caller.state()["ActiveTask"], caller.get("tasks"), dict(job.metadata)) == (None, [], before)
        assert caller.call("GET", "/api/v1/progressstate").status == 404
        assert [notice for notice in caller.get("notifications") if notice["BackupID"]] == []
        assert server.world.runs[-1].ending == ""
        clock.advance(30.0)
        ran(server, clock, caller, job)
        assert "LastErrorDate" not in job.metadata
        assert not (job.destination / left).exists()
        assert {row["Name"] for row in listed(job)} == {path.name for path in job.destination.glob("*.zip")}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_repair_makes_a_lost_database_again(version, tmp_path):
    with stage(tmp_path, version) as (server, caller, clock):
        job = server.world.add_job("photos")
        ran(server, clock, caller, job)
        for path in job.db_path.parent.glob(job.db_path.name + "*"):
            path.unlink()
        clock.advance(10.0)
        ran(server, clock, caller, job)
        assert "not recorded in local storage" in job.metadata["LastErrorMessage"]
        assert job.db_path.exists()  # an empty one: contract section 4, rule 10
        assert caller.post("backup/1/repair").status == 200
        settled(caller, clock)
        error = job.metadata["LastErrorDate"]
        ran(server, clock, caller, job)
        assert job.metadata["LastErrorDate"] == error
        assert job.metadata["LastBackupFinished"] > error
        assert {row["Name"] for row in listed(job)} == {path.name for path in job.destination.glob("*.zip")}


def test_the_newest_database_is_in_wal_mode(tmp_path):
    with stage(tmp_path, "2.3.0.4") as (server, caller, clock):
        job = server.world.add_job("photos")
        ran(server, clock, caller, job)
        connection = sqlite3.connect(job.db_path)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        connection.close()


def test_the_derived_profiles_differ_where_the_matrix_says(tmp_path):
    told = {}
    for version in ("2.1.0.3", "2.1.0.5", "2.2.0.1", "2.2.0.3"):
        with stage(tmp_path / version, version, AT, zone="America/New_York") as (server, caller, clock):
            server.world.add_job("photos")
            caller.post("serverstate/pause", "duration=3600s")
            server.restart()
            timed = (server.world.program, server.world.really_paused)
            caller.post("serverstate/pause")
            server.restart()
            told[version] = timed, server.world.program
            clock.advance(1.0)
    assert told == {
        "2.1.0.3": (("Paused", True), "Running"),  # an indefinite one is lost west of Greenwich (contract section 2, item 4)
        "2.1.0.5": (("Running", False), "Running"),
        "2.2.0.1": (("Paused", False), "Paused"),
        "2.2.0.3": (("Paused", True), "Paused"),
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_pause_does_to_a_run_under_way(version, tmp_path):
    with stage(tmp_path, version) as (server, caller, clock):
        job = server.world.add_job("slow", seconds=100.0)
        server.world.run(job)
        clock.advance(50.0)
        caller.post("serverstate/pause")
        clock.advance(3.0)
        before = caller.get("progressstate")
        clock.advance(20.0)
        stands_still = caller.get("progressstate") == before
        assert stands_still == (version != "2.1.0.5")  # pause-while-running.json
        clock.advance(60.0)
        assert (caller.state()["ActiveTask"] is None) == (version == "2.1.0.5")
        caller.post("serverstate/resume")
        settled(caller, clock)
        assert [run.ending for run in server.world.runs] == ["success"]
