"""Everything that is known of one drift, in the order of the checks; and a target's conditions, each with its time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.bench import REPAIR, Bench
from watchdog.errors import NotFound, Temporary
from watchdog.model.drifts import DriftState
from watchdog.model.pauses import PauseOrder
from watchdog.model.repairs import Mode
from watchdog.reconciler.commands import Commands
from watchdog.reconciler.explaining import meant
from watchdog.reconciler.pausing import Pauses
from watchdog.reconciler.planner import REASONS

KEYS = ("toys/toy/down/thing/a", "toys/toy/down/thing/b", "toys/toy/ghost/thing/a")


def told(bench, drift="down/thing/a"):
    return Commands({"toy": bench.reconciler}, bench.ledger, bench.clock).explain(drift)


def steps(explanation):
    return {each.name: each.passed for each in explanation.steps}


@pytest.mark.parametrize(
    ("asked", "key"),
    [(KEYS[0], KEYS[0]), ("down/thing/a", KEYS[0]), ("*/ghost/*", KEYS[2]), ("ghost", KEYS[2]), ("thing/b", KEYS[1])],
)
def test_a_person_may_type_the_end_of_a_key_or_a_glob(asked, key):
    assert meant(asked, KEYS) == key


@pytest.mark.parametrize(("asked", "said"), [("thing/a", "not one drift"), ("*down*", "not one drift"), ("wrong", "no drift")])
def test_what_means_none_or_many_names_those_that_are_near(asked, said):
    with pytest.raises(NotFound, match=said) as caught:
        meant(asked, KEYS)
    assert KEYS[0] in str(caught.value)


def test_a_drift_that_does_not_count_yet_says_what_is_missing(bench):
    bench.world.add("a", up=False)
    bench.step()
    explanation = told(bench)
    assert explanation.state is DriftState.PENDING
    assert explanation.steps[0].name == "confirmed"
    assert explanation.steps[0].message == "1 looks or 10 s are missing until it counts"
    assert set(steps(explanation).values()) == {False, None}


def test_the_check_that_holds_a_drift_divides_the_passed_from_the_not_reached(ledger, clock):
    bench = Bench(ledger, clock=clock)
    pauses = Pauses(ledger, clock, bench.instruments, {"toy": "toys"}, "boot-1", lambda _target: None)
    bench.reconciler._paused = lambda: pauses.standing("toy")
    bench.world.add("a", up=False)
    pauses.pause(PauseOrder("toy", "moving", "ann"))
    bench.run(30)
    explanation = told(bench)
    names = [each.name for each in explanation.steps]
    assert names == ["confirmed", *REASONS]
    passed = steps(explanation)
    assert passed["paused"] is False
    assert all(passed[name] for name in names[: names.index("paused")])
    assert {passed[name] for name in names[names.index("paused") + 1 :]} == {None}
    assert "by ann (moving)" in next(each.message for each in explanation.steps if each.name == "paused")


def test_a_request_shows_what_would_be_sent_and_who_decided(ledger, clock):
    bench = Bench(ledger, clock=clock, policy=replace(REPAIR, mode=Mode.APPROVE))
    bench.world.add("a", up=False)
    bench.run(30)
    explanation = told(bench)
    assert explanation.planned.needs_approval
    assert explanation.sends == bench.target.describe(explanation.planned)
    assert set(steps(explanation).values()) == {True}
    commands = Commands({"toy": bench.reconciler}, ledger, clock)
    commands.reject(explanation.approvals[0].id, "bob")
    bench.run(30)
    after = told(bench)
    assert after.approvals[0].decided_by == "bob"
    assert steps(after)["rejected"] is False


def test_what_is_over_keeps_its_story_and_its_former_lives(bench):
    for _ in range(2):
        bench.world.add("a", up=False)
        bench.run(120)
    explanation = told(bench)
    assert explanation.state is None
    assert explanation.steps == ()
    assert len(explanation.episodes) == 2
    assert all(each.closed_at is not None for each in explanation.episodes)
    assert explanation.episodes[0].id > explanation.episodes[1].id
    assert [each.state.value for each in explanation.repairs] == ["verified", "verified"]
    assert explanation.repairs[0].outcome.sent == ("start a",)


def condition(bench, kind):
    return next(each for each in bench.status.conditions if each.type == kind)


def test_conditions_say_since_when(bench):
    bench.world.add("a")
    bench.run(30)
    began = condition(bench, "InSync")
    assert (began.status, began.reason) == (True, "NoDrifts")
    assert condition(bench, "Reachable").status is True
    assert condition(bench, "Placed").reason == "Proven"
    bench.run(60)
    assert condition(bench, "InSync") == began, "nothing changed, so it is as old as before"
    bench.target.repair_fault = lambda _remedy: (_ for _ in ()).throw(Temporary("not now"))
    bench.world.set("a", up=False)
    bench.run(30)
    broken = condition(bench, "InSync")
    assert (broken.status, broken.reason) == (False, "Drifts")
    assert broken.since > began.since
    bench.target.view_fault = lambda: (_ for _ in ()).throw(Temporary("nobody listens"))
    bench.run(30)
    assert (condition(bench, "Reachable").status, condition(bench, "Reachable").reason) == (False, "Temporary")
    assert condition(bench, "InSync").status is None, "what cannot be seen is neither in sync nor out of it"


def test_before_the_first_look_nothing_can_be_said(bench):
    assert bench.status.conditions == ()
    bench.target.view_fault = lambda: (_ for _ in ()).throw(Temporary("nobody listens"))
    bench.step()
    assert condition(bench, "Placed").status is None
    assert condition(bench, "Known").status is None
