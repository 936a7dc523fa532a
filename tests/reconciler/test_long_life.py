"""A long simulated life with random faults, seeded: whatever happens, the promises hold at every moment and all is well in the end."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from tests.support.bench import REPAIR, Bench
from watchdog import errors
from watchdog.model.repairs import RepairState
from watchdog.reconciler.policy import Backoff, Bounds

NAMES = [f"t{number:02}" for number in range(12)]
BLINDNESS = (errors.Unreachable, errors.ServerFault, errors.MalformedAnswer)
HAVOC = (*BLINDNESS, errors.Refused, errors.Throttled, KeyError)
UNSETTLED = {RepairState.INTENDED, RepairState.ACTING, RepairState.SETTLING, RepairState.IN_DOUBT}


class Life:
    """A bench whose world and panel misbehave by chance; every effect is checked as it happens."""

    def __init__(self, ledger, clock, seed):
        self.chance = random.Random(seed)
        bounds = Bounds(attempts=10_000, budget_per_hour=10_000, breaker=10_000, many_floor=100, backoff=Backoff(20.0, 2.0, 120.0))
        self.bench = Bench(ledger, clock=clock, policy=replace(REPAIR, bounds=bounds))
        self.world, self.target = self.bench.world, self.bench.target
        self.view_broken = False
        self.wrong = []
        for name in NAMES:
            self.world.add(name)
        inner = self.world.effect
        self.world.effect = lambda what, on, then: self.checked(inner, what, on, then)
        repair = self.target.repair
        self.target.repair = lambda planned, act: self.unsteady(repair, planned, act)
        self.target.view_fault = self.maybe_blind

    def checked(self, inner, what, on, then):
        key = on if on != "daemon" else "main"
        unsettled = [r for r in self.bench.ledger.repairs("toy", list(UNSETTLED)) if r.object.id == key]
        if len(unsettled) != 1:
            self.wrong.append(f"{what} {on} beside {len(unsettled)} unsettled repairs")
        if self.view_broken:
            self.wrong.append(f"{what} {on} while the panel is unknown")
        if not self.bench.gate:
            self.wrong.append(f"{what} {on} while the gate is closed")
        inner(what, on, then)

    def unsteady(self, repair, planned, act):
        if self.chance.random() < 0.15:
            raise self.chance.choice(HAVOC)("by chance")
        outcome = repair(planned, act)
        if self.chance.random() < 0.1:
            raise errors.Unreachable("the answer was lost after the act")
        return outcome

    def maybe_blind(self):
        if self.view_broken:
            raise self.chance.choice(BLINDNESS)("by chance")

    def mischief(self):
        name, roll = self.chance.choice(NAMES), self.chance.random()
        match int(roll * 20):
            case 0 | 1:
                self.world.set(name, up=False, believed="up")
            case 2:
                self.world.set(name, believed="worn")
            case 3:
                self.world.set(name, believed="down")
            case 4:
                self.view_broken = not self.view_broken
            case 5:
                self.bench.gate = not self.bench.gate
            case 6:
                self.target.unknown = {name}
            case 7:
                self.bench.clock.jump(self.chance.choice([-10_800.0, -60.0, 60.0, 10_800.0]))
            case 8:
                self.bench.freeze()
            case 9 | 10:
                self.calm()

    def calm(self):
        self.view_broken, self.bench.gate, self.target.unknown, self.bench.frozen = False, True, set(), None

    def live(self, seconds):
        until = self.bench.clock.now().mono + seconds
        while self.bench.clock.now().mono < until:
            if self.chance.random() < 0.3:
                self.mischief()
            rest = self.bench.step()
            self.bench.runner.tend()
            self.bench.clock.advance(self.chance.uniform(0.1, max(0.2, rest)))

    def come_to_rest(self):
        self.calm()
        self.target.repair = type(self.target).repair.__get__(self.target)
        self.bench.run(4000)


def check(life):
    assert life.wrong == []
    records = life.bench.ledger.repairs("toy", limit=1_000_000)
    assert {record.state for record in records}.isdisjoint(UNSETTLED), "every repair has its end"
    totals = Counter(record.state.value for record in records)
    assert {key[3]: value for key, value in _by_result(life.bench.ledger).items()} == {k: v for k, v in totals.items() if v}
    assert life.bench.status.last_result == "judged"
    assert life.bench.status.episodes == (), "all is well in the end"
    assert records, "a life in which nothing was repaired proves nothing"


def _by_result(ledger):
    sums = Counter()
    for (_, _, _, result), value in ledger.repair_totals().items():
        sums["", "", "", result] += int(value)
    return sums


@pytest.mark.parametrize("seed", range(3))
def test_two_hours_of_mischief(ledger, clock, seed):
    life = Life(ledger, clock, seed)
    life.live(7_200)
    life.come_to_rest()
    check(life)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(100, 110))
def test_long_mischief(ledger, clock, seed):
    life = Life(ledger, clock, seed)
    life.live(30_000)
    life.come_to_rest()
    check(life)
