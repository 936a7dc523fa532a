"""What a person does not want to hear about stays visible as ignored, and comes back when its evidence changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.ledger.conftest import Database
from tests.ledger.things import TARGET, drift, seen
from watchdog.ledger.ignores import matches
from watchdog.ledger.open import Ledger
from watchdog.model.drifts import Episode, Judgement
from watchdog.runtime.clock import SimulatedClock

LATER = 4e9


def look(book: Ledger, now: float, *drifts: object) -> tuple[Episode, ...]:
    return book.observe(TARGET, Judgement(tuple(drifts)), now, baseline=False)  # type: ignore[arg-type]


def test_an_ignore_hides_at_once_and_remembers_the_evidence_it_hid(book: Ledger):
    look(book, 10.0, drift("one"), drift("two"))
    made = book.ignore(drift("one").key, "known", LATER, "ann", 11.0)
    one, two = book.episodes(TARGET)

    assert (one.ignore_reason, one.ignored_until, one.version) == ("known", LATER, 1)
    assert (two.ignore_reason, two.ignored_until) == (None, None)
    assert (made.pattern, made.reason, made.until, made.by, made.created_at) == (drift("one").key, "known", LATER, "ann", 11.0)
    assert set(made.evidence_keys) == {drift("one").key}
    assert book.ignores() == (made,)


def test_changed_evidence_brings_a_drift_back_for_good(book: Ledger):
    look(book, 10.0, drift("one", status=3))
    book.ignore(drift("one").key, "known", None, "ann", 11.0)

    assert look(book, 20.0, drift("one", status=3))[0].ignore_reason == "known"
    assert look(book, 30.0, drift("one", status=2))[0].ignore_reason is None
    assert look(book, 40.0, drift("one", status=3))[0].ignore_reason is None, "a flickering finding must not hide itself again"
    book.ignore(drift("one").key, "still known", None, "ann", 41.0)
    assert look(book, 50.0, drift("one", status=3))[0].ignore_reason == "still known"


def test_words_that_are_no_evidence_may_change(book: Ledger):
    look(book, 10.0, drift("one"))
    book.ignore(drift("one").key, "known", None, "ann", 11.0)
    assert look(book, 20.0, replace(drift("one"), truth="exited 3 h ago"))[0].ignore_reason == "known"


def test_a_glob_hides_drifts_to_come_and_remembers_each_ones_evidence(book: Ledger):
    made = book.ignore("mcsmanager/panel-a/ghost/*", "migration", None, "ann", 9.0)
    assert made.evidence_keys == {}
    assert look(book, 10.0, drift("one", status=3))[0].ignore_reason == "migration"
    assert [episode.ignore_reason for episode in look(book, 20.0, drift("one", status=2), drift("two"))] == [None, "migration"]
    (kept,) = book.ignores()
    assert set(kept.evidence_keys) == {drift("one").key, drift("two").key}


def test_an_ignored_drift_that_went_and_came_back_the_same_is_still_ignored(book: Ledger):
    look(book, 10.0, drift("one"))
    book.ignore(drift("one").key, "known", None, "ann", 11.0)
    look(book, 20.0)
    assert look(book, 30.0, drift("one"))[0].ignore_reason == "known"


def test_an_ignore_ends_with_its_time(database: Database):
    clock = SimulatedClock(wall=1000.0)
    book = database.open(clock)
    look(book, 1000.0, drift("one"))
    book.ignore(drift("one").key, "tonight", 2000.0, "ann", 1000.0)
    assert look(book, 1999.0, drift("one"))[0].ignore_reason == "tonight"
    assert len(book.ignores()) == 1
    assert look(book, 2000.0, drift("one"))[0].ignore_reason is None
    clock.advance(1000.0)
    assert book.ignores() == ()


def test_unignore_shows_again_at_once_unless_another_ignore_still_hides(book: Ledger):
    look(book, 10.0, drift("one"))
    first = book.ignore("*", "all", None, "ann", 11.0)
    second = book.ignore(drift("one").key, "this one", None, "ann", 12.0)
    assert book.episodes()[0].ignore_reason == "this one", "the newest speaks"
    assert book.unignore(second.id) is True
    assert book.episodes()[0].ignore_reason == "all"
    assert book.unignore(first.id) is True
    assert book.episodes()[0].ignore_reason is None
    assert book.unignore(first.id) is False


def test_an_ignore_is_its_hosts(database: Database):
    here, there = database.open(host="a"), database.open(host="b")
    made = here.ignore("*", "all", None, "ann", 1.0)
    assert there.observe(TARGET, seen("one"), 10.0, baseline=False)[0].ignore_reason is None
    assert there.unignore(made.id) is False
    assert here.ignores() == (made,)


@pytest.mark.parametrize(
    ("pattern", "key", "expected"),
    [
        ("mcsmanager/a/ghost/instance/1", "mcsmanager/a/ghost/instance/1", True),
        ("mcsmanager/a/ghost/instance/1", "mcsmanager/a/ghost/instance/11", False),
        ("mcsmanager/*", "mcsmanager/a/ghost/instance/1", True),
        ("*/ghost/*", "mcsmanager/a/ghost/instance/1", True),
        ("MCSMANAGER/*", "mcsmanager/a/ghost/instance/1", False),
        ("p/a/k/peer/[v6]:1", "p/a/k/peer/[v6]:1", True),  # a key that looks like a glob is first of all itself
        ("p/a/k/peer/[v6]:1", "p/a/k/peer/v:1", True),
        ("", "mcsmanager/a/ghost/instance/1", False),
    ],
)
def test_patterns(pattern: str, key: str, expected: bool):
    assert matches(pattern, key) is expected
