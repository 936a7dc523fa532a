"""Pauses as orders: durable, refused with a way out, ended once and on time by the right clock, shown in metrics."""

from __future__ import annotations

import pytest

from tests.support.bench import Recorder
from watchdog.errors import Conflict, NotFound, Refused
from watchdog.model.pauses import PauseOrder, PauseSays
from watchdog.reconciler.pausing import Pauses

__all__ = ["simulated_ledger"]
from tests.support.ledger import simulated_ledger


def nothing(_standing):
    """The newest look has nothing against it."""
    return PauseSays()


class Desk:
    """Pauses over a real ledger, with a clock that moves only when told."""

    def __init__(self, ledger, clock, boot="boot-1"):
        self.clock, self.ledger, self.instruments, self.woken = clock, ledger, Recorder(), []
        self.pauses = Pauses(ledger, clock, self.instruments, {"games": "mcsmanager", "tunnels": "wgdashboard"}, boot, self.woken.append)

    def order(self, target="games", **more):
        return self.pauses.pause(PauseOrder(target, more.pop("reason", "moving"), more.pop("by", "ann"), **more))

    def live(self, seconds):
        """Let the loop turn for ``seconds``."""
        until = self.clock.now().mono + seconds
        while (now := self.clock.now().mono) < until:
            self.clock.advance(min(self.pauses.step(), until - now + 1e-6))
        self.pauses.step()

    def value(self, name, *labels):
        return self.instruments.values.get((name, *labels))


@pytest.fixture
def desk(simulated_ledger):
    ledger, clock = simulated_ledger
    return Desk(ledger, clock)


def test_a_length_ends_within_two_seconds_of_its_time_and_is_counted_once(desk):
    desk.order(length=7200.0)
    desk.live(7199.0)
    assert [each.target for each in desk.pauses.standing("games")] == ["games"]
    desk.live(1.5)
    assert desk.pauses.standing("games") == ()
    desk.live(100.0)
    (past,) = desk.pauses.pauses("games", ended=True)
    assert (past.end, past.ended_by) == ("expired", "time")
    assert past.ended_at - past.until < 2.0
    assert desk.value("watchdog_pauses_resumed_total", "mcsmanager", "games", "expired") == 1.0
    assert desk.value("watchdog_pauses_resumed_total", "mcsmanager", "games", "resumed") == 0.0


@pytest.mark.parametrize("jump", [3 * 3600.0, -3 * 3600.0, 86400.0 * 365])
def test_no_jump_of_the_wall_clock_changes_a_length(desk, jump):
    desk.order(length=600.0)
    desk.live(100.0)
    desk.clock.jump(jump)
    desk.live(498.0)
    assert len(desk.pauses.standing("games")) == 1
    desk.live(5.0)
    assert desk.pauses.standing("games") == ()


@pytest.mark.parametrize("jump", [3 * 3600.0, -3 * 3600.0])
def test_after_a_reboot_a_length_ends_where_the_moved_clock_says_it_would_have(desk, jump):
    desk.order(length=600.0)
    desk.live(100.0)
    desk.clock.jump(jump)
    desk.live(20.0)
    again = Desk(desk.ledger, desk.clock, "boot-2")
    again.live(475.0)
    assert len(again.pauses.standing("games")) == 1
    again.live(10.0)
    assert again.pauses.standing("games") == ()


def test_a_date_waits_five_minutes_when_the_clock_jumps_past_it(desk):
    desk.order(until=desk.clock.now().wall + 600.0)
    desk.live(30.0)
    desk.clock.jump(3 * 3600.0)
    desk.live(295.0)
    assert len(desk.pauses.standing("games")) == 1, "a clock that is set wrong is set right again soon"
    desk.live(10.0)
    assert desk.pauses.standing("games") == ()


def test_a_date_outlives_a_clock_that_was_wrong_for_a_moment(desk):
    desk.order(until=desk.clock.now().wall + 600.0)
    desk.live(30.0)
    desk.clock.jump(3 * 3600.0)
    desk.live(60.0)
    desk.clock.jump(-3 * 3600.0)
    desk.live(500.0)
    assert len(desk.pauses.standing("games")) == 1
    desk.live(20.0)
    assert desk.pauses.standing("games") == ()


def test_a_pause_that_ran_out_while_nobody_lived_ends_at_the_first_look(desk):
    desk.order(length=60.0)
    desk.clock.advance(3600.0)
    again = Desk(desk.ledger, desk.clock)
    assert again.pauses.standing("games") == (), "even before the loop has turned"
    again.pauses.step()
    (past,) = again.pauses.pauses("games", ended=True)
    assert past.end == "expired"


def test_until_further_notice_stands_for_ever_and_says_since_when(desk):
    began = desk.clock.now().wall
    desk.order()
    desk.clock.advance(400 * 86400.0)
    desk.pauses.step()
    assert len(desk.pauses.standing("games")) == 1
    assert desk.value("watchdog_pause_indefinite_since_timestamp_seconds", "mcsmanager", "games") == began
    assert desk.value("watchdog_pause_until_timestamp_seconds", "mcsmanager", "games", "person") is None


def test_a_stale_order_is_answered_with_the_pause_as_it_is_now(desk):
    made = desk.order(length=60.0)
    with pytest.raises(Conflict, match="name its version") as refused:
        desk.order(length=600.0, by="bob")
    assert refused.value.current == made
    changed = desk.pauses.change(made.id, made.version, PauseOrder("games", "longer", "bob", length=600.0))
    with pytest.raises(Conflict, match="changed meanwhile by bob") as refused:
        desk.pauses.change(made.id, made.version, PauseOrder("games", "shorter", "ann", length=5.0))
    assert refused.value.current == changed
    with pytest.raises(Conflict):
        desk.pauses.resume(made.id, "ann", made.version)
    assert desk.pauses.resume(made.id, "ann", changed.version).end == "resumed"
    with pytest.raises(Refused, match="over already: resumed by ann"):
        desk.pauses.resume(made.id, "bob")
    assert desk.value("watchdog_pauses_resumed_total", "mcsmanager", "games", "resumed") == 1.0


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"reason": " "}, "needs a reason"),
        ({"until": 5.0}, "lies in the past"),
        ({"length": 0.0}, "longer than nothing"),
        ({"length": 5.0, "until": 4e9}, "not both"),
        ({"target": "nobody"}, "known: games, tunnels"),
    ],
    ids=["reason", "past", "nothing", "both", "unknown"],
)
def test_a_bad_order_is_refused_by_name_and_nothing_is_written(desk, more, said):
    with pytest.raises((Refused, NotFound), match=said):
        desk.order(**more)
    assert desk.ledger.pauses(ended=True) == ()


def test_a_change_cannot_make_a_pause_another_targets(desk):
    made = desk.order(length=60.0)
    with pytest.raises(Refused, match="cannot become another's"):
        desk.pauses.change(made.id, made.version, PauseOrder("tunnels", "r", "ann", length=60.0))
    with pytest.raises(NotFound, match="no pause has the number 999"):
        desk.pauses.resume(999, "ann")


def test_what_stands_is_shown_at_once_and_wakes_the_target(desk):
    assert desk.value("watchdog_pauses_resumed_total", "mcsmanager", "games", "expired") == 0.0, "counters are born at 0"
    desk.pauses.step()
    assert desk.value("watchdog_pause_active", "mcsmanager", "games", "person") == 0.0
    made = desk.order(length=60.0)
    assert desk.woken == ["games"]
    assert desk.value("watchdog_pause_active", "mcsmanager", "games", "person") == 1.0
    assert desk.value("watchdog_pause_active", "mcsmanager", "games", "window") == 0.0
    assert desk.value("watchdog_pause_active", "wgdashboard", "tunnels", "person") == 0.0
    assert desk.value("watchdog_pause_until_timestamp_seconds", "mcsmanager", "games", "person") == made.until
    desk.pauses.resume(made.id, "ann")
    assert desk.woken == ["games", "games"]
    assert desk.value("watchdog_pause_active", "mcsmanager", "games", "person") == 0.0
    assert desk.value("watchdog_pause_until_timestamp_seconds", "mcsmanager", "games", "person") is None


def test_a_check_is_only_well_when_ledger_and_look_agree_and_it_would_last(desk):
    assert "repairs go on" in desk.pauses.check("games", nothing).wrong[0]
    desk.order(length=60.0)
    check = desk.pauses.check("games", lambda _standing: PauseSays(wrong=("the newest look does not know of it",)))
    assert check.wrong == ("the newest look does not know of it",)
    check = desk.pauses.check("games", nothing)
    assert check.wrong == ()
    assert any("survives a restart" in line for line in check.well)
    forgetful = Pauses(desk.ledger, desk.clock, Recorder(), {"games": "mcsmanager"}, "boot-1", print, forgetful=True)
    assert any("would not survive" in line for line in forgetful.check("games", nothing).wrong)
