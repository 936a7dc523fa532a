"""Pressure makes and ends pauses by itself: with hysteresis, for a least and a longest time, and never on what cannot be read."""

from __future__ import annotations

import pytest

from tests.support.ledger import ledger_at
from tests.support.ruled import FREE, HOUR, Host, Life, clock_at, pressed
from watchdog.reconciler.pressing import UNARMED, Grip, moved

GIB = 1 << 30


@pytest.fixture
def life(tmp_path):
    clock = clock_at("2026-06-11 12:00")
    ledger = ledger_at(tmp_path / "ledger.sqlite3", clock)
    yield lambda *rules: Life(ledger, clock, pressures=rules)
    ledger.close()


def again(old, *rules, boot="boot-1"):
    return Life(old.ledger, old.clock, pressures=rules, boot=boot, host=old.host)


def test_it_begins_above_and_ends_below_and_between_the_two_nothing_changes(life):
    it = life(pressed())
    looks = ((50.0, 600, False), (60.0, 600, False), (61.0, 20, True), (40.0, 600, True), (20.0, 600, True), (19.0, 20, False))
    for io, seconds, paused in looks:
        it.host.io = io
        it.live(seconds)
        assert bool(it.standing()) is paused, io
    (past,) = it.past()
    assert (past.source, past.by, past.reason, past.end, past.ended_by) == ("pressure", "disks", "disks are busy", "resumed", "its rule")


def test_it_lasts_its_minimum_and_its_maximum(life):
    it = life(pressed(minimum=300.0, maximum=HOUR))
    it.host.io = 90.0
    it.live(20.0)
    it.host.io = 0.0
    it.live(250.0)
    assert len(it.standing()) == 1
    it.live(60.0)
    assert it.standing() == []
    it.host.io = 90.0
    it.live(HOUR - 60.0)
    assert len(it.standing()) == 1
    it.live(4 * HOUR)
    assert it.standing() == [], "its time was up, and the pressure was never gone since"
    it.host.io = 10.0
    it.live(20.0)
    it.host.io = 90.0
    it.live(20.0)
    assert len(it.standing()) == 1
    assert [each.end for each in it.past()] == ["resumed", "expired"]
    assert abs(it.past()[1].ended_at - it.past()[1].created_at - HOUR) < 2.0


def test_what_a_person_resumes_stays_resumed_until_the_pressure_was_gone(life):
    it = life(pressed())
    it.host.io = 90.0
    it.live(60.0)
    it.pauses.resume(it.standing()[0].id, "ann (api token)")
    it.live(HOUR)
    assert it.standing() == []
    it.host.io = 30.0
    it.live(60.0)
    it.host.io = 90.0
    it.live(60.0)
    assert it.standing() == [], "it was less, and not gone"
    it.host.io = 5.0
    it.live(20.0)
    it.host.io = 90.0
    it.live(20.0)
    assert len(it.standing()) == 1


@pytest.mark.parametrize("boot", ["boot-1", "boot-2"])
def test_a_restart_in_the_middle_keeps_the_pause_and_its_times(life, boot):
    it = life(pressed(minimum=300.0, maximum=HOUR))
    it.host.io = 90.0
    it.live(30.0)
    (before,) = it.standing()
    it.clock.advance(100.0)
    it = again(it, pressed(minimum=300.0, maximum=HOUR), boot=boot)
    it.host.io = 0.0
    it.live(100.0)
    assert [each.id for each in it.standing()] == [before.id], "its least time goes on from its true beginning"
    it.live(100.0)
    assert it.standing() == []


@pytest.mark.parametrize("boot", ["boot-1", "boot-2"])
@pytest.mark.parametrize("how", ["person", "time"])
def test_a_restart_after_its_end_begins_no_other_while_the_pressure_lasts(life, boot, how):
    it = life(pressed(maximum=HOUR))
    it.host.io = 90.0
    it.live(60.0)
    if how == "person":
        it.pauses.resume(it.standing()[0].id, "ann (api token)")
    else:
        it.clock.advance(HOUR + 5.0)
    it = again(it, pressed(maximum=HOUR), boot=boot)
    it.live(600.0)
    assert it.standing() == []
    it.host.io = 0.0
    it.live(20.0)
    it.host.io = 90.0
    it.live(20.0)
    assert len(it.standing()) == 1


def test_a_kernel_without_psi_is_unknown_and_pauses_nothing(life, caplog):
    it = life(pressed())
    it.host.io = None
    caplog.set_level("INFO")
    it.live(HOUR)
    assert it.standing() == it.past() == []
    assert it.value("watchdog_pause_rule_readable", "disks") == 0.0
    assert sum("cannot read" in record.getMessage() for record in caplog.records) == 1, "said once"
    it.host.io = 90.0
    it.live(20.0)
    assert it.value("watchdog_pause_rule_readable", "disks") == 1.0
    assert len(it.standing()) == 1


@pytest.mark.parametrize("blind", ["gone", "stale"])
def test_what_becomes_unreadable_ends_nothing_but_by_its_time(life, blind):
    it = life(pressed(maximum=HOUR))
    it.host.io = 90.0
    it.live(60.0)
    if blind == "gone":
        it.host.io = None
    else:
        it.host.collecting, it.host.io = False, 0.0
    it.live(HOUR / 2)
    assert len(it.standing()) == 1
    it.live(HOUR)
    assert it.standing() == []
    assert [each.end for each in it.past()] == ["expired"]


def test_before_the_first_look_nothing_is_said(life):
    it = life(pressed())
    it.host.collecting = False
    it.live(60.0)
    assert it.value("watchdog_pause_rule_readable", "disks") is None
    assert it.standing() == []


def test_free_bytes_press_when_they_are_few(life):
    it = life(pressed(gauge=FREE, enter=5.0 * GIB, leave=10.0 * GIB))
    looks = ((6 * GIB, 60, False), (4 * GIB, 20, True), (8 * GIB, 600, True), (11 * GIB, 20, False), (None, 60, False))
    for free, seconds, paused in looks:
        it.host.free = free
        it.live(seconds)
        assert bool(it.standing()) is paused, free


def test_rules_over_one_target_share_one_pause(life):
    disks, space = pressed("disks", ("games", "tunnels")), pressed("space", gauge=FREE, enter=5.0 * GIB, leave=10.0 * GIB, maximum=2 * HOUR)
    it = life(disks, space)
    it.host.io = 90.0
    it.live(30.0)
    it.host.free = GIB
    it.live(600.0)
    (pause,) = it.standing()
    assert pause.by == "disks, space"
    assert [each.by for each in it.standing("tunnels")] == ["disks"]
    it.host.io = 0.0
    it.live(30.0)
    (pause,) = it.standing()
    assert pause.by == "space"
    assert it.standing("tunnels") == []
    it.host.free = 20 * GIB
    it.live(30.0)
    assert it.standing() == []
    assert len(it.past()) == 1


def test_a_rule_that_is_taken_out_of_the_configuration_ends_its_pause(life):
    it = life(pressed())
    it.host.io = 90.0
    it.live(60.0)
    it = again(it, pressed("other", gauge=FREE, enter=1.0, leave=2.0))
    it.turn()
    assert it.standing() == []


@pytest.mark.parametrize("jump", [3 * HOUR, -3 * HOUR])
def test_no_jump_of_the_wall_clock_changes_its_times(life, jump):
    it = life(pressed(maximum=HOUR))
    it.host.io = 90.0
    it.live(60.0)
    it.clock.jump(jump)
    it.live(HOUR - 120.0)
    assert len(it.standing()) == 1
    it.live(120.0)
    assert it.standing() == []


def test_a_pressure_that_flutters_makes_no_flutter_of_pauses(life):
    it = life(pressed(minimum=300.0))
    for turn in range(240):
        it.host.io = 90.0 if turn % 2 else 10.0
        it.live(15.0)
    assert len(it.past()) + len(it.standing()) <= 12, "an hour of flutter, five minutes each"


@pytest.mark.parametrize(
    ("grip", "value", "mono", "then"),
    [
        (Grip(), 61.0, 50.0, Grip(50.0)),
        (Grip(), 60.0, 50.0, Grip()),
        (Grip(), None, 50.0, Grip()),
        (UNARMED, 99.0, 50.0, UNARMED),
        (UNARMED, 20.0, 50.0, UNARMED),
        (UNARMED, 19.9, 50.0, Grip()),
        (UNARMED, None, 50.0, UNARMED),
        (Grip(50.0), 0.0, 349.9, Grip(50.0)),
        (Grip(50.0), 0.0, 350.0, Grip()),
        (Grip(50.0), 30.0, 3649.9, Grip(50.0)),
        (Grip(50.0), None, 3649.9, Grip(50.0)),
        (Grip(50.0), 99.0, 3650.0, UNARMED),
        (Grip(50.0), None, 3650.0, UNARMED),
        (Grip(50.0), 0.0, 3650.0, Grip()),
    ],
)
def test_every_move(grip, value, mono, then):
    assert moved(pressed(), grip, value, mono) == then


def test_the_simulated_host_is_one():
    host = Host(clock_at("2026-06-11 12:00"))
    assert host.actual().host.facts.pressures[0].avg60 == 0.0
