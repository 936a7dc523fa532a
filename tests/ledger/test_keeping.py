"""Holdings, tallies, offsets, verifications: what must not be forgotten."""

from __future__ import annotations

import threading
from dataclasses import replace

from tests.ledger.conftest import Database
from tests.ledger.things import TARGET, key
from watchdog.ledger.open import Ledger
from watchdog.model.approvals import Holding
from watchdog.model.keeping import Offset, Tallies

SCHEDULE = Holding(0, TARGET, "moved schedule", key(), "restore schedule", {"time": "2026-01-01T03:00:00Z", "id": 7}, 1000.0, 2000.0)


def test_a_holding_is_kept_with_its_undo_until_released(database: Database):
    held = database.open().hold(SCHEDULE)
    book = database.open()

    assert held == replace(SCHEDULE, id=held.id)
    assert book.holdings() == (held,)
    assert book.release_holding(held.id, 1500.0) is True
    assert book.release_holding(held.id, 1501.0) is False
    assert book.holdings() == ()
    assert book.holdings(released=True) == (replace(held, released_at=1500.0),)


def test_holding_twice_keeps_the_first_undo(book: Ledger):
    first = book.hold(SCHEDULE)
    again = book.hold(replace(SCHEDULE, parameters={"time": "already moved"}, created_at=1100.0, expires_at=3000.0))

    assert again == replace(first, expires_at=3000.0), "the way back leads to how it was before us"
    book.release_holding(first.id, 1500.0)
    assert book.hold(SCHEDULE).id > first.id
    assert book.hold(replace(SCHEDULE, what="silence")).id > first.id


def test_holdings_are_their_hosts(database: Database):
    here, there = database.open(host="a"), database.open(host="b")
    held = here.hold(SCHEDULE)
    assert there.holdings() == ()
    assert there.release_holding(held.id, 1.0) is False


def test_counts_and_their_mark_move_together(database: Database):
    book = database.open()
    assert book.tallies.load("die") == Tallies({}, None)
    book.tallies.add("die", {("web", "1"): 1.0, ("a/b", ""): 0.5}, "m1")
    book.tallies.add("die", {("web", "1"): 2.0}, "m2")
    book.tallies.add("die", {}, "m3")
    book.tallies.add("oom", {("web",): 7.0}, "")

    assert database.open().tallies.load("die") == Tallies({("web", "1"): 3.0, ("a/b", ""): 0.5}, "m3")
    assert database.open().tallies.load("oom") == Tallies({("web",): 7.0}, "")
    assert database.open(host="other").tallies.load("die") == Tallies({}, None)


def test_counts_added_by_many_threads_all_arrive(book: Ledger):
    def add() -> None:
        for _ in range(20):
            book.tallies.add("die", {("a",): 1.0, ("b",): 2.0}, "m")

    threads = [threading.Thread(target=add) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert book.tallies.load("die").counts == {("a",): 120.0, ("b",): 240.0}


def test_offsets_hold_the_largest_inodes(book: Ledger):
    assert book.offsets.load("wings") is None
    offset = Offset(2**64 - 1, 2**64 - 2, 2**40, 1234.5, "head of the file")
    book.offsets.save("wings", replace(offset, offset=1))
    book.offsets.save("wings", offset)
    assert book.offsets.load("wings") == offset
    assert book.offsets.load("other") is None


def test_verifications_are_kept_and_forgotten_by_key(book: Ledger):
    book.verifications.save("1:2:3:4", '{"verdict":"good"}')
    book.verifications.save("1:2:3:5", '{"verdict":"bad"}')
    book.verifications.save("1:2:3:4", '{"verdict":"bad"}')
    assert book.verifications.load() == {"1:2:3:4": '{"verdict":"bad"}', "1:2:3:5": '{"verdict":"bad"}'}
    book.verifications.forget(("1:2:3:4", "unknown"))
    book.verifications.forget(())
    assert set(book.verifications.load()) == {"1:2:3:5"}
