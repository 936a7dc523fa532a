"""A ledger of each released schema, as that release wrote it: brought up, no row is lost or changed, and every book reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ledger.conftest import Database
from tests.support.released import HOST, SCHEMAS, TARGET, dump, restore_sqlite, rows_of_sqlite, shape_of_sqlite
from watchdog.errors import LedgerUnavailable
from watchdog.ledger.open import open_ledger
from watchdog.ledger.preparing import MIGRATIONS
from watchdog.ledger.schema import HEAD, VERSION_TABLE, schema_window
from watchdog.ledger.settings import LedgerSettings
from watchdog.model.drifts import ObjectKey
from watchdog.model.repairs import RepairState
from watchdog.runtime.clock import SystemClock

NEW = {"0001": {"pauses", "outbox"}, "0002": {"outbox"}, "0003": set()}
"""Tables that came after each schema."""
ABOUT_IT = {VERSION_TABLE, schema_window.name, "sqlite_sequence"}
"""Tables that tell of the schema itself: each migration writes them anew."""


def restore(database: Database, schema: str) -> None:
    if database.path:
        restore_sqlite(database.path, schema)
    else:
        database.server.execute(dump(schema, "postgresql"), database.url.rsplit("/", 1)[1])


def everything(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Return all rows of all tables but the version's."""
    if database.path:
        found = rows_of_sqlite(database.path)
    else:
        name = database.url.rsplit("/", 1)[1]
        tables = database.server.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", name)
        found = {table: sorted(database.server.execute(f"SELECT * FROM {table}", name), key=repr) for (table,) in tables}
    return {table: rows for table, rows in found.items() if table not in ABOUT_IT}


def test_there_is_a_ledger_of_each_schema_up_to_ours():
    assert [f"{number:04}" for number in range(1, int(HEAD) + 1)] == SCHEMAS
    assert set(NEW) == set(SCHEMAS)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_no_row_is_lost_or_changed_and_every_book_reads_it(empty: Database, schema: str):
    restore(empty, schema)
    before = everything(empty)
    assert all(before.values()), "each table has rows, or nothing is proven of it"
    if schema != HEAD:
        with pytest.raises(LedgerUnavailable, match="start `panel-watchdog run` once"):
            empty.open(host=HOST, migrate=False)
    book = empty.open(host=HOST, migrate=True)
    after = everything(empty)
    assert {table: after[table] for table in before} == before
    assert {table for table in after if table not in before} == NEW[schema]
    assert not any(after[table] for table in NEW[schema])
    _every_book_reads(book, schema)
    _and_writes(book)


def _every_book_reads(book, schema):
    assert {(each.drift.subject.id, each.opened_at is not None) for each in book.episodes(TARGET)} == {("1", True), ("2", True)}
    assert {each.drift.kind for each in book.episodes(TARGET, closed=True)} >= {"clock_skew", "backup_overdue"}
    assert {each.id: each.state for each in book.repairs(TARGET)} == {
        1: RepairState.VERIFIED, 2: RepairState.UNVERIFIED, 3: RepairState.ACTING,
    }  # fmt: skip
    assert [step for step, _ in book.steps(1)] == ["looked", "sent"]
    assert book.repair_totals() == {("duplicati", TARGET, "run", "verified"): 1.0, ("duplicati", TARGET, "run", "unverified"): 1.0}
    assert {(each.remedy, each.state.value) for each in book.approvals(TARGET)} == {("abort_task", "waiting"), ("run", "rejected")}
    assert [each.reason for each in book.ignores()] == ["the NAS is late, we know"]
    assert [each.object.id for each in book.holdings()] == ["1"]
    assert book.baseline(TARGET) == "repair"
    assert book.offsets.load("/var/log/panel.log").inode == 2**63 + 11
    assert book.verifications.load() == {"/srv/backups/monday.zip": '{"verdict": "good", "level": 2}'}
    assert book.facts(TARGET, 1717400000.0).memory == {"runs/1": 1717236060.0}
    standing = {(each.target, each.until) for each in book.pauses()}
    assert standing == (set() if schema < "0002" else {(TARGET, None), ("attic", 4102444800.0)})
    ended = [each.target for each in book.pauses(ended=True) if each.ended_at is not None]
    assert ended == ([] if schema < "0002" else ["web"])
    waiting = [each.note.occasion for each in book.waiting("phone", 1717400000.0)]
    assert waiting == ([] if schema < "0003" else ["o-3"])


def _and_writes(book):
    """A lease whose holder is long dead is free, its number only grows, and new rows get numbers that none had before."""
    lease = book.lease(ObjectKey("duplicati", TARGET, "backup", "1"), "me", 30.0)
    assert lease is not None and lease.number == 4
    fresh = book.ignore("duplicati/nas/*", "r", None, "me", 1717400000.0)
    assert fresh.id == 3


@pytest.mark.parametrize("schema", SCHEMAS)
def test_what_was_released_is_what_our_steps_make_still(tmp_path: Path, schema: str):
    """A step that was released is never edited: whoever has it would be left with other tables than who starts anew."""
    released, anew, upgraded = (tmp_path / name for name in ("released", "anew", "upgraded"))
    restore_sqlite(released, schema)
    settings = LedgerSettings(url=f"sqlite:///{anew}", ephemeral=True)
    open_ledger(settings, SystemClock(), migrate=True, host=HOST, head=schema, migrations=MIGRATIONS).close()
    assert _shape(released) == _shape(anew)
    restore_sqlite(upgraded, schema)
    Database(f"sqlite:///{upgraded}", upgraded).open(host=HOST).close()
    anew.unlink()
    Database(f"sqlite:///{anew}", anew).open(host=HOST).close()
    assert _shape(upgraded) == _shape(anew)


def _shape(path: Path) -> dict[str, object]:
    return {name: made for name, made in shape_of_sqlite(path).items() if name not in ABOUT_IT}
