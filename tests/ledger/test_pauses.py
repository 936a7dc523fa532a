"""Pauses on disk: one per source, target and task; changed only by who read the newest version; ended once."""

from __future__ import annotations

import threading

from tests.ledger.conftest import Database
from watchdog.ledger.open import Ledger
from watchdog.model.pauses import Pause, PauseOrder
from watchdog.runtime.clock import SimulatedClock

ORDER = PauseOrder("panel-a", "moving house", "ann", until=500.0)


def begun(book: Ledger, order: PauseOrder = ORDER, now: float = 100.0) -> Pause:
    made = book.begin_pause(order, order.until, "boot-1", None, now)
    assert made is not None
    return made


def test_a_pause_is_kept_as_it_was_asked_for(book: Ledger):
    order = PauseOrder("panel-a", "moving", "ann", "world-1", "window", None, 60.0)
    made = book.begin_pause(order, 160.0, "boot-1", 1060.0, 100.0)
    assert made is not None
    assert (made.target, made.task, made.source, made.reason, made.by) == ("panel-a", "world-1", "window", "moving", "ann")
    assert (made.created_at, made.until, made.length, made.boot, made.until_mono) == (100.0, 160.0, 60.0, "boot-1", 1060.0)
    assert (made.version, made.ended_at, made.end) == (1, None, None)
    assert book.pauses() == (made,) == book.pauses("panel-a")
    assert book.pause(made.id) == made
    assert book.pauses("panel-b") == ()


def test_a_second_one_of_the_same_source_is_refused_and_others_stand_beside_it(book: Ledger):
    begun(book)
    assert book.begin_pause(ORDER, None, "boot-1", None, 101.0) is None
    for other in (
        PauseOrder("panel-a", "r", "ann", task="world-1"),
        PauseOrder("panel-a", "r", "ann", source="window"),
        PauseOrder("panel-b", "r", "ann"),
    ):
        begun(book, other)
    assert len(book.pauses()) == 4


def test_only_who_read_the_newest_version_changes_it(book: Ledger):
    made = begun(book)
    longer = PauseOrder("panel-a", "still moving", "bob", until=900.0)
    changed = book.change_pause(made.id, made.version, longer, 900.0, "boot-1", None)
    assert changed is not None
    assert (changed.version, changed.until, changed.reason, changed.by) == (2, 900.0, "still moving", "bob")
    assert book.change_pause(made.id, made.version, ORDER, 500.0, "boot-1", None) is None
    assert book.pauses() == (changed,)


def test_a_restatement_is_no_change_by_anybody(book: Ledger):
    made = begun(book)
    book.restate_pause(made.id, 777.0)
    (kept,) = book.pauses()
    assert (kept.until, kept.version) == (777.0, made.version)


def test_it_ends_once_and_a_new_one_may_follow(book: Ledger):
    made = begun(book)
    assert book.end_pause(made.id, made.version + 1, "expired", "time", 600.0) is None, "another version was meant"
    ended = book.end_pause(made.id, made.version, "resumed", "bob", 600.0)
    assert ended is not None
    assert (ended.ended_at, ended.end, ended.ended_by) == (600.0, "resumed", "bob")
    assert book.end_pause(made.id, None, "expired", "time", 601.0) is None
    assert book.change_pause(made.id, ended.version, ORDER, 900.0, "boot-1", None) is None
    assert book.pauses() == ()
    again = begun(book, now=700.0)
    assert [each.id for each in book.pauses(ended=True)] == [again.id, made.id]


def test_of_two_ends_at_once_one_counts(database: Database):
    book = database.open()
    for number in range(20):
        made = begun(book, PauseOrder(f"panel-{number}", "r", "ann"))
        books, gate, won = (database.open(), database.open()), threading.Barrier(2), []

        def end(own: Ledger, end: str, made: Pause = made, gate: threading.Barrier = gate, won: list[str] = won) -> None:
            gate.wait(60)
            if own.end_pause(made.id, None, end, end, 200.0) is not None:  # type: ignore[arg-type]
                won.append(end)

        threads = [threading.Thread(target=end, args=pair) for pair in zip(books, ("expired", "resumed"), strict=True)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        (past,) = book.pauses(f"panel-{number}", ended=True)
        assert won == [past.end]
        for own in books:
            own.close()


def test_another_host_sees_none_of_ours(database: Database):
    clock = SimulatedClock()
    ours, theirs = database.open(clock, host="one"), database.open(clock, host="two")
    made = begun(ours)
    assert theirs.pauses() == ()
    assert theirs.pause(made.id) is None
    assert theirs.end_pause(made.id, None, "resumed", "eve", 200.0) is None
    begun(theirs)
    assert len(ours.pauses()) == 1


def test_what_is_over_for_long_is_forgotten_and_what_stands_never(database: Database):
    book = database.open(SimulatedClock(), keep={"age": "1d", "count": 10})
    old = begun(book, now=0.0)
    book.end_pause(old.id, None, "expired", "time", 10.0)
    standing = begun(book, now=0.0)
    assert book.prune(2 * 86400.0)["pauses"] == 1
    assert book.pauses(ended=True) == (standing,)
