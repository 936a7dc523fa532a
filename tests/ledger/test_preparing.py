"""Before the first use: lock, copy, migrate in one transaction; a kill in the middle leaves the old schema whole."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from tests.conftest import require
from tests.ledger.conftest import HOST, Database
from tests.ledger.processes import ROOT, child, children
from tests.ledger.things import TARGET, seen
from tests.support.instruments import Noted
from watchdog.errors import BadSettings, LedgerReadOnly, LedgerUnavailable
from watchdog.ledger import preparing
from watchdog.ledger.door import METRICS
from watchdog.ledger.open import Ledger, open_ledger
from watchdog.ledger.preparing import MIGRATIONS
from watchdog.ledger.schema import HEAD, VERSION_TABLE, metadata
from watchdog.ledger.settings import LedgerSettings
from watchdog.ledger.storage import filesystem
from watchdog.runtime.clock import SystemClock

NEXT = "0004"
STEP = '''
"""A step of a version to come: it adds, moves, and fills."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade():
    op.create_table("incidents", sa.Column("id", sa.Integer, primary_key=True), sa.Column("target", sa.Text))
    op.add_column("episodes", sa.Column("incident", sa.Text))
    op.execute("UPDATE episodes SET incident = 'none'")
    op.create_index("episodes_of_incident", "episodes", ["incident"])
    op.drop_table("verifications")
'''
POINTS = ["CREATE TABLE incidents", "ALTER TABLE episodes", "UPDATE episodes", "CREATE INDEX episodes_of_incident", "DROP TABLE", "COMMIT"]


EXPAND = '''
"""A step of a version to come that only adds: who does not know it can go on reading."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
oldest_reader = "0003"


def upgrade():
    op.create_table("incidents", sa.Column("id", sa.Integer, primary_key=True), sa.Column("target", sa.Text, nullable=False))
    op.add_column("repairs", sa.Column("incident", sa.Integer))
'''


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """Give the migrations of a version to come."""
    return migrations(tmp_path / "migrations 100%", STEP)  # a path that a careless configuration would trip over


@pytest.fixture
def expanding(tmp_path: Path) -> Path:
    """Give the migrations of a version to come that only adds."""
    return migrations(tmp_path / "expanding", EXPAND)


def migrations(to: Path, step: str) -> Path:
    shutil.copytree(MIGRATIONS, to, ignore=shutil.ignore_patterns("__pycache__"))
    (to / "versions" / "v0004_incidents.py").write_text(step)
    return to


def rows(database: Database, statement: str) -> list[tuple[object, ...]]:
    if database.path:
        connection = sqlite3.connect(database.path)
        try:
            return connection.execute(statement).fetchall()
        finally:
            connection.close()
    assert database.server is not None
    return database.server.execute(statement, database.url.rsplit("/", 1)[1])


def write(database: Database, statement: str) -> None:
    if database.path:
        with closing(sqlite3.connect(database.path)) as connection:
            connection.execute(statement)
            connection.commit()
    else:
        rows(database, statement)


def version(database: Database) -> object:
    return rows(database, f"SELECT version_num FROM {VERSION_TABLE}")[0][0]


def given(database: Database, newer: Path | None = None, **more: object) -> dict[str, object]:
    step = {"migrations": str(newer), "head": NEXT} if newer else {}
    return {"url": database.url, **step, **more}


def write_something(database: Database) -> None:
    book = database.open()
    book.observe(TARGET, seen("one", "two", started=3), 10.0, baseline=False)
    book.close()


def assert_everything_is_there(database: Database) -> None:
    book = database.open(migrate=False)
    assert [episode.drift.subject.id for episode in book.episodes(TARGET)] == ["one", "two"]
    assert book.facts(TARGET, 1.0).memory == {"started": 3}
    book.close()


# --- a new ledger


def test_a_new_ledger_is_made_by_those_who_may(empty: Database):
    with pytest.raises(LedgerUnavailable, match="panel-watchdog run"):
        empty.open(migrate=False)
    empty.open(migrate=True).check()
    empty.open(migrate=False).check()
    assert version(empty) == HEAD


def test_the_migrations_end_in_the_tables_that_the_code_uses(empty: Database):
    empty.open()
    url = empty.url if empty.path else empty.url.replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_the_newest_step_is_the_one_the_code_names():
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [HEAD]


def test_a_new_file_is_ours_alone_from_its_first_moment(tmp_path: Path):
    path = tmp_path / "new" / "deep" / "ledger.sqlite3"
    book = open_ledger(LedgerSettings(url=str(path), ephemeral=True), SystemClock(), migrate=True, host="h")
    book.observe(TARGET, seen("one"), 1.0, baseline=False)
    made = sorted(each.name for each in path.parent.iterdir())
    assert made == ["ledger.sqlite3", "ledger.sqlite3-shm", "ledger.sqlite3-wal", "ledger.sqlite3.lock"]
    assert {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()} == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    book.close()


def test_an_open_file_is_closed_to_others(tmp_path: Path):
    path = tmp_path / "ledger.sqlite3"
    path.touch(0o644)
    path.chmod(0o644)
    open_ledger(LedgerSettings(url=str(path), ephemeral=True), SystemClock(), migrate=True, host="h").close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_sqlite_writes_ahead_and_to_the_disk(tmp_path: Path):
    book = open_ledger(LedgerSettings(url=str(tmp_path / "l"), ephemeral=True), SystemClock(), migrate=True, host="h")
    with book._door.read() as connection:
        told = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert told == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10_000}
    book.close()


# --- a current ledger


def test_no_alembic_is_imported_when_the_schema_is_current(database: Database):
    code = (
        "import sys; from watchdog.ledger.open import open_ledger; from watchdog.ledger.settings import LedgerSettings;"
        "from watchdog.runtime.clock import SystemClock;"
        f"book = open_ledger(LedgerSettings(url={database.url!r}, ephemeral=True), SystemClock(), migrate=True, host='h'); book.check();"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'alembic', 'mako', 'typer', 'rich', 'apprise', 'psycopg'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=200, check=True)
    assert done.stdout.strip() == ("[]" if database.path else "['psycopg']")


def test_the_settings_cost_no_sqlalchemy():
    code = "import sys, watchdog.ledger.settings; print('sqlalchemy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=200, check=True)
    assert done.stdout.strip() == "False"


# --- older and newer ones


def test_an_older_schema_is_brought_up_and_keeps_its_rows(database: Database, newer: Path):
    write_something(database)
    with child("start", **given(database, newer)) as process:
        process.hear()
        process.go()
        assert process.hear() == {"opened": True, "migrated": True}
    assert version(database) == NEXT
    assert rows(database, "SELECT DISTINCT incident FROM episodes") == [("none",)]


def test_an_older_schema_is_left_alone_by_those_who_may_not(database: Database, newer: Path):
    with pytest.raises(LedgerUnavailable, match=f"has schema {HEAD}, we need {NEXT}: start `panel-watchdog run` once"):
        open_ledger(database.settings(), SystemClock(), migrate=False, host="h", migrations=newer, head=NEXT)
    assert version(database) == HEAD


@pytest.mark.parametrize("strange", ["0004", "9999", "f00dcafe"])
@pytest.mark.parametrize("migrate", [True, False])
def test_a_newer_schema_refuses_and_names_both_versions_and_the_way_out(database: Database, strange: str, migrate: bool):
    write(database, f"UPDATE {VERSION_TABLE} SET version_num = '{strange}'")
    with pytest.raises(BadSettings, match=f"has schema {strange}.* up to {HEAD}.*Start that version again"):
        database.open(migrate=migrate)


def of_the_next_version(database: Database, steps: Path, host: str = "new") -> Ledger:
    return open_ledger(database.settings(), SystemClock(), migrate=True, host=host, migrations=steps, head=NEXT)


@pytest.mark.parametrize("migrate", [True, False])
def test_a_newer_schema_that_only_adds_is_read_and_never_written(database: Database, expanding: Path, migrate: bool):
    write_something(database)
    new = of_the_next_version(database, expanding)
    old = database.open(migrate=migrate)
    assert [episode.drift.subject.id for episode in old.episodes(TARGET)] == ["one", "two"]
    said = f"has schema {NEXT}.* up to {HEAD}.*nothing is written and nothing is sent"
    for write in (
        old.check, lambda: old.observe(TARGET, seen("three"), 20.0, baseline=False), lambda: old.lease("host/old", "me", 60.0),
        lambda: old.set_baseline(TARGET, "taken", 20.0), lambda: old.prune(20.0),
    ):  # fmt: skip
        with pytest.raises(LedgerReadOnly, match=said):
            write()
    new.observe(TARGET, seen("four"), 20.0, baseline=False)
    assert [episode.drift.subject.id for episode in new.episodes(TARGET)] == ["four"]
    assert [episode.drift.subject.id for episode in old.episodes(TARGET)] == ["one", "two"], "not what another host's agent wrote"
    assert (new.lease("host/old", "newer", 60.0) is not None, version(database)) == (True, NEXT)
    new.close()


def test_a_newer_schema_that_takes_something_away_is_refused_as_ever(database: Database, newer: Path):
    of_the_next_version(database, newer).close()
    with pytest.raises(BadSettings, match=f"has schema {NEXT}.* up to {HEAD}.*Start that version again"):
        database.open()


def test_who_is_overtaken_while_running_stops_writing_at_once_and_goes_on_when_the_copy_is_put_back(database: Database, expanding: Path):
    told = Noted(METRICS)
    old = open_ledger(database.settings(), SystemClock(), migrate=True, host=HOST, instruments=told)
    old.observe(TARGET, seen("one"), 10.0, baseline=False)
    new = of_the_next_version(database, expanding)
    for _ in range(3):
        with pytest.raises(LedgerReadOnly):
            old.observe(TARGET, seen("one", "two"), 20.0, baseline=False)
        assert [episode.drift.subject.id for episode in old.episodes(TARGET)] == ["one"]
        assert gauges(told) == {"watchdog_ledger_up": 0.0, "watchdog_ledger_read_only": 1.0}, "a read that works changes nothing"
    new.close()
    write(database, f"UPDATE {VERSION_TABLE} SET version_num = '{HEAD}'")
    old.check()
    assert len(old.observe(TARGET, seen("one", "two"), 30.0, baseline=False)) == 2
    assert gauges(told) == {"watchdog_ledger_up": 1.0, "watchdog_ledger_read_only": 0.0}
    old.close()


def gauges(told: Noted) -> dict[str, float]:
    return {name: told[name] for name in ("watchdog_ledger_up", "watchdog_ledger_read_only")}


def test_a_place_with_other_tables_is_refused(empty: Database):
    if empty.path:
        connection = sqlite3.connect(empty.path)
        connection.execute("CREATE TABLE invoices (id INTEGER)")
        connection.close()
    else:
        rows(empty, "CREATE TABLE repairs (id INTEGER)")
    with pytest.raises(BadSettings, match="not ours"):
        empty.open()


def test_a_copy_is_made_before_a_change_and_copies_are_few(tmp_path: Path, newer: Path):
    path = tmp_path / "ledger.sqlite3"
    database = Database(f"sqlite:///{path}", path)
    write_something(database)
    for number in range(5):
        old = tmp_path / f"ledger.sqlite3.before-{number:04}-from-0000"
        old.touch()
    with child("start", **given(database, newer)) as process:
        process.hear()
        process.go()
        assert process.hear()["opened"]
    copies = sorted(each.name for each in tmp_path.glob("ledger.sqlite3.before-*"))
    assert len(copies) == preparing.COPIES
    copy = tmp_path / f"ledger.sqlite3.before-{NEXT}-from-{HEAD}"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert_everything_is_there(Database(f"sqlite:///{copy}", copy))


def test_a_new_or_current_ledger_makes_no_copy(tmp_path: Path):
    path = tmp_path / "ledger.sqlite3"
    for _ in range(2):
        Database(f"sqlite:///{path}", path).open().close()
    assert list(tmp_path.glob("*.before-*")) == []


# --- killed in the middle


@pytest.mark.parametrize("point", POINTS)
def test_killed_in_the_middle_of_a_change_the_old_schema_is_whole_and_the_next_start_completes(database: Database, newer: Path, point: str):
    _kill_a_change(database, newer, point)


def test_killed_while_copying_the_file_the_next_start_copies_again(tmp_path: Path, newer: Path):
    path = tmp_path / "ledger.sqlite3"
    _kill_a_change(Database(f"sqlite:///{path}", path), newer, "COPY")
    assert [each.name for each in tmp_path.glob("*.before-*")] == [f"ledger.sqlite3.before-{NEXT}-from-{HEAD}"]


def _kill_a_change(database: Database, newer: Path, point: str) -> None:
    write_something(database)
    with child("freeze", **given(database, newer, at=point)) as process:
        assert process.hear() == {"frozen": point}
        process.kill()
    assert version(database) == HEAD
    assert_everything_is_there(database)
    with child("start", **given(database, newer)) as process:
        process.hear()
        process.go()
        assert process.hear() == {"opened": True, "migrated": True}
    assert version(database) == NEXT
    assert rows(database, "SELECT count(*), min(incident) FROM episodes") == [(2, "none")]


@pytest.mark.parametrize("point", ["CREATE TABLE episodes", "CREATE TABLE repairs", "INSERT INTO fence", "CREATE TABLE offsets", "COMMIT"])
def test_killed_while_being_made_nothing_is_there_and_the_next_start_makes_it(empty: Database, point: str):
    with child("freeze", **given(empty, at=point)) as process:
        assert process.hear() == {"frozen": point}
        process.kill()
    with pytest.raises(LedgerUnavailable, match="none"):
        empty.open(migrate=False)
    write_something(empty)
    assert_everything_is_there(empty)


def test_who_comes_while_another_migrates_waits_and_takes_over_when_it_dies(database: Database, newer: Path):
    write_something(database)
    with child("freeze", **given(database, newer, at="CREATE INDEX")) as first:
        first.hear()
        with pytest.raises(LedgerUnavailable):
            open_ledger(database.settings(migration_timeout="300ms"), SystemClock(), migrate=True, host="h", migrations=newer, head=NEXT)
        with child("start", **given(database, newer)) as second:
            second.hear()
            second.go()
            first.kill()
            assert second.hear() == {"opened": True, "migrated": True}
    assert version(database) == NEXT


# --- two at once


@pytest.mark.parametrize("many", [2, 4])
def test_processes_that_start_at_once_make_one_ledger(empty: Database, many: int):
    with children("start", [given(empty)] * many) as processes:
        for process in processes:
            process.hear()
        for process in processes:
            process.go()
        said = [process.hear() for process in processes]
    assert all(each == {"opened": True, "migrated": each["migrated"]} for each in said)
    assert sum(each["migrated"] for each in said) == 1
    write_something(empty)
    assert_everything_is_there(empty)


def test_processes_that_start_at_once_change_a_ledger_once(database: Database, newer: Path):
    write_something(database)
    with children("start", [given(database, newer)] * 3) as processes:
        for process in processes:
            process.hear()
        for process in processes:
            process.go()
        said = [process.hear() for process in processes]
    assert sum(each["migrated"] for each in said) == 1
    assert version(database) == NEXT


# --- storage


def test_a_ledger_on_a_real_tmpfs_is_refused_unless_it_may_forget():
    shared = Path("/dev/shm")
    mounts = Path("/proc/self/mountinfo").read_text()
    require(f" {shared} " in mounts and filesystem(shared, mounts) == "tmpfs", "a tmpfs on /dev/shm")
    path = shared / f"watchdog-ledger-{os.getpid()}" / "ledger.sqlite3"
    try:
        with pytest.raises(BadSettings, match="is on tmpfs"):
            open_ledger(LedgerSettings(url=str(path)), SystemClock(), migrate=True, host="h")
        assert not path.parent.exists()
        open_ledger(LedgerSettings(url=str(path), ephemeral=True), SystemClock(), migrate=True, host="h").close()
        assert path.exists()
    finally:
        shutil.rmtree(path.parent, ignore_errors=True)
