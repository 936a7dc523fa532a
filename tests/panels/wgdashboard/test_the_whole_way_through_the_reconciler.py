"""The real reconciler, ledger and target over the fake panel, in simulated time: from the bug to the verdict, once, and then a person."""

from contextlib import contextmanager

import pytest

from tests.panels.wgdashboard.test_a_repair_has_one_effect import kill, show, watched
from tests.support.bench import Recorder, inline
from tests.support.ledger import ledger_at
from tests.support.wgdashboard_ward import Ward
from watchdog.model.approvals import ApprovalState
from watchdog.model.drifts import DriftState
from watchdog.model.repairs import Mode, RepairState, Risk
from watchdog.panels.wgdashboard import PANEL
from watchdog.reconciler.adopt import holder_name
from watchdog.reconciler.counts import RepairCounts
from watchdog.reconciler.loop import Reconciler
from watchdog.reconciler.policy import Policy, Timing
from watchdog.reconciler.runner import RepairRunner


class Program:
    """One life of the program with this one target; ``live`` lets simulated time pass in its own rhythm."""

    def __init__(self, ward, ledger, policy):
        self.ward, self.ledger = ward, ledger
        counts = RepairCounts(Recorder())
        self.runner = RepairRunner(ledger, ward.clock, counts, ward.actual, spawn=inline)
        self.reconciler = Reconciler(
            panel=PANEL, target=ward.target, needs=PANEL.needs(ward.settings), policy=policy, ledger=ledger, runner=self.runner,
            counts=counts, clock=ward.clock, instruments=Recorder(), actual=ward.actual, holder=holder_name(), spawn=inline,
        )  # fmt: skip

    def live(self, seconds, until=lambda _: False):
        """Return the seconds that passed until ``until`` held of the status, or all of them."""
        begun = self.ward.clock.now()
        while (passed := self.ward.clock.now().since(begun)) < seconds:
            rest = self.reconciler.step()
            self.runner.tend()
            if until(self.reconciler.status):
                return passed
            self.ward.pass_by(min(max(rest, 0.5), 5.0))
        return seconds

    def open(self):
        return {episode.drift.kind: state for episode, state in self.reconciler.status.episodes}

    def ends(self):
        return [(record.remedy, record.state) for record in reversed(self.ledger.repairs())]


@contextmanager
def program(tmp_path, version="4.2.3", mode=Mode.REPAIR, count=3, **more):
    policy = Policy(mode=mode, baseline="repair", timing=Timing(interval=5.0))
    with Ward(tmp_path, version, count=count, **more) as ward:
        watched(ward)
        ledger = ledger_at(tmp_path / "ledger.sqlite3", ward.clock)
        try:
            yield ward, Program(ward, ledger, policy)
        finally:
            ledger.close()


@pytest.mark.parametrize("version", ["4.2.3", "4.3.3"])
def test_one_restart_verified_and_the_next_is_a_persons(tmp_path, version):
    with program(tmp_path, version) as (ward, life):
        life.live(60.0)
        assert not life.open() and not life.reconciler.status.unknown
        kill(ward)
        death = ward.clock.now()
        life.live(90.0, lambda _: ward.panel.restarts > 0)
        assert 35.0 <= ward.clock.now().since(death) <= 66.0, "the verdict, and what the restart itself takes"
        restarted = ward.clock.now()
        life.live(90.0, lambda _: life.ends() == [("restart_panel", RepairState.VERIFIED)])
        assert 13.0 <= ward.clock.now().since(restarted) <= 40.0
        assert not life.open() and ward.panel.restarts == 1

        life.live(120.0)
        kill(ward)
        ward.proc.show(200, 201, began=900.0, forked=900.5, tasks=(201,))
        life.live(600.0, lambda status: any(each.state is ApprovalState.WAITING for each in status.approvals))
        waiting = [each for each in life.reconciler.status.approvals if each.state is ApprovalState.WAITING]
        assert [(each.remedy, each.risk) for each in waiting] == [("restart_panel", Risk.DESTRUCTIVE.value)]
        life.live(60.0)
        assert ward.panel.restarts == 1 and life.open() == {"thread_dead": DriftState.AWAITING_APPROVAL}

        life.ledger.decide(waiting[0].id, ApprovalState.APPROVED, "me", ward.clock.now().wall)
        ward.hooks.deed = lambda: (ward.panel.restart(), show(ward, 300))
        life.live(400.0, lambda _: len(life.ends()) == 2 and life.ends()[-1][1] is RepairState.VERIFIED)
        assert ward.panel.restarts == 2 and not life.open()


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.APPROVE])
def test_nothing_is_restarted_that_nobody_allowed(tmp_path, mode):
    with program(tmp_path, mode=mode) as (ward, life):
        life.live(60.0)
        kill(ward)
        life.live(200.0)
        state = DriftState.OPEN if mode is Mode.OBSERVE else DriftState.AWAITING_APPROVAL
        assert life.open() == {"thread_dead": state} and ward.panel.restarts == 0 and not life.ends()


def test_a_lost_file_is_forgotten_and_verified(tmp_path):
    with program(tmp_path, "4.3.3", place="local") as (ward, life):
        life.live(60.0)
        (ward.panel.conf_path / "wg1.conf").unlink()
        life.live(200.0, lambda _: life.ends() == [("reread", RepairState.VERIFIED)])
        assert life.ends() == [("reread", RepairState.VERIFIED)] and not life.open() and ward.panel.restarts == 0


def test_a_restart_that_mends_nothing_is_not_tried_again(tmp_path):
    with program(tmp_path) as (ward, life):
        life.live(60.0)
        kill(ward)
        restart = ward.hooks.deed

        def in_vain():
            restart()
            ward.panel.kill_thread()

        ward.hooks.deed = in_vain
        life.live(400.0)
        assert ward.panel.restarts == 1
        assert life.ends() == [("restart_panel", RepairState.UNVERIFIED)]
        assert life.open() == {"thread_dead": DriftState.AWAITING_APPROVAL}
