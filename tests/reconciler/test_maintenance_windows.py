"""Maintenance windows make and end pauses by themselves: on time, by the wall clock of their zone, once, and never against a person."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from tests.support.ledger import ledger_at
from tests.support.ruled import DAY, HOUR, VIENNA, Life, at, clock_at, window
from watchdog.errors import LedgerUnavailable
from watchdog.model.pauses import PauseOrder


@pytest.fixture
def life(tmp_path):
    """``life(start, *windows)`` begins a program at a local time of Vienna."""
    opened = []

    def begin(start, *windows):
        clock = clock_at(start)
        opened.append(ledger_at(tmp_path / "ledger.sqlite3", clock))
        return Life(opened[-1], clock, windows)

    yield begin
    for ledger in opened:
        ledger.close()


def again(old, *windows, boot="boot-1"):
    """The same host and ledger, another life of the program."""
    return Life(old.ledger, old.clock, windows, boot=boot)


def spans(past):
    return [(each.created_at, each.ended_at) for each in past]


def close(found, wanted, by=1.0):
    return len(found) == len(wanted) and all(abs(a - c) <= by and abs(b - d) <= by for (a, b), (c, d) in zip(found, wanted, strict=True))


def test_a_window_pauses_from_its_opening_to_its_end_and_tells_who_it_was(life):
    it = life("2026-06-10 20:00", window())
    it.until("2026-06-11 01:59:50")
    assert it.standing() == []
    assert it.value("watchdog_pause_rule_active", "window", "nightly") == 0.0
    assert it.value("watchdog_pause_window_next_timestamp_seconds", "nightly") == at("2026-06-11 02:00")
    it.until("2026-06-11 02:00:01")
    (pause,) = it.standing()
    assert (pause.source, pause.by, pause.reason, pause.until) == ("window", "nightly", "nightly works", at("2026-06-11 04:00"))
    assert it.value("watchdog_pause_active", "mcsmanager", "games", "window") == 1.0
    assert it.value("watchdog_pause_active", "wgdashboard", "tunnels", "window") == 0.0
    assert it.value("watchdog_pause_rule_active", "window", "nightly") == 1.0
    it.live(3 * DAY)
    nights = [(at(f"2026-06-{day} 02:00"), at(f"2026-06-{day} 04:00")) for day in (11, 12, 13)]
    assert close(spans(it.past()), nights)
    assert {(each.end, each.ended_by) for each in it.past()} == {("expired", "time")}


@pytest.mark.parametrize(
    ("cron", "lasts", "start", "opens", "closes"),
    [
        # 29 March 2026: 02:00 does not exist, the clock goes from 02:00 to 03:00
        ("30 2 * * *", HOUR, "2026-03-28 22:00", "2026-03-29 03:00", "2026-03-29 04:00"),
        ("0 1 * * *", 2 * HOUR, "2026-03-28 22:00", "2026-03-29 01:00", "2026-03-29 04:00"),
        # 25 October 2026: 02:00 to 03:00 comes twice
        ("30 2 * * *", HOUR, "2026-10-24 22:00", "2026-10-25 02:30", "2026-10-25 02:30 fold"),
        ("0 1 * * *", 3 * HOUR, "2026-10-24 22:00", "2026-10-25 01:00", "2026-10-25 03:00"),
    ],
)
def test_nights_of_a_change_of_the_clock(life, cron, lasts, start, opens, closes):
    it = life(start, window(cron=cron, lasts=lasts))
    it.live(14 * HOUR)
    ends = at(closes.removesuffix(" fold")) + (HOUR if closes.endswith("fold") else 0.0)
    assert close(spans(it.past()), [(at(opens), ends)])
    assert ends - at(opens) == lasts


def test_a_window_that_was_missed_and_is_still_open_is_entered_late(life):
    first = life("2026-06-10 20:00", window())
    first.clock.advance(7 * HOUR)  # nobody lives at 02:00
    it = again(first, window(), boot="boot-2")
    it.turn()
    (pause,) = it.standing()
    assert pause.until == at("2026-06-11 04:00")
    it.live(3 * HOUR)
    assert close(spans(it.past()), [(at("2026-06-11 03:00"), at("2026-06-11 04:00"))])


def test_a_window_that_was_missed_as_a_whole_is_gone(life):
    it = life("2026-06-10 20:00", window())
    it.clock.advance(12 * HOUR)
    it.live(HOUR)
    assert it.past() == it.standing() == []


@pytest.mark.parametrize("boot", ["boot-1", "boot-2"])
def test_a_restart_in_the_middle_changes_nothing(life, boot):
    it = life("2026-06-11 01:59", window())
    it.live(HOUR)
    (before,) = it.standing()
    it.clock.advance(600.0)
    it = again(it, window(), boot=boot)
    it.live(300.0)
    assert it.standing() == [before]
    it.live(HOUR)
    assert close(spans(it.past()), [(at("2026-06-11 02:00"), at("2026-06-11 04:00"))])


def test_what_a_person_resumes_stays_resumed_until_the_next_window(life):
    it = life("2026-06-11 01:59", window())
    it.live(HOUR)
    it.pauses.resume(it.standing()[0].id, "ann (api token)")
    it.live(600.0)
    assert it.standing() == []
    it = again(it, window(), boot="boot-2")
    it.live(2 * HOUR)
    assert it.standing() == []
    it.until("2026-06-12 02:10")
    assert [each.until for each in it.standing()] == [at("2026-06-12 04:00")]


def test_windows_that_overlap_share_one_pause_to_the_last_end(life):
    long, inside, late = (
        window("long", "0 1 * * *", 4 * HOUR), window("inside", "0 2 * * *", HOUR), window("late", "30 4 * * *", HOUR),
    )  # fmt: skip
    it = life("2026-06-11 00:00", long, inside, late)
    it.until("2026-06-11 02:30")
    (pause,) = it.standing()
    assert (pause.by, pause.reason, pause.until) == ("long, inside", "long works; inside works", at("2026-06-11 05:00"))
    it.until("2026-06-11 04:45")
    (pause,) = it.standing()
    assert (pause.by, pause.until) == ("long, late", at("2026-06-11 05:30"))
    it.until("2026-06-11 06:00")
    assert close(spans(it.past()), [(at("2026-06-11 01:00"), at("2026-06-11 05:30"))])
    assert [each.end for each in it.past()] == ["expired"]


def test_a_resume_ends_all_that_were_open_and_none_that_open_later(life):
    it = life("2026-06-11 00:00", window("long", "0 1 * * *", 4 * HOUR), window("late", "0 3 * * *", HOUR))
    it.until("2026-06-11 02:00")
    it.pauses.resume(it.standing()[0].id, "ann (api token)")
    it.until("2026-06-11 02:59")
    assert it.standing() == []
    it.until("2026-06-11 03:30")
    (pause,) = it.standing()
    assert (pause.by, pause.until) == ("late", at("2026-06-11 04:00"))
    it.until("2026-06-11 04:30")
    assert it.standing() == []


def test_openings_of_one_window_that_overlap_go_on_without_a_gap(life):
    it = life("2026-06-11 00:00", window("rolling", "0 * * * *", 90 * 60.0))
    it.live(12 * HOUR)
    assert len(it.standing()) == 1
    assert it.past() == []


def test_a_person_and_a_window_pause_beside_each_other(life):
    it = life("2026-06-11 01:59", window())
    mine = it.pauses.pause(PauseOrder("games", "moving", "ann", length=6 * HOUR))
    it.live(HOUR)
    assert {each.source for each in it.standing()} == {"person", "window"}
    it.live(2 * HOUR)
    assert it.standing() == [mine]


def test_tasks_and_targets_have_pauses_of_their_own(life):
    it = life("2026-06-11 01:59", window("a", targets=("games", "tunnels")), window("b", task="lobby"))
    it.live(HOUR)
    assert {each.task for each in it.standing()} == {"", "lobby"}
    assert {each.task for each in it.standing("tunnels")} == {""}


@pytest.mark.parametrize("windows", [(), (window("other", "0 12 * * *"),)], ids=["none", "another"])
def test_a_window_that_is_taken_out_of_the_configuration_ends_its_pause(life, windows):
    it = life("2026-06-11 01:59", window())
    it.live(HOUR)
    it = again(it, *windows)
    it.turn()
    assert it.standing() == []
    assert [(each.end, each.ended_by) for each in it.past()] == [("resumed", "its rule")]
    # that was nobody's wish: put back, it holds again
    it = again(it, window())
    it.turn()
    assert [each.until for each in it.standing()] == [at("2026-06-11 04:00")]


def test_a_longer_or_shorter_window_changes_the_pause_that_stands(life):
    it = life("2026-06-11 01:59", window())
    it.live(HOUR)
    (before,) = it.standing()
    it = again(it, window(lasts=5 * HOUR))
    it.turn()
    (after,) = it.standing()
    assert (after.id, after.until, after.version) == (before.id, at("2026-06-11 07:00"), before.version + 1)


def test_a_clock_that_jumps_into_a_window_enters_it_only_once_that_has_held(life):
    it = life("2026-06-10 20:00", window())
    it.looks = 15.0
    it.live(60.0)
    it.clock.jump(7 * HOUR)
    it.live(240.0)
    assert it.standing() == []
    it.clock.jump(-7 * HOUR)
    it.live(HOUR)
    assert it.standing() == it.past() == []


def test_a_clock_that_jumps_past_the_end_keeps_the_pause_until_that_has_held(life):
    it = life("2026-06-11 01:59", window())
    it.looks = 15.0
    it.live(HOUR)
    it.clock.jump(3 * HOUR)
    it.live(290.0)
    assert len(it.standing()) == 1
    it.live(30.0)
    assert it.standing() == []
    assert [each.end for each in it.past()] == ["expired"]


def test_a_clock_that_jumps_back_before_the_window_ends_it_and_enters_it_anew(life):
    it = life("2026-06-11 01:59", window())
    it.looks = 15.0
    it.live(HOUR)
    it.clock.jump(-3 * HOUR)
    it.live(60.0)
    assert it.standing() == []
    it.until("2026-06-11 02:01")
    assert len(it.standing()) == 1
    it.until("2026-06-11 04:01")
    assert it.standing() == []


def test_a_year_of_nights_is_one_pause_each(life):
    it = life("2026-01-01 12:00", window("monthly", "30 2 25-31 * 0", 2 * HOUR, ("games", "tunnels")))
    # only the hours around the nights are lived through; in between the host sleeps
    for _ in range(12):
        opens = it.ruling._windows[0].window.opens_at(it.clock.now().wall)
        it.clock.advance(opens - it.clock.now().wall - 60.0)
        it.live(3 * HOUR)
    assert [round(each.ended_at - each.created_at, -1) for each in it.past()] == [2 * HOUR] * 12
    assert len(it.past("tunnels")) == 12


def test_without_a_ledger_nothing_happens_and_afterwards_it_goes_on(life, monkeypatch):
    it = life("2026-06-11 01:59", window())

    @contextmanager
    def away():
        def refuse(*_, **__):
            raise LedgerUnavailable("away")

        with monkeypatch.context() as patched:
            patched.setattr(it.ledger, "pauses", refuse)
            yield

    with away():
        for _ in range(20):
            it.ruling.step()
            it.clock.advance(15.0)
    it.turn()
    assert [each.until for each in it.standing()] == [at("2026-06-11 04:00")]


def test_the_zone_decides_and_not_the_host(life):
    it = life("2026-06-11 00:00", window(zone="America/New_York"), window("utc", targets=("tunnels",), zone="UTC"))
    it.until("2026-06-11 08:30")
    assert [each.until for each in it.standing()] == [at("2026-06-11 04:00", "America/New_York")]
    assert close(spans(it.past("tunnels")), [(at("2026-06-11 02:00", "UTC"), at("2026-06-11 04:00", "UTC"))])
    assert VIENNA not in {"America/New_York", "UTC"}
