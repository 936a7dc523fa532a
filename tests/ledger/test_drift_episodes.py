"""Looks become episodes: seen again, blind, gone, confirmed."""

from __future__ import annotations

import pytest

from tests.ledger.conftest import Database
from tests.ledger.things import TARGET, drift, intended, key, seen
from watchdog.ledger.drifts import FORGIVE_AFTER
from watchdog.ledger.open import Ledger
from watchdog.model.drifts import Drift, Episode, Judgement, Subject, UnknownSubject
from watchdog.model.repairs import Outcome, RepairState


def look(book: Ledger, *names: object, now: float, unknown: tuple[object, ...] = (), baseline: bool = False) -> tuple[Episode, ...]:
    return book.observe(TARGET, seen(*names, unknown=unknown), now, baseline=baseline)


def test_a_new_drift_begins_an_episode_with_its_whole_drift(book: Ledger):
    (episode,) = look(book, "one", now=10.0)

    assert episode.drift == drift("one")
    assert (episode.first_seen, episode.last_seen, episode.looks, episode.looks_since) == (10.0, 10.0, 1, 10.0)
    assert (episode.opened_at, episode.closed_at, episode.blind_since, episode.baseline) == (None, None, None, False)


def test_a_drift_seen_again_counts_one_look_more_and_shows_the_newest_drift(book: Ledger):
    look(book, "one", now=10.0)
    changed = Judgement((Drift(**{name: getattr(drift("one"), name) for name in Drift.__slots__} | {"truth": "exited"}),))

    (episode,) = book.observe(TARGET, changed, 20.0, baseline=True)

    assert (episode.looks, episode.looks_since, episode.first_seen, episode.last_seen) == (2, 10.0, 10.0, 20.0)
    assert episode.drift.truth == "exited"
    assert episode.baseline is False, "only new episodes carry the baseline"


def test_an_unknown_subject_keeps_its_episode_blind_and_begins_its_looks_anew(book: Ledger):
    first = look(book, "one", now=10.0)[0]
    look(book, "one", now=20.0)
    (blind,) = look(book, now=30.0, unknown=("one",))
    (still,) = look(book, now=40.0, unknown=("one",))
    (again,) = look(book, "one", now=50.0)
    (more,) = look(book, "one", now=60.0)

    assert (blind.id, blind.blind_since, blind.looks, blind.last_seen) == (first.id, 30.0, 0, 20.0)
    assert still.blind_since == 30.0, "blind since the first blind look"
    assert (again.id, again.blind_since, again.looks, again.looks_since, again.first_seen) == (first.id, None, 1, 50.0, 10.0)
    assert (more.looks, more.looks_since) == (2, 50.0)


def test_seen_wins_over_unknown_and_other_drifts_of_an_unknown_subject_stay(book: Ledger):
    both = Judgement((drift("one", "ghost"), drift("one", "orphan")))
    book.observe(TARGET, both, 10.0, baseline=False)
    mixed = Judgement((drift("one", "ghost"),), (UnknownSubject(Subject("instance", "one"), "blind"),))

    ghost, orphan = book.observe(TARGET, mixed, 20.0, baseline=False)

    assert (ghost.drift.kind, ghost.blind_since, ghost.looks) == ("ghost", None, 2)
    assert (orphan.drift.kind, orphan.blind_since, orphan.looks) == ("orphan", 20.0, 0)


def test_what_is_neither_seen_nor_unknown_is_closed_and_comes_back_as_a_new_episode(book: Ledger):
    (first,) = look(book, "one", now=10.0)
    assert look(book, now=20.0) == ()
    (closed,) = book.episodes(TARGET, closed=True)
    (second,) = look(book, "one", now=30.0)

    assert (closed.id, closed.closed_at) == (first.id, 20.0)
    assert (second.looks, second.first_seen) == (1, 30.0)
    assert second.id > first.id


def test_nothing_could_be_judged_makes_all_blind_and_closes_none(book: Ledger):
    look(book, "one", "two", now=10.0)

    assert [(episode.blind_since, episode.looks) for episode in book.blind(TARGET, 20.0)] == [(20.0, 0), (20.0, 0)]
    assert [episode.blind_since for episode in book.blind(TARGET, 30.0)] == [20.0, 20.0]


def test_confirming_opens_once_and_loses_against_a_newer_look(book: Ledger):
    (seen_once,) = look(book, "one", now=10.0)
    look(book, "one", now=20.0)
    (lost,) = book.confirm((seen_once,), 21.0)
    (won,) = book.confirm((lost,), 22.0)
    (kept,) = book.confirm((won,), 23.0)

    assert lost.opened_at is None, "the row was changed since it was read"
    assert (won.opened_at, kept.opened_at) == (22.0, 22.0)
    assert look(book, "one", now=30.0)[0].opened_at == 22.0


def test_a_closed_episode_is_not_opened(book: Ledger):
    (episode,) = look(book, "one", now=10.0)
    look(book, now=20.0)
    (closed,) = book.episodes(TARGET, closed=True)

    assert book.confirm((episode, closed), 30.0)[0].opened_at is None
    assert book.confirm((), 30.0) == ()


def test_episodes_come_sorted_by_key_whatever_the_database_thinks_of_letters(book: Ledger):
    names = ["b", "a", "B", "ä", "Z", "10", "9"]
    keys = [episode.drift.key for episode in look(book, *names, now=10.0)]

    assert keys == sorted(drift(name).key for name in names)
    assert [episode.drift.key for episode in book.episodes(TARGET)] == keys


def test_memory_is_replaced_and_comes_back_in_the_facts(book: Ledger):
    book.observe(TARGET, seen(started=3, since=1.5, name="x", gone=None), 10.0, baseline=False)
    assert book.facts(TARGET, 11.0).memory == {"started": 3, "since": 1.5, "name": "x", "gone": None}
    book.observe(TARGET, seen(started=4), 20.0, baseline=False)
    book.blind(TARGET, 30.0)
    assert book.facts(TARGET, 31.0).memory == {"started": 4}
    assert book.facts("other", 31.0).memory == {}


def test_targets_and_hosts_do_not_touch_each_other(database: Database):
    here, there = database.open(host="a"), database.open(host="b")
    look(here, "one", now=10.0)
    look(there, "one", "two", now=10.0)
    look(here, now=20.0)
    there.observe("other", Judgement((drift("one", target="other"),)), 20.0, baseline=False)

    assert here.episodes() == ()
    assert [episode.drift.subject.id for episode in there.episodes(TARGET)] == ["one", "two"]
    assert len(there.episodes()) == 3
    assert there.episodes(limit=2) == there.episodes()[:2]


def test_history_gives_the_newest_closed_ones_within_the_limit(book: Ledger):
    for number in range(5):
        look(book, number, now=float(number))
    found = book.episodes(TARGET, closed=True, limit=3)

    assert [episode.drift.subject.id for episode in found] == ["4", "3", "2"]
    assert [episode.closed_at for episode in found] == [None, 4.0, 3.0]


@pytest.mark.parametrize("name", ["nul\0inside", "lone \ud800 surrogate", "'; DROP TABLE episodes; --", "💾" * 300, "%s %(x)s :y [a-z]*"])
def test_names_from_outside_do_no_harm(book: Ledger, name: str):
    (first,) = look(book, name, now=10.0)
    (second,) = look(book, name, now=20.0)

    assert (second.id, second.looks, second.drift.subject.id) == (first.id, 2, name)
    book.ignore(drift(name).key, "noise", None, "me", 21.0)
    assert look(book, name, now=30.0)[0].ignore_reason == "noise"
    assert look(book, name, now=40.0)[0].ignore_reason == "noise"
    assert intended(book, name).object.id == name
    assert book.facts(TARGET, 1000.0).history[key(name)].attempts == 1


def test_the_baseline_is_taken_accepted_and_freed(book: Ledger):
    assert book.baseline(TARGET) == "none"
    look(book, "one", "two", now=10.0, baseline=True)
    assert book.set_baseline(TARGET, "taken", 11.0) == 2
    look(book, "one", "two", "three", now=20.0)
    assert [episode.baseline for episode in book.episodes(TARGET)] == [True, False, True]
    assert book.set_baseline(TARGET, "accepted", 21.0) == 2
    assert book.baseline(TARGET) == "accepted"
    assert [episode.baseline for episode in book.episodes(TARGET)] == [True, False, True]
    assert book.set_baseline(TARGET, "repair", 22.0) == 2
    assert not any(episode.baseline for episode in book.episodes(TARGET))
    assert book.set_baseline(TARGET, "repair", 23.0) == 0


def _fail_once(book: Ledger, now: float) -> None:
    record = intended(book, now=now)
    for state in (RepairState.ACTING, RepairState.SETTLING, RepairState.UNVERIFIED):
        moved = book.move(record, state, now, outcome=Outcome.done() if state is RepairState.SETTLING else None)
        assert moved is not None
        record = moved


def test_an_object_found_in_order_is_forgiven_only_when_nobody_acted_lately(book: Ledger):
    look(book, "one", now=1000.0)
    _fail_once(book, 1000.0)
    look(book, now=1000.0 + FORGIVE_AFTER - 1)
    assert book.facts(TARGET, 1.0).history[key()].attempts == 1, "drifts that take turns must not clear the count"
    look(book, "one", now=1000.0 + FORGIVE_AFTER)
    look(book, now=1000.0 + FORGIVE_AFTER + 1)
    history = book.facts(TARGET, 1.0).history[key()]
    assert (history.attempts, history.unverified, history.last_attempt_at) == (0, 0, 1000.0)


def test_an_object_is_not_forgiven_while_another_drift_names_it(book: Ledger):
    both = Judgement((drift("one", "ghost"), drift("one", "orphan")))
    book.observe(TARGET, both, 1000.0, baseline=False)
    _fail_once(book, 1000.0)
    book.observe(TARGET, Judgement((drift("one", "orphan"),)), 9000.0, baseline=False)
    assert book.facts(TARGET, 1.0).history[key()].unverified == 1
