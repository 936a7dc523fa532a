"""A person's word: asked once, bound to what was read, good for an hour and one repair."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.bench import REPAIR, Bench
from watchdog import errors
from watchdog.model.approvals import ApprovalState
from watchdog.model.repairs import Mode
from watchdog.reconciler.commands import Commands


@pytest.fixture
def asking(ledger, clock):
    made = Bench(ledger, clock=clock, policy=replace(REPAIR, mode=Mode.APPROVE))
    made.commands = Commands({"toy": made.reconciler}, ledger, clock)
    return made


def waiting(bench):
    return bench.commands.approvals("toy")


def test_it_asks_once_and_acts_once_after_yes(asking):
    asking.world.add("a", up=False)
    asking.run(600)
    (request,) = waiting(asking)
    assert request.describes == ("lift a",)
    assert request.risk == "safe"
    assert asking.shown() == {"a": "awaiting_approval"}
    assert asking.world.effects() == []

    asking.commands.approve(request.id, "anna")
    asking.run(60)
    assert asking.world.effects() == [("start", "a")]
    assert asking.ledger.repairs("toy")[0].requested_by == "anna"
    assert asking.ledger.approvals("toy")[0].state is ApprovalState.USED

    asking.world.set("a", up=False)
    asking.run(600)
    assert asking.world.effects() == [("start", "a")], "one yes is one repair"
    assert len(waiting(asking)) == 1


def test_a_second_process_that_asks_for_the_same_is_the_same_request(asking):
    asking.world.add("a", up=False)
    asking.run(30)
    second = Bench(asking.ledger, clock=asking.clock, world=asking.world, policy=asking.reconciler.policy)
    second.run(60)
    assert len(waiting(asking)) == 1


def test_a_no_is_kept_while_the_drift_lasts(asking):
    asking.world.add("a", up=False)
    asking.run(30)
    (request,) = waiting(asking)
    asking.commands.reject(request.id, "anna")
    asking.run(7200)
    assert waiting(asking) == ()
    assert asking.held() == {"a": "rejected"}
    with pytest.raises(errors.Refused):
        asking.commands.approve(request.id, "anna")
    asking.world.set("a", up=True)
    asking.run(60)
    asking.world.set("a", up=False)
    asking.run(60)
    assert len(waiting(asking)) == 1, "what comes back is asked anew"


def test_a_yes_that_is_not_used_within_the_hour_is_worth_nothing(asking):
    asking.gate = False
    asking.world.add("a", up=False)
    asking.gate = True
    asking.run(30)
    (request,) = waiting(asking)
    asking.gate = False
    asking.commands.approve(request.id, "anna")
    asking.run(3700)
    asking.gate = True
    asking.run(60)
    assert asking.world.effects() == []
    assert asking.ledger.approvals("toy", [ApprovalState.EXPIRED])[0].id == request.id
    assert len(waiting(asking)) == 1, "and it asks again"


@pytest.mark.parametrize("jump", [-3 * 3600.0, 1800.0])
def test_a_jump_of_the_clock_neither_ends_nor_stretches_the_hour(asking, jump):
    asking.world.add("a", up=False)
    asking.run(30)
    (request,) = waiting(asking)
    asking.gate = False
    asking.commands.approve(request.id, "anna")
    asking.run(60)
    asking.clock.jump(jump)
    asking.run(1200)
    assert asking.ledger.approvals("toy", [ApprovalState.APPROVED])
    asking.run(2500)
    assert not asking.ledger.approvals("toy", [ApprovalState.APPROVED])


def test_a_yes_ends_with_its_incident(asking):
    asking.world.add("a", up=False)
    asking.run(30)
    (request,) = waiting(asking)
    asking.gate = False
    asking.commands.approve(request.id, "anna")
    asking.run(30)
    asking.world.set("a", up=True)  # it heals by itself
    asking.run(60)
    assert not asking.ledger.approvals("toy", [ApprovalState.APPROVED])

    asking.world.set("a", up=False)  # another incident, of which nobody spoke
    asking.gate = True
    asking.run(300)
    assert asking.world.effects() == []
    assert asking.shown() == {"a": "awaiting_approval"}


@pytest.mark.parametrize("jump", [-3 * 3600.0, 600.0])
def test_a_yes_is_still_used_after_a_jump_of_the_clock(asking, jump):
    asking.world.add("a", up=False)
    asking.run(30)
    (request,) = waiting(asking)
    asking.gate = False
    asking.commands.approve(request.id, "anna")
    asking.run(30)
    asking.clock.jump(jump)
    asking.gate = True
    asking.run(120)
    assert asking.world.effects() == [("start", "a")]


def test_changed_facts_keep_a_yes_and_changed_parameters_do_not(asking):
    asking.world.add("a", believed="worn")
    asking.run(30)
    (request,) = waiting(asking)
    asking.gate = False
    asking.commands.approve(request.id, "anna")
    asking.target.wish = "any"
    asking.run(300)
    asking.gate = True
    asking.run(60)
    assert asking.world.effects() == [("stop", "a"), ("start", "a")]

    asking.world.set("a", believed="worn")
    asking.run(60)
    (request,) = waiting(asking)
    asking.gate = False
    asking.commands.approve(request.id, "anna")
    asking.world.set("a", generation=7)
    asking.gate = True
    asking.run(60)
    assert len(asking.world.effects()) == 2
    (other,) = waiting(asking)
    assert other.id != request.id
    assert other.parameters == {"generation": 7}


def test_a_risk_that_grew_after_the_yes_is_asked_again(ledger, clock):
    bench = Bench(ledger, clock=clock, policy=replace(REPAIR, mode=Mode.APPROVE))
    bench.commands = Commands({"toy": bench.reconciler}, ledger, clock)
    bench.world.add("a", up=False)
    bench.run(30)
    (request,) = waiting(bench)
    bench.gate = False
    bench.commands.approve(request.id, "anna")
    bench.target.version = "unknown"
    bench.run(20)
    bench.gate = True
    bench.run(300)
    assert bench.world.effects() == []
    (again,) = waiting(bench)
    assert (again.risk, again.id != request.id) == ("destructive", True)


def test_a_request_that_nothing_needs_any_more_is_withdrawn(asking):
    asking.world.add("a", up=False)
    asking.run(30)
    (request,) = waiting(asking)
    asking.world.set("a", up=True)
    asking.run(30)
    assert waiting(asking) == ()
    with pytest.raises(errors.Refused):
        asking.commands.approve(request.id, "anna")
    with pytest.raises(errors.NotFound):
        asking.commands.approve("zzzzz", "anna")


def test_destructive_ones_ask_in_mode_repair_too(bench, ledger, clock):
    bench.world.add("a", rotten=True)
    bench.run(600)
    assert bench.world.effects() == []
    commands = Commands({"toy": bench.reconciler}, ledger, clock)
    (request,) = commands.approvals()
    assert request.risk == "destructive"
    commands.approve(request.id, "anna")
    bench.run(60)
    assert bench.world.effects() == [("purge", "a")]
    assert bench.states() == ["verified"]


def test_an_unknown_wish_asks_in_mode_repair_too(bench):
    bench.target.wish = "unknown"
    bench.world.add("a", up=False)
    bench.run(600)
    assert bench.world.effects() == []
    assert bench.shown() == {"a": "awaiting_approval"}


def test_orders_of_a_person(asking):
    asking.world.add("a", up=False)
    asking.world.add("o", odd=True)
    asking.run(30)
    report = asking.commands.plan("toy")
    assert [(repair.proposal.remedy, lines) for repair, lines in report.repairs] == [("lift", ("lift a",))]
    assert [held.reason for held in report.held] == ["person"]
    with pytest.raises(errors.NotFound, match="known: toy"):
        asking.commands.plan("tow")
    with pytest.raises(errors.Refused):
        asking.commands.ignore("*", " ", None, "anna")

    made = asking.commands.ignore("toys/toy/odd/*", "we know", None, "anna")
    asking.run(20)
    assert asking.shown()["o"] == "ignored"
    asking.commands.unignore(made.id)
    asking.run(20)
    assert asking.shown()["o"] == "open"
    with pytest.raises(errors.NotFound):
        asking.commands.unignore(made.id)
    assert asking.commands.baseline("toy", "accept") == 0
    assert asking.commands.holdings() == ()
    with pytest.raises(errors.NotFound):
        asking.commands.release(99)
    assert [status.target for status in asking.commands.statuses()] == ["toy"]
    assert {episode.drift.kind for episode in asking.commands.history("toy")} == {"down", "odd"}
    assert asking.commands.repairs() == ()
