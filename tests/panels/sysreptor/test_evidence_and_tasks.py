"""What is seen beside the panel's own words: backups in its container, our last run, and its tasks in a real PostgreSQL."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgresql import PrivatePostgresql
from tests.support.sysreptor_panel import Stage
from watchdog.collectors.docker.fake import FakeEngine, FakeEngineWorld
from watchdog.errors import MalformedAnswer
from watchdog.panels.sysreptor.evidence import EvidenceReader, backups_in, last_run
from watchdog.panels.sysreptor.fake import ManagePy
from watchdog.panels.sysreptor.tasks import TaskReader
from watchdog.panels.sysreptor.traces import BackupProcess, LastRun
from watchdog.panels.sysreptor.view import NOT_CONFIGURED
from watchdog.runtime.engine import Engine

TITLES = ["UID", "PID", "CMD"]


@pytest.mark.parametrize(
    ("command", "is_one"),
    [
        ("python3 manage.py backup -", True),
        ("/usr/bin/python3 /app/api/src/manage.py backup --key=- -", True),
        ("python3 manage.py backup", True),
        ("python3 manage.py restorebackup -", False),
        ("python3 manage.py backups", False),
        ("python3 manage.py migrate", False),
        ("gunicorn backup", False),
        ("", False),
    ],
)
def test_a_backup_is_known_by_its_command(command: str, is_one: bool) -> None:
    found = backups_in({"Titles": TITLES, "Processes": [["1000", "7", "gunicorn"], ["1000", "8", command]]})
    assert found == ((BackupProcess(8),) if is_one else ())


@pytest.mark.parametrize(
    "top",
    [
        {}, {"Titles": TITLES}, {"Titles": ["UID"], "Processes": []}, {"Titles": TITLES, "Processes": [["1000", "x", "a"]]},
        {"Titles": TITLES, "Processes": [["1000"]]}, {"Titles": "PID", "Processes": []}, {"Titles": TITLES, "Processes": [7]},
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_never_nothing(top: dict[str, object]) -> None:
    with pytest.raises(MalformedAnswer):
        backups_in(top)


def until(found: object, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not found():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_running_backup_is_seen_over_the_engine(tmp_path: Path) -> None:
    import threading  # noqa: PLC0415

    with Stage(tmp_path) as stage:
        engine_world = FakeEngineWorld()
        hold = stage.world.switches.hold = threading.Event()
        with FakeEngine(engine_world, tmp_path / "d.sock") as fake:
            engine = Engine(fake.url)
            reader = EvidenceReader(stage.settings, engine)
            assert (reader.read().processes, reader.read().processes_error) == (None, "no_container")
            engine_world.run("sysreptor-app", "syslifters/sysreptor:2026.61", program=ManagePy(stage.world))
            assert reader.read().processes == ()
            argv = ["python3", "manage.py", "backup", "-"]
            running = threading.Thread(target=lambda: engine.exec("sysreptor-app", argv, 60.0), daemon=True)
            running.start()
            until(lambda: reader.read().processes)
            (seen,) = reader.read().processes or ()
            assert seen.pid > 0
            hold.set()
            running.join(60)
            until(lambda: reader.read().processes == ())
        assert EvidenceReader(stage.settings, None).read().processes_error == "no_engine"


def test_our_newest_run_is_read_from_its_note(tmp_path: Path) -> None:
    def note(stamp: str, **said: object) -> None:
        (tmp_path / f"sysreptor-full-backup-{stamp}-watchdog.zip.watchdog.json").write_text(json.dumps(said))

    assert last_run(tmp_path) is None
    assert last_run(tmp_path / "nowhere") is None
    note("20261119T020000Z", path="/b/1.zip", began=1.5, bytes=100, seconds=2.5, peak_memory=7)
    assert last_run(tmp_path) == LastRun("/b/1.zip", 1.5, 100, 2.5, 7)
    note("20261120T020000Z", path="/b/2.zip", began=2.5, bytes=200, seconds=3.5)
    assert last_run(tmp_path) == LastRun("/b/2.zip", 2.5, 200, 3.5, None)
    note("20261121T020000Z", path="/b/3.zip", began="yesterday", bytes=200, seconds=3.5)
    assert last_run(tmp_path) == LastRun("/b/2.zip", 2.5, 200, 3.5, None)


@pytest.fixture
def tasks_url(postgresql: PrivatePostgresql) -> Iterator[str]:
    """A database with the panel's table (tasks/migrations/0001_initial.py and 0003) and a login that may only read it."""
    name = postgresql.database()
    postgresql.execute(
        "CREATE TABLE tasks_periodictask (created timestamptz, updated timestamptz, id varchar(255) PRIMARY KEY, "
        "status varchar(10) NOT NULL, started timestamptz NOT NULL, completed timestamptz, last_success timestamptz)",
        name,
    )
    postgresql.execute(
        "INSERT INTO tasks_periodictask VALUES (now(), now(), 'clear_sessions', 'success', '2026-11-20 18:13:26.5+00', "
        "'2026-11-20 18:13:27+00', '2026-11-20 18:13:27+00'), "
        "(now(), now(), 'activate_license', 'running', '2026-11-21 00:00:00+00', NULL, NULL)",
        name,
    )
    postgresql.execute("DO $$ BEGIN CREATE ROLE sysreptor_reader LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    postgresql.execute("GRANT SELECT ON tasks_periodictask TO sysreptor_reader", name)
    yield f"postgresql://sysreptor_reader@127.0.0.1:{postgresql.port}/{name}"


@pytest.mark.postgresql
@pytest.mark.xdist_group("postgresql")
def test_tasks_are_read_and_who_could_write_them_is_told(tmp_path: Path, postgresql: PrivatePostgresql, tasks_url: str) -> None:
    (tmp_path / "database").write_text(tasks_url + "\n")
    with Stage(tmp_path, database={"url_file": str(tmp_path / "database"), "timeout": "30s"}) as stage:
        view = stage.client.view()
        assert view.tasks_error == ""
        late, done = view.tasks or ()
        assert (late.id, late.status, late.started, late.completed) == ("activate_license", "running", 1_795_219_200.0, None)
        assert (done.id, done.started, done.last_success) == ("clear_sessions", 1_795_198_406.5, 1_795_198_407.0)
        assert not TaskReader(stage.settings).may_write()
        (tmp_path / "database").write_text(tasks_url.replace("sysreptor_reader", "watchdog"))
        assert TaskReader(stage.settings).may_write()
        postgresql.execute("ALTER TABLE tasks_periodictask RENAME TO elsewhere", tasks_url.rpartition("/")[2])
        view = stage.client.view()
        assert (view.tasks, view.tasks_error) == (None, "MalformedAnswer")
        assert view.log is not None, "the rest of the look is none the worse"


def test_without_a_login_no_task_is_known(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        view = stage.client.view()
        assert (view.tasks, view.tasks_error) == (None, NOT_CONFIGURED)
    (tmp_path / "database").write_text("")
    with Stage(tmp_path, database={"url_file": str(tmp_path / "database")}) as stage:
        assert stage.client.view().tasks_error == "BadSettings"
