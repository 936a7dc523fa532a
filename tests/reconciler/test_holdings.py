"""Changes that outlive us: held before they are made, shown to the rules, undone when a person lets go of them (rule 19)."""

from __future__ import annotations

import pytest

from tests.support.bench import Bench
from tests.support.panel import ToyTarget, ToyWorld
from watchdog.errors import LedgerUnavailable, NotFound, Refused
from watchdog.model.drifts import ObjectKey
from watchdog.model.repairs import Outcome
from watchdog.reconciler.commands import Commands
from watchdog.reconciler.holding import TargetHoldings

THING = ObjectKey("toys", "toy", "thing", "cup")
WHAT = "a string tied to it"


class Tied(ToyTarget):
    """A toy whose remedy ties a string to the thing and, when asked to, cannot reach the ledger first."""

    def repair(self, repair, act):
        self.tied = act.hold(WHAT, repair.proposal.object, "untie", {"knot": "bow"}, 500.0)
        ended = super().repair(repair, act)
        if getattr(self, "unties", False):
            act.release(self.tied.id)
            act.release(self.tied.id)  # a second time is fine: the remedy may be run again after a crash
        return ended

    def detect(self, actual, view, evidence, facts, now):
        self.known = facts.holdings
        return super().detect(actual, view, evidence, facts, now)


class Untying(Tied):
    refuses = False

    def undo(self, holding):
        if self.refuses:
            raise Refused("the knot is stuck")
        self.untied = holding
        return f"the {holding.parameters['knot']} is untied"


def a_fallen_cup():
    world = ToyWorld()
    world.add("cup", up=False)
    return world


@pytest.fixture
def tied(ledger, clock):
    return Bench(ledger, clock=clock, target=Tied(a_fallen_cup()))


def orders(bench):
    return Commands({bench.target.name: bench.reconciler}, bench.ledger, bench.clock)


def test_a_remedy_holds_and_the_rules_of_the_next_look_know_it(tied):
    tied.run(60.0)
    assert tied.states() == ["verified"]
    assert tied.target.known == tied.ledger.holdings()
    (held,) = tied.target.known
    assert (held.target, held.what, held.undo, held.expires_at) == ("toy", WHAT, "untie", 500.0)
    assert held.parameters == {"knot": "bow"}
    assert held.object == tied.target.key("thing", "cup")


def test_a_remedy_that_lets_go_leaves_nothing_held(tied):
    tied.target.unties = True
    tied.run(60.0)
    assert tied.states() == ["verified"]
    assert tied.target.known == tied.ledger.holdings() == ()
    assert [each.id for each in tied.ledger.holdings(released=True)] == [tied.target.tied.id]


def test_nothing_is_done_when_the_ledger_cannot_keep_it(tied, monkeypatch):
    def away(_wanted):
        raise LedgerUnavailable("the ledger is away")

    monkeypatch.setattr(tied.ledger, "hold", away)
    tied.run(60.0)
    assert tied.world.effects() == []
    assert set(tied.states()) == {"later"}


def test_a_program_that_ends_holds_nothing_new(tied):
    tied.target.repair_fault = None
    original = Tied.repair

    def ends_first(repair, act):
        tied.runner._stop.set()
        return original(tied.target, repair, act)

    tied.target.repair = ends_first
    tied.run(30.0)
    assert tied.ledger.holdings() == ()
    assert tied.world.effects() == []


def test_each_target_sees_and_releases_only_its_own(ledger, clock):
    mine, other = TargetHoldings(ledger, "toy", clock), TargetHoldings(ledger, "else", clock)
    held = mine.hold(WHAT, THING, "untie", {})
    assert other.held() == ()
    assert not other.release(held.id)
    assert mine.held() == (held,)
    assert mine.release(held.id)
    assert not mine.release(held.id)


def test_what_is_held_already_keeps_its_first_undo(ledger, clock):
    holdings = TargetHoldings(ledger, "toy", clock)
    first = holdings.hold(WHAT, THING, "untie", {"knot": "bow"}, 100.0)
    again = holdings.hold(WHAT, THING, "cut", {"knot": "other"}, 200.0)
    assert (again.id, again.undo, again.parameters, again.expires_at) == (first.id, "untie", {"knot": "bow"}, 200.0)


def test_release_undoes_it_where_the_panel_can(ledger, clock):
    bench = Bench(ledger, clock=clock, target=Untying(a_fallen_cup()))
    bench.run(60.0)
    (held,) = ledger.holdings()
    ended = orders(bench).release(held.id)
    assert ended.undone
    assert ended.message == "the bow is untied"
    assert bench.target.untied == held
    assert ledger.holdings() == ()
    with pytest.raises(NotFound):
        orders(bench).release(held.id)


def test_what_cannot_be_undone_now_stays_held(ledger, clock):
    bench = Bench(ledger, clock=clock, target=Untying(a_fallen_cup()))
    bench.run(60.0)
    bench.target.refuses = True
    (held,) = ledger.holdings()
    with pytest.raises(Refused, match="stuck"):
        orders(bench).release(held.id)
    assert ledger.holdings() == (held,)


def test_a_panel_that_cannot_undo_leaves_words_for_the_hand(tied):
    tied.run(60.0)
    (held,) = tied.ledger.holdings()
    ended = orders(tied).release(held.id)
    assert not ended.undone
    assert ended.message == "only marked, nothing was changed outside (its panel cannot undo it by itself); by hand: untie (knot=bow)"
    assert tied.ledger.holdings() == ()


def test_a_holding_of_a_target_that_is_gone_is_only_marked(tied):
    held = TargetHoldings(tied.ledger, "gone", tied.clock).hold(WHAT, THING, "untie", {})
    ended = orders(tied).release(held.id)
    assert not ended.undone
    assert "not configured any more" in ended.message


def test_an_outcome_is_not_needed_to_hold(ledger, clock):
    """A repair that gave up after it held keeps its holding: what was made may still be there."""
    bench = Bench(ledger, clock=clock, target=Tied(a_fallen_cup()))
    done = Tied.repair
    bench.target.repair = lambda repair, act: (done(bench.target, repair, act), Outcome.gave_up("a reason"))[1]
    bench.run(30.0)
    assert len(ledger.holdings()) == 1
