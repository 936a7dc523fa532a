"""Many at once: threads and real processes, some of them killed or frozen in the middle."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from typing import Any

import pytest

from tests.ledger.conftest import Database
from tests.ledger.processes import child, children
from tests.ledger.things import TARGET, drift, intended, key, leased, planned, seen
from watchdog.errors import Refused
from watchdog.ledger.open import Ledger
from watchdog.model.approvals import ApprovalState, Lease
from watchdog.model.repairs import RepairState


def together(many: int, work: Any) -> list[Any]:
    """Run ``work(number)`` in threads that begin at the same moment; return what they returned or raised."""
    gate, found = threading.Barrier(many), [None] * many

    def run(number: int) -> None:
        gate.wait()
        try:
            found[number] = work(number)
        except Refused as error:
            found[number] = error  # type: ignore[call-overload]

    threads = [threading.Thread(target=run, args=(number,)) for number in range(many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_of_many_threads_that_move_one_row_exactly_one_wins(book: Ledger):
    record = intended(book)
    for _ in range(5):
        to = RepairState.SETTLING if record.state is RepairState.IN_DOUBT else RepairState.IN_DOUBT
        before = record
        won = [moved for moved in together(8, lambda _n, r=before, s=to: book.move(r, s, 1.0)) if moved is not None]
        assert [moved.version for moved in won] == [before.version + 1]
        record = won[0]
    assert book.repairs() == (record,)


def test_of_many_processes_that_move_one_row_exactly_one_wins_each_version(database: Database):
    book = database.open()
    intended(book)
    moves = 60
    with children("claim", [{"url": database.url, "moves": moves}] * 3) as processes:
        for process in processes:
            process.hear()
        for process in processes:
            process.go()
        won = [process.hear()["won"] for process in processes]
    assert sum(won) == moves
    assert book.repairs()[0].version == moves
    assert sum(book.repair_totals().values()) == moves / 2, "every doubt was counted once"


def test_looks_of_many_processes_are_all_counted(database: Database):
    with children("look", [{"url": database.url, "looks": 60}] * 3) as processes:
        for process in processes:
            process.hear()
        for process in processes:
            process.go()
        assert [process.hear() for process in processes] == [{"over": True}] * 3
    assert [episode.looks for episode in database.open().episodes()] == [180, 180]


def test_one_approval_is_used_once(book: Ledger):
    asked = book.request_approval(planned(), (), 1.0)
    book.decide(asked.id, ApprovalState.APPROVED, "ann", 2.0)
    used = together(8, lambda _: book.decide(asked.id, ApprovalState.USED, "me", 3.0))
    assert sum(each is not None for each in used) == 1


def test_the_same_question_asked_by_many_is_one_question(book: Ledger):
    asked = together(8, lambda _: book.request_approval(planned(), (), 1.0))
    assert len({each.id for each in asked}) == 1
    assert len(book.approvals()) == 1


def test_of_many_intents_on_one_object_one_is_written(book: Ledger):
    lease = leased(book)
    tried = together(8, lambda _: book.intend(planned(), lease, "policy", 1.0))
    assert sum(isinstance(each, Refused) for each in tried) == 7
    assert len(book.repairs()) == 1
    assert book.facts(TARGET, 1.0).history[key()].attempts == 1


def test_looks_of_many_threads_are_all_counted(book: Ledger):
    together(6, lambda _: [book.observe(TARGET, seen("a", "b"), 1.0, baseline=False) for _ in range(5)])
    assert [episode.looks for episode in book.episodes()] == [30, 30]


def test_readers_see_whole_looks_while_others_write(book: Ledger):
    over = threading.Event()
    torn: list[int] = []

    def write() -> None:
        for number in range(40):
            book.observe(TARGET, seen(*[f"{number}-{each}" for each in range(10)]), float(number), baseline=False)
        over.set()

    def read() -> None:
        while not over.is_set():
            if len(found := book.episodes(TARGET)) not in {0, 10} or len({episode.first_seen for episode in found}) > 1:
                torn.append(len(found))

    threads = [threading.Thread(target=read) for _ in range(3)] + [threading.Thread(target=write)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert torn == []


def test_one_lease_of_many_threads(book: Ledger):
    taken = together(8, lambda number: book.lease(key(), f"holder-{number}", 30.0))
    assert sum(each is not None for each in taken) == 1


# --- processes that fight for one lease


def fight(database: Database, many: int, seconds: float, lease: float) -> list[dict[str, Any]]:
    each = [{"url": database.url, "holder": f"p{n}", "seed": n, "seconds": seconds, "lease": lease} for n in range(many)]
    with children("fight", each) as processes:
        for process in processes:
            process.hear()
        for process in processes:
            process.go()
        return [said for process in processes for said in process.hear_all() if "number" in said]


def assert_never_two_holders(held: list[dict[str, Any]]) -> None:
    """Whoever had the higher number had it later: no one still held (proved by ``remaining`` > 0) when a later grant had been given."""
    held.sort(key=lambda each: each["number"])
    assert len({each["number"] for each in held}) == len(held)
    for earlier, later in itertools.pairwise(held):
        assert earlier["last"] <= later["since"], (earlier, later)


def test_two_processes_never_hold_one_lease_at_the_same_time(database: Database):
    held = fight(database, 3, seconds=2.5, lease=0.12)
    assert {each["holder"] for each in held} == {"p0", "p1", "p2"}  # each goes on until it had it once
    assert_never_two_holders(held)


@pytest.mark.soak
def test_many_processes_never_hold_one_lease_at_the_same_time(database: Database):
    assert_never_two_holders(fight(database, 6, seconds=60.0, lease=0.1))


def test_a_frozen_holder_finds_its_lease_lost_when_it_thaws(database: Database):
    book = database.open(host="another")
    with child("hold", url=database.url, holder="frozen", lease=4.0) as frozen:
        number = frozen.hear()["number"]
        assert book.lease(key(), "us", 600.0) is None
        os.kill(frozen.process.pid, signal.SIGSTOP)
        ours = wait_for_lease(book)
        record = book.intend(planned(), ours, "policy", 10.0)
        os.kill(frozen.process.pid, signal.SIGCONT)
        frozen.go()
        said = frozen.hear()
    assert said["remaining"] <= 0
    assert (said["renewed"], said["moved"]) == (False, False)
    assert ours.number > number
    assert book.remaining(ours) > 0
    assert book.move(record, RepairState.ACTING, 11.0) is not None


def test_a_killed_holder_is_followed_once_its_lease_is_over_and_not_before(database: Database):
    book = database.open(host="another")
    with child("hold", url=database.url, holder="dead", lease=5.0) as dead:
        dead.hear()
        dead.kill()
    assert book.lease(key(), "us", 600.0) is None
    assert wait_for_lease(book).holder == "us"


def wait_for_lease(book: Ledger) -> Lease:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        if (taken := book.lease(key(), "us", 600.0)) is not None:
            return taken
        time.sleep(0.02)
    raise AssertionError("the lease never came free")


# --- killed in the middle of writing


def kill_a_writer(database: Database, after: int) -> list[dict[str, Any]]:
    with child("write", url=database.url) as writer:
        said = [writer.hear() for _ in range(after)]
        writer.kill()
        return said + writer.hear_all()


@pytest.mark.parametrize("after", [1, 6, 17, 40])
def test_a_killed_writer_loses_nothing_it_said_and_leaves_nothing_half(database: Database, after: int):
    said = kill_a_writer(database, after)
    book = database.open()

    def last(name: str) -> int:
        return max((each[name] for each in said if name in each), default=-1)

    # looks: the newest that was said, or the one after it, and always whole, with its memory
    number = book.facts(TARGET, 0.0).memory["number"]
    assert number in {last("observed"), last("observed") + 1}
    assert {episode.drift.key for episode in book.episodes()} == {drift(f"{number}-{each}").key for each in range(8)}

    # repairs: each in the state that was said, or one further
    order = ["intended", "acting", "settling", "verified"]
    states = {each["intended"]: "intended" for each in said if "intended" in each} | {
        each["id"]: each["state"] for each in said if "id" in each
    }
    there = {record.id: record for record in book.repairs()}
    assert set(states) <= set(there)
    assert len(there) - len(states) in {0, 1}
    for each, state in states.items():
        assert order.index(there[each].state.value) - order.index(state) in {0, 1}
    verified = sum(record.state is RepairState.VERIFIED for record in there.values())
    assert sum(book.repair_totals().values()) == verified, "a verdict and its count are one"
    history = book.facts(TARGET, 0.0).history
    assert {record.object for record in there.values()} == set(history), "an intent and its attempt are one"

    # counts: both keys and the mark together
    tallies = book.tallies.load("family")
    added = tallies.counts.get(("a",), 0.0)
    assert tallies.counts.get(("b",), 0.0) == added
    assert added in {max(last("added"), 0), max(last("added"), 0) + 1}
    assert tallies.mark == (None if not added else str(int(added) - 1))
