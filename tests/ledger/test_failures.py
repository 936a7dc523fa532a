"""A database that fails: one error in our words, without secrets; and it works again by itself when the database does."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import require
from tests.ledger.conftest import Database
from tests.ledger.things import TARGET, intended, leased, planned, seen
from watchdog.errors import BadSettings, LedgerUnavailable
from watchdog.ledger.door import METRICS
from watchdog.ledger.faults import REASONS, explain
from watchdog.ledger.open import Ledger, open_ledger
from watchdog.ledger.settings import LedgerSettings
from watchdog.model.approvals import Lease
from watchdog.runtime.clock import SystemClock

SECRET = "s3kr1t-pa55"
on_postgresql = [pytest.mark.postgresql, pytest.mark.xdist_group("postgresql")]


class Counts:
    """Instruments that a test can read; only names and labels of the catalogue are taken."""

    def __init__(self) -> None:
        self.counted: Counter[tuple[str, ...]] = Counter()
        self.gauges: dict[str, float] = {}
        self._known = {metric.name: metric for metric in METRICS}

    def count(self, name: str, *labels: str, by: float = 1.0) -> None:
        assert labels in self._known[name].seed
        self.counted[(name, *labels)] += int(by)

    def set(self, name: str, *labels: str, value: float) -> None:
        assert self._known[name].labels == labels == ()
        self.gauges[name] = value

    def drop(self, name: str, *labels: str) -> None:
        raise AssertionError(name, labels)

    def observe(self, name: str, *labels: str, value: float) -> None:
        assert labels in self._known[name].seed
        self.counted[(name, *labels)] += 1


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'ledger.sqlite3'}", tmp_path / "ledger.sqlite3")
    yield database
    database.close()


@pytest.fixture
def server(postgresql, postgresql_template) -> Iterator[Database]:
    database = Database(postgresql.url(postgresql.database(postgresql_template)), None, postgresql)
    yield database
    database.close()


def look(book: Ledger, *names: str) -> int:
    return len(book.observe(TARGET, seen(*names), 1000.0, baseline=False))


def wait_until_it_works(book: Ledger) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            book.check()
        except LedgerUnavailable:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


# --- SQLite


def test_a_file_locked_by_another_program(file: Database):
    book = file.open(busy_timeout="200ms")
    assert file.path
    other = sqlite3.connect(file.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerUnavailable, match="another program holds its write lock"):
        look(book, "one")
    assert book.episodes() == (), "reading goes on"
    other.execute("ROLLBACK")
    other.close()
    assert look(book, "one") == 1


def test_a_file_that_was_taken_away_and_put_back(file: Database):
    book = file.open()
    look(book, "one")
    assert file.path
    away = file.path.with_name("away")
    file.path.rename(away)
    for use in (lambda: look(book, "two"), book.episodes, lambda: intended(book)):
        with pytest.raises(LedgerUnavailable, match="gone"):
            use()
    assert not file.path.exists(), "no new and empty ledger takes its place"
    away.rename(file.path)
    assert len(book.episodes()) == 1


def test_a_copy_put_in_place_while_running_is_used_from_then_on(file: Database, tmp_path: Path):
    book = file.open()
    look(book, "one")
    other = Database(f"sqlite:///{tmp_path / 'other.sqlite3'}", tmp_path / "other.sqlite3")
    theirs = other.open()
    look(theirs, "a", "b", "c")
    other.close()
    assert file.path
    assert other.path
    for leftover in ("-wal", "-shm"):
        Path(f"{file.path}{leftover}").unlink()
    shutil.move(other.path, file.path)
    assert len(book.episodes()) == 3
    assert look(book, "one") == 1


def test_a_damaged_file(file: Database):
    file.open().close()
    assert file.path
    file.path.write_bytes(b"not a database at all" * 1000)
    with pytest.raises(LedgerUnavailable, match="no SQLite database"):
        file.open()


def test_a_directory_that_cannot_be_made(tmp_path: Path):
    (tmp_path / "plain").touch()
    with pytest.raises(LedgerUnavailable):
        open_ledger(LedgerSettings(url=str(tmp_path / "plain" / "ledger"), ephemeral=True), SystemClock(), migrate=True, host="h")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a real file system of 1 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = (
        os.geteuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(disk)], check=False).returncode == 0
    )
    require(mounted, "root, to mount a small file system")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_loses_nothing_and_works_again_with_space(small_disk: Path):
    database = Database(f"sqlite:///{small_disk / 'ledger'}", small_disk / "ledger")
    book = database.open()
    look(book, "before")
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while True:
            file.write(b"x" * 4096)
    with pytest.raises(LedgerUnavailable, match="disk is full"):
        for number in range(100):
            look(book, "before", *(f"{number}-{each}" for each in range(100)))
    assert any(episode.drift.subject.id == "before" for episode in book.episodes())
    filler.unlink()
    assert look(book, "before", "after") == 2
    database.close()


def test_a_disk_gone_read_only(small_disk: Path):
    database = Database(f"sqlite:///{small_disk / 'ledger'}", small_disk / "ledger")
    book = database.open()
    look(book, "one")
    book.close()  # a mount with a file open for writing cannot be made read-only
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(LedgerUnavailable, match=r"read-only|cannot be opened"):
        look(book, "two")
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    assert look(book, "two") == 1
    database.close()


# --- PostgreSQL


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["shut down", "crashed"])
@pytest.mark.parametrize("marks", [pytest.param(None, marks=on_postgresql)], ids=[""])
def test_a_server_that_went_and_came_back(server: Database, how: signal.Signals, marks: None):
    book = server.open()
    look(book, "one")
    lease = leased(book)
    assert server.server
    server.server.stop(how)
    try:
        for use in (lambda: look(book, "two"), book.episodes, lambda: book.remaining(lease), lambda: book.renew(lease, 1.0)):
            with pytest.raises(LedgerUnavailable):
                use()
    finally:
        server.server.start()
    wait_until_it_works(book)
    assert [episode.drift.subject.id for episode in book.episodes()] == ["one"]
    assert book.remaining(lease) > 0, "a lease outlives the server's restart"


@pytest.mark.postgresql
@pytest.mark.xdist_group("postgresql")
def test_idle_connections_that_were_cut_are_replaced_unnoticed(server: Database):
    book = server.open()
    look(book, "one")
    assert server.server
    server.server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{server.url.rsplit('/', 1)[1]}'")
    assert look(book, "one") == 1


@pytest.mark.postgresql
@pytest.mark.xdist_group("postgresql")
def test_a_connection_cut_in_the_middle_leaves_nothing_half(server: Database):
    book = server.open()
    assert server.server
    with pytest.raises(LedgerUnavailable, match="57P01"), book._door.write() as connection:
        connection.exec_driver_sql("INSERT INTO memories VALUES ('test-host', 'half', '{}', 0)")
        server.server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{server.url.rsplit('/', 1)[1]}'")
        connection.exec_driver_sql("INSERT INTO memories VALUES ('test-host', 'other', '{}', 0)")
    with book._door.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM memories").scalar() == 0


@pytest.mark.postgresql
@pytest.mark.xdist_group("postgresql")
def test_a_patient_ledger_begins_without_its_server_and_makes_its_tables_later(postgresql):
    name = postgresql.database()
    postgresql.stop()
    try:
        with pytest.raises(LedgerUnavailable):
            open_ledger(LedgerSettings(url=postgresql.url(name)), SystemClock(), migrate=True, host="h")
        book = open_ledger(LedgerSettings(url=postgresql.url(name)), SystemClock(), migrate=True, host="h", patient=True)
        with pytest.raises(LedgerUnavailable):
            book.check()
    finally:
        postgresql.start()
    wait_until_it_works(book)
    assert look(book, "one") == 1
    book.close()


@pytest.mark.postgresql
@pytest.mark.xdist_group("postgresql")
def test_a_read_only_server(server: Database):
    assert server.server
    server.server.execute(f'ALTER DATABASE "{server.url.rsplit("/", 1)[1]}" SET default_transaction_read_only = on')
    book = server.open()
    with pytest.raises(LedgerUnavailable, match="read-only"):
        look(book, "one")
    assert book.episodes() == ()


@pytest.mark.postgresql
@pytest.mark.xdist_group("postgresql")
def test_a_row_locked_for_long_does_not_hang_us(server: Database):
    book = server.open(busy_timeout="500ms")
    record = intended(book)
    other = server.open()
    with other._door.write() as connection:
        connection.exec_driver_sql("SELECT * FROM repairs FOR UPDATE")
        with pytest.raises(LedgerUnavailable, match="took too long"):
            book.note_step(record, "step", 1.0)
    book.note_step(record, "step", 1.0)


@pytest.mark.postgresql
@pytest.mark.xdist_group("postgresql")
def test_no_secret_is_told(server: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    assert server.server
    told: list[str] = []
    for user, port, database in (("nobody", server.server.port, "none"), ("watchdog", 1, "none"), ("watchdog", server.server.port, "none")):
        file = tmp_path / "url"
        file.write_text(f"postgresql://{user}:{SECRET}@127.0.0.1:{port}/{database}\n")
        with pytest.raises(LedgerUnavailable) as caught:
            open_ledger(LedgerSettings(url_file=file), SystemClock(), migrate=True, host="h")
        told.append(str(caught.value))
        assert caught.value.__cause__ is None
    book = server.open()
    with pytest.raises(LedgerUnavailable) as caught, book._door.read() as connection:
        connection.exec_driver_sql(f"SELECT '{SECRET}'::integer")
    told.append(str(caught.value))
    assert SECRET not in "".join(told) + caplog.text


# --- both


def test_a_url_that_cannot_be_used_is_refused_without_showing_it(tmp_path: Path):
    file = tmp_path / "url"
    for text in (f"mysql://u:{SECRET}@h/d", f"postgresql://u:{SECRET}@h:port/d", "", f"sqlite:///relative/{SECRET}"):
        file.write_text(text)
        with pytest.raises(BadSettings) as caught:
            open_ledger(LedgerSettings(url_file=file), SystemClock(), migrate=True, host="h")
        assert SECRET not in str(caught.value)


def test_it_is_logged_and_counted_once_when_it_breaks_and_once_when_it_recovers(file: Database, caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")
    counts = Counts()
    book = open_ledger(file.settings(), SystemClock(), migrate=True, host="h", instruments=counts)
    look(book, "one")
    assert file.path
    assert counts.gauges["watchdog_ledger_up"] == 1.0
    away = file.path.with_name("away")
    file.path.rename(away)
    for _ in range(3):
        with pytest.raises(LedgerUnavailable):
            look(book, "one")
    assert counts.gauges["watchdog_ledger_up"] == 0.0
    assert counts.counted["watchdog_ledger_failures_total", "gone"] == 3
    away.rename(file.path)
    look(book, "one")
    look(book, "one")
    assert counts.gauges["watchdog_ledger_up"] == 1.0
    assert counts.counted["watchdog_ledger_transaction_duration_seconds", "write"] == 3
    assert caplog.text.count("the ledger cannot be used; repairs stand still") == 1
    assert caplog.text.count("the ledger works again") == 1
    book.close()


def test_errors_of_ours_are_no_failures_of_the_database(database: Database):
    counts = Counts()
    book = open_ledger(database.settings(), SystemClock(), migrate=True, host="h", instruments=counts)
    with pytest.raises(Exception, match="not ours any more"):
        book.intend(planned(), Lease(str(planned().proposal.object), "me", 99), "policy", 1.0)
    assert counts.gauges["watchdog_ledger_up"] == 1.0
    assert not any(name == "watchdog_ledger_failures_total" for name, *_ in counts.counted)
    book.close()


def test_what_a_failed_transaction_wrote_is_not_there(book: Ledger):
    class Planted(Exception):
        pass

    with pytest.raises(Planted), book._door.write() as connection:
        connection.exec_driver_sql("INSERT INTO memories VALUES ('test-host', 'half', '{}', 0)")
        raise Planted
    with book._door.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM memories").scalar() == 0


def test_many_threads_share_few_connections(book: Ledger):
    failed: list[LedgerUnavailable] = []

    def use() -> None:
        try:
            for _ in range(10):
                book.check()
                look(book, "one")
        except LedgerUnavailable as error:
            failed.append(error)

    threads = [threading.Thread(target=use) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(28, f"No space left on device: {SECRET}"), "full"),
        (OSError(99, SECRET), "other"),
        (ValueError(SECRET), "other"),
        (sqlite3.OperationalError(SECRET), "other"),
    ],
)
def test_words_for_errors(error: Exception, expected: str):
    reason, sentence = explain(error)
    assert reason == expected
    assert reason in REASONS
    assert SECRET not in sentence


@pytest.mark.postgresql
@pytest.mark.xdist_group("postgresql")
def test_a_program_that_is_frozen_in_a_transaction_does_not_keep_the_others_out(server: Database, monkeypatch):
    monkeypatch.setattr("watchdog.ledger.engines.STANDSTILL_SECONDS", 1)
    frozen, other = server.open(busy_timeout="60s"), server.open(busy_timeout="60s")
    with pytest.raises(LedgerUnavailable), frozen._door.write() as connection:
        connection.exec_driver_sql("UPDATE fence SET number = number + 1")
        assert other.lease("toys/a", "us/1/x", 60.0) is not None, "the server ends a transaction that stands still"
