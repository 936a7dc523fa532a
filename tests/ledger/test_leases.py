"""Leases: never two holders by fence, whatever clocks do; time is the database's."""

from __future__ import annotations

import time

import pytest

from tests.ledger.conftest import Database
from tests.ledger.things import intended, key, leased
from tests.support.ledger import ledger_at
from watchdog.ledger.open import Ledger
from watchdog.model.approvals import Lease
from watchdog.runtime.clock import SimulatedClock, SystemClock


def test_a_free_object_is_leased_and_somebody_else_must_wait(book: Ledger):
    mine = book.lease(key(), "me", 30.0)
    assert mine is not None
    assert (mine.object, mine.holder) == (str(key()), "me")
    assert 29.0 < book.remaining(mine) <= 30.0
    assert book.lease(key(), "other", 30.0) is None
    assert book.lease(key("two"), "other", 30.0) is not None
    assert book.lease("process/host", "me", 30.0) is not None


def test_a_lease_given_back_is_free(book: Ledger):
    mine = leased(book)
    book.release(mine)
    assert book.remaining(mine) <= 0
    other = leased(book, holder="other")
    book.release(mine)
    assert book.remaining(other) > 0, "giving back what is not ours any more does nothing"
    assert book.renew(mine, 30.0) is False


def test_taking_what_is_ours_already_loses_the_older_one(book: Ledger):
    first, second = leased(book), leased(book)
    assert second.number > first.number
    assert book.remaining(first) <= 0
    assert book.renew(first, 30.0) is False
    assert book.remaining(second) > 0


def test_numbers_grow_over_all_objects_and_outlive_pruned_leases(book: Ledger):
    numbers = []
    for name in ("a", "b", "a", "c"):
        lease = leased(book, name)
        numbers.append(lease.number)
        book.release(lease)
        book.prune(0.0)
    assert book.leases() == ()
    assert numbers == sorted(set(numbers))


def test_live_leases_are_listed(book: Ledger):
    one, two, three = leased(book, "one"), leased(book, "two", "other"), leased(book, "three")
    book.release(three)
    assert book.leases() == (one, two)


def test_renewing_moves_the_end(book: Ledger):
    mine = leased(book, seconds=5.0)
    assert book.renew(mine, 60.0) is True
    assert 5.0 < book.remaining(mine) <= 60.0


def test_an_expired_lease_goes_to_who_asks_and_is_lost_for_who_had_it(database: Database):
    here, there = database.open(), database.open()
    mine = leased(here, holder="me", seconds=3.0)
    assert there.lease(key(), "other", 30.0) is None
    deadline = time.monotonic() + 90
    theirs = None
    while theirs is None and time.monotonic() < deadline:
        time.sleep(0.05)
        theirs = there.lease(key(), "other", 30.0)
    assert theirs is not None
    assert theirs.number > mine.number
    assert here.remaining(mine) <= 0
    assert here.renew(mine, 30.0) is False
    assert there.remaining(theirs) > 0


def test_an_expired_lease_is_not_renewed_even_if_nobody_took_it(book: Ledger):
    mine = leased(book, seconds=0.05)
    time.sleep(0.1)
    assert book.remaining(mine) <= 0
    assert book.renew(mine, 30.0) is False
    assert leased(book).number > mine.number


def test_another_process_can_ask_how_long_a_lease_is_good_for(database: Database):
    mine = leased(database.open())
    assert 0 < database.open().remaining(mine) <= 30.0
    assert database.open().remaining(Lease(mine.object, "forged", mine.number)) <= 0
    assert database.open().remaining(Lease(mine.object, mine.holder, mine.number + 1)) <= 0


@pytest.mark.parametrize("jump", [3 * 3600.0, -3 * 3600.0])
def test_on_sqlite_a_jump_of_the_wall_clock_moves_no_lease(simulated_ledger: tuple[Ledger, SimulatedClock], jump: float):
    book, clock = simulated_ledger
    mine = leased(book)
    clock.jump(jump)
    assert book.remaining(mine) == pytest.approx(30.0)
    assert book.lease(key(), "other", 30.0) is None
    clock.advance(29.0)
    assert book.lease(key(), "other", 30.0) is None
    clock.advance(1.0)
    assert leased(book, holder="other").number > mine.number
    assert book.remaining(mine) <= 0


def test_on_sqlite_a_suspended_machine_ends_leases(simulated_ledger: tuple[Ledger, SimulatedClock]):
    book, clock = simulated_ledger
    mine = leased(book)
    clock.advance(3600.0)  # CLOCK_BOOTTIME counts sleep
    assert book.remaining(mine) <= 0
    assert book.lease(key(), "other", 30.0) is not None


def test_on_sqlite_a_reboot_ends_leases(tmp_path):
    before = ledger_at(tmp_path / "ledger.sqlite3", SimulatedClock(mono=90_000.0))
    before._door.epoch = "the boot before"
    old = leased(before, seconds=3600.0)
    after = ledger_at(tmp_path / "ledger.sqlite3", SimulatedClock(mono=10.0))
    assert after.leases() == ()
    assert leased(after, holder="other").number > old.number
    assert after.remaining(old) <= 0
    before.close()
    after.close()


@pytest.mark.postgresql
@pytest.mark.xdist_group("postgresql")
def test_on_postgresql_the_holder_also_counts_by_its_own_clock(postgresql, postgresql_template):
    database = Database(postgresql.url(postgresql.database(postgresql_template)))
    clock = SimulatedClock()
    here, there = database.open(clock), database.open(SystemClock())
    mine = leased(here, seconds=60.0)
    clock.advance(61.0)  # as if the server's clock had been set back by a minute
    assert here.remaining(mine) <= 0, "the shorter of the two counts"
    assert here.renew(mine, 60.0) is False
    assert there.lease(key(), "other", 60.0) is None, "for the others it is still held: they wait longer, and nothing worse"
    database.close()


def test_an_intent_carries_the_number_of_its_lease(book: Ledger):
    first = intended(book)
    assert first.fence > 0
    assert intended(book, "two").fence > first.fence
