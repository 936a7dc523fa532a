"""Delivery: in order, within the rate, through failures, without holding up others; and nothing is lost when the ledger blinks."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.instruments import Noted
from tests.support.ledger import HOST, ledger_at
from watchdog.errors import LedgerUnavailable
from watchdog.ledger.open import Ledger
from watchdog.model.notes import Letter, Note, Parcel
from watchdog.notify.channels import Channel
from watchdog.notify.metrics import METRICS
from watchdog.notify.pacing import HOUR, pace
from watchdog.notify.sending import Message
from watchdog.notify.settings import ChannelSettings
from watchdog.runtime.clock import SimulatedClock

NOW = 1_800_000_000.0


class Way:
    """A sender that keeps what it was given; ``word`` is what it answers, or a function of the message."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.tries: list[Message] = []
        self.word: str | Callable[[Message], str] = "ok"

    def __call__(self, url: Callable[[], str], message: Message, seconds: float) -> str:
        assert url() == "json://h/x" and seconds > 0
        self.tries.append(message)
        word = self.word(message) if callable(self.word) else self.word
        if word == "ok":
            self.sent.append(message)
        return word


class Post:
    """One channel on a real ledger and a simulated clock."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.clock = SimulatedClock(NOW)
        self.ledger: Ledger = ledger_at(folder / "ledger.sqlite3", self.clock)
        self.way = Way()
        self.noted = Noted(METRICS)
        self.settings = ChannelSettings.model_validate({"name": "ops", "url": "json://h/x", "rate": "1000/h", **settings})
        self.channel = self.life()
        self.number = 0

    def life(self, holder: str = f"{HOST}/999999999/x", book: Any = None) -> Channel:
        """A channel as a process makes it at its start."""
        return Channel(self.settings, book or self.ledger, self.clock, self.noted, holder, HOST, self.way, dice=random.Random(1))

    def write(self, *subjects: str, severity: str = "warning", window: float = 0.0) -> None:
        for subject in subjects:
            self.number += 1
            note = Note("drift_opened", severity, "t", subject, f"o{self.number}", f"{subject} {self.number}")  # type: ignore[arg-type]
            assert self.ledger.post([Letter("ops", note, window)], self.clock.now().wall) == 1

    def run(self, seconds: float, coarse: float = 0.01) -> None:
        until = self.clock.now().mono + seconds
        while self.clock.now().mono < until:
            self.clock.advance(min(max(coarse, self.channel.step()), max(0.01, until - self.clock.now().mono)))

    @property
    def titles(self) -> list[str]:
        return [each.title for each in self.way.sent]


@pytest.fixture
def post(tmp_path: Path):
    made: list[Post] = []

    def make(**settings: Any) -> Post:
        made.append(Post(tmp_path, **settings))
        return made[-1]

    yield make
    for each in made:
        each.ledger.close()


def test_letters_arrive_in_order_each_with_a_key_of_its_own(post):
    it = post()
    it.write("a", "b", "a")
    it.run(30)
    assert it.titles == ["a 1", "b 2", "a 3"]
    assert len({each.key for each in it.way.sent}) == 3


def test_a_way_that_is_down_is_tried_with_growing_rests_and_nothing_is_lost(post):
    it = post()
    it.way.word = "no_connection"
    it.write("a", "b")
    it.run(3600)
    assert 8 <= len(it.way.tries) <= 20, "5 s, 10 s, ... 10 min"
    assert len({each.key for each in it.way.tries}) == 1, "a second try carries the same key"
    assert ("watchdog_notify_failing_since_timestamp_seconds", "ops") in it.noted.values
    it.way.word = "ok"
    it.run(700)
    assert it.titles == ["a 1", "b 2"]
    assert ("watchdog_notify_failing_since_timestamp_seconds", "ops") not in it.noted.values
    assert it.ledger.backlog() == {}


def test_a_message_that_is_refused_for_good_does_not_stand_in_the_way_for_ever(post):
    it = post()
    it.way.word = lambda message: "status_413" if message.title.startswith("a") else "ok"
    it.write("a", "b")
    it.run(6 * 3600)
    assert it.titles == ["b 2"]
    assert it.noted.values["watchdog_notifications_total", "ops", "drift_opened", "dropped"] == 1.0


def test_a_digest_that_is_refused_is_taken_apart_and_only_the_bad_letter_is_lost(post):
    it = post(digest="5m", rate="1000/h")
    it.way.word = lambda message: "status_400" if "bad" in message.title + message.body else "ok"
    it.write("a", "bad", "b", "c")
    it.run(6 * 3600)
    assert it.titles == ["a 1", "b 3", "c 4"]
    it.write("d", "e")
    it.run(3600)
    assert it.titles[3:] == ["2 notifications: 2 drift_opened"], "and after it digests come again"


def test_a_wrong_credential_is_never_a_reason_to_drop_anything(post):
    it = post()
    it.way.word = "status_401"
    it.write("a")
    it.run(86400)
    it.way.word = "ok"
    it.run(700)
    assert it.titles == ["a 1"]


def test_beyond_the_rate_all_that_waits_comes_in_one(post):
    it = post(rate="5/h")
    it.write(*(f"s{number}" for number in range(50)))
    it.run(1800)
    assert it.titles[:4] == [f"s{number} {number + 1}" for number in range(4)]
    assert it.titles[4].startswith("46 notifications: 46 drift_opened")
    assert len(it.titles) == 5
    assert "s49 50" in it.way.sent[4].body
    assert it.ledger.backlog() == {}
    assert it.noted.values["watchdog_notifications_total", "ops", "drift_opened", "digested"] == 46.0


def test_a_digest_gathers_and_what_is_critical_takes_the_rest_along_at_once(post):
    it = post(digest="15m")
    it.write("a", "b")
    it.run(600)
    assert it.titles == []
    it.write("c", severity="critical")
    it.run(15)
    assert it.titles == ["3 notifications: 3 drift_opened"]
    it.write("d")
    it.run(960)
    assert it.titles[1:] == ["d 4"]


def test_in_quiet_hours_only_what_is_critical_goes_with_its_own_past(post):
    it = post(quiet={"begin": "00:00", "end": "23:59", "zone": "UTC"})
    it.write("a", "b", "a")
    it.write("a", severity="critical")
    it.run(60)
    assert it.titles == ["a 1", "a 3", "a 4"]


@settings(max_examples=10)
@given(st.lists(st.tuples(st.floats(1, 4000), st.booleans()), min_size=1, max_size=8))
def test_what_comes_and_goes_is_told_once_a_window_and_the_last_word_is_true(happenings):
    with tempfile.TemporaryDirectory() as folder:
        it = Post(Path(folder))
        told = []
        it.way.word = lambda message: (told.append((it.clock.now().wall, message.title.split()[0])), "ok")[1]
        happened = []
        for rest, opened in happenings:
            it.run(rest, coarse=600.0)
            event = "drift_opened" if opened else "drift_closed"
            happened.append(event)
            note = Note(event, "warning", "t", "s", f"o{len(happened)}", event)
            it.ledger.post([Letter("ops", note, 3600.0)], it.clock.now().wall)
        it.run(2 * 3600, coarse=600.0)
        assert told[-1][1] == happened[-1], "the last word is the true one"
        assert told[0][1] == happened[0]
        for event in set(happened):
            moments = [at for at, title in told if title == event]
            assert all(later - earlier >= 3600.0 for earlier, later in pairwise(moments)), "not twice within the window"
        it.ledger.close()


class Blinks:
    """A ledger whose next calls of some methods fail."""

    def __init__(self, ledger: Ledger, *failing: str) -> None:
        self._ledger = ledger
        self.failing = set(failing)

    def __getattr__(self, name: str) -> Any:
        def fail(*_: Any, **__: Any) -> None:
            raise LedgerUnavailable(name)

        return fail if name in self.failing else getattr(self._ledger, name)


def test_a_message_that_was_sent_while_the_ledger_went_away_is_marked_before_anything_else_is_sent(post):
    it = post()
    book = Blinks(it.ledger, "delivered")
    it.channel = it.life(book=book)
    it.write("a", "b")
    it.run(120)
    assert it.titles == ["a 1"], "nothing is sent that cannot be marked"
    book.failing.clear()
    it.run(30)
    assert it.titles == ["a 1", "b 2"], "and the first is not sent again"


def test_what_another_life_took_is_sent_by_its_successor(post):
    it = post()
    it.write("a", "b")
    first, _ = it.ledger.waiting("ops", NOW)
    it.ledger.claim([first.id], "lost", f"{HOST}/999999998/y", NOW)  # no process has this number
    it.run(30)
    assert it.titles == ["a 1", "b 2"]


def test_trouble_with_the_ledger_is_told_without_it(post):
    it = post()
    it.channel = it.life(book=Blinks(it.ledger, "waiting", "holders", "sends"))
    it.way.word = "no_connection"
    it.channel.shout(Note("ledger", "critical", "", "ledger", "ledger/1", "the ledger cannot be used"))
    it.run(60)
    it.way.word = "ok"
    it.run(700)
    assert it.titles == ["the ledger cannot be used"]


def parcel(number: int, severity: str, subject: str, at: float) -> Parcel:
    return Parcel(number, "ops", Note("drift_opened", severity, "t", subject, f"o{number}", "t"), at, 0, 0)  # type: ignore[arg-type]


@given(
    arrivals=st.lists(
        st.tuples(st.floats(0, 4 * HOUR), st.sampled_from(["info", "warning", "critical"]), st.sampled_from("abc")), max_size=60
    ),
    rate=st.integers(1, 12),
    digest=st.sampled_from([0.0, 60.0, 900.0]),
)
def test_never_more_than_the_rate_in_any_hour_never_out_of_order_and_all_arrive(arrivals, rate, digest):
    arrivals.sort(key=lambda each: each[0])
    letters = [parcel(number + 1, severity, subject, at) for number, (at, severity, subject) in enumerate(arrivals)]
    waiting, sends, delivered, now, at = [], [], [], 0.0, 0
    while at < len(letters) or waiting:
        while at < len(letters) and letters[at].created_at <= now:
            waiting.append(letters[at])
            at += 1
        lately = [each for each in sends if each > now - HOUR]
        chosen = pace(waiting, lately, now, rate=rate, digest=digest, quiet=False)
        if chosen.parcels:
            sends.append(now)
            delivered += chosen.parcels
            waiting = [each for each in waiting if each not in chosen.parcels]
            assert sum(each > now - HOUR for each in sends) <= rate
        now += 5.0 if chosen.parcels else max(5.0, min(chosen.rest or 300.0, 300.0))
        assert now < 400 * HOUR, "everything arrives"
    assert delivered == letters
