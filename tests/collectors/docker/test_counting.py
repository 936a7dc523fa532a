"""Counting once over restarts, out-of-order events, clocks set anew and ledgers of every kind."""

from __future__ import annotations

import json

import pytest

from tests.support.books import MemoryTallyBook
from watchdog.collectors.docker.counting import Counting, Heard

BEGAN = 1_800_000_000.0


def at(seconds: float, kind: str = "die", name: str = "web", container: str = "c" * 64) -> Heard:
    nano = int((BEGAN + seconds) * 1e9)
    return Heard(nano, f"{nano}:{container[:12]}:{kind}", kind, container, name)


def life(book: MemoryTallyBook, began: float = 0.0) -> Counting:
    counting = Counting(book, 100, BEGAN + began)
    assert counting.open("id")
    return counting


def hear(counting: Counting, *heard: Heard, connected: float = 0.0) -> float:
    for one in heard:
        counting.hear(one, int((BEGAN + connected) * 1e9))
    counting.flush()
    return counting.totals().get(("die", "web"), 0.0)


def test_the_same_event_counts_once():
    counting = life(MemoryTallyBook())
    assert hear(counting, at(1), at(1), at(2), at(1)) == 2


def test_an_event_that_arrives_out_of_order_counts():
    counting = life(MemoryTallyBook())
    assert hear(counting, at(2), at(1.9999)) == 2


def test_another_life_hears_the_past_again_and_counts_only_what_is_new():
    book = MemoryTallyBook()
    hear(life(book), at(1), at(8), at(10), at(9.5))
    assert hear(life(book, 60), at(1), at(8), at(9.5), at(10), at(9.6), at(20), connected=60) == 6


def test_what_came_before_the_first_life_does_not_count():
    assert hear(life(MemoryTallyBook()), at(-100), at(-1), at(1)) == 1


def test_a_clock_set_back_hides_nothing_that_happens_after_we_connected():
    book = MemoryTallyBook()
    hear(life(book), at(10_000))
    # the clock was set back by hours; we start anew and connect at 100 by the new clock
    assert hear(life(book, 90), at(50), at(101), at(102), connected=100) == 3


def test_events_heard_before_the_ledger_was_there_count_once_it_is():
    book = MemoryTallyBook()
    book.away = True
    counting = Counting(book, 100, BEGAN)
    assert not counting.open("id")
    assert hear(counting, at(1), at(2)) == 0
    book.away = False
    assert counting.open("id")
    assert hear(counting, at(2)) == 2
    assert book.kept["docker/id"].counts == {("die", "web"): 2.0}


@pytest.mark.parametrize(
    "mark", ["", "x", "[]", "{}", json.dumps({"nano": "x", "keys": [], "runs": {}}), json.dumps({"nano": 1, "keys": 5})]
)
def test_a_mark_that_cannot_be_read_counts_nothing_of_the_past(mark: str):
    book = MemoryTallyBook()
    book.add("docker/id", {("die", "web"): 5.0}, mark)
    assert hear(life(book), at(-50), at(1)) == 6


def test_nothing_new_is_not_written():
    book = MemoryTallyBook()
    counting = life(book)
    hear(counting, at(1))
    writes = book.writes
    for _ in range(10):
        counting.flush()
    assert book.writes == writes


def test_a_lost_answer_is_not_written_twice_and_an_outage_loses_nothing():
    book = MemoryTallyBook()
    counting = life(book)
    book.lose_answer = True
    hear(counting, at(1))
    book.away = True
    hear(counting, at(2))
    hear(counting, at(3))
    book.away = False
    for _ in range(3):
        counting.flush()
    assert book.kept["docker/id"].counts == {("die", "web"): 3.0}
    assert hear(life(book, 60), at(1), at(2), at(3), connected=60) == 3


def test_counts_of_another_engine_are_another_family():
    book = MemoryTallyBook()
    hear(life(book), at(1))
    other = Counting(book, 100, BEGAN)
    other.open("other")
    assert other.totals() == {}
