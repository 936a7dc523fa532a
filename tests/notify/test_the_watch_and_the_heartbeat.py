"""What the watch tells of unknown targets and the ledger; and that the heartbeat beats only while all is well."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.instruments import Noted
from tests.support.ledger import HOST, ledger_at
from tests.support.notifying import Mailbox, mailbox
from watchdog.errors import LedgerUnavailable
from watchdog.ledger.open import Ledger
from watchdog.model.pauses import Pause
from watchdog.notify.metrics import METRICS
from watchdog.notify.notices import Notices
from watchdog.notify.sending import Message
from watchdog.notify.settings import NotifySettings
from watchdog.notify.watch import Sight
from watchdog.runtime.clock import SimulatedClock

NOW = 1_800_000_000.0
WELL = Sight("games", None)


class Away:
    """The ledger, which can be away."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.away = False

    def __getattr__(self, name: str) -> Any:
        if not self.away:
            return getattr(self._ledger, name)
        if name == "tallies":
            return self
        return self._fail

    def _fail(self, *_: Any, **__: Any) -> Any:
        raise LedgerUnavailable("the disk is full")


class House:
    """Notices on a real ledger, with everything they ask for in the test's hand."""

    def __init__(self, folder: Path, box: Mailbox, **notify: Any) -> None:
        self.clock = SimulatedClock(NOW)
        self.ledger = ledger_at(folder / "ledger.sqlite3", self.clock)
        self.book = Away(self.ledger)
        self.noted = Noted(METRICS)
        self.sight = WELL
        self.healthy = True
        self.sent: list[str] = []
        self.word = "ok"
        beat = {"url": f"http://127.0.0.1:{box.port}/beat", "every": "60s"}
        given: Mapping[str, Any] = {"channels": [{"name": "ops", "url": "json://h/x"}], "heartbeat": beat, **notify}
        self.notices = Notices(
            NotifySettings.model_validate(given), None, self.book, self.clock, self.noted, host=HOST, holder=f"{HOST}/1/x", severities={},
            targets=("games",), panels={}, standing=self._standing,
            subjects=lambda _target: (), sights=lambda: (self.sight,), healthy=lambda: self.healthy,
            wake=lambda _name: None, sender=self._send,
        )  # fmt: skip
        self.ledger.teller = self.notices.teller

    def _standing(self, _target: str) -> tuple[Pause, ...]:
        return ()

    def _send(self, _url: object, message: Message, _seconds: float) -> str:
        if self.word == "ok":
            self.sent.append(message.title)
        return self.word

    def run(self, seconds: float) -> None:
        until = self.clock.now().mono + seconds
        while self.clock.now().mono < until:
            self.notices.watch.step()
            for channel in self.notices.channels.values():
                channel.step()
            self.clock.advance(15.0)

    def beats(self) -> bool:
        assert self.notices.heartbeat is not None
        before = self.noted.values.get(("watchdog_heartbeats_total", "ok"), 0.0)
        self.notices.heartbeat.step()
        return self.noted.values.get(("watchdog_heartbeats_total", "ok"), 0.0) > before


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as started:
        yield started


@pytest.fixture
def house(tmp_path: Path, box: Mailbox) -> Iterator[House]:
    made = House(tmp_path, box)
    yield made
    made.ledger.close()


def test_a_target_that_is_unknown_for_long_is_told_once_and_so_is_its_return(house: House) -> None:
    house.run(600)
    house.sight = Sight("games", house.clock.now().wall, 3, "permission denied")
    house.run(840)
    assert house.sent == []
    house.run(7200)
    assert [title.split(" since")[0] for title in house.sent] == ["games: 3 subjects of it cannot be judged"]
    house.sight = WELL
    house.run(60)
    assert house.sent[1:] == ["games: can be judged again"]


def test_a_short_blindness_and_a_jump_of_the_clock_are_no_news(house: House) -> None:
    house.sight = Sight("games", NOW, 0, "down")
    house.run(600)
    house.sight = WELL
    house.run(60)
    house.sight = Sight("games", NOW, 0, "one look that a jump made look old")
    house.clock.jump(10 * 3600)
    house.run(15)
    house.sight = WELL
    house.run(1800)
    assert house.sent == []


def test_a_ledger_that_is_away_is_told_without_it_and_its_return_with_it(house: House) -> None:
    house.run(60)
    house.book.away = True
    house.run(45)
    assert house.sent == []
    house.run(300)
    assert house.sent == ["the ledger cannot be used: repairs stand still"]
    house.book.away = False
    house.run(60)
    assert house.sent[1].startswith("the ledger can be used again")
    assert len(house.sent) == 2


def test_the_heart_beats_only_while_all_is_well(house: House, box: Mailbox) -> None:
    house.run(30)
    assert house.beats()
    assert box.pings == ["/beat"]
    house.healthy = False
    assert not house.beats()
    house.healthy, house.book.away = True, True
    assert not house.beats()
    house.book.away = False
    box.status = 500
    assert not house.beats()
    box.status = 200
    assert house.beats()
    assert house.noted.values["watchdog_heartbeats_total", "withheld"] == 2.0
    assert house.noted.values["watchdog_heartbeats_total", "failed"] == 1.0


def test_a_target_unknown_for_an_hour_stills_the_heart_and_single_subjects_do_not(house: House) -> None:
    house.sight = Sight("games", NOW, 2, "two containers")
    house.run(2 * 3600)
    assert house.beats()
    house.sight = Sight("games", NOW, 0, "the panel is down")
    house.run(3500)
    assert house.beats()
    house.run(200)
    assert not house.beats()
    house.sight = WELL
    house.run(15)
    assert house.beats()


def test_notifications_that_nobody_takes_for_an_hour_still_the_heart(house: House) -> None:
    house.word = "no_connection"
    house.sight = Sight("games", NOW, 1, "x")
    house.run(1000)
    assert house.beats()
    house.run(4000)
    assert not house.beats()
    house.word = "ok"
    house.run(1500)
    assert house.beats()


def test_what_waits_is_shown_and_too_much_of_it_is_dropped_and_counted(tmp_path: Path, box: Mailbox) -> None:
    house = House(tmp_path, box, most=100)
    house.word = "no_connection"
    for number in range(150):
        house.ledger.post(house.notices.teller.letters(_note(number)), NOW)
    house.run(1000)
    assert house.noted.values["watchdog_notify_outbox_messages", "ops"] == 100.0
    assert house.noted.values["watchdog_notify_outbox_oldest_timestamp_seconds", "ops"] == NOW
    assert house.noted.values["watchdog_notifications_total", "ops", "drift_opened", "dropped"] == 50.0
    house.ledger.close()


def _note(number: int) -> Any:
    from watchdog.model.notes import Note  # noqa: PLC0415

    return Note("drift_opened", "warning", "games", f"s{number}", f"o{number}", f"t{number}")


def test_channels_hear_what_their_rules_say(tmp_path: Path, box: Mailbox) -> None:
    channels = [
        {"name": "all", "url": "json://h/x"},
        {"name": "bad", "url": "json://h/x", "severity": "critical"},
        {"name": "pauses", "url": "json://h/x", "events": ["pause_begun"]},
        {"name": "shop", "url": "json://h/x", "targets": ["shop-*"]},
    ]
    house = House(tmp_path, box, channels=channels)
    letters = house.notices.teller.letters
    from watchdog.notify import words  # noqa: PLC0415

    unknown, away = words.unknown("games", NOW, 0, "x"), words.ledger_away(NOW, "x")
    assert [each.channel for each in letters(unknown)] == ["all"]
    assert [each.channel for each in letters(words.unknown("shop-1", NOW, 0, "x"))] == ["all", "shop"]
    assert [each.channel for each in letters(away)] == ["all", "bad", "shop"]
    house.ledger.close()
