"""Intent before act, moves by compare-and-set, the history of each object."""

from __future__ import annotations

import itertools

import pytest

from tests.ledger.conftest import Database
from tests.ledger.things import TARGET, drift, intended, key, leased, planned
from watchdog.errors import LeaseLost, Refused
from watchdog.ledger.open import Ledger
from watchdog.ledger.repairs import MOVES
from watchdog.model.repairs import ObjectHistory, Outcome, RepairRecord, RepairState, Risk
from watchdog.runtime.clock import SimulatedClock

S = RepairState
WAYS = {
    S.INTENDED: (), S.ACTING: (S.ACTING,), S.SETTLING: (S.ACTING, S.SETTLING), S.VERIFIED: (S.ACTING, S.SETTLING, S.VERIFIED),
    S.UNVERIFIED: (S.ACTING, S.SETTLING, S.UNVERIFIED), S.LATER: (S.LATER,), S.GAVE_UP: (S.GAVE_UP,), S.IN_DOUBT: (S.IN_DOUBT,),
}  # fmt: skip


def walk(book: Ledger, record: RepairRecord, *states: RepairState, now: float = 1001.0, delay: float | None = None) -> RepairRecord:
    for state in states:
        outcome = {S.SETTLING: Outcome.done("did it", ("POST /a",)), S.LATER: Outcome("later", "busy", delay)}.get(state)
        moved = book.move(record, state, now, outcome=outcome, message=outcome.message if outcome else "")
        assert moved is not None
        record = moved
    return record


def history(book: Ledger, now: float = 1001.0) -> ObjectHistory:
    return book.facts(TARGET, now).history[key()]


def test_an_intent_is_kept_whole(book: Ledger):
    lease = leased(book)
    record = book.intend(planned(uuid="x", force=True), lease, "ann", 1000.0)

    assert (record.object, record.remedy, record.parameters, record.risk) == (key(), "open", {"uuid": "x", "force": True}, Risk.DISRUPTIVE)
    assert (record.state, record.drift_keys, record.requested_by, record.intended_at) == (S.INTENDED, (drift().key,), "ann", 1000.0)
    assert (record.fence, record.version, record.outcome, record.message) == (lease.number, 0, None, "")
    assert book.repairs(TARGET) == (record,)


def test_a_repair_goes_its_way_and_each_stamp_is_set_once(book: Ledger):
    record = intended(book)
    acting = walk(book, record, S.ACTING, now=1001.0)
    settling = walk(book, acting, S.SETTLING, now=1002.0)
    verified = book.move(settling, S.VERIFIED, 1003.0, message="a fresh look finds the drift gone")

    assert verified is not None
    assert (verified.intended_at, verified.acted_at, verified.outcome_at, verified.verdict_at) == (1000.0, 1001.0, 1002.0, 1003.0)
    assert verified.outcome == Outcome.done("did it", ("POST /a",))
    assert (verified.version, verified.message) == (3, "a fresh look finds the drift gone")
    assert book.repairs() == (verified,)


@pytest.mark.parametrize(("frm", "to"), list(itertools.product(S, S)), ids=lambda state: state.value)
def test_moves_that_are_not_in_the_table_are_errors_of_ours(ledger_of_pairs: Ledger, frm: RepairState, to: RepairState):
    record = walk(ledger_of_pairs, intended(ledger_of_pairs, f"{frm.value}-{to.value}"), *WAYS[frm])
    if to in MOVES[frm]:
        moved = ledger_of_pairs.move(record, to, 1002.0)
        assert moved is not None
        assert moved.state is to
    else:
        with pytest.raises(ValueError, match=f"{frm.value} to {to.value}"):
            ledger_of_pairs.move(record, to, 1002.0)


def test_a_move_loses_against_a_newer_row(book: Ledger):
    record = intended(book)
    acting = walk(book, record, S.ACTING)

    assert book.move(record, S.IN_DOUBT, 1002.0) is None
    assert book.repairs() == (acting,)


def test_an_intent_needs_the_newest_lease_of_its_own_object(book: Ledger):
    old = leased(book)
    leased(book)
    with pytest.raises(LeaseLost):
        book.intend(planned(), old, "policy", 1000.0)
    released = leased(book)
    book.release(released)
    with pytest.raises(LeaseLost):
        book.intend(planned(), released, "policy", 1000.0)
    with pytest.raises(ValueError, match="this lease is for"):
        book.intend(planned(), leased(book, "two"), "policy", 1000.0)
    assert book.repairs() == ()
    assert book.facts(TARGET, 1000.0).history == {}


@pytest.mark.parametrize("state", [S.INTENDED, S.ACTING, S.SETTLING, S.IN_DOUBT])
def test_one_object_is_never_acted_on_twice_at_once(book: Ledger, state: RepairState):
    record = walk(book, intended(book), *WAYS[state])
    with pytest.raises(Refused, match=f"repair {record.id} .* is still {state.value}"):
        book.intend(planned(), leased(book), "policy", 1000.0)
    assert history(book).attempts == 1
    assert intended(book, "two").object == key("two"), "other objects are free"


def test_another_hosts_unfinished_repair_is_in_doubt_once_its_lease_ran_out(database: Database):
    here, there = database.open(host="a"), database.open(host="b")
    dead = there.intend(planned(), leased(there, holder="b/1"), "policy", 1000.0)
    assert here.lease(key(), "a/1", 30.0) is None
    there.release(leased(there, holder="b/1"))
    ours = here.intend(planned(), leased(here, holder="a/1"), "policy", 1010.0)

    (theirs,) = there.repairs()
    assert (theirs.id, theirs.state) == (dead.id, S.IN_DOUBT)
    assert "host a took over" in theirs.message
    assert there.move(dead, S.ACTING, 1011.0) is None, "the late thread loses"
    assert here.repairs() == (ours,)
    assert here.facts(TARGET, 1011.0).history[key()].attempts == 2, "one object has one history, whoever acts"


def test_a_hung_thread_that_comes_back_loses_against_the_host_that_took_over(database: Database):
    here, there = database.open(host="a"), database.open(host="b")
    hung = walk(there, there.intend(planned(), leased(there, holder="b/1"), "policy", 1000.0), S.ACTING, S.IN_DOUBT)
    there.release(leased(there, holder="b/1"))
    ours = here.intend(planned(), leased(here, holder="a/1"), "policy", 1010.0)

    assert there.move(hung, S.SETTLING, 1020.0, outcome=Outcome.done()) is None
    assert there.repairs() == (hung,)
    assert there.move(hung, S.GAVE_UP, 1021.0, outcome=Outcome.gave_up("too late")) is not None
    assert here.move(ours, S.ACTING, 1022.0) is not None


def test_an_intent_counts_as_one_attempt_even_if_nothing_more_is_known(book: Ledger):
    intended(book)
    assert history(book) == ObjectHistory(attempts=1, last_attempt_at=1000.0, attempts_last_hour=1)


def test_attempts_are_counted_until_the_object_is_verified(book: Ledger):
    walk(book, intended(book, now=1000.0), S.ACTING, S.SETTLING, S.UNVERIFIED)
    walk(book, intended(book, now=2000.0), S.ACTING, S.GAVE_UP)
    walk(book, intended(book, now=3000.0), S.IN_DOUBT, S.UNVERIFIED)
    assert history(book, 4700.0) == ObjectHistory(3, 2, 3000.0, None, None, 2)
    walk(book, intended(book, now=5000.0), S.ACTING, S.SETTLING, S.VERIFIED, now=5001.0)
    assert history(book, 5700.0) == ObjectHistory(0, 0, 5000.0, 5001.0, None, 2)


def test_later_says_not_before(book: Ledger):
    walk(book, intended(book), S.LATER, now=1001.0, delay=60.0)
    assert history(book).not_before == 1061.0
    walk(book, intended(book), S.LATER, now=1002.0, delay=5.0)
    assert history(book).not_before == 1061.0, "a shorter wait does not cut a longer one"
    walk(book, intended(book), S.LATER, now=1003.0)
    assert history(book).not_before == 1061.0
    walk(book, intended(book), S.ACTING, S.SETTLING, S.VERIFIED)
    assert history(book).not_before is None


def test_the_last_run_of_each_remedy_is_known_by_object(book: Ledger):
    walk(book, intended(book, now=1000.0, remedy="open"), S.GAVE_UP)
    walk(book, intended(book, now=1100.0, remedy="relink"), S.GAVE_UP)
    walk(book, intended(book, now=1200.0, remedy="open"), S.GAVE_UP)
    walk(book, intended(book, "two", now=1300.0), S.GAVE_UP)
    assert book.facts(TARGET, 1400.0).last_remedy_at == {("open", key()): 1200.0, ("relink", key()): 1100.0, ("open", key("two")): 1300.0}
    assert book.facts("other", 1400.0).last_remedy_at == {}


def test_a_person_may_begin_the_count_anew(book: Ledger):
    walk(book, intended(book), S.LATER, delay=100.0)
    assert book.forgive(key()) is True
    assert (history(book).attempts, history(book).not_before, history(book).last_attempt_at) == (0, None, 1000.0)
    assert book.forgive(key("never")) is False


def test_steps_are_kept_in_order(book: Ledger):
    record = intended(book)
    for at, step in enumerate(["stop sent", "gone", "open sent"]):
        book.note_step(record, step, float(at))
    assert book.steps(record.id) == (("stop sent", 0.0), ("gone", 1.0), ("open sent", 2.0))
    assert book.move(record, S.ACTING, 5.0) is not None, "a step does not change the row's version"
    assert book.steps(999) == ()


def test_repairs_are_read_newest_first_by_target_state_and_limit(book: Ledger):
    records = [intended(book, number) for number in range(4)]
    doubtful = walk(book, records[1], S.IN_DOUBT)
    assert [record.id for record in book.repairs(TARGET)] == [record.id for record in reversed(records)]
    assert book.repairs(TARGET, (S.IN_DOUBT,)) == (doubtful,)
    assert [record.id for record in book.repairs(states=(S.IN_DOUBT, S.INTENDED), limit=2)] == [records[3].id, records[2].id]
    assert book.repairs("other") == ()


def test_totals_outlive_the_process_and_the_rows(database: Database):
    clock = SimulatedClock()
    book = database.open(clock, keep={"count": 10, "age": "1s"})
    for _ in range(12):
        walk(book, intended(book), S.ACTING, S.SETTLING, S.VERIFIED)
    walk(book, intended(book), S.IN_DOUBT, S.GAVE_UP)
    book.prune(1e9)
    assert book.repairs() == ()
    once = {("mcsmanager", TARGET, "open", "in_doubt"): 1.0, ("mcsmanager", TARGET, "open", "gave_up"): 1.0}
    assert database.open().repair_totals() == {("mcsmanager", TARGET, "open", "verified"): 12.0, **once}
    assert database.open(host="other").repair_totals() == {}
