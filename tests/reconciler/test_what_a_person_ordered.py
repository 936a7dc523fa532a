"""A remedy that carries out what a person ordered through us: nothing holds it but the mode observe and a short rest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.bench import REPAIR, Bench
from tests.support.panel import ToyPanel, ToyTarget, ToyWorld
from watchdog.errors import Temporary
from watchdog.model.pauses import PauseOrder, PauseSays
from watchdog.model.repairs import Mode, Outcome
from watchdog.reconciler.commands import Commands
from watchdog.reconciler.pausing import Pauses
from watchdog.reconciler.policy import Policy

ASKING = Policy(mode=Mode.APPROVE)
"""The defaults: what was there before us waits for a person, every repair for an approval."""


class HeldTarget(ToyTarget):
    """A toy whose panel is itself held paused: a thing is believed up while any pause stands, and down without one."""

    def detect(self, actual, view, evidence, facts, now):
        self.facts = facts
        for name in view:
            view[name]["believed"] = "up" if facts.pauses else "down"
        judgement = super().detect(actual, view, evidence, facts, now)
        return replace(judgement, again=min((each.left for each in facts.pauses if each.left is not None), default=None))

    def check_pauses(self, view, standing):
        held = all(thing["up"] for thing in view.values())
        return PauseSays(("the panel is paused",), ()) if held else PauseSays((), ("the panel runs",))


class Orders(Bench):
    """A bench of one target that can be paused, with its remedies declared as ordered."""

    def __init__(self, ledger, clock, **more):
        ordered = tuple(replace(each, ordered=True, needs_docker=False, cooldown=0.0) for each in ToyPanel().remedies)
        panel = replace(ToyPanel(), remedies=ordered)
        target = HeldTarget(ToyWorld())
        self.pauses = Pauses(ledger, clock, more.pop("instruments", _Nothing()), {"toy": "toys"}, "boot-1", self._hurry)
        super().__init__(
            ledger, clock=clock, panel=panel, target=target, paused=lambda: self.pauses.standing("toy"),
            pause_facts=lambda: self.pauses.facts("toy"), **more,
        )  # fmt: skip

    def _hurry(self, _target):
        self.reconciler.hurry()

    def pause(self, **more):
        return self.pauses.pause(PauseOrder("toy", "moving", "ann", **more))

    def check(self):
        return self.pauses.check("toy", lambda kept: Commands({"toy": self.reconciler}, self.ledger, self.clock).pause_says("toy", kept))


class _Nothing:
    def __getattr__(self, _name):
        return lambda *_labels, **_more: None


@pytest.fixture
def bench(ledger, clock):
    return Orders(ledger, clock, policy=ASKING)


def test_it_is_carried_out_inside_its_own_pause_on_what_was_there_before_us_and_without_an_approval(bench):
    bench.world.add("a", up=False)
    bench.pause(length=3600.0)
    bench.run(60)
    assert bench.world.effects() == [("start", "a")]
    assert bench.states() == ["verified"]


def test_the_mode_observe_sends_nothing_and_the_check_says_so(ledger, clock):
    bench = Orders(ledger, clock, policy=replace(ASKING, mode=Mode.OBSERVE))
    bench.world.add("a", up=False)
    bench.pause()
    bench.run(300)
    assert bench.world.effects() == []
    assert bench.held() == {"a": "observe"}
    assert any("mode: approve" in line for line in bench.check().wrong)


def test_neither_budget_nor_breaker_nor_attempts_end_it_and_it_rests_a_minute_at_most(bench):
    bench.world.add("a", up=False)
    bench.target.repair_fault = lambda _remedy: (_ for _ in ()).throw(Temporary("the server does not answer"))
    bench.pause()
    bench.run(900)
    tried = len(bench.states())
    assert tried >= 15, "more than any budget, and about one a minute"
    assert tried <= 25
    bench.target.repair_fault = None
    bench.run(61)
    assert bench.world.effects() == [("start", "a")]


def test_many_at_once_are_carried_out_at_once(bench):
    for name in "abcdefghij":
        bench.world.add(name, up=False)
    bench.pause()
    bench.run(60)
    assert len(bench.world.effects()) == 10


def test_an_order_is_looked_at_at_once_however_lately_the_last_pass_ended(bench):
    bench.world.add("a", up=False)
    bench.step()
    bench.clock.advance(0.2)
    bench.step()
    assert bench.status.passes == 1, "an event waits for the spacing"
    bench.pause()
    bench.step()
    assert bench.status.passes == 2, "a person's order does not"
    assert bench.target.facts.pauses[0].pause.reason == "moving"


def test_a_panel_may_ask_for_its_next_pass_and_knows_what_is_left(bench):
    bench.world.add("a")
    bench.pause(length=4.0)
    assert bench.step() == pytest.approx(4.0)
    bench.clock.advance(3.0)
    bench.reconciler.hurry()
    bench.step()
    assert [each.left for each in bench.target.facts.pauses] == [pytest.approx(1.0)]
    bench.clock.advance(1.5)
    bench.pauses.step()
    bench.step()
    assert bench.target.facts.pauses == ()
    assert [(each.end, each.reason) for each in bench.target.facts.ended_pauses] == [("expired", "moving")]


def test_a_pause_that_is_over_but_not_written_so_yet_is_none(bench):
    bench.pause(length=4.0)
    bench.clock.advance(4.5)
    assert bench.pauses.facts("toy").standing == ()


def test_a_check_asks_the_panel_itself(bench):
    bench.world.add("a", up=False)
    bench.pause()
    bench.target.view_fault = lambda: (_ for _ in ()).throw(Temporary("nobody listens"))
    bench.step()
    assert any("cannot be read: nobody listens" in line for line in bench.check().wrong)
    bench.target.view_fault = None
    bench.reconciler.hurry()
    bench.step()
    assert "the panel runs" in bench.check().wrong
    bench.run(30)
    assert bench.check().wrong == ()
    assert "the panel is paused" in bench.check().well


def test_other_remedies_of_a_paused_panel_wait_as_ever(ledger, clock):
    bench = Orders(ledger, clock, policy=REPAIR)
    assert bench.reconciler._remedies["purge"].ordered
    bench.reconciler._remedies["lift"] = replace(bench.reconciler._remedies["lift"], ordered=False)
    bench.world.add("a", up=False)
    bench.pause()
    bench.run(120)
    assert bench.world.effects() == []
    assert bench.held() == {"a": "paused"}


def test_a_remedy_that_asks_to_wait_is_waited_for(bench):
    bench.world.add("a", up=False)
    bench.target._lift = lambda _repair, _act: Outcome.later(40.0, "booting")
    bench.pause()
    bench.run(35)
    assert bench.states() == ["later"]
    assert bench.held() == {"a": "not_before"}
