"""While a pause stands, drifts are shown and nothing is repaired; at its end the repairs go on by themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.bench import REPAIR, Bench
from watchdog.model.approvals import ApprovalState
from watchdog.model.pauses import PauseOrder
from watchdog.model.repairs import Mode
from watchdog.reconciler.commands import Commands
from watchdog.reconciler.pausing import Pauses


class Paused(Bench):
    """A bench whose reconciler obeys the pauses of a real ledger."""

    def __init__(self, ledger, clock, **more):
        super().__init__(ledger, clock=clock, paused=lambda: self.pauses.standing("toy"), **more)
        self.pauses = Pauses(ledger, clock, self.instruments, {"toy": "toys"}, "boot-1", lambda _target: None)

    def pause(self, **more):
        return self.pauses.pause(PauseOrder("toy", "moving", "ann", **more))


@pytest.fixture
def bench(ledger, clock):
    return Paused(ledger, clock)


def test_a_drift_is_shown_and_not_repaired_until_the_end(bench):
    bench.world.add("a")
    bench.run(60)
    bench.pause(length=3600.0)
    bench.world.set("a", up=False)
    bench.run(3500)
    assert bench.shown() == {"a": "open"}
    assert bench.held() == {"a": "paused"}
    assert [each.reason for each in bench.status.pauses] == ["moving"]
    assert bench.world.effects() == []
    bench.run(200)
    assert bench.world.effects() == [("start", "a")]
    assert bench.status.pauses == ()


def test_resumed_early_it_goes_on_at_once(bench):
    bench.world.add("a", up=False)
    made = bench.pause()
    bench.run(600)
    assert bench.world.effects() == []
    bench.pauses.resume(made.id, "bob")
    bench.run(60)
    assert bench.world.effects() == [("start", "a")]


def test_a_paused_task_holds_that_one_only(bench):
    bench.world.add("a", up=False)
    bench.world.add("b", up=False)
    bench.pause(task="a")
    bench.run(300)
    assert bench.held() == {"a": "paused"}
    assert bench.world.effects() == [("start", "b")]


def test_a_plan_made_before_the_pause_begins_nothing_after_it(bench):
    bench.world.add("a", up=False)
    answered = []

    def after_the_plan():
        """A person's pause is answered between the plan and the act."""
        if not answered:
            answered.append(bench.pause())
        return bench.pauses.standing("toy")

    bench.reconciler._starter._paused = after_the_plan
    bench.run(120)
    assert answered
    assert bench.world.effects() == []
    assert bench.count("watchdog_guard_refusals_total", "toys", "toy", "paused") == 1.0


def test_a_request_waits_through_a_pause_and_no_yes_acts_inside_it(ledger, clock):
    bench = Paused(ledger, clock, policy=replace(REPAIR, mode=Mode.APPROVE))
    commands = Commands({"toy": bench.reconciler}, ledger, clock)
    bench.world.add("a", up=False)
    bench.run(60)
    (request,) = commands.approvals("toy")
    made = bench.pause(length=600.0)
    commands.approve(request.id, "ann")
    bench.run(300)
    assert bench.world.effects() == []
    assert [each.state for each in commands.approvals("toy", (ApprovalState.APPROVED,))] == [ApprovalState.APPROVED]
    bench.pauses.resume(made.id, "ann")
    bench.run(60)
    assert bench.world.effects() == [("start", "a")]


def test_nothing_new_is_asked_for_inside_a_pause(ledger, clock):
    bench = Paused(ledger, clock, policy=replace(REPAIR, mode=Mode.APPROVE))
    commands = Commands({"toy": bench.reconciler}, ledger, clock)
    bench.pause()
    bench.world.add("a", up=False)
    bench.run(300)
    assert commands.approvals("toy") == ()
