"""Alerts wake passes, ask for remedies without any right of their own, and pause where that is configured: once an episode, to its end."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from tests.support.bench import Recorder
from tests.support.ledger import ledger_at
from tests.support.ruled import HOUR, PANELS, clock_at
from watchdog.errors import LedgerUnavailable
from watchdog.model.alarms import Alarm, AlarmRule, Ask, ask_of
from watchdog.model.approvals import Approval, ApprovalState
from watchdog.model.drifts import Drift, DriftKind, DriftState, Episode, ObjectKey, Proposal, Subject
from watchdog.model.pauses import PauseOrder
from watchdog.model.repairs import Held, Plan, Remedy, RepairRecord, RepairState, Risk, Settle
from watchdog.reconciler import alarms as room
from watchdog.reconciler.alarms import Alarms
from watchdog.reconciler.asking import answer_to
from watchdog.reconciler.pausing import Pauses
from watchdog.reconciler.status import TargetStatus

DISK = AlarmRule("disk", {"alertname": "HostDisk*", "host": "alpha"}, ("games",), HOUR, "the disk is full")
ALL = AlarmRule("power", {"alertname": "OnBattery"}, ("games", "tunnels"), 2 * HOUR, "no power")
FULL = {"alertname": "HostDiskFull", "host": "alpha"}
LIFT = Remedy("lift", "Start it.", lambda _facts: Risk.SAFE, Settle(5.0, 60.0), deadline=30.0, cooldown=20.0)
GHOST = DriftKind("ghost", "A ghost.")
OBJECT = ObjectKey("mcsmanager", "games", "instance", "i1")
DRIFT = Drift("ghost", "mcsmanager", "games", Subject("instance", "i1", "i1"), "down", "up", {}, Proposal("lift", OBJECT))
OPEN = ((Episode(1, DRIFT, 0.0, 1.0, 2, 0.0, opened_at=1.0), DriftState.OPEN),)


class Desk:
    """One life of the program's alerts."""

    def __init__(self, ledger, clock, rules=(), boot="boot-1"):
        self.ledger, self.clock, self.instruments, self.woken = ledger, clock, Recorder(), []
        self.pauses = Pauses(ledger, clock, self.instruments, PANELS, boot, lambda _target: None)
        self.statuses = {name: TargetStatus(panel, name, (GHOST,), (LIFT,)) for name, panel in PANELS.items()}
        self.alarms = Alarms(self.pauses, rules, PANELS, self.statuses.__getitem__, self.woken.append, clock, self.instruments)

    def tell(self, *alarms):
        """Take them one by one and work them off."""
        for alarm in alarms:
            assert self.alarms.take((alarm,))
        self.alarms.step()

    def fires(self, fingerprint="f1", labels=None, ago=10.0):
        return Alarm(fingerprint, self.clock.now().wall - ago, True, labels or FULL)

    def looked(self, target="games", **more):
        """A pass over the target has ended."""
        status = self.statuses[target]
        fields = {name: getattr(status, name) for name in status.__slots__}
        self.statuses[target] = TargetStatus(**fields | {"passes": status.passes + 1, "last_result": "judged"} | more)
        self.alarms.step()

    def live(self, seconds):
        until = self.clock.now().mono + seconds
        while (now := self.clock.now().mono) < until:
            rest = min(self.alarms.step(), self.pauses.step())
            self.clock.advance(min(rest, until - now + 1e-6))
        self.pauses.step()

    def paused(self, target="games"):
        return [each for each in self.pauses.standing(target) if each.source == "alert"]

    def came(self, result):
        return self.instruments.values.get(("watchdog_alertmanager_alerts_total", result), 0.0)

    def answers(self, answer, target="games"):
        return self.instruments.values[("watchdog_alertmanager_asks_total", PANELS[target], target, answer)]


def over(alarm):
    return Alarm(alarm.fingerprint, alarm.starts_at, False, alarm.labels)


@pytest.fixture
def desk(tmp_path):
    clock = clock_at("2026-06-11 12:00")
    ledger = ledger_at(tmp_path / "ledger.sqlite3", clock)
    yield lambda *rules, boot="boot-1": Desk(ledger, clock, rules, boot)
    ledger.close()


# ---- pauses ------------------------------------------------------------------------------------------------------------------------------


def test_a_firing_alert_pauses_and_its_end_resumes(desk):
    it = desk(DISK)
    alarm = it.fires()
    it.tell(alarm)
    (pause,) = it.paused()
    assert (pause.source, pause.by, pause.reason, pause.length) == ("alert", "disk: f1", "the disk is full", HOUR)
    assert it.paused("tunnels") == []
    it.tell(over(alarm))
    assert it.paused() == []
    (past,) = it.pauses.pauses("games", ended=True)
    assert (past.end, past.ended_by) == ("resumed", "its alert")
    assert (it.came("paused"), it.came("resumed")) == (1.0, 1.0)


@pytest.mark.parametrize("labels", [{"alertname": "HostDiskFull"}, {"alertname": "HostDiskFull", "host": "beta"}, {"host": "alpha"}])
def test_every_label_of_a_rule_must_fit(desk, labels):
    it = desk(DISK)
    it.tell(it.fires(labels=labels))
    assert it.paused() == []
    assert it.came("ignored") == 1.0


def test_its_longest_time_bounds_it_and_a_repeated_episode_begins_no_other(desk):
    it = desk(DISK)
    alarm = it.fires()
    it.tell(alarm)
    it.live(HOUR - 5.0)
    assert len(it.paused()) == 1
    it.live(10.0)
    assert it.paused() == []
    it.tell(alarm)
    assert it.paused() == []
    assert it.came("repeated") == 1.0
    it = desk(DISK, boot="boot-2")  # the memory of what was seen is gone; the ledger's is not
    it.tell(alarm)
    assert it.paused() == []
    it.tell(it.fires(ago=0.0))
    assert len(it.paused()) == 1, "a new episode is another matter"


def test_what_a_person_resumes_stays_resumed_while_the_alert_fires_on(desk):
    it = desk(DISK)
    alarm = it.fires()
    it.tell(alarm)
    it.pauses.resume(it.paused()[0].id, "ann (api token)")
    it.tell(alarm)
    it = desk(DISK)
    it.tell(alarm)
    assert it.paused() == []


@pytest.mark.parametrize("boot", ["boot-1", "boot-2"])
def test_after_a_restart_the_end_of_an_alert_still_finds_what_it_held(desk, boot):
    it = desk(DISK)
    alarm = it.fires()
    it.tell(alarm)
    it = desk(DISK, boot=boot)
    it.tell(alarm)
    assert len(it.pauses.pauses("games", ended=True)) == 1, "told again, it begins no second one"
    it.tell(over(alarm))
    assert it.paused() == []


def test_several_alerts_hold_one_pause_until_the_last_of_them_ends(desk):
    it = desk(DISK, ALL)
    first, second, third = it.fires("f1"), it.fires("f2"), it.fires("p1", {"alertname": "OnBattery"})
    it.tell(first)
    it.live(600.0)
    it.tell(second, third)
    (pause,) = it.paused()
    assert pause.by == "disk, power: f1, f2, p1"
    assert pause.until_mono - it.clock.now().mono == pytest.approx(2 * HOUR, abs=1.0)
    assert len(it.paused("tunnels")) == 1
    it.tell(over(third))
    assert it.paused("tunnels") == []
    it.tell(over(first))
    assert [each.id for each in it.paused()] == [pause.id]
    it.tell(over(second))
    assert it.paused() == []


def test_a_resolved_alert_that_overtakes_its_firing_begins_nothing(desk):
    it = desk(DISK)
    alarm = it.fires()
    it.tell(over(alarm), alarm)
    assert it.paused() == []


def test_a_persons_pause_is_none_of_its_business(desk):
    it = desk(DISK)
    mine = it.pauses.pause(PauseOrder("games", "moving", "ann", length=HOUR))
    alarm = it.fires()
    it.tell(alarm, over(alarm))
    assert it.pauses.standing("games") == (mine,)


def test_without_a_ledger_alerts_wait_and_none_is_lost(desk, monkeypatch):
    it = desk(DISK)

    @contextmanager
    def away():
        def refuse(*_, **__):
            raise LedgerUnavailable("away")

        with monkeypatch.context() as patched:
            patched.setattr(it.ledger, "begin_pause", refuse)
            yield

    with away():
        it.tell(it.fires("f1"), it.fires("f2"))
        assert it.paused() == []
    it.alarms.step()
    assert [each.by for each in it.paused()] == ["disk: f1, f2"]


# ---- looks and remedies ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "ask"),
    [
        ({"watchdog_target": "games"}, Ask("games")),
        ({"watchdog_target": "games", "watchdog_kind": "ghost", "watchdog_remedy": "lift"}, Ask("games", "ghost", "lift")),
        ({"panel": "mcsmanager", "target": "games", "kind": "ghost"}, Ask("games", "ghost")),
        ({"panel": "mcsmanager", "target": "games", "kind": "ghost", "watchdog_remedy": "lift"}, Ask("games", "ghost", "lift")),
        ({"watchdog_target": "a", "panel": "p", "target": "b", "kind": "k"}, Ask("a")),
        ({"target": "https://example.org", "job": "blackbox"}, None),
        ({"watchdog_remedy": "lift"}, None),
        ({"panel": "mcsmanager"}, None),
        ({}, None),
    ],
)
def test_which_labels_name_a_target(labels, ask):
    assert ask_of(labels) == ask


def test_an_alert_that_names_a_target_wakes_one_pass_an_episode(desk):
    it = desk()
    alarm = it.fires(labels={"watchdog_target": "games"})
    it.tell(alarm, alarm, alarm)
    assert it.woken == ["games"]
    assert (it.came("woke"), it.came("repeated")) == (1.0, 2.0)
    assert it.answers("looked") == 0.0
    it.looked()
    assert it.answers("looked") == 1.0


def test_an_unknown_target_is_said_and_counted(desk):
    it = desk()
    it.tell(it.fires(labels={"watchdog_target": "nobody"}))
    assert it.woken == []
    assert it.came("unknown_target") == 1.0


WAITING = Approval("a1", "hash", "games", "lift", OBJECT, {}, (DRIFT.key,), "safe", (), ApprovalState.WAITING, 0.0)
HELD = Held(DRIFT.key, "paused", "rests")
RUNNING = RepairRecord(7, OBJECT, "lift", {}, Risk.SAFE, RepairState.ACTING, (DRIFT.key,), "us", 0.0)


@pytest.mark.parametrize(
    ("ask", "more", "answer", "said"),
    [
        (Ask("games"), {}, "looked", "looked at"),
        (Ask("games", "ghost"), {}, "looked", "looked at"),
        (Ask("games", "spook"), {}, "unknown", "no kind of drift called 'spook'"),
        (Ask("games", "", "purge"), {}, "unknown", "no remedy called 'purge'"),
        (Ask("games", "", "lift"), {}, "no_drift", "no drift that we see"),
        (Ask("games", "ghost", "lift"), {"in_flight": (RUNNING,)}, "begun", "repair 7"),
        (Ask("games", "ghost", "lift"), {"approvals": (WAITING,)}, "waits", "approve a1"),
        (
            Ask("games", "ghost", "lift"),
            {"episodes": OPEN, "plan": Plan("games", (), (Held(DRIFT.key, "paused", "rests"),))},
            "held",
            "paused",
        ),
        (Ask("games", "ghost", "lift"), {"episodes": OPEN, "plan": Plan("games")}, "held", "plan games"),
    ],
    ids=range(9),
)
def test_what_was_asked_is_answered_by_what_the_pass_made_of_it(ask, more, answer, said):
    kinds = (GHOST, DriftKind("other", "Another."))
    found, sentence = answer_to(ask, TargetStatus("mcsmanager", "games", kinds, (LIFT,), **more))
    assert found == answer
    assert said in sentence


def test_another_kinds_repair_is_no_answer():
    status = TargetStatus("mcsmanager", "games", (GHOST, DriftKind("other", "o")), (LIFT,), in_flight=(RUNNING,), approvals=(WAITING,))
    assert answer_to(Ask("games", "other", "lift"), status)[0] == "no_drift"


def test_an_ask_stands_until_it_begins_and_gives_no_right(desk):
    it = desk()
    it.tell(it.fires(labels={"watchdog_target": "games", "watchdog_remedy": "lift"}))
    it.looked(episodes=OPEN, plan=Plan("games"))
    it.looked(episodes=OPEN, approvals=(WAITING,))
    assert [it.answers(each) for each in ("held", "waits", "begun")] == [0.0, 0.0, 0.0], "it is counted by its last answer"
    it.looked(episodes=OPEN, in_flight=(RUNNING,))
    assert it.answers("begun") == 1.0
    assert it.woken == ["games"]


def test_resolved_takes_back_what_has_not_begun(desk):
    it = desk()
    alarm = it.fires(labels={"watchdog_target": "games", "watchdog_remedy": "lift"})
    it.tell(alarm)
    it.looked(episodes=OPEN, plan=Plan("games"))
    it.tell(over(alarm))
    assert it.came("withdrawn") == 1.0
    assert it.answers("held") == 1.0
    it.looked(episodes=OPEN, in_flight=(RUNNING,))
    assert it.answers("begun") == 0.0


def test_an_ask_does_not_stand_for_ever(desk):
    it = desk()
    it.tell(it.fires(labels={"watchdog_target": "games", "watchdog_remedy": "lift"}))
    it.looked()
    it.live(room.LONGEST + 20.0)
    assert it.answers("no_drift") == 1.0
    assert it.alarms._asked == {}


def test_a_full_queue_takes_none_of_them(desk, monkeypatch):
    monkeypatch.setattr(room, "MOST", 3)
    it = desk(DISK)
    assert it.alarms.take((it.fires("f1"), it.fires("f2")))
    assert not it.alarms.take((it.fires("f3"), it.fires("f4")))
    assert it.came("full") == 2.0
    it.alarms.step()
    assert [each.by for each in it.paused()] == ["disk: f1, f2"]
    assert it.alarms.take((it.fires("f3"), it.fires("f4")))


def test_what_is_remembered_is_bounded(desk, monkeypatch):
    monkeypatch.setattr(room, "KNOWN", 10)
    it = desk()
    it.tell(*(it.fires(f"f{number}", {"a": "b"}) for number in range(50)))
    assert len(it.alarms._seen) == 10


@pytest.mark.parametrize(
    ("labels", "asks"),
    [
        ({"watchdog_target": "games", "watchdog_remedy": "lift"}, True),
        ({"watchdog_target": "games", "watchdog_kind": "ghost"}, True),
        ({"panel": "mcsmanager", "target": "games", "kind": "ghost"}, True),
        ({"watchdog_target": "games", "watchdog_kind": "ghost", "watchdog_remedy": "lift"}, True),
        ({"watchdog_target": "games"}, False),
        ({"watchdog_target": "tunnels", "watchdog_remedy": "lift"}, False),
        ({"watchdog_target": "games", "watchdog_kind": "orphan"}, False),
        ({"watchdog_target": "games", "watchdog_kind": "ghost", "watchdog_remedy": "cycle"}, False),
    ],
)
def test_an_alert_is_of_a_repair_by_its_remedy_or_by_its_drift_while_it_fires(desk, labels, asks):
    host = desk()
    record = RepairRecord(7, OBJECT, "lift", {}, Risk.SAFE, RepairState.ACTING, (DRIFT.key,), "policy", 1.0)
    alarm = host.fires(labels=labels)
    host.tell(alarm)
    assert host.alarms.asking(record) == ((alarm,) if asks else ())
    host.tell(Alarm(alarm.fingerprint, alarm.starts_at, False, labels))
    assert host.alarms.asking(record) == ()


def test_a_repair_that_begins_for_an_alert_is_told_of_at_once(desk):
    host = desk()
    told = []
    host.alarms.begun = lambda: told.append("begun")
    host.tell(host.fires(labels={"watchdog_target": "games", "watchdog_remedy": "lift"}))
    record = RepairRecord(7, OBJECT, "lift", {}, Risk.SAFE, RepairState.ACTING, (DRIFT.key,), "policy", 1.0)
    host.looked(in_flight=(record,), episodes=OPEN)
    assert told == ["begun"]
